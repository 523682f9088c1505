//! The `strongroom` binary: the administrator's commands, and the vault (`strongroom serve`).
//!
//! All that only people at a terminal need (argument parsing, tables, colours) lives here and not in the library,
//! so that the PKCS#11 module never carries it.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
