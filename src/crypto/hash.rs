//! The hashes of FIPS 180-4, FIPS 202 and RFC 7693, chosen at run time: mechanisms and parameters name them by number.

use crate::ck;
use blake2::Blake2b;
use blake2::digest::consts::{U20, U32, U48, U64};
use sha1::Digest as _;
use shake::digest::ExtendableOutput;

macro_rules! hashes {
    ($($name:ident: $implementation:ty, $output:literal, $block:literal, $mechanism:ident $(, $mgf:ident)?;)*) => {
        /// A hash function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the names of the standards
        pub enum Hash { $($name,)* }

        /// A hash in progress.
        #[derive(Clone)]
        pub struct Hasher(State);

        #[derive(Clone)]
        enum State { $($name($implementation),)* }

        impl Hash {
            /// All of them.
            pub const ALL: &'static [Hash] = &[$(Hash::$name,)*];

            /// The length of its output in bytes.
            pub const fn output_length(self) -> usize {
                match self { $(Hash::$name => $output,)* }
            }

            /// The length of the blocks it works in, in bytes: the B of HMAC.
            pub const fn block_length(self) -> usize {
                match self { $(Hash::$name => $block,)* }
            }

            /// Its digest mechanism, `CKM_…`.
            pub const fn mechanism(self) -> u64 {
                match self { $(Hash::$name => ck::$mechanism,)* }
            }

            /// The hash that a digest mechanism (`CKM_SHA256`, as hash parameters name it) is.
            pub const fn from_mechanism(ckm: u64) -> Option<Hash> {
                match ckm { $(ck::$mechanism => Some(Hash::$name),)* _ => None }
            }

            /// The hash inside a mask generation function, `CKG_MGF1_…`. (SHA-512/t and BLAKE2b have none.)
            pub const fn from_mgf(ckg: u64) -> Option<Hash> {
                match ckg { $($(ck::$mgf => Some(Hash::$name),)?)* _ => None }
            }

            /// Begins a hash.
            pub fn start(self) -> Hasher {
                Hasher(match self { $(Hash::$name => State::$name(<$implementation>::new()),)* })
            }

            /// The hash of `data`.
            pub fn digest(self, data: &[u8]) -> Vec<u8> {
                match self { $(Hash::$name => <$implementation>::digest(data).to_vec(),)* }
            }
        }

        impl Hasher {
            /// Takes a part of the data.
            pub fn update(&mut self, data: &[u8]) {
                match &mut self.0 { $(State::$name(state) => state.update(data),)* }
            }

            /// The hash of all that was taken.
            pub fn finish(self) -> Vec<u8> {
                match self.0 { $(State::$name(state) => state.finalize().to_vec(),)* }
            }

            /// Which hash it is.
            pub fn hash(&self) -> Hash {
                match &self.0 { $(State::$name(_) => Hash::$name,)* }
            }
        }
    };
}

hashes! {
    Sha1: sha1::Sha1, 20, 64, CKM_SHA_1, CKG_MGF1_SHA1;
    Sha224: sha2::Sha224, 28, 64, CKM_SHA224, CKG_MGF1_SHA224;
    Sha256: sha2::Sha256, 32, 64, CKM_SHA256, CKG_MGF1_SHA256;
    Sha384: sha2::Sha384, 48, 128, CKM_SHA384, CKG_MGF1_SHA384;
    Sha512: sha2::Sha512, 64, 128, CKM_SHA512, CKG_MGF1_SHA512;
    Sha512_224: sha2::Sha512_224, 28, 128, CKM_SHA512_224;
    Sha512_256: sha2::Sha512_256, 32, 128, CKM_SHA512_256;
    Sha3_224: sha3::Sha3_224, 28, 144, CKM_SHA3_224, CKG_MGF1_SHA3_224;
    Sha3_256: sha3::Sha3_256, 32, 136, CKM_SHA3_256, CKG_MGF1_SHA3_256;
    Sha3_384: sha3::Sha3_384, 48, 104, CKM_SHA3_384, CKG_MGF1_SHA3_384;
    Sha3_512: sha3::Sha3_512, 64, 72, CKM_SHA3_512, CKG_MGF1_SHA3_512;
    Blake2b160: Blake2b<U20>, 20, 128, CKM_BLAKE2B_160;
    Blake2b256: Blake2b<U32>, 32, 128, CKM_BLAKE2B_256;
    Blake2b384: Blake2b<U48>, 48, 128, CKM_BLAKE2B_384;
    Blake2b512: Blake2b<U64>, 64, 128, CKM_BLAKE2B_512;
}

