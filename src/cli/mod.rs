//! The administrator's commands: what can be said on the command line, and who does it.

mod commands;
mod failure;
mod module;
mod pin;
mod progress;
mod render;
mod select;
mod session;
mod uri;
mod words;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use commands::{doctor, key, mechanisms, object, pins, quickstart, serve, token};
use failure::{Exit, Failure, Result};
use render::{Format, finish, refuse};
use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::ExitCode;
use strongroom_pkcs11::client::Client;
use strongroom_pkcs11::config::Home;
use strongroom_pkcs11::error::Code;

/// A software HSM: keys live sealed in a vault of their own; applications use them through PKCS#11
#[derive(Parser)]
#[command(name = "strongroom", version, subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(clap::Args)]
struct Global {
    /// The home: the directory of configuration, store and socket [default: STRONGROOM_HOME, else as configured]
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    home: Option<PathBuf>,
    /// Answer with one JSON document: {"ok":true,"data":…} or {"ok":false,"error":{"code","text","hint"}}
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = EVERYWHERE)]
    color: Color,
    /// Data only: no sentences, no progress
    #[arg(long, short = 'q', global = true, help_heading = EVERYWHERE)]
    quiet: bool,
}

/// The heading of options that every command has.
const EVERYWHERE: &str = "Every command";

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    /// Try everything: a home, a token, two keys, a signature through the C interface
    Quickstart(quickstart::Quickstart),
    /// Make, list, show and delete tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Change and reset PINs
    #[command(subcommand)]
    Pin(pins::Command),
    /// List, show and delete objects
    #[command(subcommand)]
    Object(object::Command),
    /// Generate and import keys and certificates
    #[command(subcommand)]
    Key(key::Command),
    /// List the mechanisms of a token
    Mechanisms(mechanisms::Mechanisms),
    /// Check the installation, and say how to mend what is wrong
    Doctor(doctor::Doctor),
    /// Run the vault
    Serve(serve::Serve),
}

/// What the commands share: how results are shown, the home, the way to the vault.
pub(crate) struct Context {
    home: Option<PathBuf>,
    format: Format,
    client: OnceCell<Client>,
}

impl Context {
    fn new(global: &Global) -> Context {
        let format = match (global.json, global.quiet) {
            (true, _) => Format::Json,
            (false, true) => Format::Quiet,
            (false, false) => Format::Human,
        };
        Context { home: global.home.clone(), format, client: OnceCell::new() }
    }

    /// The home that is meant.
    pub(crate) fn home(&self) -> Result<Home> {
        Ok(match &self.home {
            Some(directory) => Home::at(std::path::absolute(directory).map_err(failure::in_file(directory))?)?,
            None => Home::find()?,
        })
    }

    /// The token's calls; the vault is started where none runs.
    pub(crate) fn calls(&self) -> Result<session::Token<'_>> {
        if self.client.get().is_none() {
            let _ = self.client.set(Client::new(self.home()?)?);
        }
        self.client.get().map(Client::calls).ok_or_else(|| Failure::from(Code::GeneralError))
    }

    /// Whether remarks and progress are welcome.
    pub(crate) fn talkative(&self) -> bool {
        self.format == Format::Human
    }

    /// A failure of the device, told apart: the vault that answers and knows of damage is not unreachable.
    fn told_apart(&self, failure: Failure) -> Failure {
        let damage = match (failure.code(), self.client.get()) {
            (Code::DeviceError, Some(client)) => {
                client.calls().status().map(|status| status.damage).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        if damage.is_empty() { failure } else { failure.exit_with(Exit::Damaged) }
    }
}

/// Reads the command line, does what it says, and ends with the exit code that says how it went.
pub(crate) fn main() -> ExitCode {
    let parsed = command().try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    match parsed {
        Ok(arguments) => run(arguments),
        Err(error) => misread(&error),
    }
}

fn run(arguments: Arguments) -> ExitCode {
    match arguments.global.color {
        Color::Auto => (),
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let cx = &Context::new(&arguments.global);
    match arguments.command {
        Command::Quickstart(command) => show(command.run(cx), cx),
        Command::Token(token::Command::Init(command)) => show(command.run(cx), cx),
        Command::Token(token::Command::List(command)) => show(command.run(cx), cx),
        Command::Token(token::Command::Show(command)) => show(command.run(cx), cx),
        Command::Token(token::Command::Delete(command)) => show(command.run(cx), cx),
        Command::Pin(pins::Command::Change(command)) => show(command.run(cx), cx),
        Command::Pin(pins::Command::Reset(command)) => show(command.run(cx), cx),
        Command::Object(object::Command::List(command)) => show(command.run(cx), cx),
        Command::Object(object::Command::Show(command)) => show(command.run(cx), cx),
        Command::Object(object::Command::Delete(command)) => show(command.run(cx), cx),
        Command::Key(key::Command::Generate(command)) => show(command.run(cx), cx),
        Command::Key(key::Command::Import(command)) => show(command.run(cx), cx),
        Command::Mechanisms(command) => show(command.run(cx), cx),
        Command::Doctor(command) => show(command.run(cx), cx),
        Command::Serve(command) => command.run(cx).unwrap_or_else(|failure| refuse(&failure, cx.format)),
    }
}

fn show<R: render::Report>(outcome: Result<R>, cx: &Context) -> ExitCode {
    finish(outcome.map_err(|failure| cx.told_apart(failure)), cx.format)
}

/// The command line as clap knows it, with the exit codes at the end of `--help`.
fn command() -> clap::Command {
    let mut help = String::from("Exit codes:\n");
    for (exit, words) in Exit::ALL {
        help.push_str(&format!("  {}  {words}\n", *exit as u8));
    }
    help.push_str("\nPINs are never taken from the command line. `strongroom token init --help` names their sources.");
    Arguments::command().after_help(help)
}

/// What clap could not read, or a help text that was asked for.
fn misread(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && error.exit_code() != 0 {
        let text = error.to_string();
        let text = text.trim_start_matches("error: ").split("\n\nUsage:").next().unwrap_or_default().trim();
        return refuse(&Failure::usage(text).hint("`strongroom help` explains the commands."), Format::Json);
    }
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn no_option_takes_a_pin_itself() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                let name = argument.get_long().unwrap_or_default();
                assert!(!name.ends_with("pin") || !argument.get_action().takes_values(), "--{name}");
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&command());
    }

    #[test]
    fn exit_codes_are_in_the_help() {
        let help = command().render_long_help().to_string();
        for (exit, words) in Exit::ALL {
            assert!(help.contains(&format!("{}  {words}", *exit as u8)), "{words}");
        }
    }
}
