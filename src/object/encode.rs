//! How an object is stored: compact, the same on every machine, read back with suspicion.
//!
//! `[1][count]` and then, in the order of their numbers, `[number][tag][value]`. Numbers are LEB128 in their
//! shortest form, byte strings have their length before them. There is one way only to write an object, so what
//! [`decode`] accepts is what [`encode`] made.

use super::{Object, Value};
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use crate::wire::codec::{Reader, Writer};

/// The object as bytes.
pub fn encode(object: &Object) -> Secret {
    let mut writer = Writer::with_capacity(512);
    writer.raw(&[FORMAT]);
    put_object(object, &mut writer);
    Secret::from(writer.bytes())
}

/// The object in these bytes. They may be anything.
///
/// # Errors
/// `CKR_DEVICE_ERROR` where they are no object of this format.
pub fn decode(bytes: &[u8]) -> Result<Object> {
    let mut reader = Reader::new(bytes);
    match reader.raw(1)? {
        [FORMAT] => {}
        other => return Err(Code::DeviceError.because(format!("an object is stored in unknown format {}", other[0]))),
    }
    let object = take_object(&mut reader, DEPTH)?;
    reader.end().map_err(|_| malformed())?;
    Ok(object)
}

fn put_object(object: &Object, to: &mut Writer) {
    put_number(object.iter().count() as u64, to);
    for (kind, value) in object.iter() {
        put_number(kind, to);
        put_value(value, to);
    }
}

fn put_value(value: &Value, to: &mut Writer) {
    match value {
        Value::Flag(flag) => to.raw(&[if *flag { TRUE } else { FALSE }]),
        Value::Number(number) => {
            to.raw(&[NUMBER]);
            put_number(*number, to);
        }
        Value::Bytes(bytes) => put_bytes(BYTES, bytes, to),
        Value::Secret(bytes) => put_bytes(SECRET, bytes, to),
        Value::Numbers(numbers) => {
            to.raw(&[NUMBERS]);
            put_number(numbers.len() as u64, to);
            numbers.iter().for_each(|number| put_number(*number, to));
        }
        Value::Template(object) => {
            to.raw(&[TEMPLATE]);
            put_object(object, to);
        }
    }
}

fn put_bytes(tag: u8, bytes: &[u8], to: &mut Writer) {
    to.raw(&[tag]);
    put_number(bytes.len() as u64, to);
    to.raw(bytes);
}

fn put_number(mut number: u64, to: &mut Writer) {
    while number >= 0x80 {
        to.raw(&[number as u8 | 0x80]);
        number >>= 7;
    }
    to.raw(&[number as u8]);
}

fn take_object(from: &mut Reader<'_>, depth: usize) -> Result<Object> {
    let mut object = Object::default();
    let mut last = None;
    for _ in 0..take_count(from)? {
        let kind = take_number(from)?;
        if last.is_some_and(|last| kind <= last) {
            return Err(malformed());
        }
        last = Some(kind);
        object.set(kind, take_value(from, depth)?);
    }
    Ok(object)
}

fn take_value(from: &mut Reader<'_>, depth: usize) -> Result<Value> {
    match from.raw(1)? {
        [FALSE] => Ok(Value::Flag(false)),
        [TRUE] => Ok(Value::Flag(true)),
        [NUMBER] => take_number(from).map(Value::Number),
        [BYTES] => take_bytes(from).map(|bytes| Value::Bytes(bytes.to_vec())),
        [SECRET] => take_bytes(from).map(|bytes| Value::Secret(bytes.into())),
        [NUMBERS] => (0..take_count(from)?).map(|_| take_number(from)).collect::<Result<_>>().map(Value::Numbers),
        [TEMPLATE] if depth > 0 => take_object(from, depth - 1).map(Value::Template),
        _ => Err(malformed()),
    }
}

fn take_bytes<'a>(from: &mut Reader<'a>) -> Result<&'a [u8]> {
    let length = take_count(from)?;
    from.raw(length)
}

/// A count of things that take at least a byte each: more than there are bytes left is a lie.
fn take_count(from: &mut Reader<'_>) -> Result<usize> {
    let count = take_number(from)?;
    usize::try_from(count).ok().filter(|count| *count <= from.remaining()).ok_or_else(malformed)
}

fn take_number(from: &mut Reader<'_>) -> Result<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = from.raw(1)?[0];
        let bits = u64::from(byte & 0x7f);
        if (shift == 63 && bits > 1) || (shift > 0 && byte == 0) {
            return Err(malformed());
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(malformed())
}

fn malformed() -> Error {
    Code::DeviceError.because("a stored object is damaged")
}

/// The version of the format.
const FORMAT: u8 = 1;
/// How deep templates may stand in each other; the wire allows no more.
const DEPTH: usize = 4;

const FALSE: u8 = 0;
const TRUE: u8 = 1;
const NUMBER: u8 = 2;
const BYTES: u8 = 3;
const SECRET: u8 = 4;
const NUMBERS: u8 = 5;
const TEMPLATE: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::*;

    fn sample() -> Object {
        let mut inner = Object::default();
        inner.set(CKA_EXTRACTABLE, Value::Flag(false));
        let mut object = Object::default();
        object.set(CKA_CLASS, Value::Number(CKO_SECRET_KEY));
        object.set(CKA_KEY_GEN_MECHANISM, Value::Number(u64::MAX));
        object.set(CKA_LABEL, Value::Bytes(vec![b'x'; 300]));
        object.set(CKA_VALUE, Value::Secret(vec![7; 32].into()));
        object.set(CKA_ALLOWED_MECHANISMS, Value::Numbers(vec![0, 127, 128, CKM_AES_GCM]));
        object.set(CKA_UNWRAP_TEMPLATE, Value::Template(inner));
        object.set(CKA_TOKEN, Value::Flag(true));
        object
    }

    #[test]
    fn objects_come_back_as_they_went() {
        assert!(decode(&encode(&sample())).unwrap() == sample());
        assert!(decode(&encode(&Object::default())).unwrap() == Object::default());
    }

    #[test]
    fn a_cut_object_is_refused() {
        let whole = encode(&sample());
        assert!((0..whole.len()).all(|length| decode(&whole[..length]).is_err()));
    }

    #[test]
    fn more_bytes_than_the_object_are_refused() {
        let mut bytes = encode(&sample()).to_vec();
        bytes.push(0);
        assert!(decode(&bytes).is_err());
    }

    #[test]
    fn counts_that_lie_allocate_nothing() {
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        for head in [&[FORMAT][..], &[FORMAT, 1, 0, BYTES], &[FORMAT, 1, 0, NUMBERS], &[FORMAT, 1, 0, TEMPLATE]] {
            assert!(decode(&[head, &huge].concat()).is_err());
        }
    }

    #[test]
    fn random_bytes_never_panic_and_what_decodes_is_canonical() {
        let mut state = 1u64;
        let mut next = move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as u8
        };
        let whole = encode(&sample()).to_vec();
        for round in 0..20_000 {
            let mut bytes = if round % 2 == 0 { whole.clone() } else { (0..next() % 64).map(|_| next() % 9).collect() };
            for _ in 0..next() % 4 {
                let at = usize::from(next()) % bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = next();
                }
            }
            if let Ok(object) = decode(&bytes) {
                assert!(encode(&object)[..] == bytes[..]);
            }
        }
    }

    #[test]
    fn templates_do_not_nest_without_end() {
        let mut bytes = vec![FORMAT];
        for _ in 0..1000 {
            bytes.extend([1, 0, TEMPLATE]);
        }
        bytes.push(0);
        assert!(decode(&bytes).is_err());
    }
}
