//! Output tensors to boxes.
//!
//! A model says by its outputs which parser it needs; `parse-bbox-func-name` may name one instead:
//!
//! | parser | names | outputs, without the batch |
//! |---|---|---|
//! | DetectNet_v2 | `detectnet`, `NvDsInferParseCustomResnet` | `…bbox…` [4C, rows, columns], `…cov…` [C, rows, columns] |
//! | boxes and scores | `boxes-scores` | `…boxes…` [N, 4]: left, top, right, bottom in network pixels; `…scores…` [N, C] or [C, N] |
//! | YOLOX | `yolox`, `NvDsInferParseYolox` | one of [N, 5 + C]: raw head of strides 8, 16, 32 |
//!
//! DetectNet_v2 clips boxes to the network's input, the others to the part of it that the picture covers.
//!
//! Other function names belong to libraries that cannot be loaded here; the tensors decide then.

mod boxes_scores;
mod detectnet;
mod yolox;

use std::fmt;

use slipstream_meta::{Rect, Size};

use crate::cluster::Detection;
use crate::config::{InferConfig, Location};

/// An output tensor as the model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its dimensions without the batch; `None` for one that is only known after a run.
    pub dims: Vec<Option<usize>>,
    /// Type of its elements.
    pub element: String,
}

impl TensorInfo {
    /// Whether the elements are numbers that parsers can read.
    pub fn is_readable(&self) -> bool {
        self.element == F32 || self.is_whole()
    }

    /// Whether the elements are whole numbers: counts, classes.
    pub fn is_whole(&self) -> bool {
        WHOLE.contains(&self.element.as_str())
    }
}

/// Name of the element type that parsers read.
pub(crate) const F32: &str = "f32";
/// Names of the element types that are turned into [`F32`].
const WHOLE: [&str; 2] = ["int32", "int64"];

impl fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<_> =
            self.dims.iter().map(|dim| dim.map_or("?".to_owned(), |dim| dim.to_string())).collect();
        write!(f, "{} [{}] {}", self.name, dims.join(", "), self.element)
    }
}

/// An output tensor of one image.
#[derive(Debug, Clone, Copy)]
pub struct OutputTensor<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its dimensions without the batch.
    pub dims: &'a [usize],
    /// Its elements, the last dimension running fastest.
    pub data: &'a [f32],
}

/// What a parser has to know beside the tensors.
#[derive(Debug, Clone, Copy)]
pub struct ParseContext<'a> {
    /// Size of the network's input.
    pub network: Size,
    /// The part of the network's input that the picture covers; the rest is padding.
    pub image: Rect,
    /// Least confidence of each class; classes from its length on are not wanted.
    pub thresholds: &'a [f32],
}

/// Turns the output tensors of one image into raw boxes in the pixels of the network's input.
pub trait Parser: Send + Sync + fmt::Debug {
    /// Appends the boxes that reach their class's threshold. Returns how many were passed over because of a number that is
    /// not finite.
    ///
    /// # Errors
    /// If a tensor is not there or has not the shape that it needs.
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        boxes: &mut Vec<Detection>,
    ) -> Result<usize, ParseError>;

    /// How many classes the outputs tell apart, where their declared shapes say so.
    fn classes(&self) -> Option<usize>;

    /// Whether each cell of a grid votes with a box, so that large objects have many.
    fn is_coverage_grid(&self) -> bool {
        false
    }
}

/// Why output tensors cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// No parser knows such outputs.
    #[error(
        "{location}: no parser fits the model's outputs{}.\n  outputs: {}\n  known:\n{}",
        named(.function),
        list(.found),
        known()
    )]
    NoParser {
        /// The config file, at `parse-bbox-func-name` if that is set.
        location: Location,
        /// The function that the config names.
        function: Option<String>,
        /// The model's outputs.
        found: Vec<TensorInfo>,
    },
    /// `output-blob-names` names a tensor that the model does not have.
    #[error("{location}: output-blob-names: the model has no output \"{name}\", it has {}", list(.found))]
    NoSuchOutput {
        /// Where the config names it.
        location: Location,
        /// The name.
        name: String,
        /// The model's outputs.
        found: Vec<TensorInfo>,
    },
    /// After a run, a tensor is not as it was declared.
    #[error("output tensor {name} has shape {dims:?}, which does not fit: {expected}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its dimensions without the batch.
        dims: Vec<usize>,
        /// What was expected.
        expected: String,
    },
    /// After a run, a tensor is not there.
    #[error("the model gave no tensor \"{name}\"")]
    Missing {
        /// The tensor.
        name: String,
    },
}

