//! AES key wrap: RFC 3394 (KW of NIST SP 800-38F) and RFC 5649 (KWP), with any initial value, which the
//! mechanisms' parameters may give. Written over the block cipher because crates fix that value.

use crate::crypto::aes::{Aes, BLOCK};
use crate::error::{Code, Result};
use crate::secret::Secret;
use subtle::{Choice, ConstantTimeEq, ConstantTimeGreater, ConstantTimeLess};
use zeroize::Zeroize;

/// The unit of key wrapping: half a block.
pub const SEMIBLOCK: usize = 8;
/// The initial value of RFC 3394, section 2.2.3.1.
pub const IV: [u8; 8] = [0xa6; 8];
/// The first half of the initial value of RFC 5649, section 3; the second is the length.
pub const ALTERNATIVE_IV: [u8; 4] = [0xa6, 0x59, 0x59, 0xa6];

/// Wraps `key` under the bytes of an AES key (RFC 3394).
///
/// # Errors
/// As [`wrap_with`]; [`Code::KeySizeRange`] also for a `kek` that is no AES key.
pub fn wrap(kek: &[u8], key: &[u8]) -> Result<Vec<u8>> {
    wrap_with(&Aes::new(kek)?, &IV, key)
}

/// Unwraps what [`wrap`] made.
///
/// # Errors
/// As [`unwrap_with`]; [`Code::KeySizeRange`] for a `kek` that is no AES key.
pub fn unwrap(kek: &[u8], wrapped: &[u8]) -> Result<Secret> {
    unwrap_with(&Aes::new(kek)?, &IV, wrapped)
}

/// Wraps `key` of any length under the bytes of an AES key (RFC 5649).
///
/// # Errors
/// As [`wrap_padded_with`]; [`Code::KeySizeRange`] also for a `kek` that is no AES key.
pub fn wrap_padded(kek: &[u8], key: &[u8]) -> Result<Vec<u8>> {
    wrap_padded_with(&Aes::new(kek)?, &ALTERNATIVE_IV, key)
}

/// Unwraps what [`wrap_padded`] made.
///
/// # Errors
/// As [`unwrap_padded_with`]; [`Code::KeySizeRange`] for a `kek` that is no AES key.
pub fn unwrap_padded(kek: &[u8], wrapped: &[u8]) -> Result<Secret> {
    unwrap_padded_with(&Aes::new(kek)?, &ALTERNATIVE_IV, wrapped)
}

/// RFC 3394 with an initial value of the caller's.
///
/// # Errors
/// [`Code::KeySizeRange`] unless `key` is two semiblocks or more, and whole ones.
pub fn wrap_with(kek: &Aes, iv: &[u8; 8], key: &[u8]) -> Result<Vec<u8>> {
    if key.len() < 2 * SEMIBLOCK || !key.len().is_multiple_of(SEMIBLOCK) {
        return Err(Code::KeySizeRange.because("AES key wrap takes a multiple of 8 bytes, 16 or more"));
    }
    let mut wrapped = [iv, key].concat();
    forward(kek, &mut wrapped);
    Ok(wrapped)
}

/// Unwraps what [`wrap_with`] made.
///
/// # Errors
/// [`Code::WrappedKeyLenRange`] for an impossible length, [`Code::WrappedKeyInvalid`] if it is not authentic.
pub fn unwrap_with(kek: &Aes, iv: &[u8; 8], wrapped: &[u8]) -> Result<Secret> {
    if wrapped.len() < 3 * SEMIBLOCK || !wrapped.len().is_multiple_of(SEMIBLOCK) {
        return Err(Code::WrappedKeyLenRange.into());
    }
    let mut register = Secret::from(wrapped);
    backward(kek, &mut register);
    if !bool::from(register[..SEMIBLOCK].ct_eq(iv)) {
        return Err(Code::WrappedKeyInvalid.into());
    }
    Ok(Secret::from(&register[SEMIBLOCK..]))
}

/// RFC 5649 with the first half of the initial value from the caller.
///
/// # Errors
/// [`Code::KeySizeRange`] unless `key` has between 1 and 2^32 - 1 bytes.
pub fn wrap_padded_with(kek: &Aes, iv: &[u8; 4], key: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(key.len()).ok().filter(|length| *length > 0);
    let length = length.ok_or_else(|| Code::KeySizeRange.because("AES key wrap with padding takes 1 byte or more"))?;
    let mut wrapped = Vec::with_capacity(SEMIBLOCK + key.len().next_multiple_of(SEMIBLOCK));
    wrapped.extend_from_slice(iv);
    wrapped.extend_from_slice(&length.to_be_bytes());
    wrapped.extend_from_slice(key);
    wrapped.resize(wrapped.len().next_multiple_of(SEMIBLOCK), 0);
    if wrapped.len() == BLOCK {
        kek.encrypt_blocks(&mut wrapped);
    } else {
        forward(kek, &mut wrapped);
    }
    Ok(wrapped)
}

