//! The bytes of the log: the header of a segment, and the frames in it.
//!
//! A frame is what one sync made durable: one or several batches, or a part of a snapshot. It names the frame
//! before it (by that frame's tag), says what the digest of the whole set is after it, and repeats the names of
//! what the frame before it changed, so that even a frame that cannot be read any more is known by what it did.

use super::RecordId;
use super::seal::{Keys, Print, SEALED_MORE, Sealer};

/// What the first bytes of a segment say: whose file it is, the format's version, two bytes of zero.
pub(super) const FORMAT: [u8; 8] = [b'S', b'R', b'L', b'G', 0, VERSION, 0, 0];
/// The version of the format that this code writes, and the newest that it reads.
pub(super) const VERSION: u8 = 1;
/// The length of a segment's header.
pub(super) const HEADER: usize = FORMAT.len() + HEADER_TEXT + SEALED_MORE;
/// The length of a frame before its sealed part: mark, length, name of the frame before.
pub(super) const PREFIX: usize = 8 + 4 + 16;
/// The longest sealed part that is written.
pub(super) const LONGEST: usize = 1 << 28;

/// The name of a frame: its authentication tag.
pub(super) type Link = [u8; 16];

/// The header of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// Whether a snapshot begins in it, so that no segment before it is needed.
    pub(super) start: bool,
    /// The sequence number before its first frame.
    pub(super) seq: u64,
    /// The frame before its first one.
    pub(super) link: Link,
}

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Changes.
    Commit,
    /// A part of a snapshot.
    Part,
    /// The end of a snapshot.
    End,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Act {
    /// A record's new state, sealed.
    Put(RecordId, Vec<u8>),
    /// A record is gone.
    Delete(RecordId),
    /// All records of a space are gone.
    DeleteSpace([u8; 16]),
    /// A record is known to have been, and cannot be had any more.
    Lost(RecordId),
}

/// A change without its content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Touch {
    /// As [`Act::Put`].
    Put(RecordId),
    /// As [`Act::Delete`].
    Delete(RecordId),
    /// As [`Act::DeleteSpace`].
    DeleteSpace([u8; 16]),
    /// As [`Act::Lost`].
    Lost(RecordId),
}

impl Act {
    /// What it touches.
    pub(super) fn touch(&self) -> Touch {
        match self {
            Act::Put(id, _) => Touch::Put(*id),
            Act::Delete(id) => Touch::Delete(*id),
            Act::DeleteSpace(space) => Touch::DeleteSpace(*space),
            Act::Lost(id) => Touch::Lost(*id),
        }
    }
}

/// A frame's content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    /// What it is.
    pub(super) kind: Kind,
    /// Its sequence number; of a snapshot: that of the last commit in it.
    pub(super) seq: u64,
    /// The digest of the whole set after it (of a part: unused).
    pub(super) digest: Print,
    /// How many records there are after it (of a part: how many came before it, so that 0 is the first part).
    pub(super) count: u64,
    /// What the frame before it touched.
    pub(super) echo: Vec<Touch>,
    /// What it changes.
    pub(super) acts: Vec<Act>,
}

/// The keys of one segment.
pub(super) struct SegmentKeys {
    pub(super) number: u64,
    pub(super) mark: [u8; 8],
    sealer: Sealer,
}

impl SegmentKeys {
    /// The keys of segment `number`.
    pub(super) fn new(keys: &Keys, number: u64) -> SegmentKeys {
        let (sealer, mark) = keys.segment(number);
        SegmentKeys { number, mark, sealer }
    }

    /// A header's bytes.
    pub(super) fn seal_header(&self, header: &Header) -> Vec<u8> {
        let mut text = Vec::with_capacity(HEADER_TEXT);
        text.extend_from_slice(&u32::from(header.start).to_be_bytes());
        text.extend_from_slice(&self.number.to_be_bytes());
        text.extend_from_slice(&header.seq.to_be_bytes());
        text.extend_from_slice(&header.link);
        [FORMAT.to_vec(), self.sealer.seal(&[HEADER_AAD, &FORMAT].concat(), &text)].concat()
    }

