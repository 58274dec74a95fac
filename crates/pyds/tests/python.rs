//! Runs the tests in Python against the libraries that were built with this test: `cargo build --workspace` makes them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the build that holds the module and the plugins.
fn built() -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let mut folders = test.ancestors().skip(1).take(2);
    folders.find(|folder| folder.join("libpyds.so").is_file()).map(Path::to_owned)
}

#[test]
fn programs_in_python_find_what_they_expect() {
    let Some(built) = built() else {
        println!("SKIPPED: libpyds.so is not there; build the workspace first");
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let runtime = folder.join("../../.deps/onnxruntime/libonnxruntime.so");
    let runtime = std::env::var_os("ORT_DYLIB_PATH").unwrap_or_else(|| runtime.into());
    let status = Command::new("sh")
        .arg(folder.join("tests/run"))
        .arg(built)
        .env("ORT_DYLIB_PATH", runtime)
        // The packages beside the module are tested too.
        .env("PYTHONPATH", folder.join("../../python"))
        .status()
        .unwrap();
    assert!(status.success(), "the tests in Python failed: {status}");
}
