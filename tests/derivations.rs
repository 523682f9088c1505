//! Keys made of keys and of passwords through the C interface: hashes, HKDF, PBKDF2 and the simple derivations, with
//! what the results take over from the keys they come from.

#![allow(unsafe_code)] // calls of C functions, by the macro p11!

mod common;

use common::fixture::*;
use common::p11::*;
use cryptoki_sys::*;

fn open() -> Attrs {
    Attrs::new().flag(CKA_EXTRACTABLE, true).flag(CKA_SENSITIVE, false)
}

fn import(session: CK_SESSION_HANDLE, key_type: CK_KEY_TYPE, value: &[u8], more: &Attrs) -> CK_OBJECT_HANDLE {
    let template = Attrs::new().class(CKO_SECRET_KEY).key_type(key_type).bytes(CKA_VALUE, value);
    module().create(session, &template.and(more)).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap()).collect()
}

fn value(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Vec<u8> {
    module().get(session, object, CKA_VALUE).unwrap()
}

fn string_data(id: CK_MECHANISM_TYPE, data: &[u8]) -> Mech {
    let data: Box<[u8]> = data.into();
    Mech::of(id, CK_KEY_DERIVATION_STRING_DATA { pData: at(&data), ulLen: len(&data) }, vec![data])
}

fn hkdf(
    id: CK_MECHANISM_TYPE,
    steps: (CK_BBOOL, CK_BBOOL),
    salt: &[u8],
    salt_key: CK_OBJECT_HANDLE,
    info: &[u8],
) -> Mech {
    let (salt, info): (Box<[u8]>, Box<[u8]>) = (salt.into(), info.into());
    let parameter = CK_HKDF_PARAMS {
        bExtract: steps.0,
        bExpand: steps.1,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: match (salt.is_empty(), salt_key) {
            (false, _) => CKF_HKDF_SALT_DATA,
            (true, 0) => CKF_HKDF_SALT_NULL,
            (true, _) => CKF_HKDF_SALT_KEY,
        },
        pSalt: at(&salt),
        ulSaltLen: len(&salt),
        hSaltKey: salt_key,
        pInfo: at(&info),
        ulInfoLen: len(&info),
    };
    Mech::of(id, parameter, vec![salt, info])
}

/// FIPS 180-4 and RFC 7693: the digests of "abc".
#[test]
fn digests_of_keys_are_keys() {
    let (p, token) = (module(), Token::new("digest keys"));
    let session = token.user();
    let base = import(session, CKK_GENERIC_SECRET, b"abc", &open());
    let sha256 = unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let key = p.derive(session, &Mech::new(CKM_SHA256_KEY_DERIVATION), base, &open()).unwrap();
    assert_eq!(value(session, key), sha256);
    let short = Attrs::new().key_type(CKK_AES).number(CKA_VALUE_LEN, 16).and(&open());
    let key = p.derive(session, &Mech::new(CKM_SHA256_KEY_DERIVATION), base, &short).unwrap();
    assert_eq!(value(session, key), sha256[..16]);
    let key = p.derive(session, &Mech::new(CKM_BLAKE2B_256_KEY_DERIVE), base, &open()).unwrap();
    assert_eq!(value(session, key), p.digest(session, &Mech::new(CKM_BLAKE2B_256), b"abc").unwrap());
    let long = open().number(CKA_VALUE_LEN, 33);
    assert!(p.derive(session, &Mech::new(CKM_SHA256_KEY_DERIVATION), base, &long).is_err());
    let mute = import(session, CKK_GENERIC_SECRET, b"abc", &open().flag(CKA_DERIVE, false));
    let refused = p.derive(session, &Mech::new(CKM_SHA256_KEY_DERIVATION), mute, &open());
    assert_eq!(refused, Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
}

#[test]
fn hmac_keys_are_generated_for_their_hash() {
    let (p, token) = (module(), Token::new("hmac keys"));
    let session = token.user();
    for (generate, key_type, hmac) in [
        (CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC, CKM_SHA256_HMAC),
        (CKM_SHA3_512_KEY_GEN, CKK_SHA3_512_HMAC, CKM_SHA3_512_HMAC),
        (CKM_BLAKE2B_384_KEY_GEN, CKK_BLAKE2B_384_HMAC, CKM_BLAKE2B_384_HMAC),
    ] {
        let template = Attrs::new().number(CKA_VALUE_LEN, 32);
        let key = p.generate(session, &Mech::new(generate), &template).unwrap();
        assert_eq!(p.get(session, key, CKA_KEY_TYPE).unwrap(), key_type.to_le_bytes());
        let code = p.sign(session, &Mech::new(hmac), key, b"data").unwrap();
        p.verify(session, &Mech::new(hmac), key, b"data", &code).unwrap();
        let other = p.sign(session, &Mech::new(CKM_SHA_1_HMAC), key, b"data");
        assert_eq!(other, Err(CKR_KEY_TYPE_INCONSISTENT));
    }
}

/// RFC 5869, appendix A.1.
#[test]
fn hkdf_takes_its_salt_as_data_or_as_a_key() {
    let (p, token) = (module(), Token::new("hkdf"));
    let session = token.user();
    let (salt, info) = (unhex("000102030405060708090a0b0c"), unhex("f0f1f2f3f4f5f6f7f8f9"));
    let expected = unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    let base = import(session, CKK_HKDF, &[0x0b; 22], &Attrs::new());
    let salt_key = import(session, CKK_GENERIC_SECRET, &salt, &Attrs::new());
    let template = open().number(CKA_VALUE_LEN, 42);
    for mechanism in
        [hkdf(CKM_HKDF_DERIVE, (1, 1), &salt, 0x7777, &info), hkdf(CKM_HKDF_DERIVE, (1, 1), b"", salt_key, &info)]
    {
        let key = p.derive(session, &mechanism, base, &template).unwrap();
        assert_eq!(value(session, key), expected);
        assert!(!p.flag(session, key, CKA_LOCAL) && !p.flag(session, key, CKA_ALWAYS_SENSITIVE));
    }
    let data = p.derive(
        session,
        &hkdf(CKM_HKDF_DATA, (1, 1), &salt, 0, &info),
        base,
        &Attrs::new().class(CKO_DATA).number(CKA_VALUE_LEN, 42),
    );
    assert_eq!(value(session, data.unwrap()), expected);

    let missing = hkdf(CKM_HKDF_DERIVE, (1, 1), b"", 0x7777, &info);
    assert_eq!(p.derive(session, &missing, base, &template), Err(CKR_KEY_HANDLE_INVALID));
    let mute = import(session, CKK_GENERIC_SECRET, &salt, &Attrs::new().flag(CKA_DERIVE, false));
    let mute = hkdf(CKM_HKDF_DERIVE, (1, 1), b"", mute, &info);
    assert_eq!(p.derive(session, &mute, base, &template), Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
    let neither = hkdf(CKM_HKDF_DERIVE, (0, 0), &salt, 0, &info);
    assert_eq!(p.derive(session, &neither, base, &template), Err(CKR_MECHANISM_PARAM_INVALID));
    assert_eq!(p.derive(session, &Mech::new(CKM_HKDF_DERIVE), base, &template), Err(CKR_MECHANISM_PARAM_INVALID));
    let generated = p.generate(session, &Mech::new(CKM_HKDF_KEY_GEN), &Attrs::new().number(CKA_VALUE_LEN, 32));
    p.derive(session, &hkdf(CKM_HKDF_DERIVE, (0, 1), b"", 0, &info), generated.unwrap(), &template).unwrap();
}

/// RFC 6070, case 3, by the structure of today and by that of version 2.40, in which the length is a pointer.
#[test]
fn passwords_come_in_either_structure() {
    let (p, token) = (module(), Token::new("pbkdf2"));
    let session = token.user();
    let template =
        Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_GENERIC_SECRET).number(CKA_VALUE_LEN, 20).and(&open());
    let (salt, password, length): (Box<[u8]>, Box<[u8]>, CK_ULONG) = (b"salt"[..].into(), b"password"[..].into(), 8);
    let said = |password_length: CK_ULONG, iterations: CK_ULONG| {
        let parameter = CK_PKCS5_PBKD2_PARAMS2 {
            saltSource: CKZ_SALT_SPECIFIED,
            pSaltSourceData: at(&salt).cast(),
            ulSaltSourceDataLen: len(&salt),
            iterations,
            prf: CKP_PKCS5_PBKD2_HMAC_SHA1,
            pPrfData: std::ptr::null_mut(),
            ulPrfDataLen: 0,
            pPassword: at(&password),
            ulPasswordLen: password_length,
        };
        Mech::of(CKM_PKCS5_PBKD2, parameter, Vec::new())
    };
    for password_length in [8, std::ptr::from_ref(&length) as CK_ULONG] {
        let key = p.generate(session, &said(password_length, 4096), &template).unwrap();
        assert_eq!(value(session, key), unhex("4b007901b765489abead49d926f721d065a429c1"));
    }
    assert_eq!(p.generate(session, &said(8, 0), &template), Err(CKR_MECHANISM_PARAM_INVALID));
    assert_eq!(p.generate(session, &said(8, 10_000_001), &template), Err(CKR_MECHANISM_PARAM_INVALID));
}

/// The examples of the standard, and its rules for what the result takes over.
#[test]
fn keys_are_joined_and_stay_as_secret_as_their_parts() {
    let (p, token) = (module(), Token::new("simple"));
    let session = token.user();
    let (one, two) = ([0x01, 0x23, 0x45, 0x67], [0x89, 0xab, 0xcd, 0xef]);
    let base = import(session, CKK_GENERIC_SECRET, &one, &open());
    let other = import(session, CKK_GENERIC_SECRET, &two, &open());
    let derive = |mechanism: &Mech, template: &Attrs| p.derive(session, mechanism, base, template);
    let joined = derive(&Mech::number(CKM_CONCATENATE_BASE_AND_KEY, other), &open()).unwrap();
    assert_eq!(value(session, joined), [one, two].concat());
    let after = derive(&string_data(CKM_CONCATENATE_BASE_AND_DATA, &two), &open()).unwrap();
    assert_eq!(value(session, after), [one, two].concat());
    let before = derive(&string_data(CKM_CONCATENATE_DATA_AND_BASE, &two), &open()).unwrap();
    assert_eq!(value(session, before), [two, one].concat());
    let xored = derive(&string_data(CKM_XOR_BASE_AND_DATA, &two), &open()).unwrap();
    assert_eq!(value(session, xored), [0x88; 4]);
    let cut = derive(&Mech::number(CKM_EXTRACT_KEY_FROM_KEY, 8), &open().number(CKA_VALUE_LEN, 2)).unwrap();
    assert_eq!(value(session, cut), [0x23, 0x45]);

    let secret = p.generate(
        session,
        &Mech::new(CKM_GENERIC_SECRET_KEY_GEN),
        &Attrs::new().number(CKA_VALUE_LEN, 16).flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false),
    );
    let secret = secret.unwrap();
    let joined = derive(&Mech::number(CKM_CONCATENATE_BASE_AND_KEY, secret), &open()).unwrap();
    assert_eq!(p.get(session, joined, CKA_VALUE), Err(CKR_ATTRIBUTE_SENSITIVE));
    assert!(p.flag(session, joined, CKA_SENSITIVE) && !p.flag(session, joined, CKA_EXTRACTABLE));
    assert!(!p.flag(session, joined, CKA_ALWAYS_SENSITIVE) && !p.flag(session, joined, CKA_NEVER_EXTRACTABLE));
    let both = p.derive(session, &Mech::number(CKM_CONCATENATE_BASE_AND_KEY, secret), secret, &open()).unwrap();
    assert!(p.flag(session, both, CKA_ALWAYS_SENSITIVE) && p.flag(session, both, CKA_NEVER_EXTRACTABLE));
    let piece = Attrs::new().number(CKA_VALUE_LEN, 1);
    for mechanism in [Mech::number(CKM_EXTRACT_KEY_FROM_KEY, 0), string_data(CKM_XOR_BASE_AND_DATA, &[0])] {
        assert_eq!(p.derive(session, &mechanism, secret, &piece), Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
    }
    let nothing = Mech::number(CKM_CONCATENATE_BASE_AND_KEY, 0x7777);
    assert_eq!(derive(&nothing, &open()), Err(CKR_KEY_HANDLE_INVALID));
}

#[test]
fn a_private_key_yields_its_public_key() {
    let (p, token) = (module(), Token::new("public half"));
    let session = token.user();
    let id = Attrs::new().bytes(CKA_ID, b"id");
    for ((public, private), sign) in [
        (rsa_pair(session, &id), CKM_SHA256_RSA_PKCS),
        (ec_pair(session, P256, &id), CKM_ECDSA_SHA256),
        (ec_pair(session, ED25519, &id), CKM_EDDSA),
    ] {
        let made = p.derive(session, &Mech::new(CKM_PUB_KEY_FROM_PRIV_KEY), private, &Attrs::new()).unwrap();
        for kind in [CKA_CLASS, CKA_KEY_TYPE, CKA_PUBLIC_KEY_INFO] {
            assert_eq!(p.get(session, made, kind).unwrap(), p.get(session, public, kind).unwrap());
        }
        assert_eq!(p.get(session, made, CKA_ID).unwrap(), b"id");
        let signature = p.sign(session, &Mech::new(sign), private, b"data").unwrap();
        p.verify(session, &Mech::new(sign), made, b"data", &signature).unwrap();
        let again = p.derive(session, &Mech::new(CKM_PUB_KEY_FROM_PRIV_KEY), made, &Attrs::new());
        assert_eq!(again, Err(CKR_KEY_TYPE_INCONSISTENT));
    }
}

/// As `openssl kdf -keylen 80 … -kdfopt salt:label -kdfopt info:context KBKDF` makes it.
#[test]
fn the_counter_mode_of_sp800_108_is_that_of_openssl() {
    let (p, token) = (module(), Token::new("sp800-108"));
    let session = token.user();
    let base = import(session, CKK_GENERIC_SECRET, &[0x0b; 32], &open());
    let counter = CK_SP800_108_COUNTER_FORMAT { bLittleEndian: 0, ulWidthInBits: 32 };
    let length = CK_SP800_108_DKM_LENGTH_FORMAT {
        dkmLengthMethod: CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS,
        bLittleEndian: 0,
        ulWidthInBits: 32,
    };
    let piece = |type_, data: *const u8, length: usize| CK_PRF_DATA_PARAM {
        type_,
        pValue: data.cast_mut().cast(),
        ulValueLen: length as CK_ULONG,
    };
    let zero = [0u8];
    let mut data = [
        piece(CK_SP800_108_ITERATION_VARIABLE, std::ptr::from_ref(&counter).cast(), size_of_val(&counter)),
        piece(CK_SP800_108_BYTE_ARRAY, b"label".as_ptr(), 5),
        piece(CK_SP800_108_BYTE_ARRAY, zero.as_ptr(), 1),
        piece(CK_SP800_108_BYTE_ARRAY, b"context".as_ptr(), 7),
        piece(CK_SP800_108_DKM_LENGTH, std::ptr::from_ref(&length).cast(), size_of_val(&length)),
    ];
    let mut parameter = CK_SP800_108_KDF_PARAMS {
        prfType: CKM_SHA256_HMAC,
        ulNumberOfDataParams: 5,
        pDataParams: data.as_mut_ptr(),
        ulAdditionalDerivedKeys: 0,
        pAdditionalDerivedKeys: std::ptr::null_mut(),
    };
    let template = Attrs::new().number(CKA_VALUE_LEN, 80);
    let derive =
        |parameter| p.derive(session, &Mech::of(CKM_SP800_108_COUNTER_KDF, parameter, Vec::new()), base, &template);
    // The template says nothing of it, so that the key may be read as its base key may.
    let expected = "2241190a033a1f28ebbc11ba9e29a5c48e21a99bfcfc5ad78e2b0fb212c2c4e5e2f00c845bce57c1da7d6113723551bf8e93e96d33e0408dca7a834d11f160f66fcd2b314f7b8ada8d0aadc7e04655c3";
    assert_eq!(value(session, derive(parameter).unwrap()), unhex(expected));
    parameter.ulAdditionalDerivedKeys = 1;
    assert_eq!(derive(parameter), Err(CKR_MECHANISM_PARAM_INVALID));
}

/// As `openssl kdf -keylen 12 … TLS1-PRF` makes it.
#[test]
fn finished_messages_of_tls_are_signed() {
    let (p, token) = (module(), Token::new("tls"));
    let session = token.user();
    let base = import(session, CKK_GENERIC_SECRET, &[0x0b; 32], &Attrs::new());
    let parameter = CK_TLS_MAC_PARAMS { prfHashMechanism: CKM_SHA256, ulMacLength: 12, ulServerOrClient: 2 };
    let mechanism = Mech::of(CKM_TLS_MAC, parameter, Vec::new());
    let code = p.sign(session, &mechanism, base, &[0xdd; 32]).unwrap();
    assert_eq!(code, unhex("fb3430aeb4dc3a133816c731"));
    p.verify(session, &mechanism, base, &[0xdd; 32], &code).unwrap();
}
