//! The configuration: one structure, one file (`strongroom.toml`), every key documented here.

use crate::error::{Code, Result};
use serde::Deserialize;
use std::path::PathBuf;

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

/// `strongroom.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The directory of store, journal and socket, where it is not the directory of this file.
    pub home: Option<PathBuf>,
    /// `vault` or `in-process`.
    pub engine: EngineKind,
    /// PINs.
    pub pin: Pins,
}

impl Config {
    /// Reads a configuration from its text.
    pub fn parse(text: &str) -> Result<Config> {
        toml::from_str(text).map_err(|error| Code::GeneralError.because(format!("strongroom.toml: {error}")))
    }
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
    /// else the user's data directory.
    pub fn find() -> Result<Home> {
        todo!()
    }

    /// The home in a given directory.
    pub fn at(directory: PathBuf) -> Result<Home> {
        let _ = directory;
        todo!()
    }
}
