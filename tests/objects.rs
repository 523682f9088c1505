//! Objects and their attributes through the C interface (section 4 and 5.7 of the standard).

#![allow(unsafe_code)] // calls of C functions, by the macro p11!

mod common;

use common::fixture::*;
use common::p11::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

fn data(label: &str) -> Attrs {
    Attrs::new().class(CKO_DATA).text(CKA_LABEL, label).bytes(CKA_VALUE, b"some data")
}

fn secret(value: &[u8]) -> Attrs {
    Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES).bytes(CKA_VALUE, value)
}

#[test]
fn token_objects_stay_and_session_objects_go() {
    let (p, token) = (module(), Token::new("stay"));
    let session = token.user();
    p.create(session, &data("of the token").flag(CKA_TOKEN, true)).unwrap();
    p.create(session, &data("of the session")).unwrap();
    assert_eq!(p.find(session, &Attrs::new().class(CKO_DATA)).unwrap().len(), 2);
    let other = token.session();
    p.close(session).unwrap();
    assert_eq!(p.find(other, &Attrs::new().class(CKO_DATA)).unwrap().len(), 1);
}

#[test]
fn private_objects_are_out_of_sight_without_the_user() {
    let (p, token) = (module(), Token::new("private"));
    let session = token.user();
    let private = p.create(session, &data("p").flag(CKA_PRIVATE, true).flag(CKA_TOKEN, true)).unwrap();
    let volatile = p.create(session, &data("v").flag(CKA_PRIVATE, true)).unwrap();
    let public = p.create(session, &data("q").flag(CKA_TOKEN, true)).unwrap();
    p.logout(session).unwrap();
    assert_eq!(p.get(session, private, CKA_LABEL), Err(CKR_OBJECT_HANDLE_INVALID));
    assert_eq!(p.get(session, volatile, CKA_LABEL), Err(CKR_OBJECT_HANDLE_INVALID));
    assert_eq!(p.get(session, public, CKA_LABEL).unwrap(), b"q");
    assert_eq!(p.find(session, &Attrs::new()).unwrap(), [public]);
    assert_eq!(p.create(session, &data("r").flag(CKA_PRIVATE, true)), Err(CKR_USER_NOT_LOGGED_IN));
    p.login(session, CKU_SO, SO_PIN).unwrap();
    assert_eq!(p.find(session, &Attrs::new()).unwrap(), [public], "the officer sees no private object");
    p.logout(session).unwrap();
    p.login(session, CKU_USER, PIN).unwrap();
    assert_eq!(p.find(session, &Attrs::new()).unwrap().len(), 2);
}

#[test]
fn a_read_only_session_changes_no_token_object() {
    let (p, token) = (module(), Token::new("read only"));
    let (writer, reader) = (token.user(), token.reader());
    let object = p.create(writer, &data("x").flag(CKA_TOKEN, true)).unwrap();
    assert_eq!(p.create(reader, &data("y").flag(CKA_TOKEN, true)), Err(CKR_SESSION_READ_ONLY));
    assert_eq!(p.set(reader, object, &Attrs::new().text(CKA_LABEL, "z")), Err(CKR_SESSION_READ_ONLY));
    assert_eq!(p.destroy(reader, object), Err(CKR_SESSION_READ_ONLY));
    assert_eq!(p.copy(reader, object, &Attrs::new()), Err(CKR_SESSION_READ_ONLY));
    let own = p.create(reader, &data("mine")).unwrap();
    p.set(reader, own, &Attrs::new().text(CKA_LABEL, "still mine")).unwrap();
    p.destroy(reader, own).unwrap();
}

#[test]
fn objects_are_found_by_any_of_their_attributes() {
    let (p, token) = (module(), Token::new("find"));
    let session = token.user();
    for index in 0..20u8 {
        let attributes = Attrs::new().text(CKA_LABEL, &format!("key {}", index % 4)).bytes(CKA_ID, &[index]);
        aes_key(session, &attributes.flag(CKA_TOKEN, index % 2 == 0).flag(CKA_ENCRYPT, index % 5 == 0));
    }
    let count = |template: Attrs| p.find(session, &template).unwrap().len();
    assert_eq!(count(Attrs::new()), 20);
    assert_eq!(count(Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES)), 20);
    assert_eq!(count(Attrs::new().text(CKA_LABEL, "key 1")), 5);
    assert_eq!(count(Attrs::new().bytes(CKA_ID, &[7])), 1);
    assert_eq!(count(Attrs::new().flag(CKA_ENCRYPT, true)), 4);
    assert_eq!(count(Attrs::new().flag(CKA_TOKEN, true).text(CKA_LABEL, "key 1")), 0);
    assert_eq!(count(Attrs::new().flag(CKA_TOKEN, true).text(CKA_LABEL, "key 2")), 5);
    assert_eq!(count(Attrs::new().class(CKO_DATA)), 0);
    assert_eq!(count(Attrs::new().number(CKA_VALUE_LEN, 32)), 20);
}

