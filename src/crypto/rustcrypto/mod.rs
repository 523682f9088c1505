//! The second provider: pure Rust, no C compiler needed. What it makes, the first must accept, and the other way about.
//!
//! The files of both providers offer the same names, so that everything above is the same with both.

pub(crate) mod ec;
pub(crate) mod ed25519;
pub(crate) mod gcm;
pub(crate) mod rsa;
pub(crate) mod x25519;
