//! Ed25519 by aws-lc-rs.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};

/// A key that signs.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    /// The key of a seed.
    pub(crate) fn new(seed: &[u8; 32]) -> Option<Signer> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Signer)
    }

    /// Its public key.
    pub(crate) fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.0.public_key().as_ref());
        public
    }

    /// The signature over a message.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.0.try_sign(message).ok()?.as_ref().to_vec())
    }
}

/// A key that verifies.
pub(crate) struct Verifier(ParsedPublicKey);

impl Verifier {
    /// The key of 32 bytes. Whether they are a point shows at the first verification, which then fails.
    pub(crate) fn new(public: &[u8; 32]) -> Option<Verifier> {
        ParsedPublicKey::new(&ED25519, public).ok().map(Verifier)
    }

    /// Whether `signature` is one over the message.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}
