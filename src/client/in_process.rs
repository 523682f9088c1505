//! The engine in this very process, for whoever configured it so: loaded from a library of its own, so that the
//! module holds no cryptography and no store of itself. What crosses is what crosses to a vault.
//!
//! The store belongs to the process that opened it. A forked child is told so, and touches nothing of it.

#![allow(unsafe_code)] // the client's half of the C seam; each block says why it is sound

use crate::call::Transport;
use crate::client::{binary, vault};
use crate::config::Home;
use crate::error::{Code, Error, Result};
use crate::wire::codec::Writer;
use crate::wire::hello::PROTOCOL;
use libloading::Library;
use rustix::process::{Pid, getpid};
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Takes the bytes of an answer: whatever `context` was given with it, the bytes, their number.
type Sink = extern "C" fn(*mut c_void, *const u8, usize);

/// The functions of the engine's library; what each does is said there.
struct Seam {
    open: unsafe extern "C" fn(*const u8, usize, *const u8, usize, Sink, *mut c_void) -> *mut c_void,
    enter: unsafe extern "C" fn(*mut c_void, u64) -> *mut c_void,
    call: unsafe extern "C" fn(*mut c_void, *const u8, usize, Sink, *mut c_void),
    leave: unsafe extern "C" fn(*mut c_void),
    close: unsafe extern "C" fn(*mut c_void),
}

impl Seam {
    fn load(path: &Path) -> Result<Seam> {
        let failed = |error: libloading::Error| {
            Code::LibraryLoadFailed.because(format!("the engine's library {}: {error}", path.display()))
        };
        // SAFETY: the library is installed with this module, and its initialisers are the Rust runtime's.
        let library = unsafe { Library::new(path) }.map_err(failed)?;
        // The library stays for the life of the process: the threads of its store may outlive a C_Finalize by a moment.
        let library = ManuallyDrop::new(library);
        // SAFETY: the types are those of the exported functions, which `strongroom_engine_protocol` vouches for: it
        // has had this type in all versions, and another protocol is refused before any other function is looked up.
        unsafe {
            let protocol =
                library.get::<unsafe extern "C" fn() -> u64>(b"strongroom_engine_protocol").map_err(failed)?();
            if protocol != PROTOCOL {
                return Err(Code::LibraryLoadFailed.because(format!(
                    "the engine's library {} speaks protocol {protocol}, and the module protocol {PROTOCOL}: install \
                     both of one version",
                    path.display()
                )));
            }
            Ok(Seam {
                open: *library.get(b"strongroom_engine_open").map_err(failed)?,
                enter: *library.get(b"strongroom_engine_enter").map_err(failed)?,
                call: *library.get(b"strongroom_engine_call").map_err(failed)?,
                leave: *library.get(b"strongroom_engine_leave").map_err(failed)?,
                close: *library.get(b"strongroom_engine_close").map_err(failed)?,
            })
        }
    }
}

/// An engine that is open, and this process's application at it.
struct Opened {
    seam: Seam,
    engine: *mut c_void,
    application: *mut c_void,
}

// SAFETY: the engine and its applications may be called from any thread, and from many at once.
unsafe impl Send for Opened {}
// SAFETY: as above.
unsafe impl Sync for Opened {}

impl Opened {
    fn new(home: &Home) -> Result<Opened> {
        let seam = Seam::load(&binary::engine()?)?;
        let directory = home.directory.as_os_str().as_bytes();
        let config = home.config.source.as_ref().map_or(&[][..], |file| file.as_os_str().as_bytes());
        let mut refusal = Answer::default();
        // SAFETY: the lengths are those of the byte strings, which live through the call, as does the answer.
        let engine = unsafe {
            (seam.open)(directory.as_ptr(), directory.len(), config.as_ptr(), config.len(), take, refusal.context())
        };
        if engine.is_null() {
            crate::call::read_answer::<()>(&refusal.0)?;
            return Err(refused());
        }
        // SAFETY: the engine was opened above.
        let application = unsafe { (seam.enter)(engine, 0) };
        let opened = Opened { seam, engine, application };
        if application.is_null() { Err(refused()) } else { Ok(opened) }
    }

