//! Primitives: bytes in, bytes out. Which crate serves which primitive is decided here and nowhere else.
//!
//! Hashes, HMAC, CMAC, key wrapping and the plain modes of AES come from RustCrypto in every build. RSA, elliptic
//! curves and AES-GCM have two providers: AWS-LC (feature `aws-lc`, which wins when both are on) and RustCrypto
//! (feature `rustcrypto`). Nothing in here knows of attributes, mechanisms or sessions.

pub mod aes;
pub mod aes_cbc;
pub mod aes_ctr;
pub mod cmac;
pub mod ec;
pub mod ed25519;
pub mod gcm;
pub mod hash;
pub mod hmac;
pub mod kdf;
pub mod kw;
pub mod public;
pub mod random;
pub mod rsa;
pub mod rsa_numbers;
pub mod rsa_padding;
mod rsa_reject;
#[cfg(test)]
pub(crate) mod testing;
pub mod x25519;

#[cfg(feature = "aws-lc")]
#[path = "aws/mod.rs"]
pub(crate) mod provider;
#[cfg(all(feature = "rustcrypto", not(feature = "aws-lc")))]
#[path = "rustcrypto/mod.rs"]
pub(crate) mod provider;
