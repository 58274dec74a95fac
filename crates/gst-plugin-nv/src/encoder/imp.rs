//! What both encoders have in common: the chain inside and its settings.

use gst::glib;
use gst::prelude::*;
use gst_video::VideoFormat;
use slipstream_buffer::meta::nvmm_caps;

use super::{properties, times};
use crate::basics::bin::{self, Missing, chain, ghost, ghost_with, lead, set};
use crate::basics::properties::{Property, Settings};
use crate::convert::NvVideoConvert;

/// Luma pixels per second for one thread of `x264enc` at `superfast`, on a busy machine.
const PIXELS_PER_THREAD: u64 = 55_000_000;
/// Frame threads each delay the output by a picture, so there are never many.
const MAX_THREADS: u64 = 4;
/// Assumed where the caps name no rate.
const USUAL_RATE: u64 = 30;
/// What `peak-bitrate` is where it is not set, in tenths of the rate.
const PEAK_TENTHS: u64 = 12;

/// A codec and what is known of its encoder.
pub(super) struct Codec {
    pub(super) tables: &'static [&'static [Property]],
    media_type: &'static str,
    encoder: &'static str,
    /// By `preset-level` 0…4.
    levels: [&'static str; 5],
    /// By `preset-id` 1…7.
    presets: [&'static str; 7],
    /// Names in caps by number of `profile`.
    profiles: &'static [(i32, &'static str)],
    formats: &'static [VideoFormat],
}

pub(super) static H264: Codec = Codec {
    tables: &[properties::COMMON, properties::H264],
    media_type: "video/x-h264",
    encoder: "x264enc",
    // The knee of quality over time is at superfast: ultrafast is 2.4 dB worse at half the time.
    levels: ["superfast", "superfast", "veryfast", "faster", "medium"],
    presets: ["superfast", "superfast", "veryfast", "faster", "fast", "medium", "slow"],
    profiles: &[
        (0, "baseline"),
        (1, "constrained-baseline"),
        (2, "main"),
        (4, "high"),
        (7, "high-4:4:4"),
        (17, "constrained-high"),
    ],
    formats: &[VideoFormat::I420, VideoFormat::Nv12],
};

pub(super) static H265: Codec = Codec {
    tables: &[properties::COMMON, properties::H265],
    media_type: "video/x-h265",
    encoder: "x265enc",
    levels: ["ultrafast", "ultrafast", "superfast", "veryfast", "faster"],
    presets: ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"],
    profiles: &[(0, "main"), (1, "main-10"), (3, "main-444")],
    formats: &[VideoFormat::I420, VideoFormat::Nv12, VideoFormat::P01010le],
};

impl Codec {
    /// What goes in: plain system memory too, which DeepStream does not take.
    pub(super) fn sink_caps(&self) -> gst::Caps {
        let mut caps = nvmm_caps(self.formats.iter().copied());
        caps.merge(gst_video::VideoCapsBuilder::new().format_list(self.formats.iter().copied()).build());
        caps
    }

    pub(super) fn src_caps(&self) -> gst::Caps {
        gst::Caps::builder(self.media_type)
            .field("stream-format", "byte-stream")
            .field("alignment", "au")
            .build()
    }
}

/// The elements inside.
struct Parts {
    encoder: gst::Element,
    output: gst::Element,
    input: gst::Element,
}

/// An encoder in a bin.
pub(super) struct Encoder {
    codec: &'static Codec,
    pub(super) settings: Settings,
    parts: Result<Parts, Missing>,
}

impl Encoder {
    pub(super) fn new(codec: &'static Codec) -> Self {
        let parts = (|| {
            Ok(Parts {
                encoder: bin::make(codec.encoder)?,
                input: bin::make("capsfilter")?,
                output: bin::make("capsfilter")?,
            })
        })();
        Self { codec, settings: Settings::new(codec.tables), parts }
    }

    /// Puts the elements into `bin`: conversion to plain pictures ! filter ! encoder ! filter.
    pub(super) fn wire(
        &self,
        bin: &gst::Bin,
        on_event: impl Fn(&gst::GhostPad, Option<&gst::Object>, gst::Event) -> bool + Send + Sync + 'static,
    ) -> Result<(), glib::BoolError> {
        let sink = ghost_with(bin, "sink", |pad| pad.event_function(on_event))?;
        let src = ghost(bin, "src")?;
        let Ok(Parts { encoder, output, input }) = &self.parts else { return Ok(()) };
        let convert: gst::Element = glib::Object::new::<NvVideoConvert>().upcast();
        chain(bin, &[&convert, input, encoder, output])?;
        lead(&sink, &convert, "sink")?;
        lead(&src, output, "src")?;
        let element = encoder.downgrade();
        times::keep(encoder, move || {
            let encoder = element.upgrade().filter(|encoder| encoder.has_property("bframes"));
            // x265 has none of them when it is tuned for low delay.
            encoder.is_none_or(|encoder| encoder.property::<u32>("bframes") == 0)
        });
        Ok(())
    }

    /// Whether there is an encoder.
    pub(super) fn check(&self) -> Result<(), &Missing> {
        self.parts.as_ref().map(|_| ())
    }

    fn kilobits(bits: u64) -> u64 {
        bits.div_ceil(1000).max(1)
    }

