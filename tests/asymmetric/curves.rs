//! Curves: the vectors of the RFCs, the crates of RustCrypto in both directions, and the refusals.

use crate::support::*;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use strongroom_pkcs11::ck::*;
use strongroom_pkcs11::crypto::ec::Curve;
use strongroom_pkcs11::crypto::hash::Hash;
use strongroom_pkcs11::crypto::public::NamedCurve;
use strongroom_pkcs11::error::{Code, Result};
use strongroom_pkcs11::mechanism::Key;
use strongroom_pkcs11::object::{Object, Value};
use strongroom_pkcs11::wire::values::Parameter;

const P256: NamedCurve = NamedCurve::Prime(Curve::P256);
const P384: NamedCurve = NamedCurve::Prime(Curve::P384);
const P521: NamedCurve = NamedCurve::Prime(Curve::P521);

const HASHED: [(Hash, u64); 9] = [
    (Hash::Sha1, CKM_ECDSA_SHA1),
    (Hash::Sha224, CKM_ECDSA_SHA224),
    (Hash::Sha256, CKM_ECDSA_SHA256),
    (Hash::Sha384, CKM_ECDSA_SHA384),
    (Hash::Sha512, CKM_ECDSA_SHA512),
    (Hash::Sha3_224, CKM_ECDSA_SHA3_224),
    (Hash::Sha3_256, CKM_ECDSA_SHA3_256),
    (Hash::Sha3_384, CKM_ECDSA_SHA3_384),
    (Hash::Sha3_512, CKM_ECDSA_SHA3_512),
];

fn public(curve: NamedCurve, point: &[u8]) -> Key {
    let point = (CKA_EC_POINT, Value::Bytes(curve.shown_point(point)));
    key(CKO_PUBLIC_KEY, curve.key_type(), [curve_template(curve.params()), vec![point]].concat())
}

fn private(curve: NamedCurve, value: &[u8]) -> Key {
    let value = (CKA_VALUE, Value::Secret(value.into()));
    key(CKO_PRIVATE_KEY, curve.key_type(), [curve_template(curve.params()), vec![value]].concat())
}

/// The plain point of a public key.
fn point(curve: NamedCurve, key: &Key) -> Vec<u8> {
    curve.plain_point(key.object.bytes(CKA_EC_POINT).unwrap()).unwrap().to_vec()
}

#[test]
fn the_signatures_of_rfc_6979_verify() {
    let p256 = "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299";
    let vectors = [
        (
            P256,
            p256,
            CKM_ECDSA_SHA1,
            "61340C88C3AAEBEB4F6D667F672CA9759A6CCAA9FA8811313039EE4A35471D326D7F147DAC089441BB2E2FE8F7A3FA264B9C475098FDCF6E00D7C996E1B8B7EB",
        ),
        (
            P256,
            p256,
            CKM_ECDSA_SHA256,
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
        ),
        (
            P256,
            p256,
            CKM_ECDSA_SHA512,
            "8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F002362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE",
        ),
    ];
    for (curve, xy, mechanism, signature) in vectors {
        let key = public(curve, &[&[4], &hex(xy)[..]].concat());
        verify(mechanism, &key, &NONE, b"sample", &hex(signature)).unwrap();
        for bad in spoilt(&hex(signature)) {
            assert_eq!(code(verify(mechanism, &key, &NONE, b"sample", &bad)), Code::SignatureInvalid);
        }
    }
    let scalars = [
        (
            P384,
            "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
            CKM_ECDSA_SHA384,
            "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE4699EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
        ),
        (
            P521,
            "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
            CKM_ECDSA_SHA512,
            "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A",
        ),
    ];
    for (curve, scalar, mechanism, signature) in scalars {
        let point = strongroom_pkcs11::crypto::public::public_point(curve, &hex(scalar)).unwrap();
        verify(mechanism, &public(curve, &point), &NONE, b"sample", &hex(signature)).unwrap();
    }
}

/// The leftmost bits of a digest as a number: the crates do not cut inside of a byte.
fn leftmost(curve: NamedCurve, digest: &[u8]) -> Vec<u8> {
    let mut number = digest[..digest.len().min(curve.private_length())].to_vec();
    if curve == P521 && number.len() == 66 {
        (0..66).rev().for_each(|place| {
            number[place] = number[place] >> 7 | if place > 0 { number[place - 1] << 1 } else { 0 };
        });
    }
    number
}

