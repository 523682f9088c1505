//! The root key: 32 random bytes in a file that only the vault's user can read. Without it the store is noise.
//!
//! The file is three lines of text: what it is, the key in hexadecimal, and a check over it, so that a damaged
//! key is told apart from a foreign one.

use crate::crypto::{hash::Hash, random};
use crate::error::{Code, Result};
use crate::secret::Secret;
use crate::store::Mode;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

const NAME: &str = "root.key";
const TITLE: &str = "strongroom root key 1";

/// Whether the home can be written to.
pub(super) fn mode(home: &Path) -> Mode {
    use rustix::fs::{Access, access};
    let read_only = matches!(access(home, Access::WRITE_OK), Err(rustix::io::Errno::ROFS)) || frozen(home);
    if read_only { Mode::ReadOnly } else { Mode::ReadWrite }
}

/// A directory that its owner may not write to: a medium mounted for reading only, or made so by hand.
fn frozen(home: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(home).is_ok_and(|metadata| metadata.mode() & 0o200 == 0)
}

/// The root key of a home, made at first use.
pub(super) fn load(home: &Path, mode: Mode) -> Result<Secret> {
    let path = home.join(NAME);
    match read(&path) {
        Ok(text) => parse(&text, &path),
        Err(error) if error.kind() == ErrorKind::NotFound => match mode {
            Mode::ReadWrite if !home.join("store").exists() => make(home, &path),
            _ => Err(Code::DeviceError.because(format!(
                "{} is missing: the store cannot be opened without it. Put it back from your backup.",
                path.display()
            ))),
        },
        Err(error) => Err(Code::DeviceError.because(format!("{} cannot be read: {error}", path.display()))),
    }
}

fn read(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(256));
    File::open(path)?.take(256).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str, path: &Path) -> Result<Secret> {
    let damaged = || Code::DeviceError.because(format!("{} is damaged: put it back from your backup.", path.display()));
    let mut lines = text.lines();
    if lines.next() != Some(TITLE) {
        return Err(damaged());
    }
    let key = lines.next().and_then(unhex).filter(|key| key.len() == 32).ok_or_else(damaged)?;
    match lines.next() {
        Some(written) if written == check(&key) => Ok(key),
        _ => Err(damaged()),
    }
}

/// Written beside the path and linked into place, so that it is there whole or not at all, and never replaced.
fn make(home: &Path, path: &Path) -> Result<Secret> {
    let mut key = Secret::zeroed(32);
    random::fill(&mut key)?;
    let text = Zeroizing::new(format!("{TITLE}\n{}\n{}\n", *hex(&key), check(&key)));
    let beside = home.join(format!("{NAME}.{}", std::process::id()));
    let made = write(&beside, &text).and_then(|()| fs::hard_link(&beside, path));
    let _ = fs::remove_file(&beside);
    match made {
        Ok(()) => sync(home).map(|()| key),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let text = read(path).map_err(|error| Code::DeviceError.because(error.to_string()))?;
            parse(&text, path)
        }
        Err(error) => Err(Code::DeviceError.because(format!("{} cannot be written: {error}", path.display()))),
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync(home: &Path) -> Result<()> {
    let synced = File::open(home).and_then(|directory| directory.sync_all());
    synced.map_err(|error| Code::DeviceError.because(format!("{}: {error}", home.display())))
}

/// The first four bytes of the key's hash: enough to see damage, nothing to guess the key by.
fn check(key: &[u8]) -> String {
    hex(&Hash::Sha256.digest(key)[..4]).to_string()
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn unhex(text: &str) -> Option<Secret> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let mut bytes = Secret::zeroed(text.len() / 2);
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_read_back() {
        let home = tempfile::tempdir().unwrap();
        let first = load(home.path(), Mode::ReadWrite).ok().unwrap();
        let again = load(home.path(), Mode::ReadWrite).ok().unwrap();
        assert!(first == again);
    }

    #[test]
    fn any_changed_byte_of_the_key_file_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        load(home.path(), Mode::ReadWrite).ok().unwrap();
        let path = home.path().join(NAME);
        let good = fs::read(&path).unwrap();
        for place in 0..good.len() - 1 {
            let mut bad = good.clone();
            bad[place] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(load(home.path(), Mode::ReadWrite).is_err(), "byte {place}");
        }
    }

    #[test]
    fn a_store_without_its_key_is_refused_and_no_new_key_is_made() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("store")).unwrap();
        assert!(load(home.path(), Mode::ReadWrite).is_err());
        assert!(!home.path().join(NAME).exists());
    }
}
