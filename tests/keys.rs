//! Making, wrapping, unwrapping and deriving keys through the C interface (section 5.18), each result checked by an
//! independent implementation.

#![allow(unsafe_code)] // calls of C functions, by the macro p11!

mod common;

use common::fixture::*;
use common::p11::*;
use cryptoki_sys::*;

fn extractable() -> Attrs {
    Attrs::new().flag(CKA_EXTRACTABLE, true).flag(CKA_SENSITIVE, false)
}

fn import(session: CK_SESSION_HANDLE, key_type: CK_KEY_TYPE, value: &[u8]) -> CK_OBJECT_HANDLE {
    let template = Attrs::new().class(CKO_SECRET_KEY).key_type(key_type).bytes(CKA_VALUE, value);
    module().create(session, &template.and(&extractable())).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap()).collect()
}

/// RFC 3394, 4.6 and RFC 5649, 6.
#[test]
fn key_wrap_agrees_with_the_rfcs() {
    let (p, token) = (module(), Token::new("rfc"));
    let session = token.user();
    let kek = import(session, CKK_AES, &unhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"));
    let key = import(session, CKK_AES, &unhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F"));
    let wrapped = p.wrap(session, &Mech::new(CKM_AES_KEY_WRAP), kek, key).unwrap();
    assert_eq!(wrapped, unhex("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"));
    let kek = import(session, CKK_AES, &unhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"));
    let key = import(session, CKK_GENERIC_SECRET, &unhex("c37b7e6492584340bed12207808941155068f738"));
    let wrapped = p.wrap(session, &Mech::new(CKM_AES_KEY_WRAP_KWP), kek, key).unwrap();
    assert_eq!(wrapped, unhex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"));
    let template = Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_GENERIC_SECRET).and(&extractable());
    let back = p.unwrap(session, &Mech::new(CKM_AES_KEY_WRAP_KWP), kek, &wrapped, &template).unwrap();
    assert_eq!(p.get(session, back, CKA_VALUE).unwrap(), unhex("c37b7e6492584340bed12207808941155068f738"));
}

#[test]
fn secret_keys_go_out_and_come_back_under_every_mechanism() {
    let (p, token) = (module(), Token::new("wrap all"));
    let session = token.user();
    let aes = aes_key(session, &Attrs::new());
    let (rsa_public, rsa_private) = rsa_pair(session, &Attrs::new());
    let key = aes_key(session, &extractable());
    let value = p.get(session, key, CKA_VALUE).unwrap();
    let template = Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES).and(&extractable());
    let cases = [
        (Mech::new(CKM_AES_KEY_WRAP), aes, aes),
        (Mech::new(CKM_AES_KEY_WRAP_PAD), aes, aes),
        (Mech::new(CKM_AES_KEY_WRAP_KWP), aes, aes),
        (Mech::iv(CKM_AES_CBC, &[3; 16]), aes, aes),
        (Mech::iv(CKM_AES_CBC_PAD, &[3; 16]), aes, aes),
        (Mech::gcm(&[7; 12], b"", 128), aes, aes),
        (Mech::new(CKM_RSA_PKCS), rsa_public, rsa_private),
        (Mech::oaep(CKM_SHA_1, CKG_MGF1_SHA1, b""), rsa_public, rsa_private),
        (Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"label"), rsa_public, rsa_private),
        (Mech::oaep(CKM_SHA3_256, CKG_MGF1_SHA512, b""), rsa_public, rsa_private),
    ];
    for (index, (mechanism, wrapping, unwrapping)) in cases.iter().enumerate() {
        let wrapped = p.wrap(session, mechanism, *wrapping, key).unwrap_or_else(|rv| panic!("wrap {index}: {rv:#x}"));
        let back = p
            .unwrap(session, mechanism, *unwrapping, &wrapped, &template)
            .unwrap_or_else(|rv| panic!("unwrap {index}: {rv:#x}"));
        assert_eq!(p.get(session, back, CKA_VALUE).unwrap(), value, "{index}");
        assert!(!p.flag(session, back, CKA_LOCAL) && !p.flag(session, back, CKA_NEVER_EXTRACTABLE), "{index}");
        assert!(
            p.unwrap(session, mechanism, *unwrapping, &wrapped[..wrapped.len() - 1], &template).is_err(),
            "{index}"
        );
    }
}

#[test]
fn private_keys_travel_as_pkcs8_and_still_work() {
    let (p, token) = (module(), Token::new("wrap private"));
    let session = token.user();
    let aes = aes_key(session, &Attrs::new());
    let more = Attrs::new().flag(CKA_EXTRACTABLE, true);
    let pairs = [
        (rsa_pair(session, &more), CKK_RSA, CKM_SHA256_RSA_PKCS),
        (ec_pair(session, P256, &more), CKK_EC, CKM_ECDSA_SHA256),
        (ec_pair(session, P384, &more), CKK_EC, CKM_ECDSA_SHA384),
        (ec_pair(session, P521, &more), CKK_EC, CKM_ECDSA_SHA512),
        (ec_pair(session, ED25519, &more), CKK_EC_EDWARDS, CKM_EDDSA),
    ];
    for ((public, private), key_type, sign) in pairs {
        for mechanism in
            [Mech::new(CKM_AES_KEY_WRAP_KWP), Mech::iv(CKM_AES_CBC_PAD, &[8; 16]), Mech::gcm(&[1; 12], b"", 128)]
        {
            let wrapped = p.wrap(session, &mechanism, aes, private).unwrap();
            let template = Attrs::new().class(CKO_PRIVATE_KEY).key_type(key_type);
            let back = p.unwrap(session, &mechanism, aes, &wrapped, &template).unwrap();
            let signature = p.sign(session, &Mech::new(sign), back, b"travelled").unwrap();
            p.verify(session, &Mech::new(sign), public, b"travelled", &signature).unwrap();
            let wrong =
                Attrs::new().class(CKO_PRIVATE_KEY).key_type(if key_type == CKK_RSA { CKK_EC } else { CKK_RSA });
            assert!(p.unwrap(session, &mechanism, aes, &wrapped, &wrong).is_err());
        }
    }
}

#[test]
fn what_may_not_leave_does_not() {
    let (p, token) = (module(), Token::new("stays"));
    let session = token.user();
    let aes = aes_key(session, &Attrs::new());
    let key = aes_key(session, &Attrs::new());
    let wrap = Mech::new(CKM_AES_KEY_WRAP);
    assert_eq!(p.wrap(session, &wrap, aes, key), Err(CKR_KEY_UNEXTRACTABLE));
    let no_wrap = aes_key(session, &Attrs::new().flag(CKA_WRAP, false));
    let open = aes_key(session, &extractable());
    assert_eq!(p.wrap(session, &wrap, no_wrap, open), Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
    assert_eq!(p.wrap(session, &wrap, 99_999, open), Err(CKR_WRAPPING_KEY_HANDLE_INVALID));
    assert_eq!(p.wrap(session, &wrap, aes, 99_999), Err(CKR_KEY_HANDLE_INVALID));
    let (public, private) = ec_pair(session, P256, &Attrs::new());
    assert_eq!(p.wrap(session, &wrap, private, open), Err(CKR_WRAPPING_KEY_TYPE_INCONSISTENT));
    assert_eq!(p.wrap(session, &wrap, aes, public), Err(CKR_KEY_NOT_WRAPPABLE));
    assert_eq!(p.wrap(session, &wrap, aes, private), Err(CKR_KEY_UNEXTRACTABLE));
}

#[test]
fn ecdh_agrees_with_an_independent_implementation() {
    use p256::elliptic_curve::sec1::ToSec1Point;
    let (p, token) = (module(), Token::new("ecdh"));
    let session = token.user();
    let peer = p256::SecretKey::from_slice(&[0x42; 32]).unwrap();
    let point = peer.public_key().to_sec1_point(false).as_bytes().to_vec();
    let (public, private) = ec_pair(session, P256, &Attrs::new());
    let own = p.get(session, public, CKA_EC_POINT).unwrap();
    let own = p256::PublicKey::from_sec1_bytes(&own[2..]).unwrap();
    let shared = p256::ecdh::diffie_hellman(peer.to_nonzero_scalar(), own.as_affine());
    let template = Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_GENERIC_SECRET).and(&extractable());
    let in_der = [&[4, 65][..], &point].concat();
    for public in [&point, &in_der] {
        let derived = p.derive(session, &Mech::ecdh(CKD_NULL, b"", public), private, &template).unwrap();
        assert_eq!(p.get(session, derived, CKA_VALUE).unwrap(), shared.raw_secret_bytes().to_vec());
    }
    let aes = Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES).number(CKA_VALUE_LEN, 16).and(&extractable());
    let derived = p.derive(session, &Mech::ecdh(CKD_SHA256_KDF, b"info", &point), private, &aes).unwrap();
    let mut input = shared.raw_secret_bytes().to_vec();
    input.extend([0, 0, 0, 1]);
    input.extend(b"info");
    assert_eq!(
        p.get(session, derived, CKA_VALUE).unwrap(),
        p.digest(session, &Mech::new(CKM_SHA256), &input).unwrap()[..16]
    );
    let mut off = point.clone();
    off[64] ^= 1;
    assert!(p.derive(session, &Mech::ecdh(CKD_NULL, b"", &off), private, &template).is_err());
}