macro_rules! against_the_crate {
    ($krate:ident, $curve:expr) => {{
        let (public, private) = generated(CKM_EC_KEY_PAIR_GEN, curve_template($curve.params())).unwrap();
        let theirs = $krate::ecdsa::SigningKey::from_slice(private.object.bytes(CKA_VALUE).unwrap()).unwrap();
        assert_eq!(theirs.verifying_key().to_sec1_point(false).as_bytes(), point($curve, &public));
        for (hash, mechanism) in HASHED {
            let digest = hash.digest(b"message");
            let ours = sign(mechanism, &private, &NONE, b"message").unwrap();
            let parsed = $krate::ecdsa::Signature::from_slice(&ours).unwrap();
            theirs.verifying_key().verify_prehash(&digest, &parsed).unwrap();
            let made: $krate::ecdsa::Signature = theirs.sign_prehash(&digest).unwrap();
            verify(mechanism, &public, &NONE, b"message", &made.to_bytes()).unwrap();
            verify(CKM_ECDSA, &public, &NONE, &digest, &ours).unwrap();
        }
        for length in [20, 32, 47, 48, 64, 65, 66, 67, 128] {
            let digest: Vec<u8> = (0..length).map(|byte| 0xff - byte as u8).collect();
            let ours = sign(CKM_ECDSA, &private, &NONE, &digest).unwrap();
            let cut = leftmost($curve, &digest);
            let parsed = $krate::ecdsa::Signature::from_slice(&ours).unwrap();
            theirs.verifying_key().verify_prehash(&cut, &parsed).unwrap();
            let made: $krate::ecdsa::Signature = theirs.sign_prehash(&cut).unwrap();
            verify(CKM_ECDSA, &public, &NONE, &digest, &made.to_bytes()).unwrap();
        }
        let their_secret = $krate::SecretKey::from_slice(private.object.bytes(CKA_VALUE).unwrap()).unwrap();
        let (other, _) = generated(CKM_EC_KEY_PAIR_GEN, curve_template($curve.params())).unwrap();
        let peer = point($curve, &other);
        let shared = their_secret.diffie_hellman(&$krate::PublicKey::from_sec1_bytes(&peer).unwrap());
        let derived = derive(&private, CKD_NULL, b"", &peer, None).unwrap();
        assert_eq!(derived, &shared.raw_secret_bytes()[..]);
    }};
}

#[test]
fn ecdsa_and_ecdh_on_every_curve_agree_with_the_other_crates() {
    against_the_crate!(p256, P256);
    against_the_crate!(p384, P384);
    against_the_crate!(p521, P521);
}

fn derive(key: &Key, kdf: u64, shared: &[u8], peer: &[u8], length: Option<u64>) -> Result<Vec<u8>> {
    let mut draft = Object::default();
    draft.set(CKA_KEY_TYPE, Value::Number(CKK_GENERIC_SECRET));
    if let Some(length) = length {
        draft.set(CKA_VALUE_LEN, Value::Number(length));
    }
    let parameter = fields(vec![number(kdf), bytes(shared), bytes(peer)]);
    row(CKM_ECDH1_DERIVE).derive.unwrap()(key, &parameter, &draft).map(|secret| secret.to_vec())
}

#[test]
fn ecdsa_refuses_with_the_right_codes() {
    let (public, private) = generated(CKM_EC_KEY_PAIR_GEN, curve_template(P256.params())).unwrap();
    assert_eq!(code(sign(CKM_ECDSA, &private, &NONE, b"")), Code::DataLenRange);
    assert_eq!(code(sign(CKM_ECDSA, &private, &NONE, &[1; 129])), Code::DataLenRange);
    assert_eq!(code(sign(CKM_ECDSA, &private, &Parameter::Bytes(vec![1].into()), &[1])), Code::MechanismParamInvalid);
    let signature = sign(CKM_ECDSA, &private, &NONE, &[1; 32]).unwrap();
    assert_eq!(code(verify(CKM_ECDSA, &public, &NONE, &[1; 32], &signature[1..])), Code::SignatureLenRange);
    assert_eq!(code(verify(CKM_ECDSA, &public, &NONE, &[2; 32], &signature)), Code::SignatureInvalid);
    assert_eq!(code(verify(CKM_ECDSA, &public, &NONE, &[1; 32], &[0; 64])), Code::SignatureInvalid);
    assert_eq!(code(verify(CKM_ECDSA, &public, &NONE, &[1; 32], &[0xff; 64])), Code::SignatureInvalid);
    let mut off = point(P256, &public);
    off[64] ^= 1;
    assert_eq!(
        code(verify(CKM_ECDSA, &self::public(P256, &off), &NONE, &[1], &signature)),
        Code::AttributeValueInvalid
    );
    for scalar in [[0; 32], [0xff; 32]] {
        let bad = self::private(P256, &scalar);
        assert_eq!(code(sign(CKM_ECDSA, &bad, &NONE, &[1])), Code::AttributeValueInvalid);
    }
}

