//! `strongroom key`: keys come to be, or come in.

mod generate;
mod import;
mod pem;

pub(crate) use generate::Generate;
pub(crate) use import::Import;

use super::object::Objects;
use crate::cli::failure::{Failure, Result};
use crate::cli::pin::UserPin;
use crate::cli::render::{GOOD, Page, Report, styled};
use crate::cli::select::{Found, TokenChoice};
use crate::cli::session::{Session, Token, Who};
use crate::cli::words;
use serde::Serialize;
use strongroom_pkcs11::ck;
use strongroom_pkcs11::wire::values::Template;

/// `key …`
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Generate a key or a key pair in the vault
    Generate(Generate),
    /// Import keys and certificates from files
    Import(Import),
}

/// The token that gets a key, and what the key may be used for.
#[derive(clap::Args)]
pub(crate) struct Target {
    /// What the key shall be called (CKA_LABEL)
    #[arg(long, short = 'l', value_name = "LABEL", default_value = "", hide_default_value = true)]
    label: String,
    /// Its id (CKA_ID) [default: made from the public key; random for a secret key]
    #[arg(long, short = 'i', value_name = "HEX", value_parser = words::unhex)]
    id: Option<crate::cli::select::Id>,
    /// Other keys of the token may wrap this one and take it out
    #[arg(long)]
    extractable: bool,
    /// What it may be used for [default: all that its type can do]
    #[arg(
        long,
        value_name = "USE,…",
        value_delimiter = ',',
        value_parser = usage,
        help = "What it may be used for: encrypt, decrypt, sign, verify, wrap, unwrap, derive [default: all that its type can do]"
    )]
    usage: Vec<u64>,
    #[command(flatten)]
    token: TokenChoice,
    #[command(flatten)]
    user: UserPin,
}

/// The attribute that a word of `--usage` means, for clap.
fn usage(word: &str) -> std::result::Result<u64, String> {
    let known = || words::USAGES.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
    let found = words::USAGES.iter().find(|(_, name)| *name == word).map(|(attribute, _)| *attribute);
    found.ok_or_else(|| format!("the uses are {}", known()))
}

impl Target {
    /// The token, and a session in which the user is logged in.
    fn open<'a>(&self, calls: Token<'a>) -> Result<(Found, Session<'a>)> {
        let found = self.token.find(calls)?;
        let pin = self.user.source().present(&format!("PIN of the user of {:?}", found.info.label))?;
        let session = Session::open(calls, found.slot)?;
        session.login(Who::User, &pin)?;
        Ok((found, session))
    }

    /// What every object gets: it stays on the token, and is private where it holds a secret.
    fn dress(&self, template: Template, class: u64) -> Template {
        let secret = matches!(class, ck::CKO_PRIVATE_KEY | ck::CKO_SECRET_KEY);
        let mut template = template.flag(ck::CKA_TOKEN, true).flag(ck::CKA_PRIVATE, secret);
        if !self.label.is_empty() {
            template = template.bytes(ck::CKA_LABEL, self.label.as_bytes());
        }
        if secret {
            template = template.flag(ck::CKA_SENSITIVE, true).flag(ck::CKA_EXTRACTABLE, self.extractable);
        }
        if self.usage.is_empty() {
            return template;
        }
        let can = uses(class).iter();
        can.fold(template, |template, &attribute| template.flag(attribute, self.usage.contains(&attribute)))
    }

    /// Refuses a use that no object of these classes has: it would be lost without a word.
    fn fits(&self, classes: &[u64]) -> Result<()> {
        let foreign =
            self.usage.iter().find(|&&attribute| !classes.iter().any(|&class| uses(class).contains(&attribute)));
        match foreign {
            Some(&attribute) => {
                let word = words::name(words::USAGES, attribute);
                Err(Failure::usage(format!("such a key cannot be used for {word}")))
            }
            None => Ok(()),
        }
    }
}

/// The attributes of use that a class of objects has.
fn uses(class: u64) -> &'static [u64] {
    match class {
        ck::CKO_PUBLIC_KEY => &[ck::CKA_ENCRYPT, ck::CKA_VERIFY, ck::CKA_WRAP],
        ck::CKO_PRIVATE_KEY => &[ck::CKA_DECRYPT, ck::CKA_SIGN, ck::CKA_UNWRAP, ck::CKA_DERIVE],
        ck::CKO_SECRET_KEY => &[
            ck::CKA_ENCRYPT,
            ck::CKA_DECRYPT,
            ck::CKA_SIGN,
            ck::CKA_VERIFY,
            ck::CKA_WRAP,
            ck::CKA_UNWRAP,
            ck::CKA_DERIVE,
        ],
        _ => &[],
    }
}

/// Objects that are there now.
#[derive(Serialize)]
pub(crate) struct Added {
    /// "Generated", "Imported"
    act: &'static str,
    #[serde(flatten)]
    list: Objects,
}

impl Report for Added {
    fn human(&self, page: &mut Page) {
        page.say(format!("{}:", styled(GOOD, self.act)));
        self.list.human(page);
        self.list.objects.iter().for_each(|object| page.say(&object.uri));
    }
}

/// Random bytes for an id.
fn random_id() -> Result<Vec<u8>> {
    let mut id = vec![0; RANDOM_ID];
    getrandom::fill(&mut id).map_err(|_| Failure::from(strongroom_pkcs11::error::Code::RandomNoRng))?;
    Ok(id)
}

/// As long as the ids that are made from public keys.
const RANDOM_ID: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn target(usage: &[u64]) -> Target {
        Target {
            label: "web".into(),
            id: None,
            extractable: false,
            usage: usage.to_vec(),
            token: TokenChoice::default(),
            user: UserPin::default(),
        }
    }

    #[test]
    fn usage_says_yes_and_no_and_silence_leaves_the_default() {
        let base = Template::new().flag(ck::CKA_TOKEN, true).flag(ck::CKA_PRIVATE, false).bytes(ck::CKA_LABEL, b"web");
        assert!(target(&[]).dress(Template::new(), ck::CKO_PUBLIC_KEY) == base);
        let signing = base.flag(ck::CKA_ENCRYPT, false).flag(ck::CKA_VERIFY, true).flag(ck::CKA_WRAP, false);
        assert!(target(&[ck::CKA_VERIFY]).dress(Template::new(), ck::CKO_PUBLIC_KEY) == signing);
    }

    #[test]
    fn a_use_that_the_object_cannot_have_is_refused() {
        assert!(target(&[ck::CKA_DERIVE]).fits(&[ck::CKO_PUBLIC_KEY]).is_err());
        assert!(target(&[ck::CKA_DERIVE]).fits(&[ck::CKO_PUBLIC_KEY, ck::CKO_PRIVATE_KEY]).is_ok());
    }
}
