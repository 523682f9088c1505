//! Which token and which objects a command means: by label, serial number, slot, id, class or PKCS#11 URI.

use super::failure::{Failure, Result};
use super::session::{Session, Token, bytes, number};
use super::uri::Uri;
use super::words;
use serde::Serialize;
use std::path::PathBuf;
use strongroom_pkcs11::ck;
use strongroom_pkcs11::error::Code;
use strongroom_pkcs11::wire::values::{Template, TokenInfo};

/// The token that a command works with.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which token (the only one, if there is only one)")]
pub(crate) struct TokenChoice {
    /// The token by its label, its serial number or a PKCS#11 URI
    #[arg(long, short = 't', value_name = "LABEL|SERIAL|URI", env = "STRONGROOM_TOKEN")]
    pub(crate) token: Option<String>,
    /// The token by the number of its slot
    #[arg(long, value_name = "N", conflicts_with = "token")]
    pub(crate) slot: Option<u64>,
}

/// A slot and the token in it.
#[derive(Clone)]
pub(crate) struct Found {
    /// The number of the slot.
    pub(crate) slot: u64,
    /// The token.
    pub(crate) info: TokenInfo,
}

impl Found {
    /// Whether there is an initialised token.
    pub(crate) fn initialized(&self) -> bool {
        self.info.flags & ck::CKF_TOKEN_INITIALIZED != 0
    }

    /// The URI of the token.
    pub(crate) fn uri(&self) -> Uri {
        Uri::default().with("token", &self.info.label).with("serial", &self.info.serial)
    }

    fn fits(&self, uri: &Uri) -> bool {
        let same = |name, value: &str| uri.text(name).is_none_or(|wanted| wanted == value);
        same("token", &self.info.label) && same("serial", &self.info.serial) && same("slot-id", &self.slot.to_string())
    }
}

/// Every slot and what is in it, in the order of the slots.
pub(crate) fn slots(calls: Token<'_>) -> Result<Vec<Found>> {
    let slots = calls.slot_list()?;
    slots.into_iter().map(|slot| Ok(Found { slot, info: calls.token_info(slot)? })).collect()
}

impl TokenChoice {
    /// The token that is meant.
    ///
    /// # Errors
    /// `CKR_TOKEN_NOT_PRESENT` where there is none, wrong usage where several could be meant.
    pub(crate) fn find(&self, calls: Token<'_>) -> Result<Found> {
        self.find_with(calls, None)
    }

    /// The same, where the URI of an object may name the token.
    fn find_with(&self, calls: Token<'_>, uri: Option<&Uri>) -> Result<Found> {
        if let Some(slot) = self.slot {
            let found = Found { slot, info: calls.token_info(slot)? };
            return if found.initialized() { Ok(found) } else { Err(empty_slot(slot)) };
        }
        let own = self.token.as_deref().filter(|name| Uri::looks_like(name)).map(Uri::parse).transpose()?;
        let tokens: Vec<Found> = slots(calls)?.into_iter().filter(Found::initialized).collect();
        let fitting: Vec<&Found> = match (&own, &self.token) {
            (Some(uri), _) => tokens.iter().filter(|token| token.fits(uri)).collect(),
            (None, Some(name)) => {
                tokens.iter().filter(|token| token.info.label == *name || token.info.serial == *name).collect()
            }
            (None, None) => tokens.iter().filter(|token| uri.is_none_or(|uri| token.fits(uri))).collect(),
        };
        match fitting.as_slice() {
            [only] => Ok((*only).clone()),
            [] => Err(none_fits(&tokens)),
            several => Err(several_fit(several)),
        }
    }
}

fn empty_slot(slot: u64) -> Failure {
    Failure::not_found(Code::TokenNotInitialized, format!("there is no initialised token in slot {slot}"))
        .hint("`strongroom token list` shows the tokens, `strongroom token init` makes one.")
}

fn none_fits(tokens: &[Found]) -> Failure {
    if tokens.is_empty() {
        return Failure::not_found(Code::TokenNotPresent, "there is no token yet")
            .hint("Make one: strongroom token init --label NAME");
    }
    let labels: Vec<String> = tokens.iter().map(|token| format!("{:?}", token.info.label)).collect();
    Failure::not_found(Code::TokenNotPresent, "no token is called so")
        .hint(format!("There are: {}. `strongroom token list` shows them.", labels.join(", ")))
}

fn several_fit(tokens: &[&Found]) -> Failure {
    let choices: Vec<String> =
        tokens.iter().map(|token| format!("{:?} ({})", token.info.label, token.info.serial)).collect();
    Failure::usage(format!("{} tokens could be meant", tokens.len()))
        .hint(format!("Say which with --token LABEL or --token SERIAL: {}.", choices.join(", ")))
}

