//! Keys that mechanisms make: drafts, completed keys, and what they remember.

use super::*;

const GENERATED: Origin<'static> = Origin::Generate(CKM_AES_KEY_GEN);

fn generate(template: &Template) -> Result<Object> {
    draft(template, CKO_SECRET_KEY, Some(CKK_AES), &GENERATED, Authority::User)
}

fn generated(template: &Template) -> Object {
    let made = vec![(CKA_VALUE, Value::Bytes(vec![7; 32]))];
    complete(generate(template).unwrap(), made, &GENERATED).unwrap()
}

fn unwrap(template: &Template, bytes: &[u8]) -> Result<Object> {
    let draft = draft(template, CKO_SECRET_KEY, None, &Origin::Unwrap, Authority::User)?;
    let made = unwrapped(&draft, bytes)?;
    complete(draft, made, &Origin::Unwrap)
}

fn derive(template: &Template, base: &Object, bytes: &[u8]) -> Result<Object> {
    let origin = Origin::Derive(base);
    let draft = draft(template, CKO_SECRET_KEY, Some(CKK_GENERIC_SECRET), &origin, Authority::User)?;
    let made = derived(&draft, bytes)?;
    complete(draft, made, &origin)
}

#[test]
fn a_generated_key_is_complete_and_remembers_its_making() {
    let key = generated(&Template::new().number(CKA_VALUE_LEN, 32));
    assert_eq!((key.class(), key.key_type(), key.number(CKA_VALUE_LEN)), (CKO_SECRET_KEY, CKK_AES, Some(32)));
    assert!(key.flag(CKA_LOCAL) && key.flag(CKA_ALWAYS_SENSITIVE) && key.flag(CKA_NEVER_EXTRACTABLE));
    assert_eq!(key.number(CKA_KEY_GEN_MECHANISM), Some(CKM_AES_KEY_GEN));
    assert!(matches!(key.value(CKA_VALUE), Some(Value::Secret(_))));
    assert_eq!(shown(&key, CKA_CHECK_VALUE).unwrap().len(), 3);
    let open = Template::new().number(CKA_VALUE_LEN, 32).flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
    let key = generated(&open);
    assert!(!key.flag(CKA_ALWAYS_SENSITIVE) && !key.flag(CKA_NEVER_EXTRACTABLE) && key.flag(CKA_LOCAL));
}

#[test]
fn footnotes_3_and_4_hold_for_every_row_of_every_key() {
    for class in rules::CLASSES.iter().filter(|class| class.rule(CKA_KEY_GEN_MECHANISM).is_some()) {
        for rule in class.rules().filter(|rule| rule.has(4) && rule.shape != rules::Shape::Template) {
            let value = if rule.shape == rules::Shape::Flag { vec![1] } else { vec![1; 8] };
            let template = Template::new().bytes(rule.kind, &value);
            let refused = code(draft(&template, class.class, class.kind, &GENERATED, Authority::User));
            let expected = if rule.by_token() { Code::AttributeReadOnly } else { Code::TemplateInconsistent };
            assert_eq!(refused, expected, "{}", rule.name);
        }
        let needs_more = class.rules().any(|rule| rule.has(3));
        let bare = draft(&Template::new(), class.class, class.kind, &GENERATED, Authority::User);
        assert_eq!(bare.is_err(), needs_more);
        assert!(bare.is_ok() || code(bare) == Code::TemplateIncomplete);
    }
}

#[test]
fn the_template_must_agree_with_the_mechanism() {
    assert_eq!(code(generate(&Template::new().number(CKA_CLASS, CKO_DATA))), Code::TemplateInconsistent);
    let other = Template::new().number(CKA_KEY_TYPE, CKK_GENERIC_SECRET).number(CKA_VALUE_LEN, 32);
    assert_eq!(code(generate(&other)), Code::TemplateInconsistent);
    assert!(generate(&key(CKO_SECRET_KEY, CKK_AES).number(CKA_VALUE_LEN, 16)).is_ok());
}

#[test]
fn impossible_lengths_are_refused_before_the_mechanism_works() {
    for length in [0, 8, 40, u64::MAX, 1 << 32] {
        assert_eq!(code(generate(&Template::new().number(CKA_VALUE_LEN, length))), Code::AttributeValueInvalid);
    }
    let huge = Template::new().number(CKA_VALUE_LEN, u64::MAX);
    let generic = draft(&huge, CKO_SECRET_KEY, Some(CKK_GENERIC_SECRET), &GENERATED, Authority::User);
    assert_eq!(code(generic), Code::AttributeValueInvalid);
}

