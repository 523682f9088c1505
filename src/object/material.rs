//! The values that make an object what it is: whether they are legal, and what follows from them.
//!
//! Lengths, check values, public points, RSA's many numbers and `CKA_PUBLIC_KEY_INFO` are computed here, once,
//! when the object comes to be.

use super::rules::Rule;
use super::{Object, Value, certificate, pkcs8};
use crate::ck::*;
use crate::crypto::ec::Curve;
use crate::crypto::public::{self, NamedCurve, RsaKnown};
use crate::error::{Code, Error, Result};
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use sha1::{Digest, Sha1};

/// Where the values come from: whom to blame, and how far to trust them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// A caller's template.
    Given,
    /// The bytes that came out of unwrapping.
    Unwrapped,
    /// A mechanism of the token.
    Made,
}

impl Source {
    /// The code that this call may answer with. What is wrong with unwrapped bytes is not told in detail.
    fn blames(self, error: Error) -> Error {
        match (self, error.code()) {
            (_, Code::CurveNotSupported | Code::DomainParamsInvalid) => error,
            (Source::Unwrapped, _) => Code::WrappedKeyInvalid.into(),
            // C_CreateObject has no CKR_KEY_SIZE_RANGE.
            (Source::Given, Code::KeySizeRange) => Code::AttributeValueInvalid.because(error.why().to_owned()),
            _ => error,
        }
    }
}

/// Checks the values of an object and fills in what follows from them.
pub(super) fn settle(object: &mut Object, source: Source) -> Result<()> {
    match object.class() {
        CKO_SECRET_KEY => secret(object),
        CKO_PUBLIC_KEY if object.key_type() == CKK_RSA => rsa_public(object),
        CKO_PUBLIC_KEY => curve_public(object),
        CKO_PRIVATE_KEY if object.key_type() == CKK_RSA => rsa_private(object, source),
        CKO_PRIVATE_KEY => curve_private(object),
        CKO_DOMAIN_PARAMETERS => domain(object),
        CKO_CERTIFICATE => certificate::settle(object),
        _ => Ok(()),
    }
    .map_err(|error| source.blames(error))?;
    follow(object)
}

/// Computes what can be told of the values, and compares it with what the template says of them.
fn follow(object: &mut Object) -> Result<()> {
    match (object.class(), object.value(CKA_CHECK_VALUE).cloned()) {
        (CKO_SECRET_KEY | CKO_CERTIFICATE, Some(said)) => check_value(object, said),
        (CKO_SECRET_KEY | CKO_CERTIFICATE, None) => {
            let right = computed_check_value(object).map(|right| Value::Bytes(right.to_vec()));
            right.into_iter().for_each(|right| object.set(CKA_CHECK_VALUE, right));
            Ok(())
        }
        (CKO_PUBLIC_KEY | CKO_PRIVATE_KEY, _) => info(object),
        _ => Ok(()),
    }
}

/// Finds the public exponent of an RSA private key whose template leaves it out, where the rest tells it: Java
/// imports keys by modulus and private exponent alone.
pub(super) fn fill(object: &mut Object) {
    let is_rsa = (object.class(), object.key_type()) == (CKO_PRIVATE_KEY, CKK_RSA);
    if !is_rsa || object.value(CKA_PUBLIC_EXPONENT).is_some() {
        return;
    }
    if let Ok(whole) = public::rsa_private(&rsa_known(object)) {
        object.set(CKA_PUBLIC_EXPONENT, Value::Bytes(whole.e));
    }
}

/// Whether a secret key of this type can have this length.
pub(super) fn secret_fits(key_type: u64, length: usize) -> bool {
    match key_type {
        CKK_AES => matches!(length, 16 | 24 | 32),
        _ => (1..=LONGEST_SECRET).contains(&length),
    }
}

/// Refuses a draft whose `CKA_VALUE_LEN` no key of its type can have, before anything is allocated for it.
pub(super) fn length_fits(draft: &Object) -> Result<()> {
    let Some(length) = draft.number(CKA_VALUE_LEN) else { return Ok(()) };
    match usize::try_from(length) {
        Ok(length) if secret_fits(draft.key_type(), length) => Ok(()),
        _ => Err(Code::AttributeValueInvalid.because("CKA_VALUE_LEN is no length for a key of this type")),
    }
}

fn secret(object: &mut Object) -> Result<()> {
    let length = needed(object, CKA_VALUE)?.len();
    if !secret_fits(object.key_type(), length) {
        return Err(Code::AttributeValueInvalid.because("CKA_VALUE has no length for a key of this type"));
    }
    counted(object, CKA_VALUE_LEN, length)
}

