//! Running a model with Intel's OpenVINO, whose library is loaded when a config asks for it.
//!
//! One compiled model serves all workers: it has as many streams, of one thread each, as there are workers.

use std::env;
use std::fmt;
use std::path::PathBuf;

use openvino::{
    CompiledModel, Core, DeviceType, ElementType, InferRequest, InferenceError, Node, PartialShape,
    RwPropertyKey, Shape, Tensor,
};

use super::EngineError;
use super::library::{find, libraries};
use super::spec::{InputSpec, Number};
use crate::config::{ExecutionProvider, InferConfig, NetworkMode};
use crate::model::LoadedModel;
use crate::parse::{F32, TensorInfo};

/// OpenVINO's C interface.
const NAME: &str = "openvino_c";
/// Names the library file or its folder, before every other place.
const VARIABLE: &str = "SLIPSTREAM_OPENVINO";
/// Where a checkout keeps it, seen from its root.
const CHECKOUT: &str = ".deps/openvino";

/// A model with its workers' requests.
pub(super) struct Compiled {
    pub(super) spec: InputSpec,
    pub(super) outputs: Vec<TensorInfo>,
    pub(super) requests: Vec<Request>,
}

/// One worker's request with its input.
pub(super) struct Request {
    request: InferRequest,
    input: Tensor,
    /// Names of the outputs.
    names: Vec<String>,
}

/// An output of a run.
pub(super) struct Answer {
    shape: Shape,
    element: ElementType,
    /// `None` of nothing, which lies nowhere.
    tensor: Option<Tensor>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("outputs", &self.names).finish_non_exhaustive()
    }
}

/// Whether there is an OpenVINO in the places where this program looks for it; its library is loaded if so.
pub(super) fn is_installed() -> bool {
    library().is_ok()
}

/// What helps where OpenVINO is asked for and not there.
pub(super) fn hint(provider: ExecutionProvider) -> &'static str {
    if provider == ExecutionProvider::OpenVino {
        " (nor is there OpenVINO itself: set SLIPSTREAM_OPENVINO to the folder openvino/libs of the PyPI package openvino)"
    } else {
        ""
    }
}

/// Loads OpenVINO's library.
fn library() -> Result<(), String> {
    let named = env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let files = match &named {
        Some(path) if path.is_dir() => libraries(path, NAME),
        Some(path) => vec![path.clone()],
        None => find(NAME, CHECKOUT),
    };
    let mut tried = Vec::new();
    for file in files {
        match openvino_sys::library::load_from(&file) {
            Ok(()) => return Ok(()),
            Err(error) => tried.push(format!("{}: {error}", file.display())),
        }
    }
    openvino_sys::library::load().map_err(|error| {
        tried.push(error);
        tried.join("; ")
    })
}

