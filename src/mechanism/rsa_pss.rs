//! RSA with PSS (PKCS#11 3.2, section 6.1): over a digest that the caller made, and over data that is hashed here.

use super::collect::{Most, checking, checking_of_hash, making, making_of_hash};
use super::rsa::{BASE, private, public};
use super::structures::PSS;
use super::{Key, Mechanism, Operation, Verification, parameter};
use crate::ck::{self, *};
use crate::crypto::hash::Hash;
use crate::crypto::rsa::Pss;
use crate::crypto::rsa_padding::pss_capacity;
use crate::error::{Code, Result};
use crate::wire::values::{Field, Parameter};

macro_rules! hashed {
    ($($hash:ident = $id:ident,)*) => {
        /// The rows of RSA with PSS.
        pub(super) const FAMILY: &[Mechanism] = &[
            Mechanism {
                id: CKM_RSA_PKCS_PSS,
                name: "CKM_RSA_PKCS_PSS",
                parts: PSS,
                sign: Some(sign),
                verify: Some(verify),
                ..BASE
            },
            $(Mechanism {
                id: ck::$id,
                name: stringify!($id),
                parts: PSS,
                sign: Some(|key, parameter| sign_hash(key, parameter, Hash::$hash)),
                verify: Some(|key, parameter| verify_hash(key, parameter, Hash::$hash)),
                ..BASE
            },)*
        ];
    };
}
hashed! {
    Sha1 = CKM_SHA1_RSA_PKCS_PSS,
    Sha224 = CKM_SHA224_RSA_PKCS_PSS,
    Sha256 = CKM_SHA256_RSA_PKCS_PSS,
    Sha384 = CKM_SHA384_RSA_PKCS_PSS,
    Sha512 = CKM_SHA512_RSA_PKCS_PSS,
    Sha3_224 = CKM_SHA3_224_RSA_PKCS_PSS,
    Sha3_256 = CKM_SHA3_256_RSA_PKCS_PSS,
    Sha3_384 = CKM_SHA3_384_RSA_PKCS_PSS,
    Sha3_512 = CKM_SHA3_512_RSA_PKCS_PSS,
}

/// The parameter, for a modulus of `bits`.
fn pss(parameter: &Parameter, bits: usize) -> Result<Pss> {
    let [Field::Number(hash), Field::Number(mgf), Field::Number(salt_length)] = *parameter::fields(parameter)? else {
        return Err(Code::MechanismParamInvalid.into());
    };
    let unknown = |what| Code::MechanismParamInvalid.because(what);
    let hash = Hash::from_mechanism(hash).ok_or_else(|| unknown("PSS: hashAlg is no hash"))?;
    let mgf = Hash::from_mgf(mgf).ok_or_else(|| unknown("PSS: mgf is no mask generation function"))?;
    let most = pss_capacity(hash, bits).ok_or(Code::KeySizeRange)?;
    match usize::try_from(salt_length) {
        Ok(salt_length) if salt_length <= most => Ok(Pss { hash, mgf, salt_length }),
        _ => Err(unknown("PSS: sLen is longer than the modulus has room for")),
    }
}

/// The parameter of a mechanism with a hash of its own.
fn pss_with(parameter: &Parameter, bits: usize, hash: Hash) -> Result<Pss> {
    let pss = pss(parameter, bits)?;
    if pss.hash == hash {
        return Ok(pss);
    }
    Err(Code::MechanismParamInvalid.because("PSS: hashAlg is not the hash of the mechanism"))
}

fn exact_length(pss: &Pss, digest: &[u8]) -> Result<()> {
    if digest.len() == pss.hash.output_length() {
        return Ok(());
    }
    Err(Code::DataLenRange.because("the data must be a digest by the hash that hashAlg names"))
}

fn sign(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    let key = private(key)?;
    let (pss, size) = (pss(parameter, key.bits())?, key.size());
    Ok(making(Most(pss.hash.output_length(), Code::DataLenRange), size, move |digest| {
        exact_length(&pss, digest)?;
        key.sign_pss(&pss, digest)
    }))
}

fn verify(key: &Key, parameter: &Parameter) -> Result<Box<dyn Verification>> {
    let key = public(key)?;
    let pss = pss(parameter, key.bits())?;
    Ok(checking(Most(pss.hash.output_length(), Code::DataLenRange), move |digest, signature| {
        exact_length(&pss, digest)?;
        key.verify_pss(&pss, digest, signature)
    }))
}

fn sign_hash(key: &Key, parameter: &Parameter, hash: Hash) -> Result<Box<dyn Operation>> {
    let key = private(key)?;
    let (pss, size) = (pss_with(parameter, key.bits(), hash)?, key.size());
    Ok(making_of_hash(hash, size, move |digest| key.sign_pss(&pss, digest)))
}

fn verify_hash(key: &Key, parameter: &Parameter, hash: Hash) -> Result<Box<dyn Verification>> {
    let key = public(key)?;
    let pss = pss_with(parameter, key.bits(), hash)?;
    Ok(checking_of_hash(hash, move |digest, signature| key.verify_pss(&pss, digest, signature)))
}
