//! The connections: a thread each, a request after the other.

use crate::call::{self, Application, Host};
use crate::error::{Code, Error, Result};
use crate::serve::caller::Callers;
use crate::serve::member::{Member, Members};
use crate::wire::codec::{Wire, Writer};
use crate::wire::hello::{self, Hello, VERSION, Welcome};
use crate::wire::seqpacket::{Buffer, Connection, Lost};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most connections at a time.
const MOST: usize = 4096;
/// How long a caller may take to greet, and to take the answer.
const GREETING: Duration = Duration::from_secs(20);
/// A reply larger than this is not kept as the next one's memory.
const LARGE: usize = 256 * 1024;

/// Serves connections.
pub(crate) struct Server {
    members: Arc<Members>,
    callers: Callers,
    most: usize,
    open: Mutex<Open>,
    closed: Condvar,
}

#[derive(Default)]
struct Open {
    last: u64,
    connections: HashMap<u64, Arc<Connection>>,
    ending: bool,
}

impl Server {
    pub(crate) fn new(host: Arc<dyn Host>, callers: Callers) -> Arc<Server> {
        Server::with_room(host, callers, MOST)
    }

    pub(crate) fn with_room(host: Arc<dyn Host>, callers: Callers, most: usize) -> Arc<Server> {
        let members = Members::new(host);
        Arc::new(Server { members, callers, most, open: Mutex::default(), closed: Condvar::new() })
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        self.lock().connections.len()
    }

    /// Serves a new connection on a thread of its own. Where there is no room for it, it is told so and closed.
    pub(crate) fn accept(self: &Arc<Server>, socket: OwnedFd) {
        let connection = Arc::new(Connection::new(socket));
        let Some(number) = self.register(&connection) else {
            return refuse(&connection, Code::DeviceMemory.because("the vault has as many connections as it can take"));
        };
        let (server, mine) = (self.clone(), connection.clone());
        let work = move || {
            let _ending = Leaving { server: &server, number };
            server.serve(&mine);
        };
        if std::thread::Builder::new().name("application".into()).spawn(work).is_err() {
            refuse(&connection, Code::DeviceMemory.because("the vault's system gives it no more threads"));
            self.leave(number);
        }
    }

    fn serve(&self, connection: &Connection) {
        let mut buffer = Buffer::default();
        let Ok(member) = self.greet(connection, &mut buffer) else { return };
        let mut reply = Writer::default();
        while connection.receive(&mut buffer).is_ok() {
            member.application.arrived(buffer.number());
            let request = buffer.message();
            answer(&*member.application, request, &mut reply);
            buffer.wipe();
            if self.send(connection, &member, &mut reply).is_err() {
                return;
            }
            recycle(&mut reply);
        }
    }

    fn send(&self, connection: &Connection, member: &Member, reply: &mut Writer) -> std::result::Result<(), Lost> {
        match connection.send(reply.bytes()) {
            Err(Lost::TooLong) => {
                let refusal = Code::DeviceMemory.because("the answer is longer than a message may be");
                call::write_refusal(&refusal, reply);
                member.application.standing().put(reply);
                connection.send(reply.bytes())
            }
            sent => sent,
        }
    }

    /// Hears the greeting and answers it.
    fn greet(&self, connection: &Connection, buffer: &mut Buffer) -> std::result::Result<Arc<Member>, Lost> {
        let _ = connection.limit(Some(GREETING));
        let message = connection.receive(buffer)?;
        let outcome =
            catch_unwind(AssertUnwindSafe(|| self.admit(connection, message))).unwrap_or_else(|_| Err(fault()));
        buffer.wipe();
        let welcome = outcome.as_ref().map_err(Error::clone).map(|member| Welcome {
            ticket: member.ticket,
            pid: std::process::id().into(),
            program: VERSION.to_owned(),
            standing: member.application.standing(),
        });
        connection.send(hello::reply(&welcome).bytes())?;
        let _ = connection.limit(None);
        outcome.map_err(|_| Lost::Malformed)
    }

    fn admit(&self, connection: &Connection, message: &[u8]) -> Result<Arc<Member>> {
        let user = self.callers.admit(connection)?;
        let hello = Hello::read(message)?;
        self.members.admit(hello.purpose, hello.after, hello.last, user)
    }

    /// Lets running requests finish and ends all connections, waiting for `patience` at most.
    pub(crate) fn finish(&self, patience: Duration) {
        let mut open = self.lock();
        open.ending = true;
        open.connections.values().for_each(|connection| connection.close_for_requests());
        let still = |open: &mut Open| !open.connections.is_empty();
        drop(self.closed.wait_timeout_while(open, patience, still));
    }

