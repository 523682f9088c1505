//! How a command fails: what went wrong, the standard's name for it, the next step, and the exit code.
//!
//! The two tables here are the only place that maps return codes to exit codes and to advice.

use serde::Serialize;
use std::fmt;
use strongroom_pkcs11::error::{Code, Error};

/// What every command returns.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// The exit code of the process: one number a kind of outcome, so that scripts can branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Pin = 3,
    NotFound = 4,
    Locked = 5,
    Damaged = 6,
    Busy = 7,
    Refused = 8,
}

impl Exit {
    /// All of them, with the words of `--help`.
    pub(crate) const ALL: &'static [(Exit, &'static str)] = &[
        (Exit::Done, "done"),
        (Exit::Failed, "failed for a reason that has no number of its own"),
        (Exit::Usage, "wrong usage: an option, an argument or a file format"),
        (Exit::Pin, "authentication: the PIN is wrong, missing or not acceptable"),
        (Exit::NotFound, "no such token, object, file or module"),
        (Exit::Locked, "the PIN is locked after too many failures"),
        (Exit::Damaged, "the store is damaged or was tampered with"),
        (Exit::Busy, "the vault cannot be reached, or something is in use"),
        (Exit::Refused, "refused by a policy, a permission or an attribute of the key"),
    ];

    /// The exit code for a return code of the standard.
    fn of(code: Code) -> Exit {
        KINDS.iter().find(|(_, codes)| codes.contains(&code)).map_or(Exit::Failed, |(exit, _)| *exit)
    }
}

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Error,
    exit: Exit,
    hint: Option<String>,
}

impl Failure {
    /// A failure found here and not by the token: `code` is the standard's nearest word for it.
    pub(crate) fn new(code: Code, why: impl Into<String>) -> Failure {
        code.because(why.into()).into()
    }

    /// Wrong usage of a command.
    pub(crate) fn usage(why: impl Into<String>) -> Failure {
        Failure::new(Code::ArgumentsBad, why).exit_with(Exit::Usage)
    }

    /// Something that was named and is not there.
    pub(crate) fn not_found(code: Code, why: impl Into<String>) -> Failure {
        Failure::new(code, why).exit_with(Exit::NotFound)
    }

    /// The same failure with this exit code.
    pub(crate) fn exit_with(self, exit: Exit) -> Failure {
        Failure { exit, ..self }
    }

    /// The same failure with this next step for the reader.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// The return code.
    pub(crate) fn code(&self) -> Code {
        self.error.code()
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// What is shown in JSON.
    pub(crate) fn shown(&self) -> Shown<'_> {
        Shown { code: self.error.code().name(), text: self.error.why(), hint: self.hint.as_deref() }
    }
}

/// A failure as JSON has it.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    pub(crate) code: &'static str,
    pub(crate) text: &'a str,
    pub(crate) hint: Option<&'a str>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let (exit, hint) = (Exit::of(error.code()), advice(error.code()).map(str::to_owned));
        Failure { error, exit, hint }
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Failure {
        Error::from(code).into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)
    }
}

/// Says in which file an input or output failed.
pub(crate) fn in_file(path: &std::path::Path) -> impl Fn(std::io::Error) -> Failure {
    let path = path.to_owned();
    move |error| {
        let failure = Failure::new(Code::FunctionFailed, format!("{}: {error}", path.display()));
        match error.kind() {
            std::io::ErrorKind::NotFound => failure.exit_with(Exit::NotFound),
            std::io::ErrorKind::PermissionDenied => failure.exit_with(Exit::Refused),
            _ => failure,
        }
    }
}

fn advice(code: Code) -> Option<&'static str> {
    ADVICE.iter().find(|(of, _)| *of == code).map(|(_, advice)| *advice)
}