/// SHAKE (FIPS 202), a function of as many bytes as are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shake {
    /// SHAKE128
    Shake128,
    /// SHAKE256
    Shake256,
}

impl Shake {
    /// The first `output.len()` bytes of its output for `data`.
    pub fn fill(self, data: &[u8], output: &mut [u8]) {
        match self {
            Shake::Shake128 => shake::Shake128::digest_xof(data, output),
            Shake::Shake256 => shake::Shake256::digest_xof(data, output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    /// FIPS 180-4 and 202: the examples for the message "abc"; RFC 7693, appendix A, and for its shorter forms the
    /// reference implementation in CPython.
    const ABC: &[(Hash, &str)] = &[
        (Hash::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Hash::Sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        (Hash::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            Hash::Sha384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            Hash::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (Hash::Sha512_224, "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"),
        (Hash::Sha512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
        (Hash::Sha3_224, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
        (Hash::Sha3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
        (
            Hash::Sha3_384,
            "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
        ),
        (
            Hash::Sha3_512,
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
        ),
        (Hash::Blake2b160, "384264f676f39536840523f284921cdc68b6846b"),
        (Hash::Blake2b256, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
        (
            Hash::Blake2b384,
            "6f56a82c8e7ef526dfe182eb5212f7db9df1317e57815dbda46083fc30f54ee6c66ba83be64b302d7cba6ce15bb556f4",
        ),
        (
            Hash::Blake2b512,
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
        ),
    ];

    #[test]
    fn the_examples_of_the_standards_come_out() {
        for (hash, expected) in ABC {
            assert_eq!(hash.digest(b"abc"), hex(expected), "{hash:?}");
        }
        assert_eq!(ABC.len(), Hash::ALL.len());
    }

    #[test]
    fn shake_yields_what_an_independent_implementation_yields() {
        let mut output = [0; 40];
        Shake::Shake128.fill(b"abc", &mut output);
        assert_eq!(
            output.to_vec(),
            hex("5881092dd818bf5cf8a3ddb793fbcba74097d5c526a6d35f97b83351940f2cc844c50af32acd3f2c")
        );
        Shake::Shake256.fill(b"abc", &mut output);
        assert_eq!(
            output.to_vec(),
            hex("483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739d5a15bef186a5386")
        );
    }

    #[test]
    fn parts_and_copies_hash_as_the_whole() {
        let data: Vec<u8> = (0..1000u32).map(|i| i as u8).collect();
        for &hash in Hash::ALL {
            let mut hasher = hash.start();
            hasher.update(&data[..333]);
            let mut copy = hasher.clone();
            hasher.update(b"elsewhere");
            copy.update(&data[333..]);
            assert_eq!(copy.hash(), hash);
            assert_eq!(copy.finish(), hash.digest(&data));
            assert_ne!(hasher.finish(), hash.digest(&data));
        }
    }

    #[test]
    fn lengths_are_those_of_the_implementations() {
        for &hash in Hash::ALL {
            assert_eq!(hash.digest(b"").len(), hash.output_length());
            assert_eq!(Hash::from_mechanism(hash.mechanism()), Some(hash));
        }
        assert_eq!(Hash::from_mgf(ck::CKG_MGF1_SHA256), Some(Hash::Sha256));
        assert_eq!(Hash::from_mgf(0), None);
        assert_eq!(Hash::from_mechanism(ck::CKM_MD5), None);
    }
}
