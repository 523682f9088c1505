//! Where PINs come from: a file, a file descriptor, the environment, a prompt. Never from the command line, whose
//! words every user of the machine can read.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use strongroom_pkcs11::error::{Code, Result};
use strongroom_pkcs11::secret::Secret;
use zeroize::Zeroizing;

/// The sources of one PIN; the first that is there wins.
pub struct Source<'a> {
    /// A file: its first line counts.
    pub file: Option<&'a Path>,
    /// An open file descriptor.
    pub fd: Option<u32>,
    /// A variable of the environment.
    pub variable: &'a str,
    /// What the prompt says.
    pub prompt: &'a str,
}

/// No PIN is longer than 255 bytes; what is much longer is no PIN file.
const LONGEST: u64 = 4096;

impl Source<'_> {
    /// The PIN.
    ///
    /// # Errors
    /// Where a source that was named gives none, or there is none and no terminal to ask on.
    pub fn read(&self) -> Result<Secret> {
        if let Some(path) = self.file {
            return from_file(path);
        }
        if let Some(fd) = self.fd {
            return from_file(&PathBuf::from(format!("/proc/self/fd/{fd}")));
        }
        if let Some(value) = std::env::var_os(self.variable) {
            return line(&Zeroizing::new(value.into_vec()), self.variable);
        }
        let typed = rpassword::prompt_password(format!("{}: ", self.prompt)).map_err(|error| {
            Code::PinIncorrect.because(format!(
                "there is no {}, and no terminal to ask on ({error}); set {} or name a file",
                self.prompt, self.variable
            ))
        })?;
        line(&Zeroizing::new(typed.into_bytes()), "the prompt")
    }
}

fn from_file(path: &Path) -> Result<Secret> {
    let failed = |error: std::io::Error| Code::FunctionFailed.because(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
    file.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
    line(&bytes, &path.display().to_string())
}

/// The first line, without its end.
fn line(bytes: &[u8], whence: &str) -> Result<Secret> {
    let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let first = first.strip_suffix(b"\r").unwrap_or(first);
    match first {
        [] => Err(Code::PinLenRange.because(format!("the PIN from {whence} is empty"))),
        pin => Ok(Secret::from(pin)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_end_is_cut_off_and_no_pin_is_empty() {
        for (text, pin) in [("1234\n", "1234"), ("1234\r\nrest", "1234"), (" 12 ", " 12 ")] {
            assert!(line(text.as_bytes(), "a test").is_ok_and(|read| *read == *pin.as_bytes()));
        }
        assert!(line(b"\n", "a test").is_err());
    }
}
