//! X25519 (RFC 7748).

use crate::crypto::provider;
use crate::crypto::random;
use crate::error::{Code, Result};
use crate::secret::Secret;

/// A key that agrees on secrets.
pub struct Agreement(provider::x25519::Agreement);

impl Agreement {
    /// The key of 32 bytes.
    ///
    /// # Errors
    /// [`Code::AttributeValueInvalid`] where they are not 32.
    pub fn new(private: &[u8]) -> Result<Agreement> {
        let private = private.try_into().map_err(|_| bad_length())?;
        provider::x25519::Agreement::new(private).map(Agreement).ok_or_else(|| Code::FunctionFailed.into())
    }

    /// The public key that belongs to it.
    ///
    /// # Errors
    /// [`Code::FunctionFailed`] where the provider fails.
    pub fn public(&self) -> Result<Vec<u8>> {
        self.0.public().ok_or_else(|| Code::FunctionFailed.into())
    }

    /// The secret shared with the owner of `peer`.
    ///
    /// # Errors
    /// [`Code::AttributeValueInvalid`] where the peer's key is not 32 bytes, or of small order (the secret would be
    /// zero: RFC 7748, section 6.1).
    pub fn agree(&self, peer: &[u8]) -> Result<Secret> {
        let peer = peer.try_into().map_err(|_| bad_length())?;
        self.0.agree(peer).ok_or_else(|| Code::AttributeValueInvalid.because("the peer's key is of small order"))
    }
}

/// A new key pair: the private and the public value.
///
/// # Errors
/// Where there are no random bytes.
pub fn generate() -> Result<(Secret, Vec<u8>)> {
    let private = random::secret(32)?;
    let public = Agreement::new(&private)?.public()?;
    Ok((private, public))
}

fn bad_length() -> crate::error::Error {
    Code::AttributeValueInvalid.because("a key of curve25519 has 32 bytes")
}
