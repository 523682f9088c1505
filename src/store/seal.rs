//! Sealing: everything of the store that touches a disk goes through here, and only this file knows the keys.
//!
//! All keys are derived from the root key with HKDF-SHA256 (RFC 5869), one for each purpose; a record has a key of
//! its own. Sealing is AES-256-GCM (SP 800-38D) with random 96-bit nonces; the associated data says what it is
//! that was sealed, so that nothing authenticates in the place of something else.

use super::{Record, RecordId, Tag};
use crate::error::{Code, Result};
use crate::secret::Secret;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt};
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Seals byte strings under a key for one purpose. For the store itself, and for what the engine seals: private
/// objects, wrapped master keys. The key is wiped when it goes.
pub struct Sealer {
    cipher: Aes256Gcm,
}

/// What sealing adds to the length of a text: nonce and tag.
pub const SEALED_MORE: usize = NONCE + TAG;

impl Sealer {
    /// A sealer under the key that HKDF derives from `key` for `purpose`.
    pub fn new(key: &Secret, purpose: &[u8]) -> Sealer {
        Sealer::under(&expand(&extract(key), &[b"sealer", purpose]))
    }

    /// Seals `plain`, binding it to `aad`: nonce, ciphertext, tag.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plain.len() + SEALED_MORE);
        sealed.extend_from_slice(&random::<NONCE>());
        sealed.extend_from_slice(plain);
        let (nonce, text) = sealed.split_at_mut(NONCE);
        let nonce: [u8; NONCE] = std::array::from_fn(|at| nonce[at]);
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce.into(), aad, InOutBuf::from(text))
            .expect("what fits into memory is far below the 64 GiB that one message may have");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// The text again, if it was sealed by this key with this `aad`.
    ///
    /// # Errors
    /// `CKR_DEVICE_ERROR` where it was not, whatever the reason.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Secret> {
        let text = sealed.len().checked_sub(SEALED_MORE).ok_or_else(unauthentic)?;
        let nonce: [u8; NONCE] = std::array::from_fn(|at| sealed[at]);
        let tag: [u8; TAG] = std::array::from_fn(|at| sealed[NONCE + text + at]);
        let mut plain = Secret::from(&sealed[NONCE..NONCE + text]);
        self.cipher
            .decrypt_inout_detached(&nonce.into(), aad, InOutBuf::from(&mut plain[..]), &tag.into())
            .map_err(|_| unauthentic())?;
        Ok(plain)
    }

    fn under(key: &Key) -> Sealer {
        Sealer { cipher: Aes256Gcm::new((&**key).into()) }
    }
}

/// Which state of a record it is: its version, and the sequence number of the batch that made it. A record that is
/// removed and made again starts at version 1 again; the sequence number never goes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    pub(super) version: u64,
    pub(super) seq: u64,
}

/// A keyed fingerprint. Those of all records, added without carry, are the digest of the whole set.
pub(super) type Print = [u8; 16];

/// Adds `print` to a digest, or takes it away: the same.
pub(super) fn toggle(digest: &mut Print, print: &Print) {
    digest.iter_mut().zip(print).for_each(|(sum, byte)| *sum ^= byte);
}

/// The keys of a store.
pub(super) struct Keys {
    root: Key,
    spaces: Aes256,
    ids: Aes256,
    tags: Aes256,
    stamps: Aes256,
    prints: Hmac<Sha256>,
    files: Key,
}

impl Keys {
    /// Derives the keys.
    pub(super) fn new(root: &Secret) -> Result<Keys> {
        if root.len() < 16 {
            return Err(Code::ArgumentsBad.because("the root key of a store must have at least 16 bytes"));
        }
        let root = extract(root);
        let cipher = |purpose: &[u8]| Aes256::new((&*expand(&root, &[purpose])).into());
        let prints = Hmac::<Sha256>::new_from_slice(&expand(&root, &[b"prints"])[..]).expect("any length is a key");
        let (spaces, ids, tags) = (cipher(b"blind space"), cipher(b"blind id"), cipher(b"blind tag"));
        let stamps = cipher(b"stamp");
        let files = expand(&root, &[b"files"]);
        Ok(Keys { spaces, ids, tags, stamps, prints, files, root })
    }

    /// The sealer of one segment's header and frames, and the mark that its frames begin with.
    pub(super) fn segment(&self, number: u64) -> (Sealer, [u8; 8]) {
        let number = number.to_be_bytes();
        let mark = expand(&self.root, &[b"log mark", &number]);
        (Sealer::under(&expand(&self.root, &[b"log segment", &number])), std::array::from_fn(|at| mark[at]))
    }

