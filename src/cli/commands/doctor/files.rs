//! The home, its configuration and its root key: whether they are there, and whose.

use super::Finding;
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use strongroom_pkcs11::config::Home;
use strongroom_pkcs11::wire::address::places;

/// The file with the root key, in the home.
const ROOT_KEY: &str = "root.key";

/// Checks the files of a home.
pub(super) fn check(home: &Home) -> Vec<Finding> {
    let directory = &home.directory;
    let Ok(metadata) = directory.metadata() else {
        let text = format!("{} is not there yet", directory.display());
        return vec![Finding::note("home", text, "The first use makes it: strongroom token init --label NAME")];
    };
    // A group that shares the vault may enter the home; nobody may write there.
    let foreign = if home.config.share.is_some() { 0o027 } else { 0o077 };
    let mut findings = vec![private("home", directory, &metadata, foreign)];
    findings.extend(configuration(home));
    findings.push(root_key(directory));
    findings.extend(socket(home));
    findings
}

fn configuration(home: &Home) -> Option<Finding> {
    let file = home.config.source.as_deref()?;
    // Who writes the configuration names the program that is started as vault.
    Some(private("configuration", file, &file.metadata().ok()?, 0o022))
}

/// The socket, where there is one: whoever may write to it may ask the vault.
fn socket(home: &Home) -> Option<Finding> {
    let (path, metadata) =
        places(home).into_iter().find_map(|path| Some((path.clone(), path.symlink_metadata().ok()?)))?;
    let foreign = if home.config.share.is_some() { 0o002 } else { 0o022 };
    Some(private("socket", &path, &metadata, foreign))
}

fn root_key(home: &Path) -> Finding {
    let file = home.join(ROOT_KEY);
    match file.metadata() {
        Ok(metadata) => private("root key", &file, &metadata, 0o077),
        Err(_) if is_empty(home) => Finding::note("root key", "not made yet", "The first use makes it."),
        Err(error) => Finding::problem(
            "root key",
            format!("{}: {error}", file.display()),
            "Put it back from your backup: without it the store cannot be opened by anyone.",
        ),
    }
}

/// Whether a home holds nothing but a configuration.
fn is_empty(home: &Path) -> bool {
    home.read_dir().is_ok_and(|entries| entries.flatten().all(|entry| entry.file_name() == "strongroom.toml"))
}

/// Whether a file is this user's (or root's), and grants others none of the `foreign` permissions.
fn private(about: &'static str, path: &Path, metadata: &Metadata, foreign: u32) -> Finding {
    let mode = metadata.permissions().mode() & 0o777;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    let shown = path.display();
    if mode & foreign != 0 {
        let mend = format!("chmod {:o} {shown}", mode & !foreign);
        return Finding::problem(about, format!("{shown} may be used by others (mode {mode:o})"), mend);
    }
    if owner != user && owner != 0 && user != 0 {
        let text = format!("{shown} belongs to user {owner}, and this is user {user}");
        return Finding::note(
            about,
            text,
            "Run the commands as the owner, or let the owner share the vault ([share]).",
        );
    }
    Finding::good(about, format!("{shown} (mode {mode:o})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::doctor::State;
    use std::fs::{Permissions, set_permissions, write};

    fn states(home: &Path) -> Vec<(&'static str, State)> {
        let home = Home::at(home.to_owned()).unwrap();
        check(&home).into_iter().map(|finding| (finding.about, finding.state)).collect()
    }

    #[test]
    fn a_home_in_order_has_no_problems() {
        let home = tempfile::tempdir().unwrap();
        set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
        write(home.path().join("strongroom.toml"), "").unwrap();
        let good = |about| (about, State::Good);
        assert_eq!(states(home.path()), [good("home"), good("configuration"), ("root key", State::Note)]);
    }

    #[test]
    fn what_others_may_use_is_found() {
        let home = tempfile::tempdir().unwrap();
        set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
        for (name, mode) in [("strongroom.toml", 0o666), (ROOT_KEY, 0o644)] {
            write(home.path().join(name), "").unwrap();
            set_permissions(home.path().join(name), Permissions::from_mode(mode)).unwrap();
        }
        let problem = |about| (about, State::Problem);
        assert_eq!(states(home.path()), [problem("home"), problem("configuration"), problem("root key")]);
    }

    #[test]
    fn a_store_without_its_root_key_is_found() {
        let home = tempfile::tempdir().unwrap();
        set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
        write(home.path().join("log"), "").unwrap();
        assert!(states(home.path()).contains(&("root key", State::Problem)));
        assert_eq!(states(&home.path().join("nowhere")), [("home", State::Note)]);
    }
}
