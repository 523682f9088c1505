//! Objects: their attributes, and the rules of the standard's attribute tables.
//!
//! [`rules`] holds the tables; `typed` reads templates by them. An object comes to be by [`create()`], or by
//! [`draft()`] and [`complete()`] around a mechanism; it goes on by [`copy`] and [`change()`]; [`show()`] and
//! [`matches()`] tell of it; [`encode()`] and [`decode`] store it. Nothing here knows of sessions, handles or logins.

mod admit;
mod certificate;
mod change;
mod create;
mod draft;
mod encode;
pub mod import;
mod material;
mod pkcs8;
pub mod rules;
mod show;
mod typed;
mod value;

#[cfg(test)]
mod tests;

pub use change::{change, copy};
pub use create::{create, mechanism, profile};
pub use draft::{complete, derivation_draft, derived, draft, pair, unwrapped, wrappable};
pub use encode::{decode, encode};
pub use material::{key_size, rsa_known};
pub use show::{imposed, matches, show, size, wrap_allowed};
pub use value::{Object, Value};

use crate::wire::values::{Attribute, Raw, Template};

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
