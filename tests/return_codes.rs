//! Wrong calls and the return code that the standard names for each.
//!
//! The table is made of groups: what every function answers before C_Initialize, to a session that does not exist, to
//! a NULL pointer, with no operation active, to wrong keys, parameters, templates, lengths, PINs and buffers.
//! `STRONGROOM_CODES=FILE` writes the table as Markdown. With `STRONGROOM_PEER=MODULE` another module gets the same
//! calls, in child processes, on a token that is made in its first free slot; then the table has its answers beside
//! ours, under the name in `STRONGROOM_PEER_NAME`. That is how `docs/return-codes.md` is made.

#![allow(unsafe_code, clippy::too_many_lines)]

mod common;
mod return_codes_peer;

use common::fixture::{ED25519, P256, PIN, SO_PIN, X25519, new_home};
use common::p11::*;
use cryptoki_sys::*;
use std::fmt::Write as _;
use std::ptr::null_mut;

type Run = Box<dyn Fn(&Scene) -> CK_RV>;

/// A mechanism that does not fit, and why.
type Wrong = (&'static str, fn() -> Mech);
/// A function that fills a buffer: its name, and a call with a buffer and its length.
type Output = (&'static str, fn(&Scene, *mut CK_BYTE, *mut CK_ULONG) -> CK_RV);

struct Case {
    call: &'static str,
    wrong: String,
    expected: CK_RV,
    run: Run,
}

/// What a case finds: a session of its own with the user logged in, and the keys of the token.
struct Scene<'a> {
    p: &'a Module,
    slot: CK_SLOT_ID,
    s: CK_SESSION_HANDLE,
    aes: CK_OBJECT_HANDLE,
    hmac: CK_OBJECT_HANDLE,
    mute: CK_OBJECT_HANDLE,
    mute_private: CK_OBJECT_HANDLE,
    rsa: (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
    ec: (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
    /// A peer may have no such keys; what needs them cannot be tried there.
    ed: Option<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)>,
    x: Option<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)>,
    data: CK_OBJECT_HANDLE,
    extractable: CK_OBJECT_HANDLE,
}

fn code<T>(result: Rv<T>) -> CK_RV {
    result.err().unwrap_or(CKR_OK)
}

macro_rules! cases {
    ($list:ident: $($call:literal, $wrong:expr, $expected:expr, |$scene:ident| $run:expr;)*) => {
        $($list.push(Case { call: $call, wrong: $wrong.to_string(), expected: $expected, run: Box::new(move |$scene: &Scene| $run) });)*
    };
}

/// Buffers that are large enough for anything here.
fn buffer() -> ([u8; 1024], CK_ULONG) {
    ([0; 1024], 1024)
}

/// Every function that works in a session, called with session `s` and otherwise sensible arguments.
fn in_session(p: &Module, name: &'static str, s: CK_SESSION_HANDLE) -> CK_RV {
    let (mut out, mut length) = buffer();
    let (mut one, mut two, mut count) = (0, 0, 0);
    let out = out.as_mut_ptr();
    let mut info = CK_SESSION_INFO::default();
    let mut sha = Mech::new(CKM_SHA256).raw();
    let mut aes = Mech::new(CKM_AES_KEY_GEN).raw();
    let mut ec = Mech::new(CKM_EC_KEY_PAIR_GEN).raw();
    let class = Attrs::new().class(CKO_DATA);
    let mut template = class.raw();
    let t = template.as_mut_ptr();
    let (d, n) = (at(b"data"), 4);
    match name {
        "C_CloseSession" => p11!(p, C_CloseSession(s)),
        "C_GetSessionInfo" => p11!(p, C_GetSessionInfo(s, &mut info)),
        "C_Login" => p11!(p, C_Login(s, CKU_USER, d, n)),
        "C_Logout" => p11!(p, C_Logout(s)),
        "C_InitPIN" => p11!(p, C_InitPIN(s, d, n)),
        "C_SetPIN" => p11!(p, C_SetPIN(s, d, n, d, n)),
        "C_CreateObject" => p11!(p, C_CreateObject(s, t, 1, &mut one)),
        "C_CopyObject" => p11!(p, C_CopyObject(s, 1, t, 1, &mut one)),
        "C_DestroyObject" => p11!(p, C_DestroyObject(s, 1)),
        "C_GetObjectSize" => p11!(p, C_GetObjectSize(s, 1, &mut count)),
        "C_GetAttributeValue" => p11!(p, C_GetAttributeValue(s, 1, t, 1)),
        "C_SetAttributeValue" => p11!(p, C_SetAttributeValue(s, 1, t, 1)),
        "C_FindObjectsInit" => p11!(p, C_FindObjectsInit(s, t, 1)),
        "C_FindObjects" => p11!(p, C_FindObjects(s, &mut one, 1, &mut count)),
        "C_FindObjectsFinal" => p11!(p, C_FindObjectsFinal(s)),
        "C_EncryptInit" => p11!(p, C_EncryptInit(s, &mut sha, 1)),
        "C_Encrypt" => p11!(p, C_Encrypt(s, d, n, out, &mut length)),
        "C_EncryptUpdate" => p11!(p, C_EncryptUpdate(s, d, n, out, &mut length)),
        "C_EncryptFinal" => p11!(p, C_EncryptFinal(s, out, &mut length)),
        "C_DecryptInit" => p11!(p, C_DecryptInit(s, &mut sha, 1)),
        "C_Decrypt" => p11!(p, C_Decrypt(s, d, n, out, &mut length)),
        "C_DecryptUpdate" => p11!(p, C_DecryptUpdate(s, d, n, out, &mut length)),
        "C_DecryptFinal" => p11!(p, C_DecryptFinal(s, out, &mut length)),
        "C_DigestInit" => p11!(p, C_DigestInit(s, &mut sha)),
        "C_Digest" => p11!(p, C_Digest(s, d, n, out, &mut length)),
        "C_DigestUpdate" => p11!(p, C_DigestUpdate(s, d, n)),
        "C_DigestKey" => p11!(p, C_DigestKey(s, 1)),
        "C_DigestFinal" => p11!(p, C_DigestFinal(s, out, &mut length)),
        "C_SignInit" => p11!(p, C_SignInit(s, &mut sha, 1)),
        "C_Sign" => p11!(p, C_Sign(s, d, n, out, &mut length)),
        "C_SignUpdate" => p11!(p, C_SignUpdate(s, d, n)),
        "C_SignFinal" => p11!(p, C_SignFinal(s, out, &mut length)),
        "C_VerifyInit" => p11!(p, C_VerifyInit(s, &mut sha, 1)),
        "C_Verify" => p11!(p, C_Verify(s, d, n, d, n)),
        "C_VerifyUpdate" => p11!(p, C_VerifyUpdate(s, d, n)),
        "C_VerifyFinal" => p11!(p, C_VerifyFinal(s, d, n)),
        "C_GenerateKey" => p11!(p, C_GenerateKey(s, &mut aes, t, 1, &mut one)),
        "C_GenerateKeyPair" => p11!(p, C_GenerateKeyPair(s, &mut ec, t, 1, t, 1, &mut one, &mut two)),
        "C_WrapKey" => p11!(p, C_WrapKey(s, &mut aes, 1, 1, out, &mut length)),
        "C_UnwrapKey" => p11!(p, C_UnwrapKey(s, &mut aes, 1, d, n, t, 1, &mut one)),
        "C_DeriveKey" => p11!(p, C_DeriveKey(s, &mut aes, 1, t, 1, &mut one)),
        "C_SeedRandom" => p11!(p, C_SeedRandom(s, d, n)),
        "C_GenerateRandom" => p11!(p, C_GenerateRandom(s, out, 8)),
        _ => unreachable!("{name}"),
    }
}

const IN_SESSION: [&str; 43] = [
    "C_CloseSession",
    "C_GetSessionInfo",
    "C_Login",
    "C_Logout",
    "C_InitPIN",
    "C_SetPIN",
    "C_CreateObject",
    "C_CopyObject",
    "C_DestroyObject",
    "C_GetObjectSize",
    "C_GetAttributeValue",
    "C_SetAttributeValue",
    "C_FindObjectsInit",
    "C_FindObjects",
    "C_FindObjectsFinal",
    "C_EncryptInit",
    "C_Encrypt",
    "C_EncryptUpdate",
    "C_EncryptFinal",
    "C_DecryptInit",
    "C_Decrypt",
    "C_DecryptUpdate",
    "C_DecryptFinal",
    "C_DigestInit",
    "C_Digest",
    "C_DigestUpdate",
    "C_DigestKey",
    "C_DigestFinal",
    "C_SignInit",
    "C_Sign",
    "C_SignUpdate",
    "C_SignFinal",
    "C_VerifyInit",
    "C_Verify",
    "C_VerifyUpdate",
    "C_VerifyFinal",
    "C_GenerateKey",
    "C_GenerateKeyPair",
    "C_WrapKey",
    "C_UnwrapKey",
    "C_DeriveKey",
    "C_SeedRandom",
    "C_GenerateRandom",
];

fn at_slot(p: &Module, name: &'static str, slot: CK_SLOT_ID) -> CK_RV {
    let mut count = 0;
    match name {
        "C_GetSlotInfo" => p11!(p, C_GetSlotInfo(slot, &mut CK_SLOT_INFO::default())),
        "C_GetTokenInfo" => p11!(p, C_GetTokenInfo(slot, &mut CK_TOKEN_INFO::default())),
        "C_GetMechanismList" => p11!(p, C_GetMechanismList(slot, null_mut(), &mut count)),
        "C_GetMechanismInfo" => p11!(p, C_GetMechanismInfo(slot, CKM_SHA256, &mut CK_MECHANISM_INFO::default())),
        "C_InitToken" => code(p.init_token(slot, SO_PIN, "label")),
        "C_OpenSession" => code(p.open_rw(slot)),
        "C_CloseAllSessions" => p11!(p, C_CloseAllSessions(slot)),
        _ => unreachable!("{name}"),
    }
}

const AT_SLOT: [&str; 7] = [
    "C_GetSlotInfo",
    "C_GetTokenInfo",
    "C_GetMechanismList",
    "C_GetMechanismInfo",
    "C_InitToken",
    "C_OpenSession",
    "C_CloseAllSessions",
];

type Early = Box<dyn Fn(&Module) -> CK_RV>;

/// The calls that are made before C_Initialize.
fn before_initialisation() -> Vec<(&'static str, Early)> {
    let mut calls: Vec<(&'static str, Early)> = Vec::new();
    for name in IN_SESSION {
        calls.push((name, Box::new(move |p| in_session(p, name, 1))));
    }
    for name in AT_SLOT {
        calls.push((name, Box::new(move |p| at_slot(p, name, 0))));
    }
    calls.push(("C_GetInfo", Box::new(|p| p11!(p, C_GetInfo(&mut CK_INFO::default())))));
    calls.push(("C_GetSlotList", Box::new(|p| p11!(p, C_GetSlotList(0, null_mut(), &mut 0)))));
    let wait = |p: &Module| p11!(p, C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut 0, null_mut()));
    calls.push(("C_WaitForSlotEvent", Box::new(wait)));
    calls.push(("C_Finalize", Box::new(|p| p11!(p, C_Finalize(null_mut())))));
    calls
}

fn without_sessions_and_operations(list: &mut Vec<Case>) {
    for name in IN_SESSION {
        cases! { list: "", "a session that does not exist", CKR_SESSION_HANDLE_INVALID, |c| in_session(c.p, name, 0x7777_7777); }
        list.last_mut().unwrap().call = name;
    }
    for name in AT_SLOT {
        cases! { list: "", "a slot that does not exist", CKR_SLOT_ID_INVALID, |c| at_slot(c.p, name, 0x7777_7777); }
        list.last_mut().unwrap().call = name;
    }
    for name in [
        "C_FindObjects",
        "C_FindObjectsFinal",
        "C_Encrypt",
        "C_EncryptUpdate",
        "C_EncryptFinal",
        "C_Decrypt",
        "C_DecryptUpdate",
        "C_DecryptFinal",
        "C_Digest",
        "C_DigestUpdate",
        "C_DigestKey",
        "C_DigestFinal",
        "C_Sign",
        "C_SignUpdate",
        "C_SignFinal",
        "C_Verify",
        "C_VerifyUpdate",
        "C_VerifyFinal",
    ] {
        cases! { list: "", "no operation is active", CKR_OPERATION_NOT_INITIALIZED, |c| in_session(c.p, name, c.s); }
        list.last_mut().unwrap().call = name;
    }
    for name in ["C_CopyObject", "C_DestroyObject", "C_GetObjectSize", "C_GetAttributeValue", "C_SetAttributeValue"] {
        cases! { list: "", "an object that does not exist", CKR_OBJECT_HANDLE_INVALID, |c| in_session_object(c.p, name, c.s, 0x7777_7777); }
        list.last_mut().unwrap().call = name;
    }
}

fn in_session_object(p: &Module, name: &'static str, s: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> CK_RV {
    let template = Attrs::new().text(CKA_LABEL, "x");
    let mut raw = template.raw();
    let mut count = 0;
    match name {
        "C_CopyObject" => p11!(p, C_CopyObject(s, object, raw.as_mut_ptr(), 1, &mut count)),
        "C_DestroyObject" => p11!(p, C_DestroyObject(s, object)),
        "C_GetObjectSize" => p11!(p, C_GetObjectSize(s, object, &mut count)),
        "C_GetAttributeValue" => p11!(p, C_GetAttributeValue(s, object, raw.as_mut_ptr(), 1)),
        _ => p11!(p, C_SetAttributeValue(s, object, raw.as_mut_ptr(), 1)),
    }
}

fn null_pointers(list: &mut Vec<Case>) {
    const BAD: CK_RV = CKR_ARGUMENTS_BAD;
    cases! { list:
        "C_GetInfo", "pInfo is NULL", BAD, |c| p11!(c.p, C_GetInfo(null_mut()));
        "C_GetSlotList", "pulCount is NULL", BAD, |c| p11!(c.p, C_GetSlotList(0, null_mut(), null_mut()));
        "C_GetSlotInfo", "pInfo is NULL", BAD, |c| p11!(c.p, C_GetSlotInfo(c.slot, null_mut()));
        "C_GetTokenInfo", "pInfo is NULL", BAD, |c| p11!(c.p, C_GetTokenInfo(c.slot, null_mut()));
        "C_GetMechanismList", "pulCount is NULL", BAD, |c| p11!(c.p, C_GetMechanismList(c.slot, null_mut(), null_mut()));
        "C_GetMechanismInfo", "pInfo is NULL", BAD, |c| p11!(c.p, C_GetMechanismInfo(c.slot, CKM_SHA256, null_mut()));
        "C_WaitForSlotEvent", "pSlot is NULL", BAD, |c| p11!(c.p, C_WaitForSlotEvent(CKF_DONT_BLOCK, null_mut(), null_mut()));
        "C_WaitForSlotEvent", "pReserved is not NULL", BAD, |c| { let mut x = 0; p11!(c.p, C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut x, (&raw mut x).cast())) };
        "C_Initialize", "pReserved is not NULL", BAD, |c| { let mut arguments = CK_C_INITIALIZE_ARGS { CreateMutex: None, DestroyMutex: None, LockMutex: None, UnlockMutex: None, flags: 0, pReserved: std::ptr::dangling_mut() }; p11!(c.p, C_Initialize((&raw mut arguments).cast())) };
        "C_Initialize", "a second time", CKR_CRYPTOKI_ALREADY_INITIALIZED, |c| p11!(c.p, C_Initialize(null_mut()));
        "C_Finalize", "pReserved is not NULL", BAD, |c| { let mut x = 0u64; p11!(c.p, C_Finalize((&raw mut x).cast())) };
        "C_GetFunctionList", "ppFunctionList is NULL", BAD, |c| p11!(c.p, C_GetFunctionList(null_mut()));
        "C_InitToken", "pLabel is NULL", BAD, |c| p11!(c.p, C_InitToken(c.slot, at(SO_PIN), len(SO_PIN), null_mut()));
        "C_OpenSession", "phSession is NULL", BAD, |c| p11!(c.p, C_OpenSession(c.slot, CKF_SERIAL_SESSION, null_mut(), None, null_mut()));
        "C_GetSessionInfo", "pInfo is NULL", BAD, |c| p11!(c.p, C_GetSessionInfo(c.s, null_mut()));
        "C_Login", "pPin is NULL with a length", BAD, |c| p11!(c.p, C_Login(c.s, CKU_USER, null_mut(), 4));
        "C_CreateObject", "pTemplate is NULL with a count", BAD, |c| { let mut x = 0; p11!(c.p, C_CreateObject(c.s, null_mut(), 1, &mut x)) };
        "C_CreateObject", "phObject is NULL", BAD, |c| p11!(c.p, C_CreateObject(c.s, Attrs::new().class(CKO_DATA).raw().as_mut_ptr(), 1, null_mut()));
        "C_CopyObject", "phNewObject is NULL", BAD, |c| p11!(c.p, C_CopyObject(c.s, c.data, null_mut(), 0, null_mut()));
        "C_CopyObject", "pTemplate is NULL with a count", BAD, |c| { let mut x = 0; p11!(c.p, C_CopyObject(c.s, c.data, null_mut(), 2, &mut x)) };
        "C_GetObjectSize", "pulSize is NULL", BAD, |c| p11!(c.p, C_GetObjectSize(c.s, c.data, null_mut()));
        "C_GetAttributeValue", "pTemplate is NULL", BAD, |c| p11!(c.p, C_GetAttributeValue(c.s, c.data, null_mut(), 1));
        "C_SetAttributeValue", "pTemplate is NULL", BAD, |c| p11!(c.p, C_SetAttributeValue(c.s, c.data, null_mut(), 1));
        "C_FindObjectsInit", "pTemplate is NULL with a count", BAD, |c| p11!(c.p, C_FindObjectsInit(c.s, null_mut(), 1));
        "C_FindObjects", "phObject is NULL", BAD, |c| { code(rv(p11!(c.p, C_FindObjectsInit(c.s, null_mut(), 0)))); let mut n = 0; p11!(c.p, C_FindObjects(c.s, null_mut(), 1, &mut n)) };
        "C_FindObjects", "pulObjectCount is NULL", BAD, |c| { code(rv(p11!(c.p, C_FindObjectsInit(c.s, null_mut(), 0)))); let mut n = 0; p11!(c.p, C_FindObjects(c.s, &mut n, 1, null_mut())) };
        "C_Encrypt", "pulEncryptedDataLen is NULL", BAD, |c| { gcm(c, true); let (mut out, _) = buffer(); p11!(c.p, C_Encrypt(c.s, at(b"x"), 1, out.as_mut_ptr(), null_mut())) };
        "C_Encrypt", "pData is NULL with a length", BAD, |c| { gcm(c, true); let (mut out, mut n) = buffer(); p11!(c.p, C_Encrypt(c.s, null_mut(), 1, out.as_mut_ptr(), &mut n)) };
        "C_EncryptUpdate", "pulEncryptedPartLen is NULL", BAD, |c| { gcm(c, true); let (mut out, _) = buffer(); p11!(c.p, C_EncryptUpdate(c.s, at(b"x"), 1, out.as_mut_ptr(), null_mut())) };
        "C_EncryptFinal", "pulLastEncryptedPartLen is NULL", BAD, |c| { gcm(c, true); let (mut out, _) = buffer(); p11!(c.p, C_EncryptFinal(c.s, out.as_mut_ptr(), null_mut())) };
        "C_Decrypt", "pulDataLen is NULL", BAD, |c| { gcm(c, false); let (mut out, _) = buffer(); p11!(c.p, C_Decrypt(c.s, at(b"x"), 1, out.as_mut_ptr(), null_mut())) };
        "C_Decrypt", "pEncryptedData is NULL with a length", BAD, |c| { gcm(c, false); let (mut out, mut n) = buffer(); p11!(c.p, C_Decrypt(c.s, null_mut(), 1, out.as_mut_ptr(), &mut n)) };
        "C_DecryptUpdate", "pulPartLen is NULL", BAD, |c| { gcm(c, false); let (mut out, _) = buffer(); p11!(c.p, C_DecryptUpdate(c.s, at(b"x"), 1, out.as_mut_ptr(), null_mut())) };
        "C_DecryptFinal", "pulLastPartLen is NULL", BAD, |c| { gcm(c, false); let (mut out, _) = buffer(); p11!(c.p, C_DecryptFinal(c.s, out.as_mut_ptr(), null_mut())) };
        "C_Digest", "pulDigestLen is NULL", BAD, |c| { sha(c); let (mut out, _) = buffer(); p11!(c.p, C_Digest(c.s, at(b"x"), 1, out.as_mut_ptr(), null_mut())) };
        "C_DigestUpdate", "pPart is NULL with a length", BAD, |c| { sha(c); p11!(c.p, C_DigestUpdate(c.s, null_mut(), 1)) };
        "C_DigestFinal", "pulDigestLen is NULL", BAD, |c| { sha(c); let (mut out, _) = buffer(); p11!(c.p, C_DigestFinal(c.s, out.as_mut_ptr(), null_mut())) };
        "C_Sign", "pulSignatureLen is NULL", BAD, |c| { cmac(c, true); let (mut out, _) = buffer(); p11!(c.p, C_Sign(c.s, at(b"x"), 1, out.as_mut_ptr(), null_mut())) };
        "C_Sign", "pData is NULL with a length", BAD, |c| { cmac(c, true); let (mut out, mut n) = buffer(); p11!(c.p, C_Sign(c.s, null_mut(), 1, out.as_mut_ptr(), &mut n)) };
        "C_SignUpdate", "pPart is NULL with a length", BAD, |c| { cmac(c, true); p11!(c.p, C_SignUpdate(c.s, null_mut(), 1)) };
        "C_SignFinal", "pulSignatureLen is NULL", BAD, |c| { cmac(c, true); let (mut out, _) = buffer(); p11!(c.p, C_SignFinal(c.s, out.as_mut_ptr(), null_mut())) };
        "C_Verify", "pSignature is NULL", BAD, |c| { cmac(c, false); p11!(c.p, C_Verify(c.s, at(b"x"), 1, null_mut(), 16)) };
        "C_VerifyUpdate", "pPart is NULL with a length", BAD, |c| { cmac(c, false); p11!(c.p, C_VerifyUpdate(c.s, null_mut(), 1)) };
        "C_VerifyFinal", "pSignature is NULL", BAD, |c| { cmac(c, false); p11!(c.p, C_VerifyFinal(c.s, null_mut(), 16)) };
        "C_GenerateKey", "pMechanism is NULL", BAD, |c| { let mut k = 0; p11!(c.p, C_GenerateKey(c.s, null_mut(), null_mut(), 0, &mut k)) };
        "C_GenerateKey", "phKey is NULL", BAD, |c| p11!(c.p, C_GenerateKey(c.s, &mut Mech::new(CKM_AES_KEY_GEN).raw(), Attrs::new().number(CKA_VALUE_LEN, 16).raw().as_mut_ptr(), 1, null_mut()));
        "C_GenerateKeyPair", "pMechanism is NULL", BAD, |c| { let (mut a, mut b) = (0, 0); p11!(c.p, C_GenerateKeyPair(c.s, null_mut(), null_mut(), 0, null_mut(), 0, &mut a, &mut b)) };
        "C_GenerateKeyPair", "phPrivateKey is NULL", BAD, |c| { let mut a = 0; let t = Attrs::new().bytes(CKA_EC_PARAMS, P256); p11!(c.p, C_GenerateKeyPair(c.s, &mut Mech::new(CKM_EC_KEY_PAIR_GEN).raw(), t.raw().as_mut_ptr(), 1, null_mut(), 0, &mut a, null_mut())) };
        "C_WrapKey", "pMechanism is NULL", BAD, |c| { let (mut out, mut n) = buffer(); p11!(c.p, C_WrapKey(c.s, null_mut(), c.aes, c.extractable, out.as_mut_ptr(), &mut n)) };
        "C_WrapKey", "pulWrappedKeyLen is NULL", BAD, |c| { let (mut out, _) = buffer(); p11!(c.p, C_WrapKey(c.s, &mut Mech::new(CKM_AES_KEY_WRAP).raw(), c.aes, c.extractable, out.as_mut_ptr(), null_mut())) };
        "C_UnwrapKey", "pMechanism is NULL", BAD, |c| { let mut k = 0; p11!(c.p, C_UnwrapKey(c.s, null_mut(), c.aes, at(&[0; 40]), 40, null_mut(), 0, &mut k)) };
        "C_UnwrapKey", "phKey is NULL", BAD, |c| p11!(c.p, C_UnwrapKey(c.s, &mut Mech::new(CKM_AES_KEY_WRAP).raw(), c.aes, at(&[0; 40]), 40, null_mut(), 0, null_mut()));
        "C_UnwrapKey", "pWrappedKey is NULL", BAD, |c| { let mut k = 0; p11!(c.p, C_UnwrapKey(c.s, &mut Mech::new(CKM_AES_KEY_WRAP).raw(), c.aes, null_mut(), 40, null_mut(), 0, &mut k)) };
        "C_DeriveKey", "pMechanism is NULL", BAD, |c| { let mut k = 0; p11!(c.p, C_DeriveKey(c.s, null_mut(), c.ec.1, null_mut(), 0, &mut k)) };
        "C_SeedRandom", "pSeed is NULL with a length", BAD, |c| p11!(c.p, C_SeedRandom(c.s, null_mut(), 4));
        "C_GenerateRandom", "pRandomData is NULL", BAD, |c| p11!(c.p, C_GenerateRandom(c.s, null_mut(), 4));
    }
}

