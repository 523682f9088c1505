//! C_GetAttributeValue, C_FindObjects, and the templates that keys impose.

use super::*;

#[test]
fn footnote_7_hides_values_unless_the_key_is_open() {
    for (_, pkcs8, _) in PAIRS {
        let (private, _) = halves(pkcs8);
        for (sensitive, extractable) in [(true, true), (true, false), (false, false), (false, true)] {
            let template = private.clone().flag(CKA_SENSITIVE, sensitive).flag(CKA_EXTRACTABLE, extractable);
            let object = create_as_user(&template).unwrap();
            let class = change::class_of(&object).unwrap();
            for rule in class.rules().filter(|rule| rule.has(7)) {
                let hidden = show(&object, rule.kind) == Shown::Sensitive;
                assert_eq!(hidden, sensitive || !extractable, "{}", rule.name);
            }
            assert!(shown(&object, CKA_PUBLIC_KEY_INFO).is_some());
        }
    }
}

#[test]
fn public_values_are_told() {
    let object = create_as_user(&aes_key().bytes(CKA_LABEL, b"name")).unwrap();
    assert_eq!(shown(&object, CKA_CLASS), Some(CKO_SECRET_KEY.to_le_bytes().to_vec()));
    assert_eq!(shown(&object, CKA_LABEL), Some(b"name".to_vec()));
    assert_eq!(shown(&object, CKA_ID), Some(Vec::new()));
    assert_eq!(shown(&create_as_user(&data()).unwrap(), CKA_VALUE), Some(b"some data".to_vec()));
    assert!(show(&object, CKA_MODULUS) == Shown::Unknown);
    assert!(show(&object, CKA_VENDOR_DEFINED | 3) == Shown::Unknown);
}

#[test]
fn allowed_mechanisms_are_told_only_where_there_are_some() {
    let all = create_as_user(&aes_key()).unwrap();
    assert!(show(&all, CKA_ALLOWED_MECHANISMS) == Shown::Unknown);
    let list = [CKM_AES_GCM, CKM_AES_CBC].map(u64::to_le_bytes).concat();
    let two = create_as_user(&aes_key().bytes(CKA_ALLOWED_MECHANISMS, &list)).unwrap();
    assert_eq!(shown(&two, CKA_ALLOWED_MECHANISMS), Some(list));
    assert_eq!(code(create_as_user(&aes_key().bytes(CKA_ALLOWED_MECHANISMS, &[1; 12]))), Code::AttributeValueInvalid);
}

#[test]
fn objects_are_found_by_what_is_told_of_them() {
    let object = create_as_user(&aes_key().bytes(CKA_LABEL, b"name").flag(CKA_SENSITIVE, false)).unwrap();
    assert!(matches(&object, &Template::new()));
    assert!(matches(&object, &key(CKO_SECRET_KEY, CKK_AES).bytes(CKA_LABEL, b"name").bytes(CKA_ID, &[])));
    assert!(!matches(&object, &Template::new().bytes(CKA_LABEL, b"nam")));
    assert!(!matches(&object, &Template::new().bytes(CKA_CLASS, &[4])));
    assert!(!matches(&object, &Template::new().bytes(CKA_MODULUS, &[])));
    // The value is right, but the key is not extractable.
    assert!(!matches(&object, &Template::new().bytes(CKA_VALUE, &[0; 16])));
    let open = create_as_user(&aes_key().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true)).unwrap();
    assert!(matches(&open, &Template::new().bytes(CKA_VALUE, &[0; 16])));
}

#[test]
fn keys_are_found_by_their_public_values_however_those_are_written() {
    let (_, rsa) = halves(fixture!("rsa.pkcs8"));
    let object = create_as_user(&rsa).unwrap();
    let modulus = [&[0], object.bytes(CKA_MODULUS).unwrap()].concat();
    assert!(matches(&object, &Template::new().bytes(CKA_MODULUS, &modulus)));
    for (_, pkcs8, _) in &PAIRS[1..] {
        let object = create_as_user(&halves(pkcs8).1).unwrap();
        let encoded = object.bytes(CKA_EC_POINT).unwrap().to_vec();
        let plain = material::curve(&object).unwrap().plain_point(&encoded).unwrap();
        assert!(matches(&object, &Template::new().bytes(CKA_EC_POINT, &encoded)));
        assert!(matches(&object, &Template::new().bytes(CKA_EC_POINT, plain)));
        assert!(!matches(&object, &Template::new().bytes(CKA_EC_POINT, &plain[1..])));
    }
}