    /// The sealer of the index's own records of itself.
    pub(super) fn head(&self) -> Sealer {
        Sealer::under(&expand(&self.root, &[b"index head"]))
    }

    /// Seals a record: 16 bytes of masked stamp, then nonce, text and tag.
    pub(super) fn seal_record(&self, id: &RecordId, stamp: Stamp, tags: &[Tag], payload: &[u8]) -> Vec<u8> {
        let mut plain = Zeroizing::new(Vec::with_capacity(4 + tags.len() * 16 + payload.len()));
        plain.extend_from_slice(&(tags.len() as u32).to_be_bytes());
        tags.iter().for_each(|tag| plain.extend_from_slice(tag));
        plain.extend_from_slice(payload);
        let sealed = self.record(id).seal(&record_aad(id, stamp), &plain);
        let mut whole = self.masked(stamp_bytes(stamp), &sealed).to_vec();
        whole.extend_from_slice(&sealed);
        whole
    }

    /// The state a sealed record says it is of; true only once [`Keys::open_record`] or a frame around it agrees.
    pub(super) fn stamp(&self, sealed: &[u8]) -> Option<Stamp> {
        if sealed.len() < STAMP + SEALED_MORE {
            return None;
        }
        let clear = self.masked(std::array::from_fn(|at| sealed[at]), &sealed[STAMP..]);
        let word = |at: usize| u64::from_be_bytes(std::array::from_fn(|byte| clear[at + byte]));
        Some(Stamp { version: word(0), seq: word(8) })
    }

    /// The record, if it is this one and authentic.
    pub(super) fn open_record(&self, id: &RecordId, sealed: &[u8]) -> Option<(Stamp, Record)> {
        let stamp = self.stamp(sealed)?;
        let plain = self.record(id).open(&record_aad(id, stamp), &sealed[STAMP..]).ok()?;
        let count = u32::from_be_bytes(*plain.first_chunk()?) as usize;
        let tags = plain.get(4..4usize.checked_add(count.checked_mul(16)?)?)?;
        let payload = Secret::from(&plain[4 + tags.len()..]);
        let tags = tags.chunks_exact(16).map(|tag| std::array::from_fn(|at| tag[at])).collect();
        Some((stamp, Record { id: *id, version: stamp.version, tags, payload }))
    }

    /// The fingerprint of a sealed record: of what it is and every byte of it.
    pub(super) fn print_record(&self, id: &RecordId, sealed: &[u8]) -> Print {
        self.print(b"record", &[&id.space, &id.id, sealed])
    }

    /// The fingerprint that stands for a record known to be lost.
    pub(super) fn print_lost(&self, id: &RecordId) -> Print {
        self.print(b"lost", &[&id.space, &id.id])
    }

    /// The fingerprint of an entry of the tag index.
    pub(super) fn print_tag(&self, key: &[u8]) -> Print {
        self.print(b"tag", &[key])
    }

    /// The fingerprint of a file of the index.
    pub(super) fn file_print(&self) -> Hmac<Sha256> {
        Hmac::<Sha256>::new_from_slice(&self.files[..]).expect("any length is a key")
    }

    /// What stands for an identity in the index: it can be read back with the key, and by nobody else.
    pub(super) fn blind(&self, id: &RecordId) -> [u8; 32] {
        let space = self.blind_space(&id.space);
        let mut block: [u8; 16] = std::array::from_fn(|at| id.id[at] ^ space[at]);
        self.ids.encrypt_block((&mut block).into());
        std::array::from_fn(|at| if at < 16 { space[at] } else { block[at - 16] })
    }

    /// What stands for a space in the index.
    pub(super) fn blind_space(&self, space: &[u8; 16]) -> [u8; 16] {
        let mut block = *space;
        self.spaces.encrypt_block((&mut block).into());
        block
    }

    /// What stands for a tag in the index, in a space that is blind already.
    pub(super) fn blind_tag(&self, space: &[u8; 16], tag: &Tag) -> [u8; 16] {
        let mut block: [u8; 16] = std::array::from_fn(|at| tag[at] ^ space[at]);
        self.tags.encrypt_block((&mut block).into());
        block
    }

    /// The identity behind its blind form.
    pub(super) fn unblind(&self, blind: &[u8; 32]) -> RecordId {
        let (mut space, mut id): ([u8; 16], [u8; 16]) =
            (std::array::from_fn(|at| blind[at]), std::array::from_fn(|at| blind[16 + at]));
        self.ids.decrypt_block((&mut id).into());
        let id = std::array::from_fn(|at| id[at] ^ space[at]);
        self.spaces.decrypt_block((&mut space).into());
        RecordId { space, id }
    }

