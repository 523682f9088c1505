//! Opening: what the log says, what the index says, and which of them to believe.
//!
//! | log | index | then |
//! |---|---|---|
//! | exact, reaches as far as the index | exact | the index takes over what it lacks |
//! | exact, reaches as far as the index | damaged or gone | the index is made anew from the log |
//! | damaged, or shorter than the index | exact | the log is written anew from the index |
//! | damaged | damaged | what authenticates in either is kept, the newest of each; the rest is named and refused, and so is what may be older than a change that nothing tells of |
//!
//! Exact means: what was read adds up to the digest that the last frame, or the index's head, says.

use super::catalogue::{Catalogue, Fold};
use super::frame::Link;
use super::guard::{self, Seal};
use super::index::{Census, Head, Index, MemoryIndex, Trouble};
use super::log::{End, Log, LogReader};
use super::medium::{Medium, create_directory, lock, while_doing};
use super::mend;
use super::scan::{Fault, Scan, Torn, scan};
use super::seal::Keys;
use super::sled_index::SledIndex;
use super::{Limits, Mode, RecordId, State, Store, name};
use crate::error::{Code, Result};
use crate::secret::Secret;
use parking_lot::{Mutex, RwLock};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Opens or makes the store in `directory`, whose log is on `medium`.
pub(super) fn open(
    directory: &Path,
    root: &Secret,
    mode: Mode,
    limits: Limits,
    medium: Arc<dyn Medium>,
) -> Result<Store> {
    let keys = Arc::new(Keys::new(root)?);
    if mode == Mode::ReadWrite {
        create_directory(directory).map_err(while_doing("making the directory of the store"))?;
    }
    let locked = lock(directory)?;
    let mut fold = Fold::new(&keys);
    let scan = scan(&*medium, &keys, &mut |frame, before, link, at| fold.frame(&frame, &before, link, at))?;
    fold.finish();
    let index = directory.join("index");
    let new = scan.segments.is_empty() && !index.exists();
    if !new && scan.authentic == 0 && !guard::key_fits(&index, &keys) {
        return Err(Code::TokenNotRecognized.because(format!(
            "the root key does not open the store in {}: it is the wrong key, or nothing of the store is left",
            directory.display()
        )));
    }
    let opening =
        Opening { directory, index, keys: keys.clone(), medium, limits, mode, scan, damage: Vec::new(), locked };
    match (mode, new) {
        (Mode::ReadOnly, true) => {
            Err(Code::DeviceError.because(format!("there is no store in {}", directory.display())))
        }
        (Mode::ReadOnly, false) => Ok(opening.read_only(fold)),
        (Mode::ReadWrite, true) => opening.make(),
        (Mode::ReadWrite, false) => opening.read_write(fold),
    }
}

/// All that an opening needs and gathers.
struct Opening<'a> {
    directory: &'a Path,
    index: PathBuf,
    keys: Arc<Keys>,
    medium: Arc<dyn Medium>,
    limits: Limits,
    mode: Mode,
    scan: Scan,
    damage: Vec<String>,
    locked: File,
}

/// The index as it was found.
struct Found {
    sled: Option<SledIndex>,
    census: Census,
    /// The last batch that it is known to have had.
    seq: u64,
    /// What is wrong with it.
    trouble: Option<Trouble>,
}

/// What is believed, and why.
struct Truth {
    catalogue: Catalogue,
    end: End,
    source: Source,
    /// Whether batches are missing of which not even the names of their records are known.
    unnamed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Log,
    Index,
    Salvage,
}

