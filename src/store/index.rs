//! The index: the present state of every record, and the tags they are found by. It is made from the log and can
//! be made again at any time; it is also the second copy from which a damaged log is mended.
//!
//! It is held by sled, or, where sled cannot be opened, in memory (the tags only; records are then read from the log).

use super::RecordId;
use super::Tag;
use super::catalogue::{Catalogue, Entry};
use super::frame::Link;
use super::seal::{Keys, Print};
use super::sled_index::SledIndex;
use std::collections::BTreeSet;

/// What the index says of itself, sealed in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Head {
    /// The last batch that is in it.
    pub(super) seq: u64,
    /// The frame of that batch.
    pub(super) link: Link,
    /// The digest and count of the whole set.
    pub(super) digest: Print,
    pub(super) count: u64,
    /// The digest of the tags' entries.
    pub(super) tags: Print,
}

impl Head {
    /// The head of an index in the making: it agrees with nothing.
    pub(super) fn unfinished() -> Head {
        Head { count: u64::MAX, ..Head::default() }
    }
}

/// Why the index did not do what it should.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// Nothing is wrong with it: there is no room, no leave to write, or the like.
    Environment(String),
    /// It is damaged.
    Broken(String),
}

/// One change of the index.
pub(super) enum Edit<'a> {
    /// A record's new state; `old` are the tags that it had.
    Put { id: RecordId, sealed: &'a [u8], tags: Vec<Tag>, old: Vec<Tag> },
    /// A record goes.
    Delete { id: RecordId, old: Vec<Tag> },
    /// A space goes.
    DeleteSpace([u8; 16]),
    /// A record is lost.
    Lost { id: RecordId, old: Vec<Tag> },
}

/// What an index holds, by its own account and by count.
#[derive(Default)]
pub(super) struct Census {
    /// Its account of itself, if it has one that is authentic.
    pub(super) head: Option<Head>,
    /// The records that are authentic.
    pub(super) catalogue: Catalogue,
    /// The records that are there and not authentic.
    pub(super) bad: Vec<RecordId>,
    /// The digests of the tags' entries: of those that are there, and of those that should be.
    pub(super) tags: (Print, Print),
}

impl Census {
    /// Whether all is as the head says.
    pub(super) fn exact(&self) -> bool {
        self.head.is_some_and(|head| {
            self.bad.is_empty()
                && self.catalogue.agrees(&head.digest, head.count)
                && self.tags.0 == head.tags
                && self.tags.1 == head.tags
        })
    }
}

impl Census {
    /// Whether what is there is right as far as it goes: exact, or left by a making that was interrupted.
    pub(super) fn usable(&self) -> bool {
        let unfinished = match self.head {
            Some(head) => head.count == u64::MAX && self.tags.0 == head.tags,
            None => self.catalogue.count() == 0 && self.catalogue.lost().is_empty(),
        };
        self.exact() || (unfinished && self.bad.is_empty() && self.tags.0 == self.tags.1)
    }
}

/// The index in use.
pub(super) enum Index {
    /// On disk.
    Sled(Box<SledIndex>),
    /// In memory.
    Memory(MemoryIndex),
}

impl Index {
    /// The sealed form of a record as the index has it: to be verified.
    pub(super) fn sealed(&self, keys: &Keys, id: &RecordId) -> Option<Vec<u8>> {
        match self {
            Index::Sled(sled) => sled.sealed(keys, id).ok().flatten(),
            Index::Memory(_) => None,
        }
    }

    /// The records of a space that bear all these tags (at least one).
    pub(super) fn find(&self, keys: &Keys, space: &[u8; 16], tags: &[Tag]) -> Result<BTreeSet<RecordId>, Trouble> {
        match self {
            Index::Sled(sled) => sled.find(keys, space, tags),
            Index::Memory(memory) => Ok(memory.find(space, tags)),
        }
    }

    /// Makes changes, after which the store is at this head (whose tag digest the index keeps itself).
    pub(super) fn apply(&mut self, keys: &Keys, edits: &[Edit<'_>], head: Head) -> Result<(), Trouble> {
        match self {
            Index::Sled(sled) => sled.apply(keys, edits, head),
            Index::Memory(memory) => {
                edits.iter().for_each(|edit| memory.apply(edit));
                Ok(())
            }
        }
    }

    /// Writes a record again whose copy was damaged.
    pub(super) fn mend(&self, keys: &Keys, id: &RecordId, sealed: &[u8]) {
        if let Index::Sled(sled) = self {
            let _ = sled.mend(keys, id, sealed);
        }
    }
}

/// The tags, in memory.
#[derive(Default)]
pub(super) struct MemoryIndex {
    tags: BTreeSet<([u8; 16], Tag, [u8; 16])>,
}

impl MemoryIndex {
    /// Makes it of all records that can be read.
    pub(super) fn of(
        catalogue: &Catalogue,
        keys: &Keys,
        fetch: &mut dyn FnMut(&RecordId, &Entry) -> Option<Vec<u8>>,
    ) -> MemoryIndex {
        let mut index = MemoryIndex::default();
        for (id, entry) in catalogue.entries() {
            let record = fetch(id, entry).and_then(|sealed| keys.open_record(id, &sealed));
            if let Some((_, record)) = record {
                index.insert(id, &record.tags);
            }
        }
        index
    }

    fn apply(&mut self, edit: &Edit<'_>) {
        match edit {
            Edit::Put { id, tags, old, .. } => {
                self.remove(id, old);
                self.insert(id, tags);
            }
            Edit::Delete { id, old } | Edit::Lost { id, old } => self.remove(id, old),
            Edit::DeleteSpace(space) => self.tags.retain(|(of, ..)| of != space),
        }
    }

    fn insert(&mut self, id: &RecordId, tags: &[Tag]) {
        self.tags.extend(tags.iter().map(|tag| (id.space, *tag, id.id)));
    }

    fn remove(&mut self, id: &RecordId, tags: &[Tag]) {
        for tag in tags {
            self.tags.remove(&(id.space, *tag, id.id));
        }
    }

    fn find(&self, space: &[u8; 16], tags: &[Tag]) -> BTreeSet<RecordId> {
        let Some((first, others)) = tags.split_first() else { return BTreeSet::new() };
        let bearing = self.tags.range((*space, *first, [0; 16])..=(*space, *first, [0xff; 16]));
        bearing
            .filter(|(_, _, id)| others.iter().all(|tag| self.tags.contains(&(*space, *tag, *id))))
            .map(|(_, _, id)| RecordId { space: *space, id: *id })
            .collect()
    }
}
