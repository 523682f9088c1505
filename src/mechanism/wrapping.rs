//! Wrapping with mechanisms that encrypt: what they do to data, done to the bytes of a key, with the return codes
//! that the standard has for keys.

use super::{Begin, Key};
use crate::ck;
use crate::error::{Code, Error, Result};
use crate::object::Object;
use crate::secret::Secret;
use crate::wire::values::Parameter;
use zeroize::Zeroizing;

/// The bytes of a secret key.
pub(super) fn value(key: &Object) -> Result<&[u8]> {
    key.bytes(ck::CKA_VALUE).ok_or_else(|| Code::KeyTypeInconsistent.because("the key has no value"))
}

/// Wraps the bytes of a key by encrypting them.
pub(super) fn wrap(encrypt: Begin, key: &Key, parameter: &Parameter, bytes: &[u8]) -> Result<Vec<u8>> {
    whole(encrypt, key, parameter, bytes).map(|mut wrapped| std::mem::take(&mut *wrapped)).map_err(about_key)
}

/// Unwraps the bytes of a key by decrypting them.
pub(super) fn unwrap(decrypt: Begin, key: &Key, parameter: &Parameter, wrapped: &[u8]) -> Result<Secret> {
    whole(decrypt, key, parameter, wrapped)
        .map(|mut bytes| Secret::from(std::mem::take(&mut *bytes)))
        .map_err(about_key)
}

/// One operation from its beginning to its end. Whatever came out before a failure is wiped.
fn whole(begin: Begin, key: &Key, parameter: &Parameter, input: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut operation = begin(key, parameter)?;
    // Room for all at once: a vector that moves leaves its bytes behind.
    let mut output = Zeroizing::new(Vec::with_capacity(operation.finish_bound(input.len())));
    operation.update(input, &mut output)?;
    operation.finish(&mut output)?;
    Ok(output)
}

/// What is said of data, said of a key.
fn about_key(error: Error) -> Error {
    match error.code() {
        Code::DataLenRange => Code::KeySizeRange.because("the mechanism cannot wrap a key of this length"),
        Code::EncryptedDataLenRange => Code::WrappedKeyLenRange.into(),
        Code::EncryptedDataInvalid => Code::WrappedKeyInvalid.into(),
        _ => error,
    }
}

/// What is said of a key, said of data: for mechanisms whose first business is wrapping.
pub(super) fn about_data(error: Error) -> Error {
    match error.code() {
        Code::KeySizeRange => Code::DataLenRange.into(),
        Code::WrappedKeyLenRange => Code::EncryptedDataLenRange.into(),
        Code::WrappedKeyInvalid => Code::EncryptedDataInvalid.into(),
        _ => error,
    }
}
