//! A disk that fails, and one that loses power.

use super::*;
use crate::store::medium::{Blocks, Directory, Medium};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// What the disk is to do wrong.
struct Plan {
    /// So many bytes more can be written.
    room: AtomicU64,
    fail_sync: AtomicBool,
    fail_truncate: AtomicBool,
    syncs: AtomicU64,
}

struct Faulty(Directory, Arc<Plan>);
struct FaultyFile(Box<dyn Blocks>, Arc<Plan>);

impl Medium for Faulty {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn Blocks>> {
        Ok(Box::new(FaultyFile(self.0.open(name)?, self.1.clone())))
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn Blocks>> {
        Ok(Box::new(FaultyFile(self.0.create(name)?, self.1.clone())))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }
    fn set_aside(&self, name: &str) -> io::Result<()> {
        self.0.set_aside(name)
    }
    fn sync(&self) -> io::Result<()> {
        self.1.sync().and_then(|()| self.0.sync())
    }
}

impl Plan {
    fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, SeqCst);
        if self.fail_sync.load(SeqCst) { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(()) }
    }
}

impl Blocks for FaultyFile {
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        self.0.read_at(into, at)
    }
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let room = self.1.room.load(SeqCst) as usize;
        self.0.write_at(&bytes[..bytes.len().min(room)], at)?;
        self.1.room.store(room.saturating_sub(bytes.len()) as u64, SeqCst);
        if bytes.len() > room { Err(io::Error::from_raw_os_error(libc::ENOSPC)) } else { Ok(()) }
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        match self.1.fail_truncate.load(SeqCst) {
            true => Err(io::Error::from_raw_os_error(libc::EIO)),
            false => self.0.truncate(length),
        }
    }
    fn sync(&self) -> io::Result<()> {
        self.1.sync().and_then(|()| self.0.sync())
    }
}

fn faulty(directory: &Path) -> (Store, Arc<Plan>) {
    let plan = Plan {
        room: AtomicU64::new(1 << 40),
        fail_sync: AtomicBool::new(false),
        fail_truncate: AtomicBool::new(false),
        syncs: AtomicU64::new(0),
    };
    let plan = Arc::new(plan);
    let medium = Arc::new(Faulty(Directory::new(directory, Mode::ReadWrite), plan.clone()));
    let store = crate::store::open::open(directory, &root(), Mode::ReadWrite, SMALL, medium);
    (store.unwrap_or_else(|error| panic!("{error}")), plan)
}

#[test]
fn a_commit_is_one_sync_and_a_full_disk_is_a_clean_refusal() {
    let (directory, mut model) = filled();
    let (store, plan) = faulty(directory.path());
    let syncs = plan.syncs.load(SeqCst);
    store.commit(Batch(vec![put(id(0, 200), 0, &[], b"one")])).unwrap();
    assert_eq!(plan.syncs.load(SeqCst), syncs + 1);
    model.insert(id(0, 200), (1, b"one".to_vec()));
    for room in 0..200 {
        plan.room.store(room, SeqCst);
        assert_eq!(code(store.commit(Batch(vec![put(id(0, 201), 0, &[], &[7; 300])]))), Some(Code::DeviceMemory));
        assert!(store.get(&id(0, 201)).unwrap().is_none());
    }
    assert!(content(&store).unwrap() == model);
    plan.room.store(1 << 40, SeqCst);
    store.commit(Batch(vec![put(id(0, 201), 0, &[], b"room again")])).unwrap();
    model.insert(id(0, 201), (1, b"room again".to_vec()));
    drop(store);
    let store = writable(directory.path());
    assert_eq!((store.damage(), content(&store).unwrap() == model), (vec![], true));
}

#[test]
fn after_a_failed_sync_nothing_is_written_behind_what_may_be_torn() {
    let (directory, mut model) = filled();
    let (store, plan) = faulty(directory.path());
    plan.fail_sync.store(true, SeqCst);
    plan.fail_truncate.store(true, SeqCst);
    for _ in 0..3 {
        assert_eq!(code(store.commit(Batch(vec![put(id(0, 200), 0, &[], b"never")]))), Some(Code::DeviceError));
    }
    plan.fail_truncate.store(false, SeqCst);
    assert_eq!(code(store.commit(Batch(vec![put(id(0, 200), 0, &[], b"never")]))), Some(Code::DeviceError));
    assert!(content(&store).unwrap() == model);
    plan.fail_sync.store(false, SeqCst);
    store.commit(Batch(vec![put(id(0, 200), 0, &[], b"at last")])).unwrap();
    model.insert(id(0, 200), (1, b"at last".to_vec()));
    drop(store);
    let store = writable(directory.path());
    assert_eq!((store.damage(), content(&store).unwrap() == model), (vec![], true));
}

#[test]
fn snapshots_that_fail_leave_the_old_log_in_use() {
    let (directory, _) = filled();
    let (store, plan) = faulty(directory.path());
    let mut version = store.get(&id(1, 1)).unwrap().unwrap().version;
    for round in 0..200u64 {
        plan.room.store(if round % 3 == 0 { 1_000 } else { 1 << 40 }, SeqCst);
        match store.commit(Batch(vec![put(id(1, 1), version, &[1], &[round as u8; 400])])) {
            Ok(()) => version += 1,
            Err(error) => assert_eq!(error.code(), Code::DeviceMemory),
        }
    }
    assert!(version > 150);
    let now = content(&store).unwrap();
    drop(store);
    let store = writable(directory.path());
    assert_eq!((store.damage(), content(&store).unwrap() == now), (vec![], true));
}

