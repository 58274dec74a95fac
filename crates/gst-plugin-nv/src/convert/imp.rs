use std::sync::LazyLock;

use gst::glib;
use gst_base::prelude::*;
use gst_base::subclass::base_transform::GenerateOutputSuccess;
use gst_base::subclass::prelude::*;
use parking_lot::Mutex;
use slipstream_meta::Rect;

use super::caps::{self, Memory};
use super::properties;
use super::stage::{Side, Stage, Wishes};
use super::turn::Turn;
use crate::basics::bin::templates;
use crate::basics::properties::{Settings, specs};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "nvvideoconvert",
        gst::DebugColorFlags::empty(),
        Some("Conversion of pictures under DeepStream's name"),
    )
});

/// Instance data of [`super::NvVideoConvert`].
pub struct NvVideoConvert {
    settings: Settings,
    /// The crop of `nvvidconv`, whose properties say it in another way.
    edges: Mutex<Option<Rect>>,
    stage: Mutex<Option<Stage>>,
}

impl NvVideoConvert {
    /// Shows a part of pictures only.
    pub(super) fn crop_to(&self, region: Option<Rect>) {
        *self.edges.lock() = region;
        self.obj().reconfigure_src();
    }

    fn turn(&self) -> Turn {
        Turn::by_number(self.settings.number("flip-method"))
    }

    fn wishes(&self) -> Wishes {
        let region = |name| self.settings.text(name).as_deref().and_then(properties::region);
        Wishes {
            crop: region("src-crop").or(*self.edges.lock()),
            place: region("dest-crop"),
            turn: self.turn(),
            method: properties::resampler(self.settings.number("interpolation-method")),
            always_copies: self.settings.is_on("disable-passthrough"),
        }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvVideoConvert {
    const NAME: &'static str = "GstNvvideoconvert";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvVideoConvert;
    type ParentType = gst_base::BaseTransform;

    fn new() -> Self {
        Self {
            settings: Settings::new(&[properties::CONVERT]),
            edges: Mutex::default(),
            stage: Mutex::default(),
        }
    }
}

impl ObjectImpl for NvVideoConvert {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs(&[properties::CONVERT]));
        &SPECS
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        if matches!(pspec.name(), "src-crop" | "dest-crop") {
            let text: Option<String> = value.get().ok().flatten();
            if let Some(text) = text.filter(|text| !text.is_empty() && properties::region(text).is_none()) {
                gst::error!(
                    CAT,
                    imp = self,
                    "{}: \"{text}\" is not left:top:width:height in pixels",
                    pspec.name()
                );
                return;
            }
        }
        self.settings.set(id, value);
        self.obj().reconfigure_src();
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| pspec.default_value().clone())
    }
}

impl GstObjectImpl for NvVideoConvert {}

impl ElementImpl for NvVideoConvert {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "NvVidConv Plugin",
                "Filter/Converter/Video/Scaler",
                "Converts format, size and orientation of pictures, to and from DeepStream's caps",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
            LazyLock::new(|| templates(Some(&caps::sink_caps()), Some(&caps::src_caps())));
        &TEMPLATES
    }
}

impl BaseTransformImpl for NvVideoConvert {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::NeverInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.stage.lock() = None;
        Ok(())
    }

    fn transform_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        let others = caps::transform(direction, caps);
        Some(match filter {
            Some(filter) => filter.intersect_with_mode(&others, gst::CapsIntersectMode::First),
            None => others,
        })
    }

    fn fixate_caps(&self, direction: gst::PadDirection, caps: &gst::Caps, others: gst::Caps) -> gst::Caps {
        caps::fixate(direction, caps, others, self.turn(), self.wishes().is_none())
    }

    fn set_caps(&self, incaps: &gst::Caps, outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let side = |caps: &gst::Caps| {
            let failed = || gst::loggable_error!(CAT, "cannot use caps {caps}");
            let memory = Memory::of_caps(caps).ok_or_else(failed)?;
            let info = match memory {
                Memory::Batch => None,
                _ => Some(gst_video::VideoInfo::from_caps(caps).map_err(|_| failed())?),
            };
            Ok::<_, gst::LoggableError>(Side { memory, info })
        };
        let wishes = self.wishes();
        let stage = Stage::new(side(incaps)?, side(outcaps)?, wishes)
            .map_err(|err| gst::loggable_error!(CAT, "cannot convert {incaps} to {outcaps}: {err}"))?;
        *self.stage.lock() = Some(stage);
        self.obj().set_passthrough(incaps == outcaps && wishes.is_none());
        Ok(())
    }

    /// Rows may lie anywhere: they are read from where each buffer says.
    fn propose_allocation(
        &self,
        decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        if decide_query.is_none() {
            // Nothing changes: what follows knows best.
            return self.parent_propose_allocation(decide_query, query);
        }
        query.add_allocation_meta::<gst_video::VideoMeta>(None);
        Ok(())
    }

    fn decide_allocation(&self, query: &mut gst::query::Allocation) -> Result<(), gst::LoggableError> {
        let (caps, _) = query.get();
        let is_plain = caps.is_some_and(|caps| Memory::of_caps(caps) == Some(Memory::System));
        let minds_strides = !is_plain || query.find_allocation_meta::<gst_video::VideoMeta>().is_some();
        if let Some(stage) = self.stage.lock().as_mut() {
            stage.minds_strides = minds_strides;
        }
        // Memory is ours.
        while query.allocation_pools().next().is_some() {
            query.remove_nth_allocation_pool(0);
        }
        Ok(())
    }

    fn generate_output(&self) -> Result<GenerateOutputSuccess, gst::FlowError> {
        let Some(buffer) = self.take_queued_buffer() else { return Ok(GenerateOutputSuccess::NoOutput) };
        if self.obj().is_passthrough() {
            return Ok(GenerateOutputSuccess::Buffer(buffer));
        }
        let mut stage = self.stage.lock();
        let Some(stage) = stage.as_mut() else { return Err(gst::FlowError::NotNegotiated) };
        match stage.convert(buffer) {
            Ok(Some(buffer)) => Ok(GenerateOutputSuccess::Buffer(buffer)),
            Ok(None) => Ok(GenerateOutputSuccess::Dropped),
            Err(err) => {
                gst::element_imp_error!(self, gst::StreamError::Format, ["cannot convert a picture: {err}"]);
                Err(gst::FlowError::Error)
            }
        }
    }
}

/// What can be derived from `nvvideoconvert`.
pub trait NvVideoConvertImpl: BaseTransformImpl {}

// SAFETY: the class has no methods of its own to be overridden.
unsafe impl<T: NvVideoConvertImpl> IsSubclassable<T> for super::NvVideoConvert {}
