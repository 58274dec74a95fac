//! Walking through the layers of a net.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::error::CaffeError;
use super::layer::{Blob, Layer, Problem};
use super::read::Weights;
use super::{Wishes, activation, arrange, dense, net, normalize, pool, ssd};
use crate::config::Dims;
use crate::model::fold::fold;
use crate::model::graph::{model, node, value_info};
use crate::model::proto::caffe::{LayerParameter, NetParameter};
use crate::model::proto::onnx::{GraphProto, ModelProto, NodeProto, TensorProto};

/// Converts one layer.
type Convert = fn(Layer<'_, '_>) -> Result<(), Problem>;

/// The layers that are known, by the names of their types.
const LAYERS: &[(&str, Convert)] = &[
    ("AbsVal", activation::abs),
    ("BatchNorm", normalize::batch_norm),
    ("Bias", normalize::bias),
    ("BNLL", activation::bnll),
    ("Concat", arrange::concat),
    ("Convolution", dense::convolution),
    ("ConvolutionDepthwise", dense::convolution),
    ("Crop", arrange::crop),
    ("Deconvolution", dense::deconvolution),
    ("DepthwiseConvolution", dense::convolution),
    ("DetectionOutput", ssd::detection_output),
    ("Dropout", arrange::pass_on),
    ("Eltwise", arrange::eltwise),
    ("ELU", activation::elu),
    ("Exp", activation::exp),
    ("Flatten", arrange::flatten),
    ("InnerProduct", dense::inner_product),
    ("Log", activation::log),
    ("LRN", normalize::lrn),
    ("Normalize", normalize::normalize),
    ("Permute", arrange::permute),
    ("Pooling", pool::pooling),
    ("Power", activation::power),
    ("PReLU", activation::prelu),
    ("PriorBox", ssd::prior_box),
    ("ReLU", activation::relu),
    ("ReLU6", activation::relu6),
    ("Reshape", arrange::reshape),
    ("Scale", normalize::scale),
    ("Sigmoid", activation::sigmoid),
    ("Slice", arrange::slice),
    ("Softmax", normalize::softmax),
    ("Split", arrange::pass_on),
    ("TanH", activation::tanh),
];

/// Layers that give pictures to a net.
const INPUTS: &[&str] =
    &["Input", "Data", "ImageData", "MemoryData", "AnnotatedData", "DummyData", "WindowData", "HDF5Data"];

/// The graph so far.
#[derive(Debug)]
pub(super) struct Converter<'a> {
    wishes: Wishes<'a>,
    graph: GraphProto,
    blobs: HashMap<String, Blob>,
    /// How often each blob is still to be written: the last time, its value gets its name.
    writes: HashMap<String, usize>,
    names: HashSet<String>,
    outputs: Vec<String>,
}

/// Converts a net.
pub(super) fn convert(
    net: NetParameter,
    mut weights: Weights,
    proto: &Path,
    wishes: Wishes<'_>,
) -> Result<ModelProto, CaffeError> {
    let wrong = |message: String| CaffeError::Net { path: proto.to_owned(), message };
    let name = net.name.clone().unwrap_or_default();
    let (layers, outputs) = net::layers_for(net, wishes.outputs).map_err(wrong)?;
    if layers.is_empty() {
        return Err(wrong("there is no layer (layer { … })".to_owned()));
    }
    let mut writes = HashMap::new();
    let mut names = HashSet::new();
    for top in layers.iter().flat_map(|layer| &layer.top) {
        *writes.entry(top.clone()).or_insert(0) += 1;
        names.insert(top.clone());
    }
    let graph = GraphProto { name, ..GraphProto::default() };
    let mut converter = Converter { wishes, graph, blobs: HashMap::new(), writes, names, outputs };
    for layer in &layers {
        let kind = layer.r#type();
        converter.layer(layer, &mut weights).map_err(|message| CaffeError::Layer {
            path: proto.to_owned(),
            layer: layer.name().to_owned(),
            kind: kind.to_owned(),
            message,
        })?;
    }
    let mut graph = converter.finish().map_err(wrong)?;
    fold(&mut graph);
    Ok(model(graph))
}