    fn record(&self, id: &RecordId) -> Sealer {
        Sealer::under(&expand(&self.root, &[b"record", &id.space, &id.id]))
    }

    fn print(&self, kind: &[u8], parts: &[&[u8]]) -> Print {
        let mut mac = self.prints.clone();
        mac.update(&[kind.len() as u8]);
        mac.update(kind);
        parts.iter().for_each(|part| mac.update(part));
        let whole = mac.finalize().into_bytes();
        std::array::from_fn(|at| whole[at])
    }

    /// Masks a stamp, or unmasks it, with a block that comes from the nonce that follows it.
    fn masked(&self, mut stamp: [u8; STAMP], sealed: &[u8]) -> [u8; STAMP] {
        let mut block: [u8; STAMP] = std::array::from_fn(|at| if at < NONCE { sealed[at] } else { 0 });
        self.stamps.encrypt_block((&mut block).into());
        toggle(&mut stamp, &block);
        stamp
    }
}

/// Compares fingerprints, telling nothing by the time it takes.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

fn stamp_bytes(stamp: Stamp) -> [u8; STAMP] {
    let (version, seq) = (stamp.version.to_be_bytes(), stamp.seq.to_be_bytes());
    std::array::from_fn(|at| if at < 8 { version[at] } else { seq[at - 8] })
}

fn record_aad(id: &RecordId, stamp: Stamp) -> Vec<u8> {
    [b"strongroom record 1".as_slice(), &id.space, &id.id, &stamp_bytes(stamp)].concat()
}

fn unauthentic() -> crate::error::Error {
    Code::DeviceError.because("what was sealed is damaged, or was sealed as something else or under another key")
}

fn extract(key: &[u8]) -> Key {
    let (mut prk, _) = Hkdf::<Sha256>::extract(Some(b"strongroom store 1"), key);
    let kept = Key::new(prk.into());
    prk.zeroize();
    kept
}

fn expand(prk: &Key, purpose: &[&[u8]]) -> Key {
    let mut key = Key::default();
    let hkdf = Hkdf::<Sha256>::from_prk(&prk[..]).expect("32 bytes are long enough");
    hkdf.expand_multi_info(purpose, &mut key[..]).expect("32 bytes are short enough");
    key
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without it nothing may be sealed, and nothing else in a vault works either.
    getrandom::fill(&mut bytes).expect("the random generator of the system works");
    bytes
}

type Key = Zeroizing<[u8; 32]>;

const NONCE: usize = 12;
const TAG: usize = 16;
const STAMP: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(&Secret::from([7; 32].as_slice())).unwrap()
    }

    fn id(n: u8) -> RecordId {
        RecordId { space: [n; 16], id: [n + 1; 16] }
    }

    #[test]
    fn sealed_text_opens_only_as_what_it_was() {
        let key = Secret::from([1; 32].as_slice());
        let sealer = Sealer::new(&key, b"test");
        let sealed = sealer.seal(b"aad", b"text");
        assert_eq!(sealed.len(), 4 + SEALED_MORE);
        assert!(&sealer.open(b"aad", &sealed).unwrap()[..] == b"text");
        assert!(sealer.open(b"other", &sealed).is_err());
        assert!(Sealer::new(&key, b"other").open(b"aad", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut edited = sealed.clone();
            edited[at] ^= 1;
            assert!(sealer.open(b"aad", &edited).is_err());
            assert!(sealer.open(b"aad", &sealed[..at]).is_err());
        }
    }

    #[test]
    fn a_record_is_bound_to_identity_and_state() {
        let (keys, stamp) = (keys(), Stamp { version: 3, seq: 99 });
        let sealed = keys.seal_record(&id(1), stamp, &[[5; 16], [6; 16]], b"payload");
        let (found, record) = keys.open_record(&id(1), &sealed).unwrap();
        assert_eq!((found, record.version, record.tags), (stamp, 3, vec![[5; 16], [6; 16]]));
        assert!(&record.payload[..] == b"payload");
        assert!(keys.open_record(&id(2), &sealed).is_none());
        for at in 0..sealed.len() {
            let mut edited = sealed.clone();
            edited[at] ^= 0x80;
            assert!(keys.open_record(&id(1), &edited).is_none());
        }
    }

    #[test]
    fn blind_identities_read_back_and_show_nothing() {
        let keys = keys();
        for n in 0..20 {
            assert_eq!(keys.unblind(&keys.blind(&id(n))), id(n));
        }
        assert_ne!(keys.blind(&id(0))[..16], [0; 16]);
    }
}
