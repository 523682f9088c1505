//! C_CreateObject.

use super::*;

#[test]
fn a_minimal_template_of_each_class_makes_an_object_with_all_its_defaults() {
    let certificate = Template::new()
        .number(CKA_CLASS, CKO_CERTIFICATE)
        .number(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .bytes(CKA_VALUE, fixture!("p256.certificate"));
    let attribute_certificate = Template::new()
        .number(CKA_CLASS, CKO_CERTIFICATE)
        .number(CKA_CERTIFICATE_TYPE, CKC_X_509_ATTR_CERT)
        .bytes(CKA_OWNER, b"owner")
        .bytes(CKA_VALUE, b"value");
    let wtls = Template::new()
        .number(CKA_CLASS, CKO_CERTIFICATE)
        .number(CKA_CERTIFICATE_TYPE, CKC_WTLS)
        .bytes(CKA_SUBJECT, b"subject")
        .bytes(CKA_VALUE, b"value");
    let dh = key(CKO_DOMAIN_PARAMETERS, CKK_DH).bytes(CKA_PRIME, &[0, 23]).bytes(CKA_BASE, &[5]);
    let mut templates = vec![data(), certificate, attribute_certificate, wtls, dh, aes_key(), generic_key()];
    for (_, pkcs8, _) in PAIRS {
        let (private, public) = halves(pkcs8);
        templates.extend([private, public]);
    }
    for template in &templates {
        let object = create_as_user(template).unwrap();
        let kind = rules::selector(object.class()).and_then(|selector| object.number(selector));
        let class = rules::find(object.class(), kind).unwrap();
        for rule in class.rules() {
            let is_optional = matches!(rule.kind, CKA_ALLOWED_MECHANISMS) || rule.shape == rules::Shape::Template;
            assert!(object.value(rule.kind).is_some() || is_optional, "{} is missing", rule.name);
        }
        assert!(object.iter().all(|(kind, _)| class.rule(kind).is_some()));
    }
}

#[test]
fn what_the_standard_or_the_token_presets_is_preset() {
    let aes = create_as_user(&aes_key()).unwrap();
    for kind in [CKA_PRIVATE, CKA_SENSITIVE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE, CKA_ENCRYPT, CKA_DERIVE] {
        assert!(aes.flag(kind), "{kind:#x}");
    }
    for kind in [CKA_TOKEN, CKA_EXTRACTABLE, CKA_TRUSTED, CKA_WRAP_WITH_TRUSTED] {
        assert_eq!(shown(&aes, kind), Some(vec![0]), "{kind:#x}");
    }
    assert!(!create_as_user(&data()).unwrap().flag(CKA_PRIVATE));
    let generic = create_as_user(&generic_key()).unwrap();
    assert!(generic.flag(CKA_SIGN) && generic.flag(CKA_DERIVE) && !generic.flag(CKA_ENCRYPT));
    let (private, public) = halves(fixture!("ed25519.pkcs8"));
    let (private, public) = (create_as_user(&private).unwrap(), create_as_user(&public).unwrap());
    assert!(private.flag(CKA_PRIVATE) && private.flag(CKA_SIGN) && !private.flag(CKA_DERIVE));
    assert!(!public.flag(CKA_PRIVATE) && public.flag(CKA_VERIFY) && !public.flag(CKA_ENCRYPT));
}

#[test]
fn every_attribute_with_footnote_1_is_missed_when_it_is_not_there() {
    let certificate = Template::new()
        .number(CKA_CLASS, CKO_CERTIFICATE)
        .number(CKA_CERTIFICATE_TYPE, CKC_WTLS)
        .bytes(CKA_SUBJECT, b"subject")
        .bytes(CKA_VALUE, b"value");
    let mut templates = vec![data(), aes_key(), certificate];
    for (_, pkcs8, _) in PAIRS {
        let (private, public) = halves(pkcs8);
        templates.extend([private, public]);
    }
    for template in &templates {
        let class = admit::select(template, None, None).unwrap();
        // The public exponent follows from the primes.
        let is_found = |rule: &rules::Rule| class.class == CKO_PRIVATE_KEY && rule.kind == CKA_PUBLIC_EXPONENT;
        for rule in class.rules().filter(|rule| rule.has(1) && !is_found(rule)) {
            assert_eq!(code(create_as_user(&without(template, rule.kind))), Code::TemplateIncomplete, "{}", rule.name);
        }
    }
}

#[test]
fn every_attribute_that_only_the_token_sets_is_refused_as_read_only() {
    let (private, public) = halves(fixture!("p256.pkcs8"));
    for template in [data(), aes_key(), private, public] {
        let class = admit::select(&template, None, None).unwrap();
        for rule in class.rules().filter(|rule| rule.by_token()) {
            let value = if rule.shape == rules::Shape::Flag { vec![1] } else { vec![0; 8] };
            let template = template.clone().bytes(rule.kind, &value);
            assert_eq!(code(create_as_user(&template)), Code::AttributeReadOnly, "{}", rule.name);
        }
    }
}

#[test]
fn what_comes_from_outside_has_no_good_history() {
    let template = aes_key().flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false);
    let object = create_as_user(&template).unwrap();
    for kind in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        assert_eq!(shown(&object, kind), Some(vec![0]));
    }
    assert_eq!(object.number(CKA_KEY_GEN_MECHANISM), Some(UNAVAILABLE));
}