impl Converter<'_> {
    fn layer(&mut self, param: &LayerParameter, weights: &mut Weights) -> Result<(), Problem> {
        let kind = param.r#type();
        if INPUTS.contains(&kind) {
            return self.input(param);
        }
        let convert = LAYERS.iter().find(|(name, _)| *name == kind).ok_or_else(|| {
            let known: Vec<_> = LAYERS.iter().map(|(name, _)| *name).collect();
            format!("layers of this type cannot be run; those that can: {}", known.join(", "))
        })?;
        let bottoms = param.bottom.iter().map(|name| {
            let missing = || format!("its input (bottom) \"{name}\" is not made by any layer before it");
            self.blobs.get(name).cloned().ok_or_else(missing)
        });
        let bottoms = bottoms.collect::<Result<Vec<_>, _>>()?;
        let weights = weights.remove(param.name()).unwrap_or_default();
        convert.1(Layer { param, bottoms, weights, graph: self })
    }

    /// A layer that gives pictures. Its second output, if it has one, is for training.
    fn input(&mut self, param: &LayerParameter) -> Result<(), Problem> {
        let name = param.top.first().ok_or("it names no output (top)")?;
        let given = param.input_param.as_ref().and_then(|input| input.shape.first());
        let memory = param.memory_data_param.as_ref();
        let shape: Vec<i64> = match (given, memory) {
            (Some(shape), _) => shape.dim.clone(),
            (None, Some(memory)) => {
                vec![1, memory.channels().into(), memory.height().into(), memory.width().into()]
            }
            (None, None) => {
                let Dims { channels, height, width } = self.wishes.input.ok_or(
                    "it does not say the size of the pictures: set infer-dims=channels;height;width",
                )?;
                vec![1, channels.into(), height.into(), width.into()]
            }
        };
        let &[_, channels, height, width] = shape.as_slice() else {
            return Err(format!(
                "it has the shape {shape:?}, but only pictures can go in: [1, channels, height, width]"
            ));
        };
        let mut shape = vec![1];
        for dim in [channels, height, width] {
            shape.push(usize::try_from(dim).map_err(|_| format!("a dimension is {dim}"))?);
        }
        super::layer::count(&shape)?;
        if !self.graph.input.is_empty() {
            return Err("it is a second input; nets with one can be run".to_owned());
        }
        let value = self.value_of(name);
        let dims: Vec<_> = shape.iter().copied().map(Some).collect();
        self.graph.input.push(value_info(&value, &dims));
        self.set(name.clone(), Blob { value, shape });
        Ok(())
    }

    /// A name that nothing else has.
    pub(super) fn fresh(&mut self, wish: &str) -> String {
        let mut name = wish.to_owned();
        let mut number = 1usize;
        while !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{wish} {number}");
        }
        name
    }

    /// The name of the value that blob `name` is about to get.
    pub(super) fn value_of(&mut self, name: &str) -> String {
        if self.passed_on(name) { name.to_owned() } else { self.fresh(&format!("{name}/before")) }
    }

    /// Counts that blob `name` is written. Returns whether it was the last time.
    pub(super) fn passed_on(&mut self, name: &str) -> bool {
        let left = self.writes.entry(name.to_owned()).or_insert(1);
        *left = left.saturating_sub(1);
        *left == 0
    }

    pub(super) fn set(&mut self, name: String, blob: Blob) {
        self.blobs.insert(name, blob);
    }

    pub(super) fn push(&mut self, node: NodeProto) {
        self.graph.node.push(node);
    }

    pub(super) fn push_constant(&mut self, tensor: TensorProto) {
        self.graph.initializer.push(tensor);
    }

    fn finish(mut self) -> Result<GraphProto, String> {
        if self.graph.input.is_empty() {
            return Err("no layer gives pictures to it".to_owned());
        }
        for name in std::mem::take(&mut self.outputs) {
            let blob =
                self.blobs.get(&name).ok_or_else(|| format!("no layer makes the output \"{name}\""))?;
            let Blob { value, shape } = blob.clone();
            if value != name {
                self.push(node("Identity", &[&value], &name, Vec::new()));
            }
            let dims: Vec<_> = shape.iter().map(|&dim| (dim != ssd::UNKNOWN).then_some(dim)).collect();
            self.graph.output.push(value_info(&name, &dims));
        }
        Ok(self.graph)
    }
}
