//! Somebody edits the files of a token so that a sensitive key shall show its value: on SoftHSM2 and on Strongroom.
//!
//! SoftHSM2 keeps the flags of a key in the clear and nothing protects them, so whoever can write its files can turn
//! a sensitive, unextractable key into one that any user with the PIN reads. (A later SoftHSM2 may mend that; then the
//! first test says so.) Strongroom seals every object whole.

mod common;

use common::{Desk, PIN, SO_PIN, all, checked};
use std::fs;
use std::path::{Path, PathBuf};
use strongroom_pkcs11::call::Host;
use strongroom_pkcs11::ck;
use strongroom_pkcs11::config::Home;
use strongroom_pkcs11::engine::{Engine, EngineHost};
use strongroom_pkcs11::error::Result;
use strongroom_pkcs11::wire::values::{MechanismCall, Parameter, Raw, Shown, Template};

/// The bytes of a boolean attribute in a SoftHSM2 object file.
fn flag(kind: u64, value: u8) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &1u64.to_be_bytes(), &[value]].concat()
}

fn replaced(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = file.windows(from.len()).position(|window| window == from).expect("the attribute");
    [&file[..at], to, &file[at + from.len()..]].concat()
}

#[test]
fn softhsm2_shows_a_sensitive_key_after_two_bytes_were_edited() {
    let desk = Desk::new();
    checked(desk.old(&["--keygen", "--key-type", "aes:32", "--id", "03", "--sensitive", "--private"]));
    let read = ["--read-object", "--type", "secrkey", "--id", "03", "--output-file", "value"];
    let before = desk.old(&read);
    assert!(
        !before.status.success() || fs::read(desk.path("value")).is_ok_and(|value| value.is_empty()),
        "{}",
        all(&before)
    );
    let mut objects = fs::read_dir(desk.token_directory()).unwrap().flatten().map(|entry| entry.path());
    let key = objects
        .find(|path| path.extension().is_some_and(|of| of == "object") && !path.ends_with("token.object"))
        .expect("the key's file");
    let file = fs::read(&key).unwrap();
    let file = replaced(&file, &flag(ck::CKA_SENSITIVE, 0xff), &flag(ck::CKA_SENSITIVE, 0));
    fs::write(&key, replaced(&file, &flag(ck::CKA_EXTRACTABLE, 0), &flag(ck::CKA_EXTRACTABLE, 0xff))).unwrap();
    checked(desk.old(&read));
    assert_eq!(fs::read(desk.path("value")).unwrap().len(), 32, "SoftHSM2 handed the value out");
}

const SESSION: u64 = ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION;

/// A home with a sensitive AES key.
fn make(home: &Path) -> Result<()> {
    fs::write(home.join("strongroom.toml"), "[pin]\nmemory-kib = 64\npasses = 1\n").unwrap();
    let application = EngineHost(Engine::open(&Home::at(home.to_owned())?)?).enter(0);
    application.init_token(0, SO_PIN.as_bytes(), b"new")?;
    let session = application.open_session(0, SESSION)?;
    application.login(session, ck::CKU_SO, None, SO_PIN.as_bytes())?;
    application.init_pin(session, PIN.as_bytes())?;
    application.logout(session)?;
    application.login(session, ck::CKU_USER, None, PIN.as_bytes())?;
    let template =
        Template::new().flag(ck::CKA_TOKEN, true).number(ck::CKA_VALUE_LEN, 32).flag(ck::CKA_SENSITIVE, true);
    let mechanism = MechanismCall { id: ck::CKM_AES_KEY_GEN, parameter: Parameter::None };
    application.generate_key(session, mechanism, template.flag(ck::CKA_EXTRACTABLE, false))?;
    Ok(())
}

/// What the edited home shows of a flag that has to be there and of the value.
fn shown(home: &Path) -> Result<Vec<Vec<Shown>>> {
    let application = EngineHost(Engine::open(&Home::at(home.to_owned())?)?).enter(0);
    let session = application.open_session(0, SESSION)?;
    application.login(session, ck::CKU_USER, None, PIN.as_bytes())?;
    application.find_init(session, Template::new().number(ck::CKA_CLASS, ck::CKO_SECRET_KEY))?;
    let keys = application.find(session, 10)?;
    keys.into_iter()
        .map(|key| application.attributes(session, key, vec![ck::CKA_SENSITIVE, ck::CKA_EXTRACTABLE, ck::CKA_VALUE]))
        .collect()
}

fn files(home: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(home).unwrap().flatten().map(|entry| entry.path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found.retain(|path| !path.ends_with("strongroom.toml"));
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in fs::read_dir(from).unwrap().flatten().map(|entry| entry.path()) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { fs::copy(&path, &target).map(drop).unwrap() }
    }
}

#[test]
fn strongroom_never_shows_the_value_wherever_its_store_is_edited() {
    let held = tempfile::tempdir().unwrap();
    let (good, bad) = (held.path().join("good"), held.path().join("bad"));
    fs::create_dir(&good).unwrap();
    make(&good).unwrap_or_else(|error| panic!("{error}"));
    let mut served = 0;
    for file in files(&good) {
        let length = fs::metadata(&file).unwrap().len() as usize;
        for place in (0..length).step_by((length / 40).max(1)) {
            let _ = fs::remove_dir_all(&bad);
            copy(&good, &bad);
            let edited = bad.join(file.strip_prefix(&good).unwrap());
            let mut bytes = fs::read(&edited).unwrap();
            bytes[place] ^= 0xff;
            fs::write(&edited, bytes).unwrap();
            for attributes in shown(&bad).unwrap_or_default() {
                served += 1;
                assert!(attributes[2] == Shown::Sensitive, "{} at {place}: the value is shown", edited.display());
                let flags: Vec<bool> = attributes[..2].iter().map(is_true).collect();
                assert_eq!(flags, [true, false], "{} at {place}: a flag was changed", edited.display());
            }
        }
    }
    assert!(served > 0, "where the damage can be mended the key is served");
}

fn is_true(shown: &Shown) -> bool {
    matches!(shown, Shown::Value(Raw::Bytes(bytes)) if bytes.as_slice() == [1])
}
