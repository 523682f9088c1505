//! The truth: sealed frames in segments, appended and synced before anybody hears of them.
//!
//! Invariants: a frame is written only after all before it are durable, so only the last one can be torn. After
//! a failed write nothing more is written until the log ends again where its last good frame does. A segment
//! appears under its name only when all that it begins with is durable.

use super::catalogue::{Catalogue, Entry, Location};
use super::frame::{Act, Frame, HEADER, Header, Kind, Link, PREFIX, SegmentKeys, Touch};
use super::medium::{Blocks, Medium, failure, while_doing};
use super::scan::{read_frame, segment_name};
use super::seal::{Keys, Print};
use super::{Limits, RecordId};
use crate::error::{Code, Error, Result};
use std::sync::Arc;

/// Where the log ends.
#[derive(Clone, Default)]
pub(super) struct End {
    /// The last sequence number.
    pub(super) seq: u64,
    /// The last frame.
    pub(super) link: Link,
    /// What it touched.
    pub(super) touched: Vec<Touch>,
}

/// The log, open for appending.
pub(super) struct Log {
    medium: Arc<dyn Medium>,
    keys: Arc<Keys>,
    limits: Limits,
    /// The segments and their lengths; the last one is written to.
    segments: Vec<(u64, u64)>,
    tail: Option<Tail>,
    end: End,
    /// Why nothing may be appended, where that is so.
    refusal: Option<Error>,
    /// The total length below which no snapshot is tried (again).
    snapshot_at: u64,
}

/// The segment that is written to.
struct Tail {
    keys: SegmentKeys,
    file: Box<dyn Blocks>,
    /// Up to here it is good.
    length: u64,
    /// Whether there may be something after that.
    torn: bool,
}

/// Finds the sealed form of a record, wherever it is.
pub(super) type Fetch<'a> = &'a mut dyn FnMut(&RecordId, &Entry) -> Option<Vec<u8>>;

impl Log {
    /// A log of which these segments exist. Nothing can be appended until [`Log::resume`] or [`Log::snapshot`].
    pub(super) fn new(medium: Arc<dyn Medium>, keys: Arc<Keys>, limits: Limits, segments: Vec<(u64, u64)>) -> Log {
        let refusal = Some(Code::DeviceError.because("the log is damaged and could not be mended"));
        Log { medium, keys, limits, segments, tail: None, end: End::default(), refusal, snapshot_at: 0 }
    }

    /// Goes on after the last good frame, cutting off what an interrupted write left behind it.
    pub(super) fn resume(&mut self, end: End, good_length: u64) -> Result<()> {
        let &(number, length) = self.segments.last().ok_or(Code::DeviceError)?;
        let file = self.medium.open(&segment_name(number)).map_err(while_doing("opening the log"))?;
        let keys = SegmentKeys::new(&self.keys, number);
        let mut tail = Tail { keys, file, length: good_length, torn: length > good_length };
        // On a medium that cannot be written the next commit will say so.
        let _ = tail.heal();
        (self.tail, self.end, self.refusal) = (Some(tail), end, None);
        Ok(())
    }

    /// The last sequence number and frame.
    pub(super) fn end(&self) -> &End {
        &self.end
    }

    /// Why nothing can be appended, where that is so.
    pub(super) fn refusal(&self) -> Option<&Error> {
        self.refusal.as_ref()
    }

    /// Forbids appending.
    pub(super) fn refuse(&mut self, why: Error) {
        self.refusal = Some(why);
    }

