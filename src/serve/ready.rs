//! Tells whoever started the vault that it serves, or why it cannot.

use crate::error::Result;
use crate::serve::broken;
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
        let mut pipe = std::fs::File::from(descriptor);
        let _ = pipe.write_all(line.as_bytes());
        if standard {
            // The numbers of the standard descriptors must stay taken, or some file of ours would get one.
            crate::os::replace_by_null(pipe.as_fd()).map_err(|error| broken("open /dev/null", error))?;
            std::mem::forget(pipe);
        }
        Ok(())
    }
}
