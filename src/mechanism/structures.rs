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
/// `CK_PRF_DATA_PARAM`: type, pValue and ulValueLen.
const PRF_DATA: &[Part] = &[Part::Number, Part::Bytes];
/// `CK_SP800_108_KDF_PARAMS`: prfType, ulNumberOfDataParams and pDataParams, ulAdditionalDerivedKeys, pAdditionalDerivedKeys.
pub(super) const KDF: &[Part] = &[Part::Number, Part::CountedStructs(PRF_DATA), Part::Number, Part::Number];
/// `CK_SP800_108_FEEDBACK_KDF_PARAMS`: the same with ulIVLen and pIV before the additional keys.
pub(super) const KDF_FEEDBACK: &[Part] =
    &[Part::Number, Part::CountedStructs(PRF_DATA), Part::CountedBytes, Part::Number, Part::Number];
/// `CK_TLS12_MASTER_KEY_DERIVE_PARAMS`: RandomInfo (the client's and the server's), pVersion, prfHashMechanism.
pub(super) const TLS_MASTER: &[Part] = &[Part::Bytes, Part::Bytes, Part::Number, Part::Number];
/// `CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS`: prfHashMechanism, pSessionHash and ulSessionHashLen, pVersion.
pub(super) const TLS_EXTENDED: &[Part] = &[Part::Number, Part::Bytes, Part::Number];
/// `CK_TLS_KDF_PARAMS`: prfMechanism, pLabel, RandomInfo (the client's and the server's), pContextData, each with its length.
pub(super) const TLS_KDF: &[Part] = &[Part::Number, Part::Bytes, Part::Bytes, Part::Bytes, Part::Bytes];
/// `CK_TLS_MAC_PARAMS`: prfHashMechanism, ulMacLength, ulServerOrClient.
pub(super) const TLS_MAC: &[Part] = &[Part::Number, Part::Number, Part::Number];
/// `CK_IKE_PRF_DERIVE_PARAMS`: prfMechanism, bDataAsKey, bRekey, pNi and ulNiLen, pNr and ulNrLen, hNewKey.
pub(super) const IKE_PRF: &[Part] = &[Part::Number, Part::Byte, Part::Byte, Part::Bytes, Part::Bytes, Part::Key];
/// `CK_IKE1_PRF_DERIVE_PARAMS`: prfMechanism, bHasPrevKey, hKeygxy, hPrevKey, pCKYi and ulCKYiLen, pCKYr and ulCKYrLen,
/// keyNumber.
pub(super) const IKE1_PRF: &[Part] =
    &[Part::Number, Part::Byte, Part::Key, Part::Key, Part::Bytes, Part::Bytes, Part::Byte];
/// `CK_IKE1_EXTENDED_DERIVE_PARAMS` and `CK_IKE2_PRF_PLUS_DERIVE_PARAMS`: prfMechanism, whether there is a key, the key,
/// data and its length.
pub(super) const IKE_LONG: &[Part] = &[Part::Number, Part::Byte, Part::Key, Part::Bytes];
