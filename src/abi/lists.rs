//! The function lists and the interfaces: what C_GetFunctionList, C_GetInterfaceList and C_GetInterface hand out.
//!
//! The functions are named once, by the version of the standard that added them; each list is the beginning of the
//! next. The structures are constants of the module: nobody is to write to them.

use super::functions::*;
use super::vendor;
use crate::ck::{
    CK_FLAGS, CK_FUNCTION_LIST, CK_FUNCTION_LIST_3_0, CK_FUNCTION_LIST_3_2, CK_INTERFACE, CK_VERSION,
    CKF_INTERFACE_FORK_SAFE,
};
use crate::error::{Code, Result};
use std::ffi::{CStr, c_void};
use std::ptr;

macro_rules! function_lists {
    ($($v2:ident)*; $($v3_0:ident)*; $($v3_2:ident)*;) => {
        static V2_40: CK_FUNCTION_LIST =
            CK_FUNCTION_LIST { version: CK_VERSION { major: 2, minor: 40 }, $($v2: Some($v2),)* };
        static V3_0: CK_FUNCTION_LIST_3_0 =
            CK_FUNCTION_LIST_3_0 { version: CK_VERSION { major: 3, minor: 0 }, $($v2: Some($v2),)* $($v3_0: Some($v3_0),)* };
        static V3_2: CK_FUNCTION_LIST_3_2 = CK_FUNCTION_LIST_3_2 {
            version: CK_VERSION { major: 3, minor: 2 },
            $($v2: Some($v2),)* $($v3_0: Some($v3_0),)* $($v3_2: Some($v3_2),)*
        };
    };
}

function_lists! {
    C_Initialize C_Finalize C_GetInfo C_GetFunctionList
    C_GetSlotList C_GetSlotInfo C_GetTokenInfo C_GetMechanismList C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN
    C_OpenSession C_CloseSession C_CloseAllSessions C_GetSessionInfo C_GetOperationState C_SetOperationState
    C_Login C_Logout
    C_CreateObject C_CopyObject C_DestroyObject C_GetObjectSize C_GetAttributeValue C_SetAttributeValue
    C_FindObjectsInit C_FindObjects C_FindObjectsFinal
    C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal
    C_DecryptInit C_Decrypt C_DecryptUpdate C_DecryptFinal
    C_DigestInit C_Digest C_DigestUpdate C_DigestKey C_DigestFinal
    C_SignInit C_Sign C_SignUpdate C_SignFinal C_SignRecoverInit C_SignRecover
    C_VerifyInit C_Verify C_VerifyUpdate C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover
    C_DigestEncryptUpdate C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate
    C_GenerateKey C_GenerateKeyPair C_WrapKey C_UnwrapKey C_DeriveKey
    C_SeedRandom C_GenerateRandom C_GetFunctionStatus C_CancelFunction C_WaitForSlotEvent;

    C_GetInterfaceList C_GetInterface C_LoginUser C_SessionCancel
    C_MessageEncryptInit C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext C_MessageEncryptFinal
    C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin C_DecryptMessageNext C_MessageDecryptFinal
    C_MessageSignInit C_SignMessage C_SignMessageBegin C_SignMessageNext C_MessageSignFinal
    C_MessageVerifyInit C_VerifyMessage C_VerifyMessageBegin C_VerifyMessageNext C_MessageVerifyFinal;

    C_EncapsulateKey C_DecapsulateKey
    C_VerifySignatureInit C_VerifySignature C_VerifySignatureUpdate C_VerifySignatureFinal
    C_GetSessionValidationFlags C_AsyncComplete C_AsyncGetID C_AsyncJoin
    C_WrapKeyAuthenticated C_UnwrapKeyAuthenticated;
}

/// C_GetFunctionList: the list of 2.40, which is all that its type can tell.
pub(super) fn function_list() -> *mut CK_FUNCTION_LIST {
    ptr::from_ref(&V2_40).cast_mut()
}

/// C_GetInterfaceList
pub(super) fn interfaces() -> [CK_INTERFACE; 4] {
    INTERFACES.0
}

/// C_GetInterface: the first interface that has the name, the version and the flags, as far as they are given. Without
/// any it is the newest of the standard.
///
/// # Safety
/// Pointers that are not NULL point to a NUL-terminated string and to a CK_VERSION.
pub(super) unsafe fn interface(
    name: *const u8,
    version: *const CK_VERSION,
    flags: CK_FLAGS,
) -> Result<*mut CK_INTERFACE> {
    // SAFETY: the caller's promise.
    let (name, version) = unsafe {
        let name = if name.is_null() { None } else { Some(CStr::from_ptr(name.cast())) };
        (name, version.cast::<[u8; 2]>().as_ref())
    };
    let found = INTERFACES.0.iter().find(|interface| {
        name.is_none_or(|name| name == name_of(interface))
            && version.is_none_or(|version| *version == version_of(interface))
            && interface.flags & flags == flags
    });
    let found =
        found.ok_or_else(|| Code::FunctionFailed.because("there is no interface of this name, version and flags"))?;
    Ok(ptr::from_ref(found).cast_mut())
}

