//! Pooling, with Caffe's own rounding: a window that is only begun counts.

use super::dense::pair;
use super::layer::{Layer, Problem, count};
use crate::model::graph::{int, ints};
use crate::model::proto::caffe::pooling_parameter::{PoolMethod, RoundMode};
use crate::model::proto::onnx::AttributeProto;

/// Windows along one dimension.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    /// Padding before the first pixel.
    pub(super) before: usize,
    /// How many there are.
    pub(super) count: usize,
    /// Padding after the last pixel that the last window reaches into.
    pub(super) after: usize,
}

impl Windows {
    /// Windows over `length` pixels with `pad` pixels of padding on both sides.
    pub(super) fn new(
        length: usize,
        kernel: usize,
        stride: usize,
        pad: usize,
        ceil: bool,
    ) -> Result<Self, Problem> {
        let room = (length + 2 * pad).checked_sub(kernel).ok_or_else(|| {
            format!("its kernel, {kernel}, is larger than its input, {length}, with padding")
        })?;
        if pad >= kernel {
            return Err(format!("pad is {pad}: it must be less than the kernel, {kernel}"));
        }
        let mut count = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
        if pad > 0 && (count - 1) * stride >= length + pad {
            count -= 1;
        }
        let last = (count - 1) * stride;
        if last >= length + pad {
            return Err("its last window lies outside of its input".to_owned());
        }
        Ok(Self { kernel, stride, before: pad, count, after: (last + kernel).saturating_sub(length + pad) })
    }

    /// How many pixels window `index` is divided by for an average: those of the input and of the padding on both
    /// sides, not what lies beyond.
    fn divisor(&self, index: usize, length: usize) -> usize {
        let start = index * self.stride;
        (start + self.kernel).min(length + 2 * self.before) - start
    }
}

pub(super) fn pooling(mut layer: Layer<'_, '_>) -> Result<(), Problem> {
    let param = layer.param.pooling_param.ok_or("it has no pooling_param")?;
    let (value, [channels, height, width]) = layer.picture()?;
    let lengths = [height, width];
    let one = |number: Option<u32>| number.into_iter().collect::<Vec<_>>();
    let stride = pair("stride", &one(param.stride), param.stride_h, param.stride_w, Some(1), 1)?;
    let pad = pair("pad", &one(param.pad), param.pad_h, param.pad_w, Some(0), 0)?;
    let kernel = if param.global_pooling() {
        if pad != [0, 0] || stride != [1, 1] {
            return Err("global_pooling goes with pad 0 and stride 1 only".to_owned());
        }
        lengths
    } else {
        pair("kernel_size", &one(param.kernel_size), param.kernel_h, param.kernel_w, None, 1)?
    };
    let ceil = param.round_mode() == RoundMode::Ceil && param.ceil_mode();
    let rows = Windows::new(height, kernel[0], stride[0], pad[0], ceil)?;
    let columns = Windows::new(width, kernel[1], stride[1], pad[1], ceil)?;
    let shape = vec![1, channels, rows.count, columns.count];
    count(&shape)?;
    match param.pool() {
        PoolMethod::Max => {
            let attributes = attributes(&rows, &columns);
            layer.top_node(0, "MaxPool", &[&value], attributes, shape)
        }
        PoolMethod::Ave => average(&mut layer, &value, lengths, [rows, columns], shape),
        PoolMethod::Stochastic => Err("stochastic pooling cannot be run".to_owned()),
    }
}

fn attributes(rows: &Windows, columns: &Windows) -> Vec<AttributeProto> {
    vec![
        ints("kernel_shape", [rows.kernel, columns.kernel]),
        ints("strides", [rows.stride, columns.stride]),
        ints("pads", [rows.before, columns.before, rows.after, columns.after]),
    ]
}

fn average_attributes(rows: &Windows, columns: &Windows) -> Vec<AttributeProto> {
    let mut attributes = attributes(rows, columns);
    attributes.push(int("count_include_pad", 1));
    attributes
}

/// Averages over windows. The operator divides as if all were full; factors for rows and columns make good for those that
/// are not, if there are any.
fn average(
    layer: &mut Layer<'_, '_>,
    value: &str,
    lengths: [usize; 2],
    [rows, columns]: [Windows; 2],
    shape: Vec<usize>,
) -> Result<(), Problem> {
    let factors = |windows: &Windows, length: usize| -> Vec<f32> {
        let kernel = windows.kernel as f32;
        (0..windows.count).map(|index| kernel / windows.divisor(index, length) as f32).collect()
    };
    let [down, across] = [factors(&rows, lengths[0]), factors(&columns, lengths[1])];
    let is_full = |factors: &[f32]| factors.iter().all(|&factor| factor == 1.0);
    let attributes = average_attributes(&rows, &columns);
    if is_full(&down) && is_full(&across) {
        return layer.top_node(0, "AveragePool", &[value], attributes, shape);
    }
    let average = layer.node("AveragePool", &[value], attributes);
    let down = layer.constant("factors of rows", &[1, 1, rows.count, 1], &down);
    let across = layer.constant("factors of columns", &[1, 1, 1, columns.count], &across);
    let average = layer.node("Mul", &[&average, &down], Vec::new());
    layer.top_node(0, "Mul", &[&average, &across], Vec::new(), shape)
}

/// Averages over odd squares of `size` pixels around each pixel, what lies outside being 0.
pub(super) fn average_around(layer: &mut Layer<'_, '_>, value: &str, size: usize) -> String {
    let windows = Windows { kernel: size, stride: 1, before: size / 2, count: 0, after: size / 2 };
    layer.node("AveragePool", &[value], average_attributes(&windows, &windows))
}
