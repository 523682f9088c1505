//! Keys and certificates in the formats of other programs, as templates for C_CreateObject.
//!
//! The templates hold what the file says and a `CKA_ID` that key, public key and certificate share: the SHA-1 of
//! the public key (RFC 5280, section 4.2.1.2, method 1). Labels, `CKA_TOKEN` and the like are the importer's.

use super::material::{self, Source};
use super::pkcs8::{self, Key};
use super::{Object, Value, certificate as fields, typed};
use crate::ck::*;
use crate::error::{Code, Result};
use crate::wire::values::{Attribute, Template};
use sha1::{Digest, Sha1};

/// What one file gives.
pub struct Imported {
    /// The `CKA_ID` that its objects share.
    pub id: Vec<u8>,
    /// Their templates: a private key, then its public key; or what else there is.
    pub objects: Vec<Template>,
}

/// A private key (PKCS#8, SEC 1 or PKCS#1) and its public key.
///
/// # Errors
/// `CKR_DATA_INVALID` for what is no private key, or an encrypted one.
pub fn private_key(der: &[u8]) -> Result<Imported> {
    let private = whole(CKO_PRIVATE_KEY, read_private(der)?)?;
    let public = half(&private);
    let id = id_of(&private)?;
    Ok(Imported { objects: vec![template(&private, &id), template(&public, &id)], id })
}

/// A public key (SubjectPublicKeyInfo or PKCS#1).
///
/// # Errors
/// `CKR_DATA_INVALID` for what is none.
pub fn public_key(der: &[u8]) -> Result<Imported> {
    let key = pkcs8::read_public(der).or_else(|error| pkcs8::read_pkcs1_public(der).map_err(|_| error))?;
    let public = whole(CKO_PUBLIC_KEY, key)?;
    let id = id_of(&public)?;
    Ok(Imported { objects: vec![template(&half(&public), &id)], id })
}

/// An X.509 certificate.
///
/// # Errors
/// `CKR_DATA_INVALID` for what is none.
pub fn certificate(der: &[u8]) -> Result<Imported> {
    let fields = fields::fields(der).ok_or_else(|| Code::DataInvalid.because("this is no X.509 certificate"))?;
    let id = fields::key_bits(fields.public_key)
        .map(|bits| Sha1::digest(bits).to_vec())
        .ok_or_else(|| Code::DataInvalid.because("the certificate's public key is damaged"))?;
    let template = Template::new()
        .number(CKA_CLASS, CKO_CERTIFICATE)
        .number(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .bytes(CKA_SUBJECT, fields.subject)
        .bytes(CKA_ISSUER, fields.issuer)
        .bytes(CKA_SERIAL_NUMBER, fields.serial)
        .bytes(CKA_VALUE, der)
        .bytes(CKA_ID, &id);
    Ok(Imported { id, objects: vec![template] })
}

/// The format that fits. A key that is recognised but not supported is refused for what it is.
fn read_private(der: &[u8]) -> Result<Key> {
    match pkcs8::read(der) {
        Ok(key) => Ok(key),
        Err(error) => match (pkcs8::read_sec1(der, None), pkcs8::read_pkcs1(der)) {
            (Ok(key), _) | (_, Ok(key)) => Ok(key),
            _ if is_encrypted(der) => Err(Code::DataInvalid.because("the private key is encrypted: decrypt it first")),
            _ => Err(error),
        },
    }
}

/// EncryptedPrivateKeyInfo begins with an AlgorithmIdentifier where PrivateKeyInfo has its version.
fn is_encrypted(der: &[u8]) -> bool {
    fields::first_tag(der) == Some(fields::SEQUENCE_TAG)
}

/// The key as an object with all that follows from its values.
fn whole(class: u64, key: Key) -> Result<Object> {
    let mut object = Object::default();
    object.set(CKA_CLASS, Value::Number(class));
    object.set(CKA_KEY_TYPE, Value::Number(key.key_type));
    key.attributes.into_iter().for_each(|(kind, value)| object.set(kind, value));
    material::settle(&mut object, Source::Given)?;
    // The token makes these itself.
    [CKA_PUBLIC_KEY_INFO, CKA_MODULUS_BITS].into_iter().for_each(|kind| object.remove(kind));
    Ok(object)
}

/// What of a key is public, as a public key.
fn half(key: &Object) -> Object {
    let mut public = Object::default();
    public.set(CKA_CLASS, Value::Number(CKO_PUBLIC_KEY));
    for kind in [CKA_KEY_TYPE, CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_EC_PARAMS, CKA_EC_POINT] {
        if let Some(value) = key.value(kind) {
            public.set(kind, value.clone());
        }
    }
    public
}

fn id_of(key: &Object) -> Result<Vec<u8>> {
    Ok(Sha1::digest(pkcs8::public_bits(key)?).to_vec())
}

/// `CKA_EC_POINT` of a private key is not sent: other tokens do not know it.
fn template(object: &Object, id: &[u8]) -> Template {
    let is_sent = |attribute: &Attribute| attribute.kind != CKA_EC_POINT || object.class() == CKO_PUBLIC_KEY;
    let attributes = typed::template(object).0.into_iter().filter(is_sent).collect();
    Template(attributes).bytes(CKA_ID, id)
}
