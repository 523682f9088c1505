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
/// `CK_HKDF_PARAMS`: bExtract, bExpand, prfHashMechanism, ulSaltType, pSalt and ulSaltLen, hSaltKey, pInfo and ulInfoLen.
pub(super) const HKDF: &[Part] =
    &[Part::Byte, Part::Byte, Part::Number, Part::Number, Part::Bytes, Part::Key, Part::Bytes];
/// `CK_KEY_DERIVATION_STRING_DATA`: pData and ulLen.
pub(super) const STRING_DATA: &[Part] = &[Part::Bytes];
/// `CK_PKCS5_PBKD2_PARAMS2` and `CK_PKCS5_PBKD2_PARAMS`: saltSource, pSaltSourceData and ulSaltSourceDataLen, iterations,
/// prf, pPrfData and ulPrfDataLen, pPassword and ulPasswordLen.
pub(super) const PBKD2: &[Part] = &[Part::Number, Part::Bytes, Part::Number, Part::Number, Part::Bytes, Part::Password];
