//! Key formats: PKCS#8 (RFC 5958, 5208), PKCS#1 (RFC 8017), SEC 1 (RFC 5915) and SubjectPublicKeyInfo (RFC 5280,
//! 3279, 5480, 8410), between their DER and attributes.

use super::{Object, Value, material};
use crate::ck::*;
use crate::crypto::public::NamedCurve;
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode};
use pkcs1::{RsaPrivateKey, RsaPublicKey};
use pkcs8::PrivateKeyInfoRef;
use sec1::{EcParameters, EcPrivateKey};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// A key read from DER: its type and the attributes that it gives.
pub(super) struct Key {
    pub(super) key_type: u64,
    pub(super) attributes: Vec<(u64, Value)>,
}

/// A private key from PKCS#8.
///
/// # Errors
/// `CKR_DATA_INVALID` for what is no key, `CKR_CURVE_NOT_SUPPORTED` for one on another curve.
pub(super) fn read(der: &[u8]) -> Result<Key> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(unreadable)?;
    let bytes = info.private_key.as_bytes();
    match info.algorithm.oid {
        RSA => read_pkcs1(bytes),
        EC => read_sec1(bytes, Some(named(&info.algorithm)?)),
        ED25519 => read_plain(bytes, NamedCurve::Ed25519),
        X25519 => read_plain(bytes, NamedCurve::X25519),
        _ => Err(Code::DataInvalid.because("private keys of this algorithm are not supported")),
    }
}

/// An RSA private key from PKCS#1.
pub(super) fn read_pkcs1(der: &[u8]) -> Result<Key> {
    let key = RsaPrivateKey::<UintRef<'_>>::from_der(der).map_err(unreadable)?;
    if key.other_prime_infos.is_some() {
        return Err(Code::DataInvalid.because("RSA keys of more than two primes are not supported"));
    }
    let open = |number: UintRef<'_>| Value::Bytes(number.as_bytes().to_vec());
    let secret = |number: UintRef<'_>| Value::Secret(Secret::from(number.as_bytes()));
    let attributes = vec![
        (CKA_MODULUS, open(key.modulus)),
        (CKA_PUBLIC_EXPONENT, open(key.public_exponent)),
        (CKA_PRIVATE_EXPONENT, secret(key.private_exponent)),
        (CKA_PRIME_1, secret(key.prime1)),
        (CKA_PRIME_2, secret(key.prime2)),
        (CKA_EXPONENT_1, secret(key.exponent1)),
        (CKA_EXPONENT_2, secret(key.exponent2)),
        (CKA_COEFFICIENT, secret(key.coefficient)),
    ];
    Ok(Key { key_type: CKK_RSA, attributes })
}

/// A private key on a prime curve from SEC 1, whose own parameters must agree with those around it.
pub(super) fn read_sec1(der: &[u8], outer: Option<NamedCurve>) -> Result<Key> {
    let key = EcPrivateKey::from_der(der).map_err(unreadable)?;
    let inner = match key.parameters {
        Some(EcParameters::NamedCurve(oid)) => Some(curve(&oid.to_der().map_err(unreadable)?)?),
        None => None,
    };
    match (outer, inner) {
        (Some(outer), Some(inner)) if outer != inner => Err(Code::DataInvalid.because("the key names two curves")),
        (Some(curve), _) | (None, Some(curve)) => Ok(on_curve(curve, key.private_key)),
        (None, None) => Err(Code::DataInvalid.because("the key names no curve")),
    }
}

/// RFC 8410, section 7: an OCTET STRING in the OCTET STRING.
fn read_plain(der: &[u8], curve: NamedCurve) -> Result<Key> {
    let value = <&OctetStringRef>::from_der(der).map_err(unreadable)?.as_bytes();
    if value.len() != curve.private_length() {
        return Err(Code::DataInvalid.because("the private value does not have the length of its curve"));
    }
    Ok(on_curve(curve, value))
}

fn on_curve(curve: NamedCurve, value: &[u8]) -> Key {
    let attributes =
        vec![(CKA_EC_PARAMS, Value::Bytes(curve.params().to_vec())), (CKA_VALUE, Value::Secret(Secret::from(value)))];
    Key { key_type: curve.key_type(), attributes }
}

fn curve(params: &[u8]) -> Result<NamedCurve> {
    match NamedCurve::from_params(params)? {
        curve @ NamedCurve::Prime(_) => Ok(curve),
        _ => Err(Code::CurveNotSupported.because("the curve is not one for this algorithm")),
    }
}

/// The curve that an algorithm's parameters name.
fn named(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<NamedCurve> {
    let params = algorithm.parameters.ok_or_else(|| Code::DomainParamsInvalid.because("the key names no curve"))?;
    curve(&params.to_der().map_err(unreadable)?)
}

/// A public key from SubjectPublicKeyInfo.
pub(super) fn read_public(der: &[u8]) -> Result<Key> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(unreadable)?;
    let bits = info.subject_public_key.as_bytes().ok_or_else(|| unreadable("odd bits"))?;
    match info.algorithm.oid {
        RSA => read_pkcs1_public(bits),
        EC => Ok(point_on(named(&info.algorithm)?, bits)),
        ED25519 => Ok(point_on(NamedCurve::Ed25519, bits)),
        X25519 => Ok(point_on(NamedCurve::X25519, bits)),
        _ => Err(Code::DataInvalid.because("public keys of this algorithm are not supported")),
    }
}

