//! Tokens and PINs on the command line: what is printed, and how the process ends.

mod cli_support;

use cli_support::{Desk, SO_PIN, USER_PIN, bare, each, ended, fed, list};

#[test]
fn a_token_is_made_listed_shown_and_destroyed() {
    let desk = Desk::new();
    assert!(desk.run(&["token", "list"]).expect(0).contains("no token yet"));
    let made = desk.data(&["token", "init", "--label", "alpha"]);
    assert_eq!(made["user_pin_set"], true);
    let serial = made["token"]["serial"].as_str().unwrap().to_owned();

    let tokens = desk.data(&["token", "list"]);
    assert_eq!(each(list(&tokens, "tokens"), "label"), ["alpha"]);
    let uri = format!("pkcs11:serial={serial}");
    for name in ["alpha", &serial, &uri, "pkcs11:token=alpha"] {
        assert_eq!(desk.data(&["token", "show", "--token", name])["serial"], *serial, "{name}");
    }
    assert!(desk.run(&["token", "show"]).expect(0).contains("ready"));

    desk.run(&["token", "delete"]).expect(2);
    assert_eq!(desk.data(&["token", "delete", "--yes"])["label"], "alpha");
    assert!(list(&desk.data(&["token", "list"]), "tokens").is_empty());
    desk.run(&["token", "show"]).expect(4);
}

#[test]
fn several_tokens_must_be_told_apart() {
    let desk = Desk::with_token("alpha");
    desk.data(&["token", "init", "--label", "beta"]);
    let ended = desk.run(&["--json", "token", "show"]);
    assert_eq!(ended.exit, 2);
    assert!(ended.json()["error"]["hint"].as_str().unwrap().contains("beta"));
    assert_eq!(desk.data(&["token", "show", "-t", "beta"])["label"], "beta");
    desk.run(&["token", "show", "-t", "gamma"]).expect(4);
    desk.run(&["token", "show", "--slot", "4711"]).expect(4);
}

#[test]
fn a_token_made_anew_needs_the_pin_that_it_has() {
    let desk = Desk::with_token("alpha");
    let slot = desk.data(&["token", "show"])["slot"].to_string();
    let mut command = desk.command(&["token", "init", "--slot", &slot, "--label", "beta"]);
    command.env("STRONGROOM_SO_PIN", "not the PIN");
    ended(command).expect(3);
    desk.data(&["token", "init", "--slot", &slot, "--label", "beta"]);
    assert_eq!(each(list(&desk.data(&["token", "list"]), "tokens"), "label"), ["beta"]);
}

#[test]
fn pins_come_from_files_descriptors_and_credentials() {
    let desk = Desk::with_token("alpha");
    let file = desk.file("pin", format!("{USER_PIN}\n").as_bytes());
    let with = |arguments: &[&str]| {
        let mut command = bare(&[&["object", "list"], arguments].concat());
        command.env("STRONGROOM_HOME", desk.home());
        command
    };
    ended(with(&["--pin-file", &file])).expect(0);
    ended(with(&[&format!("pkcs11:token=alpha?pin-source=file:{file}")])).expect(0);
    fed(with(&["--pin-fd", "0"]), USER_PIN.as_bytes()).expect(0);
    desk.file("strongroom-pin", USER_PIN.as_bytes());
    let mut command = with(&[]);
    command.env("CREDENTIALS_DIRECTORY", desk.path(""));
    ended(command).expect(0);

    let none = ended(with(&["--json"]));
    assert_eq!(none.exit, 3);
    assert!(none.json()["error"]["hint"].as_str().unwrap().contains("--pin-file"));
    ended(with(&["--pin-file", "/nonexistent"])).expect(4);
    ended(with(&["--public"])).expect(0);
}

#[test]
fn pins_are_changed_by_their_owner_and_reset_by_the_officer() {
    let desk = Desk::with_token("alpha");
    let new = desk.file("new", b"user-pin-2");
    assert_eq!(desk.data(&["pin", "change", "--new-pin-file", &new])["act"], "changed");
    desk.run(&["object", "list"]).expect(3);
    desk.run(&["object", "list", "--pin-file", &new]).expect(0);

    let back = desk.file("back", USER_PIN.as_bytes());
    assert_eq!(desk.data(&["pin", "reset", "--new-pin-file", &back])["act"], "reset");
    desk.run(&["object", "list"]).expect(0);

    let officer = desk.file("officer", b"so-pin-2");
    desk.data(&["pin", "change", "--so", "--new-pin-file", &officer]);
    desk.run(&["pin", "reset", "--new-pin-file", &back]).expect(3);
    desk.run(&["pin", "reset", "--so-pin-file", &officer, "--new-pin-file", &back]).expect(0);
}

#[test]
fn too_many_wrong_pins_lock_and_the_officer_unlocks() {
    let desk = Desk::with_token("alpha");
    let wrong = desk.file("wrong", b"not the PIN");
    let try_once = || desk.run(&["--json", "object", "list", "--pin-file", &wrong]);
    let first = try_once();
    assert_eq!((first.exit, &first.json()["error"]["code"]), (3, &"CKR_PIN_INCORRECT".into()));
    let last = (0..5).map(|_| try_once()).find(|ended| ended.exit != 3).expect("a lock");
    assert_eq!((last.exit, &last.json()["error"]["code"]), (5, &"CKR_PIN_LOCKED".into()));
    assert_eq!(desk.data(&["token", "show"])["user_pin_locked"], true);
    desk.run(&["object", "list"]).expect(5);

    let new = desk.file("new", USER_PIN.as_bytes());
    desk.data(&["pin", "reset", "--new-pin-file", &new]);
    desk.run(&["object", "list"]).expect(0);
}

#[test]
fn a_pin_that_is_too_short_is_refused() {
    let desk = Desk::new();
    let mut command = desk.command(&["--json", "token", "init", "--label", "alpha"]);
    command.env("STRONGROOM_SO_PIN", "1");
    let ended = ended(command);
    assert_eq!((ended.exit, &ended.json()["error"]["code"]), (3, &"CKR_PIN_LEN_RANGE".into()));
    assert!(list(&desk.data(&["token", "list"]), "tokens").is_empty());
}

#[test]
fn the_home_of_the_option_wins_over_the_environment() {
    let (desk, other) = (Desk::with_token("alpha"), Desk::new());
    let home = other.home().to_string_lossy().into_owned();
    assert!(list(&desk.data(&["--home", &home, "token", "list"]), "tokens").is_empty());
}

#[test]
fn output_has_no_colours_where_nobody_sees_them_and_no_pins_anywhere() {
    let desk = Desk::with_token("alpha");
    let plain = desk.run(&["token", "show"]).expect(0);
    assert!(!plain.contains('\u{1b}') && plain.contains("alpha"));
    assert!(desk.run(&["--color", "always", "token", "show"]).expect(0).contains('\u{1b}'));
    for text in [plain, desk.run(&["--json", "token", "list"]).expect(0)] {
        assert!(!text.contains(USER_PIN) && !text.contains(SO_PIN));
    }
}