/// Compiles a model.
pub(super) fn compile(
    model: &LoadedModel,
    config: &InferConfig,
    workers: usize,
) -> Result<Compiled, EngineError> {
    let path = model.path.as_path();
    let failed = |message: String| EngineError::Provider {
        location: config.location("engine"),
        provider: config.provider,
        message,
    };
    library().map_err(failed)?;
    let words = |error: InferenceError| failed(format!("{}: {error}", path.display()));
    let mut core = Core::new().map_err(|error| failed(error.to_string()))?;
    let names = model.output_names().unwrap_or_default();
    let mut model = match &model.bytes {
        Some(bytes) => core.read_model_from_buffer(bytes, None).map_err(words)?,
        None => core.read_model_from_file(&path.to_string_lossy(), "").map_err(words)?,
    };
    let inputs =
        (0..model.get_inputs_len().map_err(words)?).map(|index| describe(&model.get_input_by_index(index)?));
    let inputs = inputs.collect::<Result<Vec<_>, _>>().map_err(words)?;
    let spec = InputSpec::read(config, path, &inputs)?;
    if let Some(other) = spec.others.first() {
        return Err(failed(format!(
            "{}: it has a second input, {}: use engine=cpu",
            path.display(),
            other.name
        )));
    }
    if spec.number != Number::F32 {
        return Err(failed(format!("{}: it takes 16-bit numbers: use engine=cpu", path.display())));
    }
    let shape = spec.shape(config.network_input_order);
    let fixed = PartialShape::new_static(4, &shape).map_err(words)?;
    model.reshape_single_input(&fixed).map_err(words)?;

    let count = workers.to_string();
    let precise = matches!(config.network_mode, NetworkMode::Fp32 | NetworkMode::Int8);
    let properties = [
        (RwPropertyKey::InferenceNumThreads, count.as_str()),
        (RwPropertyKey::NumStreams, count.as_str()),
        (RwPropertyKey::HintEnableCpuPinning, "NO"),
    ];
    // What is left to OpenVINO becomes 16-bit numbers where the processor computes with them.
    let precision = precise.then_some((RwPropertyKey::HintInferencePrecision, "f32"));
    core.set_properties(&DeviceType::CPU, properties.into_iter().chain(precision)).map_err(words)?;
    let mut compiled = core.compile_model(&model, DeviceType::CPU).map_err(words)?;
    let mut outputs = outputs(&compiled).map_err(words)?;
    // A tensor may have several names here; the model's own is the one that counts.
    if names.len() == outputs.len() {
        for (output, name) in outputs.iter_mut().zip(names) {
            output.name = name;
        }
    }
    let requests = (0..workers).map(|_| {
        let mut request = compiled.create_infer_request()?;
        let input = Tensor::new(ElementType::F32, &Shape::new(&shape)?)?;
        request.set_input_tensor(&input)?;
        let names = outputs.iter().map(|output| output.name.clone()).collect();
        Ok(Request { request, input, names })
    });
    let requests = requests.collect::<Result<Vec<_>, _>>().map_err(words)?;
    Ok(Compiled { spec, outputs, requests })
}

fn outputs(compiled: &CompiledModel) -> Result<Vec<TensorInfo>, InferenceError> {
    (0..compiled.get_output_size()?).map(|index| describe(&compiled.get_output_by_index(index)?)).collect()
}

fn describe(node: &Node) -> Result<TensorInfo, InferenceError> {
    let shape = node.get_partial_shape()?;
    let dims = shape
        .get_dimensions()
        .iter()
        .map(|dim| (dim.get_min() == dim.get_max()).then(|| usize::try_from(dim.get_min()).ok()).flatten());
    let element = match node.get_element_type()? {
        ElementType::F32 => F32.to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    Ok(TensorInfo { name: node.get_name()?, dims: dims.collect(), element })
}

impl Request {
    pub(super) fn input(&mut self) -> &mut [f32] {
        self.input.get_data_mut().unwrap_or_default()
    }

    /// Runs the model. Returns the outputs, and their names.
    pub(super) fn run(&mut self) -> Result<(&[String], Vec<Answer>), EngineError> {
        let words = |error: InferenceError| EngineError::OpenVino(error.to_string());
        self.request.infer().map_err(words)?;
        let answer = |index| {
            let tensor = self.request.get_output_tensor_by_index(index)?;
            let (shape, element) = (tensor.get_shape()?, tensor.get_element_type()?);
            let tensor = if tensor.get_size()? == 0 { None } else { Some(tensor) };
            Ok(Answer { shape, element, tensor })
        };
        let answers =
            (0..self.names.len()).map(answer).collect::<Result<Vec<_>, InferenceError>>().map_err(words)?;
        Ok((&self.names, answers))
    }
}

impl Answer {
    pub(super) fn shape(&self) -> &[i64] {
        self.shape.get_dimensions()
    }

    /// The numbers; whole ones are copied to `whole`.
    pub(super) fn numbers<'a>(&'a self, whole: &'a mut Vec<f32>) -> Option<&'a [f32]> {
        let Some(tensor) = &self.tensor else { return Some(&[]) };
        whole.clear();
        match self.element {
            ElementType::F32 => return tensor.get_data().ok(),
            ElementType::I64 => {
                whole.extend(tensor.get_data::<i64>().ok()?.iter().map(|&number| number as f32));
            }
            ElementType::F16 => {
                let halves = tensor.get_data::<half::f16>().ok()?;
                whole.extend(halves.iter().map(|number| number.to_f32()));
            }
            ElementType::I32 => {
                whole.extend(tensor.get_data::<i32>().ok()?.iter().map(|&number| number as f32));
            }
            _ => return None,
        }
        Some(whole)
    }
}
