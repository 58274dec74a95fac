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
        "nvjpegenc",
        gst::DebugColorFlags::empty(),
        Some("JPEG encoder under DeepStream's name"),
    )
});

const PROPERTIES: &[Property] = &[
    Property::int("quality", 0, 100, 85, "Quality of the pictures").while_playing(),
    Property::choice("idct-method", &IDCT, FAST, "How exactly the transform is computed"),
    Property::bool("Enableperf", false, "Accepted; the processor encodes"),
];

const FORMATS: [VideoFormat; 2] = [VideoFormat::I420, VideoFormat::Nv12];

/// DeepStream's caps, and plain pictures.
fn sink_caps() -> gst::Caps {
    let mut caps = nvmm_caps(FORMATS);
    caps.merge(gst_video::VideoCapsBuilder::new().format_list(FORMATS).build());
    caps
}

/// Instance data of [`super::NvJpegEnc`].
pub struct NvJpegEnc {
    settings: Settings,
    encoder: Result<gst::Element, Missing>,
}

impl NvJpegEnc {
    fn set_up(&self, encoder: &gst::Element) {
        set(encoder, "quality", &self.settings.number::<i32>("quality").to_string());
        let method = METHODS.get(self.settings.number::<usize>("idct-method"));
        set(encoder, "idct-method", method.copied().unwrap_or("ifast"));
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvJpegEnc {
    const NAME: &'static str = "GstNvjpegenc";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvJpegEnc;
    type ParentType = gst::Bin;

    fn new() -> Self {
        Self { settings: Settings::new(&[PROPERTIES]), encoder: bin::make("jpegenc") }
    }
}

impl ObjectImpl for NvJpegEnc {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs(&[PROPERTIES]));
        &SPECS
    }

    fn set_property(&self, id: usize, value: &glib::Value, _pspec: &glib::ParamSpec) {
        self.settings.set(id, value);
        if let Ok(encoder) = &self.encoder {
            self.set_up(encoder);
        }
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| pspec.default_value().clone())
    }

    fn constructed(&self) {
        self.parent_constructed();
        let object = self.obj();
        let wired = (|| {
            let (sink, src) = (ghost(&*object, "sink")?, ghost(&*object, "src")?);
            let Ok(encoder) = &self.encoder else { return Ok(()) };
            self.set_up(encoder);
            let convert: gst::Element = glib::Object::new::<NvVideoConvert>().upcast();
            // As the pictures come; JPEG's own colours are full range, which the encoder sees to.
            chain(&*object, &[&convert, encoder])?;
            lead(&sink, &convert, "sink")?;
            lead(&src, encoder, "src")
        })();
        if let Err(err) = wired {
            gst::error!(CAT, imp = self, "{err}");
        }
    }
}

impl GstObjectImpl for NvJpegEnc {}

impl ElementImpl for NvJpegEnc {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "JPEG image encoder",
                "Codec/Encoder/Image",
                "Encodes JPEG pictures in software, under DeepStream's name and caps",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
            LazyLock::new(|| templates(Some(&sink_caps()), Some(&gst::Caps::new_empty_simple("image/jpeg"))));
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::NullToReady
            && let Err(missing) = &self.encoder
        {
            gst::element_imp_error!(self, gst::CoreError::MissingPlugin, ["{missing}"]);
            return Err(gst::StateChangeError);
        }
        self.parent_change_state(transition)
    }
}

impl BinImpl for NvJpegEnc {}
