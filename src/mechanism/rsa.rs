//! RSA: key pairs, PKCS#1 v1.5, and the raw operation (PKCS#11 3.2, section 6.1).
//!
//! CKM_RSA_X_509 neither wraps nor unwraps: what it would unwrap to has no length of its own.

use super::collect::{Most, checking, checking_of_hash, making, making_of_hash};
use super::{Key, Made, Mechanism, Operation, Verification, parameter};
use crate::ck::{self, *};
use crate::crypto::hash::Hash;
use crate::crypto::rsa::{Components, PrivateKey, PublicKey, SIZES, generate};
use crate::crypto::rsa_numbers::complete;
use crate::crypto::rsa_padding::{PKCS1_OVERHEAD, digest_info};
use crate::error::{Code, Result};
use crate::object::{self, Object, Value};
use crate::secret::Secret;
use crate::wire::values::Parameter;
use std::sync::Arc;

/// What is the same in all rows of RSA.
pub(super) const BASE: Mechanism =
    Mechanism { keys: &[CKK_RSA], sizes: (SIZES.0 as u64, SIZES.1 as u64), ..Mechanism::NONE };

macro_rules! hashed {
    ($($hash:ident = $id:ident,)*) => {
        /// The rows of RSA with PKCS#1 v1.5 or without padding.
        pub(super) const FAMILY: &[Mechanism] = &[
            Mechanism {
                id: CKM_RSA_PKCS_KEY_PAIR_GEN,
                name: "CKM_RSA_PKCS_KEY_PAIR_GEN",
                generate_pair: Some(generate_pair),
                ..BASE
            },
            Mechanism {
                id: CKM_RSA_PKCS,
                name: "CKM_RSA_PKCS",
                encrypt: Some(encrypt),
                decrypt: Some(decrypt),
                sign: Some(sign),
                verify: Some(verify),
                wrap: Some(wrap),
                unwrap: Some(unwrap),
                ..BASE
            },
            Mechanism {
                id: CKM_RSA_X_509,
                name: "CKM_RSA_X_509",
                encrypt: Some(encrypt_raw),
                decrypt: Some(decrypt_raw),
                sign: Some(sign_raw),
                verify: Some(verify_raw),
                ..BASE
            },
            $(Mechanism {
                id: ck::$id,
                name: stringify!($id),
                sign: Some(|key, parameter| sign_hash(key, parameter, Hash::$hash)),
                verify: Some(|key, parameter| verify_hash(key, parameter, Hash::$hash)),
                ..BASE
            },)*
        ];
    };
}
hashed! {
    Sha1 = CKM_SHA1_RSA_PKCS,
    Sha224 = CKM_SHA224_RSA_PKCS,
    Sha256 = CKM_SHA256_RSA_PKCS,
    Sha384 = CKM_SHA384_RSA_PKCS,
    Sha512 = CKM_SHA512_RSA_PKCS,
    Sha3_224 = CKM_SHA3_224_RSA_PKCS,
    Sha3_256 = CKM_SHA3_256_RSA_PKCS,
    Sha3_384 = CKM_SHA3_384_RSA_PKCS,
    Sha3_512 = CKM_SHA3_512_RSA_PKCS,
}

/// The public key of an object, prepared once.
pub(super) fn public(key: &Key) -> Result<Arc<PublicKey>> {
    key.prepared(|object| PublicKey::new(needed(object, CKA_MODULUS)?, needed(object, CKA_PUBLIC_EXPONENT)?))
}

/// The private key of an object, prepared once.
pub(super) fn private(key: &Key) -> Result<Arc<PrivateKey>> {
    key.prepared(|object| PrivateKey::new(&components(object)?))
}

fn needed(object: &Object, kind: u64) -> Result<&[u8]> {
    object.bytes(kind).ok_or_else(|| Code::KeyTypeInconsistent.into())
}

/// Most objects have all components; those that lack some had no better origin.
fn components(object: &Object) -> Result<Components> {
    complete(&object::rsa_known(object))
}

fn generate_pair(parameter: &Parameter, public: &Object, _: &Object) -> Result<(Made, Made)> {
    parameter::none(parameter)?;
    let bits = public.number(CKA_MODULUS_BITS).ok_or_else(|| Code::TemplateIncomplete.because("CKA_MODULUS_BITS"))?;
    let e = public.bytes(CKA_PUBLIC_EXPONENT).unwrap_or(&[1, 0, 1]);
    let Components { n, e, d, p, q, dp, dq, qinv } = generate(bits, e)?;
    let public = vec![
        (CKA_MODULUS, Value::Bytes(n.clone())),
        (CKA_PUBLIC_EXPONENT, Value::Bytes(e.clone())),
        (CKA_MODULUS_BITS, Value::Number(bits)),
    ];
    let private = vec![
        (CKA_MODULUS, Value::Bytes(n)),
        (CKA_PUBLIC_EXPONENT, Value::Bytes(e)),
        (CKA_PRIVATE_EXPONENT, Value::Secret(d)),
        (CKA_PRIME_1, Value::Secret(p)),
        (CKA_PRIME_2, Value::Secret(q)),
        (CKA_EXPONENT_1, Value::Secret(dp)),
        (CKA_EXPONENT_2, Value::Secret(dq)),
        (CKA_COEFFICIENT, Value::Secret(qinv)),
    ];
    Ok((public, private))
}

