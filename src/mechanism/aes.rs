//! AES: PKCS#11 3.2, sections "AES" and "AES with Counter". The rows, and how a key gets ready; the modes are in
//! files of their own.

use super::wrapping::{unwrap, value, wrap};
use super::{Key, Mechanism, aes_blocks as blocks, aes_ctr as ctr, generic};
use crate::ck;
use crate::crypto::aes::Aes;
use crate::error::Result;
use std::sync::Arc;

/// The key type of all AES mechanisms.
pub(super) const KEYS: &[u64] = &[ck::CKK_AES];
/// Key sizes in bytes.
pub(super) const SIZES: (u64, u64) = (16, 32);

pub(super) const FAMILY: &[Mechanism] = &[
    Mechanism {
        keys: KEYS,
        sizes: SIZES,
        generate: Some(|parameter, draft| {
            generic::generate(parameter, draft, |length| matches!(length, 16 | 24 | 32), "16, 24 or 32")
        }),
        ..named!(CKM_AES_KEY_GEN)
    },
    Mechanism {
        keys: KEYS,
        sizes: SIZES,
        encrypt: Some(blocks::encrypt_ecb),
        decrypt: Some(blocks::decrypt_ecb),
        wrap: Some(|key, parameter, bytes| wrap(blocks::encrypt_ecb, key, parameter, bytes)),
        unwrap: Some(|key, parameter, wrapped| unwrap(blocks::decrypt_ecb, key, parameter, wrapped)),
        ..named!(CKM_AES_ECB)
    },
    Mechanism {
        keys: KEYS,
        sizes: SIZES,
        encrypt: Some(blocks::encrypt_cbc),
        decrypt: Some(blocks::decrypt_cbc),
        wrap: Some(|key, parameter, bytes| wrap(blocks::encrypt_cbc, key, parameter, bytes)),
        unwrap: Some(|key, parameter, wrapped| unwrap(blocks::decrypt_cbc, key, parameter, wrapped)),
        ..named!(CKM_AES_CBC)
    },
    Mechanism {
        keys: KEYS,
        sizes: SIZES,
        encrypt: Some(blocks::encrypt_cbc_pad),
        decrypt: Some(blocks::decrypt_cbc_pad),
        wrap: Some(|key, parameter, bytes| wrap(blocks::encrypt_cbc_pad, key, parameter, bytes)),
        unwrap: Some(|key, parameter, wrapped| unwrap(blocks::decrypt_cbc_pad, key, parameter, wrapped)),
        ..named!(CKM_AES_CBC_PAD)
    },
    Mechanism {
        keys: KEYS,
        sizes: SIZES,
        parts: ctr::PARTS,
        encrypt: Some(ctr::apply),
        decrypt: Some(ctr::apply),
        wrap: Some(|key, parameter, bytes| wrap(ctr::apply, key, parameter, bytes)),
        unwrap: Some(|key, parameter, wrapped| unwrap(ctr::apply, key, parameter, wrapped)),
        ..named!(CKM_AES_CTR)
    },
];

/// The key schedule, made once for a key.
pub(super) fn schedule(key: &Key) -> Result<Arc<Aes>> {
    key.prepared(|object| Aes::new(value(object)?))
}
