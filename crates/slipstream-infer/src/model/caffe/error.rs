//! What can be wrong with a Caffe model.

use std::path::PathBuf;

/// Why a Caffe model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaffeError {
    /// A file is larger than any model.
    #[error("{}: {size} bytes: more than the {limit} that are read of such a file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
        /// The greatest size that is read.
        limit: u64,
    },
    /// The layers' file is not what the format allows.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// The weights' file is not what the format allows.
    #[error("{}: not a Caffe model (binary NetParameter): {message}", path.display())]
    Binary {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The net as a whole is not one that can be run.
    #[error("{}: {message}", path.display())]
    Net {
        /// The layers' file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A layer cannot be run.
    #[error("{}: layer \"{layer}\" ({kind}): {message}", path.display())]
    Layer {
        /// The layers' file.
        path: PathBuf,
        /// The layer's name.
        layer: String,
        /// Its type.
        kind: String,
        /// What is wrong.
        message: String,
    },
}
