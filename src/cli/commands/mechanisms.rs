//! `strongroom mechanisms`: what a token can do.

use crate::cli::Context;
use crate::cli::failure::{Failure, Result};
use crate::cli::render::{Page, Report};
use crate::cli::select::TokenChoice;
use crate::cli::words;
use serde::Serialize;
use strongroom_pkcs11::error::Code;

/// List the mechanisms of a token
#[derive(clap::Args)]
pub(crate) struct Mechanisms {
    #[command(flatten)]
    token: TokenChoice,
    /// Only those that do this: encrypt, decrypt, digest, sign, verify, generate, generate-pair, wrap, unwrap, derive
    #[arg(long, value_name = "USE")]
    can: Option<String>,
}

impl Mechanisms {
    pub(crate) fn run(self, cx: &Context) -> Result<List> {
        let calls = cx.calls()?;
        let slot = self.slot(cx)?;
        let wanted = self.can.as_deref().map(use_flag).transpose()?.unwrap_or(0);
        let mut mechanisms = Vec::new();
        for id in calls.mechanism_list(slot)? {
            let info = calls.mechanism_info(slot, id)?;
            if info.flags & wanted == wanted {
                mechanisms.push(Mechanism {
                    name: words::mechanism(id).into_owned(),
                    id,
                    min_key: info.min_key,
                    max_key: info.max_key,
                    can: words::flags(words::MECHANISM_FLAGS, info.flags),
                });
            }
        }
        Ok(List { mechanisms })
    }

    /// Every token of a vault can do the same: without a choice any slot will do.
    fn slot(&self, cx: &Context) -> Result<u64> {
        let calls = cx.calls()?;
        match (&self.token.token, self.token.slot) {
            (None, None) => calls.slot_list()?.first().copied().ok_or_else(|| Failure::from(Code::TokenNotPresent)),
            _ => Ok(self.token.find(calls)?.slot),
        }
    }
}

fn use_flag(word: &str) -> Result<u64> {
    words::MECHANISM_FLAGS.iter().find(|(_, name)| *name == word).map(|(flag, _)| *flag).ok_or_else(|| {
        let known: Vec<&str> = words::MECHANISM_FLAGS.iter().map(|(_, name)| *name).collect();
        Failure::usage(format!("{word:?} is no use of a mechanism")).hint(format!("Known: {}.", known.join(", ")))
    })
}

/// The mechanisms.
#[derive(Serialize)]
pub(crate) struct List {
    mechanisms: Vec<Mechanism>,
}

#[derive(Serialize)]
struct Mechanism {
    name: String,
    id: u64,
    min_key: u64,
    max_key: u64,
    can: Vec<&'static str>,
}

impl Report for List {
    fn human(&self, page: &mut Page) {
        let row = |mechanism: &Mechanism| {
            let sizes = match (mechanism.min_key, mechanism.max_key) {
                (0, 0) => String::new(),
                (least, most) => format!("{least}–{most}"),
            };
            vec![mechanism.name.clone(), sizes, mechanism.can.join(" ")]
        };
        page.table(&["MECHANISM", "KEY SIZE", "CAN"], self.mechanisms.iter().map(row));
        page.say(format!("{} mechanisms.", self.mechanisms.len()));
    }
}
