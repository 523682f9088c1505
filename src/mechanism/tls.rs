//! TLS 1.2: PKCS#11 3.2, section "TLS 1.2 Mechanisms".
//!
//! The premaster secrets are those of key agreements: the mechanisms for RSA write a version back into the parameter, and
//! those for the record keys write handles; parameters here only go in. The PRF of TLS 1.0 needs MD5, which is not here.

use super::collect::{self, Most};
use super::derived::needed_length;
use super::structures::{TLS_EXTENDED, TLS_KDF, TLS_MAC, TLS_MASTER};
use super::wrapping::value;
use super::{Derivation, Key, Kinship, Made, Mechanism, Operation, Others, Verification, generic, parameter};
use crate::ck::*;
use crate::crypto::hash::Hash;
use crate::crypto::kdf::tls12_prf;
use crate::error::{Code, Result};
use crate::object::{self, Object, Value};
use crate::secret::Secret;
use crate::wire::values::{Field, Parameter};
use subtle::ConstantTimeEq;

pub(super) const FAMILY: &[Mechanism] = &[
    Mechanism {
        parts: TLS_MASTER,
        derivation: Some(Derivation { class: CKO_SECRET_KEY, kinship: Kinship::Distant, derive: master }),
        ..secret(named!(CKM_TLS12_MASTER_KEY_DERIVE_DH))
    },
    Mechanism {
        parts: TLS_EXTENDED,
        derivation: Some(Derivation { class: CKO_SECRET_KEY, kinship: Kinship::Distant, derive: extended_master }),
        ..secret(named!(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH))
    },
    Mechanism {
        parts: TLS_KDF,
        derivation: Some(Derivation { class: CKO_SECRET_KEY, kinship: Kinship::Distant, derive: export }),
        ..secret(named!(CKM_TLS_KDF))
    },
    Mechanism {
        parts: TLS_KDF,
        derivation: Some(Derivation { class: CKO_SECRET_KEY, kinship: Kinship::Distant, derive: export }),
        ..secret(named!(CKM_TLS12_KDF))
    },
    Mechanism { parts: TLS_MAC, sign: Some(sign), verify: Some(verify), ..secret(named!(CKM_TLS_MAC)) },
    Mechanism { parts: TLS_MAC, sign: Some(sign), verify: Some(verify), ..secret(named!(CKM_TLS12_MAC)) },
];

const fn secret(row: Mechanism) -> Mechanism {
    Mechanism { keys: &[CKK_GENERIC_SECRET], sizes: generic::SIZES, ..row }
}

const MASTER_LENGTH: usize = 48;

/// What a master secret is for.
const USES: [u64; 6] =
    [CKM_TLS12_KEY_AND_MAC_DERIVE, CKM_TLS12_KEY_SAFE_DERIVE, CKM_TLS_KDF, CKM_TLS_MAC, CKM_TLS12_KDF, CKM_TLS12_MAC];

fn master(key: &Key, parameter: &Parameter, _: &dyn Others, draft: &Object) -> Result<Made> {
    let [Field::Bytes(client), Field::Bytes(server), Field::Number(version), Field::Number(hash)] =
        parameter::fields(parameter)?
    else {
        return Err(Code::MechanismParamInvalid.into());
    };
    no_version(*version)?;
    master_key(draft, tls12_prf(prf(*hash)?, value(&key.object)?, b"master secret", &[client, server], MASTER_LENGTH))
}

/// RFC 7627
fn extended_master(key: &Key, parameter: &Parameter, _: &dyn Others, draft: &Object) -> Result<Made> {
    let [Field::Number(hash), Field::Bytes(session), Field::Number(version)] = parameter::fields(parameter)? else {
        return Err(Code::MechanismParamInvalid.into());
    };
    no_version(*version)?;
    let label = b"extended master secret";
    master_key(draft, tls12_prf(prf(*hash)?, value(&key.object)?, label, &[session], MASTER_LENGTH))
}

/// "The pVersion field of the structure must be set to NULL_PTR".
fn no_version(pointer: u64) -> Result<()> {
    match pointer {
        0 => Ok(()),
        _ => Err(Code::MechanismParamInvalid.because("TLS: an agreed secret tells no version, so pVersion is NULL")),
    }
}

