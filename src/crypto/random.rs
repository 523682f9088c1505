//! Random bytes, from the kernel and from nowhere else: no state in this process that a fork or a snapshot
//! could repeat.

use crate::error::{Code, Result};
use crate::secret::Secret;

/// Fills `bytes` with random ones.
///
/// # Errors
/// [`Code::FunctionFailed`] where the kernel gives none.
pub fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|_| Code::FunctionFailed.because("the kernel gives no random bytes"))
}

/// A secret of `length` random bytes.
///
/// # Errors
/// As [`fill`].
pub fn secret(length: usize) -> Result<Secret> {
    let mut secret = Secret::zeroed(length);
    fill(&mut secret)?;
    Ok(secret)
}

/// Mixes `seed` into the kernel's pool. It can only add to what is there: the kernel takes no seed's word for its entropy.
///
/// # Errors
/// [`Code::FunctionFailed`] where the kernel's device cannot be written to.
pub fn mix(seed: &[u8]) -> Result<()> {
    use std::io::Write;
    let mixed = std::fs::OpenOptions::new().write(true).open("/dev/urandom").and_then(|mut pool| pool.write_all(seed));
    mixed.map_err(|error| Code::FunctionFailed.because(format!("the seed cannot be mixed in: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_filled_and_no_two_fills_are_alike() {
        let (mut seen, mut other) = ([0u8; 64], [0u8; 64]);
        for _ in 0..64 {
            fill(&mut other).unwrap();
            seen.iter_mut().zip(other).for_each(|(any, byte)| *any |= byte);
        }
        assert!(seen.iter().all(|byte| *byte != 0));
        assert!(secret(32).unwrap() != secret(32).unwrap());
        assert!(secret(0).unwrap().is_empty());
    }
}
