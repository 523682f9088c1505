//! C_CreateObject, and the objects that only the token makes.

use super::admit::{self, Occasion};
use super::material::{self, Source};
use super::rules::Class;
use super::{Authority, Object, Value, certificate, typed};
use crate::ck::*;
use crate::error::{Code, Result};
use crate::wire::values::Template;

/// C_CreateObject: a complete object from a caller's template (footnotes 1 and 2), values checked and parsed,
/// defaults set, `CKA_UNIQUE_ID` made, public values that follow from the private ones filled in.
pub fn create(template: &Template, authority: Authority) -> Result<Object> {
    let class = admit::select(template, None, None)?;
    if matches!(class.class, CKO_PROFILE | CKO_MECHANISM) {
        return Err(Code::AttributeValueInvalid.because("objects of this class are made by the token only"));
    }
    let mut object = typed::read(class, template)?;
    admit::admit(class, &object, Occasion::Create, authority)?;
    certificate::fill(&mut object);
    material::fill(&mut object);
    admit::require(class, &object, Occasion::Create)?;
    admit::preset(class, &mut object);
    admit::consistent(&object)?;
    imported(class, &mut object);
    material::settle(&mut object, Source::Given)?;
    object.set(CKA_UNIQUE_ID, admit::unique_id()?);
    Ok(object)
}

/// The history of what comes from outside: nobody knows who has seen it.
pub(super) fn imported(class: &Class, object: &mut Object) {
    for kind in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        if class.rule(kind).is_some() {
            object.set(kind, Value::Flag(false));
        }
    }
    if class.rule(CKA_KEY_GEN_MECHANISM).is_some() {
        object.set(CKA_KEY_GEN_MECHANISM, Value::Number(UNAVAILABLE));
    }
}

/// The profile object of a profile (`CKP_…`) that the token conforms to.
pub fn profile(id: u64) -> Object {
    built_in(CKO_PROFILE, CKA_PROFILE_ID, id, "profile")
}

/// The mechanism object of a mechanism (`CKM_…`).
pub fn mechanism(id: u64) -> Object {
    built_in(CKO_MECHANISM, CKA_MECHANISM_TYPE, id, "mechanism")
}

/// Not a storage object: it has no label and cannot be changed, copied or destroyed. Its `CKA_UNIQUE_ID` follows
/// from what it is, so that it is the same at every start.
fn built_in(class: u64, kind: u64, id: u64, name: &str) -> Object {
    let mut object = Object::default();
    object.set(CKA_CLASS, Value::Number(class));
    object.set(kind, Value::Number(id));
    object.set(CKA_UNIQUE_ID, Value::Bytes(format!("{name}-{id:08x}").into_bytes()));
    object
}
