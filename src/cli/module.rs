//! Where the PKCS#11 module is.

use super::failure::{Failure, Result};
use std::path::{Path, PathBuf};
use strongroom_pkcs11::error::Code;

/// The file name of the module.
pub(crate) const FILE: &str = "libstrongroom_pkcs11.so";

/// The module: the one that was named, else the one that belongs to this binary.
///
/// # Errors
/// Names the places where it was looked for.
pub(crate) fn locate(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        return match path.is_file() {
            true => std::path::absolute(path).map_err(super::failure::in_file(path)),
            false => {
                Err(Failure::not_found(Code::LibraryLoadFailed, format!("there is no module at {}", path.display())))
            }
        };
    }
    let binary = std::env::current_exe().map_err(super::failure::in_file(Path::new("/proc/self/exe")))?;
    let beside = binary.parent().unwrap_or(Path::new("/"));
    PLACES.iter().map(|place| beside.join(place).join(FILE)).find(|path| path.is_file()).map(tidy).ok_or_else(|| {
        Failure::not_found(Code::LibraryLoadFailed, format!("{FILE} was not found near {}", binary.display()))
            .hint("Name it with --module PATH, or build it: cargo build --release --lib")
    })
}

/// The same path without `..`, where the file system can tell.
fn tidy(path: PathBuf) -> PathBuf {
    path.canonicalize().unwrap_or(path)
}

/// Places beside the binary, nearest first: installed together, built by cargo, installed by prefix.
const PLACES: &[&str] = &[".", "deps", "../lib", "../lib/strongroom", "../lib/pkcs11", "../lib64", "../lib64/pkcs11"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    #[test]
    fn a_module_that_was_named_must_be_there() {
        let failure = locate(Some(Path::new("/nonexistent/module.so"))).unwrap_err();
        assert_eq!((failure.exit(), failure.code()), (Exit::NotFound, Code::LibraryLoadFailed));
    }
}
