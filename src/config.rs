//! The configuration: one structure, one file (`strongroom.toml`), every key documented here; and which home is ours.
//!
//! A home is found in this order: `STRONGROOM_HOME`; the user's file, `$XDG_CONFIG_HOME/strongroom/strongroom.toml`
//! (or below `~/.config`); the system's, `/etc/strongroom/strongroom.toml`; and without any of them the user's data
//! directory. A file may name the home in `home`. Where the home holds a `strongroom.toml` of its own, that one
//! counts and no other, so all who come to a home, by whichever way, see one configuration.

use crate::error::{Code, Error, Result};
use serde::Deserialize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The name of the configuration file in all its places.
const FILE: &str = "strongroom.toml";
/// The system's configuration.
const SYSTEM_FILE: &str = "/etc/strongroom/strongroom.toml";
/// The home that the system's configuration means where it names none.
const SYSTEM_HOME: &str = "/var/lib/strongroom";

/// Where the engine runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// In the vault, a process of its own: keys never enter the application.
    #[default]
    Vault,
    /// In the module, for one process that wants every microsecond and gives up the isolation.
    InProcess,
}

/// PINs: their lengths, how many may be wrong, what guessing one costs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pins {
    /// Shortest PIN in bytes.
    pub min_length: u64,
    /// Longest PIN in bytes.
    pub max_length: u64,
    /// Wrong PINs in a row until a user is locked.
    pub user_tries: u64,
    /// Wrong PINs in a row until the SO is locked.
    pub so_tries: u64,
    /// Argon2id: memory in KiB.
    pub memory_kib: u32,
    /// Argon2id: passes over the memory.
    pub passes: u32,
}

impl Default for Pins {
    /// Argon2id with 19 MiB and two passes: OWASP's first choice.
    fn default() -> Pins {
        Pins { min_length: 4, max_length: 255, user_tries: 10, so_tries: 10, memory_kib: 19 * 1024, passes: 2 }
    }
}

/// How much the log tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What went wrong inside.
    Error,
    /// That, and what an administrator should look at.
    #[default]
    Warn,
    /// That, and starts, ends, refusals.
    Info,
    /// That, and every call with its outcome. Never a secret.
    Debug,
}

/// The log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Log {
    /// `off`, `error`, `warn`, `info` or `debug`.
    pub level: LogLevel,
    /// The file that lines are appended to; without it they go to standard error.
    pub file: Option<PathBuf>,
}

/// Sharing one vault among users.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Share {
    /// The group (its name or number) whose members may use the vault. It gets the socket (mode 0660) and may enter the home (mode 0750);
    /// the vault itself still runs as the owner of the home, and only the owner starts it.
    pub group: String,
}

/// `strongroom.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The directory of store, journal and socket, where it is not the directory of this file.
    pub home: Option<PathBuf>,
    /// `vault` or `in-process`.
    pub engine: EngineKind,
    /// The `strongroom` program that the module starts as vault, where it is not found beside the module or in `PATH`.
    pub vault_binary: Option<PathBuf>,
    /// The vault's socket, where it is not `vault.sock` in the home.
    pub socket: Option<PathBuf>,
    /// After so many seconds without an application a vault ends. 0: never.
    pub idle_seconds: u64,
    /// The log.
    pub log: Log,
    /// Who beside the owner may use the vault.
    pub share: Option<Share>,
    /// PINs.
    pub pin: Pins,
    /// The file that this was read from.
    #[serde(skip)]
    pub source: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            home: None,
            engine: EngineKind::default(),
            vault_binary: None,
            socket: None,
            idle_seconds: 300,
            log: Log::default(),
            share: None,
            pin: Pins::default(),
            source: None,
        }
    }
}

impl Config {
    /// Reads a configuration from its text.
    pub fn parse(text: &str) -> Result<Config> {
        Config::parse_named(text, Path::new(FILE))
    }

