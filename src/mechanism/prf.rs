//! Pseudo-random functions as parameters of derivations name them: HMACs, and CMAC with AES.

use super::hmac;
use crate::ck;
use crate::crypto::aes::Aes;
use crate::crypto::cmac::Cmac;
use crate::crypto::hmac::Hmac;
use crate::error::{Code, Result};
use crate::secret::Secret;

/// A function under its key, ready again and again.
#[derive(Clone)]
pub(super) enum Prf {
    Hmac(Hmac),
    Cmac(Cmac),
}

impl Prf {
    /// The function that a MAC mechanism is, under a key.
    pub(super) fn new(mechanism: u64, key: &[u8]) -> Result<Prf> {
        if mechanism == ck::CKM_AES_CMAC {
            let aes = Aes::new(key).map_err(|_| Code::KeySizeRange.because("CMAC takes a key of AES"))?;
            return Ok(Prf::Cmac(Cmac::new(&aes)));
        }
        match hmac::hash_of(mechanism) {
            Some(hash) => Ok(Prf::Hmac(Hmac::new(hash, key))),
            None => Err(Code::MechanismParamInvalid.because("the function is neither an HMAC nor CMAC with AES")),
        }
    }

    /// The length of what it yields.
    pub(super) fn length(&self) -> usize {
        match self {
            Prf::Hmac(hmac) => hmac.hash().output_length(),
            Prf::Cmac(_) => 16,
        }
    }

    /// Its value over these parts, one after the other.
    pub(super) fn of(&self, parts: &[&[u8]]) -> Secret {
        match self.clone() {
            Prf::Hmac(mut hmac) => {
                parts.iter().for_each(|part| hmac.update(part));
                Secret::from(hmac.finish())
            }
            Prf::Cmac(mut cmac) => {
                parts.iter().for_each(|part| cmac.update(part));
                Secret::from(&cmac.finish()[..])
            }
        }
    }
}
