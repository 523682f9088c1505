//! The module as a shared library: what it exports, what it needs, what it hands out before C_Initialize.

mod common;

use cryptoki_sys::*;
use libloading::Library;
use std::collections::BTreeSet;
use std::ffi::CStr;
use std::process::Command;
use std::ptr;

/// What a tool of the system prints about the module.
fn inspect(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).arg(common::module_path()).output().expect(tool);
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The names of the standard's functions, from the header's own list.
fn standard_names() -> BTreeSet<String> {
    let debug = format!("{:#?}", CK_FUNCTION_LIST_3_2::default());
    let names = debug.lines().filter_map(|line| line.trim().split_once(": ")).map(|(name, _)| name.to_owned());
    names.filter(|name| name.starts_with("C_")).collect()
}

#[allow(unsafe_code)]
fn module() -> Library {
    // SAFETY: the module has no initialiser of its own.
    unsafe { Library::new(common::module_path()) }.unwrap()
}

#[test]
fn it_exports_the_functions_of_the_standard_and_nothing_else() {
    let symbols = inspect("nm", &["-D", "--defined-only"]);
    let exported: BTreeSet<_> =
        symbols.lines().filter_map(|line| line.split(' ').next_back()).map(str::to_owned).collect();
    assert_eq!(standard_names().len(), 104);
    assert_eq!(exported, standard_names());
}

#[test]
fn its_lists_lead_to_its_own_functions_whatever_else_is_loaded() {
    let relocations = inspect("readelf", &["-rW"]);
    assert!(!relocations.contains(" C_"), "a relocation by name may lead to another module's function");
}

#[test]
fn it_brings_no_openssl_into_the_process() {
    let needed = inspect("ldd", &[]);
    assert!(!needed.contains("libssl") && !needed.contains("libcrypto"), "{needed}");
}

#[test]
fn nothing_runs_when_it_is_unloaded_but_what_the_compiler_puts_there() {
    let dynamic = inspect("readelf", &["-dW"]);
    let size = dynamic.lines().find(|line| line.contains("FINI_ARRAYSZ")).expect("the compiler's own entry");
    assert!(size.contains(" 8 (bytes)"), "{size}");
    assert!(dynamic.contains("NODELETE"), "threads have destructors of the module");
}

#[test]
#[allow(unsafe_code)]
fn it_hands_out_its_lists_before_it_is_initialised() {
    let module = module();
    // SAFETY: the symbols have the types of the standard, and so do the places.
    unsafe {
        let mut list = ptr::null_mut();
        let get: libloading::Symbol<unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV> =
            module.get(b"C_GetFunctionList").unwrap();
        assert_eq!(get(ptr::null_mut()), CKR_ARGUMENTS_BAD);
        assert_eq!(get(&mut list), CKR_OK);
        assert_eq!(((*list).version.major, (*list).version.minor), (2, 40));

        let get: libloading::Symbol<unsafe extern "C" fn(*mut CK_INTERFACE, *mut CK_ULONG) -> CK_RV> =
            module.get(b"C_GetInterfaceList").unwrap();
        let (mut interfaces, mut count) = ([CK_INTERFACE::default(); 8], 0);
        assert_eq!(get(ptr::null_mut(), &mut count), CKR_OK);
        assert_eq!(count, 4);
        count = 3;
        assert_eq!(get(interfaces.as_mut_ptr(), &mut count), CKR_BUFFER_TOO_SMALL);
        assert_eq!(get(interfaces.as_mut_ptr(), &mut count), CKR_OK);
        let shown = interfaces[..4].iter().map(|interface| {
            let version = interface.pFunctionList.cast::<CK_VERSION>().read();
            let name = CStr::from_ptr(interface.pInterfaceName.cast()).to_str().unwrap();
            (name, version.major, version.minor, interface.flags)
        });
        let due = [("PKCS 11", 3, 2, 1), ("PKCS 11", 3, 0, 1), ("PKCS 11", 2, 40, 1), ("Vendor Strongroom", 1, 0, 1)];
        assert!(shown.eq(due));
    }
}

#[test]
#[allow(unsafe_code)]
fn before_it_is_initialised_everything_else_says_so() {
    let module = module();
    // SAFETY: as above; a call that is refused for the library's state follows no pointer.
    unsafe {
        let get: libloading::Symbol<
            unsafe extern "C" fn(*mut CK_UTF8CHAR, *mut CK_VERSION, *mut *mut CK_INTERFACE, CK_FLAGS) -> CK_RV,
        > = module.get(b"C_GetInterface").unwrap();
        let mut interface = ptr::null_mut();
        assert_eq!(get(ptr::null_mut(), ptr::null_mut(), &mut interface, 0), CKR_OK);
        let list = &*(*interface).pFunctionList.cast::<CK_FUNCTION_LIST_3_2>();
        let due = CKR_CRYPTOKI_NOT_INITIALIZED;
        assert_eq!(list.C_Finalize.unwrap()(ptr::null_mut()), due);
        assert_eq!(list.C_GetInfo.unwrap()(ptr::null_mut()), due);
        assert_eq!(list.C_GetSlotList.unwrap()(0, ptr::null_mut(), ptr::null_mut()), due);
        assert_eq!(list.C_Sign.unwrap()(0, ptr::null_mut(), 1, ptr::null_mut(), ptr::null_mut()), due);
        assert_eq!(list.C_MessageSignFinal.unwrap()(0), due);
        assert_eq!(list.C_GetFunctionStatus.unwrap()(0), due);
        assert_eq!(list.C_WaitForSlotEvent.unwrap()(CKF_DONT_BLOCK, ptr::null_mut(), ptr::null_mut()), due);
    }
}

#[test]
#[allow(unsafe_code)]
fn bad_arguments_of_c_initialize_leave_it_uninitialised_and_their_reason() {
    let module = module();
    let mut arguments = CK_C_INITIALIZE_ARGS { pReserved: ptr::dangling_mut(), ..Default::default() };
    // SAFETY: as above.
    unsafe {
        let mut list = ptr::null_mut();
        let get: libloading::Symbol<unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV> =
            module.get(b"C_GetFunctionList").unwrap();
        assert_eq!(get(&mut list), CKR_OK);
        assert_eq!((*list).C_Initialize.unwrap()((&raw mut arguments).cast()), CKR_ARGUMENTS_BAD);
        assert_eq!((*list).C_Finalize.unwrap()(ptr::null_mut()), CKR_CRYPTOKI_NOT_INITIALIZED);
    }
}
