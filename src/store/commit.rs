//! Committing: many callers, one sync. The first to come leads; those who come while it works wait, and one of
//! them leads the next group.

use super::catalogue::{Catalogue, Entry};
use super::frame::Act;
use super::index::Edit;
use super::seal::{Keys, Print, Stamp, toggle};
use super::{Batch, Change, Limits, RecordId, Tag};
use crate::error::{Code, Result};
use parking_lot::{Condvar, Mutex};
use std::collections::{HashMap, HashSet};

/// Those who wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    batches: Vec<(u64, Batch)>,
    results: HashMap<u64, Result<()>>,
    led: bool,
}

impl Queue {
    /// Has `batch` carried out, by this thread or another. `lead` carries out a group of batches.
    pub(super) fn commit(
        &self,
        batch: Batch,
        limits: &Limits,
        lead: impl Fn(Vec<Batch>) -> Vec<Result<()>>,
    ) -> Result<()> {
        let mut waiting = self.waiting.lock();
        let me = waiting.next;
        waiting.next += 1;
        waiting.batches.push((me, batch));
        loop {
            if let Some(result) = waiting.results.remove(&me) {
                return result;
            }
            if waiting.led {
                self.wake.wait(&mut waiting);
                continue;
            }
            let (numbers, group) = waiting.group(limits);
            if group.is_empty() {
                return Err(Code::GeneralError.because("the commit was given up when another one failed badly"));
            }
            waiting.led = true;
            drop(waiting);
            let leading = Leading(self);
            let results = lead(group);
            waiting = self.waiting.lock();
            waiting.results.extend(numbers.into_iter().zip(results));
            parking_lot::MutexGuard::unlocked(&mut waiting, || drop(leading));
        }
    }
}

impl Waiting {
    /// The batches that go next: all of them, up to a size.
    fn group(&mut self, limits: &Limits) -> (Vec<u64>, Vec<Batch>) {
        let (mut bytes, mut count) = (0, 0);
        for (_, batch) in &self.batches {
            bytes += batch.0.iter().map(size).sum::<usize>();
            if count > 0 && bytes > limits.group {
                break;
            }
            count += 1;
        }
        self.batches.drain(..count).unzip()
    }
}

/// While somebody leads. Ends also when the leader does not come back in peace.
struct Leading<'a>(&'a Queue);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.0.waiting.lock().led = false;
        self.0.wake.notify_all();
    }
}

fn size(change: &Change) -> usize {
    match change {
        Change::Put { payload, tags, .. } => payload.len() + tags.len() * 16 + 128,
        Change::Delete { .. } | Change::DeleteSpace(_) => 64,
    }
}

/// The tags that a record has after and had before a change.
#[derive(Default)]
pub(super) struct Tags {
    new: Vec<Tag>,
    old: Vec<Tag>,
}

/// A group on its way: the changes of all batches that can be made, and what comes of them.
pub(super) struct Draft<'a> {
    keys: &'a Keys,
    catalogue: &'a Catalogue,
    /// Reads the tags of a record that is there.
    tags_of: &'a dyn Fn(&RecordId, &Entry) -> Vec<Tag>,
    seq: u64,
    /// Records that the group has changed: what they are now, or that they are gone.
    records: HashMap<RecordId, Option<Known>>,
    /// Spaces that the group has removed.
    spaces: HashSet<[u8; 16]>,
    pub(super) acts: Vec<Act>,
    pub(super) tags: Vec<Tags>,
    pub(super) digest: Print,
    pub(super) count: u64,
}

struct Known {
    version: u64,
    print: Print,
    tags: Vec<Tag>,
}

