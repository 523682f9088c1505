//! The standard's numbers in words, and words as numbers: classes, key types, attributes, flags.

use std::borrow::Cow;
use strongroom_pkcs11::ck;

/// An object class: its number, its name in the standard, the short word of commands, the word of PKCS#11 URIs.
pub(crate) struct Class {
    pub(crate) number: u64,
    pub(crate) name: &'static str,
    pub(crate) word: &'static str,
    pub(crate) uri: Option<&'static str>,
}

/// The classes that a token keeps.
pub(crate) const CLASSES: &[Class] = &[
    Class { number: ck::CKO_DATA, name: "CKO_DATA", word: "data", uri: Some("data") },
    Class { number: ck::CKO_CERTIFICATE, name: "CKO_CERTIFICATE", word: "certificate", uri: Some("cert") },
    Class { number: ck::CKO_PUBLIC_KEY, name: "CKO_PUBLIC_KEY", word: "public", uri: Some("public") },
    Class { number: ck::CKO_PRIVATE_KEY, name: "CKO_PRIVATE_KEY", word: "private", uri: Some("private") },
    Class { number: ck::CKO_SECRET_KEY, name: "CKO_SECRET_KEY", word: "secret", uri: Some("secret-key") },
    Class { number: ck::CKO_DOMAIN_PARAMETERS, name: "CKO_DOMAIN_PARAMETERS", word: "parameters", uri: None },
];

/// The class that a word, a URI's `type` or a name of the standard means.
pub(crate) fn class(word: &str) -> Option<&'static Class> {
    CLASSES.iter().find(|class| class.word == word || class.uri == Some(word) || class.name.eq_ignore_ascii_case(word))
}

/// The class with a number.
pub(crate) fn class_of(number: u64) -> Option<&'static Class> {
    CLASSES.iter().find(|class| class.number == number)
}

/// What a class is called in tables.
pub(crate) fn class_word(number: u64) -> Cow<'static, str> {
    class_of(number).map_or_else(|| Cow::Owned(format!("{number:#x}")), |class| Cow::Borrowed(class.word))
}

