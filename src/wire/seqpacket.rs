//! Messages over a unix seqpacket socket: whole, in order, and of any length up to a bound.
//!
//! A message is one packet or more. Each begins with sixteen bytes, the length of the whole message and the offset of
//! this piece (both 32 bits little-endian) and the number that its sender gave the message (64 bits), and holds at most `PIECE` bytes of it. Memory grows as pieces arrive, never
//! on the word of a length alone, and every buffer is wiped after use: messages carry PINs and key values.

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recvmsg, sendmsg, shutdown, sockopt,
};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use zeroize::Zeroize;

/// The longest message.
pub const LONGEST: usize = 1 << 30;
/// The most that one packet carries of a message.
const PIECE: usize = 64 * 1024;
/// The length of a packet's header.
const HEADER: usize = 16;
/// A buffer that a long message left larger than this is not kept.
const KEPT: usize = 4 * PIECE;

/// Why a message did not cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The other end is gone, and has seen nothing of this message (or not all of it, so it will not act on it).
    Unsent,
    /// The other end is gone; whether it acted on what was sent before, nobody knows.
    Gone,
    /// Nothing came within the time allowed.
    Silent,
    /// The message is longer than [`LONGEST`].
    TooLong,
    /// What came is no message of ours.
    Malformed,
}

/// One end of a connection. It is used by one thread at a time.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
}

impl Connection {
    /// Carries messages over a connected seqpacket socket.
    pub fn new(socket: OwnedFd) -> Connection {
        Connection { socket }
    }

    /// Sends a message that needs no number.
    pub fn send(&self, message: &[u8]) -> Result<(), Lost> {
        self.send_numbered(0, message)
    }

    /// Sends a message with a number.
    pub fn send_numbered(&self, number: u64, message: &[u8]) -> Result<(), Lost> {
        if message.len() > LONGEST {
            return Err(Lost::TooLong);
        }
        let mut offset = 0;
        loop {
            let piece = &message[offset..message.len().min(offset + PIECE)];
            self.send_packet(&header(message.len(), offset, number), piece)?;
            offset += piece.len();
            if offset == message.len() {
                return Ok(());
            }
        }
    }

    fn send_packet(&self, header: &[u8; HEADER], piece: &[u8]) -> Result<(), Lost> {
        let parts = [IoSlice::new(header), IoSlice::new(piece)];
        loop {
            match sendmsg(&self.socket, &parts, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()), // a packet goes as a whole or not at all
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(Lost::Silent),
                Err(_) => return Err(Lost::Unsent),
            }
        }
    }

    /// Receives a message into `buffer`; the end of the connection is [`Lost::Gone`].
    pub fn receive<'b>(&self, buffer: &'b mut Buffer) -> Result<&'b [u8], Lost> {
        buffer.wipe();
        let (length, mut got) = self.receive_packet(buffer, None)?;
        while got < length {
            got += self.receive_packet(buffer, Some(length))?.1;
        }
        Ok(&buffer.bytes[..length])
    }

    /// Receives one packet behind what `buffer` holds: the length of the message, and the bytes that came.
    fn receive_packet(&self, buffer: &mut Buffer, expected: Option<usize>) -> Result<(usize, usize), Lost> {
        let (mut header, offset) = ([0; HEADER], buffer.used);
        let room = buffer.room();
        let received = loop {
            let mut parts = [IoSliceMut::new(&mut header), IoSliceMut::new(room)];
            match recvmsg(&self.socket, &mut parts, &mut RecvAncillaryBuffer::default(), RecvFlags::CMSG_CLOEXEC) {
                Ok(message) => break message.bytes,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(Lost::Silent),
                Err(_) => return Err(Lost::Gone),
            }
        };
        let piece = match received {
            0 => return Err(Lost::Gone),
            HEADER.. => received - HEADER,
            _ => return Err(Lost::Malformed),
        };
        buffer.used += piece;
        let (length, at) = lengths(&header);
        buffer.number = number(&header);
        let sound = length <= LONGEST && expected.is_none_or(|expected| expected == length);
        let whole = piece == PIECE.min(length.saturating_sub(offset));
        if sound && whole && at == offset { Ok((length, piece)) } else { Err(Lost::Malformed) }
    }

    /// How long sending and receiving may wait; `None` for ever (the end of the other side still ends the wait).
    pub fn limit(&self, time: Option<Duration>) -> std::io::Result<()> {
        sockopt::set_socket_timeout(&self.socket, sockopt::Timeout::Recv, time)?;
        Ok(sockopt::set_socket_timeout(&self.socket, sockopt::Timeout::Send, time)?)
    }

    /// Takes no more messages: what has come is still read, then the connection is at its end.
    pub fn close_for_requests(&self) {
        let _ = shutdown(&self.socket, Shutdown::Read); // it fails only when the other end was faster
    }

    /// Ends the connection in the middle of whatever is under way.
    #[cfg(test)]
    pub(crate) fn cut(&self) {
        shutdown(&self.socket, Shutdown::Both).unwrap();
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn header(length: usize, offset: usize, number: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    // Both are at most LONGEST, which fits 32 bits.
    header[..4].copy_from_slice(&(length as u32).to_le_bytes());
    header[4..8].copy_from_slice(&(offset as u32).to_le_bytes());
    header[8..].copy_from_slice(&number.to_le_bytes());
    header
}

fn lengths(header: &[u8; HEADER]) -> (usize, usize) {
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize;
    (number(0), number(4))
}

fn number(header: &[u8; HEADER]) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|at| header[8 + at]))
}

