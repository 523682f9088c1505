//! What the vault gives up at its start, before it reads anything: what it does not have cannot be taken from it.

use crate::error::Result;
use crate::serve::broken;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask};
use rustix::thread::{CapabilitySet, capabilities};

/// Hardens this process. Called while it has one thread.
pub(crate) fn process() -> Result<()> {
    // No core dumps, no debugger of the same user, no /proc/PID/mem.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| broken("be closed to debuggers", error.into()))?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .map_err(|error| broken("forbid core dumps", error.into()))?;
    rustix::thread::set_no_new_privs(true).map_err(|error| broken("give up privileges", error.into()))?;
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    crate::os::forget_variables(crate::secret::is_name_of_one);
    allow_many_descriptors();
    lock_memory();
    Ok(())
}

/// Keeps all memory from swap where there is no bound on that; else only secrets are locked, as far as the bound goes.
fn lock_memory() {
    let unbounded = getrlimit(Resource::Memlock).current.is_none();
    let privileged = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    if unbounded || privileged {
        // On failure the locked pool below still keeps secrets from swap.
        let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT);
    }
    crate::secret::use_locked_memory();
}

/// A connection is a descriptor, and the usual soft bound of 1024 is for programs that use select.
fn allow_many_descriptors() {
    let bound = getrlimit(Resource::Nofile);
    let wanted = bound.maximum.unwrap_or(MANY).min(MANY);
    if bound.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: bound.maximum });
    }
}

const MANY: u64 = 8192;
