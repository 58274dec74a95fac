//! A floating-point graph becomes one of 8-bit numbers.
//!
//! Values that a calibration table knows get a pair of QuantizeLinear and DequantizeLinear, which ONNX Runtime joins with
//! the operators around them to 8-bit ones. Activations become unsigned: what is never negative, as after a ReLU, uses all
//! 256 steps; what has both signs uses the table's own scale around 128. Weights become signed, with a scale for each
//! output channel, in 7 bits: processors with AVX2 but without VNNI add pairs of products of 8-bit numbers in 16 bits, and
//! 2 · 255 · 63 fits where 2 · 255 · 127 does not.
//!
//! What stays in floating point: the first convolution, which has so few input channels that 8 bits gain nothing; the last
//! ones with what follows them, whose outputs are boxes and confidences and need more than 256 steps; all that the table
//! does not know.

mod table;

use std::collections::{BTreeSet, HashMap, HashSet};

pub(super) use table::MAX_BYTES;
pub use table::{CalibrationTable, TableError};

use super::fold::{drop_unused, fold};
use super::graph::{Links, dims_of, floats_of, floats_tensor, int, is, node, raw_tensor};
use super::proto::onnx::tensor_proto::DataType;
use super::proto::onnx::{GraphProto, ModelProto, NodeProto, TensorProto};

/// Greatest weight in 7 bits and a sign.
const GREATEST_WEIGHT: f32 = 63.0;
/// Steps of an activation that is never negative, and of one half of an activation of both signs.
const UNSIGNED_STEPS: f32 = 255.0;
const SIGNED_STEPS: f32 = 127.0;
/// Zero of an activation of both signs.
const SIGNED_ZERO: u8 = 128;
/// A bias is a 32-bit number; this much of its range is used, so that sums stay inside.
const GREATEST_BIAS: f32 = 1_000_000_000.0;
/// The first operator set in which scales of channels can be written.
const FIRST_OPSET: i64 = 13;

/// What became of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Report {
    /// Convolutions in 8 bits.
    pub(super) quantised: usize,
    /// Values that kept convolutions from it because the table does not have them.
    pub(super) missing: BTreeSet<String>,
}

/// Whether a graph already holds 8-bit numbers.
pub(super) fn is_quantised(graph: &GraphProto) -> bool {
    graph
        .node
        .iter()
        .any(|node| node.op_type.contains("QuantizeLinear") || node.op_type.starts_with("QLinear"))
}

/// How a value becomes 8-bit numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Steps {
    scale: f32,
    zero: u8,
}

/// Quantises what `table` allows. `positive_input` says that pictures hold no number below 0.
pub(super) fn quantise(model: &mut ModelProto, table: &CalibrationTable, positive_input: bool) -> Report {
    let opset = model.opset_import.iter().find(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
    let too_old = opset.is_none_or(|set| set.version < FIRST_OPSET);
    let Some(graph) = model.graph.as_mut().filter(|_| !too_old) else { return Report::default() };
    lift_constants(graph);
    fold(graph);
    let mut plan = Plan::new(graph, table, positive_input);
    plan.choose();
    let (report, pairs) = (plan.report, plan.pairs);
    let chosen = plan.chosen;
    rewrite(graph, &chosen, &pairs);
    drop_unused(graph);
    report
}

/// Constants in nodes become constants of the graph.
fn lift_constants(graph: &mut GraphProto) {
    let mut tensors = Vec::new();
    graph.node.retain_mut(|node| {
        if !is(node, "Constant") {
            return true;
        }
        let value = node.attribute.iter_mut().find(|attribute| attribute.name == "value");
        let (Some(output), Some(tensor)) = (node.output.first(), value.and_then(|value| value.t.take()))
        else {
            return true;
        };
        tensors.push(TensorProto { name: output.clone(), ..tensor });
        false
    });
    graph.initializer.extend(tensors);
}

/// A value and how it is written in 8 bits.
type Eight = (String, Steps);

/// The values that a chosen node reads and the one that it gives.
type Choice = (Vec<Eight>, Eight);

/// What is going to be quantised.
struct Plan<'a> {
    graph: &'a GraphProto,
    links: Links,
    constants: HashMap<&'a str, &'a TensorProto>,
    table: &'a CalibrationTable,
    /// Values that are never negative.
    positive: HashSet<String>,
    /// Nodes that stay in floating point because outputs come from them.
    tail: HashSet<usize>,
    /// Nodes that become 8-bit ones.
    chosen: HashSet<usize>,
    /// Values that become 8-bit numbers.
    pairs: HashMap<String, Steps>,
    report: Report,
}

