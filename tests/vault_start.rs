//! The vault as applications meet it: started when it is needed, once; gone when nobody needs it; and what they see when
//! it dies.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use strongroom_pkcs11::ck::{CKF_RW_SESSION, CKF_SERIAL_SESSION};
use strongroom_pkcs11::client::Client;
use strongroom_pkcs11::config::{Config, Home};
use strongroom_pkcs11::error::Code;

/// Names the home to the copies of this program that `fifty_processes_start_one_vault` runs.
const CHILD: &str = "STRONGROOM_TEST_CHILD";

fn home(directory: &Path) -> Home {
    let config =
        Config { vault_binary: Some(env!("CARGO_BIN_EXE_strongroom").into()), source: None, ..Config::default() };
    Home { directory: directory.to_owned(), config }
}

fn client(directory: &Path) -> Client {
    Client::new(home(directory)).unwrap()
}

/// The process of the vault that answers.
fn vault(client: &Client) -> u64 {
    client.calls().status().map(|status| status.pid).unwrap_or_else(|error| panic!("{error}"))
}

fn is_running(process: u64) -> bool {
    // A process that has ended and that nobody has reaped still has its number.
    std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn ends(process: u64) -> bool {
    let until = Instant::now() + Duration::from_secs(15);
    while is_running(process) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    !is_running(process)
}

fn kill(process: u64, signal: &str) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

/// A home whose vault ends with it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }
    fn home(&self) -> std::path::PathBuf {
        self.0.path().join("home")
    }
}

#[test]
fn fifty_threads_start_one_vault() {
    let place = Place::new();
    let vaults: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50).map(|_| scope.spawn(|| vault(&client(&place.home())))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(vaults.iter().all(|vault| *vault == vaults[0]), "{vaults:?}");
}

#[test]
fn fifty_processes_start_one_vault() {
    let place = Place::new();
    let program = std::env::current_exe().unwrap();
    let run = || {
        let mut command = Command::new(&program);
        command.args(["--exact", "a_process_that_needs_a_vault", "--nocapture"]).env(CHILD, place.home());
        command.stdout(std::process::Stdio::piped()).spawn().unwrap()
    };
    let processes: Vec<_> = (0..50).map(|_| run()).collect();
    let mut vaults: Vec<String> = processes
        .into_iter()
        .map(|process| String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap())
        .map(|told| told.lines().find_map(|line| line.split("vault=").nth(1)).expect("a vault").to_owned())
        .collect();
    vaults.dedup();
    assert_eq!(vaults.len(), 1, "{vaults:?}");
}

/// What each of the fifty does. On its own it has nothing to do.
#[test]
fn a_process_that_needs_a_vault() {
    if let Some(directory) = std::env::var_os(CHILD) {
        println!("\nvault={}", vault(&client(Path::new(&directory))));
    }
}

#[test]
fn the_vault_is_nobodys_child_and_holds_nothing_of_the_application() {
    let place = Place::new();
    let process = vault(&client(&place.home()));
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    assert!(!status.contains(&format!("PPid:\t{}\n", std::process::id())), "{status}");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    assert!(limits.lines().any(|line| line.starts_with("Max core file size") && line.contains(" 0 ")), "{limits}");
}

#[test]
fn a_killed_vault_is_told_once_and_then_replaced() {
    let place = Place::new();
    let client = client(&place.home());
    let first = vault(&client);
    let slot = client.calls().slot_list().unwrap()[0];
    let token = client.calls().init_token(slot, b"12345678", b"a token");
    token.unwrap_or_else(|error| panic!("{error}"));
    let session = client.calls().open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
    kill(first, "-KILL");
    assert!(ends(first));

    assert_eq!(client.calls().session_info(session).err().unwrap().code(), Code::DeviceError);
    assert_eq!(client.calls().session_info(session).err().unwrap().code(), Code::SessionHandleInvalid);
    assert!(client.calls().open_session(slot, CKF_SERIAL_SESSION).unwrap() > session);
    assert_ne!(vault(&client), first);
}

#[test]
fn without_a_session_a_vault_may_be_replaced_unnoticed() {
    let place = Place::new();
    let client = client(&place.home());
    let first = vault(&client);
    kill(first, "-TERM");
    assert!(ends(first));
    assert_ne!(vault(&client), first);
}

#[test]
fn a_vault_ends_when_its_home_is_deleted() {
    let place = Place::new();
    let client = client(&place.home());
    let process = vault(&client);
    std::fs::remove_dir_all(place.home()).unwrap();
    assert!(ends(process));
}

#[test]
fn a_vault_ends_when_nobody_needs_it() {
    let place = Place::new();
    std::fs::create_dir(place.home()).unwrap();
    std::fs::write(place.home().join("strongroom.toml"), "idle-seconds = 1").unwrap();
    let client = client(&place.home());
    let process = vault(&client);
    std::thread::sleep(Duration::from_secs(3));
    assert!(is_running(process), "an application is connected");
    drop(client);
    assert!(ends(process));
}

#[test]
fn a_home_deeper_than_a_sockets_address_works() {
    let place = Place::new();
    let deep = place.home().join("d".repeat(100)).join("e".repeat(100));
    assert!(is_running(vault(&client(&deep))));
}

#[test]
fn an_application_learns_why_the_vault_cannot_start() {
    let place = Place::new();
    std::fs::create_dir(place.home()).unwrap();
    std::fs::write(place.home().join("strongroom.toml"), "idle-secs = 1").unwrap();
    let error = client(&place.home()).calls().status().err().unwrap();
    assert!(error.code() == Code::DeviceError && error.why().contains("idle-secs"), "{error}");
}