#[test]
fn key_pairs_are_made_on_the_curve_that_is_named_and_on_no_other() {
    let refused = |mechanism, params: &[u8]| code(generated(mechanism, curve_template(params)));
    let ed25519 = NamedCurve::Ed25519.params();
    let x25519 = NamedCurve::X25519.params();
    for (mechanism, good) in [
        (CKM_EC_KEY_PAIR_GEN, P521.params()),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, ed25519),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, x25519),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, b"\x13\x0cedwards25519"),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, b"\x13\x0acurve25519"),
    ] {
        let (public, private) = generated(mechanism, curve_template(good)).unwrap();
        assert_eq!(public.object.bytes(CKA_EC_PARAMS).unwrap(), good);
        assert_eq!(private.object.bytes(CKA_EC_PARAMS).unwrap(), good);
        assert_eq!(public.object.bytes(CKA_EC_POINT).unwrap()[0], 4);
        assert!(matches!(private.object.value(CKA_VALUE), Some(Value::Secret(_))));
        for params in [P256.params(), ed25519, x25519] {
            let made_there = NamedCurve::from_params(params).unwrap().key_type() == row(mechanism).keys[0];
            assert!(made_there || refused(mechanism, params) == Code::CurveNotSupported);
        }
        assert_eq!(refused(mechanism, b"\x06\x05\x2b\x81\x04\x00\x0a"), Code::CurveNotSupported);
        assert_eq!(refused(mechanism, b"garbage"), Code::DomainParamsInvalid);
        assert_eq!(code(generated(mechanism, vec![])), Code::TemplateIncomplete);
    }
}

#[test]
fn the_vectors_of_rfc_8032_come_out() {
    let vectors = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (seed, point, message, signature) in vectors {
        let (private, public) = (private(NamedCurve::Ed25519, &hex(seed)), public(NamedCurve::Ed25519, &hex(point)));
        assert_eq!(sign(CKM_EDDSA, &private, &NONE, &hex(message)).unwrap(), hex(signature));
        verify(CKM_EDDSA, &public, &NONE, &hex(message), &hex(signature)).unwrap();
        for bad in spoilt(&hex(signature)) {
            assert_eq!(code(verify(CKM_EDDSA, &public, &NONE, &hex(message), &bad)), Code::SignatureInvalid);
        }
    }
}

#[test]
fn ed25519_agrees_with_the_other_crate_and_refuses_what_it_cannot_do() {
    use ed25519_dalek::{Signature, Signer, SigningKey, Verifier};
    let (public, private) =
        generated(CKM_EC_EDWARDS_KEY_PAIR_GEN, curve_template(NamedCurve::Ed25519.params())).unwrap();
    let theirs = SigningKey::from_bytes(private.object.bytes(CKA_VALUE).unwrap().try_into().unwrap());
    assert_eq!(point(NamedCurve::Ed25519, &public), theirs.verifying_key().to_bytes());
    let pure = fields(vec![number(0), bytes(b"")]);
    for length in [0, 1, 1000, 100_000] {
        let message = vec![7; length];
        let signature = sign(CKM_EDDSA, &private, &pure, &message).unwrap();
        theirs.verifying_key().verify(&message, &Signature::from_slice(&signature).unwrap()).unwrap();
        verify(CKM_EDDSA, &public, &NONE, &message, &theirs.sign(&message).to_bytes()).unwrap();
    }
    for parameter in [fields(vec![number(1), bytes(b"")]), fields(vec![number(0), bytes(b"context")]), fields(vec![])] {
        assert_eq!(code(sign(CKM_EDDSA, &private, &parameter, b"")), Code::MechanismParamInvalid);
        assert_eq!(code(verify(CKM_EDDSA, &public, &parameter, b"", &[0; 64])), Code::MechanismParamInvalid);
    }
    assert_eq!(code(verify(CKM_EDDSA, &public, &NONE, b"", &[0; 63])), Code::SignatureLenRange);
    let mut operation = row(CKM_EDDSA).sign.unwrap()(&private, &NONE).unwrap();
    let megabytes = vec![0; 16 << 20];
    operation.update(&megabytes, &mut Vec::new()).unwrap();
    assert_eq!(code(operation.update(b"more", &mut Vec::new())), Code::DataLenRange);
}

