//! What a derived key takes over from the keys it comes from: sensitivity, extractability and their history.

use crate::ck;
use crate::mechanism::Kinship;
use crate::object::{self, Object, Value};
use crate::wire::values::Template;

/// The key type of a derived object where the template does not say it.
pub fn key_type(class: u64, base: &Object) -> Option<u64> {
    match class {
        ck::CKO_SECRET_KEY => Some(ck::CKK_GENERIC_SECRET),
        ck::CKO_PUBLIC_KEY => Some(base.key_type()),
        _ => None,
    }
}

/// The template with what is taken over from the base key where it is silent.
pub fn inherited(template: Template, base: &Object, kinship: Kinship) -> Template {
    match kinship {
        Kinship::Distant | Kinship::Close => template,
        Kinship::Heir => flags(template, base, &[ck::CKA_SENSITIVE, ck::CKA_EXTRACTABLE].map(|kind| (kind, kind))),
        Kinship::Public => {
            SAME.iter().fold(flags(template, base, MIRRORED), |template, kind| match base.value(*kind) {
                Some(Value::Bytes(bytes)) if object::given(&template, *kind).is_none() => template.bytes(*kind, bytes),
                _ => template,
            })
        }
    }
}

/// What a public key may do, and what its private key must be able to do for it.
const MIRRORED: &[(u64, u64)] = &[
    (ck::CKA_ENCRYPT, ck::CKA_DECRYPT),
    (ck::CKA_VERIFY, ck::CKA_SIGN),
    (ck::CKA_VERIFY_RECOVER, ck::CKA_SIGN_RECOVER),
    (ck::CKA_WRAP, ck::CKA_UNWRAP),
    (ck::CKA_DERIVE, ck::CKA_DERIVE),
    (ck::CKA_ENCAPSULATE, ck::CKA_DECAPSULATE),
];

/// What a public key shares with its private key.
const SAME: &[u64] = &[ck::CKA_ID, ck::CKA_START_DATE, ck::CKA_END_DATE, ck::CKA_SUBJECT];

fn flags(template: Template, base: &Object, kinds: &[(u64, u64)]) -> Template {
    kinds.iter().fold(template, |template, (kind, of)| {
        if object::given(&template, *kind).is_some() { template } else { template.flag(*kind, base.flag(*of)) }
    })
}

/// Binds a close relative: it is as sensitive and as tied to the token as the most careful of its parents.
pub fn bind(draft: &mut Object, parents: &[&Object], kinship: Kinship) {
    if kinship != Kinship::Close {
        return;
    }
    if parents.iter().any(|parent| parent.flag(ck::CKA_SENSITIVE)) {
        draft.set(ck::CKA_SENSITIVE, Value::Flag(true));
    }
    if !parents.iter().all(|parent| parent.flag(ck::CKA_EXTRACTABLE)) {
        draft.set(ck::CKA_EXTRACTABLE, Value::Flag(false));
    }
}

/// One parent with the history of all. The first is the base key. A close relative needs all to have been sensitive
/// always; of an heir the standard says "the base key or any of the additional input keys".
pub fn joint(parents: &[&Object], kinship: Kinship) -> Object {
    let of = |kind| match kinship {
        Kinship::Close => parents.iter().all(|parent| parent.flag(kind)),
        Kinship::Heir => parents.iter().any(|parent| parent.flag(kind)),
        Kinship::Distant | Kinship::Public => parents.first().is_some_and(|base| base.flag(kind)),
    };
    let mut joint = Object::default();
    for kind in [ck::CKA_ALWAYS_SENSITIVE, ck::CKA_NEVER_EXTRACTABLE] {
        joint.set(kind, Value::Flag(of(kind)));
    }
    joint
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sensitive: bool, extractable: bool) -> Object {
        let mut key = Object::default();
        for (kind, flag) in [
            (ck::CKA_SENSITIVE, sensitive),
            (ck::CKA_ALWAYS_SENSITIVE, sensitive),
            (ck::CKA_EXTRACTABLE, extractable),
            (ck::CKA_NEVER_EXTRACTABLE, !extractable),
        ] {
            key.set(kind, Value::Flag(flag));
        }
        key
    }

    #[test]
    fn a_close_relative_is_as_careful_as_the_most_careful_parent() {
        let (open, closed) = (key(false, true), key(true, false));
        let mut draft = key(false, true);
        bind(&mut draft, &[&open, &open], Kinship::Close);
        assert!(!draft.flag(ck::CKA_SENSITIVE) && draft.flag(ck::CKA_EXTRACTABLE));
        bind(&mut draft, &[&open, &closed], Kinship::Distant);
        assert!(!draft.flag(ck::CKA_SENSITIVE));
        bind(&mut draft, &[&open, &closed], Kinship::Close);
        assert!(draft.flag(ck::CKA_SENSITIVE) && !draft.flag(ck::CKA_EXTRACTABLE));
    }

    #[test]
    fn the_history_of_parents_is_joined_as_their_kinship_says() {
        let (open, closed) = (key(false, true), key(true, false));
        let always = |parents: &[&Object], kinship| joint(parents, kinship).flag(ck::CKA_ALWAYS_SENSITIVE);
        assert!(always(&[&closed, &open], Kinship::Distant) && !always(&[&open, &closed], Kinship::Distant));
        assert!(!always(&[&closed, &open], Kinship::Close) && always(&[&closed, &closed], Kinship::Close));
        assert!(always(&[&open, &closed], Kinship::Heir) && !always(&[&open, &open], Kinship::Heir));
    }
}
