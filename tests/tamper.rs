//! Somebody edits the store: no key is ever served with weaker attributes, the damage is told, and where only the log
//! or only the index was touched every object still works.
//!
//! The engine is opened on a damaged copy of a home, once for each place. `STRONGROOM_PLACES` says how many places
//! (default 300; the release check runs 2,000 and more).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use strongroom_pkcs11::call::{Application, Host};
use strongroom_pkcs11::ck;
use strongroom_pkcs11::config::Home;
use strongroom_pkcs11::engine::{Engine, EngineHost};
use strongroom_pkcs11::wire::values::{MechanismCall, Output, Parameter, Raw, Shown, Template};

const SO_PIN: &[u8] = b"officer-1";
const PIN: &[u8] = b"user-1234";
const SESSION: u64 = ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION;

fn places() -> usize {
    std::env::var("STRONGROOM_PLACES").ok().and_then(|count| count.parse().ok()).unwrap_or(300)
}

fn plain(id: u64) -> MechanismCall {
    MechanismCall { id, parameter: Parameter::None }
}

struct Scene {
    engine: Arc<Engine>,
    application: Arc<dyn Application>,
    session: u64,
}

fn open(home: &Path) -> Result<Scene, String> {
    let home = Home::at(home.to_owned()).map_err(|error| error.to_string())?;
    let engine = Engine::open(&home).map_err(|error| error.to_string())?;
    let application = EngineHost(engine.clone()).enter(0);
    let session = application.open_session(0, SESSION).map_err(|error| error.to_string())?;
    application.login(session, ck::CKU_USER, None, PIN).map_err(|error| error.to_string())?;
    Ok(Scene { engine, application, session })
}

