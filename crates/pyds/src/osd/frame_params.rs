//! Structures that say what is to be drawn on one picture; kept for programs that fill them, nothing here reads them.

use pyo3::prelude::*;

use super::NvOSD_Mode;
use crate::value::{Pointee, structure};

structure! {
    /// Texts for a picture.
    NvOSD_FrameTextParams (FrameTextParams) {
        buf_ptr: Pointee, mode: NvOSD_Mode, num_strings: i32, text_params_list: Pointee,
    }
}

structure! {
    /// Rectangles for a picture.
    NvOSD_FrameRectParams (FrameRectParams) {
        buf_ptr: Pointee, mode: NvOSD_Mode, num_rects: i32, rect_params_list: Pointee,
    }
}

structure! {
    /// Lines for a picture.
    NvOSD_FrameLineParams (FrameLineParams) {
        buf_ptr: Pointee, mode: NvOSD_Mode, num_lines: i32, line_params_list: Pointee,
    }
}

structure! {
    /// Arrows for a picture.
    NvOSD_FrameArrowParams (FrameArrowParams) {
        buf_ptr: Pointee, mode: NvOSD_Mode, num_arrows: i32, arrow_params_list: Pointee,
    }
}

structure! {
    /// Circles for a picture.
    NvOSD_FrameCircleParams (FrameCircleParams) {
        buf_ptr: Pointee, mode: NvOSD_Mode, num_circles: i32, circle_params_list: Pointee,
    }
}

structure! {
    /// The header of DeepStream's metadata on a buffer.
    NvDsMeta (GstMetaValue) { meta: Pointee, meta_data: Pointee, user_data: Pointee, meta_type: i32, }
}

/// Puts the classes into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<NvOSD_FrameTextParams>()?;
    module.add_class::<NvOSD_FrameRectParams>()?;
    module.add_class::<NvOSD_FrameLineParams>()?;
    module.add_class::<NvOSD_FrameArrowParams>()?;
    module.add_class::<NvOSD_FrameCircleParams>()?;
    module.add_class::<NvDsMeta>()
}
