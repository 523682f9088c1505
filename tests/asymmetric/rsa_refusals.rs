//! RSA: which keys are made, and the codes of what is refused.

use crate::support::*;
use strongroom_pkcs11::ck::*;
use strongroom_pkcs11::crypto::hash::Hash;
use strongroom_pkcs11::error::Code;
use strongroom_pkcs11::object::Value;
use strongroom_pkcs11::wire::values::Parameter;

#[test]
fn key_pairs_have_the_size_and_the_exponent_that_were_asked_for() {
    for (bits, e) in [(1024, &[3][..]), (1152, &[1, 0, 1]), (2048, &[0, 0, 17])] {
        let (public, private) = generated(CKM_RSA_PKCS_KEY_PAIR_GEN, rsa_template(bits, e)).unwrap();
        let stripped: Vec<u8> = e.iter().copied().skip_while(|byte| *byte == 0).collect();
        assert_eq!(public.object.bytes(CKA_PUBLIC_EXPONENT).unwrap(), stripped);
        let modulus = public.object.bytes(CKA_MODULUS).unwrap();
        assert_eq!(modulus.len() as u64 * 8, bits);
        assert!(modulus[0] & 0x80 != 0);
        assert_eq!(private.object.bytes(CKA_MODULUS).unwrap(), modulus);
        for secret in [CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT]
        {
            assert!(matches!(private.object.value(secret), Some(Value::Secret(value)) if value[0] != 0));
            assert!(public.object.value(secret).is_none());
        }
        let signature = sign(CKM_SHA256_RSA_PKCS, &private, &NONE, b"data").unwrap();
        verify(CKM_SHA256_RSA_PKCS, &public, &NONE, b"data", &signature).unwrap();
    }
    let template = vec![(CKA_MODULUS_BITS, Value::Number(1024))];
    let (public, _) = generated(CKM_RSA_PKCS_KEY_PAIR_GEN, template).unwrap();
    assert_eq!(public.object.bytes(CKA_PUBLIC_EXPONENT).unwrap(), [1, 0, 1]);
}

#[test]
fn key_pairs_that_cannot_be_are_refused() {
    let refused = |template| code(generated(CKM_RSA_PKCS_KEY_PAIR_GEN, template));
    assert_eq!(refused(vec![]), Code::TemplateIncomplete);
    for bits in [0, 512, 1023, 1025, 1032, 2047, 8320, u64::MAX] {
        assert_eq!(refused(rsa_template(bits, &[3])), Code::AttributeValueInvalid, "{bits}");
    }
    for e in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        assert_eq!(refused(rsa_template(1024, e)), Code::AttributeValueInvalid, "{e:?}");
    }
}

#[test]
fn keys_with_some_numbers_only_work_as_whole_ones_do() {
    let (public, whole) = rsa_pair(1024);
    let part = rsa_private(
        whole.object.bytes(CKA_MODULUS).unwrap(),
        whole.object.bytes(CKA_PUBLIC_EXPONENT).unwrap(),
        whole.object.bytes(CKA_PRIVATE_EXPONENT).unwrap(),
    );
    let signature = sign(CKM_RSA_PKCS, &part, &NONE, b"data").unwrap();
    assert_eq!(sign(CKM_RSA_PKCS, &whole, &NONE, b"data").unwrap(), signature);
    verify(CKM_RSA_PKCS, &public, &NONE, b"data", &signature).unwrap();
}

