//! Keys from passwords: PKCS#11 3.2, "PKCS #5 PBKD2 key generation".

use super::derived::{SECRETS, needed_length};
use super::structures::PBKD2;
use super::{Made, Mechanism, parameter};
use crate::ck::*;
use crate::crypto::hash::Hash;
use crate::crypto::kdf;
use crate::error::{Code, Result};
use crate::object::{Object, Value};
use crate::wire::values::{Field, Parameter};

pub(super) const FAMILY: &[Mechanism] = &[Mechanism {
    keys: SECRETS,
    sizes: super::generic::SIZES,
    parts: PBKD2,
    generate: Some(generate),
    ..named!(CKM_PKCS5_PBKD2)
}];

/// Some seconds of one processor; who asks for more means to keep it busy.
const MOST_ITERATIONS: u64 = 10_000_000;

fn generate(parameter: &Parameter, draft: &Object) -> Result<Made> {
    let [
        Field::Number(source),
        Field::Bytes(salt),
        Field::Number(iterations),
        Field::Number(prf),
        Field::Bytes(prf_data),
        Field::Bytes(password),
    ] = parameter::fields(parameter)?
    else {
        return Err(Code::MechanismParamInvalid.into());
    };
    let wrong = |what: &'static str| Code::MechanismParamInvalid.because(what);
    if *source != CKZ_SALT_SPECIFIED {
        return Err(wrong("PBKDF2: saltSource is not CKZ_SALT_SPECIFIED"));
    }
    if !(1..=MOST_ITERATIONS).contains(iterations) {
        return Err(wrong("PBKDF2: iterations are between 1 and 10,000,000"));
    }
    if !prf_data.is_empty() {
        return Err(wrong("PBKDF2: the functions here take no data"));
    }
    let hash = hash(*prf).ok_or_else(|| wrong("PBKDF2: this prf is not supported"))?;
    let length = needed_length(draft)?;
    if length > LONGEST {
        return Err(Code::KeySizeRange.because("PBKDF2: no key of more than 1,024 bytes is made of a password"));
    }
    let value = kdf::pbkdf2(hash, password, salt, *iterations as u32, length);
    Ok(vec![(CKA_VALUE, Value::Secret(value))])
}

/// Each block costs all iterations again.
const LONGEST: usize = 1024;

fn hash(prf: u64) -> Option<Hash> {
    Some(match prf {
        CKP_PKCS5_PBKD2_HMAC_SHA1 => Hash::Sha1,
        CKP_PKCS5_PBKD2_HMAC_SHA224 => Hash::Sha224,
        CKP_PKCS5_PBKD2_HMAC_SHA256 => Hash::Sha256,
        CKP_PKCS5_PBKD2_HMAC_SHA384 => Hash::Sha384,
        CKP_PKCS5_PBKD2_HMAC_SHA512 => Hash::Sha512,
        CKP_PKCS5_PBKD2_HMAC_SHA512_224 => Hash::Sha512_224,
        CKP_PKCS5_PBKD2_HMAC_SHA512_256 => Hash::Sha512_256,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;
    use crate::mechanism::testing::code;

    fn made(source: u64, iterations: u64, prf: u64, prf_data: &[u8], length: Option<u64>) -> Result<Made> {
        let bytes = |bytes: &[u8]| Field::Bytes(bytes.to_vec().into());
        let mut draft = Object::default();
        if let Some(length) = length {
            draft.set(CKA_VALUE_LEN, Value::Number(length));
        }
        let fields = vec![
            Field::Number(source),
            bytes(b"salt"),
            Field::Number(iterations),
            Field::Number(prf),
            bytes(prf_data),
            bytes(b"password"),
        ];
        generate(&Parameter::Fields(fields), &draft)
    }

    /// RFC 6070, case 3.
    #[test]
    fn a_password_becomes_the_key_of_the_rfc() {
        let made = made(1, 4096, 1, b"", Some(20)).unwrap();
        assert!(made[0].1 == Value::Secret(hex("4b007901b765489abead49d926f721d065a429c1").into()));
    }

    #[test]
    fn every_field_is_checked() {
        for (source, iterations, prf, prf_data) in [
            (2, 1, 1, &b""[..]),
            (1, 0, 1, b""),
            (1, 10_000_001, 1, b""),
            (1, 1, 2, b""),
            (1, 1, 9, b""),
            (1, 1, 1, b"x"),
        ] {
            let refused = code(made(source, iterations, prf, prf_data, Some(20)));
            assert_eq!(refused, Some(Code::MechanismParamInvalid));
        }
        assert_eq!(code(made(1, 1, 1, b"", None)), Some(Code::TemplateIncomplete));
        assert_eq!(code(made(1, 1, 1, b"", Some(1025))), Some(Code::KeySizeRange));
        assert!((3..=8).all(|prf| made(1, 1, prf, b"", Some(99)).is_ok()));
    }
}
