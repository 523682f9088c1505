//! The key is in another process. An application that signs in a loop is searched, all of its memory, for the private
//! values of the keys it uses: none is there. The same search of the vault, by the same user, is refused by the kernel.
//!
//! Root may look everywhere, so as root the whole scene is played by the user `nobody`.

#![allow(unsafe_code)]

mod common;

use common::fixture::*;
use common::p11::*;
use cryptoki_sys::*;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use strongroom_pkcs11::client::Client;
use strongroom_pkcs11::config::Home;

/// Set in the process that plays a part.
const PART: &str = "STRONGROOM_MEMORY_PART";

#[test]
fn the_key_is_never_in_the_applications_memory_and_the_vaults_cannot_be_read() {
    match std::env::var(PART).as_deref() {
        Ok("application") => application(),
        Ok("observer") => observer(),
        _ => stage(),
    }
}

/// Sets the scene: copies of the programs where an ordinary user can run them, and a home of that user.
fn stage() {
    if std::env::var("STRONGROOM_TEST_ENGINE").is_ok_and(|engine| engine == "in-process") {
        return; // without a vault there is no isolation to show
    }
    let stage = tempfile::tempdir().unwrap();
    fs::create_dir_all(stage.path().join("bin/deps")).unwrap();
    let module = common::module_path();
    let programs = [
        (std::env::current_exe().unwrap(), "bin/test"),
        (PathBuf::from(env!("CARGO_BIN_EXE_strongroom")), "bin/strongroom"),
        (module, "bin/deps/libstrongroom_pkcs11.so"),
    ];
    for (from, to) in programs {
        fs::copy(from, stage.path().join(to)).unwrap();
    }
    let home = stage.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("strongroom.toml"), configuration()).unwrap();
    // SAFETY: asks for the user of this process.
    let root = unsafe { libc::geteuid() } == 0;
    if root {
        let owned = Command::new("chown").args(["-R", "nobody:nogroup"]).arg(stage.path()).status().unwrap();
        assert!(owned.success());
    }
    let status = part(stage.path(), "observer", root).status().unwrap();
    let leftovers = fs::read_to_string(stage.path().join("report")).unwrap_or_default();
    println!("{leftovers}");
    assert!(status.success(), "the observer failed");
}

fn part(stage: &Path, part: &str, as_nobody: bool) -> Command {
    let mut command = if as_nobody {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]);
        command.arg(stage.join("bin/test"));
        command
    } else {
        Command::new(stage.join("bin/test"))
    };
    command.args(["--nocapture", "--test-threads=1"]);
    command
        .current_dir(stage)
        .env(PART, part)
        .env("STRONGROOM_HOME", stage.join("home"))
        .env("HOME", stage)
        .env("TMPDIR", stage);
    command
}

fn module_here() -> Module {
    let stage = std::env::current_dir().unwrap();
    let module = Module::load(&stage.join("bin/deps/libstrongroom_pkcs11.so"));
    module.initialize().unwrap();
    module
}

fn log_in(p: &Module) -> CK_SESSION_HANDLE {
    let session = p.open_rw(0).unwrap();
    p.login(session, CKU_USER, PIN).unwrap();
    session
}

fn first(p: &Module, session: CK_SESSION_HANDLE, id: &[u8], class: CK_OBJECT_CLASS) -> CK_OBJECT_HANDLE {
    p.find(session, &Attrs::new().bytes(CKA_ID, id).class(class)).unwrap()[0]
}

/// Uses the keys in a loop and says when it has used them all.
fn application() {
    let p = module_here();
    let session = log_in(&p);
    let rsa = first(&p, session, b"rsa", CKO_PRIVATE_KEY);
    let ec = first(&p, session, b"ec", CKO_PRIVATE_KEY);
    let aes = first(&p, session, b"aes", CKO_SECRET_KEY);
    for round in 0u64.. {
        let data = round.to_be_bytes();
        p.sign(session, &Mech::new(CKM_SHA256_RSA_PKCS), rsa, &data).unwrap();
        p.sign(session, &Mech::new(CKM_ECDSA_SHA256), ec, &data).unwrap();
        p.encrypt(session, &Mech::gcm(&[1; 12], b"", 128), aes, &data).unwrap();
        if round == 20 {
            println!("using");
        }
        // Ends by itself if nobody ends it.
        assert!(round < 200_000);
    }
}

/// Makes the keys, notes their values, lets another process use them, and searches.
fn observer() {
    let stage = std::env::current_dir().unwrap();
    let p = module_here();
    let secrets = make_keys(&p);
    let mut application = part(&stage, "application", false).stdout(Stdio::piped()).spawn().unwrap();
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| observe(&stage, &mut application, &secrets)));
    let _ = application.kill();
    let _ = application.wait();
    ended.unwrap();
}