#[test]
fn the_vectors_of_rfc_7748_come_out() {
    let bob = private(NamedCurve::X25519, &hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    let peer = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    let shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(derive(&bob, CKD_NULL, b"", &peer, None).unwrap(), shared);
    assert_eq!(derive(&bob, CKD_NULL, b"", &NamedCurve::X25519.shown_point(&peer), None).unwrap(), shared);
}

#[test]
fn x25519_agrees_with_the_other_crate_and_refuses_keys_of_small_order() {
    use x25519_dalek::{PublicKey, StaticSecret};
    let (public, private) =
        generated(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, curve_template(NamedCurve::X25519.params())).unwrap();
    let value: [u8; 32] = private.object.bytes(CKA_VALUE).unwrap().try_into().unwrap();
    let theirs = StaticSecret::from(value);
    assert_eq!(point(NamedCurve::X25519, &public), PublicKey::from(&theirs).to_bytes());
    let (other, _) = generated(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, curve_template(NamedCurve::X25519.params())).unwrap();
    let peer = point(NamedCurve::X25519, &other);
    let shared = theirs.diffie_hellman(&PublicKey::from(<[u8; 32]>::try_from(&peer[..]).unwrap()));
    assert_eq!(derive(&private, CKD_NULL, b"", &peer, None).unwrap(), shared.as_bytes());
    let mut one = [0; 32];
    for small in [[0; 32], {
        one[0] = 1;
        one
    }] {
        assert_eq!(code(derive(&private, CKD_NULL, b"", &small, None)), Code::MechanismParamInvalid);
    }
}

#[test]
fn the_ecdh_vector_of_nist_comes_out_and_is_cut_from_its_leading_end() {
    let key = private(P256, &hex("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534"));
    let xy = "700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac";
    let peer = [&[4], &hex(xy)[..]].concat();
    let shared = hex("46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b");
    assert_eq!(derive(&key, CKD_NULL, b"", &peer, None).unwrap(), shared);
    assert_eq!(derive(&key, CKD_NULL, b"", &P256.shown_point(&peer), Some(32)).unwrap(), shared);
    assert_eq!(derive(&key, CKD_NULL, b"", &peer, Some(16)).unwrap(), shared[16..]);
    assert_eq!(code(derive(&key, CKD_NULL, b"", &peer, Some(33))), Code::KeySizeRange);
    assert_eq!(code(derive(&key, CKD_SHA1_KDF, b"", &peer, Some(u64::MAX))), Code::KeySizeRange);
}

#[test]
fn ecdh_hashes_the_shared_secret_with_every_kdf() {
    let (public, private) = generated(CKM_EC_KEY_PAIR_GEN, curve_template(P384.params())).unwrap();
    let peer = point(P384, &public);
    let shared = derive(&private, CKD_NULL, b"", &peer, None).unwrap();
    let kdfs = [
        (CKD_SHA1_KDF, Hash::Sha1),
        (CKD_SHA224_KDF, Hash::Sha224),
        (CKD_SHA256_KDF, Hash::Sha256),
        (CKD_SHA384_KDF, Hash::Sha384),
        (CKD_SHA512_KDF, Hash::Sha512),
        (CKD_SHA3_224_KDF, Hash::Sha3_224),
        (CKD_SHA3_256_KDF, Hash::Sha3_256),
        (CKD_SHA3_384_KDF, Hash::Sha3_384),
        (CKD_SHA3_512_KDF, Hash::Sha3_512),
    ];
    for (kdf, hash) in kdfs {
        let block = |counter: u8| hash.digest(&[&shared[..], &[0, 0, 0, counter], b"info"].concat());
        let expected = [block(1), block(2), block(3), block(4), block(5)].concat();
        assert_eq!(derive(&private, kdf, b"info", &peer, Some(100)).unwrap(), expected[..100]);
        assert_eq!(derive(&private, kdf, b"info", &peer, None).unwrap().len(), 48);
    }
}

#[test]
fn ecdh_refuses_what_makes_no_sense() {
    let (public, private) = generated(CKM_EC_KEY_PAIR_GEN, curve_template(P256.params())).unwrap();
    let good = point(P256, &public);
    let mut off = good.clone();
    off[64] ^= 1;
    let infinity = [0; 65];
    let compressed = [&[2], &good[1..33]].concat();
    for peer in [&off[..], &infinity, &compressed, b"", &good[1..], &[0x04, 0x41]] {
        assert_eq!(code(derive(&private, CKD_NULL, b"", peer, None)), Code::MechanismParamInvalid);
    }
    assert_eq!(code(derive(&private, CKD_NULL, b"info", &good, None)), Code::MechanismParamInvalid);
    for kdf in [0, CKD_SHA1_KDF_ASN1, CKD_CPDIVERSIFY_KDF, u64::MAX] {
        assert_eq!(code(derive(&private, kdf, b"", &good, None)), Code::MechanismParamInvalid);
    }
    let refused = row(CKM_ECDH1_DERIVE).derive.unwrap()(&private, &NONE, &Object::default());
    assert_eq!(code(refused), Code::MechanismParamInvalid);
}
