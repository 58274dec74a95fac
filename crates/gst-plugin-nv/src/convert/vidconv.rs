use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use slipstream_meta::Rect;

use super::{imp, properties};
use crate::basics::properties::{Settings, specs};

/// Instance data of [`super::NvVidConv`].
pub struct NvVidConv {
    settings: Settings,
}

#[glib::object_subclass]
impl ObjectSubclass for NvVidConv {
    const NAME: &'static str = "GstNvvidconv";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvVidConv;
    type ParentType = super::NvVideoConvert;

    fn new() -> Self {
        Self { settings: Settings::new(&[properties::VIDCONV]) }
    }
}

impl ObjectImpl for NvVidConv {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs(&[properties::VIDCONV]));
        &SPECS
    }

    fn set_property(&self, id: usize, value: &glib::Value, _pspec: &glib::ParamSpec) {
        self.settings.set(id, value);
        let [left, right, top, bottom] =
            ["left", "right", "top", "bottom"].map(|name| self.settings.number::<u32>(name) as f32);
        let end = |edge: f32| if edge > 0.0 { edge } else { f32::MAX };
        let is_set = [left, right, top, bottom].iter().any(|&edge| edge > 0.0);
        let crop = is_set.then(|| Rect::from_corners(left, top, end(right), end(bottom)));
        imp::NvVideoConvert::from_obj(self.obj().upcast_ref()).crop_to(crop);
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| pspec.default_value().clone())
    }
}

impl GstObjectImpl for NvVidConv {}
impl ElementImpl for NvVidConv {}
impl BaseTransformImpl for NvVidConv {
    const MODE: gst_base::subclass::BaseTransformMode = imp::NvVideoConvert::MODE;
    const PASSTHROUGH_ON_SAME_CAPS: bool = imp::NvVideoConvert::PASSTHROUGH_ON_SAME_CAPS;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = imp::NvVideoConvert::TRANSFORM_IP_ON_PASSTHROUGH;
}
impl imp::NvVideoConvertImpl for NvVidConv {}
