//! The module, the binary, and the programs around them.

use super::{Finding, version};
use crate::cli::module;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Checks the software.
pub(super) fn check(named: Option<&Path>) -> Vec<Finding> {
    let mut findings = vec![binary()];
    match module::locate(named) {
        Ok(path) => findings.extend(loaded(&path)),
        Err(failure) => {
            let shown = failure.shown();
            findings.push(Finding::problem("module", shown.text, shown.hint.unwrap_or_default()));
        }
    }
    findings.push(p11_kit());
    findings.push(openssl());
    findings
}

/// The module that applications would load, and what it says of itself.
fn loaded(path: &Path) -> Vec<Finding> {
    match library_version(path) {
        Ok(theirs) => vec![Finding::good("module", path.display().to_string()), version("module", &theirs)],
        Err(error) => {
            let text = format!("{} cannot be loaded: {error}", path.display());
            vec![Finding::problem("module", text, "Install it again, or name another with --module PATH.")]
        }
    }
}

fn library_version(path: &Path) -> cryptoki::error::Result<String> {
    let pkcs11 = Pkcs11::new(path)?;
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let version = pkcs11.get_library_info()?.library_version();
    Ok(format!("{}.{}", version.major(), version.minor()))
}

fn binary() -> Finding {
    let own = std::env::current_exe().unwrap_or_default();
    let first = in_path("strongroom").and_then(|path| path.canonicalize().ok());
    match first {
        Some(other) if other != own => Finding::note(
            "binary",
            format!("{}, and PATH finds {} first", own.display(), other.display()),
            "Remove one, or name the right one as vault-binary in strongroom.toml.",
        ),
        Some(_) | None => Finding::good("binary", own.display().to_string()),
    }
}

fn p11_kit() -> Finding {
    let registered = MODULE_DIRECTORIES
        .iter()
        .map(PathBuf::from)
        .chain(std::env::home_dir().map(|home| home.join(".config/pkcs11/modules")))
        .map(|directory| directory.join("strongroom.module"))
        .find(|file| file.is_file());
    match (in_path("p11-kit"), registered) {
        (_, Some(file)) => Finding::good("p11-kit", format!("registered by {}", file.display())),
        (Some(_), None) => Finding::note(
            "p11-kit",
            "is here and does not know the module",
            "`strongroom quickstart` shows how to register it.",
        ),
        (None, None) => {
            Finding::note("p11-kit", "is not installed", "Only programs that find modules through it need it.")
        }
    }
}

fn openssl() -> Finding {
    let output = Command::new("openssl").arg("version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => {
            Finding::good("openssl", String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        _ => Finding::note("openssl", "is not installed", "Strongroom does not need it; quickstart verifies with it."),
    }
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Where p11-kit looks for module files.
const MODULE_DIRECTORIES: &[&str] =
    &["/etc/pkcs11/modules", "/usr/share/p11-kit/modules", "/usr/local/share/p11-kit/modules"];