#[test]
fn a_search_is_one_at_a_time_and_ends_when_told() {
    let (p, token) = (module(), Token::new("search"));
    let session = token.user();
    let mut count = 0;
    let mut some = [0; 4];
    assert_eq!(p11!(p, C_FindObjects(session, some.as_mut_ptr(), 4, &mut count)), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(p11!(p, C_FindObjectsFinal(session)), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(p11!(p, C_FindObjectsInit(session, null_mut(), 0)), CKR_OK);
    assert_eq!(p11!(p, C_FindObjectsInit(session, null_mut(), 0)), CKR_OPERATION_ACTIVE);
    assert_eq!(p11!(p, C_FindObjectsFinal(session)), CKR_OK);
}

#[test]
fn what_a_key_type_can_do_defaults_to_yes_and_leaving_defaults_to_no() {
    let (p, token) = (module(), Token::new("defaults"));
    let session = token.user();
    let key = aes_key(session, &Attrs::new());
    for kind in
        [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE, CKA_SENSITIVE, CKA_PRIVATE]
    {
        assert!(p.flag(session, key, kind), "{kind:#x}");
    }
    for kind in [CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE]
    {
        assert!(p.flag(session, key, kind), "{kind:#x}");
    }
    for kind in [CKA_EXTRACTABLE, CKA_TOKEN, CKA_TRUSTED, CKA_WRAP_WITH_TRUSTED] {
        assert!(!p.flag(session, key, kind), "{kind:#x}");
    }
    assert_eq!(p.get(session, key, CKA_KEY_GEN_MECHANISM).unwrap(), CKM_AES_KEY_GEN.to_ne_bytes());
    let (public, private) = ec_pair(session, P256, &Attrs::new());
    for kind in [CKA_SIGN, CKA_DERIVE, CKA_PRIVATE, CKA_SENSITIVE] {
        assert!(p.flag(session, private, kind), "{kind:#x}");
    }
    assert!(p.flag(session, public, CKA_VERIFY) && !p.flag(session, public, CKA_PRIVATE));
    assert_eq!(
        p.get(session, public, CKA_PUBLIC_KEY_INFO).unwrap(),
        p.get(session, private, CKA_PUBLIC_KEY_INFO).unwrap()
    );
}

#[test]
fn sensitive_values_are_never_shown() {
    let (p, token) = (module(), Token::new("sensitive"));
    let session = token.user();
    let key = aes_key(session, &Attrs::new());
    assert_eq!(p.get(session, key, CKA_VALUE), Err(CKR_ATTRIBUTE_SENSITIVE));
    let (_, rsa) = rsa_pair(session, &Attrs::new());
    for kind in [CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT] {
        assert_eq!(p.get(session, rsa, kind), Err(CKR_ATTRIBUTE_SENSITIVE), "{kind:#x}");
    }
    assert_eq!(p.get(session, rsa, CKA_MODULUS).unwrap().len(), 256);
    let open = aes_key(session, &Attrs::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true));
    assert_eq!(p.get(session, open, CKA_VALUE).unwrap().len(), 32);
    let half = aes_key(session, &Attrs::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, false));
    assert_eq!(p.get(session, half, CKA_VALUE), Err(CKR_ATTRIBUTE_SENSITIVE));
}

#[test]
fn a_template_is_answered_to_its_end_whatever_fails() {
    let (p, token) = (module(), Token::new("template"));
    let session = token.user();
    let key = aes_key(session, &Attrs::new().text(CKA_LABEL, "a label"));
    let (mut value, mut label, mut small, mut modulus) = ([0u8; 32], [0u8; 32], [0u8; 2], [0u8; 8]);
    let row = |type_, buffer: &mut [u8]| CK_ATTRIBUTE {
        type_,
        pValue: buffer.as_mut_ptr().cast(),
        ulValueLen: buffer.len() as CK_ULONG,
    };
    let mut rows = [
        row(CKA_VALUE, &mut value),
        row(CKA_LABEL, &mut label),
        row(CKA_MODULUS, &mut modulus),
        row(CKA_UNIQUE_ID, &mut small),
    ];
    let answer = p11!(p, C_GetAttributeValue(session, key, rows.as_mut_ptr(), 4));
    assert!([CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL].contains(&answer));
    assert_eq!(rows.map(|row| row.ulValueLen), [CK_ULONG::MAX, 7, CK_ULONG::MAX, CK_ULONG::MAX]);
    assert_eq!(&label[..7], b"a label");
}

