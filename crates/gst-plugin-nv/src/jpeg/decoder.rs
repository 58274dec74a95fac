use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_video::VideoFormat;
use slipstream_buffer::meta::nvmm_caps;

use super::{FAST, IDCT, METHODS};
use crate::basics::bin::{self, Missing, chain, ghost, lead, set, templates};
use crate::basics::properties::{Property, Settings, specs};
use crate::convert::NvVideoConvert;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "nvjpegdec",
        gst::DebugColorFlags::empty(),
        Some("JPEG decoder under DeepStream's name"),
    )
});

const PROPERTIES: &[Property] = &[
    Property::choice("idct-method", &IDCT, FAST, "How exactly the inverse transform is computed"),
    Property::int("max-errors", 0, i32::MAX, 0, "Accepted; what cannot be decoded is left out"),
    Property::bool("Enableperf", false, "Accepted; the processor decodes"),
    Property::bool("rgbaoutput", false, "Deliver RGBA"),
    Property::bool("nv12output", false, "Deliver NV12"),
    Property::bool("mjpegdecode", false, "Accepted; streams of JPEG pictures are decoded in any case"),
];

const FORMATS: [VideoFormat; 3] = [VideoFormat::I420, VideoFormat::Nv12, VideoFormat::Rgba];

/// Under DeepStream's caps, or plain where downstream wants it so.
fn src_caps(formats: &[VideoFormat]) -> gst::Caps {
    let mut caps = nvmm_caps(formats.iter().copied());
    caps.merge(gst_video::VideoCapsBuilder::new().format_list(formats.iter().copied()).build());
    caps
}

/// The elements inside.
struct Parts {
    decoder: gst::Element,
    filter: gst::Element,
}

/// Instance data of [`super::NvJpegDec`].
pub struct NvJpegDec {
    settings: Settings,
    parts: Result<Parts, Missing>,
}

impl NvJpegDec {
    fn set_up(&self, parts: &Parts) {
        let method = METHODS.get(self.settings.number::<usize>("idct-method"));
        set(&parts.decoder, "idct-method", method.copied().unwrap_or("ifast"));
        // What cannot be decoded is left out; it is no reason to stop.
        set(&parts.decoder, "max-errors", "-1");
        let formats: &[VideoFormat] = if self.settings.is_on("rgbaoutput") {
            &[VideoFormat::Rgba]
        } else if self.settings.is_on("nv12output") {
            &[VideoFormat::Nv12]
        } else {
            &FORMATS
        };
        parts.filter.set_property("caps", src_caps(formats));
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvJpegDec {
    const NAME: &'static str = "GstNvjpegdec";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvJpegDec;
    type ParentType = gst::Bin;

    fn new() -> Self {
        let parts = (|| Ok(Parts { decoder: bin::make("jpegdec")?, filter: bin::make("capsfilter")? }))();
        Self { settings: Settings::new(&[PROPERTIES]), parts }
    }
}

impl ObjectImpl for NvJpegDec {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs(&[PROPERTIES]));
        &SPECS
    }

    fn set_property(&self, id: usize, value: &glib::Value, _pspec: &glib::ParamSpec) {
        self.settings.set(id, value);
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| pspec.default_value().clone())
    }

    fn constructed(&self) {
        self.parent_constructed();
        let object = self.obj();
        let wired = (|| {
            let (sink, src) = (ghost(&*object, "sink")?, ghost(&*object, "src")?);
            let Ok(Parts { decoder, filter }) = &self.parts else { return Ok(()) };
            let convert: gst::Element = glib::Object::new::<NvVideoConvert>().upcast();
            chain(&*object, &[decoder, &convert, filter])?;
            lead(&sink, decoder, "sink")?;
            lead(&src, filter, "src")
        })();
        if let Err(err) = wired {
            gst::error!(CAT, imp = self, "{err}");
        }
    }
}

impl GstObjectImpl for NvJpegDec {}

impl ElementImpl for NvJpegDec {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "JPEG image decoder",
                "Codec/Decoder/Image",
                "Decodes JPEG pictures in software, under DeepStream's name and caps",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            templates(Some(&gst::Caps::new_empty_simple("image/jpeg")), Some(&src_caps(&FORMATS)))
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::NullToReady {
            match &self.parts {
                Ok(parts) => self.set_up(parts),
                Err(missing) => {
                    gst::element_imp_error!(self, gst::CoreError::MissingPlugin, ["{missing}"]);
                    return Err(gst::StateChangeError);
                }
            }
        }
        self.parent_change_state(transition)
    }
}

impl BinImpl for NvJpegDec {}
