//! Making secret keys: random bytes of the length that the template asks for.

use super::{Made, Mechanism, parameter};
use crate::ck;
use crate::crypto::random;
use crate::error::{Code, Result};
use crate::object::{Object, Value};
use crate::wire::values::Parameter;

/// Lengths of a generic secret in bytes: any that is of use, and none that would fill the store.
pub(super) const SIZES: (u64, u64) = (1, 4096);

pub(super) const FAMILY: &[Mechanism] = &[Mechanism {
    keys: &[ck::CKK_GENERIC_SECRET],
    sizes: SIZES,
    generate: Some(|parameter, draft| {
        generate(parameter, draft, |length| (SIZES.0..=SIZES.1).contains(&length), "between 1 and 4096")
    }),
    ..named!(CKM_GENERIC_SECRET_KEY_GEN)
}];

/// A random key whose length is that of the draft, if it `fits`; `lengths` says in words which do.
pub(super) fn generate(
    parameter: &Parameter,
    draft: &Object,
    fits: impl Fn(u64) -> bool,
    lengths: &str,
) -> Result<Made> {
    parameter::none(parameter)?;
    let length = draft.number(ck::CKA_VALUE_LEN);
    let length =
        length.ok_or_else(|| Code::TemplateIncomplete.because("CKA_VALUE_LEN says how long the key shall be"))?;
    if !fits(length) {
        return Err(Code::AttributeValueInvalid.because(format!("CKA_VALUE_LEN is {length}, and must be {lengths}")));
    }
    let value = random::secret(length as usize)?;
    Ok(vec![(ck::CKA_VALUE, Value::Secret(value)), (ck::CKA_VALUE_LEN, Value::Number(length))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism::{aes, testing::code};

    fn draft(length: Option<u64>) -> Object {
        let mut draft = Object::default();
        if let Some(length) = length {
            draft.set(ck::CKA_VALUE_LEN, Value::Number(length));
        }
        draft
    }

    #[test]
    fn keys_are_as_long_as_asked_and_never_alike() {
        let rows = [(&FAMILY[0], vec![1, 20, 32, 4096]), (&aes::FAMILY[0], vec![16, 24, 32])];
        for (row, lengths) in rows {
            for length in lengths {
                let make = || row.generate.unwrap()(&Parameter::None, &draft(Some(length))).unwrap();
                let (one, other) = (make(), make());
                let Value::Secret(value) = &one[0].1 else { panic!("a secret") };
                assert_eq!(value.len() as u64, length);
                assert!(length < 16 || one[0].1 != other[0].1);
            }
        }
    }

    #[test]
    fn other_lengths_are_refused() {
        let rows = [(&FAMILY[0], vec![0, 4097, u64::MAX]), (&aes::FAMILY[0], vec![0, 8, 15, 17, 40, 64, u64::MAX])];
        for (row, lengths) in rows {
            let make = |length| code(row.generate.unwrap()(&Parameter::None, &draft(length)));
            lengths.into_iter().for_each(|length| assert_eq!(make(Some(length)), Some(Code::AttributeValueInvalid)));
            assert_eq!(make(None), Some(Code::TemplateIncomplete));
        }
    }
}
