//! The application's side: finds the vault (or starts it), keeps connections to it, and carries calls.
//!
//! It holds no key and does no cryptography, starts no thread, and nothing of it runs when a thread or the process ends.

mod binary;
mod identity;
mod in_process;
mod reach;
mod start;
mod vault;

pub(crate) use start::make_home;

use crate::call::{Calls, Remote};
use crate::config::{EngineKind, Home};
use crate::error::Result;
use std::sync::Arc;

/// One application's way to its token.
///
/// Nothing is connected or started before the first call. A client belongs to the process that made it:
/// after a fork the child calls [`Client::forked`] (to go on with what it inherited) or makes a new one.
pub struct Client {
    engine: Where,
}

enum Where {
    Vault(Remote<Arc<vault::Vault>>),
    InProcess(Box<Remote<in_process::Engine>>),
}

impl Client {
    /// A client of the vault (or, where the configuration says so, of the in-process engine) of `home`.
    pub fn new(home: Home) -> Result<Client> {
        let engine = match home.config.engine {
            EngineKind::Vault => Where::Vault(Remote(Arc::new(vault::Vault::new(home)))),
            EngineKind::InProcess => Where::InProcess(Box::new(Remote(in_process::Engine::new(home)))),
        };
        Ok(Client { engine })
    }

    /// The token. Any number of threads may call; each call under way has a connection of its own.
    pub fn calls(&self) -> &(dyn Calls + Sync) {
        match &self.engine {
            Where::Vault(remote) => remote,
            Where::InProcess(remote) => &**remote,
        }
    }

    /// In a child of the process that made `self`: the client of the application that the child is, with its own copy
    /// of the sessions it inherited. Takes nothing from the parent's connections.
    pub fn forked(&self) -> Result<Client> {
        let engine = match &self.engine {
            Where::Vault(remote) => Where::Vault(Remote(Arc::new(remote.0.forked()))),
            Where::InProcess(remote) => Where::InProcess(Box::new(Remote(remote.0.forked()))),
        };
        Ok(Client { engine })
    }
}