/// Makes a parser, if the outputs are of its kind.
type Fits = fn(&[TensorInfo], Size) -> Option<Box<dyn Parser>>;

/// One way to read outputs: a row of the table of parsers.
struct Kind {
    name: &'static str,
    functions: &'static [&'static str],
    expects: &'static str,
    fits: Fits,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "detectnet",
        functions: &["detectnet", "NvDsInferParseCustomResnet"],
        expects: "names with \"bbox\" [4C, rows, columns] and \"cov\" [C, rows, columns]",
        fits: detectnet::fits,
    },
    Kind {
        name: "boxes-scores",
        functions: &["boxes-scores"],
        expects: "names with \"boxes\" [N, 4] (left, top, right, bottom in network pixels) and \"scores\" [N, C] or [C, N]",
        fits: boxes_scores::fits,
    },
    Kind {
        name: "yolox",
        functions: &["yolox", "NvDsInferParseYolox"],
        expects: "one output [N, 5 + C] of undecoded cells of strides 8, 16 and 32",
        fits: yolox::fits,
    },
];

fn named(function: &Option<String>) -> String {
    function.as_ref().map(|name| format!(" (parse-bbox-func-name={name})")).unwrap_or_default()
}

fn list(tensors: &[TensorInfo]) -> String {
    tensors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn known() -> String {
    KINDS.iter().map(|kind| format!("    {}: {}", kind.name, kind.expects)).collect::<Vec<_>>().join("\n")
}

/// The parser for a model with `outputs`, and the outputs that it is to be given (`output-blob-names`).
///
/// # Errors
/// If `output-blob-names` names an output that is not there, or no parser knows such outputs.
pub fn select(
    config: &InferConfig,
    outputs: &[TensorInfo],
    network: Size,
) -> Result<Box<dyn Parser>, ParseError> {
    let mut wanted = outputs.to_vec();
    if !config.output_blob_names.is_empty() {
        if let Some(name) =
            config.output_blob_names.iter().find(|name| outputs.iter().all(|o| o.name != **name))
        {
            return Err(ParseError::NoSuchOutput {
                location: config.location("output-blob-names"),
                name: name.clone(),
                found: outputs.to_vec(),
            });
        }
        wanted.retain(|output| config.output_blob_names.contains(&output.name));
    }
    let readable: Vec<_> = wanted.iter().filter(|output| output.is_readable()).cloned().collect();
    let function = config.parse_bbox_func_name.as_deref();
    let named = |kind: &&Kind| function.is_some_and(|function| kind.functions.contains(&function));
    let any_named = KINDS.iter().any(|kind| named(&kind));
    let candidates = KINDS.iter().filter(|kind| !any_named || named(kind));
    candidates.into_iter().find_map(|kind| (kind.fits)(&readable, network)).ok_or_else(|| {
        ParseError::NoParser {
            location: config.location("parse-bbox-func-name"),
            function: config.parse_bbox_func_name.clone(),
            found: wanted,
        }
    })
}

/// The tensor `name` of an image.
fn tensor<'a, 'b>(outputs: &'a [OutputTensor<'b>], name: &str) -> Result<&'a OutputTensor<'b>, ParseError> {
    let found = outputs.iter().find(|output| output.name == name);
    found.ok_or_else(|| ParseError::Missing { name: name.to_owned() })
}

/// Whether a box is to be looked at: what is not a number is, to be counted.
fn reaches(confidence: f32, threshold: f32) -> bool {
    confidence >= threshold || confidence.is_nan()
}

impl ParseContext<'_> {
    /// The part of a box that lies on the picture, as far as there is any.
    fn clip(&self, rect: &Rect) -> Option<Rect> {
        rect.intersection(&self.image)
    }
}

impl OutputTensor<'_> {
    fn wrong(&self, expected: impl Into<String>) -> ParseError {
        ParseError::Shape { name: self.name.to_owned(), dims: self.dims.to_vec(), expected: expected.into() }
    }
}

#[cfg(test)]
mod tests;