#[test]
fn a_key_imposes_its_templates() {
    let imposes = Template::new().flag(CKA_EXTRACTABLE, false).bytes(CKA_LABEL, b"imposed");
    let base = create_as_user(&aes_key().with(CKA_UNWRAP_TEMPLATE, Raw::Template(imposes))).unwrap();
    let asked = key(CKO_SECRET_KEY, CKK_AES).flag(CKA_EXTRACTABLE, false);
    let union = imposed(asked.clone(), &base, CKA_UNWRAP_TEMPLATE).unwrap();
    assert!(union == asked.clone().bytes(CKA_LABEL, b"imposed"));
    let conflict = Template::new().flag(CKA_EXTRACTABLE, true);
    assert_eq!(code(imposed(conflict, &base, CKA_UNWRAP_TEMPLATE)), Code::TemplateInconsistent);
    assert!(imposed(asked.clone(), &base, CKA_DERIVE_TEMPLATE).unwrap() == asked);
}

#[test]
fn a_conflict_hidden_behind_an_equal_twin_is_found() {
    let imposes = Template::new().flag(CKA_EXTRACTABLE, false);
    let base = create_as_user(&aes_key().with(CKA_UNWRAP_TEMPLATE, Raw::Template(imposes))).unwrap();
    let twice = key(CKO_SECRET_KEY, CKK_AES).flag(CKA_EXTRACTABLE, false).flag(CKA_EXTRACTABLE, true);
    let result = imposed(twice, &base, CKA_UNWRAP_TEMPLATE)
        .and_then(|template| draft(&template, CKO_SECRET_KEY, None, &Origin::Unwrap, Authority::User));
    assert_eq!(code(result), Code::TemplateInconsistent);
}

#[test]
fn a_wrapping_key_chooses_what_it_wraps() {
    let wants = Template::new().number(CKA_CLASS, CKO_SECRET_KEY).flag(CKA_LOCAL, false);
    let wrapping = create_as_user(&aes_key().with(CKA_WRAP_TEMPLATE, Raw::Template(wants))).unwrap();
    let secret = create_as_user(&generic_key()).unwrap();
    let (private, _) = halves(fixture!("p256.pkcs8"));
    assert!(wrap_allowed(&secret, &wrapping));
    assert!(!wrap_allowed(&create_as_user(&private).unwrap(), &wrapping));
    assert!(wrap_allowed(&secret, &secret));
}

#[test]
fn array_attributes_are_told_as_templates_and_stored() {
    let wants = Template::new().flag(CKA_LOCAL, false);
    let wrapping = create_as_user(&aes_key().with(CKA_WRAP_TEMPLATE, Raw::Template(wants.clone()))).unwrap();
    assert!(show(&wrapping, CKA_WRAP_TEMPLATE) == Shown::Value(Raw::Template(wants)));
    assert!(decode(&encode(&wrapping)).unwrap() == wrapping);
    let unknown = Raw::Template(Template::new().flag(CKA_VENDOR_DEFINED | 9, true));
    assert_eq!(code(create_as_user(&aes_key().with(CKA_WRAP_TEMPLATE, unknown))), Code::AttributeTypeInvalid);
}

#[test]
fn built_in_objects_are_found_by_class_and_number() {
    let profile = profile(CKP_BASELINE_PROVIDER);
    assert!(matches(&profile, &Template::new().number(CKA_CLASS, CKO_PROFILE)));
    assert_eq!(shown(&profile, CKA_PROFILE_ID), Some(CKP_BASELINE_PROVIDER.to_le_bytes().to_vec()));
    let mechanism = mechanism(CKM_AES_GCM);
    assert!(matches(&mechanism, &Template::new().number(CKA_MECHANISM_TYPE, CKM_AES_GCM)));
    assert!(show(&mechanism, CKA_TOKEN) == Shown::Unknown);
}

#[test]
fn every_object_has_a_size_and_keys_have_one_more() {
    let sizes = [1024, 256, 384, 521, 255, 255];
    for ((_, pkcs8, _), bits) in PAIRS.into_iter().zip(sizes) {
        let (private, public) = halves(pkcs8);
        for object in [private, public].map(|template| create_as_user(&template).unwrap()) {
            assert!(size(&object) > 100);
            assert_eq!(key_size(&object), bits);
        }
    }
    assert_eq!(key_size(&create_as_user(&aes_key()).unwrap()), 16);
    assert_eq!(key_size(&create_as_user(&data()).unwrap()), 0);
}
