//! Bytes that must not be left lying about: wiped when dropped, compared in constant time, never printed.

mod pool;

use pool::{Block, Pool};
use std::sync::atomic::{AtomicBool, Ordering};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

static LOCKED: Pool = Pool::new();
static USE_LOCKED: AtomicBool = AtomicBool::new(false);

/// From now on secrets of this process are made in locked memory, as far as the system lets it lock some. The vault
/// calls this at its start; an application's memory is its own, and a module has no business locking it.
pub fn use_locked_memory() {
    USE_LOCKED.store(true, Ordering::Relaxed);
}

/// How many secrets found no locked memory and are (or were) on the heap.
pub fn outside_locked_memory() -> u64 {
    LOCKED.refused()
}

/// Whether a variable of the environment looks as if it held a secret: a PIN, a password.
pub(crate) fn is_name_of_one(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PIN", "PASSWORD", "PASSPHRASE", "SECRET", "TOKEN"].iter().any(|word| name.contains(word))
}

/// A secret byte string (a PIN, a key value, a plaintext on its way).
///
/// It has no `Debug` and no `Display`, and equality takes the same time wherever the strings differ.
#[derive(Clone, Default)]
pub struct Secret(Memory);

enum Memory {
    Heap(Vec<u8>),
    Locked(Block),
}

impl Memory {
    fn zeroed(length: usize) -> Memory {
        let wanted = length > 0 && USE_LOCKED.load(Ordering::Relaxed);
        match wanted.then(|| LOCKED.take(length)).flatten() {
            Some(block) => Memory::Locked(block),
            None => Memory::Heap(vec![0; length]),
        }
    }
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::Heap(Vec::new())
    }
}

impl Clone for Memory {
    fn clone(&self) -> Memory {
        let mut copy = Memory::zeroed(self.bytes().len());
        copy.bytes_mut().copy_from_slice(self.bytes());
        copy
    }
}

impl Memory {
    fn bytes(&self) -> &[u8] {
        match self {
            Memory::Heap(bytes) => bytes,
            Memory::Locked(block) => block,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Memory::Heap(bytes) => bytes,
            Memory::Locked(block) => block,
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Memory::Heap(bytes) = self {
            bytes.zeroize(); // a locked block wipes itself
        }
    }
}

impl Secret {
    /// A secret of `length` zero bytes, to be filled in place.
    pub fn zeroed(length: usize) -> Secret {
        Secret(Memory::zeroed(length))
    }

    /// Cuts the secret to its first `length` bytes (no-op where it is shorter) and wipes the rest.
    pub fn truncate(&mut self, length: usize) {
        match &mut self.0 {
            Memory::Heap(bytes) if length < bytes.len() => {
                bytes[length..].zeroize();
                bytes.truncate(length);
            }
            Memory::Heap(_) => {}
            Memory::Locked(block) => block.truncate(length),
        }
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Secret {
        let mut secret = Secret::zeroed(bytes.len());
        secret.copy_from_slice(bytes);
        secret
    }
}

impl From<Vec<u8>> for Secret {
    /// Takes the bytes over; nothing of them stays outside.
    fn from(mut bytes: Vec<u8>) -> Secret {
        if !USE_LOCKED.load(Ordering::Relaxed) {
            return Secret(Memory::Heap(bytes));
        }
        let secret = Secret::from(&bytes[..]);
        bytes.zeroize();
        secret
    }
}

impl std::ops::Deref for Secret {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl std::ops::DerefMut for Secret {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.0.bytes_mut()
    }
}

impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.bytes().ct_eq(other.0.bytes()).into()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same wherever secrets are kept.
    fn behaves() {
        for length in [0, 1, 33, 4096, 10_000] {
            let secret = Secret::from(vec![5; length]);
            assert!(secret == Secret::from(&vec![5; length][..]) && secret.clone() == secret);
            let mut other = secret.clone();
            other.truncate(length / 2);
            assert_eq!((other.len(), secret.len()), (length / 2, length));
            other.truncate(length);
            assert!(other.len() == length / 2 && (length == 0 || other != secret));
            assert!(Secret::zeroed(length).iter().all(|&byte| byte == 0));
        }
        assert!(Secret::default().is_empty());
    }

    #[test]
    fn secrets_behave_alike_on_the_heap_and_in_locked_memory() {
        behaves();
        use_locked_memory();
        behaves();
        assert!(matches!(Secret::from(&[1u8][..]).0, Memory::Locked(_)));
    }
}
