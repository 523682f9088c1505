//! Homes of every kind, through the module and the vault that it starts: each case has a process and a home of its own.

#![allow(unsafe_code)]

mod common;

use common::p11::*;
use cryptoki_sys::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use strongroom_pkcs11::client::Client;
use strongroom_pkcs11::config::Home;

const SO_PIN: &[u8] = b"officer-1";
const PIN: &[u8] = b"user-1234";
/// Tells a copy of this program what it is to do, and with which module.
const CASE: &str = "STRONGROOM_TEST_CASE";
const MODULE: &str = "STRONGROOM_TEST_MODULE";
const CHEAP: &str = "idle-seconds = 10\n[pin]\nmemory-kib = 64\npasses = 1\n";

/// A directory for one test. What vaults served in it have ended when it is gone.
struct Place {
    root: tempfile::TempDir,
    mounted: Option<PathBuf>,
}

impl Place {
    fn new() -> Place {
        Place { root: tempfile::tempdir().unwrap(), mounted: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A home with cheap PINs.
    fn home(&self, name: &str, more: &str) -> PathBuf {
        let home = self.path(name);
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("strongroom.toml"), format!("{more}{CHEAP}")).unwrap();
        home
    }

    /// Processes that were started to serve something in this directory.
    fn vaults(&self) -> Vec<u32> {
        let root = self.root.path().to_string_lossy().into_owned();
        let serves = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            line.contains("\0serve\0") && line.contains(&root)
        };
        let numbers = fs::read_dir("/proc").unwrap().flatten();
        numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(serves).collect()
    }

    fn no_vault_is_left(&self) -> bool {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.vaults().is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.vaults().is_empty()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for vault in self.vaults() {
            signal(vault, "-TERM");
        }
        let ended = self.no_vault_is_left();
        if let Some(mounted) = &self.mounted {
            let _ = Command::new("umount").arg(mounted).status();
        }
        assert!(ended || std::thread::panicking(), "a vault is left behind");
    }
}

fn signal(process: u32, signal: &str) {
    let _ = Command::new("kill").args([signal, &process.to_string()]).status();
}

/// A copy of this program that does `case`, with nothing of ours in its environment.
fn copy(case: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_process_with_a_home", "--nocapture"]).stdin(Stdio::null());
    clean(&mut command);
    command.env(CASE, case);
    command
}

fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if ["STRONGROOM_", "XDG_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
            command.env_remove(name);
        }
    }
}

#[track_caller]
fn done(output: Output) -> String {
    let told = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{told}");
    told
}

#[track_caller]
fn run(case: &str, home: &Path) -> String {
    done(copy(case).env("STRONGROOM_HOME", home).output().unwrap())
}

/// What a copy of this program does; on its own it has nothing to do.
#[test]
fn a_process_with_a_home() {
    let Ok(case) = std::env::var(CASE) else { return };
    let module = std::env::var_os(MODULE).map_or_else(common::module_path, PathBuf::from);
    let p = Module::load(&module);
    p.initialize().expect("C_Initialize");
    match case.as_str() {
        "make" => make(&p),
        "use" => drop(sign(&p)),
        "read-only" => read_only(&p),
        "one of many" => one_of_many(&p),
        "no vault" => no_vault(&p),
        other => panic!("{other}"),
    }
    p.finalize().expect("C_Finalize");
}

/// Makes a token and a key in it, and signs.
fn make(p: &Module) {
    let slot = p.slots(true).expect("slots")[0];
    p.init_token(slot, SO_PIN, "home").expect("C_InitToken");
    let session = p.open_rw(slot).expect("a session");
    p.login(session, CKU_SO, SO_PIN).expect("the SO");
    p.init_pin(session, PIN).expect("C_InitPIN");
    p.logout(session).expect("C_Logout");
    p.login(session, CKU_USER, PIN).expect("the user");
    p.generate(session, &Mech::new(CKM_AES_KEY_GEN), &key().flag(CKA_TOKEN, true)).expect("a key");
    p.close(session).expect("closed");
    sign(p);
}

fn key() -> Attrs {
    Attrs::new().number(CKA_VALUE_LEN, 32).flag(CKA_SIGN, true)
}