fn gcm(c: &Scene, encrypt: bool) {
    let mechanism = Mech::gcm(&[0; 12], b"", 128);
    let begun = if encrypt {
        p11!(c.p, C_EncryptInit(c.s, &mut mechanism.raw(), c.aes))
    } else {
        p11!(c.p, C_DecryptInit(c.s, &mut mechanism.raw(), c.aes))
    };
    assert_eq!(begun, CKR_OK);
}

fn sha(c: &Scene) {
    assert_eq!(p11!(c.p, C_DigestInit(c.s, &mut Mech::new(CKM_SHA256).raw())), CKR_OK);
}

fn cmac(c: &Scene, sign: bool) {
    let mut mechanism = Mech::new(CKM_AES_CMAC).raw();
    let begun = if sign {
        p11!(c.p, C_SignInit(c.s, &mut mechanism, c.aes))
    } else {
        p11!(c.p, C_VerifyInit(c.s, &mut mechanism, c.aes))
    };
    assert_eq!(begun, CKR_OK);
}

/// Which way a mechanism is begun.
#[derive(Clone, Copy)]
enum Way {
    Encrypt,
    Decrypt,
    Sign,
    Verify,
}

fn begin(c: &Scene, way: Way, mechanism: &Mech, key: CK_OBJECT_HANDLE) -> CK_RV {
    let mut raw = mechanism.raw();
    match way {
        Way::Encrypt => p11!(c.p, C_EncryptInit(c.s, &mut raw, key)),
        Way::Decrypt => p11!(c.p, C_DecryptInit(c.s, &mut raw, key)),
        Way::Sign => p11!(c.p, C_SignInit(c.s, &mut raw, key)),
        Way::Verify => p11!(c.p, C_VerifyInit(c.s, &mut raw, key)),
    }
}

