//! AES-GCM: PKCS#11 3.2, section "Additional AES Mechanisms".
//!
//! Both ways it is a stream: what goes in comes out at once, but for as many bytes as the tag has, which a decryption
//! holds back. So memory does not grow with the data; who decrypts in parts must not trust them before the end.

use super::wrapping::{unwrap, value, wrap};
use super::{Key, Mechanism, Operation, Part, aes, parameter};
use crate::ck;
use crate::crypto::gcm::{Direction, Gcm, GcmKey, MAX_TEXT, TAG};
use crate::error::{Code, Error, Result};
use crate::wire::values::{Field, Parameter};

/// `CK_GCM_PARAMS`: the IV, its length in bits, the associated data, the length of the tag in bits.
const PARTS: &[Part] = &[Part::Bytes, Part::Number, Part::Bytes, Part::Number];
/// `CK_GCM_PARAMS` of 2.20, which Java tries first: without `ulIvBits`.
const PARTS_2_20: &[Part] = &[Part::Bytes, Part::Bytes, Part::Number];
/// `CK_GCM_WRAP_PARAMS` of 3.2: `ulIvFixedBits` and `ivGenerator` after the IV.
const PARTS_WRAP: &[Part] = &[Part::Bytes, Part::Number, Part::Number, Part::Bytes, Part::Number];

pub(super) const FAMILY: &[Mechanism] = &[Mechanism {
    keys: aes::KEYS,
    sizes: aes::SIZES,
    parts: PARTS,
    other_parts: &[PARTS_2_20, PARTS_WRAP],
    encrypt: Some(encrypt),
    decrypt: Some(decrypt),
    wrap: Some(|key, parameter, bytes| {
        caller_makes_iv(parameter)?;
        wrap(encrypt, key, parameter, bytes)
    }),
    unwrap: Some(|key, parameter, wrapped| unwrap(decrypt, key, parameter, wrapped)),
    ..named!(CKM_AES_GCM)
}];

fn encrypt(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    let (stream, tag_length) = start(key, parameter, Direction::Encrypt)?;
    Ok(Box::new(Sealing { stream, tag_length, left: MAX_TEXT }))
}

fn decrypt(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    let (stream, tag_length) = start(key, parameter, Direction::Decrypt)?;
    Ok(Box::new(Opening { stream, tag_length, left: MAX_TEXT, held: [0; TAG], length: 0 }))
}

fn start(key: &Key, parameter: &Parameter, direction: Direction) -> Result<(Stream, usize)> {
    // ulIvBits is not looked at: the standard says to use ulIvLen, and clients leave anything in it.
    let (iv, aad, tag_bits) = match parameter::fields(parameter)? {
        [Field::Bytes(iv), Field::Bytes(aad), Field::Number(bits)]
        | [Field::Bytes(iv), Field::Number(_), Field::Bytes(aad), Field::Number(bits)]
        | [Field::Bytes(iv), Field::Number(_), Field::Number(_), Field::Bytes(aad), Field::Number(bits)] => {
            (iv, aad, *bits)
        }
        _ => return Err(Code::MechanismParamInvalid.into()),
    };
    let ready = key.prepared(|object| GcmKey::new(value(object)?))?;
    let tag_length = tag_length(tag_bits)?;
    Ok((Stream(Ok(ready.start(direction, iv, aad)?)), tag_length))
}

/// The lengths of SP 800-38D, section 5.2.1.2, in bytes.
fn tag_length(bits: u64) -> Result<usize> {
    match bits {
        32 | 64 | 96 | 104 | 112 | 120 | 128 => Ok(bits as usize / 8),
        _ => Err(Code::MechanismParamInvalid
            .because(format!("ulTagBits is {bits}, and must be 32, 64, 96, 104, 112, 120 or 128"))),
    }
}

