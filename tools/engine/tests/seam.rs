//! The engine in the process of its application, through the seam that the module uses.

use std::path::Path;
use strongroom_pkcs11::ck::{CKF_RW_SESSION, CKF_SERIAL_SESSION};
use strongroom_pkcs11::client::Client;
use strongroom_pkcs11::config::{Config, EngineKind, Home};
use strongroom_pkcs11::error::Code;

fn client(home: &Path) -> Client {
    let config = Config { engine: EngineKind::InProcess, ..Config::default() };
    Client::new(Home { directory: home.to_owned(), config }).unwrap()
}

#[test]
fn the_engine_works_in_the_application() {
    let home = tempfile::tempdir().unwrap();
    let client = client(home.path());
    let status = client.calls().status().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(status.pid, u64::from(std::process::id()));
    let slot = client.calls().slot_list().unwrap()[0];
    client.calls().init_token(slot, b"12345678", b"a token").unwrap();
    let sessions: Vec<u64> = std::thread::scope(|scope| {
        let open = || client.calls().open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(client.calls().generate_random(sessions[0], 100_000).unwrap().len(), 100_000);
    assert_eq!(client.calls().session_info(u64::MAX).err().unwrap().code(), Code::SessionHandleInvalid);
}

#[test]
fn the_store_is_free_again_when_the_client_is_gone() {
    let home = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let client = client(home.path());
        client.calls().status().unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_store_that_another_has_open_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (client(home.path()), client(home.path()));
    first.calls().status().unwrap_or_else(|error| panic!("{error}"));
    assert!(second.calls().status().is_err());
    drop(first);
    second.calls().status().unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_child_is_told_whose_the_store_is() {
    let home = tempfile::tempdir().unwrap();
    let parent = client(home.path());
    parent.calls().status().unwrap_or_else(|error| panic!("{error}"));
    let error = parent.forked().unwrap().calls().status().err().unwrap();
    assert!(error.code() == Code::DeviceError && error.why().contains("parent"), "{error}");
}
