use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use gst::prelude::*;

use crate::common::*;

fn clip_of(codec: &str, frames: u32, options: &str) -> Option<(tempfile::TempDir, String)> {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), codec, frames, options)?;
    Some((folder, path.display().to_string()))
}

/// From a file to the decoder's pad.
fn coded(codec: &str, path: &str) -> String {
    let demuxer = if codec == "h264" { "qtdemux" } else { "matroskademux" };
    format!("filesrc location={path} ! {demuxer} ! {codec}parse")
}

#[test]
fn pictures_are_those_of_the_native_decoder_and_are_not_copied() {
    for codec in ["h264", "h265"] {
        let Some((_folder, path)) = clip_of(codec, 25, "") else { return };
        let source = coded(codec, &path);
        let native = all(&format!("{source} ! avdec_{codec}"));
        let pipeline =
            Pipeline::new(&format!("{source} ! nvv4l2decoder name=decoder ! appsink name=out sync=false"));
        let decoded = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let seen = decoded.clone();
        let bin: gst::Bin = pipeline.get("decoder").downcast().unwrap();
        bin.connect_element_added(move |_, element| {
            let seen = seen.clone();
            element.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                seen.lock().push(info.buffer().unwrap().as_ptr() as usize);
                gst::PadProbeReturn::Ok
            });
        });
        let sink: gst_app::AppSink = pipeline.get("out").downcast().unwrap();
        pipeline.play();
        for (index, native) in native.iter().enumerate() {
            let sample = sink.pull_sample().unwrap();
            let caps = sample.caps_owned().unwrap();
            assert!(caps.features(0).unwrap().contains("memory:NVMM"), "{caps}");
            let got = Got { buffer: sample.buffer_owned().unwrap(), caps };
            assert_eq!(got.buffer.as_ptr() as usize, decoded.lock()[index], "frame {index} was copied");
            assert_eq!(got.pixels(), native.pixels(), "{codec} frame {index}");
            assert_eq!(got.buffer.pts(), native.buffer.pts());
        }
        assert!(sink.pull_sample().is_err(), "as many as the native decoder makes: {}", native.len());
    }
}

#[test]
fn decodebin_picks_it_and_shows_deepstreams_caps() {
    for codec in ["h264", "h265"] {
        let Some((_folder, path)) = clip_of(codec, 10, "") else { return };
        let pipeline = Pipeline::new(&format!(
            "uridecodebin name=source uri=file://{path} ! fakesink name=out sync=false"
        ));
        let names = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let seen = names.clone();
        pipeline
            .0
            .connect_deep_element_added(move |_, _, element| seen.lock().push(element.name().to_string()));
        pipeline.run();
        let names = names.lock();
        assert!(names.iter().any(|name| name.starts_with("nvv4l2decoder")), "{names:?}");
        let caps = pipeline.get("out").static_pad("sink").unwrap().current_caps().unwrap();
        assert!(caps.features(0).unwrap().contains("memory:NVMM"), "{caps}");
    }
}

#[test]
fn frames_are_left_out_as_asked_for() {
    // every tenth picture is a key frame; with two B-frames between others, those nobody refers to
    let Some((_folder, path)) = clip_of("h264", 40, "bframes=2 b-adapt=false b-pyramid=false") else {
        return;
    };
    let source = coded("h264", &path);
    let count = |options: &str| all(&format!("{source} ! nvv4l2decoder {options}")).len();
    let units = all(&format!("{source} ! video/x-h264,stream-format=byte-stream,alignment=au"));
    let referred_to = |unit: &&Got| {
        let data = unit.buffer.map_readable().unwrap();
        let mut headers = data.windows(4).filter(|bytes| bytes[..3] == [0, 0, 1]).map(|bytes| bytes[3]);
        headers.find(|header| matches!(header & 0x1f, 1 | 5)).is_some_and(|header| header & 0x60 != 0)
    };
    let references = units.iter().filter(referred_to).count();
    assert_eq!(count(""), 40);
    assert_eq!(count("skip-frames=decode_key"), 4);
    assert_eq!(count("drop-frame-interval=5"), 8);
    assert!((10..30).contains(&references), "there are pictures that others need, and such that none does");
    assert_eq!(count("skip-frames=decode_non_ref"), references);
}

#[test]
fn with_low_latency_each_picture_comes_before_the_next_goes_in() {
    let Some((_folder, path)) = clip_of("h264", 12, "tune=zerolatency") else { return };
    let units =
        all(&format!("{} ! video/x-h264,stream-format=byte-stream,alignment=au", coded("h264", &path)));
    let element =
        gst::ElementFactory::make("nvv4l2decoder").property("low-latency-mode", true).build().unwrap();
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_src_caps(units[0].caps.clone());
    for (index, unit) in units.iter().enumerate() {
        harness.push(unit.buffer.copy()).unwrap();
        assert!(harness.try_pull().is_some(), "picture {index} is held back");
    }
}

