//! Values to where the caller's pointers point, by section 5.2 of the standard: a NULL buffer asks for the length, a
//! buffer that is too small gets the length and CKR_BUFFER_TOO_SMALL.
//!
//! The places are checked for NULL before the call is made, so that nothing happens whose result has no place to go.
//! Everything is written unaligned.

use super::read::{entries, null};
use crate::ck::{CK_ATTRIBUTE, CK_ULONG, UNAVAILABLE};
use crate::error::{Code, Error, Result};
use crate::wire::values::{Output, Raw, Room, Shown, Template};

/// A place for one value: a handle, a count, a structure.
pub(super) struct Place<T>(*mut T);

impl<T: Copy> Place<T> {
    /// # Safety
    /// A pointer that is not NULL is good for writing a `T` for as long as the place is used.
    pub(super) unsafe fn new(pointer: *mut T) -> Result<Place<T>> {
        if pointer.is_null() { Err(null("the place for the result")) } else { Ok(Place(pointer)) }
    }

    /// Writes the value.
    pub(super) fn put(&self, value: T) -> Result<()> {
        // SAFETY: what `new` was promised.
        unsafe { self.0.write_unaligned(value) };
        Ok(())
    }

    /// Reads what is there.
    fn value(&self) -> T {
        // SAFETY: what `new` was promised; every `T` used here is made of numbers, for which all bits are values.
        unsafe { self.0.read_unaligned() }
    }
}

/// A buffer and the place of its length.
pub(super) struct Buffer {
    start: *mut u8,
    length: Place<CK_ULONG>,
}

impl Buffer {
    /// # Safety
    /// `length`, if it is not NULL, is good for reading and writing, and `start`, if not NULL, for as many bytes as it
    /// says, for as long as the buffer is used.
    pub(super) unsafe fn new(start: *mut u8, length: *mut CK_ULONG) -> Result<Buffer> {
        // SAFETY: the caller's promise.
        Ok(Buffer { start, length: unsafe { Place::new(length) }? })
    }

    /// The room there is.
    pub(super) fn room(&self) -> Room {
        if self.start.is_null() { None } else { Some(self.length.value()) }
    }

    /// Writes what a call answered.
    pub(super) fn put(&self, output: Output) -> Result<()> {
        match output {
            Output::Length(length) => self.length.put(length),
            Output::TooSmall(length) => self.too_small(length),
            Output::Bytes(bytes) => self.bytes(&bytes),
        }
    }

    /// Writes bytes, as the room allows.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<()> {
        let length = bytes.len() as CK_ULONG;
        match self.room() {
            Some(room) if room < length => return self.too_small(length),
            // SAFETY: there is room for the bytes, which are ours and so do not overlap it.
            Some(_) => unsafe { self.start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) },
            None => {}
        }
        self.length.put(length)
    }

    fn too_small(&self, length: CK_ULONG) -> Result<()> {
        let room = self.length.value();
        self.length.put(length)?;
        Err(Code::BufferTooSmall.because(format!("the output buffer has {room} bytes, and {length} are needed")))
    }
}

/// An array of values and the place of their number (slots, mechanisms, interfaces).
pub(super) struct List<T> {
    start: *mut T,
    count: Place<CK_ULONG>,
}

impl<T: Copy> List<T> {
    /// # Safety
    /// As [`Buffer::new`], in items.
    pub(super) unsafe fn new(start: *mut T, count: *mut CK_ULONG) -> Result<List<T>> {
        // SAFETY: the caller's promise.
        Ok(List { start, count: unsafe { Place::new(count) }? })
    }

    /// Writes the items, or their number only.
    pub(super) fn put(&self, items: &[T]) -> Result<()> {
        let room = self.count.value();
        self.count.put(items.len() as CK_ULONG)?;
        if self.start.is_null() {
            return Ok(());
        }
        if room < items.len() as CK_ULONG {
            return Err(Code::BufferTooSmall.because(format!("room for {room} of {} items", items.len())));
        }
        for (index, item) in items.iter().enumerate() {
            // SAFETY: there is room for as many items.
            unsafe { self.start.add(index).write_unaligned(*item) };
        }
        Ok(())
    }
}

