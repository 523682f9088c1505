//! The vault is killed in the midst of key creation, again and again: everything that was acknowledged is there, nothing
//! half-made, and the application goes on without restarting.
//!
//! `STRONGROOM_ROUNDS` says how often (default 60; the release check runs 500).

#![allow(unsafe_code)]

mod common;

use common::fixture::*;
use common::p11::*;
use cryptoki_sys::*;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use strongroom_pkcs11::client::Client;
use strongroom_pkcs11::config::Home;

fn rounds() -> u64 {
    std::env::var("STRONGROOM_ROUNDS").ok().and_then(|count| count.parse().ok()).unwrap_or(60)
}

/// The vault's process. Asked by a client of its own, whose application has no session and loses nothing.
fn vault() -> u64 {
    let home = std::env::var_os("STRONGROOM_HOME").expect("the home of the tests");
    let client = Client::new(Home::at(home.into()).unwrap()).unwrap();
    client.calls().status().expect("a vault").pid
}

/// A session with the user logged in, whatever happened to the vault.
fn again(token: &Token) -> CK_SESSION_HANDLE {
    let since = Instant::now();
    loop {
        let tried = module().open_rw(token.slot).and_then(|session| match module().login(session, CKU_USER, PIN) {
            Ok(()) | Err(CKR_USER_ALREADY_LOGGED_IN) => Ok(session),
            Err(rv) => Err(rv),
        });
        match tried {
            Ok(session) => return session,
            Err(rv) => assert!(since.elapsed() < Duration::from_secs(20), "no session again: {rv:#x}"),
        }
    }
}

/// Whether a pair is made under this id: two objects that must come together. The others are secret keys.
fn is_pair(id: u64) -> bool {
    id % 8 == 7
}

/// Makes keys under rising ids until the vault is gone; returns the id that was under way.
fn make_until_the_end(session: CK_SESSION_HANDLE, mut id: u64, acknowledged: &mut BTreeSet<u64>) -> u64 {
    loop {
        let key = Attrs::new().flag(CKA_TOKEN, true).bytes(CKA_ID, &id.to_be_bytes());
        let made = if is_pair(id) {
            let public = Attrs::new().bytes(CKA_EC_PARAMS, P256).and(&key);
            module().generate_pair(session, &Mech::new(CKM_EC_KEY_PAIR_GEN), &public, &key).map(drop)
        } else {
            module().generate(session, &Mech::new(CKM_AES_KEY_GEN), &key.number(CKA_VALUE_LEN, 32)).map(drop)
        };
        match made {
            Ok(()) => acknowledged.insert(id),
            Err(rv) => {
                assert!([CKR_DEVICE_ERROR, CKR_SESSION_HANDLE_INVALID].contains(&rv), "key creation answered {rv:#x}");
                return id;
            }
        };
        id += 1;
    }
}

#[test]
fn a_killed_vault_loses_nothing_that_it_acknowledged() {
    if std::env::var("STRONGROOM_TEST_ENGINE").is_ok_and(|engine| engine == "in-process") {
        return; // there is no vault to kill: the engine dies with the application
    }
    let token = Token::new("crash");
    let (mut acknowledged, mut id, mut doubtful) = (BTreeSet::new(), 0, BTreeSet::new());
    let (mut dice, mut total) = (88172645463325252u64, 0);
    for round in 0..rounds() {
        let session = again(&token);
        let pid = vault();
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(dice % 60_000));
            // SAFETY: ends the vault of this test.
            unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
        });
        let under_way = make_until_the_end(session, id, &mut acknowledged);
        killer.join().unwrap();
        doubtful.insert(under_way);
        id = under_way + 1;
        assert_eq!(module().get(session, 1, CKA_CLASS), Err(CKR_SESSION_HANDLE_INVALID), "the old session is gone");
        if round % 20 == 19 || round + 1 == rounds() {
            check(again(&token), &acknowledged, &doubtful);
            total += acknowledged.len();
            (acknowledged, doubtful) = (BTreeSet::new(), BTreeSet::new());
        }
    }
    println!("{} rounds, {total} keys acknowledged, all there", rounds());
}

/// Every acknowledged key is there, a pair with both halves, and works; one that was under way is there whole or not at all.
fn check(session: CK_SESSION_HANDLE, acknowledged: &BTreeSet<u64>, doubtful: &BTreeSet<u64>) {
    let p = module();
    let objects = |id: u64| p.find(session, &Attrs::new().bytes(CKA_ID, &id.to_be_bytes())).unwrap();
    let whole = |id: u64| if is_pair(id) { 2 } else { 1 };
    for id in acknowledged {
        assert_eq!(objects(*id).len(), whole(*id), "acknowledged key {id}");
    }
    let mut there: usize = acknowledged.iter().map(|id| whole(*id)).sum();
    for id in doubtful {
        let found = objects(*id).len();
        assert!(found == 0 || found == whole(*id), "key {id} is half-made");
        there += found;
    }
    assert_eq!(p.find(session, &Attrs::new()).unwrap().len(), there, "nothing else has come to be");
    for private in p.find(session, &Attrs::new().class(CKO_PRIVATE_KEY)).unwrap().into_iter().rev().take(5) {
        p.sign(session, &Mech::new(CKM_ECDSA_SHA256), private, b"still works").unwrap();
    }
    // The next rounds begin with an empty token, so that starting a vault does not take longer and longer.
    for object in p.find(session, &Attrs::new()).unwrap() {
        p.destroy(session, object).unwrap();
    }
}
