//! What is in a model file, what reads its outputs, and a config to begin with.

mod config;
mod names;

use std::fmt;
use std::path::PathBuf;

use slipstream_infer::InferConfig;
use slipstream_infer::config::{Dims, Model, ModelColorFormat, NetworkType, TensorOrder};
use slipstream_infer::engine::{EngineError, ModelFile};
use slipstream_infer::parse::{self, Choice, IMAGENET_BACKBONE, Padding, ParseError, Recipe, TensorInfo};
use slipstream_meta::Size;

use crate::models::catalogue::COCO;

/// Size that a network of free size is taken for, unless its file or the caller tells: that of most published models.
const USUAL_SIZE: Size = Size::new(640, 640);
/// The same of classifiers: ImageNet's.
const USUAL_SIZE_OF_CLASSIFIERS: Size = Size::new(224, 224);
/// `cluster-mode` for NMS, and for none.
const NMS: u32 = 2;
const NO_CLUSTERING: u32 = 4;

/// Why a model cannot be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It cannot be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The config names no ONNX file.
    #[error("{}: its model is no ONNX file", .0.display())]
    NoOnnx(PathBuf),
    /// Its input is not one of pictures.
    #[error("{}: no input of pictures, [N, 1 or 3, height, width] or [N, height, width, 1 or 3]: {}", path.display(), list(.inputs))]
    Input {
        /// The model.
        path: PathBuf,
        /// Its inputs.
        inputs: Vec<TensorInfo>,
    },
}

fn list(tensors: &[TensorInfo]) -> String {
    tensors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Where the names of the classes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// From the file, or from the config's label file.
    Told,
    /// There are as many classes as COCO has.
    Coco,
    /// From nowhere.
    None,
}

/// What reads a model's outputs.
#[derive(Debug)]
pub enum Reader {
    /// Those of a detector: a parser of boxes.
    Boxes(Choice),
    /// Those of a classifier: each output is an attribute.
    Attributes,
    /// Those of a segmentation network: the class of each pixel.
    ClassMap(TensorOrder),
}

/// A model as it was found, and how it would be used.
#[derive(Debug)]
pub struct Inspection {
    /// The model.
    pub path: PathBuf,
    /// What the file says.
    pub file: ModelFile,
    /// Size of the network's input.
    pub size: Size,
    /// Whether that was assumed.
    pub size_is_assumed: bool,
    /// Channels of the network's input.
    pub channels: usize,
    /// How the input lies.
    pub order: TensorOrder,
    /// What reads its outputs, or why nothing does.
    pub reader: Result<Reader, ParseError>,
    /// `parse-bbox-func-name`, where the config names one.
    pub function: Option<String>,
    /// Number of classes, where it is known.
    pub classes: Option<usize>,
    /// Names of the classes.
    pub labels: Vec<String>,
    /// Where they come from.
    pub names: Names,
}

/// How the input of pictures lies, its channels, and its size where that is not free.
fn input(inputs: &[TensorInfo]) -> Option<(TensorOrder, usize, Option<Size>)> {
    let size = |height: Option<usize>, width: Option<usize>| {
        let side = |side: Option<usize>| u32::try_from(side?).ok();
        Some(Size::new(side(width)?, side(height)?))
    };
    inputs.iter().find_map(|input| match *input.dims.as_slice() {
        [_, Some(channels @ (1 | 3)), height, width] => {
            Some((TensorOrder::Nchw, channels, size(height, width)))
        }
        [_, height, width, Some(channels @ (1 | 3))] => {
            Some((TensorOrder::Nhwc, channels, size(height, width)))
        }
        _ => None,
    })
}

