//! The standard's attribute tables: a row an attribute, and behind it the standard's own footnotes.
//!
//! `CKA_VALUE Bytes [1 4 6 7];` reads: a byte string that
//!
//! * 1 MUST, 2 MUST NOT be given to C_CreateObject;
//! * 3 MUST, 4 MUST NOT be given to C_GenerateKey and C_GenerateKeyPair;
//! * 5 MUST, 6 MUST NOT be given to C_UnwrapKey;
//! * 7 is not revealed while the key is sensitive or not extractable;
//! * 8 may be changed by C_SetAttributeValue and C_CopyObject;
//! * 10 only the SO may set to TRUE;
//! * 11 stays TRUE once it is TRUE, 12 stays FALSE once it is FALSE.
//!
//! (9 says that the default is the token's: that is what stands after `default`. 13 is not used.) A new attribute
//! is a row; a new key type is a row of [`CLASSES`].

use crate::ck::{self, *};

/// How the value of an attribute is shaped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// `CK_BBOOL`
    Flag,
    /// `CK_ULONG` and what is of its width
    Number,
    /// A byte string
    Bytes,
    /// "Big integer": kept without leading zero bytes
    Integer,
    /// UTF-8 text
    Text,
    /// `CK_DATE`, or empty
    Date,
    /// A row of `CK_MECHANISM_TYPE`
    Numbers,
    /// A row of `CK_ATTRIBUTE`
    Template,
}

/// What an attribute is where the template does not give it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preset {
    /// Not there, or made by the token.
    Absent,
    /// The empty string.
    Empty,
    /// This boolean.
    Flag(bool),
    /// This number.
    Number(u64),
    /// TRUE where the key type can do it: see [`Class::able`].
    Able,
}

/// A row of an attribute table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// `CKA_…`
    pub kind: u64,
    /// Its name.
    pub name: &'static str,
    /// The shape of its value.
    pub shape: Shape,
    /// What it is if nobody says.
    pub preset: Preset,
    footnotes: u16,
}

impl Rule {
    /// Whether the row bears this footnote.
    pub const fn has(&self, footnote: u8) -> bool {
        self.footnotes & (1 << footnote) != 0
    }

    /// Whether only the token sets it: no call takes it.
    pub const fn by_token(&self) -> bool {
        self.has(2) && self.has(4)
    }

    /// Whether C_SetAttributeValue may change it at all. (A row with 11 or 12 but without 8, such as
    /// `CKA_WRAP_WITH_TRUSTED`, may go its one way.)
    pub const fn changeable(&self) -> bool {
        !self.by_token() && (self.has(8) || self.has(11) || self.has(12))
    }
}

/// A class of objects, or one key type or certificate type of it.
#[derive(Debug)]
pub struct Class {
    /// `CKO_…`
    pub class: u64,
    /// `CKK_…` or `CKC_…`, where the class has such.
    pub kind: Option<u64>,
    /// The tables that together hold its attributes.
    pub tables: &'static [&'static [Rule]],
    /// The usage attributes that default to TRUE: what the key type can do.
    pub able: &'static [u64],
}

impl Class {
    /// The row of an attribute.
    pub fn rule(&self, kind: u64) -> Option<&'static Rule> {
        self.rules().find(|rule| rule.kind == kind)
    }

    /// All rows.
    pub fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        self.tables.iter().flat_map(|table| table.iter())
    }
}

/// The rules of a class and key or certificate type.
pub fn find(class: u64, kind: Option<u64>) -> Option<&'static Class> {
    CLASSES.iter().find(|row| row.class == class && row.kind == kind)
}

/// Whether a key type exists here in some class of keys, though perhaps not in the one asked for.
pub fn key_type_exists(key_type: u64) -> bool {
    let keys = [CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKO_SECRET_KEY];
    CLASSES.iter().any(|row| keys.contains(&row.class) && row.kind == Some(key_type))
}

/// The attribute that tells the types of a class apart.
pub fn selector(class: u64) -> Option<u64> {
    match class {
        CKO_CERTIFICATE => Some(CKA_CERTIFICATE_TYPE),
        CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY | CKO_DOMAIN_PARAMETERS => Some(CKA_KEY_TYPE),
        _ => None,
    }
}

