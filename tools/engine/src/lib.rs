//! The engine as a library of its own, behind a seam of C functions, which the PKCS#11 module loads when its
//! configuration says `engine = "in-process"`.
//!
//! What crosses the seam is what crosses to a vault: a request in, an answer out, and behind the answer where the
//! application stands. Module and library are of one version, which `strongroom_engine_protocol` tells.

#![allow(unsafe_code)] // a C seam; each block says why it is sound

use std::ffi::{OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::sync::Arc;
use strongroom_pkcs11::call::{Application, Host, write_refusal};
use strongroom_pkcs11::config::Home;
use strongroom_pkcs11::engine::{Engine, EngineHost};
use strongroom_pkcs11::error::{Code, Result};
use strongroom_pkcs11::log;
use strongroom_pkcs11::serve::{answer, tell_panics_to_the_log};
use strongroom_pkcs11::wire::codec::Writer;
use strongroom_pkcs11::wire::hello::PROTOCOL;

/// Takes an answer: the context that was given with it, its bytes, their number. They are gone when it returns.
pub type Sink = extern "C" fn(*mut c_void, *const u8, usize);

/// An engine, for the C side a pointer.
struct Opened(Arc<dyn Host>);

/// An application, for the C side a pointer.
struct Entered(Arc<dyn Application>);

/// The protocol that this library speaks. The type of this function is the same in all versions.
#[unsafe(no_mangle)]
pub extern "C" fn strongroom_engine_protocol() -> u64 {
    PROTOCOL
}

/// Opens the engine on a home, whose configuration is in a file elsewhere where `config` is not empty. NULL where it
/// does not open: then the sink has been given the refusal.
///
/// # Safety
/// The pointers lead to as many bytes as are said; the sink accepts the context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strongroom_engine_open(
    home: *const u8,
    home_length: usize,
    config: *const u8,
    config_length: usize,
    sink: Sink,
    context: *mut c_void,
) -> *mut c_void {
    // SAFETY: the caller vouches for pointers and lengths.
    let (home, config) = unsafe { (bytes(home, home_length), bytes(config, config_length)) };
    let opened = catch_unwind(|| open(path(home), Some(path(config)).filter(|file| !file.as_os_str().is_empty())))
        .unwrap_or_else(|_| Err(Code::GeneralError.because("an internal fault while the engine was opened")));
    match opened {
        Ok(host) => Box::into_raw(Box::new(Opened(host))).cast(),
        Err(error) => {
            let mut refusal = Writer::default();
            write_refusal(&error, &mut refusal);
            give(&refusal, sink, context);
            null_mut()
        }
    }
}

/// A new application at an engine. NULL on an internal fault.
///
/// # Safety
/// `engine` came from [`strongroom_engine_open`] and was not closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strongroom_engine_enter(engine: *mut c_void, after: u64) -> *mut c_void {
    // SAFETY: the caller vouches that the pointer is such an engine's.
    let engine = unsafe { &*engine.cast::<Opened>() };
    match catch_unwind(AssertUnwindSafe(|| engine.0.enter(after))) {
        Ok(application) => Box::into_raw(Box::new(Entered(application))).cast(),
        Err(_) => null_mut(),
    }
}

/// Answers a request of an application; the sink is given the answer. Any thread may call, and many at once.
///
/// # Safety
/// `application` came from [`strongroom_engine_enter`] and did not leave; the request is as long as is said; the sink
/// accepts the context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strongroom_engine_call(
    application: *mut c_void,
    request: *const u8,
    length: usize,
    sink: Sink,
    context: *mut c_void,
) {
    // SAFETY: the caller vouches for the pointers and the length.
    let (application, request) = unsafe { (&*application.cast::<Entered>(), bytes(request, length)) };
    let mut reply = Writer::default();
    answer(&*application.0, request, &mut reply); // a panic inside is an answer as well
    give(&reply, sink, context);
}

/// Forgets an application.
///
/// # Safety
/// `application` came from [`strongroom_engine_enter`]; no call of it is under way, and none follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strongroom_engine_leave(application: *mut c_void) {
    // SAFETY: the caller vouches that the pointer is an application's and is not used again.
    let application = unsafe { Box::from_raw(application.cast::<Entered>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(application)));
}

/// Closes an engine.
///
/// # Safety
/// `engine` came from [`strongroom_engine_open`]; its applications have left, and it is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strongroom_engine_close(engine: *mut c_void) {
    // SAFETY: the caller vouches that the pointer is an engine's and is not used again.
    let engine = unsafe { Box::from_raw(engine.cast::<Opened>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(engine)));
}

fn open(home: &Path, config: Option<&Path>) -> Result<Arc<dyn Host>> {
    let home = Home::with_config(PathBuf::from(home), config)?;
    log::start_in_application(&home.config.log);
    tell_panics_to_the_log(); // the runtime of this library is its own: no hook of the application's is touched
    Ok(Arc::new(EngineHost(Engine::open(&home)?)))
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn give(answer: &Writer, sink: Sink, context: *mut c_void) {
    sink(context, answer.bytes().as_ptr(), answer.bytes().len());
}

/// # Safety
/// `at` leads to `length` bytes that live as long as `'a`; it may be anything where the length is zero.
unsafe fn bytes<'a>(at: *const u8, length: usize) -> &'a [u8] {
    match length {
        0 => &[],
        // SAFETY: the caller vouches for it.
        _ => unsafe { std::slice::from_raw_parts(at, length) },
    }
}
