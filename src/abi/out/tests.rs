use super::*;
use crate::ck;
use crate::wire::values::Attribute;
use std::ptr;

fn refusal(result: Result<()>) -> Option<Code> {
    result.err().map(|error| error.code())
}

fn shown(bytes: &[u8]) -> Shown {
    Shown::Value(plain(bytes))
}

fn plain(bytes: &[u8]) -> Raw {
    Raw::Bytes(bytes.to_vec().into())
}

fn buffer(start: *mut u8, length: &mut u64) -> Buffer {
    // SAFETY: `start` is NULL or has `length` bytes, which outlive the buffer in these tests.
    unsafe { Buffer::new(start, length) }.unwrap()
}

fn entry(kind: u64, room: &mut [u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_: kind, pValue: room.as_mut_ptr().cast(), ulValueLen: room.len() as u64 }
}

fn question(kind: u64) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_: kind, pValue: ptr::null_mut(), ulValueLen: 0 }
}

fn answer(entries: &mut [CK_ATTRIBUTE], answers: &[Shown]) -> Option<Code> {
    // SAFETY: the entries have the room that they say.
    let places = unsafe { Answers::new(entries.as_mut_ptr(), entries.len() as u64) }.unwrap();
    refusal(places.put(answers))
}

#[test]
fn null_places_are_refused() {
    // SAFETY: NULL is not followed.
    unsafe {
        assert_eq!(Place::<u64>::new(ptr::null_mut()).err().unwrap().code(), Code::ArgumentsBad);
        assert_eq!(Buffer::new(ptr::null_mut(), ptr::null_mut()).err().unwrap().code(), Code::ArgumentsBad);
        assert_eq!(Found::new(ptr::null_mut(), 1, &mut 0).err().unwrap().code(), Code::ArgumentsBad);
        assert_eq!(Filled::new(ptr::null_mut(), 1).err().unwrap().code(), Code::ArgumentsBad);
        assert_eq!(Answers::new(ptr::null_mut(), 1).err().unwrap().code(), Code::ArgumentsBad);
    }
}

#[test]
fn buffers_follow_the_length_rule() {
    let (mut room, mut length) = ([0; 4], 77);
    let asking = buffer(ptr::null_mut(), &mut length);
    assert_eq!(asking.room(), None);
    asking.put(Output::Length(256)).unwrap();
    assert_eq!(length, 256);

    length = 4;
    let small = buffer(room.as_mut_ptr(), &mut length);
    assert_eq!(small.room(), Some(4));
    assert_eq!(refusal(small.put(Output::TooSmall(16))), Some(Code::BufferTooSmall));
    assert_eq!((length, room), (16, [0; 4]));

    length = 4;
    buffer(room.as_mut_ptr(), &mut length).put(Output::Bytes(vec![1, 2, 3].into())).unwrap();
    assert_eq!((length, room), (3, [1, 2, 3, 0]));
}

#[test]
fn a_buffer_never_overflows_whatever_is_answered() {
    let (mut room, mut length) = ([0; 4], 2);
    let output = Output::Bytes(vec![1, 2, 3].into());
    assert_eq!(refusal(buffer(room.as_mut_ptr(), &mut length).put(output.clone())), Some(Code::BufferTooSmall));
    assert_eq!((length, room), (3, [0; 4]));
    buffer(ptr::null_mut(), &mut length).put(output).unwrap();
    assert_eq!(length, 3);
}

#[test]
fn lists_follow_the_length_rule_in_items() {
    let (mut room, mut count) = ([9u64; 3], 0);
    // SAFETY: the room has three items.
    unsafe {
        List::<u64>::new(ptr::null_mut(), &mut count).unwrap().put(&[1, 2]).unwrap();
        assert_eq!(count, 2);
        count = 1;
        assert_eq!(refusal(List::new(room.as_mut_ptr(), &mut count).unwrap().put(&[1, 2])), Some(Code::BufferTooSmall));
        assert_eq!((count, room), (2, [9; 3]));
        count = 3;
        List::new(room.as_mut_ptr(), &mut count).unwrap().put(&[1, 2]).unwrap();
        assert_eq!((count, room), (2, [1, 2, 9]));
    }
}

