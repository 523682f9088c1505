//! Where PINs come from. Never from the command line: its words can be read by every user of the machine.
//!
//! The first source that is there wins: the option for a file, the option for a file descriptor, the environment,
//! a systemd credential, and at last a prompt on the terminal.

use super::failure::{Exit, Failure, Result, in_file};
use super::render;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use strongroom_pkcs11::error::Code;
use strongroom_pkcs11::secret::Secret;
use zeroize::Zeroizing;

/// Where the PIN of the user comes from.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "PIN of the user (else: STRONGROOM_PIN, the credential strongroom-pin, a prompt)")]
pub(crate) struct UserPin {
    /// Read the user's PIN from the first line of this file
    #[arg(long = "pin-file", value_name = "PATH", conflicts_with = "user_pin_fd")]
    user_pin_file: Option<PathBuf>,
    /// Read the user's PIN from this open file descriptor
    #[arg(long = "pin-fd", value_name = "N")]
    user_pin_fd: Option<u32>,
}

/// Where the PIN of the security officer comes from.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "PIN of the SO (else: STRONGROOM_SO_PIN, the credential strongroom-so-pin, a prompt)")]
pub(crate) struct OfficerPin {
    /// Read the SO's PIN from the first line of this file
    #[arg(long = "so-pin-file", value_name = "PATH", conflicts_with = "so_pin_fd")]
    so_pin_file: Option<PathBuf>,
    /// Read the SO's PIN from this open file descriptor
    #[arg(long = "so-pin-fd", value_name = "N")]
    so_pin_fd: Option<u32>,
}

/// Where a new PIN comes from.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "New PIN (else: STRONGROOM_NEW_PIN, the credential strongroom-new-pin, a prompt)")]
pub(crate) struct NewPin {
    /// Read the new PIN from the first line of this file
    #[arg(long = "new-pin-file", value_name = "PATH", conflicts_with = "new_pin_fd")]
    new_pin_file: Option<PathBuf>,
    /// Read the new PIN from this open file descriptor
    #[arg(long = "new-pin-fd", value_name = "N")]
    new_pin_fd: Option<u32>,
}

impl UserPin {
    /// The sources of the user's PIN.
    pub(crate) fn source(&self) -> Source {
        Source { file: self.user_pin_file.clone(), fd: self.user_pin_fd, names: &USER }
    }

    /// The same, where a PKCS#11 URI names a file (`pin-source`) and no option does.
    pub(crate) fn source_with(&self, pin_source: Option<PathBuf>) -> Source {
        let source = self.source();
        match (&source.file, source.fd) {
            (None, None) => Source { file: pin_source, ..source },
            _ => source,
        }
    }
}

impl OfficerPin {
    /// The sources of the SO's PIN.
    pub(crate) fn source(&self) -> Source {
        Source { file: self.so_pin_file.clone(), fd: self.so_pin_fd, names: &OFFICER }
    }
}

impl NewPin {
    /// The sources of a new PIN.
    pub(crate) fn source(&self) -> Source {
        Source { file: self.new_pin_file.clone(), fd: self.new_pin_fd, names: &NEW }
    }
}

/// The names that the sources of one PIN go by.
struct Names {
    option: &'static str,
    variable: &'static str,
    credential: &'static str,
}

const USER: Names = Names { option: "--pin", variable: "STRONGROOM_PIN", credential: "strongroom-pin" };
const OFFICER: Names = Names { option: "--so-pin", variable: "STRONGROOM_SO_PIN", credential: "strongroom-so-pin" };
const NEW: Names = Names { option: "--new-pin", variable: "STRONGROOM_NEW_PIN", credential: "strongroom-new-pin" };

/// The sources of one PIN.
pub(crate) struct Source {
    file: Option<PathBuf>,
    fd: Option<u32>,
    names: &'static Names,
}

impl Source {
    /// The PIN as it is now, asked for once.
    pub(crate) fn present(&self, prompt: &str) -> Result<Secret> {
        match self.unattended(&variable)? {
            Some(pin) => Ok(pin),
            None => self.ask(prompt),
        }
    }

    /// A PIN that shall be from now on: at a prompt asked for twice.
    pub(crate) fn fresh(&self, prompt: &str) -> Result<Secret> {
        if let Some(pin) = self.unattended(&variable)? {
            return Ok(pin);
        }
        let pin = self.ask(prompt)?;
        if self.ask(&format!("{prompt}, once more"))? != pin {
            return Err(Failure::new(Code::PinInvalid, "the two PINs are not the same").hint("Nothing was changed."));
        }
        Ok(pin)
    }

