//! What a certificate says of itself, read no deeper than the attributes need.

use super::{Object, Value};
use crate::ck::*;
use crate::error::{Code, Result};
use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Reader, SliceReader, Tag, Tagged};

/// Fields of an X.509 certificate, each with its tag and length.
pub(super) struct Fields<'a> {
    pub(super) serial: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) public_key: &'a [u8],
}

/// The fields of a certificate (RFC 5280, section 4.1), where it is one.
pub(super) fn fields(certificate: &[u8]) -> Option<Fields<'_>> {
    let mut outer = inside(certificate)?;
    let mut body = inside(outer.tlv_bytes().ok()?)?;
    let mut serial = body.tlv_bytes().ok()?;
    if serial[0] == VERSION_TAG {
        serial = body.tlv_bytes().ok()?;
    }
    let _algorithm = body.tlv_bytes().ok()?;
    let issuer = body.tlv_bytes().ok()?;
    let _validity = body.tlv_bytes().ok()?;
    let subject = body.tlv_bytes().ok()?;
    let public_key = body.tlv_bytes().ok()?;
    let names_are_sequences = [issuer, subject, public_key].iter().all(|field| field[0] == SEQUENCE_TAG);
    (serial[0] == INTEGER_TAG && names_are_sequences).then_some(Fields { serial, issuer, subject, public_key })
}

fn inside(sequence: &[u8]) -> Option<SliceReader<'_>> {
    let any = AnyRef::from_der(sequence).ok().filter(|any| any.tag() == Tag::Sequence)?;
    SliceReader::new(any.value()).ok()
}

/// The bits of a SubjectPublicKeyInfo of any algorithm.
pub(super) fn key_bits(info: &[u8]) -> Option<&[u8]> {
    let mut body = inside(info)?;
    let _algorithm = body.tlv_bytes().ok()?;
    BitStringRef::decode(&mut body).ok()?.as_bytes()
}

/// The tag of the first element of a SEQUENCE.
pub(super) fn first_tag(sequence: &[u8]) -> Option<u8> {
    inside(sequence)?.tlv_bytes().ok()?.first().copied()
}

/// Fills in what an X.509 certificate says of itself, where the template does not: subject, issuer, serial number
/// and public key. A value that is no certificate gives nothing: "Cryptoki does not attach any special meaning".
pub(super) fn fill(object: &mut Object) {
    if object.class() != CKO_CERTIFICATE || object.number(CKA_CERTIFICATE_TYPE) != Some(CKC_X_509) {
        return;
    }
    let Some(value) = object.bytes(CKA_VALUE).map(<[u8]>::to_vec) else { return };
    let Some(fields) = fields(&value) else { return };
    for (kind, field) in [
        (CKA_SUBJECT, fields.subject),
        (CKA_ISSUER, fields.issuer),
        (CKA_SERIAL_NUMBER, fields.serial),
        (CKA_PUBLIC_KEY_INFO, fields.public_key),
    ] {
        if object.bytes(kind).is_none_or(<[u8]>::is_empty) {
            object.set(kind, Value::Bytes(field.to_vec()));
        }
    }
}

/// The rules between a certificate's attributes.
pub(super) fn settle(object: &Object) -> Result<()> {
    let empty = |kind| object.bytes(kind).is_none_or(<[u8]>::is_empty);
    let has_url = !empty(CKA_URL);
    // "MUST be non-empty if CKA_URL is empty", "Can only be empty if CKA_URL is empty."
    if empty(CKA_VALUE) && !has_url {
        return Err(Code::TemplateIncomplete.because("a certificate needs CKA_VALUE or CKA_URL"));
    }
    if has_url && (empty(CKA_HASH_OF_SUBJECT_PUBLIC_KEY) || empty(CKA_HASH_OF_ISSUER_PUBLIC_KEY)) {
        return Err(Code::TemplateIncomplete.because("a certificate by CKA_URL needs the hashes of both public keys"));
    }
    Ok(())
}

const VERSION_TAG: u8 = 0xa0;
const INTEGER_TAG: u8 = 0x02;
/// SEQUENCE
pub(super) const SEQUENCE_TAG: u8 = 0x30;
