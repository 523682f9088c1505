//! Encryption, decryption, digests, signatures and verification through the C interface (sections 5.2, 5.8 to 5.15):
//! lengths, short buffers, parts, and the state that a call leaves behind.

#![allow(unsafe_code)] // calls of C functions, by the macro p11!

mod common;

use common::fixture::*;
use common::p11::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn encrypt_in_parts(
    session: CK_SESSION_HANDLE,
    mechanism: &Mech,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
    cut: usize,
) -> Vec<u8> {
    let p = module();
    assert_eq!(p11!(p, C_EncryptInit(session, &mut mechanism.raw(), key)), CKR_OK);
    let mut out = Vec::new();
    for part in data.chunks(cut) {
        out.extend(
            yielded(|buffer, length| p11!(p, C_EncryptUpdate(session, at(part), len(part), buffer, length))).unwrap(),
        );
    }
    out.extend(yielded(|buffer, length| p11!(p, C_EncryptFinal(session, buffer, length))).unwrap());
    out
}

fn decrypt_in_parts(
    session: CK_SESSION_HANDLE,
    mechanism: &Mech,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
    cut: usize,
) -> Vec<u8> {
    let p = module();
    assert_eq!(p11!(p, C_DecryptInit(session, &mut mechanism.raw(), key)), CKR_OK);
    let mut out = Vec::new();
    for part in data.chunks(cut) {
        out.extend(
            yielded(|buffer, length| p11!(p, C_DecryptUpdate(session, at(part), len(part), buffer, length))).unwrap(),
        );
    }
    out.extend(yielded(|buffer, length| p11!(p, C_DecryptFinal(session, buffer, length))).unwrap());
    out
}

#[test]
fn every_aes_mode_gives_back_what_it_took_in_one_part_and_in_many() {
    let (p, token) = (module(), Token::new("aes"));
    let session = token.user();
    let key = aes_key(session, &Attrs::new());
    let data: Vec<u8> = (0..=255).cycle().take(4096).map(|byte: u16| byte as u8).collect();
    let mechanisms = [
        (Mech::new(CKM_AES_ECB), 16),
        (Mech::iv(CKM_AES_CBC, &[1; 16]), 16),
        (Mech::iv(CKM_AES_CBC_PAD, &[2; 16]), 1),
        (Mech::ctr(128, [3; 16]), 1),
        (Mech::gcm(&[4; 12], b"additional", 128), 1),
        (Mech::gcm(&[5; 60], b"", 96), 1),
        (Mech::gcm(&[6; 1], b"additional", 32), 1),
    ];
    for (index, (mechanism, unit)) in mechanisms.iter().enumerate() {
        for length in [0, 16, 160, 4000, 4096, 1, 15, 17, 1000] {
            if length % unit != 0 {
                continue;
            }
            let plain = &data[..length];
            let whole = p
                .encrypt(session, mechanism, key, plain)
                .unwrap_or_else(|rv| panic!("mode {index}, {length}: {rv:#x}"));
            assert_eq!(p.decrypt(session, mechanism, key, &whole).unwrap(), plain, "mode {index}, {length}");
            // Byte by byte only where it does not take all day.
            for cut in [1, 7, 16, 33, 500, 5000].into_iter().filter(|cut| plain.len() / cut < 40) {
                assert_eq!(
                    encrypt_in_parts(session, mechanism, key, plain, cut),
                    whole,
                    "mode {index}, {length} by {cut}"
                );
                assert_eq!(
                    decrypt_in_parts(session, mechanism, key, &whole, cut),
                    plain,
                    "mode {index}, {length} by {cut}"
                );
            }
        }
    }
}

