//! The mechanisms: what each is called, which keys it takes, what it does. One row and one file each.
//!
//! A mechanism is a [`Mechanism`] constant in the file of its family and its name in [`MECHANISMS`].
//! From that row come C_GetMechanismList, C_GetMechanismInfo, the reading of its parameter from the
//! caller's memory ([`parts`]), the checks of key type and size, and the tests that walk the table.
//!
//! A mechanism sees keys and bytes. It never sees a session, a handle, a PIN or the store.

/// The beginning of a row: number and name, which so cannot differ.
macro_rules! named {
    ($id:ident) => {
        $crate::mechanism::Mechanism {
            id: $crate::ck::$id,
            name: stringify!($id),
            ..$crate::mechanism::Mechanism::NONE
        }
    };
}

mod aes;
mod aes_blocks;
mod aes_ctr;
mod cmac;
mod collect;
mod derived;
mod digest;
mod ecdh;
mod ecdsa;
mod eddsa;
mod gcm;
mod generic;
mod hash_keys;
mod hkdf;
mod hmac;
mod ike;
mod index;
mod key;
mod key_wrap;
mod mac;
mod parameter;
mod pbkdf2;
mod prf;
mod rsa;
mod rsa_oaep;
mod rsa_pss;
mod simple;
mod sp800_108;
mod structures;
#[cfg(test)]
pub(crate) mod testing;
mod tls;
mod wrapping;

pub use index::{find, name, other_parts, parts};
pub use key::Key;

use crate::ck;
use crate::error::Result;
use crate::object::{Object, Value};
use crate::secret::Secret;
use crate::wire::values::{Named, Parameter};

/// Bytes in, bytes out: encryption, decryption, a digest, a signature in progress.
///
/// Where a mechanism has no multi-part form in the standard, it collects its parts (within a bound) and
/// works at [`finish`](Operation::finish): then the multi-part functions simply work too.
pub trait Operation: Send {
    /// Takes `input` and appends what comes out of it (nothing for digests and signatures).
    fn update(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<()>;
    /// Ends the operation and appends the last of its output (the padding block, the tag, the digest, the signature).
    fn finish(self: Box<Self>, output: &mut Vec<u8>) -> Result<()>;
    /// No more than this many bytes come out of `update` with `input` bytes, starting from the present state.
    /// Exact wherever the mechanism can know it.
    fn update_bound(&self, input: usize) -> usize;
    /// No more than this many bytes come out of `update` with `input` bytes and `finish` together. Exact
    /// wherever the mechanism can know it.
    fn finish_bound(&self, input: usize) -> usize;
    /// The same operation in the same state: for a fork, and to try an output buffer of unknown length.
    fn duplicate(&self) -> Box<dyn Operation>;
}

/// A verification in progress.
pub trait Verification: Send {
    /// Takes a part of the data.
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// Says whether `signature` is one over the data: `CKR_SIGNATURE_INVALID` or `CKR_SIGNATURE_LEN_RANGE` if not.
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()>;
    /// The same verification in the same state.
    fn duplicate(&self) -> Box<dyn Verification>;
}

/// Attributes that a mechanism made: the value of a key, its public half, its length.
pub type Made = Vec<(u64, Value)>;

/// Starts an operation with a key.
pub type Begin = fn(&Key, &Parameter) -> Result<Box<dyn Operation>>;
/// Starts a verification with a key.
pub type BeginVerify = fn(&Key, &Parameter) -> Result<Box<dyn Verification>>;
/// Starts a digest.
pub type BeginDigest = fn(&Parameter) -> Result<Box<dyn Operation>>;
/// Makes a secret key or domain parameters for the template in the draft.
pub type Generate = fn(&Parameter, draft: &Object) -> Result<Made>;
/// Makes a key pair: the attributes of the public half, then those of the private half.
pub type GeneratePair = fn(&Parameter, public: &Object, private: &Object) -> Result<(Made, Made)>;
/// Wraps the bytes of a key (`CKA_VALUE` of a secret key, PKCS#8 of a private one).
pub type Wrap = fn(&Key, &Parameter, key: &[u8]) -> Result<Vec<u8>>;
/// Unwraps to the bytes of a key.
pub type Unwrap = fn(&Key, &Parameter, wrapped: &[u8]) -> Result<Secret>;
/// Derives key bytes from a base key for the template in the draft. Yields at least as many bytes as the draft
/// asks for (`CKA_VALUE_LEN`, or the fixed length of its key type) where the mechanism can; the engine takes
/// what it needs from the front, or as the mechanism's own rule says if it has already cut them.
pub type Derive = fn(&Key, &Parameter, draft: &Object) -> Result<Secret>;

/// Derives where more than bytes from one key are asked for: see [`Derivation`].
pub type DeriveWith = fn(&Key, &Parameter, others: &dyn Others, draft: &Object) -> Result<Made>;

/// The other keys that a parameter may name.
pub trait Others {
    /// The key that is named, if it may be derived from. Ask only for keys that take part: a field that is not
    /// used may hold anything.
    fn key(&self, named: Named) -> Result<Object>;
}

/// What C_DeriveKey makes where it is not simply a secret key of the bytes that a [`Derive`] yields.
#[derive(Clone, Copy)]
pub struct Derivation {
    /// The class of what is made, `CKO_…`.
    pub class: u64,
    /// What it takes over from the keys it is made of.
    pub kinship: Kinship,
    /// Makes its attributes.
    pub derive: DeriveWith,
}

/// How a derived key is bound to the keys it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kinship {
    /// It tells nothing of the base key. Its history is that of the base key.
    Distant,
    /// As distant, but `CKA_SENSITIVE` and `CKA_EXTRACTABLE` are those of the base key where the template is silent.
    Heir,
    /// It shows what its keys are made of: it is sensitive if one of them is, and extractable only if all are.
    Close,
    /// It is public: the base key needs no `CKA_DERIVE`.
    Public,
}

