//! Starts the vault as nobody's child: the process that an application started ends at once, so the application has
//! no child that it did not make, and the vault is no part of its session.

use crate::error::Result;
use crate::serve::broken;
use std::ffi::OsString;
use std::process::{Command, Stdio};

/// Runs this program again with `arguments` in a session of its own, with what standard output and error are now.
pub fn detach(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    let _ = rustix::process::setsid(); // fails only for a leader of its group, which is apart already
    let program = std::env::current_exe().map_err(|error| broken("find its program", error))?;
    // The vault is meant to outlive this process: nobody waits for it but the first process of the system.
    let child = Command::new(program).args(arguments).stdin(Stdio::null()).current_dir("/").spawn();
    child.map(drop).map_err(|error| broken("start in the background", error))
}
