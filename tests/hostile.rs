//! Callers that mean harm: whatever they send, the vault answers or hangs up, lives on, keeps its memory, and serves the
//! next good caller.

use rustix::net::{SendFlags, send};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use strongroom_pkcs11::call::{self, Application, Calls, Host, Remote, Transport, read_answer};
use strongroom_pkcs11::ck;
use strongroom_pkcs11::config::Home;
use strongroom_pkcs11::engine::{Engine, EngineHost};
use strongroom_pkcs11::error::Result;
use strongroom_pkcs11::wire::address::connect_to;
use strongroom_pkcs11::wire::codec::Writer;
use strongroom_pkcs11::wire::hello::{self, Hello, Purpose};
use strongroom_pkcs11::wire::seqpacket::{Buffer, Connection, Lost};
use strongroom_pkcs11::wire::values::{MechanismCall, Parameter, Template};

const CHEAP: &str = "idle-seconds = 60\n[pin]\nmemory-kib = 64\npasses = 1\nuser-tries = 1000\nso-tries = 1000\n";
const SO_PIN: &[u8] = b"officer-1";
const PIN: &[u8] = b"user-1234";
const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// How many frames are tried on the engine, and how many of them over a socket as well.
const FRAMES: usize = 20_000;
const OVER_A_SOCKET: usize = 2_000;
/// What a process may come to hold, whatever it is sent.
const BOUND: u64 = 768 * 1024;

/// Notes every request that is carried, and has the engine answer it.
struct Recorder {
    application: Arc<dyn Application>,
    frames: Mutex<Vec<Vec<u8>>>,
}

impl Transport for Recorder {
    fn exchange<T>(&self, request: &Writer, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        self.frames.lock().unwrap().push(request.bytes().to_vec());
        let mut reply = Writer::default();
        call::answer(&*self.application, request.bytes(), &mut reply);
        read(reply.bytes())
    }
}

fn mechanism(id: u64) -> MechanismCall {
    MechanismCall { id, parameter: Parameter::None }
}

/// Makes a token and uses it in many ways: the requests of that.
fn good_requests(application: Arc<dyn Application>) -> Vec<Vec<u8>> {
    let at = Remote(Recorder { application, frames: Mutex::default() });
    let slot = at.slot_list().unwrap()[0];
    at.init_token(slot, SO_PIN, b"hostile").unwrap();
    let session = at.open_session(slot, ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION).unwrap();
    at.login(session, ck::CKU_SO, None, SO_PIN).unwrap();
    at.init_pin(session, PIN).unwrap();
    at.logout(session).unwrap();
    at.login(session, ck::CKU_USER, None, PIN).unwrap();
    at.set_pin(session, PIN, PIN).unwrap();
    at.slot_info(slot).unwrap();
    at.token_info(slot).unwrap();
    at.mechanism_info(slot, at.mechanism_list(slot).unwrap()[0]).unwrap();
    at.session_info(session).unwrap();
    at.generate_random(session, 32).unwrap();

    let aes = Template::new().number(ck::CKA_VALUE_LEN, 32).flag(ck::CKA_EXTRACTABLE, true).bytes(ck::CKA_ID, b"aes");
    let aes = at.generate_key(session, mechanism(ck::CKM_AES_KEY_GEN), aes).unwrap();
    let curve = Template::new().bytes(ck::CKA_EC_PARAMS, P256);
    let pair = mechanism(ck::CKM_EC_KEY_PAIR_GEN);
    let (public, private) = at.generate_key_pair(session, pair, curve, Template::new()).unwrap();
    let data = Template::new().number(ck::CKA_CLASS, ck::CKO_DATA).bytes(ck::CKA_VALUE, b"value");
    let data = at.create_object(session, data).unwrap();
    let copy = at.copy_object(session, data, Template::new().bytes(ck::CKA_LABEL, b"copy")).unwrap();
    at.attributes(session, data, vec![ck::CKA_VALUE, ck::CKA_LABEL, ck::CKA_CLASS]).unwrap();
    at.set_attributes(session, copy, Template::new().bytes(ck::CKA_LABEL, b"changed")).unwrap();
    at.object_size(session, copy).unwrap();
    at.destroy_object(session, copy).unwrap();
    at.find_init(session, Template::new().bytes(ck::CKA_ID, b"aes")).unwrap();
    at.find(session, 10).unwrap();
    at.find_final(session).unwrap();

    at.encrypt_init(session, Some(mechanism(ck::CKM_AES_ECB)), aes).unwrap();
    at.encrypt(session, &[7; 32], Some(64)).unwrap();
    at.decrypt_init(session, Some(mechanism(ck::CKM_AES_ECB)), aes).unwrap();
    at.decrypt_update(session, &[7; 32], Some(64)).unwrap();
    at.decrypt_final(session, Some(64)).unwrap();
    at.digest_init(session, Some(mechanism(ck::CKM_SHA256))).unwrap();
    at.digest_update(session, b"data").unwrap();
    at.digest_final(session, Some(64)).unwrap();
    at.sign_init(session, Some(mechanism(ck::CKM_ECDSA_SHA256)), private).unwrap();
    at.sign(session, b"data", Some(64)).unwrap();
    at.verify_init(session, Some(mechanism(ck::CKM_ECDSA_SHA256)), public).unwrap();
    assert!(at.verify(session, b"data", &[1; 64]).is_err());
    at.wrap_key(session, mechanism(ck::CKM_AES_KEY_WRAP), aes, aes, Some(100)).unwrap();
    let unwrap = Template::new().number(ck::CKA_CLASS, ck::CKO_SECRET_KEY).number(ck::CKA_KEY_TYPE, ck::CKK_AES);
    assert!(at.unwrap_key(session, mechanism(ck::CKM_AES_KEY_WRAP), aes, &[1; 40], unwrap).is_err());
    at.status().unwrap();
    at.0.frames.into_inner().unwrap()
}

