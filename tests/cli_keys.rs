//! Keys and objects on the command line: generated, imported, shown, destroyed.

mod cli_support;

use cli_support::{Desk, each, fed, list};

const WEB: &[u8] = include_bytes!("cli_support/web.pem");
const ED25519: &[u8] = include_bytes!("cli_support/ed25519.pem");

#[test]
fn every_type_of_key_is_generated_and_listed_by_its_word() {
    let desk = Desk::with_token("alpha");
    for kind in ["rsa:2048", "ec:p256", "ec:p384", "ec:p521", "ed25519", "x25519"] {
        let made = desk.data(&["key", "generate", "--type", kind, "--label", kind]);
        let objects = list(&made, "objects");
        assert_eq!((each(objects, "class"), each(objects, "kind")), (vec!["public", "private"], vec![kind, kind]));
        assert_eq!(objects[0]["id"], objects[1]["id"], "{kind}");
        assert_eq!(objects[0]["id"].as_str().map(str::len), Some(40), "{kind}");
    }
    for (kind, word) in
        [("aes:128", "aes:128"), ("aes:256", "aes:256"), ("generic:160", "generic:160"), ("hmac:256", "generic:256")]
    {
        let made = desk.data(&["key", "generate", "--type", kind, "--label", kind]);
        assert_eq!(each(list(&made, "objects"), "kind"), [word]);
    }
    assert_eq!(list(&desk.data(&["object", "list"]), "objects").len(), 16);
    assert_eq!(list(&desk.data(&["object", "list", "--class", "secret"]), "objects").len(), 4);
    assert_eq!(list(&desk.data(&["object", "list", "--public"]), "objects").len(), 6);
}

#[test]
fn attributes_are_what_was_asked_for_and_values_stay_inside() {
    let desk = Desk::with_token("alpha");
    desk.data(&["key", "generate", "-T", "aes:256", "-l", "wrapper", "-i", "0102", "--usage", "wrap,unwrap"]);
    let shown = desk.data(&["object", "show", "pkcs11:object=wrapper;type=secret-key"]);
    let attributes = &list(&shown, "objects")[0]["attributes"];
    assert_eq!(attributes["CKA_ID"], "0102");
    assert_eq!((&attributes["CKA_WRAP"], &attributes["CKA_ENCRYPT"]), (&true.into(), &false.into()));
    assert_eq!((&attributes["CKA_SENSITIVE"], &attributes["CKA_EXTRACTABLE"]), (&true.into(), &false.into()));
    assert_eq!(attributes["CKA_KEY_GEN_MECHANISM"], "CKM_AES_KEY_GEN");
    assert!(attributes.get("CKA_VALUE").is_none());
    desk.run(&["key", "generate", "--type", "ec:p256", "--usage", "encrypt,fly"]).expect(2);
}

#[test]
fn key_and_certificate_of_one_file_share_an_id() {
    let desk = Desk::with_token("alpha");
    let file = desk.file("web.pem", WEB);
    let made = desk.data(&["key", "import", &file, "--label", "web"]);
    let objects = list(&made, "objects");
    assert_eq!(each(objects, "class"), ["private", "public", "certificate"]);
    assert!(objects.iter().all(|object| object["id"] == objects[0]["id"] && object["label"] == "web"));

    let again = desk.run(&["--json", "key", "import", &file]);
    assert_eq!((again.exit, &again.json()["error"]["code"]), (8, &"CKR_FUNCTION_REJECTED".into()));
    let shown = desk.data(&["object", "show", "--class", "private"]);
    assert_eq!(list(&shown, "objects")[0]["attributes"]["CKA_SENSITIVE"], true);
}

#[test]
fn a_certificate_gets_the_id_of_a_key_that_has_an_id_of_its_own() {
    let desk = Desk::with_token("alpha");
    let end = b"-----END EC PRIVATE KEY-----\n";
    let (key, certificate) = WEB.split_at(WEB.windows(end.len()).position(|text| text == end).unwrap() + end.len());
    desk.data(&["key", "import", &desk.file("key.pem", key), "--id", "c0ffee"]);
    let made = desk.data(&["key", "import", &desk.file("cert.pem", certificate)]);
    assert_eq!(each(list(&made, "objects"), "id"), ["c0ffee"]);
}

#[test]
fn keys_come_from_standard_input_and_as_raw_bytes() {
    let desk = Desk::with_token("alpha");
    let ended = fed(desk.command(&["--json", "key", "import", "-", "-l", "signer"]), ED25519);
    assert_eq!(each(list(&ended.json()["data"], "objects"), "kind"), ["ed25519", "ed25519"]);
    let file = desk.file("key", &[7; 32]);
    let made = desk.data(&["key", "import", &file, "--raw", "aes"]);
    assert_eq!(each(list(&made, "objects"), "kind"), ["aes:256"]);
    let short = desk.file("short", &[7; 5]);
    assert_ne!(desk.run(&["key", "import", &short, "--raw", "aes"]).exit, 0);
    desk.run(&["key", "import", &short]).expect(2);
    desk.run(&["key", "import", "/nonexistent"]).expect(4);
}

#[test]
fn objects_are_destroyed_only_when_it_is_clear_which() {
    let desk = Desk::with_token("alpha");
    for (label, id) in [("one", "01"), ("two", "02")] {
        desk.data(&["key", "generate", "-T", "ec:p256", "-l", label, "-i", id]);
    }
    desk.run(&["object", "delete", "--yes"]).expect(2);
    desk.run(&["object", "delete", "--yes", "--class", "private"]).expect(2);
    desk.run(&["object", "delete", "--label", "one"]).expect(2);
    desk.run(&["object", "delete", "--yes", "--label", "three"]).expect(4);
    assert_eq!(list(&desk.data(&["object", "delete", "--yes", "--label", "one"]), "deleted").len(), 2);
    assert_eq!(list(&desk.data(&["object", "delete", "--yes", "--all"]), "deleted").len(), 2);
    assert!(desk.run(&["object", "list"]).expect(0).contains("No objects"));
}

#[test]
fn mechanisms_are_listed_by_name_and_use() {
    let desk = Desk::with_token("alpha");
    let all = desk.data(&["mechanisms"]);
    let names = each(list(&all, "mechanisms"), "name");
    assert!(names.contains(&"CKM_ECDSA_SHA256") && names.contains(&"CKM_AES_GCM"), "{names:?}");
    let signing = desk.data(&["mechanisms", "--can", "sign", "--token", "alpha"]);
    assert!(list(&signing, "mechanisms").len() < names.len());
    desk.run(&["mechanisms", "--can", "fly"]).expect(2);
}
