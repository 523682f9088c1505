//! The sealed store: a log that is the truth and an index made from it.
//!
//! The store keeps records: bytes under an identity and a version, with blind tags to find them by. It never
//! sees an attribute's meaning, a PIN or a key other than those derived from the root key.
//!
//! The bytes on disk, the protocol of a commit and what is done about damage are in `docs/store-format.md`.

mod catalogue;
mod commit;
mod frame;
mod guard;
mod index;
mod log;
mod medium;
mod mend;
mod open;
mod scan;
mod seal;
mod sled_index;
#[cfg(test)]
mod tests;

pub use seal::{SEALED_MORE, Sealer};

use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use catalogue::{Catalogue, Entry};
use commit::{Draft, Queue};
use index::{Head, Index, MemoryIndex, Trouble};
use log::{Log, LogReader};
use medium::Medium;
use parking_lot::{Mutex, RwLock};
use seal::Keys;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Where a record belongs (a token, or the system) and which it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RecordId {
    /// The space: all zero for the system's own records, else a token's id.
    pub space: [u8; 16],
    /// The record in it.
    pub id: [u8; 16],
}

/// A blind index entry: a keyed hash that the engine made of an attribute and its value.
pub type Tag = [u8; 16];

/// A record at its present version.
#[derive(Clone)]
pub struct Record {
    /// Its identity.
    pub id: RecordId,
    /// Counts from 1, one up at each change.
    pub version: u64,
    /// The tags it is found by.
    pub tags: Vec<Tag>,
    /// Its content. Private objects come here sealed already under the token's own key.
    pub payload: Secret,
}

/// One change of a [`Batch`].
pub enum Change {
    /// Writes a record; `expected` is the version that must be there now (0: none), or the batch fails as a whole.
    Put {
        /// Its identity.
        id: RecordId,
        /// The version that must be there before.
        expected: u64,
        /// Tags to be found by.
        tags: Vec<Tag>,
        /// Content.
        payload: Secret,
    },
    /// Removes a record whose present version is `expected`.
    Delete {
        /// Its identity.
        id: RecordId,
        /// The version that must be there before.
        expected: u64,
    },
    /// Removes every record of a space.
    DeleteSpace([u8; 16]),
}

/// Changes that happen together or not at all.
#[derive(Default)]
pub struct Batch(pub Vec<Change>);

/// How a store is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Reads and writes; made if it is not there.
    ReadWrite,
    /// Nothing is written, not even to the index (a read-only medium).
    ReadOnly,
}

/// An open store. Shared by all threads.
pub struct Store {
    keys: Arc<Keys>,
    medium: Arc<dyn Medium>,
    limits: Limits,
    mode: Mode,
    queue: Queue,
    /// Held by whoever leads a commit, and taken before `state`.
    log: Mutex<Log>,
    state: RwLock<State>,
    damage: Mutex<Vec<String>>,
    /// Keeps everybody else out.
    _lock: File,
}

/// What changes together.
struct State {
    catalogue: Catalogue,
    index: Index,
}

/// Sizes, small in tests.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// A segment that has become as long as this gets a successor.
    segment: u64,
    /// A snapshot is written in frames of about this length.
    part: usize,
    /// So much goes under one sync.
    group: usize,
}

impl Store {
    /// Opens the store in `directory` with the root key, mending what can be mended.
    ///
    /// # Errors
    /// `CKR_DEVICE_ERROR` where another process has it open, or it cannot be read; `CKR_TOKEN_NOT_RECOGNIZED` where
    /// the root key is the wrong one or a newer version wrote it: then nothing has been touched.
    pub fn open(directory: &Path, root: &Secret, mode: Mode) -> Result<Store> {
        let medium = Arc::new(medium::Directory::new(directory, mode));
        open::open(directory, root, mode, Limits { segment: 16 << 20, part: 64 << 10, group: 1 << 20 }, medium)
    }

