//! IKE: PKCS#11 3.2, section "IKE Mechanisms" (RFC 2409, RFC 7296).

use super::derived::{SECRETS, needed_length, wanted_length};
use super::prf::Prf;
use super::structures::{IKE_LONG, IKE_PRF, IKE1_PRF};
use super::wrapping::value;
use super::{Derivation, DeriveWith, Key, Kinship, Made, Mechanism, Others, generic, parameter, simple};
use crate::ck::*;
use crate::error::{Code, Result};
use crate::object::{self, Object};
use crate::secret::Secret;
use crate::wire::values::{Field, Named, Parameter};

pub(super) const FAMILY: &[Mechanism] = &[
    Mechanism { parts: IKE_PRF, ..secret(named!(CKM_IKE_PRF_DERIVE), Kinship::Distant, initial) },
    Mechanism { parts: IKE1_PRF, ..secret(named!(CKM_IKE1_PRF_DERIVE), Kinship::Distant, further) },
    // What it makes may be the base key itself.
    Mechanism { parts: IKE_LONG, ..secret(named!(CKM_IKE1_EXTENDED_DERIVE), Kinship::Close, extended) },
    Mechanism { parts: IKE_LONG, ..secret(named!(CKM_IKE2_PRF_PLUS_DERIVE), Kinship::Distant, prf_plus) },
];

const fn secret(row: Mechanism, kinship: Kinship, derive: DeriveWith) -> Mechanism {
    let derivation = Some(Derivation { class: CKO_SECRET_KEY, kinship, derive });
    Mechanism { keys: SECRETS, sizes: generic::SIZES, derivation, ..row }
}

