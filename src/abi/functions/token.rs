//! Slots, tokens and sessions (sections 5.5 and 5.6).

use super::prelude::*;

// A slot without a token does not exist here: the free slot holds a token that is not initialised yet.
entry!(C_GetSlotList(token_present: byte, slots: list(CK_ULONG)) |calls| slots.put(&calls.slot_list()?));
entry!(C_GetSlotInfo(slot: number, info: place(CK_SLOT_INFO)) |calls| info.put(info::slot(calls.slot_info(slot)?)));
entry!(C_GetTokenInfo(slot: number, info: place(CK_TOKEN_INFO)) |calls| info.put(info::token(calls.token_info(slot)?)));
entry!(C_GetMechanismList(slot: number, mechanisms: list(CK_ULONG)) |calls|
    mechanisms.put(&calls.mechanism_list(slot)?));
entry!(C_GetMechanismInfo(slot: number, mechanism: number, info: place(CK_MECHANISM_INFO)) |calls|
    info.put(info::mechanism(calls.mechanism_info(slot, mechanism)?)));
entry!(C_InitToken(slot: number, pin: pin, label: label) |calls| calls.init_token(slot, pin, label));
entry!(C_InitPIN(session: number, pin: pin) |calls| calls.init_pin(session, pin));
entry!(C_SetPIN(session: number, old: pin, new: pin) |calls| calls.set_pin(session, old, new));
// Slots neither come nor go while an application looks on: there is never an event, and none to wait for.
entry!(C_WaitForSlotEvent(flags: number, slot: place(CK_ULONG), reserved: pointer(c_void)) here {
    let _ = slot;
    match (reserved.is_null(), flags & CKF_DONT_BLOCK) {
        (false, _) => Err(Code::ArgumentsBad.because("pReserved is not NULL")),
        (true, 0) => Err(Code::FunctionNotSupported.because("waiting for a slot event is not supported")),
        (true, _) => Err(Code::NoEvent.into()),
    }
});

entry!(C_OpenSession(
    slot: number, flags: number, _application: ignored(*mut c_void), _notify: ignored(CK_NOTIFY), session: handle
) |calls| session.put(calls.open_session(slot, flags)?));
entry!(C_CloseSession(session: number) |calls| calls.close_session(session));
entry!(C_CloseAllSessions(slot: number) |calls| calls.close_all_sessions(slot));
entry!(C_GetSessionInfo(session: number, info: place(CK_SESSION_INFO)) |calls|
    info.put(info::session(calls.session_info(session)?)));
// No part of this token has been validated by anyone, so no flag is ever set.
entry!(C_GetSessionValidationFlags(session: number, kind: number, flags: handle) |calls| {
    calls.session_info(session)?;
    flags.put(0)
});
entry!(C_SessionCancel(session: number, flags: number) |calls| calls.session_cancel(session, flags));
entry!(C_Login(session: number, user: number, pin: pin) |calls| calls.login(session, user, None, pin));
entry!(C_LoginUser(session: number, user: number, pin: pin, name: name) |calls| calls.login(session, user, name, pin));
entry!(C_Logout(session: number) |calls| calls.logout(session));
