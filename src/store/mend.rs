//! Making an index, and bringing one up to what is believed.

use super::catalogue::Catalogue;
use super::guard;
use super::index::{Edit, Head, Index, Trouble};
use super::log::{End, LogReader};
use super::medium::create_directory;
use super::seal::Keys;
use super::sled_index::SledIndex;
use super::{RecordId, Tag};
use std::path::Path;

/// The head of an index that holds `catalogue`.
pub(super) fn head(catalogue: &Catalogue, end: &End) -> Head {
    Head { seq: end.seq, link: end.link, digest: catalogue.digest(), count: catalogue.count(), tags: [0; 16] }
}

/// A new index of all that there is, in a directory that must not be there yet.
pub(super) fn new_index(
    directory: &Path,
    keys: &Keys,
    catalogue: &Catalogue,
    head: Head,
    reader: &mut LogReader,
) -> Result<SledIndex, Trouble> {
    let environment = |error: std::io::Error| Trouble::Environment(error.to_string());
    if directory.exists() {
        return Err(Trouble::Environment("the files of the old one could not be removed".into()));
    }
    create_directory(directory).map_err(environment)?;
    guard::put_check(directory, keys).map_err(environment)?;
    let mut sled = SledIndex::open(directory, keys)?;
    bring_up(&mut sled, keys, &Catalogue::default(), catalogue, head, reader)?;
    guard::opened(directory);
    Ok(sled)
}

/// Changes an index that holds `from` so that it holds `to`, reading records from the log.
pub(super) fn bring_up(
    sled: &mut SledIndex,
    keys: &Keys,
    from: &Catalogue,
    to: &Catalogue,
    head: Head,
    reader: &mut LogReader,
) -> Result<(), Trouble> {
    let mut pending = Pending { sled, keys, edits: Vec::new() };
    for id in from.entries().keys().chain(from.lost()) {
        if !to.entries().contains_key(id) && !to.lost().contains(id) {
            let old = pending.tags(id)?;
            pending.add(Change::Delete(*id, old))?;
        }
    }
    for (id, entry) in to.entries() {
        if from.entries().get(id).is_some_and(|had| had.print == entry.print) {
            continue;
        }
        let sealed = reader.fetch(id, entry).ok_or_else(|| unreadable(id))?;
        let (_, record) = keys.open_record(id, &sealed).ok_or_else(|| unreadable(id))?;
        let old = pending.tags(id)?;
        pending.add(Change::Put { id: *id, sealed, tags: record.tags, old })?;
    }
    for id in to.lost().difference(from.lost()) {
        let old = pending.tags(id)?;
        pending.add(Change::Lost(*id, old))?;
    }
    pending.apply(head)
}

/// Closes an index and seals it.
pub(super) fn close(index: Index, keys: &Keys) {
    if let Index::Sled(sled) = index {
        let directory = sled.directory().to_path_buf();
        if let Ok(head) = sled.close() {
            // Without the seal the next opening checks the index itself.
            let _ = guard::put_seal(&directory, keys, &head);
        }
    }
}

enum Change {
    Put { id: RecordId, sealed: Vec<u8>, tags: Vec<Tag>, old: Vec<Tag> },
    Delete(RecordId, Vec<Tag>),
    Lost(RecordId, Vec<Tag>),
}

/// Changes that go to the index a few hundred at a time.
struct Pending<'a> {
    sled: &'a mut SledIndex,
    keys: &'a Keys,
    edits: Vec<Change>,
}

impl Pending<'_> {
    fn tags(&self, id: &RecordId) -> Result<Vec<Tag>, Trouble> {
        let sealed = self.sled.sealed(self.keys, id)?;
        let record = sealed.and_then(|sealed| self.keys.open_record(id, &sealed));
        Ok(record.map_or_else(Vec::new, |(_, record)| record.tags))
    }

    fn add(&mut self, change: Change) -> Result<(), Trouble> {
        self.edits.push(change);
        if self.edits.len() >= 256 { self.apply(Head::unfinished()) } else { Ok(()) }
    }

    fn apply(&mut self, head: Head) -> Result<(), Trouble> {
        let changes = std::mem::take(&mut self.edits);
        let edits: Vec<Edit<'_>> = changes.iter().map(as_edit).collect();
        self.sled.apply(self.keys, &edits, head)
    }
}

fn as_edit(change: &Change) -> Edit<'_> {
    match change {
        Change::Put { id, sealed, tags, old } => Edit::Put { id: *id, sealed, tags: tags.clone(), old: old.clone() },
        Change::Delete(id, old) => Edit::Delete { id: *id, old: old.clone() },
        Change::Lost(id, old) => Edit::Lost { id: *id, old: old.clone() },
    }
}

fn unreadable(id: &RecordId) -> Trouble {
    Trouble::Broken(format!("record {} cannot be read from the log", super::name(id)))
}