/// Logs in and signs with the key that is there.
fn sign(p: &Module) -> (CK_SLOT_ID, CK_SESSION_HANDLE) {
    let has_token = |slot: &CK_SLOT_ID| p.token_info(*slot).expect("info").flags & CKF_TOKEN_INITIALIZED != 0;
    let slot = p.slots(true).expect("slots").into_iter().find(has_token).expect("a token");
    let session = p.open_rw(slot).or_else(|_| p.open(slot, CKF_SERIAL_SESSION)).expect("a session");
    p.login(session, CKU_USER, PIN).expect("the user");
    let keys = p.find(session, &Attrs::new().class(CKO_SECRET_KEY)).expect("a search");
    assert_eq!(keys.len(), 1, "the key is there");
    p.sign(session, &Mech::new(CKM_AES_CMAC), keys[0], b"data").expect("a signature");
    (slot, session)
}

fn read_only(p: &Module) {
    const PROTECTED: CK_RV = CKR_TOKEN_WRITE_PROTECTED;
    let (slot, reader) = sign(p);
    assert_ne!(p.token_info(slot).unwrap().flags & CKF_WRITE_PROTECTED, 0, "CKF_WRITE_PROTECTED");
    p.generate(reader, &Mech::new(CKM_AES_KEY_GEN), &key()).expect("a session object");
    let writer = p.open_rw(slot).unwrap_or(reader);
    let lasting = |made: Rv<CK_OBJECT_HANDLE>| made.expect_err("nothing can be written");
    let expected = if writer == reader { CKR_SESSION_READ_ONLY } else { PROTECTED };
    assert_eq!(lasting(p.generate(writer, &Mech::new(CKM_AES_KEY_GEN), &key().flag(CKA_TOKEN, true))), expected);
    let data = Attrs::new().class(CKO_DATA).bytes(CKA_VALUE, b"x");
    p.create(writer, &data).expect("a session object");
    assert_eq!(lasting(p.create(writer, &data.flag(CKA_TOKEN, true))), expected);
    assert_eq!(p.set_pin(writer, PIN, b"another-pin"), Err(expected));
    p.logout(writer).unwrap();
    for session in [writer, reader] {
        let _ = p.close(session);
    }
    assert_eq!(p.init_token(slot, SO_PIN, "again"), Err(PROTECTED));
}

/// Tells which process the vault is.
fn one_of_many(p: &Module) {
    assert!(!p.slots(true).expect("slots").is_empty());
    let home = Home::at(std::env::var_os("STRONGROOM_HOME").unwrap().into()).unwrap();
    println!("\nvault={}", Client::new(home).unwrap().calls().status().unwrap().pid);
}

fn no_vault(p: &Module) {
    match p.slots(true) {
        Ok(slots) => assert!(slots.is_empty()),
        Err(rv) => assert_eq!(rv, CKR_DEVICE_ERROR),
    }
}

#[test]
fn without_any_configuration_all_works() {
    let place = Place::new();
    for case in ["make", "use"] {
        done(copy(case).env("HOME", place.root.path()).output().unwrap());
    }
    assert!(place.path(".local/share/strongroom/store").is_dir());
}

#[test]
fn a_home_deeper_than_an_address_of_a_socket_works() {
    let place = Place::new();
    let home = place.home(&format!("{}/{}", "d".repeat(120), "e".repeat(120)), "");
    run("make", &home);
    run("use", &home);
}

#[test]
fn a_home_that_cannot_be_written_can_be_used() {
    let mut place = Place::new();
    let medium = place.path("medium");
    fs::create_dir(&medium).unwrap();
    let mount = |arguments: &[&str]| Command::new("mount").args(arguments).arg(&medium).output();
    if mount(&["-t", "tmpfs", "tmpfs"]).is_ok_and(|mounted| mounted.status.success()) {
        place.mounted = Some(medium.clone());
    }
    let home = place.home("medium/home", "");
    run("make", &home);
    place.vaults().into_iter().for_each(|vault| signal(vault, "-TERM"));
    assert!(place.no_vault_is_left());
    match &place.mounted {
        Some(_) => assert!(mount(&["-o", "remount,ro"]).unwrap().status.success()),
        None => protect(&home, true),
    }
    run("read-only", &home);
    if place.mounted.is_none() {
        protect(&home, false);
    }
}