/// The row of an attribute in whichever class has it: for templates within templates, whose class is not known.
pub fn anywhere(kind: u64) -> Option<&'static Rule> {
    CLASSES.iter().find_map(|class| class.rule(kind))
}

const fn footnotes(numbers: &[u8]) -> u16 {
    let mut bits = 0;
    let mut index = 0;
    while index < numbers.len() {
        bits |= 1 << numbers[index];
        index += 1;
    }
    bits
}

macro_rules! preset {
    () => {
        Preset::Absent
    };
    ($($preset:tt)+) => {
        Preset::$($preset)+
    };
}

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident {
        $($kind:ident $shape:ident [$($note:literal)*] $(default $preset:ident $(($value:expr))?)?;)*
    })*) => {
        $($(#[$doc])* static $table: &[Rule] = &[$(Rule {
            kind: ck::$kind,
            name: stringify!($kind),
            shape: Shape::$shape,
            preset: preset!($($preset $(($value))?)?),
            footnotes: footnotes(&[$($note),*]),
        },)*];)*
    };
}

macro_rules! classes {
    ($($class:ident $($kind:ident)? : $($table:ident)+ $(, able $($able:ident)+)?;)*) => {
        /// Every class and type that the token knows.
        pub static CLASSES: &[Class] = &[$(Class {
            class: ck::$class,
            kind: classes!(@kind $($kind)?),
            tables: &[$($table),+],
            able: &[$($(ck::$able),+)?],
        },)*];
    };
    (@kind) => { None };
    (@kind $kind:ident) => { Some(ck::$kind) };
}

