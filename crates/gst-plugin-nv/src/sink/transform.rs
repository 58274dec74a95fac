use std::sync::LazyLock;

use gst::glib;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use slipstream_buffer::meta::{NVMM_FEATURE, nvmm_caps};

use crate::basics::bin::templates;
use crate::convert::{EGL_FEATURE, NVMM_FORMATS, egl_caps};

/// Instance data of [`super::NvEglTransform`]. Only the caps change.
#[derive(Default)]
pub struct NvEglTransform;

#[glib::object_subclass]
impl ObjectSubclass for NvEglTransform {
    const NAME: &'static str = "GstNvegltransform";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvEglTransform;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for NvEglTransform {}
impl GstObjectImpl for NvEglTransform {}

impl ElementImpl for NvEglTransform {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "NvEGLTransform",
                "Filter/Converter/Video",
                "Renames pictures on their way to a screen",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
            LazyLock::new(|| templates(Some(&nvmm_caps(NVMM_FORMATS)), Some(&egl_caps())));
        &TEMPLATES
    }
}

impl BaseTransformImpl for NvEglTransform {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn transform_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        let feature = if direction == gst::PadDirection::Sink { EGL_FEATURE } else { NVMM_FEATURE };
        let mut others = caps.clone();
        others.make_mut().set_features_simple(Some(gst::CapsFeatures::new([feature])));
        Some(match filter {
            Some(filter) => filter.intersect_with_mode(&others, gst::CapsIntersectMode::First),
            None => others,
        })
    }

    fn set_caps(&self, _incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        self.obj().set_passthrough(true);
        Ok(())
    }
}
