//! Detectors by name: those that lie on this machine, and those that can be had.

pub mod catalogue;
pub mod download;
pub mod folders;
pub mod pull;

use std::path::{Path, PathBuf};

use folders::ModelFolders;

/// Name of the detector that is used unless another is asked for.
pub const DEFAULT_MODEL: &str = "street-int8";

/// There is no detector to start with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The one in the box is not there.
    #[error("the detector {DEFAULT_MODEL} is not installed (looked in {}); name another with --model",
        .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    Missing(Vec<PathBuf>),
    /// The one that was asked for is known, and has to be downloaded first.
    #[error("--model {0}: not on this machine yet; run: slipstream model pull {0}")]
    NotPulled(String),
    /// The one that was asked for is not there.
    #[error("--model {}: neither a file nor the name of a model; at hand: {}; to be pulled: {}",
        .chosen.display(), list(.at_hand), list(.to_pull))]
    NotFound {
        /// What was asked for.
        chosen: PathBuf,
        /// Names of the models on this machine.
        at_hand: Vec<String>,
        /// Names of those that `slipstream model pull` knows.
        to_pull: Vec<String>,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// The config file of the detector: `chosen`, which is the path of a config or the name of a model, or the default in the
/// box.
///
/// # Errors
/// If there is no such file and no such model.
pub fn detector_config(chosen: Option<&Path>) -> Result<PathBuf, ModelError> {
    find_config(&ModelFolders::of_this_program(), chosen)
}

/// The same with the models of `folders`.
///
/// # Errors
/// If there is no such file and no such model.
pub fn find_config(folders: &ModelFolders, chosen: Option<&Path>) -> Result<PathBuf, ModelError> {
    let Some(chosen) = chosen else {
        let missing = || ModelError::Missing(folders.all().map(Path::to_owned).collect());
        return folders.config(DEFAULT_MODEL).ok_or_else(missing);
    };
    if chosen.is_file() {
        return Ok(chosen.into());
    }
    // A path with folders in it is no name.
    let name = chosen.to_str().filter(|name| !name.contains('/'));
    if let Some(config) = name.and_then(|name| folders.config(name)) {
        return Ok(config);
    }
    if let Some(release) = name.and_then(catalogue::find) {
        return Err(ModelError::NotPulled(release.name.to_owned()));
    }
    let at_hand: Vec<_> = folders.models().into_iter().map(|model| model.name).collect();
    let others = catalogue::CATALOGUE.iter().map(|release| release.name.to_owned());
    let to_pull = others.filter(|name| !at_hand.contains(name)).collect();
    Err(ModelError::NotFound { chosen: chosen.into(), at_hand, to_pull })
}
