//! Where a vault's socket is, and how to reach it: beside the store, or where the store's medium cannot be written,
//! in the user's runtime directory. A path may be longer than a socket's address: then it is reached through a
//! descriptor of its directory.

use crate::config::Home;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, socket_with, sockopt};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the socket in the home.
const NAME: &str = "vault.sock";

/// Where the vault of a home may listen, the first choice first.
pub fn places(home: &Home) -> Vec<PathBuf> {
    match &home.config.socket {
        Some(path) => vec![path.clone()],
        None => std::iter::once(home.directory.join(NAME)).chain(runtime_place(&home.directory)).collect(),
    }
}

/// Connects to the socket at `path`; [`io::ErrorKind::WouldBlock`] where nobody takes the call within `patience`.
pub fn connect_to(path: &Path, patience: Duration) -> io::Result<OwnedFd> {
    let socket = seqpacket()?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(patience))?;
    with_address(path, |address| connect(&socket, address))?;
    Ok(socket)
}

/// Makes a socket at `path`, where there must be nothing.
pub fn bind_to(path: &Path) -> io::Result<OwnedFd> {
    let socket = seqpacket()?;
    with_address(path, |address| bind(&socket, address))?;
    Ok(socket)
}

fn seqpacket() -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Calls `act` with an address for `path`, again where a signal came between.
fn with_address(path: &Path, act: impl Fn(&SocketAddrUnix) -> Result<(), Errno>) -> io::Result<()> {
    let directory; // open for as long as the address is in use
    let address = match SocketAddrUnix::new(path) {
        Ok(address) => address,
        Err(_) => {
            let (parent, name) = path.parent().zip(path.file_name()).ok_or(io::ErrorKind::InvalidInput)?;
            directory = openat(CWD, parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            SocketAddrUnix::new(Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name))?
        }
    };
    loop {
        match act(&address) {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}

/// The place in the runtime directory. Where `XDG_RUNTIME_DIR` is not set, systemd's directory stands in, and last `/tmp`.
fn runtime_place(home: &Path) -> Option<PathBuf> {
    let name = format!("{:016x}.sock", fingerprint(&std::fs::canonicalize(home).unwrap_or_else(|_| home.to_owned())));
    let user = rustix::process::geteuid().as_raw();
    let set = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let own = |path: &PathBuf| path.metadata().is_ok_and(|found| found.is_dir() && found.uid() == user);
    let base = [set, Some(format!("/run/user/{user}").into())].into_iter().flatten().find(own);
    Some(match base {
        Some(base) => base.join("strongroom").join(name),
        None => PathBuf::from(format!("/tmp/strongroom-{user}")).join(name),
    })
}

/// Makes the directory of a socket outside the home, or checks that the one there is ours and nobody else's.
pub fn prepare_directory(path: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if is_private(path) {
        return Ok(());
    }
    Err(io::Error::other(format!("{} is not a directory that only this user can change", path.display())))
}

/// Whether `path` is a directory itself (no link), of this user, that nobody else may write.
pub fn is_private(path: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    path.symlink_metadata().is_ok_and(|found| found.is_dir() && found.uid() == user && found.mode() & 0o022 == 0)
}

/// FNV-1a: tells the homes of one user apart, and is no secret.
fn fingerprint(path: &Path) -> u64 {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_path_longer_than_an_address_is_reached() {
        let root = tempfile::tempdir().unwrap();
        let long = root.path().join("d".repeat(120)).join("e".repeat(120));
        std::fs::create_dir_all(&long).unwrap();
        for path in [long.join(NAME), root.path().join(NAME)] {
            assert!(connect_to(&path, Duration::from_secs(5)).is_err());
            let listener = bind_to(&path).unwrap();
            rustix::net::listen(&listener, 1).unwrap();
            connect_to(&path, Duration::from_secs(5)).unwrap();
            assert_eq!(bind_to(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
    }

    #[test]
    fn a_directory_that_others_can_change_is_not_used() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("own");
        prepare_directory(&own).unwrap();
        prepare_directory(&own).unwrap();
        assert_eq!(own.metadata().unwrap().permissions().mode() & 0o777, 0o700);

        let link = root.path().join("link");
        std::os::unix::fs::symlink(&own, &link).unwrap();
        assert!(prepare_directory(&link).is_err());
        std::fs::set_permissions(&own, PermissionsExt::from_mode(0o770)).unwrap();
        assert!(prepare_directory(&own).is_err());
    }

    #[test]
    fn homes_have_places_of_their_own() {
        let place = |home: &str| places(&Home { directory: home.into(), config: Default::default() });
        assert_ne!(place("/srv/a"), place("/srv/b"));
        assert_eq!(place("/srv/a")[0], Path::new("/srv/a/vault.sock"));
        let socket = PathBuf::from("/run/s");
        let config = crate::config::Config { socket: Some(socket.clone()), ..Default::default() };
        assert_eq!(places(&Home { directory: "/srv/a".into(), config }), [socket]);
    }
}