/// A home with a token of sensitive keys, some of them changed and some destroyed since.
fn make(home: &Path) {
    fs::write(home.join("strongroom.toml"), "[pin]\nmemory-kib = 64\npasses = 1\n").unwrap();
    let engine = Engine::open(&Home::at(home.to_owned()).unwrap()).unwrap_or_else(|error| panic!("{error}"));
    let application = EngineHost(engine).enter(0);
    application.init_token(0, SO_PIN, b"tamper").unwrap();
    let session = application.open_session(0, SESSION).unwrap();
    application.login(session, ck::CKU_SO, None, SO_PIN).unwrap();
    application.init_pin(session, PIN).unwrap();
    application.logout(session).unwrap();
    application.login(session, ck::CKU_USER, None, PIN).unwrap();
    for index in 0..12u8 {
        let template =
            Template::new().flag(ck::CKA_TOKEN, true).bytes(ck::CKA_ID, &[index]).bytes(ck::CKA_LABEL, b"before");
        let aes = template.clone().number(ck::CKA_VALUE_LEN, 32).flag(ck::CKA_SENSITIVE, index % 2 == 0);
        let key = application.generate_key(session, plain(ck::CKM_AES_KEY_GEN), aes).unwrap();
        application
            .set_attributes(session, key, Template::new().flag(ck::CKA_SENSITIVE, true).bytes(ck::CKA_LABEL, b"after"))
            .unwrap();
        let public = template.clone().bytes(ck::CKA_EC_PARAMS, &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
        application.generate_key_pair(session, plain(ck::CKM_EC_KEY_PAIR_GEN), public, template).unwrap();
    }
    for handle in found(&*application, session, Template::new().bytes(ck::CKA_ID, &[11])) {
        application.destroy_object(session, handle).unwrap();
    }
}

fn found(application: &dyn Application, session: u64, template: Template) -> Vec<u64> {
    application.find_init(session, template).unwrap();
    let found = application.find(session, 1000).unwrap();
    application.find_final(session).unwrap();
    found
}

fn value(scene: &Scene, object: u64, kind: u64) -> Option<Vec<u8>> {
    match scene.application.attributes(scene.session, object, vec![kind]).ok()?.remove(0) {
        Shown::Value(Raw::Bytes(bytes)) => Some(bytes.to_vec()),
        _ => None,
    }
}

/// What an attacker hopes for: any secret key or private key shown, extractable, or in an older state.
fn weakened(scene: &Scene) -> Option<String> {
    for class in [ck::CKO_SECRET_KEY, ck::CKO_PRIVATE_KEY] {
        for key in found(&*scene.application, scene.session, Template::new().number(ck::CKA_CLASS, class)) {
            let Some(sensitive) = value(scene, key, ck::CKA_SENSITIVE) else { continue };
            if sensitive != [1] || value(scene, key, ck::CKA_EXTRACTABLE) != Some(vec![0]) {
                return Some(format!("key {key} lost a flag"));
            }
            if value(scene, key, ck::CKA_VALUE).is_some() {
                return Some(format!("the value of key {key} is shown"));
            }
            if class == ck::CKO_SECRET_KEY && value(scene, key, ck::CKA_LABEL) != Some(b"after".to_vec()) {
                return Some(format!("key {key} is served in an older state"));
            }
        }
    }
    (!found(&*scene.application, scene.session, Template::new().bytes(ck::CKA_ID, &[11])).is_empty())
        .then(|| "a destroyed key is back".to_owned())
}

/// How many objects are there and work.
fn working(scene: &Scene) -> usize {
    let (application, session) = (&*scene.application, scene.session);
    let aes = found(application, session, Template::new().number(ck::CKA_CLASS, ck::CKO_SECRET_KEY));
    let encrypts = |key: &&u64| {
        application.encrypt_init(session, Some(plain(ck::CKM_AES_ECB)), **key).is_ok()
            && matches!(application.encrypt(session, &[7; 16], Some(64)), Ok(Output::Bytes(_)))
    };
    let private = found(application, session, Template::new().number(ck::CKA_CLASS, ck::CKO_PRIVATE_KEY));
    let signs = |key: &&u64| {
        application.sign_init(session, Some(plain(ck::CKM_ECDSA_SHA256)), **key).is_ok()
            && matches!(application.sign(session, b"data", Some(64)), Ok(Output::Bytes(_)))
    };
    let public = found(application, session, Template::new().number(ck::CKA_CLASS, ck::CKO_PUBLIC_KEY));
    aes.iter().filter(encrypts).count() + private.iter().filter(signs).count() + public.len()
}

const ALL: usize = 33;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy(&path, &target) } else { fs::copy(&path, &target).map(drop).unwrap() }
    }
}

fn files(under: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(under).unwrap().flatten() {
        if entry.path().is_dir() { all.extend(files(&entry.path())) } else { all.push(entry.path()) }
    }
    all.sort();
    all
}

struct Bench {
    _held: tempfile::TempDir,
    good: PathBuf,
    bad: PathBuf,
}

impl Bench {
    fn new() -> Bench {
        let held = tempfile::tempdir().unwrap();
        let (good, bad) = (held.path().join("good"), held.path().join("bad"));
        fs::create_dir(&good).unwrap();
        make(&good);
        // Opened once more and closed, so that the index is whole on disk.
        drop(open(&good).unwrap());
        Bench { _held: held, good, bad }
    }

    /// A fresh copy, damaged by `damage`.
    fn damaged(&self, damage: impl FnOnce(&Path)) -> Result<Scene, String> {
        let _ = fs::remove_dir_all(&self.bad);
        copy(&self.good, &self.bad);
        damage(&self.bad);
        open(&self.bad)
    }
}

/// A small generator: the places are the same at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }
}