    /// Hands the settings to the encoder, before it starts.
    pub(super) fn set_up(&self) {
        let Ok(Parts { encoder, output, input }) = &self.parts else { return };
        let settings = &self.settings;
        let is_h264 = self.codec.encoder == "x264enc";
        // As with encoders in hardware, key frames come when they are due, and only then.
        let mut options = vec!["scenecut=0".to_owned()];
        set(encoder, "tune", "zerolatency");
        // `zerolatency` turns them on; receivers take each slice for a picture.
        set(encoder, "sliced-threads", "false");
        let level = settings.number::<usize>("preset-level");
        let preset = settings.number::<usize>("preset-id");
        let speed = match preset {
            0 | 1 => self.codec.levels.get(level),
            _ => self.codec.presets.get(preset - 1),
        };
        set(encoder, "speed-preset", speed.copied().unwrap_or("superfast"));
        self.set_bitrate();
        let key_interval = [settings.number::<u32>("iframeinterval"), settings.number("idrinterval")];
        let key_interval = key_interval.into_iter().filter(|&n| n > 0).min().unwrap_or(0);
        set(encoder, "key-int-max", &key_interval.to_string());
        set(encoder, "aud", &settings.is_on("insert-aud").to_string());
        set(encoder, "bframes", &settings.number::<u32>("num-B-Frames").to_string());
        if settings.number::<u32>("num-Ref-Frames") > 0 {
            set(encoder, "ref", &settings.number::<u32>("num-Ref-Frames").to_string());
        }
        set(encoder, "cabac", &(!settings.is_on("disable-cabac")).to_string());
        if let Some((least, greatest)) = settings.text("qp-range").as_deref().and_then(qp_range) {
            set(encoder, "qp-min", &least.to_string());
            set(encoder, "qp-max", &greatest.to_string());
            if !is_h264 {
                options.push(format!("qpmin={least}:qpmax={greatest}"));
            }
        }
        let mut profile = settings.number::<i32>("profile");
        let is_lossless = settings.is_on("enable-lossless")
            || settings.number::<i32>("tuning-info-id") == properties::LOSSLESS;
        let quantizer = settings.number::<u32>("quant-p-frames");
        if is_lossless {
            if is_h264 {
                set(encoder, "pass", "quant");
                set(encoder, "quantizer", "0");
                // H.264 has this in one profile only.
                profile = 7;
            } else {
                options.push("lossless=1".into());
            }
        } else if !settings.is_on("ratecontrol-enable") && quantizer <= 51 {
            set(encoder, "pass", "quant");
            set(encoder, "quantizer", &quantizer.to_string());
            set(encoder, "qp", &quantizer.to_string());
        } else if is_h264 && settings.number::<i32>("control-rate") == properties::VARIABLE {
            let bits = settings.number::<u64>("bitrate");
            let peak = settings.number::<u64>("peak-bitrate").max(settings.number("max-bitrate"));
            let peak = if peak > 0 { peak } else { bits * PEAK_TENTHS / 10 };
            let peak = Self::kilobits(peak.max(bits));
            options.push(format!("vbv-maxrate={peak}:vbv-bufsize={peak}"));
        }
        set(encoder, "option-string", &options.join(":"));

        let name = self.codec.profiles.iter().find(|(number, _)| *number == profile).map(|(_, name)| *name);
        let is_ten_bit = name == Some("main-10");
        let format = if is_ten_bit { VideoFormat::I42010le } else { VideoFormat::I420 };
        let mut formats = vec![format];
        if !is_ten_bit && is_h264 {
            formats.push(VideoFormat::Nv12);
        }
        input.set_property("caps", gst_video::VideoCapsBuilder::new().format_list(formats).build());
        // What downstream asks for goes before what the property says.
        let mut caps = self.codec.src_caps();
        if let Some(name) = name {
            let mut first = caps.clone();
            first.make_mut().set("profile", name);
            first.merge(caps);
            caps = first;
        }
        output.set_property("caps", &caps);
    }

    /// Takes up another rate, also while encoding.
    pub(super) fn set_bitrate(&self) {
        if let Ok(Parts { encoder, .. }) = &self.parts {
            let kilobits = Self::kilobits(self.settings.number("bitrate"));
            set(encoder, "bitrate", &kilobits.to_string());
        }
    }

    /// Threads as the pictures need them.
    pub(super) fn expect(&self, caps: &gst::CapsRef) {
        let (Ok(Parts { encoder, .. }), Ok(info)) = (&self.parts, gst_video::VideoInfo::from_caps(caps))
        else {
            return;
        };
        let rate = match info.fps().numer() {
            n if n > 0 => (n as u64).div_ceil(info.fps().denom().max(1) as u64),
            _ => USUAL_RATE,
        };
        let pixels = u64::from(info.width()) * u64::from(info.height()) * rate;
        let threads = pixels.div_ceil(PIXELS_PER_THREAD).clamp(1, MAX_THREADS);
        set(encoder, "threads", &threads.to_string());
    }

    /// Asks for a key frame, soon.
    pub(super) fn force_key_frame(&self) {
        if let Ok(Parts { encoder, .. }) = &self.parts {
            // Encoders answer to this event from downstream.
            encoder.send_event(gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build());
        }
    }
}

/// Least and greatest quantizer of P pictures in `qp-range`, if it sets them.
fn qp_range(text: &str) -> Option<(u32, u32)> {
    let (least, greatest) = text.split(':').next()?.split_once(',')?;
    let (least, greatest) = (least.trim().parse().ok()?, greatest.trim().parse().ok()?);
    (least <= greatest && greatest <= 51).then_some((least, greatest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_quantizers_are_read() {
        assert_eq!(qp_range("10,30:1,2:3,4"), Some((10, 30)));
        assert_eq!(qp_range("-1,-1:-1,-1:-1,-1"), None);
        assert_eq!(qp_range("30,10"), None);
        assert_eq!(qp_range("rubbish"), None);
    }
}
