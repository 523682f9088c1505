//! What there is: of every record its state and fingerprint and where the log has it, in memory. And how the
//! frames of the log, whole or with holes, become that.

use super::RecordId;
use super::frame::{Act, Frame, Kind, Link, Touch};
use super::seal::{Keys, Print, Stamp, same, toggle};
use std::collections::{BTreeMap, BTreeSet};

/// A place in the log: where a frame begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Location {
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// What is known of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) stamp: Stamp,
    /// Of its sealed form: tells any other bytes from the right ones.
    pub(super) print: Print,
    /// The frame that holds it; `None` where only the index has it.
    pub(super) at: Option<Location>,
    pub(super) size: u32,
}

/// All records, and those known to be lost. Its digest changes with each of them.
#[derive(Clone, Default)]
pub(super) struct Catalogue {
    entries: BTreeMap<RecordId, Entry>,
    lost: BTreeSet<RecordId>,
    digest: Print,
    bytes: u64,
}

impl Catalogue {
    pub(super) fn entries(&self) -> &BTreeMap<RecordId, Entry> {
        &self.entries
    }

    pub(super) fn lost(&self) -> &BTreeSet<RecordId> {
        &self.lost
    }

    /// The digest of the whole set.
    pub(super) fn digest(&self) -> Print {
        self.digest
    }

    /// How many records there are.
    pub(super) fn count(&self) -> u64 {
        self.entries.len() as u64
    }

    /// How many bytes of the log the records need.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The records of a space.
    pub(super) fn space(&self, space: &[u8; 16]) -> impl Iterator<Item = (&RecordId, &Entry)> {
        self.entries.range(whole(space))
    }

    /// Whether both hold the same.
    pub(super) fn agrees(&self, digest: &Print, count: u64) -> bool {
        same(&self.digest, digest) && self.count() == count
    }

    pub(super) fn put(&mut self, keys: &Keys, id: RecordId, entry: Entry) {
        self.remove(keys, &id);
        toggle(&mut self.digest, &entry.print);
        self.bytes += u64::from(entry.size) + OVERHEAD;
        self.entries.insert(id, entry);
    }

    /// Forgets a record, and that it is lost.
    pub(super) fn remove(&mut self, keys: &Keys, id: &RecordId) {
        if let Some(old) = self.entries.remove(id) {
            toggle(&mut self.digest, &old.print);
            self.bytes -= u64::from(old.size) + OVERHEAD;
        }
        if self.lost.remove(id) {
            toggle(&mut self.digest, &keys.print_lost(id));
        }
    }

    pub(super) fn remove_space(&mut self, keys: &Keys, space: &[u8; 16]) {
        let mut ids: Vec<RecordId> = self.space(space).map(|(id, _)| *id).collect();
        ids.extend(self.lost.range(whole(space)));
        ids.iter().for_each(|id| self.remove(keys, id));
    }

    /// Notes that a record was there and cannot be had.
    pub(super) fn lose(&mut self, keys: &Keys, id: &RecordId) {
        self.remove(keys, id);
        self.lost.insert(*id);
        toggle(&mut self.digest, &keys.print_lost(id));
    }

    /// Makes a change that stands in the frame at `at`.
    pub(super) fn apply(&mut self, keys: &Keys, act: &Act, at: Location) {
        match act {
            Act::Put(id, sealed) => {
                // A record too short to have a stamp was never written; it would not open.
                let stamp = keys.stamp(sealed).unwrap_or(Stamp { version: 0, seq: 0 });
                let size = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
                self.put(keys, *id, Entry { stamp, print: keys.print_record(id, sealed), at: Some(at), size });
            }
            Act::Delete(id) => self.remove(keys, id),
            Act::DeleteSpace(space) => self.remove_space(keys, space),
            Act::Lost(id) => self.lose(keys, id),
        }
    }

    /// Notes where a snapshot has the records now.
    pub(super) fn relocate(&mut self, places: &[(RecordId, Location)]) {
        for (id, at) in places {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.at = Some(*at);
            }
        }
    }
}

/// The frames of a log, one after the other, becoming a [`Catalogue`].
pub(super) struct Fold<'k> {
    keys: &'k Keys,
    pub(super) catalogue: Catalogue,
    /// The last frame's sequence number, name, and what it touched.
    pub(super) seq: u64,
    pub(super) link: Option<Link>,
    pub(super) touched: Vec<Touch>,
    /// Whether the catalogue is all there was at `seq`: its digest is what the last frame says.
    pub(super) exact: bool,
    /// Records that a frame which cannot be read has changed, and its sequence number where that is known.
    pub(super) doubt: BTreeMap<RecordId, u64>,
    /// Whether frames are missing of which not even the names are known.
    pub(super) unnamed: bool,
    /// Records that such frames may have changed, and that nothing later vouches for.
    pub(super) suspect: BTreeSet<RecordId>,
    /// What was removed, and when.
    graves: BTreeMap<RecordId, u64>,
    space_graves: BTreeMap<[u8; 16], u64>,
    /// While a snapshot is being read: what there was before it, and whether that was exact.
    before: Option<(Catalogue, bool)>,
}

