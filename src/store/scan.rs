//! Reading the log from its files: every frame that authenticates, and what stands between them that does not.

use super::catalogue::Location;
use super::frame::{FORMAT, Frame, HEADER, Header, Link, PREFIX, SegmentKeys, VERSION};
use super::medium::{Blocks, Medium, while_doing};
use super::seal::Keys;
use crate::error::{Code, Result};
use std::ops::Range;

/// What is wrong with a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It is not there, and those around it are.
    Missing(u64),
    /// These bytes of it are not what was written.
    Damaged(u64, Range<u64>),
}

/// What was found besides frames.
#[derive(Default)]
pub(super) struct Scan {
    /// The segments that there are, and how long each is.
    pub(super) segments: Vec<(u64, u64)>,
    /// How many headers and frames were authentic: where it is none, the key is the wrong one.
    pub(super) authentic: u64,
    /// What is wrong.
    pub(super) faults: Vec<Fault>,
    /// Where the last frame of the last segment ends.
    pub(super) good_length: u64,
    /// Bytes after it: what an interrupted write leaves, or a damaged last frame.
    pub(super) torn: Option<Torn>,
    /// Files that are not segments: what an interrupted snapshot leaves.
    pub(super) remnants: Vec<String>,
}

/// The bytes after the last good frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Torn {
    /// They are not a frame: an interrupted write.
    Part(u64),
    /// They look like a frame of full length. An interrupted write can look so, and damage too.
    Whole(u64),
}

/// Reads all of the log, giving every authentic frame to `visit`, in order.
pub(super) fn scan(
    medium: &dyn Medium,
    keys: &Keys,
    visit: &mut dyn FnMut(Frame, Link, Link, Location),
) -> Result<Scan> {
    let mut scan = Scan::default();
    let names = medium.list().map_err(while_doing("reading the directory of the log"))?;
    let (mut numbers, mut before) = (Vec::new(), None::<u64>);
    for name in names {
        match segment_number(&name) {
            Some(number) => numbers.push(number),
            None => scan.remnants.push(name),
        }
    }
    numbers.sort_unstable();
    for (at, &number) in numbers.iter().enumerate() {
        if let Some(before) = before.filter(|before| before + 1 < number) {
            scan.faults.push(Fault::Missing(before + 1));
        }
        scan.segment(medium, &SegmentKeys::new(keys, number), at + 1 == numbers.len(), visit)?;
        before = Some(number);
    }
    Ok(scan)
}

impl Scan {
    fn segment(
        &mut self,
        medium: &dyn Medium,
        keys: &SegmentKeys,
        last: bool,
        visit: &mut dyn FnMut(Frame, Link, Link, Location),
    ) -> Result<()> {
        let name = segment_name(keys.number);
        let doing = format!("reading {name}");
        let file = medium.open(&name).map_err(while_doing(&doing))?;
        let length = file.length().map_err(while_doing(&doing))?;
        self.segments.push((keys.number, length));
        let (authentic, format) = (self.authentic, self.header(&*file, keys));
        let (mut at, mut good) = ((HEADER as u64).min(length), (HEADER as u64).min(length));
        while at < length {
            if let Some((frame, before, link, next)) = read_frame(&*file, length, at, keys) {
                self.authentic += 1;
                visit(frame, before, link, Location { segment: keys.number, offset: at });
                (at, good) = (next, next);
                continue;
            }
            match find_frame(&*file, length, at + 1, keys) {
                Some(next) => {
                    self.faults.push(Fault::Damaged(keys.number, at..next));
                    at = next;
                }
                None => break,
            }
        }
        if self.authentic == authentic {
            refuse_newer(&name, &format)?;
        }
        self.end(&*file, keys, last, good..length);
        Ok(())
    }

    /// Looks at the header; gives the bytes that tell the format.
    fn header(&mut self, file: &dyn Blocks, keys: &SegmentKeys) -> [u8; 8] {
        let mut bytes = [0; HEADER];
        let read = file.read_at(&mut bytes, 0).is_ok();
        let authentic: Option<Header> = keys.open_header(&bytes).filter(|_| read);
        self.authentic += u64::from(authentic.is_some());
        if authentic.is_none() || !bytes.starts_with(&FORMAT) {
            self.faults.push(Fault::Damaged(keys.number, 0..HEADER as u64));
        }
        std::array::from_fn(|at| bytes[at])
    }

    /// Judges what stands after the last good frame of a segment.
    fn end(&mut self, file: &dyn Blocks, keys: &SegmentKeys, last: bool, rest: Range<u64>) {
        if last {
            self.good_length = rest.start;
        }
        if rest.is_empty() || (last && rest.start < HEADER as u64) {
            return;
        }
        if !last {
            self.faults.push(Fault::Damaged(keys.number, rest));
            return;
        }
        let mut prefix = [0; PREFIX];
        let claimed = match file.read_at(&mut prefix, rest.start) {
            Ok(()) => keys.sealed_length(&prefix),
            Err(_) => None,
        };
        let whole = claimed.is_some_and(|length| (length + PREFIX) as u64 <= rest.end - rest.start);
        self.torn = Some(if whole { Torn::Whole(rest.start) } else { Torn::Part(rest.start) });
    }
}

/// The frame at `at`, the name of the one before it, its own, and where it ends.
pub(super) fn read_frame(
    file: &dyn Blocks,
    length: u64,
    at: u64,
    keys: &SegmentKeys,
) -> Option<(Frame, Link, Link, u64)> {
    let body = at.checked_add(PREFIX as u64).filter(|&body| body <= length)?;
    let mut prefix = [0; PREFIX];
    file.read_at(&mut prefix, at).ok()?;
    let sealed = keys.sealed_length(&prefix).filter(|&sealed| sealed as u64 <= length - body)?;
    let mut bytes = vec![0; sealed];
    file.read_at(&mut bytes, body).ok()?;
    let (frame, before, link) = keys.open_frame(&prefix, &bytes)?;
    Some((frame, before, link, body + sealed as u64))
}

/// The name of a segment's file.
pub(super) fn segment_name(number: u64) -> String {
    format!("{number:020}.log")
}

fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    let number = digits.parse().ok()?;
    (digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit()) && number > 0).then_some(number)
}

/// Where the next frame that authenticates begins: each begins with its segment's mark.
fn find_frame(file: &dyn Blocks, length: u64, from: u64, keys: &SegmentKeys) -> Option<u64> {
    const CHUNK: usize = 1 << 16;
    let mut at = from;
    while at + PREFIX as u64 <= length {
        let mut chunk = vec![0; CHUNK.min((length - at) as usize)];
        if file.read_at(&mut chunk, at).is_ok() {
            let marks = chunk.windows(keys.mark.len()).enumerate().filter(|(_, bytes)| **bytes == keys.mark);
            let mut places = marks.map(|(offset, _)| at + offset as u64);
            if let Some(place) = places.find(|&place| read_frame(file, length, place, keys).is_some()) {
                return Some(place);
            }
        }
        at += (chunk.len() - keys.mark.len() + 1) as u64;
    }
    None
}

/// A segment of which nothing is authentic may be one of a newer version: that is no damage.
fn refuse_newer(name: &str, format: &[u8; 8]) -> Result<()> {
    let version = u16::from_be_bytes([format[4], format[5]]);
    if format[..4] == FORMAT[..4] && version > u16::from(VERSION) {
        return Err(Code::TokenNotRecognized.because(format!(
            "{name} was written by a newer Strongroom (format {version}, this one reads up to {VERSION}): upgrade to open this store"
        )));
    }
    Ok(())
}