/// One mechanism: its row.
pub struct Mechanism {
    /// `CKM_…`
    pub id: u64,
    /// Its name in the standard.
    pub name: &'static str,
    /// The key types it works with, `CKK_…`: for a generator, the type it makes. Empty: no key (digests).
    pub keys: &'static [u64],
    /// Smallest and largest key in the unit of C_GetMechanismInfo (bits for RSA and EC, bytes for secret keys); 0, 0 where none.
    pub sizes: (u64, u64),
    /// Flags of C_GetMechanismInfo beyond those that follow from what it does (`CKF_EC_F_P` and so on).
    pub flags: u64,
    /// The structure of its parameter; empty: none, or plain bytes (an IV).
    pub parts: &'static [Part],
    /// Other structures that clients pass for it, of other sizes: those of other versions of the standard.
    pub other_parts: &'static [&'static [Part]],
    /// C_EncryptInit
    pub encrypt: Option<Begin>,
    /// C_DecryptInit
    pub decrypt: Option<Begin>,
    /// C_DigestInit
    pub digest: Option<BeginDigest>,
    /// C_SignInit
    pub sign: Option<Begin>,
    /// C_VerifyInit
    pub verify: Option<BeginVerify>,
    /// C_GenerateKey
    pub generate: Option<Generate>,
    /// C_GenerateKeyPair
    pub generate_pair: Option<GeneratePair>,
    /// C_WrapKey
    pub wrap: Option<Wrap>,
    /// C_UnwrapKey
    pub unwrap: Option<Unwrap>,
    /// C_DeriveKey
    pub derive: Option<Derive>,
    /// C_DeriveKey, where that is not enough
    pub derivation: Option<Derivation>,
}

/// One field of a parameter structure, as C lays it out (natural alignment, in order).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// A `CK_ULONG` or an enumeration of its width.
    Number,
    /// A single `CK_BYTE` or `CK_BBOOL`.
    Byte,
    /// A pointer, then its length (`pIv, ulIvLen`).
    Bytes,
    /// A length, then its pointer (`ulSharedDataLen, pSharedData`).
    CountedBytes,
    /// So many bytes in place (`CK_BYTE cb[16]`).
    Inline(usize),
    /// A pointer to a structure of these fields.
    Struct(&'static [Part]),
    /// A count, then a pointer to so many structures of these fields.
    CountedStructs(&'static [Part]),
    /// The handle of a key.
    Key,
    /// A pointer, then its length, or (in an older version of the standard) a pointer to its length.
    Password,
}

impl Mechanism {
    /// A row that does nothing yet: constants of the families are written `Mechanism { …, ..Mechanism::NONE }`.
    pub const NONE: Mechanism = Mechanism {
        id: ck::CKM_VENDOR_DEFINED,
        name: "",
        keys: &[],
        sizes: (0, 0),
        flags: 0,
        parts: &[],
        other_parts: &[],
        encrypt: None,
        decrypt: None,
        digest: None,
        sign: None,
        verify: None,
        generate: None,
        generate_pair: None,
        wrap: None,
        unwrap: None,
        derive: None,
        derivation: None,
    };

    /// The flags of C_GetMechanismInfo: what it does, and what it says of itself.
    pub fn info_flags(&self) -> u64 {
        let does = [
            (self.encrypt.is_some(), ck::CKF_ENCRYPT),
            (self.decrypt.is_some(), ck::CKF_DECRYPT),
            (self.digest.is_some(), ck::CKF_DIGEST),
            (self.sign.is_some(), ck::CKF_SIGN),
            (self.verify.is_some(), ck::CKF_VERIFY),
            (self.generate.is_some(), ck::CKF_GENERATE),
            (self.generate_pair.is_some(), ck::CKF_GENERATE_KEY_PAIR),
            (self.wrap.is_some(), ck::CKF_WRAP),
            (self.unwrap.is_some(), ck::CKF_UNWRAP),
            (self.derive.is_some() || self.derivation.is_some(), ck::CKF_DERIVE),
        ];
        does.iter().filter(|(has, _)| *has).fold(self.flags, |flags, (_, flag)| flags | flag)
    }
}

/// All mechanisms, by family.
pub static MECHANISMS: &[&[Mechanism]] = &[
    digest::FAMILY,
    hmac::FAMILY,
    generic::FAMILY,
    aes::FAMILY,
    gcm::FAMILY,
    cmac::FAMILY,
    key_wrap::FAMILY,
    rsa::FAMILY,
    rsa_pss::FAMILY,
    rsa_oaep::FAMILY,
    ecdsa::FAMILY,
    eddsa::FAMILY,
    ecdh::FAMILY,
    hash_keys::FAMILY,
    hkdf::FAMILY,
    pbkdf2::FAMILY,
    simple::FAMILY,
    sp800_108::FAMILY,
    tls::FAMILY,
    ike::FAMILY,
];