#[test]
fn found_objects_never_overflow() {
    let (mut handles, mut count) = ([0u64; 2], 9);
    // SAFETY: the room has two handles.
    let found = unsafe { Found::new(handles.as_mut_ptr(), 2, &mut count) }.unwrap();
    assert_eq!(refusal(found.put(&[1, 2, 3])), Some(Code::DeviceError));
    found.put(&[5]).unwrap();
    assert_eq!((handles, count), ([5, 0], 1));
}

#[test]
fn a_buffer_is_filled_in_pieces() {
    let mut room = [0u8; 10];
    // SAFETY: the room has ten bytes.
    let filled = unsafe { Filled::new(room.as_mut_ptr(), 10) }.unwrap();
    filled.fill(4, |due| Ok(vec![due as u8; due as usize])).unwrap();
    assert_eq!(room, [4, 4, 4, 4, 4, 4, 4, 4, 2, 2]);
    assert_eq!(refusal(filled.fill(4, |_| Ok([0; 3]))), Some(Code::DeviceError));
    // SAFETY: NULL comes with no length.
    let nothing = unsafe { Filled::new(ptr::null_mut(), 0) }.unwrap();
    assert_eq!(
        refusal(nothing.fill(4, |_| Err::<Vec<u8>, _>(Code::SessionHandleInvalid.into()))),
        Some(Code::SessionHandleInvalid)
    );
}

#[test]
fn every_attribute_is_answered_for_itself() {
    let (mut id, mut label, mut value) = ([0; 4], [0; 2], [0; 8]);
    let mut entries = [
        entry(ck::CKA_ID, &mut id),
        question(ck::CKA_LABEL),
        entry(ck::CKA_LABEL, &mut label),
        entry(ck::CKA_VALUE, &mut value),
        question(ck::CKA_MODULUS),
    ];
    let answers = [shown(b"id"), shown(b"label"), shown(b"label"), Shown::Sensitive, Shown::Unknown];
    assert_eq!(answer(&mut entries, &answers), Some(Code::AttributeSensitive));
    assert_eq!(entries.map(|entry| entry.ulValueLen), [2, 5, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE]);
    assert_eq!((&id, label, value), (b"id\0\0", [0; 2], [0; 8]));
}

#[test]
fn the_refusal_is_one_that_applied() {
    let mut room = [0; 1];
    let mut small = [entry(ck::CKA_LABEL, &mut room)];
    assert_eq!(answer(&mut small, &[shown(b"label")]), Some(Code::BufferTooSmall));
    assert_eq!(answer(&mut [question(1)], &[Shown::Unknown]), Some(Code::AttributeTypeInvalid));
    assert_eq!(answer(&mut [question(1)], &[shown(b"")]), None);
    assert_eq!(answer(&mut [question(1)], &[]), Some(Code::DeviceError));
}

#[test]
fn templates_within_are_filled_by_the_same_rules() {
    let attribute = |kind, value: &[u8]| Attribute { kind, value: plain(value) };
    let inner = Template(vec![attribute(ck::CKA_LABEL, b"label"), attribute(ck::CKA_ID, b"id")]);
    let answers = [Shown::Value(Raw::Template(inner))];
    let mut outer = [question(ck::CKA_WRAP_TEMPLATE)];
    assert_eq!(answer(&mut outer, &answers), None);
    assert_eq!(outer[0].ulValueLen, 48);

    let mut room = [0; 5];
    let mut within = [entry(99, &mut room), question(99)];
    outer[0].pValue = within.as_mut_ptr().cast();
    assert_eq!(answer(&mut outer, &answers), None);
    assert_eq!(within.map(|entry| (entry.type_, entry.ulValueLen)), [(ck::CKA_LABEL, 5), (ck::CKA_ID, 2)]);
    assert_eq!(&room, b"label");

    within[0].ulValueLen = 4;
    assert_eq!(answer(&mut outer, &answers), Some(Code::BufferTooSmall));
    assert_eq!((outer[0].ulValueLen, within[0].ulValueLen), (48, UNAVAILABLE));

    outer[0].ulValueLen = 24;
    assert_eq!(answer(&mut outer, &answers), Some(Code::BufferTooSmall));
    assert_eq!(outer[0].ulValueLen, UNAVAILABLE);
}
