//! A lock that a fork cannot leave locked: it knows which process holds it, and a holder of another process is
//! a thread that stayed behind in the parent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Guards moments. What it protects must be whole after every single store, because a child may find it in the
/// middle of a change.
pub(super) struct ForkLock {
    holder: AtomicU64,
}

/// The lock, held until this is dropped.
pub(super) struct Held<'a>(&'a ForkLock);

impl ForkLock {
    pub(super) const fn new() -> ForkLock {
        ForkLock { holder: AtomicU64::new(FREE) }
    }

    /// Waits for the lock and takes it for this process.
    pub(super) fn hold(&self, process: u64) -> Held<'_> {
        let mut tries = 0u32;
        loop {
            let holder = self.holder.load(Ordering::Relaxed);
            let ours = holder == process;
            if !ours && self.holder.compare_exchange(holder, process, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Held(self);
            }
            tries = tries.saturating_add(1);
            if tries < SPINS { std::hint::spin_loop() } else { std::thread::sleep(PAUSE) }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.holder.store(FREE, Ordering::Release);
    }
}

const FREE: u64 = 0;
/// A holder that runs is done long before this; one that does not run needs the processor.
const SPINS: u32 = 200;
const PAUSE: Duration = Duration::from_micros(20);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn one_thread_at_a_time() {
        let (lock, inside) = (ForkLock::new(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let _held = lock.hold(7);
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
    }

    #[test]
    fn a_lock_that_the_parent_held_is_free_in_the_child() {
        let lock = ForkLock::new();
        std::mem::forget(lock.hold(7));
        drop(lock.hold(8));
        drop(lock.hold(8));
    }
}
