//! The log of the module and of the vault: nothing unless it is asked for, one line an event, never a secret.
//!
//! Who asks: `STRONGROOM_LOG=debug` (or `error`, `warn`, `info`; `debug:/path/to/file` for a file instead of
//! standard error), else the configuration. What is told: at `error` faults inside, at `info` refusals too, at
//! `debug` every call. While the log is off, asking costs one relaxed load.
//!
//! Lines are written with one `write` each to a descriptor opened for appending, so that the lines of many threads
//! and processes do not mix. No lock is taken: a forked child can log whatever its parent was doing.

use crate::config::Log;
pub use crate::config::LogLevel as Level;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Whether lines of this level are written.
#[inline]
pub fn enabled(level: Level) -> bool {
    LEVEL.load(Ordering::Relaxed) >= level as u8
}

/// Starts the log of a process that is ours: as `STRONGROOM_LOG` says, else as the configuration does. A file that cannot
/// be opened is named on standard error, which is used instead. The file that is opened first stays.
pub fn start(configured: &Log) {
    let Log { level, file } = environment().unwrap_or_else(|| configured.clone());
    let opened = open(&file);
    LEVEL.store(level as u8, Ordering::Relaxed);
    if let (Err(error), Some(file)) = (opened, &file) {
        line(Level::Error, format_args!("cannot open the log {}: {error}", file.display()));
    }
}

/// Starts the log of an application that loaded the module. Its standard error is its own: only `STRONGROOM_LOG` may ask
/// for that. The configuration counts where it names a file that the application may write.
pub fn start_in_application(configured: &Log) {
    if environment().is_some() {
        start(configured);
    } else if configured.file.is_some() && open(&configured.file).is_ok() {
        LEVEL.store(configured.level as u8, Ordering::Relaxed);
    }
}

/// Writes a line, if lines of this level are written.
pub fn line(level: Level, text: fmt::Arguments<'_>) {
    if enabled(level) {
        let _ = rustix::io::write(destination(), assemble(level, text).as_bytes()); // a log that is full stops nobody
    }
}

/// Date and time of a second since 1970, in UTC: year, month, day, hour, minute, second.
pub fn calendar(seconds: u64) -> [u64; 6] {
    // Days are counted from 1 March of year 0, so that the leap day is the last of its year.
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let second = seconds % 86_400;
    [year, month, day, second / 3_600, second / 60 % 60, second % 60]
}

fn assemble(level: Level, text: fmt::Arguments<'_>) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let [year, month, day, hour, minute, second] = calendar(now.as_secs());
    let level = match level {
        Level::Off | Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
    };
    // What others gave us (a label, a path) cannot begin a line of its own.
    let text = text.to_string().replace(char::is_control, " ");
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z strongroom[{}:{}] {level}: {text}\n",
        now.subsec_micros(),
        rustix::process::getpid(),
        rustix::thread::gettid(),
    )
}

fn destination() -> BorrowedFd<'static> {
    static STDERR: OnceLock<std::io::Stderr> = OnceLock::new();
    match FILE.get() {
        Some(file) => file.as_fd(),
        None => STDERR.get_or_init(std::io::stderr).as_fd(),
    }
}

/// Opens the file of the log, if one is named and none is open yet.
fn open(file: &Option<PathBuf>) -> std::io::Result<()> {
    if let (Some(path), None) = (file, FILE.get()) {
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let _ = FILE.set(opened); // another thread's stays
    }
    Ok(())
}

/// What `STRONGROOM_LOG` says. A program with more rights than its caller does not listen to its caller.
fn environment() -> Option<Log> {
    let raised = rustix::process::getuid() != rustix::process::geteuid()
        || rustix::process::getgid() != rustix::process::getegid();
    if raised { None } else { setting(&std::env::var("STRONGROOM_LOG").ok()?) }
}

/// `level` or `level:file`; what is no level is no setting.
fn setting(text: &str) -> Option<Log> {
    let (level, file) = match text.split_once(':') {
        Some((level, file)) => (level, Some(PathBuf::from(file))),
        None => (text, None),
    };
    let level = match level {
        "off" => Level::Off,
        "error" => Level::Error,
        "warn" => Level::Warn,
        "info" => Level::Info,
        "debug" => Level::Debug,
        _ => return None,
    };
    Some(Log { level, file: file.filter(|file| !file.as_os_str().is_empty()) })
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Off as u8);
static FILE: OnceLock<File> = OnceLock::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(calendar(0), [1970, 1, 1, 0, 0, 0]);
        assert_eq!(calendar(951_782_399), [2000, 2, 28, 23, 59, 59]);
        assert_eq!(calendar(951_782_400), [2000, 2, 29, 0, 0, 0]);
        assert_eq!(calendar(1_709_251_200), [2024, 3, 1, 0, 0, 0]);
        assert_eq!(calendar(4_107_542_399), [2100, 2, 28, 23, 59, 59]);
        assert_eq!(calendar(4_107_542_400), [2100, 3, 1, 0, 0, 0]);
    }

    #[test]
    fn settings_name_a_level_and_perhaps_a_file() {
        let log = |level, file: Option<&str>| Some(Log { level, file: file.map(PathBuf::from) });
        assert_eq!(setting("debug"), log(Level::Debug, None));
        assert_eq!(setting("info:/tmp/a:b"), log(Level::Info, Some("/tmp/a:b")));
        assert_eq!(setting("error:"), log(Level::Error, None));
        assert_eq!(setting("loud"), None);
    }

    #[test]
    fn a_line_stays_one_line() {
        let line = assemble(Level::Info, format_args!("label=a\nb\x1b[0m"));
        assert!(line.ends_with(" info: label=a b [0m\n"), "{line}");
        assert_eq!(line.matches('\n').count(), 1);
    }

    #[test]
    fn it_is_off_until_it_is_started() {
        assert!(!enabled(Level::Error));
    }
}