fn flip(path: &Path, place: usize, by: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[place] ^= by;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_byte_of_the_store_costs_nothing_and_weakens_nothing() {
    let bench = Bench::new();
    let all = files(&bench.good.join("store"));
    let (mut dice, mut told, mut harmless) = (Dice(7), 0, 0);
    for round in 0..places() {
        // Log and index in turn; within each, a file by chance and a byte of it.
        let part = if round % 2 == 0 { "log" } else { "index" };
        let of: Vec<_> = all
            .iter()
            .filter(|path| {
                path.strip_prefix(bench.good.join("store")).unwrap().starts_with(part)
                    && fs::metadata(path).unwrap().len() > 0
            })
            .collect();
        let file = of[dice.below(of.len())].strip_prefix(&bench.good).unwrap().to_owned();
        let place = dice.below(fs::metadata(bench.good.join(&file)).unwrap().len() as usize);
        let by = 1 << dice.below(8);
        let scene = bench
            .damaged(|home| flip(&home.join(&file), place, by))
            .unwrap_or_else(|error| panic!("{} at {place}: {error}", file.display()));
        assert_eq!(weakened(&scene), None, "{} at {place}", file.display());
        assert_eq!(working(&scene), ALL, "{} at {place}", file.display());
        if scene.application.status().unwrap().damage.is_empty() { harmless += 1 } else { told += 1 }
    }
    println!("{told} places told as damage and mended, {harmless} that no byte of a record depends on");
    assert!(told > places() / 3, "damage goes unnoticed");
}

#[test]
fn without_its_index_every_object_works() {
    let bench = Bench::new();
    let scene = bench.damaged(|home| fs::remove_dir_all(home.join("store/index")).unwrap()).unwrap();
    assert_eq!((weakened(&scene), working(&scene)), (None, ALL));
}

#[test]
fn a_cut_log_is_mended_from_the_index() {
    let bench = Bench::new();
    let segments: Vec<_> = files(&bench.good.join("store/log"));
    let last = segments.last().unwrap().strip_prefix(&bench.good).unwrap().to_owned();
    let length = fs::metadata(bench.good.join(&last)).unwrap().len();
    for part in [0, 1, 2, 3, 7, 9] {
        let scene = bench
            .damaged(|home| {
                fs::OpenOptions::new().write(true).open(home.join(&last)).unwrap().set_len(length * part / 10).unwrap()
            })
            .unwrap_or_else(|error| panic!("{part} tenths: {error}"));
        assert_eq!((weakened(&scene), working(&scene)), (None, ALL), "{part} tenths");
        assert!(!scene.application.status().unwrap().damage.is_empty(), "{part} tenths: nothing is told");
    }
    let scene = bench.damaged(|home| fs::remove_file(home.join(&last)).unwrap()).unwrap();
    assert_eq!((weakened(&scene), working(&scene)), (None, ALL));
}

#[test]
fn with_log_and_index_both_damaged_nothing_false_is_served() {
    let bench = Bench::new();
    let all = files(&bench.good.join("store"));
    let mut dice = Dice(11);
    for _ in 0..places() / 4 {
        let scene = bench.damaged(|home| {
            for part in ["log", "index"] {
                let of: Vec<_> = all
                    .iter()
                    .filter(|path| {
                        path.strip_prefix(bench.good.join("store")).unwrap().starts_with(part)
                            && fs::metadata(path).unwrap().len() > 0
                    })
                    .collect();
                let file = home.join(of[dice.below(of.len())].strip_prefix(&bench.good).unwrap());
                let length = fs::metadata(&file).unwrap().len() as usize;
                for _ in 0..3 {
                    flip(&file, dice.below(length), 0x40);
                }
            }
        });
        // A clear refusal to open is an answer too.
        let Ok(scene) = scene else { continue };
        assert_eq!(weakened(&scene), None);
        if working(&scene) < ALL {
            assert!(!scene.application.status().unwrap().damage.is_empty(), "objects are missing and nothing is told");
        }
    }
}

#[test]
fn the_store_cannot_be_read_without_the_vault() {
    let bench = Bench::new();
    let everything: Vec<u8> =
        files(&bench.good.join("store")).iter().flat_map(|path| fs::read(path).unwrap()).collect();
    for text in [&b"before"[..], b"after", b"tamper", PIN, SO_PIN, &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]] {
        assert!(!everything.windows(text.len()).any(|window| window == text), "{text:?} is on disk");
    }
    let scene = open(&bench.good).unwrap();
    let serials = scene.application.token_info(0).unwrap().serial;
    assert!(!everything.windows(16).any(|window| window == serials.as_bytes()));
    drop(scene.engine);
}