#[test]
fn wherever_the_last_write_was_cut_all_that_was_acknowledged_is_there() {
    let directory = TempDir::new().unwrap();
    let store = writable(directory.path());
    for n in 0..5 {
        store.commit(Batch(vec![put(id(0, n), 0, &[1], &[n as u8; 50])])).unwrap();
    }
    drop(store);
    let (image, model) = (TempDir::new().unwrap(), content(&open(directory.path(), Mode::ReadOnly).unwrap()).unwrap());
    copy(directory.path(), image.path());
    let good = fs::metadata(&segments(directory.path())[0]).unwrap().len() as usize;
    let store = writable(directory.path());
    store.commit(Batch(vec![put(id(0, 2), 1, &[2], &[77; 60]), put(id(0, 9), 0, &[2], &[78; 60])])).unwrap();
    let after = content(&store).unwrap();
    let bytes = fs::read(&segments(directory.path())[0]).unwrap();
    drop(store);
    for cut in good..=bytes.len() {
        // The index of before, as a crash leaves it: it has not heard of the last batch.
        fs::write(&segments(image.path())[0], &bytes[..cut]).unwrap();
        let store = open(image.path(), Mode::ReadOnly).unwrap();
        let expected = if cut == bytes.len() { &after } else { &model };
        assert!(content(&store).unwrap() == *expected && store.damage().is_empty(), "cut at {cut}");
        drop(store);
        if cut % 16 == 0 {
            let work = TempDir::new().unwrap();
            copy(image.path(), work.path());
            let store = writable(work.path());
            assert!(content(&store).unwrap() == *expected && store.damage().is_empty(), "cut at {cut}");
            store.commit(Batch(vec![put(id(0, 50), 0, &[], b"goes on")])).unwrap();
            drop(store);
            assert_eq!(writable(work.path()).records(), expected.len() as u64 + 1);
            // With the index that has heard of it, the batch was acknowledged, and is there.
            fs::remove_dir_all(work.path().join("index")).unwrap();
            copy(&directory.path().join("index"), &work.path().join("index"));
            fs::write(&segments(work.path())[0], &bytes[..cut]).unwrap();
            let store = writable(work.path());
            assert!(content(&store).unwrap() == after, "cut at {cut}");
            assert_eq!(store.damage().is_empty(), cut == bytes.len());
        }
    }
}

#[test]
fn an_index_that_was_never_closed_in_peace_is_checked_and_used() {
    let (directory, model) = filled();
    let store = writable(directory.path());
    store.commit(Batch(vec![put(id(0, 200), 0, &[], b"late")])).unwrap();
    let image = TempDir::new().unwrap();
    copy(directory.path(), image.path());
    drop(store);
    let store = writable(image.path());
    assert_eq!((store.records(), store.damage()), (model.len() as u64 + 1, vec![]));
}

/// What a making leaves that is interrupted after any number of records, none of them included.
#[test]
fn an_index_whose_making_was_interrupted_is_made_to_its_end() {
    let (directory, model) = filled();
    for kept in [0, 1, 30] {
        let (work, index) = (TempDir::new().unwrap(), Path::new("index"));
        copy(directory.path(), work.path());
        fs::remove_dir_all(work.path().join(index)).unwrap();
        let store = open(work.path(), Mode::ReadOnly).unwrap();
        let keys = Keys::new(&root()).unwrap();
        let mut part = Catalogue::default();
        let whole = store.state.read().catalogue.clone();
        whole.entries().iter().take(kept).for_each(|(id, entry)| part.put(&keys, *id, *entry));
        let made = mend::new_index(&work.path().join(index), &keys, &part, Head::unfinished(), &mut store.reader());
        drop((made.unwrap_or_else(|_| panic!("no index")), store));
        let store = writable(work.path());
        assert_eq!((store.damage(), content(&store).unwrap() == model), (vec![], true), "after {kept}");
        assert!(store.find(&[1; 16], &[tag(1), tag(101)]).unwrap() == [id(1, 1)]);
    }
}

#[test]
fn without_leave_to_write_an_index_the_log_serves() {
    let (directory, model) = filled();
    fs::remove_dir_all(directory.path().join("index")).unwrap();
    fs::write(directory.path().join("index"), b"no directory can be made here").unwrap();
    let store = writable(directory.path());
    assert!(content(&store).unwrap() == model);
    assert_eq!(store.find(&[1; 16], &[tag(1), tag(101)]).unwrap(), [id(1, 1)]);
    store.commit(Batch(vec![put(id(1, 1), model[&id(1, 1)].0, &[9], b"by the log")])).unwrap();
    assert_eq!(store.find(&[1; 16], &[tag(9)]).unwrap(), [id(1, 1)]);
    assert!(&store.get(&id(1, 1)).unwrap().unwrap().payload[..] == b"by the log");
}
