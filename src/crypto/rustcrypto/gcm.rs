//! AES-GCM in pure Rust, composed of the counter mode and GHASH, because the crate `aes-gcm` fixes the length of
//! the IV when it is compiled and takes a message only whole.

use crate::crypto::aes::{Aes, BLOCK};
use crate::crypto::aes_ctr::Ctr;
use crate::crypto::gcm::{Direction, MAX_IV, TAG};
use crate::error::{Code, Result};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// AES-GCM under one key: the key schedule and the hash's key, made once.
pub struct GcmKey {
    aes: Arc<Aes>,
    hash: GHash,
}

impl GcmKey {
    /// Prepares `key`.
    ///
    /// # Errors
    /// [`Code::KeySizeRange`] unless the key has 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Result<GcmKey> {
        let aes = Aes::new(key)?;
        let mut subkey = [0; BLOCK];
        aes.encrypt_block(&mut subkey);
        let hash = GHash::new(&subkey.into());
        subkey.zeroize();
        Ok(GcmKey { aes: Arc::new(aes), hash })
    }

    /// Starts one message.
    ///
    /// # Errors
    /// [`Code::MechanismParamInvalid`] for an IV of no or too many bytes.
    pub fn start(&self, direction: Direction, iv: &[u8], aad: &[u8]) -> Result<Gcm> {
        if iv.is_empty() || iv.len() > MAX_IV {
            return Err(Code::MechanismParamInvalid.because("the IV of AES-GCM has 1 to 65,536 bytes"));
        }
        let mut stream = Ctr::new(self.aes.clone(), 32, self.first_block(iv));
        let mut mask = [0; TAG];
        stream.apply(&mut mask);
        let mut hash = Hash::new(self.hash.clone());
        hash.update(aad);
        hash.align();
        Ok(Gcm { direction, stream, hash, mask, aad: aad.len() as u64, text: 0 })
    }

    /// J0 of SP 800-38D, section 7.1.
    fn first_block(&self, iv: &[u8]) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        if iv.len() == 12 {
            block[..12].copy_from_slice(iv);
            block[15] = 1;
            return block;
        }
        let mut hash = Hash::new(self.hash.clone());
        hash.update(iv);
        hash.align();
        hash.update(&(iv.len() as u128 * 8).to_be_bytes());
        hash.finish()
    }
}

/// One message in progress.
#[derive(Clone)]
pub struct Gcm {
    direction: Direction,
    stream: Ctr,
    hash: Hash,
    /// The encrypted first counter block, which hides the hash.
    mask: [u8; TAG],
    aad: u64,
    text: u64,
}

impl Drop for Gcm {
    fn drop(&mut self) {
        self.mask.zeroize();
    }
}

impl Gcm {
    /// Encrypts or decrypts `input` and appends as many bytes to `output`.
    ///
    /// # Errors
    /// [`Code::FunctionFailed`] where the text grows beyond what one IV may serve.
    pub fn update(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        let start = output.len();
        output.extend_from_slice(input);
        self.text += input.len() as u64;
        if self.text > crate::crypto::gcm::MAX_TEXT {
            return Err(Code::FunctionFailed.because("the text is longer than one IV may serve"));
        }
        match self.direction {
            Direction::Encrypt => {
                self.stream.apply(&mut output[start..]);
                self.hash.update(&output[start..]);
            }
            Direction::Decrypt => {
                self.hash.update(input);
                self.stream.apply(&mut output[start..]);
            }
        }
        Ok(())
    }

    /// The tag over all that was encrypted.
    ///
    /// # Errors
    /// None here; the other provider's library may fail.
    pub fn seal(mut self) -> Result<[u8; TAG]> {
        Ok(self.tag())
    }

    /// Says whether `tag` (the whole, or its first bytes) is that of all that was decrypted.
    ///
    /// # Errors
    /// [`Code::EncryptedDataInvalid`] if not.
    pub fn open(mut self, tag: &[u8]) -> Result<()> {
        let whole = self.tag();
        match whole.get(..tag.len()) {
            Some(own) if !own.is_empty() && bool::from(own.ct_eq(tag)) => Ok(()),
            _ => Err(Code::EncryptedDataInvalid.into()),
        }
    }

    /// The same message in the same state.
    ///
    /// # Errors
    /// None here; the other provider may lack memory.
    pub fn copy(&self) -> Result<Gcm> {
        Ok(self.clone())
    }

    fn tag(&mut self) -> [u8; TAG] {
        self.hash.align();
        self.hash.update(&(self.aad * 8).to_be_bytes());
        self.hash.update(&(self.text * 8).to_be_bytes());
        let mut tag = self.hash.clone().finish();
        tag.iter_mut().zip(self.mask).for_each(|(byte, mask)| *byte ^= mask);
        tag
    }
}

/// GHASH in parts: the crate takes whole blocks.
#[derive(Clone)]
struct Hash {
    state: GHash,
    partial: [u8; BLOCK],
    length: usize,
}

impl Hash {
    fn new(state: GHash) -> Hash {
        Hash { state, partial: [0; BLOCK], length: 0 }
    }

    fn update(&mut self, data: &[u8]) {
        let (head, rest) = data.split_at(((BLOCK - self.length) % BLOCK).min(data.len()));
        self.hold(head);
        let (blocks, tail) = ghash::Block::slice_as_chunks(rest);
        self.state.update(blocks);
        self.hold(tail);
    }

    /// Takes less than a block, or what fills one.
    fn hold(&mut self, bytes: &[u8]) {
        self.partial[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
        if self.length == BLOCK {
            self.state.update(&[self.partial.into()]);
            self.length = 0;
        }
    }

    /// Fills the last block with zeros.
    fn align(&mut self) {
        self.hold(&[0; BLOCK][..(BLOCK - self.length) % BLOCK]);
    }

    fn finish(self) -> [u8; BLOCK] {
        self.state.finalize().into()
    }
}
