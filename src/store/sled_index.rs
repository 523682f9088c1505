//! The index in sled 0.34.
//!
//! sled is quick and small, and not to be trusted with a damaged file: it panics, or leaves out records without a
//! word. So every call of it is guarded, and what it holds is checked against a digest when it is opened. It is
//! never relied on to be durable.
//!
//! Keys: `h` the head; `r` and a blind identity: a sealed record; `t`, blind space, blind tag, blind id: a tag's entry;
//! `l` and a blind identity: a record known to be lost.

use super::catalogue::Entry;
use super::guard::guarded;
use super::index::{Census, Edit, Head, Trouble};
use super::seal::{Keys, Print, Sealer, toggle};
use super::{RecordId, Tag};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// An open index.
pub(super) struct SledIndex {
    /// Taken out when it is closed or has failed.
    db: Option<sled::Db>,
    directory: PathBuf,
    sealer: Sealer,
    tags: Print,
}

impl SledIndex {
    /// Opens the index in `directory`, or makes it.
    pub(super) fn open(directory: &Path, keys: &Keys) -> Result<SledIndex, Trouble> {
        let config = sled::Config::new().path(directory).cache_capacity(CACHE).flush_every_ms(Some(FLUSH_MS));
        let mut tries = 0;
        let db = loop {
            match guarded(|| config.open()) {
                // The threads of an index that was closed a moment ago may still hold its lock.
                Err(Trouble::Environment(why)) if tries < 40 && why.contains("could not acquire lock") => {
                    tries += 1;
                    std::thread::sleep(std::time::Duration::from_millis(25));
                }
                other => break other?,
            }
        };
        Ok(SledIndex { db: Some(db), directory: directory.to_path_buf(), sealer: keys.head(), tags: [0; 16] })
    }

    /// Where it is.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Reads and verifies all of it.
    pub(super) fn census(&mut self, keys: &Keys) -> Result<Census, Trouble> {
        let db = self.db()?;
        let census = guarded(|| {
            let mut census = Census::default();
            for item in db.iter() {
                let (key, value) = item?;
                census.count_in(keys, &self.sealer, &key, &value);
            }
            Ok(census)
        })?;
        self.tags = census.tags.0;
        Ok(census)
    }

    /// The sealed form of a record.
    pub(super) fn sealed(&self, keys: &Keys, id: &RecordId) -> Result<Option<Vec<u8>>, Trouble> {
        let db = self.db()?;
        guarded(|| Ok(db.get(key(RECORD, &keys.blind(id)))?.map(|value| value.to_vec())))
    }

    /// The records that bear all these tags.
    pub(super) fn find(&self, keys: &Keys, space: &[u8; 16], tags: &[Tag]) -> Result<BTreeSet<RecordId>, Trouble> {
        let (db, space) = (self.db()?, keys.blind_space(space));
        guarded(|| {
            let (rarest, ids) = rarest(db, keys, &space, tags)?;
            let mut found = BTreeSet::new();
            'ids: for id in ids {
                for tag in tags.iter().enumerate().filter(|(at, _)| *at != rarest).map(|(_, tag)| tag) {
                    if !db.contains_key(tag_key(keys, &space, tag, &id))? {
                        continue 'ids;
                    }
                }
                found.insert(keys.unblind(&std::array::from_fn(|at| if at < 16 { space[at] } else { id[at - 16] })));
            }
            Ok(found)
        })
    }

    /// Makes changes, and the head last: an index that was interrupted between fails its check.
    pub(super) fn apply(&mut self, keys: &Keys, edits: &[Edit<'_>], head: Head) -> Result<(), Trouble> {
        let db = self.db()?.clone();
        let mut changes = Changes { db: &db, keys, batch: sled::Batch::default(), size: 0, tags: self.tags };
        guarded(|| {
            for edit in edits {
                changes.edit(edit)?;
            }
            let tags = changes.tags;
            changes.batch.insert(HEAD, self.sealer.seal(HEAD_AAD, &encode(&Head { tags, ..head })));
            changes.flush()
        })?;
        self.tags = changes.tags;
        Ok(())
    }

    /// Writes a record again.
    pub(super) fn mend(&self, keys: &Keys, id: &RecordId, sealed: &[u8]) -> Result<(), Trouble> {
        let db = self.db()?;
        guarded(|| db.insert(key(RECORD, &keys.blind(id)), sealed).map(drop))
    }

    /// Writes out what is in memory and closes it; gives the head that is in it.
    pub(super) fn close(mut self) -> Result<Head, Trouble> {
        let db = self.db()?;
        let head = guarded(|| {
            db.flush()?;
            db.get(HEAD)
        })?;
        let head = head.and_then(|sealed| open_head(&self.sealer, &sealed));
        self.drop_db()?;
        head.ok_or_else(|| Trouble::Broken("it has no head".into()))
    }

    fn db(&self) -> Result<&sled::Db, Trouble> {
        self.db.as_ref().ok_or_else(|| Trouble::Broken("it is closed".into()))
    }

    fn drop_db(&mut self) -> Result<(), Trouble> {
        match self.db.take() {
            Some(db) => guarded(|| {
                drop(db);
                Ok(())
            }),
            None => Ok(()),
        }
    }
}

