//! The parameters of mechanisms, as those who take them read them.

use crate::error::{Code, Result};
use crate::wire::values::{Field, Parameter};

/// No parameter: NULL, or no bytes.
pub(super) fn none(parameter: &Parameter) -> Result<()> {
    match parameter {
        Parameter::None => Ok(()),
        Parameter::Bytes(bytes) if bytes.is_empty() => Ok(()),
        Parameter::Bytes(_) | Parameter::Fields(_) => {
            Err(Code::MechanismParamInvalid.because("this mechanism has no parameter"))
        }
    }
}

/// Exactly so many plain bytes: an IV.
pub(super) fn bytes<const LENGTH: usize>(parameter: &Parameter) -> Result<[u8; LENGTH]> {
    match parameter {
        Parameter::Bytes(bytes) if bytes.len() == LENGTH => {
            Ok(bytes.as_slice().try_into().unwrap_or_else(|_| unreachable!("the length was looked at")))
        }
        Parameter::None | Parameter::Bytes(_) | Parameter::Fields(_) => {
            Err(Code::MechanismParamInvalid.because(format!("the parameter is an IV of {LENGTH} bytes")))
        }
    }
}

/// An IV, or the default one where there is no parameter.
pub(super) fn bytes_or<const LENGTH: usize>(parameter: &Parameter, default: [u8; LENGTH]) -> Result<[u8; LENGTH]> {
    if none(parameter).is_ok() { Ok(default) } else { bytes(parameter) }
}

/// A structure: its fields.
pub(super) fn fields(parameter: &Parameter) -> Result<&[Field]> {
    match parameter {
        Parameter::Fields(fields) => Ok(fields),
        Parameter::None | Parameter::Bytes(_) => {
            Err(Code::MechanismParamInvalid.because("the parameter is a structure, and is missing or of another size"))
        }
    }
}
