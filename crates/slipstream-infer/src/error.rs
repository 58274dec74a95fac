//! Why a network cannot be run.

use crate::config::{ClusterMode, ConfigError, Location, NetworkType};
use crate::engine::EngineError;
use crate::parse::{ParseError, TensorInfo};
use crate::tensor::PreprocessError;

/// Why a network cannot be loaded or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The config says that the network is no detector.
    #[error("{location}: network-type={kind:?}: only detectors (network-type=0) are supported")]
    NetworkType {
        /// Where the config says so.
        location: Location,
        /// What it says.
        kind: NetworkType,
    },
    /// The config says nothing about the number of classes and neither does the model.
    #[error(
        "{location}: num-detected-classes is not set and the model does not tell how many classes it has"
    )]
    Classes {
        /// The config file.
        location: Location,
    },
    /// The model has no outputs of the kind that the config says.
    #[error("{location}: network-type={kind:?}: {expected}\n  outputs: {}", list(.found))]
    Outputs {
        /// Where the config says what kind of network it is.
        location: Location,
        /// The kind.
        kind: NetworkType,
        /// What is expected of the outputs.
        expected: String,
        /// The model's outputs.
        found: Vec<TensorInfo>,
    },
    /// Boxes with masks cannot be clustered in this way.
    #[error("{location}: cluster-mode={mode:?}: boxes with masks are merged by 2 NMS or 4 none")]
    Cluster {
        /// Where the config sets the mode.
        location: Location,
        /// The mode.
        mode: ClusterMode,
    },
    /// A file that the config names cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model cannot be run.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Pictures cannot be prepared for the network.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// The model's outputs cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

fn list(tensors: &[TensorInfo]) -> String {
    tensors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
