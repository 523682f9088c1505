//! Keys made of other keys by the simplest means: PKCS#11 3.2, "Miscellaneous simple key derivation mechanisms".
//!
//! Who may cut a key into pieces learns it: a key of one unknown byte is guessed. Therefore a key that is sensitive or
//! not extractable goes into the derived key whole or not at all, and all that can be done with it keeps all of it.

use super::derived::{SECRETS, needed_length, wanted_length};
use super::structures::STRING_DATA;
use super::wrapping::value;
use super::{Derivation, DeriveWith, Key, Kinship, Made, Mechanism, Others, Part, generic, parameter};
use crate::ck::*;
use crate::error::{Code, Result};
use crate::object::{self, Object};
use crate::secret::Secret;
use crate::wire::values::{Field, Parameter};
use std::ops::Range;

pub(super) const FAMILY: &[Mechanism] = &[
    Mechanism { parts: &[Part::Key], ..secret(named!(CKM_CONCATENATE_BASE_AND_KEY), base_and_key) },
    Mechanism { parts: STRING_DATA, ..secret(named!(CKM_CONCATENATE_BASE_AND_DATA), base_and_data) },
    Mechanism { parts: STRING_DATA, ..secret(named!(CKM_CONCATENATE_DATA_AND_BASE), data_and_base) },
    Mechanism { parts: STRING_DATA, ..secret(named!(CKM_XOR_BASE_AND_DATA), xor) },
    Mechanism { parts: &[Part::Number], ..secret(named!(CKM_EXTRACT_KEY_FROM_KEY), extract) },
    Mechanism {
        keys: &[CKK_RSA, CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY],
        derivation: Some(Derivation { class: CKO_PUBLIC_KEY, kinship: Kinship::Public, derive: public_half }),
        ..named!(CKM_PUB_KEY_FROM_PRIV_KEY)
    },
];

const fn secret(row: Mechanism, derive: DeriveWith) -> Mechanism {
    Mechanism {
        keys: SECRETS,
        sizes: generic::SIZES,
        derivation: Some(Derivation { class: CKO_SECRET_KEY, kinship: Kinship::Close, derive }),
        ..row
    }
}

