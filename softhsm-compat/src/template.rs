//! An object of SoftHSM2 as C_CreateObject of Strongroom takes it.
//!
//! Kept are all attributes that a caller may give: label, id, usage, whether it is private, sensitive, extractable,
//! dates, the values. Not kept is what only a token may say of a key (`CKA_LOCAL`, `CKA_ALWAYS_SENSITIVE`,
//! `CKA_NEVER_EXTRACTABLE`, how it was generated): the new token did not make the key and does not know who has seen it.

use crate::object_file::{Attribute, Value};
use crate::token::Object;
use strongroom_pkcs11::ck;
use strongroom_pkcs11::error::{Code, Result};
use strongroom_pkcs11::object::rules::{self, Class, Shape};
use strongroom_pkcs11::object::{self, Authority};
use strongroom_pkcs11::wire::values::{Raw, Template};
use zeroize::Zeroizing;

/// The template of an object, and remarks on what of it is not kept.
pub struct Planned {
    /// What C_CreateObject gets.
    pub template: Template,
    /// What the owner of the key should know.
    pub remarks: Vec<String>,
}

/// The object as Strongroom takes it.
///
/// # Errors
/// What Strongroom would answer, with the kind of key in words where it supports no such keys.
pub fn plan(object: &Object) -> Result<Planned> {
    let class = class(object)?;
    let mut planned = Planned { template: Template::new(), remarks: Vec::new() };
    for attribute in &object.attributes {
        planned.take(class, object, attribute);
    }
    if class.class == ck::CKO_SECRET_KEY && !object.flag(ck::CKA_PRIVATE) {
        planned.remarks.push(
            "not private (CKA_PRIVATE is FALSE), as it was: usable without the PIN. SoftHSM2 kept its value unencrypted"
                .to_owned(),
        );
    }
    // The rules are those of the vault, so what is refused here is what the vault would refuse.
    object::create(&planned.template, Authority::User)?;
    Ok(planned)
}

impl Planned {
    fn take(&mut self, class: &Class, object: &Object, attribute: &Attribute) {
        let kind = attribute.kind;
        let Some(rule) = class.rule(kind) else {
            if is_said(&attribute.value) {
                self.remarks.push(format!("attribute {kind:#x} is not kept: Strongroom has none for such objects"));
            }
            return;
        };
        if rule.has(2) || kind == ck::CKA_CHECK_VALUE {
            return; // the token's to say
        }
        if kind == ck::CKA_TRUSTED {
            if attribute.value == Value::Flag(true) {
                self.remarks.push("CKA_TRUSTED is not kept: only the SO may set it".to_owned());
            }
            return;
        }
        match raw(rule.shape, &attribute.value) {
            Some(_) if !is_said(&attribute.value) && !matches!(attribute.value, Value::Flag(_) | Value::Number(_)) => {}
            Some(Raw::Bytes(bytes)) if kind == ck::CKA_VALUE && class.class == ck::CKO_PRIVATE_KEY => {
                let bytes = padded(&bytes, object.bytes(ck::CKA_EC_PARAMS));
                self.add(kind, Raw::Bytes(bytes));
            }
            Some(value) => self.add(kind, value),
            None => self.remarks.push(format!("{} is not kept: its value has a wrong form", rule.name)),
        }
    }

    fn add(&mut self, kind: u64, value: Raw) {
        self.template = std::mem::take(&mut self.template).with(kind, value);
    }
}

/// The rules of the object's class and type.
fn class(object: &Object) -> Result<&'static Class> {
    let damaged = || Code::DataInvalid.because("the object has no class or no type");
    let class = object.number(ck::CKA_CLASS).ok_or_else(damaged)?;
    let selector = rules::selector(class);
    let kind = selector.map(|selector| object.number(selector).ok_or_else(damaged)).transpose()?;
    rules::find(class, kind).ok_or_else(|| {
        let what = kind.map_or_else(
            || format!("objects of class {class:#x}"),
            |kind| match selector {
                Some(ck::CKA_KEY_TYPE) => format!("{} keys", key_type(kind)),
                _ => format!("certificates of type {kind:#x}"),
            },
        );
        Code::FunctionNotSupported.because(format!("Strongroom has no {what}"))
    })
}

/// Whether a value says anything: empty strings, lists and FALSE do not.
fn is_said(value: &Value) -> bool {
    match value {
        Value::Flag(flag) => *flag,
        Value::Number(number) => *number != 0,
        Value::Bytes(bytes) => !bytes.is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Mechanisms(list) => !list.is_empty(),
    }
}

/// A value in the form that its attribute has; none where it has another.
fn raw(shape: Shape, value: &Value) -> Option<Raw> {
    let bytes = |bytes: &[u8]| Raw::Bytes(Zeroizing::new(bytes.to_vec()));
    Some(match (shape, value) {
        (Shape::Flag, Value::Flag(flag)) => bytes(&[u8::from(*flag)]),
        (Shape::Number, Value::Number(number)) => bytes(&number.to_le_bytes()),
        (Shape::Numbers, Value::Mechanisms(list)) => {
            Raw::Bytes(Zeroizing::new(list.iter().flat_map(|number| number.to_le_bytes()).collect()))
        }
        (Shape::Template, Value::Map(map)) => Raw::Template(nested(map)?),
        (Shape::Bytes | Shape::Integer | Shape::Text | Shape::Date, Value::Bytes(value)) => bytes(value),
        _ => return None,
    })
}

fn nested(map: &[Attribute]) -> Option<Template> {
    map.iter().try_fold(Template::new(), |template, attribute| {
        let shape = rules::anywhere(attribute.kind)?.shape;
        Some(template.with(attribute.kind, raw(shape, &attribute.value)?))
    })
}

