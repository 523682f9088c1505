//! `strongroom quickstart`: everything once, in a directory of its own, through the C interface of the module.

mod place;
mod recipes;
mod tour;

use crate::cli::Context;
use crate::cli::failure::{Failure, Result, in_file};
use crate::cli::module;
use crate::cli::render::{FAINT, GOOD, Page, Report, STRONG, styled};
use place::Place;
use recipes::Recipe;
use serde::Serialize;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use strongroom_pkcs11::client::Client;
use strongroom_pkcs11::config::Home;
use tour::Tour;

/// Try everything: a home, a token, two keys, a signature through the C interface.
///
/// Makes a directory of its own and touches nothing else: run it as often as you like, each run takes a new directory.
#[derive(clap::Args)]
pub(crate) struct Quickstart {
    /// The directory to make [default: ./strongroom-quickstart, or one for temporary files where this is not writable]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The module to load
    #[arg(long, value_name = "PATH")]
    module: Option<PathBuf>,
    /// The directory that the first half of this command has made
    #[arg(long, value_name = "DIR", hide = true)]
    prepared: Option<PathBuf>,
}

impl Quickstart {
    pub(crate) fn run(self, cx: &Context) -> Result<Done> {
        if cx.home.is_some() {
            return Err(
                Failure::usage("quickstart makes a home of its own").hint("Leave --home away; name DIR instead.")
            );
        }
        let module = module::locate(self.module.as_deref())?;
        let Some(directory) = self.prepared else {
            let place = Place::make(self.directory)?;
            return Err(again(&place));
        };
        let place = Place { directory };
        let tour = tour::tour(&module, &place, cx.talkative())?;
        let status = Client::new(Home::at(place.home())?)?.calls().status()?;
        let recipes = recipes::write(&module, &place, &tour)?;
        Ok(Done {
            directory: place.directory.clone(),
            home: place.home(),
            module,
            pin_file: place.pin(),
            user_pin: place.read_pin()?,
            tour,
            vault: Vault { pid: status.pid, version: status.version },
            own_pid: std::process::id(),
            recipes,
        })
    }
}

/// Runs this command again as what it will be from now on: an application in whose environment the home is named, as
/// it is for every other. Returns only if that fails.
fn again(place: &Place) -> Failure {
    let binary = match std::env::current_exe() {
        Ok(binary) => binary,
        Err(error) => return in_file(std::path::Path::new("/proc/self/exe"))(error),
    };
    let error = Command::new(&binary)
        .args(std::env::args_os().skip(1))
        .arg("--prepared")
        .arg(&place.directory)
        .env("STRONGROOM_HOME", place.home())
        .exec();
    in_file(&binary)(error)
}

/// What was done, and how to go on.
#[derive(Serialize)]
pub(crate) struct Done {
    directory: PathBuf,
    home: PathBuf,
    module: PathBuf,
    pin_file: PathBuf,
    user_pin: String,
    #[serde(flatten)]
    tour: Tour,
    vault: Vault,
    own_pid: u32,
    recipes: Vec<Recipe>,
}

#[derive(Serialize)]
struct Vault {
    pid: u64,
    version: String,
}

impl Report for Done {
    fn human(&self, page: &mut Page) {
        page.heading("What was done, all through the C interface of the module");
        let pair = |name: &str, value: String| (name.to_owned(), value);
        page.pairs([
            pair("directory", self.directory.display().to_string()),
            pair("module", self.module.display().to_string()),
            pair("token", format!("{} in slot {}, serial {}", tour::LABEL, self.tour.slot, self.tour.serial)),
            pair("PIN of the user", format!("{} (also in {})", self.user_pin, self.pin_file.display())),
        ]);
        for key in &self.tour.keys {
            let openssl = match key.verified_by_openssl {
                true => "by the vault and by openssl",
                false => "by the vault (no openssl command here to ask as well)",
            };
            page.say(format!(
                "{} {}: {} signed {} with {}; the signature was verified {openssl}.",
                styled(GOOD, "✓"),
                styled(STRONG, key.label),
                key.kind,
                self.tour.message.display(),
                key.mechanism
            ));
        }
        page.say(format!("{} Asked for the private value: {}.", styled(GOOD, "✓"), self.tour.private_value));
        page.say(format!(
            "{} The keys are in process {} (strongroom serve), not in this one ({}).",
            styled(GOOD, "✓"),
            self.vault.pid,
            self.own_pid
        ));
        page.heading("To copy");
        page.line(format!("export STRONGROOM_HOME={}", recipes::quoted(&self.home)));
        for recipe in &self.recipes {
            page.say(format!("\n{}", styled(FAINT, format!("# {}", recipe.tool))));
            page.line(&recipe.lines);
        }
        page.say(format!(
            "\nWhen you are done: rm -r {} (the vault ends by itself).",
            recipes::quoted(&self.directory)
        ));
    }
}
