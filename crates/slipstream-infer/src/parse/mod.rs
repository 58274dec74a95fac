//! Output tensors to boxes.
//!
//! A model says by its outputs which parser it needs; `parse-bbox-func-name` may name one instead, by our name or by that
//! of a function of DeepStream's sample libraries. [`parsers`] lists all of them. Where outputs are of several kinds, names,
//! `num-detected-classes` and in some cases the numbers themselves decide; what had to be assumed is said.
//!
//! DetectNet_v2 clips boxes to the network's input, the others to the part of it that the picture covers.
//!
//! With `custom-lib-path`, a function that is not built in comes from a shared library: see [`library`].

mod anchors;
mod boxes_scores;
mod detectnet;
mod fastestdet;
mod gfl;
mod kinds;
pub mod library;
mod lists;
mod query;
mod recipe;
mod retina;
mod rows;
mod sink;
mod yolo;

use std::fmt;
use std::path::PathBuf;

use slipstream_meta::{Rect, Size};

use crate::cluster::Detection;
use crate::config::{InferConfig, Location, NetworkType};
use crate::outputs::{self, wanted};
pub use kinds::{ParserInfo, parsers};
pub use library::LibraryError;
use query::{Answer, Query};
pub use recipe::{IMAGENET_BACKBONE, Padding, Recipe};

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
        self.element == F32 || HALF.contains(&self.element.as_str()) || self.is_whole()
    }

    /// Whether the elements are whole numbers: counts, classes.
    pub fn is_whole(&self) -> bool {
        WHOLE.contains(&self.element.as_str())
    }
}

/// Name of the element type that parsers read.
pub(crate) const F32: &str = "f32";
/// Names of the element types that are turned into [`F32`].
const WHOLE: [&str; 4] = ["int32", "int64", "i32", "i64"];
/// Names of 16-bit floating point numbers, which are turned into [`F32`] too.
const HALF: [&str; 2] = ["float16", "f16"];

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
        "{location}: no parser fits the model's outputs{}.\n  outputs: {}{}{}\n  known, without the batch:{}",
        named(.function),
        list(.found),
        hint(*.looks_like),
        if .needs.is_empty() { String::new() } else { format!("\n  nearly:{}", indented(.needs)) },
        indented(.known)
    )]
    NoParser {
        /// The config file, at `parse-bbox-func-name` if that is set.
        location: Location,
        /// The function that the config names.
        function: Option<Box<str>>,
        /// The model's outputs.
        found: Vec<TensorInfo>,
        /// Another type of network that has such outputs.
        looks_like: Option<NetworkType>,
        /// Parsers that would fit, and what they need to be told.
        needs: Vec<String>,
        /// Parsers that were asked, and the outputs that they read.
        known: Vec<String>,
    },
    /// The library of `custom-lib-path` cannot be used.
    #[error("{location}: custom-lib-path={}: {problem}", path.display())]
    Library {
        /// Where the config names it.
        location: Location,
        /// The library.
        path: PathBuf,
        /// What is wrong with it.
        problem: LibraryError,
    },
    /// A library's function says that it cannot read the outputs.
    #[error("{function} of {}: {problem}", path.display())]
    Function {
        /// The function.
        function: String,
        /// The library.
        path: PathBuf,
        /// What it did.
        problem: String,
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

fn named(function: &Option<Box<str>>) -> String {
    function.as_ref().map(|name| format!(" (parse-bbox-func-name={name})")).unwrap_or_default()
}

fn list(tensors: &[TensorInfo]) -> String {
    tensors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What to set if the network is no detector.
fn hint(looks_like: Option<NetworkType>) -> &'static str {
    match looks_like {
        Some(NetworkType::Classifier) => "\n  They look like a classifier's: network-type=1 reads them.",
        Some(NetworkType::Segmentation) => {
            "\n  They look like a segmentation network's: network-type=2 reads them."
        }
        _ => "",
    }
}

/// One line for each of `lines`.
fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    {line}")).collect()
}

/// How a model's outputs are read, and why so.
#[derive(Debug)]
pub struct Choice {
    /// What reads them.
    pub parser: Box<dyn Parser>,
    /// The parser's name, which `parse-bbox-func-name` may give; that of the function for a library's own.
    pub name: String,
    /// The outputs that it reads, in words.
    pub expects: String,
    /// What the author of the config should know: what was assumed, what was not used.
    pub notices: Vec<String>,
    /// How models with such outputs are fed as a rule, and what is done with their boxes.
    pub recipe: Recipe,
}