/// An RSA public key from PKCS#1.
pub(super) fn read_pkcs1_public(der: &[u8]) -> Result<Key> {
    let key = RsaPublicKey::<UintRef<'_>>::from_der(der).map_err(unreadable)?;
    let attributes = vec![
        (CKA_MODULUS, Value::Bytes(key.modulus.as_bytes().to_vec())),
        (CKA_PUBLIC_EXPONENT, Value::Bytes(key.public_exponent.as_bytes().to_vec())),
    ];
    Ok(Key { key_type: CKK_RSA, attributes })
}

fn point_on(curve: NamedCurve, point: &[u8]) -> Key {
    let attributes = vec![
        (CKA_EC_PARAMS, Value::Bytes(curve.params().to_vec())),
        (CKA_EC_POINT, Value::Bytes(curve.shown_point(point))),
    ];
    Key { key_type: curve.key_type(), attributes }
}

/// A complete private key as PKCS#8, version 1, as OpenSSL writes it.
pub(super) fn write(key: &Object) -> Result<Secret> {
    let inner = match key.key_type() {
        CKK_RSA => pkcs1_of(key),
        CKK_EC => sec1_of(key),
        _ => plain_of(key),
    }?;
    let bytes = OctetStringRef::new(&inner).map_err(unwritable)?;
    with_algorithm(key, |algorithm| secret_der(&PrivateKeyInfoRef::new(algorithm, bytes)))
}

/// The encoding, in memory that wipes itself. (`to_der` knows the length beforehand, so nothing is left behind.)
fn secret_der(message: &impl Encode) -> Result<Secret> {
    message.to_der().map(Secret::from).map_err(unwritable)
}

fn pkcs1_of(key: &Object) -> Result<Secret> {
    let number = |kind| integer(key, kind);
    let numbers = RsaPrivateKey {
        modulus: number(CKA_MODULUS)?,
        public_exponent: number(CKA_PUBLIC_EXPONENT)?,
        private_exponent: number(CKA_PRIVATE_EXPONENT)?,
        prime1: number(CKA_PRIME_1)?,
        prime2: number(CKA_PRIME_2)?,
        exponent1: number(CKA_EXPONENT_1)?,
        exponent2: number(CKA_EXPONENT_2)?,
        coefficient: number(CKA_COEFFICIENT)?,
        other_prime_infos: None,
    };
    secret_der(&numbers)
}

fn integer(key: &Object, kind: u64) -> Result<UintRef<'_>> {
    UintRef::new(key.bytes(kind).ok_or_else(|| unwritable("missing"))?).map_err(unwritable)
}

fn sec1_of(key: &Object) -> Result<Secret> {
    let private_key = key.bytes(CKA_VALUE).ok_or(Code::KeyNotWrappable)?;
    // The curve stands in the algorithm already.
    secret_der(&EcPrivateKey { private_key, parameters: None, public_key: Some(point_of(key)?) })
}

fn plain_of(key: &Object) -> Result<Secret> {
    let value = OctetStringRef::new(key.bytes(CKA_VALUE).ok_or(Code::KeyNotWrappable)?).map_err(unwritable)?;
    secret_der(&value)
}

fn point_of(key: &Object) -> Result<&[u8]> {
    material::curve(key)?.plain_point(key.bytes(CKA_EC_POINT).unwrap_or_default())
}

/// SubjectPublicKeyInfo of a key, public or private, whose public values are there.
pub(super) fn public_key_info(key: &Object) -> Result<Vec<u8>> {
    let bits = public_bits(key)?;
    let subject_public_key = BitStringRef::from_bytes(&bits).map_err(unwritable)?;
    with_algorithm(key, |algorithm| {
        SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().map_err(unwritable)
    })
}

/// What stands in the BIT STRING of SubjectPublicKeyInfo.
pub(super) fn public_bits(key: &Object) -> Result<Vec<u8>> {
    if key.key_type() != CKK_RSA {
        return point_of(key).map(<[u8]>::to_vec);
    }
    let numbers =
        RsaPublicKey { modulus: integer(key, CKA_MODULUS)?, public_exponent: integer(key, CKA_PUBLIC_EXPONENT)? };
    numbers.to_der().map_err(unwritable)
}

fn with_algorithm<T>(key: &Object, use_it: impl FnOnce(AlgorithmIdentifierRef<'_>) -> Result<T>) -> Result<T> {
    if key.key_type() == CKK_RSA {
        return use_it(AlgorithmIdentifierRef { oid: RSA, parameters: Some(AnyRef::NULL) });
    }
    let curve = material::curve(key)?;
    let named = AnyRef::from_der(curve.params()).map_err(unwritable)?;
    use_it(match curve {
        NamedCurve::Prime(_) => AlgorithmIdentifierRef { oid: EC, parameters: Some(named) },
        NamedCurve::Ed25519 => AlgorithmIdentifierRef { oid: ED25519, parameters: None },
        NamedCurve::X25519 => AlgorithmIdentifierRef { oid: X25519, parameters: None },
    })
}

fn unreadable(_: impl std::fmt::Display) -> Error {
    Code::DataInvalid.because("this is no key in a known format")
}

fn unwritable(_: impl std::fmt::Display) -> Error {
    Code::KeyNotWrappable.because("the key lacks a value that its encoding needs")
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