#[test]
fn gcm_streams_both_ways_and_holds_back_only_the_tag() {
    let (p, token) = (module(), Token::new("streaming"));
    let session = token.user();
    let key = aes_key(session, &Attrs::new());
    let mechanism = Mech::gcm(&[9; 12], b"aad", 128);
    let sealed = p.encrypt(session, &mechanism, key, &[0x55; 1000]).unwrap();
    assert_eq!(p11!(p, C_DecryptInit(session, &mut mechanism.raw(), key)), CKR_OK);
    let (mut out, mut length) = ([0u8; 1000], 1000);
    assert_eq!(p11!(p, C_DecryptUpdate(session, at(&sealed[..500]), 500, out.as_mut_ptr(), &mut length)), CKR_OK);
    assert_eq!(length, 484);
    assert_eq!(out[..484], [0x55; 484]);
    let mut rest = sealed[500..].to_vec();
    *rest.last_mut().unwrap() ^= 1;
    length = 1000;
    assert_eq!(p11!(p, C_DecryptUpdate(session, at(&rest), len(&rest), out.as_mut_ptr(), &mut length)), CKR_OK);
    length = 1000;
    assert_eq!(p11!(p, C_DecryptFinal(session, out.as_mut_ptr(), &mut length)), CKR_ENCRYPTED_DATA_INVALID);
    length = 1000;
    assert_eq!(p11!(p, C_DecryptFinal(session, out.as_mut_ptr(), &mut length)), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn a_length_query_and_a_short_buffer_leave_the_operation_as_it_was() {
    let (p, token) = (module(), Token::new("lengths"));
    let session = token.user();
    let key = aes_key(session, &Attrs::new());
    let mechanism = Mech::iv(CKM_AES_CBC_PAD, &[0; 16]);
    assert_eq!(p11!(p, C_EncryptInit(session, &mut mechanism.raw(), key)), CKR_OK);
    let (mut out, mut length) = ([0u8; 64], 0);
    for _ in 0..3 {
        assert_eq!(p11!(p, C_Encrypt(session, at(b"hello"), 5, null_mut(), &mut length)), CKR_OK);
        assert_eq!(length, 16);
        length = 15;
        assert_eq!(p11!(p, C_Encrypt(session, at(b"hello"), 5, out.as_mut_ptr(), &mut length)), CKR_BUFFER_TOO_SMALL);
        assert_eq!(length, 16);
    }
    assert_eq!(p11!(p, C_Encrypt(session, at(b"hello"), 5, out.as_mut_ptr(), &mut length)), CKR_OK);
    let sealed = out[..16].to_vec();
    // The plaintext is five bytes: a buffer of five will do, though the token could only promise no more than sixteen.
    assert_eq!(p11!(p, C_DecryptInit(session, &mut mechanism.raw(), key)), CKR_OK);
    length = 4;
    assert_eq!(p11!(p, C_Decrypt(session, at(&sealed), 16, out.as_mut_ptr(), &mut length)), CKR_BUFFER_TOO_SMALL);
    assert_eq!(length, 5);
    assert_eq!(p11!(p, C_Decrypt(session, at(&sealed), 16, out.as_mut_ptr(), &mut length)), CKR_OK);
    assert_eq!(&out[..5], b"hello");
}

#[test]
fn a_signature_asks_for_its_room_first() {
    let (p, token) = (module(), Token::new("room"));
    let session = token.user();
    let (public, private) = ec_pair(session, P256, &Attrs::new());
    let mechanism = Mech::new(CKM_ECDSA_SHA256);
    p.sign_init(session, &mechanism, private).unwrap();
    let (mut out, mut length) = ([0u8; 64], 63);
    assert_eq!(p11!(p, C_Sign(session, at(b"data"), 4, out.as_mut_ptr(), &mut length)), CKR_BUFFER_TOO_SMALL);
    assert_eq!(length, 64);
    assert_eq!(p11!(p, C_SignUpdate(session, at(b"da"), 2)), CKR_OK);
    assert_eq!(p11!(p, C_SignUpdate(session, at(b"ta"), 2)), CKR_OK);
    assert_eq!(p11!(p, C_SignFinal(session, null_mut(), &mut length)), CKR_OK);
    length = 10;
    assert_eq!(p11!(p, C_SignFinal(session, out.as_mut_ptr(), &mut length)), CKR_BUFFER_TOO_SMALL);
    assert_eq!(p11!(p, C_SignFinal(session, out.as_mut_ptr(), &mut length)), CKR_OK);
    p.verify(session, &mechanism, public, b"data", &out).unwrap();
    assert_eq!(p.verify(session, &mechanism, public, b"dada", &out), Err(CKR_SIGNATURE_INVALID));
    assert_eq!(p.verify(session, &mechanism, public, b"data", &out[..63]), Err(CKR_SIGNATURE_LEN_RANGE));
}

#[test]
fn an_operation_is_one_of_its_kind_and_a_null_mechanism_ends_it() {
    let (p, token) = (module(), Token::new("kinds"));
    let session = token.user();
    let key = aes_key(session, &Attrs::new());
    let (mut gcm, mut cmac) = (Mech::gcm(&[0; 12], b"", 128), Mech::new(CKM_AES_CMAC));
    let (gcm, cmac) = (&mut gcm, &mut cmac);
    let begin = || {
        [
            p11!(p, C_EncryptInit(session, &mut gcm.raw(), key)),
            p11!(p, C_DecryptInit(session, &mut gcm.raw(), key)),
            p11!(p, C_SignInit(session, &mut cmac.raw(), key)),
            p11!(p, C_VerifyInit(session, &mut cmac.raw(), key)),
            p11!(p, C_DigestInit(session, &mut Mech::new(CKM_SHA256).raw())),
        ]
    };
    assert_eq!(begin(), [CKR_OK; 5]);
    assert_eq!(begin(), [CKR_OPERATION_ACTIVE; 5]);
    let end = [
        p11!(p, C_EncryptInit(session, null_mut(), 0)),
        p11!(p, C_DecryptInit(session, null_mut(), 0)),
        p11!(p, C_SignInit(session, null_mut(), 0)),
        p11!(p, C_VerifyInit(session, null_mut(), 0)),
        p11!(p, C_DigestInit(session, null_mut())),
    ];
    assert_eq!(end, [CKR_OK; 5]);
    assert_eq!(begin(), [CKR_OK; 5]);
    let all = CKF_ENCRYPT | CKF_DECRYPT | CKF_SIGN | CKF_VERIFY | CKF_DIGEST;
    assert_eq!(p11v3!(p, C_SessionCancel(session, all)), CKR_OK);
    assert_eq!(begin(), [CKR_OK; 5]);
}

#[test]
fn parts_end_by_final_only() {
    let (p, token) = (module(), Token::new("final"));
    let session = token.user();
    assert_eq!(p11!(p, C_DigestInit(session, &mut Mech::new(CKM_SHA256).raw())), CKR_OK);
    assert_eq!(p11!(p, C_DigestUpdate(session, at(b"a"), 1)), CKR_OK);
    let (mut out, mut length) = ([0u8; 32], 32);
    assert_eq!(p11!(p, C_Digest(session, at(b"b"), 1, out.as_mut_ptr(), &mut length)), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(p11!(p, C_DigestFinal(session, out.as_mut_ptr(), &mut length)), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn digests_agree_with_published_values() {
    let (p, token) = (module(), Token::new("digests"));
    let session = token.session();
    let hex = |mechanism| {
        let digest = p.digest(session, &Mech::new(mechanism), b"abc").unwrap();
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    assert_eq!(hex(CKM_SHA_1), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(hex(CKM_SHA256), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(hex(CKM_SHA3_256), "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
}

#[test]
fn a_key_can_be_digested() {
    let (p, token) = (module(), Token::new("digest key"));
    let session = token.user();
    let secret = Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_GENERIC_SECRET).bytes(CKA_VALUE, b"abc");
    let key = p.create(session, &secret).unwrap();
    let mut sha256 = Mech::new(CKM_SHA256).raw();
    assert_eq!(p11!(p, C_DigestKey(session, key)), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(p11!(p, C_DigestInit(session, &mut sha256)), CKR_OK);
    assert_eq!(p11!(p, C_DigestKey(session, key)), CKR_OK);
    let (mut out, mut length) = ([0u8; 32], 32);
    assert_eq!(p11!(p, C_DigestFinal(session, out.as_mut_ptr(), &mut length)), CKR_OK);
    assert_eq!(out.to_vec(), p.digest(session, &Mech::new(CKM_SHA256), b"abc").unwrap());
    assert_eq!(p11!(p, C_DigestInit(session, &mut sha256)), CKR_OK);
    let (public, _) = ec_pair(session, P256, &Attrs::new());
    assert_eq!(p11!(p, C_DigestKey(session, public)), CKR_KEY_INDIGESTIBLE);
}

#[test]
fn a_key_that_asks_for_a_login_of_its_own_gets_one_each_time() {
    let (p, token) = (module(), Token::new("always"));
    let session = token.user();
    let (_, private) = ec_pair(session, P256, &Attrs::new().flag(CKA_ALWAYS_AUTHENTICATE, true));
    let mechanism = Mech::new(CKM_ECDSA_SHA256);
    let mut out = [0u8; 64];
    let mut sign = || {
        let mut length = 64;
        p11!(p, C_Sign(session, at(b"x"), 1, out.as_mut_ptr(), &mut length))
    };
    assert_eq!(p.login(session, CKU_CONTEXT_SPECIFIC, PIN), Err(CKR_OPERATION_NOT_INITIALIZED));
    p.sign_init(session, &mechanism, private).unwrap();
    assert_eq!(sign(), CKR_USER_NOT_LOGGED_IN);
    for _ in 0..2 {
        p.sign_init(session, &mechanism, private).unwrap();
        assert_eq!(p.login(session, CKU_CONTEXT_SPECIFIC, b"wrong pin"), Err(CKR_PIN_INCORRECT));
        p.login(session, CKU_CONTEXT_SPECIFIC, PIN).unwrap();
        assert_eq!(sign(), CKR_OK);
    }
    assert_eq!(p.find(session, &Attrs::new().class(CKO_PRIVATE_KEY)).unwrap(), [private], "the user stayed logged in");
}

#[test]
fn large_data_travels_whole() {
    let (p, token) = (module(), Token::new("large"));
    let session = token.user();
    let key = aes_key(session, &Attrs::new());
    let data = vec![0xa5u8; 5 << 20];
    let mechanism = Mech::gcm(&[1; 12], b"", 128);
    let sealed = p.encrypt(session, &mechanism, key, &data).unwrap();
    assert_eq!(sealed.len(), data.len() + 16);
    assert_eq!(p.decrypt(session, &mechanism, key, &sealed).unwrap(), data);
}

#[test]
fn random_bytes_come_in_any_amount() {
    let (p, token) = (module(), Token::new("random"));
    let session = token.session();
    assert_eq!(p.random(session, 0).unwrap(), []);
    let (one, other) = (p.random(session, 3 << 20).unwrap(), p.random(session, 3 << 20).unwrap());
    assert_ne!(one, other);
    assert!(one.chunks(4096).all(|page| page.iter().any(|byte| *byte != 0)));
    assert_eq!(p11!(p, C_SeedRandom(session, at(b"seed"), 4)), CKR_OK);
}