impl<'k> Fold<'k> {
    /// Begins with nothing.
    pub(super) fn new(keys: &'k Keys) -> Fold<'k> {
        Fold::upon(keys, Catalogue::default(), 0, None)
    }

    /// Begins with what is known to be the state at `seq`, after the frame `link`.
    pub(super) fn upon(keys: &'k Keys, catalogue: Catalogue, seq: u64, link: Option<Link>) -> Fold<'k> {
        let exact = link.is_some();
        let (touched, doubt, before) = (Vec::new(), BTreeMap::new(), None);
        let (graves, space_graves) = (BTreeMap::new(), BTreeMap::new());
        let suspect = BTreeSet::new();
        Fold {
            keys,
            catalogue,
            seq,
            link,
            touched,
            exact,
            doubt,
            unnamed: false,
            suspect,
            graves,
            space_graves,
            before,
        }
    }

    /// Takes the next frame that could be read.
    pub(super) fn frame(&mut self, frame: &Frame, before: &Link, link: Link, at: Location) {
        let first = frame.kind != Kind::Commit && self.before.is_none();
        if first {
            self.before = Some((std::mem::take(&mut self.catalogue), self.exact));
        }
        let begins = match frame.kind {
            Kind::Part => frame.count == 0,
            Kind::End => frame.digest == Print::default(),
            Kind::Commit => false,
        };
        if !(first && begins) && (first || self.link.as_ref() != Some(before)) {
            self.hole(frame);
        }
        frame.acts.iter().for_each(|act| self.act(act, frame.seq, at));
        self.exact = frame.kind != Kind::Part && self.catalogue.agrees(&frame.digest, frame.count);
        if frame.kind == Kind::End {
            self.end_of_snapshot(Some(frame));
        }
        if self.exact {
            self.doubt.clear();
            self.suspect.clear();
            self.unnamed = false;
        }
        (self.seq, self.link) = (frame.seq, Some(link));
        self.touched = frame.acts.iter().map(Act::touch).collect();
    }

    /// No more frames come. A snapshot without its end is no snapshot: what was before it stands.
    pub(super) fn finish(&mut self) {
        self.end_of_snapshot(None);
    }

    /// Whether a state of `id` made by batch `seq` was removed by a later one.
    pub(super) fn buried(&self, id: &RecordId, seq: u64) -> bool {
        let later = |grave: Option<&u64>| grave.is_some_and(|&grave| grave > seq);
        later(self.graves.get(id)) || later(self.space_graves.get(&id.space))
    }

    fn act(&mut self, act: &Act, seq: u64, at: Location) {
        self.catalogue.apply(self.keys, act, at);
        match act {
            Act::Put(id, _) | Act::Lost(id) => {
                self.doubt.remove(id);
                self.suspect.remove(id);
            }
            Act::Delete(id) => self.bury(id, seq),
            Act::DeleteSpace(space) => self.bury_space(space, seq),
        }
    }

    /// Frames are missing before `frame`, which remembers the names of what the last of them did.
    fn hole(&mut self, frame: &Frame) {
        self.exact = false;
        if self.link.is_none() || frame.kind != Kind::Commit || frame.seq > self.seq + 2 {
            self.unnamed = true;
            self.suspect_all(frame.kind);
        }
        let seq = if frame.kind == Kind::Commit { frame.seq.saturating_sub(1) } else { 0 };
        for touch in &frame.echo {
            match touch {
                Touch::Put(id) => {
                    self.doubt.insert(*id, seq);
                }
                Touch::Lost(id) => self.catalogue.lose(self.keys, id),
                Touch::Delete(id) => {
                    self.catalogue.remove(self.keys, id);
                    self.bury(id, seq);
                }
                Touch::DeleteSpace(space) => {
                    self.catalogue.remove_space(self.keys, space);
                    self.bury_space(space, seq);
                }
            }
        }
    }

    /// Whatever there is may have been changed by frames of which nothing is known. What a snapshot says of a record is
    /// of the moment of the snapshot, whichever part of it is missing: there only what comes from before is suspect.
    fn suspect_all(&mut self, kind: Kind) {
        let present = self.catalogue.entries();
        match (&self.before, kind) {
            (Some((before, _)), Kind::Part | Kind::End) => {
                self.suspect.extend(before.entries().keys().filter(|id| !present.contains_key(id)));
            }
            _ => self.suspect.extend(present.keys()),
        }
    }

    fn bury(&mut self, id: &RecordId, seq: u64) {
        self.doubt.remove(id);
        self.suspect.remove(id);
        self.graves.insert(*id, seq);
    }

    fn bury_space(&mut self, space: &[u8; 16], seq: u64) {
        self.doubt.retain(|id, _| id.space != *space);
        self.suspect.retain(|id| id.space != *space);
        self.space_graves.insert(*space, seq);
    }

    /// After a snapshot: where it is not whole, what was before it helps out.
    fn end_of_snapshot(&mut self, end: Option<&Frame>) {
        let Some((before, exact)) = self.before.take() else { return };
        if self.exact {
            return;
        }
        if exact && end.is_none_or(|end| before.agrees(&end.digest, end.count)) {
            (self.catalogue, self.exact) = (before, true);
            self.doubt.clear();
            self.suspect.clear();
            return;
        }
        for (id, entry) in before.entries() {
            if !self.catalogue.entries.contains_key(id) && !self.catalogue.lost.contains(id) {
                self.catalogue.put(self.keys, *id, *entry);
            }
        }
    }
}

fn whole(space: &[u8; 16]) -> std::ops::RangeInclusive<RecordId> {
    RecordId { space: *space, id: [0; 16] }..=RecordId { space: *space, id: [0xff; 16] }
}

/// What a record takes in a frame besides its sealed bytes.
const OVERHEAD: u64 = 37;
