//! The vault's main thread: takes callers in, and knows when the vault ends.

use crate::log::{self, Level};
use crate::serve::listen::Listener;
use crate::serve::server::Server;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};
use std::fmt;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the vault looks whether its home is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Why a vault ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Idle,
    Told,
    Homeless,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            End::Idle => "no application has needed it for a while",
            End::Told => "it was told to",
            End::Homeless => "its home directory is gone",
        })
    }
}

/// What the main thread watches.
pub(crate) struct Vault {
    listener: Listener,
    signals: Option<OwnedFd>,
    idle: Option<Duration>,
}

impl Vault {
    pub(crate) fn new(listener: Listener, signals: Option<OwnedFd>, idle: Option<Duration>) -> Vault {
        Vault { listener, signals, idle }
    }

    /// The lock on the home's vault.
    pub(crate) fn lock(&self) -> Option<Arc<File>> {
        self.listener.lock()
    }

    /// Takes callers in until the vault ends. Dropping the vault then takes its socket away.
    pub(crate) fn watch(&mut self, server: &Arc<Server>) -> End {
        let mut busy = Instant::now();
        let mut looked = Instant::now();
        let mut outside = 0;
        loop {
            let (caller, told) = self.wait(self.idle.map_or(LOOK, |idle| idle.min(LOOK)));
            if told {
                return End::Told;
            }
            if caller {
                self.accept(server);
            }
            if server.connections() > 0 {
                busy = Instant::now();
            } else if self.idle.is_some_and(|idle| busy.elapsed() >= idle) {
                return End::Idle;
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                if !self.listener.home_is_there() {
                    return End::Homeless;
                }
                self.listener.mend();
                outside = tell_of_unlocked_memory(outside);
            }
        }
    }

    /// Waits for a caller or a signal: which of them came.
    fn wait(&self, time: Duration) -> (bool, bool) {
        let time = Timespec::try_from(time).ok();
        let mut ready = vec![PollFd::new(&self.listener, PollFlags::IN)];
        ready.extend(self.signals.iter().map(|signals| PollFd::new(signals, PollFlags::IN)));
        match poll(&mut ready, time.as_ref()) {
            Ok(_) => {
                (!ready[0].revents().is_empty(), ready.get(1).is_some_and(|signals| !signals.revents().is_empty()))
            }
            Err(_) => (false, false),
        }
    }

    fn accept(&self, server: &Arc<Server>) {
        match accept_with(&self.listener, SocketFlags::CLOEXEC) {
            Ok(socket) => server.accept(socket),
            Err(Errno::INTR | Errno::CONNABORTED | Errno::AGAIN) => {}
            // No descriptors or no memory: the caller stays in the queue, and trying at once would not help.
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Says once that secrets are in memory that may be swapped. How many are outside.
fn tell_of_unlocked_memory(before: u64) -> u64 {
    let now = crate::secret::outside_locked_memory();
    if before == 0 && now > 0 {
        let text =
            "the bound on locked memory is reached: some secrets may be written to swap (LimitMEMLOCK=, ulimit -l)";
        log::line(Level::Warn, format_args!("{text}"));
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Home};
    use crate::serve::caller::Callers;
    use crate::serve::testing::{FakeHost, server};
    use crate::wire::address::connect_to;

    fn vault(home: &std::path::Path, idle: Option<Duration>) -> Vault {
        let home = Home { directory: home.to_owned(), config: Config::default() };
        let listener = Listener::open(&home, &Callers::of(&home).unwrap(), None).unwrap();
        listener.listen().unwrap();
        Vault::new(listener, None, idle)
    }

    #[test]
    fn a_vault_without_applications_ends() {
        let home = tempfile::tempdir().unwrap();
        let mut vault = vault(home.path(), Some(Duration::from_millis(50)));
        assert_eq!(vault.watch(&server(FakeHost::default(), 9)), End::Idle);
    }

    #[test]
    fn a_connected_application_keeps_the_vault() {
        let home = tempfile::tempdir().unwrap();
        let mut vault = vault(home.path(), Some(Duration::from_millis(50)));
        let application = connect_to(&home.path().join("vault.sock"), LOOK).unwrap();
        std::thread::scope(|scope| {
            let vault = scope.spawn(move || vault.watch(&server(FakeHost::default(), 9)));
            std::thread::sleep(Duration::from_millis(200));
            assert!(!vault.is_finished());
            drop(application);
            assert_eq!(vault.join().unwrap(), End::Idle);
        });
    }

    #[test]
    fn a_vault_without_its_home_ends() {
        for replaced in [false, true] {
            let root = tempfile::tempdir().unwrap();
            let home = root.path().join("home");
            std::fs::create_dir(&home).unwrap();
            let mut vault = vault(&home, None);
            std::fs::rename(&home, root.path().join("away")).unwrap();
            if replaced {
                std::fs::create_dir(&home).unwrap();
            }
            assert_eq!(vault.watch(&server(FakeHost::default(), 9)), End::Homeless);
        }
    }

    #[test]
    fn a_signal_ends_the_vault() {
        let home = tempfile::tempdir().unwrap();
        let mut vault = vault(home.path(), None);
        let (read, write) = rustix::pipe::pipe().unwrap();
        vault.signals = Some(read);
        rustix::io::write(&write, b"x").unwrap();
        assert_eq!(vault.watch(&server(FakeHost::default(), 9)), End::Told);
    }
}