/// A small generator: the frames are the same at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }

    /// A good request made bad: bytes changed, cut off, put in, or another's end put on.
    fn spoil(&mut self, good: &[Vec<u8>]) -> Vec<u8> {
        let mut frame = good[self.below(good.len())].clone();
        for _ in 0..=self.below(3) {
            let place = self.below(frame.len());
            match self.below(6) {
                0 => frame.truncate(place),
                1 => frame.insert(place, self.below(256) as u8),
                2 => frame.extend_from_slice(&good[self.below(good.len())]),
                3 if frame.len() >= place + 8 => frame[place..place + 8].copy_from_slice(&u64::MAX.to_le_bytes()),
                4 if !frame.is_empty() => frame[place] = self.below(256) as u8,
                _ if !frame.is_empty() => frame[place] ^= 1 << self.below(8),
                _ => frame.push(0),
            }
        }
        frame
    }
}

fn kilobytes(process: &str, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect(what);
    line.trim_matches(|letter: char| !letter.is_ascii_digit()).parse().unwrap()
}

fn new_home(root: &Path) -> PathBuf {
    std::fs::write(root.join("strongroom.toml"), CHEAP).unwrap();
    root.to_owned()
}

#[test]
fn no_frame_brings_the_engine_down() {
    let root = tempfile::tempdir().unwrap();
    let engine = Engine::open(&Home::at(new_home(root.path())).unwrap()).unwrap();
    let host = EngineHost(engine);
    let application = host.enter(0);
    let good = good_requests(application.clone());
    let (mut dice, mut refused) = (Dice(1), 0);
    for round in 0..FRAMES {
        let frame = dice.spoil(&good);
        let mut reply = Writer::default();
        // Not by way of the vault, which would catch a panic: here one fails the test.
        call::answer(&*application, &frame, &mut reply);
        match reply.bytes().first() {
            Some(0) => {}
            Some(1) => refused += 1,
            _ => panic!("round {round}: {frame:?} has no answer"),
        }
    }
    assert!(refused > FRAMES / 2, "only {refused} of {FRAMES} spoiled frames were refused");
    assert!(host.enter(0).slot_list().is_ok());
    let held = kilobytes("self", "VmHWM:");
    assert!(held < BOUND, "{held} KiB were held");
}

/// A vault of its own, ended with the test.
struct Vault {
    process: Child,
    socket: PathBuf,
    _root: tempfile::TempDir,
}

impl Vault {
    fn start() -> Vault {
        let root = tempfile::tempdir().unwrap();
        let home = new_home(root.path());
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.args(["serve", "--foreground", "--home"]).arg(&home).stdin(Stdio::null());
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let vault = Vault { process, socket: home.join("vault.sock"), _root: root };
        let until = Instant::now() + Duration::from_secs(20);
        while connect_to(&vault.socket, Duration::from_secs(1)).is_err() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        vault
    }

    fn socket(&self) -> OwnedFd {
        connect_to(&self.socket, Duration::from_secs(20)).unwrap()
    }

    /// A connection of a good caller.
    fn greeted(&self) -> Connection {
        let connection = Connection::new(self.socket());
        connection.limit(Some(Duration::from_secs(20))).unwrap();
        connection.send(hello().bytes()).unwrap();
        hello::read_reply(connection.receive(&mut Buffer::default()).unwrap()).unwrap();
        connection
    }

