use gst::prelude::*;

use crate::common::*;

const SOURCE: &str =
    "videotestsrc num-buffers=40 pattern=ball ! video/x-raw,format=I420,width=320,height=192,framerate=25/1";

fn is_key(unit: &Got) -> bool {
    !unit.buffer.flags().contains(gst::BufferFlags::DELTA_UNIT)
}

#[test]
fn what_is_encoded_looks_like_what_went_in_and_has_its_times() {
    if !installed(&["x264enc", "x265enc", "avdec_h264", "avdec_h265", "h264parse", "h265parse"]) {
        return;
    }
    let original = all(SOURCE);
    for codec in ["h264", "h265"] {
        let encode = format!(
            "{SOURCE} ! nvvideoconvert ! video/x-raw(memory:NVMM),format=NV12 ! \
             nvv4l2{codec}enc bitrate=2000000 iframeinterval=15 preset-level=1 insert-sps-pps=1 bufapi-version=1"
        );
        let units = all(&encode);
        assert_eq!(units.len(), original.len(), "{codec}: no picture is held back");
        for (unit, picture) in units.iter().zip(&original) {
            assert_eq!(unit.buffer.pts(), picture.buffer.pts(), "{codec}");
            assert!(unit.buffer.dts().is_none_or(|dts| Some(dts) <= unit.buffer.pts()), "{codec}");
        }
        let structure = units[0].caps.structure(0).unwrap();
        assert_eq!(structure.get::<&str>("stream-format"), Ok("byte-stream"));
        assert_eq!(structure.get::<&str>("alignment"), Ok("au"));
        let keys: Vec<_> =
            units.iter().enumerate().filter(|(_, unit)| is_key(unit)).map(|(i, _)| i).collect();
        assert_eq!(keys, [0, 15, 30], "{codec}");
        let decoded = all(&format!("{encode} ! {codec}parse ! avdec_{codec} ! video/x-raw,format=I420"));
        assert_eq!(decoded.len(), original.len());
        for (index, (decoded, original)) in decoded.iter().zip(&original).enumerate() {
            let quality = psnr(&decoded.pixels()[0], &original.pixels()[0]);
            assert!(quality > 30.0, "{codec} picture {index}: {quality} dB");
        }
    }
}

#[test]
fn profiles_are_those_asked_for() {
    if !installed(&["x264enc", "x265enc"]) {
        return;
    }
    let profile = |line: &str| {
        let units = all(&format!("{SOURCE} ! {line}"));
        units[0].caps.structure(0).unwrap().get::<String>("profile").unwrap()
    };
    assert!(profile("nvv4l2h264enc").ends_with("baseline"), "DeepStream's default");
    assert_eq!(profile("nvv4l2h264enc profile=2"), "main");
    assert_eq!(profile("nvv4l2h264enc profile=High"), "high");
    assert_eq!(profile("nvv4l2h264enc ! video/x-h264,profile=high"), "high", "downstream has the last word");
    assert_eq!(profile("nvv4l2h265enc profile=1"), "main-10");
}

#[test]
fn rate_and_key_frames_can_be_changed_while_it_runs() {
    if !installed(&["x264enc"]) {
        return;
    }
    let element = gst::ElementFactory::make("nvv4l2h264enc")
        .property("bitrate", 3_000_000u32)
        .property("iframeinterval", 1000u32)
        .build()
        .unwrap();
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    let source = "videotestsrc num-buffers=120 pattern=snow ! video/x-raw,format=I420,width=320,height=192,framerate=25/1";
    let pictures = all(source);
    harness.set_src_caps(pictures[0].caps.clone());
    let mut sizes = Vec::new();
    let mut keys = Vec::new();
    for (index, picture) in pictures.iter().enumerate() {
        if index == 20 {
            element.emit_by_name::<()>("force-IDR", &[]);
        }
        if index == 60 {
            element.set_property("bitrate", 300_000u32);
        }
        harness.push(picture.buffer.copy()).unwrap();
        while let Some(unit) = harness.try_pull() {
            if !unit.flags().contains(gst::BufferFlags::DELTA_UNIT) {
                keys.push(sizes.len());
            }
            sizes.push(unit.size());
        }
    }
    assert_eq!(keys.first(), Some(&0));
    assert!(keys.len() == 2 && (20..=24).contains(&keys[1]), "key frames at {keys:?}");
    let mean = |sizes: &[usize]| sizes.iter().sum::<usize>() / sizes.len();
    let (before, after) = (mean(&sizes[25..55]), mean(&sizes[80..]));
    assert!(before > 3 * after, "{before} bytes a picture, then {after}");
}

#[test]
fn jpeg_goes_both_ways() {
    if !installed(&["jpegenc", "jpegdec"]) {
        return;
    }
    let original = all(SOURCE);
    let coded = |quality: u32| {
        let units = all(&format!(
            "{SOURCE} ! nvvideoconvert ! video/x-raw(memory:NVMM) ! nvjpegenc quality={quality}"
        ));
        units.iter().map(|unit| unit.buffer.size()).sum::<usize>()
    };
    assert!(coded(95) > coded(40), "quality counts");
    let decoded =
        all(&format!("{SOURCE} ! nvjpegenc ! nvjpegdec ! nvvideoconvert ! video/x-raw,format=I420"));
    let quality = psnr(&decoded[9].pixels()[0], &original[9].pixels()[0]);
    assert!(quality > 30.0, "{quality} dB");
    let rgba = all(&format!("{SOURCE} ! nvjpegenc ! nvjpegdec rgbaoutput=true"));
    assert_eq!(rgba[0].info().format(), gst_video::VideoFormat::Rgba);
}