impl<'a> Plan<'a> {
    fn new(graph: &'a GraphProto, table: &'a CalibrationTable, positive_input: bool) -> Self {
        let links = Links::of(graph);
        let constants: HashMap<_, _> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let tail = tail(graph, &links);
        let mut plan = Self {
            graph,
            links,
            constants,
            table,
            positive: HashSet::new(),
            tail,
            chosen: HashSet::new(),
            pairs: HashMap::new(),
            report: Report::default(),
        };
        if positive_input {
            plan.positive.extend(graph.input.iter().map(|input| input.name.clone()));
        }
        for node in &graph.node {
            if plan.is_positive(node) {
                plan.positive.extend(node.output.iter().cloned());
            }
        }
        plan
    }

    fn is_positive(&self, node: &NodeProto) -> bool {
        match node.op_type.as_str() {
            "Relu" | "Sigmoid" | "Softmax" => true,
            "Clip" => {
                let low = node.input.get(1).and_then(|name| floats_of(self.constants.get(name.as_str())?));
                low.is_some_and(|low| low.iter().all(|&low| low >= 0.0))
            }
            "Add" | "Concat" | "MaxPool" | "AveragePool" | "GlobalAveragePool" | "Identity" | "Mul" => {
                node.input.iter().all(|input| {
                    let constant = || floats_of(self.constants.get(input.as_str())?);
                    self.positive.contains(input)
                        || constant().is_some_and(|data| data.iter().all(|&value| value >= 0.0))
                })
            }
            _ => false,
        }
    }

    fn choose(&mut self) {
        for (position, node) in self.graph.node.iter().enumerate() {
            if self.tail.contains(&position)
                || node.output.len() != 1
                || !matches!(node.domain.as_str(), "" | "ai.onnx")
            {
                continue;
            }
            let chosen = match node.op_type.as_str() {
                "Conv" => self.convolution(node),
                "Add" | "Concat" => self.joins(node),
                "MaxPool" => self.keeps_steps(node),
                "AveragePool" | "GlobalAveragePool" => self.averages(node),
                _ => continue,
            };
            let Some((inputs, output)) = chosen else { continue };
            self.chosen.insert(position);
            self.pairs.extend(inputs);
            self.pairs.extend([output]);
            self.report.quantised += usize::from(node.op_type == "Conv");
        }
        // Where another value turned out to be missing, those that are there are no news.
        let pairs = &self.pairs;
        self.report.missing.retain(|value| !pairs.contains_key(value));
    }

    /// How the value `name` is written in 8 bits; where it cannot be because the table lacks it, that is noted.
    fn steps(&mut self, name: &str) -> Option<Eight> {
        if let Some(&steps) = self.pairs.get(name) {
            return Some((name.to_owned(), steps));
        }
        if self.links.outputs.contains(name)
            || self.links.users.get(name).is_some_and(|users| users.contains(&usize::MAX))
        {
            return None;
        }
        let Some(greatest) = self.table.greatest(name) else {
            self.report.missing.insert(name.to_owned());
            return None;
        };
        let steps = if self.positive.contains(name) {
            Steps { scale: greatest / UNSIGNED_STEPS, zero: 0 }
        } else {
            Steps { scale: greatest / SIGNED_STEPS, zero: SIGNED_ZERO }
        };
        Some((name.to_owned(), steps))
    }

    /// The value that a node gives to others: behind the ReLU, if that is all that uses its own.
    fn given(&self, node: &NodeProto) -> Option<String> {
        let output = node.output.first()?;
        let next = self.links.only_user(output).and_then(|user| self.graph.node.get(user));
        match next {
            Some(next) if is(next, "Relu") || (is(next, "Clip") && self.is_positive(next)) => {
                next.output.first().cloned()
            }
            _ => Some(output.clone()),
        }
    }

    fn convolution(&mut self, node: &NodeProto) -> Option<Choice> {
        let input = node.input.first()?;
        // the first one: see above
        if self.graph.input.iter().any(|picture| picture.name == *input) {
            return None;
        }
        let weights = self.constants.get(node.input.get(1)?.as_str())?;
        floats_of(weights)?;
        if let Some(bias) = node.input.get(2).filter(|bias| !bias.is_empty()) {
            floats_of(self.constants.get(bias.as_str())?)?;
        }
        let given = self.given(node)?;
        let (input, output) = (self.steps(input), self.steps(&given));
        Some((vec![input?], output?))
    }

