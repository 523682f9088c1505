//! RSA: what this token makes the crate rsa accepts, and the other way about.

use crate::support::*;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, Oaep, Pkcs1v15Encrypt, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use sha3::{Sha3_224, Sha3_256, Sha3_384, Sha3_512};
use strongroom_pkcs11::ck::*;
use strongroom_pkcs11::crypto::hash::Hash;
use strongroom_pkcs11::crypto::rsa_padding::digest_info;
use strongroom_pkcs11::error::Code;
use strongroom_pkcs11::mechanism::Key;

const MESSAGE: &[u8] = b"what one makes the other must accept";

struct Pair {
    public: Key,
    private: Key,
    other: RsaPrivateKey,
}

impl Pair {
    fn new(bits: u64) -> Pair {
        let (public, private) = rsa_pair(bits);
        let number = |kind| BoxedUint::from_be_slice_vartime(private.object.bytes(kind).unwrap());
        let primes = vec![number(CKA_PRIME_1), number(CKA_PRIME_2)];
        let (n, e, d) = (number(CKA_MODULUS), number(CKA_PUBLIC_EXPONENT), number(CKA_PRIVATE_EXPONENT));
        let other = RsaPrivateKey::from_components(n, e, d, primes).unwrap();
        Pair { public, private, other }
    }

    fn other_public(&self) -> RsaPublicKey {
        self.other.to_public_key()
    }
}

/// Runs a macro for every hash: its type, its name here, its digest mechanism, its MGF, its two mechanisms.
macro_rules! every_hash {
    ($run:ident, $pair:expr) => {
        $run!($pair, Sha1, Sha1, CKM_SHA_1, CKG_MGF1_SHA1, CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS);
        $run!($pair, Sha224, Sha224, CKM_SHA224, CKG_MGF1_SHA224, CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS);
        $run!($pair, Sha256, Sha256, CKM_SHA256, CKG_MGF1_SHA256, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS);
        $run!($pair, Sha384, Sha384, CKM_SHA384, CKG_MGF1_SHA384, CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS);
        $run!($pair, Sha512, Sha512, CKM_SHA512, CKG_MGF1_SHA512, CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS);
        $run!(
            $pair,
            Sha3_224,
            Sha3_224,
            CKM_SHA3_224,
            CKG_MGF1_SHA3_224,
            CKM_SHA3_224_RSA_PKCS,
            CKM_SHA3_224_RSA_PKCS_PSS
        );
        $run!(
            $pair,
            Sha3_256,
            Sha3_256,
            CKM_SHA3_256,
            CKG_MGF1_SHA3_256,
            CKM_SHA3_256_RSA_PKCS,
            CKM_SHA3_256_RSA_PKCS_PSS
        );
        $run!(
            $pair,
            Sha3_384,
            Sha3_384,
            CKM_SHA3_384,
            CKG_MGF1_SHA3_384,
            CKM_SHA3_384_RSA_PKCS,
            CKM_SHA3_384_RSA_PKCS_PSS
        );
        $run!(
            $pair,
            Sha3_512,
            Sha3_512,
            CKM_SHA3_512,
            CKG_MGF1_SHA3_512,
            CKM_SHA3_512_RSA_PKCS,
            CKM_SHA3_512_RSA_PKCS_PSS
        );
    };
}

