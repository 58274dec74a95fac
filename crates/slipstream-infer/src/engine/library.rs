//! Finding and loading ONNX Runtime, which is a shared library and not part of the program.

use std::collections::HashSet;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use super::EngineError;
use super::place::own_file;

/// The library.
const NAME: &str = "onnxruntime";
/// Names the library file, before every other place.
const PATH_VARIABLE: &str = "ORT_DYLIB_PATH";
/// Where an installed program keeps it, seen from the folder of the executable.
const INSTALLED: &str = "../lib/slipstream";
/// Where installed programs and plugins keep it, seen from the folder of all libraries.
const BELOW_LIB: &str = "slipstream";
/// Plugins lie at most so deep below it: `lib/x86_64-linux-gnu/gstreamer-1.0`.
const PLUGIN_DEPTH: usize = 2;
/// Folders of all libraries of the system, for plugins that lie elsewhere than their library.
const SYSTEM_LIB: [&str; 2] = ["/usr/local/lib", "/usr/lib"];
/// Where a checkout keeps it, seen from its root.
const CHECKOUT: &str = ".deps/onnxruntime";

/// A process has one environment; sessions only hold references to it.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// ONNX Runtime's environment, after loading the library if need be.
pub(super) fn environment() -> Result<Environment, EngineError> {
    let mut slot = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*slot {
        return Ok(environment.clone());
    }
    let environment = load()?;
    *slot = Some(environment.clone());
    Ok(environment)
}

fn load() -> Result<Environment, EngineError> {
    let mut tried = Vec::new();
    for candidate in candidates() {
        match ort::init_from(&candidate) {
            Ok(builder) => {
                tracing::debug!(library = %candidate.display(), "loaded ONNX Runtime");
                let environment = builder.with_telemetry(false).with_logger(Arc::new(log)).build()?;
                environment.set_log_level(LogLevel::Warning);
                return Ok(environment);
            }
            Err(error) => tried.push(error.to_string()),
        }
    }
    Err(EngineError::Library { searched: places(), tried })
}

fn log(level: LogLevel, category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Verbose => tracing::trace!(category, location, "{message}"),
        LogLevel::Info => tracing::debug!(category, location, "{message}"),
        LogLevel::Warning => tracing::warn!(category, location, "{message}"),
        LogLevel::Error | LogLevel::Fatal => tracing::error!(category, location, "{message}"),
    }
}

fn variable() -> Option<OsString> {
    std::env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty())
}

/// Library files to try, in order. A file that the environment names is tried alone.
fn candidates() -> Vec<PathBuf> {
    if let Some(path) = variable() {
        return vec![path.into()];
    }
    let mut files = find(NAME, CHECKOUT);
    let name = format!("{DLL_PREFIX}{NAME}{DLL_SUFFIX}");
    files.push(format!("{name}.1").into());
    files.push(name.into());
    files
}

/// Folders to look into, in order.
fn folders(checkout: &str) -> Vec<PathBuf> {
    let folder_of = |file: PathBuf| file.parent().map(Path::to_owned);
    let program = std::env::current_exe().ok().and_then(folder_of);
    // Of a plugin: the program is another's.
    let own = own_file().and_then(folder_of).filter(|own| Some(own) != program.as_ref());
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in program.iter().chain(&own) {
        folders.push(folder.clone());
        folders.push(folder.join(INSTALLED));
    }
    for lib in own.iter().flat_map(|folder| folder.ancestors().skip(1).take(PLUGIN_DEPTH)) {
        folders.push(lib.join(BELOW_LIB));
    }
    let current = std::env::current_dir().ok();
    for start in program.iter().chain(&own).chain(&current) {
        folders.extend(start.ancestors().map(|folder| folder.join(checkout)));
    }
    folders.extend(SYSTEM_LIB.map(|lib| Path::new(lib).join(BELOW_LIB)));
    let mut seen = HashSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}

/// The files of a library that are in the places in which this program's libraries are, the best first. `checkout` is its
/// folder in a checkout.
pub(super) fn find(name: &str, checkout: &str) -> Vec<PathBuf> {
    folders(checkout).iter().flat_map(|folder| libraries(folder, name)).collect()
}

/// The files in `folder` that are the library `name`, the highest version first.
pub(super) fn libraries(folder: &Path, name: &str) -> Vec<PathBuf> {
    let prefix = format!("{DLL_PREFIX}{name}{DLL_SUFFIX}");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut names: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with(&prefix)).collect();
    let version = |name: &OsString| -> Vec<u32> {
        name.to_string_lossy().split('.').filter_map(|part| part.parse().ok()).collect()
    };
    names.sort_by_key(|name| std::cmp::Reverse(version(name)));
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// The places that [`candidates`] looked at, for people.
fn places() -> Vec<String> {
    if let Some(path) = variable() {
        return vec![format!("{} ({PATH_VARIABLE})", path.to_string_lossy())];
    }
    let mut places = vec![format!("{PATH_VARIABLE} (not set)")];
    if let Some(program) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        places.push(program.display().to_string());
        places.push(program.join(INSTALLED).display().to_string());
        places.push(format!("{CHECKOUT} in {} and the folders above it", program.display()));
    }
    if let Ok(current) = std::env::current_dir() {
        places.push(format!("{CHECKOUT} in {} and the folders above it", current.display()));
    }
    if let Some(own) = own_file().as_deref().and_then(Path::parent)
        && std::env::current_exe().ok().as_deref().and_then(Path::parent) != Some(own)
    {
        places.push(format!("{} and {BELOW_LIB} in the folders above it", own.display()));
    }
    places.extend(SYSTEM_LIB.map(|lib| format!("{lib}/{BELOW_LIB}")));
    places.push("the system's library path".to_owned());
    places
}
