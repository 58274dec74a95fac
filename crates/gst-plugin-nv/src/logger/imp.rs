use std::sync::LazyLock;
use std::time::Instant;

use gst::{glib, subclass::prelude::*};
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use parking_lot::Mutex;
use slipstream_buffer::meta::Batch;

use super::count::Counter;
use crate::basics::properties::{Property, Settings, specs};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("nvdslogger", gst::DebugColorFlags::empty(), Some("DeepStream's logger"))
});

const PROPERTIES: &[Property] =
    &[Property::uint("fps-measurement-interval-sec", 0, u32::MAX, 1, "Seconds between two lines")
        .while_playing()];
const SECOND: u64 = 1_000_000_000;

/// Instance data of [`super::NvDsLogger`].
pub struct NvDsLogger {
    settings: Settings,
    interval: Mutex<u64>,
    counter: Mutex<Counter>,
    epoch: Instant,
}

#[glib::object_subclass]
impl ObjectSubclass for NvDsLogger {
    const NAME: &'static str = "GstNvdslogger";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvDsLogger;
    type ParentType = gst_base::BaseTransform;

    fn new() -> Self {
        Self {
            settings: Settings::new(&[PROPERTIES]),
            interval: Mutex::new(SECOND),
            counter: Mutex::default(),
            epoch: Instant::now(),
        }
    }
}

impl ObjectImpl for NvDsLogger {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs(&[PROPERTIES]));
        &SPECS
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        if self.settings.set(id, value).is_none() {
            gst::error!(CAT, imp = self, "cannot set property {}", pspec.name());
        }
        *self.interval.lock() = self.settings.number::<u64>("fps-measurement-interval-sec") * SECOND;
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| pspec.default_value().clone())
    }

    fn constructed(&self) {
        self.parent_constructed();
        self.obj().set_passthrough(true);
    }
}

impl GstObjectImpl for NvDsLogger {}

impl ElementImpl for NvDsLogger {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Logger",
                "Generic",
                "Prints the frames per second of each source",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let any = gst::Caps::new_any();
            let pad =
                |name, direction| gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &any);
            [pad("sink", gst::PadDirection::Sink), pad("src", gst::PadDirection::Src)]
                .into_iter()
                .filter_map(Result::ok)
                .collect()
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for NvDsLogger {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = true;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = true;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        *self.counter.lock() = Counter::default();
        Ok(())
    }

    fn transform_ip_passthrough(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let now = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut counter = self.counter.lock();
        let line = counter.line(now, *self.interval.lock());
        match Batch::from_buffer(buffer) {
            Some(batch) => batch.frames.iter().for_each(|frame| counter.count(frame.pad_index)),
            None => counter.count(0),
        }
        drop(counter);
        if let Some(line) = line {
            println!("{line}");
        }
        Ok(gst::FlowSuccess::Ok)
    }
}
