//! What a model takes.

use std::path::Path;

use super::EngineError;
use crate::config::{Dims, InferConfig, TensorOrder};
use crate::parse::{F32, TensorInfo};

/// What a model takes.
pub(super) struct InputSpec {
    /// Name of the input of pictures.
    pub(super) name: String,
    /// Its numbers.
    pub(super) number: Number,
    /// Images of a run.
    pub(super) images: usize,
    /// Size of an image.
    pub(super) dims: Dims,
    /// What the model wants to know besides the pictures.
    pub(super) others: Vec<SideInput>,
}

/// Types of numbers that an input may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    F32,
    F16,
    I64,
    I32,
}

impl Number {
    fn parse(element: &str) -> Option<Self> {
        Some(match element {
            F32 => Self::F32,
            "float16" | "f16" => Self::F16,
            "int64" | "i64" => Self::I64,
            "int32" | "i32" => Self::I32,
            _ => return None,
        })
    }
}

/// An input [N, 2] that tells a model how to report its boxes. What it gets makes the boxes those of the network's input, as
/// all parsers expect them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SideInput {
    pub(super) name: String,
    pub(super) number: Number,
    /// For each image.
    pub(super) values: [f32; 2],
}

/// What is known of such inputs by their names.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    /// Width and height of the picture that boxes are meant for: exports of RT-DETR and D-FINE.
    TargetSize,
    /// Height and width of the network's input: exports of PaddleDetection.
    ImageShape,
    /// Factors by which the picture was resized, vertical and horizontal: exports of PaddleDetection.
    ScaleFactor,
}

const SIDE_INPUTS: [(&str, Meaning); 3] = [
    ("orig_target_sizes", Meaning::TargetSize),
    ("im_shape", Meaning::ImageShape),
    ("scale_factor", Meaning::ScaleFactor),
];

impl SideInput {
    /// The values of an input for pictures of size `dims`; `None` if it is none that is known.
    fn read(input: &TensorInfo, dims: Dims) -> Option<Self> {
        let (_, meaning) = SIDE_INPUTS.iter().find(|(name, _)| *name == input.name)?;
        let number = Number::parse(&input.element)?;
        let is_pair = matches!(*input.dims.as_slice(), [_, None | Some(2)]);
        let (width, height) = (dims.width as f32, dims.height as f32);
        let values = match meaning {
            Meaning::TargetSize => [width, height],
            Meaning::ImageShape => [height, width],
            Meaning::ScaleFactor => [1.0, 1.0],
        };
        is_pair.then(|| Self { name: input.name.clone(), number, values })
    }
}

impl InputSpec {
    /// Joins what a model says about its inputs with what the config says.
    pub(super) fn read(
        config: &InferConfig,
        path: &Path,
        inputs: &[TensorInfo],
    ) -> Result<Self, EngineError> {
        let order = config.network_input_order;
        let found: Vec<_> = inputs.iter().map(ToString::to_string).collect();
        let wrong = |expected: &str| EngineError::Input {
            path: path.to_owned(),
            found: found.join("; "),
            expected: expected.to_owned(),
        };
        let (input, others) = match inputs {
            [input] => (input, Vec::new()),
            several => {
                let is_picture = |input: &&TensorInfo| input.dims.len() == 4;
                let Some(input) = several.iter().find(is_picture) else {
                    return Err(wrong("expected pictures"));
                };
                (input, several.iter().filter(|other| other.name != input.name).collect())
            }
        };
        let Some(number @ (Number::F32 | Number::F16)) = Number::parse(&input.element) else {
            return Err(wrong("expected floating point numbers of 32 or 16 bits"));
        };
        let (&[batch, a, b, c], order_name) = (input.dims.as_slice(), order_name(order)) else {
            return Err(wrong("expected four dimensions: batch, channels, height, width"));
        };
        let model = match order {
            TensorOrder::Nchw => [a, b, c],
            TensorOrder::Nhwc => [c, a, b],
        };
        let text = model.map(|dim| dim.map_or("?".to_owned(), |dim| dim.to_string())).join(";");
        let given = config.infer_dims.map(|dims| [dims.channels, dims.height, dims.width]);
        let mismatch = |given: Dims| EngineError::InferDims {
            location: config.location("infer-dims"),
            given,
            model: text.clone(),
            path: path.to_owned(),
        };
        let mut dims = [0; 3];
        for (i, dim) in dims.iter_mut().enumerate() {
            let own = model[i].map(|own| u32::try_from(own).unwrap_or(u32::MAX));
            *dim = match (own, given.map(|given| given[i])) {
                (Some(own), Some(given)) if own != given => {
                    return Err(config.infer_dims.map_or_else(|| wrong("unexpected size"), mismatch));
                }
                (Some(own), _) => own,
                (None, Some(given)) => given,
                (None, None) => return Err(wrong("its size is free: set infer-dims=channels;height;width")),
            };
        }
        let [channels, height, width] = dims;
        if !matches!(channels, 1 | 3) || height == 0 || width == 0 {
            return Err(wrong(&format!("expected 1 or 3 channels and some pixels in order {order_name}")));
        }
        let images = batch.filter(|&batch| batch > 0).unwrap_or(1);
        let dims = Dims { channels, height, width };
        let others = others.into_iter().map(|other| {
            SideInput::read(other, dims).ok_or_else(|| {
                let known: Vec<_> = SIDE_INPUTS.iter().map(|(name, _)| *name).collect();
                wrong(&format!(
                    "expected one input of pictures, or beside it [N, 2] named {}; not {}",
                    known.join(", "),
                    other.name
                ))
            })
        });
        let others = others.collect::<Result<_, _>>()?;
        Ok(Self { name: input.name.clone(), number, images, dims, others })
    }

    /// Shape of the input tensor.
    pub(super) fn shape(&self, order: TensorOrder) -> [i64; 4] {
        let images = i64::try_from(self.images).unwrap_or(1);
        let [c, h, w] = [self.dims.channels, self.dims.height, self.dims.width].map(i64::from);
        match order {
            TensorOrder::Nchw => [images, c, h, w],
            TensorOrder::Nhwc => [images, h, w, c],
        }
    }
}

fn order_name(order: TensorOrder) -> &'static str {
    match order {
        TensorOrder::Nchw => "NCHW",
        TensorOrder::Nhwc => "NHWC",
    }
}