#[test]
fn a_check_value_refused_in_the_template_is_not_made() {
    let key = generated(&Template::new().number(CKA_VALUE_LEN, 32).bytes(CKA_CHECK_VALUE, &[]));
    assert!(key.value(CKA_CHECK_VALUE).is_none());
}

#[test]
fn an_unwrapped_key_has_no_good_history_and_needs_its_type() {
    let template = key(CKO_SECRET_KEY, CKK_AES);
    let unwrapped = unwrap(&template, &[1; 32]).unwrap();
    assert!(unwrapped.flag(CKA_SENSITIVE) && !unwrapped.flag(CKA_EXTRACTABLE));
    for kind in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        assert!(!unwrapped.flag(kind));
    }
    assert_eq!(code(unwrap(&without(&template, CKA_KEY_TYPE), &[1; 32])), Code::TemplateIncomplete);
    assert_eq!(code(unwrap(&template.clone().bytes(CKA_VALUE, &[1; 32]), &[1; 32])), Code::TemplateInconsistent);
    assert_eq!(code(unwrap(&template.clone().flag(CKA_LOCAL, true), &[1; 32])), Code::AttributeReadOnly);
    assert_eq!(code(unwrap(&template, &[1; 31])), Code::WrappedKeyInvalid);
    let forged = template.clone().bytes(CKA_CHECK_VALUE, &[1, 2, 3]);
    assert_eq!(code(unwrap(&forged, &[1; 32])), Code::AttributeValueInvalid);
    assert_eq!(code(unwrap(&template, &[])), Code::WrappedKeyInvalid);
    assert!(unwrap(&template.clone().flag(CKA_MODIFIABLE, false), &[1; 32]).is_ok());
    assert_eq!(unwrap(&template.clone().number(CKA_VALUE_LEN, 16), &[1; 32]).unwrap().number(CKA_VALUE_LEN), Some(16));
    assert_eq!(code(unwrap(&template.number(CKA_VALUE_LEN, 32), &[1; 16])), Code::WrappedKeyInvalid);
}

#[test]
fn every_kind_of_private_key_unwraps_from_pkcs8_to_what_was_wrapped() {
    for (key_type, pkcs8, spki) in PAIRS {
        let template = key(CKO_PRIVATE_KEY, key_type).flag(CKA_EXTRACTABLE, true);
        let draft = draft(&template, CKO_PRIVATE_KEY, None, &Origin::Unwrap, Authority::User).unwrap();
        let made = unwrapped(&draft, pkcs8).unwrap();
        let key = complete(draft, made, &Origin::Unwrap).unwrap();
        assert_eq!(shown(&key, CKA_PUBLIC_KEY_INFO).as_deref(), Some(spki));
        assert_eq!(&wrappable(&key).unwrap()[..], pkcs8);
    }
}

#[test]
fn a_wrapped_private_key_of_another_type_or_no_key_at_all_is_invalid() {
    let template = key(CKO_PRIVATE_KEY, CKK_RSA);
    let rsa = draft(&template, CKO_PRIVATE_KEY, None, &Origin::Unwrap, Authority::User).unwrap();
    assert_eq!(code(unwrapped(&rsa, fixture!("p256.pkcs8"))), Code::WrappedKeyInvalid);
    assert_eq!(code(unwrapped(&rsa, b"")), Code::WrappedKeyInvalid);
    let whole = fixture!("rsa.pkcs8");
    assert!((0..whole.len()).all(|length| code(unwrapped(&rsa, &whole[..length])) == Code::WrappedKeyInvalid));
    let template = key(CKO_PRIVATE_KEY, CKK_EC);
    let ec = draft(&template, CKO_PRIVATE_KEY, None, &Origin::Unwrap, Authority::User).unwrap();
    assert_eq!(code(unwrapped(&ec, fixture!("secp256k1.pkcs8"))), Code::CurveNotSupported);
}

