//! The second provider: pure Rust, no C compiler needed. What it makes, the first must accept, and the other way about.

pub(crate) mod gcm;