#[test]
fn another_codec_in_the_middle_of_a_stream_loses_no_picture() {
    let Some((_one, avc)) = clip_of("h264", 15, "bframes=2") else { return };
    let Some((_two, hevc)) = clip_of("h265", 15, "") else { return };
    let line = format!(
        "concat name=both {} ! video/x-h264,stream-format=byte-stream,alignment=au ! both. \
         {} ! video/x-h265,stream-format=byte-stream,alignment=au ! both. both. ! nvv4l2decoder",
        coded("h264", &avc),
        coded("h265", &hevc)
    );
    assert_eq!(all(&line).len(), 30);
}

#[test]
fn it_plays_again_after_seeks_and_after_stopping() {
    let Some((_folder, path)) = clip_of("h264", 30, "") else { return };
    let raw = format!("{path}.h264");
    let line = format!(
        "{} ! video/x-h264,stream-format=byte-stream ! filesink location={raw}",
        coded("h264", &path)
    );
    Pipeline::new(&line).run();
    // all pads are there from the start: what demuxers add later, launch lines link once only
    let pipeline = Pipeline::new(&format!(
        "filesrc location={raw} ! h264parse ! nvv4l2decoder ! fakesink name=out sync=false"
    ));
    let frames = Arc::new(AtomicU32::new(0));
    let seen = frames.clone();
    pipeline.get("out").static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        seen.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    for round in 0..3 {
        pipeline.run();
        assert_eq!(frames.swap(0, Ordering::Relaxed), 30, "round {round}");
        pipeline
            .0
            .seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT, gst::ClockTime::ZERO)
            .unwrap();
        pipeline.run();
        assert!(frames.swap(0, Ordering::Relaxed) >= 30, "after seeking, round {round}");
        pipeline.0.set_state(gst::State::Null).unwrap();
        frames.store(0, Ordering::Relaxed);
    }
}

#[test]
fn damaged_input_does_not_stop_it() {
    let Some((_folder, path)) = clip_of("h264", 30, "") else { return };
    let line =
        format!("{} ! identity name=damage ! nvv4l2decoder ! fakesink sync=false", coded("h264", &path));
    let pipeline = Pipeline::new(&line);
    let count = AtomicUsize::new(0);
    pipeline.get("damage").static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let nth = count.fetch_add(1, Ordering::Relaxed);
        if nth % 3 == 1 {
            let mut bytes = info.buffer().unwrap().map_readable().unwrap().to_vec();
            bytes.iter_mut().enumerate().for_each(|(i, byte)| *byte ^= (i * 7 + nth) as u8);
            let mut damaged = gst::Buffer::from_mut_slice(bytes);
            let old = info.buffer().unwrap();
            let target = damaged.get_mut().unwrap();
            old.copy_into(target, gst::BufferCopyFlags::TIMESTAMPS | gst::BufferCopyFlags::FLAGS, ..)
                .unwrap();
            info.data = Some(gst::PadProbeData::Buffer(damaged));
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.run();
}

#[test]
fn other_codecs_and_formats_are_decoded() {
    let lines = [
        (&["jpegenc", "jpegparse", "jpegdec"][..], "jpegenc ! jpegparse", "I420"),
        (&["vp8enc", "vp8dec"], "vp8enc deadline=1", "I420"),
        (&["vp9enc", "vp9dec"], "vp9enc deadline=1", "I420"),
        (&["avenc_mpeg4", "mpeg4videoparse", "avdec_mpeg4"], "avenc_mpeg4 ! mpeg4videoparse", "I420"),
        (&["mpeg2enc", "mpegvideoparse", "avdec_mpeg2video"], "mpeg2enc ! mpegvideoparse", "I420"),
    ];
    for (elements, coding, format) in lines {
        if !installed(elements) {
            continue;
        }
        let source =
            "videotestsrc num-buffers=10 ! video/x-raw,format=I420,width=352,height=288,framerate=25/1";
        let got = all(&format!(
            "{source} ! {coding} ! nvv4l2decoder ! nvvideoconvert ! video/x-raw,format={format}"
        ));
        assert_eq!(got.len(), 10, "{coding}");
        let original = all(source);
        let quality = psnr(&got[5].pixels()[0], &original[5].pixels()[0]);
        assert!(quality > 20.0, "{coding}: {quality} dB");
    }
}
