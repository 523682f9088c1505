//! C_Initialize: its arguments, and what happens once a process.

use super::state::Face;
use crate::ck::CK_C_INITIALIZE_ARGS;
use crate::client::Client;
use crate::config::Home;
use crate::error::{Code, Result};
use crate::log::{self, Level};
use std::sync::atomic::{AtomicBool, Ordering};

/// Checks the arguments of C_Initialize. All legal ones are accepted, because nothing hangs on them: the module locks
/// with what the operating system and the processor offer, needs no callbacks for it, and creates no threads.
///
/// # Safety
/// A pointer that is not NULL points to a CK_C_INITIALIZE_ARGS.
pub(super) unsafe fn check(arguments: *const CK_C_INITIALIZE_ARGS) -> Result<()> {
    if arguments.is_null() {
        return Ok(());
    }
    // SAFETY: the caller's promise; it may be unaligned.
    let arguments = unsafe { arguments.read_unaligned() };
    if !arguments.pReserved.is_null() {
        return Err(Code::ArgumentsBad.because("pReserved is not NULL"));
    }
    let functions = [
        arguments.CreateMutex.is_some(),
        arguments.DestroyMutex.is_some(),
        arguments.LockMutex.is_some(),
        arguments.UnlockMutex.is_some(),
    ];
    if functions != [functions[0]; 4] {
        return Err(Code::ArgumentsBad.because("some mutex functions are NULL, and not all of them"));
    }
    Ok(())
}

/// The client for a process that initialises: finds the home, starts the log, connects nothing yet.
pub(super) fn client() -> Result<Box<dyn Face>> {
    catch_panics_quietly();
    let home = Home::find()?;
    log::start_in_application(&home.config.log);
    Ok(Box::new(Client::new(home)?))
}

/// A panic in the module becomes a return code; its place goes to the log and not to the host's standard error. The
/// module has the Rust library to itself, so this touches no hook of the host's.
fn catch_panics_quietly() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.swap(true, Ordering::AcqRel) {
        std::panic::set_hook(Box::new(|panic| {
            // The place only: the words of a panic may quote what it was about.
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            log::line(Level::Error, format_args!("panic at {place}"));
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::CK_RV;
    use std::ffi::c_void;
    use std::ptr;

    unsafe extern "C" fn create(_: *mut *mut c_void) -> CK_RV {
        0
    }
    unsafe extern "C" fn other(_: *mut c_void) -> CK_RV {
        0
    }

    fn refusal(arguments: &CK_C_INITIALIZE_ARGS) -> Option<Code> {
        // SAFETY: it is one.
        unsafe { check(arguments) }.err().map(|error| error.code())
    }

    fn arguments(flags: u64, mutexes: [bool; 4]) -> CK_C_INITIALIZE_ARGS {
        CK_C_INITIALIZE_ARGS {
            CreateMutex: mutexes[0].then_some(create),
            DestroyMutex: mutexes[1].then_some(other),
            LockMutex: mutexes[2].then_some(other),
            UnlockMutex: mutexes[3].then_some(other),
            flags,
            pReserved: ptr::null_mut(),
        }
    }

    #[test]
    fn null_is_legal() {
        // SAFETY: NULL is not followed.
        assert!(unsafe { check(ptr::null()) }.is_ok());
    }

    #[test]
    fn all_or_no_mutex_functions_with_every_flag() {
        for flags in 0..4 {
            for bits in 0..16u8 {
                let mutexes = [0, 1, 2, 3].map(|bit| bits >> bit & 1 == 1);
                let due = if bits == 0 || bits == 15 { None } else { Some(Code::ArgumentsBad) };
                assert_eq!(refusal(&arguments(flags, mutexes)), due, "flags {flags}, mutexes {bits:04b}");
            }
        }
    }

    #[test]
    fn reserved_must_be_null() {
        let reserved = CK_C_INITIALIZE_ARGS { pReserved: ptr::dangling_mut(), ..arguments(2, [false; 4]) };
        assert_eq!(refusal(&reserved), Some(Code::ArgumentsBad));
    }
}