fn master_key(draft: &Object, master: Secret) -> Result<Made> {
    let length = draft.number(CKA_VALUE_LEN).unwrap_or(MASTER_LENGTH as u64);
    if draft.key_type() != CKK_GENERIC_SECRET || length != MASTER_LENGTH as u64 {
        return Err(Code::TemplateInconsistent.because("a master secret is a generic secret of 48 bytes"));
    }
    let mut made = object::derived(draft, &master)?;
    if draft.value(CKA_ALLOWED_MECHANISMS).is_none() {
        made.push((CKA_ALLOWED_MECHANISMS, Value::Numbers(USES.to_vec())));
    }
    Ok(made)
}

/// An exporter (RFC 5705): a context is there when it is not empty.
fn export(key: &Key, parameter: &Parameter, _: &dyn Others, draft: &Object) -> Result<Made> {
    let [Field::Number(hash), Field::Bytes(label), Field::Bytes(client), Field::Bytes(server), Field::Bytes(context)] =
        parameter::fields(parameter)?
    else {
        return Err(Code::MechanismParamInvalid.into());
    };
    let length = u16::try_from(context.len())
        .map_err(|_| Code::MechanismParamInvalid.because("TLS: a context has no more than 65,535 bytes"))?
        .to_be_bytes();
    let seed: [&[u8]; 4] = [client, server, if context.is_empty() { b"" } else { &length }, context];
    let made = tls12_prf(prf(*hash)?, value(&key.object)?, label, &seed, needed_length(draft)?);
    object::derived(draft, &made)
}

/// The code of a "finished" message.
#[derive(Clone)]
struct Finished {
    hash: Hash,
    secret: Secret,
    label: &'static [u8],
    length: usize,
}

impl Finished {
    fn new(key: &Key, parameter: &Parameter) -> Result<Finished> {
        let [Field::Number(hash), Field::Number(length), Field::Number(side)] = *parameter::fields(parameter)? else {
            return Err(Code::MechanismParamInvalid.into());
        };
        let label: &[u8] = match side {
            1 => b"server finished",
            2 => b"client finished",
            _ => return Err(Code::MechanismParamInvalid.because("TLS: ulServerOrClient is 1 or 2")),
        };
        let length = usize::try_from(length).ok().filter(|length| (12..=LONGEST_CODE).contains(length));
        let length =
            length.ok_or_else(|| Code::MechanismParamInvalid.because("TLS: ulMacLength is between 12 and 255"))?;
        Ok(Finished { hash: prf(hash)?, secret: Secret::from(value(&key.object)?), label, length })
    }

    fn code(&self, data: &[u8]) -> Secret {
        tls12_prf(self.hash, &self.secret, self.label, &[data], self.length)
    }
}

const LONGEST_CODE: usize = 255;

/// The data is a digest of messages.
const MOST: Most = Most(64 * 1024, Code::DataLenRange);

fn sign(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    let finished = Finished::new(key, parameter)?;
    Ok(collect::making(MOST, finished.length, move |data| Ok(finished.code(data))))
}

fn verify(key: &Key, parameter: &Parameter) -> Result<Box<dyn Verification>> {
    let finished = Finished::new(key, parameter)?;
    Ok(collect::checking(MOST, move |data, signature| {
        if signature.len() != finished.length {
            return Err(Code::SignatureLenRange.into());
        }
        match bool::from(finished.code(data).ct_eq(signature)) {
            true => Ok(()),
            false => Err(Code::SignatureInvalid.into()),
        }
    }))
}

