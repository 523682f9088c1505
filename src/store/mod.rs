//! The sealed store: a log that is the truth and an index made from it.
//!
//! The store keeps records: bytes under an identity and a version, with blind tags to find them by. It never
//! sees an attribute's meaning, a PIN or a key other than those derived from the root key.

use crate::error::Result;
use crate::secret::Secret;
use std::path::Path;

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
pub struct Store {}

impl Store {
    /// Opens the store in `directory` with the root key, mending what can be mended.
    pub fn open(directory: &Path, root: &Secret, mode: Mode) -> Result<Store> {
        let _ = (directory, root, mode);
        todo!()
    }
    /// The record, verified; `CKR_DEVICE_ERROR` naming it where it is damaged.
    pub fn get(&self, id: &RecordId) -> Result<Option<Record>> {
        let _ = id;
        todo!()
    }
    /// The records of a space that bear all these tags (all of the space where there are none), by id.
    pub fn find(&self, space: &[u8; 16], tags: &[Tag]) -> Result<Vec<RecordId>> {
        let _ = (space, tags);
        todo!()
    }
    /// Makes the changes: durable when this returns. Many callers share one sync.
    ///
    /// # Errors
    /// `CKR_FUNCTION_FAILED` with its reason where an expected version is not the present one (nothing happened);
    /// `CKR_TOKEN_WRITE_PROTECTED` in read-only mode; `CKR_DEVICE_MEMORY` when the disk is full;
    /// `CKR_DEVICE_ERROR` for any other failure to write.
    pub fn commit(&self, batch: Batch) -> Result<()> {
        let _ = batch;
        todo!()
    }
    /// How many records there are.
    pub fn records(&self) -> u64 {
        todo!()
    }
    /// What was found damaged since opening and what became of it, a sentence each.
    pub fn damage(&self) -> Vec<String> {
        todo!()
    }
    /// Whether changes are refused.
    pub fn read_only(&self) -> bool {
        todo!()
    }
}