#[test]
fn one_way_flags_go_one_way() {
    let (p, token) = (module(), Token::new("one way"));
    let session = token.user();
    let key = aes_key(session, &Attrs::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true));
    assert!(!p.flag(session, key, CKA_ALWAYS_SENSITIVE) && !p.flag(session, key, CKA_NEVER_EXTRACTABLE));
    let set = |kind, to| p.set(session, key, &Attrs::new().flag(kind, to));
    set(CKA_SENSITIVE, true).unwrap();
    set(CKA_EXTRACTABLE, false).unwrap();
    set(CKA_WRAP_WITH_TRUSTED, true).unwrap();
    for (kind, back) in [(CKA_SENSITIVE, false), (CKA_EXTRACTABLE, true), (CKA_WRAP_WITH_TRUSTED, false)] {
        assert_eq!(set(kind, back), Err(CKR_ATTRIBUTE_READ_ONLY), "{kind:#x}");
    }
    assert!(!p.flag(session, key, CKA_ALWAYS_SENSITIVE) && !p.flag(session, key, CKA_NEVER_EXTRACTABLE));
    assert_eq!(set(CKA_TRUSTED, true), Err(CKR_ATTRIBUTE_READ_ONLY));
    assert_eq!(set(CKA_LOCAL, true), Err(CKR_ATTRIBUTE_READ_ONLY));
    assert_eq!(p.set(session, key, &Attrs::new().class(CKO_DATA)), Err(CKR_ATTRIBUTE_READ_ONLY));
    assert_eq!(p.set(session, key, &Attrs::new().bytes(CKA_VALUE, &[0; 32])), Err(CKR_ATTRIBUTE_READ_ONLY));
}

#[test]
fn a_change_happens_in_whole_or_not_at_all() {
    let (p, token) = (module(), Token::new("all or nothing"));
    let session = token.user();
    for attributes in [Attrs::new(), Attrs::new().flag(CKA_TOKEN, true)] {
        let key = aes_key(session, &attributes.text(CKA_LABEL, "before"));
        let refused = p.set(session, key, &Attrs::new().text(CKA_LABEL, "after").flag(CKA_SENSITIVE, false));
        assert_eq!(refused, Err(CKR_ATTRIBUTE_READ_ONLY));
        assert_eq!(p.get(session, key, CKA_LABEL).unwrap(), b"before");
        p.set(session, key, &Attrs::new().text(CKA_LABEL, "after").bytes(CKA_ID, b"7")).unwrap();
        assert_eq!(p.get(session, key, CKA_LABEL).unwrap(), b"after");
        assert_eq!(p.find(session, &Attrs::new().text(CKA_LABEL, "after").bytes(CKA_ID, b"7")).unwrap(), [key]);
        p.destroy(session, key).unwrap();
    }
}

#[test]
fn modifiable_copyable_and_destroyable_are_kept() {
    let (p, token) = (module(), Token::new("prohibited"));
    let session = token.user();
    let fixed = aes_key(session, &Attrs::new().flag(CKA_MODIFIABLE, false));
    assert_eq!(p.set(session, fixed, &Attrs::new().text(CKA_LABEL, "x")), Err(CKR_ACTION_PROHIBITED));
    let single = aes_key(session, &Attrs::new().flag(CKA_COPYABLE, false));
    assert_eq!(p.copy(session, single, &Attrs::new()), Err(CKR_ACTION_PROHIBITED));
    let lasting = aes_key(session, &Attrs::new().flag(CKA_DESTROYABLE, false));
    assert_eq!(p.destroy(session, lasting), Err(CKR_ACTION_PROHIBITED));
}