#[test]
fn lengths_that_the_token_counts_may_be_said_if_they_are_right() {
    assert_eq!(create_as_user(&aes_key().number(CKA_VALUE_LEN, 16)).unwrap().number(CKA_VALUE_LEN), Some(16));
    assert_eq!(code(create_as_user(&aes_key().number(CKA_VALUE_LEN, 32))), Code::TemplateInconsistent);
    let (_, public) = halves(fixture!("rsa.pkcs8"));
    assert!(create_as_user(&public.clone().number(CKA_MODULUS_BITS, 1024)).is_ok());
    assert_eq!(code(create_as_user(&public.number(CKA_MODULUS_BITS, 2048))), Code::TemplateInconsistent);
}

#[test]
fn only_the_so_makes_trusted_objects() {
    let template = aes_key().flag(CKA_TRUSTED, true);
    assert_eq!(code(create(&template, Authority::User)), Code::AttributeReadOnly);
    assert_eq!(code(create(&template, Authority::Public)), Code::AttributeReadOnly);
    assert!(create(&template, Authority::Officer).unwrap().flag(CKA_TRUSTED));
    assert!(create_as_user(&aes_key().flag(CKA_TRUSTED, false)).is_ok());
}

#[test]
fn classes_and_types_that_are_not_there_are_told_apart() {
    assert_eq!(code(create_as_user(&Template::new())), Code::TemplateIncomplete);
    assert_eq!(code(create_as_user(&Template::new().number(CKA_CLASS, 0x77))), Code::AttributeValueInvalid);
    assert_eq!(code(create_as_user(&key(CKO_SECRET_KEY, CKK_RC4))), Code::AttributeValueInvalid);
    assert_eq!(code(create_as_user(&key(CKO_SECRET_KEY, CKK_RSA))), Code::TemplateInconsistent);
    assert_eq!(code(create_as_user(&key(CKO_PRIVATE_KEY, CKK_AES))), Code::TemplateInconsistent);
    for class in [CKO_PROFILE, CKO_MECHANISM, CKO_HW_FEATURE] {
        assert_eq!(code(create_as_user(&Template::new().number(CKA_CLASS, class))), Code::AttributeValueInvalid);
    }
}

#[test]
fn attributes_of_other_classes_are_refused() {
    assert_eq!(code(create_as_user(&aes_key().bytes(CKA_MODULUS, &[1]))), Code::AttributeTypeInvalid);
    assert_eq!(code(create_as_user(&data().flag(CKA_SENSITIVE, true))), Code::AttributeTypeInvalid);
}

#[test]
fn authentication_for_each_use_needs_a_private_object() {
    let (private, _) = halves(fixture!("p256.pkcs8"));
    let always = private.flag(CKA_ALWAYS_AUTHENTICATE, true);
    assert!(create_as_user(&always).is_ok());
    assert_eq!(code(create_as_user(&always.flag(CKA_PRIVATE, false))), Code::TemplateInconsistent);
}