    fn is_made_in_8_bits(&self, value: &str) -> bool {
        let maker = self.links.maker.get(value).copied();
        // through the ReLU behind an operator
        let through = maker
            .and_then(|maker| self.graph.node.get(maker))
            .filter(|node| is(node, "Relu") || is(node, "Clip"));
        let before = through.and_then(|relu| self.links.maker.get(relu.input.first()?).copied());
        maker.is_some_and(|maker| self.chosen.contains(&maker))
            || before.is_some_and(|before| self.chosen.contains(&before))
    }

    fn joins(&mut self, node: &NodeProto) -> Option<Choice> {
        if !node.input.iter().any(|input| self.is_made_in_8_bits(input)) {
            return None;
        }
        let given = self.given(node)?;
        let inputs: Option<Vec<_>> = node
            .input
            .iter()
            .map(|input| if self.constants.contains_key(input.as_str()) { None } else { self.steps(input) })
            .collect();
        let output = self.steps(&given);
        Some((inputs?, output?))
    }

    /// Operators that only pick values: the output has the input's steps.
    fn keeps_steps(&mut self, node: &NodeProto) -> Option<Choice> {
        let (input, output) = (node.input.first()?, node.output.first()?);
        if !self.is_made_in_8_bits(input) || self.links.outputs.contains(output) {
            return None;
        }
        let input = self.steps(input)?;
        Some((vec![input.clone()], (output.clone(), input.1)))
    }

    fn averages(&mut self, node: &NodeProto) -> Option<Choice> {
        let (input, output) = (node.input.first()?, node.output.first()?);
        if !self.is_made_in_8_bits(input) {
            return None;
        }
        let (input, output) = (self.steps(input), self.steps(output));
        Some((vec![input?], output?))
    }
}

/// The nodes from which outputs come, back to the last convolutions.
fn tail(graph: &GraphProto, links: &Links) -> HashSet<usize> {
    let mut found = HashSet::new();
    let mut values: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    while let Some(value) = values.pop() {
        let Some(&maker) = links.maker.get(value) else { continue };
        if !found.insert(maker) {
            continue;
        }
        if let Some(node) = graph.node.get(maker).filter(|node| !is(node, "Conv")) {
            values.extend(node.input.iter().map(String::as_str));
        }
    }
    found
}

/// Names of the 8-bit form of a value, and of what is read from it.
fn names(value: &str) -> [String; 4] {
    [
        format!("{value}/8 bit"),
        format!("{value}/from 8 bit"),
        format!("{value}/scale"),
        format!("{value}/zero"),
    ]
}

/// Puts the pairs in and makes weights 8-bit numbers.
fn rewrite(graph: &mut GraphProto, chosen: &HashSet<usize>, pairs: &HashMap<String, Steps>) {
    let links = Links::of(graph);
    let constants: HashMap<String, TensorProto> =
        graph.initializer.iter().map(|tensor| (tensor.name.clone(), tensor.clone())).collect();
    // Values whose every user reads the 8-bit form, so that the node that makes them can be an 8-bit one: those that
    // a chosen node makes, perhaps through the ReLU behind it.
    let mut made: HashSet<String> = HashSet::new();
    for &position in chosen {
        let Some(output) = graph.node.get(position).and_then(|node| node.output.first()) else { continue };
        made.insert(output.clone());
        if let Some(next) = links.only_user(output).and_then(|next| graph.node.get(next))
            && (is(next, "Relu") || is(next, "Clip"))
        {
            made.extend(next.output.first().cloned());
        }
    }
    let mut tensors = Vec::new();
    let pair = |value: &str, steps: &Steps, tensors: &mut Vec<TensorProto>| {
        let [eight, back, scale, zero] = names(value);
        tensors.push(floats_tensor(&scale, &[], &[steps.scale]));
        tensors.push(raw_tensor(&zero, &[], DataType::Uint8, vec![steps.zero]));
        [
            node("QuantizeLinear", &[value, &scale, &zero], &eight, Vec::new()),
            node("DequantizeLinear", &[&eight, &scale, &zero], &back, Vec::new()),
        ]
    };
    let old = std::mem::take(&mut graph.node);
    for input in &graph.input {
        if let Some(steps) = pairs.get(&input.name) {
            graph.node.extend(pair(&input.name, steps, &mut tensors));
        }
    }
    for (position, mut node) in old.into_iter().enumerate() {
        let is_chosen = chosen.contains(&position);
        let from = node.input.first().cloned().unwrap_or_default();
        for input in &mut node.input {
            if pairs.contains_key(input.as_str()) && (is_chosen || made.contains(input.as_str())) {
                let [_, back, ..] = names(input);
                *input = back;
            }
        }
        if is_chosen && node.op_type == "Conv" {
            let scale = pairs.get(&from).map_or(1.0, |steps| steps.scale);
            let dequantised = weights(&mut node, &constants, scale, &mut tensors);
            graph.node.extend(dequantised);
        }
        let outputs = node.output.clone();
        graph.node.push(node);
        for output in outputs {
            if let Some(steps) = pairs.get(&output) {
                graph.node.extend(pair(&output, steps, &mut tensors));
            }
        }
    }
    graph.initializer.extend(tensors);
}