/// Unwraps what [`wrap_padded_with`] made.
///
/// # Errors
/// [`Code::WrappedKeyLenRange`] for an impossible length, [`Code::WrappedKeyInvalid`] if it is not authentic.
pub fn unwrap_padded_with(kek: &Aes, iv: &[u8; 4], wrapped: &[u8]) -> Result<Secret> {
    if wrapped.len() < BLOCK || !wrapped.len().is_multiple_of(SEMIBLOCK) {
        return Err(Code::WrappedKeyLenRange.into());
    }
    let mut register = Secret::from(wrapped);
    if register.len() == BLOCK {
        kek.decrypt_blocks(&mut register);
    } else {
        backward(kek, &mut register);
    }
    match padded_length(iv, &register) {
        Some(length) => Ok(Secret::from(&register[SEMIBLOCK..SEMIBLOCK + length])),
        None => Err(Code::WrappedKeyInvalid.into()),
    }
}

/// The length that an unwrapped register tells, if its initial value, its length and its padding are right:
/// all looked at, whichever is wrong (RFC 5649, section 3).
fn padded_length(iv: &[u8; 4], register: &[u8]) -> Option<usize> {
    let (front, padded) = register.split_at(SEMIBLOCK);
    let length = u32::from_be_bytes([front[4], front[5], front[6], front[7]]);
    let most = u32::try_from(padded.len()).ok()?;
    let fits = !length.ct_gt(&most) & length.ct_gt(&(most - 8));
    let tail = &padded[padded.len() - SEMIBLOCK..];
    let zeros = tail
        .iter()
        .zip(most - 8..)
        .fold(Choice::from(1), |zeros, (byte, at)| zeros & (byte.ct_eq(&0) | at.ct_lt(&length)));
    bool::from(front[..4].ct_eq(iv) & fits & zeros).then_some(length as usize)
}

/// The wrapping function W of SP 800-38F (RFC 3394, section 2.2.1): `register` is A, R[1], … R[n].
fn forward(kek: &Aes, register: &mut [u8]) {
    let (a, semiblocks) = register.split_at_mut(SEMIBLOCK);
    let mut block = [0; BLOCK];
    block[..SEMIBLOCK].copy_from_slice(a);
    let mut step = 0u64;
    for _ in 0..6 {
        for r in semiblocks.chunks_exact_mut(SEMIBLOCK) {
            step += 1;
            block[SEMIBLOCK..].copy_from_slice(r);
            kek.encrypt_block(&mut block);
            xor_step(&mut block, step);
            r.copy_from_slice(&block[SEMIBLOCK..]);
        }
    }
    a.copy_from_slice(&block[..SEMIBLOCK]);
    block.zeroize();
}

/// The inverse of [`forward`] (RFC 3394, section 2.2.2).
fn backward(kek: &Aes, register: &mut [u8]) {
    let (a, semiblocks) = register.split_at_mut(SEMIBLOCK);
    let mut block = [0; BLOCK];
    block[..SEMIBLOCK].copy_from_slice(a);
    let mut step = 6 * (semiblocks.len() / SEMIBLOCK) as u64;
    for _ in 0..6 {
        for r in semiblocks.chunks_exact_mut(SEMIBLOCK).rev() {
            xor_step(&mut block, step);
            step -= 1;
            block[SEMIBLOCK..].copy_from_slice(r);
            kek.decrypt_block(&mut block);
            r.copy_from_slice(&block[SEMIBLOCK..]);
        }
    }
    a.copy_from_slice(&block[..SEMIBLOCK]);
    block.zeroize();
}

