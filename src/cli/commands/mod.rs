//! The commands, one file each.

pub(crate) mod doctor;
pub(crate) mod key;
pub(crate) mod mechanisms;
pub(crate) mod object;
pub(crate) mod pins;
pub(crate) mod quickstart;
pub(crate) mod serve;
pub(crate) mod token;
