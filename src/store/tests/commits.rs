//! Records, versions, batches, finding, many threads.

use super::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn versions_count_and_preconditions_hold() {
    let directory = TempDir::new().unwrap();
    let store = writable(directory.path());
    let one = id(0, 1);
    assert!(store.get(&one).unwrap().is_none());
    store.commit(Batch(vec![put(one, 0, &[], b"first")])).unwrap();
    store.commit(Batch(vec![put(one, 1, &[], b"second")])).unwrap();
    assert_eq!(code(store.commit(Batch(vec![put(one, 1, &[], b"again")]))), Some(Code::FunctionFailed));
    assert_eq!(code(store.commit(Batch(vec![put(one, 0, &[], b"again")]))), Some(Code::FunctionFailed));
    assert_eq!(
        code(store.commit(Batch(vec![Change::Delete { id: id(0, 9), expected: 1 }]))),
        Some(Code::FunctionFailed)
    );
    let record = store.get(&one).unwrap().unwrap();
    assert!(record.version == 2 && &record.payload[..] == b"second");
    store.commit(Batch(vec![Change::Delete { id: one, expected: 2 }])).unwrap();
    assert!(store.get(&one).unwrap().is_none());
    store.commit(Batch(vec![put(one, 0, &[], b"anew")])).unwrap();
    assert_eq!(store.get(&one).unwrap().unwrap().version, 1);
    assert_eq!(store.records(), 1);
}

#[test]
fn a_batch_happens_whole_or_not_at_all() {
    let directory = TempDir::new().unwrap();
    let store = writable(directory.path());
    let batch = Batch(vec![put(id(0, 1), 0, &[1], b"a"), put(id(0, 2), 7, &[1], b"b")]);
    assert_eq!(code(store.commit(batch)), Some(Code::FunctionFailed));
    assert_eq!((store.records(), store.find(&[0; 16], &[tag(1)]).unwrap()), (0, vec![]));
    let batch = vec![
        put(id(0, 1), 0, &[1], b"a"),
        put(id(0, 1), 1, &[2], b"b"),
        put(id(0, 2), 0, &[1], b"c"),
        Change::DeleteSpace([0; 16]),
        put(id(0, 2), 0, &[2], b"d"),
    ];
    store.commit(Batch(batch)).unwrap();
    assert_eq!((store.records(), store.find(&[0; 16], &[tag(1)]).unwrap()), (1, vec![]));
    assert_eq!(store.find(&[0; 16], &[tag(2)]).unwrap(), [id(0, 2)]);
    drop(store);
    let store = writable(directory.path());
    assert_eq!((store.damage(), store.records()), (vec![], 1));
}

#[test]
fn records_are_found_by_all_their_tags_and_only_in_their_space() {
    let directory = TempDir::new().unwrap();
    let store = writable(directory.path());
    for n in 0..30 {
        let tags = [n as u8 % 2, 10 + n as u8 % 3, 20];
        store.commit(Batch(vec![put(id(1 + n as u8 % 2, n), 0, &tags, b"x")])).unwrap();
    }
    let expected: Vec<RecordId> = (0..30).filter(|n| n % 2 == 0 && n % 3 == 1).map(|n| id(1, n)).collect();
    let check = |store: &Store| {
        assert_eq!(store.find(&[1; 16], &[tag(0), tag(11)]).unwrap(), expected);
        assert_eq!(store.find(&[1; 16], &[tag(20)]).unwrap().len(), 15);
        assert_eq!(store.find(&[1; 16], &[tag(20), tag(1)]).unwrap(), []);
        assert_eq!(store.find(&[1; 16], &[]).unwrap().len(), 15);
        assert_eq!(store.find(&[9; 16], &[]).unwrap(), []);
    };
    check(&store);
    drop(store);
    check(&writable(directory.path()));
    check(&open(directory.path(), Mode::ReadOnly).unwrap());
    let store = writable(directory.path());
    store.commit(Batch(vec![put(id(1, 0), 1, &[99], b"y")])).unwrap();
    assert_eq!(store.find(&[1; 16], &[tag(99)]).unwrap(), [id(1, 0)]);
    assert_eq!(store.find(&[1; 16], &[tag(20)]).unwrap().len(), 14);
    store.commit(Batch(vec![Change::DeleteSpace([1; 16])])).unwrap();
    assert_eq!(store.find(&[1; 16], &[tag(20)]).unwrap(), []);
    assert_eq!(store.records(), 15);
    drop(store);
    assert!(writable(directory.path()).damage().is_empty());
}