#[test]
fn x25519_agrees_with_an_independent_implementation() {
    let (p, token) = (module(), Token::new("x25519"));
    let session = token.user();
    let peer = x25519_dalek::StaticSecret::from([0x24; 32]);
    let (public, private) = ec_pair(session, X25519, &Attrs::new());
    let point = p.get(session, public, CKA_EC_POINT).unwrap();
    let own: [u8; 32] = point[point.len() - 32..].try_into().unwrap();
    let shared = peer.diffie_hellman(&x25519_dalek::PublicKey::from(own));
    let template = Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_GENERIC_SECRET).and(&extractable());
    let theirs = x25519_dalek::PublicKey::from(&peer);
    let derived = p.derive(session, &Mech::ecdh(CKD_NULL, b"", theirs.as_bytes()), private, &template).unwrap();
    assert_eq!(p.get(session, derived, CKA_VALUE).unwrap(), shared.as_bytes());
}

#[test]
fn ecdsa_agrees_with_independent_implementations() {
    use p256::ecdsa::signature::hazmat::PrehashVerifier;
    let (p, token) = (module(), Token::new("ecdsa"));
    let session = token.user();
    let digest = p.digest(session, &Mech::new(CKM_SHA384), b"message").unwrap();
    macro_rules! check {
        ($curve:expr, $krate:ident, $head:expr) => {{
            let (public, private) = ec_pair(session, $curve, &Attrs::new());
            let point = p.get(session, public, CKA_EC_POINT).unwrap();
            let key = $krate::ecdsa::VerifyingKey::from_sec1_bytes(&point[$head..]).unwrap();
            let raw = p.sign(session, &Mech::new(CKM_ECDSA), private, &digest).unwrap();
            key.verify_prehash(&digest, &$krate::ecdsa::Signature::from_slice(&raw).unwrap()).unwrap();
            let hashed = p.sign(session, &Mech::new(CKM_ECDSA_SHA384), private, b"message").unwrap();
            key.verify_prehash(&digest, &$krate::ecdsa::Signature::from_slice(&hashed).unwrap()).unwrap();
        }};
    }
    check!(P256, p256, 2);
    check!(P384, p384, 2);
    check!(P521, p521, 3);
}