impl<'a> Draft<'a> {
    /// An empty group that will have the sequence number `seq`.
    pub(super) fn new(
        keys: &'a Keys,
        catalogue: &'a Catalogue,
        seq: u64,
        tags_of: &'a dyn Fn(&RecordId, &Entry) -> Vec<Tag>,
    ) -> Draft<'a> {
        Draft {
            keys,
            catalogue,
            tags_of,
            seq,
            records: HashMap::new(),
            spaces: HashSet::new(),
            acts: Vec::new(),
            tags: Vec::new(),
            digest: catalogue.digest(),
            count: catalogue.count(),
        }
    }

    /// Takes a batch into the group, or refuses it as a whole.
    pub(super) fn add(&mut self, batch: &Batch) -> Result<()> {
        self.check(batch)?;
        for change in &batch.0 {
            match change {
                Change::Put { id, expected, tags, payload } => self.put(id, expected + 1, tags, payload),
                Change::Delete { id, .. } => self.delete(id),
                Change::DeleteSpace(space) => self.delete_space(space),
            }
        }
        Ok(())
    }

    /// Whether every version is the expected one when its turn comes.
    fn check(&self, batch: &Batch) -> Result<()> {
        let (mut versions, mut spaces) = (HashMap::<RecordId, u64>::new(), HashSet::new());
        for change in &batch.0 {
            let (id, expected, next) = match change {
                Change::Put { id, expected, .. } => (id, *expected, expected.checked_add(1).ok_or(Code::ArgumentsBad)?),
                Change::Delete { id, expected } => (id, *expected, 0),
                Change::DeleteSpace(space) => {
                    versions.retain(|id, _| id.space != *space);
                    spaces.insert(*space);
                    continue;
                }
            };
            let gone = if spaces.contains(&id.space) { Some(0) } else { None };
            match versions.get(id).copied().or(gone) {
                Some(present) => same_version(id, expected, present)?,
                None if self.lost(id) && next == 0 => {} // its version is not known any more; it may go
                None if self.lost(id) => return Err(super::unreadable(id)),
                None => same_version(id, expected, self.version(id))?,
            }
            versions.insert(*id, next);
        }
        Ok(())
    }

    fn version(&self, id: &RecordId) -> u64 {
        match self.records.get(id) {
            Some(known) => known.as_ref().map_or(0, |known| known.version),
            None if self.spaces.contains(&id.space) => 0,
            None => self.catalogue.entries().get(id).map_or(0, |entry| entry.stamp.version),
        }
    }

    fn lost(&self, id: &RecordId) -> bool {
        !self.records.contains_key(id) && !self.spaces.contains(&id.space) && self.catalogue.lost().contains(id)
    }

    fn put(&mut self, id: &RecordId, version: u64, tags: &[Tag], payload: &[u8]) {
        let old = self.take_away(id);
        let sealed = self.keys.seal_record(id, Stamp { version, seq: self.seq }, tags, payload);
        let known = Known { version, print: self.keys.print_record(id, &sealed), tags: tags.to_vec() };
        toggle(&mut self.digest, &known.print);
        self.count += 1;
        self.records.insert(*id, Some(known));
        self.acts.push(Act::Put(*id, sealed));
        self.tags.push(Tags { new: tags.to_vec(), old });
    }

    fn delete(&mut self, id: &RecordId) {
        let old = self.take_away(id);
        self.records.insert(*id, None);
        self.acts.push(Act::Delete(*id));
        self.tags.push(Tags { new: Vec::new(), old });
    }

    fn delete_space(&mut self, space: &[u8; 16]) {
        let theirs = self.records.keys().filter(|id| id.space == *space);
        let mut ids: HashSet<RecordId> = theirs.copied().collect();
        if !self.spaces.contains(space) {
            ids.extend(self.catalogue.space(space).map(|(id, _)| *id));
            ids.extend(self.catalogue.lost().iter().filter(|id| id.space == *space));
        }
        for id in ids {
            self.subtract(&id);
            self.records.remove(&id);
        }
        self.spaces.insert(*space);
        self.acts.push(Act::DeleteSpace(*space));
        self.tags.push(Tags::default());
    }

    /// Takes a record's present state out of the digest; gives the tags that it had.
    fn take_away(&mut self, id: &RecordId) -> Vec<Tag> {
        self.subtract(id);
        match self.records.get(id) {
            Some(known) => known.as_ref().map_or_else(Vec::new, |known| known.tags.clone()),
            None if self.spaces.contains(&id.space) => Vec::new(),
            None => self.catalogue.entries().get(id).map_or_else(Vec::new, |entry| (self.tags_of)(id, entry)),
        }
    }

    fn subtract(&mut self, id: &RecordId) {
        let print = match self.records.get(id) {
            Some(known) => known.as_ref().map(|known| known.print),
            None if self.spaces.contains(&id.space) => None,
            None => self.catalogue.entries().get(id).map(|entry| entry.print),
        };
        if let Some(print) = print {
            toggle(&mut self.digest, &print);
            self.count -= 1;
        } else if self.lost(id) {
            toggle(&mut self.digest, &self.keys.print_lost(id));
        }
    }
}

/// What the index has to do for these acts.
pub(super) fn edits<'a>(acts: &'a [Act], tags: Vec<Tags>) -> Vec<Edit<'a>> {
    let edit = |(act, tags): (&'a Act, Tags)| match act {
        Act::Put(id, sealed) => Edit::Put { id: *id, sealed, tags: tags.new, old: tags.old },
        Act::Delete(id) => Edit::Delete { id: *id, old: tags.old },
        Act::DeleteSpace(space) => Edit::DeleteSpace(*space),
        Act::Lost(id) => Edit::Lost { id: *id, old: tags.old },
    };
    acts.iter().zip(tags).map(edit).collect()
}

fn same_version(id: &RecordId, expected: u64, present: u64) -> Result<()> {
    if expected == present {
        return Ok(());
    }
    let name = super::name(id);
    Err(Code::FunctionFailed
        .because(format!("record {name} is at version {present} and not at {expected}: it was changed meanwhile")))
}
