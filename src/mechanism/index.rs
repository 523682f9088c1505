//! The rows by number, and the structures of their parameters: both made from [`MECHANISMS`] when it is compiled.
//!
//! The structures stand in a table of their own, without the functions of the rows: the module asks for them to read
//! a parameter out of the caller's memory, and links no cryptography by asking.

use super::{MECHANISMS, Mechanism, Part};

/// The row of a mechanism, if the token has it.
pub fn find(id: u64) -> Option<&'static Mechanism> {
    BY_NUMBER.binary_search_by_key(&id, |mechanism| mechanism.id).ok().map(|at| BY_NUMBER[at])
}

/// The name of a mechanism in the standard, if the token has it.
pub fn name(id: u64) -> Option<&'static str> {
    structures(id).map(|structures| structures.name)
}

/// The structure of a mechanism's parameter, for whoever reads it from C memory.
pub fn parts(id: u64) -> &'static [Part] {
    structures(id).map_or(&[], |structures| structures.parts)
}

/// The other structures that a mechanism's parameter may have, each of another size.
pub fn other_parts(id: u64) -> &'static [&'static [Part]] {
    structures(id).map_or(&[], |structures| structures.other_parts)
}

fn structures(id: u64) -> Option<&'static Structures> {
    STRUCTURES.binary_search_by_key(&id, |structures| structures.id).ok().map(|at| &STRUCTURES[at])
}

struct Structures {
    id: u64,
    name: &'static str,
    parts: &'static [Part],
    other_parts: &'static [&'static [Part]],
}

const COUNT: usize = count(MECHANISMS);
static BY_NUMBER: [&Mechanism; COUNT] = by_number(MECHANISMS);
static STRUCTURES: [Structures; COUNT] = only_structures(&by_number(MECHANISMS));

const fn count(families: &[&[Mechanism]]) -> usize {
    let (mut total, mut family) = (0, 0);
    while family < families.len() {
        total += families[family].len();
        family += 1;
    }
    total
}

/// All rows, sorted by their numbers. Two rows with one number do not compile.
const fn by_number(families: &'static [&'static [Mechanism]]) -> [&'static Mechanism; COUNT] {
    let mut sorted = [&Mechanism::NONE; COUNT];
    let (mut length, mut family) = (0, 0);
    while family < families.len() {
        let mut row = 0;
        while row < families[family].len() {
            insert(&mut sorted, length, &families[family][row]);
            length += 1;
            row += 1;
        }
        family += 1;
    }
    sorted
}

/// Puts a row in its place among the first `length`.
const fn insert(sorted: &mut [&'static Mechanism; COUNT], length: usize, row: &'static Mechanism) {
    let mut place = length;
    while place > 0 && sorted[place - 1].id >= row.id {
        assert!(sorted[place - 1].id != row.id, "two mechanisms have the same number");
        sorted[place] = sorted[place - 1];
        place -= 1;
    }
    sorted[place] = row;
}

const fn only_structures(rows: &[&'static Mechanism; COUNT]) -> [Structures; COUNT] {
    let mut structures = [const { Structures { id: 0, name: "", parts: &[], other_parts: &[] } }; COUNT];
    let mut at = 0;
    while at < COUNT {
        let Mechanism { id, name, parts, other_parts, .. } = *rows[at];
        structures[at] = Structures { id, name, parts, other_parts };
        at += 1;
    }
    structures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck;

    fn rows() -> impl Iterator<Item = &'static Mechanism> {
        MECHANISMS.iter().flat_map(|family| family.iter())
    }

    #[test]
    fn every_row_is_found_by_its_number_and_no_other_is() {
        for row in rows() {
            assert_eq!(find(row.id).unwrap().name, row.name);
            assert_eq!(name(row.id), Some(row.name));
            assert_eq!(parts(row.id), row.parts);
            assert_eq!(other_parts(row.id), row.other_parts);
        }
        assert_eq!(rows().count(), COUNT);
        assert!(find(u64::MAX).is_none() && find(ck::CKM_MD5).is_none() && parts(u64::MAX).is_empty());
    }

    #[test]
    fn numbers_are_those_of_the_standard() {
        for (number, name) in [
            (0x220, "CKM_SHA_1"),
            (0x250, "CKM_SHA256"),
            (0x251, "CKM_SHA256_HMAC"),
            (0x350, "CKM_GENERIC_SECRET_KEY_GEN"),
            (0x1080, "CKM_AES_KEY_GEN"),
            (0x1085, "CKM_AES_CBC_PAD"),
            (0x1087, "CKM_AES_GCM"),
            (0x108a, "CKM_AES_CMAC"),
            (0x2109, "CKM_AES_KEY_WRAP"),
            (0x210a, "CKM_AES_KEY_WRAP_PAD"),
            (0x210b, "CKM_AES_KEY_WRAP_KWP"),
        ] {
            assert_eq!(find(number).unwrap().name, name);
        }
    }

    #[test]
    fn every_row_does_something_with_keys_that_make_sense() {
        for row in rows() {
            let name = row.name;
            assert!(name.starts_with("CKM_") && row.id != ck::CKM_VENDOR_DEFINED, "{name}");
            assert_ne!(row.info_flags() & !row.flags, 0, "{name} does something");
            assert_eq!(row.keys.is_empty(), row.digest.is_some(), "{name}: a key for all but digests");
            assert!(row.sizes.0 <= row.sizes.1, "{name}");
            assert_eq!(row.encrypt.is_some(), row.decrypt.is_some(), "{name}");
            assert!(row.sign.is_some() == row.verify.is_some(), "{name}");
            assert!(row.wrap.is_some() == row.unwrap.is_some(), "{name}");
            assert!(row.other_parts.is_empty() || !row.parts.is_empty(), "{name}");
        }
    }
}
