//! AES with a key schedule of whichever size: the block cipher under all modes.

use crate::error::{Code, Result};
use cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// The length of a block in bytes.
pub const BLOCK: usize = 16;

/// AES under one key: FIPS 197.
#[derive(Clone)]
pub enum Aes {
    /// 16-byte key
    Aes128(aes::Aes128),
    /// 24-byte key
    Aes192(aes::Aes192),
    /// 32-byte key
    Aes256(aes::Aes256),
}

/// Runs `$body` with `$aes` bound to the cipher inside, so that loops are outside of the choice.
macro_rules! with_aes {
    ($of:expr, $aes:ident => $body:expr) => {
        match $of {
            Aes::Aes128($aes) => $body,
            Aes::Aes192($aes) => $body,
            Aes::Aes256($aes) => $body,
        }
    };
}

impl Aes {
    /// The key schedule of `key`.
    ///
    /// # Errors
    /// [`Code::KeySizeRange`] unless the key has 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Result<Aes> {
        let size = |_| Code::KeySizeRange.because("an AES key has 16, 24 or 32 bytes");
        match key.len() {
            16 => aes::Aes128::new_from_slice(key).map(Aes::Aes128).map_err(size),
            24 => aes::Aes192::new_from_slice(key).map(Aes::Aes192).map_err(size),
            _ => aes::Aes256::new_from_slice(key).map(Aes::Aes256).map_err(size),
        }
    }

    /// Encrypts one block in place.
    pub fn encrypt_block(&self, block: &mut [u8; BLOCK]) {
        with_aes!(self, aes => aes.encrypt_block(block.into()));
    }

    /// Decrypts one block in place.
    pub fn decrypt_block(&self, block: &mut [u8; BLOCK]) {
        with_aes!(self, aes => aes.decrypt_block(block.into()));
    }

    /// Encrypts each block of `data` by itself (ECB); a last partial block stays as it is.
    pub fn encrypt_blocks(&self, data: &mut [u8]) {
        let (blocks, _) = Block::<aes::Aes128>::slice_as_chunks_mut(data);
        with_aes!(self, aes => aes.encrypt_blocks(blocks));
    }

    /// Decrypts each block of `data` by itself (ECB); a last partial block stays as it is.
    pub fn decrypt_blocks(&self, data: &mut [u8]) {
        let (blocks, _) = Block::<aes::Aes128>::slice_as_chunks_mut(data);
        with_aes!(self, aes => aes.decrypt_blocks(blocks));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    /// NIST SP 800-38A, F.1: ECB with each key size, first block.
    #[test]
    fn the_vectors_of_sp_800_38a_come_out() {
        let plain = hex("6bc1bee22e409f96e93d7e117393172a");
        for (key, expected) in [
            ("2b7e151628aed2a6abf7158809cf4f3c", "3ad77bb40d7a3660a89ecaf32466ef97"),
            ("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", "bd334f1d6e45f25ff712a214571fa5cc"),
            ("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "f3eed1bdb5d2a03c064b5a7e3db181f8"),
        ] {
            let aes = Aes::new(&hex(key)).unwrap();
            let mut data = plain.repeat(9);
            aes.encrypt_blocks(&mut data);
            assert_eq!(data, hex(expected).repeat(9));
            aes.decrypt_blocks(&mut data);
            assert_eq!(data, plain.repeat(9));
            let mut block: [u8; BLOCK] = plain.clone().try_into().unwrap();
            aes.encrypt_block(&mut block);
            assert_eq!(block.to_vec(), hex(expected));
            aes.decrypt_block(&mut block);
            assert_eq!(block.to_vec(), plain);
        }
    }

    #[test]
    fn other_key_sizes_are_refused() {
        for length in [0, 8, 15, 17, 31, 33, 40, 64] {
            assert_eq!(Aes::new(&vec![0; length]).err().map(|error| error.code()), Some(Code::KeySizeRange));
        }
    }
}