#[test]
fn a_copy_is_an_object_of_its_own_with_its_history() {
    let (p, token) = (module(), Token::new("copy"));
    let session = token.user();
    let key = aes_key(session, &Attrs::new().text(CKA_LABEL, "original"));
    let copy = p.copy(session, key, &Attrs::new().flag(CKA_TOKEN, true).text(CKA_LABEL, "copy")).unwrap();
    assert!(p.flag(session, copy, CKA_TOKEN) && !p.flag(session, key, CKA_TOKEN));
    assert!(p.flag(session, copy, CKA_LOCAL) && p.flag(session, copy, CKA_ALWAYS_SENSITIVE));
    assert_ne!(p.get(session, key, CKA_UNIQUE_ID).unwrap(), p.get(session, copy, CKA_UNIQUE_ID).unwrap());
    assert_eq!(p.copy(session, key, &Attrs::new().flag(CKA_SENSITIVE, false)), Err(CKR_ATTRIBUTE_READ_ONLY));
    assert_eq!(p.copy(session, key, &Attrs::new().flag(CKA_EXTRACTABLE, true)), Err(CKR_ATTRIBUTE_READ_ONLY));
    p.destroy(session, key).unwrap();
    assert_eq!(p.get(session, copy, CKA_LABEL).unwrap(), b"copy");
}

#[test]
fn imported_keys_are_told_from_those_made_here() {
    let (p, token) = (module(), Token::new("imported"));
    let session = token.user();
    let key = p.create(session, &secret(&[7; 32])).unwrap();
    for kind in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        assert!(!p.flag(session, key, kind), "{kind:#x}");
    }
    assert_eq!(p.get(session, key, CKA_VALUE), Err(CKR_ATTRIBUTE_SENSITIVE));
    assert_eq!(p.get(session, key, CKA_VALUE_LEN).unwrap(), 32u64.to_ne_bytes());
    assert_eq!(p.get(session, key, CKA_CHECK_VALUE).unwrap().len(), 3);
}

#[test]
fn only_the_officer_makes_a_key_trusted() {
    let (p, token) = (module(), Token::new("trusted"));
    let session = token.user();
    assert_eq!(p.create(session, &secret(&[7; 32]).flag(CKA_TRUSTED, true)), Err(CKR_ATTRIBUTE_READ_ONLY));
    let wrapping = p.create(session, &secret(&[7; 32]).flag(CKA_PRIVATE, false).flag(CKA_TOKEN, true)).unwrap();
    let key = aes_key(session, &Attrs::new().flag(CKA_EXTRACTABLE, true).flag(CKA_WRAP_WITH_TRUSTED, true));
    let mechanism = Mech::new(CKM_AES_KEY_WRAP);
    assert_eq!(p.wrap(session, &mechanism, wrapping, key), Err(CKR_KEY_NOT_WRAPPABLE));
    p.logout(session).unwrap();
    p.login(session, CKU_SO, SO_PIN).unwrap();
    p.set(session, wrapping, &Attrs::new().flag(CKA_TRUSTED, true)).unwrap();
    p.logout(session).unwrap();
    p.login(session, CKU_USER, PIN).unwrap();
    let key = aes_key(session, &Attrs::new().flag(CKA_EXTRACTABLE, true).flag(CKA_WRAP_WITH_TRUSTED, true));
    assert_eq!(p.wrap(session, &mechanism, wrapping, key).unwrap().len(), 40);
}

#[test]
fn templates_of_wrapping_keys_are_enforced() {
    let (p, token) = (module(), Token::new("templates"));
    let session = token.user();
    let imposed = Attrs::new().flag(CKA_EXTRACTABLE, false).flag(CKA_SENSITIVE, true);
    let kek = p
        .create(
            session,
            &secret(&[9; 32])
                .nested(CKA_UNWRAP_TEMPLATE, imposed)
                .nested(CKA_WRAP_TEMPLATE, Attrs::new().key_type(CKK_AES)),
        )
        .unwrap();
    let wrap = Mech::new(CKM_AES_KEY_WRAP);
    let key = aes_key(session, &Attrs::new().flag(CKA_EXTRACTABLE, true));
    let wrapped = p.wrap(session, &wrap, kek, key).unwrap();
    let template = Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_AES);
    let unwrapped = p.unwrap(session, &wrap, kek, &wrapped, &template).unwrap();
    assert!(!p.flag(session, unwrapped, CKA_EXTRACTABLE) && p.flag(session, unwrapped, CKA_SENSITIVE));
    let against = template.clone().flag(CKA_EXTRACTABLE, true);
    assert_eq!(p.unwrap(session, &wrap, kek, &wrapped, &against), Err(CKR_TEMPLATE_INCONSISTENT));
    let generic = Attrs::new().class(CKO_SECRET_KEY).key_type(CKK_GENERIC_SECRET).bytes(CKA_VALUE, &[1; 32]);
    let generic = p.create(session, &generic.flag(CKA_EXTRACTABLE, true)).unwrap();
    assert_eq!(p.wrap(session, &wrap, kek, generic), Err(CKR_KEY_HANDLE_INVALID));
}

