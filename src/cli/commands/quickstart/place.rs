//! The directory of a quickstart: a fresh one each time, with a home, PIN files and something to sign.

use crate::cli::failure::{Failure, Result, in_file};
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use strongroom_pkcs11::error::Code;

/// A directory of its own, readable by its owner only.
pub(super) struct Place {
    pub(super) directory: PathBuf,
}

impl Place {
    /// Makes the directory: the one that was named, else one in the working directory, else one for temporary files.
    /// One that is there already is left alone, and the next free number taken.
    pub(super) fn make(named: Option<PathBuf>) -> Result<Place> {
        let directory = match named {
            Some(named) => fresh(&absolute(&named)?).map_err(in_file(&named))?,
            None => {
                let here = absolute(Path::new(NAME))?;
                fresh(&here).or_else(|_| fresh(&std::env::temp_dir().join(NAME))).map_err(in_file(&here))?
            }
        };
        let place = Place { directory };
        DirBuilder::new().mode(0o700).create(place.home()).map_err(in_file(&place.home()))?;
        place.write_private(&place.home().join("strongroom.toml"), configuration()?)?;
        // Without a line end: libp11 takes the whole file for the PIN.
        place.write_private(&place.pin(), pin()?)?;
        place.write_private(&place.so_pin(), pin()?)?;
        place.write_private(&place.message(), MESSAGE)?;
        Ok(place)
    }

    /// The home.
    pub(super) fn home(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// The file with the user's PIN.
    pub(super) fn pin(&self) -> PathBuf {
        self.directory.join("pin")
    }

    /// The file with the SO's PIN.
    pub(super) fn so_pin(&self) -> PathBuf {
        self.directory.join("so-pin")
    }

    /// What is signed.
    pub(super) fn message(&self) -> PathBuf {
        self.directory.join("message.txt")
    }

    /// The user's PIN.
    pub(super) fn read_pin(&self) -> Result<String> {
        read_line(&self.pin())
    }

    /// The SO's PIN.
    pub(super) fn read_so_pin(&self) -> Result<String> {
        read_line(&self.so_pin())
    }

    /// Writes a new file that only its owner may read.
    pub(super) fn write_private(&self, path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(path);
        file.and_then(|mut file| file.write_all(content.as_ref())).map_err(in_file(path))
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(in_file(path))
}

fn fresh(wanted: &Path) -> std::io::Result<PathBuf> {
    let name = wanted.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = (2..MOST).map(|number| wanted.with_file_name(format!("{name}-{number}")));
    for directory in std::iter::once(wanted.to_owned()).chain(numbered) {
        match DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

fn read_line(path: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(path).map_err(in_file(path))?.trim_end().to_owned())
}

/// The configuration names this very binary as vault, so that the module need not look for it.
fn configuration() -> Result<String> {
    let binary = std::env::current_exe().map_err(in_file(Path::new("/proc/self/exe")))?;
    let quoted = serde_json::Value::from(binary.to_string_lossy()).to_string();
    Ok(format!("# Made by strongroom quickstart.\nvault-binary = {quoted}\n"))
}

/// A PIN of 60 random bits, in letters and digits that nobody mixes up.
fn pin() -> Result<String> {
    let mut random = [0u8; 12];
    getrandom::fill(&mut random).map_err(|_| Failure::from(Code::RandomNoRng))?;
    Ok(random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const NAME: &str = "strongroom-quickstart";
/// So many quickstarts beside each other are a mistake.
const MOST: u32 = 1000;
const MESSAGE: &str = "Strongroom: the key that signed this never left its vault.\n";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn every_run_has_a_directory_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let wanted = root.path().join("demo");
        let (one, two) = (Place::make(Some(wanted.clone())).unwrap(), Place::make(Some(wanted.clone())).unwrap());
        assert_eq!((&one.directory, &two.directory), (&wanted, &root.path().join("demo-2")));
        assert_ne!(one.read_pin().unwrap(), two.read_pin().unwrap());
        assert_ne!(one.read_pin().unwrap(), one.read_so_pin().unwrap());
    }

    #[test]
    fn only_the_owner_may_read_what_is_made() {
        let root = tempfile::tempdir().unwrap();
        let place = Place::make(Some(root.path().join("demo"))).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(&place.directory), mode(&place.home())], [0o700, 0o700]);
        assert_eq!([mode(&place.pin()), mode(&place.so_pin())], [0o600, 0o600]);
    }
}
