//! What a token is: slots, tokens, sessions, logins, objects in use and operations in progress.
//!
//! The engine sees values, never pointers; keys as objects, never as files. It is the same whether it runs in the
//! vault or inside the module.
//!
//! * [`Engine`] holds what all applications share: the store and the tokens in their slots.
//! * `application` is what one application has: its sessions, its handles, its logins.
//! * `account` and `token` are PINs and what they open; `objects` is how objects are kept and found;
//!   `operate` is the rule of section 5.2 for every operation; `keys` makes, wraps and derives keys.

mod account;
mod application;
mod calls;
mod handles;
mod keys;
mod kin;
mod objects;
mod operate;
mod root;
mod session;
mod slots;
mod token;

pub use application::Member;

use crate::call::{Application, Host};
use crate::config::{Home, Pins};
use crate::error::Result;
use crate::secret::Secret;
use crate::store::Store;
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use token::Token;

/// The token side of everything: one for each store.
pub struct Engine {
    home: PathBuf,
    pins: Pins,
    root: Secret,
    store: Store,
    /// The tokens by slot. A token keeps its slot for life.
    tokens: RwLock<BTreeMap<u64, Arc<Token>>>,
    /// Held while a token is made or destroyed, so that slots are given out once.
    making: Mutex<()>,
}

impl Engine {
    /// Opens the store of a home, making it where it is not there and can be made.
    ///
    /// # Errors
    /// What the root key or the store say: another owner, a wrong or missing key, damage that cannot be mended.
    pub fn open(home: &Home) -> Result<Arc<Engine>> {
        let mode = root::mode(&home.directory);
        let root = root::load(&home.directory, mode)?;
        let store = Store::open(&home.directory.join("store"), &root, mode)?;
        let tokens = token::load_all(&store, &root)?;
        Ok(Arc::new(Engine {
            home: home.directory.clone(),
            pins: home.config.pin.clone(),
            root,
            store,
            tokens: RwLock::new(tokens),
            making: Mutex::new(()),
        }))
    }

    fn read_only(&self) -> bool {
        self.store.read_only()
    }
}

/// An engine as the vault sees it.
pub struct EngineHost(pub Arc<Engine>);

impl Host for EngineHost {
    fn enter(&self, after: u64) -> Arc<dyn Application> {
        Arc::new(Member::new(self.0.clone(), after))
    }
}
