//! Key derivation with pseudo-random functions: PKCS#11 3.2, section "SP800-108 Key Derivation".
//!
//! One key is derived at a time: a parameter that asks for additional keys is refused.

use super::derived::{SECRETS, needed_length};
use super::prf::Prf;
use super::structures::{KDF, KDF_FEEDBACK};
use super::wrapping::value;
use super::{Derivation, Key, Kinship, Made, Mechanism, Others, generic, parameter};
use crate::ck::*;
use crate::error::{Code, Error, Result};
use crate::object::{self, Object};
use crate::secret::Secret;
use crate::wire::values::{Field, Named, Parameter};

pub(super) const FAMILY: &[Mechanism] = &[
    Mechanism {
        keys: SECRETS,
        sizes: generic::SIZES,
        parts: KDF,
        derivation: Some(Derivation { class: CKO_SECRET_KEY, kinship: Kinship::Heir, derive: counter }),
        ..named!(CKM_SP800_108_COUNTER_KDF)
    },
    Mechanism {
        keys: SECRETS,
        sizes: generic::SIZES,
        parts: KDF_FEEDBACK,
        derivation: Some(Derivation { class: CKO_SECRET_KEY, kinship: Kinship::Heir, derive: feedback }),
        ..named!(CKM_SP800_108_FEEDBACK_KDF)
    },
    Mechanism {
        keys: SECRETS,
        sizes: generic::SIZES,
        parts: KDF,
        derivation: Some(Derivation { class: CKO_SECRET_KEY, kinship: Kinship::Heir, derive: double_pipeline }),
        ..named!(CKM_SP800_108_DOUBLE_PIPELINE_KDF)
    },
];

/// How a number is written.
#[derive(Clone, Copy)]
struct Format {
    little_endian: bool,
    bytes: usize,
}

/// What the length of the derived key material counts.
#[derive(Clone, Copy)]
enum Method {
    Keys,
    Segments,
}

/// A segment of what the function is applied to.
enum Piece {
    /// The iteration variable: a counter in counter mode, else what the mode feeds back.
    Iteration(Option<Format>),
    Counter(Format),
    Length(Method, Format),
    Bytes(Secret),
}

