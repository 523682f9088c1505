//! Ed25519, and key pairs for it (PKCS#11 3.2, section 6.3): pure, without prehash and context.

use super::collect::{Most, checking, making};
use super::ecdsa::{named_curve, pair};
use super::structures::EDDSA;
use super::{Key, Made, Mechanism, Operation, Verification, parameter};
use crate::ck::*;
use crate::crypto::ed25519::{SIGNATURE_LENGTH, Signer, Verifier, generate};
use crate::crypto::public::NamedCurve;
use crate::error::{Code, Result};
use crate::object::Object;
use crate::secret::Secret;
use crate::wire::values::{Field, Parameter};

const BASE: Mechanism = Mechanism {
    keys: &[CKK_EC_EDWARDS],
    sizes: (255, 255),
    flags: CKF_EC_F_P | CKF_EC_OID | CKF_EC_CURVENAME,
    ..Mechanism::NONE
};

/// The rows of EdDSA.
pub(super) const FAMILY: &[Mechanism] = &[
    Mechanism {
        id: CKM_EC_EDWARDS_KEY_PAIR_GEN,
        name: "CKM_EC_EDWARDS_KEY_PAIR_GEN",
        generate_pair: Some(generate_pair),
        ..BASE
    },
    Mechanism { id: CKM_EDDSA, name: "CKM_EDDSA", parts: EDDSA, sign: Some(sign), verify: Some(verify), ..BASE },
];

/// The longest message. Ed25519 goes over it twice, so all of it has to be kept.
const LONGEST_MESSAGE: Most = Most(16 * 1024 * 1024, Code::DataLenRange);

fn check_curve(object: &Object) -> Result<()> {
    match named_curve(object)? {
        NamedCurve::Ed25519 => Ok(()),
        NamedCurve::Prime(_) | NamedCurve::X25519 => {
            Err(Code::CurveNotSupported.because("CKA_EC_PARAMS names no Edwards curve"))
        }
    }
}

fn generate_pair(parameter: &Parameter, public: &Object, _: &Object) -> Result<(Made, Made)> {
    parameter::none(parameter)?;
    check_curve(public)?;
    let (seed, point) = generate()?;
    Ok(pair(public, NamedCurve::Ed25519, seed, &point))
}

/// No parameter means pure Ed25519; so does one with neither prehash nor context.
fn pure(parameter: &Parameter) -> Result<()> {
    match parameter {
        Parameter::Fields(fields) => match &fields[..] {
            [Field::Number(0), Field::Bytes(context)] if context.is_empty() => Ok(()),
            _ => Err(Code::MechanismParamInvalid.because("Ed25519ph and Ed25519ctx are not supported")),
        },
        _ => parameter::none(parameter),
    }
}

fn sign(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    pure(parameter)?;
    let key = key.prepared(|object| {
        check_curve(object)?;
        Signer::new(object.bytes(CKA_VALUE).ok_or(Code::KeyTypeInconsistent)?)
    })?;
    Ok(making(LONGEST_MESSAGE, SIGNATURE_LENGTH, move |message| key.sign(message).map(Secret::from)))
}

fn verify(key: &Key, parameter: &Parameter) -> Result<Box<dyn Verification>> {
    pure(parameter)?;
    let key = key.prepared(|object| {
        check_curve(object)?;
        let point = object.bytes(CKA_EC_POINT).ok_or(Code::KeyTypeInconsistent)?;
        Verifier::new(NamedCurve::Ed25519.plain_point(point)?)
    })?;
    Ok(checking(LONGEST_MESSAGE, move |message, signature| key.verify(message, signature)))
}
