//! HKDF: PKCS#11 3.2, section "HKDF Mechanisms" (RFC 5869).
//!
//! The standard asks that the base key be as long as the hash. Agreed secrets are what HKDF is for, and of any length, so
//! that is asked only where nothing is extracted, and then as RFC 5869 has it: at least so long.

use super::derived::{needed_length, wanted_length};
use super::structures::HKDF;
use super::wrapping::value;
use super::{Derivation, Key, Kinship, Made, Mechanism, Others, generic, parameter};
use crate::ck::*;
use crate::crypto::hash::Hash;
use crate::crypto::kdf;
use crate::error::{Code, Result};
use crate::object::{self, Object, Value};
use crate::secret::Secret;
use crate::wire::values::{Field, Parameter};

pub(super) const FAMILY: &[Mechanism] = &[
    Mechanism {
        keys: &[CKK_HKDF, CKK_GENERIC_SECRET],
        sizes: generic::SIZES,
        parts: HKDF,
        derivation: Some(Derivation { class: CKO_SECRET_KEY, kinship: Kinship::Distant, derive: derive_key }),
        ..named!(CKM_HKDF_DERIVE)
    },
    Mechanism {
        keys: &[CKK_HKDF, CKK_GENERIC_SECRET],
        sizes: generic::SIZES,
        parts: HKDF,
        derivation: Some(Derivation { class: CKO_DATA, kinship: Kinship::Distant, derive: derive_data }),
        ..named!(CKM_HKDF_DATA)
    },
    Mechanism {
        keys: &[CKK_HKDF],
        sizes: generic::SIZES,
        generate: Some(|parameter, draft| {
            generic::generate(
                parameter,
                draft,
                |length| (generic::SIZES.0..=generic::SIZES.1).contains(&length),
                "between 1 and 4096",
            )
        }),
        ..named!(CKM_HKDF_KEY_GEN)
    },
];