/// Where received messages are put. Wiped after each message and at its end.
#[derive(Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    used: usize,
    number: u64,
}

impl Buffer {
    /// The message that was received last.
    pub fn message(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Forgets the message. A buffer that grew large is given back.
    pub fn wipe(&mut self) {
        self.bytes[..self.used].zeroize();
        self.used = 0;
        if self.bytes.len() > KEPT {
            self.bytes = Vec::new(); // all of it was wiped: `used` covers whatever was written
        }
    }

    /// Room for one more packet behind what there is. What growing leaves behind is wiped.
    fn room(&mut self) -> &mut [u8] {
        if self.bytes.len() - self.used < PIECE {
            let mut larger = vec![0; (self.used + PIECE).max(2 * self.used)];
            larger[..self.used].copy_from_slice(&self.bytes[..self.used]);
            self.bytes[..self.used].zeroize();
            self.bytes = larger;
        }
        &mut self.bytes[self.used..]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.bytes[..self.used].zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, send, socketpair};

    fn pair() -> (Connection, Connection) {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        (Connection::new(one), Connection::new(other))
    }

    fn raw(to: &Connection, length: u32, offset: u32, piece: &[u8]) {
        let packet = [&length.to_le_bytes()[..], &offset.to_le_bytes(), &[0; 8], piece].concat();
        send(&to.socket, &packet, SendFlags::NOSIGNAL).unwrap();
    }

    #[test]
    fn messages_of_all_lengths_arrive_whole() {
        let (one, other) = pair();
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 5 * PIECE + 77] {
            let message: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            std::thread::scope(|scope| {
                scope.spawn(|| one.send(&message).unwrap());
                assert!(other.receive(&mut Buffer::default()).unwrap() == message);
            });
        }
    }

    #[test]
    fn a_message_over_the_bound_is_refused_at_both_ends() {
        let (one, other) = pair();
        assert_eq!(one.send(&vec![0; LONGEST + 1]), Err(Lost::TooLong));
        raw(&one, LONGEST as u32 + 1, 0, &[0; 16]);
        assert_eq!(other.receive(&mut Buffer::default()), Err(Lost::Malformed));
    }

    #[test]
    fn a_claimed_length_takes_no_memory() {
        let (one, other) = pair();
        raw(&one, LONGEST as u32, 0, &vec![0; PIECE]);
        drop(one);
        let mut buffer = Buffer::default();
        assert_eq!(other.receive(&mut buffer), Err(Lost::Gone));
        assert!(buffer.bytes.len() <= KEPT);
    }

    #[test]
    fn packets_that_do_not_fit_together_are_refused() {
        for (length, offset, piece) in [(10, 0, 9), (10, 0, 11), (10, 1, 9), (PIECE as u32 + 1, 0, 5), (0, 0, 1)] {
            let (one, other) = pair();
            raw(&one, length, offset, &vec![0; piece]);
            assert_eq!(other.receive(&mut Buffer::default()), Err(Lost::Malformed), "{length} {offset} {piece}");
        }
        let (one, other) = pair();
        send(&one.socket, &[0; 5], SendFlags::NOSIGNAL).unwrap();
        assert_eq!(other.receive(&mut Buffer::default()), Err(Lost::Malformed));
        let (one, other) = pair();
        raw(&one, 2 * PIECE as u32, 0, &vec![0; PIECE]);
        raw(&one, 3 * PIECE as u32, PIECE as u32, &vec![0; PIECE]);
        assert_eq!(other.receive(&mut Buffer::default()), Err(Lost::Malformed));
    }

    #[test]
    fn the_end_of_the_other_side_ends_every_wait() {
        let (one, other) = pair();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                drop(one);
            });
            assert_eq!(other.receive(&mut Buffer::default()), Err(Lost::Gone));
        });
        assert_eq!(other.send(b"x"), Err(Lost::Unsent));
    }

    #[test]
    fn silence_ends_where_a_limit_is_set() {
        let (one, other) = pair();
        other.limit(Some(Duration::from_millis(20))).unwrap();
        assert_eq!(other.receive(&mut Buffer::default()), Err(Lost::Silent));
        drop(one);
    }

    #[test]
    fn what_was_received_is_wiped() {
        let (one, other) = pair();
        let mut buffer = Buffer::default();
        one.send(&[7; 100]).unwrap();
        assert_eq!(other.receive(&mut buffer).unwrap(), [7; 100]);
        buffer.wipe();
        assert!(buffer.bytes.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn what_came_before_the_door_was_shut_is_still_answered() {
        let (client, server) = pair();
        client.send(b"asked").unwrap();
        server.close_for_requests();
        let mut buffer = Buffer::default();
        assert_eq!(server.receive(&mut buffer).unwrap(), b"asked");
        server.send(b"answered").unwrap();
        assert_eq!(server.receive(&mut buffer), Err(Lost::Gone));
        assert_eq!(client.receive(&mut buffer).unwrap(), b"answered");
        assert_eq!(client.send(b"more"), Err(Lost::Unsent));
    }
}