/// A `CK_GCM_WRAP_PARAMS` may ask the token to make the IV; nothing could carry it back to the caller.
fn caller_makes_iv(parameter: &Parameter) -> Result<()> {
    match parameter::fields(parameter)? {
        [_, Field::Number(_), Field::Number(generator), _, _] if *generator != ck::CKG_NO_GENERATE => {
            Err(Code::MechanismParamInvalid.because("ivGenerator must be CKG_NO_GENERATE"))
        }
        _ => Ok(()),
    }
}

/// Takes `input` from what one IV may still serve.
fn spend(left: &mut u64, input: usize, beyond: Code) -> Result<()> {
    let length = u64::try_from(input).map_err(|_| beyond)?;
    *left = left.checked_sub(length).ok_or_else(|| beyond.because("AES-GCM takes at most 2^36 - 32 bytes"))?;
    Ok(())
}

/// The provider's stream. A copy that failed for want of memory is one that refuses.
struct Stream(Result<Gcm>);

impl Stream {
    fn update(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        match &mut self.0 {
            Ok(gcm) => gcm.update(input, output),
            Err(error) => Err(error.clone()),
        }
    }

    fn copy(&self) -> Stream {
        Stream(self.0.as_ref().map_err(Error::clone).and_then(Gcm::copy))
    }
}

/// An encryption in progress.
struct Sealing {
    stream: Stream,
    tag_length: usize,
    left: u64,
}

impl Operation for Sealing {
    fn update(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        spend(&mut self.left, input.len(), Code::DataLenRange)?;
        self.stream.update(input, output)
    }
    fn finish(self: Box<Self>, output: &mut Vec<u8>) -> Result<()> {
        let tag = self.stream.0?.seal()?;
        output.extend_from_slice(&tag[..self.tag_length]);
        Ok(())
    }
    fn update_bound(&self, input: usize) -> usize {
        input
    }
    fn finish_bound(&self, input: usize) -> usize {
        input.saturating_add(self.tag_length)
    }
    fn duplicate(&self) -> Box<dyn Operation> {
        Box::new(Sealing { stream: self.stream.copy(), ..*self })
    }
}

/// A decryption in progress. The last bytes that came may be the tag.
struct Opening {
    stream: Stream,
    tag_length: usize,
    left: u64,
    held: [u8; TAG],
    length: usize,
}