    /// Reads the configuration in a file; `None` where there is no such file.
    pub fn read(file: &Path) -> Result<Option<Config>> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(fault(file, error)),
        };
        let mut config = Config::parse_named(&text, file)?;
        config.source = Some(file.to_owned());
        Ok(Some(config))
    }

    fn parse_named(text: &str, file: &Path) -> Result<Config> {
        let config: Config = toml::from_str(text).map_err(|error| fault(file, error))?;
        let paths = [&config.home, &config.vault_binary, &config.socket, &config.log.file];
        if let Some(path) = paths.into_iter().flatten().find(|path| !path.is_absolute()) {
            return Err(fault(file, format!("the path {} does not begin with /", path.display())));
        }
        Ok(config)
    }
}

fn fault(file: &Path, what: impl std::fmt::Display) -> Error {
    Code::GeneralError.because(format!("the configuration {} cannot be used: {what}", file.display()))
}

/// A home: the directory that holds configuration, store, journal and socket, and what its configuration says.
#[derive(Clone, Debug)]
pub struct Home {
    /// The directory, absolute.
    pub directory: PathBuf,
    /// Its configuration (all defaults where there is no file).
    pub config: Config,
}

impl Home {
    /// The home of this process: `STRONGROOM_HOME`, else what the user's or the system's configuration says,
    /// else the user's data directory. A program that runs with privileges of its file (setuid and the like)
    /// hears only the system's configuration.
    pub fn find() -> Result<Home> {
        if crate::os::runs_with_privileges_of_its_file() {
            return Home::described_by(Path::new(SYSTEM_FILE), Path::new(SYSTEM_HOME))
                .and_then(|home| home.map_or_else(|| Home::at(SYSTEM_HOME.into()), Ok));
        }
        Home::find_with(&|name| std::env::var_os(name).map(PathBuf::from), Path::new(SYSTEM_FILE))
    }

    /// The home in a given directory.
    pub fn at(directory: PathBuf) -> Result<Home> {
        let directory = absolute(&directory)?;
        match Home::described_by(&directory.join(FILE), &directory)? {
            Some(home) => Ok(home),
            None => Ok(Home { directory, config: Config::default() }),
        }
    }

    /// The home in a given directory whose configuration may be elsewhere: what a vault is started with, and in
    /// agreement with what the application that started it found.
    pub fn with_config(directory: PathBuf, file: Option<&Path>) -> Result<Home> {
        let Some(file) = file else { return Home::at(directory) };
        let config = Config::read(file)?.ok_or_else(|| fault(file, "there is no such file"))?;
        Ok(Home { directory: absolute(&directory)?, config })
    }

    fn find_with(variable: &dyn Fn(&str) -> Option<PathBuf>, system: &Path) -> Result<Home> {
        let set = |name: &str| variable(name).filter(|value| !value.as_os_str().is_empty());
        if let Some(directory) = set("STRONGROOM_HOME") {
            return Home::at(directory);
        }
        // The specification of the base directories says to ignore relative ones.
        let base = |name: &str, below: &str| {
            let own = || set("HOME").or_else(std::env::home_dir).map(|home| home.join(below));
            set(name).filter(|path| path.is_absolute()).or_else(own)
        };
        let data = base("XDG_DATA_HOME", ".local/share").map(|data| data.join("strongroom"));
        if let (Some(user), Some(data)) = (base("XDG_CONFIG_HOME", ".config"), &data)
            && let Some(home) = Home::described_by(&user.join("strongroom").join(FILE), data)?
        {
            return Ok(home);
        }
        if let Some(home) = Home::described_by(system, Path::new(SYSTEM_HOME))? {
            return Ok(home);
        }
        Home::at(data.unwrap_or_else(|| SYSTEM_HOME.into()))
    }

