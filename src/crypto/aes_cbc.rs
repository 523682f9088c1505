//! Cipher block chaining, NIST SP 800-38A, in whole blocks. Padding is the business of the mechanisms.

use crate::crypto::aes::{Aes, BLOCK};
use crate::crypto::gcm::Direction;
use cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, IvState};
use std::sync::Arc;

/// A chain of blocks, one way.
#[derive(Clone)]
pub struct Cbc {
    aes: Arc<Aes>,
    direction: Direction,
    /// The IV, and then the last block of ciphertext.
    link: [u8; BLOCK],
}

impl Cbc {
    /// A chain that begins with `iv`.
    pub fn new(aes: Arc<Aes>, direction: Direction, iv: [u8; BLOCK]) -> Cbc {
        Cbc { aes, direction, link: iv }
    }

    /// Encrypts or decrypts whole blocks in place; a last partial block stays as it is.
    pub fn apply(&mut self, data: &mut [u8]) {
        let (blocks, _) = Block::<aes::Aes128>::slice_as_chunks_mut(data);
        let link = self.link;
        self.link = match (self.direction, &*self.aes) {
            (Direction::Encrypt, Aes::Aes128(aes)) => encrypt(aes, link, blocks),
            (Direction::Encrypt, Aes::Aes192(aes)) => encrypt(aes, link, blocks),
            (Direction::Encrypt, Aes::Aes256(aes)) => encrypt(aes, link, blocks),
            (Direction::Decrypt, Aes::Aes128(aes)) => decrypt(aes, link, blocks),
            (Direction::Decrypt, Aes::Aes192(aes)) => decrypt(aes, link, blocks),
            (Direction::Decrypt, Aes::Aes256(aes)) => decrypt(aes, link, blocks),
        };
    }
}

type Blocks<'a> = &'a mut [Block<aes::Aes128>];

fn encrypt<C>(cipher: &C, link: [u8; BLOCK], blocks: Blocks<'_>) -> [u8; BLOCK]
where
    C: BlockCipherEncrypt<BlockSize = cipher::consts::U16>,
{
    let mut chain = cbc::Encryptor::inner_iv_init(cipher, &link.into());
    chain.encrypt_blocks(blocks);
    chain.iv_state().into()
}

fn decrypt<C>(cipher: &C, link: [u8; BLOCK], blocks: Blocks<'_>) -> [u8; BLOCK]
where
    C: BlockCipherDecrypt<BlockSize = cipher::consts::U16>,
{
    let mut chain = cbc::Decryptor::inner_iv_init(cipher, &link.into());
    chain.decrypt_blocks(blocks);
    chain.iv_state().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    /// NIST SP 800-38A, F.2.1, F.2.3 and F.2.5.
    #[test]
    fn the_vectors_of_sp_800_38a_come_out_in_any_parts() {
        let iv: [u8; BLOCK] = hex("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
        let plain = hex(concat!(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
            "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
        ));
        for (key, text) in [
            (
                "2b7e151628aed2a6abf7158809cf4f3c",
                concat!(
                    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
                    "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
                ),
            ),
            (
                "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
                concat!(
                    "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a",
                    "571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"
                ),
            ),
            (
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                concat!(
                    "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
                    "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"
                ),
            ),
        ] {
            let aes = Arc::new(Aes::new(&hex(key)).unwrap());
            for parts in [16, 32, 48, 64] {
                let mut data = plain.clone();
                let mut chain = Cbc::new(aes.clone(), Direction::Encrypt, iv);
                data.chunks_mut(parts).for_each(|part| chain.apply(part));
                assert_eq!(data, hex(text));
                let mut chain = Cbc::new(aes.clone(), Direction::Decrypt, iv);
                data.chunks_mut(parts).for_each(|part| chain.apply(part));
                assert_eq!(data, plain);
            }
        }
    }
}
