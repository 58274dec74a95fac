//! Layers that multiply with matrices: convolutions and inner products.

use super::layer::{Layer, Problem, axis, count, size};
use crate::model::graph::{int, ints};
use crate::model::proto::caffe::ConvolutionParameter;
use crate::model::proto::onnx::AttributeProto;

/// Greatest kernel, stride, padding and dilation that is believed, in pixels.
const MAX_WINDOW: usize = 1 << 14;

/// Two numbers, for rows and for columns, from the ways in which a net may give them.
pub(super) fn pair(
    what: &str,
    list: &[u32],
    height: Option<u32>,
    width: Option<u32>,
    default: Option<usize>,
    least: usize,
) -> Result<[usize; 2], Problem> {
    let pair = match (height, width, list) {
        (None, None, []) => default.map(|value| [value, value]),
        (None, None, &[both]) => Some([size(both), size(both)]),
        (None, None, &[height, width]) => Some([size(height), size(width)]),
        (Some(height), Some(width), []) => Some([size(height), size(width)]),
        // Only one given: the other keeps its default.
        (height, width, []) => default.map(|value| [height.map_or(value, size), width.map_or(value, size)]),
        _ => return Err(format!("{what} is given twice, or for more than rows and columns")),
    };
    let pair = pair.ok_or_else(|| format!("{what} is not given"))?;
    if pair.iter().any(|&value| value < least || value > MAX_WINDOW) {
        return Err(format!("{what} is {pair:?}; allowed are {least} to {MAX_WINDOW}"));
    }
    Ok(pair)
}

/// What a convolution and its opposite have in common.
struct Window {
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 2],
    dilation: [usize; 2],
    group: usize,
    outputs: usize,
}

impl Window {
    fn read(param: &ConvolutionParameter) -> Result<Self, Problem> {
        if param.axis() != 1 {
            return Err(format!("axis is {}; only 1, the channels, can be run", param.axis()));
        }
        let kernel = pair("kernel_size", &param.kernel_size, param.kernel_h, param.kernel_w, None, 1)?;
        let stride = pair("stride", &param.stride, param.stride_h, param.stride_w, Some(1), 1)?;
        let pad = pair("pad", &param.pad, param.pad_h, param.pad_w, Some(0), 0)?;
        let dilation = pair("dilation", &param.dilation, None, None, Some(1), 1)?;
        let (group, outputs) = (size(param.group()), size(param.num_output()));
        if group == 0 || outputs == 0 || !outputs.is_multiple_of(group) {
            return Err(format!(
                "num_output is {outputs} and group {group}: the one must be a multiple of the other"
            ));
        }
        Ok(Self { kernel, stride, pad, dilation, group, outputs })
    }

    fn extent(&self, i: usize) -> usize {
        self.dilation[i] * (self.kernel[i] - 1) + 1
    }

    fn attributes(&self) -> Vec<AttributeProto> {
        let [top, left] = self.pad;
        vec![
            ints("kernel_shape", self.kernel),
            ints("strides", self.stride),
            ints("pads", [top, left, top, left]),
            ints("dilations", self.dilation),
            int("group", i64::try_from(self.group).unwrap_or(i64::MAX)),
        ]
    }
}

pub(super) fn convolution(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.convolution_param.clone().ok_or("it has no convolution_param")?;
    let window = Window::read(&param)?;
    each_input(&mut layer, |layer, index, weights| {
        let (value, [channels, height, width]) = picture(layer, index)?;
        let mut shape = vec![1, window.outputs];
        for (i, length) in [height, width].into_iter().enumerate() {
            let room = (length + 2 * window.pad[i]).checked_sub(window.extent(i));
            let room =
                room.ok_or_else(|| format!("its kernel is larger than its input, {height} × {width}"))?;
            shape.push(room / window.stride[i] + 1);
        }
        check_group(channels, window.group)?;
        let dims = [window.outputs, channels / window.group, window.kernel[0], window.kernel[1]];
        let (kernel, bias) = constants(layer, weights, dims, window.outputs, param.bias_term())?;
        let inputs: Vec<_> = [value.as_str(), &kernel].into_iter().chain(bias.as_deref()).collect();
        layer.top_node(index, "Conv", &inputs, window.attributes(), shape)
    })
}

