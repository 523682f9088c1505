//! `softhsm2-util` for a Strongroom home: the options and answers that scripts written for SoftHSM2 know.
//!
//! It differs where it must. PINs on the command line are taken, because those scripts give them so, but with a
//! warning: every user of the machine can read them there. To delete a token the SO's PIN is due.

use clap::Parser;
use softhsm_compat::import::{self, Wish};
use softhsm_compat::pin::Source;
use softhsm_compat::target::{self, Session};
use std::path::PathBuf;
use std::process::ExitCode;
use strongroom_pkcs11::call::Calls;
use strongroom_pkcs11::ck;
use strongroom_pkcs11::error::{Code, Result};
use strongroom_pkcs11::secret::Secret;
use strongroom_pkcs11::wire::values::{Template, TokenInfo};

/// The commands of softhsm2-util on the tokens of Strongroom
///
/// The home is that of STRONGROOM_HOME, else as configured. `strongroom` has more commands.
#[derive(Parser)]
#[command(name = "softhsm2-util", version, arg_required_else_help = true, group = clap::ArgGroup::new("action").required(true))]
struct Arguments {
    /// Initialize the token at a given slot. Use with --slot, --token, --serial or --free, --label, --so-pin, --pin
    #[arg(long, group = "action")]
    init_token: bool,
    /// Display all the available slots
    #[arg(long, group = "action")]
    show_slots: bool,
    /// Import a key pair in PKCS#8. Use with --slot, --token or --serial, --label, --id, --pin
    #[arg(long, value_name = "PATH", group = "action")]
    import: Option<PathBuf>,
    /// Delete a token. Use with --token, --serial or --slot, and --so-pin
    #[arg(long, group = "action")]
    delete_token: bool,
    /// The slot where the token is
    #[arg(long, value_name = "NUMBER")]
    slot: Option<u64>,
    /// The token with this label
    #[arg(long, value_name = "LABEL")]
    token: Option<String>,
    /// The token with this serial number
    #[arg(long, value_name = "NUMBER")]
    serial: Option<String>,
    /// The free slot
    #[arg(long)]
    free: bool,
    /// The label of the token or of the object
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// The id of the object, in hexadecimal
    #[arg(long, value_name = "HEX")]
    id: Option<String>,
    /// The PIN of the SO (safer: STRONGROOM_SO_PIN)
    #[arg(long, value_name = "PIN")]
    so_pin: Option<String>,
    /// The PIN of the user (safer: STRONGROOM_PIN)
    #[arg(long, value_name = "PIN")]
    pin: Option<String>,
    /// Import the file as the bytes of an AES key
    #[arg(long)]
    aes: bool,
    /// Do not import the public key
    #[arg(long)]
    no_public_key: bool,
    /// Import although an object with this id is there
    #[arg(long)]
    force: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.pin.is_some() || arguments.so_pin.is_some() {
        eprintln!(
            "WARNING: a PIN on the command line can be read by every user of this machine. \
             Set STRONGROOM_PIN and STRONGROOM_SO_PIN instead."
        );
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let client = target::client(None)?;
    let calls = client.calls();
    match &arguments.import {
        Some(file) => import_key(calls, arguments, file),
        None if arguments.show_slots => show_slots(calls),
        None if arguments.init_token => init_token(calls, arguments),
        None => delete_token(calls, arguments),
    }
}

fn show_slots(calls: &dyn Calls) -> Result<()> {
    println!("Available slots:");
    for (slot, info) in target::slots(calls)? {
        let yes = |flag| if info.flags & flag != 0 { "yes" } else { "no" };
        println!("Slot {slot}");
        println!("    Slot info:");
        println!("        Description:      {:64}", calls.slot_info(slot)?.description);
        println!("        Manufacturer ID:  {:32}", "Strongroom");
        println!("        Hardware version: {VERSION}");
        println!("        Firmware version: {VERSION}");
        println!("        Token present:    yes");
        println!("    Token info:");
        println!("        Manufacturer ID:  {:32}", "Strongroom");
        println!("        Model:            {:16}", "Strongroom");
        println!("        Hardware version: {VERSION}");
        println!("        Firmware version: {VERSION}");
        println!("        Serial number:    {:16}", info.serial);
        println!("        Initialized:      {}", yes(ck::CKF_TOKEN_INITIALIZED));
        println!("        User PIN init.:   {}", yes(ck::CKF_USER_PIN_INITIALIZED));
        println!("        Label:            {:32}", info.label);
    }
    Ok(())
}

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

fn init_token(calls: &dyn Calls, arguments: &Arguments) -> Result<()> {
    let missing = || Code::ArgumentsBad.because("a label for the token must be supplied: --label <text>");
    let label = arguments.label.as_deref().ok_or_else(missing)?;
    if label.len() > 32 {
        return Err(Code::ArgumentsBad.because("the label is longer than 32 bytes"));
    }
    let slot = place(calls, arguments)?;
    let officer_pin = officer(arguments)?;
    let user_pin = user(arguments)?;
    calls.init_token(slot, &officer_pin, label.as_bytes())?;
    let session = Session::open(calls, slot)?;
    calls.login(session.handle, ck::CKU_SO, None, &officer_pin)?;
    calls.init_pin(session.handle, &user_pin)?;
    println!("The token has been initialized and is reassigned to slot {slot}");
    Ok(())
}

/// The slot for a new token: a free one, a numbered one, or that of a token that is made anew.
fn place(calls: &dyn Calls, arguments: &Arguments) -> Result<u64> {
    if arguments.free {
        let free = |(_, info): &&(u64, TokenInfo)| !target::is_initialized(info);
        let slots = target::slots(calls)?;
        let none = || Code::TokenNotPresent.because("could not find a free slot");
        let (slot, _) = slots.iter().find(free).ok_or_else(none)?;
        println!("Slot {slot} has a free/uninitialized token.");
        return Ok(*slot);
    }
    match arguments.slot {
        Some(slot) => Ok(slot),
        None => named(calls, arguments),
    }
}

/// The slot of an initialised token that the options name.
fn named(calls: &dyn Calls, arguments: &Arguments) -> Result<u64> {
    let name = arguments.serial.as_deref().or(arguments.token.as_deref());
    if arguments.slot.is_none() && name.is_none() {
        return Err(Code::ArgumentsBad.because("a slot must be supplied: --slot, --token, --serial (or --free)"));
    }
    let slot = target::slot(calls, arguments.slot, name)?;
    if let Some(what) = arguments.serial.as_ref().map(|_| "serial").or(arguments.token.as_ref().map(|_| "label")) {
        println!("Found slot {slot} with matching {}.", if what == "label" { "token label" } else { what });
    }
    Ok(slot)
}

fn delete_token(calls: &dyn Calls, arguments: &Arguments) -> Result<()> {
    let slot = named(calls, arguments)?;
    let serial = calls.token_info(slot)?.serial;
    calls.delete_token(slot, &officer(arguments)?)?;
    println!("The token ({serial}) has been deleted.");
    Ok(())
}

fn import_key(calls: &dyn Calls, arguments: &Arguments, file: &std::path::Path) -> Result<()> {
    let missing = |what: &str| Code::ArgumentsBad.because(format!("{what} must be supplied"));
    let label = arguments.label.as_deref().ok_or_else(|| missing("a label for the object: --label <text>"))?;
    let id = unhex(arguments.id.as_deref().ok_or_else(|| missing("an id for the object: --id <hex>"))?)?;
    let wish = Wish { label, id: &id, aes: arguments.aes, public: !arguments.no_public_key };
    let objects = import::objects(file, &wish)?;
    let slot = named(calls, arguments)?;
    let session = Session::open(calls, slot)?;
    session.login(&user(arguments)?)?;
    if !arguments.force && !session.find(Template::new().bytes(ck::CKA_ID, &id))?.is_empty() {
        return Err(Code::FunctionRejected
            .because("the ID is already assigned to another object. Use --force to override this message"));
    }
    for object in objects {
        calls.create_object(session.handle, object)?;
    }
    println!("The {} has been imported.", if arguments.aes { "AES key" } else { "key pair" });
    Ok(())
}

fn officer(arguments: &Arguments) -> Result<Secret> {
    pin(&arguments.so_pin, "STRONGROOM_SO_PIN", "SO PIN")
}

fn user(arguments: &Arguments) -> Result<Secret> {
    pin(&arguments.pin, "STRONGROOM_PIN", "user PIN")
}

fn pin(given: &Option<String>, variable: &str, prompt: &str) -> Result<Secret> {
    match given {
        Some(pin) => Ok(Secret::from(pin.as_bytes())),
        None => Source { file: None, fd: None, variable, prompt }.read(),
    }
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    let bad = || Code::ArgumentsBad.because("--id takes pairs of hexadecimal digits");
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8).ok_or_else(bad)).collect::<Result<_>>()?;
    match digits.chunks_exact(2) {
        pairs if pairs.remainder().is_empty() => Ok(pairs.map(|pair| pair[0] * 16 + pair[1]).collect()),
        _ => Err(bad()),
    }
}
