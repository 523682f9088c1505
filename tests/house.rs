//! The house stays as `src/lib.rs` and `docs/design.md` describe it: no layer uses one above it, `unsafe` stands only where
//! it may, no file grows without bound, nothing is left half-done.

use std::path::{Path, PathBuf};

/// Every layer, from the ground up, with the layers that it may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("secret", &["error"]),
    ("ck", &[]),
    ("os", &["error"]),
    ("config", &["error", "os"]),
    ("log", &["config", "os"]),
    ("wire", &["error", "secret", "os", "config"]),
    ("crypto", &["error", "secret", "ck"]),
    ("object", &["error", "secret", "ck", "wire", "crypto"]),
    ("mechanism", &["error", "secret", "ck", "wire", "crypto", "object"]),
    ("store", &["error", "secret", "os"]),
    ("call", &["error", "wire"]),
    (
        "engine",
        &["error", "secret", "ck", "os", "config", "log", "wire", "crypto", "object", "mechanism", "store", "call"],
    ),
    ("client", &["error", "secret", "os", "config", "log", "wire", "call"]),
    ("serve", &["error", "secret", "os", "config", "log", "wire", "call", "client"]),
    // What the C face takes from `mechanism` is how a parameter's structure looks, and names for the log.
    ("abi", &["error", "secret", "ck", "os", "config", "log", "wire", "mechanism", "call", "client"]),
];

/// Files and folders in which `unsafe` may stand, of all outside the tests.
const UNSAFE: &[&str] = &[
    "src/abi/",
    "src/os.rs",
    "src/secret/pool.rs",
    "src/crypto/aws/ffi",
    "src/crypto/aws/gcm_ffi",
    "src/client/in_process.rs",
    "tools/engine/",
];

/// Words of work that is not done. (Each in two parts: this file is read too.)
const UNDONE: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("db", "g!"),
    concat!("to", "do!"),
    concat!("un", "implemented!"),
    concat!("#[ig", "nore"),
];

const LONGEST: usize = 600;

