//! The socket that applications find the vault at: made by the vault, or passed by systemd.

use crate::config::Home;
use crate::error::{Code, Error, Result};
use crate::serve::broken;
use crate::serve::caller::Callers;
use crate::wire::address;
use rustix::fs::{AtFlags, FlockOperation, Gid, flock, unlinkat};
use rustix::net::{SocketType, sockopt};
use std::fs::{File, OpenOptions, Permissions, set_permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a vault that is ending may keep its lock.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many callers may wait to be accepted.
const WAITING: i32 = 512;

/// Where callers arrive.
pub(crate) struct Listener {
    home: PathBuf,
    /// Device and number of the home: another directory under its name is another home.
    identity: (u64, u64),
    socket: OwnedFd,
    own: Option<Own>,
}

impl Listener {
    /// Takes the passed socket, or makes one where the home's vault is looked for. Nobody is heard before [`Listener::listen`].
    pub(crate) fn open(home: &Home, callers: &Callers, passed: Option<io::Result<OwnedFd>>) -> Result<Listener> {
        prepare_home(home, callers)?;
        let found = home.directory.metadata().map_err(|error| unusable(&home.directory, error))?;
        let (socket, own) = match passed {
            Some(socket) => (check_passed(socket)?, None),
            None => claim(home, callers).map(|(socket, own)| (socket, Some(own)))?,
        };
        Ok(Listener { home: home.directory.clone(), identity: (found.dev(), found.ino()), socket, own })
    }

    /// Lets callers in.
    pub(crate) fn listen(&self) -> Result<()> {
        match self.own {
            Some(_) => rustix::net::listen(&self.socket, WAITING).map_err(|error| broken("listen", error.into())),
            None => Ok(()),
        }
    }

    /// The lock on the home's vault, to be held until the store is closed.
    pub(crate) fn lock(&self) -> Option<Arc<File>> {
        self.own.as_ref().map(|own| own.lock.clone())
    }

    /// Whether the home is still where it was.
    pub(crate) fn home_is_there(&self) -> bool {
        self.home.metadata().is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }

    /// Makes the socket again where somebody removed its file: no other vault could, for the lock is ours.
    pub(crate) fn mend(&mut self) {
        if let Some(own) = self.own.as_ref().filter(|own| !own.path.exists())
            && let Ok(socket) = bind(&own.path, own.group)
        {
            self.socket = socket;
            let _ = self.listen(); // tried again a second later
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A socket of the vault's own making. Its file goes when the vault does.
struct Own {
    path: PathBuf,
    group: Option<u32>,
    directory: File,
    /// Whoever holds it may replace the socket's file and open the store.
    lock: Arc<File>,
}

impl Drop for Own {
    fn drop(&mut self) {
        // By the directory's descriptor: under its name there may be another home by now.
        if let Some(name) = self.path.file_name() {
            let _ = unlinkat(&self.directory, name, AtFlags::empty());
        }
    }
}

/// Takes the first place that can be had.
fn claim(home: &Home, callers: &Callers) -> Result<(OwnedFd, Own)> {
    let places = address::places(home);
    let mut why = io::Error::from(ErrorKind::NotFound);
    for (number, path) in places.iter().enumerate() {
        let outcome = parent(path)
            .and_then(|parent| if number > 0 { address::prepare_directory(parent) } else { Ok(()) })
            .and_then(|()| claim_at(path, callers.group()));
        match outcome {
            Ok(claimed) => return Ok(claimed),
            Err(error) if matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) => {
                why = error
            }
            Err(error) => return Err(unusable(path, error)),
        }
    }
    Err(unusable(&places[places.len() - 1], why))
}

fn claim_at(path: &Path, group: Option<u32>) -> io::Result<(OwnedFd, Own)> {
    let directory = File::open(parent(path)?)?;
    let file = path.with_extension("lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file)?;
    let until = Instant::now() + PATIENCE;
    while let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        if address::connect_to(path, PATIENCE).is_ok() {
            return Err(io::Error::new(ErrorKind::AddrInUse, "another vault serves this home already"));
        }
        if Instant::now() > until {
            return Err(io::Error::other(format!("another vault holds its lock and does not answer ({error})")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let socket = bind(path, group)?;
    Ok((socket, Own { path: path.to_owned(), group, directory, lock: Arc::new(lock) }))
}

/// Makes a socket in the place of whatever a vault before left there. Only for whoever holds the lock.
fn bind(path: &Path, group: Option<u32>) -> io::Result<OwnedFd> {
    match path.symlink_metadata() {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::other("there is something that is no socket"));
        }
        Ok(_) => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    let socket = address::bind_to(path)?;
    set_permissions(path, Permissions::from_mode(if group.is_some() { 0o660 } else { 0o600 }))?;
    give(path, group)?;
    Ok(socket)
}

fn parent(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| ErrorKind::InvalidInput.into())
}

/// Makes the home where there is none, for its owner alone; opens it to the group that it is shared with.
fn prepare_home(home: &Home, callers: &Callers) -> Result<()> {
    let path = &home.directory;
    crate::client::make_home(path).map_err(|error| unusable(path, error))?;
    let found = path.metadata().map_err(|error| unusable(path, error))?;
    let me = rustix::process::geteuid().as_raw();
    let writable = rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    if me == 0 && found.uid() != 0 && writable {
        let owner = found.uid();
        return Err(unusable(
            path,
            format!(
                "it belongs to user {owner}, and files made by root would be out of that user's reach; run as user {owner}"
            ),
        ));
    }
    if found.uid() == me && callers.group().is_some() {
        give(path, callers.group()).map_err(|error| unusable(path, error))?;
        set_permissions(path, Permissions::from_mode(0o750)).map_err(|error| unusable(path, error))?;
    }
    Ok(())
}

fn give(path: &Path, group: Option<u32>) -> io::Result<()> {
    match group {
        Some(group) => Ok(rustix::fs::chown(path, None, Some(Gid::from_raw(group)))?),
        None => Ok(()),
    }
}

/// The numbers of the sockets that systemd passed to this very process.
pub(crate) fn passed_sockets() -> Vec<i32> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<i32>().ok());
    match (number("LISTEN_PID"), number("LISTEN_FDS")) {
        (Some(pid), Some(count)) if u32::try_from(pid).is_ok_and(|pid| pid == std::process::id()) => {
            (3..3 + count.clamp(0, 64)).collect()
        }
        _ => Vec::new(),
    }
}

/// Takes over the first of them.
pub(crate) fn take_passed(numbers: &[i32]) -> Option<io::Result<OwnedFd>> {
    numbers.first().map(|&number| crate::os::inherited(number))
}

fn check_passed(socket: io::Result<OwnedFd>) -> Result<OwnedFd> {
    let socket = socket.map_err(|error| broken("take the passed socket", error))?;
    match sockopt::socket_type(&socket) {
        Ok(SocketType::SEQPACKET) => Ok(socket),
        _ => Err(Code::GeneralError
            .because("the passed socket is no seqpacket socket: ListenSequentialPacket= is the option in the unit")),
    }
}

fn unusable(path: &Path, error: impl std::fmt::Display) -> Error {
    Code::GeneralError.because(format!("the vault cannot use {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Share};

    fn open(home: &Home) -> Result<Listener> {
        Listener::open(home, &Callers::of(home)?, None)
    }

    fn home(directory: &Path) -> Home {
        Home { directory: directory.join("home"), config: Config::default() }
    }

    #[test]
    fn the_home_and_the_socket_are_for_the_owner() {
        let root = tempfile::tempdir().unwrap();
        let home = home(root.path());
        let listener = open(&home).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
        assert_eq!((mode(&home.directory), mode(&home.directory.join("vault.sock"))), (0o700, 0o600));
        drop(listener);
        assert!(!home.directory.join("vault.sock").exists());
    }

    #[test]
    fn a_shared_home_lets_its_group_in() {
        let root = tempfile::tempdir().unwrap();
        let mut home = home(root.path());
        let group = std::fs::read_to_string("/etc/group").unwrap();
        let own = rustix::process::getegid().as_raw().to_string();
        let name = group.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[2] == own);
        home.config.share = Some(Share { group: name.unwrap()[0].to_owned() });
        let _listener = open(&home).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
        assert_eq!((mode(&home.directory), mode(&home.directory.join("vault.sock"))), (0o750, 0o660));
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let home = home(root.path());
        crate::client::make_home(&home.directory).unwrap();
        drop(address::bind_to(&home.directory.join("vault.sock")).unwrap());
        let listener = open(&home).unwrap();
        listener.listen().unwrap();
        let error = open(&home).err().unwrap();
        assert!(error.why().contains("already"), "{error}");
        address::connect_to(&home.directory.join("vault.sock"), PATIENCE).unwrap();
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let home = home(root.path());
        crate::client::make_home(&home.directory).unwrap();
        std::fs::write(home.directory.join("vault.sock"), "mine").unwrap();
        assert!(open(&home).is_err());
        assert_eq!(std::fs::read(home.directory.join("vault.sock")).unwrap(), b"mine");
    }

    #[test]
    fn a_removed_socket_is_made_again() {
        let root = tempfile::tempdir().unwrap();
        let home = home(root.path());
        let mut listener = open(&home).unwrap();
        listener.listen().unwrap();
        std::fs::remove_file(home.directory.join("vault.sock")).unwrap();
        listener.mend();
        address::connect_to(&home.directory.join("vault.sock"), PATIENCE).unwrap();
    }
}