fn wrong_keys(list: &mut Vec<Case>) {
    let ways = [
        ("C_EncryptInit", Way::Encrypt),
        ("C_DecryptInit", Way::Decrypt),
        ("C_SignInit", Way::Sign),
        ("C_VerifyInit", Way::Verify),
    ];
    for (call, way) in ways {
        let mechanism = move || match way {
            Way::Encrypt | Way::Decrypt => Mech::iv(CKM_AES_CBC, &[0; 16]),
            Way::Sign | Way::Verify => Mech::new(CKM_AES_CMAC),
        };
        cases! { list:
            "", "a key that does not exist", CKR_KEY_HANDLE_INVALID, |c| begin(c, way, &mechanism(), 0x7777_7777);
            "", "handle 0 as the key", CKR_KEY_HANDLE_INVALID, |c| begin(c, way, &mechanism(), 0);
            "", "a data object as the key", CKR_KEY_HANDLE_INVALID, |c| begin(c, way, &mechanism(), c.data);
            "", "an RSA key for an AES mechanism", CKR_KEY_TYPE_INCONSISTENT, |c| begin(c, way, &mechanism(), c.rsa.1);
            "", "an EC key for an AES mechanism", CKR_KEY_TYPE_INCONSISTENT, |c| begin(c, way, &mechanism(), c.ec.1);
            "", "a generic secret for an AES mechanism", CKR_KEY_TYPE_INCONSISTENT, |c| begin(c, way, &mechanism(), c.hmac);
            "", "a key whose attribute forbids it", CKR_KEY_FUNCTION_NOT_PERMITTED, |c| begin(c, way, &mechanism(), c.mute);
            "", "a mechanism that does not exist", CKR_MECHANISM_INVALID, |c| begin(c, way, &Mech::new(0x7777_7777), c.aes);
            "", "a mechanism that does something else", CKR_MECHANISM_INVALID, |c| begin(c, way, &Mech::new(CKM_AES_KEY_GEN), c.aes);
            "", "a digest for a keyed operation", CKR_MECHANISM_INVALID, |c| begin(c, way, &Mech::new(CKM_SHA256), c.aes);
            "", "an operation that is active already", CKR_OPERATION_ACTIVE, |c| { assert_eq!(begin(c, way, &mechanism(), c.aes), CKR_OK); begin(c, way, &mechanism(), c.aes) };
        }
        let from = list.len() - 11;
        list[from..].iter_mut().for_each(|case| case.call = call);
    }
    let pairs: [Wrong; 12] = [
        ("CKM_ECDSA with an RSA key", || Mech::new(CKM_ECDSA)),
        ("CKM_ECDSA_SHA256 with an RSA key", || Mech::new(CKM_ECDSA_SHA256)),
        ("CKM_ECDSA_SHA384 with an RSA key", || Mech::new(CKM_ECDSA_SHA384)),
        ("CKM_EDDSA with an RSA key", || Mech::new(CKM_EDDSA)),
        ("CKM_AES_CMAC with an RSA key", || Mech::new(CKM_AES_CMAC)),
        ("CKM_SHA256_HMAC with an RSA key", || Mech::new(CKM_SHA256_HMAC)),
        ("CKM_SHA512_HMAC with an RSA key", || Mech::new(CKM_SHA512_HMAC)),
        ("CKM_SHA_1_HMAC with an RSA key", || Mech::new(CKM_SHA_1_HMAC)),
        ("CKM_SHA3_256_HMAC with an RSA key", || Mech::new(CKM_SHA3_256_HMAC)),
        ("CKM_ECDSA_SHA1 with an RSA key", || Mech::new(CKM_ECDSA_SHA1)),
        ("CKM_ECDSA_SHA512 with an RSA key", || Mech::new(CKM_ECDSA_SHA512)),
        ("CKM_ECDSA_SHA3_256 with an RSA key", || Mech::new(CKM_ECDSA_SHA3_256)),
    ];
    for (wrong, mechanism) in pairs {
        cases! { list:
            "C_SignInit", wrong, CKR_KEY_TYPE_INCONSISTENT, |c| begin(c, Way::Sign, &mechanism(), c.rsa.1);
            "C_VerifyInit", wrong, CKR_KEY_TYPE_INCONSISTENT, |c| begin(c, Way::Verify, &mechanism(), c.rsa.0);
        }
    }
    let rsa: [Wrong; 6] = [
        ("CKM_RSA_PKCS with an EC key", || Mech::new(CKM_RSA_PKCS)),
        ("CKM_RSA_X_509 with an EC key", || Mech::new(CKM_RSA_X_509)),
        ("CKM_SHA256_RSA_PKCS with an EC key", || Mech::new(CKM_SHA256_RSA_PKCS)),
        ("CKM_SHA512_RSA_PKCS with an EC key", || Mech::new(CKM_SHA512_RSA_PKCS)),
        ("CKM_RSA_PKCS_PSS with an EC key", || Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32)),
        ("CKM_SHA256_RSA_PKCS_PSS with an EC key", || {
            Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32)
        }),
    ];
    for (wrong, mechanism) in rsa {
        cases! { list:
            "C_SignInit", wrong, CKR_KEY_TYPE_INCONSISTENT, |c| begin(c, Way::Sign, &mechanism(), c.ec.1);
            "C_VerifyInit", wrong, CKR_KEY_TYPE_INCONSISTENT, |c| begin(c, Way::Verify, &mechanism(), c.ec.0);
        }
    }
    cases! { list:
        "C_SignInit", "an EC key that may not sign", CKR_KEY_FUNCTION_NOT_PERMITTED, |c| begin(c, Way::Sign, &Mech::new(CKM_ECDSA), c.mute_private);
        "C_DeriveKey", "an EC key that may not derive", CKR_KEY_FUNCTION_NOT_PERMITTED, |c| code(c.p.derive(c.s, &Mech::ecdh(CKD_NULL, b"", &point(c)), c.mute_private, &generic()));
        "C_SignInit", "an X25519 key for ECDSA", CKR_KEY_TYPE_INCONSISTENT, |c| begin(c, Way::Sign, &Mech::new(CKM_ECDSA), c.x.unwrap().1);
        "C_SignInit", "an Ed25519 key for ECDSA", CKR_KEY_TYPE_INCONSISTENT, |c| begin(c, Way::Sign, &Mech::new(CKM_ECDSA), c.ed.unwrap().1);
        "C_SignInit", "an EC key for EdDSA", CKR_KEY_TYPE_INCONSISTENT, |c| begin(c, Way::Sign, &Mech::new(CKM_EDDSA), c.ec.1);
        "C_DigestInit", "a mechanism that is no digest", CKR_MECHANISM_INVALID, |c| p11!(c.p, C_DigestInit(c.s, &mut Mech::new(CKM_AES_CMAC).raw()));
        "C_DigestInit", "a mechanism that does not exist", CKR_MECHANISM_INVALID, |c| p11!(c.p, C_DigestInit(c.s, &mut Mech::new(0x7777_7777).raw()));
        "C_DigestInit", "an operation that is active already", CKR_OPERATION_ACTIVE, |c| { sha(c); p11!(c.p, C_DigestInit(c.s, &mut Mech::new(CKM_SHA256).raw())) };
        "C_FindObjectsInit", "a search that is active already", CKR_OPERATION_ACTIVE, |c| { assert_eq!(p11!(c.p, C_FindObjectsInit(c.s, null_mut(), 0)), CKR_OK); p11!(c.p, C_FindObjectsInit(c.s, null_mut(), 0)) };
        "C_DigestKey", "a key that does not exist", CKR_KEY_HANDLE_INVALID, |c| { sha(c); p11!(c.p, C_DigestKey(c.s, 0x7777_7777)) };
        "C_DigestKey", "a private key", CKR_KEY_INDIGESTIBLE, |c| { sha(c); p11!(c.p, C_DigestKey(c.s, c.rsa.1)) };
        "C_GenerateKey", "a mechanism that makes no key", CKR_MECHANISM_INVALID, |c| code(c.p.generate(c.s, &Mech::new(CKM_AES_ECB), &Attrs::new()));
        "C_GenerateKey", "a mechanism that makes pairs", CKR_MECHANISM_INVALID, |c| code(c.p.generate(c.s, &Mech::new(CKM_EC_KEY_PAIR_GEN), &Attrs::new()));
        "C_GenerateKeyPair", "a mechanism that makes secret keys", CKR_MECHANISM_INVALID, |c| code(c.p.generate_pair(c.s, &Mech::new(CKM_AES_KEY_GEN), &Attrs::new(), &Attrs::new()));
        "C_GetMechanismInfo", "a mechanism that does not exist", CKR_MECHANISM_INVALID, |c| p11!(c.p, C_GetMechanismInfo(c.slot, 0x7777_7777, &mut CK_MECHANISM_INFO::default()));
    }
}

