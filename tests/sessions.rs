//! Slots, tokens, sessions and logins through the C interface (sections 5.5 and 5.6 of the standard).

#![allow(unsafe_code)] // calls of C functions, by the macro p11!

mod common;

use common::fixture::*;
use common::p11::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn state(session: CK_SESSION_HANDLE) -> CK_STATE {
    let mut info = CK_SESSION_INFO::default();
    assert_eq!(p11!(module(), C_GetSessionInfo(session, &mut info)), CKR_OK);
    info.state
}

#[test]
fn there_is_always_one_free_slot_and_numbers_stay_small() {
    let (p, first) = (module(), Token::new("slots"));
    let slots = p.slots(true).unwrap();
    assert!(slots.contains(&first.slot) && slots.contains(&uninitialised_slot()));
    assert!(slots.iter().all(|slot| *slot < 1000));
    assert_eq!(p.slots(false).unwrap().len(), p.slots(true).unwrap().len());
}

#[test]
fn a_token_tells_its_label_and_a_unique_serial_number() {
    let (p, one, other) = (module(), Token::new("label of mine"), Token::new("other"));
    let (one, other) = (p.token_info(one.slot).unwrap(), p.token_info(other.slot).unwrap());
    assert_eq!(&one.label[..], format!("{:32}", "label of mine").as_bytes());
    assert_ne!(one.serialNumber, other.serialNumber);
    assert!(one.serialNumber.iter().all(|byte| byte.is_ascii_alphanumeric()));
    let expected = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
    assert_eq!(one.flags & expected, expected);
    assert_eq!(one.ulMaxSessionCount, CK_EFFECTIVELY_INFINITE);
}

#[test]
fn a_token_made_anew_keeps_slot_and_serial_and_loses_its_objects_and_user() {
    let (p, token) = (module(), Token::new("anew"));
    let serial = p.token_info(token.slot).unwrap().serialNumber;
    let session = token.user();
    aes_key(session, &Attrs::new().flag(CKA_TOKEN, true).text(CKA_LABEL, "gone"));
    assert_eq!(p.init_token(token.slot, SO_PIN, "again"), Err(CKR_SESSION_EXISTS));
    p.close(session).unwrap();
    assert_eq!(p.init_token(token.slot, b"not the pin", "again"), Err(CKR_PIN_INCORRECT));
    p.init_token(token.slot, SO_PIN, "again").unwrap();
    let info = p.token_info(token.slot).unwrap();
    assert_eq!(info.serialNumber, serial);
    assert_eq!(info.flags & CKF_USER_PIN_INITIALIZED, 0);
    let session = token.session();
    assert_eq!(p.login(session, CKU_USER, PIN), Err(CKR_USER_PIN_NOT_INITIALIZED));
    p.login(session, CKU_SO, SO_PIN).unwrap();
    p.init_pin(session, PIN).unwrap();
    p.logout(session).unwrap();
    p.login(session, CKU_USER, PIN).unwrap();
    assert_eq!(p.find(session, &Attrs::new()).unwrap(), []);
}

#[test]
fn states_follow_session_and_login() {
    let (p, token) = (module(), Token::new("states"));
    let (reader, writer) = (token.reader(), token.session());
    assert_eq!((state(reader), state(writer)), (CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION));
    p.login(reader, CKU_USER, PIN).unwrap();
    assert_eq!((state(reader), state(writer)), (CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS));
    p.logout(writer).unwrap();
    assert_eq!((state(reader), state(writer)), (CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION));
    p.close(reader).unwrap();
    p.login(writer, CKU_SO, SO_PIN).unwrap();
    assert_eq!(state(writer), CKS_RW_SO_FUNCTIONS);
}

#[test]
fn the_officer_and_read_only_sessions_exclude_each_other() {
    let (p, token) = (module(), Token::new("exclusion"));
    let (reader, writer) = (token.reader(), token.session());
    assert_eq!(p.login(writer, CKU_SO, SO_PIN), Err(CKR_SESSION_READ_ONLY_EXISTS));
    p.close(reader).unwrap();
    p.login(writer, CKU_SO, SO_PIN).unwrap();
    assert_eq!(p.open(token.slot, CKF_SERIAL_SESSION), Err(CKR_SESSION_READ_WRITE_SO_EXISTS));
}

#[test]
fn one_user_at_a_time() {
    let (p, token) = (module(), Token::new("one user"));
    let session = token.session();
    p.login(session, CKU_USER, PIN).unwrap();
    assert_eq!(p.login(session, CKU_USER, PIN), Err(CKR_USER_ALREADY_LOGGED_IN));
    assert_eq!(p.login(session, CKU_SO, SO_PIN), Err(CKR_USER_ANOTHER_ALREADY_LOGGED_IN));
    assert_eq!(p.login(session, 77, PIN), Err(CKR_USER_TYPE_INVALID));
    p.logout(session).unwrap();
    assert_eq!(p.logout(session), Err(CKR_USER_NOT_LOGGED_IN));
}

