//! General-purpose functions (section 5.4), and the parallel ones (5.20) that the standard itself has retired.

use super::prelude::*;

entry!(C_Initialize(arguments: pointer(c_void)) always {
    initialize::check(arguments.cast())?;
    STATE.open(initialize::client)
});
entry!(C_Finalize(reserved: pointer(c_void)) here {
    if reserved.is_null() { STATE.close() } else { Err(Code::ArgumentsBad.because("pReserved is not NULL")) }
});
entry!(C_GetInfo(info: place(CK_INFO)) here info.put(info::library()));
entry!(C_GetFunctionList(list: place(*mut CK_FUNCTION_LIST)) always list.put(lists::function_list()));
entry!(C_GetInterfaceList(interfaces: list(CK_INTERFACE)) always interfaces.put(&lists::interfaces()));
entry!(C_GetInterface(
    name: pointer(CK_UTF8CHAR), version: pointer(CK_VERSION), interface: place(*mut CK_INTERFACE), flags: number
) always interface.put(lists::interface(name, version, flags)?));

entry!(C_GetFunctionStatus(session: number) here Err(Code::FunctionNotParallel.into()));
entry!(C_CancelFunction(session: number) here Err(Code::FunctionNotParallel.into()));
