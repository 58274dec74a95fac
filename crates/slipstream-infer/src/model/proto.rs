//! The messages of Caffe and ONNX files, generated from `proto/` by the build script.

/// Caffe's nets.
pub(super) mod caffe {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/caffe.rs"));

    /// The same as data, for reading text by the names of fields.
    pub(in crate::model) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/caffe.bin"));
}

/// ONNX models.
pub(super) mod onnx {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/onnx.rs"));
}