    /// Ends all connections at once, as a crash would.
    #[cfg(test)]
    pub(crate) fn cut(&self) {
        self.lock().connections.values().for_each(|connection| connection.cut());
    }

    fn register(&self, connection: &Arc<Connection>) -> Option<u64> {
        let mut open = self.lock();
        if open.ending || open.connections.len() >= self.most {
            return None;
        }
        open.last += 1;
        let number = open.last;
        open.connections.insert(number, connection.clone());
        Some(number)
    }

    fn leave(&self, number: u64) {
        self.lock().connections.remove(&number);
        self.closed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a connection off the list however its thread ends.
struct Leaving<'s> {
    server: &'s Server,
    number: u64,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.server.leave(self.number);
    }
}

/// Answers one request: the answer, and behind it where the application stands.
///
/// A panic in the engine is this caller's CKR_GENERAL_ERROR and nobody else's matter.
pub fn answer(application: &dyn Application, request: &[u8], reply: &mut Writer) {
    if catch_unwind(AssertUnwindSafe(|| call::answer(application, request, reply))).is_err() {
        call::write_refusal(&fault(), reply);
    }
    let standing = catch_unwind(AssertUnwindSafe(|| application.standing()));
    standing.unwrap_or_default().put(reply);
}

/// Wipes a reply for the next one; one that grew large gives its memory back.
fn recycle(reply: &mut Writer) {
    if reply.bytes().len() > LARGE {
        *reply = Writer::default();
    }
    reply.clear();
}

fn fault() -> Error {
    Code::GeneralError.because("an internal fault in the vault; it goes on serving, and its log says more")
}

fn refuse(connection: &Connection, why: Error) {
    let _ = connection.limit(Some(Duration::from_millis(100)));
    let _ = connection.send(hello::reply(&Err(why)).bytes()); // a caller that does not listen is not told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing::{FakeHost, greeted, server, socket};
    use crate::wire::hello::Purpose;

    fn ask(connection: &Connection, request: &[u8]) -> Vec<u8> {
        connection.send(request).unwrap();
        connection.receive(&mut Buffer::default()).unwrap().to_vec()
    }

    #[test]
    fn a_panic_is_an_answer_and_the_vault_lives_on() {
        let server = server(FakeHost::default(), 10);
        let (connection, _) = greeted(&server, Purpose::Enter, 0).unwrap();
        let answer = ask(&connection, &[80]); // the fake's status panics
        let error = call::read_answer::<u64>(&answer[..answer.len() - 16]).unwrap_err();
        assert_eq!(error.code(), Code::GeneralError);
        assert_eq!(ask(&connection, &[1])[0], 0);
    }

    #[test]
    fn nonsense_is_refused_and_the_connection_goes_on() {
        let server = server(FakeHost::default(), 10);
        let (connection, _) = greeted(&server, Purpose::Enter, 0).unwrap();
        for nonsense in [&[][..], &[0], &[255, 1, 2], &[10, 1], &[1, 1]] {
            assert_eq!(ask(&connection, nonsense)[0], 1);
        }
        assert_eq!(ask(&connection, &[1])[0], 0);
    }

    #[test]
    fn strangers_are_not_greeted() {
        let server = server(FakeHost::default(), 10);
        let connection = socket(&server);
        connection.send(b"GET / HTTP/1.1").unwrap();
        let mut buffer = Buffer::default();
        assert!(hello::read_reply(connection.receive(&mut buffer).unwrap()).is_err());
        assert_eq!(connection.receive(&mut buffer), Err(Lost::Gone));
    }

    #[test]
    fn beyond_the_last_connection_the_refusal_is_clear() {
        let server = server(FakeHost::default(), 2);
        let kept: Vec<_> = (0..2).map(|_| greeted(&server, Purpose::Enter, 0).unwrap()).collect();
        assert_eq!(greeted(&server, Purpose::Enter, 0).err().unwrap().code(), Code::DeviceMemory);
        drop(kept);
        while server.connections() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        greeted(&server, Purpose::Enter, 0).unwrap();
    }

    #[test]
    fn ending_lets_a_running_request_finish() {
        let server = server(FakeHost::default(), 10);
        let (connection, _) = greeted(&server, Purpose::Enter, 0).unwrap();
        let mut slow = Writer::default();
        (71u8, (0u64, 200u64)).put(&mut slow); // the fake takes so many milliseconds to make so many bytes
        connection.send(slow.bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        server.finish(Duration::from_secs(5));
        assert_eq!(server.connections(), 0);
        let mut buffer = Buffer::default();
        assert_eq!(connection.receive(&mut buffer).unwrap()[0], 0);
        assert_eq!(connection.receive(&mut buffer), Err(Lost::Gone));
        assert!(greeted(&server, Purpose::Enter, 0).is_err());
    }
}
