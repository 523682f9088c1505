//! How module and vault introduce themselves, before the first call on a connection.
//!
//! Both sides begin with the same magic and the number of their protocol, and only what follows may change from
//! one protocol to the next: so two of different age can tell each other so.

use crate::error::{Code, Error, Result};
use crate::wire::answer::{Standing, read_answer, write_refusal};
use crate::wire::codec::{Reader, Wire, Writer, wire_struct};

/// The protocol that this program speaks. It changes when a call's arguments, a value's form or the greeting do.
pub const PROTOCOL: u64 = 1;
/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

const MAGIC: [u8; 8] = *b"STRONGRM";

/// What an application proves itself by: whoever knows it belongs to the application.
pub type Ticket = [u8; 32];

/// How the vault says that it does not know a ticket. No other greeting is refused with this code.
pub(crate) const UNKNOWN: Code = Code::SessionHandleInvalid;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A new application.
    Enter,
    /// One more connection of an application.
    Join(Ticket),
    /// The first connection of a child of the process that an application is.
    Fork(Ticket),
}

impl<'a> Wire<'a> for Purpose {
    fn put(&self, to: &mut Writer) {
        match self {
            Purpose::Enter => 0u8.put(to),
            Purpose::Join(ticket) => (1u8, *ticket).put(to),
            Purpose::Fork(ticket) => (2u8, *ticket).put(to),
        }
    }
    fn take(from: &mut Reader<'a>) -> Result<Purpose> {
        match u8::take(from)? {
            0 => Ok(Purpose::Enter),
            1 => Ok(Purpose::Join(Wire::take(from)?)),
            2 => Ok(Purpose::Fork(Wire::take(from)?)),
            _ => Err(stranger()),
        }
    }
}

/// What the module says first.
#[derive(Clone, PartialEq, Eq)]
pub struct Hello {
    /// What it wants.
    pub purpose: Purpose,
    /// The largest handle it has seen: those of a new application are larger.
    pub after: u64,
    /// For a fork: the number of the last request that the parent had made when it forked.
    pub last: u64,
    /// The version of the module.
    pub program: String,
}
wire_struct!(Hello { purpose, after, last, program });

/// What the vault answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The application that the connection now belongs to.
    pub ticket: Ticket,
    /// The vault's process.
    pub pid: u64,
    /// The version of the vault.
    pub program: String,
    /// Where the application stands.
    pub standing: Standing,
}
wire_struct!(Welcome { ticket, pid, program, standing });

impl Hello {
    /// The message.
    pub fn message(&self) -> Writer {
        let mut message = preamble(PROTOCOL);
        self.put(&mut message);
        message
    }

    /// Reads a module's greeting.
    ///
    /// # Errors
    /// Whoever is of another protocol is told both versions, and what to do.
    pub fn read(message: &[u8]) -> Result<Hello> {
        let mut reader = Reader::new(message);
        match protocol(&mut reader)? {
            PROTOCOL => {}
            theirs => return Err(mismatch("module", theirs, "vault", std::process::id().into())),
        }
        let hello = Hello::take(&mut reader)?;
        reader.end()?;
        Ok(hello)
    }
}

/// The vault's answer to a greeting.
pub fn reply(outcome: &Result<Welcome>) -> Writer {
    let mut message = preamble(PROTOCOL);
    let mut body = Writer::default();
    match outcome {
        Ok(welcome) => {
            0u8.put(&mut body);
            welcome.put(&mut body);
        }
        Err(error) => write_refusal(error, &mut body),
    }
    message.raw(body.bytes());
    message
}

/// Reads the vault's answer to a greeting. The refusal of a vault of any protocol is understood.
pub fn read_reply(message: &[u8]) -> Result<Welcome> {
    let mut reader = Reader::new(message);
    let theirs = protocol(&mut reader)?;
    let answer = reader.raw(reader.remaining())?;
    match (theirs, answer.first()) {
        (PROTOCOL, _) | (_, Some(1)) => read_answer(answer),
        _ => Err(mismatch("vault", theirs, "module", 0)),
    }
}

fn preamble(protocol: u64) -> Writer {
    let mut message = Writer::default();
    MAGIC.put(&mut message);
    protocol.put(&mut message);
    message
}

fn protocol(reader: &mut Reader<'_>) -> Result<u64> {
    match <[u8; 8]>::take(reader) {
        Ok(MAGIC) => u64::take(reader),
        _ => Err(stranger()),
    }
}

fn stranger() -> Error {
    Code::DeviceError.because("what is at the other end of the socket is no Strongroom")
}

fn mismatch(them: &str, theirs: u64, us: &str, pid: u64) -> Error {
    let end = if pid == 0 { "end the old vault".to_owned() } else { format!("end the old vault (kill {pid})") };
    Code::DeviceError.because(format!(
        "the {them} speaks protocol {theirs}, and this {us} (Strongroom {VERSION}) speaks protocol {PROTOCOL}: \
         install module and vault of one version, {end}, and start the application again"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(purpose: Purpose) -> Hello {
        Hello { purpose, after: 7, last: 0, program: "9.9".into() }
    }

    fn welcome() -> Welcome {
        let standing = Standing { highest: 8, sessions: 1 };
        Welcome { ticket: [3; 32], pid: 12, program: "9.9".into(), standing }
    }

    #[test]
    fn greetings_come_back_as_they_went() {
        for purpose in [Purpose::Enter, Purpose::Join([1; 32]), Purpose::Fork([2; 32])] {
            assert!(Hello::read(hello(purpose).message().bytes()).ok() == Some(hello(purpose)));
        }
        assert!(read_reply(reply(&Ok(welcome())).bytes()).ok() == Some(welcome()));
        let refused = read_reply(reply(&Err(Code::DeviceMemory.because("full"))).bytes()).err().unwrap();
        assert_eq!(refused, Code::DeviceMemory.because("full"));
    }

    #[test]
    fn another_protocol_is_named_with_both_versions() {
        let mut message = hello(Purpose::Enter).message().bytes().to_vec();
        message[8] = 77;
        let error = Hello::read(&message).err().unwrap();
        assert!(error.why().contains("protocol 77") && error.why().contains("protocol 1:"), "{error}");

        let mut message = reply(&Ok(welcome())).bytes().to_vec();
        message[8] = 78;
        let error = read_reply(&message).err().unwrap();
        assert!(error.why().contains("vault speaks protocol 78"), "{error}");

        let mut message = reply(&Err(Code::DeviceError.because("too old"))).bytes().to_vec();
        message[8] = 78;
        assert_eq!(read_reply(&message).err().unwrap().why(), "too old");
    }

    #[test]
    fn a_greeting_cut_anywhere_is_refused() {
        let message = hello(Purpose::Join([1; 32])).message();
        for length in 0..message.bytes().len() {
            assert!(Hello::read(&message.bytes()[..length]).is_err());
        }
        assert!(Hello::read(&[message.bytes(), b"x"].concat()).is_err());
        assert!(read_reply(b"HTTP/1.1 400 Bad Request").is_err());
    }
}