#[test]
fn all_is_there_after_reopening_and_snapshots_keep_the_log_short() {
    let (directory, model) = filled();
    let store = writable(directory.path());
    assert_eq!((store.damage(), content(&store).unwrap() == model), (vec![], true));
    for round in 0..300 {
        let (version, _) = content(&store).unwrap()[&id(1, 1)];
        store.commit(Batch(vec![put(id(1, 1), version, &[1], &[round as u8; 700])])).unwrap();
    }
    let live: u64 = store.state.read().catalogue.bytes();
    let total: u64 = segments(directory.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(total < 2 * live + 3 * SMALL.segment, "{total} bytes for {live}");
    let now = content(&store).unwrap();
    drop(store);
    let store = writable(directory.path());
    assert_eq!((store.damage(), content(&store).unwrap() == now), (vec![], true));
    fs::remove_dir_all(directory.path().join("index")).unwrap_or_default();
    drop(store);
    assert!(content(&writable(directory.path())).unwrap() == now);
}

#[test]
fn many_threads_commit_and_each_change_counts_once() {
    let directory = TempDir::new().unwrap();
    let store = writable(directory.path());
    std::thread::scope(|scope| {
        for thread in 0..8u16 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..25u64 {
                    store.commit(Batch(vec![put(id(1, thread), n, &[thread as u8], &n.to_be_bytes())])).unwrap();
                    loop {
                        let version = store.get(&id(2, 0)).unwrap().map_or(0, |record| record.version);
                        let counted = store.commit(Batch(vec![put(id(2, 0), version, &[], b"counter")]));
                        match counted {
                            Ok(()) => break,
                            Err(error) => assert_eq!(error.code(), Code::FunctionFailed),
                        }
                    }
                }
            });
        }
    });
    let check = |store: &Store| {
        assert_eq!((store.damage(), store.records()), (vec![], 9));
        assert_eq!(store.get(&id(2, 0)).unwrap().unwrap().version, 200);
        for thread in 0..8 {
            assert_eq!(store.get(&id(1, thread)).unwrap().unwrap().version, 25);
        }
    };
    check(&store);
    let frames = store.log.lock().end().seq;
    assert!(frames < 400, "{frames} syncs for 400 commits: none was shared");
    drop(store);
    check(&writable(directory.path()));
}

#[test]
fn a_second_opening_is_refused_and_so_is_a_wrong_root_key() {
    let (directory, model) = filled();
    let store = writable(directory.path());
    let error = refusal(open(directory.path(), Mode::ReadWrite));
    assert!(error.code() == Code::DeviceError && error.why().contains("already open in another process"));
    assert_eq!(code(open(directory.path(), Mode::ReadOnly)), Some(Code::DeviceError));
    drop(store);
    let before = listing(directory.path());
    for mode in [Mode::ReadWrite, Mode::ReadOnly] {
        let error = refusal(Store::open(directory.path(), &Secret::from([1; 32].as_slice()), mode));
        assert!(error.code() == Code::TokenNotRecognized && error.why().contains("wrong key"), "{error}");
    }
    assert_eq!(listing(directory.path()), before);
    assert!(content(&writable(directory.path())).unwrap() == model);
    assert_eq!(
        code(Store::open(directory.path(), &Secret::from([1; 8].as_slice()), Mode::ReadOnly)),
        Some(Code::ArgumentsBad)
    );
}

#[test]
fn a_newer_format_is_refused_untouched() {
    let (directory, _) = filled();
    for path in segments(directory.path()) {
        let mut bytes = vec![9; fs::read(&path).unwrap().len()];
        bytes[..8].copy_from_slice(b"SRLG\0\x02\0\0");
        fs::write(&path, bytes).unwrap();
    }
    let before = listing(directory.path());
    let error = refusal(open(directory.path(), Mode::ReadWrite));
    assert!(error.why().contains("upgrade"), "{error}");
    assert_eq!(listing(directory.path()), before);
}

#[test]
fn reading_only_writes_nothing() {
    let (directory, model) = filled();
    let before = listing(directory.path());
    let store = open(directory.path(), Mode::ReadOnly).unwrap();
    assert!(content(&store).unwrap() == model && store.read_only() && store.damage().is_empty());
    assert_eq!(code(store.commit(Batch(vec![put(id(0, 99), 0, &[], b"")]))), Some(Code::TokenWriteProtected));
    drop(store);
    assert_eq!(listing(directory.path()), before);
    let empty = TempDir::new().unwrap();
    assert_eq!(code(open(empty.path(), Mode::ReadOnly)), Some(Code::DeviceError));
    assert_eq!(listing(empty.path()).len(), 0);
}

#[test]
fn files_are_for_their_owner_only_and_show_nothing() {
    let directory = TempDir::new().unwrap();
    let home = directory.path().join("a/store");
    let store = writable(&home);
    store.commit(Batch(vec![put(id(0x61, 0x6161), 0, &[0x61], &[0x61; 2000])])).unwrap();
    let modes = |store: &Path| {
        for (path, bytes) in listing(store) {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
            assert!(!bytes.windows(8).any(|eight| eight == [0x61; 8]), "{}", path.display());
        }
    };
    modes(&home);
    assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
    drop(store);
    modes(&home);
}
