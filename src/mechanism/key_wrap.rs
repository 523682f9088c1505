//! AES key wrap: PKCS#11 3.2, section "AES Key Wrap". Whole keys or data, in one part in the standard; parts are
//! collected, within a bound.
//!
//! `CKM_AES_KEY_WRAP_PAD` is deprecated because versions of the standard meant different paddings by it; here, as with
//! other tokens, it is that of RFC 5649, the same as `CKM_AES_KEY_WRAP_KWP`.

use super::collect::append;
use super::wrapping::about_data;
use super::{Key, Mechanism, Operation, aes, parameter};
use crate::crypto::aes::Aes;
use crate::crypto::kw::{self, SEMIBLOCK};
use crate::error::{Code, Result};
use crate::secret::Secret;
use crate::wire::values::Parameter;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Data that is collected before it is wrapped or unwrapped, at most: 1 MiB.
const MOST: usize = 1 << 20;

pub(super) const FAMILY: &[Mechanism] = &[
    Mechanism {
        keys: aes::KEYS,
        sizes: aes::SIZES,
        encrypt: Some(|key, parameter| start(key, Wrapping::plain(parameter)?, Way::Wrap)),
        decrypt: Some(|key, parameter| start(key, Wrapping::plain(parameter)?, Way::Unwrap)),
        wrap: Some(|key, parameter, bytes| Wrapping::plain(parameter)?.wrap(&*aes::schedule(key)?, bytes)),
        unwrap: Some(|key, parameter, wrapped| Wrapping::plain(parameter)?.unwrap(&*aes::schedule(key)?, wrapped)),
        ..named!(CKM_AES_KEY_WRAP)
    },
    padded(named!(CKM_AES_KEY_WRAP_PAD)),
    padded(named!(CKM_AES_KEY_WRAP_KWP)),
];

/// What both names of RFC 5649 do.
const fn padded(named: Mechanism) -> Mechanism {
    Mechanism {
        keys: aes::KEYS,
        sizes: aes::SIZES,
        encrypt: Some(|key, parameter| start(key, Wrapping::padded(parameter)?, Way::Wrap)),
        decrypt: Some(|key, parameter| start(key, Wrapping::padded(parameter)?, Way::Unwrap)),
        wrap: Some(|key, parameter, bytes| Wrapping::padded(parameter)?.wrap(&*aes::schedule(key)?, bytes)),
        unwrap: Some(|key, parameter, wrapped| Wrapping::padded(parameter)?.unwrap(&*aes::schedule(key)?, wrapped)),
        ..named
    }
}

/// Which wrapping, with its initial value.
#[derive(Clone, Copy)]
enum Wrapping {
    Plain([u8; 8]),
    Padded([u8; 4]),
}

#[derive(Clone, Copy)]
enum Way {
    Wrap,
    Unwrap,
}

impl Wrapping {
    fn plain(parameter: &Parameter) -> Result<Wrapping> {
        parameter::bytes_or(parameter, kw::IV).map(Wrapping::Plain)
    }

    fn padded(parameter: &Parameter) -> Result<Wrapping> {
        parameter::bytes_or(parameter, kw::ALTERNATIVE_IV).map(Wrapping::Padded)
    }

    fn wrap(&self, kek: &Aes, bytes: &[u8]) -> Result<Vec<u8>> {
        match self {
            Wrapping::Plain(iv) => kw::wrap_with(kek, iv, bytes),
            Wrapping::Padded(iv) => kw::wrap_padded_with(kek, iv, bytes),
        }
    }

    fn unwrap(&self, kek: &Aes, wrapped: &[u8]) -> Result<Secret> {
        match self {
            Wrapping::Plain(iv) => kw::unwrap_with(kek, iv, wrapped),
            Wrapping::Padded(iv) => kw::unwrap_padded_with(kek, iv, wrapped),
        }
    }
}

fn start(key: &Key, wrapping: Wrapping, way: Way) -> Result<Box<dyn Operation>> {
    Ok(Box::new(Collecting { kek: aes::schedule(key)?, wrapping, way, data: Zeroizing::default() }))
}

/// Data that waits for its end.
#[derive(Clone)]
struct Collecting {
    kek: Arc<Aes>,
    wrapping: Wrapping,
    way: Way,
    data: Zeroizing<Vec<u8>>,
}

impl Operation for Collecting {
    fn update(&mut self, input: &[u8], _: &mut Vec<u8>) -> Result<()> {
        if input.len() > MOST - self.data.len() {
            return Err(match self.way {
                Way::Wrap => Code::DataLenRange.because("AES key wrap takes at most 1 MiB"),
                Way::Unwrap => Code::EncryptedDataLenRange.because("AES key wrap takes at most 1 MiB"),
            });
        }
        append(&mut self.data, input);
        Ok(())
    }