impl Opening<'_> {
    /// A store that is not there yet.
    fn make(self) -> Result<Store> {
        create_directory(&self.directory.join("log")).map_err(while_doing("making the directory of the log"))?;
        let mut log = self.log();
        log.snapshot(&Catalogue::default(), End::default(), &mut |_, _| None)?;
        let truth =
            Truth { catalogue: Catalogue::default(), end: log.end().clone(), source: Source::Log, unnamed: false };
        let index =
            self.new_index(&truth, &mut self.reader()).unwrap_or_else(|_| Index::Memory(MemoryIndex::default()));
        Ok(self.store(truth.catalogue, index, log))
    }

    /// Without writing anything: the log alone, with its holes.
    fn read_only(mut self, fold: Fold<'_>) -> Store {
        let known = match guard::look(&self.index, &self.keys) {
            Seal::Changed(Some(head)) | Seal::Intact(head) => head.seq,
            Seal::Changed(None) | Seal::Absent | Seal::Fatal => 0,
        };
        self.report_log("it can be mended by opening the store for writing");
        if fold.exact && known > fold.seq {
            self.damage.push(format!("the log ends at batch {}, and there was a batch {known}", fold.seq));
        }
        let truth = self.salvage(fold, &Census::default(), 0);
        self.report_lost(&truth.catalogue);
        let index = self.memory(&truth.catalogue);
        let log = self.log();
        self.store(truth.catalogue, index, log)
    }

    fn read_write(mut self, fold: Fold<'_>) -> Result<Store> {
        let mut found = self.find_index(&fold);
        let truth = match self.believe(fold, &found)? {
            Ok(truth) => truth,
            // The index may be whole, but cannot be asked now: nothing may be written over what it may mend.
            Err(fold) => return Ok(self.wait_for_index(fold, found)),
        };
        let mended = truth.source == Source::Log && self.scan.faults.is_empty();
        let (mut log, mut truth) = (self.log(), truth);
        let whole = match mended {
            true => self.resume(&mut log, &truth),
            false => self.rewrite(&mut log, &mut truth, found.sled.as_ref()),
        };
        self.report_lost(&truth.catalogue);
        for remnant in self.scan.remnants.iter().filter(|name| name.ends_with(".new")) {
            let _ = self.medium.remove(remnant);
        }
        let index = match whole {
            Ok(()) => self.settle_index(&truth, found),
            // The log is not what it should be: the index stays what it is, as the copy to mend from.
            Err(error) => {
                self.damage.push(format!(
                    "the log is damaged and could not be written anew ({error}); nothing can be changed until it is"
                ));
                log.refuse(error);
                found.sled.take().map_or_else(|| self.memory(&truth.catalogue), |sled| Index::Sled(Box::new(sled)))
            }
        };
        Ok(self.store(truth.catalogue, index, log))
    }

    /// Opens and reads the index, unless its seal tells that this is dangerous and not needed.
    fn find_index(&self, log: &Fold<'_>) -> Found {
        let mut found = Found { sled: None, census: Census::default(), seq: 0, trouble: None };
        if !self.index.exists() {
            if log.exact && log.seq == 0 {
                return found; // a store that was made a moment ago
            }
            found.trouble = Some(Trouble::Broken("it is missing".into()));
            return found;
        }
        let seal = guard::look(&self.index, &self.keys);
        match seal {
            Seal::Changed(Some(head)) => {
                found.seq = head.seq;
                found.trouble = Some(Trouble::Broken("its files have changed since it was closed".into()));
                if log.exact && log.seq >= head.seq {
                    return found;
                }
            }
            Seal::Changed(None) => found.trouble = Some(Trouble::Broken("its seal is damaged".into())),
            // The last attempt to open it did not come back: it was killed, or sled killed it.
            Seal::Fatal => return found,
            Seal::Absent | Seal::Intact(_) => {}
        }
        match self.read_index(matches!(seal, Seal::Intact(_))) {
            Ok((sled, census)) => {
                found.seq = found.seq.max(census.head.map_or(0, |head| head.seq));
                if !census.usable() && found.trouble.is_none() {
                    found.trouble = Some(Trouble::Broken("it does not add up to its own digest".into()));
                }
                (found.sled, found.census) = (Some(sled), census);
            }
            Err(trouble) => found.trouble = Some(trouble),
        }
        found
    }

    fn read_index(&self, intact: bool) -> std::result::Result<(SledIndex, Census), Trouble> {
        guard::break_seal(&self.index, intact).map_err(|error| Trouble::Environment(error.to_string()))?;
        let read = SledIndex::open(&self.index, &self.keys).and_then(|mut sled| {
            let census = sled.census(&self.keys)?;
            Ok((sled, census))
        });
        guard::opened(&self.index);
        read
    }

    /// Decides. Gives the fold back where the decision must wait for an index that cannot be opened now.
    fn believe<'f>(&self, fold: Fold<'f>, found: &Found) -> Result<std::result::Result<Truth, Fold<'f>>> {
        if fold.exact && fold.seq >= found.seq {
            let end = End { seq: fold.seq, link: fold.link.unwrap_or_default(), touched: fold.touched };
            return Ok(Ok(Truth { catalogue: fold.catalogue, end, source: Source::Log, unnamed: false }));
        }
        if let (true, Some(head)) = (found.census.exact(), found.census.head) {
            let later = self.later_than(&head, &found.census)?;
            if later.exact {
                let end = End { seq: later.seq, link: later.link.unwrap_or_default(), touched: later.touched };
                return Ok(Ok(Truth { catalogue: later.catalogue, end, source: Source::Index, unnamed: false }));
            }
        }
        if let (false, Some(Trouble::Environment(_))) = (fold.exact, &found.trouble) {
            return Ok(Err(fold));
        }
        Ok(Ok(self.salvage(fold, &found.census, found.seq)))
    }

    /// The index's records, and what the log has after them.
    fn later_than(&self, head: &Head, census: &Census) -> Result<Fold<'_>> {
        let mut fold = Fold::upon(&self.keys, census.catalogue.clone(), head.seq, Some(head.link));
        scan(&*self.medium, &self.keys, &mut |frame, before, link, at| {
            if frame.seq > head.seq {
                fold.frame(&frame, &before, link, at);
            }
        })?;
        fold.finish();
        Ok(fold)
    }

    /// The newest of every record in log or index; what is known to be lost is noted as lost.
    fn salvage(&self, mut log: Fold<'_>, census: &Census, known: u64) -> Truth {
        let keys = &*self.keys;
        let unnamed = log.unnamed || known > log.seq;
        let blurred = unnamed || !log.exact;
        for (id, entry) in census.catalogue.entries() {
            let newest = log.catalogue.entries().get(id).is_none_or(|logged| logged.stamp.seq < entry.stamp.seq);
            if newest && !log.buried(id, entry.stamp.seq) {
                log.catalogue.put(keys, *id, *entry);
                if log.doubt.get(id).is_some_and(|&seq| seq <= entry.stamp.seq) {
                    log.doubt.remove(id);
                }
            }
        }
        let bad = census.bad.iter().chain(census.catalogue.lost());
        let suspects: Vec<RecordId> = bad.filter(|id| !log.buried(id, 0)).copied().collect();
        for id in suspects {
            // There is a copy in the log, but the index may have had a newer one.
            if blurred || !log.catalogue.entries().contains_key(&id) {
                log.catalogue.lose(keys, &id);
            }
        }
        std::mem::take(&mut log.doubt).keys().for_each(|id| log.catalogue.lose(keys, id));
        let mut suspect = std::mem::take(&mut log.suspect);
        if known > log.seq {
            let old = log.catalogue.entries().iter().filter(|(_, entry)| entry.stamp.seq <= log.seq);
            suspect.extend(old.map(|(id, _)| *id));
        }
        suspect.retain(|id| !log.buried(id, 0));
        suspect.iter().for_each(|id| log.catalogue.lose(keys, id));
        // A number that no frame and no index has had: what is salvaged is the beginning of another history.
        let end = End { seq: log.seq.max(known) + 1, link: Link::default(), touched: Vec::new() };
        Truth { catalogue: log.catalogue, end, source: Source::Salvage, unnamed }
    }

    /// The log is whole: it goes on where it ends.
    fn resume(&mut self, log: &mut Log, truth: &Truth) -> Result<()> {
        if let (Some(Torn::Whole(at)), Some((segment, _))) = (self.scan.torn, self.scan.segments.last()) {
            self.damage.push(format!(
                "the last batch of segment {segment} of the log, at byte {at}, is not whole; it was cut off. If its writing was interrupted, nothing is lost"
            ));
        }
        log.resume(truth.end.clone(), self.scan.good_length)
    }

    /// The log is written anew from what is believed, and what was damaged of it is set aside.
    fn rewrite(&mut self, log: &mut Log, truth: &mut Truth, sled: Option<&SledIndex>) -> Result<()> {
        self.report_log(match truth.source {
            Source::Log => "the log was written anew, nothing is lost",
            Source::Index => "it was rewritten from the index, nothing is lost",
            Source::Salvage => "the index was damaged too; what could be read of both was kept",
        });
        if truth.source != Source::Log && self.scan.faults.is_empty() {
            self.damage.push(format!(
                "the log has lost its end; {}",
                match truth.source {
                    Source::Index => "it was rewritten from the index, nothing is lost",
                    Source::Log | Source::Salvage => "the index was damaged too: changes made last are lost",
                }
            ));
        }
        if truth.unnamed {
            let sentence = "batches are lost of which it is not known what they changed: records may be missing, and those \
                            that may be old are refused; restore your backup (what was there is kept in store/damaged)";
            self.damage.push(sentence.into());
        }
        create_directory(&self.directory.join("log")).map_err(while_doing("making the directory of the log"))?;
        let mut reader = self.reader();
        let keys = self.keys.clone();
        let places = log.snapshot(&truth.catalogue, truth.end.clone(), &mut |id, entry| {
            let indexed = || sled.and_then(|sled| sled.sealed(&keys, id).ok().flatten());
            reader.fetch(id, entry).or_else(|| indexed().filter(|sealed| keys.print_record(id, sealed) == entry.print))
        })?;
        truth.catalogue.relocate(&places);
        truth.end = log.end().clone();
        log.drop_older(&self.damaged_segments(truth.source));
        Ok(())
    }

    /// Brings the index to what is believed, or makes a new one, or does without one.
    fn settle_index(&mut self, truth: &Truth, found: Found) -> Index {
        let Found { sled, census, trouble, .. } = found;
        let mut reader = self.reader();
        if let (Some(mut sled), true) = (sled, census.usable()) {
            let head = mend::head(&truth.catalogue, &truth.end);
            let brought = mend::bring_up(&mut sled, &self.keys, &census.catalogue, &truth.catalogue, head, &mut reader);
            if brought.is_ok() {
                if let Some(Trouble::Broken(why)) = trouble {
                    self.damage.push(format!("the index was found damaged ({why}), but all records in it are right"));
                }
                return Index::Sled(Box::new(sled));
            }
        }
        match &trouble {
            Some(Trouble::Environment(why)) => {
                self.damage.push(format!("the index cannot be opened ({why}); the log serves"));
                return self.memory(&truth.catalogue);
            }
            Some(Trouble::Broken(why)) => {
                self.damage
                    .push(format!("the index was not usable ({why}); it was made anew from the log, nothing is lost"));
            }
            None => {}
        }
        self.clear_index(truth.source);
        self.new_index(truth, &mut reader).unwrap_or_else(|trouble| {
            self.damage.push(match trouble {
                Trouble::Environment(why) | Trouble::Broken(why) => {
                    format!("no index could be made ({why}); the log serves")
                }
            });
            self.memory(&truth.catalogue)
        })
    }

    /// Removes a damaged index; where the log was damaged too, it is kept for those who look into it.
    fn clear_index(&self, source: Source) {
        let kept =
            source == Source::Salvage && super::medium::set_aside(&self.index, &self.directory.join("damaged")).is_ok();
        if !kept {
            let _ = std::fs::remove_dir_all(&self.index);
        }
    }

    fn new_index(&self, truth: &Truth, reader: &mut LogReader) -> std::result::Result<Index, Trouble> {
        let head = mend::head(&truth.catalogue, &truth.end);
        mend::new_index(&self.index, &self.keys, &truth.catalogue, head, reader).map(|sled| Index::Sled(Box::new(sled)))
    }

    /// The log is damaged and the index cannot be opened for want of room or leave.
    fn wait_for_index(mut self, fold: Fold<'_>, found: Found) -> Store {
        let why = match found.trouble {
            Some(Trouble::Environment(why) | Trouble::Broken(why)) => why,
            None => String::new(),
        };
        self.report_log(&format!("the index, from which it could be mended, cannot be opened now ({why})"));
        let truth = self.salvage(fold, &found.census, found.seq);
        self.report_lost(&truth.catalogue);
        let (index, log) = (self.memory(&truth.catalogue), self.log());
        self.store(truth.catalogue, index, log)
    }

    fn memory(&self, catalogue: &Catalogue) -> Index {
        let mut reader = self.reader();
        Index::Memory(MemoryIndex::of(catalogue, &self.keys, &mut |id, entry| reader.fetch(id, entry)))
    }

    fn log(&self) -> Log {
        Log::new(self.medium.clone(), self.keys.clone(), self.limits, self.scan.segments.clone())
    }

    fn reader(&self) -> LogReader {
        LogReader::new(self.medium.clone(), self.keys.clone())
    }

    fn damaged_segments(&self, source: Source) -> Vec<u64> {
        let fault = |fault: &Fault| if let Fault::Damaged(number, _) = fault { Some(*number) } else { None };
        let mut damaged: Vec<u64> = self.scan.faults.iter().filter_map(fault).collect();
        // An end that the index contradicts is evidence too.
        let last = self.scan.segments.last().filter(|_| source != Source::Log);
        damaged.extend(last.map(|(number, _)| *number));
        damaged
    }

    fn report_log(&mut self, outcome: &str) {
        for fault in &self.scan.faults {
            self.damage.push(match fault {
                Fault::Missing(number) => format!("segment {number} of the log is missing; {outcome}"),
                Fault::Damaged(number, bytes) => {
                    format!(
                        "segment {number} of the log was damaged at byte {} to {}; {outcome}",
                        bytes.start, bytes.end
                    )
                }
            });
        }
    }

    fn report_lost(&mut self, catalogue: &Catalogue) {
        const NAMED: usize = 100;
        let sentence = |id| format!("record {} was damaged beyond recovery; reading it is refused", name(id));
        self.damage.extend(catalogue.lost().iter().take(NAMED).map(sentence));
        if let more @ 1.. = catalogue.lost().len().saturating_sub(NAMED) {
            self.damage.push(format!("{more} more records are refused for the same reason"));
        }
    }

    fn store(self, catalogue: Catalogue, index: Index, log: Log) -> Store {
        Store {
            keys: self.keys,
            medium: self.medium,
            limits: self.limits,
            mode: self.mode,
            queue: super::Queue::default(),
            log: Mutex::new(log),
            state: RwLock::new(State { catalogue, index }),
            damage: Mutex::new(self.damage),
            _lock: self.locked,
        }
    }
}
