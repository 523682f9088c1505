//! How the module is linked, for life in a process that is not ours.
//!
//! * `-Bsymbolic`: an application may load several PKCS#11 modules, all of which have a `C_Sign`; our function list
//!   leads to ours.
//! * `nodelete`: threads may carry destructors of the libraries in the module, which must find their code when the
//!   thread ends, also after the application has closed the module.
//! * `module.ld`: no exit handlers. Its path is relative: cargo links from the root of the workspace.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/abi/module.ld");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic,-z,nodelete,-T,src/abi/module.ld");
}
