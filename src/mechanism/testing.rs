//! What the tests of mechanisms share: keys, ways to run an operation, and the laws that every operation keeps.

use super::{Key, Operation, Others};
use crate::ck;
use crate::crypto::testing::{Dice, hex};
use crate::error::{Code, Result};
use crate::object::{Object, Value};
use crate::secret::Secret;
use crate::wire::values::{Field, Named, Parameter};

/// A secret key.
pub(crate) fn key(key_type: u64, value: &[u8]) -> Key {
    let mut object = Object::default();
    object.set(ck::CKA_CLASS, Value::Number(ck::CKO_SECRET_KEY));
    object.set(ck::CKA_KEY_TYPE, Value::Number(key_type));
    object.set(ck::CKA_VALUE, Value::Secret(Secret::from(value)));
    Key::new(object)
}

/// An AES key from hexadecimal.
pub(crate) fn aes_key(value: &str) -> Key {
    key(ck::CKK_AES, &hex(value))
}

/// A derivation whose parameter should name no other key.
pub(crate) struct NoOthers;

impl Others for NoOthers {
    fn key(&self, _: Named) -> Result<Object> {
        Err(Code::KeyHandleInvalid.into())
    }
}

/// A derivation that knows one other key.
pub(crate) struct OneOther(pub(crate) Object);

impl Others for OneOther {
    fn key(&self, _: Named) -> Result<Object> {
        Ok(self.0.clone())
    }
}

/// A parameter that is one number.
pub(crate) fn number(number: u64) -> Parameter {
    Parameter::Fields(vec![Field::Number(number)])
}

/// The code of a refusal.
pub(crate) fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}

/// An operation over one part.
pub(crate) fn run(mut operation: Box<dyn Operation>, input: &[u8]) -> Result<Vec<u8>> {
    let mut output = Vec::new();
    operation.update(input, &mut output)?;
    operation.finish(&mut output)?;
    Ok(output)
}

/// An operation over random parts; now and then a copy goes on in its place. What each part yields is exactly what
/// `update_bound` says, and what is still to come no more than `finish_bound` says.
pub(crate) fn parts(mut operation: Box<dyn Operation>, input: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut output = Vec::new();
    let mut seen = Vec::new();
    for part in dice.split(input) {
        let (before, due) = (output.len(), operation.update_bound(part.len()));
        let rest = input.len() - seen.len();
        let (most_then, after) = (before + operation.finish_bound(rest), rest - part.len());
        operation.update(part, &mut output).unwrap();
        assert_eq!(output.len() - before, due, "update_bound is exact");
        assert!(output.len() + operation.finish_bound(after) <= most_then, "finish_bound shrinks as output comes");
        seen.extend_from_slice(part);
        if dice.below(2) == 0 {
            let copy = operation.duplicate();
            let _ = operation.update(b"this goes nowhere", &mut Vec::new());
            operation = copy;
        }
    }
    let most = output.len() + operation.finish_bound(0);
    operation.finish(&mut output).unwrap();
    assert!(output.len() <= most);
    output
}

/// The laws of a stream whose `finish_bound` is exact: any parts make what `expected` says of the whole.
pub(crate) fn stream(begin: impl Fn() -> Box<dyn Operation>, expected: impl Fn(&[u8]) -> Vec<u8>) {
    let mut dice = Dice::new(99);
    for _ in 0..30 {
        let length = 1 + dice.below(300);
        let data = dice.bytes(length);
        let whole = expected(&data);
        assert_eq!(begin().finish_bound(length), whole.len(), "finish_bound is exact");
        assert_eq!(parts(begin(), &data, &mut dice), whole);
    }
}
