//! The parameter structures of the mechanisms, field by field as C lays them out.
//!
//! The rows name them; the module reads a parameter out of the caller's memory by them.

use super::Part;

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