#[test]
fn secret_keys_have_the_lengths_of_their_type() {
    for (length, fine) in [(0, false), (8, false), (16, true), (24, true), (32, true), (40, false), (64, false)] {
        let template = key(CKO_SECRET_KEY, CKK_AES).bytes(CKA_VALUE, &vec![1; length]);
        assert_eq!(create_as_user(&template).is_ok(), fine, "{length}");
    }
    assert_eq!(
        code(create_as_user(&key(CKO_SECRET_KEY, CKK_AES).bytes(CKA_VALUE, &[1; 5]))),
        Code::AttributeValueInvalid
    );
    for (length, fine) in [(0, false), (1, true), (32, true), (0x1_0000, true), (0x1_0001, false)] {
        let template = key(CKO_SECRET_KEY, CKK_SHA256_HMAC).bytes(CKA_VALUE, &vec![1; length]);
        assert_eq!(create_as_user(&template).is_ok(), fine, "{length}");
    }
}

#[test]
fn check_values_are_computed_compared_and_done_away_with() {
    // FIPS 197: AES-128 of the zero block under the zero key begins 66 e9 4b; SHA-1("secret") begins e5 e9 fa.
    assert_eq!(shown(&create_as_user(&aes_key()).unwrap(), CKA_CHECK_VALUE), Some(vec![0x66, 0xe9, 0x4b]));
    assert_eq!(shown(&create_as_user(&generic_key()).unwrap(), CKA_CHECK_VALUE), Some(vec![0xe5, 0xe9, 0xfa]));
    assert!(create_as_user(&aes_key().bytes(CKA_CHECK_VALUE, &[0x66, 0xe9, 0x4b])).is_ok());
    assert_eq!(code(create_as_user(&aes_key().bytes(CKA_CHECK_VALUE, &[1, 2, 3]))), Code::AttributeValueInvalid);
    let none = create_as_user(&aes_key().bytes(CKA_CHECK_VALUE, &[])).unwrap();
    assert!(show(&none, CKA_CHECK_VALUE) == Shown::Unknown);
}

#[test]
fn certificates_tell_what_they_say_of_themselves() {
    let bare = Template::new().number(CKA_CLASS, CKO_CERTIFICATE).number(CKA_CERTIFICATE_TYPE, CKC_X_509);
    let object = create_as_user(&bare.clone().bytes(CKA_VALUE, fixture!("p256.certificate"))).unwrap();
    assert_eq!(shown(&object, CKA_PUBLIC_KEY_INFO).as_deref(), Some(fixture!("p256.spki")));
    assert_eq!(shown(&object, CKA_SUBJECT), shown(&object, CKA_ISSUER));
    assert!(shown(&object, CKA_SUBJECT).unwrap().ends_with(b"Strongroom test"));
    assert_eq!(shown(&object, CKA_SERIAL_NUMBER).unwrap()[0], 2);
    assert_eq!(shown(&object, CKA_CHECK_VALUE).unwrap().len(), 3);
    // A subject that is given stays; a value that is no certificate needs one.
    let given = bare.clone().bytes(CKA_VALUE, b"no certificate");
    assert_eq!(code(create_as_user(&given)), Code::TemplateIncomplete);
    let object = create_as_user(&given.bytes(CKA_SUBJECT, b"me")).unwrap();
    assert_eq!(shown(&object, CKA_SUBJECT).unwrap(), b"me");
    // By URL: the hashes are needed.
    let by_url = bare.clone().bytes(CKA_SUBJECT, b"me").bytes(CKA_URL, b"https://example.org");
    assert_eq!(code(create_as_user(&by_url)), Code::TemplateIncomplete);
    let hashes = by_url.bytes(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, &[1; 20]).bytes(CKA_HASH_OF_ISSUER_PUBLIC_KEY, &[1; 20]);
    assert!(create_as_user(&hashes).is_ok());
    assert_eq!(code(create_as_user(&bare.bytes(CKA_SUBJECT, b"me"))), Code::TemplateIncomplete);
}

