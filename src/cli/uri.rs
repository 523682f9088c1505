//! PKCS#11 URIs (RFC 7512): reading those that users give, writing those that they copy elsewhere.

use super::failure::{Failure, Result};
use std::fmt;

/// A PKCS#11 URI: its attributes in order, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uri {
    path: Vec<(String, Vec<u8>)>,
    query: Vec<(String, Vec<u8>)>,
}

impl Uri {
    /// Whether a text wants to be a PKCS#11 URI.
    pub(crate) fn looks_like(text: &str) -> bool {
        text.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
    }

    /// Reads a URI.
    ///
    /// # Errors
    /// Names what is wrong: another scheme, an attribute that the RFC does not know or that stands there twice,
    /// a broken escape; and `pin-value`, because a PIN on a command line can be read by everyone on the machine.
    pub(crate) fn parse(text: &str) -> Result<Uri> {
        if !Uri::looks_like(text) {
            return Err(Failure::usage(format!("{text:?} is no PKCS#11 URI: it does not begin with pkcs11:")));
        }
        let (path, query) = text[SCHEME.len()..].split_once('?').unwrap_or((&text[SCHEME.len()..], ""));
        let uri = Uri { path: attributes(path, ';', PATH)?, query: attributes(query, '&', QUERY)? };
        if uri.query("pin-value").is_some() {
            return Err(Failure::usage("pin-value in a URI is not accepted: everyone on this machine can read it")
                .hint("Use pin-source=file:/path in the URI, --pin-file, --pin-fd or the prompt."));
        }
        Ok(uri)
    }

    /// The same URI with one more path attribute.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Uri {
        self.path.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The same URI with one more query attribute.
    pub(crate) fn with_query(mut self, name: &str, value: impl AsRef<[u8]>) -> Uri {
        self.query.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// A path attribute: `token`, `serial`, `object`, `id`, `type`, …
    pub(crate) fn path(&self, name: &str) -> Option<&[u8]> {
        value(&self.path, name)
    }

    /// A path attribute as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.path(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// A query attribute: `pin-source`, `module-path`, …
    pub(crate) fn query(&self, name: &str) -> Option<&[u8]> {
        value(&self.query, name)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        join(f, &self.path, ";", PATH_LETTERS)?;
        if !self.query.is_empty() {
            f.write_str("?")?;
            join(f, &self.query, "&", QUERY_LETTERS)?;
        }
        Ok(())
    }
}

fn join(f: &mut fmt::Formatter<'_>, attributes: &[(String, Vec<u8>)], between: &str, letters: &[u8]) -> fmt::Result {
    for (position, (name, value)) in attributes.iter().enumerate() {
        let before = if position == 0 { "" } else { between };
        let plain = |byte: u8| name != "id" && (byte.is_ascii_alphanumeric() || letters.contains(&byte));
        write!(f, "{before}{name}={}", escaped(value, plain))?;
    }
    Ok(())
}

fn value<'a>(attributes: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    attributes.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_slice())
}

fn attributes(text: &str, between: char, known: &[&str]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    for part in text.split(between).filter(|part| !part.is_empty()) {
        let (name, encoded) =
            part.split_once('=').ok_or_else(|| Failure::usage(format!("{part:?} in the URI has no value")))?;
        if !known.contains(&name) && !name.starts_with("x-") {
            return Err(Failure::usage(format!("{name:?} is no attribute of a PKCS#11 URI at this place"))
                .hint(format!("Known here: {}.", known.join(", "))));
        }
        if value(&found, name).is_some() {
            return Err(Failure::usage(format!("{name:?} stands in the URI twice")));
        }
        found.push((name.to_owned(), unescaped(encoded)?));
    }
    Ok(found)
}

fn unescaped(text: &str) -> Result<Vec<u8>> {
    let broken = || Failure::usage(format!("{text:?} in the URI has a broken %-escape"));
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or_else(broken);
        out.push((digit()? * 16 + digit()?) as u8);
    }
    Ok(out)
}

fn escaped(value: &[u8], plain: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(value.len());
    for &byte in value {
        match plain(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// RFC 7512, section 2.3: what need not be escaped in a path, beside letters and digits. All of an id is escaped, as the
/// section recommends.
const PATH_LETTERS: &[u8] = b"-._~:[]@!$'()*+,=";

/// The same for a query.
const QUERY_LETTERS: &[u8] = b"-._~:[]@!$'()*+,=/?|";

const SCHEME: &str = "pkcs11:";

/// RFC 7512, section 2.3: pk11-path attributes.
const PATH: &[&str] = &[
    "token",
    "manufacturer",
    "serial",
    "model",
    "library-manufacturer",
    "library-version",
    "library-description",
    "object",
    "type",
    "id",
    "slot-id",
    "slot-manufacturer",
    "slot-description",
];

/// RFC 7512, section 2.3: pk11-query attributes.
const QUERY: &[&str] = &["pin-source", "pin-value", "module-name", "module-path"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let uri = Uri::default().with("token", "my token; ä?").with("id", [0u8, 0x41, 255]).with("type", "private");
        assert_eq!(uri.to_string(), "pkcs11:token=my%20token%3B%20%C3%A4%3F;id=%00%41%FF;type=private");
        assert_eq!(Uri::parse(&uri.to_string()).unwrap(), uri);
        let sourced = Uri::default().with("object", "a/b").with_query("pin-source", "file:/my dir/pin");
        assert_eq!(sourced.to_string(), "pkcs11:object=a%2Fb?pin-source=file:/my%20dir/pin");
        assert_eq!(Uri::parse(&sourced.to_string()).unwrap(), sourced);
    }

    #[test]
    fn examples_of_the_rfc_are_read() {
        let uri = Uri::parse(
            "pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil,%20Inc.;object=my-certificate;\
             type=cert;id=%69%95%3E%5C%F4%BD%EC%91?pin-source=file:/etc/token_pin&module-path=/mnt/libmypkcs11.so",
        )
        .unwrap();
        assert_eq!(uri.text("token").as_deref(), Some("Software PKCS#11 softtoken"));
        assert_eq!(uri.path("id"), Some(&b"\x69\x95\x3e\x5c\xf4\xbd\xec\x91"[..]));
        assert_eq!(uri.query("pin-source"), Some(&b"file:/etc/token_pin"[..]));
        assert_eq!(Uri::parse("pkcs11:").unwrap(), Uri::default());
    }

    #[test]
    fn what_the_rfc_forbids_is_refused() {
        for bad in [
            "http://example.org",
            "pkcs11:token",
            "pkcs11:token=a;token=b",
            "pkcs11:colour=red",
            "pkcs11:token=%4",
            "pkcs11:token=%zz",
            "pkcs11:token=a?pin-value=1234",
        ] {
            assert!(Uri::parse(bad).is_err(), "{bad}");
        }
    }
}
