//! The examples are run on a generated clip.

use std::path::PathBuf;
use std::process::Command;

use gst::prelude::*;
use slipstream_meta::Rect;

use crate::common::*;

/// The built example; `None`, loudly, if it was not built.
fn example(name: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples").join(name);
    if path.is_file() {
        return Some(path);
    }
    skip(format_args!("{} is not built; cargo build --examples does", path.display()));
    None
}

/// Runs an example and returns what it printed; `None`, loudly, where ONNX Runtime is not installed.
fn run(name: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(example(name)?).args(arguments).current_dir(root()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    if error.contains("Looked at:") {
        skip(error);
        return None;
    }
    assert!(output.status.success(), "{error}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn count_people_counts_people() {
    let folder = tempfile::tempdir().unwrap();
    let Some(clip) = clip(folder.path(), 10) else { return };
    let config = detector(folder.path(), "");
    let uri = gst::glib::filename_to_uri(&clip, None).unwrap();
    let Some(printed) = run("count_people", &[config.to_str().unwrap(), &uri, &uri]) else { return };
    let mut lines: Vec<_> = printed.lines().collect();
    lines.sort_unstable();
    // to the test's detector, a white picture is six people
    assert_eq!(lines, ["source 0, frame 0: 6 people", "source 1, frame 0: 6 people"]);
}

#[test]
fn add_text_writes_on_every_frame() {
    const FRAMES: u32 = 10;
    let folder = tempfile::tempdir().unwrap();
    let Some(clip) = clip(folder.path(), FRAMES) else { return };
    let config = detector(folder.path(), "");
    let uri = gst::glib::filename_to_uri(&clip, None).unwrap();
    let annotated = folder.path().join("annotated.mp4");
    if run("add_text", &[config.to_str().unwrap(), annotated.to_str().unwrap(), &uri, &uri]).is_none() {
        return;
    }
    let pipeline = Pipeline::new(&format!(
        "filesrc location={} ! qtdemux ! avdec_h264 ! videoconvert ! video/x-raw,format=I420 ! \
         appsink name=out sync=false max-buffers=2",
        annotated.display()
    ));
    let sink = pipeline.element("out").downcast::<gst_app::AppSink>().unwrap();
    pipeline.play();
    let mut frames = 0;
    while let Ok(sample) = sink.pull_sample() {
        frames += 1;
        let info = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
        assert_eq!((info.width(), info.height()), (1280, 720));
        for tile in 0..2 {
            // text with its background, at 3 % and 80 % of the tile
            let left = tile as f32 * 640.0 + 20.0;
            let (least, greatest) =
                luma_range(sample.buffer().unwrap(), &info, Rect::new(left, 578.0, 120.0, 22.0));
            assert!(least < 90 && greatest > 180, "tile {tile}: {least} to {greatest}");
        }
        if frames == 1
            && let Some(folder) = std::env::var_os("SLIPSTREAM_PICTURES")
        {
            save(&sample, &PathBuf::from(folder).join("add_text.png"));
        }
    }
    assert_eq!(frames, FRAMES, "{}", annotated.display());
}

/// For a look at it.
fn save(sample: &gst::Sample, path: &std::path::Path) {
    let pipeline = Pipeline::new(&format!(
        "appsrc name=in ! videoconvert ! pngenc ! filesink location={}",
        path.display()
    ));
    let source = pipeline.element("in").downcast::<gst_app::AppSrc>().unwrap();
    source.set_format(gst::Format::Time);
    pipeline.play();
    source.push_sample(sample).unwrap();
    source.end_of_stream().unwrap();
    pipeline.wait_for_eos();
}