/// A number that the token counts: what the caller said of it must be right.
fn counted(object: &mut Object, kind: u64, count: usize) -> Result<()> {
    if object.number(kind).is_some_and(|said| said != count as u64) {
        return Err(Code::TemplateInconsistent.because("the length that the template says is not that of the value"));
    }
    object.set(kind, Value::Number(count as u64));
    Ok(())
}

/// Takes a check value from a caller: it must be right, or empty, which does away with it.
pub(super) fn check_value(object: &mut Object, said: Value) -> Result<()> {
    let wants_none = said == Value::Bytes(Vec::new());
    match computed_check_value(object) {
        _ if wants_none => object.remove(CKA_CHECK_VALUE),
        Some(right) if said == Value::Bytes(right.to_vec()) => object.set(CKA_CHECK_VALUE, said),
        _ => return Err(Code::AttributeValueInvalid.because("CKA_CHECK_VALUE is not that of the value")),
    }
    Ok(())
}

/// For AES a zero block, encrypted; for all else (certificates too) the SHA-1 of the value; of it, three bytes.
fn computed_check_value(object: &Object) -> Option<[u8; 3]> {
    let value = object.bytes(CKA_VALUE).filter(|value| !value.is_empty())?;
    let bytes = match object.class() {
        CKO_SECRET_KEY if object.key_type() == CKK_AES => encrypted_zeros(value)?,
        _ => Sha1::digest(value).to_vec(),
    };
    bytes[..3].try_into().ok()
}

fn encrypted_zeros(key: &[u8]) -> Option<Vec<u8>> {
    let mut block = Default::default();
    match key.len() {
        16 => aes::Aes128::new_from_slice(key).ok()?.encrypt_block(&mut block),
        24 => aes::Aes192::new_from_slice(key).ok()?.encrypt_block(&mut block),
        _ => aes::Aes256::new_from_slice(key).ok()?.encrypt_block(&mut block),
    }
    Some(block.to_vec())
}

fn rsa_public(object: &mut Object) -> Result<()> {
    let modulus = needed(object, CKA_MODULUS)?;
    public::rsa_public(modulus, needed(object, CKA_PUBLIC_EXPONENT)?)?;
    counted(object, CKA_MODULUS_BITS, bits(modulus))
}

fn rsa_private(object: &mut Object, source: Source) -> Result<()> {
    // What the token has generated is whole; checking it again would cost more than its first signature.
    if source == Source::Made {
        return Ok(());
    }
    let whole = public::rsa_private(&rsa_known(object))?;
    object.set(CKA_MODULUS, Value::Bytes(whole.n));
    object.set(CKA_PUBLIC_EXPONENT, Value::Bytes(whole.e));
    for (kind, number) in [
        (CKA_PRIVATE_EXPONENT, whole.d),
        (CKA_PRIME_1, whole.p),
        (CKA_PRIME_2, whole.q),
        (CKA_EXPONENT_1, whole.dp),
        (CKA_EXPONENT_2, whole.dq),
        (CKA_COEFFICIENT, whole.qinv),
    ] {
        object.set(kind, Value::Secret(number));
    }
    Ok(())
}

/// The numbers of an RSA key that the object has.
pub fn rsa_known(object: &Object) -> RsaKnown<'_> {
    RsaKnown {
        n: object.bytes(CKA_MODULUS),
        e: object.bytes(CKA_PUBLIC_EXPONENT),
        d: object.bytes(CKA_PRIVATE_EXPONENT),
        p: object.bytes(CKA_PRIME_1),
        q: object.bytes(CKA_PRIME_2),
        dp: object.bytes(CKA_EXPONENT_1),
        dq: object.bytes(CKA_EXPONENT_2),
        qinv: object.bytes(CKA_COEFFICIENT),
    }
}

/// The curve of a key, which must be one for its key type.
pub(super) fn curve(object: &Object) -> Result<NamedCurve> {
    let curve = NamedCurve::from_params(needed(object, CKA_EC_PARAMS)?)?;
    if curve.key_type() != object.key_type() {
        return Err(Code::CurveNotSupported.because("CKA_EC_PARAMS names a curve of another key type"));
    }
    Ok(curve)
}

fn curve_public(object: &mut Object) -> Result<()> {
    let curve = curve(object)?;
    let encoded = needed(object, CKA_EC_POINT)?;
    if is_compressed(curve, encoded) {
        // "EC key of an unsupported form"
        return Err(Code::TemplateInconsistent.because("compressed points are not supported"));
    }
    curve.plain_point(encoded)?;
    let point = public::checked_point(curve, encoded)
        .map_err(|_| Code::PublicKeyInvalid.because("CKA_EC_POINT is not a point of the curve"))?;
    let shown = curve.shown_point(point);
    object.set(CKA_EC_POINT, Value::Bytes(shown));
    Ok(())
}

