//! Mechanism parameters: C structures, read as the mechanism's row describes them.

use super::read::bytes;
use crate::ck::CK_ULONG;
use crate::error::{Code, Result};
use crate::mechanism::Part;
use crate::wire::values::{Field, Named, Parameter};
use zeroize::Zeroizing;

/// The parameter at `pointer`: the fields of the structure that has this length, or plain bytes where the mechanism has
/// no structure. `others` are the same parameter in other versions of the standard.
///
/// # Safety
/// `pointer` is good for `length` bytes, and pointers in the structure for the lengths beside them.
pub(super) unsafe fn read(
    parts: &'static [Part],
    others: &[&'static [Part]],
    pointer: *const u8,
    length: CK_ULONG,
) -> Result<Parameter> {
    if parts.is_empty() {
        // SAFETY: the caller's promise.
        return Ok(Parameter::Bytes(unsafe { owned(pointer, length) }?));
    }
    let fits = |parts: &&'static [Part]| size(parts) as u64 == length;
    let Some(parts) = Some(parts).into_iter().chain(others.iter().copied()).find(fits) else {
        let due = size(parts);
        return Err(Code::MechanismParamInvalid.because(format!("the parameter has {length} bytes, and {due} are due")));
    };
    // SAFETY: the caller's promise; the structure fills the length.
    Ok(Parameter::Fields(unsafe { fields(parts, pointer) }?))
}

/// # Safety
/// `pointer` is good for a structure of these parts, and its pointers for the lengths beside them.
unsafe fn fields(parts: &'static [Part], pointer: *const u8) -> Result<Vec<Field>> {
    let mut end = 0usize;
    parts
        .iter()
        .map(|part| {
            let (size, alignment) = layout(part);
            let offset = end.next_multiple_of(alignment);
            end = offset + size;
            // SAFETY: the offset is that of the field in the structure.
            unsafe { field(part, pointer.add(offset)) }
        })
        .collect()
}

/// # Safety
/// `at` is good for such a part, and its pointer for the length beside it.
unsafe fn field(part: &Part, at: *const u8) -> Result<Field> {
    // SAFETY: in each arm, the caller's promise for that part; words may be unaligned.
    unsafe {
        let number = |index: usize| at.cast::<CK_ULONG>().add(index).read_unaligned();
        let pointer = |index: usize| at.cast::<*const u8>().add(index).read_unaligned();
        match *part {
            Part::Number => Ok(Field::Number(number(0))),
            Part::Byte => Ok(Field::Number(u64::from(*at))),
            Part::Bytes => Ok(Field::Bytes(owned(pointer(0), number(1))?)),
            Part::CountedBytes => Ok(Field::Bytes(owned(pointer(1), number(0))?)),
            Part::Inline(length) => Ok(Field::Bytes(owned(at, length as u64)?)),
            Part::Struct(_) if pointer(0).is_null() => Ok(Field::Fields(None)),
            Part::Struct(parts) => Ok(Field::Fields(Some(fields(parts, pointer(0))?))),
            Part::CountedStructs(parts) => structs(parts, number(0), pointer(1)),
            Part::Key => Ok(Field::Key(Named::new(number(0)))),
            Part::Password => Ok(Field::Bytes(owned(pointer(0), password_length(number(1))?)?)),
        }
    }
}

/// # Safety
/// A pointer that is not NULL is good for so many structures of these parts.
unsafe fn structs(parts: &'static [Part], count: CK_ULONG, pointer: *const u8) -> Result<Field> {
    if count > MOST_STRUCTURES || pointer.is_null() && count > 0 {
        return Err(
            Code::MechanismParamInvalid.because(format!("the parameter names {count} structures that are not there"))
        );
    }
    let each = (0..count as usize).map(|index| {
        // SAFETY: the caller's promise; the index is below the count.
        unsafe { fields(parts, pointer.add(index * size(parts))) }.map(|fields| Field::Fields(Some(fields)))
    });
    Ok(Field::Fields(Some(each.collect::<Result<_>>()?)))
}

/// A length of a password, or a pointer to one: whichever is plausible. `CK_PKCS5_PBKD2_PARAMS` has a pointer where
/// `CK_PKCS5_PBKD2_PARAMS2` of the same size has a length, and clients pass either.
///
/// # Safety
/// What cannot be a length is a pointer to one.
unsafe fn password_length(said: CK_ULONG) -> Result<CK_ULONG> {
    if said <= LONGEST_PASSWORD {
        return Ok(said);
    }
    if !said.is_multiple_of(8) || said >= 1 << 47 {
        return Err(Code::MechanismParamInvalid.because("the password's length is neither a length nor a pointer"));
    }
    // SAFETY: the caller's promise.
    match unsafe { (said as *const CK_ULONG).read_unaligned() } {
        length if length <= LONGEST_PASSWORD => Ok(length),
        _ => Err(Code::MechanismParamInvalid.because("the password is too long")),
    }
}

/// # Safety
/// A pointer that is not NULL is good for `length` bytes.
unsafe fn owned(pointer: *const u8, length: CK_ULONG) -> Result<Zeroizing<Vec<u8>>> {
    if length > LARGEST || pointer.is_null() && length > 0 {
        return Err(
            Code::MechanismParamInvalid.because(format!("the parameter names {length} bytes that are not there"))
        );
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { bytes(pointer, length, Code::MechanismParamInvalid) }?;
    Ok(Zeroizing::new(bytes.to_vec()))
}

/// The size of the structure in C.
fn size(parts: &[Part]) -> usize {
    let end = parts.iter().fold(0, |end: usize, part| {
        let (size, alignment) = layout(part);
        end.next_multiple_of(alignment) + size
    });
    end.next_multiple_of(parts.iter().map(|part| layout(part).1).max().unwrap_or(1))
}

/// Size and alignment of a part.
fn layout(part: &Part) -> (usize, usize) {
    match *part {
        Part::Number | Part::Struct(_) | Part::Key => (8, 8),
        Part::Byte => (1, 1),
        Part::Bytes | Part::CountedBytes | Part::CountedStructs(_) | Part::Password => (16, 8),
        Part::Inline(length) => (length, 1),
    }
}

/// One byte string of a parameter: 64 MiB.
const LARGEST: u64 = 64 << 20;

/// Structures in one array.
const MOST_STRUCTURES: u64 = 1024;

/// No program has data at addresses as low as this, so that a number up to it is a length.
const LONGEST_PASSWORD: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::{
        CK_AES_CTR_PARAMS, CK_ECDH1_DERIVE_PARAMS, CK_GCM_PARAMS, CK_HKDF_PARAMS, CK_PRF_DATA_PARAM,
        CK_RSA_AES_KEY_WRAP_PARAMS, CK_RSA_PKCS_OAEP_PARAMS,
    };
    use std::ptr;

    const OAEP: &[Part] = &[Part::Number, Part::Number, Part::Number, Part::Bytes];
    const GCM: &[Part] = &[Part::Bytes, Part::Number, Part::Bytes, Part::Number];
    const CTR: &[Part] = &[Part::Number, Part::Inline(16)];
    const ECDH: &[Part] = &[Part::Number, Part::CountedBytes, Part::CountedBytes];
    const HKDF: &[Part] = &[Part::Byte, Part::Byte, Part::Number, Part::Number, Part::Bytes, Part::Key, Part::Bytes];
    const RSA_AES: &[Part] = &[Part::Number, Part::Struct(OAEP)];

    /// Another version of every structure.
    const OTHER: &[Part] = &[Part::Byte];

    fn parameter<T>(parts: &'static [Part], of: &T) -> Result<Parameter> {
        // SAFETY: the structures of these tests point to what they say, or are refused before they are followed.
        unsafe { read(parts, &[OTHER], ptr::from_ref(of).cast(), size_of::<T>() as u64) }
    }

    fn bytes_field(bytes: &[u8]) -> Field {
        Field::Bytes(Zeroizing::new(bytes.to_vec()))
    }

    fn refused(result: Result<Parameter>) -> bool {
        result.is_err_and(|error| error.code() == Code::MechanismParamInvalid)
    }

    #[test]
    fn sizes_are_those_of_the_c_structures() {
        assert_eq!(size(OAEP), size_of::<CK_RSA_PKCS_OAEP_PARAMS>());
        assert_eq!(size(GCM), size_of::<CK_GCM_PARAMS>());
        assert_eq!(size(CTR), size_of::<CK_AES_CTR_PARAMS>());
        assert_eq!(size(ECDH), size_of::<CK_ECDH1_DERIVE_PARAMS>());
        assert_eq!(size(HKDF), size_of::<CK_HKDF_PARAMS>());
        assert_eq!(size(RSA_AES), size_of::<CK_RSA_AES_KEY_WRAP_PARAMS>());
    }

    #[test]
    fn every_kind_of_part_is_read_from_its_place() {
        let mut text = *b"shared!";
        let mut ctr = CK_AES_CTR_PARAMS { ulCounterBits: 32, cb: [7; 16] };
        ctr.cb[15] = 9;
        let mut block = [7; 16];
        block[15] = 9;
        assert!(parameter(CTR, &ctr).unwrap() == Parameter::Fields(vec![Field::Number(32), bytes_field(&block)]));

        let ecdh = CK_ECDH1_DERIVE_PARAMS {
            kdf: 2,
            ulSharedDataLen: 0,
            pSharedData: ptr::null_mut(),
            ulPublicDataLen: 7,
            pPublicData: text.as_mut_ptr(),
        };
        let fields = vec![Field::Number(2), bytes_field(b""), bytes_field(b"shared!")];
        assert!(parameter(ECDH, &ecdh).unwrap() == Parameter::Fields(fields));

        let mut hkdf = CK_HKDF_PARAMS { bExtract: 1, bExpand: 0, prfHashMechanism: 0x250, ..Default::default() };
        (hkdf.pInfo, hkdf.ulInfoLen) = (text.as_mut_ptr(), 6);
        let Parameter::Fields(fields) = parameter(HKDF, &hkdf).unwrap() else { panic!("no fields") };
        assert!(fields[..3] == [Field::Number(1), Field::Number(0), Field::Number(0x250)]);
        assert!(fields[6] == bytes_field(b"shared"));
    }

    #[test]
    fn structures_in_structures_are_followed() {
        let mut oaep = CK_RSA_PKCS_OAEP_PARAMS { hashAlg: 0x250, mgf: 2, source: 1, ..Default::default() };
        let mut outer = CK_RSA_AES_KEY_WRAP_PARAMS { ulAESKeyBits: 256, pOAEPParams: &raw mut oaep };
        let inner = vec![Field::Number(0x250), Field::Number(2), Field::Number(1), bytes_field(b"")];
        let fields = vec![Field::Number(256), Field::Fields(Some(inner))];
        assert!(parameter(RSA_AES, &outer).unwrap() == Parameter::Fields(fields));
        outer.pOAEPParams = ptr::null_mut();
        let fields = vec![Field::Number(256), Field::Fields(None)];
        assert!(parameter(RSA_AES, &outer).unwrap() == Parameter::Fields(fields));
    }

    #[test]
    fn arrays_of_structures_and_handles_are_read() {
        const ARRAY: &[Part] = &[Part::CountedStructs(&[Part::Number, Part::Bytes]), Part::Key];
        let mut text = *b"label";
        let mut each = [CK_PRF_DATA_PARAM::default(); 2];
        (each[0].type_, each[1].type_) = (4, 1);
        (each[0].pValue, each[0].ulValueLen) = (text.as_mut_ptr().cast(), 5);
        let element = |kind, bytes: &[u8]| Field::Fields(Some(vec![Field::Number(kind), bytes_field(bytes)]));
        let array = Field::Fields(Some(vec![element(4, b"label"), element(1, b"")]));
        let given = |count: u64| [count, each.as_ptr() as u64, 77];
        assert!(parameter(ARRAY, &given(2)).unwrap() == Parameter::Fields(vec![array, Field::Key(Named::new(77))]));
        assert!(refused(parameter(ARRAY, &given(1025))) && refused(parameter(ARRAY, &[1u64, 0, 0])));
    }

    #[test]
    fn a_password_comes_with_its_length_or_a_pointer_to_it() {
        let (text, length) = (*b"password", 8u64);
        for said in [8, (&raw const length) as u64] {
            let given = [text.as_ptr() as u64, said];
            assert!(parameter(&[Part::Password], &given).unwrap() == Parameter::Fields(vec![bytes_field(b"password")]));
        }
        assert!(refused(parameter(&[Part::Password], &[text.as_ptr() as u64, u64::MAX])));
        assert!(refused(parameter(&[Part::Password], &[text.as_ptr() as u64, 0x10001])));
    }

    #[test]
    fn wrong_lengths_and_null_are_refused() {
        let mut gcm = CK_GCM_PARAMS { ulAADLen: 5, ..Default::default() };
        assert!(refused(parameter(GCM, &gcm)));
        gcm.pAAD = ptr::dangling_mut();
        gcm.ulAADLen = u64::MAX;
        assert!(refused(parameter(GCM, &gcm)));
        assert!(refused(parameter(GCM, &[0u8; 40])));
        assert!(refused(parameter(GCM, &[0u8; 49])));
    }

    #[test]
    fn the_length_tells_which_version_of_a_structure_it_is() {
        assert!(parameter(GCM, &[5u8]).unwrap() == Parameter::Fields(vec![Field::Number(5)]));
    }

    #[test]
    fn without_parts_it_is_bytes() {
        assert!(parameter(&[], b"0123456789abcdef").unwrap() == Parameter::Bytes(b"0123456789abcdef".to_vec().into()));
    }
}
