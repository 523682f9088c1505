//! Elliptic curves over prime fields: which there are, how keys and points are written, ECDSA and ECDH over them.
//!
//! Points are uncompressed (SEC 1, section 2.3.3), scalars big-endian in the curve's width.

use crate::crypto::provider;
use crate::error::{Code, Result};
use crate::secret::Secret;

/// A curve of FIPS 186-5 (SP 800-186).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names of the standard
pub enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// All of them.
    pub const ALL: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

    /// The length in bytes of a coordinate, and of a scalar.
    pub const fn width(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }

    /// The length of an uncompressed point.
    pub const fn point_length(self) -> usize {
        1 + 2 * self.width()
    }
}

/// A key that verifies ECDSA signatures.
pub struct Verifier {
    curve: Curve,
    key: provider::ec::Verifier,
}

impl Verifier {
    /// The key at an uncompressed point.
    ///
    /// # Errors
    /// [`Code::AttributeValueInvalid`] where the point is not on the curve.
    pub fn new(curve: Curve, point: &[u8]) -> Result<Verifier> {
        check_form(curve, point)?;
        let key = provider::ec::Verifier::new(curve, point).ok_or_else(not_on_curve)?;
        Ok(Verifier { curve, key })
    }

    /// Whether `signature` (r and s) is one over a digest of any length.
    ///
    /// # Errors
    /// [`Code::SignatureLenRange`] and [`Code::SignatureInvalid`].
    pub fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() != 2 * self.curve.width() {
            return Err(Code::SignatureLenRange.into());
        }
        if self.key.verify(digest, signature) { Ok(()) } else { Err(Code::SignatureInvalid.into()) }
    }
}

/// A key that makes ECDSA signatures.
pub struct Signer {
    curve: Curve,
    key: provider::ec::Signer,
}

impl Signer {
    /// The key with this scalar.
    ///
    /// # Errors
    /// [`Code::AttributeValueInvalid`] where the scalar is not from 1 to the order less 1.
    pub fn new(curve: Curve, scalar: &[u8]) -> Result<Signer> {
        let key = provider::ec::Signer::new(curve, &widened(curve, scalar)?).ok_or_else(bad_scalar)?;
        Ok(Signer { curve, key })
    }

    /// The length of a signature.
    pub fn signature_length(&self) -> usize {
        2 * self.curve.width()
    }

    /// r and s, each in the curve's width, over a digest of any length (the leftmost bits of a longer one:
    /// FIPS 186-5, section 6.4.1).
    ///
    /// # Errors
    /// [`Code::FunctionFailed`] where the provider fails.
    pub fn sign(&self, digest: &[u8]) -> Result<Vec<u8>> {
        self.key.sign(digest).ok_or_else(|| Code::FunctionFailed.into())
    }
}

/// A key that agrees on secrets.
pub struct Agreement {
    curve: Curve,
    key: provider::ec::Agreement,
}

impl Agreement {
    /// The key with this scalar.
    ///
    /// # Errors
    /// As [`Signer::new`].
    pub fn new(curve: Curve, scalar: &[u8]) -> Result<Agreement> {
        let key = provider::ec::Agreement::new(curve, &widened(curve, scalar)?).ok_or_else(bad_scalar)?;
        Ok(Agreement { curve, key })
    }

    /// Its curve.
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The point that belongs to the scalar.
    ///
    /// # Errors
    /// [`Code::FunctionFailed`] where the provider fails.
    pub fn public(&self) -> Result<Vec<u8>> {
        self.key.public().ok_or_else(|| Code::FunctionFailed.into())
    }

    /// The x coordinate shared with the owner of `peer`.
    ///
    /// # Errors
    /// [`Code::AttributeValueInvalid`] where `peer` is not on the curve.
    pub fn agree(&self, peer: &[u8]) -> Result<Secret> {
        check_form(self.curve, peer)?;
        self.key.agree(peer).ok_or_else(not_on_curve)
    }
}

/// A new key pair: the scalar and its point.
///
/// # Errors
/// [`Code::FunctionFailed`] where the provider fails.
pub fn generate(curve: Curve) -> Result<(Secret, Vec<u8>)> {
    let scalar = provider::ec::generate(curve).ok_or(Code::FunctionFailed)?;
    let point = Agreement::new(curve, &scalar)?.public()?;
    Ok((scalar, point))
}

/// A scalar in the curve's width: some callers drop leading zeros, some add one.
pub fn widened(curve: Curve, scalar: &[u8]) -> Result<Secret> {
    let digits = crate::crypto::rsa::stripped(scalar);
    let zeros = curve.width().checked_sub(digits.len()).ok_or_else(bad_scalar)?;
    let mut wide = Secret::zeroed(curve.width());
    wide[zeros..].copy_from_slice(digits);
    Ok(wide)
}

/// The providers read compressed and hybrid points too; the standard's form is the uncompressed one.
fn check_form(curve: Curve, point: &[u8]) -> Result<()> {
    if point.len() == curve.point_length() && point[0] == 4 {
        return Ok(());
    }
    Err(Code::AttributeValueInvalid.because("a point on a prime curve must be uncompressed: 04, x, y"))
}

fn not_on_curve() -> crate::error::Error {
    Code::AttributeValueInvalid.because("the point is not on the curve")
}

fn bad_scalar() -> crate::error::Error {
    Code::AttributeValueInvalid.because("the private value is not between 1 and the order of the curve")
}
