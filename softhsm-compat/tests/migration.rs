//! A token that SoftHSM2 made, with keys that pkcs11-tool made, arrives at Strongroom and works there.

mod common;

use common::{Desk, NEW_PIN, all, checked, done};
use softhsm_compat::token;
use strongroom_pkcs11::ck;

const IV: &str = "000102030405060708090a0b0c0d0e0f";

/// RSA, EC, AES (sensitive, private), a certificate, a data object.
fn filled() -> Desk {
    let desk = Desk::new();
    let old = |arguments: &[&str]| checked(desk.old(arguments));
    old(&["--keypairgen", "--key-type", "rsa:2048", "--id", "01", "--label", "web"]);
    old(&["--keypairgen", "--key-type", "EC:prime256v1", "--id", "02", "--label", "code"]);
    old(&["--keygen", "--key-type", "aes:32", "--id", "03", "--label", "disk", "--sensitive", "--private"]);
    let subject = ["-subj", "/CN=test", "-days", "3", "-outform", "der", "-out", "cert.der"];
    let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null"];
    done(desk.command("openssl").args(request).args(subject));
    old(&["--write-object", "cert.der", "--type", "cert", "--id", "01", "--label", "web"]);
    desk.file("note", b"a note\n");
    old(&["--write-object", "note", "--type", "data", "--label", "note"]);
    desk
}

#[test]
fn a_token_arrives_with_everything_and_its_keys_work() {
    let desk = filled();
    desk.file("plain", b"what SoftHSM2 encrypted\n");
    let aes = ["--id", "03", "--mechanism", "AES-CBC-PAD", "--iv", IV];
    checked(desk.old(&[&aes[..], &["--encrypt", "--input-file", "plain", "--output-file", "sealed"]].concat()));

    let report = desk.migrate(&["--json"]);
    let value: serde_json::Value = serde_json::from_str(&checked(report)).unwrap();
    let data = &value["data"];
    assert_eq!(
        (&data["migrated"], &data["refused"], &data["failed"], &data["proved"]),
        (&7.into(), &0.into(), &0.into(), &3.into()),
        "{data}"
    );

    checked(desk.new_token(&[&aes[..], &["--decrypt", "--input-file", "sealed", "--output-file", "opened"]].concat()));
    assert_eq!(std::fs::read(desk.path("opened")).unwrap(), b"what SoftHSM2 encrypted\n");
    for (id, mechanism) in [("01", "SHA256-RSA-PKCS"), ("02", "ECDSA-SHA256")] {
        signature_verifies_with_the_old_public_key(&desk, id, mechanism);
    }
    for (kind, id, file) in [("cert", "--id=01", "cert.der"), ("data", "--label=note", "note")] {
        checked(desk.new_token(&["--read-object", "--type", kind, id, "--output-file", "read"]));
        assert_eq!(std::fs::read(desk.path("read")).unwrap(), std::fs::read(desk.path(file)).unwrap());
    }
}

/// Strongroom signs; the public key is read from SoftHSM2; OpenSSL verifies.
fn signature_verifies_with_the_old_public_key(desk: &Desk, id: &str, mechanism: &str) {
    let sign = ["--sign", "--id", id, "--mechanism", mechanism, "--input-file", "plain", "--output-file", "signature"];
    checked(desk.new_token(&[&sign[..], &["--signature-format", "openssl"]].concat()));
    checked(desk.old(&["--read-object", "--type", "pubkey", "--id", id, "--output-file", "public.der"]));
    let key = ["-keyform", "DER", "-verify", "public.der"];
    let verified =
        done(desk.command("openssl").args(["dgst", "-sha256"]).args(key).args(["-signature", "signature", "plain"]));
    assert!(verified.contains("Verified OK"), "{verified}");
}

#[test]
fn labels_ids_and_flags_are_kept_and_history_is_not() {
    let desk = filled();
    checked(desk.migrate(&[]));
    let objects = checked(desk.new_token(&["--list-objects"]));
    for part in ["label:      web", "label:      code", "label:      disk", "ID:         03", "sensitive", "'note'"] {
        assert!(objects.contains(part), "{part} is missing: {objects}");
    }
    let secret = objects.split("Secret Key Object").nth(1).expect("the AES key");
    assert!(!secret.contains("always sensitive") && !secret.contains("local"), "{secret}");
}

