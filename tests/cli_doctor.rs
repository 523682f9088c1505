//! What `strongroom doctor` finds, and what `strongroom quickstart` does, with the module that was built.

mod cli_support;

use cli_support::{Desk, bare, ended, list, set_mode};
use serde_json::Value;

fn finding<'a>(diagnosis: &'a Value, about: &str) -> &'a Value {
    let found = list(diagnosis, "findings").iter().rev().find(|finding| finding["about"] == about);
    found.unwrap_or_else(|| panic!("nothing about {about}: {diagnosis}"))
}

#[test]
fn a_home_in_order_is_healthy() {
    let desk = Desk::with_token("alpha");
    let diagnosis = desk.data(&["doctor"]);
    assert_eq!(diagnosis["healthy"], true, "{diagnosis}");
    for about in ["home", "root key", "vault", "store", "module", "binary"] {
        assert_eq!(finding(&diagnosis, about)["state"], "good", "{about}");
    }
}

#[test]
fn a_root_key_that_others_may_read_is_found_with_its_cure() {
    let desk = Desk::with_token("alpha");
    let key = desk.home().join("root.key");
    set_mode(&key, 0o644);
    let ended = desk.run(&["--json", "doctor"]);
    assert_ne!(ended.exit, 0);
    let found = finding(&ended.json()["data"], "root key").clone();
    assert_eq!(found["state"], "problem");
    assert_eq!(found["mend"], format!("chmod 600 {}", key.display()));
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let desk = Desk::new();
    desk.file("home/strongroom.toml", b"pin = 4");
    let ended = desk.run(&["--json", "doctor"]);
    assert_eq!(ended.exit, 1);
    assert_eq!(finding(&ended.json()["data"], "configuration")["state"], "problem");
    assert!(desk.run(&["token", "list"]).exit != 0);
}

#[test]
fn quickstart_signs_through_the_c_interface_and_can_be_repeated() {
    let place = tempfile::tempdir().unwrap();
    for name in ["strongroom-quickstart", "strongroom-quickstart-2"] {
        let mut command = bare(&["--json", "quickstart"]);
        command.current_dir(place.path());
        let ended = ended(command);
        assert_eq!(ended.exit, 0, "{}{}", ended.out, ended.err);
        let data = &ended.json()["data"];
        let directory = place.path().join(name);
        assert_eq!(data["directory"], directory.to_str().unwrap());
        assert_eq!(data["private_value"], "CKR_ATTRIBUTE_SENSITIVE");
        assert_eq!(list(data, "keys").len(), 2);
        assert!(list(data, "keys").iter().all(|key| key["verified"] == true));
        assert_ne!(data["vault"]["pid"], data["own_pid"]);
        assert!(directory.join("pin").is_file() && directory.join("message.demo-ec.sig").is_file());
        assert!(list(data, "recipes").len() >= 7);
    }
}

#[test]
fn wrong_usage_is_one_json_document_too() {
    let ended = ended(bare(&["--json", "token", "fly"]));
    assert_eq!(ended.exit, 2);
    assert_eq!(ended.json()["ok"], false);
    assert_eq!(ended.json()["error"]["code"], "CKR_ARGUMENTS_BAD");
}
