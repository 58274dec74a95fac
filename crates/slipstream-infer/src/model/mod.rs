//! Models as ONNX Runtime takes them: what a config names is found, read and, where need be, made into ONNX.
//!
//! Caffe models are converted in memory ([`caffe`]). With `network-mode=1` and a calibration table, floating-point models
//! are quantised in memory ([`CalibrationTable`]).

pub mod caffe;
mod fold;
mod graph;
mod int8;
mod locate;
mod proto;

use std::fs::File;
use std::path::{Path, PathBuf};

use prost::Message;

pub use caffe::CaffeError;
pub use int8::{CalibrationTable, TableError};
pub use locate::{SampleConfig, folders, locate, missing_sample, sample_config};

use self::proto::onnx::ModelProto;
use self::proto::onnx::tensor_proto::DataLocation;
use crate::config::{ExecutionProvider, InferConfig, Model, NetworkMode, Notice};
use crate::engine::EngineError;

/// Greatest ONNX file that is read here: protobuf knows no larger message.
const MAX_ONNX: u64 = (2 << 30) - 1;

/// A model that ONNX Runtime can load.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedModel {
    /// The file that it comes from, for messages.
    pub path: PathBuf,
    /// The model as ONNX; `None` where the file itself is to be loaded.
    pub bytes: Option<Vec<u8>>,
    /// What the config's author should know.
    pub notices: Vec<Notice>,
}

impl LoadedModel {
    /// Names of the outputs, in order; `None` if the file cannot be read.
    pub(crate) fn output_names(&self) -> Option<Vec<String>> {
        let model = match &self.bytes {
            Some(bytes) => ModelProto::decode(bytes.as_slice()),
            None => ModelProto::decode(std::fs::read(&self.path).ok()?.as_slice()),
        };
        Some(model.ok()?.graph?.output.into_iter().map(|output| output.name).collect())
    }
}

/// A file that cannot be read, or something else that is wrong with it.
#[derive(Debug)]
pub(crate) enum FileOr<E> {
    /// The system cannot read it.
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Something else.
    Other(E),
}

/// Reads the model that `config` names.
///
/// # Errors
/// If a file is missing or is not what its format allows, or the model needs what is not supported.
pub fn load(config: &InferConfig) -> Result<LoadedModel, EngineError> {
    match &config.model {
        Some(Model::Onnx(path)) => onnx(config, path),
        Some(Model::Caffe { proto: Some(proto), weights: Some(weights) }) => {
            from_caffe(config, proto, weights)
        }
        Some(Model::Caffe { proto, weights: Some(_) | None }) => {
            let (set, missing) =
                if proto.is_some() { ("proto-file", "model-file") } else { ("model-file", "proto-file") };
            Err(EngineError::Incomplete { location: config.location(set), set, missing })
        }
        Some(Model::Other { key, path }) => {
            Err(EngineError::Format { location: config.location(key), key: key.clone(), path: path.clone() })
        }
        None => Err(EngineError::NoModel { path: config.path.clone() }),
    }
}

fn from_caffe(config: &InferConfig, proto: &Path, weights: &Path) -> Result<LoadedModel, EngineError> {
    let wishes = caffe::Wishes { outputs: &config.output_blob_names, input: config.infer_dims };
    let mut model = caffe::load(proto, weights, wishes).map_err(|error| match error {
        FileOr::Other(error) => EngineError::Caffe(error),
        FileOr::File { path, source } => {
            let key = if path == proto { "proto-file" } else { "model-file" };
            EngineError::File(config.file_error(key, &path, source))
        }
    })?;
    let notices = precision(config, &mut model, weights)?.1;
    Ok(LoadedModel { path: weights.to_owned(), bytes: Some(model.encode_to_vec()), notices })
}