    fn finish(self: Box<Self>, output: &mut Vec<u8>) -> Result<()> {
        match self.way {
            Way::Wrap => output.extend_from_slice(&self.wrapping.wrap(&self.kek, &self.data).map_err(about_data)?),
            Way::Unwrap => output.extend_from_slice(&self.wrapping.unwrap(&self.kek, &self.data).map_err(about_data)?),
        }
        Ok(())
    }

    fn update_bound(&self, _: usize) -> usize {
        0
    }

    /// Exact but for what a padding takes.
    fn finish_bound(&self, input: usize) -> usize {
        let total = self.data.len().saturating_add(input).min(MOST);
        match self.way {
            Way::Wrap => total.next_multiple_of(SEMIBLOCK) + SEMIBLOCK,
            Way::Unwrap => total.saturating_sub(SEMIBLOCK),
        }
    }

    fn duplicate(&self) -> Box<dyn Operation> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{Dice, hex};
    use crate::mechanism::testing::{aes_key, code, parts, run, stream};

    const KEK: &str = "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8";

    /// RFC 3394, section 4.6; RFC 5649, section 6.
    #[test]
    fn the_vectors_come_out_as_keys_and_as_data() {
        let long = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let rows = [
            (
                0,
                long,
                "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
                "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
            ),
            (1, KEK, "466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
            (
                2,
                KEK,
                "c37b7e6492584340bed12207808941155068f738",
                "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
            ),
        ];
        for (row, kek, bytes, wrapped) in rows {
            let (row, key, none) = (&FAMILY[row], aes_key(kek), Parameter::None);
            let (bytes, wrapped, mut dice) = (hex(bytes), hex(wrapped), Dice::new(1));
            assert_eq!(row.wrap.unwrap()(&key, &none, &bytes).unwrap(), wrapped);
            assert_eq!(row.unwrap.unwrap()(&key, &none, &wrapped).unwrap().to_vec(), bytes);
            assert_eq!(parts(row.encrypt.unwrap()(&key, &none).unwrap(), &bytes, &mut dice), wrapped);
            assert_eq!(parts(row.decrypt.unwrap()(&key, &none).unwrap(), &wrapped, &mut dice), bytes);
        }
    }

    #[test]
    fn bounds_are_exact_where_they_can_be() {
        let key = aes_key(KEK);
        for row in &FAMILY[1..] {
            let begin = || row.encrypt.unwrap()(&key, &Parameter::None).unwrap();
            for length in 1..40 {
                let wrapped = run(begin(), &vec![1; length]).unwrap();
                assert_eq!(begin().finish_bound(length), wrapped.len());
                let decrypt = row.decrypt.unwrap()(&key, &Parameter::None).unwrap();
                let bound = decrypt.finish_bound(wrapped.len());
                assert!((length..length + 8).contains(&bound));
            }
        }
        let begin = || FAMILY[2].encrypt.unwrap()(&key, &Parameter::None).unwrap();
        stream(begin, |data| run(begin(), data).unwrap_or_default());
    }

    #[test]
    fn refusals_speak_of_data_or_of_keys() {
        let (key, none) = (aes_key(KEK), Parameter::None);
        for (row, bytes, wrapped) in [(&FAMILY[0], 17, 25), (&FAMILY[1], 0, 17), (&FAMILY[2], 0, 8)] {
            let (bytes, wrapped) = (vec![0; bytes], vec![0; wrapped]);
            assert_eq!(code(row.wrap.unwrap()(&key, &none, &bytes)), Some(Code::KeySizeRange));
            assert_eq!(code(row.unwrap.unwrap()(&key, &none, &wrapped)), Some(Code::WrappedKeyLenRange));
            assert_eq!(code(row.unwrap.unwrap()(&key, &none, &[0; 24])), Some(Code::WrappedKeyInvalid));
            let encrypt = row.encrypt.unwrap()(&key, &none).unwrap();
            assert_eq!(code(run(encrypt, &bytes)), Some(Code::DataLenRange));
            let decrypt = || row.decrypt.unwrap()(&key, &none).unwrap();
            assert_eq!(code(run(decrypt(), &wrapped)), Some(Code::EncryptedDataLenRange));
            assert_eq!(code(run(decrypt(), &[0; 24])), Some(Code::EncryptedDataInvalid));
            assert_eq!(code(run(decrypt(), &vec![0; MOST + 1])), Some(Code::EncryptedDataLenRange));
        }
    }

    #[test]
    fn initial_values_have_the_length_of_their_kind() {
        let key = aes_key(KEK);
        for (row, right) in [(&FAMILY[0], 8), (&FAMILY[1], 4), (&FAMILY[2], 4)] {
            for length in [0, 4, 8, 16] {
                let parameter = Parameter::Bytes(vec![5; length].into());
                let wrapped = row.wrap.unwrap()(&key, &parameter, &[1; 16]);
                let expected = (length != 0 && length != right).then_some(Code::MechanismParamInvalid);
                assert_eq!(code(wrapped), expected);
            }
        }
    }
}
