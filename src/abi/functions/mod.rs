//! The C_ functions, a row each. What the columns mean says `entry!`.

mod general;
mod key;
mod later;
mod object;
mod operation;
mod token;

pub(super) use general::*;
pub(super) use key::*;
pub(super) use later::*;
pub(super) use object::*;
pub(super) use operation::*;
pub(super) use token::*;

/// What the rows and their macro name.
mod prelude {
    pub(super) use crate::abi::entry::{self, Ending, entry};
    pub(super) use crate::abi::out::{Answers, Buffer, Filled, Found, List, Place};
    pub(super) use crate::abi::state::STATE;
    pub(super) use crate::abi::{info, initialize, lists, read, show};
    pub(super) use crate::ck::*;
    pub(super) use crate::error::Code;
    pub(super) use std::ffi::c_void;
    pub(super) use std::fmt::Write;
}
