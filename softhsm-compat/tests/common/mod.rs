//! A SoftHSM2 token made by SoftHSM2 itself, and a Strongroom home to bring it to.

#![allow(dead_code)] // each test file uses its part

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const PIN: &str = "user-1234";
pub const NEW_PIN: &str = "other-5678";
pub const SO_PIN: &str = "officer-1";

/// Where Debian and others install SoftHSM2.
const MODULES: &[&str] =
    &["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"];

pub struct Desk {
    directory: tempfile::TempDir,
}

impl Desk {
    /// A SoftHSM2 token "old" and a Strongroom token "new", both empty.
    pub fn new() -> Desk {
        let desk = Desk { directory: tempfile::tempdir().unwrap() };
        std::fs::create_dir(desk.path("tokens")).unwrap();
        let conf = format!("directories.tokendir = {}\nobjectstore.backend = file\n", desk.path("tokens").display());
        std::fs::write(desk.path("softhsm2.conf"), conf).unwrap();
        done(desk.command("softhsm2-util").args(["--init-token", "--free", "--label", "old"]).args(PINS));
        std::fs::create_dir(desk.path("home")).unwrap();
        std::fs::set_permissions(desk.path("home"), PermissionsExt::from_mode(0o700)).unwrap();
        let config = "idle-seconds = 5\n[pin]\nmemory-kib = 64\npasses = 1\n[log]\nlevel = \"debug\"\nfile = \"LOG\"\n";
        let config = config.replace("LOG", &desk.path("log").to_string_lossy());
        std::fs::write(desk.path("home").join("strongroom.toml"), config).unwrap();
        let make = ["token", "init", "--label", "new"];
        done(
            desk.command(built("strongroom"))
                .args(make)
                .env("STRONGROOM_PIN", NEW_PIN)
                .env("STRONGROOM_SO_PIN", SO_PIN),
        );
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file that only this user may read.
    pub fn file(&self, name: &str, content: &[u8]) -> String {
        std::fs::write(self.path(name), content).unwrap();
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o600)).unwrap();
        self.path(name).to_string_lossy().into_owned()
    }

    /// A program that finds both stores of this desk, and no PIN.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env("SOFTHSM2_CONF", self.path("softhsm2.conf")).env("STRONGROOM_HOME", self.path("home"));
        command.env_remove("STRONGROOM_PIN").env_remove("SOFTHSM2_PIN").current_dir(self.directory.path());
        command
    }

    /// pkcs11-tool on the SoftHSM2 token.
    pub fn old(&self, arguments: &[&str]) -> Output {
        self.tool(&softhsm2(), "old", PIN, arguments)
    }

    /// pkcs11-tool on the Strongroom token.
    pub fn new_token(&self, arguments: &[&str]) -> Output {
        self.tool(&strongroom_module(), "new", NEW_PIN, arguments)
    }

    fn tool(&self, module: &Path, token: &str, pin: &str, arguments: &[&str]) -> Output {
        let mut command = self.command("pkcs11-tool");
        command.arg("--module").arg(module).args(["--token-label", token, "--login", "--pin", pin]);
        command.args(arguments).output().expect("the command pkcs11-tool of OpenSC")
    }

    /// softhsm2-migrate with both PINs from files.
    pub fn migrate(&self, arguments: &[&str]) -> Output {
        let (old, new) = (self.file("old-pin", PIN.as_bytes()), self.file("new-pin", NEW_PIN.as_bytes()));
        let mut command = self.command(env!("CARGO_BIN_EXE_softhsm2-migrate"));
        command.args(["--token", "old", "--pin-file", &old, "--to-token", "new", "--to-pin-file", &new]);
        command.args(arguments).output().expect("softhsm2-migrate")
    }

    /// The directory of the SoftHSM2 token.
    pub fn token_directory(&self) -> PathBuf {
        std::fs::read_dir(self.path("tokens")).unwrap().next().expect("a token").unwrap().path()
    }
}

/// Both PINs, as softhsm2-util takes them.
pub const PINS: [&str; 4] = ["--so-pin", SO_PIN, "--pin", PIN];

/// Runs a command that must succeed.
#[track_caller]
pub fn done(command: &mut Command) -> String {
    checked(command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

/// The output of a command that must have succeeded.
#[track_caller]
pub fn checked(output: Output) -> String {
    assert!(output.status.success(), "{}", all(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All that a command wrote.
pub fn all(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A program that was built with these tests.
pub fn built(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_softhsm2-migrate")).with_file_name(name);
    assert!(path.is_file(), "{} is not there: cargo build --workspace", path.display());
    path
}

pub fn strongroom_module() -> PathBuf {
    built("libstrongroom_pkcs11.so")
}

pub fn softhsm2() -> PathBuf {
    let found = MODULES.iter().map(PathBuf::from).find(|path| path.is_file());
    found.expect("these tests need SoftHSM2 (Debian: softhsm2)")
}
