//! An object is its attributes: a map from `CKA_…` to a typed value.

use crate::secret::Secret;
use std::collections::BTreeMap;

/// The value of an attribute.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// `CK_BBOOL`
    Flag(bool),
    /// `CK_ULONG` and what is of its width
    Number(u64),
    /// Byte strings, big integers, text, dates (eight digits, or empty)
    Bytes(Vec<u8>),
    /// A byte string that footnote 7 protects
    Secret(Secret),
    /// `CKA_ALLOWED_MECHANISMS`
    Numbers(Vec<u64>),
    /// `CKA_WRAP_TEMPLATE` and its kin
    Template(Object),
}

/// An object: complete and checked, or a draft of one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Object {
    attributes: BTreeMap<u64, Value>,
}

impl Object {
    /// The value of an attribute.
    pub fn value(&self, kind: u64) -> Option<&Value> {
        self.attributes.get(&kind)
    }

    /// Sets an attribute. Knows no rules: those are the business of the functions of [`super`].
    pub fn set(&mut self, kind: u64, value: Value) {
        self.attributes.insert(kind, value);
    }

    /// Takes an attribute away.
    pub fn remove(&mut self, kind: u64) {
        self.attributes.remove(&kind);
    }

    /// All attributes in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Value)> {
        self.attributes.iter().map(|(kind, value)| (*kind, value))
    }

    /// A boolean; false where the attribute is not there.
    pub fn flag(&self, kind: u64) -> bool {
        matches!(self.value(kind), Some(Value::Flag(true)))
    }

    /// A number.
    pub fn number(&self, kind: u64) -> Option<u64> {
        match self.value(kind) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// A byte string, secret or not. For mechanisms; callers of the C interface get [`super::show`].
    pub fn bytes(&self, kind: u64) -> Option<&[u8]> {
        match self.value(kind) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            Some(Value::Secret(secret)) => Some(secret),
            _ => None,
        }
    }

    /// `CKA_CLASS`
    pub fn class(&self) -> u64 {
        self.number(crate::ck::CKA_CLASS).unwrap_or(u64::MAX)
    }

    /// `CKA_KEY_TYPE`
    pub fn key_type(&self) -> u64 {
        self.number(crate::ck::CKA_KEY_TYPE).unwrap_or(u64::MAX)
    }
}
