//! AES in counter mode, `CKM_AES_CTR`: a stream, the same both ways.

use super::{Key, Operation, Part, aes, parameter};
use crate::crypto::aes_ctr::Ctr;
use crate::error::{Code, Result};
use crate::wire::values::{Field, Parameter};

/// `CK_AES_CTR_PARAMS`: the bits that count, and the first counter block.
pub(super) const PARTS: &[Part] = &[Part::Number, Part::Inline(16)];

pub(super) fn apply(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    let (bits, block) = match parameter::fields(parameter)? {
        [Field::Number(bits @ 1..=128), Field::Bytes(block)] => (*bits as u32, block.as_slice().try_into().ok()),
        _ => (0, None),
    };
    let block =
        block.ok_or_else(|| Code::MechanismParamInvalid.because("the counter has 1 to 128 bits of 16 bytes"))?;
    Ok(Box::new(Stream(Ctr::new(aes::schedule(key)?, bits, block))))
}

#[derive(Clone)]
struct Stream(Ctr);

impl Operation for Stream {
    fn update(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        if !self.0.has(input.len()) {
            return Err(Code::DataLenRange.because("the counter would overflow"));
        }
        let start = output.len();
        output.extend_from_slice(input);
        self.0.apply(&mut output[start..]);
        Ok(())
    }
    fn finish(self: Box<Self>, _: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
    fn update_bound(&self, input: usize) -> usize {
        input
    }
    fn finish_bound(&self, input: usize) -> usize {
        input
    }
    fn duplicate(&self) -> Box<dyn Operation> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;
    use crate::mechanism::find;
    use crate::mechanism::testing::{aes_key, code, run, stream};

    fn counter(bits: u64, block: &str) -> Parameter {
        Parameter::Fields(vec![Field::Number(bits), Field::Bytes(hex(block).into())])
    }

    /// NIST SP 800-38A, F.5.1.
    #[test]
    fn the_vector_comes_out_and_goes_back_in_any_parts() {
        let key = aes_key("2b7e151628aed2a6abf7158809cf4f3c");
        let row = find(crate::ck::CKM_AES_CTR).unwrap();
        let parameter = counter(128, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        let plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        let text = hex("874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff");
        let begin = || row.encrypt.unwrap()(&key, &parameter).unwrap();
        assert_eq!(run(begin(), &plain).unwrap(), text);
        stream(begin, |data| run(begin(), data).unwrap());
        assert_eq!(row.wrap.unwrap()(&key, &parameter, &plain).unwrap(), text);
        assert_eq!(row.unwrap.unwrap()(&key, &parameter, &text).unwrap().to_vec(), plain);
    }

    #[test]
    fn an_overflow_of_the_counter_is_refused_and_wrong_parameters_are() {
        let key = aes_key("2b7e151628aed2a6abf7158809cf4f3c");
        let last = "fffffffffffffffffffffffffffffffd";
        assert_eq!(run(apply(&key, &counter(2, last)).unwrap(), &[0; 48]).unwrap().len(), 48);
        assert_eq!(code(run(apply(&key, &counter(2, last)).unwrap(), &[0; 49])), Some(Code::DataLenRange));
        for (bits, block) in [(0, last), (129, last), (u64::MAX, last), (8, "00")] {
            assert_eq!(code(apply(&key, &counter(bits, block))), Some(Code::MechanismParamInvalid));
        }
        assert_eq!(code(apply(&key, &Parameter::None)), Some(Code::MechanismParamInvalid));
    }
}
