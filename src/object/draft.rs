//! Keys that a mechanism makes: the draft before it has worked, the complete key after.

use super::admit::{self, Occasion};
use super::material::{self, Source};
use super::rules::{self, Class};
use super::{Authority, Object, Origin, Value, create, pkcs8, typed};
use crate::ck::*;
use crate::error::{Code, Result};
use crate::secret::Secret;
use crate::wire::values::Template;

/// The beginning of a key that a mechanism will make: the template checked against the rules of its class and
/// type for `origin`, defaults set; the value is missing still. `class` and `key_type` are what the mechanism
/// makes where the template does not say (and what it must say if it does). A derived key may be of any type:
/// `key_type`, or else a generic secret, is only what it is if the template does not say.
pub fn draft(
    template: &Template,
    class: u64,
    key_type: Option<u64>,
    origin: &Origin<'_>,
    authority: Authority,
) -> Result<Object> {
    let key_type = match (origin, super::given(template, CKA_KEY_TYPE)) {
        (Origin::Derive(_), Some(_)) => None,
        (Origin::Derive(_), None) => key_type.or(Some(CKK_GENERIC_SECRET)),
        _ => key_type,
    };
    let class = admit::select(template, Some(class), key_type)?;
    let mut object = typed::read(class, template)?;
    admit::admit(class, &object, Occasion::of(origin), authority)?;
    admit::name(class, &mut object);
    admit::require(class, &object, Occasion::of(origin))?;
    admit::preset(class, &mut object);
    admit::consistent(&object)?;
    material::length_fits(&object)?;
    Ok(object)
}

/// The draft of what C_DeriveKey makes of any class. Data is as long as `CKA_VALUE_LEN` says, which a data object does
/// not have itself: the draft bears it until it is [`complete`].
pub fn derivation_draft(
    template: &Template,
    class: u64,
    key_type: Option<u64>,
    origin: &Origin<'_>,
    authority: Authority,
) -> Result<Object> {
    if class != CKO_DATA {
        return draft(template, class, key_type, origin, authority);
    }
    let (lengths, rest): (Vec<_>, Vec<_>) = template.0.iter().cloned().partition(|said| said.kind == CKA_VALUE_LEN);
    let mut object = draft(&Template(rest), class, None, origin, authority)?;
    if lengths.len() > 1 {
        return Err(Code::TemplateInconsistent.because("CKA_VALUE_LEN stands twice in the template"));
    }
    for length in lengths {
        let rule = rules::anywhere(CKA_VALUE_LEN).ok_or(Code::GeneralError)?;
        object.set(CKA_VALUE_LEN, typed::parse(rule, &length.value)?);
    }
    Ok(object)
}

/// The key that a draft becomes with the attributes that a mechanism made: lengths and ranges checked, history
/// flags and `CKA_CHECK_VALUE` and `CKA_PUBLIC_KEY_INFO` set. After this the object is complete.
pub fn complete(draft: Object, made: Vec<(u64, Value)>, origin: &Origin<'_>) -> Result<Object> {
    let mut object = draft;
    let class = rules::find(object.class(), object.number(CKA_KEY_TYPE)).ok_or(Code::GeneralError)?;
    for (kind, value) in made {
        if let Some(rule) = class.rule(kind) {
            object.set(kind, typed::kept(rule, value));
        }
    }
    if object.class() == CKO_DATA {
        object.remove(CKA_VALUE_LEN);
    }
    remember(class, &mut object, origin);
    let source = match origin {
        Origin::Generate(_) | Origin::Derive(_) => Source::Made,
        Origin::Unwrap => Source::Unwrapped,
    };
    material::settle(&mut object, source)?;
    object.set(CKA_UNIQUE_ID, admit::unique_id()?);
    Ok(object)
}

