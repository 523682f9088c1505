//! `softhsm2.conf`: where the tokens are, and in which form.
//!
//! SoftHSM2 looks for its configuration in `SOFTHSM2_CONF`, then in the user's `~/.config/softhsm2/softhsm2.conf`,
//! then in `/etc/softhsm/softhsm2.conf` (Debian) or `/etc/softhsm2.conf`.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use strongroom_pkcs11::error::{Code, Error, Result};

/// What of SoftHSM2's configuration a reader of its store must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// `directories.tokendir`: a directory for each token is in it.
    pub tokens: PathBuf,
}

/// The directory where `directories.tokendir` is not set.
const DEFAULT_TOKENS: &str = "/var/lib/softhsm/tokens";
/// The system's configuration, by distribution.
const SYSTEM: &[&str] = &["/etc/softhsm/softhsm2.conf", "/etc/softhsm2.conf"];
/// No configuration is longer.
const LONGEST: u64 = 64 * 1024;

impl Configuration {
    /// The configuration that SoftHSM2 itself would use.
    ///
    /// # Errors
    /// Where there is none, or it names a form of store that cannot be read.
    pub fn find() -> Result<Configuration> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(file) = variable("SOFTHSM2_CONF") {
            return Configuration::read(&file);
        }
        let own = variable("HOME").map(|home| home.join(".config/softhsm2/softhsm2.conf"));
        let places: Vec<PathBuf> = own.into_iter().chain(SYSTEM.iter().map(PathBuf::from)).collect();
        match places.iter().find(|file| file.exists()) {
            Some(file) => Configuration::read(file),
            None => Err(Code::GeneralError
                .because("no softhsm2.conf was found; name the file or the directory of the tokens with --from")),
        }
    }

    /// What a file says, or the directory of tokens itself.
    pub fn at(path: &Path) -> Result<Configuration> {
        if path.is_dir() { Ok(Configuration { tokens: path.to_owned() }) } else { Configuration::read(path) }
    }

    /// What a file says.
    pub fn read(file: &Path) -> Result<Configuration> {
        let mut text = String::new();
        let read = File::open(file).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
        read.map_err(|error| unreadable(file, &error))?;
        Configuration::parse(&text)
    }

    /// Lines of `name = value`; `#` begins a remark. Names that do not matter here are passed over.
    pub fn parse(text: &str) -> Result<Configuration> {
        let value = |wanted: &str| {
            let lines = text.lines().filter_map(|line| line.split('#').next()?.split_once('='));
            lines.filter(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim()).next_back()
        };
        match value("objectstore.backend") {
            None | Some("file") => {
                Ok(Configuration { tokens: value("directories.tokendir").unwrap_or(DEFAULT_TOKENS).into() })
            }
            Some("db") => Err(Code::FunctionNotSupported.because(
                "this SoftHSM2 keeps its objects in SQLite (objectstore.backend = db), which cannot be read here; \
                 only the file store can (objectstore.backend = file)",
            )),
            Some(other) => {
                Err(Code::FunctionNotSupported.because(format!("objectstore.backend = {other} is not known")))
            }
        }
    }
}

/// A file of SoftHSM2 that could not be read, with the step that usually helps.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let (code, hint) = match error.kind() {
        ErrorKind::NotFound => (Code::TokenNotPresent, ""),
        ErrorKind::PermissionDenied => {
            (Code::FunctionFailed, " (run this as the user whose token it is, or as a member of the group softhsm)")
        }
        _ => (Code::FunctionFailed, ""),
    };
    code.because(format!("{}: {error}{hint}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_tokens_is_read_and_remarks_are_not() {
        let text =
            "# a remark\ndirectories.tokendir = /a/b # the tokens\nlog.level = INFO\nobjectstore.backend = file\n";
        assert_eq!(Configuration::parse(text).unwrap().tokens, Path::new("/a/b"));
        assert_eq!(Configuration::parse("").unwrap().tokens, Path::new(DEFAULT_TOKENS));
    }

    #[test]
    fn a_store_in_sqlite_is_refused_by_name() {
        let error = Configuration::parse("objectstore.backend = db").unwrap_err();
        assert!(error.code() == Code::FunctionNotSupported && error.why().contains("SQLite"), "{error}");
        assert!(Configuration::parse("objectstore.backend = tape").is_err());
    }
}