#[test]
fn a_second_run_finds_everything_there_and_twins_stay_two() {
    let desk = Desk::new();
    for content in ["one", "two", "two"] {
        desk.file("note", content.as_bytes());
        checked(desk.old(&["--write-object", "note", "--type", "data", "--label", "twin"]));
    }
    for (migrated, there) in [(3, 0), (0, 3)] {
        let value: serde_json::Value = serde_json::from_str(&checked(desk.migrate(&["--json"]))).unwrap();
        assert_eq!((&value["data"]["migrated"], &value["data"]["already_there"]), (&migrated.into(), &there.into()));
    }
}

#[test]
fn a_dry_run_changes_nothing_and_a_wrong_pin_is_told() {
    let desk = filled();
    let dry = checked(desk.migrate(&["--dry-run"]));
    assert!(dry.contains("7 would be migrated"), "{dry}");
    assert!(!checked(desk.new_token(&["--list-objects"])).contains("Object"));
    let pin = desk.file("wrong", b"wrong-pin\n");
    let mut command = desk.command(env!("CARGO_BIN_EXE_softhsm2-migrate"));
    let output = command.args(["--dry-run", "--pin-file", &pin]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", all(&output));
    assert!(all(&output).contains("CKR_PIN_INCORRECT"));
}

#[test]
fn keys_that_strongroom_has_not_are_named_and_the_others_arrive() {
    let desk = Desk::new();
    done(desk.command("openssl").args(["dsaparam", "-out", "parameters", "1024"]));
    done(desk.command("openssl").args(["gendsa", "-out", "dsa", "parameters"]));
    done(desk.command("openssl").args(["pkcs8", "-topk8", "-nocrypt", "-in", "dsa", "-out", "dsa.p8"]));
    let import = ["--import", "dsa.p8", "--token", "old", "--label", "ancient", "--id", "07", "--pin", common::PIN];
    done(desk.command("softhsm2-util").args(import));
    checked(desk.old(&["--keypairgen", "--key-type", "EC:secp384r1", "--id", "08", "--label", "modern"]));
    let output = desk.migrate(&[]);
    let text = all(&output);
    assert_eq!(output.status.code(), Some(8), "{text}");
    assert!(text.contains("no DSA keys") && text.contains("ancient") && text.contains("2 migrated"), "{text}");
}

#[test]
fn a_file_that_is_no_object_does_not_stop_the_others() {
    let desk = Desk::new();
    desk.file("note", b"a note");
    checked(desk.old(&["--write-object", "note", "--type", "data", "--label", "note"]));
    std::fs::write(desk.token_directory().join("0-damaged.object"), [0xff; 40]).unwrap();
    std::fs::write(desk.token_directory().join("1-empty.object"), []).unwrap();
    let output = desk.migrate(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    assert!(all(&output).contains("1 migrated") && all(&output).contains("2 failed"), "{}", all(&output));
}

#[test]
fn the_value_of_a_sensitive_key_is_in_no_output_log_or_file() {
    let desk = filled();
    let token = token::find(&desk.path("tokens"), Some("old")).unwrap();
    let open = token.open(common::PIN.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let objects = open.objects().unwrap();
    let keys = objects.iter().filter_map(|(_, object)| object.as_ref().ok());
    let keys = keys.filter(|object| object.number(ck::CKA_CLASS) == Some(ck::CKO_SECRET_KEY));
    let value = keys.map(|key| key.bytes(ck::CKA_VALUE).to_vec()).next().expect("the AES key");
    assert_eq!(value.len(), 32);
    let output = desk.migrate(&[]);
    let log = std::fs::read(desk.path("log")).expect("the vault's log");
    assert!(!log.is_empty(), "the vault logs");
    let mut places = vec![output.stdout, output.stderr, log];
    for entry in std::fs::read_dir(desk.path("home")).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        places.push(std::fs::read(entry.path()).unwrap());
    }
    let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    for place in places {
        for secret in [&value[..], hex.as_bytes(), hex.to_uppercase().as_bytes(), NEW_PIN.as_bytes()] {
            assert!(!place.windows(secret.len()).any(|window| window == secret));
        }
    }
}