/// The objects that a command works with.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which objects")]
pub(crate) struct ObjectChoice {
    /// A PKCS#11 URI that names the token, the object or both
    #[arg(value_name = "URI")]
    uri: Option<String>,
    /// Objects with this label (CKA_LABEL)
    #[arg(long, short = 'l', value_name = "LABEL")]
    label: Option<String>,
    /// Objects with this id (CKA_ID)
    #[arg(long, short = 'i', value_name = "HEX", value_parser = words::unhex)]
    id: Option<Id>,
    /// Objects of this class
    #[arg(long, short = 'c', value_name = "CLASS", value_parser = class_number, help = "Objects of this class: private, public, secret, certificate, data")]
    class: Option<u64>,
}

/// A `CKA_ID`. A name of its own, or clap would take it for an option that can be repeated.
pub(crate) type Id = std::vec::Vec<u8>;

/// The class that a word means, for clap.
pub(crate) fn class_number(word: &str) -> std::result::Result<u64, String> {
    let names = || words::CLASSES.iter().map(|class| class.word).collect::<Vec<_>>().join(", ");
    words::class(word).map(|class| class.number).ok_or_else(|| format!("the classes are {}", names()))
}

impl ObjectChoice {
    /// Whether nothing was said, so that every object is meant.
    pub(crate) fn is_everything(&self) -> Result<bool> {
        Ok(self.template()?.0.is_empty())
    }

    /// The token that is meant, by its own options or by the URI of the object.
    pub(crate) fn token(&self, choice: &TokenChoice, calls: Token<'_>) -> Result<Found> {
        choice.find_with(calls, self.uri()?.as_ref())
    }

