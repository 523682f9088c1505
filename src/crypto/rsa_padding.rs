//! The encodings of RFC 8017: EMSA-PKCS1-v1_5, EME-PKCS1-v1_5 (encoding only), EMSA-PSS, EME-OAEP.
//!
//! They know nothing of keys but the length of the modulus. Taking OAEP off is constant in time until all of it has
//! been judged, and says only yes or no.

use crate::crypto::hash::Hash;
use crate::crypto::random;
use crate::crypto::rsa::{Oaep, Pss};
use crate::error::{Code, Result};
use crate::secret::Secret;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The least that both encodings of PKCS#1 v1.5 add to a message.
pub const PKCS1_OVERHEAD: usize = 11;

/// `data` at the end of `size` bytes, zeros before it.
pub(crate) fn zeros_before(size: usize, data: &[u8]) -> Result<Secret> {
    let zeros = size.checked_sub(data.len()).ok_or(Code::DataLenRange)?;
    let mut whole = Secret::zeroed(size);
    whole[zeros..].copy_from_slice(data);
    Ok(whole)
}

/// EMSA-PKCS1-v1_5 (section 9.2) around a DigestInfo, or whatever the caller takes for one.
pub(crate) fn pkcs1_signature(size: usize, data: &[u8]) -> Result<Vec<u8>> {
    let padding = padding_length(size, data)?;
    Ok([&[0, 1][..], &vec![0xff; padding], &[0], data].concat())
}

/// EME-PKCS1-v1_5 (section 7.2.1).
pub(crate) fn pkcs1_encryption(size: usize, message: &[u8]) -> Result<Secret> {
    let end = 2 + padding_length(size, message)?;
    let mut whole = Secret::zeroed(size);
    whole[1] = 2;
    random::fill(&mut whole[2..end])?;
    for byte in &mut whole[2..end] {
        while *byte == 0 {
            random::fill(std::slice::from_mut(byte))?;
        }
    }
    whole[end + 1..].copy_from_slice(message);
    Ok(whole)
}

fn padding_length(size: usize, data: &[u8]) -> Result<usize> {
    match size.checked_sub(data.len() + 3) {
        Some(length) if length >= 8 => Ok(length),
        _ => Err(Code::DataLenRange.because("the data is longer than the modulus less 11 bytes")),
    }
}

/// What stands before a digest in its DigestInfo (section 9.2, note 1).
pub fn digest_info(hash: Hash) -> Vec<u8> {
    // The last bytes of the object identifier: 1.3.14.3.2.26 for SHA-1, 2.16.840.1.101.3.4.2.x for the others.
    let last = match hash {
        Hash::Sha1 => return [0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 14, 3, 2, 26, 5, 0, 4, 20].to_vec(),
        Hash::Sha256 => 1,
        Hash::Sha384 => 2,
        Hash::Sha512 => 3,
        Hash::Sha224 => 4,
        Hash::Sha512_224 => 5,
        Hash::Sha512_256 => 6,
        Hash::Sha3_224 => 7,
        Hash::Sha3_256 => 8,
        Hash::Sha3_384 => 9,
        Hash::Sha3_512 => 10,
        Hash::Blake2b160 => return blake2b_info(5, 20),
        Hash::Blake2b256 => return blake2b_info(8, 32),
        Hash::Blake2b384 => return blake2b_info(12, 48),
        Hash::Blake2b512 => return blake2b_info(16, 64),
    };
    let length = hash.output_length() as u8;
    let oid = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last];
    [&[0x30, 17 + length, 0x30, 13, 6, 9][..], &oid, &[5, 0, 4, length]].concat()
}

/// The same for BLAKE2b (RFC 7693, section 4): 1.3.6.1.4.1.1722.12.2.1.x.
fn blake2b_info(last: u8, length: u8) -> Vec<u8> {
    let oid = [0x2b, 6, 1, 4, 1, 0x8d, 0x3a, 12, 2, 1, last];
    [&[0x30, 19 + length, 0x30, 15, 6, 11][..], &oid, &[5, 0, 4, length]].concat()
}

