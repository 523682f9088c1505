//! Arguments for the log: numbers, lengths and names. Nothing here shows what a buffer holds.

use crate::ck::{CK_ATTRIBUTE, CK_MECHANISM, CK_ULONG};
use std::fmt::{self, Display};

/// A buffer: its length, or that it is NULL.
pub(super) fn buffer<T>(pointer: *const T, length: CK_ULONG) -> impl Display {
    fmt::from_fn(move |f| match (pointer.is_null(), length) {
        (true, 0) => f.write_str("NULL"),
        (true, length) => write!(f, "NULL[{length}]"),
        (false, length) => write!(f, "[{length}]"),
    })
}

/// A number where the caller put or gets one.
///
/// # Safety
/// A pointer that is not NULL is good for reading.
pub(super) unsafe fn place(pointer: *const CK_ULONG) -> impl Display {
    // SAFETY: the caller's promise.
    let number = if pointer.is_null() { None } else { Some(unsafe { pointer.read_unaligned() }) };
    fmt::from_fn(move |f| match number {
        None => f.write_str("NULL"),
        Some(number) => write!(f, "{number}"),
    })
}

/// A mechanism, by name.
///
/// # Safety
/// A pointer that is not NULL points to a CK_MECHANISM.
pub(super) unsafe fn mechanism(pointer: *const CK_MECHANISM) -> impl Display {
    // SAFETY: the caller's promise.
    let id = if pointer.is_null() { None } else { Some(unsafe { pointer.read_unaligned() }.mechanism) };
    fmt::from_fn(move |f| match (id, id.and_then(crate::mechanism::name)) {
        (None, _) => f.write_str("NULL"),
        (Some(_), Some(name)) => f.write_str(name),
        (Some(id), None) => write!(f, "{id:#x}"),
    })
}

/// A template: the types of its attributes.
///
/// # Safety
/// A pointer that is not NULL points to `count` CK_ATTRIBUTEs.
pub(super) unsafe fn template(pointer: *const CK_ATTRIBUTE, count: CK_ULONG) -> impl Display {
    let shown = if pointer.is_null() { 0 } else { count.min(MOST) as usize };
    // SAFETY: the caller's promise.
    let kinds: Vec<_> = (0..shown).map(|index| unsafe { pointer.add(index).read_unaligned() }.type_).collect();
    fmt::from_fn(move |f| {
        write!(f, "{}{{", buffer(pointer, count))?;
        for (index, kind) in kinds.iter().enumerate() {
            write!(f, "{}{kind:#x}", if index == 0 { "" } else { " " })?;
        }
        f.write_str(if kinds.len() as u64 == count { "}" } else { " …}" })
    })
}

/// Attributes shown of a template.
const MOST: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck;
    use std::ptr;

    #[test]
    fn lengths_are_shown_and_contents_are_not() {
        let secret = *b"1234";
        assert_eq!(buffer(secret.as_ptr(), 4).to_string(), "[4]");
        assert_eq!(buffer(ptr::null::<u8>(), 4).to_string(), "NULL[4]");
        let pin = CK_ATTRIBUTE {
            type_: ck::CKA_VALUE,
            pValue: secret.as_ptr().cast_mut().cast(),
            ulValueLen: secret.len() as u64,
        };
        // SAFETY: the pointers are good, or NULL.
        unsafe {
            assert_eq!(template(&pin, 1).to_string(), "[1]{0x11}");
            assert_eq!(template(ptr::null(), 0).to_string(), "NULL{}");
            assert_eq!(place(&7).to_string(), "7");
            assert_eq!(mechanism(ptr::null()).to_string(), "NULL");
        }
    }
}
