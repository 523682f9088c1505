//! Between what callers give and get (raw bytes) and what objects hold (typed values).

use super::rules::{self, Class, Rule, Shape};
use super::{Object, Value};
use crate::error::{Code, Error, Result};
use crate::wire::values::{Attribute, Raw, Template};
use zeroize::Zeroizing;

/// Reads a template by the rules of its class: every attribute one that the class has, every value legal for it,
/// none there twice with different values.
///
/// # Errors
/// `CKR_ATTRIBUTE_TYPE_INVALID`, `CKR_ATTRIBUTE_VALUE_INVALID`, `CKR_TEMPLATE_INCONSISTENT`.
pub(super) fn read(class: &Class, template: &Template) -> Result<Object> {
    if is_deeper_than(NESTING, template) {
        return Err(Code::AttributeValueInvalid.because("the template holds templates within templates, too deep"));
    }
    read_with(template, |kind| class.rule(kind))
}

/// Parses one value by its row.
pub(super) fn parse(rule: &Rule, raw: &Raw) -> Result<Value> {
    match (rule.shape, raw) {
        (Shape::Template, Raw::Template(template)) => read_with(template, rules::anywhere).map(Value::Template),
        // An empty array attribute has no attributes by which a caller's interface could tell it from bytes.
        (Shape::Template, Raw::Bytes(bytes)) if bytes.is_empty() => Ok(Value::Template(Object::default())),
        (_, Raw::Bytes(bytes)) => parse_bytes(rule, bytes),
        (_, Raw::Template(_)) => Err(invalid(rule, "is not an array of attributes")),
    }
}

/// The value as a caller sees it.
pub(super) fn raw(value: &Value) -> Raw {
    let bytes = match value {
        Value::Flag(flag) => vec![u8::from(*flag)],
        Value::Number(number) => number.to_le_bytes().to_vec(),
        Value::Bytes(bytes) => bytes.clone(),
        Value::Secret(secret) => secret.to_vec(),
        Value::Numbers(numbers) => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        Value::Template(object) => return Raw::Template(template(object)),
    };
    Raw::Bytes(Zeroizing::new(bytes))
}

/// A value in the form in which this row keeps it: secrets apart, integers without leading zeros.
pub(super) fn kept(rule: &Rule, value: Value) -> Value {
    match (rule.shape, value) {
        (Shape::Integer, Value::Bytes(bytes)) => keep(rule, trimmed(&bytes)),
        (Shape::Integer, Value::Secret(bytes)) => keep(rule, trimmed(&bytes)),
        (_, Value::Bytes(bytes)) if rule.has(7) => Value::Secret(bytes.into()),
        (_, value) => value,
    }
}

/// All attributes of an object as a template.
pub(super) fn template(object: &Object) -> Template {
    Template(object.iter().map(|(kind, value)| Attribute { kind, value: raw(value) }).collect())
}

fn read_with(template: &Template, rule_of: impl Fn(u64) -> Option<&'static Rule>) -> Result<Object> {
    let mut given = Object::default();
    for attribute in template.0.iter().filter(|attribute| !IGNORED.contains(&attribute.kind)) {
        let rule = rule_of(attribute.kind).ok_or_else(|| unknown(attribute.kind))?;
        let value = parse(rule, &attribute.value)?;
        if given.value(rule.kind).is_some_and(|earlier| *earlier != value) {
            return Err(Code::TemplateInconsistent.because(format!("{} is there twice, and differs", rule.name)));
        }
        given.set(rule.kind, value);
    }
    Ok(given)
}

/// What the wire and the store can hold has an end.
fn is_deeper_than(levels: usize, template: &Template) -> bool {
    template.0.iter().any(|attribute| match &attribute.value {
        Raw::Bytes(_) => false,
        Raw::Template(_) if levels == 0 => true,
        Raw::Template(inner) => is_deeper_than(levels - 1, inner),
    })
}

fn parse_bytes(rule: &Rule, bytes: &[u8]) -> Result<Value> {
    match rule.shape {
        Shape::Flag => match bytes {
            [0] => Ok(Value::Flag(false)),
            [1] => Ok(Value::Flag(true)),
            _ => Err(invalid(rule, "must be CK_TRUE or CK_FALSE, one byte")),
        },
        Shape::Number => number(bytes).map(Value::Number).ok_or_else(|| invalid(rule, "must be a CK_ULONG")),
        Shape::Numbers => {
            numbers(bytes).map(Value::Numbers).ok_or_else(|| invalid(rule, "must be an array of CK_ULONG"))
        }
        Shape::Text if std::str::from_utf8(bytes).is_err() => Err(invalid(rule, "must be UTF-8")),
        Shape::Date if !is_date(bytes) => Err(invalid(rule, "must be a CK_DATE (YYYYMMDD) or empty")),
        Shape::Template => Err(invalid(rule, "must be an array of attributes")),
        Shape::Integer => Ok(keep(rule, trimmed(bytes))),
        Shape::Bytes | Shape::Text | Shape::Date => Ok(keep(rule, bytes)),
    }
}

