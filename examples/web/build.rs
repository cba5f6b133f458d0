//! Linking.

fn main() {
    // Bevy's reflected types come with constructors of the module. A linker that sees nobody call them has every exported
    // function call them first, those too that JavaScript calls thousands of times a frame. An exported
    // `__wasm_call_ctors` leaves that to the page, which has no use for them: nothing here looks types up.
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-cdylib=--export=__wasm_call_ctors");
    }
}
