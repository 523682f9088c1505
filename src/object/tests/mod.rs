//! The rules, walked through from outside: a file a way to make or use an object.

mod changing;
mod creating;
mod formats;
mod making;
mod showing;

use super::*;
use crate::ck::*;
use crate::error::{Code, Result};
use crate::wire::values::Shown;

/// The code of a refusal.
fn code<T>(result: Result<T>) -> Code {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.code(),
    }
}

fn create_as_user(template: &Template) -> Result<Object> {
    create(template, Authority::User)
}

fn key(class: u64, key_type: u64) -> Template {
    Template::new().number(CKA_CLASS, class).number(CKA_KEY_TYPE, key_type)
}

fn aes_key() -> Template {
    key(CKO_SECRET_KEY, CKK_AES).bytes(CKA_VALUE, &[0; 16])
}

fn generic_key() -> Template {
    key(CKO_SECRET_KEY, CKK_GENERIC_SECRET).bytes(CKA_VALUE, b"secret")
}

fn data() -> Template {
    Template::new().number(CKA_CLASS, CKO_DATA).bytes(CKA_VALUE, b"some data")
}

/// What a caller sees of an attribute.
fn shown(object: &Object, kind: u64) -> Option<Vec<u8>> {
    match show(object, kind) {
        Shown::Value(Raw::Bytes(bytes)) => Some(bytes.to_vec()),
        _ => None,
    }
}

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/keys/", $name)).as_slice()
    };
}
use fixture;

/// Keys as OpenSSL wrote them: PKCS#8 and SubjectPublicKeyInfo.
const PAIRS: [(u64, &[u8], &[u8]); 6] = [
    (CKK_RSA, fixture!("rsa.pkcs8"), fixture!("rsa.spki")),
    (CKK_EC, fixture!("p256.pkcs8"), fixture!("p256.spki")),
    (CKK_EC, fixture!("p384.pkcs8"), fixture!("p384.spki")),
    (CKK_EC, fixture!("p521.pkcs8"), fixture!("p521.spki")),
    (CKK_EC_EDWARDS, fixture!("ed25519.pkcs8"), fixture!("ed25519.spki")),
    (CKK_EC_MONTGOMERY, fixture!("x25519.pkcs8"), fixture!("x25519.spki")),
];

/// The private and the public half of a fixture as templates.
fn halves(pkcs8: &[u8]) -> (Template, Template) {
    let mut objects = import::private_key(pkcs8).unwrap().objects;
    let public = objects.pop().unwrap();
    (objects.pop().unwrap(), public)
}

/// A template without an attribute.
fn without(template: &Template, kind: u64) -> Template {
    Template(template.0.iter().filter(|attribute| attribute.kind != kind).cloned().collect())
}
