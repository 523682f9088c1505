//! HMAC, FIPS 198-1, over a hash chosen at run time.

use crate::crypto::hash::Hash;
use blake2::Blake2b;
use blake2::digest::consts::{U20, U32, U48, U64};
use hmac::{KeyInit, Mac, SimpleHmac};

macro_rules! hmacs {
    ($($name:ident: $implementation:ty;)*) => {
        /// An HMAC in progress. A copy of one that has taken nothing is the same key, ready again.
        #[derive(Clone)]
        pub struct Hmac(State);

        #[derive(Clone)]
        enum State { $($name($implementation),)* }

        impl Hmac {
            /// Begins an HMAC. A key of any length will do.
            pub fn new(hash: Hash, key: &[u8]) -> Hmac {
                Hmac(match hash {
                    $(Hash::$name => State::$name(
                        KeyInit::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length")),
                    ),)*
                })
            }

            /// Takes a part of the data.
            pub fn update(&mut self, data: &[u8]) {
                match &mut self.0 { $(State::$name(state) => state.update(data),)* }
            }

            /// The code over all that was taken.
            pub fn finish(self) -> Vec<u8> {
                match self.0 { $(State::$name(state) => state.finalize().into_bytes().to_vec(),)* }
            }

            /// The hash inside.
            pub fn hash(&self) -> Hash {
                match &self.0 { $(State::$name(_) => Hash::$name,)* }
            }
        }
    };
}

// The crate's eager form needs hashes that expose their blocks; those of SHA-3 and BLAKE2 do not.
hmacs! {
    Sha1: hmac::Hmac<sha1::Sha1>;
    Sha224: hmac::Hmac<sha2::Sha224>;
    Sha256: hmac::Hmac<sha2::Sha256>;
    Sha384: hmac::Hmac<sha2::Sha384>;
    Sha512: hmac::Hmac<sha2::Sha512>;
    Sha512_224: hmac::Hmac<sha2::Sha512_224>;
    Sha512_256: hmac::Hmac<sha2::Sha512_256>;
    Sha3_224: SimpleHmac<sha3::Sha3_224>;
    Sha3_256: SimpleHmac<sha3::Sha3_256>;
    Sha3_384: SimpleHmac<sha3::Sha3_384>;
    Sha3_512: SimpleHmac<sha3::Sha3_512>;
    Blake2b160: SimpleHmac<Blake2b<U20>>;
    Blake2b256: SimpleHmac<Blake2b<U32>>;
    Blake2b384: SimpleHmac<Blake2b<U48>>;
    Blake2b512: SimpleHmac<Blake2b<U64>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{Dice, hex};

    fn hmac(hash: Hash, key: &[u8], data: &[u8]) -> Vec<u8> {
        let mut hmac = Hmac::new(hash, key);
        hmac.update(data);
        hmac.finish()
    }

    /// RFC 4231, test cases 2 and 6 (a key longer than a block), and RFC 2202, test case 2.
    #[test]
    fn the_vectors_of_the_rfcs_come_out() {
        let case_2 = |hash| hmac(hash, b"Jefe", b"what do ya want for nothing?");
        assert_eq!(case_2(Hash::Sha1), hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"));
        assert_eq!(case_2(Hash::Sha224), hex("a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"));
        assert_eq!(case_2(Hash::Sha256), hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
        assert_eq!(
            case_2(Hash::Sha384),
            hex("af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649")
        );
        assert_eq!(
            case_2(Hash::Sha512),
            hex(
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
            )
        );
        assert_eq!(
            hmac(Hash::Sha256, &[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
        );
    }

    /// The definition: H((K ^ opad) || H((K ^ ipad) || text)).
    #[test]
    fn every_hash_and_key_length_follows_the_definition() {
        let mut dice = Dice::new(198);
        for &hash in Hash::ALL {
            for length in [0, 1, 20, hash.block_length(), hash.block_length() + 1, 300] {
                let (key, data) = (dice.bytes(length), dice.bytes(200));
                let mut block = if length > hash.block_length() { hash.digest(&key) } else { key.clone() };
                block.resize(hash.block_length(), 0);
                let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
                let inner = hash.digest(&[pad(0x36), data.clone()].concat());
                let expected = hash.digest(&[pad(0x5c), inner].concat());
                assert_eq!(hmac(hash, &key, &data), expected, "{hash:?}, key of {length}");
            }
        }
    }
}
