//! What is drawn: boxes, texts, lines, arrows, circles, masks.

pub(crate) mod convert;
pub(crate) mod frame_params;
pub(crate) mod mask;
mod params;

use pyo3::prelude::*;

pub(crate) use params::{
    ArrowParams, BboxCoords, BboxInfo, CircleParams, ColorParams, FontParams, LineParams, NvDsComp_BboxInfo,
    NvOSD_Arrow_Head_Direction, NvOSD_ArrowParams, NvOSD_CircleParams, NvOSD_LineParams, NvOSD_Mode,
    NvOSD_RectParams, NvOSD_TextParams, RectParams, TextParams,
};

/// Puts the classes into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    params::register(module)?;
    mask::register(module)?;
    frame_params::register(module)
}
