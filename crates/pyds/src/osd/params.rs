//! The structures that describe what is drawn.

use pyo3::prelude::*;

use crate::enumeration::{self, enumeration};
use crate::value::{Text, structure};

enumeration! {
    /// What draws. 2 was called otherwise up to 1.1.4.
    NvOSD_Mode { MODE_CPU = 0, MODE_GPU = 1, MODE_NONE = 2, MODE_HW = 2, }
}

enumeration! {
    /// Which ends of an arrow have a head.
    NvOSD_Arrow_Head_Direction { START_HEAD = 0, END_HEAD = 1, BOTH_HEAD = 2, }
}

structure! {
    /// A box in pixels.
    NvBbox_Coords (BboxCoords) { left: f32, top: f32, width: f32, height: f32, }
}

structure! {
    /// A box as one component saw it.
    NvDsComp_BboxInfo (BboxInfo) { ; org_bbox_coords: NvBbox_Coords, }
}

structure! {
    /// A colour; parts in 0.0…1.0.
    #[derive(PartialEq, Copy)]
    NvOSD_ColorParams (ColorParams) { red: f64, green: f64, blue: f64, alpha: f64, }
    methods {
        /// Sets all parts at once.
        #[pyo3(signature = (red, green, blue, alpha))]
        fn set(&self, py: Python<'_>, red: f64, green: f64, blue: f64, alpha: f64) -> PyResult<()> {
            self.place.change(py, |color| *color = ColorParams { red, green, blue, alpha })
        }
    }
}

structure! {
    /// A font, its size in points.
    #[derive(PartialEq)]
    NvOSD_FontParams (FontParams) { font_name: Text, font_size: u32, ; font_color: NvOSD_ColorParams, }
}

structure! {
    /// A line of text.
    #[derive(PartialEq)]
    NvOSD_TextParams (TextParams) {
        display_text: Text, x_offset: u32, y_offset: u32, set_bg_clr: i32,
        ; font_params: NvOSD_FontParams, text_bg_clr: NvOSD_ColorParams,
    }
}

structure! {
    /// A colour with a number.
    NvOSD_Color_info (ColorInfo) { id: i32, ; color: NvOSD_ColorParams, }
}

structure! {
    /// A rectangle in pixels.
    #[derive(PartialEq, Copy)]
    NvOSD_RectParams (RectParams) {
        left: f32, top: f32, width: f32, height: f32, border_width: u32, has_bg_color: u32, reserved: u32,
        has_color_info: i32, color_id: i32,
        ; border_color: NvOSD_ColorParams, bg_color: NvOSD_ColorParams,
    }
}

structure! {
    /// A straight line.
    NvOSD_LineParams (LineParams) {
        x1: u32, y1: u32, x2: u32, y2: u32, line_width: u32, ; line_color: NvOSD_ColorParams,
    }
}

structure! {
    /// A straight line with a head.
    NvOSD_ArrowParams (ArrowParams) {
        x1: u32, y1: u32, x2: u32, y2: u32, arrow_width: u32, arrow_head: NvOSD_Arrow_Head_Direction, reserved: u32,
        ; arrow_color: NvOSD_ColorParams,
    }
}

structure! {
    /// A circle.
    NvOSD_CircleParams (CircleParams) {
        xc: u32, yc: u32, radius: u32, has_bg_color: u32, reserved: u32,
        ; circle_color: NvOSD_ColorParams, bg_color: NvOSD_ColorParams,
    }
}

/// Puts the classes into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    enumeration::register::<NvOSD_Mode>(module)?;
    enumeration::register::<NvOSD_Arrow_Head_Direction>(module)?;
    module.add_class::<NvBbox_Coords>()?;
    module.add_class::<NvDsComp_BboxInfo>()?;
    module.add_class::<NvOSD_ColorParams>()?;
    module.add_class::<NvOSD_FontParams>()?;
    module.add_class::<NvOSD_TextParams>()?;
    module.add_class::<NvOSD_Color_info>()?;
    module.add_class::<NvOSD_RectParams>()?;
    module.add_class::<NvOSD_LineParams>()?;
    module.add_class::<NvOSD_ArrowParams>()?;
    module.add_class::<NvOSD_CircleParams>()
}
