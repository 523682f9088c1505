//! Memory that stays out of swap and out of core dumps: pages locked by the kernel, cut into blocks of a few sizes.
//!
//! The kernel locks whole pages and a process only so many of them, so small secrets share pages. Blocks are wiped
//! when they come back. Where the bound on locked memory is reached, whoever asks gets nothing and takes the heap.

#![allow(unsafe_code)] // this file hands out memory; each block says why it is sound

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mlock, mmap_anonymous, munmap};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroize;

/// The sizes of blocks; what is larger has a mapping of its own.
const SIZES: [usize; 8] = [32, 64, 128, 256, 512, 1024, 2048, 4096];
/// How much is locked at a time for small blocks of one size.
const SLAB: usize = 4096;

/// A source of locked blocks.
pub(crate) struct Pool {
    state: Mutex<State>,
}

struct State {
    /// The free blocks of each size.
    free: [Vec<Address>; SIZES.len()],
    /// How often the bound on locked memory was in the way.
    refused: u64,
}

/// The address of a block that nobody uses.
struct Address(NonNull<u8>);

// SAFETY: a free block belongs to the pool alone, whichever thread looks at it.
unsafe impl Send for Address {}

impl Pool {
    pub(crate) const fn new() -> Pool {
        Pool { state: Mutex::new(State { free: [const { Vec::new() }; SIZES.len()], refused: 0 }) }
    }

    /// A block of `length` zero bytes, or nothing where no more memory can be locked.
    pub(crate) fn take(&'static self, length: usize) -> Option<Block> {
        let found = match SIZES.iter().position(|&size| length <= size) {
            Some(size) => self.take_small(size).map(|at| (at, SIZES[size])),
            None => length.checked_next_multiple_of(SLAB).and_then(|room| Some((locked_pages(room)?, room))),
        };
        if found.is_none() {
            self.lock().refused += 1;
        }
        found.map(|(at, room)| Block { at, length, room, pool: self })
    }

    fn take_small(&self, size: usize) -> Option<NonNull<u8>> {
        let mut state = self.lock();
        if state.free[size].is_empty() {
            let page = locked_pages(SLAB)?;
            // SAFETY: the page is SLAB bytes long, so every block cut from it lies inside.
            let blocks = (0..SLAB / SIZES[size]).map(|number| Address(unsafe { page.add(number * SIZES[size]) }));
            state.free[size].extend(blocks);
        }
        state.free[size].pop().map(|address| address.0)
    }

    /// How often the bound on locked memory was in the way.
    pub(crate) fn refused(&self) -> u64 {
        self.lock().refused
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fresh zero pages, locked. `length` is a multiple of a page's.
fn locked_pages(length: usize) -> Option<NonNull<u8>> {
    // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches nothing that exists.
    let at = unsafe {
        mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE).ok()?
    };
    // SAFETY: the pages were mapped above and nobody else knows of them.
    unsafe {
        if mlock(at, length).is_err() {
            let _ = munmap(at, length);
            return None;
        }
        // Where the kernel refuses one of these, the pages are locked nonetheless.
        let _ = madvise(at, length, Advice::LinuxDontDump);
        let _ = madvise(at, length, Advice::LinuxDontFork);
    }
    NonNull::new(at.cast())
}

/// Locked bytes. Wiped when dropped.
pub(crate) struct Block {
    at: NonNull<u8>,
    length: usize,
    /// What it owns behind `at`: one of [`SIZES`], or the length of its mapping.
    room: usize,
    pool: &'static Pool,
}

// SAFETY: a block owns its bytes as a Vec does; all changes go through `&mut`.
unsafe impl Send for Block {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Block {}

impl Block {
    /// Cuts the block to its first `length` bytes and wipes the rest.
    pub(crate) fn truncate(&mut self, length: usize) {
        if length < self.length {
            self[length..].zeroize();
            self.length = length;
        }
    }
}

impl std::ops::Deref for Block {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: `at` leads to `room` bytes, no fewer than `length`, initialised (zero at first) and owned by this block.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.length) }
    }
}

impl std::ops::DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.at.as_ptr(), self.length) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.zeroize(); // what is behind the length was wiped when it was cut off
        match SIZES.iter().position(|&size| size == self.room) {
            Some(size) => self.pool.lock().free[size].push(Address(self.at)),
            // SAFETY: a block with this much room has a mapping of its own, which ends here.
            None => unsafe {
                let _ = munmap(self.at.as_ptr().cast(), self.room);
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> &'static Pool {
        Box::leak(Box::new(Pool::new()))
    }

    /// The kernel's word on the mapping that holds an address.
    fn flags(at: &Block) -> String {
        let (address, mut inside) = (at.at.as_ptr() as usize, false);
        for line in std::fs::read_to_string("/proc/self/smaps").unwrap().lines() {
            let bounds = line.split(' ').next().unwrap().split_once('-');
            let number = |text: &str| usize::from_str_radix(text, 16).ok();
            if let Some((Some(from), Some(to))) = bounds.map(|(from, to)| (number(from), number(to))) {
                inside = (from..to).contains(&address);
            } else if inside && line.starts_with("VmFlags:") {
                return line.to_owned();
            }
        }
        panic!("the block is in no mapping");
    }

    #[test]
    fn blocks_are_locked_and_kept_out_of_core_dumps() {
        for length in [1, 32, 4096, 4097, 20_000] {
            let block = pool().take(length).unwrap();
            let flags = flags(&block);
            assert!(flags.contains(" lo") && flags.contains(" dd") && flags.contains(" dc"), "{length}: {flags}");
        }
    }

    #[test]
    fn blocks_are_zero_apart_and_used_again() {
        let pool = pool();
        let mut blocks: Vec<Block> = (0..300).map(|number| pool.take(1 + number * 7).unwrap()).collect();
        for (number, block) in blocks.iter_mut().enumerate() {
            assert!(block.iter().all(|&byte| byte == 0));
            block.fill(number as u8);
        }
        assert!(blocks.iter().enumerate().all(|(number, block)| block.iter().all(|&byte| byte == number as u8)));
        let first = blocks[3].at;
        drop(blocks);
        let again: Vec<Block> = (0..300).map(|_| pool.take(32).unwrap()).collect();
        assert!(again.iter().any(|block| block.at == first));
        assert!(again.iter().all(|block| block.iter().all(|&byte| byte == 0)));
    }

    #[test]
    fn a_shortened_block_goes_back_to_where_it_came_from() {
        let pool = pool();
        let mut block = pool.take(4096).unwrap();
        block.fill(9);
        block.truncate(10);
        assert_eq!(&block[..], [9; 10]);
        let at = block.at;
        drop(block);
        let block = pool.take(4096).unwrap();
        assert!(block.at == at && block.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn beyond_the_bound_there_is_nothing_and_it_is_counted() {
        let pool = pool();
        assert!(pool.take(usize::MAX).is_none() && pool.take(1 << 45).is_none());
        assert_eq!(pool.refused(), 2);
    }

    #[test]
    fn threads_share_a_pool() {
        let pool = pool();
        std::thread::scope(|scope| {
            for number in 0..8u8 {
                scope.spawn(move || {
                    for length in 1..400 {
                        let mut block = pool.take(length).unwrap();
                        block.fill(number);
                        std::thread::yield_now();
                        assert!(block.iter().all(|&byte| byte == number));
                    }
                });
            }
        });
    }
}
