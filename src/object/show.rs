//! What is told of an object: C_GetAttributeValue, C_FindObjects, C_GetObjectSize, and the templates that one key
//! imposes on others.

use super::change::class_of;
use super::rules::{self, Rule};
use super::{Object, Value, encode, given, material, typed};
use crate::ck::*;
use crate::error::{Code, Result};
use crate::wire::values::{Attribute, Shown, Template};

/// C_GetAttributeValue for one attribute. An attribute of the class that this object has not got
/// (`CKA_ALLOWED_MECHANISMS` where all are allowed, a check value that was refused) is not there at all: clients
/// take an empty list at its word.
pub fn show(object: &Object, kind: u64) -> Shown {
    let Ok(class) = class_of(object) else { return Shown::Unknown };
    let Some(rule) = class.rule(kind) else { return Shown::Unknown };
    match object.value(kind) {
        _ if hides(object, rule) => Shown::Sensitive,
        Some(value) => Shown::Value(typed::raw(value)),
        None => Shown::Unknown,
    }
}

/// Footnote 7.
fn hides(object: &Object, rule: &Rule) -> bool {
    rule.has(7) && (object.flag(CKA_SENSITIVE) || !object.flag(CKA_EXTRACTABLE))
}

/// Whether the object has all attributes of a C_FindObjects template with exactly these values. Sensitive
/// attributes match nothing.
pub fn matches(object: &Object, template: &Template) -> bool {
    template.0.iter().all(|attribute| matches_one(object, attribute))
}

fn matches_one(object: &Object, attribute: &Attribute) -> bool {
    let Some(rule) = class_of(object).ok().and_then(|class| class.rule(attribute.kind)) else { return false };
    let Some(present) = object.value(rule.kind) else { return false };
    let Ok(wanted) = typed::parse(rule, &attribute.value) else { return false };
    !hides(object, rule) && (*present == wanted || material::same_point(object, rule, &wanted))
}

/// Checks that a template for C_UnwrapKey or C_DeriveKey agrees with the base key's `CKA_UNWRAP_TEMPLATE` /
/// `CKA_DERIVE_TEMPLATE`, and adds what it lacks: the union, or `CKR_TEMPLATE_INCONSISTENT`.
pub fn imposed(mut template: Template, by: &Object, kind: u64) -> Result<Template> {
    let Some(Value::Template(imposed)) = by.value(kind) else { return Ok(template) };
    for (kind, value) in imposed.iter() {
        let rule = rules::anywhere(kind).ok_or(Code::GeneralError)?;
        match given(&template, kind) {
            None => template.0.push(Attribute { kind, value: typed::raw(value) }),
            Some(said) if typed::parse(rule, &said.value)? == *value => {}
            Some(_) => {
                return Err(Code::TemplateInconsistent.because(format!("the key demands another {}", rule.name)));
            }
        }
    }
    Ok(template)
}

/// Whether `key` matches the `CKA_WRAP_TEMPLATE` of a wrapping key (true where it has none).
pub fn wrap_allowed(key: &Object, wrapping: &Object) -> bool {
    match wrapping.value(CKA_WRAP_TEMPLATE) {
        Some(Value::Template(template)) => matches(key, &typed::template(template)),
        _ => true,
    }
}

/// C_GetObjectSize: the bytes that the object takes in the store, before sealing.
pub fn size(object: &Object) -> u64 {
    encode::encode(object).len() as u64
}
