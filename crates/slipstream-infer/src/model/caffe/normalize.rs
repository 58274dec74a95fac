//! Layers that scale numbers by others: batch normalisation, scale and bias, local response, SSD's L2 norm, softmax.

use super::layer::{Blob, Layer, Problem, axis, size};
use super::pool::average_around;
use crate::model::graph::{float, int};

pub(super) fn batch_norm(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.batch_norm_param.unwrap_or_default();
    if param.use_global_stats == Some(false) {
        return Err(
            "use_global_stats is false: it is normalised over the batch, which is for training".to_owned()
        );
    }
    let bottom = layer.bottom(0)?;
    let channels = *bottom.shape.get(1).ok_or("its input has no channels")?;
    let mut mean = layer.weights(0, &[channels])?;
    let mut variance = layer.weights(1, &[channels])?;
    // Both are sums of so many; NVIDIA's branch writes none and means 1.
    let factor =
        if layer.weights.len() > 2 { layer.weights(2, &[1])?.first().copied().unwrap_or(1.0) } else { 1.0 };
    let factor = if factor == 0.0 { 0.0 } else { 1.0 / factor };
    for value in mean.iter_mut().chain(&mut variance) {
        *value *= factor;
    }
    let (scale, shift) = if layer.weights.len() > 4 {
        (layer.weights(3, &[channels])?, layer.weights(4, &[channels])?)
    } else {
        (vec![1.0; channels], vec![0.0; channels])
    };
    if variance.iter().any(|&variance| variance + param.eps() <= 0.0) {
        return Err("a variance in its weights is not above 0".to_owned());
    }
    let names = [("scale", scale), ("shift", shift), ("mean", mean), ("variance", variance)]
        .map(|(what, data)| layer.constant(what, &[channels], &data));
    let inputs: Vec<_> =
        [bottom.value.as_str()].into_iter().chain(names.iter().map(String::as_str)).collect();
    let attributes = vec![float("epsilon", param.eps())];
    layer.top_node(0, "BatchNormalization", &inputs, attributes, bottom.shape)
}

/// Where the numbers of a Scale or Bias layer apply: the shape they have, and that of their constant.
struct Place {
    shape: Vec<usize>,
    broadcast: Vec<usize>,
}

fn place(bottom: &Blob, given: i32, axes: i32) -> Result<Place, Problem> {
    let first = axis(given, bottom.shape.len(), false)?;
    let rest = bottom.shape.get(first..).unwrap_or_default();
    let covered = match usize::try_from(axes) {
        Err(_) => rest,
        Ok(axes) => rest
            .get(..axes)
            .ok_or_else(|| format!("num_axes is {axes}, but only {} follow axis {given}", rest.len()))?,
    };
    let mut broadcast = covered.to_vec();
    broadcast.resize(rest.len(), 1);
    Ok(Place { shape: covered.to_vec(), broadcast })
}

/// A second input as the numbers of a Scale or Bias layer.
fn second(layer: &mut Layer<'_, '_>, bottom: &Blob, given: i32) -> Result<String, Problem> {
    let other = layer.bottom(1)?;
    // What has the batch in front applies from there on, whatever the axis says.
    let first =
        if other.shape.len() == bottom.shape.len() { 0 } else { axis(given, bottom.shape.len(), false)? };
    let rest = bottom.shape.get(first..).unwrap_or_default();
    if !rest.starts_with(&other.shape) {
        return Err(format!("its second input is {:?}, which does not fit {rest:?}", other.shape));
    }
    let mut dims = other.shape.clone();
    dims.resize(rest.len(), 1);
    Ok(layer.reshaped(&other.value, &dims))
}

