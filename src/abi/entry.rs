//! What every C_ function does around its own line: is the library initialised, are the arguments usable, the call,
//! the return code, the thread's last error, the log. And that no panic crosses into C.

use super::last;
use crate::call::Calls;
use crate::error::{Code, Result, rv_name};
use crate::log::{self, Level};
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Carries out the body of a C_ function. `show` writes its arguments for the log, after the call.
pub(super) fn run(name: &str, body: impl FnOnce() -> Result<()>, show: impl Fn(&mut String) -> fmt::Result) -> u64 {
    let started = log::enabled(Level::Debug).then(Instant::now);
    let rv = outcome(body);
    if log::enabled(Level::Error) {
        let _ = catch_unwind(AssertUnwindSafe(|| report(name, rv, started, show)));
    }
    rv
}

fn outcome(body: impl FnOnce() -> Result<()>) -> u64 {
    let error = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return 0,
        Ok(Err(error)) => error,
        Err(_) => Code::GeneralError.because("the module panicked; its log says where"),
    };
    last::keep(&error);
    error.code().rv()
}

/// One line: `C_Sign(session=1, data=[32], signature=[64]) = CKR_OK, 123 µs`.
fn report(name: &str, rv: u64, started: Option<Instant>, show: impl Fn(&mut String) -> fmt::Result) {
    let level = level(rv);
    if !log::enabled(level) {
        return;
    }
    let mut arguments = String::new();
    let _ = show(&mut arguments);
    let mut line = format!("{name}({}) = {}", arguments.trim_end_matches(", "), rv_name(rv));
    if rv != 0 {
        let _ = write!(line, " ({})", String::from_utf8_lossy(last::last().text()));
    }
    if let Some(started) = started {
        let _ = write!(line, ", {} µs", started.elapsed().as_micros());
    }
    log::line(level, format_args!("{line}"));
}

/// Faults inside are errors, refusals are information; that a buffer was too small is daily life.
fn level(rv: u64) -> Level {
    match Code::from_rv(rv) {
        None | Some(Code::BufferTooSmall) => Level::Debug,
        Some(Code::GeneralError | Code::HostMemory | Code::DeviceError | Code::DeviceMemory | Code::DeviceRemoved) => {
            Level::Error
        }
        Some(_) => Level::Info,
    }
}

/// Ends an operation of a session unless the arguments of a call to it turn out usable: by the standard such a call
/// terminates the operation whenever it fails, and a call that is refused here never reaches the token.
pub(super) struct Ending<'a> {
    calls: &'a dyn Calls,
    session: u64,
    operation: u64,
}