impl Operation for Opening {
    fn update(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        let through = self.update_bound(input.len());
        spend(&mut self.left, through, Code::EncryptedDataLenRange)?;
        let from_held = through.min(self.length);
        self.stream.update(&self.held[..from_held], output)?;
        self.held.copy_within(from_held..self.length, 0);
        self.length -= from_held;
        let (now, later) = input.split_at(through - from_held);
        self.stream.update(now, output)?;
        self.held[self.length..self.length + later.len()].copy_from_slice(later);
        self.length += later.len();
        Ok(())
    }
    fn finish(self: Box<Self>, _: &mut Vec<u8>) -> Result<()> {
        if self.length < self.tag_length {
            return Err(Code::EncryptedDataLenRange.into());
        }
        self.stream.0?.open(&self.held[..self.length])
    }
    fn update_bound(&self, input: usize) -> usize {
        self.length.saturating_add(input).saturating_sub(self.tag_length)
    }
    fn finish_bound(&self, input: usize) -> usize {
        self.update_bound(input)
    }
    fn duplicate(&self) -> Box<dyn Operation> {
        Box::new(Opening { stream: self.stream.copy(), ..*self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{Dice, hex};
    use crate::mechanism::testing::{aes_key, code, parts, run, stream};

    const KEY: &str = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";

    fn bytes(bytes: &[u8]) -> Field {
        Field::Bytes(bytes.to_vec().into())
    }

    fn gcm(iv: &[u8], aad: &[u8], bits: u64) -> Parameter {
        Parameter::Fields(vec![bytes(iv), Field::Number(0), bytes(aad), Field::Number(bits)])
    }

    #[test]
    fn any_iv_tag_and_split_go_both_ways() {
        let (key, mut dice) = (aes_key(KEY), Dice::new(5));
        for round in 0..200 {
            let (iv_length, length) = (1 + dice.below(40), dice.below(150));
            let bits = [32, 64, 96, 104, 112, 120, 128][round % 7];
            let parameter = gcm(&dice.bytes(iv_length), &dice.bytes(round % 33), bits);
            let plain = dice.bytes(length);
            let text = run(encrypt(&key, &parameter).unwrap(), &plain).unwrap();
            assert_eq!(text.len(), length + bits as usize / 8);
            assert_eq!(parts(encrypt(&key, &parameter).unwrap(), &plain, &mut dice), text);
            assert_eq!(parts(decrypt(&key, &parameter).unwrap(), &text, &mut dice), plain);
        }
        let parameter = gcm(&[7; 12], b"data", 128);
        let begin = || encrypt(&key, &parameter).unwrap();
        stream(begin, |data| run(begin(), data).unwrap());
    }

    #[test]
    fn all_three_structures_say_the_same() {
        let key = aes_key(KEY);
        let (iv, aad) = (hex("cafebabefacedbaddecaf888"), hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"));
        let expected = run(encrypt(&key, &gcm(&iv, &aad, 128)).unwrap(), b"text").unwrap();
        let old = Parameter::Fields(vec![bytes(&iv), bytes(&aad), Field::Number(128)]);
        let wrapping = |generator| {
            let numbers = [Field::Number(0), Field::Number(generator)];
            Parameter::Fields([vec![bytes(&iv)], numbers.to_vec(), vec![bytes(&aad), Field::Number(128)]].concat())
        };
        let row = &FAMILY[0];
        for parameter in [old, wrapping(ck::CKG_NO_GENERATE)] {
            assert_eq!(row.wrap.unwrap()(&key, &parameter, b"text").unwrap(), expected);
        }
        let generated = row.wrap.unwrap()(&key, &wrapping(ck::CKG_GENERATE), b"text");
        assert_eq!(code(generated), Some(Code::MechanismParamInvalid));
        let unwrapped = row.unwrap.unwrap()(&key, &wrapping(ck::CKG_GENERATE), &expected).unwrap();
        assert_eq!(unwrapped.to_vec(), b"text");
    }

    #[test]
    fn a_changed_text_is_invalid_data_or_an_invalid_key_and_a_short_one_has_no_tag() {
        let key = aes_key(KEY);
        let parameter = gcm(&[7; 12], b"data", 96);
        let mut text = run(encrypt(&key, &parameter).unwrap(), b"text").unwrap();
        text[0] ^= 1;
        let row = &FAMILY[0];
        assert_eq!(code(run(decrypt(&key, &parameter).unwrap(), &text)), Some(Code::EncryptedDataInvalid));
        assert_eq!(code(row.unwrap.unwrap()(&key, &parameter, &text)), Some(Code::WrappedKeyInvalid));
        assert_eq!(code(run(decrypt(&key, &parameter).unwrap(), &text[..11])), Some(Code::EncryptedDataLenRange));
        assert_eq!(code(row.unwrap.unwrap()(&key, &parameter, &text[..11])), Some(Code::WrappedKeyLenRange));
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        let key = aes_key(KEY);
        for bits in [0, 1, 8, 16, 95, 97, 127, 129, 256, u64::MAX] {
            assert_eq!(code(encrypt(&key, &gcm(&[7; 12], b"", bits))), Some(Code::MechanismParamInvalid));
        }
        for parameter in [gcm(&[], b"", 128), Parameter::None, Parameter::Bytes(vec![0; 12].into())] {
            assert_eq!(code(decrypt(&key, &parameter)), Some(Code::MechanismParamInvalid));
        }
    }

    #[test]
    fn one_iv_serves_so_many_bytes_and_no_more() {
        let mut left = 100;
        assert!(spend(&mut left, 60, Code::DataLenRange).is_ok());
        assert_eq!(code(spend(&mut left, 41, Code::DataLenRange)), Some(Code::DataLenRange));
        assert!(spend(&mut left, 40, Code::DataLenRange).is_ok());
        assert_eq!(left, 0);
    }
}
