//! AES in whole blocks: `CKM_AES_ECB`, `CKM_AES_CBC`, and with the padding of PKCS #7 `CKM_AES_CBC_PAD`.

use super::{Key, Operation, aes, parameter};
use crate::crypto::aes::{Aes, BLOCK};
use crate::crypto::aes_cbc::Cbc;
use crate::crypto::gcm::Direction::{self, Decrypt, Encrypt};
use crate::error::{Code, Result};
use crate::wire::values::Parameter;
use std::sync::Arc;
use subtle::{ConstantTimeEq, ConstantTimeGreater};
use zeroize::Zeroize;

pub(super) fn encrypt_ecb(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    ecb(key, parameter, Encrypt)
}

pub(super) fn decrypt_ecb(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    ecb(key, parameter, Decrypt)
}

pub(super) fn encrypt_cbc(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    cbc(key, parameter, Encrypt, Padding::None)
}

pub(super) fn decrypt_cbc(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    cbc(key, parameter, Decrypt, Padding::None)
}

pub(super) fn encrypt_cbc_pad(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    cbc(key, parameter, Encrypt, Padding::Pkcs7)
}

pub(super) fn decrypt_cbc_pad(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    cbc(key, parameter, Decrypt, Padding::Pkcs7)
}

fn ecb(key: &Key, parameter: &Parameter, direction: Direction) -> Result<Box<dyn Operation>> {
    parameter::none(parameter)?;
    Ok(Blocks::start(Chain::Ecb(aes::schedule(key)?), direction, Padding::None))
}

