//! Raw pictures in, access units out: the best encoder that works here.

use std::fmt;

use gst::glib;
use gst::prelude::*;
use slipstream_meta::Size;

use crate::settings::{Bitrate, Codec, EncoderChoice};

/// Time between key frames in seconds when nobody asks for one.
const KEY_FRAME_INTERVAL: u32 = 2;
/// Pictures that a hardware encoder has to encode before it is trusted.
const TRIAL_FRAMES: i32 = 5;
/// How long it may take for them: drivers load firmware at first use.
const TRIAL_TIME: gst::ClockTime = gst::ClockTime::from_seconds(5);
/// Size of the trial picture. Hardware encoders refuse very small ones.
const TRIAL_SIZE: Size = Size::new(640, 368);
/// Luma pixels per second for one thread of `x264enc`. Measured at `superfast`: 67 million on a busy machine, 148 million
/// on a free one.
const PIXELS_PER_THREAD: u64 = 55_000_000;
/// Frame threads each delay the output by a picture, so there are never many.
const MAX_THREADS: u64 = 4;

/// What to encode and how.
#[derive(Debug, Clone)]
pub struct EncoderSettings {
    /// Codec.
    pub codec: Codec,
    /// Bits per second.
    pub bitrate: Bitrate,
    /// Size of the pictures.
    pub size: Size,
    /// Pictures per second.
    pub frame_rate: u32,
    /// Which encoder.
    pub choice: EncoderChoice,
}

/// Why there is no encoder.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// None of those known is installed.
    #[error("no {codec} encoder works here; tried {tried}. On Debian and Ubuntu, gstreamer1.0-plugins-{} has one",
        if *.codec == Codec::H264 { "ugly" } else { "bad" })]
    None {
        /// Codec asked for.
        codec: Codec,
        /// Names of encoders.
        tried: String,
    },
    /// The one asked for cannot be used.
    #[error("encoder {name}: {reason}")]
    Unusable {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
}

/// An encoder ready for a pipeline.
#[derive(Debug, Clone)]
pub struct Encoder {
    bin: gst::Bin,
    element: gst::Element,
    name: &'static str,
    reason: &'static str,
}

impl Encoder {
    /// `video/x-raw` in, byte-stream access units out, parameter sets before every key frame.
    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    /// Name of the GStreamer element that encodes.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Asks for a key frame, soon. Never waits.
    pub fn request_key_frame(&self) {
        request_key_frame(&self.element);
    }

    /// A function that asks for key frames and keeps nothing alive.
    pub fn key_frame_requester(&self) -> impl Fn() + Send + Sync + 'static {
        let element = self.element.downgrade();
        move || {
            if let Some(element) = element.upgrade() {
                request_key_frame(&element);
            }
        }
    }
}

impl fmt::Display for Encoder {
    /// One line: which encoder, and why.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "encoding with {} ({})", self.name, self.reason)
    }
}

fn request_key_frame(encoder: &gst::Element) {
    // Encoders answer to this event from downstream.
    let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
    encoder.send_event(event);
}

/// An encoder that this program knows how to set up.
struct Known {
    name: &'static str,
    codec: Codec,
    is_hardware: bool,
    set_up: fn(&gst::Element, &EncoderSettings),
}

/// Best first.
const KNOWN: [Known; 15] = [
    Known { name: "nvh264enc", codec: Codec::H264, is_hardware: true, set_up: set_up_nvidia },
    Known { name: "vah264enc", codec: Codec::H264, is_hardware: true, set_up: set_up_va },
    Known { name: "vah264lpenc", codec: Codec::H264, is_hardware: true, set_up: set_up_va },
    Known { name: "qsvh264enc", codec: Codec::H264, is_hardware: true, set_up: set_up_quick_sync },
    Known { name: "vaapih264enc", codec: Codec::H264, is_hardware: true, set_up: set_up_vaapi },
    Known { name: "v4l2h264enc", codec: Codec::H264, is_hardware: true, set_up: set_up_v4l2 },
    Known { name: "x264enc", codec: Codec::H264, is_hardware: false, set_up: set_up_x264 },
    Known { name: "openh264enc", codec: Codec::H264, is_hardware: false, set_up: set_up_openh264 },
    Known { name: "nvh265enc", codec: Codec::H265, is_hardware: true, set_up: set_up_nvidia },
    Known { name: "vah265enc", codec: Codec::H265, is_hardware: true, set_up: set_up_va },
    Known { name: "vah265lpenc", codec: Codec::H265, is_hardware: true, set_up: set_up_va },
    Known { name: "qsvh265enc", codec: Codec::H265, is_hardware: true, set_up: set_up_quick_sync },
    Known { name: "vaapih265enc", codec: Codec::H265, is_hardware: true, set_up: set_up_vaapi },
    Known { name: "v4l2h265enc", codec: Codec::H265, is_hardware: true, set_up: set_up_v4l2 },
    Known { name: "x265enc", codec: Codec::H265, is_hardware: false, set_up: set_up_x265 },
];

