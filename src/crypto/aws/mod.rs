//! The default provider: AWS-LC. Its C interface is reached through the files named `ffi` only.

pub(crate) mod gcm;
mod gcm_ffi;
