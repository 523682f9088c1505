//! Strongroom: a software HSM. Applications load this library as their PKCS#11 module; their keys live in
//! another process, sealed on disk, and never enter the application.
//!
//! The layers, each of which knows only those above it in this list:
//!
//! * [`error`], [`secret`], [`ck`]: outcomes, bytes that wipe themselves, the numbers of the standard
//! * [`config`], [`log`]: one file that says where the home is and how it is; lines for whoever looks for a fault
//! * [`wire`]: values without pointers, and how they become frames
//! * [`crypto`]: primitives; which crate serves which is decided there only
//! * [`object`]: attributes and their rules
//! * [`mechanism`]: one row and one file a mechanism
//! * [`store`]: the sealed log and its index
//! * [`call`]: every call, a row each; its client and its server
//! * [`client`]: the application's side: finds or starts the vault, keeps connections, carries calls
//! * [`serve`]: the vault's outside: listening, who is calling, hardening
//! * [`engine`]: what a token is: slots, sessions, login, operations
//! * [`abi`]: the C face: pointers into values, values to pointers, initialising, forks

pub mod abi;
pub mod call;
pub mod ck;
pub mod client;
pub mod config;
pub mod crypto;
pub mod engine;
pub mod error;
pub mod log;
pub mod mechanism;
pub mod object;
mod os;
pub mod secret;
pub mod serve;
pub mod store;
pub mod wire;
