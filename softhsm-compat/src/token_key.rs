//! The key of a SoftHSM2 token, which a PIN opens, and what is encrypted under it.
//!
//! The token's file holds for each PIN: eight bytes of salt, an IV, and under AES-256-CBC with PKCS#7 padding three
//! bytes that are always the same and the token's key. The key for that is SHA-256 over salt and PIN, repeated 1500
//! times and once more for each unit of the salt's last byte. Under the token's key each byte string of a private
//! object is encrypted on its own: an IV, then AES-256-CBC. No MAC protects it.

use std::sync::Arc;
use strongroom_pkcs11::crypto::aes::{Aes, BLOCK};
use strongroom_pkcs11::crypto::aes_cbc::Cbc;
use strongroom_pkcs11::crypto::gcm::Direction;
use strongroom_pkcs11::crypto::hash::Hash;
use strongroom_pkcs11::error::{Code, Error, Result};
use strongroom_pkcs11::secret::Secret;

/// The key under which a token's private attributes are encrypted.
pub struct TokenKey(Arc<Aes>);

const SALT: usize = 8;
const ROUNDS: usize = 1500;
/// What stands before the token's key, so that a wrong PIN shows.
const MAGIC: &[u8] = b"RJR";
const KEY: usize = 32;

impl TokenKey {
    /// Opens the key with a PIN.
    ///
    /// # Errors
    /// `CKR_PIN_INCORRECT`; `CKR_DATA_INVALID` where `sealed` cannot be such a key under any PIN.
    pub fn open(sealed: &[u8], pin: &[u8]) -> Result<TokenKey> {
        let damaged = || Code::DataInvalid.because("the token's key in token.object is damaged");
        let (salt, sealed) = sealed.split_at_checked(SALT).ok_or_else(damaged)?;
        if sealed.len() != 4 * BLOCK {
            return Err(damaged());
        }
        let key = TokenKey(Arc::new(Aes::new(&derive(salt, pin))?));
        let wrong = |_| Code::PinIncorrect.because("the PIN of the user of the SoftHSM2 token is not correct");
        let opened = key.decrypt(sealed).map_err(wrong)?;
        match opened.strip_prefix(MAGIC) {
            Some(key) if key.len() == KEY => Ok(TokenKey(Arc::new(Aes::new(key)?))),
            _ => Err(wrong(damaged())),
        }
    }

    /// The plaintext of a byte string of a private object. What is empty was never encrypted.
    ///
    /// # Errors
    /// `CKR_ENCRYPTED_DATA_INVALID` where the length or the padding is wrong.
    pub fn decrypt(&self, sealed: &[u8]) -> Result<Secret> {
        if sealed.is_empty() {
            return Ok(Secret::default());
        }
        let (iv, text) = sealed.split_first_chunk::<BLOCK>().ok_or_else(garbled)?;
        if text.is_empty() || !text.len().is_multiple_of(BLOCK) {
            return Err(garbled());
        }
        let mut text = Secret::from(text);
        Cbc::new(self.0.clone(), Direction::Decrypt, *iv).apply(&mut text);
        let padding = usize::from(text.last().copied().unwrap_or_default());
        let good =
            (1..=BLOCK).contains(&padding) && text.iter().rev().take(padding).all(|&byte| usize::from(byte) == padding);
        if !good {
            return Err(garbled());
        }
        let length = text.len() - padding;
        text.truncate(length);
        Ok(text)
    }
}

fn derive(salt: &[u8], pin: &[u8]) -> Secret {
    let mut salted = Secret::zeroed(salt.len() + pin.len());
    salted[..salt.len()].copy_from_slice(salt);
    salted[salt.len()..].copy_from_slice(pin);
    let rounds = ROUNDS + usize::from(salt.last().copied().unwrap_or_default());
    (0..rounds).fold(salted, |last, _| Secret::from(Hash::Sha256.digest(&last)))
}

fn garbled() -> Error {
    Code::EncryptedDataInvalid.because("an encrypted value is damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a token.object that SoftHSM2 2.6.1 made with the user PIN 1234.
    const SEALED: &[u8] = &[
        0xf8, 0x61, 0x3c, 0x7b, 0x31, 0xfd, 0xe3, 0x1f, 0x8b, 0xf0, 0x52, 0x26, 0xa6, 0x16, 0xaf, 0x0e, 0x94, 0x73,
        0x26, 0xc9, 0xd4, 0x42, 0x97, 0xc0, 0xcf, 0xe8, 0x6d, 0x25, 0x75, 0x0b, 0xf0, 0x8a, 0xdf, 0x3b, 0x67, 0x29,
        0x93, 0x47, 0x7b, 0x00, 0x38, 0xc9, 0x3e, 0x37, 0x29, 0x03, 0x26, 0xc7, 0xad, 0x0a, 0xb0, 0x31, 0x56, 0x63,
        0xa2, 0x31, 0x2a, 0xc8, 0x29, 0xe9, 0x9a, 0x9b, 0x04, 0xf5, 0xe3, 0x8e, 0xf8, 0xd1, 0x74, 0x4f, 0x66, 0xfd,
    ];

    #[test]
    fn the_key_that_softhsm2_sealed_opens_with_its_pin_only() {
        assert!(TokenKey::open(SEALED, b"1234").is_ok());
        for wrong in [&b"1235"[..], b"", b"12345", &[0; 300]] {
            assert_eq!(TokenKey::open(SEALED, wrong).err().map(|error| error.code()), Some(Code::PinIncorrect));
        }
    }

    #[test]
    fn keys_of_other_lengths_are_damage_and_no_wrong_pin() {
        for length in (0..SEALED.len()).chain([SEALED.len() + BLOCK]) {
            let sealed: Vec<u8> = SEALED.iter().copied().cycle().take(length).collect();
            assert_eq!(TokenKey::open(&sealed, b"1234").err().map(|error| error.code()), Some(Code::DataInvalid));
        }
    }

    #[test]
    fn ciphertext_of_any_length_is_decrypted_or_refused() {
        let key = TokenKey::open(SEALED, b"1234").unwrap_or_else(|error| panic!("{error}"));
        assert!(key.decrypt(b"").is_ok_and(|empty| empty.is_empty()));
        for length in 1..100 {
            let outcome = key.decrypt(&vec![7; length]);
            assert!(outcome.is_err() || length % BLOCK == 0, "{length}");
        }
    }
}