#[test]
fn lengths_of_data_and_signatures_are_judged() {
    let (public, private) = rsa_pair(1024);
    let signature = sign(CKM_RSA_PKCS, &private, &NONE, &[1; 117]).unwrap();
    assert_eq!(code(sign(CKM_RSA_PKCS, &private, &NONE, &[1; 118])), Code::DataLenRange);
    assert_eq!(code(sign(CKM_RSA_X_509, &private, &NONE, &[1; 129])), Code::DataLenRange);
    assert_eq!(code(sign(CKM_RSA_X_509, &private, &NONE, &[0xff; 128])), Code::DataInvalid);
    assert_eq!(code(encrypt(CKM_RSA_PKCS, &public, &NONE, &[1; 118])), Code::DataLenRange);
    assert_eq!(code(encrypt(CKM_RSA_X_509, &public, &NONE, &[0xff; 128])), Code::DataInvalid);
    for mechanism in [CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_RSA_X_509] {
        for bad in [&signature[1..], &[&signature[..], &[0]].concat(), b""] {
            assert_eq!(code(verify(mechanism, &public, &NONE, b"data", bad)), Code::SignatureLenRange);
        }
        assert_eq!(code(verify(mechanism, &public, &NONE, b"data", &[0xff; 128])), Code::SignatureInvalid);
        assert_eq!(code(verify(mechanism, &public, &NONE, b"data", &[0; 128])), Code::SignatureInvalid);
    }
    let some = oaep(CKM_SHA_1, CKG_MGF1_SHA1, b"");
    for (mechanism, parameter) in [(CKM_RSA_PKCS, &NONE), (CKM_RSA_X_509, &NONE), (CKM_RSA_PKCS_OAEP, &some)] {
        for length in [0, 127, 129] {
            let refused = decrypt(mechanism, &private, parameter, &vec![0; length]);
            assert_eq!(code(refused), Code::EncryptedDataLenRange);
        }
        assert_eq!(code(decrypt(mechanism, &private, parameter, &[0xff; 128])), Code::EncryptedDataInvalid);
    }
    assert_eq!(code(encrypt(CKM_RSA_PKCS_OAEP, &public, &some, &[1; 87])), Code::DataLenRange);
}