fn derive_key(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<Made> {
    object::derived(draft, &hkdf(key, parameter, others, draft)?)
}

fn derive_data(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<Made> {
    Ok(vec![(CKA_VALUE, Value::Bytes(hkdf(key, parameter, others, draft)?.to_vec()))])
}

fn hkdf(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<Secret> {
    let [
        Field::Number(extract),
        Field::Number(expand),
        Field::Number(hash),
        Field::Number(salt_type),
        Field::Bytes(salt),
        Field::Key(salt_key),
        Field::Bytes(info),
    ] = parameter::fields(parameter)?
    else {
        return Err(Code::MechanismParamInvalid.into());
    };
    let wrong = |what: &'static str| Code::MechanismParamInvalid.because(what);
    let hash = Hash::from_mechanism(*hash).ok_or_else(|| wrong("HKDF: prfHashMechanism is no hash"))?;
    let base = value(&key.object)?;
    let extracted = match *extract {
        0 => None,
        _ => Some(match *salt_type {
            CKF_HKDF_SALT_NULL => kdf::hkdf_extract(hash, b"", base),
            CKF_HKDF_SALT_DATA => kdf::hkdf_extract(hash, salt, base),
            CKF_HKDF_SALT_KEY => kdf::hkdf_extract(hash, value(&others.key(*salt_key)?)?, base),
            _ => return Err(wrong("HKDF: ulSaltType is none of the three")),
        }),
    };
    match (extracted, *expand) {
        (None, 0) => Err(wrong("HKDF: neither bExtract nor bExpand is TRUE")),
        (Some(extracted), 0) => first(extracted, wanted_length(draft)?),
        (Some(extracted), _) => kdf::hkdf_expand(hash, &extracted, info, needed_length(draft)?),
        (None, _) if base.len() < hash.output_length() => {
            Err(Code::KeySizeRange.because("HKDF: a key is expanded that is shorter than the hash"))
        }
        (None, _) => kdf::hkdf_expand(hash, base, info, needed_length(draft)?),
    }
}

/// What is extracted is as long as the hash.
fn first(mut extracted: Secret, wanted: Option<usize>) -> Result<Secret> {
    match wanted {
        Some(length) if length > extracted.len() => {
            Err(Code::KeySizeRange.because("HKDF: without bExpand no more than the length of the hash comes out"))
        }
        Some(length) => {
            extracted.truncate(length);
            Ok(extracted)
        }
        None => Ok(extracted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;
    use crate::mechanism::testing::{NoOthers, OneOther, code, key};
    use crate::wire::values::Named;

    fn parameter(steps: (u64, u64), hash: u64, salt_type: u64, salt: &[u8], info: &[u8]) -> Parameter {
        let bytes = |bytes: &[u8]| Field::Bytes(bytes.to_vec().into());
        Parameter::Fields(vec![
            Field::Number(steps.0),
            Field::Number(steps.1),
            Field::Number(hash),
            Field::Number(salt_type),
            bytes(salt),
            Field::Key(Named::new(5)),
            bytes(info),
        ])
    }

    fn draft(length: Option<u64>) -> Object {
        let mut draft = Object::default();
        draft.set(CKA_CLASS, Value::Number(CKO_SECRET_KEY));
        draft.set(CKA_KEY_TYPE, Value::Number(CKK_GENERIC_SECRET));
        if let Some(length) = length {
            draft.set(CKA_VALUE_LEN, Value::Number(length));
        }
        draft
    }

    const SALT: &str = "000102030405060708090a0b0c";
    const INFO: &str = "f0f1f2f3f4f5f6f7f8f9";

    /// RFC 5869, appendix A.1 and A.3, with the salt as data and as a key.
    #[test]
    fn the_vectors_of_rfc_5869_come_out_however_the_salt_comes() {
        let base = key(CKK_HKDF, &[0x0b; 22]);
        let (salt, info) = (hex(SALT), hex(INFO));
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        let given = parameter((1, 1), CKM_SHA256, CKF_HKDF_SALT_DATA, &salt, &info);
        assert_eq!(hkdf(&base, &given, &NoOthers, &draft(Some(42))).unwrap().to_vec(), hex(expected));
        let given = parameter((1, 1), CKM_SHA256, CKF_HKDF_SALT_KEY, b"not this", &info);
        let salt = OneOther(key(CKK_GENERIC_SECRET, &salt).object);
        assert_eq!(hkdf(&base, &given, &salt, &draft(Some(42))).unwrap().to_vec(), hex(expected));
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
        let given = parameter((1, 1), CKM_SHA256, CKF_HKDF_SALT_NULL, b"not this", b"");
        assert_eq!(hkdf(&base, &given, &NoOthers, &draft(Some(42))).unwrap().to_vec(), hex(expected));
    }

    #[test]
    fn the_halves_make_the_whole() {
        let base = key(CKK_HKDF, &[0x0b; 22]);
        let given = parameter((1, 0), CKM_SHA256, CKF_HKDF_SALT_DATA, &hex(SALT), b"ignored");
        let half = hkdf(&base, &given, &NoOthers, &draft(None)).unwrap();
        assert_eq!(half.to_vec(), hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"));
        assert_eq!(hkdf(&base, &given, &NoOthers, &draft(Some(7))).unwrap().to_vec(), half[..7]);
        assert_eq!(code(hkdf(&base, &given, &NoOthers, &draft(Some(33)))), Some(Code::KeySizeRange));
        let given = parameter((0, 1), CKM_SHA256, 99, b"ignored", &hex(INFO));
        let whole = hkdf(&key(CKK_HKDF, &half), &given, &NoOthers, &draft(Some(20))).unwrap();
        assert_eq!(whole.to_vec(), hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90"));
        assert_eq!(code(hkdf(&base, &given, &NoOthers, &draft(Some(20)))), Some(Code::KeySizeRange));
    }

    #[test]
    fn every_field_is_checked() {
        let base = key(CKK_HKDF, &[1; 32]);
        let refused = |given: Parameter, length| code(hkdf(&base, &given, &NoOthers, &draft(length)));
        let (null, sha256) = (CKF_HKDF_SALT_NULL, CKM_SHA256);
        assert_eq!(refused(parameter((0, 0), sha256, null, b"", b""), Some(9)), Some(Code::MechanismParamInvalid));
        assert_eq!(refused(parameter((1, 1), CKM_MD5, null, b"", b""), Some(9)), Some(Code::MechanismParamInvalid));
        assert_eq!(refused(parameter((1, 1), sha256, 3, b"", b""), Some(9)), Some(Code::MechanismParamInvalid));
        assert_eq!(refused(parameter((1, 1), sha256, null, b"", b""), None), Some(Code::TemplateIncomplete));
        assert_eq!(refused(parameter((1, 1), sha256, null, b"", b""), Some(255 * 32 + 1)), Some(Code::KeySizeRange));
        assert_eq!(
            refused(parameter((1, 1), sha256, CKF_HKDF_SALT_KEY, b"", b""), Some(9)),
            Some(Code::KeyHandleInvalid)
        );
        assert_eq!(refused(Parameter::None, Some(9)), Some(Code::MechanismParamInvalid));
    }
}
