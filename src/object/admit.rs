//! What every way to make an object shares: which rules apply, who may say what, what is there if nobody says.

use super::rules::{self, Class, Preset, Rule};
use super::{Authority, Object, Origin, Value, given, typed};
use crate::ck::*;
use crate::error::{Code, Result};
use crate::wire::values::Template;

/// How an object comes to be, as far as the footnotes care.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Occasion {
    Create,
    Generate,
    Unwrap,
    Derive,
}

impl Occasion {
    pub(super) fn of(origin: &Origin<'_>) -> Occasion {
        match origin {
            Origin::Generate(_) => Occasion::Generate,
            Origin::Unwrap => Occasion::Unwrap,
            Origin::Derive(_) => Occasion::Derive,
        }
    }

    fn requires(self, rule: &Rule) -> bool {
        match self {
            Occasion::Create => rule.has(1),
            Occasion::Generate => rule.has(3),
            Occasion::Unwrap => rule.has(5),
            Occasion::Derive => false,
        }
    }

    /// A derived key gets from its mechanism what an unwrapped one gets from its wrapping, so footnote 6 holds for
    /// both. Lengths (footnotes 2 and 3) are counted by the token; a caller may say them too, if they are right.
    fn forbids(self, rule: &Rule) -> bool {
        match self {
            Occasion::Create => rule.has(2) && !rule.has(3),
            Occasion::Generate => rule.has(4),
            Occasion::Unwrap | Occasion::Derive => rule.has(6),
        }
    }
}

/// The rules for a template: its class and its key or certificate type, where `class` and `kind` are what they
/// must be (if the template says them) and are (if it does not).
pub(super) fn select(template: &Template, class: Option<u64>, kind: Option<u64>) -> Result<&'static Class> {
    let class = agreed(template, CKA_CLASS, class)?;
    let selector = rules::selector(class);
    let kind = selector.map(|selector| agreed(template, selector, kind)).transpose()?;
    if let Some(found) = rules::find(class, kind) {
        return Ok(found);
    }
    match (selector, kind) {
        (Some(CKA_KEY_TYPE), Some(kind)) if rules::key_type_exists(kind) => {
            Err(Code::TemplateInconsistent.because(format!("class {class} has no keys of type {kind:#x}")))
        }
        (_, Some(kind)) => Err(Code::AttributeValueInvalid.because(format!("type {kind:#x} is not supported"))),
        (_, None) => Err(Code::AttributeValueInvalid.because(format!("object class {class:#x} is not supported"))),
    }
}

/// The number that template and mechanism agree on.
fn agreed(template: &Template, kind: u64, known: Option<u64>) -> Result<u64> {
    let rule = rules::anywhere(kind).ok_or(Code::GeneralError)?;
    let said = given(template, kind).map(|attribute| typed::parse(rule, &attribute.value)).transpose()?;
    match (said, known) {
        (Some(Value::Number(said)), Some(known)) if said != known => {
            Err(Code::TemplateInconsistent.because(format!("{} does not fit the mechanism", rule.name)))
        }
        (Some(Value::Number(said)), _) => Ok(said),
        (_, Some(known)) => Ok(known),
        (_, None) => Err(Code::TemplateIncomplete.because(format!("{} is missing", rule.name))),
    }
}

/// Refuses attributes that this caller may not give on this occasion.
///
/// # Errors
/// `CKR_ATTRIBUTE_READ_ONLY` for what a caller may never (or only the SO may) set; `CKR_TEMPLATE_INCONSISTENT` for
/// what may not be set on this occasion.
pub(super) fn admit(class: &Class, given: &Object, occasion: Occasion, authority: Authority) -> Result<()> {
    for rule in class.rules() {
        let Some(value) = given.value(rule.kind) else { continue };
        if rule.by_token() {
            return Err(Code::AttributeReadOnly.because(format!("{} is set by the token", rule.name)));
        }
        if occasion.forbids(rule) {
            return Err(Code::TemplateInconsistent.because(format!("{} cannot be given here", rule.name)));
        }
        admit_trust(rule, value, authority)?;
    }
    Ok(())
}

/// Footnote 10.
pub(super) fn admit_trust(rule: &Rule, value: &Value, authority: Authority) -> Result<()> {
    if rule.has(10) && *value == Value::Flag(true) && authority != Authority::Officer {
        return Err(Code::AttributeReadOnly.because(format!("only the SO may set {} to TRUE", rule.name)));
    }
    Ok(())
}

/// Refuses a template that lacks what it must have.
pub(super) fn require(class: &Class, given: &Object, occasion: Occasion) -> Result<()> {
    match class.rules().find(|rule| occasion.requires(rule) && given.value(rule.kind).is_none()) {
        Some(rule) => Err(Code::TemplateIncomplete.because(format!("{} is missing", rule.name))),
        None => Ok(()),
    }
}

/// Sets what nobody said. A usage that is not said is TRUE where the key type can do it: clients that leave it
/// out expect a key that works.
pub(super) fn preset(class: &Class, object: &mut Object) {
    for rule in class.rules().filter(|rule| object.value(rule.kind).is_none()).collect::<Vec<_>>() {
        match rule.preset {
            Preset::Absent => {}
            Preset::Empty => object.set(rule.kind, Value::Bytes(Vec::new())),
            Preset::Flag(flag) => object.set(rule.kind, Value::Flag(flag)),
            Preset::Number(number) => object.set(rule.kind, Value::Number(number)),
            Preset::Able => object.set(rule.kind, Value::Flag(class.able.contains(&rule.kind))),
        }
    }
}

/// Sets class and type, where they are not set.
pub(super) fn name(class: &Class, object: &mut Object) {
    object.set(CKA_CLASS, Value::Number(class.class));
    if let (Some(selector), Some(kind)) = (rules::selector(class.class), class.kind) {
        object.set(selector, Value::Number(kind));
    }
}

/// Refuses attributes that contradict each other.
pub(super) fn consistent(object: &Object) -> Result<()> {
    // "This attribute may only be set to CK_TRUE when CKA_PRIVATE is also CK_TRUE."
    if object.flag(CKA_ALWAYS_AUTHENTICATE) && !object.flag(CKA_PRIVATE) {
        return Err(Code::TemplateInconsistent.because("CKA_ALWAYS_AUTHENTICATE needs CKA_PRIVATE"));
    }
    Ok(())
}

/// A new `CKA_UNIQUE_ID`: a random UUID (RFC 9562, version 4).
pub(super) fn unique_id() -> Result<Value> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Code::RandomNoRng)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let uuid = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    Ok(Value::Bytes(uuid.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_ids_are_random_uuids() {
        let [Value::Bytes(one), Value::Bytes(other)] = [unique_id().unwrap(), unique_id().unwrap()] else {
            panic!("no bytes")
        };
        assert!(one.len() == 36 && one != other && one[14] == b'4' && b"89ab".contains(&one[19]));
    }
}
