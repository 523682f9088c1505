//! The ticket of the application that this process is, readable without a lock: a forked child must be able to read
//! its parent's, whatever the parent's other threads were doing when it forked.

use crate::wire::hello::Ticket;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// A ticket, or none. Written under a lock of the owner's, read without.
#[derive(Default)]
pub(crate) struct Identity {
    /// Odd while somebody writes.
    version: AtomicU64,
    words: [AtomicU64; 4],
}

impl Identity {
    /// Holds `ticket` from the start.
    pub(crate) fn holding(ticket: Option<Ticket>) -> Identity {
        let identity = Identity::default();
        identity.write(ticket);
        identity
    }

    /// Replaces what is held. One writer at a time.
    pub(crate) fn write(&self, ticket: Option<Ticket>) {
        let ticket = ticket.unwrap_or_default(); // all zeroes is no ticket: tickets are random
        self.version.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::Release);
        for (word, bytes) in self.words.iter().zip(ticket.as_chunks::<8>().0) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        self.version.fetch_add(1, Ordering::Release);
    }

    /// What is held. A ticket that was being replaced at this moment is none any more.
    pub(crate) fn read(&self) -> Option<Ticket> {
        let before = self.version.load(Ordering::Acquire);
        let mut ticket = Ticket::default();
        for (word, bytes) in self.words.iter().zip(ticket.as_chunks_mut::<8>().0) {
            *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        fence(Ordering::Acquire);
        let whole = before.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == before;
        (whole && ticket != Ticket::default()).then_some(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_whole_or_not_at_all() {
        let identity = Identity::holding(Some([1; 32]));
        assert_eq!(identity.read(), Some([1; 32]));
        identity.write(None);
        assert_eq!(identity.read(), None);
        std::thread::scope(|scope| {
            let writer =
                scope.spawn(|| (0..20_000u32).for_each(|turn| identity.write(Some([1 + (turn % 7) as u8; 32]))));
            while !writer.is_finished() {
                assert!(identity.read().is_none_or(|ticket| ticket.iter().all(|byte| *byte == ticket[0])));
            }
        });
    }
}