pub(super) fn scale(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.scale_param.clone().unwrap_or_default();
    let bottom = layer.bottom(0)?;
    let with_input = layer.bottoms.len() > 1;
    let (factors, place) = if with_input {
        let other = layer.bottom(1)?;
        let axes = i32::try_from(other.shape.len()).unwrap_or(i32::MAX);
        (second(&mut layer, &bottom, param.axis())?, place(&bottom, param.axis(), axes))
    } else {
        let place = place(&bottom, param.axis(), param.num_axes())?;
        let factors = layer.weights(0, &place.shape)?;
        (layer.constant("factors", &place.broadcast, &factors), Ok(place))
    };
    if !param.bias_term() {
        return layer.top_node(0, "Mul", &[&bottom.value, &factors], Vec::new(), bottom.shape);
    }
    let scaled = layer.node("Mul", &[&bottom.value, &factors], Vec::new());
    let place = place?;
    let shift = layer.weights(usize::from(!with_input), &place.shape)?;
    let shift = layer.constant("shift", &place.broadcast, &shift);
    layer.top_node(0, "Add", &[&scaled, &shift], Vec::new(), bottom.shape)
}

pub(super) fn bias(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.bias_param.clone().unwrap_or_default();
    let bottom = layer.bottom(0)?;
    let shift = if layer.bottoms.len() > 1 {
        second(&mut layer, &bottom, param.axis())?
    } else {
        let place = place(&bottom, param.axis(), param.num_axes())?;
        let shift = layer.weights(0, &place.shape)?;
        layer.constant("shift", &place.broadcast, &shift)
    };
    layer.top_node(0, "Add", &[&bottom.value, &shift], Vec::new(), bottom.shape)
}

pub(super) fn lrn(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    use crate::model::proto::caffe::lrn_parameter::NormRegion;
    let param = layer.param.lrn_param.unwrap_or_default();
    let (value, [channels, height, width]) = layer.picture()?;
    let window = size(param.local_size());
    if window.is_multiple_of(2) || window > height.max(width).max(channels).saturating_mul(2) {
        return Err(format!("local_size is {window}; it must be odd, and no larger than its input"));
    }
    let shape = vec![1, channels, height, width];
    if param.norm_region() == NormRegion::AcrossChannels {
        let attributes = vec![
            int("size", i64::from(param.local_size())),
            float("alpha", param.alpha()),
            float("beta", param.beta()),
            float("bias", param.k()),
        ];
        return layer.top_node(0, "LRN", &[&value], attributes, shape);
    }
    // x · (1 + alpha · mean of x² around it) ^ −beta
    let square = layer.node("Mul", &[&value, &value], Vec::new());
    let mean = average_around(&mut layer, &square, window);
    let alpha = layer.constant("alpha", &[], &[param.alpha()]);
    let scaled = layer.node("Mul", &[&mean, &alpha], Vec::new());
    let one = layer.constant("one", &[], &[1.0]);
    let base = layer.node("Add", &[&scaled, &one], Vec::new());
    let power = layer.constant("power", &[], &[-param.beta()]);
    let factors = layer.node("Pow", &[&base, &power], Vec::new());
    layer.top_node(0, "Mul", &[&value, &factors], Vec::new(), shape)
}

/// SSD's: pixels, or whole pictures, of length 1 times a learned factor.
pub(super) fn normalize(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.norm_param.clone().unwrap_or_default();
    let (value, [channels, height, width]) = layer.picture()?;
    let axes = layer.integers("axes", if param.across_spatial() { &[1, 2, 3] } else { &[1] });
    let sum = layer.node("ReduceSumSquare", &[&value, &axes], vec![int("keepdims", 1)]);
    let epsilon = layer.constant("epsilon", &[], &[param.eps()]);
    let sum = layer.node("Add", &[&sum, &epsilon], Vec::new());
    let length = layer.node("Sqrt", &[&sum], Vec::new());
    let unit = layer.node("Div", &[&value, &length], Vec::new());
    let dims = if param.channel_shared() { vec![1] } else { vec![channels, 1, 1] };
    let factors = layer.weights(0, &dims)?;
    let factors = layer.constant("factors", &dims, &factors);
    layer.top_node(0, "Mul", &[&unit, &factors], Vec::new(), vec![1, channels, height, width])
}

pub(super) fn softmax(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let bottom = layer.bottom(0)?;
    let given = layer.param.softmax_param.unwrap_or_default().axis();
    let axis = axis(given, bottom.shape.len(), false)?;
    let attributes = vec![int("axis", i64::try_from(axis).unwrap_or(i64::MAX))];
    layer.top_node(0, "Softmax", &[&bottom.value], attributes, bottom.shape)
}