fn onnx(config: &InferConfig, path: &Path) -> Result<LoadedModel, EngineError> {
    let unreadable = |source| EngineError::File(config.file_error("onnx-file", path, source));
    let size = File::open(path).and_then(|file| file.metadata()).map_err(unreadable)?.len();
    let mut loaded = LoadedModel { path: path.to_owned(), bytes: None, notices: Vec::new() };
    if config.network_mode == NetworkMode::Fp32 || size > MAX_ONNX {
        return Ok(loaded);
    }
    // What is no model is for ONNX Runtime to say.
    let Ok(mut model) = ModelProto::decode(std::fs::read(path).map_err(unreadable)?.as_slice()) else {
        return Ok(loaded);
    };
    let (changed, notices) = precision(config, &mut model, path)?;
    loaded.notices = notices;
    if changed {
        loaded.bytes = Some(model.encode_to_vec());
    }
    Ok(loaded)
}

/// Gives `model` the precision that the config wishes for, as far as that goes. Returns whether it was changed.
fn precision(
    config: &InferConfig,
    model: &mut ModelProto,
    path: &Path,
) -> Result<(bool, Vec<Notice>), EngineError> {
    let notice = |key: &str, message: String| vec![Notice { location: config.location(key), message }];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match config.network_mode {
        NetworkMode::Fp32 | NetworkMode::Best => return Ok((false, Vec::new())),
        // OpenVINO computes with 16-bit numbers where the processor does; GPUs are given the model as it is
        NetworkMode::Fp16 if config.provider == ExecutionProvider::OpenVino => {
            return Ok((false, Vec::new()));
        }
        NetworkMode::Fp16 => {
            let message =
                format!("network-mode=2 (FP16): processors have no use for it, {name} runs as it is");
            return Ok((false, notice("network-mode", message)));
        }
        NetworkMode::Int8 => {}
    }
    let Some(graph) = &model.graph else { return Ok((false, Vec::new())) };
    if int8::is_quantised(graph) {
        return Ok((false, Vec::new()));
    }
    let Some(table_path) = &config.int8_calib_file else {
        let message = format!(
            "network-mode=1 (INT8): {name} holds floating-point numbers and int8-calib-file is not set: it runs in FP32"
        );
        return Ok((false, notice("network-mode", message)));
    };
    if graph.initializer.iter().any(|tensor| tensor.data_location == i32::from(DataLocation::External)) {
        let message = format!("int8-calib-file: weights of {name} lie in other files: it runs in FP32");
        return Ok((false, notice("int8-calib-file", message)));
    }
    let unreadable = |source| EngineError::File(config.file_error("int8-calib-file", table_path, source));
    let size = std::fs::metadata(table_path).map_err(unreadable)?.len();
    if size > int8::MAX_BYTES as u64 {
        let message = format!("{size} bytes are more than a calibration table has");
        return Err(TableError { path: table_path.clone(), line: 1, message }.into());
    }
    let text = std::fs::read(table_path).map_err(unreadable)?;
    let table = CalibrationTable::parse(&String::from_utf8_lossy(&text), table_path)?;

    let convolutions = int8::convolutions(graph);
    let positive = config.net_scale_factor >= 0.0
        && config.mean_file.is_none()
        && config.offsets.iter().all(|&offset| offset <= 0.0);
    let report = int8::quantise(model, &table, positive);
    let mut notices = Vec::new();
    if report.quantised == 0 {
        let message = format!("int8-calib-file: no scale in it is for {name}, which runs in FP32");
        notices = notice("int8-calib-file", message);
    } else if !report.missing.is_empty() {
        const SHOWN: usize = 5;
        let mut missing: Vec<_> =
            report.missing.iter().take(SHOWN).map(|value| format!("\"{value}\"")).collect();
        if report.missing.len() > SHOWN {
            missing.push(format!("and {} more", report.missing.len() - SHOWN));
        }
        let message = format!(
            "int8-calib-file: {} of {convolutions} convolutions of {name} run in INT8, others in FP32; the table has no scale for {}",
            report.quantised,
            missing.join(", ")
        );
        notices = notice("int8-calib-file", message);
    }
    Ok((report.quantised > 0, notices))
}