#[test]
fn points_and_curves_are_checked() {
    let (_, public) = halves(fixture!("p256.pkcs8"));
    let point = match &given(&public, CKA_EC_POINT).unwrap().value {
        Raw::Bytes(bytes) => bytes[2..].to_vec(),
        Raw::Template(_) => panic!("no point"),
    };
    let with = |params: &[u8], point: &[u8]| {
        create_as_user(&key(CKO_PUBLIC_KEY, CKK_EC).bytes(CKA_EC_PARAMS, params).bytes(CKA_EC_POINT, point))
    };
    const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    let plain = with(P256, &point).unwrap();
    let wrapped = with(b"\x13\x09secp256r1", &[&[4, 65], &point[..]].concat()).unwrap();
    assert_eq!(shown(&plain, CKA_EC_POINT), shown(&wrapped, CKA_EC_POINT));
    assert_eq!(shown(&plain, CKA_PUBLIC_KEY_INFO).as_deref(), Some(fixture!("p256.spki")));
    let mut off = point.clone();
    off[64] ^= 1;
    assert_eq!(code(with(P256, &off)), Code::PublicKeyInvalid);
    assert_eq!(code(with(P256, &point[..64])), Code::AttributeValueInvalid);
    let compressed = [&[2 | off[64] & 1], &point[1..33]].concat();
    assert_eq!(code(with(P256, &compressed)), Code::TemplateInconsistent);
    assert_eq!(code(with(b"\x06\x05\x2b\x81\x04\x00\x0a", &point)), Code::CurveNotSupported);
    assert_eq!(code(with(b"\x06\x03\x2b\x65\x70", &point[..32])), Code::CurveNotSupported);
    assert_eq!(code(with(b"nonsense", &point)), Code::DomainParamsInvalid);
}

#[test]
fn public_key_info_must_be_that_of_the_key() {
    for (_, pkcs8, spki) in PAIRS {
        let (private, public) = halves(pkcs8);
        for template in [private, public] {
            let object = create_as_user(&template.clone().bytes(CKA_PUBLIC_KEY_INFO, spki)).unwrap();
            assert_eq!(shown(&object, CKA_PUBLIC_KEY_INFO).as_deref(), Some(spki));
            assert_eq!(code(create_as_user(&template.bytes(CKA_PUBLIC_KEY_INFO, &[1]))), Code::AttributeValueInvalid);
        }
    }
}

#[test]
fn rsa_keys_are_completed_and_must_fit_together() {
    let (private, _) = halves(fixture!("rsa.pkcs8"));
    let whole = create_as_user(&private).unwrap();
    let primes = [CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT];
    let bare = primes.iter().fold(private.clone(), |template, kind| without(&template, *kind));
    let object = create_as_user(&bare).unwrap();
    assert_eq!(object.bytes(CKA_MODULUS), whole.bytes(CKA_MODULUS));
    assert!(primes.iter().all(|kind| object.bytes(*kind).is_some()));
    let wrong = without(&private, CKA_PRIME_1).bytes(CKA_PRIME_1, &[3]);
    assert_eq!(code(create_as_user(&wrong)), Code::AttributeValueInvalid);
    let small = key(CKO_PUBLIC_KEY, CKK_RSA).bytes(CKA_MODULUS, &[0xff; 64]).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
    assert_eq!(code(create_as_user(&small)), Code::AttributeValueInvalid);
}

#[test]
fn unique_ids_differ() {
    let [one, other] = [(); 2].map(|()| shown(&create_as_user(&data()).unwrap(), CKA_UNIQUE_ID));
    assert!(one.is_some() && one != other);
}

#[test]
fn templates_of_real_clients_are_taken() {
    // pkcs11-tool --write-object --type secrkey
    let opensc = aes_key()
        .flag(CKA_TOKEN, true)
        .flag(CKA_PRIVATE, true)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true)
        .number(CKA_VALUE_LEN, 16)
        .bytes(CKA_LABEL, b"label");
    assert!(create_as_user(&opensc).is_ok());
    // SunPKCS11, attributes = compatibility, on an EC public key
    let (private, public) = halves(fixture!("p256.pkcs8"));
    let java = public.flag(CKA_TOKEN, false).flag(CKA_ENCRYPT, true).flag(CKA_VERIFY, true).flag(CKA_WRAP, true);
    assert!(create_as_user(&java).is_ok());
    // NSS on an EC private key: its own attribute, and the public point
    let point = given(&java, CKA_EC_POINT).unwrap().clone();
    let nss = private.bytes(0xd5a0_db00, b"db").with(CKA_EC_POINT, point.value);
    assert!(create_as_user(&nss).is_ok());
    // SunPKCS11 on an RSA private key of which Java knows modulus and private exponent only
    let (rsa, _) = halves(fixture!("rsa.pkcs8"));
    let hidden = [CKA_PUBLIC_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT];
    let bare = hidden.iter().fold(rsa, |template, kind| without(&template, *kind));
    let object = create_as_user(&bare).unwrap();
    assert_eq!(shown(&object, CKA_PUBLIC_KEY_INFO).as_deref(), Some(fixture!("rsa.spki")));
}