    /// The record, verified; `CKR_DEVICE_ERROR` naming it where it is damaged.
    pub fn get(&self, id: &RecordId) -> Result<Option<Record>> {
        let state = self.state.read();
        let Some(entry) = state.catalogue.entries().get(id) else {
            return if state.catalogue.lost().contains(id) { Err(unreadable(id)) } else { Ok(None) };
        };
        let indexed = state.index.sealed(&self.keys, id).and_then(|sealed| self.verified(id, entry, &sealed));
        if let Some(record) = indexed {
            return Ok(Some(record));
        }
        let sealed = self.reader().fetch(id, entry).ok_or_else(|| unreadable(id))?;
        let record = self.verified(id, entry, &sealed).ok_or_else(|| unreadable(id))?;
        if let Index::Sled(_) = &state.index {
            state.index.mend(&self.keys, id, &sealed);
            self.note(format!(
                "record {} was damaged in the index; it was taken from the log, nothing is lost",
                name(id)
            ));
        }
        Ok(Some(record))
    }

    /// The records of a space that bear all these tags (all of the space where there are none), by id.
    pub fn find(&self, space: &[u8; 16], tags: &[Tag]) -> Result<Vec<RecordId>> {
        let state = self.state.read();
        if tags.is_empty() {
            return Ok(state.catalogue.space(space).map(|(id, _)| *id).collect());
        }
        let found = match state.index.find(&self.keys, space, tags) {
            Ok(found) => found,
            Err(trouble) => {
                drop(state);
                self.fall_back(&mut self.state.write(), &trouble);
                return self.find(space, tags);
            }
        };
        Ok(found.into_iter().filter(|id| state.catalogue.entries().contains_key(id)).collect())
    }

    /// Makes the changes: durable when this returns. Many callers share one sync.
    ///
    /// # Errors
    /// `CKR_FUNCTION_FAILED` with its reason where an expected version is not the present one (nothing happened);
    /// `CKR_TOKEN_WRITE_PROTECTED` in read-only mode; `CKR_DEVICE_MEMORY` when the disk is full;
    /// `CKR_DEVICE_ERROR` for any other failure to write.
    pub fn commit(&self, batch: Batch) -> Result<()> {
        if self.read_only() {
            return Err(Code::TokenWriteProtected.because("the store is open for reading only"));
        }
        self.queue.commit(batch, &self.limits, |group| self.lead(&group))
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.state.read().catalogue.count()
    }

    /// What was found damaged since opening and what became of it, a sentence each.
    pub fn damage(&self) -> Vec<String> {
        self.damage.lock().clone()
    }

    /// Whether changes are refused.
    pub fn read_only(&self) -> bool {
        self.mode == Mode::ReadOnly
    }

    /// Carries out a group of batches with one write and one sync.
    fn lead(&self, group: &[Batch]) -> Vec<Result<()>> {
        let mut log = self.log.lock();
        if let Some(refusal) = log.refusal() {
            return group.iter().map(|_| Err(refusal.clone())).collect();
        }
        let state = self.state.read();
        let tags_of = |id: &RecordId, entry: &Entry| self.tags_of(&state, id, entry);
        let mut draft = Draft::new(&self.keys, &state.catalogue, log.end().seq + 1, &tags_of);
        let mut results: Vec<Result<()>> = group.iter().map(|batch| draft.add(batch)).collect();
        let (acts, tags, digest, count) = (draft.acts, draft.tags, draft.digest, draft.count);
        drop(state);
        if acts.is_empty() {
            return results;
        }
        match log.append(acts, digest, count) {
            Ok((frame, at)) => {
                self.applied(&log, &frame.acts, at, &commit::edits(&frame.acts, tags));
                self.compact(&mut log);
            }
            // Those that were refused stay refused for their own reason.
            Err(error) => {
                results.iter_mut().filter(|result| result.is_ok()).for_each(|result| *result = Err(error.clone()))
            }
        }
        results
    }