macro_rules! signatures {
    ($pair:expr, $type:ty, $hash:ident, $digest:ident, $mgf:ident, $pkcs1:ident, $pss:ident) => {{
        let Pair { public, private, other } = $pair;
        let digest = <$type>::digest(MESSAGE).to_vec();
        let info = [digest_info(Hash::$hash), digest.clone()].concat();

        let signature = sign($pkcs1, private, &NONE, MESSAGE).unwrap();
        other.to_public_key().verify(Pkcs1v15Sign::new_unprefixed(), &info, &signature).unwrap();
        assert_eq!(sign(CKM_RSA_PKCS, private, &NONE, &info).unwrap(), signature);
        assert_eq!(other.sign(Pkcs1v15Sign::new_unprefixed(), &info).unwrap(), signature);
        verify($pkcs1, public, &NONE, MESSAGE, &signature).unwrap();
        verify(CKM_RSA_PKCS, public, &NONE, &info, &signature).unwrap();
        for bad in spoilt(&signature) {
            assert_eq!(code(verify($pkcs1, public, &NONE, MESSAGE, &bad)), Code::SignatureInvalid);
        }

        for salt in [0, 13, digest.len()] {
            let parameter = pss(ck($digest), ck($mgf), salt as u64);
            let signature = sign($pss, private, &parameter, MESSAGE).unwrap();
            other.to_public_key().verify(Pss::<$type>::new_with_salt(salt), &digest, &signature).unwrap();
            verify(CKM_RSA_PKCS_PSS, public, &parameter, &digest, &signature).unwrap();
            let signature = other.sign(Pss::<$type>::new_with_salt(salt), &digest).unwrap();
            verify($pss, public, &parameter, MESSAGE, &signature).unwrap();
            for bad in spoilt(&signature) {
                assert_eq!(code(verify($pss, public, &parameter, MESSAGE, &bad)), Code::SignatureInvalid);
            }
            let signature = sign(CKM_RSA_PKCS_PSS, private, &parameter, &digest).unwrap();
            other.to_public_key().verify(Pss::<$type>::new_with_salt(salt), &digest, &signature).unwrap();
        }
    }};
}

fn ck(number: u64) -> u64 {
    number
}

#[test]
fn signatures_with_every_hash_agree_with_the_other_crate() {
    let pair = &Pair::new(2048);
    every_hash!(signatures, pair);
}

macro_rules! seals_with {
    ($pair:expr, $type:ty, $other:ty, $hash:expr, $mgf:expr) => {{
        for label in [&b""[..], b"a label"] {
            let parameter = oaep($hash, $mgf, label);
            let padding = || Oaep::<$type, $other>::new_with_mgf_hash_and_label(label.to_vec().into_boxed_slice());
            let sealed = encrypt(CKM_RSA_PKCS_OAEP, &$pair.public, &parameter, MESSAGE).unwrap();
            assert_eq!($pair.other.decrypt(padding(), &sealed).unwrap(), MESSAGE);
            let sealed = $pair.other_public().encrypt(&mut Chance, padding(), MESSAGE).unwrap();
            assert_eq!(decrypt(CKM_RSA_PKCS_OAEP, &$pair.private, &parameter, &sealed).unwrap(), MESSAGE);
            let another = oaep($hash, $mgf, b"another");
            let refused = decrypt(CKM_RSA_PKCS_OAEP, &$pair.private, &another, &sealed);
            assert_eq!(code(refused), Code::EncryptedDataInvalid);
        }
    }};
}

macro_rules! seals {
    ($pair:expr, $type:ty, $hash:ident, $digest:ident, $mgf:ident, $pkcs1:ident, $pss:ident) => {{
        seals_with!($pair, $type, $type, $digest, $mgf);
        seals_with!($pair, $type, Sha1, $digest, CKG_MGF1_SHA1);
        seals_with!($pair, Sha256, $type, CKM_SHA256, $mgf);
    }};
}

#[test]
fn oaep_with_every_hash_mask_and_label_agrees_with_the_other_crate() {
    let pair = &Pair::new(2048);
    every_hash!(seals, pair);
}

#[test]
fn pkcs1_encryption_agrees_with_the_other_crate_even_on_bad_padding() {
    let pair = Pair::new(1024);
    for length in [0, 1, 100, 117] {
        let message = vec![0xab; length];
        let sealed = encrypt(CKM_RSA_PKCS, &pair.public, &NONE, &message).unwrap();
        assert_eq!(pair.other.decrypt(Pkcs1v15Encrypt, &sealed).unwrap(), message);
        let sealed = pair.other_public().encrypt(&mut Chance, Pkcs1v15Encrypt, &message).unwrap();
        assert_eq!(decrypt(CKM_RSA_PKCS, &pair.private, &NONE, &sealed).unwrap(), message);
        let wrapped = wrap(CKM_RSA_PKCS, &pair.public, &NONE, &message).unwrap();
        assert_eq!(unwrap(CKM_RSA_PKCS, &pair.private, &NONE, &wrapped).unwrap(), message);
        for bad in spoilt(&sealed[..]).into_iter().filter(|bad| bad[..] < *pair.other.n_bytes()) {
            let ours = decrypt(CKM_RSA_PKCS, &pair.private, &NONE, &bad).unwrap();
            assert_eq!(pair.other.decrypt(Pkcs1v15Encrypt, &bad).unwrap(), ours);
        }
    }
}