/// Makes the encoder: the one asked for, or the best that works.
///
/// # Errors
/// If there is none, or the one asked for is missing, makes the other codec, or fails to encode.
pub fn encoder_bin(settings: &EncoderSettings) -> Result<Encoder, EncoderError> {
    let known = || KNOWN.iter().filter(|known| known.codec == settings.codec);
    match &settings.choice {
        EncoderChoice::Named(name) => {
            let unusable = |reason: String| EncoderError::Unusable { name: name.clone(), reason };
            let Some(chosen) = known().find(|known| known.name == name) else {
                let names: Vec<_> = known().map(|known| known.name).collect();
                return Err(unusable(format!(
                    "not known for {}; allowed are auto, {}",
                    settings.codec,
                    names.join(", ")
                )));
            };
            if gst::ElementFactory::find(name).is_none() {
                return Err(unusable("not installed, or no device for it".into()));
            }
            try_out(chosen, settings).and_then(|()| build(chosen, settings, "as asked for")).map_err(unusable)
        }
        EncoderChoice::Auto => {
            let installed = known().filter(|known| gst::ElementFactory::find(known.name).is_some());
            for candidate in installed {
                // Software always works, hardware encoders are often registered where no device is.
                let works = if candidate.is_hardware { try_out(candidate, settings) } else { Ok(()) };
                let reason = if candidate.is_hardware {
                    "hardware, tried and working"
                } else {
                    "software; no hardware encoder works here"
                };
                match works.and_then(|()| build(candidate, settings, reason)) {
                    Ok(encoder) => return Ok(encoder),
                    Err(reason) => tracing::debug!(encoder = candidate.name, %reason, "passed over"),
                }
            }
            let tried = known().map(|known| known.name).collect::<Vec<_>>().join(", ");
            Err(EncoderError::None { codec: settings.codec, tried })
        }
    }
}

/// convert ! encoder ! parser ! caps
fn build(known: &Known, settings: &EncoderSettings, reason: &'static str) -> Result<Encoder, String> {
    let make = |name: &str| gst::ElementFactory::make(name).build().map_err(|error| error.to_string());
    // Costs nothing where the encoder takes the format as it is.
    let convert = make("videoconvert")?;
    let element = make(known.name)?;
    (known.set_up)(&element, settings);
    let parse = make(settings.codec.parser())?;
    parse.set_property("config-interval", -1i32);
    let caps = gst::Caps::builder(settings.codec.media_type())
        .field("stream-format", "byte-stream")
        .field("alignment", "au")
        .build();
    let filter = make("capsfilter")?;
    filter.set_property("caps", &caps);

    let bin = gst::Bin::builder().name("encoder").build();
    let chain = [&convert, &element, &parse, &filter];
    let ghost = |element: &gst::Element, name: &str| {
        let pad = element.static_pad(name).ok_or("no such pad")?;
        let ghost = gst::GhostPad::with_target(&pad).map_err(|error| error.to_string())?;
        ghost.set_property("name", name);
        bin.add_pad(&ghost).map_err(|error| error.to_string())
    };
    bin.add_many(chain).map_err(|error| error.to_string())?;
    gst::Element::link_many(chain).map_err(|error| error.to_string())?;
    ghost(&convert, "sink")?;
    ghost(&filter, "src")?;
    Ok(Encoder { bin, element, name: known.name, reason })
}

/// Encodes a few pictures.
fn try_out(known: &Known, settings: &EncoderSettings) -> Result<(), String> {
    let settings = EncoderSettings { size: TRIAL_SIZE, ..settings.clone() };
    let encoder = build(known, &settings, "on trial")?;
    let pipeline = gst::Pipeline::new();
    let source = gst::ElementFactory::make("videotestsrc")
        .property("num-buffers", TRIAL_FRAMES)
        .build()
        .map_err(|error| error.to_string())?;
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", TRIAL_SIZE.width.cast_signed())
        .field("height", TRIAL_SIZE.height.cast_signed())
        .field("framerate", gst::Fraction::new(settings.frame_rate.cast_signed(), 1))
        .build();
    let filter = gst::ElementFactory::make("capsfilter")
        .property("caps", &caps)
        .build()
        .map_err(|error| error.to_string())?;
    let sink = gst::ElementFactory::make("fakesink").build().map_err(|error| error.to_string())?;
    let chain = [&source, &filter, encoder.bin.upcast_ref(), &sink];
    pipeline.add_many(chain).map_err(|error| error.to_string())?;
    gst::Element::link_many(chain).map_err(|error| error.to_string())?;
    let result = run_to_end(&pipeline);
    // Shutting a failed pipeline down cannot fail in a way that matters.
    let _ = pipeline.set_state(gst::State::Null);
    result
}

