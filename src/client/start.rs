//! Starting the vault where none answers: once, however many applications need it at the same moment.

use crate::client::{binary, reach};
use crate::config::Home;
use crate::error::{Code, Error, Result};
use crate::wire::hello::{Hello, Welcome};
use crate::wire::seqpacket::Connection;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::pipe::{PipeFlags, pipe_with};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a vault may take to be ready.
const START: Duration = Duration::from_secs(20);
/// How long to wait for others who are starting it.
const TURN: Duration = Duration::from_secs(30);
/// The most that is read of why a vault cannot start.
const REASON: usize = 4096;

/// A connection that the vault has greeted; starts the vault where none answers.
pub(crate) fn reach(home: &Home, hello: &Hello) -> Result<(Connection, Welcome)> {
    if let Some(found) = reach::greet(home, hello)? {
        return Ok(found);
    }
    make_home(&home.directory).map_err(|error| unstarted(format!("{}: {error}", home.directory.display())))?;
    // A lock on the directory itself works where nothing can be written. It is given back by hand: a child forked
    // by another thread at this moment holds a copy of the descriptor.
    let lock = openat(CWD, &home.directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| unstarted(format!("{}: {error}", home.directory.display())))?;
    if let Some(found) = wait_turn(home, hello, &lock)? {
        return Ok(found);
    }
    let outcome = start_and_greet(home, hello);
    let _ = flock(&lock, FlockOperation::Unlock);
    outcome
}

/// Waits for the lock, or for the vault that its holder starts.
fn wait_turn(home: &Home, hello: &Hello, lock: &OwnedFd) -> Result<Option<(Connection, Welcome)>> {
    let until = Instant::now() + TURN;
    while flock(lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() > until {
            return Err(unstarted("another process has been starting it for too long"));
        }
        std::thread::sleep(Duration::from_millis(10));
        if let Some(found) = reach::greet(home, hello)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn start_and_greet(home: &Home, hello: &Hello) -> Result<(Connection, Welcome)> {
    if let Some(found) = reach::greet(home, hello)? {
        return Ok(found); // whoever had the lock before started it
    }
    let started = start(home);
    // An administrator may have started one by hand at the same moment: then that one will do.
    match reach::greet(home, hello)? {
        Some(found) => Ok(found),
        None => Err(started.err().unwrap_or_else(|| unstarted("it says that it is ready, and does not answer"))),
    }
}

/// Makes a home where there is none, for its owner alone.
pub(crate) fn make_home(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        done => done,
    }
}

/// Starts the vault and waits until it is ready.
fn start(home: &Home) -> Result<()> {
    let (pipe, ready) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| unstarted(error.to_string()))?;
    let program = binary::vault(home)?;
    let child = command(home, &program, ready)?.spawn();
    let mut child = child.map_err(|error| unstarted(format!("{}: {error}", program.display())))?;
    let told = hear(pipe);
    end(&mut child, told.is_err());
    let told = told?;
    match (is_ready(&told), told.find("error: ")) {
        (true, _) => Ok(()),
        (false, Some(at)) => Err(unstarted(told[at + "error: ".len()..].trim_end())),
        _ if told.trim().is_empty() => Err(unstarted(format!("{} ended without saying why", program.display()))),
        _ => Err(unstarted(told.trim())), // the words of whatever failed before the vault was itself
    }
}

/// Whether the vault has said that it is ready; other lines may stand before that.
fn is_ready(told: &str) -> bool {
    told.split_inclusive('\n').any(|line| line == "ready\n")
}

/// The vault's command. The descriptor on which it says that it is ready is its standard output: that alone is
/// inherited on purpose, without a moment in which another child of the application could inherit it too.
fn command(home: &Home, program: &Path, ready: OwnedFd) -> Result<Command> {
    let mut command = Command::new(program);
    command.args(["serve", "--detach", "--ready-fd", "1", "--home"]).arg(&home.directory);
    if let Some(file) = home.config.source.as_ref().filter(|file| **file != home.directory.join("strongroom.toml")) {
        command.arg("--config").arg(file);
    }
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| is_passed(name)));
    let errors = errors(home).map_or_else(|| ready.try_clone(), Ok).map_err(|error| unstarted(error.to_string()))?;
    command.current_dir("/").stdin(Stdio::null()).stdout(ready).stderr(errors);
    if let Some((user, group)) = owner(home)? {
        command.uid(user).gid(group);
    }
    Ok(command)
}

/// The log of the vault, where it has one in a file. Else this process hears what is said on standard error until the
/// vault is ready.
fn errors(home: &Home) -> Option<OwnedFd> {
    let file = home.config.log.file.as_ref()?;
    OpenOptions::new().append(true).create(true).mode(0o600).open(file).ok().map(OwnedFd::from)
}