#[test]
fn a_key_does_only_what_its_allowed_mechanisms_list() {
    let (p, token) = (module(), Token::new("allowed"));
    let session = token.user();
    let allowed: Vec<u8> = [CKM_AES_CBC, CKM_AES_GCM].iter().flat_map(|id| id.to_ne_bytes()).collect();
    let key = aes_key(session, &Attrs::new().bytes(CKA_ALLOWED_MECHANISMS, &allowed));
    p.encrypt(session, &Mech::iv(CKM_AES_CBC, &[0; 16]), key, &[0; 16]).unwrap();
    assert_eq!(p.encrypt(session, &Mech::new(CKM_AES_ECB), key, &[0; 16]), Err(CKR_MECHANISM_INVALID));
    assert_eq!(p.get(session, key, CKA_ALLOWED_MECHANISMS).unwrap(), allowed);
}

#[test]
fn unique_ids_are_the_tokens_and_survive() {
    let (p, token) = (module(), Token::new("unique"));
    let session = token.user();
    let object = p.create(session, &data("u").flag(CKA_TOKEN, true)).unwrap();
    let id = p.get(session, object, CKA_UNIQUE_ID).unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(p.create(session, &data("v").bytes(CKA_UNIQUE_ID, b"mine")), Err(CKR_ATTRIBUTE_READ_ONLY));
    p.close(session).unwrap();
    let session = token.user();
    assert_eq!(p.find(session, &Attrs::new().bytes(CKA_UNIQUE_ID, &id)).unwrap().len(), 1);
}

#[test]
fn profiles_and_mechanisms_are_objects_for_who_asks_for_them() {
    let (p, token) = (module(), Token::new("built in"));
    let session = token.session();
    assert_eq!(p.find(session, &Attrs::new()).unwrap(), []);
    let profiles = p.find(session, &Attrs::new().class(CKO_PROFILE)).unwrap();
    let ids: Vec<_> = profiles.iter().map(|object| p.get(session, *object, CKA_PROFILE_ID).unwrap()).collect();
    assert!(ids.contains(&CKP_BASELINE_PROVIDER.to_ne_bytes().to_vec()));
    let mechanisms = p.find(session, &Attrs::new().class(CKO_MECHANISM)).unwrap();
    let mut count = 0;
    assert_eq!(p11!(p, C_GetMechanismList(token.slot, null_mut(), &mut count)), CKR_OK);
    assert_eq!(mechanisms.len() as CK_ULONG, count);
    assert!(p.destroy(session, profiles[0]).is_err());
    let user = token.user();
    assert!(p.create(user, &Attrs::new().class(CKO_PROFILE).number(CKA_PROFILE_ID, 1)).is_err());
}

#[test]
fn every_class_can_be_made_and_has_a_size() {
    let (p, token) = (module(), Token::new("classes"));
    let session = token.user();
    let (public, private) = ec_pair(session, P256, &Attrs::new());
    let point = p.get(session, public, CKA_EC_POINT).unwrap();
    let imported =
        Attrs::new().class(CKO_PUBLIC_KEY).key_type(CKK_EC).bytes(CKA_EC_PARAMS, P256).bytes(CKA_EC_POINT, &point);
    let domain = Attrs::new().class(CKO_DOMAIN_PARAMETERS).key_type(CKK_DSA);
    let domain = domain.bytes(CKA_PRIME, &[0xff; 128]).bytes(CKA_SUBPRIME, &[0xfd; 20]).bytes(CKA_BASE, &[2]);
    let objects = [
        public,
        private,
        p.create(session, &data("d")).unwrap(),
        p.create(session, &secret(&[1; 16])).unwrap(),
        p.create(session, &imported).unwrap(),
        p.create(session, &domain).unwrap(),
    ];
    for object in objects {
        let mut size = 0;
        assert_eq!(p11!(p, C_GetObjectSize(session, object, &mut size)), CKR_OK);
        assert!(size > 16, "object {object}");
    }
}

#[test]
fn objects_of_one_application_are_seen_by_all_its_sessions() {
    let (p, token) = (module(), Token::new("sessions share"));
    let (one, other) = (token.user(), token.session());
    let object = p.create(one, &data("shared")).unwrap();
    assert_eq!(p.get(other, object, CKA_LABEL).unwrap(), b"shared");
    p.close(one).unwrap();
    assert_eq!(p.get(other, object, CKA_LABEL), Err(CKR_OBJECT_HANDLE_INVALID));
}
