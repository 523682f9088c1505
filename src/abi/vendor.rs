//! The interface `Vendor Strongroom`, as `include/strongroom.h` declares it: the words behind the last error.
//!
//! Its functions may be called at any time, before C_Initialize and after C_Finalize too, because what is asked for
//! may be why C_Initialize failed.

use super::last::last;
use super::out::{Buffer, Place};
use crate::ck::{CK_RV, CK_ULONG, CK_VERSION};
use crate::error::Result;
use std::ffi::CStr;

/// `SR_FUNCTION_LIST`
#[repr(C)]
pub(super) struct Functions {
    version: CK_VERSION,
    last_error_text: unsafe extern "C" fn(*mut u8, *mut CK_ULONG) -> CK_RV,
    last_error_code: unsafe extern "C" fn(*mut CK_ULONG) -> CK_RV,
}

pub(super) static V1_0: Functions = Functions {
    version: CK_VERSION { major: 1, minor: 0 },
    last_error_text: SR_GetLastErrorText,
    last_error_code: SR_GetLastErrorCode,
};

pub(super) const NAME: &CStr = c"Vendor Strongroom";

/// The words behind the last error of the calling thread, in UTF-8, without a NUL, by the rule of lengths. Empty where
/// nothing has failed yet.
#[allow(non_snake_case)]
unsafe extern "C" fn SR_GetLastErrorText(text: *mut u8, length: *mut CK_ULONG) -> CK_RV {
    // SAFETY: the caller's promise: NULL, or good for what the length says.
    rv(unsafe { Buffer::new(text, length) }.and_then(|place| place.bytes(last().text())))
}

/// The return code of the call that failed last in the calling thread; CKR_OK where nothing has failed yet.
#[allow(non_snake_case)]
unsafe extern "C" fn SR_GetLastErrorCode(code: *mut CK_ULONG) -> CK_RV {
    // SAFETY: the caller's promise: NULL, or good for writing.
    rv(unsafe { Place::new(code) }.and_then(|place| place.put(last().rv())))
}

/// These two leave the last error as it is.
fn rv(result: Result<()>) -> CK_RV {
    result.map_or_else(|error| error.code().rv(), |()| 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::last;
    use crate::error::Code;
    use std::ptr;

    #[test]
    fn text_and_code_are_those_of_the_last_error() {
        last::keep(&Code::PinLocked.because("ten wrong PINs"));
        let (mut text, mut length, mut code) = ([0; 20], 0, 0);
        // SAFETY: the places are good for what is said of them, or NULL.
        unsafe {
            assert_eq!((V1_0.last_error_text)(ptr::null_mut(), &mut length), 0);
            assert_eq!(length, 14);
            length = 13;
            assert_eq!((V1_0.last_error_text)(text.as_mut_ptr(), &mut length), Code::BufferTooSmall.rv());
            assert_eq!(length, 14);
            assert_eq!((V1_0.last_error_text)(text.as_mut_ptr(), &mut length), 0);
            assert_eq!((V1_0.last_error_code)(&mut code), 0);
            assert_eq!((V1_0.last_error_code)(ptr::null_mut()), Code::ArgumentsBad.rv());
            assert_eq!((V1_0.last_error_text)(ptr::null_mut(), ptr::null_mut()), Code::ArgumentsBad.rv());
        }
        assert_eq!((&text[..14], code), (&b"ten wrong PINs"[..], Code::PinLocked.rv()));
    }
}
