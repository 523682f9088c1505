//! The rule for calls that yield bytes, once for all operations (section 5.2 of the standard):
//!
//! * a NULL buffer asks for the length and ends nothing;
//! * a buffer that is too small is told the length it needs and ends nothing;
//! * anything else ends the operation, or (an update) moves it on; a failure always ends it.
//!
//! Where a mechanism knows only a bound (the padding of a plaintext), and the buffer is smaller than that, the
//! operation is tried on a copy of itself: what fits is delivered, what does not leaves the original as it was.

use super::session::{Active, Slot};
use crate::error::{Code, Result};
use crate::mechanism::{Operation, Verification};
use crate::wire::values::{Output, Room};
use zeroize::Zeroizing;

type Running = Slot<Box<dyn Operation>>;

/// C_Encrypt, C_Decrypt, C_Digest, C_Sign: all in one call.
pub fn whole(slot: &mut Running, data: &[u8], room: Room) -> Result<Output> {
    let active = slot.as_ref().ok_or(Code::OperationNotInitialized)?;
    if active.in_parts {
        *slot = None;
        return Err(Code::OperationNotInitialized
            .because("parts were given before: the operation can only be ended by its Final call"));
    }
    end(slot, data, room)
}

/// C_EncryptFinal and its kin.
pub fn last(slot: &mut Running, room: Room) -> Result<Output> {
    slot.as_ref().ok_or(Code::OperationNotInitialized)?;
    end(slot, &[], room)
}

fn end(slot: &mut Running, data: &[u8], room: Room) -> Result<Output> {
    let Some(active) = slot else { return Err(Code::OperationNotInitialized.into()) };
    let bound = active.operation.finish_bound(data.len());
    let Some(room) = room else { return Ok(Output::Length(bound as u64)) };
    if active.awaits_login {
        *slot = None;
        return Err(Code::UserNotLoggedIn.because("the key asks for a login of its own (CKA_ALWAYS_AUTHENTICATE): C_Login with CKU_CONTEXT_SPECIFIC after the Init call"));
    }
    if room < bound as u64 {
        let tried = run(active.operation.duplicate(), data, bound);
        if let Ok(output) = &tried
            && output.len() as u64 > room
        {
            return Ok(Output::TooSmall(output.len() as u64));
        }
        *slot = None;
        return tried.map(Output::Bytes);
    }
    let Some(active) = slot.take() else { return Err(Code::OperationNotInitialized.into()) };
    run(active.operation, data, bound).map(Output::Bytes)
}

/// Memory is set aside for no more than this on the word of a bound.
const AHEAD: usize = 1 << 20;

fn run(mut operation: Box<dyn Operation>, data: &[u8], bound: usize) -> Result<Zeroizing<Vec<u8>>> {
    let mut output = Zeroizing::new(Vec::with_capacity(bound.min(AHEAD)));
    if !data.is_empty() {
        operation.update(data, &mut output)?;
    }
    operation.finish(&mut output)?;
    Ok(output)
}

/// C_EncryptUpdate and C_DecryptUpdate.
pub fn part(slot: &mut Running, data: &[u8], room: Room) -> Result<Output> {
    let active = slot.as_mut().ok_or(Code::OperationNotInitialized)?;
    let bound = active.operation.update_bound(data.len());
    let Some(room) = room else { return Ok(Output::Length(bound as u64)) };
    refuse_waiting(slot)?;
    let Some(active) = slot else { return Err(Code::OperationNotInitialized.into()) };
    let mut output = Zeroizing::new(Vec::with_capacity(bound.min(AHEAD)));
    let mut tried = (room < bound as u64).then(|| active.operation.duplicate());
    let running = tried.as_mut().unwrap_or(&mut active.operation);
    if let Err(error) = running.update(data, &mut output) {
        *slot = None;
        return Err(error);
    }
    if output.len() as u64 > room {
        return Ok(Output::TooSmall(output.len() as u64));
    }
    if let Some(operation) = tried {
        active.operation = operation;
    }
    active.in_parts = true;
    Ok(Output::Bytes(output))
}

/// C_DigestUpdate, C_SignUpdate: a part that yields nothing yet.
pub fn quiet_part(slot: &mut Running, data: &[u8]) -> Result<()> {
    refuse_waiting(slot)?;
    let active = slot.as_mut().ok_or(Code::OperationNotInitialized)?;
    active.in_parts = true;
    let done = active.operation.update(data, &mut Vec::new());
    done.inspect_err(|_| *slot = None)
}

fn refuse_waiting<T>(slot: &mut Slot<T>) -> Result<()> {
    if slot.as_ref().is_some_and(|active| active.awaits_login) {
        *slot = None;
        return Err(Code::UserNotLoggedIn.because("the key asks for a login of its own (CKA_ALWAYS_AUTHENTICATE)"));
    }
    Ok(())
}

/// C_Verify
pub fn verify(slot: &mut Slot<Box<dyn Verification>>, data: &[u8], signature: &[u8]) -> Result<()> {
    refuse_waiting(slot)?;
    let mut active = slot.take().ok_or(Code::OperationNotInitialized)?;
    if active.in_parts {
        return Err(Code::OperationNotInitialized
            .because("parts were given before: the operation can only be ended by C_VerifyFinal"));
    }
    active.operation.update(data)?;
    active.operation.finish(signature)
}

/// C_VerifyUpdate
pub fn verify_part(slot: &mut Slot<Box<dyn Verification>>, data: &[u8]) -> Result<()> {
    refuse_waiting(slot)?;
    let active = slot.as_mut().ok_or(Code::OperationNotInitialized)?;
    active.in_parts = true;
    let done = active.operation.update(data);
    done.inspect_err(|_| *slot = None)
}

/// C_VerifyFinal
pub fn verify_last(slot: &mut Slot<Box<dyn Verification>>, signature: &[u8]) -> Result<()> {
    refuse_waiting(slot)?;
    slot.take().ok_or(Code::OperationNotInitialized)?.operation.finish(signature)
}

/// Puts a new operation into its slot.
pub fn begin<T>(slot: &mut Slot<T>, active: Active<T>) -> Result<()> {
    vacant(slot)?;
    *slot = Some(active);
    Ok(())
}

/// One operation of a kind at a time.
pub fn vacant<T>(slot: &Slot<T>) -> Result<()> {
    if slot.is_some() { Err(Code::OperationActive.into()) } else { Ok(()) }
}
