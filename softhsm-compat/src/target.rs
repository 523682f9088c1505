//! The Strongroom token that is meant: found by label or slot, with a session and the user logged in.

use std::path::Path;
use strongroom_pkcs11::call::Calls;
use strongroom_pkcs11::ck;
use strongroom_pkcs11::client::Client;
use strongroom_pkcs11::config::Home;
use strongroom_pkcs11::error::{Code, Result};
use strongroom_pkcs11::wire::values::{MechanismCall, Output, Parameter, Raw, Shown, Template, TokenInfo};

/// A client of the home in a directory, or of the one that this process would find.
pub fn client(home: Option<&Path>) -> Result<Client> {
    Client::new(match home {
        Some(directory) => Home::at(directory.to_owned())?,
        None => Home::find()?,
    })
}

/// Every slot and its token.
pub fn slots(calls: &dyn Calls) -> Result<Vec<(u64, TokenInfo)>> {
    calls.slot_list()?.into_iter().map(|slot| Ok((slot, calls.token_info(slot)?))).collect()
}

/// Whether there is an initialised token.
pub fn is_initialized(info: &TokenInfo) -> bool {
    info.flags & ck::CKF_TOKEN_INITIALIZED != 0
}

/// The slot of the token with a number, a label or a serial number; or of the only one.
///
/// # Errors
/// `CKR_TOKEN_NOT_PRESENT` where none fits, `CKR_ARGUMENTS_BAD` where several do.
pub fn slot(calls: &dyn Calls, number: Option<u64>, name: Option<&str>) -> Result<u64> {
    let fits = |(slot, info): &(u64, TokenInfo)| {
        number.is_none_or(|number| number == *slot)
            && name.is_none_or(|name| info.label == name || info.serial == name)
            && is_initialized(info)
    };
    let fitting: Vec<(u64, TokenInfo)> = slots(calls)?.into_iter().filter(fits).collect();
    match fitting.as_slice() {
        [(slot, _)] => Ok(*slot),
        [] => {
            Err(Code::TokenNotPresent.because("no Strongroom token fits; make one: strongroom token init --label NAME"))
        }
        several => {
            Err(Code::ArgumentsBad.because(format!("{} Strongroom tokens could be meant; say the slot", several.len())))
        }
    }
}

/// A read-write session, closed when it goes.
pub struct Session<'a> {
    /// The token's calls.
    pub calls: &'a dyn Calls,
    /// The session's handle.
    pub handle: u64,
}

impl<'a> Session<'a> {
    /// Opens one.
    pub fn open(calls: &'a dyn Calls, slot: u64) -> Result<Session<'a>> {
        let handle = calls.open_session(slot, ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION)?;
        Ok(Session { calls, handle })
    }

    /// The user logs in.
    pub fn login(&self, pin: &[u8]) -> Result<()> {
        self.calls.login(self.handle, ck::CKU_USER, None, pin)
    }

    /// The objects that match.
    pub fn find(&self, template: Template) -> Result<Vec<u64>> {
        self.calls.find_init(self.handle, template)?;
        let found = self.calls.find(self.handle, AT_MOST);
        self.calls.find_final(self.handle)?;
        found
    }

    /// The bytes of an attribute that is shown.
    pub fn bytes(&self, object: u64, kind: u64) -> Result<Option<Vec<u8>>> {
        Ok(match self.calls.attributes(self.handle, object, vec![kind])?.pop() {
            Some(Shown::Value(Raw::Bytes(bytes))) => Some(bytes.to_vec()),
            _ => None,
        })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // If the vault is gone, so is the session.
        let _ = self.calls.close_session(self.handle);
    }
}

/// So many objects that look the same are told apart.
const AT_MOST: u64 = 10_000;

/// A mechanism without a parameter.
pub(crate) fn plain(id: u64) -> MechanismCall {
    MechanismCall { id, parameter: Parameter::None }
}

/// The bytes that a call yielded into a buffer that was large enough.
pub(crate) fn yielded(output: Output) -> Result<Vec<u8>> {
    match output {
        Output::Bytes(bytes) => Ok(bytes.to_vec()),
        Output::Length(_) | Output::TooSmall(_) => Err(Code::GeneralError.into()),
    }
}
