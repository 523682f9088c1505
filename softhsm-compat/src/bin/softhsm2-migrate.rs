//! `softhsm2-migrate`: brings the keys of a SoftHSM2 token to a Strongroom token.

use clap::Parser;
use serde_json::json;
use softhsm_compat::configuration::Configuration;
use softhsm_compat::migrate::{Line, Outcome, Summary, migrate};
use softhsm_compat::pin::Source;
use softhsm_compat::target::{self, Session};
use softhsm_compat::token;
use std::path::PathBuf;
use std::process::ExitCode;
use strongroom_pkcs11::error::{Code, Error, Result};

/// Bring the keys of a SoftHSM2 token to a Strongroom token
///
/// Reads the files of SoftHSM2 (which need not be installed), creates every object on the Strongroom token with its
/// label, id and flags, and proves each key: the new token signs, the public key of the old one verifies. The
/// SoftHSM2 token is not changed. An interrupted migration is finished by starting it again.
#[derive(Parser)]
#[command(name = "softhsm2-migrate", version, after_help = HELP)]
struct Arguments {
    /// softhsm2.conf, or the directory of the tokens [default: as SoftHSM2 finds it]
    #[arg(long, value_name = "PATH")]
    from: Option<PathBuf>,
    /// The SoftHSM2 token by its label or serial number [default: the only one]
    #[arg(long, value_name = "LABEL")]
    token: Option<String>,
    /// Read the PIN of the SoftHSM2 token's user from the first line of this file
    #[arg(long, value_name = "PATH", conflicts_with = "pin_fd")]
    pin_file: Option<PathBuf>,
    /// Read it from this open file descriptor
    #[arg(long, value_name = "N")]
    pin_fd: Option<u32>,
    /// The home of Strongroom [default: STRONGROOM_HOME, else as configured]
    #[arg(long, value_name = "DIR")]
    to_home: Option<PathBuf>,
    /// The Strongroom token by its label or serial number [default: the only one]
    #[arg(long, value_name = "LABEL", conflicts_with = "slot")]
    to_token: Option<String>,
    /// The Strongroom token by its slot
    #[arg(long, value_name = "N")]
    slot: Option<u64>,
    /// Read the PIN of the Strongroom token's user from the first line of this file
    #[arg(long, value_name = "PATH", conflicts_with = "to_pin_fd")]
    to_pin_file: Option<PathBuf>,
    /// Read it from this open file descriptor
    #[arg(long, value_name = "N")]
    to_pin_fd: Option<u32>,
    /// Only say what would be done; no Strongroom token is needed
    #[arg(long)]
    dry_run: bool,
    /// Answer with one JSON document
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
PINs are never taken from the command line. Without an option they come from SOFTHSM2_PIN and STRONGROOM_PIN, else
from a prompt.

Exit codes:
  0  every object is on the Strongroom token
  1  something failed: an object could not be read or created, or a key is not the one that it was
  2  wrong usage
  3  a PIN is wrong or missing
  4  no such token or store
  8  some objects were refused: Strongroom has no such keys";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(summary) => {
            if arguments.json {
                println!("{}", json!({ "ok": exit(&summary) == 0, "data": summary }));
            } else {
                print!("{}", page(&summary));
            }
            ExitCode::from(exit(&summary))
        }
        Err(error) => {
            if arguments.json {
                println!("{}", json!({ "ok": false, "error": { "code": error.code().name(), "text": error.why() } }));
            } else {
                eprintln!("error: {error}");
            }
            ExitCode::from(failure(&error))
        }
    }
}

fn run(arguments: &Arguments) -> Result<Summary> {
    let configuration = match &arguments.from {
        Some(path) => Configuration::at(path)?,
        None => Configuration::find()?,
    };
    let token = token::find(&configuration.tokens, arguments.token.as_deref())?;
    let old = Source {
        file: arguments.pin_file.as_deref(),
        fd: arguments.pin_fd,
        variable: "SOFTHSM2_PIN",
        prompt: "PIN of the user of the SoftHSM2 token",
    };
    let from = token.open(&old.read()?)?;
    if arguments.dry_run {
        return migrate(&from, None, b"");
    }
    let new = Source {
        file: arguments.to_pin_file.as_deref(),
        fd: arguments.to_pin_fd,
        variable: "STRONGROOM_PIN",
        prompt: "PIN of the user of the Strongroom token",
    };
    let pin = new.read()?;
    let client = target::client(arguments.to_home.as_deref())?;
    let slot = target::slot(client.calls(), arguments.slot, arguments.to_token.as_deref())?;
    let session = Session::open(client.calls(), slot)?;
    session.login(&pin)?;
    migrate(&from, Some(&session), &pin)
}

fn exit(summary: &Summary) -> u8 {
    match summary {
        Summary { failed: 1.., .. } => 1,
        Summary { refused: 1.., .. } => 8,
        _ => 0,
    }
}

fn failure(error: &Error) -> u8 {
    match error.code() {
        Code::ArgumentsBad => 2,
        Code::PinIncorrect | Code::PinLenRange | Code::PinLocked | Code::UserPinNotInitialized => 3,
        Code::TokenNotPresent | Code::SlotIdInvalid => 4,
        _ => 1,
    }
}

fn page(summary: &Summary) -> String {
    let mut page: String = summary.objects.iter().map(paragraph).collect();
    let done = if summary.dry_run { "would be migrated (dry run: nothing was changed)" } else { "migrated" };
    page.push_str(&format!(
        "\n{} objects: {} {done}, {} already there, {} refused, {} failed; {} keys proved to be the same.\n",
        summary.objects.len(),
        summary.migrated,
        summary.already_there,
        summary.refused,
        summary.failed,
        summary.proved
    ));
    page
}

fn paragraph(line: &Line) -> String {
    let what = line.key_type.as_ref().map_or(line.class.to_owned(), |kind| format!("{kind} {}", line.class));
    let outcome = match line.outcome {
        Outcome::Migrated => "migrated",
        Outcome::WouldMigrate => "would be migrated",
        Outcome::AlreadyThere => "already there",
        Outcome::Refused => "REFUSED",
        Outcome::Failed => "FAILED",
    };
    let id = if line.id.is_empty() { String::new() } else { format!(" (id {})", line.id) };
    let name = if line.label.is_empty() { line.file.clone() } else { format!("{:?}{id}", line.label) };
    let proof = line.proof.as_ref().map(|proof| format!("; {proof}")).unwrap_or_default();
    let why = line.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let remarks: String = line.remarks.iter().map(|remark| format!("    note: {remark}\n")).collect();
    format!("{outcome}: {what} {name}{why}{proof}\n{remarks}")
}
