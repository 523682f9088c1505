//! The parameter structures of the mechanisms, field by field as C lays them out.
//!
//! They stand here and not in the rows' own files because the module asks for them too, to read a parameter out of
//! the caller's memory, and must link no cryptography by asking.

use super::Part;
use crate::ck::*;

/// `CK_RSA_PKCS_PSS_PARAMS`: hashAlg, mgf, sLen.
pub(super) const PSS: &[Part] = &[Part::Number, Part::Number, Part::Number];
/// `CK_RSA_PKCS_OAEP_PARAMS`: hashAlg, mgf, source, pSourceData and ulSourceDataLen.
pub(super) const OAEP: &[Part] = &[Part::Number, Part::Number, Part::Number, Part::Bytes];
/// `CK_RSA_AES_KEY_WRAP_PARAMS`: ulAESKeyBits, pOAEPParams.
pub(super) const RSA_AES: &[Part] = &[Part::Number, Part::Struct(OAEP)];
/// `CK_ECDH1_DERIVE_PARAMS`: kdf, ulSharedDataLen and pSharedData, ulPublicDataLen and pPublicData.
pub(super) const ECDH: &[Part] = &[Part::Number, Part::CountedBytes, Part::CountedBytes];
/// `CK_EDDSA_PARAMS`: phFlag, ulContextDataLen and pContextData.
pub(super) const EDDSA: &[Part] = &[Part::Byte, Part::CountedBytes];

/// The structure of a mechanism's parameter; empty where it has none, or plain bytes.
pub fn parts(id: u64) -> &'static [Part] {
    match id {
        CKM_RSA_PKCS_PSS
        | CKM_SHA1_RSA_PKCS_PSS
        | CKM_SHA224_RSA_PKCS_PSS
        | CKM_SHA256_RSA_PKCS_PSS
        | CKM_SHA384_RSA_PKCS_PSS
        | CKM_SHA512_RSA_PKCS_PSS
        | CKM_SHA3_224_RSA_PKCS_PSS
        | CKM_SHA3_256_RSA_PKCS_PSS
        | CKM_SHA3_384_RSA_PKCS_PSS
        | CKM_SHA3_512_RSA_PKCS_PSS => PSS,
        CKM_RSA_PKCS_OAEP => OAEP,
        CKM_RSA_AES_KEY_WRAP => RSA_AES,
        CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => ECDH,
        CKM_EDDSA => EDDSA,
        _ => &[],
    }
}
