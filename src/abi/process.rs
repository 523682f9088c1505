//! Which process this is, told without a system call: the module asks at every call, because a fork may have
//! come between two of them.
//!
//! The answer is a number that differs from that of every ancestor (a process id does not: namespaces and reuse).
//! It lies in a page that the kernel hands to a forked child filled with zeros, however the child was made.

use rustix::mm::{Advice, madvise};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// The number of this process; never 0.
pub(super) fn current() -> u64 {
    match MARK.process.load(Ordering::Acquire) {
        0 => unmarked(),
        process => process,
    }
}

/// A page of its own among the zero-initialised statics: private anonymous memory, as `MADV_WIPEONFORK` demands.
#[repr(C, align(4096))]
struct Mark {
    process: AtomicU64,
    rest: [u8; 4088],
}

/// The first call in this process, or there is no such page.
#[cold]
fn unmarked() -> u64 {
    if !wiped_on_fork() {
        return u64::from(rustix::process::getpid().as_raw_nonzero().get().unsigned_abs()) | 1 << 63;
    }
    let fresh = NEXT.fetch_add(1, Ordering::Relaxed);
    match MARK.process.compare_exchange(0, fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => fresh,
        Err(another_thread) => another_thread,
    }
}

/// Asks the kernel to wipe the page in children. Older ones than 4.14, and pages larger than ours, refuse.
fn wiped_on_fork() -> bool {
    match WIPED.load(Ordering::Acquire) {
        UNKNOWN => {
            let page = std::ptr::from_ref(&MARK).cast_mut().cast();
            // SAFETY: the advice changes what a forked child finds in this page and nothing in this process. The page
            // holds nothing but the mark, whose value of zero bits is valid and means "not marked".
            let done = unsafe { madvise(page, size_of::<Mark>(), Advice::LinuxWipeOnFork) }.is_ok();
            WIPED.store(if done { YES } else { NO }, Ordering::Release);
            done
        }
        answer => answer == YES,
    }
}

static MARK: Mark = Mark { process: AtomicU64::new(0), rest: [0; 4088] };
/// Copied by a fork as it is: a child counts on from where its parent was.
static NEXT: AtomicU64 = AtomicU64::new(1);
static WIPED: AtomicU8 = AtomicU8::new(UNKNOWN);

const UNKNOWN: u8 = 0;
const YES: u8 = 1;
const NO: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_another_process_and_a_grandchild_yet_another() {
        assert_eq!(size_of_val(&MARK.rest), 4088);
        let parent = current();
        assert_eq!(current(), parent);
        let child_differs = super::super::forked(|| {
            let child = current();
            child != parent
                && current() == child
                && super::super::forked(|| current() != child && current() != parent) == 1
        });
        assert_eq!(child_differs, 1);
        assert_eq!(current(), parent);
    }
}
