//! One connection to a vault: finding its socket, making sure whose it is, greeting.

use crate::config::Home;
use crate::error::{Code, Error, Result};
use crate::wire::address;
use crate::wire::hello::{self, Hello, Welcome};
use crate::wire::seqpacket::{Buffer, Connection, Lost};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// How long a vault may take to greet. A vault that is stopped or overrun is no reason to wait for ever.
pub(crate) const GREETING: Duration = Duration::from_secs(20);

/// A connection that the vault has greeted; `None` where no vault answers.
///
/// # Errors
/// What a vault that is there refuses, or why it cannot be trusted or heard.
pub(crate) fn greet(home: &Home, hello: &Hello) -> Result<Option<(Connection, Welcome)>> {
    let mut forbidden = None;
    for place in address::places(home) {
        match address::connect_to(&place, GREETING) {
            Ok(socket) => match introduce(home, Connection::new(socket), hello)? {
                None => {}
                found => return Ok(found),
            },
            Err(error) if error.kind() == ErrorKind::PermissionDenied => forbidden = Some(place),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(silent(&place)),
            Err(_) => {}
        }
    }
    match forbidden {
        Some(place) => {
            Err(Code::DeviceError.because(format!("this user may not use the vault at {}", place.display())))
        }
        None => Ok(None),
    }
}

/// Greets. A vault that hangs up without a word was about to end: it is no vault.
fn introduce(home: &Home, connection: Connection, hello: &Hello) -> Result<Option<(Connection, Welcome)>> {
    let pid = check_vault(home, &connection)?;
    let broken = |error: std::io::Error| Code::DeviceError.because(format!("the vault cannot be heard: {error}"));
    connection.limit(Some(GREETING)).map_err(broken)?;
    let mut buffer = Buffer::default();
    let answered = connection.send(hello.message().bytes()).and_then(|()| connection.receive(&mut buffer));
    let welcome = match answered {
        Ok(reply) => hello::read_reply(reply)?,
        // Its refusal may have come before it heard us.
        Err(Lost::Unsent) => match connection.receive(&mut buffer) {
            Ok(reply) => hello::read_reply(reply)?,
            Err(_) => return Ok(None),
        },
        Err(Lost::Gone) => return Ok(None),
        Err(Lost::Silent | Lost::TooLong | Lost::Malformed) => {
            return Err(silent(Path::new(&format!("process {pid}"))));
        }
    };
    connection.limit(None).map_err(broken)?;
    Ok(Some((connection, welcome)))
}

/// PINs go to nobody but the owner of the home, this very user, or root (who makes the sockets that systemd passes on).
fn check_vault(home: &Home, connection: &Connection) -> Result<i32> {
    let peer = crate::os::peer(connection.as_fd())
        .map_err(|error| Code::DeviceError.because(format!("it cannot be told whose vault this is: {error}")))?;
    let user = peer.user;
    let owner = || home.directory.metadata().is_ok_and(|found| found.uid() == user);
    if user == 0 || user == rustix::process::geteuid().as_raw() || owner() {
        return Ok(peer.process);
    }
    Err(Code::DeviceError.because(format!("the vault's socket belongs to user {user}, who does not own the home")))
}

fn silent(who: &Path) -> Error {
    Code::DeviceError.because(format!("the vault ({}) does not answer; it may be stopped or overloaded", who.display()))
}
