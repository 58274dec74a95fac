//! What is in a model file, what reads its outputs, and a config to begin with.

mod names;

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use slipstream_infer::InferConfig;
use slipstream_infer::config::{Dims, Model, ModelColorFormat, TensorOrder};
use slipstream_infer::engine::{EngineError, ModelFile};
use slipstream_infer::parse::{self, Choice, Padding, ParseError, TensorInfo};
use slipstream_meta::Size;

use crate::models::catalogue::COCO;

/// Size that a network of free size is taken for, unless its file or the caller tells: that of most published models.
const USUAL_SIZE: Size = Size::new(640, 640);
/// Boxes that are kept of a picture, the most confident ones.
const TOP_K: u32 = 200;
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
    pub choice: Result<Choice, ParseError>,
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
    let network = told.unwrap_or(USUAL_SIZE);
    let choice = parse::choose(&config, &file.outputs_of_image(), network);
    let of_parser = choice.as_ref().ok().and_then(|choice| choice.parser.classes());
    let classes = Some(config.num_detected_classes as usize).filter(|&classes| classes > 0).or(of_parser);
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
        choice,
        function,
        classes,
        labels,
        names,
    })
}

/// The names in a config's label file.
fn of_config(config: &InferConfig) -> Option<Vec<String>> {
    let labels = config.read_labels().ok().filter(|labels| !labels.is_empty())?;
    let count = u32::try_from(labels.len()).ok()?;
    Some((0..count).map(|class| labels.class(class).map_or("", |name| name).to_owned()).collect())
}

impl Inspection {
    /// A config in nvinfer's format to begin with, for a file in `folder` whose labels are called `labels`; `None` if
    /// nothing reads the model's outputs.
    pub fn config_text(&self, folder: &Path, labels: &str) -> Option<String> {
        let choice = self.choice.as_ref().ok()?;
        let recipe = &choice.recipe;
        let model = match (
            self.path.parent().map(Path::canonicalize),
            folder.canonicalize(),
            self.path.file_name(),
        ) {
            (Some(Ok(parent)), Ok(folder), Some(name)) if parent == folder => PathBuf::from(name),
            _ => self.path.canonicalize().unwrap_or_else(|_| self.path.clone()),
        };
        let mut text = String::new();
        // A String takes all that is written.
        let _ = self.write_config(&mut text, &model, labels, recipe);
        Some(text)
    }

    fn write_config(
        &self,
        text: &mut String,
        model: &Path,
        labels: &str,
        recipe: &parse::Recipe,
    ) -> fmt::Result {
        writeln!(text, "# Written by slipstream inspect. Pixels are fed {}.", fed_as(recipe))?;
        writeln!(text, "[property]\ngie-unique-id=1\nonnx-file={}", model.display())?;
        if !self.labels.is_empty() {
            writeln!(text, "labelfile-path={labels}")?;
        }
        let Size { width, height } = self.size;
        writeln!(text, "infer-dims={};{height};{width}", self.channels)?;
        if self.order == TensorOrder::Nhwc {
            writeln!(text, "# The input is height, width, channels.\nnetwork-input-order=1")?;
        }
        writeln!(
            text,
            "\n# Pixels: y = factor × (x − offset), x in 0…255.\nnet-scale-factor={}",
            recipe.scale
        )?;
        let [a, b, c] = recipe.offsets;
        if recipe.offsets != [0.0; 3] && self.channels > 1 {
            writeln!(text, "offsets={a};{b};{c}")?;
        }
        writeln!(text, "# 0 RGB, 1 BGR, 2 GRAY\nmodel-color-format={}", self.color(recipe))?;
        writeln!(text, "# 1 scales evenly and pads")?;
        writeln!(text, "maintain-aspect-ratio={}", u8::from(recipe.padding != Padding::None))?;
        writeln!(text, "symmetric-padding={}", u8::from(recipe.padding == Padding::Around))?;

        writeln!(text, "\nnetwork-type=0")?;
        match self.classes {
            Some(classes) => writeln!(text, "num-detected-classes={classes}")?,
            None => {
                writeln!(
                    text,
                    "# The model does not tell how many classes it has.\nnum-detected-classes={}",
                    COCO.len()
                )?;
            }
        }
        if let Some(function) = &self.function {
            writeln!(text, "parse-bbox-func-name={function}")?;
        }
        match recipe.nms_iou {
            Some(_) => writeln!(text, "# NMS\ncluster-mode={NMS}")?,
            None => {
                writeln!(text, "# The model gives one box for each object.\ncluster-mode={NO_CLUSTERING}")?;
            }
        }
        writeln!(text, "\n[class-attrs-all]\npre-cluster-threshold={}", recipe.threshold)?;
        if let Some(iou) = recipe.nms_iou {
            writeln!(text, "nms-iou-threshold={iou}")?;
        }
        writeln!(text, "topk={TOP_K}")
    }

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
        let choice = match &self.choice {
            Ok(choice) => choice,
            Err(error) => return writeln!(f, "parser        none\n\n{error}"),
        };
        writeln!(f, "parser        {}: {}", choice.name, choice.expects)?;
        for notice in &choice.notices {
            writeln!(f, "              {notice}")?;
        }
        let first: Vec<_> = self.labels.iter().take(NAMED).map(String::as_str).collect();
        let rest = if self.labels.len() > NAMED { ", …" } else { "" };
        let names = match self.names {
            Names::Told => format!(": {}{rest}", first.join(", ")),
            Names::Coco => format!(", as many as COCO has: {}{rest}", first.join(", ")),
            Names::None => ", without names".to_owned(),
        };
        match self.classes {
            Some(classes) => writeln!(f, "classes       {classes}{names}")?,
            None => writeln!(f, "classes       the model does not tell how many: set num-detected-classes")?,
        }
        let recipe = &choice.recipe;
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
        match recipe.nms_iou {
            Some(iou) => writeln!(f, "clustering    NMS at {iou} (cluster-mode={NMS})"),
            None => writeln!(f, "clustering    none is needed (cluster-mode={NO_CLUSTERING})"),
        }
    }
}
