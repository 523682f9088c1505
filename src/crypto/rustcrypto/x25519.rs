//! X25519 by x25519-dalek.

use crate::secret::Secret;
use x25519_dalek::{PublicKey, StaticSecret};

/// A key that agrees on secrets.
pub(crate) struct Agreement(StaticSecret);

impl Agreement {
    /// The key of 32 bytes.
    pub(crate) fn new(private: &[u8; 32]) -> Option<Agreement> {
        Some(Agreement(StaticSecret::from(*private)))
    }

    /// The public key that belongs to it.
    pub(crate) fn public(&self) -> Option<Vec<u8>> {
        Some(PublicKey::from(&self.0).to_bytes().to_vec())
    }

    /// The secret shared with the owner of `peer`. `None` where it would be zero: the peer's key is of small order.
    pub(crate) fn agree(&self, peer: &[u8; 32]) -> Option<Secret> {
        let shared = self.0.diffie_hellman(&PublicKey::from(*peer));
        shared.was_contributory().then(|| Secret::from(&shared.as_bytes()[..]))
    }
}
