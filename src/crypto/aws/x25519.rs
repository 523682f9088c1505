//! X25519 by aws-lc-rs.

use crate::secret::Secret;
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};

/// A key that agrees on secrets.
pub(crate) struct Agreement(PrivateKey);

impl Agreement {
    /// The key of 32 bytes.
    pub(crate) fn new(private: &[u8; 32]) -> Option<Agreement> {
        PrivateKey::from_private_key(&X25519, private).ok().map(Agreement)
    }

    /// The public key that belongs to it.
    pub(crate) fn public(&self) -> Option<Vec<u8>> {
        Some(self.0.compute_public_key().ok()?.as_ref().to_vec())
    }

    /// The secret shared with the owner of `peer`. `None` where it would be zero: the peer's key is of small order.
    pub(crate) fn agree(&self, peer: &[u8; 32]) -> Option<Secret> {
        let peer = UnparsedPublicKey::new(&X25519, peer);
        agreement::agree(&self.0, peer, (), |shared| Ok(Secret::from(shared))).ok()
    }
}
