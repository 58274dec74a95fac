//! What the conversion of a layer works with.

use super::convert::Converter;
use super::read;
use crate::model::graph;
use crate::model::proto::caffe::LayerParameter;
use crate::model::proto::onnx::AttributeProto;

/// Most numbers that a blob may hold: 1 GiB of them, more than any net that runs on pictures needs.
const MAX_COUNT: usize = 1 << 28;
/// Most dimensions of a blob, as in Caffe.
const MAX_AXES: usize = 32;

/// A blob during conversion: which value of the graph holds it, and its shape with the batch of 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) value: String,
    pub(super) shape: Vec<usize>,
}

/// What is wrong with a layer, in words.
pub(super) type Problem = String;

/// A layer during conversion.
pub(super) struct Layer<'a, 'b> {
    pub(super) param: &'a LayerParameter,
    pub(super) bottoms: Vec<Blob>,
    pub(super) weights: Vec<read::Blob>,
    pub(super) graph: &'a mut Converter<'b>,
}

/// Number of elements, if it is one that is believed.
pub(super) fn count(shape: &[usize]) -> Result<usize, Problem> {
    if shape.len() > MAX_AXES {
        return Err(format!("{} dimensions; at most {MAX_AXES} are allowed", shape.len()));
    }
    let count = shape.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
    match count {
        Some(0) => Err(format!("the shape {shape:?} holds nothing")),
        Some(count) if count <= MAX_COUNT => Ok(count),
        _ => Err(format!("the shape {shape:?} holds more than {MAX_COUNT} numbers")),
    }
}

/// An axis counted from the front. Negative ones count from behind; `axes` itself is allowed where `end` is.
pub(super) fn axis(given: i32, axes: usize, end: bool) -> Result<usize, Problem> {
    let given = i64::from(given);
    let axes = i64::try_from(axes).unwrap_or(i64::MAX);
    let axis = if given < 0 { given + axes + i64::from(end) } else { given };
    let valid = (0..axes + i64::from(end)).contains(&axis);
    usize::try_from(axis)
        .ok()
        .filter(|_| valid)
        .ok_or_else(|| format!("there is no axis {given} among {axes}"))
}

/// A number that a file gives in 32 bits.
pub(super) fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Layer<'_, '_> {
    /// Input `index`.
    pub(super) fn bottom(&self, index: usize) -> Result<Blob, Problem> {
        let missing = || format!("it needs {} inputs (bottom), but has {}", index + 1, self.bottoms.len());
        self.bottoms.get(index).cloned().ok_or_else(missing)
    }

    /// The only input, of four dimensions: value, and channels, height and width.
    pub(super) fn picture(&self) -> Result<(String, [usize; 3]), Problem> {
        let bottom = self.bottom(0)?;
        match bottom.shape.as_slice() {
            &[1, channels, height, width] => Ok((bottom.value, [channels, height, width])),
            shape => {
                Err(format!("it takes pictures, [1, channels, height, width], but its input is {shape:?}"))
            }
        }
    }

    /// Weights `index`, which must be as many as `shape` has room for; files disagree about leading ones.
    pub(super) fn weights(&mut self, index: usize, shape: &[usize]) -> Result<Vec<f32>, Problem> {
        let wanted = count(shape)?;
        let found = self.weights.len();
        let blob = self.weights.get_mut(index).ok_or_else(|| match found {
            0 => "the model file (model-file) has no weights for it".to_owned(),
            found => format!("it needs {} blobs of weights, but the model file has {found}", index + 1),
        })?;
        let significant = |shape: &[usize]| shape.iter().copied().filter(|&dim| dim != 1).collect::<Vec<_>>();
        if blob.data.len() != wanted || significant(&blob.shape) != significant(shape) {
            return Err(format!("its weights {index} are {:?}, but it needs {shape:?}", blob.shape));
        }
        Ok(std::mem::take(&mut blob.data))
    }

    /// Adds a node whose output is used inside this layer.
    pub(super) fn node(&mut self, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let output = self.graph.fresh(&format!("{}/{op}", self.param.name()));
        self.graph.push(graph::node(op, inputs, &output, attributes));
        output
    }

    /// Adds a node whose output is output `index` of this layer.
    pub(super) fn top_node(
        &mut self,
        index: usize,
        op: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
        shape: Vec<usize>,
    ) -> Result<(), Problem> {
        let name = self.top_name(index)?;
        let output = self.graph.value_of(&name);
        self.graph.push(graph::node(op, inputs, &output, attributes));
        self.set(name, output, shape)
    }

    /// Makes `value` output `index` of this layer, without computing anything.
    pub(super) fn top(&mut self, index: usize, value: &str, shape: Vec<usize>) -> Result<(), Problem> {
        let name = self.top_name(index)?;
        self.graph.passed_on(&name);
        self.set(name, value.to_owned(), shape)
    }

    fn set(&mut self, name: String, value: String, shape: Vec<usize>) -> Result<(), Problem> {
        count(&shape)?;
        self.graph.set(name, Blob { value, shape });
        Ok(())
    }

    fn top_name(&self, index: usize) -> Result<String, Problem> {
        let tops = &self.param.top;
        tops.get(index)
            .cloned()
            .ok_or_else(|| format!("it gives {} outputs (top), but names {}", index + 1, tops.len()))
    }

    /// Adds a constant.
    pub(super) fn constant(&mut self, what: &str, dims: &[usize], data: &[f32]) -> String {
        let name = self.graph.fresh(&format!("{}/{what}", self.param.name()));
        self.graph.push_constant(graph::floats_tensor(&name, dims, data));
        name
    }

    /// Adds a constant of whole numbers.
    pub(super) fn integers(&mut self, what: &str, data: &[i64]) -> String {
        let name = self.graph.fresh(&format!("{}/{what}", self.param.name()));
        self.graph.push_constant(graph::ints_tensor(&name, &[data.len()], data));
        name
    }

    /// Adds a constant single whole number.
    pub(super) fn integer(&mut self, what: &str, data: i64) -> String {
        let name = self.graph.fresh(&format!("{}/{what}", self.param.name()));
        self.graph.push_constant(graph::ints_tensor(&name, &[], &[data]));
        name
    }

    /// Gives `value` the shape `shape`, which holds as many numbers.
    pub(super) fn reshaped(&mut self, value: &str, shape: &[usize]) -> String {
        let dims = self.shape_constant(shape);
        self.node("Reshape", &[value, &dims], Vec::new())
    }

    /// A shape as a constant.
    pub(super) fn shape_constant(&mut self, shape: &[usize]) -> String {
        let dims: Vec<_> = shape.iter().map(|&dim| i64::try_from(dim).unwrap_or(i64::MAX)).collect();
        self.integers("shape", &dims)
    }
}
