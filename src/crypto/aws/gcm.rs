//! AES-GCM by AWS-LC.

use super::gcm_ffi::Context;
use crate::crypto::gcm::{Direction, MAX_IV, TAG};
use crate::error::{Code, Result};

/// AES-GCM under one key: the key schedule and the table of the hash, made once.
pub struct GcmKey(Context);

impl GcmKey {
    /// Prepares `key`.
    ///
    /// # Errors
    /// [`Code::KeySizeRange`] unless the key has 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Result<GcmKey> {
        Context::keyed(key).map(GcmKey)
    }

    /// Starts one message.
    ///
    /// # Errors
    /// [`Code::MechanismParamInvalid`] for an IV of no or too many bytes.
    pub fn start(&self, direction: Direction, iv: &[u8], aad: &[u8]) -> Result<Gcm> {
        if iv.is_empty() || iv.len() > MAX_IV {
            return Err(Code::MechanismParamInvalid.because("the IV of AES-GCM has 1 to 65,536 bytes"));
        }
        let mut context = self.0.copy()?;
        context.begin(direction, iv)?;
        context.associate(aad)?;
        Ok(Gcm(context))
    }
}

/// One message in progress.
pub struct Gcm(Context);

impl Gcm {
    /// Encrypts or decrypts `input` and appends as many bytes to `output`.
    ///
    /// # Errors
    /// [`Code::FunctionFailed`] where the text grows beyond what one IV may serve.
    pub fn update(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        let start = output.len();
        output.resize(start + input.len(), 0);
        self.0.transform(input, &mut output[start..])
    }

    /// The tag over all that was encrypted.
    ///
    /// # Errors
    /// [`Code::FunctionFailed`] if the library fails.
    pub fn seal(mut self) -> Result<[u8; TAG]> {
        self.0.tag()
    }

    /// Says whether `tag` (the whole, or its first bytes) is that of all that was decrypted.
    ///
    /// # Errors
    /// [`Code::EncryptedDataInvalid`] if not.
    pub fn open(mut self, tag: &[u8]) -> Result<()> {
        self.0.verify(tag)
    }

    /// The same message in the same state.
    ///
    /// # Errors
    /// [`Code::HostMemory`] where there is none.
    pub fn copy(&self) -> Result<Gcm> {
        self.0.copy().map(Gcm)
    }
}
