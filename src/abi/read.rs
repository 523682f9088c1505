//! What the caller's pointers point to, as values.
//!
//! That a pointer is good for the length beside it is the caller's promise and cannot be checked. Everything else
//! is: NULL, counts, lengths, depth, before anything is read or allocated. Structures are read unaligned.

use crate::ck::{self, CK_ATTRIBUTE, CK_MECHANISM, CK_ULONG};
use crate::error::{Code, Error, Result};
use crate::wire::values::{Attribute, MechanismCall, Parameter, Raw, Template};
use std::slice;
use zeroize::Zeroizing;

/// Data of the caller: NULL with length 0 is empty.
///
/// # Safety
/// A pointer that is not NULL is good for `length` bytes, which do not change until the call returns.
pub(super) unsafe fn bytes<'a>(pointer: *const u8, length: CK_ULONG, too_long: Code) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null("data with a length"));
    }
    if length > LARGEST {
        return Err(too_long.because(format!("{length} bytes in one call; at most {LARGEST} are taken")));
    }
    // SAFETY: the caller's promise; the length was checked to be one that a slice can have.
    Ok(unsafe { slice::from_raw_parts(pointer, length as usize) })
}

/// A PIN. NULL asks for a protected authentication path, which this token has not.
///
/// # Safety
/// As [`bytes`].
pub(super) unsafe fn pin<'a>(pointer: *const u8, length: CK_ULONG) -> Result<&'a [u8]> {
    if pointer.is_null() {
        return Err(Code::ArgumentsBad.because("the PIN is NULL, and the token has no PIN pad"));
    }
    // SAFETY: the caller's promise.
    unsafe { bytes(pointer, length, Code::PinLenRange) }
}

/// A user's name: NULL, or empty, is none.
///
/// # Safety
/// As [`bytes`].
pub(super) unsafe fn name<'a>(pointer: *const u8, length: CK_ULONG) -> Result<Option<&'a [u8]>> {
    // SAFETY: the caller's promise.
    let name = unsafe { bytes(pointer, length, Code::ArgumentsBad) }?;
    Ok(Some(name).filter(|name| !name.is_empty()))
}

/// The label of C_InitToken: 32 bytes padded with blanks, which are cut off.
///
/// # Safety
/// A pointer that is not NULL is good for 32 bytes.
pub(super) unsafe fn label<'a>(pointer: *const u8) -> Result<&'a [u8]> {
    // SAFETY: the caller's promise.
    let label = unsafe { bytes(pointer, 32, Code::ArgumentsBad) }?;
    let end = label.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
    Ok(&label[..end])
}

/// The mechanism of a call that needs one.
///
/// # Safety
/// A pointer that is not NULL points to a CK_MECHANISM, whose parameter is what its length and its type say.
pub(super) unsafe fn mechanism(pointer: *const CK_MECHANISM) -> Result<MechanismCall> {
    // SAFETY: the caller's promise.
    unsafe { optional_mechanism(pointer) }?.ok_or_else(|| null("pMechanism"))
}

/// The mechanism of an Init call: NULL ends the active operation.
///
/// # Safety
/// As [`mechanism`].
pub(super) unsafe fn optional_mechanism(pointer: *const CK_MECHANISM) -> Result<Option<MechanismCall>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise; it may be unaligned.
    let CK_MECHANISM { mechanism, pParameter, ulParameterLen } = unsafe { pointer.read_unaligned() };
    // SAFETY: the caller's promise.
    let parameter = unsafe { parameter(mechanism, pParameter.cast(), ulParameterLen) }?;
    Ok(Some(MechanismCall { id: mechanism, parameter }))
}

/// # Safety
/// A pointer that is not NULL points to the parameter of that mechanism.
unsafe fn parameter(mechanism: u64, pointer: *const u8, length: CK_ULONG) -> Result<Parameter> {
    let (parts, others) = (crate::mechanism::parts(mechanism), crate::mechanism::other_parts(mechanism));
    match (pointer.is_null(), length) {
        (_, 0) => Ok(Parameter::None),
        (true, _) => Err(Code::MechanismParamInvalid.because("pParameter is NULL and has a length")),
        // SAFETY: the caller's promise.
        (false, _) => unsafe { super::parameter::read(parts, others, pointer, length) },
    }
}

