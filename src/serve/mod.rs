//! The vault's outside.
