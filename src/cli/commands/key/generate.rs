//! `strongroom key generate`: a key or a key pair, made in the vault.

use super::{Added, Target, random_id};
use crate::cli::Context;
use crate::cli::commands::object::Objects;
use crate::cli::failure::Result;
use crate::cli::progress;
use crate::cli::select::{CURVES, summary};
use crate::cli::session::Session;
use strongroom_pkcs11::ck;
use strongroom_pkcs11::object::import;
use strongroom_pkcs11::wire::values::Template;

/// Generate a key or a key pair in the vault
#[derive(clap::Args)]
pub(crate) struct Generate {
    /// The type of the key
    #[arg(
        long = "type",
        short = 'T',
        value_name = "TYPE",
        value_parser = kind,
        help = "rsa:2048, ec:p256, ec:p384, ec:p521, ed25519, x25519, aes:128, aes:192, aes:256, hmac:BITS, generic:BITS"
    )]
    kind: Kind,
    #[command(flatten)]
    target: Target,
}

/// What is generated.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// RSA with a modulus of so many bits.
    Rsa(u64),
    /// A pair on a curve: the mechanism and the curve's parameters.
    Curve(u64, &'static [u8]),
    /// A secret key of so many bytes; what it may be used for, where its type means one use only.
    Secret { mechanism: u64, length: u64, usage: &'static [u64] },
}

/// Reads `--type`.
fn kind(text: &str) -> std::result::Result<Kind, String> {
    let (name, size) = text.split_once(':').unwrap_or((text, ""));
    let bits = || size.parse::<u64>().map_err(|_| format!("{name} needs a size in bits, as in {name}:256"));
    match name {
        "rsa" => Ok(Kind::Rsa(if size.is_empty() { 2048 } else { bits()? })),
        "ec" => curve(ck::CKM_EC_KEY_PAIR_GEN, size),
        "ed25519" if size.is_empty() => curve(ck::CKM_EC_EDWARDS_KEY_PAIR_GEN, name),
        "x25519" if size.is_empty() => curve(ck::CKM_EC_MONTGOMERY_KEY_PAIR_GEN, name),
        "aes" => secret(ck::CKM_AES_KEY_GEN, bits()?, &[]),
        "generic" => secret(ck::CKM_GENERIC_SECRET_KEY_GEN, bits()?, &[]),
        "hmac" => secret(ck::CKM_GENERIC_SECRET_KEY_GEN, bits()?, &[ck::CKA_SIGN, ck::CKA_VERIFY]),
        _ => Err("the types are rsa:BITS, ec:CURVE, ed25519, x25519, aes:BITS, hmac:BITS, generic:BITS".to_owned()),
    }
}

fn curve(mechanism: u64, name: &str) -> std::result::Result<Kind, String> {
    let name = name.to_lowercase().replace(['-', '_'], "");
    let known = CURVES.iter().find(|(curve, _)| *curve == name);
    let fitting = known.filter(|(curve, _)| (mechanism == ck::CKM_EC_KEY_PAIR_GEN) == curve.starts_with('p'));
    fitting.map(|(_, der)| Kind::Curve(mechanism, der)).ok_or_else(|| "the curves are p256, p384, p521".to_owned())
}

fn secret(mechanism: u64, bits: u64, usage: &'static [u64]) -> std::result::Result<Kind, String> {
    match bits {
        0 => Err("a key has at least 8 bits".to_owned()),
        bits if !bits.is_multiple_of(8) => Err(format!("{bits} bits are no whole number of bytes")),
        bits => Ok(Kind::Secret { mechanism, length: bits / 8, usage }),
    }
}

impl Generate {
    pub(crate) fn run(mut self, cx: &Context) -> Result<Added> {
        if let (Kind::Secret { usage, .. }, true) = (&self.kind, self.target.usage.is_empty()) {
            self.target.usage = usage.to_vec();
        }
        self.target.fits(match self.kind {
            Kind::Secret { .. } => &[ck::CKO_SECRET_KEY],
            Kind::Rsa(_) | Kind::Curve(..) => &[ck::CKO_PUBLIC_KEY, ck::CKO_PRIVATE_KEY],
        })?;
        let (found, session) = self.target.open(cx.calls()?)?;
        // Only RSA takes so long that somebody wonders.
        let spins = cx.talkative() && matches!(self.kind, Kind::Rsa(_));
        let made = progress::while_spinning("generating".to_owned(), spins, || self.make(&session))?;
        let objects = made.into_iter().map(|object| summary(&session, &found, object)).collect::<Result<_>>()?;
        Ok(Added { act: "Generated", list: Objects { objects, with_uris: false } })
    }

    fn make(&self, session: &Session<'_>) -> Result<Vec<u64>> {
        match &self.kind {
            Kind::Rsa(bits) => {
                let public = Template::new().number(ck::CKA_MODULUS_BITS, *bits).bytes(ck::CKA_PUBLIC_EXPONENT, F4);
                self.pair(session, ck::CKM_RSA_PKCS_KEY_PAIR_GEN, public)
            }
            Kind::Curve(mechanism, parameters) => {
                self.pair(session, *mechanism, Template::new().bytes(ck::CKA_EC_PARAMS, parameters))
            }
            Kind::Secret { mechanism, length, .. } => {
                let id = self.target.id.clone().map_or_else(random_id, Ok)?;
                let template =
                    self.target.dress(Template::new().number(ck::CKA_VALUE_LEN, *length), ck::CKO_SECRET_KEY);
                Ok(vec![session.generate(*mechanism, template.bytes(ck::CKA_ID, &id))?])
            }
        }
    }

    fn pair(&self, session: &Session<'_>, mechanism: u64, public: Template) -> Result<Vec<u64>> {
        let mut public = self.target.dress(public, ck::CKO_PUBLIC_KEY);
        let mut private = self.target.dress(Template::new(), ck::CKO_PRIVATE_KEY);
        if let Some(id) = &self.target.id {
            (public, private) = (public.bytes(ck::CKA_ID, id), private.bytes(ck::CKA_ID, id));
        }
        let (public, private) = session.generate_pair(mechanism, public, private)?;
        let pair = [public, private];
        if self.target.id.is_none()
            && let Err(failure) = name(session, pair)
        {
            // A pair without an id is found by no certificate: better none.
            pair.iter().for_each(|&object| drop(session.destroy(object)));
            return Err(failure);
        }
        Ok(pair.to_vec())
    }
}

/// Gives both halves of a pair the id that follows from the public one.
fn name(session: &Session<'_>, pair: [u64; 2]) -> Result<()> {
    let id = id_of(session, pair[0])?;
    pair.iter().try_for_each(|&object| session.change(object, Template::new().bytes(ck::CKA_ID, &id)))
}

/// The id that a certificate for this public key will have too, so that they find each other.
fn id_of(session: &Session<'_>, public: u64) -> Result<Vec<u8>> {
    let info = session.bytes(public, ck::CKA_PUBLIC_KEY_INFO)?.unwrap_or_default();
    match import::public_key(&info) {
        Ok(imported) if !imported.id.is_empty() => Ok(imported.id),
        _ => random_id(),
    }
}

/// The public exponent 65537.
const F4: &[u8] = &[1, 0, 1];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read() {
        assert_eq!(kind("rsa:3072"), Ok(Kind::Rsa(3072)));
        assert!(matches!(kind("ec:P-256"), Ok(Kind::Curve(ck::CKM_EC_KEY_PAIR_GEN, _))));
        assert!(matches!(kind("ed25519"), Ok(Kind::Curve(ck::CKM_EC_EDWARDS_KEY_PAIR_GEN, _))));
        assert!(matches!(kind("aes:256"), Ok(Kind::Secret { length: 32, .. })));
        assert!(matches!(kind("hmac:160"), Ok(Kind::Secret { length: 20, .. })));
    }

    #[test]
    fn types_that_make_no_sense_are_refused() {
        for bad in ["", "dsa", "ec", "ec:ed25519", "ed25519:1", "aes", "aes:x", "aes:12", "hmac:0", "rsa:many"] {
            assert!(kind(bad).is_err(), "{bad}");
        }
    }
}