#[test]
fn ed25519_agrees_with_an_independent_implementation() {
    let (p, token) = (module(), Token::new("ed25519"));
    let session = token.user();
    let (public, private) = ec_pair(session, ED25519, &Attrs::new());
    let point = p.get(session, public, CKA_EC_POINT).unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(point[point.len() - 32..].try_into().unwrap()).unwrap();
    let signature = p.sign(session, &Mech::new(CKM_EDDSA), private, b"message").unwrap();
    key.verify_strict(b"message", &ed25519_dalek::Signature::from_slice(&signature).unwrap()).unwrap();
    p.verify(session, &Mech::new(CKM_EDDSA), public, b"message", &signature).unwrap();
}

#[test]
fn rsa_agrees_with_an_independent_implementation() {
    use rsa::{BoxedUint, RsaPublicKey};
    let (p, token) = (module(), Token::new("rsa"));
    let session = token.user();
    let (public, private) = rsa_pair(session, &Attrs::new());
    let number = |kind| BoxedUint::from_be_slice_vartime(&p.get(session, public, kind).unwrap());
    let key = RsaPublicKey::new(number(CKA_MODULUS), number(CKA_PUBLIC_EXPONENT)).unwrap();
    let digest = p.digest(session, &Mech::new(CKM_SHA256), b"message").unwrap();
    let signature = p.sign(session, &Mech::new(CKM_SHA256_RSA_PKCS), private, b"message").unwrap();
    key.verify(rsa::Pkcs1v15Sign::new::<sha2::Sha256>(), &digest, &signature).unwrap();
    let pss = Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
    let signature = p.sign(session, &pss, private, b"message").unwrap();
    key.verify(rsa::Pss::<sha2::Sha256>::new_with_salt(32), &digest, &signature).unwrap();
    let mut random = rand::rng();
    let sealed = key.encrypt(&mut random, rsa::Oaep::<sha2::Sha256>::new(), b"secret").unwrap();
    let oaep = Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    assert_eq!(p.decrypt(session, &oaep, private, &sealed).unwrap(), b"secret");
    let sealed = key.encrypt(&mut random, rsa::Pkcs1v15Encrypt, b"secret").unwrap();
    assert_eq!(p.decrypt(session, &Mech::new(CKM_RSA_PKCS), private, &sealed).unwrap(), b"secret");
}

