//! A net as a list of layers: old layers made new, inputs made layers, and only what the outputs need.

use std::collections::{HashMap, HashSet};

use crate::model::proto::caffe::v1_layer_parameter::LayerType;
use crate::model::proto::caffe::{
    BlobShape, InputParameter, LayerParameter, NetParameter, NetStateRule, Phase, V1LayerParameter,
};

/// Layers that only say how good a net is, or swallow what nobody wants.
fn is_about_training(kind: &str) -> bool {
    kind.ends_with("Loss") || matches!(kind, "Accuracy" | "Silence" | "DetectionEvaluate" | "HDF5Output")
}

/// The layer that an old one is today.
pub(super) fn upgrade(old: V1LayerParameter) -> LayerParameter {
    let kind = old.r#type();
    let kind = match kind {
        LayerType::None => "",
        LayerType::Absval => "AbsVal",
        LayerType::Accuracy => "Accuracy",
        LayerType::Argmax => "ArgMax",
        LayerType::Bnll => "BNLL",
        LayerType::Concat => "Concat",
        LayerType::ContrastiveLoss => "ContrastiveLoss",
        LayerType::Convolution => "Convolution",
        LayerType::Data => "Data",
        LayerType::Deconvolution => "Deconvolution",
        LayerType::Dropout => "Dropout",
        LayerType::DummyData => "DummyData",
        LayerType::EuclideanLoss => "EuclideanLoss",
        LayerType::Eltwise => "Eltwise",
        LayerType::Exp => "Exp",
        LayerType::Flatten => "Flatten",
        LayerType::Hdf5Data => "HDF5Data",
        LayerType::Hdf5Output => "HDF5Output",
        LayerType::HingeLoss => "HingeLoss",
        LayerType::Im2col => "Im2col",
        LayerType::ImageData => "ImageData",
        LayerType::InfogainLoss => "InfogainLoss",
        LayerType::InnerProduct => "InnerProduct",
        LayerType::Lrn => "LRN",
        LayerType::MemoryData => "MemoryData",
        LayerType::MultinomialLogisticLoss => "MultinomialLogisticLoss",
        LayerType::Mvn => "MVN",
        LayerType::Pooling => "Pooling",
        LayerType::Power => "Power",
        LayerType::Relu => "ReLU",
        LayerType::Sigmoid => "Sigmoid",
        LayerType::SigmoidCrossEntropyLoss => "SigmoidCrossEntropyLoss",
        LayerType::Silence => "Silence",
        LayerType::Softmax => "Softmax",
        LayerType::SoftmaxLoss => "SoftmaxWithLoss",
        LayerType::Split => "Split",
        LayerType::Slice => "Slice",
        LayerType::Tanh => "TanH",
        LayerType::WindowData => "WindowData",
        LayerType::Threshold => "Threshold",
    };
    LayerParameter {
        name: old.name,
        r#type: Some(kind.to_owned()),
        bottom: old.bottom,
        top: old.top,
        blobs: old.blobs,
        include: old.include,
        exclude: old.exclude,
        concat_param: old.concat_param,
        convolution_param: old.convolution_param,
        data_param: old.data_param,
        dropout_param: old.dropout_param,
        eltwise_param: old.eltwise_param,
        exp_param: old.exp_param,
        inner_product_param: old.inner_product_param,
        lrn_param: old.lrn_param,
        memory_data_param: old.memory_data_param,
        pooling_param: old.pooling_param,
        power_param: old.power_param,
        relu_param: old.relu_param,
        sigmoid_param: old.sigmoid_param,
        slice_param: old.slice_param,
        softmax_param: old.softmax_param,
        tanh_param: old.tanh_param,
        transform_param: old.transform_param,
        ..LayerParameter::default()
    }
}

/// The layers that a net runs to make `wanted`, in order, and the blobs that leave it. Of `wanted`, what the net does not
/// have is passed over; where it has none of it, the blobs that no layer uses leave the net.
pub(super) fn layers_for(
    mut net: NetParameter,
    wanted: &[String],
) -> Result<(Vec<LayerParameter>, Vec<String>), String> {
    let mut layers = inputs(&mut net)?;
    layers.extend(net.layer.into_iter().filter(runs));

    let mut made: HashMap<&str, usize> = HashMap::new();
    let mut used_after: HashSet<&str> = HashSet::new();
    let mut ends = Vec::new();
    for (position, layer) in layers.iter().enumerate() {
        for top in &layer.top {
            made.insert(top, position);
        }
    }
    for layer in layers.iter().rev().filter(|layer| !is_about_training(layer.r#type())) {
        // Later tops come first here; a layer's own keep their order when all is turned round again.
        for top in layer.top.iter().rev() {
            if !used_after.contains(top.as_str()) && !ends.contains(top) {
                ends.push(top.clone());
            }
        }
        used_after.extend(layer.top.iter().map(String::as_str));
        used_after.extend(layer.bottom.iter().map(String::as_str));
    }
    ends.reverse();
    let known: Vec<_> = wanted.iter().filter(|name| made.contains_key(name.as_str())).cloned().collect();
    let outputs = if known.is_empty() { ends } else { known };

    let mut needed: HashSet<&str> = outputs.iter().map(String::as_str).collect();
    let mut keep = vec![false; layers.len()];
    for (layer, keep) in layers.iter().zip(&mut keep).rev() {
        if is_about_training(layer.r#type()) || !layer.top.iter().any(|top| needed.contains(top.as_str())) {
            continue;
        }
        *keep = true;
        for top in &layer.top {
            needed.remove(top.as_str());
        }
        needed.extend(layer.bottom.iter().map(String::as_str));
    }
    let mut keep = keep.into_iter();
    layers.retain(|_| keep.next().unwrap_or_default());
    let mut seen = HashSet::new();
    Ok((layers, outputs.into_iter().filter(|output| seen.insert(output.clone())).collect()))
}

/// The net's own list of inputs, as it was written before there were layers for them.
fn inputs(net: &mut NetParameter) -> Result<Vec<LayerParameter>, String> {
    let count = net.input.len();
    let shapes = if net.input_shape.is_empty() {
        if net.input_dim.len() != 4 * count {
            return Err(format!(
                "{count} inputs have 4 × {count} values of input_dim, but there are {}",
                net.input_dim.len()
            ));
        }
        net.input_dim
            .chunks(4)
            .map(|dims| BlobShape { dim: dims.iter().map(|&dim| dim.into()).collect() })
            .collect()
    } else {
        std::mem::take(&mut net.input_shape)
    };
    if shapes.len() != count {
        return Err(format!("{count} inputs have {count} input_shape, but there are {}", shapes.len()));
    }
    let layer = |(name, shape): (String, BlobShape)| LayerParameter {
        name: Some(name.clone()),
        r#type: Some("Input".to_owned()),
        top: vec![name],
        input_param: Some(InputParameter { shape: vec![shape] }),
        ..LayerParameter::default()
    };
    Ok(std::mem::take(&mut net.input).into_iter().zip(shapes).map(layer).collect())
}

/// Whether a layer is there when a net is used, which Caffe calls the phase TEST.
fn runs(layer: &LayerParameter) -> bool {
    let meets = |rule: &NetStateRule| {
        rule.phase.is_none_or(|phase| phase == i32::from(Phase::Test))
            && rule.min_level.is_none_or(|level| level <= 0)
            && rule.max_level.is_none_or(|level| level >= 0)
            && rule.stage.is_empty()
    };
    layer.phase.is_none_or(|phase| phase == i32::from(Phase::Test))
        && (layer.include.is_empty() || layer.include.iter().any(meets))
        && !layer.exclude.iter().any(meets)
}
