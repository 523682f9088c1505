//! The C face of PKCS#11 3.2: the only place with C pointers, and `unsafe` for them.
//!
//! * `functions`: the C_ functions, a row each: their arguments, and the call that answers them
//! * `entry`: what every row becomes: state first, then the arguments, then the call; panics and the log
//! * `read`, `parameter`: what the caller's pointers point to, as values; every length is checked before it is used
//! * `out`, `info`: values to where the caller's pointers point, by the standard's rules of length
//! * `lists`: the function lists and interfaces; `vendor`: our own interface
//! * `state`, `process`, `lock`: initialising, finalising and forks
//! * `last`: the words behind a thread's last error
//!
//! Nothing here knows an object, a key or a session. There is no background thread, no exit handler and no static
//! that needs a destructor, so nothing happens when the host unloads the module or exits.

#![allow(unsafe_code)] // C pointers

mod entry;
mod functions;
mod info;
mod initialize;
mod last;
mod lists;
mod lock;
mod out;
mod parameter;
mod process;
mod read;
mod show;
mod state;
mod vendor;

#[cfg(test)]
mod fake;

/// Runs `child` in a forked child: 1 if it yielded true.
#[cfg(test)]
fn forked(child: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child does nothing that needs another thread of its parent, and leaves by `_exit`.
    unsafe {
        match libc::fork() {
            0 => {
                let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
                libc::_exit(outcome.map_or(2, i32::from))
            }
            pid => {
                let mut status = 0;
                assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
                libc::WEXITSTATUS(status)
            }
        }
    }
}