    /// Appends a frame of changes, after which the whole set has this digest and count. Durable on return.
    pub(super) fn append(&mut self, acts: Vec<Act>, digest: Print, count: u64) -> Result<(Frame, Location)> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let mut end = self.end.clone();
        end.seq += 1;
        let frame =
            Frame { kind: Kind::Commit, seq: end.seq, digest, count, echo: std::mem::take(&mut end.touched), acts };
        self.rotate();
        let tail = self.tail.as_mut().ok_or(Code::DeviceError)?;
        let offset = tail.write(&frame, &mut end.link)?;
        end.touched = frame.acts.iter().map(Act::touch).collect();
        self.end = end;
        let (number, length) = (tail.keys.number, tail.length);
        if let Some(last) = self.segments.last_mut() {
            *last = (number, length);
        }
        Ok((frame, Location { segment: number, offset }))
    }

    /// Whether most of the log is dead.
    pub(super) fn wants_snapshot(&self, live: u64) -> bool {
        let total: u64 = self.segments.iter().map(|(_, length)| length).sum();
        total > (2 * live + self.limits.segment).max(self.snapshot_at)
    }

    /// After a snapshot that failed: not again before the log has grown by a segment.
    pub(super) fn postpone_snapshot(&mut self) {
        let total: u64 = self.segments.iter().map(|(_, length)| length).sum();
        self.snapshot_at = total + self.limits.segment;
    }

    /// Writes all that there is into a new segment, which from then on is the log; gives the new places. The older
    /// segments stay until [`Log::drop_older`].
    pub(super) fn snapshot(
        &mut self,
        catalogue: &Catalogue,
        end: End,
        fetch: Fetch<'_>,
    ) -> Result<Vec<(RecordId, Location)>> {
        let keys = SegmentKeys::new(&self.keys, self.next_number());
        let header = Header { start: true, seq: end.seq, link: end.link };
        let mut snapshot = Snapshot { places: Vec::new(), end, items: 0, part: self.limits.part };
        let written = self.make_segment(keys, &header, &mut |tail| snapshot.write(tail, catalogue, fetch));
        let tail = match written {
            Ok(tail) => tail,
            Err(Unmade::NotNamed(error)) => return Err(error),
            Err(Unmade::PerhapsNamed(error)) => {
                // Frames appended to the old segment now would be older than the snapshot to whoever reads both.
                self.refusal = Some(error.clone());
                return Err(error);
            }
        };
        self.segments.push((tail.keys.number, tail.length));
        (self.tail, self.end, self.refusal) = (Some(tail), snapshot.end, None);
        Ok(snapshot.places)
    }

    /// Removes the segments before the last one; the damaged ones are set aside. What cannot be removed stays,
    /// and does no harm.
    pub(super) fn drop_older(&mut self, damaged: &[u64]) {
        let Some(last) = self.segments.pop() else { return };
        for (number, _) in std::mem::replace(&mut self.segments, vec![last]) {
            let name = segment_name(number);
            let aside = damaged.contains(&number) && self.medium.set_aside(&name).is_ok();
            if !aside {
                let _ = self.medium.remove(&name);
            }
        }
        let _ = self.medium.sync();
    }

    /// Goes over to a new segment where this one is long enough. Where that fails, the old one serves on.
    fn rotate(&mut self) {
        let full = self.tail.as_ref().is_some_and(|tail| tail.length >= self.limits.segment && !tail.torn);
        if !full {
            return;
        }
        let keys = SegmentKeys::new(&self.keys, self.next_number());
        let header = Header { start: false, seq: self.end.seq, link: self.end.link };
        if let Ok(tail) = self.make_segment(keys, &header, &mut |_| Ok(())) {
            self.segments.push((tail.keys.number, tail.length));
            self.tail = Some(tail);
        }
    }

    fn next_number(&self) -> u64 {
        self.segments.last().map_or(1, |(number, _)| number + 1)
    }

    /// Makes a segment with all that it begins with, and only then gives it its name.
    fn make_segment(
        &self,
        keys: SegmentKeys,
        header: &Header,
        fill: &mut dyn FnMut(&mut Tail) -> Result<()>,
    ) -> std::result::Result<Tail, Unmade> {
        let name = segment_name(keys.number);
        let new = format!("{name}.new");
        let doing = format!("writing {name}");
        let made = self.medium.create(&new).map_err(while_doing(&doing)).and_then(|file| {
            file.write_at(&keys.seal_header(header), 0).map_err(while_doing(&doing))?;
            let mut tail = Tail { keys, file, length: HEADER as u64, torn: false };
            fill(&mut tail)?;
            tail.file.sync().map_err(while_doing(&doing))?;
            self.medium.rename(&new, &name).map_err(while_doing(&doing))?;
            Ok(tail)
        });
        let tail = made.map_err(|error| {
            let _ = self.medium.remove(&new);
            Unmade::NotNamed(error)
        })?;
        self.medium.sync().map_err(|error| Unmade::PerhapsNamed(failure(&doing, &error)))?;
        Ok(tail)
    }
}

/// Why a segment was not made.
enum Unmade {
    /// It has not got its name.
    NotNamed(Error),
    /// It has its name, and it is not known whether that will last.
    PerhapsNamed(Error),
}

impl Tail {
    /// Appends a frame and syncs it, or leaves the segment as it was.
    fn write(&mut self, frame: &Frame, link: &mut Link) -> Result<u64> {
        self.heal().map_err(while_doing("cutting off what a failed write left"))?;
        let (bytes, name) = self.seal(frame, link)?;
        let written = self.file.write_at(&bytes, self.length).and_then(|()| self.file.sync());
        if let Err(error) = written {
            // What could not even begin leaves nothing to cut off.
            self.torn = self.file.length().map_or(true, |length| length != self.length);
            let _ = self.heal();
            return Err(failure("writing to the log", &error));
        }
        Ok(self.advance(bytes.len(), name, link))
    }