/// A template.
///
/// # Safety
/// A pointer that is not NULL points to `count` CK_ATTRIBUTEs, and each of their pointers that is not NULL is good
/// for the length beside it.
pub(super) unsafe fn template(pointer: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Template> {
    let mut budget = TEMPLATE_BYTES;
    // SAFETY: the caller's promise.
    unsafe { nested(pointer, count, DEPTH, &mut budget) }
}

/// The entries of a template as they stand: C_GetAttributeValue does not read what they point to.
///
/// # Safety
/// A pointer that is not NULL points to `count` CK_ATTRIBUTEs.
pub(super) unsafe fn entries(pointer: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Vec<CK_ATTRIBUTE>> {
    if count > MOST_ATTRIBUTES {
        return Err(Code::ArgumentsBad.because(format!("a template of {count} attributes; at most {MOST_ATTRIBUTES}")));
    }
    if pointer.is_null() && count > 0 {
        return Err(null("a template with a count"));
    }
    // SAFETY: the caller's promise, for each index below the count that was just checked.
    Ok((0..count as usize).map(|index| unsafe { pointer.add(index).read_unaligned() }).collect())
}

/// Whether the value of such an attribute is a template. (Vendors' numbers use the bit without that meaning.)
fn is_array(kind: u64) -> bool {
    kind & (ck::CKF_ARRAY_ATTRIBUTE | ck::CKA_VENDOR_DEFINED) == ck::CKF_ARRAY_ATTRIBUTE
        && kind != ck::CKA_ALLOWED_MECHANISMS
}

/// The refusal of a NULL pointer.
pub(super) fn null(what: &str) -> Error {
    Code::ArgumentsBad.because(format!("{what} is NULL"))
}

/// # Safety
/// As [`template`].
unsafe fn nested(pointer: *const CK_ATTRIBUTE, count: CK_ULONG, depth: usize, budget: &mut u64) -> Result<Template> {
    // SAFETY: the caller's promise.
    let entries = unsafe { entries(pointer, count) }?;
    // SAFETY: the caller's promise.
    let read = |entry: &CK_ATTRIBUTE| unsafe { value(entry, depth, budget) };
    let kinds = entries.iter().map(|entry| entry.type_);
    let values = entries.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(Template(kinds.zip(values).map(|(kind, value)| Attribute { kind, value }).collect()))
}

/// # Safety
/// The entry's pointer, if it is not NULL, is good for the length beside it.
unsafe fn value(entry: &CK_ATTRIBUTE, depth: usize, budget: &mut u64) -> Result<Raw> {
    let CK_ATTRIBUTE { type_: kind, pValue: pointer, ulValueLen: length } = *entry;
    let bad = |why: &str| Code::AttributeValueInvalid.because(format!("attribute {kind:#x} {why}"));
    if pointer.is_null() && length > 0 {
        return Err(bad("is NULL and has a length"));
    }
    *budget = budget.checked_sub(length).ok_or_else(|| bad("makes the template too large"))?;
    if !is_array(kind) {
        // SAFETY: the caller's promise.
        let value = unsafe { bytes(pointer.cast(), length, Code::AttributeValueInvalid) }?;
        return Ok(Raw::Bytes(Zeroizing::new(value.to_vec())));
    }
    let size = size_of::<CK_ATTRIBUTE>() as u64;
    if length % size != 0 {
        return Err(bad("is a template, and its length is not that of CK_ATTRIBUTEs"));
    }
    let depth = depth.checked_sub(1).ok_or_else(|| bad("is nested too deep"))?;
    // SAFETY: the caller's promise.
    Ok(Raw::Template(unsafe { nested(pointer.cast(), length / size, depth, budget) }?))
}

/// Data of one call, in bytes: 1 GiB.
const LARGEST: u64 = 1 << 30;
/// All values of one template, in bytes: 64 MiB.
const TEMPLATE_BYTES: u64 = 64 << 20;
const MOST_ATTRIBUTES: u64 = 4096;
/// How deep a template may hold templates; as deep as the wire carries them.
const DEPTH: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    fn attribute(kind: u64, value: &[u8]) -> CK_ATTRIBUTE {
        CK_ATTRIBUTE { type_: kind, pValue: value.as_ptr().cast_mut().cast(), ulValueLen: value.len() as u64 }
    }

    fn array(kind: u64, of: &[CK_ATTRIBUTE]) -> CK_ATTRIBUTE {
        CK_ATTRIBUTE { type_: kind, pValue: of.as_ptr().cast_mut().cast(), ulValueLen: size_of_val(of) as u64 }
    }

    fn read(attributes: &[CK_ATTRIBUTE]) -> Result<Template> {
        // SAFETY: the attributes of these tests point to what they say, or are refused before they are followed.
        unsafe { template(attributes.as_ptr(), attributes.len() as u64) }
    }

    fn refusal<T>(result: Result<T>) -> Code {
        result.err().expect("refused").code()
    }

    fn plain(bytes: &[u8]) -> Raw {
        Raw::Bytes(Zeroizing::new(bytes.to_vec()))
    }

    #[test]
    fn null_data_is_empty_only_with_length_zero() {
        // SAFETY: none of these is followed.
        unsafe {
            assert_eq!(bytes(ptr::null(), 0, Code::DataLenRange).unwrap(), b"");
            assert_eq!(refusal(bytes(ptr::null(), 1, Code::DataLenRange)), Code::ArgumentsBad);
            assert_eq!(refusal(bytes(b"x".as_ptr(), u64::MAX, Code::DataLenRange)), Code::DataLenRange);
            assert_eq!(refusal(pin(ptr::null(), 0)), Code::ArgumentsBad);
            assert_eq!(pin(b"x".as_ptr(), 0).unwrap(), b"");
            assert_eq!(name(ptr::null(), 0).unwrap(), None);
            assert_eq!(refusal(mechanism(ptr::null())), Code::ArgumentsBad);
            assert!(optional_mechanism(ptr::null()).unwrap().is_none());
        }
    }

    #[test]
    fn labels_lose_their_padding_only() {
        // SAFETY: the arrays have 32 bytes.
        unsafe {
            assert_eq!(label(b" my  token                      ".as_ptr()).unwrap(), b" my  token");
            assert_eq!(label([b' '; 32].as_ptr()).unwrap(), b"");
            assert_eq!(refusal(label(ptr::null())), Code::ArgumentsBad);
        }
    }

    #[test]
    fn templates_keep_their_order_and_values() {
        let template = read(&[attribute(ck::CKA_LABEL, b"one"), attribute(ck::CKA_ID, b"")]).unwrap();
        let attributes: Vec<_> = template.0.into_iter().map(|attribute| (attribute.kind, attribute.value)).collect();
        assert!(attributes == [(ck::CKA_LABEL, plain(b"one")), (ck::CKA_ID, plain(b""))]);
        assert!(read(&[]).unwrap().0.is_empty());
    }

    #[test]
    fn templates_may_lie_anywhere() {
        let entry = attribute(ck::CKA_LABEL, b"one");
        let mut shifted = vec![0u8; size_of::<CK_ATTRIBUTE>() + 1];
        // SAFETY: the room is there; the copy is read back unaligned.
        let template = unsafe {
            shifted.as_mut_ptr().add(1).cast::<CK_ATTRIBUTE>().write_unaligned(entry);
            template(shifted.as_ptr().add(1).cast(), 1)
        };
        assert!(template.unwrap().0[0].value == plain(b"one"));
    }

    #[test]
    fn arrays_become_templates_but_not_mechanisms_or_vendors_values() {
        let inner = [attribute(ck::CKA_LABEL, b"in")];
        let template = read(&[
            array(ck::CKA_WRAP_TEMPLATE, &inner),
            attribute(ck::CKA_ALLOWED_MECHANISMS, &[1, 0, 0, 0, 0, 0, 0, 0]),
            attribute(0xCE53_4351, b"http://"),
        ])
        .unwrap();
        assert!(matches!(&template.0[0].value, Raw::Template(inner) if inner.0[0].value == plain(b"in")));
        assert!(template.0[1].value == plain(&[1, 0, 0, 0, 0, 0, 0, 0]));
        assert!(template.0[2].value == plain(b"http://"));
    }

    #[test]
    fn impossible_templates_are_refused_before_they_are_read() {
        let huge = CK_ATTRIBUTE { ulValueLen: u64::MAX, ..attribute(ck::CKA_VALUE, b"x") };
        let null = CK_ATTRIBUTE { type_: ck::CKA_VALUE, pValue: ptr::null_mut(), ulValueLen: 1 };
        let ragged = CK_ATTRIBUTE { ulValueLen: 23, ..attribute(ck::CKA_WRAP_TEMPLATE, b"x") };
        for one in [huge, null, ragged] {
            assert_eq!(refusal(read(&[one])), Code::AttributeValueInvalid);
        }
        let half = vec![0; TEMPLATE_BYTES as usize / 2 + 1];
        let halves = [attribute(ck::CKA_VALUE, &half), attribute(ck::CKA_ID, &half)];
        assert_eq!(refusal(read(&halves)), Code::AttributeValueInvalid);
        // SAFETY: refused by its count, or by NULL.
        unsafe {
            assert_eq!(refusal(template(halves.as_ptr(), MOST_ATTRIBUTES + 1)), Code::ArgumentsBad);
            assert_eq!(refusal(template(ptr::null(), 1)), Code::ArgumentsBad);
        }
    }

    #[test]
    fn a_template_within_itself_ends() {
        let mut itself = [array(ck::CKA_WRAP_TEMPLATE, &[])];
        itself[0].pValue = itself.as_mut_ptr().cast();
        itself[0].ulValueLen = size_of_val(&itself) as u64;
        assert_eq!(refusal(read(&itself)), Code::AttributeValueInvalid);
    }
}
