//! ECDSA on the curves of FIPS 186-5, and key pairs for it (PKCS#11 3.2, section 6.3).

use super::collect::{Most, checking, checking_of_hash, making, making_of_hash};
use super::{Key, Made, Mechanism, Operation, Verification, parameter};
use crate::ck::{self, *};
use crate::crypto::ec::{self, Curve, Signer, Verifier};
use crate::crypto::hash::Hash;
use crate::crypto::public::NamedCurve;
use crate::error::{Code, Result};
use crate::object::{Object, Value};
use crate::secret::Secret;
use crate::wire::values::Parameter;
use std::sync::Arc;

/// What is the same in all rows of prime curves.
pub(super) const BASE: Mechanism = Mechanism {
    keys: &[CKK_EC],
    sizes: (256, 521),
    flags: CKF_EC_F_P | CKF_EC_OID | CKF_EC_CURVENAME | CKF_EC_UNCOMPRESS,
    ..Mechanism::NONE
};

/// The longest digest that CKM_ECDSA takes: longer than any hash, and than the order of any curve.
const LONGEST_DIGEST: Most = Most(128, Code::DataLenRange);

macro_rules! hashed {
    ($($hash:ident = $id:ident,)*) => {
        /// The rows of ECDSA.
        pub(super) const FAMILY: &[Mechanism] = &[
            Mechanism {
                id: CKM_EC_KEY_PAIR_GEN,
                name: "CKM_EC_KEY_PAIR_GEN",
                generate_pair: Some(generate_pair),
                ..BASE
            },
            Mechanism { id: CKM_ECDSA, name: "CKM_ECDSA", sign: Some(sign), verify: Some(verify), ..BASE },
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
    Sha1 = CKM_ECDSA_SHA1,
    Sha224 = CKM_ECDSA_SHA224,
    Sha256 = CKM_ECDSA_SHA256,
    Sha384 = CKM_ECDSA_SHA384,
    Sha512 = CKM_ECDSA_SHA512,
    Sha3_224 = CKM_ECDSA_SHA3_224,
    Sha3_256 = CKM_ECDSA_SHA3_256,
    Sha3_384 = CKM_ECDSA_SHA3_384,
    Sha3_512 = CKM_ECDSA_SHA3_512,
}

/// The curve that `CKA_EC_PARAMS` of an object names.
pub(super) fn named_curve(object: &Object) -> Result<NamedCurve> {
    let params = object.bytes(CKA_EC_PARAMS).ok_or_else(|| Code::TemplateIncomplete.because("CKA_EC_PARAMS"))?;
    NamedCurve::from_params(params)
}

/// The prime curve of an object.
pub(super) fn prime_curve(object: &Object) -> Result<Curve> {
    match named_curve(object)? {
        NamedCurve::Prime(curve) => Ok(curve),
        NamedCurve::Ed25519 | NamedCurve::X25519 => {
            Err(Code::CurveNotSupported.because("CKA_EC_PARAMS names a curve of another key type"))
        }
    }
}

/// The attributes of a new pair. Both halves keep the name of the curve as the caller wrote it.
pub(super) fn pair(template: &Object, curve: NamedCurve, private: Secret, point: &[u8]) -> (Made, Made) {
    let params = Value::Bytes(template.bytes(CKA_EC_PARAMS).unwrap_or(curve.params()).to_vec());
    let public = vec![(CKA_EC_PARAMS, params.clone()), (CKA_EC_POINT, Value::Bytes(curve.shown_point(point)))];
    (public, vec![(CKA_EC_PARAMS, params), (CKA_VALUE, Value::Secret(private))])
}

fn generate_pair(parameter: &Parameter, public: &Object, _: &Object) -> Result<(Made, Made)> {
    parameter::none(parameter)?;
    let curve = prime_curve(public)?;
    let (scalar, point) = ec::generate(curve)?;
    Ok(pair(public, NamedCurve::Prime(curve), scalar, &point))
}

fn signer(key: &Key, parameter: &Parameter) -> Result<Arc<Signer>> {
    parameter::none(parameter)?;
    key.prepared(|object| {
        let scalar = object.bytes(CKA_VALUE).ok_or(Code::KeyTypeInconsistent)?;
        Signer::new(prime_curve(object)?, scalar)
    })
}

fn verifier(key: &Key, parameter: &Parameter) -> Result<Arc<Verifier>> {
    parameter::none(parameter)?;
    key.prepared(|object| {
        let curve = prime_curve(object)?;
        let point = object.bytes(CKA_EC_POINT).ok_or(Code::KeyTypeInconsistent)?;
        Verifier::new(curve, NamedCurve::Prime(curve).plain_point(point)?)
    })
}

fn sign(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    let key = signer(key, parameter)?;
    Ok(making(LONGEST_DIGEST, key.signature_length(), move |digest| {
        not_empty(digest)?;
        key.sign(digest).map(Secret::from)
    }))
}

fn verify(key: &Key, parameter: &Parameter) -> Result<Box<dyn Verification>> {
    let key = verifier(key, parameter)?;
    Ok(checking(LONGEST_DIGEST, move |digest, signature| {
        not_empty(digest)?;
        key.verify(digest, signature)
    }))
}

/// Nothing is no digest; it would be the number zero, for which signatures can be made without the key.
fn not_empty(digest: &[u8]) -> Result<()> {
    if digest.is_empty() { Err(Code::DataLenRange.into()) } else { Ok(()) }
}

fn sign_hash(key: &Key, parameter: &Parameter, hash: Hash) -> Result<Box<dyn Operation>> {
    let key = signer(key, parameter)?;
    Ok(making_of_hash(hash, key.signature_length(), move |digest| key.sign(digest).map(Secret::from)))
}

fn verify_hash(key: &Key, parameter: &Parameter, hash: Hash) -> Result<Box<dyn Verification>> {
    let key = verifier(key, parameter)?;
    Ok(checking_of_hash(hash, move |digest, signature| key.verify(digest, signature)))
}