    fn call(&self, request: &[u8]) -> Answer {
        let mut answer = Answer::default();
        // SAFETY: the application is there until `self` is dropped; request and answer live through the call.
        unsafe { (self.seam.call)(self.application, request.as_ptr(), request.len(), take, answer.context()) };
        answer
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: nobody uses them after this, and the engine goes after its application.
        unsafe {
            if !self.application.is_null() {
                (self.seam.leave)(self.application);
            }
            (self.seam.close)(self.engine);
        }
    }
}

/// What the engine answered.
#[derive(Default)]
struct Answer(Zeroizing<Vec<u8>>);

impl Answer {
    fn context(&mut self) -> *mut c_void {
        std::ptr::from_mut(self).cast()
    }
}

extern "C" fn take(context: *mut c_void, bytes: *const u8, length: usize) {
    // SAFETY: the context is the `Answer` of the call that is under way, and the engine gives bytes that it holds.
    unsafe { (*context.cast::<Answer>()).0 = Zeroizing::new(std::slice::from_raw_parts(bytes, length).to_vec()) };
}

/// The engine of this process, opened at the first call.
pub(crate) struct Engine {
    home: Home,
    process: Option<Pid>,
    opened: ManuallyDrop<Mutex<Option<Arc<Opened>>>>,
}

impl Engine {
    pub(crate) fn new(home: Home) -> Engine {
        Engine { home, process: Some(getpid()), opened: ManuallyDrop::default() }
    }

    /// In a child: nothing, for the store is the parent's.
    pub(crate) fn forked(&self) -> Engine {
        Engine { home: self.home.clone(), process: None, opened: ManuallyDrop::default() }
    }

    fn opened(&self) -> Result<Arc<Opened>> {
        if self.process != Some(getpid()) {
            return Err(Code::DeviceError.because(
                "the store belongs to the parent of this process (engine = \"in-process\"); finalise and initialise in \
                 the child after the parent has ended, or configure engine = \"vault\"",
            ));
        }
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.is_none() {
            *opened = Some(Arc::new(Opened::new(&self.home)?));
        }
        opened.clone().ok_or_else(refused)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.process == Some(getpid()) {
            // SAFETY: dropped once, here. A child leaves it as it is: the threads of the store are not in the child.
            unsafe { ManuallyDrop::drop(&mut self.opened) };
        }
    }
}

impl Transport for Engine {
    fn exchange<T>(&self, request: &Writer, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let answer = self.opened()?.call(request.bytes());
        read(vault::split(&answer.0)?.0)
    }
}

fn refused() -> Error {
    Code::GeneralError.because("the engine's library failed without a word")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Calls, Remote};

    #[test]
    fn a_missing_library_is_named_with_the_places() {
        let home = Home { directory: "/nonexistent".into(), config: Default::default() };
        let error = Remote(Engine::new(home)).slot_list().err();
        // Where the whole workspace was built, the library is there and says that the home is not.
        assert!(error.is_some());
    }

    #[test]
    fn a_child_is_told_whose_the_store_is() {
        let parent = Engine::new(Home { directory: "/nonexistent".into(), config: Default::default() });
        let error = Remote(parent.forked()).slot_list().err().unwrap();
        assert!(error.code() == Code::DeviceError && error.why().contains("parent"), "{error}");
    }

    #[test]
    fn a_library_that_is_none_of_ours_is_refused() {
        assert_eq!(Seam::load(Path::new("libc.so.6")).err().unwrap().code(), Code::LibraryLoadFailed);
        assert_eq!(Seam::load(Path::new("/nonexistent.so")).err().unwrap().code(), Code::LibraryLoadFailed);
    }
}
