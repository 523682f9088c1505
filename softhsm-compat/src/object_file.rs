//! One file of SoftHSM2's file store: `token.object`, or `<uuid>.object`.
//!
//! All numbers are eight bytes, the highest first. A file is a generation number, then attributes to its end: the
//! attribute's number, the kind of its value, the value. The kinds are 1 a boolean (one byte), 2 a number, 3 bytes (a
//! length, the bytes), 4 attributes of their own (a length in bytes, then attributes as in the file), 5 mechanisms
//! (a count, then numbers). Nothing protects a file against being edited: neither a checksum nor a MAC.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use strongroom_pkcs11::error::{Code, Error, Result};
use strongroom_pkcs11::secret::Secret;
use zeroize::Zeroizing;

/// The value of an attribute.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A boolean.
    Flag(bool),
    /// A number.
    Number(u64),
    /// Bytes; of private objects they are encrypted.
    Bytes(Secret),
    /// Attributes of their own: `CKA_WRAP_TEMPLATE` and its kin.
    Map(Vec<Attribute>),
    /// Numbers of mechanisms.
    Mechanisms(Vec<u64>),
}

/// An attribute.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// `CKA_…`, or a number of SoftHSM2's own.
    pub kind: u64,
    /// Its value.
    pub value: Value,
}

/// No object of a token comes near this length; a longer file is not read.
const LONGEST: u64 = 16 * 1024 * 1024;
/// The standard has fewer attributes than this.
const MOST: usize = 500;

/// Reads a file.
///
/// # Errors
/// `CKR_DATA_INVALID` for what is no such file.
pub fn read(path: &Path) -> Result<Vec<Attribute>> {
    let unreadable = |error| crate::configuration::unreadable(path, &error);
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(damaged("it is no regular file"));
    }
    let length = metadata.len();
    if length > LONGEST {
        return Err(damaged(format!("it has {length} bytes, which no object has")));
    }
    // Room for all of it from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length as usize + 1));
    let file = File::open(path).map_err(unreadable)?;
    file.take(length).read_to_end(&mut bytes).map_err(unreadable)?;
    parse(&bytes)
}

/// The attributes that a file holds.
///
/// # Errors
/// `CKR_DATA_INVALID` where a length does not fit, a kind is not known, or the file is cut short.
pub fn parse(file: &[u8]) -> Result<Vec<Attribute>> {
    if file.is_empty() {
        return Err(damaged("it is empty: SoftHSM2 was interrupted when it made the object"));
    }
    let mut reader = Reader(file);
    reader.number()?; // the generation
    attributes(&mut reader, true)
}

fn attributes(reader: &mut Reader<'_>, maps: bool) -> Result<Vec<Attribute>> {
    let mut found: Vec<Attribute> = Vec::new();
    while !reader.0.is_empty() {
        let kind = reader.number()?;
        let value = match reader.number()? {
            1 => Value::Flag(reader.take(1)? != [0]),
            2 => Value::Number(reader.number()?),
            3 => Value::Bytes(Secret::from(reader.counted()?)),
            4 if maps => Value::Map(attributes(&mut Reader(reader.counted()?), false)?),
            // Inside a map the kinds are numbered in the same way, but no map may be in a map.
            5 => Value::Mechanisms(reader.mechanisms()?),
            other => return Err(damaged(format!("attribute {kind:#x} has a value of an unknown kind ({other:#x})"))),
        };
        if found.len() == MOST {
            return Err(damaged("it has more attributes than any object has"));
        }
        if found.iter().any(|attribute| attribute.kind == kind) {
            return Err(damaged(format!("attribute {kind:#x} is there twice")));
        }
        found.push(Attribute { kind, value });
    }
    Ok(found)
}

/// What has not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(|| damaged("it is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64> {
        let (number, rest) = self.0.split_first_chunk().ok_or_else(|| damaged("it is cut short"))?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*number))
    }

    fn counted(&mut self) -> Result<&'a [u8]> {
        let length = self.number()?;
        usize::try_from(length).map_err(|_| damaged("a length in it is too large")).and_then(|length| self.take(length))
    }

    fn mechanisms(&mut self) -> Result<Vec<u64>> {
        let count = usize::try_from(self.number()?).ok().and_then(|count| count.checked_mul(8));
        let mut list = Reader(self.take(count.ok_or_else(|| damaged("a count in it is too large"))?)?);
        let mut mechanisms = Vec::with_capacity(list.0.len() / 8);
        while !list.0.is_empty() {
            mechanisms.push(list.number()?);
        }
        Ok(mechanisms)
    }
}

fn damaged(why: impl std::fmt::Display) -> Error {
    Code::DataInvalid.because(format!("the file is no object of SoftHSM2: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with an attribute of every kind.
    fn sample() -> Vec<u8> {
        let mut file = Vec::new();
        let numbers = |file: &mut Vec<u8>, numbers: &[u64]| {
            numbers.iter().for_each(|number| file.extend_from_slice(&number.to_be_bytes()));
        };
        numbers(&mut file, &[7, 1, 1]);
        file.push(0xff);
        numbers(&mut file, &[0, 2, 4, 3, 3, 2]);
        file.extend_from_slice(b"ab");
        numbers(&mut file, &[0x4000_0211, 4, 17, 0x162, 1]);
        file.push(0);
        numbers(&mut file, &[0x4000_0600, 5, 2, 0x1081, 0x1082]);
        file
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let attributes = parse(&sample()).unwrap_or_else(|error| panic!("{error}"));
        let value = |kind| &attributes.iter().find(|attribute| attribute.kind == kind).expect("it is there").value;
        assert!(*value(1) == Value::Flag(true));
        assert!(*value(0) == Value::Number(4));
        assert!(*value(3) == Value::Bytes(Secret::from(&b"ab"[..])));
        assert!(*value(0x4000_0211) == Value::Map(vec![Attribute { kind: 0x162, value: Value::Flag(false) }]));
        assert!(*value(0x4000_0600) == Value::Mechanisms(vec![0x1081, 0x1082]));
    }

    /// Between two attributes a file may end: SoftHSM2 does not count them.
    #[test]
    fn a_file_cut_short_within_an_attribute_is_refused() {
        let file = sample();
        let whole: Vec<usize> = vec![8, 25, 49, 75, 116, file.len()];
        for length in 0..=file.len() {
            assert_eq!(parse(&file[..length]).is_ok(), whole.contains(&length), "{length}");
        }
    }

    #[test]
    fn lengths_beyond_the_file_are_refused_before_anything_is_allocated() {
        for kind in [3u64, 4, 5] {
            for length in [1u64, 1 << 32, 1 << 61, u64::MAX] {
                let file: Vec<u8> = [0, 17, kind, length].iter().flat_map(|number| number.to_be_bytes()).collect();
                assert!(parse(&file).is_err(), "{kind} {length}");
            }
        }
    }

    #[test]
    fn any_single_changed_byte_is_read_or_refused() {
        let file = sample();
        for place in 0..file.len() {
            for change in [1u8, 0x80, 0xff] {
                let mut bent = file.clone();
                bent[place] ^= change;
                let _ = parse(&bent);
            }
        }
    }
}
