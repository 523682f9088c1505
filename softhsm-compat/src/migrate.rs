//! Every object of a SoftHSM2 token becomes one of a Strongroom token, or is named with the reason why not.
//!
//! Nothing of the SoftHSM2 token is changed. What is on the Strongroom token already is not made twice, so an
//! interrupted migration is finished by starting it again.

use crate::target::Session;
use crate::template::{self, Planned};
use crate::token::{Object, Open};
use crate::verify::{self, Proof};
use serde::Serialize;
use std::collections::HashSet;
use strongroom_pkcs11::ck;
use strongroom_pkcs11::error::{Error, Result};
use strongroom_pkcs11::object::given;
use strongroom_pkcs11::wire::values::Template;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was created.
    Migrated,
    /// It would be created, were this no dry run.
    WouldMigrate,
    /// The token has it already.
    AlreadyThere,
    /// Strongroom has no such objects, or its rules forbid this one.
    Refused,
    /// Its file cannot be read, or the new key is not the old one.
    Failed,
}

/// An object and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The file of the SoftHSM2 token.
    pub file: String,
    /// What it is: "private key", "certificate".
    pub class: &'static str,
    /// "RSA", "EC", … of keys.
    pub key_type: Option<String>,
    /// `CKA_LABEL`
    pub label: String,
    /// `CKA_ID` in hexadecimal.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was refused or failed.
    pub why: Option<String>,
    /// How it was proved that the key is the same.
    pub proof: Option<String>,
    /// Whether it was proved.
    pub proved: bool,
    /// What the owner should know.
    pub remarks: Vec<String>,
}

/// How a migration went.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Every object.
    pub objects: Vec<Line>,
    /// Whether nothing was changed on purpose.
    pub dry_run: bool,
    /// How many were created (or would be).
    pub migrated: usize,
    /// How many were there already.
    pub already_there: usize,
    /// How many Strongroom does not take.
    pub refused: usize,
    /// How many failed.
    pub failed: usize,
    /// How many keys were proved to be the same.
    pub proved: usize,
}

/// Migrates a token. Without a session nothing is created: a dry run.
///
/// # Errors
/// Where the token's directory cannot be read. What concerns one object stands in its line.
pub fn migrate(from: &Open, to: Option<&Session<'_>>, pin: &[u8]) -> Result<Summary> {
    let objects = from.objects()?;
    let store: Vec<&Object> = objects.iter().filter_map(|(_, object)| object.as_ref().ok()).collect();
    let mut taken = HashSet::new();
    let line = |(file, object): &(String, Result<Object>)| match object {
        Ok(object) => one(object, to, &store, pin, &mut taken),
        Err(error) => Line { file: file.clone(), ..unreadable(error) },
    };
    let lines: Vec<Line> = objects.iter().map(line).collect();
    let count = |outcomes: &[Outcome]| lines.iter().filter(|line| outcomes.contains(&line.outcome)).count();
    Ok(Summary {
        dry_run: to.is_none(),
        migrated: count(&[Outcome::Migrated, Outcome::WouldMigrate]),
        already_there: count(&[Outcome::AlreadyThere]),
        refused: count(&[Outcome::Refused]),
        failed: count(&[Outcome::Failed]),
        proved: lines.iter().filter(|line| line.proved).count(),
        objects: lines,
    })
}

fn one(object: &Object, to: Option<&Session<'_>>, store: &[&Object], pin: &[u8], taken: &mut HashSet<u64>) -> Line {
    let mut line = described(object);
    let Planned { template, remarks } = match template::plan(object) {
        Ok(planned) => planned,
        Err(error) => return Line { outcome: Outcome::Refused, why: Some(error.to_string()), ..line },
    };
    line.remarks = remarks;
    let Some(session) = to else { return Line { outcome: Outcome::WouldMigrate, ..line } };
    let handle = match put(session, template, taken) {
        Ok((handle, outcome)) => {
            line.outcome = outcome;
            handle
        }
        Err(error) => return Line { outcome: Outcome::Failed, why: Some(error.to_string()), ..line },
    };
    match verify::prove(session, handle, object, store, pin) {
        Proof::Good(how) => Line { proof: Some(how.to_owned()), proved: true, ..line },
        Proof::None(why) if why.is_empty() => line,
        Proof::None(why) => Line { proof: Some(format!("not tried: {why}")), ..line },
        Proof::Bad(why) => Line { outcome: Outcome::Failed, why: Some(why), ..line },
    }
}

/// Creates the object where the token has none that is the same as far as can be seen. `taken` are the objects of the
/// token that stand for others of the store: two that look the same stay two.
fn put(session: &Session<'_>, template: Template, taken: &mut HashSet<u64>) -> Result<(u64, Outcome)> {
    let same = Template(template.0.iter().filter(|attribute| is_visible(&template, attribute.kind)).cloned().collect());
    if let Some(there) = session.find(same)?.into_iter().find(|handle| taken.insert(*handle)) {
        return Ok((there, Outcome::AlreadyThere));
    }
    let token = template.0.into_iter().filter(|attribute| attribute.kind != ck::CKA_TOKEN).collect();
    let handle = session.calls.create_object(session.handle, Template(token).flag(ck::CKA_TOKEN, true))?;
    taken.insert(handle);
    Ok((handle, Outcome::Migrated))
}

/// Whether an attribute tells objects apart and can be searched for. The values of keys are never searched for.
fn is_visible(template: &Template, kind: u64) -> bool {
    let is_key = given(template, ck::CKA_KEY_TYPE).is_some();
    VISIBLE.contains(&kind) || (kind == ck::CKA_VALUE && !is_key)
}

/// What tells all objects apart.
const VISIBLE: &[u64] = &[
    ck::CKA_CLASS,
    ck::CKA_KEY_TYPE,
    ck::CKA_LABEL,
    ck::CKA_ID,
    ck::CKA_APPLICATION,
    ck::CKA_OBJECT_ID,
    ck::CKA_MODULUS,
    ck::CKA_EC_PARAMS,
    ck::CKA_EC_POINT,
    ck::CKA_ISSUER,
    ck::CKA_SERIAL_NUMBER,
    ck::CKA_SUBJECT,
];

fn described(object: &Object) -> Line {
    let key_type = object.number(ck::CKA_KEY_TYPE).map(template::key_type);
    Line {
        file: object.file.clone(),
        class: template::class_word(object.number(ck::CKA_CLASS).unwrap_or(u64::MAX)),
        key_type,
        label: String::from_utf8_lossy(object.bytes(ck::CKA_LABEL)).into_owned(),
        id: object.bytes(ck::CKA_ID).iter().map(|byte| format!("{byte:02x}")).collect(),
        outcome: Outcome::Failed,
        why: None,
        proof: None,
        proved: false,
        remarks: Vec::new(),
    }
}

fn unreadable(error: &Error) -> Line {
    let nothing = Object { file: String::new(), attributes: Vec::new() };
    Line { class: "object", why: Some(error.to_string()), ..described(&nothing) }
}