fn initial(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<Made> {
    let [
        Field::Number(prf),
        Field::Number(data_as_key),
        Field::Number(rekey),
        Field::Bytes(ni),
        Field::Bytes(nr),
        Field::Key(new_key),
    ] = parameter::fields(parameter)?
    else {
        return Err(Code::MechanismParamInvalid.into());
    };
    let base = value(&key.object)?;
    let made = match (*data_as_key != 0, *rekey != 0) {
        (true, true) => return Err(Code::ArgumentsBad.because("IKE: bDataAsKey and bRekey exclude each other")),
        (true, false) => Prf::new(*prf, &Secret::from([&ni[..], nr].concat()))?.of(&[base]),
        (false, false) => Prf::new(*prf, base)?.of(&[ni, nr]),
        (false, true) => Prf::new(*prf, base)?.of(&[value(&others.key(*new_key)?)?, ni, nr]),
    };
    match wanted_length(draft)? {
        Some(length) if length != made.len() => {
            Err(Code::KeySizeRange.because("IKE: this key is as long as what the function yields"))
        }
        _ => object::derived(draft, &made),
    }
}

fn further(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<Made> {
    let [
        Field::Number(prf),
        Field::Number(has_previous),
        Field::Key(agreed),
        Field::Key(previous),
        Field::Bytes(initiator),
        Field::Bytes(responder),
        Field::Number(number),
    ] = parameter::fields(parameter)?
    else {
        return Err(Code::MechanismParamInvalid.into());
    };
    let prf = Prf::new(*prf, value(&key.object)?)?;
    let previous = optional(*has_previous, *previous, others)?;
    let agreed = others.key(*agreed)?;
    let made = prf.of(&[&previous, value(&agreed)?, initiator, responder, &[*number as u8]]);
    if wanted_length(draft)?.is_some_and(|length| length > made.len()) {
        return Err(Code::KeySizeRange.because("IKE: this key is no longer than what the function yields"));
    }
    object::derived(draft, &made)
}

/// "The new key is simply the base key truncated" where that is long enough and nothing is mixed in.
fn extended(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<Made> {
    let (prf, mixed, has_key, length) = long(key, parameter, others, draft)?;
    let base = value(&key.object)?;
    if !has_key && length <= prf.length() {
        simple::whole(&key.object, 0..base.len(), length)?;
        return object::derived(draft, base);
    }
    let seed: &[u8] = if mixed.is_empty() { &[0] } else { &mixed };
    // RFC 2409, appendix B: K1 = prf(K, 0), and then K2 = prf(K, K1); with a seed it is part of each.
    object::derived(
        draft,
        &chain(&prf, length, |last, _| match last {
            None => prf.of(&[seed]),
            Some(last) => prf.of(&[last, &mixed]),
        }),
    )
}

fn prf_plus(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<Made> {
    let (prf, seed, _, length) = long(key, parameter, others, draft)?;
    let made = chain(&prf, length, |last, counter| prf.of(&[last.map_or(b"", |last| last), &seed, &[counter]]));
    object::derived(draft, &made)
}

/// The function, what is mixed in (the value of a key, then data), whether a key is, and the length of the new key.
fn long(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<(Prf, Secret, bool, usize)> {
    let [Field::Number(prf), Field::Number(has_key), Field::Key(named), Field::Bytes(data)] =
        parameter::fields(parameter)?
    else {
        return Err(Code::MechanismParamInvalid.into());
    };
    let prf = Prf::new(*prf, value(&key.object)?)?;
    let length = needed_length(draft)?;
    if length > 255 * prf.length() {
        return Err(Code::KeySizeRange.because("IKE: a key has no more than 255 blocks of the function"));
    }
    let other = optional(*has_key, *named, others)?;
    Ok((prf, Secret::from([&other[..], data].concat()), *has_key != 0, length))
}

/// The value of a key that may be there.
fn optional(is_there: u64, named: Named, others: &dyn Others) -> Result<Secret> {
    match is_there {
        0 => Ok(Secret::default()),
        _ => Ok(Secret::from(value(&others.key(named)?)?)),
    }
}

/// Blocks one after the other, each made of the one before it and its number.
fn chain(prf: &Prf, length: usize, block: impl Fn(Option<&Secret>, u8) -> Secret) -> Secret {
    let mut made = Secret::zeroed(length);
    let mut last: Option<Secret> = None;
    for (part, counter) in made.chunks_mut(prf.length()).zip(1u8..=255) {
        let now = block(last.as_ref(), counter);
        part.copy_from_slice(&now[..part.len()]);
        last = Some(now);
    }
    made
}

/// The vectors are made by CPython's hmac from the formulas of the standard.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;
    use crate::mechanism::testing::{NoOthers, OneOther, code, key};
    use crate::object::Value;

    fn bytes(bytes: &[u8]) -> Field {
        Field::Bytes(bytes.to_vec().into())
    }

    fn named(handle: u64) -> Field {
        Field::Key(Named::new(handle))
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

    fn base() -> Key {
        let mut object = key(CKK_GENERIC_SECRET, &[0x0b; 32]).object;
        object.set(CKA_EXTRACTABLE, Value::Flag(true));
        Key::new(object)
    }

    fn other() -> OneOther {
        OneOther(key(CKK_GENERIC_SECRET, &[3; 24]).object)
    }

    fn value_of(made: Result<Made>) -> Vec<u8> {
        match &made.ok().unwrap()[0].1 {
            Value::Secret(value) => value.to_vec(),
            _ => panic!("no secret"),
        }
    }

    fn nonces(data_as_key: u64, rekey: u64) -> Parameter {
        Parameter::Fields(vec![
            Field::Number(CKM_SHA256_HMAC),
            Field::Number(data_as_key),
            Field::Number(rekey),
            bytes(&[1; 16]),
            bytes(&[2; 16]),
            named(7),
        ])
    }

    #[test]
    fn the_initial_key_comes_in_three_ways() {
        let made = |data_as_key, rekey| value_of(initial(&base(), &nonces(data_as_key, rekey), &other(), &draft(None)));
        assert_eq!(made(1, 0), hex("0a88ca7f4758599d879ddb96991b0a0fe3208eb9f66e1bffe918bcea194f8099"));
        assert_eq!(made(0, 0), hex("1a2b251e324e58f5bbe9b7784eed3c01746ce34fe711a1dc02a791f9b985edb7"));
        assert_eq!(made(0, 1), hex("93e04335d0e18cdbb3777345166159865b5423846511cd28f3c24001d39e4031"));
        assert_eq!(code(initial(&base(), &nonces(1, 1), &other(), &draft(None))), Some(Code::ArgumentsBad));
        assert_eq!(code(initial(&base(), &nonces(0, 0), &NoOthers, &draft(Some(31)))), Some(Code::KeySizeRange));
        assert_eq!(code(initial(&base(), &nonces(0, 1), &NoOthers, &draft(None))), Some(Code::KeyHandleInvalid));
    }

    #[test]
    fn further_keys_of_ikev1_hang_on_the_one_before() {
        let given = |has_previous, number| {
            Parameter::Fields(vec![
                Field::Number(CKM_SHA256_HMAC),
                Field::Number(has_previous),
                named(7),
                named(7),
                bytes(&[1; 16]),
                bytes(&[2; 16]),
                Field::Number(number),
            ])
        };
        let made =
            |has_previous, number, length| further(&base(), &given(has_previous, number), &other(), &draft(length));
        assert_eq!(value_of(made(0, 0, None)), hex("dee1854d9175a9cadb9750f369eda131c5c4a60ab49d8997c65da8b2af0eb4c6"));
        assert_eq!(value_of(made(1, 1, Some(9))), hex("fc2ea0f47ee6ae07b0"));
        assert_eq!(code(made(0, 0, Some(33))), Some(Code::KeySizeRange));
    }

    fn seeded(has_key: u64, data: &[u8]) -> Parameter {
        Parameter::Fields(vec![Field::Number(CKM_SHA256_HMAC), Field::Number(has_key), named(7), bytes(data)])
    }

    #[test]
    fn long_keys_of_ikev2_are_those_of_prf_plus() {
        let made = |length| prf_plus(&base(), &seeded(1, b"seed"), &other(), &draft(length));
        assert_eq!(
            value_of(made(Some(70))),
            hex(
                "2c5a445ec709b1ebd1c023f84417fdd2ca99108d38e6bc51c53ddc13f050d2f0b25dfcf7105b12a6a6e2ecb63ea33c83dec774a8dff892d0defa182da9785d1695d876666c40"
            )
        );
        assert_eq!(value_of(made(Some(255 * 32))).len(), 255 * 32);
        assert_eq!(code(made(Some(255 * 32 + 1))), Some(Code::KeySizeRange));
        assert_eq!(code(made(None)), Some(Code::TemplateIncomplete));
    }

    #[test]
    fn long_keys_of_ikev1_are_chained_or_cut() {
        let made =
            |has_key, data: &[u8], length| extended(&base(), &seeded(has_key, data), &other(), &draft(Some(length)));
        assert_eq!(
            value_of(made(1, b"seed", 70)),
            hex(
                "b61dc3f775fb56c1b96378b73a17daa48f362792a8b2e7ab009db22a5bb05eb8e0894eb16782ec3a5cc081a1f95860b202e62929908cfc362e5ff45088127e99092682c3e75d"
            )
        );
        assert_eq!(
            value_of(made(0, b"", 40)),
            hex("8cfba53d3586ecb8100029df2abe96b38750965f01d92e616f0c3c699cd4985eb95bfbbe1b54beca")
        );
        assert_eq!(value_of(made(0, b"", 20)), [0x0b; 20]);
        let guarded = key(CKK_GENERIC_SECRET, &[0x0b; 32]);
        let cut = extended(&guarded, &seeded(0, b""), &NoOthers, &draft(Some(20)));
        assert_eq!(code(cut), Some(Code::KeyFunctionNotPermitted));
    }
}
