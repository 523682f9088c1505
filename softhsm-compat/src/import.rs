//! A key file for `--import`: a private key in PKCS#8 (PEM or DER), or the bytes of an AES key.

use std::io::Read;
use std::path::Path;
use strongroom_pkcs11::ck;
use strongroom_pkcs11::error::{Code, Result};
use strongroom_pkcs11::object::import;
use strongroom_pkcs11::wire::values::{Attribute, Raw, Template};
use zeroize::Zeroizing;

/// A key file is well below this.
const LONGEST: u64 = 256 * 1024;

/// What shall be made of a file.
pub struct Wish<'a> {
    /// `CKA_LABEL` of all objects.
    pub label: &'a str,
    /// `CKA_ID` of all objects.
    pub id: &'a [u8],
    /// The file holds an AES key as it is.
    pub aes: bool,
    /// The public key too.
    pub public: bool,
}

/// The objects that a file gives.
///
/// # Errors
/// `CKR_DATA_INVALID` for what is no key, or an encrypted one.
pub fn objects(file: &Path, wish: &Wish<'_>) -> Result<Vec<Template>> {
    let failed = |error: std::io::Error| Code::FunctionFailed.because(format!("{}: {error}", file.display()));
    let mut content = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
    std::fs::File::open(file).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut content)).map_err(failed)?;
    if content.len() as u64 > LONGEST {
        return Err(Code::DataInvalid.because("the file is too large for a key"));
    }
    if wish.aes {
        let key = Template::new().number(ck::CKA_CLASS, ck::CKO_SECRET_KEY).number(ck::CKA_KEY_TYPE, ck::CKK_AES);
        return Ok(vec![dressed(key.bytes(ck::CKA_VALUE, &content), wish)]);
    }
    let der = der(&content)?;
    let is_wanted = |template: &Template| wish.public || !is_public(template);
    let objects = import::private_key(&der)?.objects.into_iter().filter(is_wanted);
    Ok(objects.map(|template| dressed(template, wish)).collect())
}

fn der(content: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    if !content.starts_with(b"-----BEGIN") {
        return Ok(Zeroizing::new(content.to_vec()));
    }
    match pem_rfc7468::decode_vec(content) {
        Ok((label, _)) if label.starts_with("ENCRYPTED") => {
            Err(Code::DataInvalid.because("the file is encrypted; decrypt it first: openssl pkcs8 -in FILE -out PLAIN"))
        }
        Ok((_, der)) => Ok(Zeroizing::new(der)),
        Err(error) => Err(Code::DataInvalid.because(format!("the file is no PEM: {error}"))),
    }
}

fn is_public(template: &Template) -> bool {
    let public = Raw::Bytes(Zeroizing::new(ck::CKO_PUBLIC_KEY.to_le_bytes().to_vec()));
    template.0.iter().any(|attribute| attribute.kind == ck::CKA_CLASS && attribute.value == public)
}

/// On the token, with label and id; a secret key is sensitive and stays, as SoftHSM2 makes it.
fn dressed(template: Template, wish: &Wish<'_>) -> Template {
    let own = |attribute: &Attribute| ![ck::CKA_ID, ck::CKA_LABEL, ck::CKA_TOKEN].contains(&attribute.kind);
    let kept = Template(template.0.into_iter().filter(own).collect());
    kept.flag(ck::CKA_TOKEN, true).bytes(ck::CKA_LABEL, wish.label.as_bytes()).bytes(ck::CKA_ID, wish.id)
}
