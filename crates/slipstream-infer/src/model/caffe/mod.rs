//! Caffe nets become ONNX graphs.
//!
//! A Caffe model is two files: the layers as protobuf text (`.prototxt`) and the weights as binary protobuf
//! (`.caffemodel`). Both are read as BVLC's Caffe, its SSD branch and NVIDIA's branch write them, old `layers` included.
//! What the layers do follows Caffe: <https://caffe.berkeleyvision.org/tutorial/layers.html>, and for SSD
//! <https://github.com/weiliu89/caffe/tree/ssd>.
//!
//! The batch is always 1: pictures run side by side, not behind one another.

mod activation;
mod arrange;
mod convert;
mod dense;
mod error;
mod layer;
mod net;
mod normalize;
mod pool;
mod read;
mod ssd;

use std::path::Path;

use prost::Message;

pub use error::CaffeError;

use super::proto::onnx::ModelProto;
use crate::config::Dims;

/// What a conversion needs to know beside the files.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wishes<'a> {
    /// Blobs that are to leave the net; where the net has none of them, those that no layer uses do.
    pub(super) outputs: &'a [String],
    /// Size of pictures for nets that do not say it.
    pub(super) input: Option<Dims>,
}

/// Reads and converts a model.
pub(super) fn load(
    proto: &Path,
    weights: &Path,
    wishes: Wishes<'_>,
) -> Result<ModelProto, super::FileOr<CaffeError>> {
    use super::FileOr;
    let read = |path: &Path, limit: usize| -> Result<Vec<u8>, FileOr<CaffeError>> {
        let file = |source| FileOr::File { path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(file)?.len();
        if size > limit as u64 {
            return Err(FileOr::Other(CaffeError::TooLarge {
                path: path.to_owned(),
                size,
                limit: limit as u64,
            }));
        }
        std::fs::read(path).map_err(file)
    };
    let text = read(proto, read::MAX_TEXT)?;
    let bytes = read(weights, read::MAX_BINARY)?;
    converted(&text, proto, &bytes, weights, wishes).map_err(FileOr::Other)
}

/// Converts a model whose files hold `text` and `bytes` to the bytes of an ONNX model; errors name the paths.
///
/// `outputs` are the blobs that are to leave the net; where it has none of them, those that no layer uses do. `input` is the
/// size of pictures for nets that do not say it.
///
/// # Errors
/// If a file is not what its format allows, or a layer cannot be run.
pub fn convert(
    text: &[u8],
    proto: &Path,
    bytes: &[u8],
    weights: &Path,
    outputs: &[String],
    input: Option<Dims>,
) -> Result<Vec<u8>, CaffeError> {
    converted(text, proto, bytes, weights, Wishes { outputs, input }).map(|model| model.encode_to_vec())
}

fn converted(
    text: &[u8],
    proto: &Path,
    bytes: &[u8],
    weights: &Path,
    wishes: Wishes<'_>,
) -> Result<ModelProto, CaffeError> {
    // Comments in other encodings than UTF-8 are no reason to refuse a net.
    let text = String::from_utf8_lossy(text);
    let mut net = read::layers(&text, proto)?;
    let weights = read::weights(bytes, weights, &mut net.layer)?;
    convert::convert(net, weights, proto, wishes)
}