#[test]
fn an_rsa_key_whose_numbers_were_changed_while_wrapped_is_invalid() {
    let template = key(CKO_PRIVATE_KEY, CKK_RSA);
    let mut changed = fixture!("rsa.pkcs8").to_vec();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let draft = draft(&template, CKO_PRIVATE_KEY, None, &Origin::Unwrap, Authority::User).unwrap();
    let made = unwrapped(&draft, &changed).unwrap();
    assert_eq!(code(complete(draft, made, &Origin::Unwrap)), Code::WrappedKeyInvalid);
}

#[test]
fn a_derived_key_is_as_sensitive_as_its_base_was() {
    let base = generated(&Template::new().number(CKA_VALUE_LEN, 32));
    let child = derive(&Template::new(), &base, &[3; 20]).unwrap();
    assert!(child.flag(CKA_ALWAYS_SENSITIVE) && child.flag(CKA_NEVER_EXTRACTABLE) && !child.flag(CKA_LOCAL));
    assert_eq!((child.key_type(), child.number(CKA_VALUE_LEN)), (CKK_GENERIC_SECRET, Some(20)));
    let open =
        derive(&Template::new().flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true), &base, &[3; 20]).unwrap();
    assert!(!open.flag(CKA_ALWAYS_SENSITIVE) && !open.flag(CKA_NEVER_EXTRACTABLE));
    let imported = create_as_user(&generic_key()).unwrap();
    let child = derive(&Template::new(), &imported, &[3; 20]).unwrap();
    assert!(!child.flag(CKA_ALWAYS_SENSITIVE) && !child.flag(CKA_NEVER_EXTRACTABLE));
}

#[test]
fn derived_bytes_are_cut_to_the_length_that_the_template_says() {
    let base = create_as_user(&generic_key()).unwrap();
    let aes = Template::new().number(CKA_KEY_TYPE, CKK_AES);
    let cut = derive(&aes.clone().number(CKA_VALUE_LEN, 16), &base, &[9; 48]).unwrap();
    assert_eq!(cut.bytes(CKA_VALUE), Some(&[9; 16][..]));
    assert_eq!(derive(&aes, &base, &[9; 32]).unwrap().number(CKA_VALUE_LEN), Some(32));
    assert_eq!(code(derive(&aes, &base, &[9; 48])), Code::TemplateIncomplete);
    assert_eq!(code(derive(&aes.number(CKA_VALUE_LEN, 32), &base, &[9; 20])), Code::TemplateInconsistent);
    assert_eq!(code(derive(&Template::new().bytes(CKA_VALUE, b"x"), &base, &[9; 20])), Code::TemplateInconsistent);
}

#[test]
fn a_pair_shares_its_public_key_info() {
    let (private, public) = halves(fixture!("p256.pkcs8"));
    let (mut private, mut public) = (create_as_user(&private).unwrap(), create_as_user(&public).unwrap());
    private.remove(CKA_PUBLIC_KEY_INFO);
    pair(&mut public, &mut private);
    assert_eq!(shown(&private, CKA_PUBLIC_KEY_INFO).as_deref(), Some(fixture!("p256.spki")));
}

#[test]
fn generated_pairs_become_whole_from_what_their_mechanism_made() {
    let origin = Origin::Generate(CKM_EC_KEY_PAIR_GEN);
    let (private, public) = halves(fixture!("p256.pkcs8"));
    let values = |template: &Template, kinds: &[u64]| -> Vec<(u64, Value)> {
        let object = create_as_user(template).unwrap();
        kinds.iter().map(|kind| (*kind, object.value(*kind).unwrap().clone())).collect()
    };
    let params = given(&public, CKA_EC_PARAMS).unwrap().value.clone();
    let asked = Template::new().with(CKA_EC_PARAMS, params);
    let half = |template, class, made| {
        let draft = draft(template, class, Some(CKK_EC), &origin, Authority::User).unwrap();
        complete(draft, made, &origin).unwrap()
    };
    let made_public = half(&asked, CKO_PUBLIC_KEY, values(&public, &[CKA_EC_POINT]));
    let made_private = half(&Template::new(), CKO_PRIVATE_KEY, values(&private, &[CKA_EC_PARAMS, CKA_VALUE]));
    assert_eq!(shown(&made_private, CKA_PUBLIC_KEY_INFO), shown(&made_public, CKA_PUBLIC_KEY_INFO));
    assert!(made_private.flag(CKA_LOCAL) && made_public.flag(CKA_LOCAL));
    assert_eq!((key_size(&made_private), key_size(&made_public)), (256, 256));
}
