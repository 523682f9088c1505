//! How the module is linked, for life in a process that is not ours.
//!
//! * `-Bsymbolic`: an application may load several PKCS#11 modules, all of which have a `C_Sign`; our function list
//!   leads to ours.
//! * `nodelete`: threads carry destructors of ours (a connection each), which must find their code when the thread ends,
//!   also after the application has closed the module.
//! * `module.ld`: no exit handlers.

fn main() {
    let directory = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the package is");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/abi/module.ld");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic,-z,nodelete,-T,{directory}/src/abi/module.ld");
}
