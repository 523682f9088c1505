//! C_SetAttributeValue and C_CopyObject.

use super::*;

fn aes() -> Object {
    create_as_user(&aes_key().bytes(CKA_LABEL, b"old")).unwrap()
}

fn set(object: &Object, template: Template) -> Result<Object> {
    change(object, &template, Authority::User)
}

fn copied(object: &Object, template: Template) -> Result<Object> {
    copy(object, &template, Authority::User)
}

#[test]
fn every_row_changes_as_its_footnotes_say() {
    let mut templates = vec![data(), aes_key().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true)];
    for (_, pkcs8, _) in PAIRS {
        let (private, public) = halves(pkcs8);
        templates.extend([private, public]);
    }
    for object in templates.iter().map(|template| create_as_user(template).unwrap()) {
        let class = change::class_of(&object).unwrap();
        for rule in class.rules().filter(|rule| rule.shape == rules::Shape::Flag) {
            for wanted in [false, true] {
                let after = set(&object, Template::new().flag(rule.kind, wanted));
                let present = object.flag(rule.kind);
                let against = (rule.has(11) && present && !wanted) || (rule.has(12) && !present && wanted);
                let trust = rule.has(10) && wanted == present;
                let fine = trust || rule.changeable() && !against;
                assert_eq!(after.is_ok(), fine, "{} from {present} to {wanted}", rule.name);
                assert!(after.is_err() || after.as_ref().unwrap().flag(rule.kind) == wanted);
                assert!(fine || code(after) == Code::AttributeReadOnly);
            }
        }
        for rule in class.rules().filter(|rule| rule.shape == rules::Shape::Bytes && !rule.has(8)) {
            if rule.kind != CKA_CHECK_VALUE {
                let refused = set(&object, Template::new().bytes(rule.kind, b"new"));
                assert_eq!(code(refused), Code::AttributeReadOnly, "{}", rule.name);
            }
        }
    }
}

#[test]
fn flags_that_go_one_way_do_not_come_back() {
    let up = [CKA_SENSITIVE, CKA_WRAP_WITH_TRUSTED];
    let down = [CKA_EXTRACTABLE, CKA_COPYABLE, CKA_DESTROYABLE];
    let open = create_as_user(&aes_key().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true)).unwrap();
    for (kind, end) in up.map(|kind| (kind, true)).into_iter().chain(down.map(|kind| (kind, false))) {
        let there = set(&open, Template::new().flag(kind, end)).unwrap();
        assert!(set(&there, Template::new().flag(kind, end)).is_ok(), "{kind:#x}");
        assert_eq!(code(set(&there, Template::new().flag(kind, !end))), Code::AttributeReadOnly, "{kind:#x}");
        if kind != CKA_COPYABLE && kind != CKA_DESTROYABLE {
            assert_eq!(code(copied(&there, Template::new().flag(kind, !end))), Code::AttributeReadOnly, "{kind:#x}");
        }
    }
}

#[test]
fn a_change_is_whole_or_not_at_all() {
    let object = aes();
    let half = Template::new().bytes(CKA_LABEL, b"new").flag(CKA_SENSITIVE, false);
    assert_eq!(code(set(&object, half)), Code::AttributeReadOnly);
    let after = set(&object, Template::new().bytes(CKA_LABEL, b"new").bytes(CKA_ID, &[7])).unwrap();
    assert_eq!((after.bytes(CKA_LABEL), after.bytes(CKA_ID)), (Some(&b"new"[..]), Some(&[7][..])));
}

