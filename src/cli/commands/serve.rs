//! `strongroom serve`: the vault.

use crate::cli::Context;
use crate::cli::failure::{Failure, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use strongroom_pkcs11::call::Host;
use strongroom_pkcs11::config::Home;
use strongroom_pkcs11::engine::{Engine, EngineHost};
use strongroom_pkcs11::error::Code;
use strongroom_pkcs11::serve::{self, ServeOptions};

/// Run the vault: the process that owns the store and does the cryptography.
///
/// Nobody needs to run this by hand: the module starts a vault where none answers, and it ends by itself when no
/// application has used it for a while. Under systemd the socket is activated.
#[derive(clap::Args)]
pub(crate) struct Serve {
    /// Stay in the directory it was started in, and tell standard error what it does
    #[arg(long)]
    foreground: bool,
    /// End after so many seconds without an application; 0 is never [default: idle-seconds of the configuration]
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,
    /// The configuration, where it is not the file in the home
    #[arg(long, value_name = "FILE", hide = true)]
    config: Option<PathBuf>,
    /// An inherited descriptor that is told when the vault listens
    #[arg(long, value_name = "N", hide = true)]
    ready_fd: Option<i32>,
    /// Run as nobody's child
    #[arg(long, hide = true)]
    detach: bool,
}

impl Serve {
    pub(crate) fn run(self, cx: &Context) -> Result<ExitCode> {
        if self.detach {
            let same = std::env::args_os().skip(1).filter(|argument| argument != "--detach");
            serve::detach(same.collect::<Vec<OsString>>())?;
            return Ok(ExitCode::SUCCESS);
        }
        let options = ServeOptions {
            home: self.home(cx)?,
            ready_fd: self.ready_fd,
            idle: self.idle.map(Duration::from_secs),
            foreground: self.foreground,
        };
        serve::run(options, |home| Ok(Arc::new(EngineHost(Engine::open(home)?)) as Arc<dyn Host>))?;
        Ok(ExitCode::SUCCESS)
    }

    fn home(&self, cx: &Context) -> Result<Home> {
        let Some(config) = &self.config else { return cx.home() };
        let home = cx.home.as_deref().ok_or_else(|| {
            Failure::new(Code::ArgumentsBad, "--config names the configuration of a home, and --home is missing")
        })?;
        Ok(Home::with_config(home.to_owned(), Some(Path::new(config)))?)
    }
}
