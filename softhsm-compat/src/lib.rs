//! SoftHSM2's stores, read without SoftHSM2, and the way from there to Strongroom.
//!
//! * [`configuration`]: which directory holds the tokens
//! * [`object_file`]: the format of one file
//! * [`token_key`]: the key that a PIN opens
//! * [`token`]: a token and its objects
//! * [`template`]: an object as Strongroom takes it, or why it cannot be taken
//! * [`migrate`]: the way of a whole token; [`verify`] proves that its keys arrived
//! * [`import`]: a key file as `softhsm2-util --import` takes it
//! * [`target`], [`pin`]: the Strongroom token that is meant, and where PINs come from
//!
//! Everything that is read here was written by another program and may have been edited by anybody: it is checked
//! as untrusted input, and what is secret in it lies in memory that wipes itself.

pub mod configuration;
pub mod import;
pub mod migrate;
pub mod object_file;
pub mod pin;
pub mod target;
pub mod template;
pub mod token;
pub mod token_key;
pub mod verify;