#[test]
fn the_last_session_closed_logs_out() {
    let (p, token) = (module(), Token::new("last session"));
    let (one, other) = (token.user(), token.session());
    p.close(one).unwrap();
    assert_eq!(state(other), CKS_RW_USER_FUNCTIONS);
    p.close(other).unwrap();
    let session = token.session();
    assert_eq!(state(session), CKS_RW_PUBLIC_SESSION);
    p.login(session, CKU_USER, PIN).unwrap();
    assert_eq!(p11!(p, C_CloseAllSessions(token.slot)), CKR_OK);
    assert_eq!(p.close(session), Err(CKR_SESSION_HANDLE_INVALID));
    assert_eq!(state(token.session()), CKS_RW_PUBLIC_SESSION);
}

#[test]
fn flags_tell_of_wrong_pins_until_the_lock_and_the_officer_undoes_it() {
    let (p, token) = (module(), Token::new("lock"));
    let session = token.session();
    let flags = || {
        p.token_info(token.slot).unwrap().flags
            & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)
    };
    assert_eq!(flags(), 0);
    for tried in 1..=5 {
        assert_eq!(p.login(session, CKU_USER, b"wrong pin"), Err(CKR_PIN_INCORRECT));
        let expected = match tried {
            5 => CKF_USER_PIN_LOCKED,
            4 => CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY,
            _ => CKF_USER_PIN_COUNT_LOW,
        };
        assert_eq!(flags(), expected, "after {tried}");
    }
    assert_eq!(p.login(session, CKU_USER, PIN), Err(CKR_PIN_LOCKED));
    p.login(session, CKU_SO, SO_PIN).unwrap();
    p.init_pin(session, b"a new one").unwrap();
    p.logout(session).unwrap();
    assert_eq!(flags(), 0);
    assert_eq!(p.login(session, CKU_USER, PIN), Err(CKR_PIN_INCORRECT));
    p.login(session, CKU_USER, b"a new one").unwrap();
    assert_eq!(flags(), 0);
}

#[test]
fn a_right_pin_clears_the_count() {
    let (p, token) = (module(), Token::new("clears"));
    let session = token.session();
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(p.login(session, CKU_USER, b"wrong pin"), Err(CKR_PIN_INCORRECT));
        }
        p.login(session, CKU_USER, PIN).unwrap();
        p.logout(session).unwrap();
    }
}

#[test]
fn pins_change_by_their_owner_and_keep_the_objects() {
    let (p, token) = (module(), Token::new("change"));
    let session = token.user();
    aes_key(session, &Attrs::new().flag(CKA_TOKEN, true).text(CKA_LABEL, "kept"));
    assert_eq!(p.set_pin(session, b"wrong pin", b"newer-pin"), Err(CKR_PIN_INCORRECT));
    assert_eq!(p.set_pin(session, PIN, b"abc"), Err(CKR_PIN_LEN_RANGE));
    assert_eq!(p.set_pin(session, PIN, &[b'x'; 256]), Err(CKR_PIN_LEN_RANGE));
    p.set_pin(session, PIN, b"newer-pin").unwrap();
    p.logout(session).unwrap();
    assert_eq!(p.login(session, CKU_USER, PIN), Err(CKR_PIN_INCORRECT));
    p.login(session, CKU_USER, b"newer-pin").unwrap();
    assert_eq!(p.find(session, &Attrs::new().text(CKA_LABEL, "kept")).unwrap().len(), 1);
    p.logout(session).unwrap();
    p.set_pin(session, b"newer-pin", PIN).unwrap();
    assert_eq!(p.set_pin(token.reader(), PIN, b"newer-pin"), Err(CKR_SESSION_READ_ONLY));
    p.login(session, CKU_USER, PIN).unwrap();
}

#[test]
fn only_the_officer_sets_a_pin_for_the_user() {
    let (p, token) = (module(), Token::new("init pin"));
    let session = token.session();
    assert_eq!(p.init_pin(session, PIN), Err(CKR_USER_NOT_LOGGED_IN));
    p.login(session, CKU_USER, PIN).unwrap();
    assert_eq!(p.init_pin(session, PIN), Err(CKR_USER_NOT_LOGGED_IN));
    p.logout(session).unwrap();
    p.login(session, CKU_SO, SO_PIN).unwrap();
    assert_eq!(p.init_pin(session, b"no"), Err(CKR_PIN_LEN_RANGE));
}

#[test]
fn open_session_takes_what_clients_pass_and_refuses_what_the_standard_does() {
    let (p, token) = (module(), Token::new("open"));
    let mut session = 0;
    let mut context = 7u8;
    unsafe extern "C" fn notify(_: CK_SESSION_HANDLE, _: CK_NOTIFICATION, _: *mut std::ffi::c_void) -> CK_RV {
        CKR_OK
    }
    let opened =
        p11!(p, C_OpenSession(token.slot, CKF_SERIAL_SESSION, (&raw mut context).cast(), Some(notify), &mut session));
    assert_eq!(opened, CKR_OK);
    assert_eq!(p.open(token.slot, 0), Err(CKR_SESSION_PARALLEL_NOT_SUPPORTED));
    assert_eq!(p.open(4711, CKF_SERIAL_SESSION), Err(CKR_SLOT_ID_INVALID));
    assert_eq!(p11!(p, C_OpenSession(token.slot, CKF_SERIAL_SESSION, null_mut(), None, null_mut())), CKR_ARGUMENTS_BAD);
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(p11!(p, C_GetTokenInfo(token.slot, &mut info)), CKR_OK);
    assert_eq!((info.ulSessionCount, info.ulRwSessionCount), (1, 0));
}
