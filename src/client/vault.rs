//! The application at the vault: its connections, who it is there, and what becomes of it when the vault ends or the
//! process forks.
//!
//! Connections lie in a pool; a call takes one, or makes one, and puts it back. So there are as many as calls were ever
//! under way at once, they outlive the threads that used them, and no lock is held while a call is under way.

use crate::call::{Standing, Transport};
use crate::client::identity::Identity;
use crate::client::{reach, start};
use crate::config::Home;
use crate::error::{Code, Error, Result};
use crate::wire::codec::{Reader, Wire, Writer};
use crate::wire::hello::{Hello, Purpose, UNKNOWN, VERSION, Welcome};
use crate::wire::seqpacket::{Buffer, Connection, Lost};
use rustix::process::{Pid, getpid};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a call is begun anew because the vault had ended before it heard of it.
const TRIES: usize = 3;

/// One process's application.
pub(crate) struct Vault {
    home: Home,
    process: Pid,
    /// The largest handle seen from any vault: no application that follows gives one of these again.
    highest: AtomicU64,
    /// How many sessions the application has, as of the last answer.
    sessions: AtomicU64,
    /// The number of the last request that was made. A forked child says what it was at the fork.
    made: AtomicU64,
    /// Of a child: what `made` was in the parent at the fork.
    last: u64,
    /// The application. Written under the lock of `state`.
    identity: Identity,
    /// The application whose copy this one will be: that of the parent process. Written under `entering`.
    origin: Identity,
    parent: Mutex<Option<Arc<Vault>>>,
    /// Held while a new application enters.
    entering: Mutex<()>,
    state: Mutex<State>,
}

/// The connections of the application.
#[derive(Default)]
struct State {
    /// Counts the applications that this process has been.
    generation: u64,
    idle: Vec<Line>,
    /// All connections, those under way too: a forked child finds here what it inherited.
    all: Vec<Arc<Connection>>,
}

/// A connection in the hands of one call.
struct Line {
    connection: Arc<Connection>,
    buffer: Buffer,
    generation: u64,
}