fn is_compressed(curve: NamedCurve, encoded: &[u8]) -> bool {
    let length = 1 + curve.private_length();
    let point = match encoded {
        [4, said, point @ ..] if usize::from(*said) == length && point.len() == length => point,
        point => point,
    };
    matches!(curve, NamedCurve::Prime(_)) && point.len() == length && matches!(point[0], 2 | 3)
}

fn curve_private(object: &mut Object) -> Result<()> {
    let curve = curve(object)?;
    let private = needed(object, CKA_VALUE)?;
    let value = public::private_value(curve, private)?;
    let point = public::public_point(curve, &value)?;
    let said = object.bytes(CKA_EC_POINT).filter(|said| !said.is_empty());
    if said.map(|said| curve.plain_point(said)).transpose()?.is_some_and(|said| said != point) {
        return Err(Code::AttributeValueInvalid.because("CKA_EC_POINT does not belong to CKA_VALUE"));
    }
    object.set(CKA_VALUE, Value::Secret(value));
    object.set(CKA_EC_POINT, Value::Bytes(curve.shown_point(&point)));
    Ok(())
}

/// Whether a caller who looks for a point means the one of this object, encoded in another way.
pub(super) fn same_point(object: &Object, rule: &Rule, wanted: &Value) -> bool {
    let (CKA_EC_POINT, Value::Bytes(wanted), Some(present)) = (rule.kind, wanted, object.bytes(CKA_EC_POINT)) else {
        return false;
    };
    let Ok(curve) = curve(object) else { return false };
    matches!((curve.plain_point(wanted), curve.plain_point(present)), (Ok(wanted), Ok(present)) if wanted == present)
}

/// Sets `CKA_PUBLIC_KEY_INFO`. "If there is a mismatch, the command SHALL return CKR_ATTRIBUTE_VALUE_INVALID."
fn info(object: &mut Object) -> Result<()> {
    let right = pkcs8::public_key_info(object)?;
    match object.bytes(CKA_PUBLIC_KEY_INFO) {
        Some(said) if !said.is_empty() && said != right => {
            Err(Code::AttributeValueInvalid.because("CKA_PUBLIC_KEY_INFO is not that of this key"))
        }
        _ => {
            object.set(CKA_PUBLIC_KEY_INFO, Value::Bytes(right));
            Ok(())
        }
    }
}

fn domain(object: &mut Object) -> Result<()> {
    counted(object, CKA_PRIME_BITS, bits(needed(object, CKA_PRIME)?))?;
    if object.key_type() == CKK_X9_42_DH {
        counted(object, CKA_SUB_PRIME_BITS, bits(needed(object, CKA_SUBPRIME)?))?;
    }
    Ok(())
}

fn needed(object: &Object, kind: u64) -> Result<&[u8]> {
    object.bytes(kind).ok_or_else(|| Code::TemplateIncomplete.because(format!("attribute {kind:#x} is missing")))
}

/// The size of a key in the unit of C_GetMechanismInfo: bits of an RSA modulus or of a curve's field, bytes of a
/// secret key; 0 for what is no key.
pub fn key_size(key: &Object) -> u64 {
    let size = match key.class() {
        CKO_SECRET_KEY => key.bytes(CKA_VALUE).map(<[u8]>::len),
        CKO_PUBLIC_KEY | CKO_PRIVATE_KEY if key.key_type() == CKK_RSA => key.bytes(CKA_MODULUS).map(bits),
        CKO_PUBLIC_KEY | CKO_PRIVATE_KEY => curve(key).ok().map(field_bits),
        _ => None,
    };
    size.unwrap_or_default() as u64
}

fn field_bits(curve: NamedCurve) -> usize {
    match curve {
        NamedCurve::Prime(Curve::P256) => 256,
        NamedCurve::Prime(Curve::P384) => 384,
        NamedCurve::Prime(Curve::P521) => 521,
        NamedCurve::Ed25519 | NamedCurve::X25519 => 255,
    }
}

/// The length of an integer without leading zeros.
fn bits(integer: &[u8]) -> usize {
    let leading = integer.first().map_or(0, |first| first.leading_zeros() as usize);
    integer.len() * 8 - leading
}

/// The longest secret key: far above any that is of use, far below any that is a burden.
const LONGEST_SECRET: usize = 0x1_0000;
