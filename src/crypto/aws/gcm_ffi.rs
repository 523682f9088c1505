//! The cipher contexts of AWS-LC's EVP interface, behind one type that owns one. All `unsafe` for AES-GCM is here.

#![allow(unsafe_code)]

use crate::crypto::gcm::{Direction, TAG};
use crate::error::{Code, Error, Result};
use aws_lc_sys as c;
use std::ffi::c_int;
use std::ptr::{NonNull, null, null_mut};

/// No more than this goes into one call: the interface counts in `int`.
const MOST: usize = 1 << 30;

/// An `EVP_CIPHER_CTX` of AES-GCM with its key set. Freed (and by AWS-LC wiped) when dropped.
pub(super) struct Context(NonNull<c::EVP_CIPHER_CTX>);

// SAFETY: a context is plain memory that belongs to nobody else; AWS-LC ties none to a thread.
unsafe impl Send for Context {}
// SAFETY: through a shared reference a context is only copied, and EVP_CIPHER_CTX_copy only reads its source.
unsafe impl Sync for Context {}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the pointer came from EVP_CIPHER_CTX_new and is freed once, here.
        unsafe { c::EVP_CIPHER_CTX_free(self.0.as_ptr()) }
    }
}

fn failed() -> Error {
    Code::FunctionFailed.because("AES-GCM failed in the cryptographic library")
}

fn done(status: c_int) -> Result<()> {
    if status == 1 { Ok(()) } else { Err(failed()) }
}

impl Context {
    fn new() -> Result<Context> {
        // SAFETY: no arguments; NULL is the only failure.
        NonNull::new(unsafe { c::EVP_CIPHER_CTX_new() }).map(Context).ok_or_else(|| Code::HostMemory.into())
    }

    /// A context with its key set, and no IV yet.
    pub(super) fn keyed(key: &[u8]) -> Result<Context> {
        let cipher: unsafe extern "C" fn() -> *const c::EVP_CIPHER = match key.len() {
            16 => c::EVP_aes_128_gcm,
            24 => c::EVP_aes_192_gcm,
            32 => c::EVP_aes_256_gcm,
            _ => return Err(Code::KeySizeRange.because("an AES key has 16, 24 or 32 bytes")),
        };
        // SAFETY: these functions take nothing and return pointers to static tables.
        let cipher = unsafe { cipher() };
        let context = Context::new()?;
        // SAFETY: the context is live and new; `key` has the length that the cipher reads; a NULL IV means: later.
        done(unsafe { c::EVP_CipherInit_ex(context.0.as_ptr(), cipher, null_mut(), key.as_ptr(), null(), 1) })?;
        Ok(context)
    }

    /// A copy in the same state.
    pub(super) fn copy(&self) -> Result<Context> {
        let copy = Context::new()?;
        // SAFETY: both contexts are live; the source is only read, the target is new.
        match unsafe { c::EVP_CIPHER_CTX_copy(copy.0.as_ptr(), self.0.as_ptr()) } {
            1 => Ok(copy),
            _ => Err(Code::HostMemory.into()),
        }
    }

    /// Sets direction and IV. `iv` has between 1 and `MAX_IV` bytes.
    pub(super) fn begin(&mut self, direction: Direction, iv: &[u8]) -> Result<()> {
        let context = self.0.as_ptr();
        let length = c_int::try_from(iv.len()).map_err(|_| failed())?;
        // SAFETY: the context is live and exclusively ours; this command takes no pointer.
        done(unsafe { c::EVP_CIPHER_CTX_ctrl(context, c::EVP_CTRL_AEAD_SET_IVLEN, length, null_mut()) })?;
        let encrypt = c_int::from(direction == Direction::Encrypt);
        // SAFETY: as above; NULL cipher and key keep those that are set; `iv` has the length that was set just now.
        done(unsafe { c::EVP_CipherInit_ex(context, null(), null_mut(), null(), iv.as_ptr(), encrypt) })
    }

    /// Takes associated data.
    pub(super) fn associate(&mut self, data: &[u8]) -> Result<()> {
        for part in data.chunks(MOST) {
            let mut written = 0;
            // SAFETY: the context is live and ours; a NULL output says that `part`, readable for its length, is
            // associated data, of which nothing is written.
            done(unsafe {
                c::EVP_CipherUpdate(self.0.as_ptr(), null_mut(), &mut written, part.as_ptr(), part.len() as c_int)
            })?;
        }
        Ok(())
    }

    /// Encrypts or decrypts `input` into `output`, which is as long.
    pub(super) fn transform(&mut self, input: &[u8], output: &mut [u8]) -> Result<()> {
        assert_eq!(input.len(), output.len());
        for (from, to) in input.chunks(MOST).zip(output.chunks_mut(MOST)) {
            let mut written = 0;
            // SAFETY: the context is live and ours; GCM is a stream: it writes exactly as many bytes as it reads, and
            // both slices have `from.len()`, which is not 0 and fits an int. They do not overlap.
            done(unsafe {
                c::EVP_CipherUpdate(self.0.as_ptr(), to.as_mut_ptr(), &mut written, from.as_ptr(), from.len() as c_int)
            })?;
        }
        Ok(())
    }

    /// Ends an encryption: the tag.
    pub(super) fn tag(&mut self) -> Result<[u8; TAG]> {
        let (mut tag, mut nothing, mut written) = ([0u8; TAG], [0u8; TAG], 0);
        // SAFETY: the context is live and ours; the last step of GCM writes no text (and a block has room here).
        done(unsafe { c::EVP_CipherFinal_ex(self.0.as_ptr(), nothing.as_mut_ptr(), &mut written) })?;
        // SAFETY: as above; the command writes as many bytes as it is told, and `tag` has them.
        done(unsafe {
            c::EVP_CIPHER_CTX_ctrl(self.0.as_ptr(), c::EVP_CTRL_AEAD_GET_TAG, TAG as c_int, tag.as_mut_ptr().cast())
        })?;
        Ok(tag)
    }

    /// Ends a decryption: compares, in constant time, the tag or its first bytes.
    pub(super) fn verify(&mut self, tag: &[u8]) -> Result<()> {
        let (mut expected, mut nothing, mut written) = ([0u8; TAG], [0u8; TAG], 0);
        let invalid = || Error::from(Code::EncryptedDataInvalid);
        let length = tag.len();
        expected.get_mut(..length).filter(|slot| !slot.is_empty()).ok_or_else(invalid)?.copy_from_slice(tag);
        // SAFETY: the context is live and ours; the command reads `length` bytes, of which `expected` has 16 or fewer.
        done(unsafe {
            c::EVP_CIPHER_CTX_ctrl(
                self.0.as_ptr(),
                c::EVP_CTRL_AEAD_SET_TAG,
                length as c_int,
                expected.as_mut_ptr().cast(),
            )
        })?;
        // SAFETY: as above; the last step of GCM writes no text (and a block has room here).
        let status = unsafe { c::EVP_CipherFinal_ex(self.0.as_ptr(), nothing.as_mut_ptr(), &mut written) };
        done(status).map_err(|_| invalid())
    }
}
