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
        Hello { purpose, after: self.highest.load(Ordering::Relaxed), program: VERSION.to_owned() }
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
            let sent = line.connection.send(request.bytes());
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
