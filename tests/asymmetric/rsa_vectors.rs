//! RSA: the vectors of RSA Laboratories and of the draft on implicit rejection, and what OpenSSL made.

use crate::support::*;
use serde_json::Value;
use strongroom_pkcs11::ck::*;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/rsa.json")).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn get(value: &Value) -> Vec<u8> {
    hex(value.as_str().unwrap())
}

#[test]
fn the_pss_vectors_of_rsa_laboratories_verify() {
    let parameter = pss(CKM_SHA_1, CKG_MGF1_SHA1, 20);
    for vector in list(&vectors()["pss"]) {
        let key = rsa_public(&get(&vector["n"]), &get(&vector["e"]));
        for signed in list(&vector["signatures"]) {
            let (message, signature) = (get(&signed[0]), get(&signed[1]));
            verify(CKM_SHA1_RSA_PKCS_PSS, &key, &parameter, &message, &signature).unwrap();
            for bad in spoilt(&signature) {
                assert!(verify(CKM_SHA1_RSA_PKCS_PSS, &key, &parameter, &message, &bad).is_err());
            }
        }
    }
}

#[test]
fn the_oaep_vectors_of_rsa_laboratories_decrypt() {
    for vector in list(&vectors()["oaep"]) {
        let key = rsa_private(&get(&vector["n"]), &get(&vector["e"]), &get(&vector["d"]));
        for sealed in list(&vector["messages"]) {
            let parameter = oaep(CKM_SHA_1, CKG_MGF1_SHA1, b"");
            assert_eq!(decrypt(CKM_RSA_PKCS_OAEP, &key, &parameter, &get(&sealed[1])).unwrap(), get(&sealed[0]));
        }
    }
}

#[test]
fn bad_padding_decrypts_to_what_the_draft_on_implicit_rejection_says() {
    for vector in list(&vectors()["rejection"]) {
        let key = rsa_private(&get(&vector["n"]), &get(&vector["e"]), &get(&vector["d"]));
        for case in list(&vector["cases"]) {
            let (ciphertext, message) = (get(&case[1]), get(&case[2]));
            assert_eq!(decrypt(CKM_RSA_PKCS, &key, &NONE, &ciphertext).unwrap(), message, "{}", case[0]);
            assert_eq!(unwrap(CKM_RSA_PKCS, &key, &NONE, &ciphertext).unwrap(), message, "{}", case[0]);
        }
    }
}

/// hash, mgf, the mechanisms of PKCS#1 v1.5 and PSS with the hash.
fn mechanisms(hash: &str) -> (u64, u64, u64, u64) {
    match hash {
        "SHA1" => (CKM_SHA_1, CKG_MGF1_SHA1, CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS),
        "SHA224" => (CKM_SHA224, CKG_MGF1_SHA224, CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS),
        "SHA256" => (CKM_SHA256, CKG_MGF1_SHA256, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS),
        "SHA384" => (CKM_SHA384, CKG_MGF1_SHA384, CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS),
        "SHA512" => (CKM_SHA512, CKG_MGF1_SHA512, CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS),
        "SHA3_224" => (CKM_SHA3_224, CKG_MGF1_SHA3_224, CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS),
        "SHA3_256" => (CKM_SHA3_256, CKG_MGF1_SHA3_256, CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS),
        "SHA3_384" => (CKM_SHA3_384, CKG_MGF1_SHA3_384, CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS),
        "SHA3_512" => (CKM_SHA3_512, CKG_MGF1_SHA3_512, CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS),
        _ => panic!("no such hash"),
    }
}

#[test]
fn what_openssl_made_with_every_hash_and_another_mask_is_accepted() {
    let vectors = vectors();
    let key = &vectors["rejection"][0];
    let public = rsa_public(&get(&key["n"]), &get(&key["e"]));
    let private = rsa_private(&get(&key["n"]), &get(&key["e"]), &get(&key["d"]));
    for vector in list(&vectors["openssl"]) {
        let (hash, _, pkcs1, with_pss) = mechanisms(vector["hash"].as_str().unwrap());
        let (_, mgf, ..) = mechanisms(vector["mgf"].as_str().unwrap());
        let salt = vector["salt"].as_u64().unwrap();
        verify(pkcs1, &public, &NONE, b"message", &get(&vector["pkcs1"])).unwrap();
        assert_eq!(sign(pkcs1, &private, &NONE, b"message").unwrap(), get(&vector["pkcs1"]));
        verify(with_pss, &public, &pss(hash, mgf, salt), b"message", &get(&vector["pss"])).unwrap();
        let wrong = pss(hash, mgf, salt + 1);
        assert!(verify(with_pss, &public, &wrong, b"message", &get(&vector["pss"])).is_err());
        let opened = decrypt(CKM_RSA_PKCS_OAEP, &private, &oaep(hash, mgf, b"label"), &get(&vector["oaep"]));
        assert_eq!(opened.unwrap(), b"message");
    }
}