fn point(c: &Scene) -> Vec<u8> {
    c.p.get(c.s, c.ec.0, CKA_EC_POINT).unwrap()
}

fn generic() -> Attrs {
    Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_GENERIC_SECRET).number(CKA_VALUE_LEN, 16)
}

fn parameters(list: &mut Vec<Case>) {
    const BAD: CK_RV = CKR_MECHANISM_PARAM_INVALID;
    cases! { list:
        "C_EncryptInit", "AES-CBC without an IV", BAD, |c| begin(c, Way::Encrypt, &Mech::new(CKM_AES_CBC), c.aes);
        "C_EncryptInit", "AES-CBC with an IV of 15 bytes", BAD, |c| begin(c, Way::Encrypt, &Mech::iv(CKM_AES_CBC, &[0; 15]), c.aes);
        "C_EncryptInit", "AES-CBC with an IV of 17 bytes", BAD, |c| begin(c, Way::Encrypt, &Mech::iv(CKM_AES_CBC, &[0; 17]), c.aes);
        "C_EncryptInit", "AES-CBC-PAD without an IV", BAD, |c| begin(c, Way::Encrypt, &Mech::new(CKM_AES_CBC_PAD), c.aes);
        "C_EncryptInit", "AES-CBC-PAD with an IV of 8 bytes", BAD, |c| begin(c, Way::Encrypt, &Mech::iv(CKM_AES_CBC_PAD, &[0; 8]), c.aes);
        "C_EncryptInit", "AES-ECB with a parameter", BAD, |c| begin(c, Way::Encrypt, &Mech::iv(CKM_AES_ECB, &[0; 16]), c.aes);
        "C_EncryptInit", "AES-CTR without a parameter", BAD, |c| begin(c, Way::Encrypt, &Mech::new(CKM_AES_CTR), c.aes);
        "C_EncryptInit", "AES-CTR with a counter of 0 bits", BAD, |c| begin(c, Way::Encrypt, &Mech::ctr(0, [0; 16]), c.aes);
        "C_EncryptInit", "AES-CTR with a counter of 129 bits", BAD, |c| begin(c, Way::Encrypt, &Mech::ctr(129, [0; 16]), c.aes);
        "C_EncryptInit", "AES-CTR with an IV for a parameter", BAD, |c| begin(c, Way::Encrypt, &Mech::iv(CKM_AES_CTR, &[0; 16]), c.aes);
        "C_EncryptInit", "AES-GCM without a parameter", BAD, |c| begin(c, Way::Encrypt, &Mech::new(CKM_AES_GCM), c.aes);
        "C_EncryptInit", "AES-GCM with an IV for a parameter", BAD, |c| begin(c, Way::Encrypt, &Mech::iv(CKM_AES_GCM, &[0; 12]), c.aes);
        "C_EncryptInit", "AES-GCM with an empty IV", BAD, |c| begin(c, Way::Encrypt, &Mech::gcm(b"", b"", 128), c.aes);
        "C_EncryptInit", "AES-GCM with a tag of 0 bits", BAD, |c| begin(c, Way::Encrypt, &Mech::gcm(&[0; 12], b"", 0), c.aes);
        "C_EncryptInit", "AES-GCM with a tag of 7 bits", BAD, |c| begin(c, Way::Encrypt, &Mech::gcm(&[0; 12], b"", 7), c.aes);
        "C_EncryptInit", "AES-GCM with a tag of 129 bits", BAD, |c| begin(c, Way::Encrypt, &Mech::gcm(&[0; 12], b"", 129), c.aes);
        "C_DecryptInit", "AES-GCM with a tag of 136 bits", BAD, |c| begin(c, Way::Decrypt, &Mech::gcm(&[0; 12], b"", 136), c.aes);
        "C_DecryptInit", "AES-GCM without a parameter", BAD, |c| begin(c, Way::Decrypt, &Mech::new(CKM_AES_GCM), c.aes);
        "C_EncryptInit", "OAEP without a parameter", BAD, |c| begin(c, Way::Encrypt, &Mech::new(CKM_RSA_PKCS_OAEP), c.rsa.0);
        "C_EncryptInit", "OAEP with a hash that does not exist", BAD, |c| begin(c, Way::Encrypt, &Mech::oaep(0x7777, CKG_MGF1_SHA256, b""), c.rsa.0);
        "C_EncryptInit", "OAEP with an MGF that does not exist", BAD, |c| begin(c, Way::Encrypt, &Mech::oaep(CKM_SHA256, 0x7777, b""), c.rsa.0);
        "C_DecryptInit", "OAEP with a hash that is a MAC", BAD, |c| begin(c, Way::Decrypt, &Mech::oaep(CKM_AES_CMAC, CKG_MGF1_SHA256, b""), c.rsa.1);
        "C_SignInit", "PSS without a parameter", BAD, |c| begin(c, Way::Sign, &Mech::new(CKM_RSA_PKCS_PSS), c.rsa.1);
        "C_SignInit", "PSS with a hash that does not exist", BAD, |c| begin(c, Way::Sign, &Mech::pss(CKM_RSA_PKCS_PSS, 0x7777, CKG_MGF1_SHA256, 32), c.rsa.1);
        "C_SignInit", "PSS with an MGF that does not exist", BAD, |c| begin(c, Way::Sign, &Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, 0x7777, 32), c.rsa.1);
        "C_SignInit", "SHA256_RSA_PKCS_PSS with another hash", BAD, |c| begin(c, Way::Sign, &Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 32), c.rsa.1);
        "C_SignInit", "PSS with a salt longer than the key allows", BAD, |c| begin(c, Way::Sign, &Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 250), c.rsa.1);
        "C_SignInit", "RSA PKCS with a parameter", BAD, |c| begin(c, Way::Sign, &Mech::iv(CKM_RSA_PKCS, &[0; 8]), c.rsa.1);
        "C_SignInit", "ECDSA with a parameter", BAD, |c| begin(c, Way::Sign, &Mech::iv(CKM_ECDSA_SHA256, &[0; 8]), c.ec.1);
        "C_SignInit", "HMAC_GENERAL without a length", BAD, |c| begin(c, Way::Sign, &Mech::new(CKM_SHA256_HMAC_GENERAL), c.hmac);
        "C_SignInit", "HMAC_GENERAL longer than the hash", BAD, |c| begin(c, Way::Sign, &Mech::number(CKM_SHA256_HMAC_GENERAL, 33), c.hmac);
        "C_SignInit", "HMAC with a parameter", BAD, |c| begin(c, Way::Sign, &Mech::number(CKM_SHA256_HMAC, 16), c.hmac);
        "C_SignInit", "CMAC with a parameter", BAD, |c| begin(c, Way::Sign, &Mech::iv(CKM_AES_CMAC, &[0; 16]), c.aes);
        "C_DigestInit", "SHA-256 with a parameter", BAD, |c| p11!(c.p, C_DigestInit(c.s, &mut Mech::iv(CKM_SHA256, &[0; 8]).raw()));
        "C_DeriveKey", "ECDH without a parameter", BAD, |c| code(c.p.derive(c.s, &Mech::new(CKM_ECDH1_DERIVE), c.ec.1, &generic()));
        "C_DeriveKey", "ECDH with a KDF that does not exist", BAD, |c| code(c.p.derive(c.s, &Mech::ecdh(0x7777, b"", &point(c)), c.ec.1, &generic()));
        "C_DeriveKey", "ECDH with an empty public key", BAD, |c| code(c.p.derive(c.s, &Mech::ecdh(CKD_NULL, b"", b""), c.ec.1, &generic()));
        "C_DeriveKey", "ECDH with half a public key", BAD, |c| code(c.p.derive(c.s, &Mech::ecdh(CKD_NULL, b"", &point(c)[..30]), c.ec.1, &generic()));
        "C_DeriveKey", "X25519 with a public key of 31 bytes", BAD, |c| code(c.p.derive(c.s, &Mech::ecdh(CKD_NULL, b"", &[9; 31]), c.x.unwrap().1, &generic()));
        "C_WrapKey", "KEY_WRAP with an IV of 5 bytes", BAD, |c| code(c.p.wrap(c.s, &Mech::iv(CKM_AES_KEY_WRAP, &[0; 5]), c.aes, c.extractable));
        "C_GenerateKey", "AES_KEY_GEN with a parameter", BAD, |c| code(c.p.generate(c.s, &Mech::iv(CKM_AES_KEY_GEN, &[0; 8]), &Attrs::new().number(CKA_VALUE_LEN, 16)));
    }
}