/// Sets what the key remembers of its making.
fn remember(class: &Class, object: &mut Object, origin: &Origin<'_>) {
    create::imported(class, object);
    let sensitive = object.flag(CKA_SENSITIVE);
    let extractable = object.flag(CKA_EXTRACTABLE);
    let mut history = |always: bool, never: bool| {
        if class.rule(CKA_ALWAYS_SENSITIVE).is_some() {
            object.set(CKA_ALWAYS_SENSITIVE, Value::Flag(always));
            object.set(CKA_NEVER_EXTRACTABLE, Value::Flag(never));
        }
    };
    match origin {
        Origin::Unwrap => {}
        // "If the base key has its CKA_ALWAYS_SENSITIVE attribute set to CK_FALSE, then the derived key will as
        // well. If [it is] CK_TRUE, then the derived key has it set to the same value as its CKA_SENSITIVE."
        Origin::Derive(base) => {
            history(sensitive && base.flag(CKA_ALWAYS_SENSITIVE), !extractable && base.flag(CKA_NEVER_EXTRACTABLE))
        }
        Origin::Generate(mechanism) => {
            history(sensitive, !extractable);
            object.set(CKA_LOCAL, Value::Flag(true));
            if class.rule(CKA_KEY_GEN_MECHANISM).is_some() {
                object.set(CKA_KEY_GEN_MECHANISM, Value::Number(*mechanism));
            }
        }
    }
}

/// Ties the two halves of a generated pair: the private half learns what only the public half may know.
pub fn pair(public: &mut Object, private: &mut Object) {
    if let Some(info) = public.value(CKA_PUBLIC_KEY_INFO) {
        private.set(CKA_PUBLIC_KEY_INFO, info.clone());
    }
}

/// The attributes (`CKA_VALUE`; modulus, exponents, …) that the unwrapped bytes of a key give for this draft:
/// PKCS#8 for a private key, the value for a secret key (cut to `CKA_VALUE_LEN` where the template has it).
///
/// # Errors
/// `CKR_WRAPPED_KEY_INVALID` whatever is wrong with the bytes: a finer answer would tell an attacker who plays
/// with the padding what the plaintext looks like.
pub fn unwrapped(draft: &Object, bytes: &[u8]) -> Result<Vec<(u64, Value)>> {
    match draft.class() {
        CKO_PRIVATE_KEY => {
            let key = pkcs8::read(bytes).map_err(|error| match error.code() {
                code @ (Code::CurveNotSupported | Code::DomainParamsInvalid) => code.because(error.why().to_owned()),
                _ => Code::WrappedKeyInvalid.into(),
            })?;
            if key.key_type != draft.key_type() {
                return Err(
                    Code::WrappedKeyInvalid.because("the wrapped key is not of the type that the template says")
                );
            }
            Ok(key.attributes)
        }
        CKO_SECRET_KEY => front(draft, bytes).ok_or_else(|| Code::WrappedKeyInvalid.into()),
        _ => Err(Code::TemplateInconsistent.because("only secret and private keys can be unwrapped")),
    }
}

/// The attributes that derived bytes give for this draft: cut to its length.
///
/// # Errors
/// `CKR_TEMPLATE_INCOMPLETE` where the template must say the length; `CKR_TEMPLATE_INCONSISTENT` where there are
/// fewer bytes than it says.
pub fn derived(draft: &Object, bytes: &[u8]) -> Result<Vec<(u64, Value)>> {
    if draft.class() != CKO_SECRET_KEY {
        return Err(Code::TemplateInconsistent.because("only secret keys can be derived"));
    }
    let length_said = draft.number(CKA_VALUE_LEN).is_some();
    if !length_said && !material::secret_fits(draft.key_type(), bytes.len()) {
        return Err(Code::TemplateIncomplete.because("CKA_VALUE_LEN is missing"));
    }
    front(draft, bytes)
        .ok_or_else(|| Code::TemplateInconsistent.because("the mechanism yields fewer bytes than CKA_VALUE_LEN"))
}

/// As many bytes as the draft asks for, from the front; all where it does not ask.
fn front(draft: &Object, bytes: &[u8]) -> Option<Vec<(u64, Value)>> {
    let length = match draft.number(CKA_VALUE_LEN) {
        Some(length) => usize::try_from(length).ok()?,
        None => bytes.len(),
    };
    Some(vec![(CKA_VALUE, Value::Secret(Secret::from(bytes.get(..length)?)))])
}

/// What C_WrapKey wraps: the value of a secret key, PKCS#8 (RFC 5958/5208) of a private key.
pub fn wrappable(key: &Object) -> Result<Secret> {
    match key.class() {
        CKO_SECRET_KEY => Ok(Secret::from(key.bytes(CKA_VALUE).ok_or(Code::KeyNotWrappable)?)),
        CKO_PRIVATE_KEY => pkcs8::write(key),
        _ => Err(Code::KeyNotWrappable.because("only secret and private keys can be wrapped")),
    }
}
