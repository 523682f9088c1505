//! Key derivation: from PINs (Argon2id, PBKDF2), from keys (HKDF, the PRF of TLS), from agreed secrets (X9.63).

use crate::crypto::hash::Hash;
use crate::crypto::hmac::Hmac;
use crate::error::{Code, Result};
use crate::secret::Secret;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize;

/// The most memory that a PIN may be made to cost, in KiB: parameters are read from a store, and are not trusted.
const MOST_MEMORY: u32 = 4 << 20;

/// Argon2id (RFC 9106) with one lane: a key of `length` bytes from a PIN. The memory is wiped afterwards.
///
/// # Errors
/// [`Code::HostMemory`] where there is not so much memory, [`Code::GeneralError`] for parameters outside of the RFC.
pub fn argon2id(pin: &[u8], salt: &[u8], memory_kib: u32, passes: u32, length: usize) -> Result<Secret> {
    let wrong = |_| Code::GeneralError.because("impossible parameters for Argon2id");
    if memory_kib > MOST_MEMORY {
        return Err(Code::HostMemory.because("the parameters for Argon2id ask for more than 4 GiB of memory"));
    }
    let params = Params::new(memory_kib, passes, 1, Some(length)).map_err(wrong)?;
    let mut memory = blocks(params.block_count())?;
    let mut key = Secret::zeroed(length);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let done = argon2.hash_password_into_with_memory(pin, salt, &mut key, &mut memory[..]).map_err(wrong);
    memory.iter_mut().for_each(|block| block.as_mut().zeroize());
    done.map(|()| key)
}

fn blocks(count: usize) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    blocks.try_reserve_exact(count).map_err(|_| Code::HostMemory)?;
    blocks.resize(count, Block::new());
    Ok(blocks)
}

/// HKDF with SHA-256 (RFC 5869), extract and expand. It has no more than 8,160 bytes to give; no caller asks for more.
pub fn hkdf_sha256(key: &[u8], salt: &[u8], info: &[u8], length: usize) -> Secret {
    let mut made = Secret::zeroed(length.min(255 * Hash::Sha256.output_length()));
    hkdf::Hkdf::<sha2::Sha256>::new(Some(salt), key)
        .expand(info, &mut made)
        .unwrap_or_else(|_| unreachable!("the length is within 255 blocks"));
    made
}

/// The first half of HKDF (RFC 5869): a key of the hash's length.
pub fn hkdf_extract(hash: Hash, salt: &[u8], key: &[u8]) -> Secret {
    code(&Hmac::new(hash, salt), &[key])
}

/// The second half of HKDF: `length` bytes, of which there are no more than 255 blocks.
///
/// # Errors
/// [`Code::KeySizeRange`] for more than that.
pub fn hkdf_expand(hash: Hash, key: &[u8], info: &[u8], length: usize) -> Result<Secret> {
    if length > 255 * hash.output_length() {
        return Err(Code::KeySizeRange.because("HKDF yields no more than 255 blocks of its hash"));
    }
    let (keyed, mut made) = (Hmac::new(hash, key), Secret::zeroed(length));
    let mut block = Secret::default();
    for (part, counter) in made.chunks_mut(hash.output_length()).zip(1u8..=255) {
        block = code(&keyed, &[&block, info, &[counter]]);
        part.copy_from_slice(&block[..part.len()]);
    }
    Ok(made)
}

/// PBKDF2 (RFC 8018) with HMAC.
pub fn pbkdf2(hash: Hash, password: &[u8], salt: &[u8], iterations: u32, length: usize) -> Secret {
    let (keyed, mut made) = (Hmac::new(hash, password), Secret::zeroed(length));
    for (part, counter) in made.chunks_mut(hash.output_length()).zip(1u32..) {
        let mut last = code(&keyed, &[salt, &counter.to_be_bytes()]);
        part.copy_from_slice(&last[..part.len()]);
        for _ in 1..iterations {
            last = code(&keyed, &[&last]);
            part.iter_mut().zip(last.iter()).for_each(|(byte, more)| *byte ^= more);
        }
    }
    made
}

