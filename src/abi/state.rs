//! Whether the library is initialised in this process, and for whom: C_Initialize, C_Finalize, fork.
//!
//! A forked child never takes a lock of its parent's and never drops what is its parent's: it leaks that little
//! instead. Calls that are under way during C_Finalize keep the client alive until they are done.

use super::lock::ForkLock;
use super::process;
use crate::call::Calls;
use crate::client::Client;
use crate::error::{Code, Result};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What the C face needs of a client.
pub(super) trait Face: Send + Sync {
    /// The token.
    fn calls(&self) -> &(dyn Calls + Sync);
    /// In a child: the client of the child's copy of the application.
    fn forked(&self) -> Result<Box<dyn Face>>;
}

impl Face for Client {
    fn calls(&self) -> &(dyn Calls + Sync) {
        Client::calls(self)
    }
    fn forked(&self) -> Result<Box<dyn Face>> {
        Ok(Box::new(Client::forked(self)?))
    }
}

/// An initialised library.
pub(super) struct Library {
    process: u64,
    face: Box<dyn Face>,
}

impl Library {
    /// The token.
    pub(super) fn calls(&self) -> &(dyn Calls + Sync) {
        self.face.calls()
    }
}

/// The state of the module.
pub(super) struct State {
    /// Held for the moment in which `library` is read and its count raised, or exchanged.
    reading: ForkLock,
    /// Held through C_Initialize, C_Finalize and the first call of a child.
    changing: ForkLock,
    /// From `Arc::into_raw`; NULL while not initialised.
    library: AtomicPtr<Library>,
}

/// The state of this module.
pub(super) static STATE: State = State::new();

impl State {
    pub(super) const fn new() -> State {
        State { reading: ForkLock::new(), changing: ForkLock::new(), library: AtomicPtr::new(ptr::null_mut()) }
    }

    /// C_Initialize. In a child whose parent had initialised, it makes a new application: the child does not want
    /// its copy of the parent's. A child that went on with the copy has initialised by that.
    pub(super) fn open(&self, make: impl FnOnce() -> Result<Box<dyn Face>>) -> Result<()> {
        let process = process::current();
        let _changing = self.changing.hold(process);
        if self.held(process).is_some_and(|library| library.process == process) {
            return Err(Code::CryptokiAlreadyInitialized.into());
        }
        let library = Library { process, face: make()? };
        self.exchange(process, Some(Arc::new(library)));
        Ok(())
    }

    /// C_Finalize.
    pub(super) fn close(&self) -> Result<()> {
        let process = process::current();
        let closed = {
            let _changing = self.changing.hold(process);
            self.held(process).ok_or(Code::CryptokiNotInitialized)?;
            self.exchange(process, None)
        };
        drop(closed); // ends the connections, or the last call under way does
        Ok(())
    }

    /// Whether the library is initialised, for calls that need nothing else.
    pub(super) fn initialized(&self) -> Result<()> {
        if self.library.load(Ordering::Acquire).is_null() { Err(Code::CryptokiNotInitialized.into()) } else { Ok(()) }
    }

    /// The library of this process. A child's first call makes it from the parent's.
    pub(super) fn library(&self) -> Result<Arc<Library>> {
        let process = process::current();
        match self.held(process) {
            Some(library) if library.process == process => Ok(library),
            Some(_) => self.adopt(process),
            None => Err(Code::CryptokiNotInitialized.into()),
        }
    }

    #[cold]
    fn adopt(&self, process: u64) -> Result<Arc<Library>> {
        let _changing = self.changing.hold(process);
        let library = self.held(process).ok_or(Code::CryptokiNotInitialized)?;
        if library.process == process {
            return Ok(library); // another thread was faster
        }
        let adopted = Arc::new(Library { process, face: library.face.forked()? });
        self.exchange(process, Some(adopted.clone()));
        Ok(adopted)
    }

    /// What is there, this process's or its parent's.
    fn held(&self, process: u64) -> Option<Arc<Library>> {
        let _reading = self.reading.hold(process);
        let library = self.library.load(Ordering::Acquire);
        if library.is_null() {
            return None;
        }
        // SAFETY: `library` came from `Arc::into_raw` and holds a count of its own, which `exchange` takes away only
        // under the lock that is held here. A child's memory is a copy in which the same is true, whatever the
        // parent's other threads were about: they raised and lowered other counts than this one.
        unsafe {
            Arc::increment_strong_count(library);
            Some(Arc::from_raw(library))
        }
    }