fn sign(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    parameter::none(parameter)?;
    let key = private(key)?;
    let size = key.size();
    Ok(making(Most(size - PKCS1_OVERHEAD, Code::DataLenRange), size, move |data| key.sign_pkcs1(data)))
}

fn verify(key: &Key, parameter: &Parameter) -> Result<Box<dyn Verification>> {
    parameter::none(parameter)?;
    let key = public(key)?;
    let most = Most(key.size() - PKCS1_OVERHEAD, Code::DataLenRange);
    Ok(checking(most, move |data, signature| key.verify_pkcs1(data, signature)))
}

fn sign_hash(key: &Key, parameter: &Parameter, hash: Hash) -> Result<Box<dyn Operation>> {
    parameter::none(parameter)?;
    let (key, info) = (private(key)?, digest_info(hash));
    Ok(making_of_hash(hash, key.size(), move |digest| key.sign_pkcs1(&[&info, digest].concat())))
}

fn verify_hash(key: &Key, parameter: &Parameter, hash: Hash) -> Result<Box<dyn Verification>> {
    parameter::none(parameter)?;
    let (key, info) = (public(key)?, digest_info(hash));
    Ok(checking_of_hash(hash, move |digest, signature| key.verify_pkcs1(&[&info, digest].concat(), signature)))
}

fn encrypt(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    parameter::none(parameter)?;
    let key = public(key)?;
    let (most, size) = (Most(key.size() - PKCS1_OVERHEAD, Code::DataLenRange), key.size());
    Ok(making(most, size, move |data| key.encrypt_pkcs1(data).map(Secret::from)))
}

fn decrypt(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    parameter::none(parameter)?;
    let key = private(key)?;
    let size = key.size();
    let most = Most(size, Code::EncryptedDataLenRange);
    Ok(making(most, size - PKCS1_OVERHEAD, move |ciphertext| key.decrypt_pkcs1(ciphertext)))
}

fn wrap(key: &Key, parameter: &Parameter, value: &[u8]) -> Result<Vec<u8>> {
    parameter::none(parameter)?;
    public(key)?.encrypt_pkcs1(value).map_err(wrapping)
}

fn unwrap(key: &Key, parameter: &Parameter, wrapped: &[u8]) -> Result<Secret> {
    parameter::none(parameter)?;
    private(key)?.decrypt_pkcs1(wrapped).map_err(unwrapping)
}

/// A key that is too long to be wrapped is a matter of its size.
pub(super) fn wrapping(error: crate::error::Error) -> crate::error::Error {
    match error.code() {
        Code::DataLenRange => Code::KeySizeRange.because("the key is too long to be wrapped with this RSA key"),
        _ => error,
    }
}

/// What is said of ciphertexts, said of wrapped keys.
pub(super) fn unwrapping(error: crate::error::Error) -> crate::error::Error {
    match error.code() {
        Code::EncryptedDataInvalid => Code::WrappedKeyInvalid.into(),
        Code::EncryptedDataLenRange => Code::WrappedKeyLenRange.into(),
        _ => error,
    }
}

fn sign_raw(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    parameter::none(parameter)?;
    let key = private(key)?;
    let size = key.size();
    Ok(making(Most(size, Code::DataLenRange), size, move |data| key.sign_raw(data)))
}

fn verify_raw(key: &Key, parameter: &Parameter) -> Result<Box<dyn Verification>> {
    parameter::none(parameter)?;
    let key = public(key)?;
    let most = Most(key.size(), Code::DataLenRange);
    Ok(checking(most, move |data, signature| key.verify_raw(data, signature)))
}

fn encrypt_raw(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    parameter::none(parameter)?;
    let key = public(key)?;
    let (most, size) = (Most(key.size(), Code::DataLenRange), key.size());
    Ok(making(most, size, move |data| key.encrypt_raw(data).map(Secret::from)))
}

fn decrypt_raw(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    parameter::none(parameter)?;
    let key = private(key)?;
    let size = key.size();
    Ok(making(Most(size, Code::EncryptedDataLenRange), size, move |ciphertext| key.decrypt_raw(ciphertext)))
}
