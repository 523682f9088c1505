//! The numbers of the standard (`CKA_…`, `CKM_…`, `CKO_…`), as cryptoki-sys generates them from the
//! OASIS headers, plus the few that those headers lack.

pub use cryptoki_sys::*;

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("Strongroom runs on 64-bit Linux: CK_ULONG is taken to be 64 bits wide");

/// `CK_UNAVAILABLE_INFORMATION`: the length of what cannot be told.
pub const UNAVAILABLE: u64 = u64::MAX;