pub(super) fn deconvolution(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.convolution_param.clone().ok_or("it has no convolution_param")?;
    let window = Window::read(&param)?;
    each_input(&mut layer, |layer, index, weights| {
        let (value, [channels, height, width]) = picture(layer, index)?;
        let mut shape = vec![1, window.outputs];
        for (i, length) in [height, width].into_iter().enumerate() {
            let full = window.stride[i] * (length - 1) + window.extent(i);
            let kept = full.checked_sub(2 * window.pad[i]).filter(|&kept| kept > 0);
            shape.push(kept.ok_or("its padding leaves nothing of its output")?);
        }
        check_group(channels, window.group)?;
        let dims = [channels, window.outputs / window.group, window.kernel[0], window.kernel[1]];
        let (kernel, bias) = constants(layer, weights, dims, window.outputs, param.bias_term())?;
        let inputs: Vec<_> = [value.as_str(), &kernel].into_iter().chain(bias.as_deref()).collect();
        layer.top_node(index, "ConvTranspose", &inputs, window.attributes(), shape)
    })
}

/// Names of the constants of the first input, which the others share.
type Shared = Option<(String, Option<String>)>;

/// A convolution may have several inputs, each with its output.
fn each_input(
    layer: &mut Layer<'_, '_>,
    convert: impl Fn(&mut Layer<'_, '_>, usize, &mut Shared) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut shared = None;
    for index in 0..layer.bottoms.len().max(1) {
        convert(layer, index, &mut shared)?;
    }
    Ok(())
}

fn picture(layer: &Layer<'_, '_>, index: usize) -> Result<(String, [usize; 3]), Problem> {
    let bottom = layer.bottom(index)?;
    match bottom.shape.as_slice() {
        &[1, channels, height, width] => Ok((bottom.value, [channels, height, width])),
        shape => Err(format!("it takes pictures, [1, channels, height, width], but its input is {shape:?}")),
    }
}

fn check_group(channels: usize, group: usize) -> Result<(), Problem> {
    if !channels.is_multiple_of(group) {
        return Err(format!("its input has {channels} channels, which is no multiple of group, {group}"));
    }
    Ok(())
}

fn constants(
    layer: &mut Layer<'_, '_>,
    shared: &mut Shared,
    dims: [usize; 4],
    outputs: usize,
    has_bias: bool,
) -> Result<(String, Option<String>), Problem> {
    if let Some(shared) = shared {
        return Ok(shared.clone());
    }
    let kernel = layer.weights(0, &dims)?;
    let kernel = layer.constant("weights", &dims, &kernel);
    let bias = if has_bias {
        let bias = layer.weights(1, &[outputs])?;
        Some(layer.constant("bias", &[outputs], &bias))
    } else {
        None
    };
    Ok(shared.insert((kernel, bias)).clone())
}

pub(super) fn inner_product(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.inner_product_param.clone().ok_or("it has no inner_product_param")?;
    let bottom = layer.bottom(0)?;
    let axis = axis(param.axis(), bottom.shape.len(), false)?;
    let (kept, summed) = bottom.shape.split_at(axis);
    let (rows, columns, outputs) = (count(kept).unwrap_or(1), count(summed)?, size(param.num_output()));
    if outputs == 0 {
        return Err("num_output is not given".to_owned());
    }
    let dims = if param.transpose() { [columns, outputs] } else { [outputs, columns] };
    let matrix = layer.weights(0, &dims)?;
    let matrix = layer.constant("weights", &dims, &matrix);
    let flat = if bottom.shape == [rows, columns] {
        bottom.value
    } else {
        layer.reshaped(&bottom.value, &[rows, columns])
    };
    let mut inputs = vec![flat, matrix];
    if param.bias_term() {
        let bias = layer.weights(1, &[outputs])?;
        inputs.push(layer.constant("bias", &[outputs], &bias));
    }
    let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
    let attributes = vec![int("transB", i64::from(!param.transpose()))];
    let mut shape = kept.to_vec();
    shape.push(outputs);
    if shape == [rows, outputs] {
        return layer.top_node(0, "Gemm", &inputs, attributes, shape);
    }
    let product = layer.node("Gemm", &inputs, attributes);
    let dims = layer.shape_constant(&shape);
    layer.top_node(0, "Reshape", &[&product, &dims], Vec::new(), shape)
}