fn xor_step(block: &mut [u8; BLOCK], step: u64) {
    block[..SEMIBLOCK].iter_mut().zip(step.to_be_bytes()).for_each(|(byte, step)| *byte ^= step);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{Dice, hex};

    /// RFC 3394, section 4: key, data, wrapped.
    const RFC_3394: &[(&str, &str, &str)] = &[
        (
            "000102030405060708090a0b0c0d0e0f",
            "00112233445566778899aabbccddeeff",
            "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5",
        ),
        (
            "000102030405060708090a0b0c0d0e0f1011121314151617",
            "00112233445566778899aabbccddeeff",
            "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d",
        ),
        (
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "00112233445566778899aabbccddeeff",
            "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7",
        ),
        (
            "000102030405060708090a0b0c0d0e0f1011121314151617",
            "00112233445566778899aabbccddeeff0001020304050607",
            "031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2",
        ),
        (
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
        ),
    ];

    /// RFC 5649, section 6.
    const RFC_5649: &[(&str, &str, &str)] = &[
        (
            "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
            "c37b7e6492584340bed12207808941155068f738",
            "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
        ),
        ("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", "466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
    ];

    fn code<T>(result: Result<T>) -> Option<Code> {
        result.err().map(|error| error.code())
    }

    #[test]
    fn the_vectors_of_rfc_3394_come_out() {
        for (kek, key, wrapped) in RFC_3394 {
            assert_eq!(wrap(&hex(kek), &hex(key)).unwrap(), hex(wrapped));
            assert_eq!(unwrap(&hex(kek), &hex(wrapped)).unwrap().to_vec(), hex(key));
        }
    }

    #[test]
    fn the_vectors_of_rfc_5649_come_out() {
        for (kek, key, wrapped) in RFC_5649 {
            assert_eq!(wrap_padded(&hex(kek), &hex(key)).unwrap(), hex(wrapped));
            assert_eq!(unwrap_padded(&hex(kek), &hex(wrapped)).unwrap().to_vec(), hex(key));
        }
    }

    #[test]
    fn the_crate_aes_kw_agrees_at_every_length() {
        use aes_kw::KeyInit as _;
        let mut dice = Dice::new(1);
        for length in 1..100 {
            let (kek, key) = (dice.bytes(32), dice.bytes(length));
            let mut room = vec![0; length + 16];
            let oracle = aes_kw::KwpAes256::new_from_slice(&kek).unwrap();
            let expected = oracle.wrap_key(&key, &mut room).unwrap();
            assert_eq!(wrap_padded(&kek, &key).unwrap(), expected);
            assert_eq!(unwrap_padded(&kek, expected).unwrap().to_vec(), key);
            if length >= 16 && length % 8 == 0 {
                let oracle = aes_kw::KwAes256::new_from_slice(&kek).unwrap();
                assert_eq!(wrap(&kek, &key).unwrap(), oracle.wrap_key(&key, &mut room).unwrap());
            }
        }
    }

    #[test]
    fn any_changed_bit_is_found() {
        let kek = [7; 16];
        let (plain, padded) = (wrap(&kek, &[1; 24]).unwrap(), wrap_padded(&kek, &[1; 21]).unwrap());
        for bit in 0..plain.len() * 8 {
            let (mut plain, mut padded) = (plain.clone(), padded.clone());
            plain[bit / 8] ^= 1 << (bit % 8);
            padded[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(code(unwrap(&kek, &plain)), Some(Code::WrappedKeyInvalid));
            assert_eq!(code(unwrap_padded(&kek, &padded)), Some(Code::WrappedKeyInvalid));
        }
    }

    #[test]
    fn lengths_and_padding_that_lie_are_found() {
        let kek = Aes::new(&[7; 16]).unwrap();
        for (length, rest) in [(0u32, [0u8; 16]), (8, [0; 16]), (17, [0; 16]), (u32::MAX, [0; 16]), (9, [1; 16])] {
            let mut register = [&ALTERNATIVE_IV[..], &length.to_be_bytes(), &rest].concat();
            forward(&kek, &mut register);
            assert_eq!(code(unwrap_padded_with(&kek, &ALTERNATIVE_IV, &register)), Some(Code::WrappedKeyInvalid));
        }
        let mut register = [&ALTERNATIVE_IV[..], &9u32.to_be_bytes(), &[1; 9], &[0; 7]].concat();
        forward(&kek, &mut register);
        assert!(unwrap_padded_with(&kek, &ALTERNATIVE_IV, &register).is_ok());
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for length in [0, 1, 7, 8, 15, 17] {
            assert_eq!(code(wrap(&[0; 16], &vec![0; length])), Some(Code::KeySizeRange));
        }
        for length in [0, 8, 16, 25] {
            assert_eq!(code(unwrap(&[0; 16], &vec![0; length])), Some(Code::WrappedKeyLenRange));
        }
        for length in [0, 8, 17] {
            assert_eq!(code(unwrap_padded(&[0; 16], &vec![0; length])), Some(Code::WrappedKeyLenRange));
        }
        assert_eq!(code(wrap_padded(&[0; 16], &[])), Some(Code::KeySizeRange));
        assert_eq!(code(wrap(&[0; 17], &[0; 16])), Some(Code::KeySizeRange));
    }

    #[test]
    fn another_initial_value_is_another_wrapping() {
        let kek = Aes::new(&[7; 32]).unwrap();
        let wrapped = wrap_with(&kek, &[3; 8], &[1; 16]).unwrap();
        assert!(unwrap_with(&kek, &[3; 8], &wrapped).is_ok());
        assert_eq!(code(unwrap_with(&kek, &IV, &wrapped)), Some(Code::WrappedKeyInvalid));
        let wrapped = wrap_padded_with(&kek, &[3; 4], &[1; 5]).unwrap();
        assert!(unwrap_padded_with(&kek, &[3; 4], &wrapped).is_ok());
        assert_eq!(code(unwrap_padded_with(&kek, &ALTERNATIVE_IV, &wrapped)), Some(Code::WrappedKeyInvalid));
    }
}