/// Which return codes end with which exit code; all others end with [`Exit::Failed`].
const KINDS: &[(Exit, &[Code])] = &[
    (
        Exit::Pin,
        &[
            Code::PinIncorrect,
            Code::PinInvalid,
            Code::PinLenRange,
            Code::PinExpired,
            Code::PinTooWeak,
            Code::UserNotLoggedIn,
            Code::UserPinNotInitialized,
        ],
    ),
    (
        Exit::NotFound,
        &[
            Code::SlotIdInvalid,
            Code::TokenNotPresent,
            Code::TokenNotInitialized,
            Code::ObjectHandleInvalid,
            Code::KeyHandleInvalid,
        ],
    ),
    (Exit::Locked, &[Code::PinLocked]),
    (Exit::Damaged, &[Code::TokenNotRecognized]),
    (
        Exit::Busy,
        &[
            Code::DeviceError,
            Code::DeviceRemoved,
            Code::SessionCount,
            Code::SessionExists,
            Code::SessionReadOnlyExists,
            Code::SessionReadWriteSoExists,
            Code::TokenResourceExceeded,
        ],
    ),
    (
        Exit::Refused,
        &[
            Code::ActionProhibited,
            Code::AttributeReadOnly,
            Code::AttributeSensitive,
            Code::FunctionRejected,
            Code::InformationSensitive,
            Code::KeyExhausted,
            Code::KeyFunctionNotPermitted,
            Code::KeyNotWrappable,
            Code::KeyUnextractable,
            Code::SessionReadOnly,
            Code::TokenWriteProtected,
        ],
    ),
];

/// The next step after a refusal, where there is one that always helps.
const ADVICE: &[(Code, &str)] = &[
    (Code::PinIncorrect, "Every wrong PIN brings the lock nearer: `strongroom token show` says when one try is left."),
    (Code::PinLocked, "The SO can set a new PIN and unlock: strongroom pin reset."),
    (
        Code::PinLenRange,
        "`strongroom token show` says how long a PIN may be; [pin] in strongroom.toml sets it for new PINs.",
    ),
    (Code::PinTooWeak, "Choose a longer or less regular PIN."),
    (Code::PinExpired, "Change it: strongroom pin change."),
    (Code::UserPinNotInitialized, "The SO sets the user's first PIN: strongroom pin reset."),
    (Code::DeviceError, "`strongroom doctor` finds out why the vault did not answer or what is damaged."),
    (Code::DeviceMemory, "Make room on the disk of the home; nothing was changed."),
    (Code::TokenNotRecognized, "`strongroom doctor` lists what is damaged."),
    (Code::TokenWriteProtected, "The home is on a read-only medium; make it writable and start the vault again."),
    (Code::SlotIdInvalid, "`strongroom token list` shows the slots."),
    (Code::TokenNotPresent, "`strongroom token list` shows the tokens, `strongroom token init` makes one."),
    (Code::SessionExists, "An application still uses this token; stop it and try again."),
    (
        Code::MechanismInvalid,
        "`strongroom mechanisms` lists what the token can do; a newer vault may be able to do more.",
    ),
    (Code::GeneralError, "`strongroom doctor` checks the configuration and the vault."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_documented_once() {
        for (number, (exit, words)) in Exit::ALL.iter().enumerate() {
            assert_eq!(*exit as usize, number);
            assert!(!words.is_empty());
        }
    }

    #[test]
    fn a_return_code_has_one_kind_and_one_advice() {
        for code in Code::ALL {
            assert!(KINDS.iter().filter(|(_, codes)| codes.contains(code)).count() <= 1, "{code:?}");
            assert!(ADVICE.iter().filter(|(of, _)| of == code).count() <= 1, "{code:?}");
        }
    }

    #[test]
    fn kinds_of_failure_have_their_exit_codes() {
        for (code, number) in [
            (Code::GeneralError, 1),
            (Code::PinIncorrect, 3),
            (Code::TokenNotPresent, 4),
            (Code::PinLocked, 5),
            (Code::TokenNotRecognized, 6),
            (Code::DeviceError, 7),
            (Code::KeyUnextractable, 8),
        ] {
            assert_eq!(Failure::from(code).exit() as u8, number, "{code:?}");
        }
        assert_eq!(Failure::usage("no").exit() as u8, 2);
    }
}