fn observe(stage: &Path, application: &mut Child, secrets: &[(&str, Vec<u8>)]) {
    let mut lines = BufReader::new(application.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("using"))), "the application ended early");
    let (searched, found) = search(application.id(), secrets);
    assert_eq!(found, Vec::<&str>::new(), "in the application's memory");
    // The search does find what is there: the modulus and the label of the key have gone through the application.
    let client = Client::new(Home::at(stage.join("home")).unwrap()).unwrap();
    let vault = client.calls().status().unwrap().pid as u32;
    assert_ne!(vault, application.id());
    let refused = File::open(format!("/proc/{vault}/mem")).map(drop);
    assert_eq!(
        refused.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::PermissionDenied),
        "reading the vault's memory"
    );
    // SAFETY: asks to attach; refused is what we hope for.
    let attached = unsafe { libc::ptrace(libc::PTRACE_ATTACH, vault as libc::pid_t, 0, 0) };
    assert_eq!(
        (attached, std::io::Error::last_os_error().raw_os_error()),
        (-1, Some(libc::EPERM)),
        "attaching to the vault"
    );
    let own: Vec<(&str, Vec<u8>)> = secrets.iter().map(|(name, value)| (*name, value.clone())).collect();
    let (_, here) = search(std::process::id(), &own);
    assert_eq!(here.len(), own.len(), "the search finds the values where they are: in this process");
    let report = format!(
        "searched {searched} bytes of the application: none of {} private values; the vault's memory is refused",
        secrets.len()
    );
    fs::write(stage.join("report"), report).unwrap();
}

/// Keys whose values this process (and only this one) may read, to know what to look for.
fn make_keys(p: &Module) -> Vec<(&'static str, Vec<u8>)> {
    p.init_token(0, SO_PIN, "memory").unwrap();
    let session = p.open_rw(0).unwrap();
    p.login(session, CKU_SO, SO_PIN).unwrap();
    p.init_pin(session, PIN).unwrap();
    p.logout(session).unwrap();
    p.login(session, CKU_USER, PIN).unwrap();
    let of = |id: &[u8]| {
        Attrs::new().flag(CKA_TOKEN, true).bytes(CKA_ID, id).flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true)
    };
    let rsa = Attrs::new().number(CKA_MODULUS_BITS, 2048).flag(CKA_TOKEN, true).bytes(CKA_ID, b"rsa");
    let (_, rsa) = p.generate_pair(session, &Mech::new(CKM_RSA_PKCS_KEY_PAIR_GEN), &rsa, &of(b"rsa")).unwrap();
    let ec = Attrs::new().bytes(CKA_EC_PARAMS, P256).flag(CKA_TOKEN, true).bytes(CKA_ID, b"ec");
    let (_, ec) = p.generate_pair(session, &Mech::new(CKM_EC_KEY_PAIR_GEN), &ec, &of(b"ec")).unwrap();
    let aes = p.generate(session, &Mech::new(CKM_AES_KEY_GEN), &of(b"aes").number(CKA_VALUE_LEN, 32)).unwrap();
    let value = |object, kind| p.get(session, object, kind).unwrap();
    vec![
        ("d", value(rsa, CKA_PRIVATE_EXPONENT)),
        ("p", value(rsa, CKA_PRIME_1)),
        ("q", value(rsa, CKA_PRIME_2)),
        ("the EC scalar", value(ec, CKA_VALUE)),
        ("the AES key", value(aes, CKA_VALUE)),
    ]
}

/// Searches all readable memory of a process for the values, whole, in either byte order, and for any 16 bytes of their
/// middle. Returns how much was searched and what was found.
fn search<'n>(pid: u32, secrets: &[(&'n str, Vec<u8>)]) -> (usize, Vec<&'n str>) {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let needles: Vec<(&str, Vec<u8>)> = secrets
        .iter()
        .flat_map(|(name, value)| {
            let middle = value[value.len() / 4..value.len() / 4 + 16].to_vec();
            let mut reversed = middle.clone();
            reversed.reverse();
            [(*name, middle), (*name, reversed)]
        })
        .collect();
    let (mut searched, mut found) = (0, Vec::new());
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with('r'))) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        if line.contains("[vvar") || line.contains("[vsyscall]") || to - from > 1 << 30 {
            continue;
        }
        let mut region = vec![0; (to - from) as usize];
        if memory.seek(SeekFrom::Start(from)).is_err() || memory.read_exact(&mut region).is_err() {
            continue;
        }
        searched += region.len();
        for (name, needle) in &needles {
            if !found.contains(name) && contains(&region, needle) {
                found.push(*name);
            }
        }
    }
    (searched, found)
}

fn contains(region: &[u8], needle: &[u8]) -> bool {
    // The first byte by hand: windows over gigabytes in a debug build would take all day.
    let mut from = 0;
    while let Some(place) = region[from..].iter().position(|byte| *byte == needle[0]) {
        let start = from + place;
        if region[start..].starts_with(needle) {
            return true;
        }
        from = start + 1;
    }
    false
}
