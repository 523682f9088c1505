//! What the tests over the C interface share.

#![allow(dead_code)]

pub mod fixture;
pub mod p11;

use std::path::PathBuf;

/// The PKCS#11 module that was built together with this test.
pub fn module_path() -> PathBuf {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_strongroom"));
    let module = binary.with_file_name("deps").join("libstrongroom_pkcs11.so");
    assert!(module.is_file(), "{} is not there: cargo builds it with the tests", module.display());
    module
}