/// The parser for a model with `outputs`. What the config's author should know goes to the log.
///
/// # Errors
/// If `output-blob-names` names an output that is not there, no parser knows such outputs, or the library that the config
/// names cannot be used.
pub fn select(
    config: &InferConfig,
    outputs: &[TensorInfo],
    network: Size,
) -> Result<Box<dyn Parser>, ParseError> {
    let choice = choose(config, outputs, network)?;
    for notice in &choice.notices {
        tracing::warn!("{notice}");
    }
    tracing::debug!(parser = choice.name, "outputs are known");
    Ok(choice.parser)
}

/// The same with the reasons. Only the outputs that `output-blob-names` names are looked at, if it names any.
///
/// # Errors
/// If `output-blob-names` names an output that is not there, no parser knows such outputs, or the library that the config
/// names cannot be used.
pub fn choose(config: &InferConfig, outputs: &[TensorInfo], network: Size) -> Result<Choice, ParseError> {
    let wanted = wanted(config, outputs)?;
    let readable: Vec<_> = wanted.iter().filter(|output| output.is_readable()).cloned().collect();
    let function = config.parse_bbox_func_name.as_deref();
    let known = function.filter(|function| kinds::all().any(|kind| kind.functions.contains(function)));
    let mut notices = Vec::new();
    match (&config.custom_lib_path, function, known) {
        (Some(library), Some(function), None) => {
            let location = config.location("custom-lib-path");
            return library::load(library, function).map_err(|problem| ParseError::Library {
                location,
                path: library.clone(),
                problem,
            });
        }
        (Some(library), Some(function), Some(_)) => notices.push(format!(
            "{}: {} is not loaded: {function} is built in",
            config.location("custom-lib-path"),
            library.display()
        )),
        (None, Some(function), None) => notices.push(format!(
            "{}: {function} is not known; the outputs' shapes and names decide how they are read",
            config.location("parse-bbox-func-name")
        )),
        (_, None, _) | (None, Some(_), Some(_)) => {}
    }

    let classes = Some(config.num_detected_classes as usize).filter(|&classes| classes > 0);
    let query = Query { outputs: &readable, network, function: known, classes, anchors: &config.anchors };
    let mut needs = Vec::new();
    for kind in kinds::all().filter(|kind| known.is_none_or(|function| kind.functions.contains(&function))) {
        match (kind.fits)(&query) {
            Answer::No => {}
            Answer::Needs(what) => needs.push(format!("{}: {what}", kind.name)),
            Answer::Yes { parser, assumed } => {
                notices.extend(assumed);
                let (name, expects) = (kind.name.to_owned(), kind.expects.to_owned());
                return Ok(Choice { parser, name, expects, notices, recipe: kind.recipe });
            }
        }
    }
    let listed = kinds::all().filter(|kind| known.is_none_or(|function| kind.functions.contains(&function)));
    Err(ParseError::NoParser {
        location: config.location("parse-bbox-func-name"),
        function: function.map(Box::from),
        looks_like: outputs::other_type(&wanted).filter(|_| function.is_none()),
        found: wanted,
        needs,
        known: listed.map(|kind| format!("{}: {}", kind.name, kind.expects)).collect(),
    })
}

/// The tensor `name` of an image.
fn tensor<'a, 'b>(outputs: &'a [OutputTensor<'b>], name: &str) -> Result<&'a OutputTensor<'b>, ParseError> {
    let found = outputs.iter().find(|output| output.name == name);
    found.ok_or_else(|| ParseError::Missing { name: name.to_owned() })
}

/// A class's number, as tensors give it.
fn class_of(number: f32) -> Option<u32> {
    // the conversion saturates, and no model has so many classes
    (number.is_finite() && number >= 0.0).then_some(number.round() as u32)
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

    /// The least confidence of any class.
    fn least(&self) -> f32 {
        self.thresholds.iter().copied().fold(f32::INFINITY, f32::min)
    }

    /// Whether a box of a class and confidence is to be looked at.
    fn wants(&self, class_id: u32, confidence: f32) -> bool {
        let threshold = usize::try_from(class_id).ok().and_then(|class| self.thresholds.get(class));
        threshold.is_some_and(|&threshold| reaches(confidence, threshold))
    }
}

impl OutputTensor<'_> {
    fn wrong(&self, expected: impl Into<String>) -> ParseError {
        ParseError::Shape { name: self.name.to_owned(), dims: self.dims.to_vec(), expected: expected.into() }
    }
}

#[cfg(test)]
mod tests;
