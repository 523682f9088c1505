//! Finding what belongs to this module: the program that is the vault, the library that is the engine.

use crate::config::Home;
use crate::error::{Code, Result};
use std::path::{Path, PathBuf};

/// The `strongroom` program.
pub(crate) fn vault(home: &Home) -> Result<PathBuf> {
    if let Some(path) = &home.config.vault_binary {
        return first("the vault's program", vec![path.clone()]);
    }
    let itself = std::env::current_exe().ok().filter(|path| path.file_name().is_some_and(|name| name == "strongroom"));
    let mut tried: Vec<PathBuf> = beside_module("../bin", "strongroom").into_iter().chain(itself).collect();
    tried.extend(search_path().into_iter().map(|directory| directory.join("strongroom")));
    first("the vault's program", tried)
}

/// The engine's library.
pub(crate) fn engine() -> Result<PathBuf> {
    first("the engine's library", beside_module("../lib", "libstrongroom_engine.so"))
}

/// Where a file that was installed with this module may be: beside it, in the directory above (where cargo keeps
/// modules in `deps`), or in a sister directory.
fn beside_module(sister: &str, name: &str) -> Vec<PathBuf> {
    let Some(directory) = module().as_deref().and_then(Path::parent).map(Path::to_owned) else { return Vec::new() };
    let above = directory.ends_with("deps").then(|| directory.join("..").join(name));
    [Some(directory.join(name)), above, Some(directory.join(sister).join(name))].into_iter().flatten().collect()
}

/// The file that this code was loaded from: the kernel knows what is mapped where it lies.
fn module() -> Option<PathBuf> {
    let here = module as fn() -> Option<PathBuf> as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| spans(line, here))?;
    line.find('/').map(|at| PathBuf::from(&line[at..]))
}

/// Whether a line of `/proc/self/maps` (`from-to permissions …`) spans an address.
fn spans(line: &str, address: usize) -> bool {
    let bounds = line.split(' ').next().and_then(|bounds| bounds.split_once('-'));
    let number = |text: &str| usize::from_str_radix(text, 16).ok();
    bounds.and_then(|(from, to)| Some(number(from)? <= address && address < number(to)?)).unwrap_or(false)
}

/// `PATH`, which a program with privileges of its file does not take from its caller.
fn search_path() -> Vec<PathBuf> {
    match std::env::var_os("PATH") {
        Some(path) if !crate::os::runs_with_privileges_of_its_file() => {
            std::env::split_paths(&path).filter(|directory| directory.is_absolute()).collect()
        }
        _ => vec!["/usr/local/bin".into(), "/usr/bin".into()],
    }
}

fn first(what: &str, tried: Vec<PathBuf>) -> Result<PathBuf> {
    if let Some(found) = tried.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    let tried: Vec<String> = tried.iter().map(|path| path.display().to_string()).collect();
    Err(Code::DeviceError.because(format!(
        "{what} was not found; tried {}. Install it beside the module, in ../bin or in PATH, or name it in \
         strongroom.toml (vault-binary = \"/path/to/strongroom\")",
        tried.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_file_of_this_code_is_known() {
        assert_eq!(module().unwrap(), std::env::current_exe().unwrap());
    }

    #[test]
    fn places_beside_a_module_in_cargos_deps_include_the_directory_above() {
        let places = beside_module("../bin", "strongroom");
        let deps = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        assert_eq!(places, [deps.join("strongroom"), deps.join("../strongroom"), deps.join("../bin/strongroom")]);
    }

    #[test]
    fn a_program_that_is_nowhere_is_named_with_all_places() {
        let config = Config { vault_binary: Some("/nowhere/strongroom".into()), ..Default::default() };
        let error = vault(&Home { directory: "/".into(), config }).unwrap_err();
        assert!(error.why().contains("/nowhere/strongroom") && error.why().contains("vault-binary"), "{error}");
    }
}
