//! Enumerations of the metadata itself.

use pyo3::prelude::*;

use crate::enumeration::{self, enumeration};

enumeration! {
    /// What kind of metadata something is.
    NvDsMetaType {
        NVDS_INVALID_META = -1,
        NVDS_BATCH_META = 1,
        NVDS_FRAME_META = 2,
        NVDS_OBJ_META = 3,
        NVDS_DISPLAY_META = 4,
        NVDS_CLASSIFIER_META = 5,
        NVDS_LABEL_INFO_META = 6,
        NVDS_USER_META = 7,
        NVDS_PAYLOAD_META = 8,
        NVDS_EVENT_MSG_META = 9,
        NVDS_OPTICAL_FLOW_META = 10,
        NVDS_LATENCY_MEASUREMENT_META = 11,
        NVDSINFER_TENSOR_OUTPUT_META = 12,
        NVDSINFER_SEGMENTATION_META = 13,
        NVDS_CROP_IMAGE_META = 14,
        NVDS_TRACKER_PAST_FRAME_META = 15,
        NVDS_TRACKER_BATCH_REID_META = 16,
        NVDS_TRACKER_OBJ_REID_META = 17,
        NVDS_AUDIO_BATCH_META = 25,
        NVDS_AUDIO_FRAME_META = 26,
        NVDS_RESERVED_META = 4095,
        NVDS_GST_CUSTOM_META = 4096,
        NVDS_START_USER_META = 8193,
        NVDS_FORCE32_META = 0x7FFF_FFFF,
    }
}

enumeration! {
    /// What a `GstMeta` of DeepStream holds.
    GstNvDsMetaType {
        NVDS_GST_INVALID_META = -1,
        NVDS_BATCH_GST_META = 4097,
        NVDS_DECODER_GST_META = 4098,
        NVDS_DEWARPER_GST_META = 4099,
        NVDS_RESERVED_GST_META = 8192,
        NVDS_GST_META_FORCE32 = 0x7FFF_FFFF,
    }
}

/// Puts the enumerations into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    enumeration::register::<NvDsMetaType>(module)?;
    enumeration::register::<GstNvDsMetaType>(module)
}