/// A number's name in a table of names, or the number in hexadecimal.
pub(crate) fn name(table: &[(u64, &'static str)], number: u64) -> Cow<'static, str> {
    match table.iter().find(|(of, _)| *of == number) {
        Some((_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(format!("{number:#x}")),
    }
}

/// The names of the flags that are set.
pub(crate) fn flags(table: &[(u64, &'static str)], set: u64) -> Vec<&'static str> {
    table.iter().filter(|(flag, _)| set & flag != 0).map(|(_, name)| *name).collect()
}

macro_rules! names {
    ($($(#[$doc:meta])* $table:ident: $($constant:ident)*;)*) => {
        $($(#[$doc])* pub(crate) const $table: &[(u64, &str)] = &[$((ck::$constant, stringify!($constant)),)*];)*
    };
}

names! {
    /// Key types.
    KEY_TYPES: CKK_RSA CKK_DSA CKK_DH CKK_EC CKK_X9_42_DH CKK_GENERIC_SECRET CKK_DES2 CKK_DES3 CKK_AES CKK_CAMELLIA
        CKK_CHACHA20 CKK_POLY1305 CKK_AES_XTS CKK_EC_EDWARDS CKK_EC_MONTGOMERY CKK_HKDF CKK_SHA_1_HMAC CKK_SHA224_HMAC
        CKK_SHA256_HMAC CKK_SHA384_HMAC CKK_SHA512_HMAC CKK_SHA512_224_HMAC CKK_SHA512_256_HMAC CKK_SHA3_224_HMAC
        CKK_SHA3_256_HMAC CKK_SHA3_384_HMAC CKK_SHA3_512_HMAC CKK_ML_KEM CKK_ML_DSA CKK_SLH_DSA CKK_HSS;
    /// Certificate types.
    CERTIFICATE_TYPES: CKC_X_509 CKC_X_509_ATTR_CERT CKC_WTLS;
    /// Flags of a token.
    TOKEN_FLAGS: CKF_RNG CKF_WRITE_PROTECTED CKF_LOGIN_REQUIRED CKF_USER_PIN_INITIALIZED CKF_RESTORE_KEY_NOT_NEEDED
        CKF_TOKEN_INITIALIZED CKF_USER_PIN_COUNT_LOW CKF_USER_PIN_FINAL_TRY CKF_USER_PIN_LOCKED
        CKF_USER_PIN_TO_BE_CHANGED CKF_SO_PIN_COUNT_LOW CKF_SO_PIN_FINAL_TRY CKF_SO_PIN_LOCKED CKF_SO_PIN_TO_BE_CHANGED;
}

/// What a mechanism may do: its flags in the words of commands.
pub(crate) const MECHANISM_FLAGS: &[(u64, &str)] = &[
    (ck::CKF_ENCRYPT, "encrypt"),
    (ck::CKF_DECRYPT, "decrypt"),
    (ck::CKF_DIGEST, "digest"),
    (ck::CKF_SIGN, "sign"),
    (ck::CKF_VERIFY, "verify"),
    (ck::CKF_GENERATE, "generate"),
    (ck::CKF_GENERATE_KEY_PAIR, "generate-pair"),
    (ck::CKF_WRAP, "wrap"),
    (ck::CKF_UNWRAP, "unwrap"),
    (ck::CKF_DERIVE, "derive"),
];

/// What a key may be used for: the attribute and the word of `--usage`.
pub(crate) const USAGES: &[(u64, &str)] = &[
    (ck::CKA_ENCRYPT, "encrypt"),
    (ck::CKA_DECRYPT, "decrypt"),
    (ck::CKA_SIGN, "sign"),
    (ck::CKA_VERIFY, "verify"),
    (ck::CKA_WRAP, "wrap"),
    (ck::CKA_UNWRAP, "unwrap"),
    (ck::CKA_DERIVE, "derive"),
];

/// How the value of an attribute reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `CK_BBOOL`
    Flag,
    /// `CK_ULONG`
    Number,
    /// A number with a name in this table.
    Named(&'static [(u64, &'static str)]),
    /// `CKA_CLASS`
    Class,
    /// UTF-8 text
    Text,
    /// Bytes in hexadecimal
    Hex,
    /// Eight digits
    Date,
    /// The number of a mechanism
    Mechanism,
    /// Numbers of mechanisms
    Mechanisms,
}

/// The attributes that `object show` asks for, in the order in which it shows them. None whose value can be secret
/// is among them: those are asked for nowhere.
pub(crate) const ATTRIBUTES: &[(u64, &str, Form)] = &[
    (ck::CKA_CLASS, "CKA_CLASS", Form::Class),
    (ck::CKA_KEY_TYPE, "CKA_KEY_TYPE", Form::Named(KEY_TYPES)),
    (ck::CKA_CERTIFICATE_TYPE, "CKA_CERTIFICATE_TYPE", Form::Named(CERTIFICATE_TYPES)),
    (ck::CKA_LABEL, "CKA_LABEL", Form::Text),
    (ck::CKA_ID, "CKA_ID", Form::Hex),
    (ck::CKA_UNIQUE_ID, "CKA_UNIQUE_ID", Form::Text),
    (ck::CKA_APPLICATION, "CKA_APPLICATION", Form::Text),
    (ck::CKA_OBJECT_ID, "CKA_OBJECT_ID", Form::Hex),
    (ck::CKA_TOKEN, "CKA_TOKEN", Form::Flag),
    (ck::CKA_PRIVATE, "CKA_PRIVATE", Form::Flag),
    (ck::CKA_MODIFIABLE, "CKA_MODIFIABLE", Form::Flag),
    (ck::CKA_COPYABLE, "CKA_COPYABLE", Form::Flag),
    (ck::CKA_DESTROYABLE, "CKA_DESTROYABLE", Form::Flag),
    (ck::CKA_SENSITIVE, "CKA_SENSITIVE", Form::Flag),
    (ck::CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE", Form::Flag),
    (ck::CKA_EXTRACTABLE, "CKA_EXTRACTABLE", Form::Flag),
    (ck::CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE", Form::Flag),
    (ck::CKA_LOCAL, "CKA_LOCAL", Form::Flag),
    (ck::CKA_KEY_GEN_MECHANISM, "CKA_KEY_GEN_MECHANISM", Form::Mechanism),
    (ck::CKA_TRUSTED, "CKA_TRUSTED", Form::Flag),
    (ck::CKA_WRAP_WITH_TRUSTED, "CKA_WRAP_WITH_TRUSTED", Form::Flag),
    (ck::CKA_ALWAYS_AUTHENTICATE, "CKA_ALWAYS_AUTHENTICATE", Form::Flag),
    (ck::CKA_ENCRYPT, "CKA_ENCRYPT", Form::Flag),
    (ck::CKA_DECRYPT, "CKA_DECRYPT", Form::Flag),
    (ck::CKA_SIGN, "CKA_SIGN", Form::Flag),
    (ck::CKA_SIGN_RECOVER, "CKA_SIGN_RECOVER", Form::Flag),
    (ck::CKA_VERIFY, "CKA_VERIFY", Form::Flag),
    (ck::CKA_VERIFY_RECOVER, "CKA_VERIFY_RECOVER", Form::Flag),
    (ck::CKA_WRAP, "CKA_WRAP", Form::Flag),
    (ck::CKA_UNWRAP, "CKA_UNWRAP", Form::Flag),
    (ck::CKA_DERIVE, "CKA_DERIVE", Form::Flag),
    (ck::CKA_ALLOWED_MECHANISMS, "CKA_ALLOWED_MECHANISMS", Form::Mechanisms),
    (ck::CKA_START_DATE, "CKA_START_DATE", Form::Date),
    (ck::CKA_END_DATE, "CKA_END_DATE", Form::Date),
    (ck::CKA_VALUE_LEN, "CKA_VALUE_LEN", Form::Number),
    (ck::CKA_CHECK_VALUE, "CKA_CHECK_VALUE", Form::Hex),
    (ck::CKA_MODULUS_BITS, "CKA_MODULUS_BITS", Form::Number),
    (ck::CKA_MODULUS, "CKA_MODULUS", Form::Hex),
    (ck::CKA_PUBLIC_EXPONENT, "CKA_PUBLIC_EXPONENT", Form::Hex),
    (ck::CKA_EC_PARAMS, "CKA_EC_PARAMS", Form::Hex),
    (ck::CKA_EC_POINT, "CKA_EC_POINT", Form::Hex),
    (ck::CKA_PUBLIC_KEY_INFO, "CKA_PUBLIC_KEY_INFO", Form::Hex),
    (ck::CKA_SUBJECT, "CKA_SUBJECT", Form::Hex),
    (ck::CKA_ISSUER, "CKA_ISSUER", Form::Hex),
    (ck::CKA_SERIAL_NUMBER, "CKA_SERIAL_NUMBER", Form::Hex),
    (ck::CKA_URL, "CKA_URL", Form::Text),
];

/// The name of a mechanism.
pub(crate) fn mechanism(id: u64) -> Cow<'static, str> {
    match strongroom_pkcs11::mechanism::find(id) {
        Some(row) => Cow::Borrowed(row.name),
        None => Cow::Owned(format!("{id:#x}")),
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a hexadecimal text; colons and a leading 0x may be in it.
pub(crate) fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u32> = text
        .strip_prefix("0x")
        .unwrap_or(text)
        .chars()
        .filter(|&letter| letter != ':')
        .map(|letter| letter.to_digit(16).ok_or_else(|| format!("{letter:?} is no hexadecimal digit")))
        .collect::<Result<_, _>>()?;
    match digits.chunks_exact(2) {
        pairs if pairs.remainder().is_empty() => Ok(pairs.map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()),
        _ => Err("it has an odd number of digits".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_values_are_never_asked_for() {
        let secret = [
            ck::CKA_VALUE,
            ck::CKA_PRIVATE_EXPONENT,
            ck::CKA_PRIME_1,
            ck::CKA_PRIME_2,
            ck::CKA_EXPONENT_1,
            ck::CKA_EXPONENT_2,
            ck::CKA_COEFFICIENT,
            ck::CKA_SEED,
        ];
        assert!(ATTRIBUTES.iter().all(|(kind, _, _)| !secret.contains(kind)));
    }

    #[test]
    fn classes_are_found_by_every_name() {
        for word in ["private", "CKO_PRIVATE_KEY", "cko_private_key"] {
            assert_eq!(class(word).map(|class| class.number), Some(ck::CKO_PRIVATE_KEY));
        }
        assert_eq!(class("cert").map(|class| class.word), Some("certificate"));
        assert!(class("key").is_none());
    }

    #[test]
    fn hexadecimal_reads_back() {
        assert_eq!(unhex("0x01:aB:ff").unwrap(), [1, 0xab, 0xff]);
        assert_eq!(hex(&[1, 0xab, 0xff]), "01abff");
        assert_eq!(unhex("").unwrap(), Vec::<u8>::new());
        assert!(unhex("123").is_err() && unhex("zz").is_err());
    }
}
