//! HMAC: PKCS#11 3.2, section "Hash-Based Message Authentication Codes". Keys are generic secrets or the hash's own
//! HMAC keys, of any length: clients use keys shorter than the hash, and the standard sets no minimum.

use super::mac::{self, Mac};
use super::wrapping::value;
use super::{Key, Mechanism, Operation, Verification, generic, parameter};
use crate::ck;
use crate::crypto::hash::Hash;
use crate::crypto::hmac::Hmac;
use crate::error::Result;
use crate::wire::values::Parameter;

macro_rules! hmacs {
    ($($whole:ident $general:ident $key:ident $hash:ident;)*) => {
        pub(super) const FAMILY: &[Mechanism] = &[$(
            Mechanism {
                keys: &[ck::CKK_GENERIC_SECRET, ck::$key],
                sizes: generic::SIZES,
                sign: Some(sign::<{ Hash::$hash as usize }>),
                verify: Some(verify::<{ Hash::$hash as usize }>),
                ..named!($whole)
            },
            Mechanism {
                keys: &[ck::CKK_GENERIC_SECRET, ck::$key],
                sizes: generic::SIZES,
                parts: mac::GENERAL,
                sign: Some(sign_general::<{ Hash::$hash as usize }>),
                verify: Some(verify_general::<{ Hash::$hash as usize }>),
                ..named!($general)
            },
        )*];

        /// The hash inside an HMAC mechanism, as parameters name it.
        pub(super) const fn hash_of(mechanism: u64) -> Option<Hash> {
            match mechanism {
                $(ck::$whole => Some(Hash::$hash),)*
                _ => None,
            }
        }
    };
}

hmacs! {
    CKM_SHA_1_HMAC CKM_SHA_1_HMAC_GENERAL CKK_SHA_1_HMAC Sha1;
    CKM_SHA224_HMAC CKM_SHA224_HMAC_GENERAL CKK_SHA224_HMAC Sha224;
    CKM_SHA256_HMAC CKM_SHA256_HMAC_GENERAL CKK_SHA256_HMAC Sha256;
    CKM_SHA384_HMAC CKM_SHA384_HMAC_GENERAL CKK_SHA384_HMAC Sha384;
    CKM_SHA512_HMAC CKM_SHA512_HMAC_GENERAL CKK_SHA512_HMAC Sha512;
    CKM_SHA512_224_HMAC CKM_SHA512_224_HMAC_GENERAL CKK_SHA512_224_HMAC Sha512_224;
    CKM_SHA512_256_HMAC CKM_SHA512_256_HMAC_GENERAL CKK_SHA512_256_HMAC Sha512_256;
    CKM_SHA3_224_HMAC CKM_SHA3_224_HMAC_GENERAL CKK_SHA3_224_HMAC Sha3_224;
    CKM_SHA3_256_HMAC CKM_SHA3_256_HMAC_GENERAL CKK_SHA3_256_HMAC Sha3_256;
    CKM_SHA3_384_HMAC CKM_SHA3_384_HMAC_GENERAL CKK_SHA3_384_HMAC Sha3_384;
    CKM_SHA3_512_HMAC CKM_SHA3_512_HMAC_GENERAL CKK_SHA3_512_HMAC Sha3_512;
    CKM_BLAKE2B_160_HMAC CKM_BLAKE2B_160_HMAC_GENERAL CKK_BLAKE2B_160_HMAC Blake2b160;
    CKM_BLAKE2B_256_HMAC CKM_BLAKE2B_256_HMAC_GENERAL CKK_BLAKE2B_256_HMAC Blake2b256;
    CKM_BLAKE2B_384_HMAC CKM_BLAKE2B_384_HMAC_GENERAL CKK_BLAKE2B_384_HMAC Blake2b384;
    CKM_BLAKE2B_512_HMAC CKM_BLAKE2B_512_HMAC_GENERAL CKK_BLAKE2B_512_HMAC Blake2b512;
}

fn sign<const HASH: usize>(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    parameter::none(parameter)?;
    Ok(mac::sign(ready::<HASH>(key)?, Hash::ALL[HASH].output_length()))
}

fn verify<const HASH: usize>(key: &Key, parameter: &Parameter) -> Result<Box<dyn Verification>> {
    parameter::none(parameter)?;
    Ok(mac::verify(ready::<HASH>(key)?, Hash::ALL[HASH].output_length()))
}