/// Looks at the model that `config` names. A network of free size is taken for that of the config, or for `size`.
///
/// # Errors
/// If the file cannot be read or its input is not one of pictures.
pub fn inspect(mut config: InferConfig, size: Option<Size>) -> Result<Inspection, InspectError> {
    let Some(Model::Onnx(path)) = config.model.clone() else { return Err(InspectError::NoOnnx(config.path)) };
    let file = ModelFile::read(&path)?;
    let wrong = || InspectError::Input { path: path.clone(), inputs: file.inputs.clone() };
    let (order, channels, own) = input(&file.inputs).ok_or_else(wrong)?;
    let told = own
        .or(size)
        .or(config.infer_dims.map(Dims::size))
        .or_else(|| names::size(file.metadata.get("imgsz")?));
    let labels = names::labels(&file.metadata).or_else(|| of_config(&config));
    if let (0, Some(labels)) = (config.num_detected_classes, &labels) {
        config.num_detected_classes = u32::try_from(labels.len()).unwrap_or_default();
    }
    let outputs = file.outputs_of_image();
    let reader = reader(&config, &outputs, told.unwrap_or(USUAL_SIZE));
    let usual = if let Ok(Reader::Attributes) = reader { USUAL_SIZE_OF_CLASSIFIERS } else { USUAL_SIZE };
    let network = told.unwrap_or(usual);
    let of_outputs = reader.as_ref().ok().and_then(|reader| reader.classes(&outputs));
    let classes = Some(config.num_detected_classes as usize).filter(|&classes| classes > 0).or(of_outputs);
    let labels = labels.or_else(|| names::so_many(&file.metadata, classes?));
    let (names, labels) = match labels {
        Some(labels) => (Names::Told, labels),
        None if classes == Some(COCO.len()) => (Names::Coco, COCO.map(str::to_owned).to_vec()),
        None => (Names::None, Vec::new()),
    };
    let size_is_assumed = told.is_none();
    let function = config.parse_bbox_func_name;
    Ok(Inspection {
        path,
        file,
        size: network,
        size_is_assumed,
        channels,
        order,
        reader,
        function,
        classes,
        labels,
        names,
    })
}

/// What reads the outputs: what the config says, and where it says nothing, what they look like.
fn reader(config: &InferConfig, outputs: &[TensorInfo], network: Size) -> Result<Reader, ParseError> {
    let order = || class_map_order(outputs).unwrap_or(config.segmentation_output_order);
    match config.network_type {
        NetworkType::Classifier => return Ok(Reader::Attributes),
        NetworkType::Segmentation => return Ok(Reader::ClassMap(config.segmentation_output_order)),
        NetworkType::Detector | NetworkType::InstanceSegmentation | NetworkType::Other => {}
    }
    match parse::choose(config, outputs, network) {
        Ok(choice) => Ok(Reader::Boxes(choice)),
        Err(ParseError::NoParser { looks_like: Some(NetworkType::Classifier), .. }) => Ok(Reader::Attributes),
        Err(ParseError::NoParser { looks_like: Some(NetworkType::Segmentation), .. }) => {
            Ok(Reader::ClassMap(order()))
        }
        Err(error) => Err(error),
    }
}

/// How the class map lies: there are fewer classes than rows or columns.
fn class_map_order(outputs: &[TensorInfo]) -> Option<TensorOrder> {
    outputs.iter().find_map(|output| match *output.dims.as_slice() {
        [first, _, last] => {
            let is_last = last.is_some_and(|last| first.is_none_or(|first| last < first));
            Some(if is_last { TensorOrder::Nhwc } else { TensorOrder::Nchw })
        }
        _ => None,
    })
}

impl Reader {
    /// What the published models of the kind take.
    pub fn recipe(&self) -> &Recipe {
        match self {
            Self::Boxes(choice) => &choice.recipe,
            Self::Attributes | Self::ClassMap(_) => &IMAGENET_BACKBONE,
        }
    }

    /// How many classes the outputs tell apart, if they say so; of several attributes nothing is said.
    fn classes(&self, outputs: &[TensorInfo]) -> Option<usize> {
        match (self, outputs) {
            (Self::Boxes(choice), _) => choice.parser.classes(),
            (Self::Attributes, [output]) => output.dims.iter().copied().product(),
            (Self::Attributes, _) => None,
            (Self::ClassMap(order), outputs) => {
                outputs.iter().find_map(|output| match *output.dims.as_slice() {
                    [classes, _, _] if *order == TensorOrder::Nchw => classes,
                    [_, _, classes] if *order == TensorOrder::Nhwc => classes,
                    _ => None,
                })
            }
        }
    }

    /// Its name, and the outputs that it reads.
    fn name_and_outputs(&self) -> (&str, &str) {
        match self {
            Self::Boxes(choice) => (&choice.name, &choice.expects),
            Self::Attributes => {
                ("that of classifiers", "for each attribute a list of probabilities (network-type=1)")
            }
            Self::ClassMap(_) => {
                ("that of segmentation networks", "a plane for each class, or of classes (network-type=2)")
            }
        }
    }
}

