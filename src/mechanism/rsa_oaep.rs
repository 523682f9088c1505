//! RSA with OAEP, and AES keys wrapped with it that wrap longer keys (PKCS#11 3.2, section 6.1).

use super::collect::{Most, making};
use super::rsa::{BASE, private, public, unwrapping, wrapping};
use super::structures::{OAEP, RSA_AES};
use super::{Key, Mechanism, Operation, parameter};
use crate::ck::*;
use crate::crypto::hash::Hash;
use crate::crypto::rsa::Oaep;
use crate::crypto::{kw, random};
use crate::error::{Code, Result};
use crate::secret::Secret;
use crate::wire::values::{Field, Parameter};

/// The rows of RSA with OAEP.
pub(super) const FAMILY: &[Mechanism] = &[
    Mechanism {
        id: CKM_RSA_PKCS_OAEP,
        name: "CKM_RSA_PKCS_OAEP",
        parts: OAEP,
        encrypt: Some(encrypt),
        decrypt: Some(decrypt),
        wrap: Some(wrap),
        unwrap: Some(unwrap),
        ..BASE
    },
    Mechanism {
        id: CKM_RSA_AES_KEY_WRAP,
        name: "CKM_RSA_AES_KEY_WRAP",
        parts: RSA_AES,
        wrap: Some(wrap_aes),
        unwrap: Some(unwrap_aes),
        ..BASE
    },
];

/// The longest label: hashed once for every operation.
const LONGEST_LABEL: usize = 64 * 1024;

/// The parameter, from its fields.
fn oaep(fields: &[Field], size: usize) -> Result<Oaep> {
    let wrong = |what| Code::MechanismParamInvalid.because(what);
    let [Field::Number(hash), Field::Number(mgf), Field::Number(source), Field::Bytes(label)] = fields else {
        return Err(Code::MechanismParamInvalid.into());
    };
    let hash = Hash::from_mechanism(*hash).ok_or_else(|| wrong("OAEP: hashAlg is no hash"))?;
    let mgf = Hash::from_mgf(*mgf).ok_or_else(|| wrong("OAEP: mgf is no mask generation function"))?;
    // A source of 0 with no label is what versions of the standard before 2.20 asked for.
    if *source != CKZ_DATA_SPECIFIED && (*source != 0 || !label.is_empty()) {
        return Err(wrong("OAEP: source is not CKZ_DATA_SPECIFIED"));
    }
    if label.len() > LONGEST_LABEL {
        return Err(wrong("OAEP: the label has more than 65,536 bytes"));
    }
    let oaep = Oaep { hash, mgf, label: label.to_vec() };
    match oaep.capacity(size) {
        Some(_) => Ok(oaep),
        None => Err(Code::KeySizeRange.because("OAEP: the modulus is too short for this hash")),
    }
}

fn oaep_of(parameter: &Parameter, size: usize) -> Result<Oaep> {
    oaep(parameter::fields(parameter)?, size)
}

fn encrypt(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    let key = public(key)?;
    let (oaep, size) = (oaep_of(parameter, key.size())?, key.size());
    let most = Most(oaep.capacity(size).unwrap_or(0), Code::DataLenRange);
    Ok(making(most, size, move |data| key.encrypt_oaep(&oaep, data).map(Secret::from)))
}

fn decrypt(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    let key = private(key)?;
    let (oaep, size) = (oaep_of(parameter, key.size())?, key.size());
    let bound = oaep.capacity(size).unwrap_or(0);
    Ok(making(Most(size, Code::EncryptedDataLenRange), bound, move |ciphertext| key.decrypt_oaep(&oaep, ciphertext)))
}

fn wrap(key: &Key, parameter: &Parameter, value: &[u8]) -> Result<Vec<u8>> {
    let key = public(key)?;
    key.encrypt_oaep(&oaep_of(parameter, key.size())?, value).map_err(wrapping)
}

fn unwrap(key: &Key, parameter: &Parameter, wrapped: &[u8]) -> Result<Secret> {
    let key = private(key)?;
    key.decrypt_oaep(&oaep_of(parameter, key.size())?, wrapped).map_err(unwrapping)
}

/// The length of the AES key in bytes, and the OAEP parameter.
fn aes_and_oaep(parameter: &Parameter, size: usize) -> Result<(usize, Oaep)> {
    let [Field::Number(bits), Field::Fields(Some(fields))] = parameter::fields(parameter)? else {
        return Err(Code::MechanismParamInvalid.because("RSA_AES_KEY_WRAP: pOAEPParams is NULL"));
    };
    let length = match bits {
        128 => 16,
        192 => 24,
        256 => 32,
        _ => return Err(Code::MechanismParamInvalid.because("RSA_AES_KEY_WRAP: ulAESKeyBits is not 128, 192 or 256")),
    };
    Ok((length, oaep(fields, size)?))
}

fn wrap_aes(key: &Key, parameter: &Parameter, value: &[u8]) -> Result<Vec<u8>> {
    let key = public(key)?;
    let (length, oaep) = aes_and_oaep(parameter, key.size())?;
    let aes = random::secret(length)?;
    let mut wrapped = key.encrypt_oaep(&oaep, &aes).map_err(wrapping)?;
    wrapped.extend_from_slice(&kw::wrap_padded(&aes, value)?);
    Ok(wrapped)
}

fn unwrap_aes(key: &Key, parameter: &Parameter, wrapped: &[u8]) -> Result<Secret> {
    let key = private(key)?;
    let (length, oaep) = aes_and_oaep(parameter, key.size())?;
    let (first, rest) = wrapped.split_at_checked(key.size()).ok_or(Code::WrappedKeyLenRange)?;
    if rest.len() < 16 || !rest.len().is_multiple_of(8) {
        return Err(Code::WrappedKeyLenRange.into());
    }
    let aes = key.decrypt_oaep(&oaep, first).map_err(unwrapping)?;
    if aes.len() != length {
        return Err(Code::WrappedKeyInvalid.into());
    }
    kw::unwrap_padded(&aes, rest).map_err(|_| Code::WrappedKeyInvalid.into())
}
