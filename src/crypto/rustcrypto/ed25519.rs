//! Ed25519 by ed25519-dalek.

use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};

/// A key that signs.
pub(crate) struct Signer(SigningKey);

impl Signer {
    /// The key of a seed.
    pub(crate) fn new(seed: &[u8; 32]) -> Option<Signer> {
        Some(Signer(SigningKey::from_bytes(seed)))
    }

    /// Its public key.
    pub(crate) fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The signature over a message.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.0.try_sign(message).ok()?.to_bytes().to_vec())
    }
}

/// A key that verifies.
pub(crate) struct Verifier(VerifyingKey);

impl Verifier {
    /// The key of 32 bytes. `None` where they are no point.
    pub(crate) fn new(public: &[u8; 32]) -> Option<Verifier> {
        VerifyingKey::from_bytes(public).ok().map(Verifier)
    }

    /// Whether `signature` is one over the message.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}