tables! {
    /// Common object attributes.
    OBJECT {
        CKA_CLASS Number [1];
        CKA_UNIQUE_ID Text [2 4 6];
    }

    /// Common storage object attributes. (The footnotes of the last four say what the text below the table says.)
    STORAGE {
        CKA_TOKEN Flag [] default Flag(false);
        CKA_LABEL Text [8] default Empty;
        CKA_MODIFIABLE Flag [12] default Flag(true);
        CKA_COPYABLE Flag [12] default Flag(true);
        CKA_DESTROYABLE Flag [12] default Flag(true);
    }

    /// `CKA_PRIVATE` of what needs no login to be seen, unless the template says so.
    OPEN {
        CKA_PRIVATE Flag [] default Flag(false);
    }

    /// `CKA_PRIVATE` of keys that are secret.
    HIDDEN {
        CKA_PRIVATE Flag [] default Flag(true);
    }

    /// Data objects.
    DATA {
        CKA_APPLICATION Text [] default Empty;
        CKA_VALUE Bytes [] default Empty;
        CKA_OBJECT_ID Bytes [] default Empty;
    }

    /// Common certificate attributes.
    CERTIFICATE {
        CKA_CERTIFICATE_TYPE Number [1];
        CKA_TRUSTED Flag [10] default Flag(false);
        CKA_CERTIFICATE_CATEGORY Number [] default Number(CK_CERTIFICATE_CATEGORY_UNSPECIFIED);
        CKA_CHECK_VALUE Bytes [];
        CKA_START_DATE Date [] default Empty;
        CKA_END_DATE Date [] default Empty;
        CKA_PUBLIC_KEY_INFO Bytes [] default Empty;
    }

    /// X.509 public key certificates. What the certificate says of itself (subject, issuer, serial number) is read
    /// from it where the template does not say it, so `CKA_SUBJECT` is never missed where there is a value.
    X509 {
        CKA_VALUE Bytes [] default Empty;
        CKA_ISSUER Bytes [8] default Empty;
        CKA_SERIAL_NUMBER Bytes [8] default Empty;
        CKA_JAVA_MIDP_SECURITY_DOMAIN Number [] default Number(CK_SECURITY_DOMAIN_UNSPECIFIED);
        CKA_URL Text [] default Empty;
        CKA_HASH_OF_SUBJECT_PUBLIC_KEY Bytes [] default Empty;
        CKA_HASH_OF_ISSUER_PUBLIC_KEY Bytes [] default Empty;
        CKA_NAME_HASH_ALGORITHM Number [] default Number(CKM_SHA_1);
        CKA_SUBJECT Bytes [1];
        CKA_ID Bytes [8] default Empty;
    }

    /// WTLS public key certificates.
    WTLS {
        CKA_VALUE Bytes [] default Empty;
        CKA_ISSUER Bytes [8] default Empty;
        CKA_URL Text [] default Empty;
        CKA_HASH_OF_SUBJECT_PUBLIC_KEY Bytes [] default Empty;
        CKA_HASH_OF_ISSUER_PUBLIC_KEY Bytes [] default Empty;
        CKA_NAME_HASH_ALGORITHM Number [] default Number(CKM_SHA_1);
        CKA_SUBJECT Bytes [1];
    }

    /// X.509 attribute certificates.
    X509_ATTRIBUTE {
        CKA_VALUE Bytes [1];
        CKA_SERIAL_NUMBER Bytes [8] default Empty;
        CKA_AC_ISSUER Bytes [8] default Empty;
        CKA_OWNER Bytes [1];
        CKA_ATTR_TYPES Bytes [8] default Empty;
    }

    /// Common key attributes. `CKA_ALLOWED_MECHANISMS` that is not there allows all; one that is empty allows none.
    KEY {
        CKA_KEY_TYPE Number [1 5];
        CKA_ID Bytes [8] default Empty;
        CKA_DERIVE Flag [8] default Able;
        CKA_START_DATE Date [8] default Empty;
        CKA_END_DATE Date [8] default Empty;
        CKA_LOCAL Flag [2 4 6];
        CKA_KEY_GEN_MECHANISM Number [2 4 6];
        CKA_ALLOWED_MECHANISMS Numbers [];
    }

    /// Common public key attributes.
    PUBLIC {
        CKA_TRUSTED Flag [10] default Flag(false);
        CKA_SUBJECT Bytes [8] default Empty;
        CKA_ENCRYPT Flag [8] default Able;
        CKA_WRAP Flag [8] default Able;
        CKA_VERIFY Flag [8] default Able;
        CKA_VERIFY_RECOVER Flag [8] default Able;
        CKA_PUBLIC_KEY_INFO Bytes [];
        CKA_ENCAPSULATE Flag [8] default Able;
        CKA_WRAP_TEMPLATE Template [];
    }

    /// Common private key attributes.
    PRIVATE {
        CKA_SUBJECT Bytes [8] default Empty;
        CKA_SENSITIVE Flag [8 11] default Flag(true);
        CKA_DECRYPT Flag [8] default Able;
        CKA_UNWRAP Flag [8] default Able;
        CKA_SIGN Flag [8] default Able;
        CKA_SIGN_RECOVER Flag [8] default Able;
        CKA_PUBLIC_KEY_INFO Bytes [8];
        CKA_EXTRACTABLE Flag [8 12] default Flag(false);
        CKA_NEVER_EXTRACTABLE Flag [2 4 6];
        CKA_ALWAYS_SENSITIVE Flag [2 4 6];
        CKA_ALWAYS_AUTHENTICATE Flag [] default Flag(false);
        CKA_WRAP_WITH_TRUSTED Flag [11] default Flag(false);
        CKA_DECAPSULATE Flag [8] default Able;
        CKA_UNWRAP_TEMPLATE Template [];
        CKA_DERIVE_TEMPLATE Template [];
    }

    /// Common secret key attributes.
    SECRET {
        CKA_TRUSTED Flag [10] default Flag(false);
        CKA_CHECK_VALUE Bytes [];
        CKA_SENSITIVE Flag [8 11] default Flag(true);
        CKA_ENCRYPT Flag [8] default Able;
        CKA_DECRYPT Flag [8] default Able;
        CKA_WRAP Flag [8] default Able;
        CKA_UNWRAP Flag [8] default Able;
        CKA_SIGN Flag [8] default Able;
        CKA_VERIFY Flag [8] default Able;
        CKA_EXTRACTABLE Flag [8 12] default Flag(false);
        CKA_NEVER_EXTRACTABLE Flag [2 4 6];
        CKA_ALWAYS_SENSITIVE Flag [2 4 6];
        CKA_WRAP_WITH_TRUSTED Flag [11] default Flag(false);
        CKA_WRAP_TEMPLATE Template [];
        CKA_UNWRAP_TEMPLATE Template [];
        CKA_DERIVE_TEMPLATE Template [];
    }

    /// Secret keys of many lengths: AES, generic secrets, HMAC and HKDF keys.
    VALUE {
        CKA_VALUE Bytes [1 4 6 7];
        CKA_VALUE_LEN Number [2 3];
    }

    /// RSA public keys.
    RSA_PUBLIC {
        CKA_MODULUS Integer [1 4];
        CKA_MODULUS_BITS Number [2 3];
        CKA_PUBLIC_EXPONENT Integer [1];
    }

    /// RSA private keys.
    RSA_PRIVATE {
        CKA_MODULUS Integer [1 4 6];
        CKA_PUBLIC_EXPONENT Integer [1 4 6];
        CKA_PRIVATE_EXPONENT Integer [1 4 6 7];
        CKA_PRIME_1 Integer [4 6 7];
        CKA_PRIME_2 Integer [4 6 7];
        CKA_EXPONENT_1 Integer [4 6 7];
        CKA_EXPONENT_2 Integer [4 6 7];
        CKA_COEFFICIENT Integer [4 6 7];
    }

    /// Public keys on curves of all three forms.
    EC_PUBLIC {
        CKA_EC_PARAMS Bytes [1 3];
        CKA_EC_POINT Bytes [1 4];
    }

    /// Private keys on curves of all three forms. `CKA_EC_POINT` is not in the standard's table: the token makes
    /// it, because clients ask the private key for it where they find no public one, and NSS gives it.
    EC_PRIVATE {
        CKA_VALUE Bytes [1 4 6 7];
        CKA_EC_PARAMS Bytes [1 4 6];
        CKA_EC_POINT Bytes [4 6];
    }

    /// Common domain parameter attributes.
    DOMAIN {
        CKA_KEY_TYPE Number [1];
        CKA_LOCAL Flag [2 4];
    }

    /// DSA domain parameters.
    DSA_DOMAIN {
        CKA_PRIME Integer [1 4];
        CKA_SUBPRIME Integer [1 4];
        CKA_BASE Integer [1 4];
        CKA_PRIME_BITS Number [2 3];
    }

    /// Diffie-Hellman domain parameters.
    DH_DOMAIN {
        CKA_PRIME Integer [1 4];
        CKA_BASE Integer [1 4];
        CKA_PRIME_BITS Number [2 3];
    }

    /// X9.42 Diffie-Hellman domain parameters.
    X942_DOMAIN {
        CKA_PRIME Integer [1 4];
        CKA_SUBPRIME Integer [1 4];
        CKA_BASE Integer [1 4];
        CKA_PRIME_BITS Number [2 3];
        CKA_SUB_PRIME_BITS Number [2 3];
    }

    /// Profile objects: the token makes them.
    PROFILE {
        CKA_PROFILE_ID Number [2 4];
    }

    /// Mechanism objects: the token makes them.
    MECHANISM {
        CKA_MECHANISM_TYPE Number [2 4];
    }
}

