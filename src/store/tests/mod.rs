//! The store as its users see it, and as a failing disk and a tampering hand leave it.

mod commits;
mod damage;
mod disk;
mod tamper;

use super::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Small sizes, so that a few records fill several segments.
const SMALL: Limits = Limits { segment: 8 << 10, part: 1 << 10, group: 1 << 20 };

fn root() -> Secret {
    Secret::from([0x42; 32].as_slice())
}

fn id(space: u8, id: u16) -> RecordId {
    let mut whole = [0; 16];
    whole[14..].copy_from_slice(&id.to_be_bytes());
    RecordId { space: [space; 16], id: whole }
}

fn tag(n: u8) -> Tag {
    [n; 16]
}

fn put(id: RecordId, expected: u64, tags: &[u8], payload: &[u8]) -> Change {
    Change::Put { id, expected, tags: tags.iter().map(|&n| tag(n)).collect(), payload: Secret::from(payload) }
}

fn open(directory: &Path, mode: Mode) -> Result<Store> {
    let medium = Arc::new(medium::Directory::new(directory, mode));
    super::open::open(directory, &root(), mode, SMALL, medium)
}

fn writable(directory: &Path) -> Store {
    open(directory, Mode::ReadWrite).unwrap_or_else(|error| panic!("{error}"))
}

/// The reason of a refusal; a store and a record have no `Debug`.
fn refusal<T>(outcome: Result<T>) -> Error {
    match outcome {
        Ok(_) => panic!("this must be refused"),
        Err(error) => error,
    }
}

fn code<T>(outcome: Result<T>) -> Option<Code> {
    outcome.err().map(|error| error.code())
}

/// What must be in a store.
type Model = BTreeMap<RecordId, (u64, Vec<u8>)>;

fn content(store: &Store) -> Result<Model> {
    let mut model = Model::new();
    for space in 0..4 {
        for id in store.find(&[space; 16], &[])? {
            let record = store.get(&id)?.ok_or(Code::GeneralError)?;
            model.insert(id, (record.version, record.payload.to_vec()));
        }
    }
    Ok(model)
}

/// About 60 records with several versions each, a space that is gone, records that are gone.
fn fill(store: &Store) -> Model {
    let mut model = Model::new();
    for round in 0..3u64 {
        for n in 0..64u16 {
            if round > 0 && u64::from(n) % 3 != round {
                continue;
            }
            let id = id((n % 3) as u8, n);
            let expected = model.get(&id).map_or(0, |(version, _): &(u64, Vec<u8>)| *version);
            let payload = vec![(n as u8) ^ (round as u8) << 6; 40 + usize::from(n)];
            store.commit(Batch(vec![put(id, expected, &[n as u8 % 5, 100 + n as u8 % 7], &payload)])).unwrap();
            model.insert(id, (expected + 1, payload));
        }
    }
    store.commit(Batch(vec![put(id(3, 1), 0, &[1], b"gone soon"), Change::DeleteSpace([3; 16])])).unwrap();
    for n in [3, 10, 62] {
        let gone = id((n % 3) as u8, n);
        let (expected, _) = model.remove(&gone).unwrap();
        store.commit(Batch(vec![Change::Delete { id: gone, expected }])).unwrap();
    }
    model
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A closed store and what is in it: a copy of one that is made once.
fn filled() -> (TempDir, Model) {
    static MADE: std::sync::OnceLock<(BTreeMap<PathBuf, Vec<u8>>, Model)> = std::sync::OnceLock::new();
    let (image, model) = MADE.get_or_init(|| {
        let directory = TempDir::new().unwrap();
        let model = fill(&writable(directory.path()));
        let below = |path: PathBuf| path.strip_prefix(directory.path()).unwrap().to_path_buf();
        let files = listing(directory.path()).into_iter().filter(|(path, _)| path.is_file());
        (files.map(|(path, bytes)| (below(path), bytes)).collect(), model)
    });
    let directory = TempDir::new().unwrap();
    for (path, bytes) in image {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    (directory, model.clone())
}

/// Everything below a directory.
fn listing(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(listing(&path));
            all.insert(path, Vec::new());
        } else {
            let bytes = fs::read(&path).unwrap();
            all.insert(path, bytes);
        }
    }
    all
}

/// Many times in a test run of its own (`STRONGROOM_TAMPER=2000`), fewer by default.
fn rounds(default: usize) -> usize {
    std::env::var("STRONGROOM_TAMPER").ok().and_then(|count| count.parse().ok()).unwrap_or(default)
}

/// A small generator of numbers that repeat from run to run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}
