//! Running a model: ONNX Runtime, one single-threaded session per worker.
//!
//! Images run side by side, each on one core. On a CPU this gives as many images per second as threads inside an operator
//! do on a quiet machine, and far more on a busy one.

mod file;
mod inputs;
mod library;
mod openvino;
mod place;
mod provider;
mod spec;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use half::f16;
use half::slice::HalfFloatSliceExt;
use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{DynValue, Outlet, TensorElementType};

pub use file::ModelFile;
pub(crate) use place::own_file;

use self::inputs::Inputs;
use self::spec::InputSpec;
use crate::config::{ConfigError, Dims, ExecutionProvider, InferConfig, Location, Notice};
use crate::model::{self, CaffeError, LoadedModel, TableError};
use crate::parse::{F32, OutputTensor, TensorInfo};

/// Why a model cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// ONNX Runtime is not there.
    #[error(
        "ONNX Runtime is not installed: run \"make setup\", or set ORT_DYLIB_PATH to libonnxruntime.so of version 1.24 or \
         later (the PyPI package onnxruntime holds it). Looked at: {}.{}",
        searched.join("; "),
        tried.iter().map(|line| format!("\n  {line}")).collect::<String>()
    )]
    Library {
        /// Where it was looked for.
        searched: Vec<String>,
        /// What loading each file that was found said.
        tried: Vec<String>,
    },
    /// The config names no model.
    #[error("{}: no model: set onnx-file in [property], or model-file and proto-file", path.display())]
    NoModel {
        /// The config file.
        path: PathBuf,
    },
    /// The config names a model of a format that cannot be run.
    #[error(
        "{location}: {key}={}: models of this kind cannot be run here; set onnx-file to an ONNX model, or model-file and \
         proto-file to a Caffe model",
        path.display()
    )]
    Format {
        /// Where the config names it.
        location: Location,
        /// The key.
        key: String,
        /// The file.
        path: PathBuf,
    },
    /// The config names one file of a Caffe model.
    #[error("{location}: {set} needs {missing}: a Caffe model is two files")]
    Incomplete {
        /// Where the config names the one.
        location: Location,
        /// The key of the one.
        set: &'static str,
        /// The key of the other.
        missing: &'static str,
    },
    /// The Caffe model cannot be used.
    #[error(transparent)]
    Caffe(#[from] CaffeError),
    /// The calibration table cannot be used.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The model file cannot be read.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// ONNX Runtime refuses the model.
    #[error("{}: ONNX Runtime cannot load the model: {message}", path.display())]
    Load {
        /// The model file.
        path: PathBuf,
        /// What ONNX Runtime says.
        message: String,
    },
    /// What the config asks for to run the model cannot be used.
    #[error("{location}: engine={provider}: {message}")]
    Provider {
        /// Where the config asks for it.
        location: Location,
        /// What it asks for.
        provider: ExecutionProvider,
        /// What is wrong with it.
        message: String,
    },
    /// The model's input is not one of pictures.
    #[error("{}: input {found}: {expected}", path.display())]
    Input {
        /// The model file.
        path: PathBuf,
        /// The model's inputs.
        found: String,
        /// What is expected.
        expected: String,
    },
    /// `infer-dims` is not the size that the model is made for.
    #[error("{location}: infer-dims={given}, but the model {} takes {model}", path.display())]
    InferDims {
        /// Where the config sets it.
        location: Location,
        /// The value given.
        given: Dims,
        /// The model's own; `?` is a free dimension.
        model: String,
        /// The model file.
        path: PathBuf,
    },
    /// An output does not hold a part for each image of a run.
    #[error("output tensor {name}: {problem}")]
    Output {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// OpenVINO failed.
    #[error("OpenVINO: {0}")]
    OpenVino(String),
    /// ONNX Runtime failed.
    #[error("ONNX Runtime: {0}")]
    Runtime(#[from] ort::Error),
}

/// Number of workers where nobody asks for another: the cores that this process may use, as scheduler affinity and control
/// groups limit them.
pub fn default_workers() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// A model that is ready to run.
#[derive(Debug)]
pub struct Engine {
    input: Dims,
    images_per_run: usize,
    outputs: Vec<TensorInfo>,
    workers: Vec<Worker>,
    notices: Vec<Notice>,
}

/// One session with its input buffer; runs on the thread that calls it.
#[derive(Debug)]
pub struct Worker {
    backend: Backend,
    images: usize,
    /// Dimensions of the outputs of the last run without the batch, to be borrowed by [`OutputTensor`].
    dims: Vec<Vec<usize>>,
    /// Outputs of other numbers (counts, classes, 16-bit numbers) of the last run, as the numbers that parsers read.
    converted: Vec<Vec<f32>>,
}

/// What runs the model of a worker.
#[derive(Debug)]
enum Backend {
    OnnxRuntime { session: Session, inputs: Inputs },
    OpenVino(openvino::Request),
}

impl Engine {
    /// Loads the model that `config` names into `workers` sessions (`None`: as many as [`default_workers`] says).
    ///
    /// A free batch dimension, or one of 1, runs images one by one in each worker; a model made for more images at once
    /// gets them. A free height and width take `infer-dims`.
    ///
    /// # Errors
    /// If ONNX Runtime or the model cannot be loaded, or the model's input is not one of pictures of the config's size.
    pub fn load(config: &InferConfig, workers: Option<NonZeroUsize>) -> Result<Self, EngineError> {
        Self::load_threaded(config, workers, NonZeroUsize::MIN)
    }

    /// One worker whose image is shared among `threads`, on ONNX Runtime's own kernels; `None` where another engine runs the
    /// model, whose ways are its own.
    pub(crate) fn load_shared(
        config: &InferConfig,
        threads: NonZeroUsize,
    ) -> Option<Result<Self, EngineError>> {
        let is_own = config.provider.first_choice() == ExecutionProvider::Cpu;
        is_own.then(|| Self::load_threaded(config, Some(NonZeroUsize::MIN), threads))
    }

    fn load_threaded(
        config: &InferConfig,
        workers: Option<NonZeroUsize>,
        threads: NonZeroUsize,
    ) -> Result<Self, EngineError> {
        let loaded = model::load(config)?;
        if config.provider == ExecutionProvider::OpenVino && openvino::is_installed() {
            let count = workers.unwrap_or_else(default_workers).get();
            let openvino::Compiled { spec, outputs, requests } = openvino::compile(&loaded, config, count)?;
            tracing::info!("{} runs on OpenVINO, {count} images side by side", loaded.path.display());
            let outputs: Vec<_> = outputs.into_iter().map(|info| without_batch(info, spec.images)).collect();
            let worker = |request| Worker::new(Backend::OpenVino(request), spec.images, outputs.len());
            let workers = requests.into_iter().map(worker).collect();
            let notices = loaded.notices;
            return Ok(Self { input: spec.dims, images_per_run: spec.images, outputs, workers, notices });
        }
        let LoadedModel { path, bytes, mut notices } = loaded;
        let path = path.as_path();
        let environment = library::environment()?;
        let sessions = |provider: ExecutionProvider| -> Result<Vec<Session>, EngineError> {
            let session = |_| {
                let mut builder = builder(&environment, provider, config, threads)?;
                let session = match &bytes {
                    // by its path, so that weights in files beside the model are found
                    None => builder.commit_from_file(path),
                    Some(bytes) => builder.commit_from_memory(bytes),
                };
                session.map_err(|error| EngineError::Load {
                    path: path.to_owned(),
                    message: error.message().to_owned(),
                })
            };
            (0..workers.unwrap_or_else(|| provider.default_workers()).get()).map(session).collect()
        };
        let mut provider = config.provider.first_choice();
        let sessions = match sessions(provider) {
            Err(error)
                if config.provider == ExecutionProvider::Auto && provider != ExecutionProvider::Cpu =>
            {
                let message = format!("{provider} is left out, the model runs on the processor: {error}");
                notices.push(Notice { location: config.location("engine"), message });
                provider = ExecutionProvider::Cpu;
                sessions(provider)?
            }
            sessions => sessions?,
        };
        let (path_shown, images) = (path.display(), sessions.len());
        if provider == ExecutionProvider::Cpu && config.provider == ExecutionProvider::Auto {
            // As expected: nothing to say.
            tracing::debug!("{path_shown} runs on {provider}, {images} images side by side");
        } else {
            tracing::info!("{path_shown} runs on {provider}, {images} images side by side");
        }
        let Some(first) = sessions.first() else {
            return Err(EngineError::NoModel { path: path.to_owned() });
        };

        let inputs: Vec<_> = first.inputs().iter().map(describe).collect();
        let spec = InputSpec::read(config, path, &inputs)?;
        let outputs: Vec<_> =
            first.outputs().iter().map(|outlet| without_batch(describe(outlet), spec.images)).collect();
        let workers = sessions.into_iter().map(|session| {
            let inputs = Inputs::new(&spec, config.network_input_order)?;
            Ok(Worker::new(Backend::OnnxRuntime { session, inputs }, spec.images, outputs.len()))
        });
        let workers = workers.collect::<Result<_, ort::Error>>()?;
        Ok(Self { input: spec.dims, images_per_run: spec.images, outputs, workers, notices })
    }

    /// Size of the network's input.
    pub fn input(&self) -> Dims {
        self.input
    }

    /// Images that one run of a worker takes.
    pub fn images_per_run(&self) -> usize {
        self.images_per_run
    }

    /// The model's outputs.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// What the config's author should know about how the model is run.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The workers, to be driven from as many threads.
    pub fn workers(&mut self) -> &mut [Worker] {
        &mut self.workers
    }
}

impl Worker {
    fn new(backend: Backend, images: usize, outputs: usize) -> Self {
        Self { backend, images, dims: vec![Vec::new(); outputs], converted: vec![Vec::new(); outputs] }
    }

    /// The part of the input buffer that image `slot` of the next run goes to; empty if there is no such slot.
    pub fn input(&mut self, slot: usize) -> &mut [f32] {
        let data = match &mut self.backend {
            Backend::OnnxRuntime { inputs, .. } => inputs.picture(),
            Backend::OpenVino(request) => request.input(),
        };
        let length = data.len() / self.images.max(1);
        data.chunks_exact_mut(length.max(1)).nth(slot).unwrap_or_default()
    }

    /// Runs the model on the input buffer and hands the outputs of each of the first `images` images to `read`.
    ///
    /// # Errors
    /// If the engine fails, an output does not hold all images, or `read` fails.
    pub fn run<E: From<EngineError>>(
        &mut self,
        images: usize,
        read: impl FnMut(usize, &[OutputTensor<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { backend, images: capacity, dims, converted } = self;
        // outputs of other types than numbers are not read by any parser
        match backend {
            Backend::OnnxRuntime { session, inputs } => {
                let outputs = session.run(inputs.values()).map_err(EngineError::from)?;
                let values: Vec<_> = outputs.iter().collect();
                let values = values.iter().zip(converted).filter_map(|((name, value), converted)| {
                    let (shape, data) = numbers(value, converted)?;
                    Some((*name, shape, data))
                });
                hand_out(values, dims, *capacity, images, read)
            }
            Backend::OpenVino(request) => {
                let (names, answers) = request.run()?;
                let values = names.iter().zip(&answers).zip(converted);
                let values = values.filter_map(|((name, answer), converted)| {
                    Some((name.as_str(), answer.shape(), answer.numbers(converted)?))
                });
                hand_out(values, dims, *capacity, images, read)
            }
        }
    }
}

/// Cuts outputs, name, shape and numbers, into those of each of the first `images` images, and has them read.
fn hand_out<'a, E: From<EngineError>>(
    values: impl Iterator<Item = (&'a str, &'a [i64], &'a [f32])>,
    dims: &mut [Vec<usize>],
    capacity: usize,
    images: usize,
    mut read: impl FnMut(usize, &[OutputTensor<'_>]) -> Result<(), E>,
) -> Result<(), E> {
    let mut tensors = Vec::with_capacity(dims.len());
    for ((name, shape, data), dims) in values.zip(dims) {
        dims.clear();
        dims.extend(shape.iter().map(|&dim| usize::try_from(dim).unwrap_or_default()));
        if has_batch(dims.first().copied(), capacity) {
            dims.remove(0);
        } else if capacity > 1 {
            let problem = format!("its first dimension is not the batch of {capacity} images");
            return Err(EngineError::Output { name: name.to_owned(), problem }.into());
        }
        tensors.push((name, &*dims, data));
    }
    let mut of_image = Vec::with_capacity(tensors.len());
    for image in 0..images.min(capacity) {
        of_image.clear();
        of_image.extend(tensors.iter().map(|&(name, dims, data)| {
            let length = data.len() / capacity.max(1);
            let data = data.get(image * length..(image + 1) * length).unwrap_or_default();
            OutputTensor { name, dims, data }
        }));
        read(image, &of_image)?;
    }
    Ok(())
}

/// Shape and elements of an output; numbers of other types are copied to `converted`.
fn numbers<'a>(value: &'a DynValue, converted: &'a mut Vec<f32>) -> Option<(&'a [i64], &'a [f32])> {
    if let Ok((shape, data)) = value.try_extract_tensor::<f32>() {
        return Some((shape, data));
    }
    converted.clear();
    let shape = if let Ok((shape, data)) = value.try_extract_tensor::<i64>() {
        converted.extend(data.iter().map(|&number| number as f32));
        shape
    } else if let Ok((shape, data)) = value.try_extract_tensor::<f16>() {
        converted.resize(data.len(), 0.0);
        data.convert_to_f32_slice(converted);
        shape
    } else {
        let (shape, data) = value.try_extract_tensor::<i32>().ok()?;
        converted.extend(data.iter().map(|&number| number as f32));
        shape
    };
    Some((shape, converted))
}

/// A session of `threads`, the one that calls it among them. They sleep while there is nothing to do.
fn builder(
    environment: &Environment,
    provider: ExecutionProvider,
    config: &InferConfig,
    threads: NonZeroUsize,
) -> Result<SessionBuilder, EngineError> {
    let builder = || {
        Session::builder(environment)?
            .with_intra_threads(threads.get())?
            .with_intra_op_spinning(false)?
            .with_inter_threads(1)
            .map_err(ort::Error::from)
    };
    provider.register(builder()?).map_err(|message| EngineError::Provider {
        location: config.location("engine"),
        provider,
        message: format!(
            "the ONNX Runtime that is installed cannot use it{}: {message}",
            openvino::hint(provider)
        ),
    })
}

/// Whether a first dimension counts the images of a run.
fn has_batch(first: Option<usize>, images: usize) -> bool {
    first == Some(images)
}

/// An input or output with all its dimensions.
fn describe(outlet: &Outlet) -> TensorInfo {
    let shape = outlet.dtype().tensor_shape();
    let dims = shape.map(|shape| shape.iter().map(|&dim| usize::try_from(dim).ok()).collect());
    let element = match outlet.dtype().tensor_type() {
        Some(TensorElementType::Float32) => F32.to_owned(),
        Some(other) => format!("{other:?}").to_lowercase(),
        None => "no tensor".to_owned(),
    };
    TensorInfo { name: outlet.name().to_owned(), dims: dims.unwrap_or_default(), element }
}

/// An output without its batch dimension.
fn without_batch(mut info: TensorInfo, images: usize) -> TensorInfo {
    if info.dims.first().is_some_and(|&first| first.is_none() || has_batch(first, images)) {
        info.dims.remove(0);
    }
    info
}