/// Takes the permission to write from everything below a directory, or gives it back.
fn protect(path: &Path, on: bool) {
    let mode = match (path.is_dir(), on) {
        (true, true) => 0o500,
        (true, false) => 0o700,
        (false, true) => 0o400,
        (false, false) => 0o600,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if !entry.file_type().unwrap().is_symlink() {
            protect(&entry.path(), on);
        }
    }
}

/// The command line as another user: only root can try.
fn as_user(user: u32, groups: &str, program: &Path, home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg(format!("--regid={user}")).arg(format!("--groups={groups}"));
    clean(&mut command);
    command.arg(program).args(arguments).stdin(Stdio::null()).current_dir("/");
    command.env("STRONGROOM_HOME", home).env("STRONGROOM_PIN", "user-1234").env("STRONGROOM_SO_PIN", "officer-1");
    command.output().expect("setpriv of util-linux")
}

#[test]
fn a_group_shares_a_vault_and_a_stranger_does_not() {
    if !rustix::process::geteuid().is_root() {
        return; // nobody else can become another user
    }
    let (owner, member, stranger, group) = (47001, 47002, 47003, 47100);
    let place = Place::new();
    fs::set_permissions(place.root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = place.path("strongroom");
    fs::copy(env!("CARGO_BIN_EXE_strongroom"), &program).unwrap();
    let home = place.home("home", &format!("share = {{ group = \"{group}\" }}\n"));
    for path in [home.clone(), home.join("strongroom.toml")] {
        std::os::unix::fs::chown(path, Some(owner), Some(group)).unwrap();
    }
    let groups = group.to_string();
    done(as_user(owner, &groups, &program, &home, &["token", "init", "--label", "shared"]));
    let list = ["--json", "token", "list"];
    assert!(done(as_user(member, &groups, &program, &home, &list)).contains("shared"));
    let refused = as_user(stranger, &stranger.to_string(), &program, &home, &list);
    let told = [refused.stdout, refused.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(!refused.status.success() && !told.contains("shared\""), "{told}");
    assert!(told.contains("may not use") || told.contains("ermission denied"), "{told}");
}

#[test]
fn where_the_vaults_program_is_missing_the_log_names_the_places() {
    let place = Place::new();
    let (home, lonely) = (place.home("home", ""), place.path("lonely"));
    fs::create_dir(&lonely).unwrap();
    let module = lonely.join("libstrongroom_pkcs11.so");
    fs::copy(common::module_path(), &module).unwrap();
    let mut command = copy("no vault");
    command.env(MODULE, &module).env("STRONGROOM_HOME", &home).env("STRONGROOM_LOG", "info").env("PATH", "");
    let told = done(command.output().unwrap());
    assert!(told.contains(&lonely.join("strongroom").display().to_string()), "{told}");
}

#[test]
fn a_mistake_in_the_configuration_is_told_with_its_line() {
    let place = Place::new();
    let home = place.home("home", "idle-secs = 3\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    clean(&mut command);
    let output = command.args(["token", "list"]).env("STRONGROOM_HOME", &home).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{told}");
    for part in ["idle-secs", "line 1", "strongroom.toml"] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn a_vault_ends_with_its_socket_when_it_is_told_to() {
    let place = Place::new();
    let home = place.home("home", "");
    run("make", &home);
    let vaults = place.vaults();
    assert_eq!(vaults.len(), 1, "one vault");
    assert!(home.join("vault.sock").exists());
    signal(vaults[0], "-TERM");
    assert!(place.no_vault_is_left());
    assert!(!home.join("vault.sock").exists());
    run("use", &home);
}

#[test]
fn fifty_modules_at_once_find_one_vault() {
    let place = Place::new();
    let home = place.home("home", "");
    let start = || copy("one of many").env("STRONGROOM_HOME", &home).stdout(Stdio::piped()).spawn().unwrap();
    let processes: Vec<_> = (0..50).map(|_| start()).collect();
    let told = processes.into_iter().map(|process| done(process.wait_with_output().unwrap()));
    let mut vaults: Vec<String> = told
        .map(|told| told.lines().find_map(|line| line.strip_prefix("vault=").map(str::to_owned)).expect("a vault"))
        .collect();
    vaults.sort();
    vaults.dedup();
    assert_eq!(vaults.len(), 1, "{vaults:?}");
}