#[test]
fn class_and_type_and_history_stay() {
    let object = aes();
    for template in [
        Template::new().number(CKA_CLASS, CKO_DATA),
        Template::new().number(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        Template::new().bytes(CKA_VALUE, &[0; 16]),
        Template::new().number(CKA_VALUE_LEN, 16),
        Template::new().flag(CKA_LOCAL, true),
        Template::new().flag(CKA_ALWAYS_SENSITIVE, false),
        Template::new().number(CKA_KEY_GEN_MECHANISM, 1),
        Template::new().bytes(CKA_UNIQUE_ID, object.bytes(CKA_UNIQUE_ID).unwrap()),
        Template::new().flag(CKA_TOKEN, true),
        Template::new().flag(CKA_PRIVATE, false),
    ] {
        assert_eq!(code(set(&object, template)), Code::AttributeReadOnly);
    }
    assert_eq!(code(set(&object, Template::new().bytes(CKA_MODULUS, &[1]))), Code::AttributeTypeInvalid);
    assert_eq!(code(set(&object, Template::new().bytes(CKA_START_DATE, b"soon"))), Code::AttributeValueInvalid);
}

#[test]
fn what_is_not_modifiable_or_not_copyable_stays_as_it_is() {
    let fixed = create_as_user(&aes_key().flag(CKA_MODIFIABLE, false)).unwrap();
    assert_eq!(code(set(&fixed, Template::new().bytes(CKA_LABEL, b"new"))), Code::ActionProhibited);
    assert!(copied(&fixed, Template::new().bytes(CKA_LABEL, b"new")).is_ok());
    let single = create_as_user(&aes_key().flag(CKA_COPYABLE, false)).unwrap();
    assert_eq!(code(copied(&single, Template::new())), Code::ActionProhibited);
    for built_in in [profile(CKP_BASELINE_PROVIDER), mechanism(CKM_AES_GCM)] {
        assert_eq!(code(set(&built_in, Template::new())), Code::ActionProhibited);
        assert_eq!(code(copied(&built_in, Template::new())), Code::ActionProhibited);
    }
}

#[test]
fn a_copy_is_the_same_but_for_its_unique_id() {
    let object = aes();
    let mut twin = copied(&object, Template::new()).unwrap();
    assert!(twin.bytes(CKA_UNIQUE_ID) != object.bytes(CKA_UNIQUE_ID));
    twin.set(CKA_UNIQUE_ID, object.value(CKA_UNIQUE_ID).unwrap().clone());
    assert!(twin == object);
}

#[test]
fn a_copy_may_move_and_become_private_but_not_public() {
    let object = aes();
    let moved = Template::new().flag(CKA_TOKEN, true).flag(CKA_MODIFIABLE, false).flag(CKA_DESTROYABLE, false);
    assert!(copied(&object, moved).unwrap().flag(CKA_TOKEN));
    assert_eq!(code(copied(&object, Template::new().flag(CKA_PRIVATE, false))), Code::TemplateInconsistent);
    let public = create_as_user(&data()).unwrap();
    assert!(copied(&public, Template::new().flag(CKA_PRIVATE, true)).unwrap().flag(CKA_PRIVATE));
    assert_eq!(code(copied(&object, Template::new().bytes(CKA_UNIQUE_ID, b"mine"))), Code::AttributeReadOnly);
    assert!(copied(&object, Template::new().number(CKA_CLASS, CKO_SECRET_KEY)).is_ok());
    assert_eq!(code(copied(&object, Template::new().number(CKA_CLASS, CKO_DATA))), Code::AttributeReadOnly);
}

#[test]
fn copying_does_not_tell_whether_a_guess_at_a_secret_is_right() {
    let object = aes();
    for guess in [[0; 16], [1; 16]] {
        assert_eq!(code(copied(&object, Template::new().bytes(CKA_VALUE, &guess))), Code::AttributeReadOnly);
    }
}

#[test]
fn trust_is_the_officers_to_give_and_take() {
    let object = aes();
    let trust = |value| Template::new().flag(CKA_TRUSTED, value);
    assert_eq!(code(set(&object, trust(true))), Code::AttributeReadOnly);
    let trusted = change(&object, &trust(true), Authority::Officer).unwrap();
    assert!(trusted.flag(CKA_TRUSTED));
    assert_eq!(code(set(&trusted, trust(false))), Code::AttributeReadOnly);
    assert!(!change(&trusted, &trust(false), Authority::Officer).unwrap().flag(CKA_TRUSTED));
}

#[test]
fn the_user_cannot_teach_a_trusted_wrapping_key_to_decrypt() {
    let template = aes_key().flag(CKA_TRUSTED, true).flag(CKA_DECRYPT, false);
    let wrapping = create(&template, Authority::Officer).unwrap();
    let decrypt = Template::new().flag(CKA_DECRYPT, true);
    assert_eq!(code(set(&wrapping, decrypt.clone())), Code::AttributeReadOnly);
    assert_eq!(code(copied(&wrapping, decrypt.clone())), Code::AttributeReadOnly);
    assert!(change(&wrapping, &decrypt, Authority::Officer).is_ok());
    assert!(set(&wrapping, Template::new().flag(CKA_ENCRYPT, false)).is_ok());
}

#[test]
fn trusted_certificates_are_not_modified_by_users() {
    let template = import::certificate(fixture!("p256.certificate")).unwrap().objects.remove(0);
    let trusted = create(&template.flag(CKA_TRUSTED, true), Authority::Officer).unwrap();
    assert_eq!(code(set(&trusted, Template::new().bytes(CKA_LABEL, b"x"))), Code::ActionProhibited);
    assert!(change(&trusted, &Template::new().bytes(CKA_LABEL, b"x"), Authority::Officer).is_ok());
}

#[test]
fn a_check_value_may_be_destroyed_but_not_forged() {
    let object = aes();
    let none = set(&object, Template::new().bytes(CKA_CHECK_VALUE, &[])).unwrap();
    assert!(show(&none, CKA_CHECK_VALUE) == Shown::Unknown);
    assert_eq!(code(set(&object, Template::new().bytes(CKA_CHECK_VALUE, &[1, 2, 3]))), Code::AttributeValueInvalid);
}

#[test]
fn public_key_info_of_a_private_key_stays_true() {
    let (private, _) = halves(fixture!("p256.pkcs8"));
    let object = create_as_user(&private).unwrap();
    assert!(set(&object, Template::new().bytes(CKA_PUBLIC_KEY_INFO, fixture!("p256.spki"))).is_ok());
    let other = Template::new().bytes(CKA_PUBLIC_KEY_INFO, fixture!("p384.spki"));
    assert_eq!(code(set(&object, other)), Code::AttributeValueInvalid);
}
