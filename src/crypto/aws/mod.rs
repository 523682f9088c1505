//! The default provider, AWS-LC: aws-lc-rs where it offers the operation, else libcrypto itself. Its C interface is
//! reached through the files named `ffi` only.
//!
//! The files of both providers offer the same names, so that everything above is the same with both.

pub(crate) mod ec;
pub(crate) mod ed25519;
mod ffi;
pub(crate) mod gcm;
mod gcm_ffi;
pub(crate) mod rsa;
pub(crate) mod x25519;
