//! Counter mode, NIST SP 800-38A, with a counter of any number of bits: CK_AES_CTR_PARAMS asks for 1 to 128, and
//! AES-GCM for 32. Written over the block cipher because the crate has counters of 32, 64 and 128 bits only.

use crate::crypto::aes::{Aes, BLOCK};
use std::sync::Arc;
use zeroize::Zeroize;

/// Blocks of key stream made at a time: enough to keep the processor's pipeline full.
const BATCH: usize = 32;

/// A counter mode key stream.
#[derive(Clone)]
pub struct Ctr {
    aes: Arc<Aes>,
    counter: u128,
    /// The bits of the counter block that count.
    counting: u128,
    /// Blocks that can be made before the counter comes round; saturated where it never will.
    blocks: u128,
    /// What is left of the last block: its last `left` bytes.
    last: [u8; BLOCK],
    left: usize,
}

impl Drop for Ctr {
    fn drop(&mut self) {
        self.last.zeroize();
    }
}

impl Ctr {
    /// A stream from `block` on, whose last `bits` bits (1 to 128) are the counter.
    pub fn new(aes: Arc<Aes>, bits: u32, block: [u8; BLOCK]) -> Ctr {
        let counter = u128::from_be_bytes(block);
        let counting = u128::MAX >> (128 - bits.clamp(1, 128));
        let blocks = (counting - (counter & counting)).saturating_add(1);
        Ctr { aes, counter, counting, blocks, last: [0; BLOCK], left: 0 }
    }

    /// Whether `length` more bytes can be had before the counter comes round.
    pub fn has(&self, length: usize) -> bool {
        let beyond = length.saturating_sub(self.left);
        beyond.div_ceil(BLOCK) as u128 <= self.blocks
    }

    /// Encrypts or decrypts `data` in place. A counter that comes round goes on in its own bits.
    pub fn apply(&mut self, data: &mut [u8]) {
        let (head, rest) = data.split_at_mut(self.left.min(data.len()));
        xor(head, &self.last[BLOCK - self.left..]);
        self.left -= head.len();
        let (whole, tail) = rest.split_at_mut(rest.len() / BLOCK * BLOCK);
        let mut stream = [0; BATCH * BLOCK];
        for batch in whole.chunks_mut(BATCH * BLOCK) {
            let stream = &mut stream[..batch.len()];
            self.produce(stream);
            xor(batch, stream);
        }
        stream.zeroize();
        if !tail.is_empty() {
            let mut last = [0; BLOCK];
            self.produce(&mut last);
            xor(tail, &last);
            (self.last, self.left) = (last, BLOCK - tail.len());
        }
    }

    /// The next blocks of the stream.
    fn produce(&mut self, stream: &mut [u8]) {
        for block in stream.chunks_exact_mut(BLOCK) {
            block.copy_from_slice(&self.counter.to_be_bytes());
            self.counter = (self.counter & !self.counting) | (self.counter.wrapping_add(1) & self.counting);
        }
        self.blocks = self.blocks.saturating_sub((stream.len() / BLOCK) as u128);
        self.aes.encrypt_blocks(stream);
    }
}

fn xor(data: &mut [u8], stream: &[u8]) {
    data.iter_mut().zip(stream).for_each(|(byte, stream)| *byte ^= stream);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{Dice, hex};

    fn ctr(key: &[u8], bits: u32, block: &[u8]) -> Ctr {
        Ctr::new(Arc::new(Aes::new(key).unwrap()), bits, block.try_into().unwrap())
    }

    /// NIST SP 800-38A, F.5.1 and F.5.5.
    #[test]
    fn the_vectors_of_sp_800_38a_come_out() {
        let plain = hex(concat!(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
            "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
        ));
        for (key, expected) in [
            (
                "2b7e151628aed2a6abf7158809cf4f3c",
                concat!(
                    "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff",
                    "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"
                ),
            ),
            (
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                concat!(
                    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5",
                    "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"
                ),
            ),
        ] {
            let mut data = plain.clone();
            ctr(&hex(key), 128, &hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")).apply(&mut data);
            assert_eq!(data, hex(expected));
        }
    }

    #[test]
    fn the_crate_ctr_agrees_at_its_sizes_and_at_any_split() {
        use ctr::cipher::{KeyIvInit, StreamCipher};
        let mut dice = Dice::new(7);
        for round in 0..200 {
            let (key, mut block, length) = (dice.bytes(32), dice.bytes(16), dice.below(1500));
            block[12..].fill(0xff); // so that the counter comes round its 32 bits
            let mut expected = dice.bytes(length);
            let plain = expected.clone();
            let bits = [32, 64, 128][round % 3];
            match bits {
                32 => {
                    ctr::Ctr32BE::<aes::Aes256>::new_from_slices(&key, &block).unwrap().apply_keystream(&mut expected)
                }
                64 => {
                    ctr::Ctr64BE::<aes::Aes256>::new_from_slices(&key, &block).unwrap().apply_keystream(&mut expected)
                }
                _ => {
                    ctr::Ctr128BE::<aes::Aes256>::new_from_slices(&key, &block).unwrap().apply_keystream(&mut expected)
                }
            }
            let mut stream = ctr(&key, bits, &block);
            let mut made = Vec::new();
            for part in dice.split(&plain) {
                let mut part = part.to_vec();
                stream.apply(&mut part);
                made.extend(part);
            }
            assert!(made == expected, "{bits} bits, {length} bytes");
        }
    }

    #[test]
    fn a_counter_of_two_bits_that_starts_at_one_has_three_blocks() {
        let mut stream = ctr(&[0; 16], 2, &hex("ffffffffffffffffffffffffffffff01"));
        assert!(stream.has(48) && !stream.has(49));
        stream.apply(&mut [0; 33]);
        assert!(stream.has(15) && !stream.has(16));
        stream.apply(&mut [0; 15]);
        assert!(stream.has(0) && !stream.has(1));
        assert!(ctr(&[0; 16], 128, &[0; 16]).has(usize::MAX));
        assert!(!ctr(&[0; 16], 128, &[0xff; 16]).has(17));
        assert!(ctr(&[0; 16], 1, &[0; 16]).has(32));
    }

    #[test]
    fn bits_above_the_counter_stay() {
        let (mut whole, mut second) = ([0; 32], [0; 16]);
        ctr(&[9; 16], 4, &hex("0000000000000000000000000000002f")).apply(&mut whole);
        ctr(&[9; 16], 4, &hex("00000000000000000000000000000020")).apply(&mut second);
        assert_eq!(whole[16..], second);
    }
}
