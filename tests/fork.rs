//! Fork in both styles that clients use: the child that calls C_Initialize again, and the child that just goes on.

#![allow(unsafe_code)]

mod common;

use common::fixture::*;
use common::p11::*;
use cryptoki_sys::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Runs `work` in a child; its panics and hangs are failures here.
fn in_child(work: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child runs test code and leaves by _exit.
    match unsafe { libc::fork() } {
        0 => {
            let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err();
            // SAFETY: ends the child without running what belongs to the parent.
            unsafe { libc::_exit(i32::from(failed)) }
        }
        child => {
            assert!(child > 0, "fork");
            child
        }
    }
}

fn wait(child: libc::pid_t) {
    let since = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: waits for a child of this process.
        let ended = unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) };
        if ended == child {
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the child failed: status {status:#x}");
            return;
        }
        if since.elapsed() > Duration::from_secs(30) {
            // SAFETY: ends a child that hangs.
            unsafe { libc::kill(child, libc::SIGKILL) };
            panic!("the child hangs");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn digest(session: CK_SESSION_HANDLE, data: &[u8]) -> Vec<u8> {
    module().digest(session, &Mech::new(CKM_SHA256), data).expect("a digest")
}

#[test]
fn a_child_that_initialises_is_an_application_of_its_own() {
    let (p, token) = (module(), Token::new("initialises"));
    let session = token.user();
    let key = aes_key(session, &Attrs::new());
    wait(in_child(|| {
        p.initialize().expect("C_Initialize in the child");
        assert_eq!(p.initialize(), Err(CKR_CRYPTOKI_ALREADY_INITIALIZED));
        assert_eq!(p.get(session, key, CKA_CLASS), Err(CKR_SESSION_HANDLE_INVALID));
        let own = token.user();
        aes_key(own, &Attrs::new());
        p.finalize().expect("C_Finalize in the child");
    }));
    assert_eq!(p.get(session, key, CKA_CLASS).unwrap(), CKO_SECRET_KEY.to_ne_bytes());
}

#[test]
fn a_child_that_goes_on_has_its_own_copy_of_everything() {
    let (p, token) = (module(), Token::new("goes on"));
    let session = token.user();
    let of_session = aes_key(session, &Attrs::new().text(CKA_LABEL, "of the session"));
    let (public, private) = ec_pair(session, P256, &Attrs::new().flag(CKA_TOKEN, true));
    let mechanism = Mech::new(CKM_ECDSA_SHA256);
    let child = in_child(|| {
        let signature = p.sign(session, &mechanism, private, b"child").expect("the child signs");
        p.verify(session, &mechanism, public, b"child", &signature).expect("and verifies");
        assert_eq!(p.get(session, of_session, CKA_LABEL).unwrap(), b"of the session");
        p.destroy(session, of_session).expect("destroys its own copy");
        p.logout(session).expect("logs itself out");
        assert_eq!(p.initialize(), Err(CKR_CRYPTOKI_ALREADY_INITIALIZED));
    });
    wait(child);
    assert_eq!(p.get(session, of_session, CKA_LABEL).unwrap(), b"of the session", "the parent's object is there");
    p.sign(session, &mechanism, private, b"parent").expect("the parent is logged in");
}

#[test]
fn an_operation_goes_on_in_both() {
    let (p, token) = (module(), Token::new("operation"));
    let session = token.user();
    assert_eq!(p11!(p, C_DigestInit(session, &mut Mech::new(CKM_SHA256).raw())), CKR_OK);
    assert_eq!(p11!(p, C_DigestUpdate(session, at(b"both, "), 6)), CKR_OK);
    let end = |data: &[u8]| {
        assert_eq!(p11!(p, C_DigestUpdate(session, at(data), len(data))), CKR_OK);
        let (mut out, mut length) = ([0u8; 32], 32);
        assert_eq!(p11!(p, C_DigestFinal(session, out.as_mut_ptr(), &mut length)), CKR_OK);
        out.to_vec()
    };
    let child = in_child(|| {
        let ended = end(b"child");
        assert_eq!(ended, digest(session, b"both, child"));
    });
    wait(child);
    let ended = end(b"parent");
    assert_eq!(ended, digest(session, b"both, parent"));
}

#[test]
fn parent_and_children_never_get_each_others_answers() {
    let (p, token) = (module(), Token::new("answers"));
    let session = token.user();
    let expected: Vec<Vec<u8>> = (0..6u8).map(|who| digest(session, &[who; 100])).collect();
    let work = |who: u8| {
        for _ in 0..200 {
            assert_eq!(digest(session, &[who; 100]), expected[usize::from(who)]);
        }
    };
    let children: Vec<_> = (1..6).map(|who| in_child(move || work(who))).collect();
    work(0);
    children.into_iter().for_each(wait);
    p.close(session).unwrap();
}

#[test]
fn a_fork_amid_busy_threads_hangs_nobody() {
    let token = Token::new("busy");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let session = token.session();
                while !stop.load(Ordering::Relaxed) {
                    digest(session, b"busy");
                }
            });
        }
        let session = token.session();
        let expected = digest(session, b"child");
        for round in 0..40 {
            let expected = expected.clone();
            let initialises = round % 2 == 0;
            wait(in_child(move || {
                if initialises {
                    module().initialize().expect("C_Initialize in the child");
                    assert_eq!(digest(token_session(token.slot), b"child"), expected);
                } else {
                    assert_eq!(digest(session, b"child"), expected);
                }
            }));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

fn token_session(slot: CK_SLOT_ID) -> CK_SESSION_HANDLE {
    module().open_rw(slot).expect("a session")
}

#[test]
fn a_grandchild_whose_parent_has_ended_goes_on() {
    let token = Token::new("daemon");
    let session = token.user();
    let expected = digest(session, b"daemon");
    let mut pipe = [0; 2];
    // SAFETY: makes two descriptors in a local array.
    assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
    wait(in_child(|| {
        // The daemon's way: fork again and let the one between go.
        in_child(|| {
            std::thread::sleep(Duration::from_millis(100));
            let right = digest(session, b"daemon") == expected;
            // SAFETY: one byte from a local.
            unsafe { libc::write(pipe[1], (&raw const right).cast(), 1) };
        });
    }));
    let mut answer = 0u8;
    // SAFETY: one byte into a local.
    assert_eq!(unsafe { libc::read(pipe[0], (&raw mut answer).cast(), 1) }, 1);
    assert_eq!(answer, 1);
}
