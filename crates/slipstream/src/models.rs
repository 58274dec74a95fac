//! Where detectors are found when none is named.

use std::path::{Path, PathBuf};

/// Config of the detector that is used unless another is asked for.
pub const DEFAULT_MODEL: &str = "street-int8.ini";

/// There is no detector to start with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The one in the box is not there.
    #[error("the detector {DEFAULT_MODEL} is not installed (looked in {}); name another with --model CONFIG",
        .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    Missing(Vec<PathBuf>),
    /// The config that was asked for is not there.
    #[error("--model {}: no such file", .0.display())]
    NotFound(PathBuf),
}

/// The folders in which models lie: `share/slipstream/models` of the place that the program is installed in, or `models` of
/// the source tree that it was built in.
fn folders() -> Vec<PathBuf> {
    let Ok(program) = std::env::current_exe().and_then(|path| path.canonicalize()) else { return Vec::new() };
    let installed = program.parent().and_then(Path::parent).map(|prefix| prefix.join("share/slipstream/models"));
    let built = program.ancestors().skip(1).map(|folder| folder.join("models"));
    installed.into_iter().chain(built.filter(|folder| folder.is_dir())).collect()
}

/// The config file of the detector: `chosen`, or the one in the box.
///
/// # Errors
/// If the file is not there.
pub fn detector_config(chosen: Option<&Path>) -> Result<PathBuf, ModelError> {
    if let Some(chosen) = chosen {
        return if chosen.is_file() { Ok(chosen.into()) } else { Err(ModelError::NotFound(chosen.into())) };
    }
    let folders = folders();
    let found = folders.iter().map(|folder| folder.join(DEFAULT_MODEL)).find(|path| path.is_file());
    found.ok_or(ModelError::Missing(folders))
}