    /// The PIN from a source that needs no person.
    fn unattended(&self, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Option<Secret>> {
        if let Some(path) = &self.file {
            return from_file(path).map(Some);
        }
        if let Some(fd) = self.fd {
            return from_file(Path::new(&format!("/proc/self/fd/{fd}"))).map(Some);
        }
        if let Some(pin) = variable(self.names.variable) {
            let pin = Zeroizing::new(std::os::unix::ffi::OsStringExt::into_vec(pin));
            return line(&pin, self.names.variable).map(Some);
        }
        let credential =
            variable("CREDENTIALS_DIRECTORY").map(|directory| Path::new(&directory).join(self.names.credential));
        credential.filter(|path| path.exists()).map(|path| from_file(&path)).transpose()
    }

    fn ask(&self, prompt: &str) -> Result<Secret> {
        let Names { option, variable, .. } = self.names;
        let typed = rpassword::prompt_password(format!("{prompt}: ")).map_err(|error| {
            Failure::new(Code::PinIncorrect, format!("no PIN was given, and there is no terminal to ask on ({error})"))
                .exit_with(Exit::Pin)
                .hint(format!("Give {option}-file PATH or {option}-fd N, or set {variable}."))
        })?;
        let typed = Zeroizing::new(typed.into_bytes());
        line(&typed, "the prompt")
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn from_file(path: &Path) -> Result<Secret> {
    let file = File::open(path).map_err(in_file(path))?;
    warn_if_exposed(&file, path);
    // Room for all of it from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_FILE as usize + 1));
    file.take(LONGEST_FILE).read_to_end(&mut bytes).map_err(in_file(path))?;
    line(&bytes, &path.display().to_string())
}

fn warn_if_exposed(file: &File, path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = file.metadata() else { return };
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        render::remark(&format!("other users may read the PIN file {0}; mend it with: chmod 600 {0}", path.display()));
    }
}

/// The first line: what comes before a line end, which an editor may have added.
fn line(bytes: &[u8], whence: &str) -> Result<Secret> {
    let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let first = first.strip_suffix(b"\r").unwrap_or(first);
    if first.is_empty() {
        return Err(Failure::new(Code::PinLenRange, format!("the PIN from {whence} is empty")));
    }
    Ok(Secret::from(first))
}

/// No PIN is longer than 255 bytes; what is much longer is not a PIN file.
const LONGEST_FILE: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::OpenOptionsExt;

    fn pin_file(directory: &Path, name: &str, content: &str) -> PathBuf {
        let path = directory.join(name);
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
        std::io::Write::write_all(&mut file, content.as_bytes()).unwrap();
        path
    }

    fn unattended(source: &Source, variables: &[(&str, &Path)]) -> Option<Vec<u8>> {
        let look_up = |name: &str| variables.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).into());
        source.unattended(&look_up).unwrap().map(|pin| pin.to_vec())
    }

    #[test]
    fn the_nearest_source_wins() {
        let home = tempfile::tempdir().unwrap();
        let file = pin_file(home.path(), "file", "from-file\n");
        pin_file(home.path(), "strongroom-pin", "from-credential\n");
        let credentials = ("CREDENTIALS_DIRECTORY", home.path());
        let variable = ("STRONGROOM_PIN", Path::new("from-variable"));

        let option = UserPin { user_pin_file: Some(file.clone()), user_pin_fd: None }.source();
        assert_eq!(unattended(&option, &[variable, credentials]).unwrap(), b"from-file");
        let none = UserPin::default().source();
        assert_eq!(unattended(&none, &[variable, credentials]).unwrap(), b"from-variable");
        assert_eq!(unattended(&none, &[credentials]).unwrap(), b"from-credential");
        assert_eq!(unattended(&none, &[]), None);
        assert_eq!(unattended(&OfficerPin::default().source(), &[variable, credentials]), None);
        let from_uri = UserPin::default().source_with(Some(file));
        assert_eq!(unattended(&from_uri, &[variable]).unwrap(), b"from-file");
    }

    #[test]
    fn a_file_descriptor_is_read() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut writer, b"from-fd").unwrap();
        drop(writer);
        let fd = std::os::fd::AsRawFd::as_raw_fd(&reader) as u32;
        let source = UserPin { user_pin_file: None, user_pin_fd: Some(fd) }.source();
        assert_eq!(unattended(&source, &[]).unwrap(), b"from-fd");
    }

    #[test]
    fn only_the_line_end_is_cut_off() {
        for (content, pin) in
            [("1234\n", "1234"), ("1234\r\n", "1234"), (" 12 34 \nsecond", " 12 34 "), ("1234", "1234")]
        {
            assert_eq!(&*line(content.as_bytes(), "a test").unwrap(), pin.as_bytes());
        }
    }

    #[test]
    fn an_empty_pin_and_a_missing_file_are_refused() {
        assert!(line(b"\n1234", "a test").is_err());
        let missing = UserPin { user_pin_file: Some("/nonexistent/pin".into()), user_pin_fd: None }.source();
        assert!(missing.unattended(&|_| None).is_err_and(|failure| failure.exit() == Exit::NotFound));
    }
}
