//! How values become bytes on the wire and back.
//!
//! Numbers are 8 bytes little-endian, booleans one byte, byte strings a length and the bytes,
//! lists a count and the items. Reading never trusts a length: what is not there is
//! [`Code::DeviceError`], and nothing is allocated on the word of a length alone.

use crate::error::{Code, Result};
use crate::secret::Secret;
use zeroize::{Zeroize, Zeroizing};

/// A frame in the making. Its memory is wiped when it goes or grows: requests carry PINs and key values.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty frame with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Writer {
        Writer { bytes: Vec::with_capacity(capacity) }
    }

    /// What has been written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Empties the frame (wiping it) and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.zeroize(); // wipes and sets the length to zero; keeps the capacity
    }

    /// Appends raw bytes.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Grows by hand, so that the memory left behind is wiped.
    fn reserve(&mut self, more: usize) {
        let needed = self.bytes.len() + more;
        if needed > self.bytes.capacity() {
            let mut larger = Vec::with_capacity(needed.next_power_of_two().max(256));
            larger.extend_from_slice(&self.bytes);
            self.bytes.zeroize();
            self.bytes = larger;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// A frame being read, front to back.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `frame` from its start.
    pub fn new(frame: &'a [u8]) -> Reader<'a> {
        Reader { rest: frame }
    }

    /// The next `length` bytes.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8]> {
        if length > self.rest.len() {
            return Err(malformed());
        }
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(taken)
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// All has been read: a frame with more in it is no frame of ours.
    pub fn end(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(malformed()) }
    }
}

fn malformed() -> crate::error::Error {
    Code::DeviceError.because("the message is malformed: module and vault may be of different versions")
}

/// A value that travels. `'a` is the life of the frame that it is read from.
pub trait Wire<'a>: Sized {
    /// Appends the value.
    fn put(&self, to: &mut Writer);
    /// Reads the value.
    fn take(from: &mut Reader<'a>) -> Result<Self>;
}

impl<'a> Wire<'a> for () {
    fn put(&self, _: &mut Writer) {}
    fn take(_: &mut Reader<'a>) -> Result<()> {
        Ok(())
    }
}

impl<'a> Wire<'a> for u8 {
    fn put(&self, to: &mut Writer) {
        to.raw(&[*self]);
    }
    fn take(from: &mut Reader<'a>) -> Result<u8> {
        Ok(from.raw(1)?[0])
    }
}

impl<'a> Wire<'a> for u64 {
    fn put(&self, to: &mut Writer) {
        to.raw(&self.to_le_bytes());
    }
    fn take(from: &mut Reader<'a>) -> Result<u64> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(from.raw(8)?);
        Ok(u64::from_le_bytes(bytes))
    }
}

impl<'a> Wire<'a> for bool {
    fn put(&self, to: &mut Writer) {
        u8::from(*self).put(to);
    }
    fn take(from: &mut Reader<'a>) -> Result<bool> {
        match u8::take(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(malformed()),
        }
    }
}

impl<'a> Wire<'a> for &'a [u8] {
    fn put(&self, to: &mut Writer) {
        (self.len() as u64).put(to);
        to.raw(self);
    }
    fn take(from: &mut Reader<'a>) -> Result<&'a [u8]> {
        let length = usize::try_from(u64::take(from)?).map_err(|_| malformed())?;
        from.raw(length)
    }
}

impl<'a, const N: usize> Wire<'a> for [u8; N] {
    fn put(&self, to: &mut Writer) {
        to.raw(self);
    }
    fn take(from: &mut Reader<'a>) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(from.raw(N)?);
        Ok(bytes)
    }
}

/// Owned byte strings travel as borrowed ones do.
macro_rules! owned_bytes {
    ($($owned:ty),*) => {$(
        impl<'a> Wire<'a> for $owned {
            fn put(&self, to: &mut Writer) {
                let bytes: &[u8] = self.as_ref();
                Wire::put(&bytes, to);
            }
            fn take(from: &mut Reader<'a>) -> Result<$owned> {
                Ok(<&[u8]>::take(from)?.to_vec().into())
            }
        }
    )*};
}
owned_bytes!(Vec<u8>, Secret, Zeroizing<Vec<u8>>);

impl<'a> Wire<'a> for String {
    fn put(&self, to: &mut Writer) {
        Wire::put(&self.as_bytes(), to);
    }
    fn take(from: &mut Reader<'a>) -> Result<String> {
        let bytes = <&[u8]>::take(from)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| malformed())
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for Option<T> {
    fn put(&self, to: &mut Writer) {
        self.is_some().put(to);
        if let Some(value) = self {
            value.put(to);
        }
    }
    fn take(from: &mut Reader<'a>) -> Result<Option<T>> {
        if bool::take(from)? { Ok(Some(T::take(from)?)) } else { Ok(None) }
    }
}

/// A list of items that are structures of their own. (Byte strings have their own, denser form above.)
pub fn put_list<'a, T: Wire<'a>>(items: &[T], to: &mut Writer) {
    (items.len() as u64).put(to);
    items.iter().for_each(|item| item.put(to));
}

/// Reads what [`put_list`] wrote. Every item takes at least a byte, so the count is checked against what is there.
pub fn take_list<'a, T: Wire<'a>>(from: &mut Reader<'a>) -> Result<Vec<T>> {
    let count = usize::try_from(u64::take(from)?).map_err(|_| malformed())?;
    if count > from.remaining() {
        return Err(malformed());
    }
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(T::take(from)?);
    }
    Ok(items)
}

impl<'a> Wire<'a> for Vec<u64> {
    fn put(&self, to: &mut Writer) {
        put_list(self, to);
    }
    fn take(from: &mut Reader<'a>) -> Result<Vec<u64>> {
        take_list(from)
    }
}

impl<'a, A: Wire<'a>, B: Wire<'a>> Wire<'a> for (A, B) {
    fn put(&self, to: &mut Writer) {
        self.0.put(to);
        self.1.put(to);
    }
    fn take(from: &mut Reader<'a>) -> Result<(A, B)> {
        Ok((A::take(from)?, B::take(from)?))
    }
}

/// A structure travels as its fields, in order.
macro_rules! wire_struct {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl<'a> $crate::wire::codec::Wire<'a> for $name {
            fn put(&self, to: &mut $crate::wire::codec::Writer) {
                let $name { $($field),* } = self;
                $($crate::wire::codec::Wire::put($field, to);)*
            }
            fn take(from: &mut $crate::wire::codec::Reader<'a>) -> $crate::error::Result<$name> {
                Ok($name { $($field: $crate::wire::codec::Wire::take(from)?),* })
            }
        }
    };
}
pub(crate) use wire_struct;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_frame_is_refused() {
        let mut writer = Writer::default();
        u64::MAX.put(&mut writer);
        assert!(<&[u8]>::take(&mut Reader::new(writer.bytes())).is_err());
        assert!(<Vec<u64>>::take(&mut Reader::new(writer.bytes())).is_err());
    }

    #[test]
    fn values_come_back_as_they_went() {
        let mut writer = Writer::default();
        (7u64, Some(vec![1u8, 2, 3])).put(&mut writer);
        let mut reader = Reader::new(writer.bytes());
        assert_eq!(<(u64, Option<Vec<u8>>)>::take(&mut reader).unwrap(), (7, Some(vec![1, 2, 3])));
        reader.end().unwrap();
    }
}
