//! Object handles: numbers that mean something to one application only.

use super::objects::Stored;
use crate::object::Object;
use std::collections::HashMap;
use std::sync::Arc;

/// What a handle stands for.
#[derive(Clone)]
pub enum Entry {
    /// A session object: it lives here and nowhere else, as long as its session.
    Session {
        /// The session that made it.
        owner: u64,
        /// The slot of that session.
        slot: u64,
        /// The object.
        object: Arc<Stored>,
    },
    /// A token object, by its identity in the store.
    Token {
        /// Its token's slot.
        slot: u64,
        /// Its identity.
        id: [u8; 16],
        /// Whether it is private: its handle ends with the login.
        private: bool,
    },
    /// An object that the token makes up: a profile, a mechanism.
    Builtin {
        /// The slot.
        slot: u64,
        /// The object.
        object: Arc<Object>,
    },
}

/// The handles of an application.
#[derive(Clone, Default)]
pub struct Handles {
    entries: HashMap<u64, Entry>,
    /// The one handle of each token object that has one.
    of_token: HashMap<(u64, [u8; 16]), u64>,
}

impl Handles {
    /// What a handle stands for.
    pub fn entry(&self, handle: u64) -> Option<&Entry> {
        self.entries.get(&handle)
    }

    /// Gives `handle` to an entry; a token object that has one keeps it. Returns the handle that is valid.
    pub fn give(&mut self, handle: u64, entry: Entry) -> u64 {
        if let Entry::Token { slot, id, .. } = entry {
            let given = *self.of_token.entry((slot, id)).or_insert(handle);
            self.entries.insert(given, entry);
            return given;
        }
        self.entries.insert(handle, entry);
        handle
    }

    /// The handle that a token object has already.
    pub fn of(&self, slot: u64, id: [u8; 16]) -> Option<u64> {
        self.of_token.get(&(slot, id)).copied()
    }

    /// Takes a handle away.
    pub fn forget(&mut self, handle: u64) {
        if let Some(Entry::Token { slot, id, .. }) = self.entries.remove(&handle) {
            self.of_token.remove(&(slot, id));
        }
    }

    /// Puts another state of a session object in the place of the former.
    pub fn replace(&mut self, handle: u64, changed: Arc<Stored>) {
        if let Some(Entry::Session { object, .. }) = self.entries.get_mut(&handle) {
            *object = changed;
        }
    }

    /// Keeps only the entries that `keep` approves of.
    pub fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.entries.retain(|_, entry| keep(entry));
        let entries = &self.entries;
        self.of_token.retain(|_, handle| entries.contains_key(handle));
    }

    /// The session objects at a slot, in the order of their handles.
    pub fn session_objects(&self, at: u64) -> Vec<(u64, Arc<Stored>)> {
        let mut found: Vec<_> = self
            .entries
            .iter()
            .filter_map(|(handle, entry)| match entry {
                Entry::Session { slot, object, .. } if *slot == at => Some((*handle, object.clone())),
                _ => None,
            })
            .collect();
        found.sort_by_key(|(handle, _)| *handle);
        found
    }
}
