//! Building and changing ONNX graphs.

use std::collections::{HashMap, HashSet};

use super::proto::onnx::attribute_proto::AttributeType;
use super::proto::onnx::tensor_proto::{DataLocation, DataType};
use super::proto::onnx::tensor_shape_proto::{Dimension, dimension};
use super::proto::onnx::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};

/// The intermediate representation and the operators that graphs made here use: ONNX 1.13, of early 2023.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 18;

/// A model around `graph`.
pub(super) fn model(graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: "slipstream".to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        ..ModelProto::default()
    }
}

/// Value of an attribute.
pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        i: value,
        r#type: AttributeType::Int.into(),
        ..AttributeProto::default()
    }
}

/// Value of an attribute.
pub(super) fn ints(name: &str, values: impl IntoIterator<Item = usize>) -> AttributeProto {
    let ints = values.into_iter().map(dim).collect();
    AttributeProto {
        name: name.to_owned(),
        ints,
        r#type: AttributeType::Ints.into(),
        ..AttributeProto::default()
    }
}

/// Value of an attribute.
pub(super) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        f: value,
        r#type: AttributeType::Float.into(),
        ..AttributeProto::default()
    }
}

/// A node with one output.
pub(super) fn node(op: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: op.to_owned(),
        name: output.to_owned(),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        attribute: attributes,
        ..NodeProto::default()
    }
}

/// A constant of 32-bit floating point numbers.
pub(super) fn floats_tensor(name: &str, dims: &[usize], data: &[f32]) -> TensorProto {
    raw_tensor(name, dims, DataType::Float, data.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A constant of 64-bit integers.
pub(super) fn ints_tensor(name: &str, dims: &[usize], data: &[i64]) -> TensorProto {
    raw_tensor(name, dims, DataType::Int64, data.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A constant of any type, from its little-endian bytes.
pub(super) fn raw_tensor(name: &str, dims: &[usize], kind: DataType, raw_data: Vec<u8>) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.iter().copied().map(dim).collect(),
        data_type: kind.into(),
        raw_data,
        ..TensorProto::default()
    }
}

/// The numbers of a constant; `None` if they are of another type, or in another file, or not as many as it says.
pub(super) fn floats_of(tensor: &TensorProto) -> Option<Vec<f32>> {
    if tensor.data_type != i32::from(DataType::Float)
        || tensor.data_location != i32::from(DataLocation::Default)
    {
        return None;
    }
    let count =
        tensor.dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(usize::try_from(dim).ok()?))?;
    let data = if tensor.raw_data.is_empty() {
        tensor.float_data.clone()
    } else {
        tensor.raw_data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    };
    (data.len() == count).then_some(data)
}

/// Dimensions of a constant.
pub(super) fn dims_of(tensor: &TensorProto) -> Vec<usize> {
    tensor.dims.iter().map(|&dim| usize::try_from(dim).unwrap_or_default()).collect()
}

/// An input or output of 32-bit floating point numbers; `None` is a dimension that is known after a run.
pub(super) fn value_info(name: &str, dims: &[Option<usize>]) -> ValueInfoProto {
    let dimension = |size: &Option<usize>| Dimension {
        value: size.map(|size| dimension::Value::DimValue(dim(size))),
        ..Dimension::default()
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dimension).collect() };
    let tensor = type_proto::Tensor { elem_type: DataType::Float.into(), shape: Some(shape) };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..ValueInfoProto::default() }
}

fn dim(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// An attribute of a node.
pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// Whether a node is `op` of ONNX's own operators.
pub(super) fn is(node: &NodeProto, op: &str) -> bool {
    node.op_type == op && matches!(node.domain.as_str(), "" | "ai.onnx")
}

/// Who makes and who uses each value of a graph, by the positions of the nodes.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// The node that makes a value.
    pub(super) maker: HashMap<String, usize>,
    /// The nodes that use it, once for each use; uses in nested graphs count as `usize::MAX`.
    pub(super) users: HashMap<String, Vec<usize>>,
    /// Values that leave the graph.
    pub(super) outputs: HashSet<String>,
}

impl Links {
    pub(super) fn of(graph: &GraphProto) -> Self {
        let mut links = Self::default();
        for (position, node) in graph.node.iter().enumerate() {
            for output in &node.output {
                links.maker.insert(output.clone(), position);
            }
            for input in &node.input {
                links.users.entry(input.clone()).or_default().push(position);
            }
            for attribute in &node.attribute {
                for nested in attribute.g.iter().chain(&attribute.graphs) {
                    links.add_nested(nested);
                }
            }
        }
        links.outputs = graph.output.iter().map(|output| output.name.clone()).collect();
        links
    }

    fn add_nested(&mut self, graph: &GraphProto) {
        for node in &graph.node {
            for input in &node.input {
                self.users.entry(input.clone()).or_default().push(usize::MAX);
            }
            for attribute in &node.attribute {
                for nested in attribute.g.iter().chain(&attribute.graphs) {
                    self.add_nested(nested);
                }
            }
        }
        for output in &graph.output {
            self.users.entry(output.name.clone()).or_default().push(usize::MAX);
        }
    }

    /// The only user of a value that stays inside the graph.
    pub(super) fn only_user(&self, value: &str) -> Option<usize> {
        match self.users.get(value).map(Vec::as_slice) {
            Some(&[user]) if user != usize::MAX && !self.outputs.contains(value) => Some(user),
            _ => None,
        }
    }
}
