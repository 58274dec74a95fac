//! Computes a fingerprint of everything that decides how the metadata lies in memory, so that libraries that were built
//! apart can tell whether they may share it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let mut hasher = DefaultHasher::new();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("-vV").output().map(|output| output.stdout).unwrap_or_default();
    version.hash(&mut hasher);
    std::env::var("TARGET").unwrap_or_default().hash(&mut hasher);
    let own = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    for folder in [own.join("src"), own.join("../slipstream-meta/src")] {
        println!("cargo:rerun-if-changed={}", folder.display());
        for file in sources(&folder) {
            std::fs::read(file).unwrap_or_default().hash(&mut hasher);
        }
    }
    println!("cargo:rustc-env=SLIPSTREAM_LAYOUT={}-{:016x}", env!("CARGO_PKG_VERSION"), hasher.finish());
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "rs")).collect();
    files.sort();
    files
}