/// A scalar in the length of its curve: SoftHSM2 leaves leading zero bytes out.
fn padded(scalar: &[u8], curve: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = SCALARS.iter().find(|(params, _)| *params == curve).map_or(0, |(_, length)| *length);
    let mut whole = Zeroizing::new(vec![0; length.max(scalar.len())]);
    let at = whole.len() - scalar.len();
    whole[at..].copy_from_slice(scalar);
    whole
}

/// Prime curves, by `CKA_EC_PARAMS`, and how long their scalars are.
const SCALARS: &[(&[u8], usize)] = &[
    (&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], 32),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22], 48),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23], 66),
];

/// A class in words.
pub fn class_word(class: u64) -> &'static str {
    match class {
        ck::CKO_DATA => "data",
        ck::CKO_CERTIFICATE => "certificate",
        ck::CKO_PUBLIC_KEY => "public key",
        ck::CKO_PRIVATE_KEY => "private key",
        ck::CKO_SECRET_KEY => "secret key",
        ck::CKO_DOMAIN_PARAMETERS => "domain parameters",
        _ => "object of an unknown class",
    }
}

/// A key type in words, those included that only SoftHSM2 has.
pub fn key_type(number: u64) -> String {
    let known = KEY_TYPES.iter().find(|(of, _)| *of == number);
    known.map_or_else(|| format!("type {number:#x}"), |(_, name)| (*name).to_owned())
}

const KEY_TYPES: &[(u64, &str)] = &[
    (ck::CKK_RSA, "RSA"),
    (ck::CKK_DSA, "DSA"),
    (ck::CKK_DH, "Diffie-Hellman"),
    (ck::CKK_EC, "EC"),
    (ck::CKK_GENERIC_SECRET, "generic secret"),
    (ck::CKK_DES, "DES"),
    (ck::CKK_DES2, "double-length DES"),
    (ck::CKK_DES3, "triple DES"),
    (ck::CKK_AES, "AES"),
    (ck::CKK_GOSTR3410, "GOST R 34.10"),
    (ck::CKK_GOSTR3411, "GOST R 34.11"),
    (ck::CKK_GOST28147, "GOST 28147"),
    (ck::CKK_EC_EDWARDS, "Edwards curve"),
    (ck::CKK_EC_MONTGOMERY, "Montgomery curve"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_pkcs11::secret::Secret;

    fn object(attributes: Vec<(u64, Value)>) -> Object {
        let attributes = attributes.into_iter().map(|(kind, value)| Attribute { kind, value }).collect();
        Object { file: "test.object".into(), attributes }
    }

    fn bytes(bytes: &[u8]) -> Value {
        Value::Bytes(Secret::from(bytes))
    }

    #[test]
    fn keys_that_strongroom_does_not_have_are_refused_by_name() {
        for (number, name) in [(ck::CKK_DSA, "DSA"), (ck::CKK_DES3, "triple DES"), (ck::CKK_GOSTR3410, "GOST R 34.10")]
        {
            for class in [ck::CKO_PRIVATE_KEY, ck::CKO_SECRET_KEY] {
                let key =
                    object(vec![(ck::CKA_CLASS, Value::Number(class)), (ck::CKA_KEY_TYPE, Value::Number(number))]);
                let error = plan(&key).err().unwrap_or_else(|| panic!("{name} was taken"));
                assert!(error.why().contains(name), "{error}");
            }
        }
    }

    #[test]
    fn what_only_a_token_may_say_is_left_out_and_the_rest_is_kept() {
        let key = object(vec![
            (ck::CKA_CLASS, Value::Number(ck::CKO_SECRET_KEY)),
            (ck::CKA_KEY_TYPE, Value::Number(ck::CKK_AES)),
            (ck::CKA_PRIVATE, Value::Flag(true)),
            (ck::CKA_LABEL, bytes(b"key")),
            (ck::CKA_VALUE, bytes(&[7; 16])),
            (ck::CKA_VALUE_LEN, Value::Number(16)),
            (ck::CKA_CHECK_VALUE, bytes(&[1, 2, 3])),
            (ck::CKA_LOCAL, Value::Flag(true)),
            (ck::CKA_TRUSTED, Value::Flag(true)),
            (ck::CKA_EXTRACTABLE, Value::Flag(true)),
            (ck::CKA_ALLOWED_MECHANISMS, Value::Mechanisms(Vec::new())),
            (ck::CKA_WRAP_TEMPLATE, Value::Map(Vec::new())),
            (ck::CKA_START_DATE, bytes(b"")),
        ]);
        let planned = plan(&key).unwrap_or_else(|error| panic!("{error}"));
        let kinds: Vec<u64> = planned.template.0.iter().map(|attribute| attribute.kind).collect();
        let kept =
            [ck::CKA_CLASS, ck::CKA_KEY_TYPE, ck::CKA_PRIVATE, ck::CKA_LABEL, ck::CKA_VALUE, ck::CKA_EXTRACTABLE];
        assert_eq!(kinds, kept);
        assert_eq!(planned.remarks.len(), 1, "{:?}", planned.remarks);
    }

    #[test]
    fn a_scalar_gets_its_leading_zeros_back() {
        assert_eq!(*padded(&[1; 31], SCALARS[0].0), [&[0][..], &[1; 31]].concat());
        assert_eq!(padded(&[1; 32], b"another curve").len(), 32);
    }

    #[test]
    fn an_object_without_a_class_is_damage() {
        assert!(plan(&object(Vec::new())).is_err_and(|error| error.code() == Code::DataInvalid));
    }
}
