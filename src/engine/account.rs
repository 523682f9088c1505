//! Accounts: what a PIN opens.
//!
//! A token's master key is random and never written. It is wrapped once for each account, under a key from
//! that account's PIN (Argon2id) and the root key; so neither the store nor the root key alone opens a
//! private object. An account counts its failures on disk *before* a PIN is tried: a process that is
//! killed in the middle has used up the attempt.

use crate::config::Pins;
use crate::crypto::{kdf, random};
use crate::error::{Code, Result};
use crate::secret::Secret;
use crate::store::Sealer;
use crate::wire::codec::wire_struct;

/// What a PIN is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Role {
    /// The security officer, `CKU_SO`: administers, and cannot use keys.
    Officer,
    /// The normal user, `CKU_USER`.
    User,
}

impl Role {
    fn purpose(self) -> &'static [u8] {
        match self {
            Role::Officer => b"master key for the officer",
            Role::User => b"master key for the user",
        }
    }

    /// Wrong PINs in a row until the account is locked.
    pub fn tries(self, pins: &Pins) -> u64 {
        match self {
            Role::Officer => pins.so_tries,
            Role::User => pins.user_tries,
        }
    }
}

/// One account as it is stored.
#[derive(Clone)]
pub struct Account {
    salt: [u8; 16],
    memory_kib: u64,
    passes: u64,
    /// The master key under the PIN's key.
    wrapped: Vec<u8>,
    /// Attempts since the last success, this one included while it is tried.
    pub failures: u64,
}
wire_struct!(Account { salt, memory_kib, passes, wrapped, failures });

impl Account {
    /// An account that opens `master` with `pin`.
    pub fn new(role: Role, pin: &[u8], master: &Secret, root: &Secret, pins: &Pins) -> Result<Account> {
        let mut salt = [0; 16];
        random::fill(&mut salt)?;
        let (memory_kib, passes) = (u64::from(pins.memory_kib), u64::from(pins.passes));
        let mut account = Account { salt, memory_kib, passes, wrapped: Vec::new(), failures: 0 };
        account.wrapped = account.sealer(role, pin, root)?.seal(&salt, master);
        Ok(account)
    }

    /// The master key, if `pin` is the right one.
    pub fn open(&self, role: Role, pin: &[u8], root: &Secret) -> Result<Secret> {
        self.sealer(role, pin, root)?.open(&self.salt, &self.wrapped).map_err(|_| Code::PinIncorrect.into())
    }

    fn sealer(&self, role: Role, pin: &[u8], root: &Secret) -> Result<Sealer> {
        let costs = (u32::try_from(self.memory_kib), u32::try_from(self.passes));
        let (Ok(memory), Ok(passes)) = costs else {
            return Err(Code::DeviceError.because("the account's record is damaged"));
        };
        let stretched = kdf::argon2id(pin, &self.salt, memory, passes, 32)?;
        let key = kdf::hkdf_sha256(&stretched, root, role.purpose(), 32);
        Ok(Sealer::new(&key, role.purpose()))
    }
}

/// Checks the length of a new PIN.
pub fn check_length(pin: &[u8], pins: &Pins) -> Result<()> {
    let length = pin.len() as u64;
    if (pins.min_length..=pins.max_length).contains(&length) {
        return Ok(());
    }
    Err(Code::PinLenRange.because(format!("a PIN of this token has {} to {} bytes", pins.min_length, pins.max_length)))
}