fn templates(list: &mut Vec<Case>) {
    let aes = || Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES);
    let rsa = || Attrs::new().class(CKO_PUBLIC_KEY).key_type(CKK_RSA);
    let ec = || Attrs::new().class(CKO_PUBLIC_KEY).key_type(CKK_EC);
    cases! { list:
        "C_CreateObject", "an empty template", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.create(c.s, &Attrs::new()));
        "C_CreateObject", "no class", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.create(c.s, &Attrs::new().key_type(CKK_AES).bytes(CKA_VALUE, &[0; 16])));
        "C_CreateObject", "a class that does not exist", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.create(c.s, &Attrs::new().class(0x7777)));
        "C_CreateObject", "a class of 4 bytes", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.create(c.s, &Attrs::new().bytes(CKA_CLASS, &[0; 4])));
        "C_CreateObject", "a secret key without a type", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.create(c.s, &Attrs::new().class(CKO_SECRET_KEY).bytes(CKA_VALUE, &[0; 16])));
        "C_CreateObject", "a key type that does not exist", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.create(c.s, &Attrs::new().class(CKO_SECRET_KEY).key_type(0x7777).bytes(CKA_VALUE, &[0; 16])));
        "C_CreateObject", "an AES key without a value", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.create(c.s, &aes()));
        "C_CreateObject", "an AES key of 8 bytes", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 8])));
        "C_CreateObject", "an AES key of 40 bytes", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 40])));
        "C_CreateObject", "an empty generic secret", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.create(c.s, &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_GENERIC_SECRET).bytes(CKA_VALUE, &[])));
        "C_CreateObject", "an attribute that the class does not have", CKR_ATTRIBUTE_TYPE_INVALID, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).bytes(CKA_MODULUS, &[1])));
        "C_CreateObject", "an attribute that does not exist", CKR_ATTRIBUTE_TYPE_INVALID, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).bytes(0x7777, &[1])));
        "C_CreateObject", "a boolean of 2 bytes", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).bytes(CKA_ENCRYPT, &[1, 0])));
        "C_CreateObject", "a boolean of value 2", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).bytes(CKA_ENCRYPT, &[2])));
        "C_CreateObject", "a date that is none", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).bytes(CKA_START_DATE, b"2026-1-1")));
        "C_CreateObject", "CKA_LOCAL given", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).flag(CKA_LOCAL, true)));
        "C_CreateObject", "CKA_ALWAYS_SENSITIVE given", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).flag(CKA_ALWAYS_SENSITIVE, true)));
        "C_CreateObject", "CKA_NEVER_EXTRACTABLE given", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).flag(CKA_NEVER_EXTRACTABLE, true)));
        "C_CreateObject", "CKA_KEY_GEN_MECHANISM given", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).number(CKA_KEY_GEN_MECHANISM, CKM_AES_KEY_GEN)));
        "C_CreateObject", "CKA_UNIQUE_ID given", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).text(CKA_UNIQUE_ID, "mine")));
        "C_CreateObject", "CKA_TRUSTED by the user", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).flag(CKA_TRUSTED, true)));
        "C_CreateObject", "the same attribute twice, differently", CKR_TEMPLATE_INCONSISTENT, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).text(CKA_LABEL, "a").text(CKA_LABEL, "b")));
        "C_CreateObject", "a wrong check value", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.create(c.s, &aes().bytes(CKA_VALUE, &[0; 16]).bytes(CKA_CHECK_VALUE, &[1, 2, 3])));
        "C_CreateObject", "an RSA public key without a modulus", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.create(c.s, &rsa().bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1])));
        "C_CreateObject", "an RSA public key without an exponent", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.create(c.s, &rsa().bytes(CKA_MODULUS, &[0xff; 256])));
        "C_CreateObject", "an EC public key without a curve", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.create(c.s, &ec().bytes(CKA_EC_POINT, &point(c))));
        "C_CreateObject", "an EC public key without a point", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.create(c.s, &ec().bytes(CKA_EC_PARAMS, P256)));
        "C_CreateObject", "a curve that does not exist", CKR_CURVE_NOT_SUPPORTED, |c| code(c.p.create(c.s, &ec().bytes(CKA_EC_PARAMS, &[6, 3, 0x2a, 3, 4]).bytes(CKA_EC_POINT, &point(c))));
        "C_CreateObject", "a certificate without a value", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.create(c.s, &Attrs::new().class(CKO_CERTIFICATE).number(CKA_CERTIFICATE_TYPE, CKC_X_509).bytes(CKA_SUBJECT, b"0")));
        "C_CreateObject", "a certificate without a type", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.create(c.s, &Attrs::new().class(CKO_CERTIFICATE).bytes(CKA_VALUE, b"0").bytes(CKA_SUBJECT, b"0")));
        "C_GenerateKey", "an AES key without a length", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.generate(c.s, &Mech::new(CKM_AES_KEY_GEN), &Attrs::new()));
        "C_GenerateKey", "an AES key of 20 bytes", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.generate(c.s, &Mech::new(CKM_AES_KEY_GEN), &Attrs::new().number(CKA_VALUE_LEN, 20)));
        "C_GenerateKey", "an AES key of 2^64-1 bytes", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.generate(c.s, &Mech::new(CKM_AES_KEY_GEN), &Attrs::new().number(CKA_VALUE_LEN, CK_ULONG::MAX)));
        "C_GenerateKey", "a generic secret without a length", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.generate(c.s, &Mech::new(CKM_GENERIC_SECRET_KEY_GEN), &Attrs::new()));
        "C_GenerateKey", "a generic secret of 2^64-1 bytes", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.generate(c.s, &Mech::new(CKM_GENERIC_SECRET_KEY_GEN), &Attrs::new().number(CKA_VALUE_LEN, CK_ULONG::MAX)));
        "C_GenerateKey", "a generic secret of no bytes", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.generate(c.s, &Mech::new(CKM_GENERIC_SECRET_KEY_GEN), &Attrs::new().number(CKA_VALUE_LEN, 0)));
        "C_GenerateKey", "a value given", CKR_TEMPLATE_INCONSISTENT, |c| code(c.p.generate(c.s, &Mech::new(CKM_AES_KEY_GEN), &Attrs::new().number(CKA_VALUE_LEN, 16).bytes(CKA_VALUE, &[0; 16])));
        "C_GenerateKey", "another class", CKR_TEMPLATE_INCONSISTENT, |c| code(c.p.generate(c.s, &Mech::new(CKM_AES_KEY_GEN), &Attrs::new().number(CKA_VALUE_LEN, 16).class(CKO_PUBLIC_KEY)));
        "C_GenerateKey", "another key type", CKR_TEMPLATE_INCONSISTENT, |c| code(c.p.generate(c.s, &Mech::new(CKM_AES_KEY_GEN), &Attrs::new().number(CKA_VALUE_LEN, 16).key_type(CKK_RSA)));
        "C_GenerateKeyPair", "RSA without a length", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.generate_pair(c.s, &Mech::new(CKM_RSA_PKCS_KEY_PAIR_GEN), &Attrs::new(), &Attrs::new()));
        "C_GenerateKeyPair", "RSA of 256 bits", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.generate_pair(c.s, &Mech::new(CKM_RSA_PKCS_KEY_PAIR_GEN), &Attrs::new().number(CKA_MODULUS_BITS, 256), &Attrs::new()));
        "C_GenerateKeyPair", "RSA of 100000 bits", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.generate_pair(c.s, &Mech::new(CKM_RSA_PKCS_KEY_PAIR_GEN), &Attrs::new().number(CKA_MODULUS_BITS, 100_000), &Attrs::new()));
        "C_GenerateKeyPair", "RSA with an even exponent", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.generate_pair(c.s, &Mech::new(CKM_RSA_PKCS_KEY_PAIR_GEN), &Attrs::new().number(CKA_MODULUS_BITS, 2048).bytes(CKA_PUBLIC_EXPONENT, &[4]), &Attrs::new()));
        "C_GenerateKeyPair", "EC without a curve", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.generate_pair(c.s, &Mech::new(CKM_EC_KEY_PAIR_GEN), &Attrs::new(), &Attrs::new()));
        "C_GenerateKeyPair", "EC with a curve that does not exist", CKR_CURVE_NOT_SUPPORTED, |c| code(c.p.generate_pair(c.s, &Mech::new(CKM_EC_KEY_PAIR_GEN), &Attrs::new().bytes(CKA_EC_PARAMS, &[6, 3, 0x2a, 3, 4]), &Attrs::new()));
        "C_GenerateKeyPair", "EC with parameters that are no DER", CKR_DOMAIN_PARAMS_INVALID, |c| code(c.p.generate_pair(c.s, &Mech::new(CKM_EC_KEY_PAIR_GEN), &Attrs::new().bytes(CKA_EC_PARAMS, b"nonsense"), &Attrs::new()));
        "C_GenerateKeyPair", "Edwards with a Weierstrass curve", CKR_CURVE_NOT_SUPPORTED, |c| code(c.p.generate_pair(c.s, &Mech::new(CKM_EC_EDWARDS_KEY_PAIR_GEN), &Attrs::new().bytes(CKA_EC_PARAMS, P256), &Attrs::new()));
        "C_GenerateKeyPair", "a private value given", CKR_TEMPLATE_INCONSISTENT, |c| code(c.p.generate_pair(c.s, &Mech::new(CKM_EC_KEY_PAIR_GEN), &Attrs::new().bytes(CKA_EC_PARAMS, P256), &Attrs::new().bytes(CKA_VALUE, &[1; 32])));
        "C_GetAttributeValue", "an attribute that the object does not have", CKR_ATTRIBUTE_TYPE_INVALID, |c| code(c.p.get(c.s, c.aes, CKA_MODULUS));
        "C_GetAttributeValue", "an attribute that does not exist", CKR_ATTRIBUTE_TYPE_INVALID, |c| code(c.p.get(c.s, c.aes, 0x7777));
        "C_GetAttributeValue", "the value of a sensitive secret key", CKR_ATTRIBUTE_SENSITIVE, |c| code(c.p.get(c.s, c.aes, CKA_VALUE));
        "C_GetAttributeValue", "the scalar of an EC key", CKR_ATTRIBUTE_SENSITIVE, |c| code(c.p.get(c.s, c.ec.1, CKA_VALUE));
        "C_GetAttributeValue", "a prime of an RSA key", CKR_ATTRIBUTE_SENSITIVE, |c| code(c.p.get(c.s, c.rsa.1, CKA_PRIME_1));
        "C_GetAttributeValue", "a buffer that is too small", CKR_BUFFER_TOO_SMALL, |c| { let mut one = [0u8; 1]; let mut a = CK_ATTRIBUTE { type_: CKA_CLASS, pValue: one.as_mut_ptr().cast(), ulValueLen: 1 }; p11!(c.p, C_GetAttributeValue(c.s, c.aes, &mut a, 1)) };
        "C_SetAttributeValue", "CKA_CLASS", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.set(c.s, c.aes, &Attrs::new().class(CKO_DATA)));
        "C_SetAttributeValue", "CKA_KEY_TYPE", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.set(c.s, c.aes, &Attrs::new().key_type(CKK_RSA)));
        "C_SetAttributeValue", "CKA_VALUE", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.set(c.s, c.aes, &Attrs::new().bytes(CKA_VALUE, &[0; 32])));
        "C_SetAttributeValue", "CKA_TOKEN", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.set(c.s, c.aes, &Attrs::new().flag(CKA_TOKEN, true)));
        "C_SetAttributeValue", "CKA_PRIVATE", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.set(c.s, c.aes, &Attrs::new().flag(CKA_PRIVATE, false)));
        "C_SetAttributeValue", "CKA_LOCAL", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.set(c.s, c.aes, &Attrs::new().flag(CKA_LOCAL, false)));
        "C_SetAttributeValue", "CKA_NEVER_EXTRACTABLE", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.set(c.s, c.aes, &Attrs::new().flag(CKA_NEVER_EXTRACTABLE, true)));
        "C_SetAttributeValue", "CKA_SENSITIVE back to FALSE", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.set(c.s, c.aes, &Attrs::new().flag(CKA_SENSITIVE, false)));
        "C_SetAttributeValue", "CKA_EXTRACTABLE back to TRUE", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.set(c.s, c.aes, &Attrs::new().flag(CKA_EXTRACTABLE, true)));
        "C_SetAttributeValue", "CKA_TRUSTED by the user", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.set(c.s, c.aes, &Attrs::new().flag(CKA_TRUSTED, true)));
        "C_SetAttributeValue", "CKA_MODULUS of an RSA key", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.set(c.s, c.rsa.0, &Attrs::new().bytes(CKA_MODULUS, &[1; 256])));
        "C_SetAttributeValue", "an attribute that the class does not have", CKR_ATTRIBUTE_TYPE_INVALID, |c| code(c.p.set(c.s, c.aes, &Attrs::new().bytes(CKA_MODULUS, &[1])));
        "C_SetAttributeValue", "a boolean of 3 bytes", CKR_ATTRIBUTE_VALUE_INVALID, |c| code(c.p.set(c.s, c.aes, &Attrs::new().bytes(CKA_ENCRYPT, &[1, 1, 1])));
        "C_CopyObject", "CKA_SENSITIVE back to FALSE", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.copy(c.s, c.aes, &Attrs::new().flag(CKA_SENSITIVE, false)));
        "C_CopyObject", "another value", CKR_ATTRIBUTE_READ_ONLY, |c| code(c.p.copy(c.s, c.aes, &Attrs::new().bytes(CKA_VALUE, &[0; 32])));
        "C_UnwrapKey", "a template without a class", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.unwrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.aes, &wrapped(c), &Attrs::new().key_type(CKK_AES)));
        "C_UnwrapKey", "a template without a key type", CKR_TEMPLATE_INCOMPLETE, |c| code(c.p.unwrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.aes, &wrapped(c), &Attrs::new().class(CKO_SECRET_KEY)));
        "C_UnwrapKey", "a template with a value", CKR_TEMPLATE_INCONSISTENT, |c| code(c.p.unwrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.aes, &wrapped(c), &aes().bytes(CKA_VALUE, &[0; 32])));
    }
}

fn wrapped(c: &Scene) -> Vec<u8> {
    c.p.wrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.aes, c.extractable).unwrap()
}