classes! {
    CKO_DATA: OBJECT STORAGE OPEN DATA;
    CKO_CERTIFICATE CKC_X_509: OBJECT STORAGE OPEN CERTIFICATE X509;
    CKO_CERTIFICATE CKC_X_509_ATTR_CERT: OBJECT STORAGE OPEN CERTIFICATE X509_ATTRIBUTE;
    CKO_CERTIFICATE CKC_WTLS: OBJECT STORAGE OPEN CERTIFICATE WTLS;

    CKO_PUBLIC_KEY CKK_RSA: OBJECT STORAGE OPEN KEY PUBLIC RSA_PUBLIC,
        able CKA_ENCRYPT CKA_VERIFY CKA_VERIFY_RECOVER CKA_WRAP CKA_ENCAPSULATE;
    CKO_PRIVATE_KEY CKK_RSA: OBJECT STORAGE HIDDEN KEY PRIVATE RSA_PRIVATE,
        able CKA_DECRYPT CKA_SIGN CKA_SIGN_RECOVER CKA_UNWRAP CKA_DECAPSULATE;
    CKO_PUBLIC_KEY CKK_EC: OBJECT STORAGE OPEN KEY PUBLIC EC_PUBLIC,
        able CKA_VERIFY CKA_DERIVE CKA_ENCAPSULATE;
    CKO_PRIVATE_KEY CKK_EC: OBJECT STORAGE HIDDEN KEY PRIVATE EC_PRIVATE,
        able CKA_SIGN CKA_DERIVE CKA_DECAPSULATE;
    CKO_PUBLIC_KEY CKK_EC_EDWARDS: OBJECT STORAGE OPEN KEY PUBLIC EC_PUBLIC, able CKA_VERIFY;
    CKO_PRIVATE_KEY CKK_EC_EDWARDS: OBJECT STORAGE HIDDEN KEY PRIVATE EC_PRIVATE, able CKA_SIGN;
    CKO_PUBLIC_KEY CKK_EC_MONTGOMERY: OBJECT STORAGE OPEN KEY PUBLIC EC_PUBLIC, able CKA_DERIVE CKA_ENCAPSULATE;
    CKO_PRIVATE_KEY CKK_EC_MONTGOMERY: OBJECT STORAGE HIDDEN KEY PRIVATE EC_PRIVATE, able CKA_DERIVE CKA_DECAPSULATE;

    CKO_SECRET_KEY CKK_AES: OBJECT STORAGE HIDDEN KEY SECRET VALUE,
        able CKA_ENCRYPT CKA_DECRYPT CKA_SIGN CKA_VERIFY CKA_WRAP CKA_UNWRAP CKA_DERIVE;
    CKO_SECRET_KEY CKK_GENERIC_SECRET: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_HKDF: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_DERIVE;
    CKO_SECRET_KEY CKK_SHA_1_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_SHA224_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_SHA256_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_SHA384_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_SHA512_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_SHA512_224_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_SHA512_256_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_SHA3_224_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_SHA3_256_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_SHA3_384_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_SHA3_512_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_BLAKE2B_160_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_BLAKE2B_256_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_BLAKE2B_384_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;
    CKO_SECRET_KEY CKK_BLAKE2B_512_HMAC: OBJECT STORAGE HIDDEN KEY SECRET VALUE, able CKA_SIGN CKA_VERIFY CKA_DERIVE;

    CKO_DOMAIN_PARAMETERS CKK_DSA: OBJECT STORAGE OPEN DOMAIN DSA_DOMAIN;
    CKO_DOMAIN_PARAMETERS CKK_DH: OBJECT STORAGE OPEN DOMAIN DH_DOMAIN;
    CKO_DOMAIN_PARAMETERS CKK_X9_42_DH: OBJECT STORAGE OPEN DOMAIN X942_DOMAIN;

    CKO_PROFILE: OBJECT PROFILE;
    CKO_MECHANISM: OBJECT MECHANISM;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn tables_are_sorted_by_number() {
        for table in CLASSES.iter().flat_map(|class| class.tables) {
            for pair in table.windows(2) {
                assert!(pair[0].kind < pair[1].kind, "{} stands before {}", pair[0].name, pair[1].name);
            }
        }
    }

    #[test]
    fn a_class_has_each_attribute_once() {
        for class in CLASSES {
            let mut seen = HashSet::new();
            for rule in class.rules() {
                assert!(seen.insert(rule.kind), "{} stands twice in class {}", rule.name, class.class);
            }
        }
    }

    #[test]
    fn a_class_and_type_stands_once() {
        let mut seen = HashSet::new();
        assert!(CLASSES.iter().all(|class| seen.insert((class.class, class.kind))));
        assert!(CLASSES.iter().all(|class| class.kind.is_some() == selector(class.class).is_some()));
    }

    #[test]
    fn footnotes_do_not_contradict_each_other() {
        for rule in CLASSES.iter().flat_map(Class::rules) {
            for (must, must_not) in [(1, 2), (3, 4), (5, 6), (11, 12)] {
                assert!(!(rule.has(must) && rule.has(must_not)), "{}: {must} and {must_not}", rule.name);
            }
            if rule.has(10) || rule.has(11) || rule.has(12) {
                assert_eq!(rule.shape, Shape::Flag, "{}", rule.name);
            }
            if rule.has(7) {
                assert!(!rule.changeable() && rule.preset == Preset::Absent, "{}", rule.name);
            }
        }
    }

    #[test]
    fn what_a_type_is_able_to_do_is_an_attribute_of_it_that_defaults_so() {
        for class in CLASSES {
            for able in class.able {
                assert_eq!(class.rule(*able).map(|rule| rule.preset), Some(Preset::Able), "{able:#x}");
            }
        }
    }

    #[test]
    fn an_attribute_has_the_same_shape_in_every_class() {
        for rule in CLASSES.iter().flat_map(Class::rules) {
            assert_eq!(anywhere(rule.kind).map(|other| other.shape), Some(rule.shape), "{}", rule.name);
        }
    }
}
