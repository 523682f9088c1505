//! A token that only counts, and short ways to a server of it: what the tests of transport and client are made with.

use crate::call::{self, Application, Host, Remote, Standing, Transport};
use crate::config::Home;
use crate::error::{Code, Result};
use crate::serve::caller::Callers;
use crate::serve::listen::Listener;
use crate::serve::server::Server;
use crate::serve::watch::Vault;
use crate::wire::codec::{Reader, Wire, Writer};
use crate::wire::hello::{self, Hello, Purpose, Welcome};
use crate::wire::seqpacket::{Buffer, Connection};
use crate::wire::values::*;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use zeroize::Zeroizing;

/// Gives applications that have sessions and random bytes, and nothing else.
#[derive(Default)]
pub(crate) struct FakeHost {
    living: Arc<()>,
}

impl FakeHost {
    /// How many applications there are.
    pub(crate) fn living(&self) -> usize {
        Arc::strong_count(&self.living) - 1
    }
}

impl Host for FakeHost {
    fn enter(&self, after: u64) -> Arc<dyn Application> {
        Arc::new(Remote(Fake { sessions: Mutex::new((after, BTreeSet::new())), living: self.living.clone() }))
    }
}

/// An application, written as what is behind a wire: so it need not have every call.
pub(crate) struct Fake {
    /// The highest handle, and the open sessions.
    sessions: Mutex<(u64, BTreeSet<u64>)>,
    living: Arc<()>,
}

impl Application for Remote<Fake> {
    fn fork(&self, after: u64, _: u64) -> Arc<dyn Application> {
        let (highest, open) = self.0.sessions.lock().unwrap().clone();
        Arc::new(Remote(Fake { sessions: Mutex::new((highest.max(after), open)), living: self.0.living.clone() }))
    }
    fn standing(&self) -> Standing {
        let (highest, open) = &*self.0.sessions.lock().unwrap();
        Standing { highest: *highest, sessions: open.len() as u64 }
    }
}

impl Transport for Fake {
    fn exchange<T>(&self, request: &Writer, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let mut answer = Writer::default();
        0u8.put(&mut answer);
        self.act(request.bytes(), &mut answer)?;
        read(answer.bytes())
    }
}

impl Fake {
    fn act(&self, request: &[u8], answer: &mut Writer) -> Result<()> {
        let mut reader = Reader::new(request);
        let number = u8::take(&mut reader)?;
        let argument = u64::take(&mut reader).unwrap_or_default();
        let mut sessions = self.sessions.lock().unwrap();
        match call::NAMES.iter().find(|row| row.0 == number).map_or("", |row| row.1) {
            "slot_list" => vec![0u64].put(answer),
            "open_session" => {
                sessions.0 += 1;
                let session = sessions.0;
                sessions.1.insert(session);
                session.put(answer);
            }
            "close_session" => check(sessions.1.remove(&argument))?,
            "session_info" => {
                check(sessions.1.contains(&argument))?;
                SessionInfo { slot: 0, state: 0, flags: 0 }.put(answer);
            }
            // Takes a millisecond for a byte.
            "generate_random" => {
                drop(sessions);
                let length = u64::take(&mut reader)?;
                std::thread::sleep(Duration::from_millis(length));
                vec![7u8; length as usize].put(answer);
            }
            // Signs by saying the same.
            "sign" => Output::Bytes(Zeroizing::new(<&[u8]>::take(&mut reader)?.to_vec())).put(answer),
            _ => {
                drop(sessions);
                panic!("this panic is part of a test");
            }
        }
        Ok(())
    }
}

fn check(open: bool) -> Result<()> {
    if open { Ok(()) } else { Err(Code::SessionHandleInvalid.into()) }
}

/// A vault on a thread, with a socket in its home.
pub(crate) struct FakeVault {
    pub(crate) host: Arc<FakeHost>,
    server: Arc<Server>,
    signals: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl FakeVault {
    pub(crate) fn start(home: &Path) -> FakeVault {
        let home = Home { directory: home.to_owned(), config: Default::default() };
        let host = Arc::new(FakeHost::default());
        let callers = Callers::of(&home).unwrap();
        let listener = Listener::open(&home, &callers, None).unwrap();
        listener.listen().unwrap();
        let server = Server::new(host.clone(), callers);
        let (read, signals) = rustix::pipe::pipe().unwrap();
        let (mut vault, serving) = (Vault::new(listener, Some(read), None), server.clone());
        let thread = std::thread::spawn(move || {
            vault.watch(&serving);
        });
        FakeVault { host, server, signals, thread: Some(thread) }
    }

    /// Ends without finishing what is under way.
    pub(crate) fn die(self) {
        self.server.cut();
    }
}

impl Drop for FakeVault {
    fn drop(&mut self) {
        rustix::io::write(&self.signals, b"x").unwrap();
        self.thread.take().unwrap().join().unwrap();
        self.server.finish(Duration::from_secs(1));
    }
}

/// A server that lets this user in.
pub(crate) fn server(host: FakeHost, most: usize) -> Arc<Server> {
    let home = Home { directory: "/".into(), config: Default::default() };
    Server::with_room(Arc::new(host), Callers::of(&home).unwrap(), most)
}

/// A connection to a server.
pub(crate) fn socket(server: &Arc<Server>) -> Connection {
    let (mine, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    server.accept(theirs);
    Connection::new(mine)
}

/// A connection that the server has greeted.
pub(crate) fn greeted(server: &Arc<Server>, purpose: Purpose, after: u64) -> Result<(Connection, Welcome)> {
    let connection = socket(server);
    let hello = Hello { purpose, after, last: u64::MAX, program: "test".into() };
    let _ = connection.send(hello.message().bytes()); // a full server may have closed it already
    let mut buffer = Buffer::default();
    let welcome = hello::read_reply(connection.receive(&mut buffer).map_err(|_| Code::DeviceError)?)?;
    Ok((connection, welcome))
}
