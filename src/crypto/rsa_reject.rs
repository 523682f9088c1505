//! Implicit rejection: what an RSA PKCS#1 v1.5 decryption yields where the padding is bad.
//!
//! An error would be an oracle (Bleichenbacher), and so would its timing. Instead a bad ciphertext decrypts to a
//! message that is made from the private key and the ciphertext: always the same for the same ciphertext, of a length
//! that the ciphertext decides, and indistinguishable from a real one to anybody without the key. The construction is
//! that of draft-irtf-cfrg-rsa-guidance, which OpenSSL 3.2 and its successors use, to the byte.

use crate::crypto::hash::Hash;
use crate::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeLess};

/// How many lengths are drawn; the last that fits is taken.
const DRAWS: usize = 128;

/// The key of the construction: SHA-256 of the private exponent in the length of the modulus.
pub(crate) fn key(d: &[u8], size: usize) -> Secret {
    let mut wide = Secret::zeroed(size);
    // An exponent from elsewhere may be longer than the modulus; no other implementation would take it.
    let digits = &d[d.len().saturating_sub(size)..];
    wide[size - digits.len()..].copy_from_slice(digits);
    Secret::from(Hash::Sha256.digest(&wide))
}

/// The message in `padded` (what the raw operation made of `ciphertext`), or the false one. Which of the two is
/// decided without a branch.
pub(crate) fn message(key: &[u8], ciphertext: &[u8], padded: &[u8]) -> Secret {
    let size = padded.len();
    let derivation = mac(key, &[ciphertext]);
    let mut whole = stream(&derivation, b"message", size);
    let false_start = size as u32 - false_length(&derivation, size);

    let (good, start) = real_start(padded);
    for (byte, real) in whole.iter_mut().zip(padded) {
        byte.conditional_assign(real, good);
    }
    let start = u32::conditional_select(&false_start, &start, good);
    Secret::from(&whole[start as usize..])
}

/// Whether the padding is right (00 02, at least eight bytes that are not zero, zero), and where the message starts.
fn real_start(padded: &[u8]) -> (Choice, u32) {
    let mut good = padded[0].ct_eq(&0) & padded[1].ct_eq(&2);
    let (mut looking, mut zero) = (Choice::from(1), 0u32);
    for (index, byte) in (2u32..).zip(&padded[2..]) {
        let found = looking & byte.ct_eq(&0);
        zero.conditional_assign(&index, found);
        looking &= !found;
    }
    good &= !zero.ct_lt(&10);
    (good, zero + 1)
}

/// The length of the false message: the last of the drawn ones that leaves room for the padding.
fn false_length(derivation: &[u8], size: usize) -> u32 {
    let limit = size as u32 - 2 - 8;
    let mask = u32::MAX >> (limit - 1).leading_zeros();
    let mut length = 0;
    for draw in stream(derivation, b"length", 2 * DRAWS).chunks(2) {
        let candidate = u32::from(draw[0]) << 8 | u32::from(draw[1]);
        let candidate = candidate & mask;
        length.conditional_assign(&candidate, candidate.ct_lt(&limit));
    }
    length
}

/// `length` bytes of the draft's PRF.
fn stream(derivation: &[u8], label: &[u8], length: usize) -> Secret {
    let bits = (8 * length as u16).to_be_bytes();
    let mut output = Secret::zeroed(length);
    for (counter, block) in (0u16..).zip(output.chunks_mut(32)) {
        let bytes = mac(derivation, &[&counter.to_be_bytes(), label, &bits]);
        block.copy_from_slice(&bytes[..block.len()]);
    }
    output
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Secret {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    Secret::from(&mac.finalize().into_bytes()[..])
}
