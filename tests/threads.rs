//! Sixteen threads, a session each, any mix of calls.

#![allow(unsafe_code)] // calls of C functions, by the macro p11!

mod common;

use common::fixture::*;
use common::p11::*;
use cryptoki_sys::*;

fn mix(token: &Token, who: u8) {
    let p = module();
    let session = token.user();
    let (public, private) = ec_pair(session, P256, &Attrs::new().bytes(CKA_ID, &[who]));
    let key = aes_key(session, &Attrs::new().bytes(CKA_ID, &[who]).flag(CKA_TOKEN, who.is_multiple_of(4)));
    for round in 0..40u8 {
        let data = [who, round].repeat(50);
        let signature = p.sign(session, &Mech::new(CKM_ECDSA_SHA256), private, &data).unwrap();
        p.verify(session, &Mech::new(CKM_ECDSA_SHA256), public, &data, &signature).unwrap();
        let gcm = Mech::gcm(&[round; 12], &[who], 128);
        let sealed = p.encrypt(session, &gcm, key, &data).unwrap();
        assert_eq!(p.decrypt(session, &gcm, key, &sealed).unwrap(), data);
        assert_eq!(p.find(session, &Attrs::new().bytes(CKA_ID, &[who])).unwrap().len(), 2);
        let other = token.reader();
        assert_eq!(
            p.digest(other, &Mech::new(CKM_SHA256), &data).unwrap(),
            p.digest(session, &Mech::new(CKM_SHA256), &data).unwrap()
        );
        p.close(other).unwrap();
        let object = p.create(session, &Attrs::new().class(CKO_DATA).bytes(CKA_VALUE, &data)).unwrap();
        p.destroy(session, object).unwrap();
        p.random(session, 100).unwrap();
    }
}

#[test]
fn sixteen_threads_do_whatever_they_like() {
    let token = Token::new("threads");
    let kept = token.user();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|who| {
                scope.spawn({
                    let token = &token;
                    move || mix(token, who)
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let tokens_keys = Attrs::new().flag(CKA_TOKEN, true).key_type(CKK_AES);
    assert_eq!(module().find(kept, &tokens_keys).unwrap().len(), 4);
}

#[test]
fn logins_race_and_one_wins() {
    let (p, token) = (module(), Token::new("race"));
    let sessions: Vec<_> = (0..16).map(|_| token.session()).collect();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = sessions.iter().map(|session| scope.spawn(|| p.login(*session, CKU_USER, PIN))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer, Ok(()) | Err(CKR_USER_ALREADY_LOGGED_IN))));
}