fn run_to_end(pipeline: &gst::Pipeline) -> Result<(), String> {
    let bus = pipeline.bus().ok_or("no bus")?;
    let started = pipeline.set_state(gst::State::Playing);
    let message = bus.timed_pop_filtered(TRIAL_TIME, &[gst::MessageType::Eos, gst::MessageType::Error]);
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(()),
        Some(gst::MessageView::Error(error)) => Err(error.error().message().to_owned()),
        _ if started.is_err() => Err("does not start".into()),
        _ => Err(format!("has not encoded {TRIAL_FRAMES} pictures within {TRIAL_TIME}")),
    }
}

fn key_interval(settings: &EncoderSettings) -> u32 {
    settings.frame_rate.max(1) * KEY_FRAME_INTERVAL
}

/// Sets what the element has: properties come and go with versions and devices.
fn set(element: &gst::Element, name: &str, value: &str) {
    match element.find_property(name) {
        Some(spec) if spec.flags().contains(glib::ParamFlags::WRITABLE) => {
            if glib::Value::deserialize(value, spec.value_type()).is_ok() {
                element.set_property_from_str(name, value);
            } else {
                tracing::debug!(element = %element.name(), name, value, "value not known here");
            }
        }
        _ => tracing::debug!(element = %element.name(), name, "property not known here"),
    }
}

fn set_up_x264(element: &gst::Element, settings: &EncoderSettings) {
    let pixels =
        u64::from(settings.size.width) * u64::from(settings.size.height) * u64::from(settings.frame_rate);
    let threads = pixels.div_ceil(PIXELS_PER_THREAD).clamp(1, MAX_THREADS);
    set(element, "tune", "zerolatency");
    // The knee. Four street clips tiled at 1200×600, 4 Mbit/s: ultrafast 35.8 dB PSNR at 2.7 ms of CPU per picture,
    // superfast 38.2 dB at 4.9 ms, veryfast 39.0 dB at 7.4 ms; at 1 Mbit/s 28.3, 30.5 and 31.0 dB.
    set(element, "speed-preset", "superfast");
    set(element, "bitrate", &settings.bitrate.kilobits().to_string());
    set(element, "key-int-max", &key_interval(settings).to_string());
    set(element, "bframes", "0");
    set(element, "threads", &threads.to_string());
    // `zerolatency` turns them on; slices cost bits, and receivers took each for a picture.
    set(element, "sliced-threads", "false");
}

fn set_up_x265(element: &gst::Element, settings: &EncoderSettings) {
    set(element, "tune", "zerolatency");
    // 38.3 dB at 20 ms of CPU per picture, where superfast takes 36 ms for 40.6 dB.
    set(element, "speed-preset", "ultrafast");
    set(element, "bitrate", &settings.bitrate.kilobits().to_string());
    set(element, "key-int-max", &key_interval(settings).to_string());
}

fn set_up_openh264(element: &gst::Element, settings: &EncoderSettings) {
    set(element, "usage-type", "camera");
    set(element, "complexity", "low");
    set(element, "rate-control", "bitrate");
    set(element, "bitrate", &settings.bitrate.bits().to_string());
    set(element, "max-bitrate", &settings.bitrate.bits().to_string());
    set(element, "gop-size", &key_interval(settings).to_string());
}

fn set_up_nvidia(element: &gst::Element, settings: &EncoderSettings) {
    set(element, "preset", "low-latency-hq");
    set(element, "rc-mode", "cbr");
    set(element, "zerolatency", "true");
    set(element, "bframes", "0");
    set(element, "bitrate", &settings.bitrate.kilobits().to_string());
    set(element, "gop-size", &key_interval(settings).to_string());
}

fn set_up_va(element: &gst::Element, settings: &EncoderSettings) {
    set(element, "rate-control", "cbr");
    set(element, "bitrate", &settings.bitrate.kilobits().to_string());
    set(element, "b-frames", "0");
    set(element, "key-int-max", &key_interval(settings).to_string());
}

fn set_up_quick_sync(element: &gst::Element, settings: &EncoderSettings) {
    set(element, "low-latency", "true");
    set(element, "rate-control", "cbr");
    set(element, "b-frames", "0");
    set(element, "bitrate", &settings.bitrate.kilobits().to_string());
    set(element, "gop-size", &key_interval(settings).to_string());
}

fn set_up_vaapi(element: &gst::Element, settings: &EncoderSettings) {
    set(element, "rate-control", "cbr");
    set(element, "max-bframes", "0");
    set(element, "bitrate", &settings.bitrate.kilobits().to_string());
    set(element, "keyframe-period", &key_interval(settings).to_string());
}

fn set_up_v4l2(element: &gst::Element, settings: &EncoderSettings) {
    // Control names of the kernel's stateful encoder interface.
    let controls = format!(
        "controls,video_bitrate={},video_gop_size={},repeat_sequence_header=1",
        settings.bitrate.bits(),
        key_interval(settings)
    );
    set(element, "extra-controls", &controls);
}