/// The array of C_FindObjects: so many handles at most, and the place of their number.
pub(super) struct Found {
    most: CK_ULONG,
    handles: *mut CK_ULONG,
    count: Place<CK_ULONG>,
}

impl Found {
    /// # Safety
    /// `handles`, if not NULL, is good for `most` handles, and `count` for a number.
    pub(super) unsafe fn new(handles: *mut CK_ULONG, most: CK_ULONG, count: *mut CK_ULONG) -> Result<Found> {
        if handles.is_null() && most > 0 {
            return Err(null("phObject"));
        }
        // SAFETY: the caller's promise.
        Ok(Found { most, handles, count: unsafe { Place::new(count) }? })
    }

    /// How many handles there is room for.
    pub(super) fn most(&self) -> CK_ULONG {
        self.most
    }

    /// Writes the handles, of which there are no more than were asked for.
    pub(super) fn put(&self, handles: &[CK_ULONG]) -> Result<()> {
        if handles.len() as CK_ULONG > self.most {
            return Err(Code::DeviceError.because("the vault answered with more objects than were asked for"));
        }
        for (index, handle) in handles.iter().enumerate() {
            // SAFETY: there is room for `most` handles.
            unsafe { self.handles.add(index).write_unaligned(*handle) };
        }
        self.count.put(handles.len() as CK_ULONG)
    }
}

/// A buffer that is filled whole, in pieces.
pub(super) struct Filled {
    start: *mut u8,
    length: CK_ULONG,
}

impl Filled {
    /// # Safety
    /// `start`, if not NULL, is good for `length` bytes for as long as this is used.
    pub(super) unsafe fn new(start: *mut u8, length: CK_ULONG) -> Result<Filled> {
        if start.is_null() && length > 0 { Err(null("the buffer")) } else { Ok(Filled { start, length }) }
    }

    /// Fills the buffer with what `make` makes of each length, which is never more than `piece`. It is asked once where
    /// there is nothing to fill.
    pub(super) fn fill<B: AsRef<[u8]>>(&self, piece: CK_ULONG, make: impl Fn(CK_ULONG) -> Result<B>) -> Result<()> {
        let mut done = 0;
        loop {
            let due = (self.length - done).min(piece);
            let made = make(due)?;
            if made.as_ref().len() as CK_ULONG != due {
                return Err(Code::DeviceError.because("the vault answered with another length than was asked for"));
            }
            // SAFETY: `done + due` is no more than the buffer's length; NULL comes with a length of 0.
            unsafe { self.start.add(done as usize).copy_from_nonoverlapping(made.as_ref().as_ptr(), due as usize) };
            done += due;
            if done == self.length {
                return Ok(());
            }
        }
    }
}

/// The template of C_GetAttributeValue: what is asked, and where the answers go.
pub(super) struct Answers {
    start: *mut CK_ATTRIBUTE,
    entries: Vec<CK_ATTRIBUTE>,
}

impl Answers {
    /// # Safety
    /// `start`, if not NULL, is good for `count` attributes, and each of their pointers that is not NULL for writing the
    /// length beside it, for as long as this is used; and so on in templates of templates.
    pub(super) unsafe fn new(start: *mut CK_ATTRIBUTE, count: CK_ULONG) -> Result<Answers> {
        // SAFETY: the caller's promise.
        Ok(Answers { start, entries: unsafe { entries(start, count) }? })
    }

    /// What is asked.
    pub(super) fn kinds(&self) -> Vec<u64> {
        self.entries.iter().map(|entry| entry.type_).collect()
    }