/// Masks `bytes` with MGF1 of `seed` (appendix B.2.1).
fn mask(hash: Hash, seed: &[u8], bytes: &mut [u8]) {
    for (counter, block) in (0u32..).zip(bytes.chunks_mut(hash.output_length())) {
        let mut hasher = hash.start();
        hasher.update(seed);
        hasher.update(&counter.to_be_bytes());
        let stream = Secret::from(hasher.finish());
        block.iter_mut().zip(stream.iter()).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// The layout of a PSS encoding for a modulus of `bits`: zeros in front of it (the encoding is a bit shorter than the
/// modulus), its length, and the mask of its first byte.
fn pss_layout(bits: usize) -> (usize, usize, u8) {
    let length = (bits - 1).div_ceil(8);
    let front = bits.div_ceil(8) - length;
    (front, length, 0xff >> (8 * length - (bits - 1)))
}

/// The longest salt for a modulus of `bits`, if any fits.
pub fn pss_capacity(hash: Hash, bits: usize) -> Option<usize> {
    pss_layout(bits).1.checked_sub(hash.output_length() + 2)
}

/// EMSA-PSS encoding (section 9.1.1) of a digest, in the length of the modulus.
pub(crate) fn pss(pss: &Pss, bits: usize, digest: &[u8], salt: &[u8]) -> Result<Vec<u8>> {
    let (front, length, first) = pss_layout(bits);
    let db_length = length - pss.hash.output_length() - 1;
    let zeros = db_length.checked_sub(salt.len() + 1).ok_or(Code::KeySizeRange)?;
    let hash = pss_hash(pss.hash, digest, salt);
    let mut db = [&vec![0; zeros][..], &[1], salt].concat();
    mask(pss.mgf, &hash, &mut db);
    db[0] &= first;
    Ok([&vec![0; front][..], &db, &hash, &[0xbc]].concat())
}

/// H of EMSA-PSS.
fn pss_hash(hash: Hash, digest: &[u8], salt: &[u8]) -> Vec<u8> {
    let mut hasher = hash.start();
    hasher.update(&[0; 8]);
    hasher.update(digest);
    hasher.update(salt);
    hasher.finish()
}

/// EMSA-PSS verification (section 9.1.2). All of it is public.
pub(crate) fn pss_is_right(pss: &Pss, bits: usize, digest: &[u8], encoded: &[u8]) -> bool {
    let (front, length, first) = pss_layout(bits);
    let hash_length = pss.hash.output_length();
    let (Some(db_length), Some((zero, encoded))) =
        (length.checked_sub(hash_length + 1), encoded.split_at_checked(front))
    else {
        return false;
    };
    let Some(zeros) = db_length.checked_sub(pss.salt_length + 1) else { return false };
    if encoded.len() != length || zero.iter().any(|byte| *byte != 0) || encoded[length - 1] != 0xbc {
        return false;
    }
    let (masked, hash) = (&encoded[..db_length], &encoded[db_length..length - 1]);
    if masked[0] & !first != 0 {
        return false;
    }
    let mut db = masked.to_vec();
    mask(pss.mgf, hash, &mut db);
    db[0] &= first;
    let salt = &db[zeros + 1..];
    db[..zeros].iter().all(|byte| *byte == 0) && db[zeros] == 1 && pss_hash(pss.hash, digest, salt) == hash
}

/// EME-OAEP encoding (section 7.1.1) in the length of the modulus.
pub(crate) fn oaep(oaep: &Oaep, size: usize, message: &[u8]) -> Result<Secret> {
    let capacity = oaep.capacity(size).ok_or(Code::KeySizeRange)?;
    let zeros = capacity.checked_sub(message.len()).ok_or(Code::DataLenRange)?;
    let hash_length = oaep.hash.output_length();
    let mut whole = Secret::zeroed(size);
    let (seed, db) = whole[1..].split_at_mut(hash_length);
    random::fill(seed)?;
    db[..hash_length].copy_from_slice(&oaep.hash.digest(&oaep.label));
    db[hash_length + zeros] = 1;
    db[hash_length + zeros + 1..].copy_from_slice(message);
    mask(oaep.mgf, seed, db);
    mask(oaep.mgf, db, seed);
    Ok(whole)
}

/// EME-OAEP decoding (section 7.1.2). `None` for whatever is wrong, in the same time for all of it (Manger's attack).
pub(crate) fn oaep_message(oaep: &Oaep, encoded: &[u8]) -> Option<Secret> {
    let hash_length = oaep.hash.output_length();
    oaep.capacity(encoded.len())?;
    let mut whole = Secret::from(encoded);
    let (first, rest) = whole.split_at_mut(1);
    let (seed, db) = rest.split_at_mut(hash_length);
    mask(oaep.mgf, db, seed);
    mask(oaep.mgf, seed, db);
    let (label, padded) = db.split_at(hash_length);
    let mut good = first[0].ct_eq(&0) & label.ct_eq(&oaep.hash.digest(&oaep.label));
    let (mut looking, mut start) = (Choice::from(1), 0u32);
    for (index, byte) in (1u32..).zip(padded) {
        let one = byte.ct_eq(&1);
        start.conditional_assign(&index, looking & one);
        looking &= !one;
        good &= !looking | byte.ct_eq(&0);
    }
    good &= !looking;
    bool::from(good).then(|| Secret::from(&padded[start as usize..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_infos_are_those_of_the_standard() {
        let sha256 = [0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
        assert_eq!(digest_info(Hash::Sha256), sha256);
        for hash in Hash::ALL {
            let info = digest_info(*hash);
            assert_eq!(info[1] as usize, info.len() - 2 + hash.output_length());
        }
    }

    #[test]
    fn pss_opens_what_it_made_for_every_length_of_modulus() {
        for bits in 1024..1041 {
            for salt in [0, 20, pss_capacity(Hash::Sha256, bits).unwrap()] {
                let how = Pss { hash: Hash::Sha256, mgf: Hash::Sha1, salt_length: salt };
                let digest = Hash::Sha256.digest(b"abc");
                let mut encoded = pss(&how, bits, &digest, &vec![7; salt]).unwrap();
                assert_eq!(encoded.len(), bits.div_ceil(8));
                assert!(pss_is_right(&how, bits, &digest, &encoded), "{bits} {salt}");
                for index in 0..encoded.len() {
                    encoded[index] ^= 1;
                    assert!(!pss_is_right(&how, bits, &digest, &encoded), "{bits} {salt} {index}");
                    encoded[index] ^= 1;
                }
                assert!(!pss_is_right(&how, bits, &digest, &encoded[1..]));
            }
            let how = Pss { hash: Hash::Sha256, mgf: Hash::Sha256, salt_length: 1024 };
            assert!(pss(&how, bits, &[0; 32], &[0; 1024]).is_err());
        }
    }

    #[test]
    fn oaep_opens_what_it_made_and_nothing_else() {
        let how = Oaep { hash: Hash::Sha1, mgf: Hash::Sha3_256, label: b"label".to_vec() };
        for length in [0, 1, 50, how.capacity(128).unwrap()] {
            let mut encoded = oaep(&how, 128, &vec![1; length]).unwrap();
            assert_eq!(&**oaep_message(&how, &encoded).as_ref().unwrap(), vec![1; length]);
            for index in 0..encoded.len() {
                encoded[index] ^= 0x80;
                assert!(oaep_message(&how, &encoded).is_none(), "{length} {index}");
                encoded[index] ^= 0x80;
            }
        }
        assert!(oaep(&how, 128, &[0; 87]).is_err());
        assert!(oaep(&how, 41, b"").is_err());
        assert!(oaep_message(&how, &[0; 41]).is_none());
    }
}