fn keep(rule: &Rule, bytes: &[u8]) -> Value {
    if rule.has(7) { Value::Secret(bytes.into()) } else { Value::Bytes(bytes.to_vec()) }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

fn numbers(bytes: &[u8]) -> Option<Vec<u64>> {
    bytes.chunks(8).map(number).collect()
}

fn is_date(bytes: &[u8]) -> bool {
    let pair = |at: usize| (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0');
    bytes.is_empty()
        || (bytes.len() == 8
            && bytes.iter().all(u8::is_ascii_digit)
            && (1..=12).contains(&pair(4))
            && (1..=31).contains(&pair(6)))
}

fn unknown(kind: u64) -> Error {
    match rules::anywhere(kind) {
        Some(rule) => Code::AttributeTypeInvalid.because(format!("this class of objects has no {}", rule.name)),
        None => Code::AttributeTypeInvalid.because(format!("attribute {kind:#x} does not exist here")),
    }
}

fn invalid(rule: &Rule, why: &str) -> Error {
    Code::AttributeValueInvalid.because(format!("{} {why}", rule.name))
}

/// How deep templates may stand in each other.
const NESTING: usize = 3;

/// Vendor attributes that clients give to every token and that mean nothing outside their own: `CKA_NSS_DB`, which
/// NSS adds to private keys. Other vendors' attributes are refused, since they might restrict the key.
const IGNORED: &[u64] = &[0xd5a0_db00];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::*;

    fn data() -> &'static Class {
        rules::find(CKO_DATA, None).unwrap()
    }

    fn refusal(template: Template) -> Code {
        match read(data(), &template) {
            Ok(_) => panic!("it was taken"),
            Err(error) => error.code(),
        }
    }

    #[test]
    fn values_of_the_wrong_shape_are_refused() {
        assert_eq!(refusal(Template::new().bytes(CKA_TOKEN, &[])), Code::AttributeValueInvalid);
        assert_eq!(refusal(Template::new().bytes(CKA_TOKEN, &[2])), Code::AttributeValueInvalid);
        assert_eq!(refusal(Template::new().bytes(CKA_TOKEN, &[1, 0])), Code::AttributeValueInvalid);
        assert_eq!(refusal(Template::new().bytes(CKA_CLASS, &[0; 4])), Code::AttributeValueInvalid);
        assert_eq!(refusal(Template::new().bytes(CKA_LABEL, &[0xff])), Code::AttributeValueInvalid);
        assert_eq!(
            refusal(Template::new().with(CKA_LABEL, Raw::Template(Template::new()))),
            Code::AttributeValueInvalid
        );
    }

    #[test]
    fn dates_are_eight_digits_or_nothing() {
        for (date, fine) in
            [("", true), ("20260731", true), ("20261301", false), ("20260700", false), ("2026-7-1", false)]
        {
            assert_eq!(is_date(date.as_bytes()), fine, "{date}");
        }
    }

    #[test]
    fn an_attribute_twice_is_taken_if_it_says_the_same() {
        let twice = |second| Template::new().flag(CKA_TOKEN, true).flag(CKA_TOKEN, second);
        assert!(read(data(), &twice(true)).is_ok());
        assert_eq!(refusal(twice(false)), Code::TemplateInconsistent);
    }

    #[test]
    fn attributes_of_other_classes_and_other_vendors_are_refused() {
        assert_eq!(refusal(Template::new().flag(CKA_SIGN, true)), Code::AttributeTypeInvalid);
        assert_eq!(refusal(Template::new().flag(CKA_VENDOR_DEFINED | 7, true)), Code::AttributeTypeInvalid);
        assert!(read(data(), &Template::new().bytes(0xd5a0_db00, b"any")).is_ok());
    }

    #[test]
    fn integers_lose_their_leading_zeros() {
        let rule = rules::anywhere(CKA_MODULUS).unwrap();
        assert!(parse(rule, &Raw::Bytes(vec![0, 0, 1, 0].into())).unwrap() == Value::Bytes(vec![1, 0]));
    }

    #[test]
    fn templates_within_templates_have_an_end() {
        let class = rules::find(CKO_SECRET_KEY, Some(CKK_AES)).unwrap();
        let nested = |levels| {
            (0..levels)
                .fold(Template::new(), |inner, _| Template::new().with(CKA_UNWRAP_TEMPLATE, Raw::Template(inner)))
        };
        let deep = read(class, &nested(3)).unwrap();
        assert!(super::super::decode(&super::super::encode(&deep)).unwrap() == deep);
        assert!(read(class, &nested(4)).is_err());
    }

    #[test]
    fn templates_within_templates_come_back() {
        let inner = Template::new().flag(CKA_EXTRACTABLE, false).number(CKA_CLASS, CKO_SECRET_KEY);
        let rule = rules::anywhere(CKA_UNWRAP_TEMPLATE).unwrap();
        let value = parse(rule, &Raw::Template(inner)).unwrap();
        let Raw::Template(shown) = raw(&value) else { panic!("no template") };
        assert!(shown == Template::new().number(CKA_CLASS, CKO_SECRET_KEY).flag(CKA_EXTRACTABLE, false));
    }
}