    /// Writes all answers, each by the rules for itself; then one of the refusals that applied.
    pub(super) fn put(&self, answers: &[Shown]) -> Result<()> {
        if answers.len() != self.entries.len() {
            return Err(
                Code::DeviceError.because("the vault answered another number of attributes than were asked for")
            );
        }
        let mut refusals = Refusals::default();
        for (index, (entry, answer)) in self.entries.iter().zip(answers).enumerate() {
            let mut entry = *entry;
            // SAFETY: the promise to `new`; the index is below the count.
            unsafe {
                answer_entry(&mut entry, answer, &mut refusals);
                self.start.add(index).write_unaligned(entry);
            }
        }
        refusals.into_result()
    }
}

/// The refusals of single attributes: the first of each sort.
#[derive(Default)]
struct Refusals {
    sensitive: Option<u64>,
    unknown: Option<u64>,
    too_small: Option<u64>,
}

impl Refusals {
    fn into_result(self) -> Result<()> {
        let refusal = |code: Code, kind: Option<u64>| -> Option<Error> {
            Some(code.because(format!("attribute {:#x}: {}", kind?, code.sentence())))
        };
        let first = refusal(Code::AttributeSensitive, self.sensitive)
            .or_else(|| refusal(Code::AttributeTypeInvalid, self.unknown))
            .or_else(|| refusal(Code::BufferTooSmall, self.too_small));
        first.map_or(Ok(()), Err)
    }
}

/// Fills one entry: its value, its length, or that it is unavailable.
///
/// # Safety
/// The entry's pointer, if not NULL, is good for writing the length beside it.
unsafe fn answer_entry(entry: &mut CK_ATTRIBUTE, answer: &Shown, refusals: &mut Refusals) {
    let refused = match answer {
        // SAFETY: the caller's promise.
        Shown::Value(value) => return unsafe { answer_value(entry, value, refusals) },
        Shown::Sensitive => &mut refusals.sensitive,
        Shown::Unknown => &mut refusals.unknown,
    };
    refused.get_or_insert(entry.type_);
    entry.ulValueLen = UNAVAILABLE;
}

/// # Safety
/// As [`answer_entry`].
unsafe fn answer_value(entry: &mut CK_ATTRIBUTE, value: &Raw, refusals: &mut Refusals) {
    let needed = length(value);
    if !entry.pValue.is_null() && entry.ulValueLen < needed {
        refusals.too_small.get_or_insert(entry.type_);
        entry.ulValueLen = UNAVAILABLE;
        return;
    }
    entry.ulValueLen = needed;
    if !entry.pValue.is_null() {
        // SAFETY: the caller's promise; the room was just compared.
        unsafe { copy(value, entry.pValue.cast(), refusals) };
    }
}

/// The length of a value in the caller's memory.
fn length(value: &Raw) -> u64 {
    match value {
        Raw::Bytes(bytes) => bytes.len() as u64,
        Raw::Template(template) => (template.0.len() * size_of::<CK_ATTRIBUTE>()) as u64,
    }
}

/// # Safety
/// `to` is good for writing the value's length.
unsafe fn copy(value: &Raw, to: *mut u8, refusals: &mut Refusals) {
    match value {
        // SAFETY: the caller's promise; the bytes are ours and do not overlap it.
        Raw::Bytes(bytes) => unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) },
        // SAFETY: the caller's promise.
        Raw::Template(template) => unsafe { copy_template(template, to.cast(), refusals) },
    }
}

/// Fills an array of attributes: their types are set here, their pointers and lengths are the caller's, by the same
/// rules as outside.
///
/// # Safety
/// `to` is good for as many attributes, and each of their pointers that is not NULL for the length beside it.
unsafe fn copy_template(template: &Template, to: *mut CK_ATTRIBUTE, refusals: &mut Refusals) {
    for (index, attribute) in template.0.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let mut entry = to.add(index).read_unaligned();
            entry.type_ = attribute.kind;
            answer_value(&mut entry, &attribute.value, refusals);
            to.add(index).write_unaligned(entry);
        }
    }
}

#[cfg(test)]
mod tests;
