//! Layers that change each number by itself.

use super::layer::{Layer, Problem};
use crate::model::graph::float;
use crate::model::proto::caffe::{PReLuParameter, ReLuParameter};
use crate::model::proto::onnx::AttributeProto;

/// A layer that is one operator of ONNX.
fn same(mut layer: Layer<'_, '_>, op: &str, attributes: Vec<AttributeProto>) -> Result<(), Problem> {
    let bottom = layer.bottom(0)?;
    layer.top_node(0, op, &[&bottom.value], attributes, bottom.shape)
}

pub(super) fn relu(layer: Layer<'_, '_>) -> Result<(), Problem> {
    let slope = layer.param.relu_param.as_ref().map_or(0.0, ReLuParameter::negative_slope);
    if slope == 0.0 {
        same(layer, "Relu", Vec::new())
    } else {
        same(layer, "LeakyRelu", vec![float("alpha", slope)])
    }
}

pub(super) fn relu6(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let top = layer.param.relu6_param.unwrap_or_default().threshold();
    let bottom = layer.bottom(0)?;
    let (low, high) = (layer.constant("low", &[], &[0.0]), layer.constant("high", &[], &[top]));
    layer.top_node(0, "Clip", &[&bottom.value, &low, &high], Vec::new(), bottom.shape)
}

pub(super) fn sigmoid(layer: Layer<'_, '_>) -> Result<(), Problem> {
    same(layer, "Sigmoid", Vec::new())
}

pub(super) fn tanh(layer: Layer<'_, '_>) -> Result<(), Problem> {
    same(layer, "Tanh", Vec::new())
}

pub(super) fn abs(layer: Layer<'_, '_>) -> Result<(), Problem> {
    same(layer, "Abs", Vec::new())
}

pub(super) fn bnll(layer: Layer<'_, '_>) -> Result<(), Problem> {
    same(layer, "Softplus", Vec::new())
}

pub(super) fn elu(layer: Layer<'_, '_>) -> Result<(), Problem> {
    let alpha = layer.param.elu_param.unwrap_or_default().alpha();
    same(layer, "Elu", vec![float("alpha", alpha)])
}

pub(super) fn prelu(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let bottom = layer.bottom(0)?;
    let shared = layer.param.prelu_param.as_ref().is_some_and(PReLuParameter::channel_shared);
    let channels = *bottom.shape.get(1).ok_or("its input has no channels")?;
    let dims = if shared {
        vec![1]
    } else {
        // one for each channel, for all that follows them
        let mut dims = vec![channels];
        dims.resize(bottom.shape.len().saturating_sub(1), 1);
        dims
    };
    let slopes = layer.weights(0, &dims)?;
    let slopes = layer.constant("slopes", &dims, &slopes);
    layer.top_node(0, "PRelu", &[&bottom.value, &slopes], Vec::new(), bottom.shape)
}

/// `scale · x + shift`.
fn affine(layer: &mut Layer<'_, '_>, value: String, scale: f32, shift: f32) -> String {
    let mut value = value;
    if scale != 1.0 {
        let scale = layer.constant("scale", &[], &[scale]);
        value = layer.node("Mul", &[&value, &scale], Vec::new());
    }
    if shift != 0.0 {
        let shift = layer.constant("shift", &[], &[shift]);
        value = layer.node("Add", &[&value, &shift], Vec::new());
    }
    value
}

/// (shift + scale · x) ^ power.
pub(super) fn power(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.power_param.unwrap_or_default();
    let bottom = layer.bottom(0)?;
    let value = affine(&mut layer, bottom.value, param.scale(), param.shift());
    if param.power() == 1.0 {
        return layer.top_node(0, "Identity", &[&value], Vec::new(), bottom.shape);
    }
    let power = layer.constant("power", &[], &[param.power()]);
    layer.top_node(0, "Pow", &[&value, &power], Vec::new(), bottom.shape)
}

/// base ^ (shift + scale · x); −1 stands for e.
pub(super) fn exp(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.exp_param.unwrap_or_default();
    let bottom = layer.bottom(0)?;
    let log = natural_log(param.base())?;
    let value = affine(&mut layer, bottom.value, param.scale() * log, param.shift() * log);
    layer.top_node(0, "Exp", &[&value], Vec::new(), bottom.shape)
}

/// Logarithm of shift + scale · x; −1 as base stands for e.
pub(super) fn log(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.log_param.unwrap_or_default();
    let bottom = layer.bottom(0)?;
    let value = affine(&mut layer, bottom.value, param.scale(), param.shift());
    let log = natural_log(param.base())?;
    let value = layer.node("Log", &[&value], Vec::new());
    let factor = layer.constant("factor", &[], &[1.0 / log]);
    layer.top_node(0, "Mul", &[&value, &factor], Vec::new(), bottom.shape)
}

fn natural_log(base: f32) -> Result<f32, Problem> {
    match base {
        -1.0 => Ok(1.0),
        base if base > 0.0 && base != 1.0 => Ok(base.ln()),
        base => Err(format!("base is {base}; allowed are −1 for e, and other numbers above 0 but 1")),
    }
}
