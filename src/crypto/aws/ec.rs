//! ECDSA by libcrypto (digests of any length), ECDH and new keys by aws-lc-rs.

use super::ffi::{EcKey, Nid, P256, P384, P521};
use crate::crypto::ec::Curve;
use crate::secret::Secret;
use aws_lc_rs::agreement::{self, Algorithm, ECDH_P256, ECDH_P384, ECDH_P521, UnparsedPublicKey};
use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};

/// A key that verifies.
pub(crate) struct Verifier {
    key: EcKey,
    width: usize,
}

impl Verifier {
    /// The key at an uncompressed point. `None` where that is not on the curve.
    pub(crate) fn new(curve: Curve, point: &[u8]) -> Option<Verifier> {
        Some(Verifier { key: EcKey::public(nid(curve), point)?, width: curve.width() })
    }

    /// Whether `signature` (r and s, each of the curve's width) is one over the digest.
    pub(crate) fn verify(&self, digest: &[u8], signature: &[u8]) -> bool {
        let (r, s) = signature.split_at(self.width);
        self.key.verify(digest, r, s).is_some()
    }
}

/// A key that signs.
pub(crate) struct Signer {
    key: EcKey,
    width: usize,
}

impl Signer {
    /// The key with this scalar. `None` where it is out of range.
    pub(crate) fn new(curve: Curve, scalar: &[u8]) -> Option<Signer> {
        Some(Signer { key: EcKey::private(nid(curve), scalar)?, width: curve.width() })
    }

    /// r and s over a digest of any length.
    pub(crate) fn sign(&self, digest: &[u8]) -> Option<Vec<u8>> {
        self.key.sign(digest, self.width)
    }
}

/// A key that agrees on secrets.
pub(crate) struct Agreement(agreement::PrivateKey);

impl Agreement {
    /// The key with this scalar, of the curve's width. `None` where it is out of range.
    pub(crate) fn new(curve: Curve, scalar: &[u8]) -> Option<Agreement> {
        agreement::PrivateKey::from_private_key(algorithm(curve), scalar).ok().map(Agreement)
    }

    /// The point that belongs to the scalar, uncompressed.
    pub(crate) fn public(&self) -> Option<Vec<u8>> {
        Some(self.0.compute_public_key().ok()?.as_ref().to_vec())
    }

    /// The x coordinate shared with the owner of `peer`. `None` where that is not on the curve.
    pub(crate) fn agree(&self, peer: &[u8]) -> Option<Secret> {
        let peer = UnparsedPublicKey::new(self.0.algorithm(), peer);
        agreement::agree(&self.0, peer, (), |shared| Ok(Secret::from(shared))).ok()
    }
}

/// A new scalar.
pub(crate) fn generate(curve: Curve) -> Option<Secret> {
    let key = agreement::PrivateKey::generate(algorithm(curve)).ok()?;
    let scalar: EcPrivateKeyBin<'_> = key.as_be_bytes().ok()?;
    Some(Secret::from(scalar.as_ref()))
}

fn nid(curve: Curve) -> Nid {
    match curve {
        Curve::P256 => P256,
        Curve::P384 => P384,
        Curve::P521 => P521,
    }
}

fn algorithm(curve: Curve) -> &'static Algorithm {
    match curve {
        Curve::P256 => &ECDH_P256,
        Curve::P384 => &ECDH_P384,
        Curve::P521 => &ECDH_P521,
    }
}