    /// The home that a file describes, if there is such a file.
    fn described_by(file: &Path, default: &Path) -> Result<Option<Home>> {
        let Some(config) = Config::read(file)? else { return Ok(None) };
        let directory = config.home.clone().unwrap_or_else(|| default.to_owned());
        let own = directory.join(FILE);
        if own == file {
            return Ok(Some(Home { directory, config }));
        }
        match Config::read(&own)? {
            Some(Config { home: Some(other), .. }) if other != directory => Err(fault(
                &own,
                format!("it names the home {}, and {} names this one", other.display(), file.display()),
            )),
            own => Ok(Some(Home { directory, config: own.unwrap_or(config) })),
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Code::GeneralError.because(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn found(variables: &[(&str, &Path)], system: &Path) -> Result<Home> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        Home::find_with(&|name| variables.get(name).map(|path| path.to_path_buf()), system)
    }

    fn write(file: &Path, text: &str) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    #[test]
    fn no_configuration_at_all_works() {
        let user = tempfile::tempdir().unwrap();
        let home = found(&[("HOME", user.path())], &user.path().join("none")).unwrap();
        assert_eq!(home.directory, user.path().join(".local/share/strongroom"));
        assert_eq!(home.config, Config::default());
    }

    #[test]
    fn the_environment_wins_over_the_user_over_the_system() {
        let root = tempfile::tempdir().unwrap();
        let (user, system, named) = (root.path().join("user"), root.path().join("system.toml"), root.path().join("n"));
        write(&system, "home = \"/srv/vault\"\nidle-seconds = 0");
        let home = found(&[("HOME", &user)], &system).unwrap();
        assert_eq!((home.directory, home.config.idle_seconds), ("/srv/vault".into(), 0));

        write(&user.join(".config/strongroom/strongroom.toml"), "engine = \"in-process\"");
        let home = found(&[("HOME", &user)], &system).unwrap();
        assert_eq!(home.directory, user.join(".local/share/strongroom"));
        assert_eq!(home.config.engine, EngineKind::InProcess);
        assert_eq!(home.config.source, Some(user.join(".config/strongroom/strongroom.toml")));

        let home = found(&[("HOME", &user), ("STRONGROOM_HOME", &named)], &system).unwrap();
        assert_eq!((home.directory, home.config), (named, Config::default()));
    }

    #[test]
    fn a_system_file_without_a_home_means_the_systems_directory() {
        let root = tempfile::tempdir().unwrap();
        let system = root.path().join("system.toml");
        write(&system, "");
        assert_eq!(found(&[("HOME", root.path())], &system).unwrap().directory, Path::new(SYSTEM_HOME));
    }

    #[test]
    fn the_file_in_the_home_counts_and_no_other() {
        let root = tempfile::tempdir().unwrap();
        let (system, home) = (root.path().join("system.toml"), root.path().join("home"));
        write(&system, &format!("home = {:?}\npin = {{ user-tries = 3 }}", home.to_str().unwrap()));
        assert_eq!(found(&[("HOME", root.path())], &system).unwrap().config.pin.user_tries, 3);
        write(&home.join(FILE), "pin = { user-tries = 5 }");
        assert_eq!(found(&[("HOME", root.path())], &system).unwrap().config.pin.user_tries, 5);
        assert_eq!(Home::at(home.clone()).unwrap().config.pin.user_tries, 5);
        write(&home.join(FILE), "home = \"/elsewhere\"");
        assert!(found(&[("HOME", root.path())], &system).is_err());
    }

    #[test]
    fn a_home_may_keep_its_configuration_apart_from_its_data() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join(FILE), "home = \"/srv/data\"");
        let home = Home::at(root.path().to_owned()).unwrap();
        assert_eq!(home.directory, Path::new("/srv/data"));
        let again = Home::with_config(home.directory.clone(), home.config.source.as_deref()).unwrap();
        assert_eq!((again.directory, again.config), (home.directory, home.config));
    }

    #[test]
    fn every_key_is_read() {
        let text = "home = \"/a\"\nengine = \"vault\"\nvault-binary = \"/b\"\nsocket = \"/c\"\nidle-seconds = 1\n\
                    log = { level = \"debug\", file = \"/d\" }\nshare = { group = \"hsm\" }\n[pin]\nmin-length = 6";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.log, Log { level: LogLevel::Debug, file: Some("/d".into()) });
        assert_eq!(config.share, Some(Share { group: "hsm".into() }));
        assert_eq!((config.pin.min_length, config.pin.max_length), (6, 255));
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let error = Config::parse("home = \"/a\"\nidle-secs = 3").unwrap_err();
        assert!(error.why().contains("line 2") && error.why().contains("idle-secs"), "{error}");
        assert!(Config::parse("[pin]\nmin = 3").is_err());
        assert!(Config::parse("home = \"relative\"").unwrap_err().why().contains("relative"));
    }
}