impl Drop for SledIndex {
    fn drop(&mut self) {
        let _ = self.drop_db();
    }
}

impl Census {
    fn count_in(&mut self, keys: &Keys, sealer: &Sealer, key: &[u8], value: &[u8]) {
        let blind = || <[u8; 32]>::try_from(&key[1..]).ok();
        match key.first() {
            Some(&RECORD) if blind().is_some() => {
                let blind = blind().unwrap_or_default();
                self.count_record(keys, &blind, value);
            }
            Some(&TAG) => toggle(&mut self.tags.0, &keys.print_tag(key)),
            Some(&LOST) if blind().is_some() => {
                let id = keys.unblind(&blind().unwrap_or_default());
                match value == keys.print_lost(&id) {
                    true => self.catalogue.lose(keys, &id),
                    false => self.bad.push(id),
                }
            }
            Some(&HEAD_KEY) => self.head = open_head(sealer, value),
            _ => {} // a foreign entry is none of the set, and harms nobody
        }
    }

    fn count_record(&mut self, keys: &Keys, blind: &[u8; 32], sealed: &[u8]) {
        let id = keys.unblind(blind);
        let size = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
        match keys.open_record(&id, sealed) {
            Some((stamp, record)) => {
                for tag in record.tags.iter().collect::<BTreeSet<_>>() {
                    let (space, id) = halves(blind);
                    toggle(&mut self.tags.1, &keys.print_tag(&tag_key(keys, &space, tag, &id)));
                }
                self.catalogue.put(keys, id, Entry { stamp, print: keys.print_record(&id, sealed), at: None, size });
            }
            None => self.bad.push(id),
        }
    }
}

/// Changes on their way into the index.
struct Changes<'a> {
    db: &'a sled::Db,
    keys: &'a Keys,
    batch: sled::Batch,
    size: usize,
    tags: Print,
}

impl Changes<'_> {
    fn edit(&mut self, edit: &Edit<'_>) -> sled::Result<()> {
        match edit {
            Edit::Put { id, sealed, tags, old } => {
                let blind = self.keys.blind(id);
                self.tags(&blind, old, tags);
                self.batch.remove(key(LOST, &blind));
                self.batch.insert(key(RECORD, &blind), *sealed);
            }
            Edit::Delete { id, old } => self.remove(id, old),
            Edit::Lost { id, old } => {
                self.remove(id, old);
                self.batch.insert(key(LOST, &self.keys.blind(id)), &self.keys.print_lost(id));
            }
            Edit::DeleteSpace(space) => return self.remove_space(space),
        }
        self.grown(1)
    }

    fn remove(&mut self, id: &RecordId, old: &[Tag]) {
        let blind = self.keys.blind(id);
        self.tags(&blind, old, &[]);
        self.batch.remove(key(RECORD, &blind));
        self.batch.remove(key(LOST, &blind));
    }

    /// Changes a record's tags from `old` to `new`; a tag that is given twice counts once.
    fn tags(&mut self, blind: &[u8; 32], old: &[Tag], new: &[Tag]) {
        let (space, id) = halves(blind);
        let (old, new): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), new.iter().collect());
        for tag in old.symmetric_difference(&new) {
            let key = tag_key(self.keys, &space, tag, &id);
            toggle(&mut self.tags, &self.keys.print_tag(&key));
            match new.contains(tag) {
                true => self.batch.insert(&key[..], &[]),
                false => self.batch.remove(&key[..]),
            }
        }
    }

    fn remove_space(&mut self, space: &[u8; 16]) -> sled::Result<()> {
        self.flush()?; // what came before in this batch must be seen by the search
        let space = self.keys.blind_space(space);
        for kind in [RECORD, TAG, LOST] {
            for item in self.db.scan_prefix([&[kind], &space[..]].concat()) {
                let (key, _) = item?;
                if kind == TAG {
                    toggle(&mut self.tags, &self.keys.print_tag(&key));
                }
                self.batch.remove(key);
                self.grown(1)?;
            }
        }
        self.flush()
    }

    fn grown(&mut self, by: usize) -> sled::Result<()> {
        self.size += by;
        if self.size >= LARGE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> sled::Result<()> {
        self.size = 0;
        self.db.apply_batch(std::mem::take(&mut self.batch))
    }
}

