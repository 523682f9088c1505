//! What derivations share: the keys they start from, and the lengths of the keys they make.

use crate::ck::*;
use crate::error::{Code, Result};
use crate::object::Object;

/// Secret keys of every type.
pub(super) const SECRETS: &[u64] = &[
    CKK_GENERIC_SECRET,
    CKK_AES,
    CKK_HKDF,
    CKK_SHA_1_HMAC,
    CKK_SHA224_HMAC,
    CKK_SHA256_HMAC,
    CKK_SHA384_HMAC,
    CKK_SHA512_HMAC,
    CKK_SHA512_224_HMAC,
    CKK_SHA512_256_HMAC,
    CKK_SHA3_224_HMAC,
    CKK_SHA3_256_HMAC,
    CKK_SHA3_384_HMAC,
    CKK_SHA3_512_HMAC,
    CKK_BLAKE2B_160_HMAC,
    CKK_BLAKE2B_256_HMAC,
    CKK_BLAKE2B_384_HMAC,
    CKK_BLAKE2B_512_HMAC,
];

/// The longest key that is derived.
pub(super) const LONGEST_KEY: usize = 64 * 1024;

/// The length of the key in the draft, where it says one.
pub(super) fn wanted_length(draft: &Object) -> Result<Option<usize>> {
    let fixed = match draft.key_type() {
        CKK_DES => Some(8),
        CKK_DES2 => Some(16),
        CKK_DES3 => Some(24),
        CKK_CHACHA20 | CKK_POLY1305 => Some(32),
        _ => None,
    };
    match (draft.number(CKA_VALUE_LEN), fixed) {
        (None | Some(0), fixed) => Ok(fixed),
        (Some(length), _) => match usize::try_from(length) {
            Ok(length) if length <= LONGEST_KEY => Ok(Some(length)),
            _ => Err(Code::KeySizeRange.because("CKA_VALUE_LEN is beyond what is derived")),
        },
    }
}

/// The length of the key, which the template must say.
pub(super) fn needed_length(draft: &Object) -> Result<usize> {
    wanted_length(draft)?.ok_or_else(|| Code::TemplateIncomplete.because("CKA_VALUE_LEN is missing"))
}
