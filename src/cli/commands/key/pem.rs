//! What is in a key file: PEM blocks (several, with text between them) or one piece of DER.

use crate::cli::failure::{Failure, Result};
use pem_rfc7468::Decoder;
use strongroom_pkcs11::error::Code;
use zeroize::Zeroizing;

/// A piece of a key file. What it holds may be secret.
pub(crate) enum Piece {
    /// PKCS#8, SEC 1 or PKCS#1
    PrivateKey(Zeroizing<Vec<u8>>),
    /// SubjectPublicKeyInfo or PKCS#1
    PublicKey(Zeroizing<Vec<u8>>),
    /// X.509
    Certificate(Zeroizing<Vec<u8>>),
    /// DER without a word about what it is.
    Unknown(Zeroizing<Vec<u8>>),
}

/// The pieces of a file, in order.
///
/// # Errors
/// `CKR_DATA_INVALID` where there is nothing, or something that cannot be read: said in words.
pub(crate) fn pieces(file: &[u8]) -> Result<Vec<Piece>> {
    if find(file, BEGIN).is_none() {
        return match file.first() {
            Some(0x30) => Ok(vec![Piece::Unknown(Zeroizing::new(file.to_vec()))]),
            _ => Err(unreadable("it is neither PEM nor DER")
                .hint("For the bytes of a secret key, say --raw aes, generic or hmac.")),
        };
    }
    let mut pieces = Vec::new();
    let mut rest = file;
    while let Some(start) = find(rest, BEGIN) {
        let (block, after) = block(&rest[start..])?;
        pieces.extend(piece(block)?);
        rest = after;
    }
    match pieces.is_empty() {
        true => Err(unreadable("it holds no key and no certificate")),
        false => Ok(pieces),
    }
}

/// The block at the front, and what comes after it.
fn block(text: &[u8]) -> Result<(&[u8], &[u8])> {
    let end = find(text, END).ok_or_else(|| unreadable("a PEM block has no end"))?;
    let line = text[end..].iter().position(|&byte| byte == b'\n').map_or(text.len(), |newline| end + newline + 1);
    Ok((&text[..line], &text[line..]))
}

fn piece(block: &[u8]) -> Result<Option<Piece>> {
    if find(block, b"ENCRYPTED").is_some() {
        return Err(unreadable("the private key in it is encrypted")
            .hint("Decrypt it into a pipe, not into a file: openssl pkey -in FILE | strongroom key import -"));
    }
    let broken = |error| unreadable(&format!("a PEM block is broken: {error}"));
    let mut decoder = Decoder::new_detect_wrap(block).map_err(broken)?;
    let label = decoder.type_label();
    let mut der = Zeroizing::new(Vec::with_capacity(decoder.remaining_len()));
    decoder.decode_to_end(&mut der).map_err(broken)?;
    match label {
        "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Ok(Some(Piece::PrivateKey(der))),
        "PUBLIC KEY" | "RSA PUBLIC KEY" => Ok(Some(Piece::PublicKey(der))),
        "CERTIFICATE" | "X509 CERTIFICATE" => Ok(Some(Piece::Certificate(der))),
        // OpenSSL writes the curve before the key, which names it again.
        "EC PARAMETERS" => Ok(None),
        other => Err(unreadable(&format!("it has a PEM block of type {other:?}"))
            .hint("Keys in PKCS#8, SEC 1, PKCS#1 and SubjectPublicKeyInfo can be imported, and X.509 certificates.")),
    }
}

fn unreadable(why: &str) -> Failure {
    Failure::new(Code::DataInvalid, format!("the file cannot be imported: {why}"))
        .exit_with(crate::cli::failure::Exit::Usage)
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern)
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    const PARAMETERS: &str = "-----BEGIN EC PARAMETERS-----\nMAA=\n-----END EC PARAMETERS-----\n";
    const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\r\nMAA=\r\n-----END EC PRIVATE KEY-----";

    fn why(file: &str) -> String {
        pieces(file.as_bytes()).err().map(|failure| failure.to_string()).unwrap_or_default()
    }

    #[test]
    fn several_blocks_with_text_between_them_are_read_in_order() {
        let file = format!("Bag Attributes\n{CERTIFICATE}subject=x\n{PARAMETERS}{KEY}");
        let pieces = pieces(file.as_bytes()).unwrap();
        assert!(
            matches!(pieces.as_slice(), [Piece::Certificate(one), Piece::PrivateKey(two)] if **one == [0x30, 0] && **two == [0x30, 0])
        );
    }

    #[test]
    fn der_is_taken_as_it_is() {
        assert!(matches!(pieces(&[0x30, 0]).unwrap().as_slice(), [Piece::Unknown(_)]));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_reason() {
        assert!(why("").contains("neither PEM nor DER"));
        assert!(why("-----BEGIN PRIVATE KEY-----\nMAA=\n").contains("no end"));
        assert!(why("-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n").contains("broken"));
        assert!(
            why("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n")
                .contains("encrypted")
        );
        assert!(why("-----BEGIN DH PARAMETERS-----\nMAA=\n-----END DH PARAMETERS-----\n").contains("DH PARAMETERS"));
        assert!(why(PARAMETERS).contains("no key"));
    }
}