    /// Puts `new` in its place; yields what was there if it was this process's. The parent's is leaked: its
    /// connections are not the child's to end.
    fn exchange(&self, process: u64, new: Option<Arc<Library>>) -> Option<Arc<Library>> {
        let new = new.map_or(ptr::null(), Arc::into_raw).cast_mut();
        let old = {
            let _reading = self.reading.hold(process);
            self.library.swap(new, Ordering::AcqRel)
        };
        if old.is_null() {
            return None;
        }
        // SAFETY: `old` came from `Arc::into_raw`; its count was the state's, and the state has just given it up.
        let old = unsafe { Arc::from_raw(old) };
        if old.process == process {
            return Some(old);
        }
        std::mem::forget(old);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::super::forked;
    use super::*;

    fn fake() -> Result<Box<dyn Face>> {
        Ok(Box::new(Fake::default()))
    }

    fn code<T>(result: Result<T>) -> Option<Code> {
        result.err().map(|error| error.code())
    }

    #[test]
    fn initialise_and_finalise_alternate() {
        let state = State::new();
        assert_eq!(code(state.close()), Some(Code::CryptokiNotInitialized));
        for _ in 0..2 {
            assert_eq!(code(state.initialized()), Some(Code::CryptokiNotInitialized));
            assert_eq!(code(state.library()), Some(Code::CryptokiNotInitialized));
            assert_eq!(code(state.open(fake)), None);
            assert_eq!(code(state.open(fake)), Some(Code::CryptokiAlreadyInitialized));
            assert_eq!(code(state.library()), None);
            assert_eq!(code(state.close()), None);
        }
    }

    #[test]
    fn a_failed_initialise_leaves_nothing() {
        let state = State::new();
        assert_eq!(code(state.open(|| Err(Code::DeviceError.into()))), Some(Code::DeviceError));
        assert_eq!(code(state.initialized()), Some(Code::CryptokiNotInitialized));
    }

    #[test]
    fn a_call_under_way_outlives_finalise() {
        let state = State::new();
        state.open(fake).unwrap();
        let library = state.library().unwrap();
        state.close().unwrap();
        assert_eq!(library.calls().slot_list().unwrap(), vec![0]);
    }

    #[test]
    fn a_child_goes_on_with_its_copy() {
        let state = State::new();
        state.open(fake).unwrap();
        let outcome = forked(|| {
            let generation = |state: &State| state.library().and_then(|library| library.calls().slot_list()).ok();
            generation(&state) == Some(vec![1])
                && generation(&state) == Some(vec![1])
                && code(state.open(fake)) == Some(Code::CryptokiAlreadyInitialized)
                && forked(|| generation(&state) == Some(vec![2])) == 1
                && state.close().is_ok()
                && code(state.library()) == Some(Code::CryptokiNotInitialized)
        });
        assert_eq!(outcome, 1);
        assert_eq!(state.library().unwrap().calls().slot_list().unwrap(), vec![0]);
    }

    #[test]
    fn a_child_may_initialise_or_finalise_first() {
        let state = State::new();
        state.open(fake).unwrap();
        let initialised = forked(|| {
            state.open(fake).is_ok()
                && code(state.open(fake)) == Some(Code::CryptokiAlreadyInitialized)
                && state.library().unwrap().calls().slot_list().unwrap() == vec![0]
        });
        let finalised = forked(|| state.close().is_ok() && code(state.close()) == Some(Code::CryptokiNotInitialized));
        assert_eq!((initialised, finalised), (1, 1));
    }

    #[test]
    fn a_child_does_not_wait_for_locks_of_its_parent() {
        let state = State::new();
        state.open(fake).unwrap();
        let process = process::current();
        let (reading, changing) = (state.reading.hold(process), state.changing.hold(process));
        assert_eq!(forked(|| state.library().is_ok() && state.close().is_ok()), 1);
        drop((reading, changing));
    }

    #[test]
    fn calls_and_finalise_may_race() {
        let state = State::new();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        if let Ok(library) = state.library() {
                            assert_eq!(library.calls().slot_list().unwrap(), vec![0]);
                        }
                    }
                });
            }
            for _ in 0..500 {
                state.open(fake).unwrap();
                state.close().unwrap();
            }
        });
    }
}
