//! Tells whoever started the vault that it serves, or why it cannot.

use crate::error::Result;
use crate::serve::broken;
use rustix::fs::fstat;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// The descriptor on which the starter waits.
pub(crate) struct Ready(Option<OwnedFd>);

impl Ready {
    pub(crate) fn new(number: Option<i32>) -> Result<Ready> {
        let inherited = number.map(crate::os::inherited).transpose();
        Ok(Ready(inherited.map_err(|error| broken("use the descriptor of --ready-fd", error))?))
    }

    /// Says so once, and closes the descriptor. A starter that did not wait is no fault.
    pub(crate) fn tell<T>(&mut self, outcome: &Result<T>) -> Result<()> {
        let Some(descriptor) = self.0.take() else { return Ok(()) };
        let line = match outcome {
            Ok(_) => "ready\n".to_owned(),
            Err(error) => format!("error: {}\n", error.why()),
        };
        let standard = descriptor.as_raw_fd() <= 2;
        let same = is_standard_error(&descriptor);
        let mut pipe = std::fs::File::from(descriptor);
        let _ = pipe.write_all(line.as_bytes());
        let broken = |error| broken("open /dev/null", error);
        if same && outcome.is_ok() {
            // Nobody listens from here on.
            crate::os::replace_by_null(std::io::stderr().as_fd()).map_err(broken)?;
        }
        if standard {
            // The numbers of the standard descriptors must stay taken, or some file of ours would get one.
            crate::os::replace_by_null(pipe.as_fd()).map_err(broken)?;
            std::mem::forget(pipe);
        }
        Ok(())
    }
}

/// Whether standard error leads to the same pipe.
fn is_standard_error(descriptor: &OwnedFd) -> bool {
    let number = |of: std::os::fd::BorrowedFd<'_>| fstat(of).map(|found| (found.st_dev, found.st_ino)).ok();
    number(descriptor.as_fd()) == number(std::io::stderr().as_fd())
}
