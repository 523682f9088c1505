//! Damage of both copies: what authenticates is served, what is known to be lost is named, nothing old comes back.

use super::*;

/// The frames of a segment: where each begins and ends.
fn frames(path: &Path) -> Vec<(usize, usize)> {
    let bytes = fs::read(path).unwrap();
    let (mut frames, mut at) = (Vec::new(), frame::HEADER);
    while at < bytes.len() {
        let length = u32::from_be_bytes(std::array::from_fn(|byte| bytes[at + 8 + byte])) as usize;
        frames.push((at, at + frame::PREFIX + length));
        at += frame::PREFIX + length;
    }
    frames
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// Five records of one commit each, the first of them changed, the last removed: frames 1 to 5, 6, 7.
fn small() -> TempDir {
    let directory = TempDir::new().unwrap();
    let store = writable(directory.path());
    for n in 0..5 {
        store.commit(Batch(vec![put(id(0, n), 0, &[1], &[n as u8; 50])])).unwrap();
    }
    store.commit(Batch(vec![put(id(0, 0), 1, &[2], b"second")])).unwrap();
    store.commit(Batch(vec![Change::Delete { id: id(0, 4), expected: 1 }])).unwrap();
    directory
}

#[test]
fn a_record_whose_newest_state_is_lost_in_both_is_refused_and_named() {
    let directory = small();
    let path = segments(directory.path())[0].clone();
    fs::remove_dir_all(directory.path().join("index")).unwrap();
    flip(&path, frames(&path)[6].0 + 40); // the first frame is the empty snapshot; this is batch 6
    let check = |store: &Store| {
        let error = refusal(store.get(&id(0, 0)));
        assert!(error.code() == Code::DeviceError && error.why().contains(&name(&id(0, 0))), "{error}");
        assert!(store.damage().iter().any(|sentence| sentence.contains(&name(&id(0, 0)))), "{:?}", store.damage());
        for n in 1..4 {
            assert!(store.get(&id(0, n)).unwrap().unwrap().payload[..] == [n as u8; 50]);
        }
        assert!(store.get(&id(0, 4)).unwrap().is_none());
    };
    check(&open(directory.path(), Mode::ReadOnly).unwrap());
    check(&writable(directory.path()));
    let store = writable(directory.path());
    check(&store); // it stays lost
    assert_eq!(code(store.commit(Batch(vec![put(id(0, 0), 0, &[], b"x")]))), Some(Code::DeviceError));
    store.commit(Batch(vec![Change::Delete { id: id(0, 0), expected: 0 }])).unwrap();
    store.commit(Batch(vec![put(id(0, 0), 0, &[], b"new life")])).unwrap();
    drop(store);
    let store = writable(directory.path());
    assert_eq!((store.damage(), store.records()), (vec![], 4));
}

#[test]
fn a_removed_record_does_not_come_back() {
    let directory = small();
    let path = segments(directory.path())[0].clone();
    fs::remove_dir_all(directory.path().join("index")).unwrap();
    flip(&path, frames(&path)[2].0 + 40);
    let store = writable(directory.path());
    assert!(store.get(&id(0, 4)).unwrap().is_none());
    assert_eq!(code(store.get(&id(0, 1))), Some(Code::DeviceError));
    assert!(&store.get(&id(0, 0)).unwrap().unwrap().payload[..] == b"second");
}

#[test]
fn damage_that_later_changes_have_covered_loses_nothing() {
    let directory = small();
    let path = segments(directory.path())[0].clone();
    fs::remove_dir_all(directory.path().join("index")).unwrap();
    flip(&path, frames(&path)[1].0 + 40);
    let store = writable(directory.path());
    assert!(store.damage().iter().any(|sentence| sentence.contains("nothing is lost")), "{:?}", store.damage());
    assert_eq!(store.records(), 4);
    assert!(&store.get(&id(0, 0)).unwrap().unwrap().payload[..] == b"second");
    assert!(directory.path().join("damaged").is_dir());
}

#[test]
fn log_and_index_both_damaged_give_what_either_has() {
    let (directory, model) = filled();
    let index = directory.path().join("index");
    let db = sled::open(&index).unwrap();
    let keys = Keys::new(&root()).unwrap();
    let bad = id(1, 13);
    let key = [b"r".as_slice(), &keys.blind(&bad)].concat();
    let mut sealed = db.get(&key).unwrap().unwrap().to_vec();
    sealed[40] ^= 1;
    db.insert(key, sealed).unwrap();
    drop(db);
    let only_in_index = id(2, 20);
    let store = open(directory.path(), Mode::ReadOnly).unwrap();
    let at = store.state.read().catalogue.entries()[&only_in_index].at.unwrap();
    drop(store);
    flip(&directory.path().join("log").join(scan::segment_name(at.segment)), at.offset as usize + 60);
    let store = writable(directory.path());
    assert!(!store.damage().is_empty());
    for (id, (version, payload)) in &model {
        match store.get(id) {
            Ok(Some(record)) => {
                assert!(record.version == *version && record.payload[..] == payload[..], "{}", name(id))
            }
            Ok(None) => panic!("{} has vanished", name(id)),
            Err(_) => assert_eq!(*id, bad),
        }
    }
    assert!(directory.path().join("damaged").read_dir().unwrap().count() >= 2);
}

#[test]
fn a_log_cut_short_is_made_whole_from_the_index() {
    let (directory, model) = filled();
    let last = segments(directory.path()).pop().unwrap();
    let length = fs::metadata(&last).unwrap().len() as usize;
    let bytes = fs::read(&last).unwrap();
    for cut in [0, 5, frame::HEADER, frame::HEADER + 9, length / 2, length - 1] {
        let work = TempDir::new().unwrap();
        copy(directory.path(), work.path());
        fs::write(work.path().join("log").join(last.file_name().unwrap()), &bytes[..cut]).unwrap();
        let store = writable(work.path());
        assert!(content(&store).unwrap() == model && !store.damage().is_empty(), "cut at {cut}");
        drop(store);
        let store = writable(work.path());
        assert!(content(&store).unwrap() == model && store.damage().is_empty(), "cut at {cut}: {:?}", store.damage());
    }
    for gone in 0..segments(directory.path()).len() {
        let work = TempDir::new().unwrap();
        copy(directory.path(), work.path());
        fs::remove_file(&segments(work.path())[gone]).unwrap();
        let store = writable(work.path());
        assert!(content(&store).unwrap() == model && !store.damage().is_empty(), "without segment {gone}");
    }
    fs::remove_dir_all(directory.path().join("log")).unwrap();
    let store = writable(directory.path());
    assert!(content(&store).unwrap() == model && !store.damage().is_empty());
}

#[test]
fn an_older_copy_of_log_or_index_gives_way_to_the_newer() {
    let (directory, _) = filled();
    let old = TempDir::new().unwrap();
    copy(directory.path(), old.path());
    let store = writable(directory.path());
    for n in 0..10 {
        store.commit(Batch(vec![put(id(1, 300 + n), 0, &[5], &[1; 200])])).unwrap();
    }
    let now = content(&store).unwrap();
    drop(store);
    for part in ["log", "index"] {
        let work = TempDir::new().unwrap();
        copy(directory.path(), work.path());
        fs::remove_dir_all(work.path().join(part)).unwrap();
        copy(&old.path().join(part), &work.path().join(part));
        let store = writable(work.path());
        assert!(content(&store).unwrap() == now, "old {part}");
        assert_eq!(store.damage().is_empty(), part == "index", "{:?}", store.damage());
    }
}