fn base_and_key(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<Made> {
    let [Field::Key(named)] = parameter::fields(parameter)? else {
        return Err(Code::MechanismParamInvalid.into());
    };
    let other = others.key(*named)?;
    let (base, more) = (value(&key.object)?, value(&other)?);
    let length = kept(draft, base.len() + more.len())?;
    whole(&key.object, 0..base.len(), length)?;
    whole(&other, base.len()..base.len() + more.len(), length)?;
    cut(draft, &[base, more], length)
}

fn base_and_data(key: &Key, parameter: &Parameter, _: &dyn Others, draft: &Object) -> Result<Made> {
    let (base, data) = (value(&key.object)?, data(parameter)?);
    let length = kept(draft, base.len() + data.len())?;
    whole(&key.object, 0..base.len(), length)?;
    cut(draft, &[base, data], length)
}

fn data_and_base(key: &Key, parameter: &Parameter, _: &dyn Others, draft: &Object) -> Result<Made> {
    let (base, data) = (value(&key.object)?, data(parameter)?);
    let length = kept(draft, data.len() + base.len())?;
    whole(&key.object, data.len()..data.len() + base.len(), length)?;
    cut(draft, &[data, base], length)
}

fn xor(key: &Key, parameter: &Parameter, _: &dyn Others, draft: &Object) -> Result<Made> {
    let (base, data) = (value(&key.object)?, data(parameter)?);
    let length = kept(draft, base.len().min(data.len()))?;
    whole(&key.object, 0..base.len(), length)?;
    let mut made = Secret::from(&base[..length]);
    made.iter_mut().zip(data).for_each(|(byte, with)| *byte ^= with);
    object::derived(draft, &made)
}

/// Bits from a position on, over the end and on from the beginning where need be. Of a key that must stay whole this
/// is a rotation.
fn extract(key: &Key, parameter: &Parameter, _: &dyn Others, draft: &Object) -> Result<Made> {
    let [Field::Number(first)] = parameter::fields(parameter)? else {
        return Err(Code::MechanismParamInvalid.into());
    };
    let base = value(&key.object)?;
    let bits = base.len() * 8;
    let first = usize::try_from(*first).ok().filter(|first| *first < bits);
    let first = first.ok_or_else(|| Code::MechanismParamInvalid.because("the key has no bit of this number"))?;
    let length = needed_length(draft)?;
    if length > base.len() {
        return Err(Code::KeySizeRange.because("the key is longer than the one it is extracted from"));
    }
    // "If the original key used in this process is sensitive, then the derived key must also be sensitive for the
    // derivation to succeed."
    if key.object.flag(CKA_SENSITIVE) && !draft.flag(CKA_SENSITIVE) {
        return Err(Code::TemplateInconsistent.because("what is extracted from a sensitive key is sensitive"));
    }
    whole(&key.object, 0..base.len(), length)?;
    let mut made = Secret::zeroed(length);
    for (index, byte) in made.iter_mut().enumerate() {
        let (at, shift) = ((first / 8 + index) % base.len(), first % 8);
        let pair = u16::from_be_bytes([base[at], base[(at + 1) % base.len()]]);
        *byte = (pair << shift).to_be_bytes()[0];
    }
    object::derived(draft, &made)
}

fn data(parameter: &Parameter) -> Result<&[u8]> {
    match parameter::fields(parameter)? {
        [Field::Bytes(data)] => Ok(data),
        _ => Err(Code::MechanismParamInvalid.into()),
    }
}

/// How many of the bytes that there are the derived key keeps.
fn kept(draft: &Object, there: usize) -> Result<usize> {
    match wanted_length(draft)?.unwrap_or(there) {
        length if length <= there => Ok(length),
        _ => Err(Code::KeySizeRange.because("there are fewer bytes than CKA_VALUE_LEN")),
    }
}

/// Refuses to take a part only of a key whose value may not be seen.
pub(super) fn whole(key: &Object, place: Range<usize>, kept: usize) -> Result<()> {
    let guarded = key.flag(CKA_SENSITIVE) || !key.flag(CKA_EXTRACTABLE);
    if guarded && kept < place.end {
        return Err(Code::KeyFunctionNotPermitted
            .because("of a key that is sensitive or not extractable no part can be made a key: it could be guessed"));
    }
    Ok(())
}

fn cut(draft: &Object, pieces: &[&[u8]], length: usize) -> Result<Made> {
    let mut made = Secret::zeroed(length);
    let bytes = pieces.iter().flat_map(|piece| piece.iter());
    made.iter_mut().zip(bytes).for_each(|(byte, from)| *byte = *from);
    object::derived(draft, &made)
}

/// What of a private key everyone may know.
fn public_half(key: &Key, parameter: &Parameter, _: &dyn Others, draft: &Object) -> Result<Made> {
    parameter::none(parameter)?;
    let private = &key.object;
    if private.class() != CKO_PRIVATE_KEY {
        return Err(Code::KeyTypeInconsistent.because("a public key comes from a private key"));
    }
    if draft.key_type() != private.key_type() {
        return Err(Code::TemplateInconsistent.because("the public key is of the type of the private key"));
    }
    let kinds = [CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_EC_PARAMS, CKA_EC_POINT];
    let mut made: Made = kinds.iter().filter_map(|kind| Some((*kind, private.value(*kind)?.clone()))).collect();
    if let (None, Some(allowed)) = (draft.value(CKA_ALLOWED_MECHANISMS), private.value(CKA_ALLOWED_MECHANISMS)) {
        made.push((CKA_ALLOWED_MECHANISMS, allowed.clone()));
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism::testing::{NoOthers, OneOther, code, key, number};
    use crate::object::Value;
    use crate::wire::values::Named;

    fn base(value: &[u8], guarded: bool) -> Key {
        let mut object = key(CKK_GENERIC_SECRET, value).object;
        object.set(CKA_SENSITIVE, Value::Flag(guarded));
        object.set(CKA_EXTRACTABLE, Value::Flag(!guarded));
        Key::new(object)
    }

    fn draft(length: Option<u64>) -> Object {
        let mut draft = Object::default();
        draft.set(CKA_CLASS, Value::Number(CKO_SECRET_KEY));
        draft.set(CKA_KEY_TYPE, Value::Number(CKK_GENERIC_SECRET));
        draft.set(CKA_SENSITIVE, Value::Flag(true));
        if let Some(length) = length {
            draft.set(CKA_VALUE_LEN, Value::Number(length));
        }
        draft
    }

    fn bytes(data: &[u8]) -> Parameter {
        Parameter::Fields(vec![Field::Bytes(data.to_vec().into())])
    }

    fn value_of(made: Result<Made>) -> Vec<u8> {
        match &made.ok().unwrap()[0].1 {
            Value::Secret(value) => value.to_vec(),
            _ => panic!("no secret"),
        }
    }

    const BASE: [u8; 4] = [0x01, 0x23, 0x45, 0x67];
    const MORE: [u8; 4] = [0x89, 0xab, 0xcd, 0xef];

    /// The examples of the standard.
    #[test]
    fn the_examples_of_the_standard_come_out() {
        let (key, whole) = (base(&BASE, true), draft(None));
        let after = [BASE, MORE].concat();
        assert_eq!(value_of(base_and_data(&key, &bytes(&MORE), &NoOthers, &whole)), after);
        assert_eq!(value_of(data_and_base(&key, &bytes(&MORE), &NoOthers, &whole)), [MORE, BASE].concat());
        assert_eq!(value_of(xor(&key, &bytes(&MORE), &NoOthers, &whole)), [0x88; 4]);
        let other = OneOther(base(&MORE, true).object);
        let named = Parameter::Fields(vec![Field::Key(Named::new(3))]);
        assert_eq!(value_of(base_and_key(&key, &named, &other, &whole)), after);
        let key = base(&[0x32, 0x9f, 0x84, 0xa9], false);
        assert_eq!(value_of(extract(&key, &number(21), &NoOthers, &draft(Some(2)))), [0x95, 0x26]);
        assert_eq!(value_of(extract(&key, &number(0), &NoOthers, &draft(Some(4)))), [0x32, 0x9f, 0x84, 0xa9]);
    }

    #[test]
    fn of_a_guarded_key_no_part_becomes_a_key() {
        let refused = |made: Result<Made>| assert_eq!(code(made), Some(Code::KeyFunctionNotPermitted));
        let (guarded, open) = (base(&BASE, true), base(&BASE, false));
        refused(base_and_data(&guarded, &bytes(&MORE), &NoOthers, &draft(Some(3))));
        refused(data_and_base(&guarded, &bytes(&MORE), &NoOthers, &draft(Some(5))));
        refused(data_and_base(&guarded, &bytes(&MORE), &NoOthers, &draft(Some(2))));
        refused(xor(&guarded, &bytes(&MORE[..1]), &NoOthers, &draft(None)));
        refused(extract(&guarded, &number(8), &NoOthers, &draft(Some(1))));
        let named = Parameter::Fields(vec![Field::Key(Named::new(3))]);
        let other = OneOther(base(&MORE, true).object);
        refused(base_and_key(&open, &named, &other, &draft(Some(5))));
        assert!(base_and_data(&guarded, &bytes(&MORE), &NoOthers, &draft(Some(5))).is_ok());
        assert!(data_and_base(&open, &bytes(&MORE), &NoOthers, &draft(Some(5))).is_ok());
        assert!(extract(&guarded, &number(8), &NoOthers, &draft(Some(4))).is_ok());
    }

    #[test]
    fn lengths_and_positions_out_of_range_are_refused() {
        let key = base(&BASE, false);
        assert_eq!(code(base_and_data(&key, &bytes(&MORE), &NoOthers, &draft(Some(9)))), Some(Code::KeySizeRange));
        assert_eq!(code(xor(&key, &bytes(&MORE), &NoOthers, &draft(Some(5)))), Some(Code::KeySizeRange));
        assert_eq!(code(extract(&key, &number(0), &NoOthers, &draft(Some(5)))), Some(Code::KeySizeRange));
        assert_eq!(code(extract(&key, &number(0), &NoOthers, &draft(None))), Some(Code::TemplateIncomplete));
        assert_eq!(code(extract(&key, &number(32), &NoOthers, &draft(Some(1)))), Some(Code::MechanismParamInvalid));
        let mut open = draft(Some(4));
        open.set(CKA_SENSITIVE, Value::Flag(false));
        let guarded = base(&BASE, true);
        assert_eq!(code(extract(&guarded, &number(0), &NoOthers, &open)), Some(Code::TemplateInconsistent));
    }
}
