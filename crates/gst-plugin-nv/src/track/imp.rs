use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use gst::{glib, prelude::*};
use gst_base::subclass::prelude::*;
use gst_video::VideoFormat;
use gstslipstream::track::{Dialect, SlipTrack, SlipTrackImpl, Trackers};
use slipstream_meta::{ObjectMeta, Point};

use super::choice::{from_config, from_library, sub_batches};
use crate::basics::properties::{Choice, Property, Settings, specs};
use crate::caps::{batches_and_pictures, templates};
use crate::look::{BORDER_WIDTH, RED, text};

/// Formats of frames; objects are followed by sight in those with a plane of luma.
const FORMATS: [VideoFormat; 4] =
    [VideoFormat::Nv12, VideoFormat::I420, VideoFormat::Rgba, VideoFormat::Gray8];
/// Size of an object's text in points.
const FONT_SIZE: f32 = 10.0;
/// How far above its object a text begins, in pixels.
const ABOVE: f32 = 20.0;
/// Confidence of an object that the detector did not see on this frame.
const NOT_DETECTED: f32 = -0.1;

const NO_GPU: &str = "Taken, and without effect: tracking is done by the processor";
const NO_TENSORS: &str = "Taken, and without effect: pictures are prepared here";

static COMPUTE_HW: Choice = Choice::new(
    c"GstNvTrackerComputeHWType",
    &[(0, "Default", "Default"), (1, "GPU", "GPU"), (2, "VIC", "VIC")],
);

/// What there is beside the properties of [`SlipTrack`], which has DeepStream's under their names, with their defaults.
static PROPERTIES: &[Property] = &[
    Property::uint("gpu-id", 0, u32::MAX, 0, NO_GPU),
    Property::bool("input-tensor-meta", false, NO_TENSORS),
    Property::uint("tensor-meta-gie-id", 0, u32::MAX, 0, NO_TENSORS),
    Property::text(
        "sub-batches",
        Some(""),
        "Groups of sources, each with a tracker of its own: their numbers as in \"0,1;2,3\", or sizes as in \"2:2\"",
    ),
    Property::int(
        "sub-batch-err-recovery-trial-cnt",
        -1,
        i32::MAX,
        0,
        "Taken, and without effect: no tracker fails in mid-stream",
    ),
    Property::uint("tracking-surface-type", 0, u32::MAX, 0, NO_GPU),
    Property::choice("compute-hw", &COMPUTE_HW, 0, NO_GPU),
    Property::bool(
        "enable-batch-process",
        true,
        "Taken, and without effect: sources do not wait for each other",
    ),
    Property::bool(
        "enable-past-frame",
        false,
        "Taken, and without effect: past positions are always handed on",
    ),
    Property::uint(
        "maximum-shadow-tracking-age",
        0,
        u32::MAX,
        0,
        "Taken, and without effect: it is in the config file",
    ),
];

/// Objects as DeepStream's tracker leaves them.
struct DeepStream;

impl Dialect for DeepStream {
    fn object(&self, object: &mut ObjectMeta) {
        if object.detector_rect.is_none() {
            object.confidence = NOT_DETECTED;
        }
        object.border_width.get_or_insert(BORDER_WIDTH);
        object.border_color.get_or_insert(RED);
        let content = match object.tracking_id {
            Some(id) if object.display_tracking_id => format!("{} {id}", object.label),
            _ => object.label.to_string(),
        };
        let position = Point { x: object.rect.left.max(0.0), y: (object.rect.top - ABOVE).max(0.0) };
        object.text = Some(text(content, position, FONT_SIZE));
    }
}

/// Instance data of [`super::NvTracker`].
pub struct NvTracker {
    settings: Settings,
}

impl Default for NvTracker {
    fn default() -> Self {
        Self { settings: Settings::new(&[PROPERTIES]) }
    }
}

impl NvTracker {
    fn trackers(&self) -> Result<Trackers, gst::ErrorMessage> {
        let fail = |err: &dyn std::fmt::Display| gst::error_msg!(gst::LibraryError::Settings, ("{err}"));
        let element = self.obj();
        let text = |name: &str| element.property::<Option<String>>(name).filter(|text| !text.is_empty());
        let mut tell = |line: String| eprintln!("{}: {line}", element.name());
        let configs = match text("ll-config-file") {
            None => vec![from_library(text("ll-lib-file").as_deref()).map_err(|err| fail(&err))?],
            Some(list) => {
                let files = list.split(';').map(str::trim).filter(|file| !file.is_empty());
                let configs: Result<_, _> = files.map(|file| from_config(file, &mut tell)).collect();
                configs.map_err(|err| fail(&err))?
            }
        };
        let choice = match self.settings.text("sub-batches") {
            None => HashMap::new(),
            Some(value) => sub_batches(&value).map_err(|err| fail(&err))?,
        };
        Ok(Trackers { configs, choice, dialect: Arc::new(DeepStream) })
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvTracker {
    const NAME: &'static str = "GstNvtracker";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvTracker;
    type ParentType = SlipTrack;
}

impl ObjectImpl for NvTracker {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs(&[PROPERTIES]));
        &SPECS
    }

    fn constructed(&self) {
        self.parent_constructed();
        self.obj().set_property("keep-untracked", false);
    }

    fn set_property(&self, id: usize, value: &glib::Value, _pspec: &glib::ParamSpec) {
        self.settings.set(id, value);
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| glib::Value::from_type(pspec.value_type()))
    }
}

impl GstObjectImpl for NvTracker {}

impl ElementImpl for NvTracker {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "NvTracker plugin",
                "NvTracker functionality",
                "Follows objects and gives them numbers that stay, as DeepStream's element of this name",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = batches_and_pictures(&FORMATS);
            templates(&caps, &caps)
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for NvTracker {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        for notice in self.obj().upcast_ref::<SlipTrack>().open(self.trackers()?)? {
            eprintln!("{}: {notice}", self.obj().name());
        }
        Ok(())
    }
}

impl SlipTrackImpl for NvTracker {}