    /// What is durable becomes visible.
    fn applied(&self, log: &Log, acts: &[frame::Act], at: catalogue::Location, edits: &[index::Edit<'_>]) {
        let mut state = self.state.write();
        acts.iter().for_each(|act| state.catalogue.apply(&self.keys, act, at));
        let head = head(&state.catalogue, log);
        if let Err(trouble) = state.index.apply(&self.keys, edits, head) {
            self.fall_back(&mut state, &trouble);
        }
    }

    /// Writes the log anew where most of it is dead. Where that fails, the old one serves on.
    fn compact(&self, log: &mut Log) {
        let state = self.state.read();
        if !log.wants_snapshot(state.catalogue.bytes()) {
            return;
        }
        let (end, mut reader) = (log.end().clone(), self.reader());
        let mut fetch = |id: &RecordId, entry: &Entry| {
            let indexed = state.index.sealed(&self.keys, id);
            indexed
                .filter(|sealed| self.keys.print_record(id, sealed) == entry.print)
                .or_else(|| reader.fetch(id, entry))
        };
        let written = log.snapshot(&state.catalogue, end, &mut fetch);
        drop(state);
        match written {
            Ok(places) => {
                let mut state = self.state.write();
                state.catalogue.relocate(&places);
                let head = head(&state.catalogue, log);
                if let Err(trouble) = state.index.apply(&self.keys, &[], head) {
                    self.fall_back(&mut state, &trouble);
                }
                drop(state);
                log.drop_older(&[]);
            }
            Err(_) => log.postpone_snapshot(),
        }
    }

    /// The index has failed: from now on the log serves, and the tags are kept in memory.
    fn fall_back(&self, state: &mut State, trouble: &Trouble) {
        if let Index::Memory(_) = state.index {
            return;
        }
        let why = match trouble {
            Trouble::Environment(why) | Trouble::Broken(why) => why,
        };
        self.note(format!(
            "the index failed while it was in use ({why}); the log serves, and a new index is made at the next opening"
        ));
        let mut reader = self.reader();
        let memory = MemoryIndex::of(&state.catalogue, &self.keys, &mut |id, entry| reader.fetch(id, entry));
        state.index = Index::Memory(memory);
    }

    fn tags_of(&self, state: &State, id: &RecordId, entry: &Entry) -> Vec<Tag> {
        let indexed = state.index.sealed(&self.keys, id).and_then(|sealed| self.verified(id, entry, &sealed));
        let logged = || self.reader().fetch(id, entry).and_then(|sealed| self.verified(id, entry, &sealed));
        indexed.or_else(logged).map_or_else(Vec::new, |record| record.tags)
    }

    fn verified(&self, id: &RecordId, entry: &Entry, sealed: &[u8]) -> Option<Record> {
        let (stamp, record) = self.keys.open_record(id, sealed)?;
        (stamp == entry.stamp).then_some(record)
    }

    fn reader(&self) -> LogReader {
        LogReader::new(self.medium.clone(), self.keys.clone())
    }

    fn note(&self, sentence: String) {
        self.damage.lock().push(sentence);
    }
}

impl Drop for Store {
    /// Closes the index in peace, so that the next opening finds it sealed. The log needs nothing.
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if let Index::Sled(_) = &state.index {
            let index = std::mem::replace(&mut state.index, Index::Memory(MemoryIndex::default()));
            mend::close(index, &self.keys);
        }
    }
}

/// What the index is to say of itself.
fn head(catalogue: &Catalogue, log: &Log) -> Head {
    let end = log.end();
    Head { seq: end.seq, link: end.link, digest: catalogue.digest(), count: catalogue.count(), tags: [0; 16] }
}

/// The name of a record, for people.
fn name(id: &RecordId) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{}/{}", hex(&id.space), hex(&id.id))
}

fn unreadable(id: &RecordId) -> Error {
    Code::DeviceError.because(format!("record {} is damaged and cannot be recovered", name(id)))
}
