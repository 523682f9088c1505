//! The application's side: finds the vault (or starts it), keeps connections to it, and carries calls.

mod start;

pub(crate) use start::make_home;
