//! C_CopyObject and C_SetAttributeValue.

use super::admit::{admit_trust, consistent, unique_id};
use super::rules::{self, Class, Preset, Rule};
use super::{Authority, Object, Value, material, typed};
use crate::ck::*;
use crate::error::{Code, Error, Result};
use crate::wire::values::Template;

/// C_CopyObject: a copy with the template's changes (footnotes 8, 11, 12 and the one-way flags). What the key
/// remembers of its history, its copy remembers too.
pub fn copy(original: &Object, template: &Template, authority: Authority) -> Result<Object> {
    if !original.flag(CKA_COPYABLE) {
        return Err(Code::ActionProhibited.because("CKA_COPYABLE is FALSE"));
    }
    let mut copy = changed(original, template, authority, copying)?;
    copy.set(CKA_UNIQUE_ID, unique_id()?);
    Ok(copy)
}

/// C_SetAttributeValue: the object as it would be after the change. All or nothing.
pub fn change(object: &Object, template: &Template, authority: Authority) -> Result<Object> {
    if !object.flag(CKA_MODIFIABLE) {
        return Err(Code::ActionProhibited.because("CKA_MODIFIABLE is FALSE"));
    }
    // "Trusted certificates cannot be modified."
    if object.class() == CKO_CERTIFICATE && object.flag(CKA_TRUSTED) && authority != Authority::Officer {
        return Err(Code::ActionProhibited.because("the certificate is trusted"));
    }
    changed(object, template, authority, setting)
}

/// What a template wants of one attribute.
struct Wish<'a> {
    rule: &'static Rule,
    value: &'a Value,
    present: Option<&'a Value>,
    authority: Authority,
}

type Permit = fn(&Wish<'_>) -> Result<()>;

fn changed(object: &Object, template: &Template, authority: Authority, permit: Permit) -> Result<Object> {
    let class = class_of(object)?;
    let wishes = typed::read(class, template)?;
    let mut after = object.clone();
    for (kind, value) in wishes.iter() {
        let rule = class.rule(kind).ok_or(Code::AttributeTypeInvalid)?;
        let wish = Wish { rule, value, present: object.value(kind), authority };
        if rule.by_token() {
            return Err(read_only(rule));
        }
        admit_trust(rule, value, authority)?;
        permit(&wish)?;
        trusted_stays(object, &wish)?;
        apply(&mut after, &wish)?;
    }
    consistent(&after)?;
    Ok(after)
}

/// The rules of an object that exists.
pub(super) fn class_of(object: &Object) -> Result<&'static Class> {
    let kind = rules::selector(object.class()).and_then(|selector| object.number(selector));
    rules::find(object.class(), kind).ok_or_else(|| Code::GeneralError.into())
}

fn setting(wish: &Wish<'_>) -> Result<()> {
    match wish.rule.kind {
        CKA_TRUSTED if wish.authority == Authority::Officer || wish.same() => Ok(()),
        CKA_CHECK_VALUE => Ok(()),
        _ if wish.rule.changeable() => one_way(wish),
        _ => Err(read_only(wish.rule)),
    }
}

/// "The Cryptoki attributes which can be modified during the course of a C_CopyObject operation are [those] which
/// are described as being modifiable, plus the four special attributes CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE and
/// CKA_DESTROYABLE." The last two may go both ways: the copy is an object of its own, and `CKA_COPYABLE` is what
/// keeps a caller from making one. What only repeats the original is no change.
fn copying(wish: &Wish<'_>) -> Result<()> {
    match wish.rule.kind {
        CKA_TOKEN | CKA_MODIFIABLE | CKA_DESTROYABLE => Ok(()),
        CKA_PRIVATE if wish.lowers() => {
            Err(Code::TemplateInconsistent.because("the copy of a private object is private"))
        }
        CKA_PRIVATE => Ok(()),
        _ if wish.same() => Ok(()),
        _ => setting(wish),
    }
}

impl Wish<'_> {
    /// Whether it wishes what is. Never told of a value that footnote 7 hides.
    fn same(&self) -> bool {
        !self.rule.has(7) && self.present == Some(self.value)
    }

    fn lowers(&self) -> bool {
        self.present == Some(&Value::Flag(true)) && *self.value == Value::Flag(false)
    }

    fn raises(&self) -> bool {
        self.present != Some(&Value::Flag(true)) && *self.value == Value::Flag(true)
    }
}

/// Footnotes 11 and 12: "It becomes a read only attribute."
fn one_way(wish: &Wish<'_>) -> Result<()> {
    if (wish.rule.has(11) && wish.lowers()) || (wish.rule.has(12) && wish.raises()) {
        return Err(read_only(wish.rule));
    }
    Ok(())
}

/// Whoever wraps under a trusted key trusts what it cannot do. So its user cannot teach it to decrypt.
fn trusted_stays(object: &Object, wish: &Wish<'_>) -> Result<()> {
    let usage = wish.rule.preset == Preset::Able;
    if usage && wish.raises() && object.flag(CKA_TRUSTED) && wish.authority != Authority::Officer {
        return Err(Code::AttributeReadOnly.because(format!("{} of a trusted key is the SO's to set", wish.rule.name)));
    }
    Ok(())
}

fn apply(object: &mut Object, wish: &Wish<'_>) -> Result<()> {
    match wish.rule.kind {
        CKA_CHECK_VALUE => material::check_value(object, wish.value.clone()),
        CKA_PUBLIC_KEY_INFO if wish.same() || *wish.value == Value::Bytes(Vec::new()) => Ok(()),
        CKA_PUBLIC_KEY_INFO => Err(Code::AttributeValueInvalid.because("CKA_PUBLIC_KEY_INFO is not that of this key")),
        kind => {
            object.set(kind, wish.value.clone());
            Ok(())
        }
    }
}

fn read_only(rule: &Rule) -> Error {
    Code::AttributeReadOnly.because(format!("{} cannot be changed so", rule.name))
}