fn lengths(list: &mut Vec<Case>) {
    cases! { list:
        "C_Encrypt", "AES-ECB with 15 bytes", CKR_DATA_LEN_RANGE, |c| code(c.p.encrypt(c.s, &Mech::new(CKM_AES_ECB), c.aes, &[0; 15]));
        "C_Encrypt", "AES-CBC with 17 bytes", CKR_DATA_LEN_RANGE, |c| code(c.p.encrypt(c.s, &Mech::iv(CKM_AES_CBC, &[0; 16]), c.aes, &[0; 17]));
        "C_Decrypt", "AES-ECB with 15 bytes", CKR_ENCRYPTED_DATA_LEN_RANGE, |c| code(c.p.decrypt(c.s, &Mech::new(CKM_AES_ECB), c.aes, &[0; 15]));
        "C_Decrypt", "AES-CBC with 17 bytes", CKR_ENCRYPTED_DATA_LEN_RANGE, |c| code(c.p.decrypt(c.s, &Mech::iv(CKM_AES_CBC, &[0; 16]), c.aes, &[0; 17]));
        "C_Decrypt", "AES-CBC-PAD with 17 bytes", CKR_ENCRYPTED_DATA_LEN_RANGE, |c| code(c.p.decrypt(c.s, &Mech::iv(CKM_AES_CBC_PAD, &[0; 16]), c.aes, &[0; 17]));
        "C_Decrypt", "AES-CBC-PAD with bad padding", CKR_ENCRYPTED_DATA_INVALID, |c| code(c.p.decrypt(c.s, &Mech::iv(CKM_AES_CBC_PAD, &[0; 16]), c.aes, &unpadded(c)));
        "C_Decrypt", "AES-GCM shorter than its tag", CKR_ENCRYPTED_DATA_LEN_RANGE, |c| code(c.p.decrypt(c.s, &Mech::gcm(&[0; 12], b"", 128), c.aes, &[0; 15]));
        "C_Decrypt", "AES-GCM with a wrong tag", CKR_ENCRYPTED_DATA_INVALID, |c| code(c.p.decrypt(c.s, &Mech::gcm(&[0; 12], b"", 128), c.aes, &[0; 32]));
        "C_Decrypt", "AES-GCM with other additional data", CKR_ENCRYPTED_DATA_INVALID, |c| { let sealed = c.p.encrypt(c.s, &Mech::gcm(&[0; 12], b"one", 128), c.aes, b"x").unwrap(); code(c.p.decrypt(c.s, &Mech::gcm(&[0; 12], b"two", 128), c.aes, &sealed)) };
        "C_Decrypt", "AES-KEY-WRAP with a wrong check", CKR_ENCRYPTED_DATA_INVALID, |c| code(c.p.decrypt(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.aes, &[0; 40]));
        "C_Encrypt", "RSA PKCS with too much data", CKR_DATA_LEN_RANGE, |c| code(c.p.encrypt(c.s, &Mech::new(CKM_RSA_PKCS), c.rsa.0, &[0; 246]));
        "C_Encrypt", "RSA OAEP with too much data", CKR_DATA_LEN_RANGE, |c| code(c.p.encrypt(c.s, &Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b""), c.rsa.0, &[0; 191]));
        "C_Encrypt", "RSA X.509 with too much data", CKR_DATA_LEN_RANGE, |c| code(c.p.encrypt(c.s, &Mech::new(CKM_RSA_X_509), c.rsa.0, &[0; 257]));
        "C_Encrypt", "RSA X.509 with a number above the modulus", CKR_DATA_INVALID, |c| code(c.p.encrypt(c.s, &Mech::new(CKM_RSA_X_509), c.rsa.0, &[0xff; 256]));
        "C_Decrypt", "RSA PKCS with half a ciphertext", CKR_ENCRYPTED_DATA_LEN_RANGE, |c| code(c.p.decrypt(c.s, &Mech::new(CKM_RSA_PKCS), c.rsa.1, &[0; 128]));
        "C_Decrypt", "RSA OAEP with half a ciphertext", CKR_ENCRYPTED_DATA_LEN_RANGE, |c| code(c.p.decrypt(c.s, &Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b""), c.rsa.1, &[0; 128]));
        "C_Decrypt", "RSA OAEP with nonsense", CKR_ENCRYPTED_DATA_INVALID, |c| code(c.p.decrypt(c.s, &Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b""), c.rsa.1, &[1; 256]));
        "C_Decrypt", "RSA OAEP with another label", CKR_ENCRYPTED_DATA_INVALID, |c| { let sealed = c.p.encrypt(c.s, &Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"one"), c.rsa.0, b"x").unwrap(); code(c.p.decrypt(c.s, &Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"two"), c.rsa.1, &sealed)) };
        "C_Decrypt", "RSA X.509 with a number above the modulus", CKR_ENCRYPTED_DATA_INVALID, |c| code(c.p.decrypt(c.s, &Mech::new(CKM_RSA_X_509), c.rsa.1, &[0xff; 256]));
        "C_Sign", "RSA PKCS with too much data", CKR_DATA_LEN_RANGE, |c| code(c.p.sign(c.s, &Mech::new(CKM_RSA_PKCS), c.rsa.1, &[0; 246]));
        "C_Sign", "RSA PSS with data of another length than the hash", CKR_DATA_LEN_RANGE, |c| code(c.p.sign(c.s, &Mech::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32), c.rsa.1, &[0; 31]));
        "C_Sign", "RSA X.509 with too much data", CKR_DATA_LEN_RANGE, |c| code(c.p.sign(c.s, &Mech::new(CKM_RSA_X_509), c.rsa.1, &[0; 257]));
        "C_Verify", "RSA PKCS with a short signature", CKR_SIGNATURE_LEN_RANGE, |c| code(c.p.verify(c.s, &Mech::new(CKM_SHA256_RSA_PKCS), c.rsa.0, b"x", &[0; 255]));
        "C_Verify", "RSA PKCS with a wrong signature", CKR_SIGNATURE_INVALID, |c| code(c.p.verify(c.s, &Mech::new(CKM_SHA256_RSA_PKCS), c.rsa.0, b"x", &[1; 256]));
        "C_Verify", "RSA PSS with a wrong signature", CKR_SIGNATURE_INVALID, |c| code(c.p.verify(c.s, &Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32), c.rsa.0, b"x", &[1; 256]));
        "C_Verify", "RSA PSS with a long signature", CKR_SIGNATURE_LEN_RANGE, |c| code(c.p.verify(c.s, &Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32), c.rsa.0, b"x", &[1; 257]));
        "C_Verify", "ECDSA with a short signature", CKR_SIGNATURE_LEN_RANGE, |c| code(c.p.verify(c.s, &Mech::new(CKM_ECDSA_SHA256), c.ec.0, b"x", &[1; 63]));
        "C_Verify", "ECDSA with a wrong signature", CKR_SIGNATURE_INVALID, |c| code(c.p.verify(c.s, &Mech::new(CKM_ECDSA_SHA256), c.ec.0, b"x", &[1; 64]));
        "C_Verify", "ECDSA with a signature of zeros", CKR_SIGNATURE_INVALID, |c| code(c.p.verify(c.s, &Mech::new(CKM_ECDSA_SHA256), c.ec.0, b"x", &[0; 64]));
        "C_Verify", "EdDSA with a short signature", CKR_SIGNATURE_LEN_RANGE, |c| code(c.p.verify(c.s, &Mech::new(CKM_EDDSA), c.ed.unwrap().0, b"x", &[1; 63]));
        "C_Verify", "EdDSA with a wrong signature", CKR_SIGNATURE_INVALID, |c| code(c.p.verify(c.s, &Mech::new(CKM_EDDSA), c.ed.unwrap().0, b"x", &[1; 64]));
        "C_Verify", "HMAC with a short signature", CKR_SIGNATURE_LEN_RANGE, |c| code(c.p.verify(c.s, &Mech::new(CKM_SHA256_HMAC), c.hmac, b"x", &[1; 31]));
        "C_Verify", "HMAC with a wrong signature", CKR_SIGNATURE_INVALID, |c| code(c.p.verify(c.s, &Mech::new(CKM_SHA256_HMAC), c.hmac, b"x", &[1; 32]));
        "C_Verify", "CMAC with a wrong signature", CKR_SIGNATURE_INVALID, |c| code(c.p.verify(c.s, &Mech::new(CKM_AES_CMAC), c.aes, b"x", &[1; 16]));
        "C_Verify", "CMAC with a long signature", CKR_SIGNATURE_LEN_RANGE, |c| code(c.p.verify(c.s, &Mech::new(CKM_AES_CMAC), c.aes, b"x", &[1; 17]));
        "C_UnwrapKey", "KEY_WRAP of 39 bytes", CKR_WRAPPED_KEY_LEN_RANGE, |c| code(c.p.unwrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.aes, &[0; 39], &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES)));
        "C_UnwrapKey", "KEY_WRAP with a wrong check", CKR_WRAPPED_KEY_INVALID, |c| code(c.p.unwrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.aes, &[0; 40], &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES)));
        "C_UnwrapKey", "KEY_WRAP_KWP with a wrong check", CKR_WRAPPED_KEY_INVALID, |c| code(c.p.unwrap(c.s, &Mech::new(CKM_AES_KEY_WRAP_KWP), c.aes, &[0; 40], &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES)));
        "C_UnwrapKey", "AES-GCM with a wrong tag", CKR_WRAPPED_KEY_INVALID, |c| code(c.p.unwrap(c.s, &Mech::gcm(&[0; 12], b"", 128), c.aes, &[0; 48], &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES)));
        "C_UnwrapKey", "OAEP with nonsense", CKR_WRAPPED_KEY_INVALID, |c| code(c.p.unwrap(c.s, &Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b""), c.rsa.1, &[1; 256], &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES)));
        "C_UnwrapKey", "OAEP of half the length", CKR_WRAPPED_KEY_LEN_RANGE, |c| code(c.p.unwrap(c.s, &Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b""), c.rsa.1, &[1; 128], &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES)));
        "C_UnwrapKey", "a secret key unwrapped as a private key", CKR_WRAPPED_KEY_INVALID, |c| code(c.p.unwrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.aes, &wrapped(c), &Attrs::new().class(CKO_PRIVATE_KEY).key_type(CKK_RSA)));
        "C_UnwrapKey", "an unwrapping key that does not exist", CKR_UNWRAPPING_KEY_HANDLE_INVALID, |c| code(c.p.unwrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), 0x7777_7777, &[0; 40], &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES)));
        "C_UnwrapKey", "an unwrapping key of another type", CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, |c| code(c.p.unwrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.rsa.1, &[0; 40], &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES)));
        "C_UnwrapKey", "an unwrapping key that may not", CKR_KEY_FUNCTION_NOT_PERMITTED, |c| code(c.p.unwrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.mute, &[0; 40], &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES)));
        "C_UnwrapKey", "a mechanism that does not unwrap", CKR_MECHANISM_INVALID, |c| code(c.p.unwrap(c.s, &Mech::new(CKM_AES_CMAC), c.aes, &[0; 40], &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES)));
        "C_WrapKey", "a wrapping key that does not exist", CKR_WRAPPING_KEY_HANDLE_INVALID, |c| code(c.p.wrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), 0x7777_7777, c.extractable));
        "C_WrapKey", "a wrapping key of another type", CKR_WRAPPING_KEY_TYPE_INCONSISTENT, |c| code(c.p.wrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.rsa.0, c.extractable));
        "C_WrapKey", "a wrapping key that may not", CKR_KEY_FUNCTION_NOT_PERMITTED, |c| code(c.p.wrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.mute, c.extractable));
        "C_WrapKey", "a key that does not exist", CKR_KEY_HANDLE_INVALID, |c| code(c.p.wrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.aes, 0x7777_7777));
        "C_WrapKey", "a key that is not extractable", CKR_KEY_UNEXTRACTABLE, |c| code(c.p.wrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.aes, c.aes));
        "C_WrapKey", "a private key that is not extractable", CKR_KEY_UNEXTRACTABLE, |c| code(c.p.wrap(c.s, &Mech::new(CKM_AES_KEY_WRAP_KWP), c.aes, c.rsa.1));
        "C_WrapKey", "a public key", CKR_KEY_NOT_WRAPPABLE, |c| code(c.p.wrap(c.s, &Mech::new(CKM_AES_KEY_WRAP), c.aes, c.rsa.0));
        "C_WrapKey", "a mechanism that does not wrap", CKR_MECHANISM_INVALID, |c| code(c.p.wrap(c.s, &Mech::new(CKM_AES_CMAC), c.aes, c.extractable));
        "C_WrapKey", "a key too large for RSA", CKR_KEY_SIZE_RANGE, |c| code(c.p.wrap(c.s, &Mech::new(CKM_RSA_PKCS), c.rsa.0, long(c)));
        "C_DeriveKey", "a base key that does not exist", CKR_KEY_HANDLE_INVALID, |c| code(c.p.derive(c.s, &Mech::ecdh(CKD_NULL, b"", &point(c)), 0x7777_7777, &generic()));
        "C_DeriveKey", "a base key of another type", CKR_KEY_TYPE_INCONSISTENT, |c| code(c.p.derive(c.s, &Mech::ecdh(CKD_NULL, b"", &point(c)), c.rsa.1, &generic()));
        "C_DeriveKey", "a mechanism that does not derive", CKR_MECHANISM_INVALID, |c| code(c.p.derive(c.s, &Mech::new(CKM_AES_ECB), c.aes, &generic()));
        "C_DeriveKey", "more bytes than ECDH without a KDF yields", CKR_KEY_SIZE_RANGE, |c| code(c.p.derive(c.s, &Mech::ecdh(CKD_NULL, b"", &point(c)), c.ec.1, &Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_GENERIC_SECRET).number(CKA_VALUE_LEN, 33)));
    }
    let short: [Output; 12] = [
        ("C_Encrypt", |c, out, n| {
            gcm(c, true);
            p11!(c.p, C_Encrypt(c.s, at(b"abc"), 3, out, n))
        }),
        ("C_EncryptUpdate", |c, out, n| {
            gcm(c, true);
            p11!(c.p, C_EncryptUpdate(c.s, at(b"abc"), 3, out, n))
        }),
        ("C_EncryptFinal", |c, out, n| {
            gcm(c, true);
            p11!(c.p, C_EncryptFinal(c.s, out, n))
        }),
        ("C_Decrypt", |c, out, n| {
            let sealed = c.p.encrypt(c.s, &Mech::gcm(&[0; 12], b"", 128), c.aes, b"abc").unwrap();
            gcm(c, false);
            p11!(c.p, C_Decrypt(c.s, at(&sealed), len(&sealed), out, n))
        }),
        ("C_DecryptUpdate", |c, out, n| {
            let sealed = c.p.encrypt(c.s, &Mech::gcm(&[0; 12], b"", 128), c.aes, &[7; 64]).unwrap();
            gcm(c, false);
            p11!(c.p, C_DecryptUpdate(c.s, at(&sealed), len(&sealed), out, n))
        }),
        ("C_Digest", |c, out, n| {
            sha(c);
            p11!(c.p, C_Digest(c.s, at(b"abc"), 3, out, n))
        }),
        ("C_DigestFinal", |c, out, n| {
            sha(c);
            p11!(c.p, C_DigestFinal(c.s, out, n))
        }),
        ("C_Sign", |c, out, n| {
            cmac(c, true);
            p11!(c.p, C_Sign(c.s, at(b"abc"), 3, out, n))
        }),
        ("C_SignFinal", |c, out, n| {
            cmac(c, true);
            p11!(c.p, C_SignFinal(c.s, out, n))
        }),
        ("C_WrapKey", |c, out, n| {
            p11!(c.p, C_WrapKey(c.s, &mut Mech::new(CKM_AES_KEY_WRAP).raw(), c.aes, c.extractable, out, n))
        }),
        ("C_GetMechanismList", |c, _, n| {
            let mut one = 0;
            p11!(c.p, C_GetMechanismList(c.slot, &mut one, n))
        }),
        ("C_GetSlotList", |c, _, n| {
            let mut one = 0;
            p11!(c.p, C_GetSlotList(1, &mut one, n))
        }),
    ];
    for (call, run) in short {
        cases! { list: "", "a buffer of one byte or entry", CKR_BUFFER_TOO_SMALL, |c| { let mut one = [0u8; 1]; let mut n = 1; run(c, one.as_mut_ptr(), &mut n) }; }
        list.last_mut().unwrap().call = call;
    }
}