/// Makes the weights of a convolution 8-bit numbers, and its bias 32-bit ones. Returns the nodes that it reads them from.
fn weights(
    node: &mut NodeProto,
    constants: &HashMap<String, TensorProto>,
    input_scale: f32,
    tensors: &mut Vec<TensorProto>,
) -> Vec<NodeProto> {
    let constant = |input: usize| {
        let tensor = constants.get(node.input.get(input)?)?;
        Some((dims_of(tensor), floats_of(tensor)?))
    };
    let Some((dims, data)) = constant(1) else { return Vec::new() };
    let channels = dims.first().copied().unwrap_or(1).max(1);
    let bias = constant(2).map(|(_, bias)| bias);
    let each = (data.len() / channels).max(1);
    let mut scales = Vec::with_capacity(channels);
    let mut bytes = Vec::with_capacity(data.len());
    for (channel, weights) in data.chunks_exact(each).enumerate() {
        let greatest = weights.iter().fold(0f32, |greatest, weight| greatest.max(weight.abs()));
        let shift = bias.as_ref().and_then(|bias| bias.get(channel)).map_or(0.0, |bias| bias.abs());
        // coarse enough that the bias, in steps of both scales, is a 32-bit number
        let scale =
            (greatest / GREATEST_WEIGHT).max(shift / (input_scale * GREATEST_BIAS)).max(f32::MIN_POSITIVE);
        scales.push(scale);
        bytes.extend(weights.iter().map(|weight| {
            let steps = (weight / scale).round_ties_even().clamp(-GREATEST_WEIGHT, GREATEST_WEIGHT);
            (steps as i8).to_ne_bytes()[0]
        }));
    }
    let base = node.output.first().cloned().unwrap_or_default();
    let name = |what: &str| format!("{base}/{what}");
    let axis = vec![int("axis", 0)];
    let mut nodes = Vec::new();
    tensors.push(raw_tensor(&name("weights 8 bit"), &dims, DataType::Int8, bytes));
    tensors.push(floats_tensor(&name("weights scale"), &[channels], &scales));
    tensors.push(raw_tensor(&name("weights zero"), &[channels], DataType::Int8, vec![0; channels]));
    let inputs = [name("weights 8 bit"), name("weights scale"), name("weights zero")];
    let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
    nodes.push(super::graph::node("DequantizeLinear", &inputs, &name("weights from 8 bit"), axis.clone()));
    if let Some(weights) = node.input.get_mut(1) {
        *weights = name("weights from 8 bit");
    }
    if let Some(bias) = bias {
        let steps: Vec<f32> = scales.iter().map(|scale| scale * input_scale).collect();
        let numbers = bias.iter().zip(&steps).flat_map(|(bias, step)| {
            let number = (f64::from(*bias) / f64::from(*step)).round_ties_even();
            (number as i32).to_le_bytes()
        });
        tensors.push(raw_tensor(&name("bias 32 bit"), &[channels], DataType::Int32, numbers.collect()));
        tensors.push(floats_tensor(&name("bias scale"), &[channels], &steps));
        let inputs = [name("bias 32 bit"), name("bias scale")];
        let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
        nodes.push(super::graph::node("DequantizeLinear", &inputs, &name("bias from 32 bit"), axis));
        if let Some(bias) = node.input.get_mut(2) {
            *bias = name("bias from 32 bit");
        }
    }
    nodes
}

/// Number of convolutions of a graph.
pub(super) fn convolutions(graph: &GraphProto) -> usize {
    graph.node.iter().filter(|node| is(node, "Conv")).count()
}
