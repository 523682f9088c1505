//! Codes that authenticate messages (HMAC, CMAC) as signatures: whole, or cut to a length that the caller gives.

use super::{Operation, Part, Verification, parameter};
use crate::error::{Code, Result};
use crate::wire::values::{Field, Parameter};
use subtle::ConstantTimeEq;

/// The structure `CK_MAC_GENERAL_PARAMS`: a length in bytes.
pub(super) const GENERAL: &[Part] = &[Part::Number];

/// A code in progress.
pub(super) trait Mac: Clone + Send + 'static {
    fn update(&mut self, data: &[u8]);
    fn finish(self) -> Vec<u8>;
}

/// The length that a `CK_MAC_GENERAL_PARAMS` gives: 1 to `most`.
pub(super) fn general_length(parameter: &Parameter, most: usize) -> Result<usize> {
    let wrong =
        || Code::MechanismParamInvalid.because(format!("the length of this code is between 1 and {most} bytes"));
    match parameter::fields(parameter)? {
        [Field::Number(length)] => {
            usize::try_from(*length).ok().filter(|length| (1..=most).contains(length)).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// The code of `length` bytes as an operation that signs.
pub(super) fn sign(mac: impl Mac, length: usize) -> Box<dyn Operation> {
    Box::new(Signing { mac, length })
}

/// The code of `length` bytes as a verification.
pub(super) fn verify(mac: impl Mac, length: usize) -> Box<dyn Verification> {
    Box::new(Verifying { mac, length })
}

#[derive(Clone)]
struct Signing<M> {
    mac: M,
    length: usize,
}

impl<M: Mac> Operation for Signing<M> {
    fn update(&mut self, input: &[u8], _: &mut Vec<u8>) -> Result<()> {
        self.mac.update(input);
        Ok(())
    }
    fn finish(self: Box<Self>, output: &mut Vec<u8>) -> Result<()> {
        output.extend(self.mac.finish().into_iter().take(self.length));
        Ok(())
    }
    fn update_bound(&self, _: usize) -> usize {
        0
    }
    fn finish_bound(&self, _: usize) -> usize {
        self.length
    }
    fn duplicate(&self) -> Box<dyn Operation> {
        Box::new(self.clone())
    }
}

#[derive(Clone)]
struct Verifying<M> {
    mac: M,
    length: usize,
}

impl<M: Mac> Verification for Verifying<M> {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.mac.update(data);
        Ok(())
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        if signature.len() != self.length {
            return Err(Code::SignatureLenRange.into());
        }
        let code = self.mac.finish();
        if bool::from(code[..self.length].ct_eq(signature)) { Ok(()) } else { Err(Code::SignatureInvalid.into()) }
    }
    fn duplicate(&self) -> Box<dyn Verification> {
        Box::new(self.clone())
    }
}
