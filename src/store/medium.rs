//! The files of the log, as few operations as it needs, so that tests can stand in for a disk that fails.

use super::Mode;
use crate::error::{Code, Error, Result};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A directory of files.
pub(super) trait Medium: Send + Sync {
    /// The names in it.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file for reading (and writing, unless the store is read-only).
    fn open(&self, name: &str) -> io::Result<Box<dyn Blocks>>;
    /// Makes an empty file, in the place of one that is there.
    fn create(&self, name: &str) -> io::Result<Box<dyn Blocks>>;
    /// Gives a file another name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Moves a damaged file to where nobody reads it but people.
    fn set_aside(&self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync(&self) -> io::Result<()>;
}

/// An open file.
pub(super) trait Blocks: Send + Sync {
    /// Its length.
    fn length(&self) -> io::Result<u64>;
    /// Fills `into` from `at` on, or fails.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `at`, or fails, perhaps after a part of it.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Makes content and length durable.
    fn sync(&self) -> io::Result<()>;
}

/// The log's directory on a file system.
pub(super) struct Directory {
    log: PathBuf,
    damaged: PathBuf,
    mode: Mode,
}

impl Directory {
    /// The log of the store in `store`.
    pub(super) fn new(store: &Path, mode: Mode) -> Directory {
        Directory { log: store.join("log"), damaged: store.join("damaged"), mode }
    }
}

impl Medium for Directory {
    fn list(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.log) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        entries.map(name).collect()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Blocks>> {
        let path = self.log.join(name);
        let writable = match self.mode {
            Mode::ReadWrite => OpenOptions::new().read(true).write(true).open(&path).ok(),
            Mode::ReadOnly => None,
        };
        // On a read-only medium reading still works; writing will say what is wrong.
        Ok(Box::new(writable.map_or_else(|| File::open(&path), Ok)?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Blocks>> {
        Ok(Box::new(create_file(&self.log.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.log.join(from), self.log.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.log.join(name))
    }

    fn set_aside(&self, name: &str) -> io::Result<()> {
        set_aside(&self.log.join(name), &self.damaged)
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.log)?.sync_all()
    }
}

impl Blocks for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        self.read_exact_at(into, at)
    }
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Makes an empty file that only its owner can read, whatever the umask.
pub(super) fn create_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Makes a directory that only its owner can enter, whatever the umask, and its name durable.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_directory(parent)?;
    DirBuilder::new().mode(0o700).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    File::open(parent)?.sync_all()
}

/// Moves `path` into the directory `to` under a name that is free there.
pub(super) fn set_aside(path: &Path, to: &Path) -> io::Result<()> {
    create_directory(to)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let free = (1..=10_000).map(|n| to.join(format!("{name}.{n}"))).find(|path| !path.exists());
    fs::rename(path, free.ok_or_else(|| io::Error::other("the directory of damaged files is full"))?)
}

/// What a failure of the file system is to the caller: no room, no leave to write, or out of order.
pub(super) fn failure(doing: &str, error: &io::Error) -> Error {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let why = format!("{doing}: {error}");
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => Code::DeviceMemory.because(why),
        ReadOnlyFilesystem | PermissionDenied => Code::TokenWriteProtected.because(why),
        // The file could only be opened for reading.
        _ if error.raw_os_error() == Some(libc::EBADF) => Code::TokenWriteProtected.because(why),
        _ => Code::DeviceError.because(why),
    }
}

/// For `map_err`: [`failure`] with what was being done.
pub(super) fn while_doing(doing: &str) -> impl Fn(io::Error) -> Error + '_ {
    move |error| failure(doing, &error)
}

/// Becomes the one owner of the store in `directory`, for as long as what it returns lives.
pub(super) fn lock(directory: &Path) -> Result<File> {
    let doing = format!("opening the store in {}", directory.display());
    let file = File::open(directory).map_err(while_doing(&doing))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Code::DeviceError.because(format!(
            "the store in {} is already open in another process or another time in this one",
            directory.display()
        ))),
        Err(errno) => Err(failure(&doing, &errno.into())),
    }
}