fn counter(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<Made> {
    let kdf = Kdf::read(key, parameter, others, draft, Mode::Counter)?;
    let made = kdf.run(|kdf, index, _| kdf.block(index, b""))?;
    object::derived(draft, &made)
}

fn feedback(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<Made> {
    let kdf = Kdf::read(key, parameter, others, draft, Mode::Feedback)?;
    let made = kdf.run(|kdf, index, last| kdf.block(index, last.unwrap_or(&kdf.iv)))?;
    object::derived(draft, &made)
}

fn double_pipeline(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object) -> Result<Made> {
    let kdf = Kdf::read(key, parameter, others, draft, Mode::DoublePipeline)?;
    let mut a = kdf.fixed();
    let made = kdf.run(|kdf, index, _| {
        a = kdf.prf.of(&[&a]);
        kdf.block(index, &a)
    })?;
    object::derived(draft, &made)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Counter,
    Feedback,
    DoublePipeline,
}

/// A derivation whose parameter has been read.
struct Kdf {
    prf: Prf,
    pieces: Vec<Piece>,
    iv: Secret,
    length: usize,
}

impl Kdf {
    fn read(key: &Key, parameter: &Parameter, others: &dyn Others, draft: &Object, mode: Mode) -> Result<Kdf> {
        let no_iv = Default::default();
        let (prf, data, iv, more) = match (mode, parameter::fields(parameter)?) {
            (Mode::Feedback, [Field::Number(prf), Field::Fields(Some(data)), Field::Bytes(iv), more, _]) => {
                (prf, data, iv, more)
            }
            (_, [Field::Number(prf), Field::Fields(Some(data)), more, _]) => (prf, data, &no_iv, more),
            _ => return Err(Code::MechanismParamInvalid.into()),
        };
        if *more != Field::Number(0) {
            return Err(wrong("one key is derived at a time: ulAdditionalDerivedKeys is not 0"));
        }
        let prf = Prf::new(*prf, value(&key.object)?)?;
        let pieces = data.iter().map(|piece| read_piece(piece, others, mode)).collect::<Result<Vec<_>>>()?;
        let kdf = Kdf { prf, pieces, iv: Secret::from(&iv[..]), length: needed_length(draft)? };
        kdf.check(mode)?;
        Ok(kdf)
    }

    /// One iteration variable, no more than one counter and one length; numbers that fit where they are written.
    fn check(&self, mode: Mode) -> Result<()> {
        let count = |is: fn(&Piece) -> bool| self.pieces.iter().filter(|piece| is(piece)).count();
        if count(|piece| matches!(piece, Piece::Iteration(_))) != 1 {
            return Err(wrong("there is one CK_SP800_108_ITERATION_VARIABLE"));
        }
        if count(|piece| matches!(piece, Piece::Counter(_))) > usize::from(mode != Mode::Counter) {
            return Err(wrong("there is no CK_SP800_108_COUNTER in counter mode, and one at most in others"));
        }
        if count(|piece| matches!(piece, Piece::Length(..))) > 1 {
            return Err(wrong("there is more than one CK_SP800_108_DKM_LENGTH"));
        }
        for piece in &self.pieces {
            match piece {
                Piece::Iteration(Some(format)) | Piece::Counter(format) if !format.holds(self.blocks() as u64) => {
                    return Err(Code::KeySizeRange.because("the counter is too narrow for a key of this length"));
                }
                Piece::Length(method, format) if !format.holds(self.bits(*method)) => {
                    return Err(wrong("the length of the key does not fit its field"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn blocks(&self) -> usize {
        self.length.div_ceil(self.prf.length())
    }

    fn bits(&self, method: Method) -> u64 {
        8 * match method {
            Method::Keys => self.length,
            Method::Segments => self.blocks() * self.prf.length(),
        } as u64
    }

    fn run(&self, mut block: impl FnMut(&Kdf, u64, Option<&Secret>) -> Secret) -> Result<Secret> {
        let mut made = Secret::zeroed(self.length);
        let mut last: Option<Secret> = None;
        for (part, index) in made.chunks_mut(self.prf.length()).zip(1u64..) {
            let now = block(self, index, last.as_ref());
            part.copy_from_slice(&now[..part.len()]);
            last = Some(now);
        }
        Ok(made)
    }

    /// The function over all pieces in their order.
    fn block(&self, index: u64, iteration: &[u8]) -> Secret {
        let pieces: Vec<Secret> = self
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Iteration(Some(format)) | Piece::Counter(format) => format.write(index),
                Piece::Iteration(None) => Secret::from(iteration),
                Piece::Length(method, format) => format.write(self.bits(*method)),
                Piece::Bytes(bytes) => bytes.clone(),
            })
            .collect();
        self.prf.of(&pieces.iter().map(|piece| &piece[..]).collect::<Vec<_>>())
    }

    /// The pieces that are the same in every block: the IV of the double pipeline.
    fn fixed(&self) -> Secret {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Iteration(_) | Piece::Counter(_) => Secret::default(),
            Piece::Length(method, format) => format.write(self.bits(*method)),
            Piece::Bytes(bytes) => bytes.clone(),
        });
        let pieces: Vec<Secret> = pieces.collect();
        Secret::from(pieces.iter().map(|piece| &piece[..]).collect::<Vec<_>>().concat())
    }
}

impl Format {
    /// From `bLittleEndian` and `ulWidthInBits`.
    fn read(little_endian: u8, width: &[u8]) -> Result<Format> {
        match number(width) {
            bits @ 8..=64 if bits % 8 == 0 => {
                Ok(Format { little_endian: little_endian != 0, bytes: (bits / 8) as usize })
            }
            _ => Err(wrong("the width of a number is 8 to 64 bits, and whole bytes")),
        }
    }

    fn holds(self, number: u64) -> bool {
        self.bytes == 8 || number >> (8 * self.bytes) == 0
    }

    fn write(self, number: u64) -> Secret {
        match self.little_endian {
            true => Secret::from(&number.to_le_bytes()[..self.bytes]),
            false => Secret::from(&number.to_be_bytes()[8 - self.bytes..]),
        }
    }
}

/// A `CK_PRF_DATA_PARAM`; what it points to is read here, by its type.
fn read_piece(piece: &Field, others: &dyn Others, mode: Mode) -> Result<Piece> {
    let Field::Fields(Some(fields)) = piece else { return Err(Code::MechanismParamInvalid.into()) };
    let [Field::Number(kind), Field::Bytes(data)] = &fields[..] else {
        return Err(Code::MechanismParamInvalid.into());
    };
    match (*kind, &data[..]) {
        (CK_SP800_108_ITERATION_VARIABLE, format) if mode == Mode::Counter => {
            let format = counter_format(format)?;
            Ok(Piece::Iteration(Some(format)))
        }
        (CK_SP800_108_ITERATION_VARIABLE, []) => Ok(Piece::Iteration(None)),
        (CK_SP800_108_COUNTER, format) => Ok(Piece::Counter(counter_format(format)?)),
        (CK_SP800_108_DKM_LENGTH, format) => dkm_format(format),
        (CK_SP800_108_BYTE_ARRAY, [_, ..]) => Ok(Piece::Bytes(Secret::from(&data[..]))),
        (CK_SP800_108_KEY_HANDLE, handle) if handle.len() == 8 => {
            let other = others.key(Named::new(number(handle)))?;
            Ok(Piece::Bytes(Secret::from(value(&other)?)))
        }
        _ => Err(wrong("a CK_PRF_DATA_PARAM is of no known type, or not what its type says")),
    }
}

/// `CK_SP800_108_COUNTER_FORMAT`: a byte, and aligned behind it a number.
fn counter_format(bytes: &[u8]) -> Result<Format> {
    let format = match bytes {
        [little_endian, _, _, _, _, _, _, _, width @ ..] if width.len() == 8 => Format::read(*little_endian, width)?,
        _ => return Err(wrong("a counter comes with a CK_SP800_108_COUNTER_FORMAT")),
    };
    // "limiting the internal loop counter": r is 32 at most in SP 800-108.
    if format.bytes > 4 { Err(wrong("a counter has 32 bits at most")) } else { Ok(format) }
}

/// `CK_SP800_108_DKM_LENGTH_FORMAT`: a number, a byte, and aligned behind it a number.
fn dkm_format(bytes: &[u8]) -> Result<Piece> {
    let (Some((method, rest)), 24) = (bytes.split_at_checked(8), bytes.len()) else {
        return Err(wrong("a length comes with a CK_SP800_108_DKM_LENGTH_FORMAT"));
    };
    let method = match number(method) {
        CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS => Method::Keys,
        CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS => Method::Segments,
        _ => return Err(wrong("dkmLengthMethod is neither of the two")),
    };
    Ok(Piece::Length(method, Format::read(rest[0], &rest[8..])?))
}

/// A `CK_ULONG` in memory.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn wrong(what: &'static str) -> Error {
    Code::MechanismParamInvalid.because(format!("SP800-108: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;
    use crate::mechanism::testing::{NoOthers, OneOther, code, key};
    use crate::object::Value;

    fn bytes(bytes: &[u8]) -> Field {
        Field::Bytes(bytes.to_vec().into())
    }

    fn piece(kind: u64, data: &[u8]) -> Field {
        Field::Fields(Some(vec![Field::Number(kind), bytes(data)]))
    }

    fn counter_of(little_endian: u8, bits: u64) -> Vec<u8> {
        [&[little_endian, 0, 0, 0, 0, 0, 0, 0][..], &bits.to_le_bytes()].concat()
    }

    fn length_of(method: u64, bits: u64) -> Vec<u8> {
        [&method.to_le_bytes()[..], &[0; 8], &bits.to_le_bytes()].concat()
    }

    /// `[i] || label || 0 || context || [L]`, with what comes before it.
    fn data(before: Vec<Field>, length: &[u8]) -> Vec<Field> {
        let rest = [
            piece(CK_SP800_108_BYTE_ARRAY, b"label"),
            piece(CK_SP800_108_BYTE_ARRAY, &[0]),
            piece(CK_SP800_108_BYTE_ARRAY, b"context"),
            piece(CK_SP800_108_DKM_LENGTH, length),
        ];
        before.into_iter().chain(rest).collect()
    }

    fn parameter(prf: u64, data: Vec<Field>, iv: Option<&[u8]>, more: u64) -> Parameter {
        let iv = iv.map(bytes);
        let rest = iv.into_iter().chain([Field::Number(more), Field::Number(0)]);
        Parameter::Fields([Field::Number(prf), Field::Fields(Some(data))].into_iter().chain(rest).collect())
    }

    fn draft(length: u64) -> Object {
        let mut draft = Object::default();
        draft.set(CKA_CLASS, Value::Number(CKO_SECRET_KEY));
        draft.set(CKA_KEY_TYPE, Value::Number(CKK_GENERIC_SECRET));
        draft.set(CKA_VALUE_LEN, Value::Number(length));
        draft
    }

    fn value_of(made: Result<Made>) -> Vec<u8> {
        match &made.ok().unwrap()[0].1 {
            Value::Secret(value) => value.to_vec(),
            _ => panic!("no secret"),
        }
    }

    fn iteration(bits: u64) -> Field {
        piece(CK_SP800_108_ITERATION_VARIABLE, &counter_of(0, bits))
    }

    /// Made by OpenSSL 3.0: `openssl kdf … -kdfopt salt:label -kdfopt info:context KBKDF`.
    #[test]
    fn counter_and_feedback_are_those_of_openssl() {
        let base = key(CKK_GENERIC_SECRET, &[0x0b; 32]);
        let given = parameter(CKM_SHA256_HMAC, data(vec![iteration(32)], &length_of(1, 32)), None, 0);
        let expected = concat!(
            "2241190a033a1f28ebbc11ba9e29a5c48e21a99bfcfc5ad78e2b0fb212c2c4e5e2f00c845bce57c1",
            "da7d6113723551bf8e93e96d33e0408dca7a834d11f160f66fcd2b314f7b8ada8d0aadc7e04655c3"
        );
        assert_eq!(value_of(counter(&base, &given, &NoOthers, &draft(80))), hex(expected));
        let before = vec![piece(CK_SP800_108_ITERATION_VARIABLE, b""), piece(CK_SP800_108_COUNTER, &counter_of(0, 32))];
        let given = parameter(CKM_SHA256_HMAC, data(before, &length_of(1, 32)), Some(&[0xcc; 32]), 0);
        let expected = concat!(
            "829cb5cbff4e688d87dc5c2c06b96b411a0e6f1397a88303c230c78d6562dae4096bfbf564f2147c",
            "b050b1e630ad99fd0f8f80780b6c5e3eb996cf54fb320efcafbfb1a1d2025b233b5a3f3809a4c182"
        );
        assert_eq!(value_of(feedback(&base, &given, &NoOthers, &draft(80))), hex(expected));
        let base = key(CKK_AES, &[0x0b; 16]);
        let given = parameter(CKM_AES_CMAC, data(vec![iteration(32)], &length_of(1, 32)), None, 0);
        let expected = "9563a9dfed47d7a24147cbb77c5f7c22056ec23e7ddcf9b6803d53498521ac19f2bc0e0b469bbf4f";
        assert_eq!(value_of(counter(&base, &given, &NoOthers, &draft(40))), hex(expected));
    }

    /// Made by CPython's hmac from the definition (SP 800-108, section 4.3), L being that of whole segments.
    #[test]
    fn the_double_pipeline_follows_its_definition() {
        let base = key(CKK_GENERIC_SECRET, &[0x0b; 32]);
        let before = vec![piece(CK_SP800_108_ITERATION_VARIABLE, b""), piece(CK_SP800_108_COUNTER, &counter_of(1, 8))];
        let given = parameter(CKM_SHA256_HMAC, data(before, &length_of(2, 32)), None, 0);
        let expected = concat!(
            "300c2d9dcd60766696b8ff67ee8d8eeb62fb38a8633e246d5fd5c35e7c848c1254f6d5dbc11b924f",
            "2d20af7104c3b5b3b882c74e99eaff556f2d8550be6477cc2dc37b4a5e81ee427d41fd2c05d18b97"
        );
        assert_eq!(value_of(double_pipeline(&base, &given, &NoOthers, &draft(80))), hex(expected));
    }

    #[test]
    fn the_value_of_another_key_is_a_piece() {
        let base = key(CKK_GENERIC_SECRET, &[0x0b; 32]);
        let of = |label: Field| parameter(CKM_SHA256_HMAC, vec![iteration(8), label], None, 0);
        let plain = of(piece(CK_SP800_108_BYTE_ARRAY, b"label"));
        let named = of(piece(CK_SP800_108_KEY_HANDLE, &7u64.to_le_bytes()));
        let other = OneOther(key(CKK_GENERIC_SECRET, b"label").object);
        let expected = value_of(counter(&base, &plain, &NoOthers, &draft(33)));
        assert_eq!(value_of(counter(&base, &named, &other, &draft(33))), expected);
        assert_eq!(code(counter(&base, &named, &NoOthers, &draft(33))), Some(Code::KeyHandleInvalid));
    }

    #[test]
    fn every_field_is_checked() {
        let base = key(CKK_GENERIC_SECRET, &[0x0b; 32]);
        let refused = |prf, data, more, length| {
            code(counter(&base, &parameter(prf, data, None, more), &NoOthers, &draft(length)))
        };
        let wrong = Some(Code::MechanismParamInvalid);
        assert_eq!(refused(CKM_SHA256, vec![iteration(8)], 0, 16), wrong);
        assert_eq!(refused(CKM_SHA256_HMAC, vec![iteration(8)], 1, 16), wrong);
        assert_eq!(refused(CKM_SHA256_HMAC, vec![], 0, 16), wrong);
        assert_eq!(refused(CKM_SHA256_HMAC, vec![iteration(8), iteration(8)], 0, 16), wrong);
        for bits in [0, 7, 12, 40, 64, 72, u64::MAX] {
            assert_eq!(refused(CKM_SHA256_HMAC, vec![iteration(bits)], 0, 16), wrong);
        }
        for piece in [
            piece(CK_SP800_108_BYTE_ARRAY, b""),
            piece(CK_SP800_108_COUNTER, &counter_of(0, 8)),
            piece(CK_SP800_108_DKM_LENGTH, &length_of(3, 32)),
            piece(CK_SP800_108_DKM_LENGTH, &length_of(1, 32)[1..]),
            piece(CK_SP800_108_KEY_HANDLE, &[1]),
            piece(6, b"data"),
        ] {
            assert_eq!(refused(CKM_SHA256_HMAC, vec![iteration(8), piece], 0, 16), wrong);
        }
        let narrow = piece(CK_SP800_108_DKM_LENGTH, &length_of(1, 8));
        assert_eq!(refused(CKM_SHA256_HMAC, vec![iteration(8), narrow], 0, 32), wrong);
        assert_eq!(refused(CKM_SHA256_HMAC, vec![iteration(8)], 0, 255 * 32), None);
        assert_eq!(refused(CKM_SHA256_HMAC, vec![iteration(8)], 0, 255 * 32 + 1), Some(Code::KeySizeRange));
        assert_eq!(refused(CKM_AES_CMAC, vec![iteration(8)], 0, 16), None);
        let short = key(CKK_GENERIC_SECRET, &[1; 5]);
        let given = parameter(CKM_AES_CMAC, vec![iteration(8)], None, 0);
        assert_eq!(code(counter(&short, &given, &NoOthers, &draft(16))), Some(Code::KeySizeRange));
    }
}