    /// The header, if it is authentic; the format bytes before it are not looked at.
    pub(super) fn open_header(&self, bytes: &[u8]) -> Option<Header> {
        let sealed = bytes.get(FORMAT.len()..HEADER)?;
        let text = self.sealer.open(&[HEADER_AAD, &FORMAT].concat(), sealed).ok()?;
        let mut rest = &text[..];
        let start = u32::from_be_bytes(take(&mut rest)?) == 1;
        let number = word(&mut rest)?;
        (number == self.number).then_some(())?;
        Some(Header { start, seq: word(&mut rest)?, link: take(&mut rest)? })
    }

    /// A frame's bytes, and its name. `None` where it would be too long.
    pub(super) fn seal_frame(&self, frame: &Frame, before: &Link) -> Option<(Vec<u8>, Link)> {
        let text = encode(frame);
        let length = u32::try_from(text.len() + SEALED_MORE).ok().filter(|&length| length as usize <= LONGEST)?;
        let prefix = [&self.mark[..], &length.to_be_bytes(), before].concat();
        let sealed = self.sealer.seal(&[FRAME_AAD, &prefix].concat(), &text);
        let link = *sealed.last_chunk()?;
        Some(([prefix, sealed].concat(), link))
    }

    /// How long the sealed part is that follows this prefix, if it is one of this segment.
    pub(super) fn sealed_length(&self, prefix: &[u8; PREFIX]) -> Option<usize> {
        let (mark, rest) = prefix.split_at(8);
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        (mark == self.mark && (SEALED_MORE..=LONGEST).contains(&length)).then_some(length)
    }

    /// The frame, the name of the one before it, and its own, if it is authentic.
    pub(super) fn open_frame(&self, prefix: &[u8; PREFIX], sealed: &[u8]) -> Option<(Frame, Link, Link)> {
        let text = self.sealer.open(&[FRAME_AAD, prefix].concat(), sealed).ok()?;
        Some((decode(&text)?, *prefix.last_chunk()?, *sealed.last_chunk()?))
    }
}

fn encode(frame: &Frame) -> Vec<u8> {
    let content = |act: &Act| if let Act::Put(_, sealed) = act { sealed.len() + 4 } else { 0 };
    let length = 64 + 33 * (frame.echo.len() + frame.acts.len()) + frame.acts.iter().map(content).sum::<usize>();
    let mut text = Vec::with_capacity(length);
    text.push(match frame.kind {
        Kind::Commit => 1,
        Kind::Part => 2,
        Kind::End => 3,
    });
    text.extend_from_slice(&frame.seq.to_be_bytes());
    text.extend_from_slice(&frame.digest);
    text.extend_from_slice(&frame.count.to_be_bytes());
    text.extend_from_slice(&(frame.echo.len() as u32).to_be_bytes());
    frame.echo.iter().for_each(|touch| encode_touch(&mut text, touch));
    text.extend_from_slice(&(frame.acts.len() as u32).to_be_bytes());
    for act in &frame.acts {
        encode_touch(&mut text, &act.touch());
        if let Act::Put(_, sealed) = act {
            text.extend_from_slice(&(sealed.len() as u32).to_be_bytes());
            text.extend_from_slice(sealed);
        }
    }
    text
}

fn encode_touch(text: &mut Vec<u8>, touch: &Touch) {
    let (kind, space, id) = match touch {
        Touch::Put(id) => (1, id.space, id.id),
        Touch::Delete(id) => (2, id.space, id.id),
        Touch::DeleteSpace(space) => (3, *space, [0; 16]),
        Touch::Lost(id) => (4, id.space, id.id),
    };
    text.push(kind);
    text.extend_from_slice(&space);
    text.extend_from_slice(&id);
}

