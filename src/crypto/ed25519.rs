//! Ed25519 (RFC 8032), pure: without prehash and context.

use crate::crypto::provider;
use crate::crypto::random;
use crate::error::{Code, Result};
use crate::secret::Secret;

/// The length of a signature.
pub const SIGNATURE_LENGTH: usize = 64;

/// A key that makes signatures.
pub struct Signer(provider::ed25519::Signer);

impl Signer {
    /// The key of a seed.
    ///
    /// # Errors
    /// [`Code::AttributeValueInvalid`] where it is not 32 bytes long.
    pub fn new(seed: &[u8]) -> Result<Signer> {
        let seed = seed.try_into().map_err(|_| bad_length())?;
        provider::ed25519::Signer::new(seed).map(Signer).ok_or_else(|| Code::FunctionFailed.into())
    }

    /// Its public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.public()
    }

    /// The signature over a message.
    ///
    /// # Errors
    /// [`Code::FunctionFailed`] where the provider fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        self.0.sign(message).ok_or_else(|| Code::FunctionFailed.into())
    }
}

/// A key that verifies signatures.
pub struct Verifier(provider::ed25519::Verifier);

impl Verifier {
    /// The key of 32 bytes.
    ///
    /// # Errors
    /// [`Code::AttributeValueInvalid`] where they are not 32, or cannot be a point.
    pub fn new(public: &[u8]) -> Result<Verifier> {
        let public = check_public(public)?;
        let key = provider::ed25519::Verifier::new(public);
        key.map(Verifier).ok_or_else(|| Code::AttributeValueInvalid.because("these bytes are no point of edwards25519"))
    }

    /// Whether `signature` is one over the message.
    ///
    /// # Errors
    /// [`Code::SignatureLenRange`] and [`Code::SignatureInvalid`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() != SIGNATURE_LENGTH {
            return Err(Code::SignatureLenRange.into());
        }
        if self.0.verify(message, signature) { Ok(()) } else { Err(Code::SignatureInvalid.into()) }
    }
}

/// A new seed and its public key.
///
/// # Errors
/// Where there are no random bytes.
pub fn generate() -> Result<(Secret, Vec<u8>)> {
    let seed = random::secret(32)?;
    let public = Signer::new(&seed)?.public().to_vec();
    Ok((seed, public))
}

/// 32 bytes, little-endian, whose number without the sign bit is below 2^255 - 19 (RFC 8032, section 5.1.3).
fn check_public(public: &[u8]) -> Result<&[u8; 32]> {
    let bytes: &[u8; 32] = public.try_into().map_err(|_| bad_length())?;
    let beyond = bytes[0] >= 0xed && bytes[1..31].iter().all(|byte| *byte == 0xff) && bytes[31] & 0x7f == 0x7f;
    if beyond {
        return Err(Code::AttributeValueInvalid.because("the coordinate of the public key is not below 2^255 - 19"));
    }
    Ok(bytes)
}

fn bad_length() -> crate::error::Error {
    Code::AttributeValueInvalid.because("a key of edwards25519 has 32 bytes")
}