/// As whom the vault runs, where that is not this user. Files that root made would be out of the owner's reach; and a
/// user of a shared vault is not its owner.
fn owner(home: &Home) -> Result<Option<(u32, u32)>> {
    let found =
        home.directory.metadata().map_err(|error| unstarted(format!("{}: {error}", home.directory.display())))?;
    let me = rustix::process::geteuid().as_raw();
    match &home.config.share {
        _ if me == found.uid() => Ok(None),
        _ if me == 0 => Ok(Some((found.uid(), found.gid()))),
        Some(_) => Err(unstarted(format!("it is shared, and only its owner (user {}) may start it", found.uid()))),
        None => Ok(None),
    }
}

/// Whether the vault gets a variable of the environment. It is to be the same vault whoever starts it, and to hold
/// no secret of theirs.
fn is_passed(name: &OsString) -> bool {
    let Some(name) = name.to_str() else { return false };
    let known = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR"].contains(&name);
    let kin = ["LC_", "XDG_", "STRONGROOM_"].iter().any(|start| name.starts_with(start));
    (known || kin) && !crate::secret::is_name_of_one(name)
}

/// Reads what the vault says, until it is ready or at its end.
fn hear(pipe: OwnedFd) -> Result<String> {
    let (until, mut pipe, mut told) = (Instant::now() + START, std::fs::File::from(pipe), Vec::new());
    while !is_ready(&String::from_utf8_lossy(&told)) && told.len() < REASON {
        let left = until.checked_duration_since(Instant::now()).ok_or_else(late)?;
        match poll(&mut [PollFd::new(&pipe, PollFlags::IN)], Timespec::try_from(left).ok().as_ref()) {
            Ok(0) => return Err(late()),
            Ok(_) => {}
            Err(_) => continue, // a signal
        }
        let mut piece = [0; 512];
        match pipe.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => told.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(unstarted(error.to_string())),
        }
    }
    Ok(String::from_utf8_lossy(&told).into_owned())
}

/// Reaps the process that started the vault and ended by itself. The application may have done so already.
fn end(child: &mut Child, late: bool) {
    if late {
        let _ = child.kill();
    }
    let _ = child.wait();
}

fn late() -> Error {
    unstarted(format!("it was not ready after {} seconds", START.as_secs()))
}

fn unstarted(why: impl Into<String>) -> Error {
    Code::DeviceError.because(format!("the vault could not be started: {}", why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::os::unix::fs::PermissionsExt;

    fn home(root: &Path, script: &str) -> Home {
        let program = root.join("program");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let config = Config { vault_binary: Some(program), ..Default::default() };
        Home { directory: root.join("home"), config }
    }

    fn refusal(script: &str) -> String {
        let root = tempfile::tempdir().unwrap();
        let hello = Hello { purpose: crate::wire::hello::Purpose::Enter, after: 0, last: 0, program: "test".into() };
        let error = reach(&home(root.path(), script), &hello).err().unwrap();
        assert_eq!(error.code(), Code::DeviceError);
        error.why().to_owned()
    }

    #[test]
    fn why_a_vault_cannot_start_reaches_the_application() {
        assert!(refusal("echo 'error: the root key is missing'").contains("the root key is missing"));
        assert!(refusal("echo 'warning: x' >&2; echo 'error: no key'").ends_with("started: no key"));
        assert!(refusal("echo 'loader: libfoo.so is missing' >&2; exit 127").contains("libfoo.so is missing"));
        assert!(refusal("exit 3").contains("without saying why"));
        assert!(refusal("echo ready").contains("does not answer"));
    }

    #[test]
    fn the_vault_is_started_in_a_clean_room() {
        let root = tempfile::tempdir().unwrap();
        let home = home(root.path(), "echo \"error: $(pwd) $* [$(env | cut -d= -f1 | tr '\\n' ' ')]\"");
        make_home(&home.directory).unwrap();
        let told = start(&home).unwrap_err().why().to_owned();
        let expected = format!("/ serve --detach --ready-fd 1 --home {}", home.directory.display());
        assert!(told.contains(&expected) && !told.contains("CARGO"), "{told}");
    }

    #[test]
    fn the_environment_passes_no_secret_and_nothing_unknown() {
        for (name, passed) in [
            ("PATH", true),
            ("LC_ALL", true),
            ("STRONGROOM_LOG", true),
            ("STRONGROOM_PIN", false),
            ("LD_PRELOAD", false),
            ("AWS_SECRET_ACCESS_KEY", false),
            ("LISTEN_FDS", false),
        ] {
            assert_eq!(is_passed(&name.into()), passed, "{name}");
        }
    }

    #[test]
    fn a_new_home_is_its_owners_alone() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("a/b");
        make_home(&home).unwrap();
        make_home(&home).unwrap();
        assert_eq!(home.metadata().unwrap().mode() & 0o777, 0o700);
    }
}
