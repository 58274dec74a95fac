//! Payloads of user metadata that programs and elements share.
//!
//! Elements know some payloads as types of Rust; Python knows them as objects of classes. This is where the two meet.

use std::sync::Arc;

use pyo3::prelude::*;
use slipstream_meta::{SegmentationMeta, TensorMeta, TrackRecord, UserData};

use crate::message::{self, NvDsEventMsgMeta};
use crate::{analytics, infer_output, tracker};

/// What elements attached, as the value of `user_meta_data`.
#[derive(Debug, Clone)]
pub(crate) enum Native {
    /// Outputs of a network (`NVDSINFER_TENSOR_OUTPUT_META`).
    Tensors(TensorMeta),
    /// A class map (`NVDSINFER_SEGMENTATION_META`).
    Segmentation(SegmentationMeta),
    /// Where tracks had been before they were certain (`NVDS_TRACKER_PAST_FRAME_META`): for each frame of the batch that has
    /// any, the number of its pad and source.
    PastTracks(Arc<[PastTracks]>),
    /// What an object looks like to the tracker (`NVDS_TRACKER_OBJ_REID_META`).
    Looks(Arc<[f32]>),
    /// Anything else, with its kind.
    Other(i32, Arc<dyn UserData>),
}

/// Past positions of the tracks of one source.
#[derive(Debug, Clone)]
pub(crate) struct PastTracks {
    /// Number of the multiplexer's pad.
    pub(crate) pad_index: u32,
    /// Number of the source.
    pub(crate) source_id: u32,
    /// The tracks.
    pub(crate) records: Vec<TrackRecord>,
}

/// The object that Python gets for what an element attached; `None` where no class of Python knows the type.
pub(crate) fn present(py: Python<'_>, native: &Native) -> PyResult<Option<Py<PyAny>>> {
    match native {
        Native::Tensors(meta) => infer_output::tensors(py, meta).map(Some),
        Native::Segmentation(meta) => infer_output::segmentation(py, meta).map(Some),
        Native::PastTracks(tracks) => tracker::present(py, tracks).map(Some),
        Native::Looks(vector) => tracker::looks(py, vector).map(Some),
        Native::Other(_, data) => analytics::present(py, &**data),
    }
}

/// What elements see of an object that Python attached: the value behind it, where it is of a class that elements know. It is
/// what [`UserData::as_any`] gives. Called when the object is attached.
pub(crate) fn share(object: &Bound<'_, PyAny>) -> PyResult<Option<Arc<dyn UserData>>> {
    Ok(object.cast::<NvDsEventMsgMeta>().ok().map(|event| message::share(event.get())))
}
