//! `strongroom token`: make, list, show and delete tokens.

use crate::cli::Context;
use crate::cli::failure::{Failure, Result};
use crate::cli::pin::{OfficerPin, UserPin};
use crate::cli::render::{GOOD, Page, Report, STRONG, WARN, styled};
use crate::cli::select::{Found, TokenChoice, slots};
use crate::cli::session::{Session, Who};
use crate::cli::words;
use serde::Serialize;
use std::io::{BufRead, IsTerminal, Write};
use strongroom_pkcs11::ck;
use strongroom_pkcs11::error::Code;

/// `token …`
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a token: in the free slot, or anew in a slot that has one
    Init(Init),
    /// List the tokens
    List(List),
    /// Show all that is known about a token
    Show(Show),
    /// Destroy a token with all its keys
    Delete(Delete),
}

/// Make a token: in the free slot, or anew in a slot that has one.
///
/// The SO's PIN administers the token, the user's PIN uses its keys. Initialising a token anew destroys all its
/// objects and needs the SO's PIN that it has.
#[derive(clap::Args)]
pub(crate) struct Init {
    /// What the token shall be called (at most 32 bytes)
    #[arg(long, short = 'l', value_name = "LABEL")]
    label: String,
    /// The slot; a token that is there is destroyed, and its SO's PIN is due
    #[arg(long, value_name = "N", conflicts_with = "free")]
    slot: Option<u64>,
    /// The free slot (this is the default)
    #[arg(long)]
    free: bool,
    /// Set no PIN for the user now
    #[arg(long)]
    no_user_pin: bool,
    #[command(flatten)]
    officer: OfficerPin,
    #[command(flatten)]
    user: UserPin,
}

impl Init {
    pub(crate) fn run(self, cx: &Context) -> Result<Made> {
        if self.label.is_empty() || self.label.len() > LONGEST_LABEL {
            return Err(Failure::usage(format!("a label has 1 to {LONGEST_LABEL} bytes")));
        }
        let calls = cx.calls()?;
        let slots = slots(calls)?;
        let place = self.place(&slots)?;
        let prompt =
            format!("PIN of the SO of {:?}", if place.initialized() { &place.info.label } else { &self.label });
        let officer_pin = if place.initialized() {
            self.officer.source().present(&prompt)?
        } else {
            self.officer.source().fresh(&prompt)?
        };
        let user_pin = match self.no_user_pin {
            true => None,
            false => Some(self.user.source().fresh(&format!("PIN of the user of {:?}", self.label))?),
        };
        calls.init_token(place.slot, &officer_pin, self.label.as_bytes())?;
        if let Some(pin) = &user_pin {
            let session = Session::open(calls, place.slot)?;
            session.login(Who::Officer, &officer_pin)?;
            session.init_pin(pin)?;
        }
        let made = Found { slot: place.slot, info: calls.token_info(place.slot)? };
        let namesakes = slots.iter().filter(|other| other.slot != place.slot && other.info.label == self.label).count();
        Ok(Made { token: Details::of(&made), user_pin_set: user_pin.is_some(), same_label: namesakes })
    }

    fn place<'a>(&self, slots: &'a [Found]) -> Result<&'a Found> {
        match self.slot {
            Some(number) => slots.iter().find(|found| found.slot == number).ok_or_else(|| Code::SlotIdInvalid.into()),
            None => slots.iter().find(|found| !found.initialized()).ok_or_else(|| {
                Failure::not_found(Code::TokenNotPresent, "there is no free slot")
                    .hint("`strongroom token delete` makes room; --slot N initialises a token anew.")
            }),
        }
    }
}

/// A token that was made.
#[derive(Serialize)]
pub(crate) struct Made {
    token: Details,
    user_pin_set: bool,
    same_label: usize,
}

impl Report for Made {
    fn human(&self, page: &mut Page) {
        page.say(format!(
            "{} {} in slot {}, serial {}.",
            styled(GOOD, "Made the token"),
            styled(STRONG, &self.token.label),
            self.token.slot,
            self.token.serial
        ));
        if self.same_label > 0 {
            page.say(format!("{} another token has this label; tell them apart by serial.", styled(WARN, "note:")));
        }
        page.line(&self.token.uri);
        page.say(match self.user_pin_set {
            true => "Next: strongroom key generate --type ec:p256 --label NAME",
            false => "Next: strongroom pin reset, which sets the PIN of the user.",
        });
    }
}

/// List the tokens
#[derive(clap::Args)]
pub(crate) struct List {
    /// Free slots too
    #[arg(long)]
    all: bool,
}

impl List {
    pub(crate) fn run(self, cx: &Context) -> Result<Tokens> {
        let slots = slots(cx.calls()?)?;
        Ok(Tokens { tokens: slots.iter().filter(|found| self.all || found.initialized()).map(Details::of).collect() })
    }
}

/// The tokens.
#[derive(Serialize)]
pub(crate) struct Tokens {
    tokens: Vec<Details>,
}

