//! Keys by hash functions: PKCS#11 3.2, sections "Hash-based Key Derivation" and the key generators of
//! "Hash-Based Message Authentication Codes".

use super::derived::{SECRETS, wanted_length};
use super::wrapping::value;
use super::{Derive, Generate, Key, Mechanism, generic, parameter};
use crate::ck;
use crate::crypto::hash::{Hash, Shake};
use crate::error::Result;
use crate::object::Object;
use crate::secret::Secret;
use crate::wire::values::Parameter;

macro_rules! hash_keys {
    ($($generator:ident $key:ident $derivation:ident $hash:ident;)*) => {
        pub(super) const FAMILY: &[Mechanism] = &[
            $(
                Mechanism {
                    keys: &[ck::$key],
                    sizes: generic::SIZES,
                    generate: Some(GENERATE),
                    ..named!($generator)
                },
                Mechanism { derive: Some(digested::<{ Hash::$hash as usize }>), ..deriving(named!($derivation)) },
            )*
            Mechanism { derive: Some(SHAKE_128), ..deriving(named!(CKM_SHAKE_128_KEY_DERIVATION)) },
            Mechanism { derive: Some(SHAKE_256), ..deriving(named!(CKM_SHAKE_256_KEY_DERIVATION)) },
        ];
    };
}

hash_keys! {
    CKM_SHA_1_KEY_GEN CKK_SHA_1_HMAC CKM_SHA1_KEY_DERIVATION Sha1;
    CKM_SHA224_KEY_GEN CKK_SHA224_HMAC CKM_SHA224_KEY_DERIVATION Sha224;
    CKM_SHA256_KEY_GEN CKK_SHA256_HMAC CKM_SHA256_KEY_DERIVATION Sha256;
    CKM_SHA384_KEY_GEN CKK_SHA384_HMAC CKM_SHA384_KEY_DERIVATION Sha384;
    CKM_SHA512_KEY_GEN CKK_SHA512_HMAC CKM_SHA512_KEY_DERIVATION Sha512;
    CKM_SHA512_224_KEY_GEN CKK_SHA512_224_HMAC CKM_SHA512_224_KEY_DERIVATION Sha512_224;
    CKM_SHA512_256_KEY_GEN CKK_SHA512_256_HMAC CKM_SHA512_256_KEY_DERIVATION Sha512_256;
    CKM_SHA3_224_KEY_GEN CKK_SHA3_224_HMAC CKM_SHA3_224_KEY_DERIVATION Sha3_224;
    CKM_SHA3_256_KEY_GEN CKK_SHA3_256_HMAC CKM_SHA3_256_KEY_DERIVATION Sha3_256;
    CKM_SHA3_384_KEY_GEN CKK_SHA3_384_HMAC CKM_SHA3_384_KEY_DERIVATION Sha3_384;
    CKM_SHA3_512_KEY_GEN CKK_SHA3_512_HMAC CKM_SHA3_512_KEY_DERIVATION Sha3_512;
    CKM_BLAKE2B_160_KEY_GEN CKK_BLAKE2B_160_HMAC CKM_BLAKE2B_160_KEY_DERIVE Blake2b160;
    CKM_BLAKE2B_256_KEY_GEN CKK_BLAKE2B_256_HMAC CKM_BLAKE2B_256_KEY_DERIVE Blake2b256;
    CKM_BLAKE2B_384_KEY_GEN CKK_BLAKE2B_384_HMAC CKM_BLAKE2B_384_KEY_DERIVE Blake2b384;
    CKM_BLAKE2B_512_KEY_GEN CKK_BLAKE2B_512_HMAC CKM_BLAKE2B_512_KEY_DERIVE Blake2b512;
}

const GENERATE: Generate = |parameter, draft| {
    generic::generate(
        parameter,
        draft,
        |length| (generic::SIZES.0..=generic::SIZES.1).contains(&length),
        "between 1 and 4096",
    )
};
const SHAKE_128: Derive = |key, parameter, draft| extended(Shake::Shake128, 32, key, parameter, draft);
const SHAKE_256: Derive = |key, parameter, draft| extended(Shake::Shake256, 64, key, parameter, draft);

const fn deriving(row: Mechanism) -> Mechanism {
    Mechanism { keys: SECRETS, sizes: generic::SIZES, ..row }
}

/// "The value of the base key is digested once, and the result is used to make the value of the derived secret key."
fn digested<const HASH: usize>(key: &Key, parameter: &Parameter, _: &Object) -> Result<Secret> {
    parameter::none(parameter)?;
    Ok(Secret::from(Hash::ALL[HASH].digest(value(&key.object)?)))
}

fn extended(shake: Shake, usual: usize, key: &Key, parameter: &Parameter, draft: &Object) -> Result<Secret> {
    parameter::none(parameter)?;
    let mut made = Secret::zeroed(wanted_length(draft)?.unwrap_or(usual));
    shake.fill(value(&key.object)?, &mut made);
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;
    use crate::error::Code;
    use crate::mechanism::testing::{code, key};
    use crate::object::Value;

    fn derive(name: &str, draft: &Object) -> Result<Secret> {
        let row = FAMILY.iter().find(|row| row.name == name).unwrap();
        row.derive.unwrap()(&key(ck::CKK_GENERIC_SECRET, b"abc"), &Parameter::None, draft)
    }

    /// The examples of FIPS 180-4, and CPython for SHAKE.
    #[test]
    fn a_derived_key_is_the_digest_of_its_base_key() {
        let draft = Object::default();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(derive("CKM_SHA256_KEY_DERIVATION", &draft).unwrap().to_vec(), hex(expected));
        let expected = "a9993e364706816aba3e25717850c26c9cd0d89d";
        assert_eq!(derive("CKM_SHA1_KEY_DERIVATION", &draft).unwrap().to_vec(), hex(expected));
        let expected = "5881092dd818bf5cf8a3ddb793fbcba74097d5c526a6d35f97b83351940f2cc8";
        assert_eq!(derive("CKM_SHAKE_128_KEY_DERIVATION", &draft).unwrap().to_vec(), hex(expected));
        let mut draft = Object::default();
        draft.set(ck::CKA_VALUE_LEN, Value::Number(16));
        assert_eq!(derive("CKM_SHAKE_128_KEY_DERIVATION", &draft).unwrap().to_vec(), hex(&expected[..32]));
    }

    #[test]
    fn every_row_digests_or_generates_and_takes_no_parameter() {
        let base = key(ck::CKK_AES, &[7; 16]);
        let mut draft = Object::default();
        draft.set(ck::CKA_VALUE_LEN, Value::Number(24));
        for row in FAMILY {
            let wrong = Parameter::Bytes(vec![1].into());
            match (row.derive, row.generate) {
                (Some(derive), None) => {
                    assert!(derive(&base, &Parameter::None, &draft).unwrap().len() >= 20, "{}", row.name);
                    assert_eq!(code(derive(&base, &wrong, &draft)), Some(Code::MechanismParamInvalid));
                }
                (None, Some(generate)) => {
                    assert!(generate(&Parameter::None, &draft).is_ok() && row.keys.len() == 1, "{}", row.name);
                    assert_eq!(code(generate(&wrong, &draft)), Some(Code::MechanismParamInvalid));
                }
                _ => panic!("{} does neither", row.name),
            }
        }
    }
}