fn sign_general<const HASH: usize>(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    let length = mac::general_length(parameter, Hash::ALL[HASH].output_length())?;
    Ok(mac::sign(ready::<HASH>(key)?, length))
}

fn verify_general<const HASH: usize>(key: &Key, parameter: &Parameter) -> Result<Box<dyn Verification>> {
    let length = mac::general_length(parameter, Hash::ALL[HASH].output_length())?;
    Ok(mac::verify(ready::<HASH>(key)?, length))
}

/// The key hashed in, for one of the hashes: a key may be used with several.
struct Ready<const HASH: usize>(Hmac);

fn ready<const HASH: usize>(key: &Key) -> Result<Hmac> {
    let ready = key.prepared(|object| Ok(Ready::<HASH>(Hmac::new(Hash::ALL[HASH], value(object)?))))?;
    Ok(ready.0.clone())
}

impl Mac for Hmac {
    fn update(&mut self, data: &[u8]) {
        Hmac::update(self, data);
    }
    fn finish(self) -> Vec<u8> {
        Hmac::finish(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;
    use crate::error::Code;
    use crate::mechanism::testing::{code, key, number, stream};

    fn hash(row: &Mechanism) -> Hash {
        let name = row.name.trim_end_matches("_GENERAL").trim_end_matches("_HMAC");
        *Hash::ALL.iter().find(|hash| crate::mechanism::find(hash.mechanism()).unwrap().name == name).unwrap()
    }

    fn expected(hash: Hash, key: &[u8], data: &[u8]) -> Vec<u8> {
        let mut hmac = Hmac::new(hash, key);
        hmac.update(data);
        hmac.finish()
    }

    #[test]
    fn every_row_makes_the_code_of_its_name_whole_or_cut() {
        let key = key(ck::CKK_GENERIC_SECRET, b"Jefe");
        for row in FAMILY {
            let hash = hash(row);
            let lengths =
                if row.parts.is_empty() { vec![hash.output_length()] } else { vec![1, 4, hash.output_length()] };
            for length in lengths {
                let parameter = if row.parts.is_empty() { Parameter::None } else { number(length as u64) };
                let begin = || row.sign.unwrap()(&key, &parameter).unwrap();
                stream(begin, |data| expected(hash, b"Jefe", data)[..length].to_vec());
                let verify = |code: &[u8]| {
                    let mut verification = row.verify.unwrap()(&key, &parameter).unwrap();
                    verification.update(b"data").unwrap();
                    verification.duplicate().finish(code)
                };
                let mut right = expected(hash, b"Jefe", b"data")[..length].to_vec();
                assert!(verify(&right).is_ok());
                assert_eq!(code(verify(&right[1..])), Some(Code::SignatureLenRange));
                right[length - 1] ^= 1;
                assert_eq!(code(verify(&right)), Some(Code::SignatureInvalid));
            }
        }
    }

    #[test]
    fn one_key_serves_two_hashes() {
        let key = key(ck::CKK_GENERIC_SECRET, b"Jefe");
        for name in ["CKM_SHA256_HMAC", "CKM_SHA224_HMAC", "CKM_SHA256_HMAC"] {
            let row = FAMILY.iter().find(|row| row.name == name).unwrap();
            let mut operation = row.sign.unwrap()(&key, &Parameter::None).unwrap();
            let mut output = Vec::new();
            operation.update(b"what do ya want for nothing?", &mut output).unwrap();
            operation.finish(&mut output).unwrap();
            assert_eq!(output.len(), hash(row).output_length());
        }
        let row = &FAMILY[4];
        let mut operation = row.sign.unwrap()(&key, &Parameter::None).unwrap();
        let mut output = Vec::new();
        operation.update(b"what do ya want for nothing?", &mut output).unwrap();
        operation.finish(&mut output).unwrap();
        assert_eq!(output, hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        let key = key(ck::CKK_GENERIC_SECRET, b"Jefe");
        for row in FAMILY {
            let most = hash(row).output_length() as u64;
            let wrong =
                if row.parts.is_empty() { vec![number(4)] } else { vec![number(0), number(most + 1), Parameter::None] };
            for parameter in wrong {
                assert_eq!(code(row.sign.unwrap()(&key, &parameter)), Some(Code::MechanismParamInvalid));
                assert_eq!(code(row.verify.unwrap()(&key, &parameter)), Some(Code::MechanismParamInvalid));
            }
        }
    }
}
