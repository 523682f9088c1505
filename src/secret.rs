//! Bytes that must not be left lying about: wiped when dropped, compared in constant time, never printed.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A secret byte string (a PIN, a key value, a plaintext on its way).
///
/// It has no `Debug` and no `Display`, and equality takes the same time wherever the strings differ.
#[derive(Clone, Default)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A secret of `length` zero bytes, to be filled in place.
    pub fn zeroed(length: usize) -> Secret {
        Secret(vec![0; length])
    }

    /// Cuts the secret to its first `length` bytes (no-op where it is shorter) and wipes the rest.
    pub fn truncate(&mut self, length: usize) {
        if length < self.0.len() {
            self.0[length..].zeroize();
            self.0.truncate(length);
        }
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Secret {
        Secret(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Secret {
    /// Takes the bytes over; nothing of them stays outside.
    fn from(bytes: Vec<u8>) -> Secret {
        Secret(bytes)
    }
}

impl std::ops::Deref for Secret {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::ops::DerefMut for Secret {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
