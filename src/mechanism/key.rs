//! A key in use: its object, and what a mechanism has prepared from it (a parsed RSA key, a key schedule),
//! made once and shared by every operation that uses the key.

use crate::error::Result;
use crate::object::Object;
use parking_lot::RwLock;
use std::any::{Any, TypeId};
use std::sync::Arc;

/// A key and its prepared forms.
pub struct Key {
    /// The attributes, with their secret values.
    pub object: Object,
    prepared: RwLock<Vec<(TypeId, Arc<dyn Any + Send + Sync>)>>,
}

impl Key {
    /// The key that `object` is.
    pub fn new(object: Object) -> Key {
        Key { object, prepared: RwLock::new(Vec::new()) }
    }

    /// The key as a `T`: made by `prepare` at the first call, the same one afterwards.
    ///
    /// # Errors
    /// Whatever `prepare` returns; a failure is not kept.
    pub fn prepared<T: Send + Sync + 'static>(&self, prepare: impl FnOnce(&Object) -> Result<T>) -> Result<Arc<T>> {
        let id = TypeId::of::<T>();
        if let Some(found) = self.prepared.read().iter().find(|(of, _)| *of == id) {
            return Ok(found.1.clone().downcast::<T>().unwrap_or_else(|_| unreachable!("kept under its own type")));
        }
        let made = Arc::new(prepare(&self.object)?);
        self.prepared.write().push((id, made.clone()));
        Ok(made)
    }
}
