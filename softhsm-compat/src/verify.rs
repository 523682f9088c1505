//! Proof that a key arrived: the new token signs, and the public key that lay in the SoftHSM2 store verifies.

use crate::target::{Session, plain, yielded};
use crate::token::Object;
use strongroom_pkcs11::ck;
use strongroom_pkcs11::error::Result;
use strongroom_pkcs11::wire::values::Template;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The key does what it did; how that was found.
    Good(&'static str),
    /// Nothing could be tried; why.
    None(String),
    /// The key is another one; how that showed.
    Bad(String),
}

/// Proves the key in `handle` against the store that it came from. A key that asks for a login before each use gets
/// `pin` for it.
pub fn prove(session: &Session<'_>, handle: u64, object: &Object, store: &[&Object], pin: &[u8]) -> Proof {
    match object.number(ck::CKA_CLASS) {
        Some(ck::CKO_PRIVATE_KEY) => private(session, handle, object, store, pin),
        Some(ck::CKO_SECRET_KEY) => secret(session, handle, object),
        _ => Proof::None(String::new()),
    }
}

/// Secret keys have a check value: three bytes that follow from the key.
fn secret(session: &Session<'_>, handle: u64, object: &Object) -> Proof {
    let before = object.bytes(ck::CKA_CHECK_VALUE);
    match session.bytes(handle, ck::CKA_CHECK_VALUE) {
        _ if before.is_empty() => Proof::None("SoftHSM2 kept no check value".to_owned()),
        Ok(Some(now)) if now == before => Proof::Good("the check value is the same"),
        Ok(Some(_)) => Proof::Bad("the check value is another one".to_owned()),
        Ok(None) => Proof::None("the token shows no check value".to_owned()),
        Err(error) => Proof::None(error.why().to_owned()),
    }
}

fn private(session: &Session<'_>, handle: u64, object: &Object, store: &[&Object], pin: &[u8]) -> Proof {
    let mechanism = match object.number(ck::CKA_KEY_TYPE) {
        Some(ck::CKK_RSA) => ck::CKM_SHA256_RSA_PKCS,
        Some(ck::CKK_EC) => ck::CKM_ECDSA_SHA256,
        Some(ck::CKK_EC_EDWARDS) => ck::CKM_EDDSA,
        _ => return Proof::None("keys of this type cannot sign".to_owned()),
    };
    if !object.flag(ck::CKA_SIGN) {
        return Proof::None("the key may not sign".to_owned());
    }
    let publics: Vec<Template> = store.iter().filter_map(|other| public(object, other)).chain(own(object)).collect();
    if publics.is_empty() {
        return Proof::None("the store has no public key for it".to_owned());
    }
    let data: &[u8] = b"Strongroom proves that a migrated key is the one that it was.";
    let signature =
        match sign(session, handle, mechanism, data, object.flag(ck::CKA_ALWAYS_AUTHENTICATE).then_some(pin)) {
            Ok(signature) => signature,
            Err(error) => return Proof::None(format!("it does not sign: {}", error.why())),
        };
    let verified = publics.into_iter().any(|public| verifies(session, public, mechanism, data, &signature).is_ok());
    match verified {
        true => Proof::Good("it signs, and the public key of the store verifies"),
        false => Proof::Bad("the public key of the store does not verify its signature".to_owned()),
    }
}

/// The public key of the store that may belong to a private key: of its type, with its id.
fn public(private: &Object, other: &Object) -> Option<Template> {
    let belongs = other.number(ck::CKA_CLASS) == Some(ck::CKO_PUBLIC_KEY)
        && other.number(ck::CKA_KEY_TYPE) == private.number(ck::CKA_KEY_TYPE)
        && other.bytes(ck::CKA_ID) == private.bytes(ck::CKA_ID);
    belongs.then(|| template(other)).flatten()
}

/// The public numbers of an RSA private key.
fn own(private: &Object) -> Option<Template> {
    let whole = !private.bytes(ck::CKA_MODULUS).is_empty() && !private.bytes(ck::CKA_PUBLIC_EXPONENT).is_empty();
    whole.then(|| template(private)).flatten()
}

fn template(key: &Object) -> Option<Template> {
    let empty = Template::new().number(ck::CKA_CLASS, ck::CKO_PUBLIC_KEY).flag(ck::CKA_VERIFY, true);
    let empty = empty.flag(ck::CKA_TOKEN, false).number(ck::CKA_KEY_TYPE, key.number(ck::CKA_KEY_TYPE)?);
    let parts = [ck::CKA_MODULUS, ck::CKA_PUBLIC_EXPONENT, ck::CKA_EC_PARAMS, ck::CKA_EC_POINT];
    let there = parts.into_iter().filter(|kind| !key.bytes(*kind).is_empty());
    Some(there.fold(empty, |template, kind| template.bytes(kind, key.bytes(kind))))
}

fn sign(session: &Session<'_>, key: u64, mechanism: u64, data: &[u8], pin: Option<&[u8]>) -> Result<Vec<u8>> {
    session.calls.sign_init(session.handle, Some(plain(mechanism)), key)?;
    if let Some(pin) = pin {
        session.calls.login(session.handle, ck::CKU_CONTEXT_SPECIFIC, None, pin)?;
    }
    yielded(session.calls.sign(session.handle, data, Some(LONGEST))?)
}

fn verifies(session: &Session<'_>, public: Template, mechanism: u64, data: &[u8], signature: &[u8]) -> Result<()> {
    let key = session.calls.create_object(session.handle, public)?;
    let verified = session
        .calls
        .verify_init(session.handle, Some(plain(mechanism)), key)
        .and_then(|()| session.calls.verify(session.handle, data, signature));
    // A session object: it would go with the session, too.
    let _ = session.calls.destroy_object(session.handle, key);
    verified
}

/// No signature is longer.
const LONGEST: u64 = 2048;