fn name_of(interface: &CK_INTERFACE) -> &'static CStr {
    // SAFETY: every row of INTERFACES is made of a static, NUL-terminated name.
    unsafe { CStr::from_ptr(interface.pInterfaceName.cast()) }
}

fn version_of(interface: &CK_INTERFACE) -> [u8; 2] {
    // SAFETY: every list in INTERFACES is static and begins with its CK_VERSION: two bytes.
    unsafe { interface.pFunctionList.cast::<[u8; 2]>().read() }
}

/// The interfaces, the default first.
static INTERFACES: Interfaces = Interfaces([
    row(STANDARD, ptr::from_ref(&V3_2).cast()),
    row(STANDARD, ptr::from_ref(&V3_0).cast()),
    row(STANDARD, ptr::from_ref(&V2_40).cast()),
    row(vendor::NAME, ptr::from_ref(&vendor::V1_0).cast()),
]);

struct Interfaces([CK_INTERFACE; 4]);

// SAFETY: the pointers lead to constants of the module, which nobody writes.
unsafe impl Sync for Interfaces {}

const fn row(name: &'static CStr, list: *const c_void) -> CK_INTERFACE {
    CK_INTERFACE {
        pInterfaceName: name.as_ptr().cast_mut().cast(),
        pFunctionList: list.cast_mut(),
        // A forked child goes on with its own copy of sessions, logins and operations.
        flags: CKF_INTERFACE_FORK_SAFE,
    }
}

const STANDARD: &CStr = c"PKCS 11";

#[cfg(test)]
mod tests {
    use super::*;

    /// The pointers of a list, behind its version.
    fn pointers<T>(list: &T) -> &[usize] {
        // SAFETY: the lists are a version, padding, and pointers to the end.
        unsafe {
            let first = ptr::from_ref(list).cast::<usize>().add(1);
            std::slice::from_raw_parts(first, size_of::<T>() / size_of::<usize>() - 1)
        }
    }

    fn select(name: Option<&CStr>, version: Option<(u8, u8)>, flags: u64) -> Option<(&'static CStr, [u8; 2])> {
        let name = name.map_or(ptr::null(), |name| name.as_ptr().cast());
        let version = version.map(|(major, minor)| CK_VERSION { major, minor });
        let version = version.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the pointers are good, or NULL; what comes back is a row of INTERFACES.
        match unsafe { interface(name, version, flags).map(|found| &*found) } {
            Ok(found) => Some((name_of(found), version_of(found))),
            Err(error) => {
                assert_eq!(error.code(), Code::FunctionFailed);
                None
            }
        }
    }

    #[test]
    fn lists_have_68_92_and_104_functions_and_are_prefixes() {
        let (oldest, older, newest) = (pointers(&V2_40), pointers(&V3_0), pointers(&V3_2));
        assert_eq!((oldest.len(), older.len(), newest.len()), (68, 92, 104));
        assert_eq!(oldest, &newest[..68]);
        assert_eq!(older, &newest[..92]);
        assert!(newest.iter().all(|&function| function != 0));
        let mut distinct = newest.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() > 100, "functions that do different things are different functions");
    }

    #[test]
    fn functions_stand_where_the_standard_puts_them() {
        let newest = pointers(&V3_2);
        assert_eq!(newest[0], C_Initialize as *const () as usize);
        assert_eq!(newest[67], C_WaitForSlotEvent as *const () as usize);
        assert_eq!(newest[68], C_GetInterfaceList as *const () as usize);
        assert_eq!(newest[91], C_MessageVerifyFinal as *const () as usize);
        assert_eq!(newest[103], C_UnwrapKeyAuthenticated as *const () as usize);
    }

    #[test]
    fn interfaces_are_chosen_by_name_version_and_flags() {
        assert_eq!(select(None, None, 0), Some((STANDARD, [3, 2])));
        assert_eq!(select(None, None, CKF_INTERFACE_FORK_SAFE), Some((STANDARD, [3, 2])));
        assert_eq!(select(Some(STANDARD), None, 0), Some((STANDARD, [3, 2])));
        assert_eq!(select(Some(STANDARD), Some((3, 0)), 0), Some((STANDARD, [3, 0])));
        assert_eq!(select(Some(STANDARD), Some((2, 40)), 1), Some((STANDARD, [2, 40])));
        assert_eq!(select(Some(vendor::NAME), None, 0), Some((vendor::NAME, [1, 0])));
        assert_eq!(select(None, Some((1, 0)), 0), Some((vendor::NAME, [1, 0])));
    }

    #[test]
    fn what_is_not_offered_is_not_found() {
        assert_eq!(select(Some(c"PKCS 12"), None, 0), None);
        assert_eq!(select(Some(STANDARD), Some((3, 1)), 0), None);
        assert_eq!(select(Some(vendor::NAME), Some((3, 2)), 0), None);
        assert_eq!(select(None, None, 2), None);
    }
}