#[test]
fn wrapped_keys_have_codes_of_their_own() {
    let (public, private) = rsa_pair(1024);
    let some = oaep(CKM_SHA_1, CKG_MGF1_SHA1, b"");
    assert_eq!(code(wrap(CKM_RSA_PKCS, &public, &NONE, &[1; 118])), Code::KeySizeRange);
    assert_eq!(code(wrap(CKM_RSA_PKCS_OAEP, &public, &some, &[1; 87])), Code::KeySizeRange);
    let wrapped = wrap(CKM_RSA_PKCS_OAEP, &public, &some, &[1; 32]).unwrap();
    assert_eq!(unwrap(CKM_RSA_PKCS_OAEP, &private, &some, &wrapped).unwrap(), [1; 32]);
    for bad in spoilt(&wrapped) {
        assert_eq!(code(unwrap(CKM_RSA_PKCS_OAEP, &private, &some, &bad)), Code::WrappedKeyInvalid);
    }
    assert_eq!(code(unwrap(CKM_RSA_PKCS_OAEP, &private, &some, &wrapped[1..])), Code::WrappedKeyLenRange);
    assert_eq!(code(unwrap(CKM_RSA_PKCS, &private, &NONE, &wrapped[1..])), Code::WrappedKeyLenRange);
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let (public, private) = rsa_pair(1024);
    let bad_bytes = Parameter::Bytes(vec![1].into());
    for mechanism in [CKM_RSA_PKCS, CKM_RSA_X_509, CKM_SHA256_RSA_PKCS] {
        assert_eq!(code(sign(mechanism, &private, &bad_bytes, b"")), Code::MechanismParamInvalid);
        assert_eq!(code(verify(mechanism, &public, &bad_bytes, b"", b"")), Code::MechanismParamInvalid);
    }
    let pss_parameters = [
        NONE,
        bad_bytes.clone(),
        fields(vec![]),
        pss(CKM_MD5, CKG_MGF1_SHA1, 20),
        pss(CKM_SHA256, 0, 20),
        pss(CKM_SHA256, CKG_MGF1_SHA256, 128 - 32 - 1),
        pss(CKM_SHA256, CKG_MGF1_SHA256, u64::MAX),
    ];
    for parameter in pss_parameters {
        assert_eq!(code(sign(CKM_RSA_PKCS_PSS, &private, &parameter, &[0; 32])), Code::MechanismParamInvalid);
        let refused = verify(CKM_SHA256_RSA_PKCS_PSS, &public, &parameter, b"", &[0; 128]);
        assert_eq!(code(refused), Code::MechanismParamInvalid);
    }
    let other = pss(CKM_SHA_1, CKG_MGF1_SHA1, 20);
    assert_eq!(code(sign(CKM_SHA256_RSA_PKCS_PSS, &private, &other, b"")), Code::MechanismParamInvalid);
    let longest = pss(CKM_SHA256, CKG_MGF1_SHA256, 128 - 32 - 2);
    let digest = Hash::Sha256.digest(b"data");
    let signature = sign(CKM_RSA_PKCS_PSS, &private, &longest, &digest).unwrap();
    verify(CKM_SHA256_RSA_PKCS_PSS, &public, &longest, b"data", &signature).unwrap();
    for wrong in [&digest[1..], &[0; 33], b""] {
        assert_eq!(code(sign(CKM_RSA_PKCS_PSS, &private, &longest, wrong)), Code::DataLenRange);
        assert_eq!(code(verify(CKM_RSA_PKCS_PSS, &public, &longest, wrong, &signature)), Code::DataLenRange);
    }

    let oaep_parameters = [
        NONE,
        bad_bytes,
        fields(vec![number(1)]),
        oaep(CKM_MD5, CKG_MGF1_SHA1, b""),
        oaep(CKM_SHA_1, 99, b""),
        oaep(CKM_SHA_1, CKG_MGF1_SHA1, &vec![0; 70_000]),
        fields(vec![number(CKM_SHA_1), number(CKG_MGF1_SHA1), number(0), bytes(b"label")]),
        fields(vec![number(CKM_SHA_1), number(CKG_MGF1_SHA1), number(2), bytes(b"")]),
    ];
    for parameter in oaep_parameters {
        assert_eq!(code(encrypt(CKM_RSA_PKCS_OAEP, &public, &parameter, b"")), Code::MechanismParamInvalid);
        assert_eq!(code(unwrap(CKM_RSA_PKCS_OAEP, &private, &parameter, b"")), Code::MechanismParamInvalid);
    }
    let old = fields(vec![number(CKM_SHA_1), number(CKG_MGF1_SHA1), number(0), bytes(b"")]);
    let sealed = encrypt(CKM_RSA_PKCS_OAEP, &public, &old, b"data").unwrap();
    assert_eq!(decrypt(CKM_RSA_PKCS_OAEP, &private, &old, &sealed).unwrap(), b"data");
    let too_long = oaep(CKM_SHA512, CKG_MGF1_SHA512, b"");
    assert_eq!(code(encrypt(CKM_RSA_PKCS_OAEP, &public, &too_long, b"")), Code::KeySizeRange);
}

#[test]
fn keys_that_lie_are_refused_when_they_are_used() {
    let (public, private) = rsa_pair(1024);
    let n = public.object.bytes(CKA_MODULUS).unwrap();
    let d = private.object.bytes(CKA_PRIVATE_EXPONENT).unwrap();
    let lying = rsa_private(n, &[1, 0, 1], &d[1..]);
    assert_eq!(code(sign(CKM_RSA_PKCS, &lying, &NONE, b"data")), Code::AttributeValueInvalid);
    let small = rsa_public(&[0xff; 64], &[3]);
    assert_eq!(code(encrypt(CKM_RSA_PKCS, &small, &NONE, b"data")), Code::KeySizeRange);
    let empty = key(CKO_PUBLIC_KEY, CKK_RSA, vec![]);
    assert_eq!(code(encrypt(CKM_RSA_PKCS, &empty, &NONE, b"data")), Code::KeyTypeInconsistent);
}