impl Vault {
    /// Of a process that has no application yet.
    pub(crate) fn new(home: Home) -> Vault {
        Vault {
            home,
            process: getpid(),
            highest: AtomicU64::default(),
            sessions: AtomicU64::default(),
            made: AtomicU64::default(),
            last: 0,
            identity: Identity::default(),
            origin: Identity::default(),
            parent: Mutex::default(),
            entering: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// In a child: the application that is a copy of this one. Takes no lock that a thread of the parent may have held.
    pub(crate) fn forked(self: &Arc<Vault>) -> Vault {
        Vault {
            highest: AtomicU64::new(self.highest.load(Ordering::Relaxed)),
            sessions: AtomicU64::new(self.sessions.load(Ordering::Relaxed)),
            // A child that forked before its first call is, for its own child, what its parent was.
            last: if self.identity.read().is_some() { self.made.load(Ordering::SeqCst) } else { self.last },
            origin: Identity::holding(self.identity.read().or_else(|| self.origin.read())),
            parent: Mutex::new(Some(self.clone())),
            ..Vault::new(self.home.clone())
        }
    }

    /// A connection for a call.
    fn line(&self) -> Result<Line> {
        for _ in 0..TRIES {
            let generation = {
                let mut state = self.lock();
                if let Some(line) = state.idle.pop() {
                    return Ok(line);
                }
                state.generation
            };
            let Some(ticket) = self.identity.read() else {
                self.enter()?;
                continue;
            };
            match reach::greet(&self.home, &self.hello(Purpose::Join(ticket))) {
                Ok(Some((connection, _))) => return Ok(self.adopt(connection, generation)),
                Err(error) if error.code() != UNKNOWN => return Err(error),
                _ if self.forget(generation) > 0 => return Err(gone()),
                _ => {}
            }
        }
        Err(Code::DeviceError.because("the vault ends again and again; its log may say why"))
    }

    /// Becomes an application at the vault: the copy of the parent's, or a new one.
    fn enter(&self) -> Result<()> {
        let _entering = self.entering.lock().unwrap_or_else(PoisonError::into_inner);
        if self.identity.read().is_some() {
            return Ok(()); // another thread was faster
        }
        let (connection, welcome) = match self.copy_of_parent()? {
            Some(found) => found,
            None => start::reach(&self.home, &self.hello(Purpose::Enter))?,
        };
        self.settle(connection, welcome);
        self.origin.write(None);
        if let Some(parent) = self.parent.lock().unwrap_or_else(PoisonError::into_inner).take() {
            parent.abandon(); // not before: its connections kept alive what was to be copied
        }
        Ok(())
    }

    fn copy_of_parent(&self) -> Result<Option<(Connection, Welcome)>> {
        let Some(ticket) = self.origin.read() else { return Ok(None) };
        match reach::greet(&self.home, &self.hello(Purpose::Fork(ticket))) {
            Err(error) if error.code() == UNKNOWN => Ok(None), // it went with an earlier vault
            found => found,
        }
    }

    fn settle(&self, connection: Connection, welcome: Welcome) {
        self.note(&welcome.standing);
        let generation = self.lock().generation;
        let line = self.adopt(connection, generation);
        let mut state = self.lock();
        self.identity.write(Some(welcome.ticket));
        state.idle.push(line);
    }

    fn adopt(&self, connection: Connection, generation: u64) -> Line {
        let connection = Arc::new(connection);
        let mut state = self.lock();
        if state.generation == generation {
            state.all.push(connection.clone());
        }
        Line { connection, buffer: Buffer::default(), generation }
    }

    /// Puts a connection back for the next call.
    fn give_back(&self, line: Line) {
        let mut state = self.lock();
        if state.generation == line.generation {
            state.idle.push(line);
        }
    }

    /// The application of this generation is lost with its vault. How many sessions went with it, as far as is known;
    /// nobody is told twice.
    fn forget(&self, generation: u64) -> u64 {
        let mut state = self.lock();
        if state.generation != generation {
            return 0;
        }
        *state = State { generation: generation + 1, ..State::default() };
        self.identity.write(None);
        self.sessions.swap(0, Ordering::Relaxed)
    }

    /// In a child: lets go of the connections that were inherited. They are the parent's: nothing is said on them.
    fn abandon(&self) {
        // Where a thread of the parent held a lock when it forked, the descriptors stay until the child ends.
        if let Ok(state) = self.state.try_lock() {
            for connection in &state.all {
                let _ = crate::os::replace_by_null(connection.as_fd());
            }
        }
        if let Ok(mut parent) = self.parent.try_lock()
            && let Some(parent) = parent.take()
        {
            parent.abandon();
        }
    }

    fn hello(&self, purpose: Purpose) -> Hello {
        Hello { purpose, after: self.highest.load(Ordering::Relaxed), last: self.last, program: VERSION.to_owned() }
    }

    fn note(&self, standing: &Standing) {
        self.highest.fetch_max(standing.highest, Ordering::Relaxed);
        self.sessions.store(standing.sessions, Ordering::Relaxed);
    }

    /// An answer is what was asked for, and behind it where the application stands.
    fn hear<T>(&self, reply: &[u8], read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let (answer, standing) = split(reply)?;
        self.note(&standing);
        read(answer)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parts of a reply.
pub(crate) fn split(reply: &[u8]) -> Result<(&[u8], Standing)> {
    let (answer, standing) =
        reply.split_last_chunk::<16>().ok_or_else(|| Code::DeviceError.because("the vault's answer is cut short"))?;
    Ok((answer, Standing::take(&mut Reader::new(standing))?))
}

impl Transport for Arc<Vault> {
    fn exchange<T>(&self, request: &Writer, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        if getpid() != self.process {
            return Err(Code::DeviceError.because("the connection to the vault belongs to the parent of this process"));
        }
        for _ in 0..TRIES {
            let mut line = self.line()?;
            let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
            let sent = line.connection.send_numbered(number, request.bytes());
            match sent.and_then(|()| line.connection.receive(&mut line.buffer)) {
                Ok(reply) => {
                    let result = self.hear(reply, read);
                    line.buffer.wipe();
                    self.give_back(line);
                    return result;
                }
                Err(Lost::TooLong) => {
                    self.give_back(line);
                    return Err(Code::DataLenRange.because("one call cannot carry more than 1 GiB"));
                }
                // With no session open nothing is lost with the vault, and this call has not been heard.
                Err(Lost::Unsent) if self.forget(line.generation) == 0 => {}
                Err(_) => {
                    self.forget(line.generation);
                    return Err(gone());
                }
            }
        }
        Err(gone())
    }
}

fn gone() -> Error {
    Code::DeviceError.because("the vault ended; its sessions are gone: open new ones and log in again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Calls, Remote};
    use crate::config::Config;
    use crate::serve::testing::FakeVault;
    use crate::wire::values::Output;
    use std::path::Path;
    use std::time::Duration;

    type Application = Remote<Arc<Vault>>;

    fn application(home: &Path) -> Application {
        let config = Config { vault_binary: Some("/nowhere".into()), ..Default::default() };
        Remote(Arc::new(Vault::new(Home { directory: home.to_owned(), config })))
    }

    fn child(of: &Application) -> Application {
        Remote(Arc::new(of.0.forked()))
    }

    fn code<T>(outcome: Result<T>) -> Option<Code> {
        outcome.err().map(|error| error.code())
    }

    /// Until what is so becomes so: the vault notices the end of a connection in its own time.
    fn eventually(so: impl Fn() -> bool) {
        let so = (0..500).any(|_| {
            so() || {
                std::thread::sleep(Duration::from_millis(10));
                false
            }
        });
        assert!(so);
    }

    #[test]
    fn many_threads_are_one_application() {
        let home = tempfile::tempdir().unwrap();
        let vault = FakeVault::start(home.path());
        let application = application(home.path());
        std::thread::scope(|scope| {
            for thread in 0..16u8 {
                let (application, vault) = (&application, &vault);
                scope.spawn(move || {
                    for turn in 0..20 {
                        let session = application.open_session(0, 0).unwrap();
                        let data = vec![thread; turn * 500 + usize::from(turn == 7) * 100_000];
                        match application.sign(session, &data, Some(1 << 20)).unwrap() {
                            Output::Bytes(bytes) => assert!(*bytes == data),
                            _ => panic!("no bytes"),
                        }
                        application.close_session(session).unwrap();
                    }
                    assert_eq!(vault.host.living(), 1);
                });
            }
        });
        assert!(application.0.lock().all.len() <= 16);
        drop(application);
        eventually(|| vault.host.living() == 0);
    }

    #[test]
    fn sessions_outlive_the_thread_that_opened_them() {
        let home = tempfile::tempdir().unwrap();
        let _vault = FakeVault::start(home.path());
        let application = application(home.path());
        let session =
            std::thread::scope(|scope| scope.spawn(|| application.open_session(0, 0)).join()).unwrap().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        application.session_info(session).unwrap();
    }

    #[test]
    fn the_end_of_the_vault_is_told_once_and_no_handle_comes_again() {
        let home = tempfile::tempdir().unwrap();
        let vault = FakeVault::start(home.path());
        let application = application(home.path());
        let old = application.open_session(0, 0).unwrap();
        drop(vault);
        let error = application.session_info(old).err().unwrap();
        assert!(error.code() == Code::DeviceError && error.why().contains("log in again"), "{error}");
        assert_eq!(code(application.slot_list()), Some(Code::DeviceError)); // no vault, and none can be started

        let _vault = FakeVault::start(home.path());
        assert_eq!(code(application.session_info(old)), Some(Code::SessionHandleInvalid));
        assert!(application.open_session(0, 0).unwrap() > old);
    }

    #[test]
    fn without_sessions_a_new_vault_goes_unnoticed() {
        let home = tempfile::tempdir().unwrap();
        let vault = FakeVault::start(home.path());
        let application = application(home.path());
        let old = application.open_session(0, 0).unwrap();
        application.close_session(old).unwrap();
        drop(vault);
        let _vault = FakeVault::start(home.path());
        assert!(application.open_session(0, 0).unwrap() > old);
    }

    #[test]
    fn a_vault_that_ends_during_a_call_ends_the_call() {
        let home = tempfile::tempdir().unwrap();
        let vault = FakeVault::start(home.path());
        let application = application(home.path());
        let session = application.open_session(0, 0).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| application.generate_random(session, 100_000));
            std::thread::sleep(Duration::from_millis(50));
            vault.die();
            assert_eq!(code(waiting.join().unwrap()), Some(Code::DeviceError));
        });
    }

    #[test]
    fn a_child_has_its_own_copy_and_lets_go_of_its_parents_connections() {
        let home = tempfile::tempdir().unwrap();
        let vault = FakeVault::start(home.path());
        let parent = application(home.path());
        let session = parent.open_session(0, 0).unwrap();
        let child = child(&parent);
        assert_eq!(vault.host.living(), 1);
        child.session_info(session).unwrap();
        // Parent and child are one process here: what the child let go of is gone for good.
        eventually(|| vault.host.living() == 1);
        child.close_session(session).unwrap();
        assert_eq!(code(child.session_info(session)), Some(Code::SessionHandleInvalid));
    }

    #[test]
    fn a_grandchild_whose_parent_never_called_copies_the_grandparent() {
        let home = tempfile::tempdir().unwrap();
        let _vault = FakeVault::start(home.path());
        let parent = application(home.path());
        let session = parent.open_session(0, 0).unwrap();
        let grandchild = child(&child(&parent));
        grandchild.session_info(session).unwrap();
        assert!(grandchild.open_session(0, 0).unwrap() > session);
    }

    #[test]
    fn a_child_of_an_application_that_is_gone_begins_anew_with_larger_handles() {
        let home = tempfile::tempdir().unwrap();
        let vault = FakeVault::start(home.path());
        let parent = application(home.path());
        let session = parent.open_session(0, 0).unwrap();
        let child = child(&parent);
        drop(vault);
        let _vault = FakeVault::start(home.path());
        assert_eq!(code(child.session_info(session)), Some(Code::SessionHandleInvalid));
        assert!(child.open_session(0, 0).unwrap() > session);
    }

    #[test]
    fn a_stranger_in_the_vaults_place_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let socket = crate::wire::address::bind_to(&home.path().join("vault.sock")).unwrap();
        rustix::net::listen(&socket, 1).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let caller = Connection::new(rustix::net::accept(&socket).unwrap());
                let _ = caller.receive(&mut Buffer::default());
                caller.send(b"220 mail.example ESMTP").unwrap();
            });
            let error = application(home.path()).slot_list().err().unwrap();
            assert!(error.why().contains("no Strongroom"), "{error}");
        });
    }
}
