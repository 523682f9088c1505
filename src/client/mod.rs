//! The application's side: finds the vault (or starts it), keeps a connection for each thread, and carries calls.

use crate::call::Calls;
use crate::config::Home;
use crate::error::Result;

/// One application's way to its token.
///
/// Nothing is connected or started before the first call. A client belongs to the process that made it:
/// after a fork the child calls [`Client::forked`] (to go on with what it inherited) or makes a new one.
pub struct Client {}

impl Client {
    /// A client of the vault (or, where the configuration says so, of the in-process engine) of `home`.
    pub fn new(home: Home) -> Result<Client> {
        let _ = home;
        todo!()
    }

    /// The token. Any thread may call; each has its own connection.
    pub fn calls(&self) -> &(dyn Calls + Sync) {
        todo!()
    }

    /// In a child of the process that made `self`: the client of the application that the child is, with its own copy
    /// of the sessions it inherited. Takes nothing from the parent's connections.
    pub fn forked(&self) -> Result<Client> {
        todo!()
    }
}