#[test]
fn the_raw_operation_agrees_with_the_other_crate() {
    let pair = Pair::new(1024);
    let size = 128;
    for data in [&[0x5a; 128][..], b"short", &[0; 128], &[1], b""] {
        let sealed = encrypt(CKM_RSA_X_509, &pair.public, &NONE, data).unwrap();
        let number = BoxedUint::from_be_slice([&vec![0; size - data.len()], data].concat().as_slice(), 1024).unwrap();
        let expected = rsa::hazmat::rsa_encrypt(&pair.other_public(), &number).unwrap();
        assert_eq!(sealed, &*expected.to_be_bytes());
        let opened = decrypt(CKM_RSA_X_509, &pair.private, &NONE, &sealed).unwrap();
        assert_eq!(opened, &*number.to_be_bytes());
        let signature = sign(CKM_RSA_X_509, &pair.private, &NONE, data).unwrap();
        let signed = BoxedUint::from_be_slice(&signature, 1024).unwrap();
        assert_eq!(rsa::hazmat::rsa_encrypt(&pair.other_public(), &signed).unwrap(), number);
        verify(CKM_RSA_X_509, &pair.public, &NONE, data, &signature).unwrap();
        let refused = verify(CKM_RSA_X_509, &pair.public, &NONE, b"other", &signature);
        assert_eq!(code(refused), Code::SignatureInvalid);
    }
}

#[test]
fn keys_of_any_length_travel_under_an_aes_key_under_rsa() {
    let pair = Pair::new(2048);
    let parameter = |bits| fields(vec![number(bits), inner()]);
    for bits in [128, 192, 256] {
        for length in [1, 8, 32, 1217] {
            let value = vec![3; length];
            let wrapped = wrap(CKM_RSA_AES_KEY_WRAP, &pair.public, &parameter(bits), &value).unwrap();
            assert_eq!(unwrap(CKM_RSA_AES_KEY_WRAP, &pair.private, &parameter(bits), &wrapped).unwrap(), value);
            let aes = pair.other.decrypt(Oaep::<Sha256, Sha1>::new_with_mgf_hash(), &wrapped[..256]).unwrap();
            assert_eq!(aes.len() as u64 * 8, bits);
            let opened = strongroom_pkcs11::crypto::kw::unwrap_padded(&aes, &wrapped[256..]).unwrap();
            assert_eq!(&*opened, value);
        }
    }
    let wrapped = wrap(CKM_RSA_AES_KEY_WRAP, &pair.public, &parameter(256), &[1; 32]).unwrap();
    let refused = |parameter, wrapped: &[u8]| code(unwrap(CKM_RSA_AES_KEY_WRAP, &pair.private, &parameter, wrapped));
    assert_eq!(refused(parameter(128), &wrapped), Code::WrappedKeyInvalid);
    assert_eq!(refused(parameter(256), &wrapped[..wrapped.len() - 1]), Code::WrappedKeyLenRange);
    assert_eq!(refused(parameter(256), &wrapped[..256]), Code::WrappedKeyLenRange);
    assert_eq!(refused(parameter(256), b""), Code::WrappedKeyLenRange);
    assert_eq!(refused(parameter(512), &wrapped), Code::MechanismParamInvalid);
    assert_eq!(refused(NONE, &wrapped), Code::MechanismParamInvalid);
    for bad in spoilt(&wrapped) {
        assert_eq!(refused(parameter(256), &bad), Code::WrappedKeyInvalid);
    }
}

fn inner() -> strongroom_pkcs11::wire::values::Field {
    strongroom_pkcs11::wire::values::Field::Fields(Some(oaep_fields(CKM_SHA256, CKG_MGF1_SHA1, b"")))
}
