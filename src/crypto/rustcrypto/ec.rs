//! ECDSA (with the nonces of RFC 6979) and ECDH by the crates p256, p384, p521.

use crate::crypto::ec::Curve;
use crate::crypto::random;
use crate::secret::Secret;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use std::borrow::Cow;

/// One of three types, one for each curve; and what is the same for all of them.
macro_rules! curves {
    ($($curve:ident: $krate:ident),*) => {
        /// A key that verifies.
        pub(crate) enum Verifier { $($curve($krate::ecdsa::VerifyingKey),)* }

        impl Verifier {
            /// The key at an uncompressed point. `None` where that is not on the curve.
            pub(crate) fn new(curve: Curve, point: &[u8]) -> Option<Verifier> {
                match curve {
                    $(Curve::$curve => $krate::ecdsa::VerifyingKey::from_sec1_bytes(point).ok().map(Verifier::$curve),)*
                }
            }

            /// Whether `signature` (r and s, each of the curve's width) is one over the digest.
            pub(crate) fn verify(&self, digest: &[u8], signature: &[u8]) -> bool {
                match self {
                    $(Verifier::$curve(key) => $krate::ecdsa::Signature::from_slice(signature)
                        .is_ok_and(|signature| key.verify_prehash(&leftmost(Curve::$curve, digest), &signature).is_ok()),)*
                }
            }
        }

        /// A key that signs.
        pub(crate) enum Signer { $($curve($krate::ecdsa::SigningKey),)* }

        impl Signer {
            /// The key with this scalar. `None` where it is out of range.
            pub(crate) fn new(curve: Curve, scalar: &[u8]) -> Option<Signer> {
                match curve {
                    $(Curve::$curve => $krate::ecdsa::SigningKey::from_slice(scalar).ok().map(Signer::$curve),)*
                }
            }

            /// r and s over a digest of any length.
            pub(crate) fn sign(&self, digest: &[u8]) -> Option<Vec<u8>> {
                match self {
                    $(Signer::$curve(key) => {
                        let signature: $krate::ecdsa::Signature = key.sign_prehash(&leftmost(Curve::$curve, digest)).ok()?;
                        Some(signature.to_bytes().to_vec())
                    })*
                }
            }
        }

        /// A key that agrees on secrets.
        pub(crate) enum Agreement { $($curve($krate::SecretKey),)* }

        impl Agreement {
            /// The key with this scalar, of the curve's width. `None` where it is out of range.
            pub(crate) fn new(curve: Curve, scalar: &[u8]) -> Option<Agreement> {
                match curve {
                    $(Curve::$curve => $krate::SecretKey::from_slice(scalar).ok().map(Agreement::$curve),)*
                }
            }

            /// The point that belongs to the scalar, uncompressed.
            pub(crate) fn public(&self) -> Option<Vec<u8>> {
                match self {
                    $(Agreement::$curve(key) => {
                        let point = $krate::Sec1Point::from(key.public_key());
                        Some(point.as_bytes().to_vec())
                    })*
                }
            }

            /// The x coordinate shared with the owner of `peer`. `None` where that is not on the curve.
            pub(crate) fn agree(&self, peer: &[u8]) -> Option<Secret> {
                match self {
                    $(Agreement::$curve(key) => {
                        let shared = key.diffie_hellman(&$krate::PublicKey::from_sec1_bytes(peer).ok()?);
                        Some(Secret::from(&shared.raw_secret_bytes()[..]))
                    })*
                }
            }
        }
    };
}
curves!(P256: p256, P384: p384, P521: p521);

/// The leftmost bits of a digest, as many as the order has. The crates cut whole bytes, and take the rightmost 521 bits
/// of 66 bytes on P-521, where FIPS 186-5 (section 6.4.1) takes the leftmost.
fn leftmost(curve: Curve, digest: &[u8]) -> Cow<'_, [u8]> {
    if curve != Curve::P521 || digest.len() < curve.width() {
        return Cow::Borrowed(digest);
    }
    let whole = &digest[..curve.width()];
    let before = std::iter::once(&0).chain(whole);
    Cow::Owned(before.zip(whole).map(|(before, byte)| before << 1 | byte >> 7).collect())
}

/// A new scalar: random bytes, until they are in range (FIPS 186-5, appendix A.2.2).
pub(crate) fn generate(curve: Curve) -> Option<Secret> {
    loop {
        let mut scalar = random::secret(curve.width()).ok()?;
        if curve == Curve::P521 {
            scalar[0] &= 1; // 521 bits in 66 bytes
        }
        if Agreement::new(curve, &scalar).is_some() {
            return Some(scalar);
        }
    }
}