/// The PRF of TLS 1.2 (RFC 5246, section 5): P_hash over label and seed.
pub fn tls12_prf(hash: Hash, secret: &[u8], label: &[u8], seed: &[&[u8]], length: usize) -> Secret {
    let (keyed, mut made) = (Hmac::new(hash, secret), Secret::zeroed(length));
    let seed = [&[label], seed].concat();
    let mut a = code(&keyed, &seed);
    for part in made.chunks_mut(hash.output_length()) {
        let block = code(&keyed, &[&[&a[..]], &seed[..]].concat());
        part.copy_from_slice(&block[..part.len()]);
        a = code(&keyed, &[&a]);
    }
    made
}

/// The HMAC over parts, under a key that is ready.
fn code(keyed: &Hmac, parts: &[&[u8]]) -> Secret {
    let mut hmac = keyed.clone();
    parts.iter().for_each(|part| hmac.update(part));
    Secret::from(hmac.finish())
}

/// The key derivation function of ANSI X9.63 (SEC 1, section 3.6.1) from an agreed secret `z`.
pub fn x963(hash: Hash, z: &[u8], shared_info: &[u8], length: usize) -> Secret {
    let mut made = Secret::zeroed(length);
    for (part, counter) in made.chunks_mut(hash.output_length()).zip(1u32..) {
        let mut hasher = hash.start();
        hasher.update(z);
        hasher.update(&counter.to_be_bytes());
        hasher.update(shared_info);
        let mut block = hasher.finish();
        part.copy_from_slice(&block[..part.len()]);
        block.zeroize();
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    /// Made by the reference implementation of Argon2 (its test.c): version 0x13, "password", "somesalt", one lane.
    #[test]
    fn the_vectors_of_the_reference_implementation_come_out() {
        let vector = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7";
        assert_eq!(argon2id(b"password", b"somesalt", 65536, 2, 32).unwrap().to_vec(), hex(vector));
        let vector = "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe";
        assert_eq!(argon2id(b"password", b"somesalt", 256, 2, 32).unwrap().to_vec(), hex(vector));
    }

    #[test]
    fn parameters_out_of_range_are_refused_before_memory_is_taken() {
        let code =
            |memory, passes, length, salt| argon2id(b"pin", salt, memory, passes, length).err().map(|e| e.code());
        assert_eq!(code(u32::MAX, 1, 32, b"somesalt"), Some(Code::HostMemory));
        assert_eq!(code(7, 1, 32, b"somesalt"), Some(Code::GeneralError));
        assert_eq!(code(64, 0, 32, b"somesalt"), Some(Code::GeneralError));
        assert_eq!(code(64, 1, 3, b"somesalt"), Some(Code::GeneralError));
        assert_eq!(code(64, 1, 32, b"shorter"), Some(Code::GeneralError));
    }

    /// RFC 5869, appendix A.1 and A.3.
    #[test]
    fn the_vectors_of_rfc_5869_come_out() {
        let (key, salt, info) = ([0x0b; 22], hex("000102030405060708090a0b0c"), hex("f0f1f2f3f4f5f6f7f8f9"));
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(hkdf_sha256(&key, &salt, &info, 42).to_vec(), hex(expected));
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
        assert_eq!(hkdf_sha256(&key, b"", b"", 42).to_vec(), hex(expected));
        assert_eq!(hkdf_sha256(&key, b"", b"", 9000).len(), 8160);
    }

    /// RFC 5869, appendix A.1, A.3 and A.4, in two halves.
    #[test]
    fn both_halves_of_hkdf_follow_rfc_5869() {
        let (key, salt, info) = ([0x0b; 22], hex("000102030405060708090a0b0c"), hex("f0f1f2f3f4f5f6f7f8f9"));
        let half = hkdf_extract(Hash::Sha256, &salt, &key);
        assert_eq!(half.to_vec(), hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"));
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(hkdf_expand(Hash::Sha256, &half, &info, 42).unwrap().to_vec(), hex(expected));
        let half = hkdf_extract(Hash::Sha1, &salt, &key[..11]);
        assert_eq!(half.to_vec(), hex("9b6c18c432a7bf8f0e71c8eb88f4b30baa2ba243"));
        let expected = "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896";
        assert_eq!(hkdf_expand(Hash::Sha1, &half, &info, 42).unwrap().to_vec(), hex(expected));
        assert!(hkdf_expand(Hash::Sha1, &half, &info, 255 * 20).is_ok());
        let refused = hkdf_expand(Hash::Sha1, &half, &info, 255 * 20 + 1);
        assert_eq!(refused.err().map(|error| error.code()), Some(Code::KeySizeRange));
    }

    /// RFC 6070, cases 1, 2, 3 and 5; RFC 7914, section 11.
    #[test]
    fn the_vectors_of_pbkdf2_come_out() {
        let sha1 = |password: &[u8], salt: &[u8], iterations, length| {
            pbkdf2(Hash::Sha1, password, salt, iterations, length).to_vec()
        };
        assert_eq!(sha1(b"password", b"salt", 1, 20), hex("0c60c80f961f0e71f3a9b524af6012062fe037a6"));
        assert_eq!(sha1(b"password", b"salt", 2, 20), hex("ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"));
        assert_eq!(sha1(b"password", b"salt", 4096, 20), hex("4b007901b765489abead49d926f721d065a429c1"));
        let (password, salt) = (b"passwordPASSWORDpassword", b"saltSALTsaltSALTsaltSALTsaltSALTsalt");
        assert_eq!(sha1(password, salt, 4096, 25), hex("3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"));
        let expected = concat!(
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc",
            "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"
        );
        assert_eq!(pbkdf2(Hash::Sha256, b"passwd", b"salt", 1, 64).to_vec(), hex(expected));
    }

    /// Made by OpenSSL 3.0: `openssl kdf -keylen 100 -kdfopt digest:SHA384 … TLS1-PRF`.
    #[test]
    fn the_prf_of_tls_is_that_of_openssl() {
        let expected = concat!(
            "5b8d8049fa9be627b1e88c0d1d9471a14de95bf0834443479535cc847345fa04c62732522a45a5fc",
            "c01e19ff82991de6bb2d2e4f3d7aec1e94242ef124a442f878b6def8298b991fbdc0cd0b30ab8006",
            "39e93efde8ee49f9bcf70e4206cced8a08f4b224"
        );
        let seed: [&[u8]; 2] = [&[0xaa; 32], &[0xbb; 32]];
        assert_eq!(tls12_prf(Hash::Sha384, &[0x0b; 22], b"master secret", &seed, 100).to_vec(), hex(expected));
    }

    /// NIST CAVS 12.0, "ANSI X9.63-2001": SHA-256 without and with shared information.
    #[test]
    fn the_vectors_of_x963_come_out() {
        let z = hex("96c05619d56c328ab95fe84b18264b08725b85e33fd34f08");
        assert_eq!(x963(Hash::Sha256, &z, b"", 16).to_vec(), hex("443024c3dae66b95e6f5670601558f71"));
        let z = hex("22518b10e70f2a3f243810ae3254139efbee04aa57c7af7d");
        let info = hex("75eef81aa3041e33b80971203d2c0c52");
        let expected = concat!(
            "c498af77161cc59f2962b9a713e2b215152d139766ce34a776df11866a69bf2e",
            "52a13d9c7c6fc878c50c5ea0bc7b00e0da2447cfd874f6cf92f30d0097111485",
            "500c90c3af8b487872d04685d14c8d1dc8d7fa08beb0ce0ababc11f0bd496269",
            "142d43525a78e5bc79a17f59676a5706dc54d54d4d1f0bd7e386128ec26afc21"
        );
        assert_eq!(x963(Hash::Sha256, &z, &info, 128).to_vec(), hex(expected));
    }
}