/// The names in a config's label file.
fn of_config(config: &InferConfig) -> Option<Vec<String>> {
    let labels = config.read_labels().ok().filter(|labels| !labels.is_empty())?;
    let count = u32::try_from(labels.len()).ok()?;
    Some((0..count).map(|class| labels.class(class).map_or("", |name| name).to_owned()).collect())
}

impl Inspection {
    fn color(&self, recipe: &parse::Recipe) -> u8 {
        match recipe.color {
            _ if self.channels == 1 => 2,
            ModelColorFormat::Rgb => 0,
            ModelColorFormat::Bgr => 1,
            ModelColorFormat::Gray => 2,
        }
    }

    /// The label file; empty if there are no names.
    pub fn labels_text(&self) -> String {
        self.labels.iter().flat_map(|label| [label.as_str(), "\n"]).collect()
    }
}

/// Where the guess about pixels comes from.
fn fed_as(recipe: &parse::Recipe) -> String {
    let models = if recipe.of.is_empty() { "as most models (a guess)" } else { recipe.of };
    let like = if recipe.of.is_empty() { "" } else { "as for " };
    format!("{like}{models}; a file does not tell how its model was trained")
}

/// Classes that are named before the rest is left out.
const NAMED: usize = 6;
/// Characters of a value of the file's metadata that are shown.
const SHOWN: usize = 100;

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match &self.file.producer {
            Some(producer) => writeln!(f, ", made by {producer}")?,
            None => writeln!(f)?,
        }
        for input in &self.file.inputs {
            writeln!(f, "  input       {input}")?;
        }
        for output in &self.file.outputs {
            writeln!(f, "  output      {output}")?;
        }
        for (key, value) in &self.file.metadata {
            let short: String =
                value.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
            let rest = if value.chars().nth(SHOWN).is_some() { "…" } else { "" };
            writeln!(f, "  {key:<10}  {short}{rest}")?;
        }
        let Size { width, height } = self.size;
        let assumed = if self.size_is_assumed { " (free; assumed, --size sets another)" } else { "" };
        writeln!(f, "size          {width}×{height}{assumed}")?;
        let reader = match &self.reader {
            Ok(reader) => reader,
            Err(error) => return writeln!(f, "parser        none\n\n{error}"),
        };
        let (name, outputs) = reader.name_and_outputs();
        writeln!(f, "parser        {name}: {outputs}")?;
        if let Reader::Boxes(choice) = reader {
            for notice in &choice.notices {
                writeln!(f, "              {notice}")?;
            }
        }
        let first: Vec<_> = self.labels.iter().take(NAMED).map(String::as_str).collect();
        let rest = if self.labels.len() > NAMED { ", …" } else { "" };
        let names = match self.names {
            Names::Told => format!(": {}{rest}", first.join(", ")),
            Names::Coco => format!(", as many as COCO has: {}{rest}", first.join(", ")),
            Names::None => ", without names".to_owned(),
        };
        match (self.classes, reader) {
            (Some(classes), _) => writeln!(f, "classes       {classes}{names}")?,
            (None, Reader::Attributes) => {
                writeln!(f, "classes       as many as values, one list for each attribute{names}")?;
            }
            (None, _) => {
                writeln!(f, "classes       the model does not tell how many: set num-detected-classes")?;
            }
        }
        let recipe = reader.recipe();
        let color = ["RGB", "BGR", "gray"][usize::from(self.color(recipe)).min(2)];
        let padding = match recipe.padding {
            Padding::None => "stretched",
            Padding::After => "padded right and below",
            Padding::Around => "padded on both sides",
        };
        let [a, b, c] = recipe.offsets;
        let offsets =
            if recipe.offsets == [0.0; 3] { String::new() } else { format!(" − ({a}, {b}, {c})") };
        writeln!(f, "pixels        {color}, {} × (0…255{offsets}), {padding}", recipe.scale)?;
        writeln!(f, "              {}", fed_as(recipe))?;
        match (reader, recipe.nms_iou) {
            (Reader::Attributes | Reader::ClassMap(_), _) => Ok(()),
            (Reader::Boxes(_), Some(iou)) => writeln!(f, "clustering    NMS at {iou} (cluster-mode={NMS})"),
            (Reader::Boxes(_), None) => {
                writeln!(f, "clustering    none is needed (cluster-mode={NO_CLUSTERING})")
            }
        }
    }
}