/// The tag that the fewest records bear (its place), and the blind ids of those. All tags are walked in step, so
/// this takes as long as the shortest.
fn rarest(db: &sled::Db, keys: &Keys, space: &[u8; 16], tags: &[Tag]) -> sled::Result<(usize, Vec<[u8; 16]>)> {
    let walk = |tag: &Tag| (db.scan_prefix([&[TAG], &space[..], &keys.blind_tag(space, tag)].concat()), Vec::new());
    let mut walks: Vec<(sled::Iter, Vec<[u8; 16]>)> = tags.iter().map(walk).collect();
    if walks.is_empty() {
        return Ok((0, Vec::new()));
    }
    loop {
        for (at, (entries, ids)) in walks.iter_mut().enumerate() {
            match entries.next() {
                None => return Ok((at, std::mem::take(ids))),
                Some(entry) => ids.extend(entry?.0.last_chunk::<16>()),
            }
        }
    }
}

/// The head that is sealed in `sealed`.
pub(super) fn open_head(sealer: &Sealer, sealed: &[u8]) -> Option<Head> {
    decode(&sealer.open(HEAD_AAD, sealed).ok()?)
}

/// A head's bytes.
pub(super) fn encode(head: &Head) -> [u8; HEAD_LENGTH] {
    let (seq, count) = (head.seq.to_be_bytes(), head.count.to_be_bytes());
    let mut bytes = [0; HEAD_LENGTH];
    let parts = [&seq[..], &head.link, &head.digest, &count, &head.tags];
    bytes.iter_mut().zip(parts.concat()).for_each(|(byte, value)| *byte = value);
    bytes
}

/// The head that these bytes begin with.
pub(super) fn decode(bytes: &[u8]) -> Option<Head> {
    let bytes: &[u8; HEAD_LENGTH] = bytes.first_chunk()?;
    let word = |at: usize| u64::from_be_bytes(std::array::from_fn(|byte| bytes[at + byte]));
    let print = |at: usize| std::array::from_fn(|byte| bytes[at + byte]);
    Some(Head { seq: word(0), link: print(8), digest: print(24), count: word(40), tags: print(48) })
}

fn key(kind: u8, blind: &[u8; 32]) -> Vec<u8> {
    [&[kind], &blind[..]].concat()
}

fn tag_key(keys: &Keys, space: &[u8; 16], tag: &Tag, id: &[u8; 16]) -> [u8; 49] {
    let mut key = [TAG; 49];
    key[1..17].copy_from_slice(space);
    key[17..33].copy_from_slice(&keys.blind_tag(space, tag));
    key[33..].copy_from_slice(id);
    key
}

fn halves(blind: &[u8; 32]) -> ([u8; 16], [u8; 16]) {
    (std::array::from_fn(|at| blind[at]), std::array::from_fn(|at| blind[16 + at]))
}

/// The length of a head's bytes.
pub(super) const HEAD_LENGTH: usize = 64;
const HEAD_KEY: u8 = b'h';
const HEAD: &[u8] = &[HEAD_KEY];
const HEAD_AAD: &[u8] = b"strongroom index head";
const RECORD: u8 = b'r';
const TAG: u8 = b't';
const LOST: u8 = b'l';
const CACHE: u64 = 16 << 20;
const FLUSH_MS: u64 = 200;
/// So many changes go to sled at once.
const LARGE: usize = 2_000;
