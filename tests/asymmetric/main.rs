//! The asymmetric mechanisms through their rows: published vectors, the independent crates of RustCrypto in both
//! directions, and the refusals.

mod curves;
mod rsa_others;
mod rsa_refusals;
mod rsa_vectors;
mod shared_keys;
mod support;