impl Report for Tokens {
    fn human(&self, page: &mut Page) {
        if self.tokens.is_empty() {
            return page.say("There is no token yet. Make one: strongroom token init --label NAME");
        }
        let row = |token: &Details| {
            vec![
                token.slot.to_string(),
                token.label.clone(),
                token.serial.clone(),
                token.state().to_owned(),
                token.uri.clone(),
            ]
        };
        page.table(&["SLOT", "LABEL", "SERIAL", "STATE", "URI"], self.tokens.iter().map(row));
    }
}

/// Show all that is known about a token
#[derive(clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    token: TokenChoice,
}

impl Show {
    pub(crate) fn run(self, cx: &Context) -> Result<Details> {
        Ok(Details::of(&self.token.find(cx.calls()?)?))
    }
}

/// A token as it is shown.
#[derive(Serialize)]
pub(crate) struct Details {
    slot: u64,
    label: String,
    serial: String,
    initialized: bool,
    user_pin_set: bool,
    user_pin_locked: bool,
    so_pin_locked: bool,
    user_pin_final_try: bool,
    so_pin_final_try: bool,
    write_protected: bool,
    min_pin: u64,
    max_pin: u64,
    flags: Vec<&'static str>,
    uri: String,
}

impl Details {
    fn of(found: &Found) -> Details {
        let has = |flag| found.info.flags & flag != 0;
        Details {
            slot: found.slot,
            label: found.info.label.clone(),
            serial: found.info.serial.clone(),
            initialized: found.initialized(),
            user_pin_set: has(ck::CKF_USER_PIN_INITIALIZED),
            user_pin_locked: has(ck::CKF_USER_PIN_LOCKED),
            so_pin_locked: has(ck::CKF_SO_PIN_LOCKED),
            user_pin_final_try: has(ck::CKF_USER_PIN_FINAL_TRY),
            so_pin_final_try: has(ck::CKF_SO_PIN_FINAL_TRY),
            write_protected: has(ck::CKF_WRITE_PROTECTED),
            min_pin: found.info.min_pin,
            max_pin: found.info.max_pin,
            flags: words::flags(words::TOKEN_FLAGS, found.info.flags),
            uri: if found.initialized() { found.uri().to_string() } else { String::new() },
        }
    }

    fn state(&self) -> &'static str {
        match self {
            Details { initialized: false, .. } => "free",
            Details { so_pin_locked: true, .. } => "SO locked",
            Details { user_pin_locked: true, .. } => "user locked",
            Details { so_pin_final_try: true, .. } => "SO: one try left",
            Details { user_pin_final_try: true, .. } => "user: one try left",
            Details { user_pin_set: false, .. } => "no user PIN",
            Details { write_protected: true, .. } => "read-only",
            _ => "ready",
        }
    }
}

impl Report for Details {
    fn human(&self, page: &mut Page) {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        page.pairs([
            pair("label", self.label.clone()),
            pair("serial", self.serial.clone()),
            pair("slot", self.slot.to_string()),
            pair("state", self.state().to_owned()),
            pair("PIN length", format!("{} to {} bytes", self.min_pin, self.max_pin)),
            pair("flags", self.flags.join(" ")),
            pair("URI", self.uri.clone()),
        ]);
    }
}

/// Destroy a token with all its keys. There is no way back
#[derive(clap::Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    token: TokenChoice,
    /// Do not ask whether this is really meant
    #[arg(long, short = 'y')]
    yes: bool,
    #[command(flatten)]
    officer: OfficerPin,
}

impl Delete {
    pub(crate) fn run(self, cx: &Context) -> Result<Deleted> {
        let calls = cx.calls()?;
        let found = self.token.find(calls)?;
        let label = &found.info.label;
        if !self.yes {
            confirm(&format!("Destroy the token {label:?} ({}) and all its keys for ever?", found.info.serial))?;
        }
        let pin = self.officer.source().present(&format!("PIN of the SO of {label:?}"))?;
        calls.delete_token(found.slot, &pin)?;
        Ok(Deleted { label: label.clone(), serial: found.info.serial.clone(), slot: found.slot })
    }
}

/// A token that is no more.
#[derive(Serialize)]
pub(crate) struct Deleted {
    label: String,
    serial: String,
    slot: u64,
}

impl Report for Deleted {
    fn human(&self, page: &mut Page) {
        page.say(format!("{} {} ({}).", styled(GOOD, "Destroyed the token"), styled(STRONG, &self.label), self.serial));
    }
}

/// Asks on the terminal whether something that cannot be undone is meant.
///
/// # Errors
/// `CKR_CANCEL` where the answer is not "yes", wrong usage where there is nobody to ask.
pub(crate) fn confirm(question: &str) -> Result<()> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage("this cannot be undone, and there is no terminal to ask on").hint("Add --yes."));
    }
    let mut answer = String::new();
    let _ = write!(anstream::stderr(), "{question} Type yes: ");
    let _ = stdin.lock().read_line(&mut answer);
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(Failure::new(Code::Cancel, "cancelled").hint("Nothing was changed.")),
    }
}

/// `CK_TOKEN_INFO` has room for this many bytes.
const LONGEST_LABEL: usize = 32;