/// A block that no padding ends.
fn unpadded(c: &Scene) -> Vec<u8> {
    c.p.encrypt(c.s, &Mech::iv(CKM_AES_CBC, &[0; 16]), c.aes, &[0xee; 16]).unwrap()
}

/// A secret of 246 bytes: one more than PKCS#1 fits into 2048 bits.
fn long(c: &Scene) -> CK_OBJECT_HANDLE {
    let template = Attrs::new().number(CKA_VALUE_LEN, 246).flag(CKA_EXTRACTABLE, true);
    c.p.generate(c.s, &Mech::new(CKM_GENERIC_SECRET_KEY_GEN), &template).unwrap()
}

fn sessions_and_pins(list: &mut Vec<Case>) {
    cases! { list:
        "C_OpenSession", "without CKF_SERIAL_SESSION", CKR_SESSION_PARALLEL_NOT_SUPPORTED, |c| code(c.p.open(c.slot, CKF_RW_SESSION));
        "C_OpenSession", "a slot whose token is not initialised", CKR_TOKEN_NOT_RECOGNIZED, |c| { let free = *c.p.slots(true).unwrap().last().unwrap(); code(c.p.open_rw(free)) };
        "C_InitToken", "a session is open", CKR_SESSION_EXISTS, |c| code(c.p.init_token(c.slot, SO_PIN, "x"));
        "C_InitToken", "a PIN of 3 bytes for a new token", CKR_PIN_LEN_RANGE, |c| { let free = *c.p.slots(true).unwrap().last().unwrap(); code(c.p.init_token(free, b"abc", "x")) };
        "C_Login", "the user is logged in already", CKR_USER_ALREADY_LOGGED_IN, |c| code(c.p.login(c.s, CKU_USER, PIN));
        "C_Login", "the SO while the user is logged in", CKR_USER_ANOTHER_ALREADY_LOGGED_IN, |c| code(c.p.login(c.s, CKU_SO, SO_PIN));
        "C_Login", "a type of user that does not exist", CKR_USER_TYPE_INVALID, |c| code(c.p.login(c.s, 77, PIN));
        "C_Login", "for an operation, and none waits", CKR_OPERATION_NOT_INITIALIZED, |c| code(c.p.login(c.s, CKU_CONTEXT_SPECIFIC, PIN));
        "C_Login", "a wrong PIN", CKR_PIN_INCORRECT, |c| { c.p.logout(c.s).unwrap(); code(c.p.login(c.s, CKU_USER, b"wrong pin")) };
        "C_Login", "no PIN (there is no protected path)", CKR_ARGUMENTS_BAD, |c| { c.p.logout(c.s).unwrap(); code(c.p.login(c.s, CKU_USER, b"")) };
        "C_Login", "a wrong PIN of the SO", CKR_PIN_INCORRECT, |c| { c.p.logout(c.s).unwrap(); code(c.p.login(c.s, CKU_SO, b"wrong pin")) };
        "C_Login", "the SO beside a read-only session", CKR_SESSION_READ_ONLY_EXISTS, |c| { c.p.logout(c.s).unwrap(); c.p.open(c.slot, CKF_SERIAL_SESSION).unwrap(); code(c.p.login(c.s, CKU_SO, SO_PIN)) };
        "C_OpenSession", "read-only beside the SO", CKR_SESSION_READ_WRITE_SO_EXISTS, |c| { c.p.logout(c.s).unwrap(); c.p.login(c.s, CKU_SO, SO_PIN).unwrap(); code(c.p.open(c.slot, CKF_SERIAL_SESSION)) };
        "C_Logout", "nobody is logged in", CKR_USER_NOT_LOGGED_IN, |c| { c.p.logout(c.s).unwrap(); code(c.p.logout(c.s)) };
        "C_InitPIN", "by the user", CKR_USER_NOT_LOGGED_IN, |c| code(c.p.init_pin(c.s, PIN));
        "C_InitPIN", "a PIN of 3 bytes", CKR_PIN_LEN_RANGE, |c| { c.p.logout(c.s).unwrap(); c.p.login(c.s, CKU_SO, SO_PIN).unwrap(); code(c.p.init_pin(c.s, b"abc")) };
        "C_SetPIN", "a wrong old PIN", CKR_PIN_INCORRECT, |c| code(c.p.set_pin(c.s, b"wrong pin", b"new-pin"));
        "C_SetPIN", "a new PIN of 3 bytes", CKR_PIN_LEN_RANGE, |c| code(c.p.set_pin(c.s, PIN, b"abc"));
        "C_SetPIN", "a new PIN of 256 bytes", CKR_PIN_LEN_RANGE, |c| code(c.p.set_pin(c.s, PIN, &[b'x'; 256]));
        "C_SetPIN", "in a read-only session", CKR_SESSION_READ_ONLY, |c| { let reader = c.p.open(c.slot, CKF_SERIAL_SESSION).unwrap(); code(c.p.set_pin(reader, PIN, b"new-pin")) };
        "C_CreateObject", "a private object without the user", CKR_USER_NOT_LOGGED_IN, |c| { c.p.logout(c.s).unwrap(); code(c.p.create(c.s, &Attrs::new().class(CKO_DATA).flag(CKA_PRIVATE, true))) };
        "C_CreateObject", "a token object in a read-only session", CKR_SESSION_READ_ONLY, |c| { let reader = c.p.open(c.slot, CKF_SERIAL_SESSION).unwrap(); code(c.p.create(reader, &Attrs::new().class(CKO_DATA).flag(CKA_TOKEN, true))) };
        "C_GenerateKey", "without the user", CKR_USER_NOT_LOGGED_IN, |c| { c.p.logout(c.s).unwrap(); code(c.p.generate(c.s, &Mech::new(CKM_AES_KEY_GEN), &Attrs::new().number(CKA_VALUE_LEN, 16))) };
        "C_GenerateKey", "a token key in a read-only session", CKR_SESSION_READ_ONLY, |c| { let reader = c.p.open(c.slot, CKF_SERIAL_SESSION).unwrap(); code(c.p.generate(reader, &Mech::new(CKM_AES_KEY_GEN), &Attrs::new().number(CKA_VALUE_LEN, 16).flag(CKA_TOKEN, true))) };
        "C_GenerateKeyPair", "without the user", CKR_USER_NOT_LOGGED_IN, |c| { c.p.logout(c.s).unwrap(); code(c.p.generate_pair(c.s, &Mech::new(CKM_EC_KEY_PAIR_GEN), &Attrs::new().bytes(CKA_EC_PARAMS, P256), &Attrs::new())) };
        "C_GenerateKeyPair", "a token key in a read-only session", CKR_SESSION_READ_ONLY, |c| { let reader = c.p.open(c.slot, CKF_SERIAL_SESSION).unwrap(); code(c.p.generate_pair(reader, &Mech::new(CKM_EC_KEY_PAIR_GEN), &Attrs::new().bytes(CKA_EC_PARAMS, P256), &Attrs::new().flag(CKA_TOKEN, true))) };
        "C_SignInit", "a private key after logout", CKR_KEY_HANDLE_INVALID, |c| { let token_key = keep(c); c.p.logout(c.s).unwrap(); begin(c, Way::Sign, &Mech::new(CKM_ECDSA), token_key) };
        "C_GetAttributeValue", "a private key after logout", CKR_OBJECT_HANDLE_INVALID, |c| { let token_key = keep(c); c.p.logout(c.s).unwrap(); code(c.p.get(c.s, token_key, CKA_LABEL)) };
        "C_SetAttributeValue", "a token object in a read-only session", CKR_SESSION_READ_ONLY, |c| { let key = keep(c); let reader = c.p.open(c.slot, CKF_SERIAL_SESSION).unwrap(); code(c.p.set(reader, key, &Attrs::new().text(CKA_LABEL, "x"))) };
        "C_DestroyObject", "a token object in a read-only session", CKR_SESSION_READ_ONLY, |c| { let key = keep(c); let reader = c.p.open(c.slot, CKF_SERIAL_SESSION).unwrap(); code(c.p.destroy(reader, key)) };
        "C_DestroyObject", "CKA_DESTROYABLE is FALSE", CKR_ACTION_PROHIBITED, |c| { let o = c.p.create(c.s, &Attrs::new().class(CKO_DATA).flag(CKA_DESTROYABLE, false)).unwrap(); code(c.p.destroy(c.s, o)) };
        "C_CopyObject", "CKA_COPYABLE is FALSE", CKR_ACTION_PROHIBITED, |c| { let o = c.p.create(c.s, &Attrs::new().class(CKO_DATA).flag(CKA_COPYABLE, false)).unwrap(); code(c.p.copy(c.s, o, &Attrs::new())) };
        "C_SetAttributeValue", "CKA_MODIFIABLE is FALSE", CKR_ACTION_PROHIBITED, |c| { let o = c.p.create(c.s, &Attrs::new().class(CKO_DATA).flag(CKA_MODIFIABLE, false)).unwrap(); code(c.p.set(c.s, o, &Attrs::new().text(CKA_LABEL, "x"))) };
        "C_Sign", "the key asks for a login of its own", CKR_USER_NOT_LOGGED_IN, |c| { let key = c.p.generate(c.s, &Mech::new(CKM_AES_KEY_GEN), &Attrs::new().number(CKA_VALUE_LEN, 16)).unwrap(); let _ = key; let pair = c.p.generate_pair(c.s, &Mech::new(CKM_EC_KEY_PAIR_GEN), &Attrs::new().bytes(CKA_EC_PARAMS, P256), &Attrs::new().flag(CKA_ALWAYS_AUTHENTICATE, true)).unwrap(); c.p.sign_init(c.s, &Mech::new(CKM_ECDSA), pair.1).unwrap(); let (mut out, mut n) = buffer(); p11!(c.p, C_Sign(c.s, at(&[1; 32]), 32, out.as_mut_ptr(), &mut n)) };
        "C_GetFunctionStatus", "always", CKR_FUNCTION_NOT_PARALLEL, |c| p11!(c.p, C_GetFunctionStatus(c.s));
        "C_CancelFunction", "always", CKR_FUNCTION_NOT_PARALLEL, |c| p11!(c.p, C_CancelFunction(c.s));
        "C_WaitForSlotEvent", "no event, and not to wait", CKR_NO_EVENT, |c| { let mut slot = 0; p11!(c.p, C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, null_mut())) };
        "C_Encrypt", "after parts", CKR_OPERATION_NOT_INITIALIZED, |c| { gcm(c, true); let (mut out, mut n) = buffer(); assert_eq!(p11!(c.p, C_EncryptUpdate(c.s, at(b"x"), 1, out.as_mut_ptr(), &mut n)), CKR_OK); n = 1024; p11!(c.p, C_Encrypt(c.s, at(b"x"), 1, out.as_mut_ptr(), &mut n)) };
        "C_Sign", "after parts", CKR_OPERATION_NOT_INITIALIZED, |c| { cmac(c, true); assert_eq!(p11!(c.p, C_SignUpdate(c.s, at(b"x"), 1)), CKR_OK); let (mut out, mut n) = buffer(); p11!(c.p, C_Sign(c.s, at(b"x"), 1, out.as_mut_ptr(), &mut n)) };
        "C_Verify", "after parts", CKR_OPERATION_NOT_INITIALIZED, |c| { cmac(c, false); assert_eq!(p11!(c.p, C_VerifyUpdate(c.s, at(b"x"), 1)), CKR_OK); p11!(c.p, C_Verify(c.s, at(b"x"), 1, at(&[0; 16]), 16)) };
    }
}

