//! Takes scales and offsets of channels into the convolution before them.
//!
//! ONNX Runtime does so by itself for floating point; 8-bit weights have to be made from the folded ones.

use std::collections::HashMap;

use super::graph::{Links, attribute, dims_of, floats_of, floats_tensor, is};
use super::proto::onnx::{GraphProto, NodeProto, TensorProto};

/// `epsilon` of ONNX's BatchNormalization where the node sets none.
const DEFAULT_EPSILON: f32 = 1e-5;

/// Folds whatever follows a convolution and only scales and shifts its channels.
pub(super) fn fold(graph: &mut GraphProto) {
    let links = Links::of(graph);
    let mut constants: HashMap<String, usize> =
        graph.initializer.iter().enumerate().map(|(i, tensor)| (tensor.name.clone(), i)).collect();
    let mut gone = vec![false; graph.node.len()];
    for position in 0..graph.node.len() {
        let Some(conv) = graph.node.get(position).filter(|node| is(node, "Conv")) else { continue };
        let Some(mut state) = Folded::new(conv, &constants, &graph.initializer) else { continue };
        let mut output = conv.output.first().cloned().unwrap_or_default();
        let mut folded = false;
        while let Some(next) = links.only_user(&output) {
            let Some(user) = graph.node.get(next).filter(|user| user.output.len() == 1) else { break };
            let Some((scale, shift)) = affine(user, &output, state.channels, &constants, &graph.initializer)
            else {
                break;
            };
            state.apply(&scale, &shift);
            output = user.output.first().cloned().unwrap_or_default();
            if let Some(gone) = gone.get_mut(next) {
                *gone = true;
            }
            folded = true;
        }
        if !folded {
            continue;
        }
        let Some(conv) = graph.node.get_mut(position) else { continue };
        let names = [format!("{output}/folded weights"), format!("{output}/folded bias")];
        let bias = state.bias.iter().map(|&value| value as f32).collect::<Vec<_>>();
        let tensors = [
            floats_tensor(&names[0], &state.dims, &state.weights),
            floats_tensor(&names[1], &[bias.len()], &bias),
        ];
        conv.input.truncate(1);
        conv.input.extend(names);
        conv.output = vec![output];
        for tensor in tensors {
            constants.insert(tensor.name.clone(), graph.initializer.len());
            graph.initializer.push(tensor);
        }
    }
    let mut gone = gone.into_iter();
    graph.node.retain(|_| !gone.next().unwrap_or_default());
    drop_unused(graph);
}

/// Removes constants that nothing uses.
pub(super) fn drop_unused(graph: &mut GraphProto) {
    let links = Links::of(graph);
    graph
        .initializer
        .retain(|tensor| links.users.contains_key(&tensor.name) || links.outputs.contains(&tensor.name));
}

/// Weights and bias of a convolution, as they are changed.
struct Folded {
    dims: Vec<usize>,
    channels: usize,
    weights: Vec<f32>,
    bias: Vec<f64>,
}

impl Folded {
    fn new(conv: &NodeProto, constants: &HashMap<String, usize>, tensors: &[TensorProto]) -> Option<Self> {
        let tensor = |input: usize| tensors.get(*constants.get(conv.input.get(input)?)?);
        let (dims, weights) = (dims_of(tensor(1)?), floats_of(tensor(1)?)?);
        let channels = *dims.first()?;
        let bias = match conv.input.get(2).filter(|name| !name.is_empty()) {
            Some(_) => floats_of(tensor(2)?)?.into_iter().map(f64::from).collect(),
            None => vec![0.0; channels],
        };
        (bias.len() == channels && channels > 0).then_some(Self { dims, channels, weights, bias })
    }

    fn apply(&mut self, scale: &[f64], shift: &[f64]) {
        let each = (self.weights.len() / self.channels).max(1);
        for (weights, scale) in self.weights.chunks_exact_mut(each).zip(scale) {
            for weight in weights {
                *weight = (f64::from(*weight) * scale) as f32;
            }
        }
        for ((bias, scale), shift) in self.bias.iter_mut().zip(scale).zip(shift) {
            *bias = *bias * scale + shift;
        }
    }
}

/// What `node` multiplies and adds to each channel of `value`, if it does nothing else.
fn affine(
    node: &NodeProto,
    value: &str,
    channels: usize,
    constants: &HashMap<String, usize>,
    tensors: &[TensorProto],
) -> Option<(Vec<f64>, Vec<f64>)> {
    let constant = |name: &String| tensors.get(*constants.get(name)?);
    let vector = |name: &String| {
        let tensor = constant(name)?;
        let data = floats_of(tensor)?.into_iter().map(f64::from).collect::<Vec<_>>();
        // one number, or one for each channel: [C, 1, 1] or [1, C, 1, 1]
        let dims = dims_of(tensor);
        let per_channel = dims.iter().rev().nth(2) == Some(&channels) && dims.len() <= 4;
        match data.as_slice() {
            &[number] => Some(vec![number; channels]),
            data if per_channel && data.len() == channels => Some(data.to_vec()),
            _ => None,
        }
    };
    let other = || node.input.iter().find(|name| *name != value);
    if is(node, "Mul") {
        Some((vector(other()?)?, vec![0.0; channels]))
    } else if is(node, "Add") {
        Some((vec![1.0; channels], vector(other()?)?))
    } else if is(node, "BatchNormalization") {
        let numbers =
            |input: usize| floats_of(constant(node.input.get(input)?)?).filter(|n| n.len() == channels);
        let (scale, shift, mean, variance) = (numbers(1)?, numbers(2)?, numbers(3)?, numbers(4)?);
        let epsilon = attribute(node, "epsilon").map_or(DEFAULT_EPSILON, |attribute| attribute.f);
        let factor: Vec<_> = scale
            .iter()
            .zip(&variance)
            .map(|(&scale, &variance)| f64::from(scale) / (f64::from(variance) + f64::from(epsilon)).sqrt())
            .collect();
        let shift = factor
            .iter()
            .zip(shift.iter().zip(&mean))
            .map(|(factor, (&shift, &mean))| f64::from(shift) - factor * f64::from(mean))
            .collect();
        Some((factor, shift))
    } else {
        None
    }
}