    /// Appends a frame to a segment that has no name yet.
    fn write_unsynced(&mut self, frame: &Frame, link: &mut Link) -> Result<u64> {
        let (bytes, name) = self.seal(frame, link)?;
        self.file.write_at(&bytes, self.length).map_err(while_doing("writing a snapshot"))?;
        Ok(self.advance(bytes.len(), name, link))
    }

    fn seal(&self, frame: &Frame, link: &Link) -> Result<(Vec<u8>, Link)> {
        self.keys.seal_frame(frame, link).ok_or_else(|| Code::DeviceMemory.because("the change is too large"))
    }

    fn advance(&mut self, more: usize, name: Link, link: &mut Link) -> u64 {
        let offset = self.length;
        self.length += more as u64;
        *link = name;
        offset
    }

    /// Cuts the segment to its good length, durably.
    fn heal(&mut self) -> std::io::Result<()> {
        if self.torn {
            self.file.truncate(self.length)?;
            self.file.sync()?;
            self.torn = false;
        }
        Ok(())
    }
}

/// A snapshot on its way into a segment.
struct Snapshot {
    places: Vec<(RecordId, Location)>,
    end: End,
    items: u64,
    part: usize,
}

impl Snapshot {
    fn write(&mut self, tail: &mut Tail, catalogue: &Catalogue, fetch: Fetch<'_>) -> Result<()> {
        let (mut acts, mut bytes) = (Vec::new(), 0);
        for (id, entry) in catalogue.entries() {
            let sealed = fetch(id, entry).ok_or_else(|| super::unreadable(id))?;
            bytes += sealed.len() + 37;
            acts.push(Act::Put(*id, sealed));
            if bytes >= self.part {
                self.frame(tail, Kind::Part, std::mem::take(&mut acts), catalogue)?;
                bytes = 0;
            }
        }
        acts.extend(catalogue.lost().iter().map(|id| Act::Lost(*id)));
        if !acts.is_empty() {
            self.frame(tail, Kind::Part, acts, catalogue)?;
        }
        self.frame(tail, Kind::End, Vec::new(), catalogue)
    }

    fn frame(&mut self, tail: &mut Tail, kind: Kind, acts: Vec<Act>, catalogue: &Catalogue) -> Result<()> {
        let (digest, count) = match kind {
            Kind::End => (catalogue.digest(), catalogue.count()),
            Kind::Part | Kind::Commit => (Print::default(), self.items),
        };
        self.items += acts.len() as u64;
        let echo = std::mem::take(&mut self.end.touched);
        let frame = Frame { kind, seq: self.end.seq, digest, count, echo, acts };
        let offset = tail.write_unsynced(&frame, &mut self.end.link)?;
        self.end.touched = frame.acts.iter().map(Act::touch).collect();
        let at = Location { segment: tail.keys.number, offset };
        let put = |act: &Act| if let Act::Put(id, _) = act { Some((*id, at)) } else { None };
        self.places.extend(frame.acts.iter().filter_map(put));
        Ok(())
    }
}

/// Reads records from the log, remembering the last frame: neighbours are often asked for together.
pub(super) struct LogReader {
    medium: Arc<dyn Medium>,
    keys: Arc<Keys>,
    last: Option<(Location, Frame)>,
}

impl LogReader {
    pub(super) fn new(medium: Arc<dyn Medium>, keys: Arc<Keys>) -> LogReader {
        LogReader { medium, keys, last: None }
    }

    /// The sealed form of a record, if the log has it whole where the catalogue says.
    pub(super) fn fetch(&mut self, id: &RecordId, entry: &Entry) -> Option<Vec<u8>> {
        let at = entry.at?;
        if self.last.as_ref().is_none_or(|(place, _)| *place != at) {
            let file = self.medium.open(&segment_name(at.segment)).ok()?;
            let keys = SegmentKeys::new(&self.keys, at.segment);
            let (frame, ..) = read_frame(&*file, file.length().ok()?, at.offset, &keys)?;
            self.last = Some((at, frame));
        }
        let (_, frame) = self.last.as_ref()?;
        frame.acts.iter().rev().find_map(|act| match act {
            Act::Put(found, sealed) if found == id && self.keys.print_record(id, sealed) == entry.print => {
                Some(sealed.clone())
            }
            _ => None,
        })
    }
}

const _: () = assert!(PREFIX < HEADER);