#[test]
fn bad_pkcs1_padding_is_not_told_from_good() {
    let (p, token) = (module(), Token::new("bleichenbacher"));
    let session = token.user();
    let (_, private) = rsa_pair(session, &Attrs::new());
    let modulus = p.get(session, private, CKA_MODULUS).unwrap();
    for last in 0..8u8 {
        let mut sealed = vec![0x11; modulus.len()];
        sealed[0] = 0;
        sealed[255] = last;
        let first = p.decrypt(session, &Mech::new(CKM_RSA_PKCS), private, &sealed);
        assert!(first.is_ok(), "{first:?}");
        assert_eq!(first, p.decrypt(session, &Mech::new(CKM_RSA_PKCS), private, &sealed), "the same answer each time");
    }
}

#[test]
fn generated_pairs_are_kept_together_in_the_token() {
    let (p, token) = (module(), Token::new("pairs"));
    let session = token.user();
    let both = Attrs::new().flag(CKA_TOKEN, true).bytes(CKA_ID, b"pair");
    let public = Attrs::new().bytes(CKA_EC_PARAMS, P256).and(&both);
    p.generate_pair(session, &Mech::new(CKM_EC_KEY_PAIR_GEN), &public, &both).unwrap();
    assert_eq!(p.find(session, &Attrs::new().bytes(CKA_ID, b"pair")).unwrap().len(), 2);
    let bad = both.clone().flag(CKA_LOCAL, true);
    assert_eq!(p.generate_pair(session, &Mech::new(CKM_EC_KEY_PAIR_GEN), &public, &bad), Err(CKR_ATTRIBUTE_READ_ONLY));
    assert_eq!(p.find(session, &Attrs::new().bytes(CKA_ID, b"pair")).unwrap().len(), 2);
}

#[test]
fn hmac_agrees_with_rfc_4231() {
    let (p, token) = (module(), Token::new("hmac"));
    let session = token.user();
    let key = import(session, CKK_GENERIC_SECRET, &[0x0b; 20]);
    let mac = p.sign(session, &Mech::new(CKM_SHA256_HMAC), key, b"Hi There").unwrap();
    assert_eq!(mac, unhex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
    let half = p.sign(session, &Mech::number(CKM_SHA256_HMAC_GENERAL, 16), key, b"Hi There").unwrap();
    assert_eq!(half, mac[..16]);
    p.verify(session, &Mech::new(CKM_SHA256_HMAC), key, b"Hi There", &mac).unwrap();
    let short = import(session, CKK_GENERIC_SECRET, &[1; 4]);
    p.sign(session, &Mech::new(CKM_SHA512_HMAC), short, b"short keys are keys").unwrap();
}

#[test]
fn rsa_aes_key_wrap_carries_keys_larger_than_the_modulus() {
    let (p, token) = (module(), Token::new("rsa aes"));
    let session = token.user();
    let (public, private) = rsa_pair(session, &Attrs::new());
    let (_, travels) = rsa_pair(session, &Attrs::new().flag(CKA_EXTRACTABLE, true));
    let oaep = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: std::ptr::null_mut(),
        ulSourceDataLen: 0,
    };
    let mechanism = Mech::rsa_aes(256, &oaep);
    let wrapped = p.wrap(session, &mechanism, public, travels).unwrap();
    assert!(wrapped.len() > 256);
    let template = Attrs::new().class(CKO_PRIVATE_KEY).key_type(CKK_RSA);
    let back = p.unwrap(session, &mechanism, private, &wrapped, &template).unwrap();
    assert_eq!(p.get(session, back, CKA_MODULUS).unwrap(), p.get(session, travels, CKA_MODULUS).unwrap());
}
