//! The last error of each thread, for `SR_GetLastErrorText`: what the return code cannot say.
//!
//! It is kept in place, without an allocation: a thread-local that needs a destructor would keep the module
//! loaded, or be called after it is gone.

use crate::error::Error;
use std::cell::Cell;

/// A code and its words.
#[derive(Clone, Copy)]
pub(super) struct Last {
    rv: u64,
    length: usize,
    text: [u8; LONGEST],
}

impl Last {
    const NONE: Last = Last { rv: 0, length: 0, text: [0; LONGEST] };

    fn of(error: &Error) -> Last {
        let mut last = Last { rv: error.code().rv(), ..Last::NONE };
        let why = error.why();
        last.length = why.floor_char_boundary(LONGEST);
        last.text[..last.length].copy_from_slice(&why.as_bytes()[..last.length]);
        last
    }

    /// The return code; CKR_OK if nothing has failed yet.
    pub(super) fn rv(&self) -> u64 {
        self.rv
    }

    /// The words in UTF-8; empty if nothing has failed yet.
    pub(super) fn text(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

/// Keeps an error of this thread, until its next one.
pub(super) fn keep(error: &Error) {
    LAST.set(Last::of(error));
}

/// The last error of this thread.
pub(super) fn last() -> Last {
    LAST.get()
}

thread_local! {
    static LAST: Cell<Last> = const { Cell::new(Last::NONE) };
}

const LONGEST: usize = 496;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn each_thread_has_its_own() {
        keep(&Code::PinLocked.because("ten wrong PINs"));
        std::thread::spawn(|| assert_eq!((last().rv(), last().text()), (0, &b""[..]))).join().unwrap();
        assert_eq!((last().rv(), last().text()), (Code::PinLocked.rv(), &b"ten wrong PINs"[..]));
    }

    #[test]
    fn it_needs_no_destructor() {
        assert!(!std::mem::needs_drop::<Cell<Last>>());
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        keep(&Code::GeneralError.because("ä".repeat(400)));
        assert_eq!(last().text(), "ä".repeat(LONGEST / 2).as_bytes());
    }
}
