//! AES-GCM, NIST SP 800-38D: any IV length, in parts, both ways. This file holds what both
//! providers share; each has [`GcmKey`] and [`Gcm`] with the same methods.

pub use crate::crypto::provider::gcm::{Gcm, GcmKey};

/// The length of a whole tag in bytes.
pub const TAG: usize = 16;
/// The longest IV that is taken. The standard allows far more; nobody needs it, and it would be read for nothing.
pub const MAX_IV: usize = 1 << 16;
/// The longest text under one IV, in bytes: 2^39 - 256 bits (SP 800-38D, section 5.2.1.1).
pub const MAX_TEXT: u64 = (1 << 36) - 32;

/// Which way a cipher goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Plaintext in, ciphertext out.
    Encrypt,
    /// Ciphertext in, plaintext out.
    Decrypt,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{Dice, hex};
    use crate::error::Code;

    /// The Galois/Counter Mode of Operation (the submission that SP 800-38D names), appendix B:
    /// key, IV, plaintext, associated data, ciphertext, tag.
    const VECTORS: &[[&str; 6]] = &[
        [
            "00000000000000000000000000000000",
            "000000000000000000000000",
            "",
            "",
            "",
            "58e2fccefa7e3061367f1d57a4e7455a",
        ],
        [
            "00000000000000000000000000000000",
            "000000000000000000000000",
            "00000000000000000000000000000000",
            "",
            "0388dace60b6a392f328c2b971b2fe78",
            "ab6e47d42cec13bdf53a67b21257bddf",
        ],
        [
            "feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbaddecaf888",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
            "5bc94fbc3221a5db94fae95ae7121a47",
        ],
        [
            "feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbad",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598",
            "3612d2e79e3b0785561be14aaca2fccb",
        ],
        [
            "feffe9928665731c6d6a8f9467308308",
            "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca701e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5",
            "619cc5aefffe0bfa462af43c1699d050",
        ],
        [
            "000000000000000000000000000000000000000000000000",
            "000000000000000000000000",
            "00000000000000000000000000000000",
            "",
            "98e7247c07f0fe411c267e4384b0f600",
            "2ff58d80033927ab8ef4d4587514f0fb",
        ],
        [
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbaddecaf888",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        ],
    ];

    fn seal(key: &[u8], iv: &[u8], aad: &[u8], parts: &[&[u8]]) -> (Vec<u8>, [u8; TAG]) {
        let mut gcm = GcmKey::new(key).unwrap().start(Direction::Encrypt, iv, aad).unwrap();
        let mut text = Vec::new();
        parts.iter().for_each(|part| gcm.update(part, &mut text).unwrap());
        (text, gcm.seal().unwrap())
    }

    #[test]
    fn the_vectors_of_the_mode_come_out() {
        for vector in VECTORS {
            let [key, iv, plain, aad, text, tag] = vector.map(hex);
            let sealed = seal(&key, &iv, &aad, &[&plain]);
            assert_eq!((sealed.0, sealed.1.to_vec()), (text.clone(), tag.clone()));
            let mut gcm = GcmKey::new(&key).unwrap().start(Direction::Decrypt, &iv, &aad).unwrap();
            let mut opened = Vec::new();
            gcm.update(&text, &mut opened).unwrap();
            gcm.open(&tag).unwrap();
            assert_eq!(opened, plain);
        }
    }

    /// The crate aes-gcm for any IV length: the whole tag after the text.
    fn oracle<N: aes_gcm::aead::array::ArraySize>(key: &[u8], iv: &[u8], aad: &[u8], plain: &[u8]) -> Vec<u8> {
        use aes_gcm::aead::{Aead, KeyInit, Payload};
        let cipher = aes_gcm::AesGcm::<aes_gcm::aes::Aes256, N>::new_from_slice(key).unwrap();
        let nonce = aes_gcm::aead::array::Array::<u8, N>::try_from(iv).unwrap();
        cipher.encrypt(&nonce, Payload { msg: plain, aad }).unwrap()
    }

    #[test]
    fn the_crate_aes_gcm_agrees_at_any_size_split_and_iv_length() {
        use aes_gcm::aead::consts::*;
        type Oracle = fn(&[u8], &[u8], &[u8], &[u8]) -> Vec<u8>;
        let oracles: &[(usize, Oracle)] = &[
            (1, oracle::<U1>),
            (8, oracle::<U8>),
            (12, oracle::<U12>),
            (13, oracle::<U13>),
            (16, oracle::<U16>),
            (17, oracle::<U17>),
            (32, oracle::<U32>),
            (100, oracle::<U100>),
        ];
        let mut dice = Dice::new(38);
        for round in 0..400 {
            let (iv_length, oracle) = oracles[round % oracles.len()];
            let (key, iv, aad_length) = (dice.bytes(32), dice.bytes(iv_length), dice.below(70));
            let length = dice.below(if round % 7 == 0 { 5000 } else { 200 });
            let (aad, plain) = (dice.bytes(aad_length), dice.bytes(length));
            let (mut sealed, tag) = seal(&key, &iv, &aad, &dice.split(&plain));
            sealed.extend_from_slice(&tag);
            assert!(sealed == oracle(&key, &iv, &aad, &plain), "IV {iv_length}, text {length}, data {aad_length}");
        }
    }

    #[test]
    fn a_copy_in_mid_stream_goes_its_own_way() {
        let mut dice = Dice::new(2);
        for iv_length in [12, 16, 40] {
            let (key, iv, plain) = (dice.bytes(16), dice.bytes(iv_length), dice.bytes(99));
            let whole = seal(&key, &iv, b"", &[&plain]);
            let mut gcm = GcmKey::new(&key).unwrap().start(Direction::Encrypt, &iv, b"").unwrap();
            let mut text = Vec::new();
            gcm.update(&plain[..37], &mut text).unwrap();
            let mut copy = gcm.copy().unwrap();
            gcm.update(b"something else", &mut Vec::new()).unwrap();
            drop(gcm);
            copy.update(&plain[37..], &mut text).unwrap();
            assert_eq!((text, copy.seal().unwrap()), whole);
        }
    }

    #[test]
    fn short_tags_open_and_wrong_ones_do_not() {
        let key = GcmKey::new(&[1; 32]).unwrap();
        let (text, tag) = seal(&[1; 32], &[2; 12], b"data", &[b"text"]);
        for length in [4, 8, 12, 13, 14, 15, 16] {
            let start = |aad: &[u8]| {
                let mut gcm = key.start(Direction::Decrypt, &[2; 12], aad).unwrap();
                gcm.update(&text, &mut Vec::new()).unwrap();
                gcm
            };
            assert!(start(b"data").open(&tag[..length]).is_ok());
            let mut wrong = tag;
            wrong[length - 1] ^= 1;
            for result in [start(b"data").open(&wrong[..length]), start(b"date").open(&tag[..length])] {
                assert_eq!(result.err().map(|error| error.code()), Some(Code::EncryptedDataInvalid));
            }
        }
        assert!(key.start(Direction::Decrypt, &[2; 12], b"").unwrap().open(b"").is_err());
    }

    #[test]
    fn keys_and_ivs_of_impossible_length_are_refused() {
        assert_eq!(GcmKey::new(&[0; 20]).err().map(|error| error.code()), Some(Code::KeySizeRange));
        let key = GcmKey::new(&[0; 24]).unwrap();
        for length in [0, MAX_IV + 1] {
            let refused = key.start(Direction::Encrypt, &vec![0; length], b"").err();
            assert_eq!(refused.map(|error| error.code()), Some(Code::MechanismParamInvalid));
        }
        assert!(key.start(Direction::Encrypt, &vec![0; MAX_IV], b"").is_ok());
    }
}
