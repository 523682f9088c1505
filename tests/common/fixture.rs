//! A module with a home of its own for the tests of one file, and a token of its own for each test.
//!
//! `STRONGROOM_TEST_ENGINE=in-process` runs the same tests with the engine inside the module.

#![allow(unsafe_code, dead_code)]

use super::p11::{Attrs, Mech, Module};
use cryptoki_sys::*;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard};

pub const SO_PIN: &[u8] = b"officer-1";
pub const PIN: &[u8] = b"user-1234";

/// The configuration of a test's home: cheap PINs, a vault that soon ends.
pub fn configuration() -> String {
    let engine = std::env::var("STRONGROOM_TEST_ENGINE").unwrap_or_else(|_| "vault".to_owned());
    format!(
        "engine = \"{engine}\"\nidle-seconds = 20\n[pin]\nmemory-kib = 64\npasses = 1\nuser-tries = 5\nso-tries = 5\n"
    )
}

/// A new home with that configuration.
pub fn new_home(name: &str) -> PathBuf {
    let home = std::env::temp_dir().join(format!("strongroom-test-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(&home).expect("a home");
    std::fs::write(home.join("strongroom.toml"), configuration()).expect("its configuration");
    home
}

/// The module of this test file, initialised.
pub fn module() -> &'static Module {
    static MODULE: LazyLock<Module> = LazyLock::new(|| {
        let executable = std::env::current_exe().expect("a path");
        let name = executable.file_stem().expect("a name").to_string_lossy().into_owned();
        let home = new_home(&name);
        // SAFETY: once, before the module is loaded; other tests of the file wait here.
        unsafe { std::env::set_var("STRONGROOM_HOME", &home) };
        let module = Module::load(&super::module_path());
        module.initialize().expect("C_Initialize");
        module
    });
    &MODULE
}

/// A token that no other test uses.
pub struct Token {
    pub slot: CK_SLOT_ID,
}

/// Slots are given out one at a time.
fn free_slot() -> MutexGuard<'static, ()> {
    static MAKING: Mutex<()> = Mutex::new(());
    MAKING.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The slot whose token is not initialised.
pub fn uninitialised_slot() -> CK_SLOT_ID {
    let p = module();
    let free = |slot: &CK_SLOT_ID| p.token_info(*slot).expect("token info").flags & CKF_TOKEN_INITIALIZED == 0;
    p.slots(true).expect("slots").into_iter().find(free).expect("one free slot")
}

impl Token {
    /// With an SO PIN and a user PIN.
    pub fn new(label: &str) -> Token {
        let token = Token::without_user(label);
        let p = module();
        let session = p.open_rw(token.slot).expect("a session");
        p.login(session, CKU_SO, SO_PIN).expect("SO logs in");
        p.init_pin(session, PIN).expect("C_InitPIN");
        p.logout(session).expect("SO logs out");
        p.close(session).expect("closed");
        token
    }

    /// With an SO PIN only.
    pub fn without_user(label: &str) -> Token {
        let _making = free_slot();
        let slot = uninitialised_slot();
        module().init_token(slot, SO_PIN, label).expect("C_InitToken");
        Token { slot }
    }

    /// A read-write session.
    pub fn session(&self) -> CK_SESSION_HANDLE {
        module().open_rw(self.slot).expect("a session")
    }

    /// A read-only session.
    pub fn reader(&self) -> CK_SESSION_HANDLE {
        module().open(self.slot, CKF_SERIAL_SESSION).expect("a session")
    }

    /// A read-write session with the user logged in.
    pub fn user(&self) -> CK_SESSION_HANDLE {
        let session = self.session();
        match module().login(session, CKU_USER, PIN) {
            Ok(()) | Err(CKR_USER_ALREADY_LOGGED_IN) => session,
            Err(rv) => panic!("login: {rv:#x}"),
        }
    }
}

/// An AES key that can do everything, not extractable.
pub fn aes(length: CK_ULONG) -> Attrs {
    Attrs::new().number(CKA_VALUE_LEN, length)
}

pub fn aes_key(session: CK_SESSION_HANDLE, more: &Attrs) -> CK_OBJECT_HANDLE {
    module().generate(session, &Mech::new(CKM_AES_KEY_GEN), &aes(32).and(more)).expect("an AES key")
}

/// The DER of a named curve.
pub const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
pub const P384: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x22];
pub const P521: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x23];
pub const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];
pub const X25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x6e];

/// An EC key pair: public, private.
pub fn ec_pair(session: CK_SESSION_HANDLE, curve: &[u8], private: &Attrs) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let public = Attrs::new().bytes(CKA_EC_PARAMS, curve);
    let mechanism = match curve {
        ED25519 => CKM_EC_EDWARDS_KEY_PAIR_GEN,
        X25519 => CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
        _ => CKM_EC_KEY_PAIR_GEN,
    };
    module().generate_pair(session, &Mech::new(mechanism), &public, private).expect("an EC key pair")
}

/// An RSA key pair of 2048 bits: public, private.
pub fn rsa_pair(session: CK_SESSION_HANDLE, private: &Attrs) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let public = Attrs::new().number(CKA_MODULUS_BITS, 2048).bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
    module().generate_pair(session, &Mech::new(CKM_RSA_PKCS_KEY_PAIR_GEN), &public, private).expect("an RSA key pair")
}