fn prf(hash: u64) -> Result<Hash> {
    Hash::from_mechanism(hash).ok_or_else(|| Code::MechanismParamInvalid.because("TLS: the PRF is that of TLS 1.2"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;
    use crate::mechanism::testing::{NoOthers, code, key, run};

    fn bytes(bytes: &[u8]) -> Field {
        Field::Bytes(bytes.to_vec().into())
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

    fn value_of(made: &Made) -> Vec<u8> {
        match &made[0].1 {
            Value::Secret(value) => value.to_vec(),
            _ => panic!("no secret"),
        }
    }

    fn randoms(version: u64, hash: u64) -> Parameter {
        Parameter::Fields(vec![bytes(&[0xaa; 32]), bytes(&[0xbb; 32]), Field::Number(version), Field::Number(hash)])
    }

    /// Made by OpenSSL 3.0: `openssl kdf -kdfopt digest:SHA256 … TLS1-PRF`.
    #[test]
    fn master_secrets_are_those_of_openssl() {
        let base = key(CKK_GENERIC_SECRET, &[0x0b; 32]);
        let made = master(&base, &randoms(0, CKM_SHA256), &NoOthers, &draft(None)).ok().unwrap();
        let expected = concat!(
            "8df5790b3caafee48bcd829b9557046bbe6f48b71ce9e04588ed2d1b8f95ad8684663f700af838da",
            "3bc9e1f0add6837d"
        );
        assert_eq!(value_of(&made), hex(expected));
        assert!(made[1] == (CKA_ALLOWED_MECHANISMS, Value::Numbers(USES.to_vec())));
        let given = Parameter::Fields(vec![Field::Number(CKM_SHA256), bytes(&[0xcc; 32]), Field::Number(0)]);
        let made = extended_master(&base, &given, &NoOthers, &draft(Some(48))).ok().unwrap();
        let expected = concat!(
            "65369125f4c7861e606dae34b188bb4109aec1cf7066b555509eee5d8b604a40c75398b1070eed10",
            "4ad77ee3dc877f71"
        );
        assert_eq!(value_of(&made), hex(expected));
    }

    #[test]
    fn master_secrets_have_no_version_and_one_length() {
        let base = key(CKK_GENERIC_SECRET, &[0x0b; 32]);
        let refused = |given: Parameter, length| code(master(&base, &given, &NoOthers, &draft(length)));
        assert_eq!(refused(randoms(1, CKM_SHA256), None), Some(Code::MechanismParamInvalid));
        assert_eq!(refused(randoms(0, CKM_TLS_PRF), None), Some(Code::MechanismParamInvalid));
        assert_eq!(refused(randoms(0, CKM_SHA256), Some(32)), Some(Code::TemplateInconsistent));
        assert_eq!(refused(Parameter::None, None), Some(Code::MechanismParamInvalid));
    }

    /// OpenSSL again, with the seed that RFC 5705 builds.
    #[test]
    fn exported_keys_follow_rfc_5705() {
        let base = key(CKK_GENERIC_SECRET, &[0x0b; 32]);
        let given = |context: &[u8]| {
            let label = bytes(b"EXPORTER-test");
            Parameter::Fields(vec![
                Field::Number(CKM_SHA256),
                label,
                bytes(&[0xaa; 32]),
                bytes(&[0xbb; 32]),
                bytes(context),
            ])
        };
        let made = export(&base, &given(b"context"), &NoOthers, &draft(Some(40))).ok().unwrap();
        assert_eq!(
            value_of(&made),
            hex("aa69f332a95b30455104c382fd47de0463c1ab137aebc945ed90bec4b94cb1fddee58e00e6de3d0e")
        );
        let made = export(&base, &given(b""), &NoOthers, &draft(Some(40))).ok().unwrap();
        assert_eq!(
            value_of(&made),
            hex("69828c952aafd6b201251403256712e70005979d12ae397ad9041ceffe9be6017c2eb41124e646f8")
        );
        assert_eq!(code(export(&base, &given(b""), &NoOthers, &draft(None))), Some(Code::TemplateIncomplete));
        let long = export(&base, &given(&[0; 65536]), &NoOthers, &draft(Some(40)));
        assert_eq!(code(long), Some(Code::MechanismParamInvalid));
    }

    /// OpenSSL again.
    #[test]
    fn finished_messages_are_signed_and_verified() {
        let base = key(CKK_GENERIC_SECRET, &[0x0b; 32]);
        let given = |length, side| {
            Parameter::Fields(vec![Field::Number(CKM_SHA256), Field::Number(length), Field::Number(side)])
        };
        let signature = run(sign(&base, &given(12, 2)).unwrap(), &[0xdd; 32]).unwrap();
        assert_eq!(signature, hex("fb3430aeb4dc3a133816c731"));
        let check = |side, signature: &[u8]| {
            let mut verification = verify(&base, &given(12, side)).unwrap();
            verification.update(&[0xdd; 32]).unwrap();
            code(verification.finish(signature))
        };
        assert_eq!(check(2, &signature), None);
        assert_eq!(check(1, &signature), Some(Code::SignatureInvalid));
        assert_eq!(check(2, &signature[1..]), Some(Code::SignatureLenRange));
        for (length, side) in [(11, 1), (256, 1), (12, 0), (12, 3)] {
            assert_eq!(code(sign(&base, &given(length, side))), Some(Code::MechanismParamInvalid));
        }
    }
}
