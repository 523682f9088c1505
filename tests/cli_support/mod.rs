//! The built binary with a home of its own, for the tests of the command line.

#![allow(dead_code)] // each test file uses its part

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A home for temporary use, and the commands that work in it.
pub struct Desk {
    directory: tempfile::TempDir,
}

/// How a command ended: its exit code and what it wrote.
pub struct Ended {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

pub const USER_PIN: &str = "user-pin-1";
pub const SO_PIN: &str = "so-pin-1";

impl Desk {
    /// An empty home in which guessing a PIN costs nothing, so that tests are quick.
    pub fn new() -> Desk {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let desk = Desk { directory };
        std::fs::create_dir(desk.home()).expect("a home");
        set_mode(&desk.home(), 0o700);
        let cheap = "idle-seconds = 5\n[pin]\nmemory-kib = 64\npasses = 1\nuser-tries = 3\n";
        std::fs::write(desk.home().join("strongroom.toml"), cheap).expect("a configuration");
        set_mode(&desk.home().join("strongroom.toml"), 0o600);
        desk
    }

    /// The same with a token.
    pub fn with_token(label: &str) -> Desk {
        let desk = Desk::new();
        desk.run(&["token", "init", "--label", label]).expect(0);
        desk
    }

    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// A path for a file of the test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file that only this user may read, and tells its path.
    pub fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file");
        set_mode(&path, 0o600);
        path.to_string_lossy().into_owned()
    }

    /// The binary with both PINs in its environment and no terminal.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command.env("STRONGROOM_HOME", self.home()).env("STRONGROOM_PIN", USER_PIN).env("STRONGROOM_SO_PIN", SO_PIN);
        command.current_dir(self.directory.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments))
    }

    /// Runs with `--json`, which must succeed, and gives the data.
    pub fn data(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[&["--json"], arguments].concat());
        assert_eq!(ended.exit, 0, "{arguments:?}: {}{}", ended.out, ended.err);
        let mut document = ended.json();
        assert_eq!(document["ok"], true);
        document["data"].take()
    }
}

/// The binary without anything from this environment that it would listen to.
pub fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STRONGROOM_") || name == "CREDENTIALS_DIRECTORY" {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end, in a session without a terminal, so that no prompt can wait for an answer.
pub fn ended(command: Command) -> Ended {
    let mut apart = Command::new("setsid");
    apart.arg("--wait").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => apart.env(name, value),
            None => apart.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        apart.current_dir(directory);
    }
    of(apart.stdin(Stdio::null()).output().expect("the command setsid of util-linux"))
}

/// Runs a command that reads `input`.
pub fn fed(mut command: Command, input: &[u8]) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary");
    child.stdin.take().expect("its input").write_all(input).expect("its input");
    of(child.wait_with_output().expect("its end"))
}

fn of(output: Output) -> Ended {
    Ended {
        exit: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

impl Ended {
    /// Checks the exit code and gives standard output.
    #[track_caller]
    pub fn expect(self, exit: i32) -> String {
        assert_eq!(self.exit, exit, "standard output: {}\nstandard error: {}", self.out, self.err);
        self.out
    }

    /// The one JSON document that was written.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

/// The list under a key.
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The texts under a key of every element.
pub fn each<'a>(values: &'a [Value], key: &str) -> Vec<&'a str> {
    values.iter().filter_map(|value| value[key].as_str()).collect()
}

pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
}