    /// The PIN file that the URI names (`pin-source=file:/…`).
    pub(crate) fn pin_source(&self) -> Result<Option<PathBuf>> {
        let Some(uri) = self.uri()? else { return Ok(None) };
        let Some(source) = uri.query("pin-source") else { return Ok(None) };
        let text = String::from_utf8_lossy(source).into_owned();
        Ok(Some(PathBuf::from(text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")).unwrap_or(&text))))
    }

    /// The template that the objects match.
    pub(crate) fn template(&self) -> Result<Template> {
        let uri = self.uri()?.unwrap_or_default();
        let class = match uri.text("type") {
            Some(word) => Some(class_number(&word).map_err(Failure::usage)?),
            None => self.class,
        };
        let mut template = Template::new();
        if let Some(class) = class {
            template = template.number(ck::CKA_CLASS, class);
        }
        if let Some(label) = self.label.as_deref().map(str::as_bytes).or(uri.path("object")) {
            template = template.bytes(ck::CKA_LABEL, label);
        }
        if let Some(id) = self.id.as_deref().or(uri.path("id")) {
            template = template.bytes(ck::CKA_ID, id);
        }
        Ok(template)
    }

    /// The objects that are meant; at least one.
    pub(crate) fn find(&self, session: &Session<'_>) -> Result<Vec<u64>> {
        match session.find(self.template()?)? {
            none if none.is_empty() => Err(Failure::not_found(Code::ObjectHandleInvalid, "no object fits")
                .hint("`strongroom object list` shows the objects; private ones only after login.")),
            found => Ok(found),
        }
    }

    fn uri(&self) -> Result<Option<Uri>> {
        self.uri.as_deref().map(Uri::parse).transpose()
    }
}

/// An object as lists show it.
#[derive(Serialize, Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) class: String,
    pub(crate) kind: Option<String>,
    pub(crate) label: String,
    pub(crate) id: String,
    pub(crate) private: bool,
    pub(crate) uri: String,
}

/// What lists show of an object.
pub(crate) fn summary(session: &Session<'_>, token: &Found, object: u64) -> Result<Summary> {
    let mut shown = session.attributes(object, SUMMARY)?.into_iter();
    let mut next = || shown.next().unwrap_or(strongroom_pkcs11::wire::values::Shown::Unknown);
    let class = number(next()).unwrap_or(u64::MAX);
    let key_type = number(next());
    let size = key_size(bytes(next()), number(next()), bytes(next()));
    let (label, id) = (bytes(next()).unwrap_or_default(), bytes(next()).unwrap_or_default());
    let private = bytes(next()).is_some_and(|flag| flag == [1]);
    let mut uri = token.uri();
    if !label.is_empty() {
        uri = uri.with("object", &label);
    }
    if !id.is_empty() {
        uri = uri.with("id", &id);
    }
    if let Some(word) = words::class_of(class).and_then(|class| class.uri) {
        uri = uri.with("type", word);
    }
    Ok(Summary {
        class: words::class_word(class).into_owned(),
        kind: key_type.map(|number| kind(number, size)),
        label: String::from_utf8_lossy(&label).into_owned(),
        id: words::hex(&id),
        private,
        uri: uri.to_string(),
    })
}

/// `rsa:2048`, `ec:p256`: the words that `key generate --type` takes, where there is one.
fn kind(key_type: u64, size: Option<String>) -> String {
    let name = words::name(words::KEY_TYPES, key_type);
    let word = match key_type {
        ck::CKK_GENERIC_SECRET => "generic".to_owned(),
        ck::CKK_EC_EDWARDS | ck::CKK_EC_MONTGOMERY if size.is_some() => String::new(),
        _ => name.trim_start_matches("CKK_").to_lowercase().replace('_', "-"),
    };
    match size {
        Some(size) if word.is_empty() => size,
        Some(size) => format!("{word}:{size}"),
        None => word,
    }
}

fn key_size(modulus: Option<Vec<u8>>, value_len: Option<u64>, curve: Option<Vec<u8>>) -> Option<String> {
    let curve = curve.map(|parameters| {
        CURVES
            .iter()
            .find(|(_, der)| *der == parameters)
            .map_or_else(|| words::hex(&parameters), |(name, _)| (*name).to_owned())
    });
    curve
        .or_else(|| modulus.map(|modulus| bits(&modulus).to_string()))
        .or_else(|| value_len.map(|length| (length.saturating_mul(8)).to_string()))
}

/// The length of a big integer in bits.
fn bits(big: &[u8]) -> usize {
    match big.iter().position(|&byte| byte != 0) {
        Some(zeros) => (big.len() - zeros) * 8 - big[zeros].leading_zeros() as usize,
        None => 0,
    }
}

const SUMMARY: &[u64] = &[
    ck::CKA_CLASS,
    ck::CKA_KEY_TYPE,
    ck::CKA_MODULUS,
    ck::CKA_VALUE_LEN,
    ck::CKA_EC_PARAMS,
    ck::CKA_LABEL,
    ck::CKA_ID,
    ck::CKA_PRIVATE,
];

/// Curves: the word of commands and `CKA_EC_PARAMS` (an OBJECT IDENTIFIER in DER).
pub(crate) const CURVES: &[(&str, &[u8])] = &[
    ("p256", &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
    ("p384", &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]),
    ("p521", &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23]),
    ("ed25519", &[0x06, 0x03, 0x2b, 0x65, 0x70]),
    ("x25519", &[0x06, 0x03, 0x2b, 0x65, 0x6e]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_uris_name_the_same_objects() {
        let options = ObjectChoice {
            label: Some("web".into()),
            id: Some(vec![1, 2]),
            class: Some(ck::CKO_PRIVATE_KEY),
            ..ObjectChoice::default()
        };
        let uri = ObjectChoice { uri: Some("pkcs11:object=web;id=%01%02;type=private".into()), ..Default::default() };
        assert!(options.template().unwrap() == uri.template().unwrap());
        assert!(!uri.is_everything().unwrap());
        assert!(ObjectChoice { uri: Some("pkcs11:token=a".into()), ..Default::default() }.is_everything().unwrap());
    }

    #[test]
    fn a_uri_names_a_pin_file() {
        for (source, path) in [("file:/etc/pin", "/etc/pin"), ("file:///etc/pin", "/etc/pin"), ("/etc/pin", "/etc/pin")]
        {
            let uri = Some(format!("pkcs11:?pin-source={source}"));
            assert_eq!(ObjectChoice { uri, ..Default::default() }.pin_source().unwrap(), Some(path.into()));
        }
    }

    #[test]
    fn kinds_are_the_words_of_generate() {
        let curve = |name: &str| CURVES.iter().find(|(of, _)| *of == name).map(|(_, der)| der.to_vec());
        assert_eq!(kind(ck::CKK_RSA, key_size(Some([&[0, 0x80][..], &[1; 255]].concat()), None, None)), "rsa:2048");
        assert_eq!(kind(ck::CKK_EC, key_size(None, None, curve("p384"))), "ec:p384");
        assert_eq!(kind(ck::CKK_EC_EDWARDS, key_size(None, None, curve("ed25519"))), "ed25519");
        assert_eq!(kind(ck::CKK_AES, key_size(None, Some(32), None)), "aes:256");
        assert_eq!(kind(ck::CKK_GENERIC_SECRET, key_size(None, Some(20), None)), "generic:160");
    }
}
