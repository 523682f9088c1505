//! The vault's outside: it hardens its process, listens, knows who is calling, and lets the engine answer.
//!
//! It never looks into a request, and knows of the engine only that applications [enter](Host::enter) there.

mod caller;
mod detach;
mod harden;
mod listen;
mod member;
mod ready;
mod server;
#[cfg(test)]
pub(crate) mod testing;
mod watch;

pub use detach::detach;
pub use server::answer;

use crate::call::Host;
use crate::config::Home;
use crate::error::{Code, Error, Result};
use crate::log::{self, Level};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// How a vault is run.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The home that it serves.
    pub home: Home,
    /// An inherited descriptor that is told `ready` once the vault listens, or `error: …` where it cannot.
    pub ready_fd: Option<i32>,
    /// After how long without an application it ends, where that is not what the configuration says; zero is never.
    pub idle: Option<Duration>,
    /// Stays in the directory that it was started in, and tells standard error what it does.
    pub foreground: bool,
}

/// Runs a vault until it is idle, told to end, or without a home. `open` opens the engine on the home.
///
/// This takes the whole process: every descriptor but the standard ones and those that were passed on purpose is closed,
/// signals are taken over. It is called at the start of a program and nowhere else.
///
/// # Errors
/// What keeps the vault from serving, in words for an administrator.
pub fn run(options: ServeOptions, open: impl FnOnce(&Home) -> Result<Arc<dyn Host>>) -> Result<()> {
    let passed = listen::passed_sockets();
    let kept: Vec<i32> = [0, 1, 2].into_iter().chain(options.ready_fd).chain(passed.iter().copied()).collect();
    crate::os::close_all_but(&kept);
    log::start(&options.home.config.log);
    tell_panics_to_the_log();
    // Taken before anything is opened: a number that was named in error must not be one of ours.
    let mut ready = ready::Ready::new(options.ready_fd)?;
    let passed = listen::take_passed(&passed);
    let outcome = start(&options, passed, open);
    if let Err(error) = &outcome {
        log::line(Level::Error, format_args!("cannot serve {}: {}", options.home.directory.display(), error.why()));
    }
    ready.tell(&outcome)?;
    let (mut vault, server) = outcome?;
    note(&options, format_args!("serves {} (process {})", options.home.directory.display(), std::process::id()));
    let end = vault.watch(&server);
    note(&options, format_args!("ends: {end}"));
    let lock = vault.lock();
    drop(vault); // nobody arrives from here on; who has no answer yet goes to the next vault
    server.finish(PATIENCE);
    drop(server); // closes the store
    drop(lock); // and only then may the next vault open it
    Ok(())
}

/// How long running requests may take when the vault is told to end.
const PATIENCE: Duration = Duration::from_secs(10);

fn start(
    options: &ServeOptions,
    passed: Option<std::io::Result<OwnedFd>>,
    open: impl FnOnce(&Home) -> Result<Arc<dyn Host>>,
) -> Result<(watch::Vault, Arc<server::Server>)> {
    harden::process()?;
    let signals = crate::os::signals().map_err(|error| broken("take over the signals", error))?;
    if !options.foreground {
        rustix::process::chdir("/").map_err(|error| broken("go to /", error.into()))?;
    }
    let callers = caller::Callers::of(&options.home)?;
    let listener = listen::Listener::open(&options.home, &callers, passed)?;
    let server = server::Server::new(open(&options.home)?, callers);
    listener.listen()?;
    let seconds = Duration::from_secs(options.home.config.idle_seconds);
    let idle = options.idle.unwrap_or(seconds);
    Ok((watch::Vault::new(listener, Some(signals), (!idle.is_zero()).then_some(idle)), server))
}

fn broken(what: &str, error: std::io::Error) -> Error {
    Code::GeneralError.because(format!("the vault cannot {what}: {error}"))
}

/// A line for the log, and for whoever started the vault by hand.
fn note(options: &ServeOptions, text: std::fmt::Arguments<'_>) {
    log::line(Level::Info, text);
    if options.foreground && !log::enabled(Level::Info) {
        let _ = writeln!(std::io::stderr(), "strongroom: {text}"); // nobody may be listening
    }
}

/// The place of a panic goes to the log. Its words do not: they may quote what it was about.
pub fn tell_panics_to_the_log() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log::line(Level::Error, format_args!("panic at {place}"));
    }));
}
