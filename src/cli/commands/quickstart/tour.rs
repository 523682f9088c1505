//! The tour: what an application does with the module, by the C interface and nothing else.

use super::place::Place;
use crate::cli::failure::{Failure, Result, in_file};
use crate::cli::progress;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeInfo, AttributeType, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use strongroom_pkcs11::error::Code;

/// The label of the token.
pub(super) const LABEL: &str = "demo";

/// What the tour saw.
#[derive(Serialize)]
pub(crate) struct Tour {
    pub(super) slot: u64,
    pub(super) serial: String,
    pub(super) message: PathBuf,
    pub(super) keys: Vec<Key>,
    /// What C_GetAttributeValue said about the value of the private key.
    pub(super) private_value: &'static str,
}

/// A key that signed, and whose signature was verified.
#[derive(Serialize)]
pub(crate) struct Key {
    pub(super) label: &'static str,
    pub(super) id: &'static str,
    pub(super) kind: &'static str,
    pub(super) mechanism: &'static str,
    pub(super) signature: PathBuf,
    pub(super) public_key: PathBuf,
    pub(super) verified: bool,
    pub(super) verified_by_openssl: bool,
}

/// Loads the module and does with it what applications do.
pub(super) fn tour(module: &Path, place: &Place, talkative: bool) -> Result<Tour> {
    let pkcs11 = Pkcs11::new(module).map_err(called("loading the module"))?;
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(called("C_Initialize"))?;
    let slot = make_token(&pkcs11, place)?;
    let session = pkcs11.open_rw_session(slot).map_err(called("C_OpenSession"))?;
    session.login(UserType::User, Some(&AuthPin::from(place.read_pin()?))).map_err(called("C_Login"))?;
    let ec = elliptic(&session, place)?;
    let private_value = private_value(&session, ec.1)?;
    let rsa = progress::while_spinning("generating an RSA key".to_owned(), talkative, || rsa(&session, place))?;
    let info = pkcs11.get_token_info(slot).map_err(called("C_GetTokenInfo"))?;
    let tour = Tour {
        slot: slot.id(),
        serial: info.serial_number().trim_end().to_owned(),
        message: place.message(),
        keys: vec![ec.0, rsa],
        private_value,
    };
    drop(session);
    pkcs11.finalize().map_err(called("C_Finalize"))?;
    Ok(tour)
}

fn make_token(pkcs11: &Pkcs11, place: &Place) -> Result<Slot> {
    let slots = pkcs11.get_all_slots().map_err(called("C_GetSlotList"))?;
    let slot = *slots.first().ok_or_else(|| Failure::from(Code::TokenNotPresent))?;
    let officer = AuthPin::from(place.read_so_pin()?);
    pkcs11.init_token(slot, &officer, LABEL).map_err(called("C_InitToken"))?;
    let session = pkcs11.open_rw_session(slot).map_err(called("C_OpenSession"))?;
    session.login(UserType::So, Some(&officer)).map_err(called("C_Login"))?;
    session.init_pin(&AuthPin::from(place.read_pin()?)).map_err(called("C_InitPIN"))?;
    session.logout().map_err(called("C_Logout"))?;
    Ok(slot)
}

fn elliptic(session: &Session, place: &Place) -> Result<(Key, ObjectHandle)> {
    let curve = Attribute::EcParams(P256.to_vec());
    let (public, private) = pair(session, &Mechanism::EccKeyPairGen, curve, "demo-ec", 1)?;
    let key = Key::at(place, "demo-ec", "01", "EC P-256", "CKM_ECDSA_SHA256");
    let signature = signed(session, &Mechanism::EcdsaSha256, (public, private), place)?;
    let key = key.checked(session, public, &der_signature(&signature), place)?;
    Ok((key, private))
}

fn rsa(session: &Session, place: &Place) -> Result<Key> {
    let size = Attribute::ModulusBits(2048.into());
    let (public, private) = pair(session, &Mechanism::RsaPkcsKeyPairGen, size, "demo-rsa", 2)?;
    let key = Key::at(place, "demo-rsa", "02", "RSA-2048", "CKM_SHA256_RSA_PKCS");
    let signature = signed(session, &Mechanism::Sha256RsaPkcs, (public, private), place)?;
    key.checked(session, public, &signature, place)
}

fn pair(
    session: &Session,
    mechanism: &Mechanism<'_>,
    kind: Attribute,
    label: &str,
    id: u8,
) -> Result<(ObjectHandle, ObjectHandle)> {
    let name = [Attribute::Token(true), Attribute::Label(label.as_bytes().to_vec()), Attribute::Id(vec![id])];
    let public = [&name[..], &[kind, Attribute::Private(false), Attribute::Verify(true)]].concat();
    let own =
        [Attribute::Private(true), Attribute::Sensitive(true), Attribute::Extractable(false), Attribute::Sign(true)];
    let private = [&name[..], &own].concat();
    session.generate_key_pair(mechanism, &public, &private).map_err(called("C_GenerateKeyPair"))
}

/// Signs the message and has the signature verified.
fn signed(
    session: &Session,
    mechanism: &Mechanism<'_>,
    (public, private): (ObjectHandle, ObjectHandle),
    place: &Place,
) -> Result<Vec<u8>> {
    let message = std::fs::read(place.message()).map_err(in_file(&place.message()))?;
    let signature = session.sign(mechanism, private, &message).map_err(called("C_Sign"))?;
    session.verify(mechanism, public, &message, &signature).map_err(called("C_Verify"))?;
    Ok(signature)
}

