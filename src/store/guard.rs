//! Around sled: catching its panics quietly, and telling damage from a disk that is full; and the seal on its
//! files, which tells before sled is let near them whether they are as they were left.

use super::index::{Head, Trouble};
use super::medium::create_file;
use super::seal::{Keys, same};
use super::sled_index::{HEAD_LENGTH, decode, encode};
use hmac::Mac;
use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Calls sled. A panic in it is an error like any other, and prints nothing.
pub(super) fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Trouble> {
    silence_panics_here();
    let before = QUIET.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(call));
    QUIET.set(before);
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(judge(&error)),
        Ok(Err(error)) => Err(Trouble::Broken(error.to_string())),
        Err(_) => Err(Trouble::Broken("sled stopped with a panic".into())),
    }
}

/// Whether a failure lies in what surrounds the index and not in it.
fn judge(error: &io::Error) -> Trouble {
    use io::ErrorKind::{OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let around =
        matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied | OutOfMemory)
            || matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
            || error.to_string().contains("could not acquire lock");
    if around { Trouble::Environment(error.to_string()) } else { Trouble::Broken(error.to_string()) }
}

fn silence_panics_here() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            let sleds = std::thread::current().name().is_some_and(|name| name.starts_with("sled-"));
            if !sleds && !QUIET.get() {
                usual(panic);
            }
        }));
    });
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What the seal on an index says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seal {
    /// There is none: it was not closed in peace.
    Absent,
    /// There is none, and the last attempt to open the index did not come back.
    Fatal,
    /// All is as it was left.
    Intact(Head),
    /// Something was changed since. What its head was, if that can be told.
    Changed(Option<Head>),
}

/// Looks at the seal of the index in `directory`.
pub(super) fn look(directory: &Path, keys: &Keys) -> Seal {
    let sealed = match fs::read(directory.join(SEAL)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if directory.join(OPENING).exists() { Seal::Fatal } else { Seal::Absent };
        }
        other => other.unwrap_or_default(),
    };
    let Ok(text) = keys.head().open(SEAL_AAD, &sealed) else { return Seal::Changed(None) };
    match (decode(&text), print(directory, keys)) {
        (Some(head), Ok(print)) if same(&print, &text[HEAD_LENGTH..]) => Seal::Intact(head),
        (head, _) => Seal::Changed(head),
    }
}

/// Seals an index that has been closed.
pub(super) fn put_seal(directory: &Path, keys: &Keys, head: &Head) -> io::Result<()> {
    tighten(directory)?;
    let text = [&encode(head)[..], &print(directory, keys)?].concat();
    let new = directory.join(format!("{SEAL}.new"));
    let mut file = create_file(&new)?;
    file.write_all(&keys.head().seal(SEAL_AAD, &text))?;
    file.sync_data()?;
    fs::rename(&new, directory.join(SEAL))
}

/// Takes the seal off; where files are opened that are not known to be whole, leaves a note of that.
pub(super) fn break_seal(directory: &Path, intact: bool) -> io::Result<()> {
    if !intact {
        create_file(&directory.join(OPENING))?;
    }
    match fs::remove_file(directory.join(SEAL)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Leaves in a new index what tells the right root key from a wrong one.
pub(super) fn put_check(directory: &Path, keys: &Keys) -> io::Result<()> {
    create_file(&directory.join(CHECK))?.write_all(&keys.head().seal(CHECK_AAD, &[]))
}

/// Whether anything in the index shows that the root key is the right one.
pub(super) fn key_fits(directory: &Path, keys: &Keys) -> bool {
    let opens = |name: &str, aad: &[u8]| {
        fs::read(directory.join(name)).is_ok_and(|sealed| keys.head().open(aad, &sealed).is_ok())
    };
    opens(CHECK, CHECK_AAD) || opens(SEAL, SEAL_AAD)
}

/// The index has been opened and read.
pub(super) fn opened(directory: &Path) {
    let _ = fs::remove_file(directory.join(OPENING));
    let _ = tighten(directory);
}

/// Lets nobody but the owner read what sled has made.
fn tighten(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    for (_, path) in files(directory, Path::new(""))? {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// A keyed fingerprint of all files of the index.
fn print(directory: &Path, keys: &Keys) -> io::Result<[u8; 32]> {
    let mut all = files(directory, Path::new(""))?;
    all.retain(|(name, _)| ![SEAL, OPENING, "whole.new"].iter().any(|own| name == Path::new(own)));
    all.sort();
    let mut mac = keys.file_print();
    let mut chunk = vec![0; 1 << 16];
    for (name, path) in all {
        let name = name.into_os_string().into_encoded_bytes();
        mac.update(&(name.len() as u64).to_be_bytes());
        mac.update(&name);
        let mut file = File::open(path)?;
        mac.update(&file.metadata()?.len().to_be_bytes());
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                read => mac.update(&chunk[..read]),
            }
        }
    }
    Ok(mac.finalize().into_bytes().into())
}

/// All files below `directory`, by their names from there.
fn files(directory: &Path, below: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory.join(below))? {
        let entry = entry?;
        let name = below.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            // sled has one level of directories; what is deeper is not its own.
            true if below.as_os_str().is_empty() => found.extend(files(directory, &name)?),
            true => {}
            false if entry.file_type()?.is_file() => found.push((name, entry.path())),
            false => {}
        }
    }
    Ok(found)
}

const SEAL: &str = "whole";
const OPENING: &str = "opening";
const SEAL_AAD: &[u8] = b"strongroom index whole";
const CHECK: &str = "check";
const CHECK_AAD: &[u8] = b"strongroom index check";
