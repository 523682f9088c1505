//! Objects: their attributes, and the rules of the standard's attribute tables.

mod value;

pub use value::{Object, Value};

use crate::error::Result;
use crate::wire::values::{Attribute, Raw, Shown, Template};

/// Who asks, as far as attributes care.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Authority {
    /// Nobody is logged in.
    Public,
    /// The normal user.
    User,
    /// The security officer: may set `CKA_TRUSTED`.
    Officer,
}

/// Where a new key comes from: decides `CKA_LOCAL`, `CKA_KEY_GEN_MECHANISM`, `CKA_ALWAYS_SENSITIVE`,
/// `CKA_NEVER_EXTRACTABLE`, and which attributes the template must and must not have.
pub enum Origin<'a> {
    /// C_GenerateKey and C_GenerateKeyPair by this mechanism (footnotes 3 and 4).
    Generate(u64),
    /// C_UnwrapKey (footnotes 5 and 6).
    Unwrap,
    /// C_DeriveKey from this base key.
    Derive(&'a Object),
}

/// C_CreateObject: a complete object from a caller's template (footnotes 1 and 2), values checked and parsed,
/// defaults set, `CKA_UNIQUE_ID` made, public values that follow from the private ones filled in.
pub fn create(template: &Template, authority: Authority) -> Result<Object> {
    let _ = (template, authority);
    todo!()
}

/// The beginning of a key that a mechanism will make: the template checked against the rules of its class and
/// type for `origin`, defaults set; the value is missing still. `class` and `key_type` are what the mechanism
/// makes where the template does not say (and what it must say if it does).
pub fn draft(
    template: &Template,
    class: u64,
    key_type: Option<u64>,
    origin: &Origin<'_>,
    authority: Authority,
) -> Result<Object> {
    let _ = (template, class, key_type, origin, authority);
    todo!()
}

/// The key that a draft becomes with the attributes that a mechanism made: lengths and ranges checked, history
/// flags and `CKA_CHECK_VALUE` and `CKA_PUBLIC_KEY_INFO` set. After this the object is complete.
pub fn complete(draft: Object, made: Vec<(u64, Value)>, origin: &Origin<'_>) -> Result<Object> {
    let _ = (draft, made, origin);
    todo!()
}

/// The attributes (`CKA_VALUE`; modulus, exponents, …) that the unwrapped bytes of a key give for this draft:
/// PKCS#8 for a private key, the value for a secret key (cut to `CKA_VALUE_LEN` where the template has it).
pub fn unwrapped(draft: &Object, bytes: &[u8]) -> Result<Vec<(u64, Value)>> {
    let _ = (draft, bytes);
    todo!()
}

/// The attributes that derived bytes give for this draft: cut to its length, DES parity where due.
pub fn derived(draft: &Object, bytes: &[u8]) -> Result<Vec<(u64, Value)>> {
    let _ = (draft, bytes);
    todo!()
}

/// What C_WrapKey wraps: the value of a secret key, PKCS#8 (RFC 5958/5208) of a private key.
pub fn wrappable(key: &Object) -> Result<crate::secret::Secret> {
    let _ = key;
    todo!()
}

/// C_CopyObject: a copy with the template's changes (footnotes 8, 11, 12 and the one-way flags).
pub fn copy(original: &Object, template: &Template, authority: Authority) -> Result<Object> {
    let _ = (original, template, authority);
    todo!()
}

/// C_SetAttributeValue: the object as it would be after the change. All or nothing.
pub fn change(object: &Object, template: &Template, authority: Authority) -> Result<Object> {
    let _ = (object, template, authority);
    todo!()
}

/// C_GetAttributeValue for one attribute.
pub fn show(object: &Object, kind: u64) -> Shown {
    let _ = (object, kind);
    todo!()
}

/// Whether the object has all attributes of a C_FindObjects template with exactly these values. Sensitive
/// attributes match nothing.
pub fn matches(object: &Object, template: &Template) -> bool {
    let _ = (object, template);
    todo!()
}

/// Checks that a template for C_UnwrapKey or C_DeriveKey agrees with the base key's `CKA_UNWRAP_TEMPLATE` /
/// `CKA_DERIVE_TEMPLATE`, and adds what it lacks: the union, or `CKR_TEMPLATE_INCONSISTENT`.
pub fn imposed(template: Template, by: &Object, kind: u64) -> Result<Template> {
    let _ = (by, kind);
    Ok(template)
}

/// Whether `key` matches the `CKA_WRAP_TEMPLATE` of a wrapping key (true where it has none).
pub fn wrap_allowed(key: &Object, wrapping: &Object) -> bool {
    let _ = (key, wrapping);
    todo!()
}

/// The value of `kind` in a template, if it is there.
pub fn given(template: &Template, kind: u64) -> Option<&Attribute> {
    template.0.iter().find(|attribute| attribute.kind == kind)
}

/// A boolean that a template gives.
pub fn given_flag(template: &Template, kind: u64) -> Option<bool> {
    match given(template, kind).map(|attribute| &attribute.value) {
        Some(Raw::Bytes(bytes)) if bytes.len() == 1 => Some(bytes[0] != 0),
        _ => None,
    }
}