#[test]
fn no_layer_uses_one_above_it() {
    let mut wrong = Vec::new();
    for file in files("src", "rs") {
        let Some((layer, may_use)) = layer_of(&file) else { continue };
        for (number, line) in code(&read(&file)) {
            for used in used_layers(line) {
                if used != layer && !may_use.contains(&used) {
                    wrong.push(format!("{}:{number}: {layer} may not use {used}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    none(&wrong, "The layers of the house (src/lib.rs, docs/design.md; the table in tests/house.rs):");
}

#[test]
fn every_layer_is_in_the_table() {
    let map = read(Path::new("src/lib.rs"));
    let modules = map.lines().filter_map(|line| line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod "));
    let missing: Vec<_> = modules
        .map(|name| name.trim_end_matches(';'))
        .filter(|name| LAYERS.iter().all(|(layer, _)| layer != name))
        .map(str::to_owned)
        .collect();
    none(&missing, "Layers that the table in tests/house.rs does not have:");
    let upward: Vec<_> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(place, (layer, uses))| uses.iter().map(move |used| (place, layer, used)))
        .filter(|(place, _, used)| LAYERS[..*place].iter().all(|(below, _)| below != *used))
        .map(|(_, layer, used)| format!("{layer} uses {used}, which does not stand below it"))
        .collect();
    none(&upward, "The table itself points up:");
}

#[test]
fn unsafe_stands_only_where_it_may() {
    let mut wrong = Vec::new();
    for file in ["src", "tools", "softhsm-compat"].into_iter().flat_map(|folder| files(folder, "rs")) {
        let name = file.to_string_lossy().into_owned();
        if UNSAFE.iter().any(|place| name.starts_with(place)) {
            continue;
        }
        let lines = read(&file);
        let found = lines.lines().enumerate().filter(|(_, line)| has_word(without_comment(line), "unsafe"));
        wrong.extend(found.map(|(number, line)| format!("{name}:{}: {}", number + 1, line.trim())));
    }
    none(&wrong, "`unsafe` outside the files that are allowed to have it (UNSAFE in tests/house.rs):");
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let long = files("src", "rs").into_iter().filter_map(|file| {
        let lines = read(&file).lines().count();
        (lines > LONGEST).then(|| format!("{}: {lines} lines", file.display()))
    });
    none(&long.collect::<Vec<_>>(), &format!("Files of more than {LONGEST} lines; split them by idea:"));
}

#[test]
fn nothing_is_left_half_done() {
    let folders = ["src", "tests", "tools", "softhsm-compat", "fuzz", "docs", "include", ".ci"];
    let mut all: Vec<PathBuf> = folders.into_iter().flat_map(|folder| files(folder, "")).collect();
    all.extend(files_of(Path::new("."), "md").chain([PathBuf::from("build.rs"), PathBuf::from("Cargo.toml")]));
    let mut wrong = Vec::new();
    for file in all {
        let Ok(text) = std::fs::read_to_string(&file) else { continue }; // no text, no words
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = UNDONE.iter().find(|word| has_word(line, word)) {
                wrong.push(format!("{}:{}: {word}", file.display(), number + 1));
            }
        }
    }
    none(&wrong, "Work that is not done:");
}

fn none(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "\n{rule}\n  {}\n", wrong.join("\n  "));
}

fn layer_of(file: &Path) -> Option<(&'static str, &'static [&'static str])> {
    let below = file.strip_prefix("src").ok()?.with_extension("");
    let name = below.iter().next()?.to_str()?.to_owned();
    LAYERS.iter().find(|(layer, _)| *layer == name).map(|(layer, uses)| (*layer, *uses))
}

/// The layers that a line names: `crate::layer`, also several in braces.
fn used_layers(line: &str) -> Vec<&'static str> {
    let mut used = Vec::new();
    for (_, rest) in line.match_indices("crate::").map(|(place, found)| line.split_at(place + found.len())) {
        let rest = rest.strip_prefix('{').unwrap_or_else(|| rest.split([':', ' ', ';', ',']).next().unwrap_or(""));
        used.extend(LAYERS.iter().map(|(layer, _)| *layer).filter(|layer| has_word(rest, layer)));
    }
    used
}

/// The lines of code and their numbers: without comments, and without the tests at the bottom, which may use what they like.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = || text.lines().enumerate();
    let tests = |(number, line): &(usize, &str)| {
        *line == "#[cfg(test)]" && text.lines().nth(number + 1).is_some_and(|next| next == "mod tests {")
    };
    let end = lines().find(tests).map_or(usize::MAX, |(number, _)| number);
    lines().take(end).map(|(number, line)| (number + 1, without_comment(line)))
}

fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

/// Whether `word` stands in `line` and is no part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let part = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word)
        .any(|(place, _)| !line[..place].ends_with(part) && !line[place + word.len()..].starts_with(part))
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// All files below a folder whose names end so, relative to the root of the project, where tests are run.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let folders = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir() && !path.ends_with("target"));
    let below = folders.flat_map(|path| files(&path.to_string_lossy(), extension));
    below.chain(files_of(Path::new(folder), extension)).collect()
}

fn files_of(folder: &Path, extension: &str) -> impl Iterator<Item = PathBuf> {
    let matches = move |path: &PathBuf| path.is_file() && path.to_string_lossy().ends_with(extension);
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(matches)
}

#[test]
fn the_checks_see_what_they_are_for() {
    assert_eq!(used_layers("use crate::engine::Engine;"), ["engine"]);
    assert_eq!(used_layers("use crate::{error::Result, store};"), ["error", "store"]);
    assert_eq!(used_layers("let logged = crate::engineer();"), [""; 0]);
    let text = "use crate::a;\n// crate::b\n#[cfg(test)]\nmod tests {\n    use crate::c;\n}\n";
    assert_eq!(code(text).map(|(_, line)| line).collect::<Vec<_>>(), ["use crate::a;", ""]);
    assert!(has_word("unsafe { x }", "unsafe") && !has_word("#![allow(unsafe_code)]", "unsafe"));
}
