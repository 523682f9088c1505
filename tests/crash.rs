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
        let tried = module().open_rw(token.slot).and_then(|session| {
            match module().login(session, CKU_USER, PIN) {
                Ok(()) | Err(CKR_USER_ALREADY_LOGGED_IN) => Ok(session),
                Err(rv) => Err(rv),
            }
        });
        match tried {
            Ok(session) => return session,
            Err(rv) => assert!(since.elapsed() < Duration::from_secs(20), "no session again: {rv:#x}"),
        }
    }
}

/// Makes key pairs under rising ids until the vault is gone; returns the id that was under way.
fn make_until_the_end(session: CK_SESSION_HANDLE, mut id: u64, acknowledged: &mut BTreeSet<u64>) -> u64 {
    loop {
        let both = Attrs::new().flag(CKA_TOKEN, true).bytes(CKA_ID, &id.to_be_bytes());
        let public = Attrs::new().bytes(CKA_EC_PARAMS, P256).and(&both);
        match module().generate_pair(session, &Mech::new(CKM_EC_KEY_PAIR_GEN), &public, &both) {
            Ok(_) => acknowledged.insert(id),
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
    let mut dice = 88172645463325252u64;
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
        }
    }
    println!("{} rounds, {} key pairs acknowledged, {} under way when the vault was killed", rounds(), acknowledged.len(), doubtful.len());
}

/// Every acknowledged pair is there whole and works; one that was under way is there whole or not at all.
fn check(session: CK_SESSION_HANDLE, acknowledged: &BTreeSet<u64>, doubtful: &BTreeSet<u64>) {
    let p = module();
    let halves = |id: u64| p.find(session, &Attrs::new().bytes(CKA_ID, &id.to_be_bytes())).unwrap().len();
    for id in acknowledged {
        assert_eq!(halves(*id), 2, "acknowledged pair {id}");
    }
    let mut extra = 0;
    for id in doubtful {
        match halves(*id) {
            0 => {}
            2 => extra += 1,
            half => panic!("pair {id} has {half} halves"),
        }
    }
    let all = p.find(session, &Attrs::new().class(CKO_PRIVATE_KEY)).unwrap();
    assert_eq!(all.len(), acknowledged.len() + extra);
    if let Some(last) = all.last() {
        p.sign(session, &Mech::new(CKM_ECDSA_SHA256), *last, b"still works").unwrap();
    }
}
