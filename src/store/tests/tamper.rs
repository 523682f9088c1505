//! One byte changed anywhere, many times; and the index edited by somebody who knows sled.

use super::*;

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file() && fs::metadata(path).unwrap().len() > 0);
    files.sort();
    files
}

/// Flips one byte somewhere in the files of `part`, opens, reads all.
fn flip_and_read(directory: &Path, model: &Model, part: &str, dice: &mut Dice) {
    let work = TempDir::new().unwrap();
    copy(directory, work.path());
    let files = files(&work.path().join(part));
    let lengths: Vec<usize> = files.iter().map(|path| fs::metadata(path).unwrap().len() as usize).collect();
    // Half of the places by size, half by file: so that small files are met as well.
    let mut at = dice.below(lengths.iter().sum());
    let mut file = 0;
    if dice.below(2) == 0 {
        file = dice.below(files.len());
        at = dice.below(lengths[file]);
    } else {
        while at >= lengths[file] {
            at -= lengths[file];
            file += 1;
        }
    }
    let mut bytes = fs::read(&files[file]).unwrap();
    bytes[at] ^= 1 << dice.below(8);
    fs::write(&files[file], bytes).unwrap();
    let place = format!("{} at {at}", files[file].file_name().unwrap().to_string_lossy());
    let store = writable(work.path());
    assert!(content(&store).unwrap_or_else(|error| panic!("{place}: {error}")) == *model, "{place}");
    assert_eq!(store.records(), model.len() as u64, "{place}");
    assert!(store.find(&[1; 16], &[tag(1), tag(101)]).unwrap() == [id(1, 1)], "{place}");
    assert!(!store.damage().is_empty(), "{place}: not noticed");
    drop(store);
    if dice.below(8) == 0 {
        let store = writable(work.path());
        assert!(content(&store).unwrap() == *model && store.damage().is_empty(), "{place}: {:?}", store.damage());
    }
}

#[test]
fn a_byte_flipped_anywhere_in_the_log_is_noticed_and_mended() {
    let (directory, model) = filled();
    let mut dice = Dice(1);
    (0..rounds(60)).for_each(|_| flip_and_read(directory.path(), &model, "log", &mut dice));
}

#[test]
fn a_byte_flipped_anywhere_in_the_index_is_noticed_and_mended() {
    let (directory, model) = filled();
    let mut dice = Dice(2);
    (0..rounds(60)).for_each(|_| flip_and_read(directory.path(), &model, "index", &mut dice));
}

/// Without the seal, sled itself meets the damaged file.
#[test]
fn a_byte_flipped_in_an_index_without_its_seal_does_no_harm() {
    let (directory, model) = filled();
    fs::remove_file(directory.path().join("index/whole")).unwrap();
    let mut dice = Dice(3);
    for _ in 0..rounds(40) {
        let work = TempDir::new().unwrap();
        copy(directory.path(), work.path());
        let path = work.path().join("index/db");
        let mut bytes = fs::read(&path).unwrap();
        let used = bytes.iter().rposition(|&byte| byte != 0).unwrap_or(0);
        let at = dice.below(used + 1);
        bytes[at] ^= 1 << dice.below(8);
        fs::write(&path, bytes).unwrap();
        let store = writable(work.path());
        assert!(content(&store).unwrap() == model, "db at {at}");
        assert!(store.find(&[1; 16], &[tag(1), tag(101)]).unwrap() == [id(1, 1)], "db at {at}");
    }
}

/// Edits the index through sled, with or without its seal left in place, and reads all.
fn edited(edit: impl Fn(&sled::Db, &Keys)) {
    let (directory, model) = filled();
    for sealed in [true, false] {
        let work = TempDir::new().unwrap();
        copy(directory.path(), work.path());
        let index = work.path().join("index");
        let db = sled::open(&index).unwrap();
        edit(&db, &Keys::new(&root()).unwrap());
        db.flush().unwrap();
        drop(db);
        if !sealed {
            fs::remove_file(index.join("whole")).unwrap();
        }
        let store = writable(work.path());
        assert!(content(&store).unwrap() == model && !store.damage().is_empty(), "{:?}", store.damage());
        assert!(store.find(&[1; 16], &[tag(1), tag(101)]).unwrap() == [id(1, 1)]);
    }
}

fn record(keys: &Keys, id: RecordId) -> Vec<u8> {
    [b"r".as_slice(), &keys.blind(&id)].concat()
}

#[test]
fn records_swapped_in_the_index_are_noticed() {
    edited(|db, keys| {
        let (one, two) = (record(keys, id(1, 1)), record(keys, id(1, 4)));
        let (first, second) = (db.get(&one).unwrap().unwrap(), db.get(&two).unwrap().unwrap());
        db.insert(one, second).unwrap();
        db.insert(two, first).unwrap();
    });
}

#[test]
fn records_and_tags_removed_from_or_added_to_the_index_are_noticed() {
    edited(|db, keys| drop(db.remove(record(keys, id(1, 1))).unwrap()));
    edited(|db, _| {
        let (key, _) = db.scan_prefix(b"t").next().unwrap().unwrap();
        db.remove(key).unwrap();
    });
    edited(|db, _| {
        let (key, _) = db.scan_prefix(b"t").next().unwrap().unwrap();
        let mut key = key.to_vec();
        key[20] ^= 1;
        db.insert(key, &[]).unwrap();
    });
}

#[test]
fn an_old_copy_put_back_into_the_index_is_noticed() {
    let directory = TempDir::new().unwrap();
    let store = writable(directory.path());
    let (keys, one) = (Keys::new(&root()).unwrap(), id(1, 1));
    store.commit(Batch(vec![put(one, 0, &[1], b"old")])).unwrap();
    let old = store.state.read().index.sealed(&keys, &one).unwrap();
    store.commit(Batch(vec![put(one, 1, &[1], b"new")])).unwrap();
    // While the store is open, too.
    store.state.read().index.mend(&keys, &one, &old);
    assert!(&store.get(&one).unwrap().unwrap().payload[..] == b"new");
    assert_eq!(store.damage().len(), 1);
    assert!(store.state.read().index.sealed(&keys, &one).unwrap() != old);
    drop(store);
    for sealed in [true, false] {
        let db = sled::open(directory.path().join("index")).unwrap();
        db.insert(record(&keys, one), old.clone()).unwrap();
        drop(db);
        if !sealed {
            fs::remove_file(directory.path().join("index/whole")).unwrap();
        }
        let store = writable(directory.path());
        assert!(&store.get(&one).unwrap().unwrap().payload[..] == b"new" && !store.damage().is_empty());
    }
}

#[test]
fn an_index_that_is_gone_is_made_anew() {
    let (directory, model) = filled();
    fs::remove_dir_all(directory.path().join("index")).unwrap();
    let store = writable(directory.path());
    assert!(content(&store).unwrap() == model && !store.damage().is_empty());
}
