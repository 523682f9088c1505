//! ECDH on prime curves and on curve25519, and key pairs for the latter (PKCS#11 3.2, section 6.3).

use super::derived::wanted_length;
use super::ecdsa::{named_curve, pair, prime_curve};
use super::structures::ECDH;
use super::{Key, Made, Mechanism, parameter};
use crate::ck::*;
use crate::crypto::hash::Hash;
use crate::crypto::public::NamedCurve;
use crate::crypto::{ec, kdf, x25519};
use crate::error::{Code, Error, Result};
use crate::object::Object;
use crate::secret::Secret;
use crate::wire::values::{Field, Parameter};

/// The rows of ECDH.
pub(super) const FAMILY: &[Mechanism] = &[
    Mechanism {
        id: CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
        name: "CKM_EC_MONTGOMERY_KEY_PAIR_GEN",
        keys: &[CKK_EC_MONTGOMERY],
        sizes: (255, 255),
        flags: CKF_EC_F_P | CKF_EC_OID | CKF_EC_CURVENAME,
        generate_pair: Some(generate_pair),
        ..Mechanism::NONE
    },
    Mechanism {
        id: CKM_ECDH1_DERIVE,
        name: "CKM_ECDH1_DERIVE",
        keys: &[CKK_EC, CKK_EC_MONTGOMERY],
        sizes: (255, 521),
        parts: ECDH,
        derive: Some(derive),
        ..super::ecdsa::BASE
    },
    // The cofactor of the prime curves is 1, so that this is the same.
    Mechanism {
        id: CKM_ECDH1_COFACTOR_DERIVE,
        name: "CKM_ECDH1_COFACTOR_DERIVE",
        parts: ECDH,
        derive: Some(derive),
        ..super::ecdsa::BASE
    },
];

fn generate_pair(parameter: &Parameter, public: &Object, _: &Object) -> Result<(Made, Made)> {
    parameter::none(parameter)?;
    if named_curve(public)? != NamedCurve::X25519 {
        return Err(Code::CurveNotSupported.because("CKA_EC_PARAMS names no Montgomery curve"));
    }
    let (private, point) = x25519::generate()?;
    Ok(pair(public, NamedCurve::X25519, private, &point))
}

/// What is done with the shared coordinate.
enum Kdf {
    /// Nothing.
    Null,
    /// The KDF of ANSI X9.63 with this hash.
    X963(Hash),
}

impl Kdf {
    fn from_number(kdf: u64) -> Result<Kdf> {
        Ok(Kdf::X963(match kdf {
            CKD_NULL => return Ok(Kdf::Null),
            CKD_SHA1_KDF => Hash::Sha1,
            CKD_SHA224_KDF => Hash::Sha224,
            CKD_SHA256_KDF => Hash::Sha256,
            CKD_SHA384_KDF => Hash::Sha384,
            CKD_SHA512_KDF => Hash::Sha512,
            CKD_SHA3_224_KDF => Hash::Sha3_224,
            CKD_SHA3_256_KDF => Hash::Sha3_256,
            CKD_SHA3_384_KDF => Hash::Sha3_384,
            CKD_SHA3_512_KDF => Hash::Sha3_512,
            _ => return Err(Code::MechanismParamInvalid.because("ECDH: this kdf is not supported")),
        }))
    }
}

fn derive(key: &Key, parameter: &Parameter, draft: &Object) -> Result<Secret> {
    let [Field::Number(kdf), Field::Bytes(shared_data), Field::Bytes(peer)] = parameter::fields(parameter)? else {
        return Err(Code::MechanismParamInvalid.into());
    };
    let kdf = Kdf::from_number(*kdf)?;
    let wanted = wanted_length(draft)?;
    let shared = agree(key, peer)?;
    match kdf {
        Kdf::Null if !shared_data.is_empty() => {
            Err(Code::MechanismParamInvalid.because("ECDH: CKD_NULL takes no shared data"))
        }
        Kdf::Null => cut(shared, wanted),
        Kdf::X963(hash) => Ok(kdf::x963(hash, &shared, shared_data, wanted.unwrap_or(shared.len()))),
    }
}

/// "The truncation removes bytes from the leading end of the secret value."
fn cut(shared: Secret, wanted: Option<usize>) -> Result<Secret> {
    let wanted = wanted.unwrap_or(shared.len());
    let surplus = shared.len().checked_sub(wanted);
    let surplus =
        surplus.ok_or_else(|| Code::KeySizeRange.because("ECDH: the shared secret is shorter than the key"))?;
    Ok(Secret::from(&shared[surplus..]))
}

/// The shared coordinate with the owner of `peer`, which is a plain point or its DER (the standard: the first must,
/// the second may be accepted).
fn agree(key: &Key, peer: &[u8]) -> Result<Secret> {
    let curve = named_curve(&key.object)?;
    let peer = curve.plain_point(peer).map_err(bad_peer)?;
    let private = |object: &Object| object.bytes(CKA_VALUE).map(Secret::from).ok_or(Code::KeyTypeInconsistent);
    match curve {
        NamedCurve::Prime(_) => {
            let key = key.prepared(|object| ec::Agreement::new(prime_curve(object)?, &private(object)?))?;
            key.agree(peer).map_err(bad_peer)
        }
        NamedCurve::X25519 => {
            let key = key.prepared(|object| x25519::Agreement::new(&private(object)?))?;
            key.agree(peer).map_err(bad_peer)
        }
        NamedCurve::Ed25519 => Err(Code::KeyTypeInconsistent.into()),
    }
}

/// The peer's key is part of the parameter.
fn bad_peer(error: Error) -> Error {
    match error.code() {
        Code::AttributeValueInvalid => Code::MechanismParamInvalid.because(format!("ECDH: {}", error.why())),
        _ => error,
    }
}
