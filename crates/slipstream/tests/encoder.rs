//! The encoders, frame by frame.

use gst::prelude::*;
use slipstream::encoder::{Encoder, EncoderSettings, encoder_bin};
use slipstream::settings::{Codec, EncoderChoice};
use slipstream_meta::Size;

const FRAMES: u64 = 75;
/// Before this picture a key frame is asked for.
const ASKED: u64 = 60;
const KEY_INTERVAL: u64 = 50;

fn settings(codec: Codec, encoder: &str) -> EncoderSettings {
    gst::init().unwrap();
    EncoderSettings {
        codec,
        bitrate: "1M".parse().unwrap(),
        size: Size::new(320, 240),
        frame_rate: 25,
        choice: encoder.parse().unwrap(),
    }
}

/// Which pictures came out as key frames, and whether each of those held its parameter sets.
fn encode(encoder: &Encoder, codec: Codec, format: &str) -> (u64, Vec<u64>) {
    let pipeline = gst::Pipeline::new();
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", format)
        .field("width", 320)
        .field("height", 240)
        .field("framerate", gst::Fraction::new(25, 1))
        .build();
    let source = gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).build();
    let sink = gst_app::AppSink::builder().sync(false).build();
    let chain: [&gst::Element; 3] = [source.upcast_ref(), encoder.bin().upcast_ref(), sink.upcast_ref()];
    pipeline.add_many(chain).unwrap();
    gst::Element::link_many(chain).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let (mut units, mut keys, mut first) = (0, Vec::new(), None);
    for frame in 0..FRAMES {
        if frame == ASKED {
            encoder.request_key_frame();
        }
        let mut buffer = gst::Buffer::from_mut_slice(vec![(frame * 3) as u8; 320 * 240 * 3 / 2]);
        buffer.get_mut().unwrap().set_pts(gst::ClockTime::SECOND * frame / 25);
        source.push_buffer(buffer).unwrap();
        if frame + 1 == FRAMES {
            source.end_of_stream().unwrap();
        }
        let patience = if frame + 1 == FRAMES { 60_000 } else { 1000 };
        while let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_mseconds(patience)) {
            let caps = sample.caps().unwrap().structure(0).unwrap();
            assert_eq!(caps.get::<&str>("stream-format"), Ok("byte-stream"));
            assert_eq!(caps.get::<&str>("alignment"), Ok("au"));
            let buffer = sample.buffer().unwrap();
            // Encoders start where they like.
            let pts = buffer.pts().unwrap();
            let time = pts - *first.get_or_insert(pts);
            assert_eq!(time.nseconds(), 40_000_000 * units, "a picture is in pieces, or missing");
            if !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
                assert!(has_parameter_sets(&buffer.map_readable().unwrap(), codec), "key frame {units}");
                keys.push(units);
            }
            units += 1;
            if frame + 1 < FRAMES {
                break;
            }
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    (units, keys)
}

/// Looks for SPS and PPS (and VPS) among the NAL units.
fn has_parameter_sets(unit: &[u8], codec: Codec) -> bool {
    let kinds: Vec<u8> = unit
        .windows(4)
        .filter(|window| window[..3] == [0, 0, 1])
        .map(|window| match codec {
            Codec::H264 => window[3] & 0x1f,
            Codec::H265 => (window[3] >> 1) & 0x3f,
        })
        .collect();
    let wanted: &[u8] = match codec {
        Codec::H264 => &[7, 8],
        Codec::H265 => &[32, 33, 34],
    };
    wanted.iter().all(|kind| kinds.contains(kind))
}

#[test]
fn key_frames_come_in_time_and_on_request() {
    for (codec, name, format) in [
        (Codec::H264, "x264enc", "NV12"),
        (Codec::H264, "x264enc", "I420"),
        (Codec::H264, "openh264enc", "NV12"),
        (Codec::H265, "x265enc", "NV12"),
    ] {
        gst::init().unwrap();
        if gst::ElementFactory::find(name).is_none() {
            println!("SKIPPED: {name} is not installed");
            continue;
        }
        let encoder = encoder_bin(&settings(codec, name)).unwrap();
        let (units, keys) = encode(&encoder, codec, format);
        assert_eq!(units, FRAMES, "{name}");
        assert_eq!(keys[0], 0, "{name}");
        assert!(keys.contains(&KEY_INTERVAL), "{name}: {keys:?}");
        assert!(keys.iter().any(|key| (ASKED..ASKED + 3).contains(key)), "{name}: {keys:?}");
    }
}

#[test]
fn the_choice_is_explained() {
    let encoder = encoder_bin(&settings(Codec::H264, "auto")).unwrap();
    let line = encoder.to_string();
    println!("{line}");
    assert!(line.starts_with(&format!("encoding with {} (", encoder.name())), "{line}");
    let encoder = encoder_bin(&settings(Codec::H264, "x264enc")).unwrap();
    assert_eq!(encoder.to_string(), "encoding with x264enc (as asked for)");
}

#[test]
fn what_cannot_be_used_is_named() {
    for (codec, name, expected) in [
        (Codec::H264, "x265enc", "encoder x265enc: not known for H264; allowed are auto, nvh264enc"),
        (Codec::H265, "theoraenc", "encoder theoraenc: not known for H265"),
        (Codec::H264, "nosuchenc", "encoder nosuchenc: not known for H264"),
    ] {
        let error = encoder_bin(&settings(codec, name)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    gst::init().unwrap();
    if gst::ElementFactory::find("nvh264enc").is_none() {
        let choice = EncoderChoice::Named("nvh264enc".into());
        let error = encoder_bin(&EncoderSettings { choice, ..settings(Codec::H264, "auto") }).unwrap_err();
        assert_eq!(error.to_string(), "encoder nvh264enc: not installed, or no device for it");
    }
}
