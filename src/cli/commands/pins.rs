//! `strongroom pin`: change a PIN, or let the SO set the user's.

use crate::cli::Context;
use crate::cli::failure::Result;
use crate::cli::pin::{NewPin, OfficerPin, UserPin};
use crate::cli::render::{GOOD, Page, Report, STRONG, styled};
use crate::cli::select::TokenChoice;
use crate::cli::session::{Session, Who};
use serde::Serialize;

/// `pin …`
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Change the PIN of the user, or of the SO
    Change(Change),
    /// Let the SO set the user's PIN, and unlock the user
    Reset(Reset),
}

/// Change the PIN of the user, or of the SO
#[derive(clap::Args)]
pub(crate) struct Change {
    /// The PIN of the SO, not of the user
    #[arg(long)]
    so: bool,
    #[command(flatten)]
    token: TokenChoice,
    #[command(flatten)]
    user: UserPin,
    #[command(flatten)]
    officer: OfficerPin,
    #[command(flatten)]
    new: NewPin,
}

impl Change {
    pub(crate) fn run(self, cx: &Context) -> Result<Changed> {
        let calls = cx.calls()?;
        let found = self.token.find(calls)?;
        let (who, source) = match self.so {
            true => (Who::Officer, self.officer.source()),
            false => (Who::User, self.user.source()),
        };
        let whose = format!("PIN of the {} of {:?}", who.word(), found.info.label);
        let old = source.present(&format!("Present {whose}"))?;
        let new = self.new.source().fresh(&format!("New {whose}"))?;
        let session = Session::open(calls, found.slot)?;
        session.login(who, &old)?;
        session.set_pin(&old, &new)?;
        Ok(Changed { token: found.info.label, whose: who.word(), act: "changed" })
    }
}

/// Let the SO set the user's PIN, and unlock the user. Keys stay as they are
#[derive(clap::Args)]
pub(crate) struct Reset {
    #[command(flatten)]
    token: TokenChoice,
    #[command(flatten)]
    officer: OfficerPin,
    #[command(flatten)]
    new: NewPin,
}

impl Reset {
    pub(crate) fn run(self, cx: &Context) -> Result<Changed> {
        let calls = cx.calls()?;
        let found = self.token.find(calls)?;
        let label = &found.info.label;
        let officer = self.officer.source().present(&format!("PIN of the SO of {label:?}"))?;
        let new = self.new.source().fresh(&format!("New PIN of the user of {label:?}"))?;
        let session = Session::open(calls, found.slot)?;
        session.login(Who::Officer, &officer)?;
        session.init_pin(&new)?;
        Ok(Changed { token: found.info.label, whose: Who::User.word(), act: "reset" })
    }
}

/// A PIN that is another now.
#[derive(Serialize)]
pub(crate) struct Changed {
    token: String,
    whose: &'static str,
    act: &'static str,
}

impl Report for Changed {
    fn human(&self, page: &mut Page) {
        let done = format!("The PIN of the {} was {}", self.whose, self.act);
        page.say(format!("{} on the token {}.", styled(GOOD, done), styled(STRONG, &self.token)));
    }
}