impl<'a> Ending<'a> {
    pub(super) fn new(calls: &'a dyn Calls, session: u64, operation: u64) -> Ending<'a> {
        Ending { calls, session, operation }
    }

    /// The arguments are usable: what becomes of the operation is the token's business.
    pub(super) fn usable(self) {
        std::mem::forget(self);
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let _ = self.calls.session_cancel(self.session, self.operation); // the refusal that led here is what counts
    }
}

/// A row: the name of the C_ function, its arguments by kind, and what it does.
///
/// * `|calls| …` calls the token; the arguments have been read into values and places.
/// * `ends(session, CKF_…) |calls| …` is a call to an active operation, which unusable arguments end.
/// * `here …` needs no token, only that the library is initialised; `always …` not even that.
///
/// The kinds, and the C arguments that each stands for:
///
/// | kind | C | value |
/// |---|---|---|
/// | `number`, `byte` | `CK_ULONG x`, `CK_BYTE x` | itself |
/// | `bytes(code)` | `CK_BYTE_PTR pX, CK_ULONG ulXLen` | `&[u8]`; `code` where it is too long |
/// | `parameter` | `CK_VOID_PTR pParameter, CK_ULONG ulParameterLen` | `&[u8]` |
/// | `pin`, `name`, `label` | `CK_UTF8CHAR_PTR` and its length (32 for a label) | `&[u8]`, `Option<&[u8]>` |
/// | `mechanism`, `optional_mechanism` | `CK_MECHANISM_PTR` | `MechanismCall`, `Option<…>` |
/// | `template` | `CK_ATTRIBUTE_PTR, CK_ULONG` | `Template` |
/// | `answers` | `CK_ATTRIBUTE_PTR, CK_ULONG` | `Answers` |
/// | `output` | `CK_BYTE_PTR pX, CK_ULONG_PTR pulXLen` | `Buffer` |
/// | `filled` | `CK_BYTE_PTR pX, CK_ULONG ulXLen` | `Filled` |
/// | `list(type)` | `type *pX, CK_ULONG_PTR pulCount` | `List` |
/// | `found` | `CK_OBJECT_HANDLE_PTR, CK_ULONG, CK_ULONG_PTR` | `Found` |
/// | `handle`, `place(type)` | `CK_ULONG_PTR`, `type *pX` | `Place` |
/// | `pointer(type)` | `type *pX` | itself |
/// | `ignored(type)` | `type x` | nothing |
macro_rules! entry {
    ($name:ident($($arguments:tt)*) ends($session:ident, $operation:expr) |$calls:ident| $body:expr) => {
        entry!(@ $name [] [] [] [$calls, $session, $operation] [$body] $($arguments)*);
    };
    ($name:ident($($arguments:tt)*) |$calls:ident| $body:expr) => {
        entry!(@ $name [] [] [] [$calls] [$body] $($arguments)*);
    };
    ($name:ident($($arguments:tt)*) here $body:expr) => {
        entry!(@ $name [] [] [] [here] [$body] $($arguments)*);
    };
    ($name:ident($($arguments:tt)*) always $body:expr) => {
        entry!(@ $name [] [] [] [always] [$body] $($arguments)*);
    };

    // Kinds, one at a time: C arguments, reading, showing.
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: number $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* $x: CK_ULONG,] [$($r)*] [$($s)* ($x, $x)] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: byte $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* $x: CK_BYTE,] [$($r)*] [$($s)* ($x, $x)] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: bytes($code:ident) $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_BYTE, length: CK_ULONG,]
            [$($r)* let $x = read::bytes(pointer, length, Code::$code)?;]
            [$($s)* ($x, show::buffer(pointer, length))] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: parameter $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut c_void, length: CK_ULONG,]
            [$($r)* let $x = read::bytes(pointer.cast(), length, Code::MechanismParamInvalid)?;]
            [$($s)* ($x, show::buffer(pointer, length))] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: pin $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_BYTE, length: CK_ULONG,]
            [$($r)* let $x = read::pin(pointer, length)?;]
            [$($s)* ($x, if pointer.is_null() { "NULL" } else { "…" })] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: name $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_BYTE, length: CK_ULONG,]
            [$($r)* let $x = read::name(pointer, length)?;]
            [$($s)* ($x, show::buffer(pointer, length))] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: label $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_BYTE,]
            [$($r)* let $x = read::label(pointer)?;]
            [$($s)* ($x, show::buffer(pointer, 32))] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: mechanism $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_MECHANISM,]
            [$($r)* let $x = read::mechanism(pointer)?;]
            [$($s)* ($x, show::mechanism(pointer))] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: optional_mechanism $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_MECHANISM,]
            [$($r)* let $x = read::optional_mechanism(pointer)?;]
            [$($s)* ($x, show::mechanism(pointer))] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: template $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_ATTRIBUTE, count: CK_ULONG,]
            [$($r)* let $x = read::template(pointer, count)?;]
            [$($s)* ($x, show::template(pointer, count))] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: answers $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_ATTRIBUTE, count: CK_ULONG,]
            [$($r)* let $x = Answers::new(pointer, count)?;]
            [$($s)* ($x, show::template(pointer, count))] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: output $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_BYTE, length: *mut CK_ULONG,]
            [$($r)* let $x = Buffer::new(pointer, length)?;]
            [$($s)* ($x, format_args!("{}[{}]", if pointer.is_null() { "NULL" } else { "" }, show::place(length)))]
            $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: filled $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_BYTE, length: CK_ULONG,]
            [$($r)* let $x = Filled::new(pointer, length)?;]
            [$($s)* ($x, show::buffer(pointer, length))] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: list($of:ty) $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut $of, count: *mut CK_ULONG,]
            [$($r)* let $x = List::new(pointer, count)?;]
            [$($s)* ($x, format_args!("{}[{}]", if pointer.is_null() { "NULL" } else { "" }, show::place(count)))]
            $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: found $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_ULONG, most: CK_ULONG, count: *mut CK_ULONG,]
            [$($r)* let $x = Found::new(pointer, most, count)?;]
            [$($s)* ($x, format_args!("[{} of {most}]", show::place(count)))] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: handle $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut CK_ULONG,]
            [$($r)* let $x = Place::new(pointer)?;]
            [$($s)* ($x, show::place(pointer))] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: place($of:ty) $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* pointer: *mut $of,]
            [$($r)* let $x = Place::new(pointer)?;]
            [$($s)*] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: pointer($of:ty) $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* $x: *mut $of,] [$($r)*] [$($s)*] $t $b $($($rest)*)?);
    };
    (@ $n:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] $t:tt $b:tt $x:ident: ignored($of:ty) $(, $($rest:tt)*)?) => {
        entry!(@ $n [$($c)* _: $of,] [$($r)*] [$($s)*] $t $b $($($rest)*)?);
    };

    // The function.
    (@ $name:ident [$($c:tt)*] [$($r:tt)*] [$($s:tt)*] [$($t:tt)*] [$body:expr]) => {
        #[doc = concat!("`", stringify!($name), "` of the standard.\n\n# Safety\nEvery pointer is NULL or good for what the standard says of it.")]
        #[allow(unused_unsafe)] // a row without a pointer has nothing to promise
        #[unsafe(no_mangle)]
        pub(in crate::abi) unsafe extern "C" fn $name($($c)*) -> CK_RV {
            entry::run(
                stringify!($name),
                // SAFETY: reading and writing through the arguments: the caller's promise, for as long as the call lasts.
                || unsafe { entry!(# [$($t)*] [$($r)*] $body) },
                |_line| {
                    // SAFETY: as above.
                    unsafe { $(entry!(% _line $s);)* }
                    Ok(())
                },
            )
        }
    };
    (# [always] [$($r:tt)*] $body:expr) => {{
        $($r)*
        $body
    }};
    (# [here] [$($r:tt)*] $body:expr) => {{
        STATE.initialized()?;
        $($r)*
        $body
    }};
    (# [$calls:ident] [$($r:tt)*] $body:expr) => {{
        let library = STATE.library()?;
        let $calls = library.calls();
        $($r)*
        $body
    }};
    (# [$calls:ident, $session:ident, $operation:expr] [$($r:tt)*] $body:expr) => {{
        let library = STATE.library()?;
        let $calls = library.calls();
        let ending = Ending::new($calls, $session, $operation);
        $($r)*
        ending.usable();
        $body
    }};
    (% $line:ident ($x:ident, $shown:expr)) => {
        write!($line, "{}={}, ", stringify!($x), $shown)?;
    };
}
pub(super) use entry;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Remote, Transport};
    use crate::wire::codec::Writer;
    use std::sync::Mutex;

    /// Keeps the requests that it gets.
    struct Heard(Mutex<Vec<Vec<u8>>>);

    impl Transport for Heard {
        fn exchange<T>(&self, request: &Writer, _: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
            self.0.lock().unwrap().push(request.bytes().to_vec());
            Err(Code::DeviceError.into())
        }
    }

    #[test]
    fn unusable_arguments_end_the_operation_and_usable_ones_do_not() {
        let calls = Remote(Heard(Mutex::default()));
        Ending::new(&calls, 5, 0x800).usable();
        assert!(calls.0.0.lock().unwrap().is_empty());
        drop(Ending::new(&calls, 5, 0x800));
        let request: Vec<u8> = [16].into_iter().chain(5u64.to_le_bytes()).chain(0x800u64.to_le_bytes()).collect();
        assert_eq!(*calls.0.0.lock().unwrap(), [request]);
    }

    #[test]
    fn panics_become_general_error() {
        let rv = run("C_Test", || panic!("not across the border"), |_| Ok(()));
        assert_eq!(rv, Code::GeneralError.rv());
        assert_eq!(last::last().rv(), rv);
    }

    #[test]
    fn errors_become_their_code_and_leave_their_words() {
        let rv = run("C_Test", || Err(Code::PinExpired.because("since Monday")), |_| Ok(()));
        assert_eq!((rv, last::last().text()), (Code::PinExpired.rv(), &b"since Monday"[..]));
        assert_eq!(run("C_Test", || Ok(()), |_| Ok(())), 0);
        assert_eq!(last::last().rv(), rv);
    }
}