/// A private EC key of the token.
fn keep(c: &Scene) -> CK_OBJECT_HANDLE {
    let public = Attrs::new().bytes(CKA_EC_PARAMS, P256);
    c.p.generate_pair(c.s, &Mech::new(CKM_EC_KEY_PAIR_GEN), &public, &Attrs::new().flag(CKA_TOKEN, true)).unwrap().1
}

/// A token with the keys that the cases use, in a session that stays open.
fn set<'a>(p: &'a Module) -> Scene<'a> {
    let free = |slot: &&CK_SLOT_ID| p.token_info(**slot).unwrap().flags & CKF_TOKEN_INITIALIZED == 0;
    let slots = p.slots(true).unwrap();
    let slot = *slots.iter().find(free).expect("a free slot");
    p.init_token(slot, SO_PIN, "codes").unwrap();
    let slot = p
        .slots(true)
        .unwrap()
        .into_iter()
        .find(|slot| p.token_info(*slot).unwrap().label.starts_with(b"codes "))
        .unwrap();
    let s = p.open_rw(slot).unwrap();
    p.login(s, CKU_SO, SO_PIN).unwrap();
    p.init_pin(s, PIN).unwrap();
    p.logout(s).unwrap();
    p.login(s, CKU_USER, PIN).unwrap();
    scene(p, slot, s)
}

fn scene<'a>(p: &'a Module, slot: CK_SLOT_ID, s: CK_SESSION_HANDLE) -> Scene<'a> {
    let usable = || {
        let flags = [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE];
        flags.into_iter().fold(Attrs::new(), |template, flag| template.flag(flag, true))
    };
    let mute = [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE].into_iter();
    let mute = mute.fold(Attrs::new().number(CKA_VALUE_LEN, 32), |template, flag| template.flag(flag, false));
    let aes = |template: Attrs| p.generate(s, &Mech::new(CKM_AES_KEY_GEN), &template).unwrap();
    let pair = |mechanism, curve: &[u8], public: Attrs, private: Attrs| {
        p.generate_pair(s, &Mech::new(mechanism), &public.bytes(CKA_EC_PARAMS, curve), &private)
    };
    let rsa = Attrs::new().number(CKA_MODULUS_BITS, 2048).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
    let verify = || Attrs::new().flag(CKA_VERIFY, true);
    // Whether a key is sensitive if nobody says is each token's own affair.
    let sign = || Attrs::new().flag(CKA_SIGN, true).flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false);
    Scene {
        p,
        slot,
        s,
        aes: aes(usable().number(CKA_VALUE_LEN, 32).flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false)),
        hmac: p
            .generate(
                s,
                &Mech::new(CKM_GENERIC_SECRET_KEY_GEN),
                &Attrs::new().number(CKA_VALUE_LEN, 32).flag(CKA_SIGN, true).flag(CKA_VERIFY, true),
            )
            .unwrap(),
        mute: aes(mute),
        mute_private: pair(
            CKM_EC_KEY_PAIR_GEN,
            P256,
            verify(),
            Attrs::new().flag(CKA_SIGN, false).flag(CKA_DERIVE, false),
        )
        .unwrap()
        .1,
        rsa: p
            .generate_pair(
                s,
                &Mech::new(CKM_RSA_PKCS_KEY_PAIR_GEN),
                &rsa.flag(CKA_VERIFY, true).flag(CKA_ENCRYPT, true).flag(CKA_WRAP, true),
                &sign().flag(CKA_DECRYPT, true).flag(CKA_UNWRAP, true),
            )
            .unwrap(),
        ec: pair(CKM_EC_KEY_PAIR_GEN, P256, verify(), sign().flag(CKA_DERIVE, true)).unwrap(),
        ed: pair(CKM_EC_EDWARDS_KEY_PAIR_GEN, ED25519, verify(), sign()).ok(),
        x: pair(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, X25519, Attrs::new(), Attrs::new().flag(CKA_DERIVE, true)).ok(),
        data: p.create(s, &Attrs::new().class(CKO_DATA).flag(CKA_PRIVATE, false)).unwrap(),
        extractable: aes(usable().number(CKA_VALUE_LEN, 32).flag(CKA_EXTRACTABLE, true).flag(CKA_SENSITIVE, false)),
    }
}

/// Runs a case in a session of its own and leaves nothing behind.
fn run(case: &Case, scene: &Scene) -> CK_RV {
    let (p, slot) = (scene.p, scene.slot);
    match p.login(scene.s, CKU_USER, PIN) {
        Ok(()) | Err(CKR_USER_ALREADY_LOGGED_IN) => {}
        Err(rv) => panic!("{} ({}): login before it: {rv:#x}", case.call, case.wrong),
    }
    let s = p.open_rw(slot).unwrap();
    let answer = (case.run)(&Scene { s, ..*scene });
    let _ = p.close(s);
    answer
}

/// Every case, in the order in which they run.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    without_sessions_and_operations(&mut cases);
    null_pointers(&mut cases);
    wrong_keys(&mut cases);
    parameters(&mut cases);
    templates(&mut cases);
    lengths(&mut cases);
    sessions_and_pins(&mut cases);
    cases
}

/// After a case: closes what it left open, and makes the keys again where they went.
fn tidy(p: &Module, now: &mut Scene) {
    // Logging out takes the private session keys away: they are made again.
    if p.get(now.s, now.aes, CKA_CLASS).is_err() {
        let _ = p.logout(now.s);
        p.login(now.s, CKU_USER, PIN).unwrap();
        let made = scene(p, now.slot, now.s);
        [now.aes, now.hmac, now.mute, now.mute_private, now.data, now.extractable] =
            [made.aes, made.hmac, made.mute, made.mute_private, made.data, made.extractable];
        (now.rsa, now.ec, now.ed, now.x) = (made.rsa, made.ec, made.ed, made.x);
    }
    for left in readers(p, now) {
        let _ = p.close(left);
    }
}

/// A case and how Strongroom answered.
struct Row {
    call: &'static str,
    wrong: String,
    expected: CK_RV,
    answer: CK_RV,
}

#[test]
fn every_wrong_call_gets_the_code_that_the_standard_names() {
    if return_codes_peer::is_child() {
        return;
    }
    let home = new_home("codes");
    // SAFETY: the only test of this file, before the module is loaded.
    unsafe { std::env::set_var("STRONGROOM_HOME", &home) };
    let p = Module::load(&common::module_path());
    let mut rows: Vec<Row> = Vec::new();
    for (call, early) in before_initialisation() {
        let (wrong, expected) = ("before C_Initialize".to_owned(), CKR_CRYPTOKI_NOT_INITIALIZED);
        rows.push(Row { call, wrong, expected, answer: early(&p) });
    }
    p.initialize().unwrap();
    let mut scene_now = set(&p);
    for case in cases() {
        let answer = run(&case, &scene_now);
        rows.push(Row { call: case.call, wrong: case.wrong, expected: case.expected, answer });
        tidy(&p, &mut scene_now);
    }
    let wrong: Vec<&Row> = rows.iter().filter(|row| row.expected != row.answer).collect();
    let mut report = String::new();
    for Row { call, wrong, expected, answer } in &wrong {
        let _ = writeln!(report, "{call}, {wrong}: {} is due, {} came", name(*expected), name(*answer));
    }
    let page = match std::env::var_os(return_codes_peer::MODULE) {
        Some(_) => return_codes_peer::page(&rows, &return_codes_peer::answers(rows.len())),
        None => table(&rows),
    };
    if let Ok(path) = std::env::var("STRONGROOM_CODES") {
        std::fs::write(path, page).unwrap();
    }
    println!("{} wrong calls, {} answered otherwise", rows.len(), wrong.len());
    assert!(rows.len() >= 300, "only {} cases", rows.len());
    assert!(wrong.is_empty(), "\n{report}");
    p.finalize().unwrap();
}

/// Sessions that a case left open.
fn readers(p: &Module, scene: &Scene) -> Vec<CK_SESSION_HANDLE> {
    let info = p.token_info(scene.slot).unwrap();
    if info.ulSessionCount <= 1 {
        return Vec::new();
    }
    (scene.s + 1..scene.s + 100_000)
        .filter(|handle| p11!(p, C_GetSessionInfo(*handle, &mut CK_SESSION_INFO::default())) == CKR_OK)
        .take(info.ulSessionCount as usize - 1)
        .collect()
}

fn name(rv: CK_RV) -> String {
    strongroom_pkcs11::error::rv_name(rv).into_owned()
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from("| function | what is wrong | the standard | Strongroom |\n|---|---|---|---|\n");
    for Row { call, wrong, expected, answer } in rows {
        let _ = writeln!(text, "| {call} | {wrong} | {} | {} |", name(*expected), name(*answer));
    }
    text
}
