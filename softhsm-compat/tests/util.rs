//! `softhsm2-util` of Strongroom beside that of SoftHSM2: the same options, the same shape of answers.

mod common;

use common::{Desk, NEW_PIN, PINS, all, built, checked, done};

/// Each line up to its colon: what scripts look for.
fn shape(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.starts_with("Slot "))
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect()
}

#[test]
fn slots_are_shown_in_the_same_shape() {
    let desk = Desk::new();
    let ours = done(desk.command(built("softhsm2-util")).arg("--show-slots"));
    let theirs = done(desk.command("softhsm2-util").arg("--show-slots"));
    assert_eq!(shape(&ours), shape(&theirs));
}

#[test]
fn a_token_is_made_used_and_deleted_by_the_old_options() {
    let desk = Desk::new();
    let util = || desk.command(built("softhsm2-util"));
    let made = util().args(["--init-token", "--free", "--label", "third"]).args(PINS).output().unwrap();
    assert!(all(&made).contains("WARNING: a PIN on the command line"), "{}", all(&made));
    assert!(checked(made).contains("The token has been initialized and is reassigned to slot "));

    done(desk.command("openssl").args([
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-out",
        "key",
    ]));
    let import = ["--import", "key", "--token", "new", "--label", "code", "--id", "0a"];
    let answer = done(util().args(import).env("STRONGROOM_PIN", NEW_PIN));
    assert!(answer.contains("The key pair has been imported."), "{answer}");
    let again = util().args(import).env("STRONGROOM_PIN", NEW_PIN).output().unwrap();
    assert!(!again.status.success() && all(&again).contains("--force"), "{}", all(&again));
    let objects = checked(desk.new_token(&["--list-objects"]));
    assert!(objects.contains("Private Key Object") && objects.contains("ID:         0a"), "{objects}");

    let deleted = done(util().args(["--delete-token", "--token", "third"]).env("STRONGROOM_SO_PIN", common::SO_PIN));
    assert!(deleted.contains("has been deleted."), "{deleted}");
    assert!(!done(util().arg("--show-slots")).contains("third"));
}
