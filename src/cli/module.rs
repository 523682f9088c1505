//! Where the PKCS#11 module is.

use super::failure::{Failure, Result};
use std::fs::Metadata;
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
    newest(BUILT.iter().map(|place| beside.join(place).join(FILE)))
        .or_else(|| INSTALLED.iter().map(|place| beside.join(place).join(FILE)).find(|path| path.is_file()))
        .map(tidy)
        .ok_or_else(|| {
            Failure::not_found(Code::LibraryLoadFailed, format!("{FILE} was not found near {}", binary.display()))
                .hint("Name it with --module PATH, or build it: cargo build --release --lib")
        })
}

/// The same path without `..`, where the file system can tell.
fn tidy(path: PathBuf) -> PathBuf {
    path.canonicalize().unwrap_or(path)
}

/// The file that was written last. Cargo leaves the module in `deps` when it builds the binary, and puts it beside the
/// binary when it builds the library: the one there may be of an earlier day.
fn newest(paths: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let age = |path: &PathBuf| path.metadata().ok().filter(Metadata::is_file)?.modified().ok();
    paths.filter_map(|path| Some((age(&path)?, path))).max_by_key(|(written, _)| *written).map(|(_, path)| path)
}

/// Places of a module that was unpacked or built together with the binary.
const BUILT: &[&str] = &["deps", "."];

/// Places of a module that was installed under the same prefix, nearest first.
const INSTALLED: &[&str] = &["../lib", "../lib/strongroom", "../lib/pkcs11", "../lib64", "../lib64/pkcs11"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    #[test]
    fn the_module_that_was_built_last_is_taken() {
        let place = tempfile::tempdir().unwrap();
        let paths = ["old", "new"].map(|name| place.path().join(name));
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        for (path, age) in paths.iter().zip([day, day / 2]) {
            let file = std::fs::File::create(path).unwrap();
            file.set_modified(std::time::SystemTime::now() - age).unwrap();
        }
        assert_eq!(newest(paths.iter().cloned()).as_ref(), Some(&paths[1]));
        assert_eq!(newest([place.path().join("none"), place.path().to_owned()].into_iter()), None);
    }

    #[test]
    fn a_module_that_was_named_must_be_there() {
        let failure = locate(Some(Path::new("/nonexistent/module.so"))).unwrap_err();
        assert_eq!((failure.exit(), failure.code()), (Exit::NotFound, Code::LibraryLoadFailed));
    }
}