fn decode(text: &[u8]) -> Option<Frame> {
    let rest = &mut &text[..];
    let kind = match take::<1>(rest)? {
        [1] => Kind::Commit,
        [2] => Kind::Part,
        [3] => Kind::End,
        _ => return None,
    };
    let (seq, digest, count) = (word(rest)?, take(rest)?, word(rest)?);
    let echo = list(rest, decode_touch)?;
    let acts = list(rest, decode_act)?;
    rest.is_empty().then_some(Frame { kind, seq, digest, count, echo, acts })
}

fn decode_touch(rest: &mut &[u8]) -> Option<Touch> {
    let [kind] = take(rest)?;
    let id = RecordId { space: take(rest)?, id: take(rest)? };
    match kind {
        1 => Some(Touch::Put(id)),
        2 => Some(Touch::Delete(id)),
        3 => Some(Touch::DeleteSpace(id.space)),
        4 => Some(Touch::Lost(id)),
        _ => None,
    }
}

fn decode_act(rest: &mut &[u8]) -> Option<Act> {
    Some(match decode_touch(rest)? {
        Touch::Put(id) => {
            let length = u32::from_be_bytes(take(rest)?) as usize;
            let (sealed, after) = rest.split_at_checked(length)?;
            *rest = after;
            Act::Put(id, sealed.to_vec())
        }
        Touch::Delete(id) => Act::Delete(id),
        Touch::DeleteSpace(space) => Act::DeleteSpace(space),
        Touch::Lost(id) => Act::Lost(id),
    })
}

/// A count and its items; an item takes at least a byte, so the count is bounded by what is there.
fn list<T>(rest: &mut &[u8], item: fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = u32::from_be_bytes(take(rest)?) as usize;
    let mut items = Vec::with_capacity(count.min(rest.len() / 33));
    for _ in 0..count {
        items.push(item(rest)?);
    }
    Some(items)
}

fn word(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_be_bytes)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

const HEADER_TEXT: usize = 4 + 8 + 8 + 16;
const HEADER_AAD: &[u8] = b"strongroom segment";
const FRAME_AAD: &[u8] = b"strongroom frame";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn segment(number: u64) -> SegmentKeys {
        SegmentKeys::new(&Keys::new(&Secret::from([3; 32].as_slice())).unwrap(), number)
    }

    fn frame() -> Frame {
        let id = RecordId { space: [1; 16], id: [2; 16] };
        let acts = vec![Act::Put(id, vec![9; 70]), Act::Delete(id), Act::DeleteSpace([4; 16]), Act::Lost(id)];
        let echo = acts.iter().map(Act::touch).collect();
        Frame { kind: Kind::Commit, seq: 7, digest: [8; 16], count: 5, echo, acts }
    }

    #[test]
    fn frames_and_headers_read_back_in_their_own_segment_only() {
        let (keys, header) = (segment(4), Header { start: true, seq: 9, link: [6; 16] });
        let bytes = keys.seal_header(&header);
        assert_eq!((bytes.len(), keys.open_header(&bytes)), (HEADER, Some(header)));
        assert_eq!(segment(5).open_header(&bytes), None);
        let (bytes, link) = keys.seal_frame(&frame(), &[5; 16]).unwrap();
        let (prefix, sealed) = bytes.split_first_chunk::<PREFIX>().unwrap();
        assert_eq!(keys.sealed_length(prefix), Some(sealed.len()));
        assert_eq!(keys.open_frame(prefix, sealed), Some((frame(), [5; 16], link)));
        assert_eq!(segment(5).open_frame(prefix, sealed), None);
    }

    #[test]
    fn malformed_text_is_refused_without_harm() {
        let text = encode(&frame());
        assert_eq!(decode(&text), Some(frame()));
        for at in 0..text.len() {
            assert_eq!(decode(&text[..at]), None);
            let mut edited = text.clone();
            edited[at] = 0xff;
            let _ = decode(&edited);
        }
    }
}