fn cbc(key: &Key, parameter: &Parameter, direction: Direction, padding: Padding) -> Result<Box<dyn Operation>> {
    let iv = parameter::bytes(parameter)?;
    Ok(Blocks::start(Chain::Cbc(Cbc::new(aes::schedule(key)?, direction, iv)), direction, padding))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Padding {
    None,
    Pkcs7,
}

#[derive(Clone)]
enum Chain {
    Ecb(Arc<Aes>),
    Cbc(Cbc),
}

/// A block mode in progress: it holds back what is not yet a block, or (before padding is taken off) may be the last.
#[derive(Clone)]
struct Blocks {
    chain: Chain,
    direction: Direction,
    padding: Padding,
    held: [u8; BLOCK],
    length: usize,
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}

impl Blocks {
    fn start(chain: Chain, direction: Direction, padding: Padding) -> Box<dyn Operation> {
        Box::new(Blocks { chain, direction, padding, held: [0; BLOCK], length: 0 })
    }

    /// Of so many bytes, held and new, how many go through now.
    fn through(&self, total: usize) -> usize {
        match (self.padding, self.direction) {
            (Padding::Pkcs7, Decrypt) => total.saturating_sub(1) / BLOCK * BLOCK,
            (Padding::Pkcs7, Encrypt) | (Padding::None, _) => total / BLOCK * BLOCK,
        }
    }

    fn apply(&mut self, data: &mut [u8]) {
        match (&mut self.chain, self.direction) {
            (Chain::Ecb(aes), Encrypt) => aes.encrypt_blocks(data),
            (Chain::Ecb(aes), Decrypt) => aes.decrypt_blocks(data),
            (Chain::Cbc(cbc), _) => cbc.apply(data),
        }
    }

    /// The last block with its padding (RFC 5652, section 6.3).
    fn pad(&mut self, output: &mut Vec<u8>) {
        let mut last = [(BLOCK - self.length) as u8; BLOCK];
        last[..self.length].copy_from_slice(&self.held[..self.length]);
        self.apply(&mut last);
        output.extend_from_slice(&last);
    }

    /// The last block without its padding.
    fn unpad(&mut self, output: &mut Vec<u8>) -> Result<()> {
        if self.length != BLOCK {
            return Err(Code::EncryptedDataLenRange.into());
        }
        let mut last = self.held;
        self.apply(&mut last);
        let unpadded = unpadded(&last).map(|length| output.extend_from_slice(&last[..length]));
        last.zeroize();
        unpadded.ok_or_else(|| Code::EncryptedDataInvalid.into())
    }
}

/// How long a block is without its padding, if that is right. Every byte is looked at, whichever is wrong.
fn unpadded(block: &[u8; BLOCK]) -> Option<usize> {
    let pad = block[BLOCK - 1];
    let mut right = pad.ct_gt(&0) & !pad.ct_gt(&(BLOCK as u8));
    for (from_end, byte) in (0u8..).zip(block.iter().rev()) {
        right &= byte.ct_eq(&pad) | !pad.ct_gt(&from_end);
    }
    bool::from(right).then(|| BLOCK - usize::from(pad))
}

impl Operation for Blocks {
    fn update(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        let through = self.through(self.length + input.len());
        if through == 0 {
            self.held[self.length..self.length + input.len()].copy_from_slice(input);
            self.length += input.len();
            return Ok(());
        }
        let start = output.len();
        let (now, later) = input.split_at(through - self.length);
        output.reserve(through);
        output.extend_from_slice(&self.held[..self.length]);
        output.extend_from_slice(now);
        self.apply(&mut output[start..]);
        self.held[..later.len()].copy_from_slice(later);
        self.length = later.len();
        Ok(())
    }

    fn finish(mut self: Box<Self>, output: &mut Vec<u8>) -> Result<()> {
        match (self.padding, self.direction) {
            (Padding::Pkcs7, Encrypt) => {
                self.pad(output);
                Ok(())
            }
            (Padding::Pkcs7, Decrypt) => self.unpad(output),
            (Padding::None, _) if self.length == 0 => Ok(()),
            (Padding::None, Encrypt) => Err(Code::DataLenRange.because("the data must be whole blocks of 16 bytes")),
            (Padding::None, Decrypt) => Err(Code::EncryptedDataLenRange.into()),
        }
    }

    fn update_bound(&self, input: usize) -> usize {
        self.through(self.length.saturating_add(input))
    }

    fn finish_bound(&self, input: usize) -> usize {
        let total = self.length.saturating_add(input);
        match (self.padding, self.direction) {
            (Padding::None, _) => self.through(total),
            (Padding::Pkcs7, Encrypt) => self.through(total).saturating_add(BLOCK),
            (Padding::Pkcs7, Decrypt) => total.saturating_sub(1),
        }
    }

    fn duplicate(&self) -> Box<dyn Operation> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck;
    use crate::crypto::testing::{Dice, hex};
    use crate::mechanism::testing::{aes_key, code, run, stream};
    use crate::mechanism::{Mechanism, find};

    fn row(id: u64) -> (&'static Mechanism, Parameter) {
        let iv = if id == ck::CKM_AES_ECB { Parameter::None } else { Parameter::Bytes(vec![9; 16].into()) };
        (find(id).unwrap(), iv)
    }

    const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
    const ALL: [u64; 3] = [ck::CKM_AES_ECB, ck::CKM_AES_CBC, ck::CKM_AES_CBC_PAD];

    #[test]
    fn what_was_encrypted_is_decrypted_in_any_parts() {
        let (key, mut dice) = (aes_key(KEY), Dice::new(3));
        for id in ALL {
            let (row, parameter) = row(id);
            let encrypt = || row.encrypt.unwrap()(&key, &parameter).unwrap();
            let decrypt = || row.decrypt.unwrap()(&key, &parameter).unwrap();
            for _ in 0..100 {
                let length = dice.below(100);
                let length = if id == ck::CKM_AES_CBC_PAD { length } else { length / 16 * 16 };
                let plain = dice.bytes(length);
                let text = run(encrypt(), &plain).unwrap();
                assert_eq!(text.len(), encrypt().finish_bound(length));
                for _ in 0..5 {
                    assert_eq!(crate::mechanism::testing::parts(encrypt(), &plain, &mut dice), text);
                    assert_eq!(crate::mechanism::testing::parts(decrypt(), &text, &mut dice), plain);
                }
            }
        }
        let (row, parameter) = row(ck::CKM_AES_CBC_PAD);
        let begin = || row.encrypt.unwrap()(&key, &parameter).unwrap();
        stream(begin, |data| run(begin(), data).unwrap());
    }

    /// The vectors of NIST SP 800-38A, F.1.1 and F.2.1, by way of the rows; the padding block by openssl enc.
    #[test]
    fn the_vectors_come_out_of_the_rows() {
        let key = aes_key(KEY);
        let plain = hex("6bc1bee22e409f96e93d7e117393172a");
        let iv = Parameter::Bytes(hex("000102030405060708090a0b0c0d0e0f").into());
        let first =
            |id, parameter: &Parameter| run(find(id).unwrap().encrypt.unwrap()(&key, parameter).unwrap(), &plain);
        assert_eq!(first(ck::CKM_AES_ECB, &Parameter::None).unwrap(), hex("3ad77bb40d7a3660a89ecaf32466ef97"));
        assert_eq!(first(ck::CKM_AES_CBC, &iv).unwrap(), hex("7649abac8119b246cee98e9b12e9197d"));
        let padded = hex("7649abac8119b246cee98e9b12e9197d8964e0b149c10b7b682e6e39aaeb731c");
        assert_eq!(first(ck::CKM_AES_CBC_PAD, &iv).unwrap(), padded);
    }

    #[test]
    fn lengths_that_are_no_blocks_are_refused_with_the_code_of_the_call() {
        let key = aes_key(KEY);
        for id in ALL {
            let (row, parameter) = row(id);
            let decrypted = run(row.decrypt.unwrap()(&key, &parameter).unwrap(), &[0; 17]);
            assert_eq!(code(decrypted), Some(Code::EncryptedDataLenRange));
            assert_eq!(code(row.unwrap.unwrap()(&key, &parameter, &[0; 17])), Some(Code::WrappedKeyLenRange));
            if id != ck::CKM_AES_CBC_PAD {
                let encrypted = run(row.encrypt.unwrap()(&key, &parameter).unwrap(), &[0; 17]);
                assert_eq!(code(encrypted), Some(Code::DataLenRange));
                assert_eq!(code(row.wrap.unwrap()(&key, &parameter, &[0; 17])), Some(Code::KeySizeRange));
            }
        }
        let (row, parameter) = row(ck::CKM_AES_CBC_PAD);
        let nothing = run(row.decrypt.unwrap()(&key, &parameter).unwrap(), &[]);
        assert_eq!(code(nothing), Some(Code::EncryptedDataLenRange));
    }

    #[test]
    fn exactly_right_padding_is_taken_off() {
        for pad in 0..=255u8 {
            let mut block = [0xee; BLOCK];
            let length = usize::from(pad).min(BLOCK);
            block[BLOCK - length..].fill(pad);
            block[BLOCK - 1] = pad;
            let right = (1..=16).contains(&pad);
            assert_eq!(unpadded(&block), right.then(|| BLOCK - length));
            for at in BLOCK - length..BLOCK {
                block[at] ^= 0x40;
                assert!(!right || unpadded(&block).is_none());
                block[at] ^= 0x40;
            }
        }
    }

    #[test]
    fn wrong_padding_is_invalid_data_or_an_invalid_key() {
        let key = aes_key(KEY);
        let (cbc, iv) = row(ck::CKM_AES_CBC);
        let text = run(cbc.encrypt.unwrap()(&key, &iv).unwrap(), &[3; 32]).unwrap();
        let (row, iv) = row(ck::CKM_AES_CBC_PAD);
        assert_eq!(row.unwrap.unwrap()(&key, &iv, &text).unwrap().to_vec(), [3; 29]);
        let text = run(cbc.encrypt.unwrap()(&key, &iv).unwrap(), &[4, 3].repeat(16)).unwrap();
        assert_eq!(code(run(row.decrypt.unwrap()(&key, &iv).unwrap(), &text)), Some(Code::EncryptedDataInvalid));
        assert_eq!(code(row.unwrap.unwrap()(&key, &iv, &text)), Some(Code::WrappedKeyInvalid));
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        let key = aes_key(KEY);
        for (id, length) in [(ck::CKM_AES_ECB, 16), (ck::CKM_AES_CBC, 8), (ck::CKM_AES_CBC_PAD, 17)] {
            let parameter = Parameter::Bytes(vec![0; length].into());
            assert_eq!(code(find(id).unwrap().encrypt.unwrap()(&key, &parameter)), Some(Code::MechanismParamInvalid));
        }
        assert_eq!(code(encrypt_cbc(&key, &Parameter::None)), Some(Code::MechanismParamInvalid));
    }
}