    fn is_well(&mut self) {
        assert!(self.process.try_wait().unwrap().is_none(), "the vault has ended");
        assert!(slots(&self.greeted()), "a good caller is answered");
        let held = kilobytes(&self.process.id().to_string(), "VmHWM:");
        assert!(held < BOUND, "the vault holds {held} KiB");
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn hello() -> Writer {
    Hello { purpose: Purpose::Enter, after: 0, last: 0, program: "test".into() }.message()
}

/// Whether the first call is answered.
fn slots(connection: &Connection) -> bool {
    connection.send(&[1]).is_ok() && connection.receive(&mut Buffer::default()).is_ok_and(|answer| answer[0] == 0)
}

/// One packet as a caller may make it: what it says of itself, and what it holds.
fn packet(socket: &OwnedFd, length: u32, offset: u32, piece: &[u8]) {
    let whole = [&length.to_le_bytes()[..], &offset.to_le_bytes(), &[0; 8], piece].concat();
    let _ = send(socket, &whole, SendFlags::NOSIGNAL); // the vault may have hung up already
}

#[test]
fn bad_greetings_are_answered_with_what_is_wrong() {
    let mut vault = Vault::start();
    let mut spoiled = hello().bytes().to_vec();
    spoiled[8] = 77;
    for (message, why) in
        [(spoiled.as_slice(), "protocol 77"), (b"GET / HTTP/1.1", "no Strongroom"), (b"", "no Strongroom")]
    {
        let connection = Connection::new(vault.socket());
        connection.send(message).unwrap();
        let mut buffer = Buffer::default();
        let error = hello::read_reply(connection.receive(&mut buffer).unwrap()).err().unwrap();
        assert!(error.why().contains(why), "{error}");
        assert_eq!(connection.receive(&mut buffer), Err(Lost::Gone));
    }
    for cut in 0..hello().bytes().len() {
        Connection::new(vault.socket()).send(&hello().bytes()[..cut]).unwrap();
    }
    vault.is_well();
}

#[test]
fn packets_that_lie_take_neither_memory_nor_the_vault() {
    let mut vault = Vault::start();
    let piece = vec![0u8; 64 * 1024];
    for greeted in [false, true] {
        for (length, offset, part) in [
            (u32::MAX, 0, &piece[..]),
            (u32::MAX, u32::MAX, &piece[..9]),
            (1 << 30, 0, &piece[..]),
            (1 << 30, 0, &piece[..17]),
            (3 * 64 * 1024, 0, &piece[..]),
            (3, 0, &piece[..2]),
            (3, 1, &piece[..3]),
            (0, 0, &piece[..1]),
        ] {
            for _ in 0..20 {
                let socket = if greeted { None } else { Some(vault.socket()) };
                let connection = greeted.then(|| vault.greeted());
                match (&socket, &connection) {
                    (Some(socket), _) => packet(socket, length, offset, part),
                    (None, Some(connection)) => {
                        let whole = [&length.to_le_bytes()[..], &offset.to_le_bytes(), &[0; 8], part].concat();
                        let _ = send(connection, &whole, SendFlags::NOSIGNAL);
                    }
                    (None, None) => unreachable!(),
                }
            }
        }
        let short = vault.socket();
        let _ = send(&short, &[1, 2, 3], SendFlags::NOSIGNAL);
    }
    vault.is_well();
}

#[test]
fn spoiled_requests_over_a_socket_are_answered() {
    let mut vault = Vault::start();
    let root = tempfile::tempdir().unwrap();
    let engine = Engine::open(&Home::at(new_home(root.path())).unwrap()).unwrap();
    let good = good_requests(EngineHost(engine).enter(0));
    let (connection, mut buffer, mut dice) = (vault.greeted(), Buffer::default(), Dice(2));
    for frame in good.iter().cloned().chain((0..OVER_A_SOCKET).map(|_| dice.spoil(&good))) {
        connection.send(&frame).unwrap();
        let answer = connection.receive(&mut buffer).unwrap();
        let answer = &answer[..answer.len() - 16]; // behind it stands how the application stands
        if answer[0] == 1 {
            let refusal = read_answer::<()>(answer).unwrap_err();
            assert!(!refusal.why().contains("internal fault"), "{frame:?}: {refusal}");
        }
    }
    assert!(slots(&connection));
    vault.is_well();
}

#[test]
fn a_flood_of_connections_is_bounded_and_passes() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard }).unwrap();
    let most = hard.map_or(4200, |hard| hard.saturating_sub(100).min(4200));
    let mut vault = Vault::start();
    let early = vault.greeted();
    let flood: Vec<_> = (0..most).map_while(|_| connect_to(&vault.socket, Duration::from_secs(20)).ok()).collect();
    assert!(slots(&early), "who was here is still served");
    if flood.len() > 4100 {
        let late = Connection::new(vault.socket());
        late.limit(Some(Duration::from_secs(20))).unwrap();
        let mut buffer = Buffer::default();
        let error = hello::read_reply(late.receive(&mut buffer).unwrap()).err().unwrap();
        assert!(error.why().contains("as many connections"), "{error}");
    }
    drop(flood);
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        let connection = Connection::new(vault.socket());
        let greeted = connection.send(hello().bytes());
        let mut buffer = Buffer::default();
        if greeted.is_ok() && connection.receive(&mut buffer).is_ok_and(|reply| hello::read_reply(reply).is_ok()) {
            break;
        }
    }
    vault.is_well();
}
