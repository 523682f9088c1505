//! The few requests to the operating system that have no safe form elsewhere. Nothing here knows what it is for.

#![allow(unsafe_code)] // each block says why it is sound

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Whether this process was started with more rights than its caller has (setuid, setgid, file capabilities):
/// its environment is then the caller's and not to be trusted.
pub(crate) fn runs_with_privileges_of_its_file() -> bool {
    // SAFETY: getauxval reads a value that the kernel placed at start; it takes no pointer.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Puts `/dev/null` in the place of an open descriptor. Its number stays taken, so that whoever owns it may close it.
pub(crate) fn replace_by_null(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    // SAFETY: both numbers are open descriptors; dup3 closes the old file behind `descriptor` and touches no memory.
    let done = unsafe { libc::dup3(null.as_raw_fd(), descriptor.as_raw_fd(), libc::O_CLOEXEC) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes over a descriptor that this process inherited under a known number.
///
/// # Errors
/// Where no descriptor with this number is open.
pub(crate) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD takes no argument and only tells whether the number is open.
    if number < 0 || unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the number is open, was named to us by whoever started us, and is taken once, at the start.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::CLOEXEC)?;
    Ok(descriptor)
}

/// Closes every descriptor but those in `kept`. Only for the very start of a process, before it has opened any of its own.
pub(crate) fn close_all_but(kept: &[RawFd]) {
    let mut kept: Vec<u32> = kept.iter().filter_map(|&number| u32::try_from(number).ok()).collect();
    kept.sort_unstable();
    let mut from = 0;
    for number in kept.into_iter().chain([u32::MAX]) {
        if from < number {
            // SAFETY: nothing in this process owns a descriptor yet: those not kept were inherited by accident.
            unsafe { libc::syscall(libc::SYS_close_range, from, number - 1, 0) };
        }
        from = number.saturating_add(1);
    }
}

/// Removes the variables of the environment that `unwanted` names. Only while the process has one thread.
pub(crate) fn forget_variables(unwanted: impl Fn(&str) -> bool) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(&unwanted) {
            // SAFETY: no other thread is there to read the environment.
            unsafe { std::env::remove_var(name) };
        }
    }
}

/// Who is at the other end of a socket, as the kernel noted when it connected (or began to listen).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// Its process; 0 where that is in another namespace.
    pub(crate) process: i32,
    pub(crate) user: u32,
    pub(crate) group: u32,
}

/// Who is at the other end of a socket. (rustix's own form takes the process for a number other than 0.)
pub(crate) fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `peer` has room for `length` bytes, and any bytes are a `ucred`.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            std::ptr::from_mut(&mut peer).cast(),
            &mut length,
        )
    };
    match done {
        0 => Ok(Peer { process: peer.pid, user: peer.uid, group: peer.gid }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The groups of the process at the other end of a socket, beside its primary one, as they were when it connected.
pub(crate) fn peer_groups(socket: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    let mut groups = vec![0u32; 64];
    loop {
        let mut length = (groups.len() * 4) as libc::socklen_t;
        // SAFETY: `groups` has room for `length` bytes, and the kernel writes no more than that.
        let done = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &mut length,
            )
        };
        let held = length as usize / 4;
        match done {
            0 => {
                groups.truncate(held);
                return Ok(groups);
            }
            // The kernel told how much room it wants; a process has at most 65536 groups.
            _ if io::Error::last_os_error().raw_os_error() == Some(libc::ERANGE) && held > groups.len() => {
                groups.resize(held.min(1 << 16), 0);
            }
            _ => return Err(io::Error::last_os_error()),
        }
    }
}

/// The number of a group by its name.
pub(crate) fn group_number(name: &str) -> io::Result<u32> {
    let number = name.parse().ok();
    let name = std::ffi::CString::new(name)?;
    let mut buffer = vec![0 as libc::c_char; 1 << 16];
    let mut found = std::ptr::null_mut();
    // SAFETY: a `group` is plain data for which all zeroes is a value.
    let mut group: libc::group = unsafe { std::mem::zeroed() };
    // SAFETY: all pointers are to live variables, and the buffer's length is given.
    let error = unsafe { libc::getgrnam_r(name.as_ptr(), &mut group, buffer.as_mut_ptr(), buffer.len(), &mut found) };
    match (error, found.is_null()) {
        (0, false) => Ok(group.gr_gid),
        // A number will do: in a container the system may know no names.
        (0, true) => number.ok_or_else(|| io::ErrorKind::NotFound.into()),
        (error, _) => Err(io::Error::from_raw_os_error(error)),
    }
}

/// From here on SIGTERM and SIGINT are read from the descriptor, in every thread
/// that is started later. All other signals are as at a fresh start, but that SIGPIPE is ignored.
pub(crate) fn signals() -> io::Result<OwnedFd> {
    // SAFETY: a signal set is plain data; the calls below take pointers to it that live long enough, and setting
    // dispositions to the default or to be ignored installs no handler.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        // The runtime's own handlers tell of an overrun stack: they stay.
        for signal in (1..32).filter(|signal| ![libc::SIGSEGV, libc::SIGBUS].contains(signal)) {
            libc::signal(signal, libc::SIG_DFL); // SIGKILL and SIGSTOP refuse, which is well
        }
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::sigaddset(&mut set, libc::SIGTERM);
        libc::sigaddset(&mut set, libc::SIGINT);
        if libc::pthread_sigmask(libc::SIG_SETMASK, &set, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        match libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            descriptor => Ok(OwnedFd::from_raw_fd(descriptor)),
        }
    }
}
