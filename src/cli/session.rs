//! A session with a token, logged in or not, closed when it goes; and what commands do through it.

use super::failure::Result;
use strongroom_pkcs11::call::Calls;
use strongroom_pkcs11::ck;
use strongroom_pkcs11::secret::Secret;
use strongroom_pkcs11::wire::values::{Raw, Shown, Template};

/// The token's calls, as a client gives them.
pub(crate) type Token<'a> = &'a (dyn Calls + Sync);

/// Who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// `CKU_USER`
    User,
    /// `CKU_SO`
    Officer,
}

impl Who {
    /// For prompts: "PIN of the SO of …".
    pub(crate) fn word(self) -> &'static str {
        match self {
            Who::User => "user",
            Who::Officer => "SO",
        }
    }

    fn number(self) -> u64 {
        match self {
            Who::User => ck::CKU_USER,
            Who::Officer => ck::CKU_SO,
        }
    }
}

/// An open read-write session.
pub(crate) struct Session<'a> {
    calls: Token<'a>,
    handle: u64,
}

impl<'a> Session<'a> {
    /// Opens a read-write session with the token in a slot.
    pub(crate) fn open(calls: Token<'a>, slot: u64) -> Result<Session<'a>> {
        let handle = calls.open_session(slot, ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION)?;
        Ok(Session { calls, handle })
    }

    /// C_Login
    pub(crate) fn login(&self, who: Who, pin: &Secret) -> Result<()> {
        Ok(self.calls.login(self.handle, who.number(), None, pin)?)
    }

    /// C_InitPIN: the SO sets the user's PIN.
    pub(crate) fn init_pin(&self, pin: &Secret) -> Result<()> {
        Ok(self.calls.init_pin(self.handle, pin)?)
    }

    /// C_SetPIN: whoever is logged in (the user, where nobody is) changes the own PIN.
    pub(crate) fn set_pin(&self, old: &Secret, new: &Secret) -> Result<()> {
        Ok(self.calls.set_pin(self.handle, old, new)?)
    }

    /// The objects that match a template.
    pub(crate) fn find(&self, template: Template) -> Result<Vec<u64>> {
        self.calls.find_init(self.handle, template)?;
        let mut found = Vec::new();
        loop {
            let more = self.calls.find(self.handle, AT_ONCE)?;
            if more.is_empty() {
                break;
            }
            found.extend(more);
        }
        self.calls.find_final(self.handle)?;
        Ok(found)
    }

    /// C_CreateObject
    pub(crate) fn create(&self, template: Template) -> Result<u64> {
        Ok(self.calls.create_object(self.handle, template)?)
    }

    /// C_DestroyObject
    pub(crate) fn destroy(&self, object: u64) -> Result<()> {
        Ok(self.calls.destroy_object(self.handle, object)?)
    }

    /// C_SetAttributeValue
    pub(crate) fn change(&self, object: u64, template: Template) -> Result<()> {
        Ok(self.calls.set_attributes(self.handle, object, template)?)
    }

    /// C_GenerateKey
    pub(crate) fn generate(&self, mechanism: u64, template: Template) -> Result<u64> {
        Ok(self.calls.generate_key(self.handle, plain(mechanism), template)?)
    }

    /// C_GenerateKeyPair: the public key, then the private one.
    pub(crate) fn generate_pair(&self, mechanism: u64, public: Template, private: Template) -> Result<(u64, u64)> {
        Ok(self.calls.generate_key_pair(self.handle, plain(mechanism), public, private)?)
    }

    /// C_GetAttributeValue
    pub(crate) fn attributes(&self, object: u64, kinds: &[u64]) -> Result<Vec<Shown>> {
        Ok(self.calls.attributes(self.handle, object, kinds.to_vec())?)
    }

    /// An attribute as bytes; none where the object has none or does not show it.
    pub(crate) fn bytes(&self, object: u64, kind: u64) -> Result<Option<Vec<u8>>> {
        Ok(self.attributes(object, &[kind])?.pop().and_then(bytes))
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // Closing the last session logs out. If the vault is gone, so is the session.
        let _ = self.calls.close_session(self.handle);
    }
}

/// The bytes of an attribute that was shown.
pub(crate) fn bytes(shown: Shown) -> Option<Vec<u8>> {
    match shown {
        Shown::Value(Raw::Bytes(bytes)) => Some(bytes.to_vec()),
        Shown::Value(Raw::Template(_)) | Shown::Sensitive | Shown::Unknown => None,
    }
}

/// The number in an attribute that was shown.
pub(crate) fn number(shown: Shown) -> Option<u64> {
    bytes(shown).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
}

fn plain(mechanism: u64) -> strongroom_pkcs11::wire::values::MechanismCall {
    strongroom_pkcs11::wire::values::MechanismCall {
        id: mechanism,
        parameter: strongroom_pkcs11::wire::values::Parameter::None,
    }
}

/// Handles asked for with one C_FindObjects.
const AT_ONCE: u64 = 512;
