//! What a model takes.

use std::path::Path;

use super::EngineError;
use crate::config::{Dims, InferConfig, TensorOrder};
use crate::parse::{F32, TensorInfo};

/// What a model takes.
pub(super) struct InputSpec {
    /// Images of a run.
    pub(super) images: usize,
    /// Size of an image.
    pub(super) dims: Dims,
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
        let [input] = inputs else { return Err(wrong("expected one input")) };
        if input.element != F32 {
            return Err(wrong("expected 32-bit floating point numbers"));
        }
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
        Ok(Self { images, dims: Dims { channels, height, width } })
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