impl Key {
    fn at(place: &Place, label: &'static str, id: &'static str, kind: &'static str, mechanism: &'static str) -> Key {
        Key {
            label,
            id,
            kind,
            mechanism,
            signature: place.directory.join(format!("message.{label}.sig")),
            public_key: place.directory.join(format!("{label}.pub.pem")),
            verified: true,
            verified_by_openssl: false,
        }
    }

    /// Writes signature and public key as other programs read them, and asks one of them.
    fn checked(mut self, session: &Session, public: ObjectHandle, signature: &[u8], place: &Place) -> Result<Key> {
        let info =
            session.get_attributes(public, &[AttributeType::PublicKeyInfo]).map_err(called("C_GetAttributeValue"))?;
        let Some(Attribute::PublicKeyInfo(info)) = info.into_iter().next() else {
            return Err(Failure::new(Code::AttributeTypeInvalid, "the public key has no CKA_PUBLIC_KEY_INFO"));
        };
        let pem = pem_rfc7468::encode_string("PUBLIC KEY", pem_rfc7468::LineEnding::LF, &info)
            .map_err(|error| Failure::new(Code::GeneralError, error.to_string()))?;
        place.write_private(&self.public_key, pem)?;
        place.write_private(&self.signature, signature)?;
        self.verified_by_openssl = match openssl(&self, place) {
            Some(true) => true,
            Some(false) => {
                let why = format!("openssl does not accept the signature of {}", self.label);
                return Err(Failure::new(Code::SignatureInvalid, why));
            }
            None => false,
        };
        Ok(self)
    }
}

/// Whether `openssl` accepts the signature; none where there is no such command.
fn openssl(key: &Key, place: &Place) -> Option<bool> {
    let mut command = Command::new("openssl");
    command.args(["dgst", "-sha256", "-verify"]).arg(&key.public_key).arg("-signature").arg(&key.signature);
    command.arg(place.message()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().ok().map(|status| status.success())
}

/// Asks for the value of a private key, and says what the answer was.
///
/// # Errors
/// `CKR_FUNCTION_FAILED` if the module would tell it.
fn private_value(session: &Session, private: ObjectHandle) -> Result<&'static str> {
    let info = session.get_attribute_info(private, &[AttributeType::Value]).map_err(called("C_GetAttributeValue"))?;
    match info.as_slice() {
        [AttributeInfo::Sensitive] => Ok(Code::AttributeSensitive.name()),
        _ => Err(Failure::new(Code::FunctionFailed, "the module did not refuse to tell a private value")),
    }
}

/// ECDSA-Sig-Value of RFC 3279 in DER, from the two halves that PKCS#11 gives.
fn der_signature(halves: &[u8]) -> Vec<u8> {
    let (r, s) = halves.split_at(halves.len() / 2);
    let numbers = [der_integer(r), der_integer(s)].concat();
    [&[0x30, numbers.len() as u8][..], &numbers].concat()
}

fn der_integer(big: &[u8]) -> Vec<u8> {
    let zeros = big.iter().take_while(|&&byte| byte == 0).count().min(big.len().saturating_sub(1));
    let digits = &big[zeros..];
    let sign: &[u8] = if digits.first().is_some_and(|&byte| byte >= 0x80) { &[0] } else { &[] };
    [&[0x02, (sign.len() + digits.len()) as u8][..], sign, digits].concat()
}

/// Names the function of the C interface that failed.
fn called(function: &'static str) -> impl Fn(cryptoki::error::Error) -> Failure {
    move |error| {
        let (code, error) = match &error {
            cryptoki::error::Error::Pkcs11(rv, _) => (code_of(rv), rv.to_string()),
            cryptoki::error::Error::LibraryLoading(why) => (Code::LibraryLoadFailed, why.to_string()),
            _ => (Code::FunctionFailed, error.to_string()),
        };
        Failure::new(code, format!("{function}: {error}"))
    }
}

/// The code that a C function returned. The crate keeps it as a variant with the same name in another spelling.
fn code_of(error: &cryptoki::error::RvError) -> Code {
    let spelling = |name: &str| name.trim_start_matches("CKR_").replace('_', "").to_lowercase();
    let wanted = spelling(&format!("{error:?}"));
    Code::ALL.iter().copied().find(|code| spelling(code.name()) == wanted).unwrap_or(Code::FunctionFailed)
}

/// `CKA_EC_PARAMS` of P-256.
const P256: &[u8] = crate::cli::select::CURVES[0].1;

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki::error::RvError;

    #[test]
    fn halves_become_der() {
        assert_eq!(der_signature(&[0, 1, 0x80, 0]), [0x30, 8, 2, 1, 1, 2, 3, 0, 0x80, 0]);
        assert_eq!(der_signature(&[0, 0]), [0x30, 6, 2, 1, 0, 2, 1, 0]);
    }

    #[test]
    fn codes_of_the_interface_keep_their_names() {
        assert_eq!(code_of(&RvError::PinIncorrect), Code::PinIncorrect);
        assert_eq!(code_of(&RvError::DeviceError), Code::DeviceError);
        assert_eq!(code_of(&RvError::SlotIdInvalid), Code::SlotIdInvalid);
    }
}
