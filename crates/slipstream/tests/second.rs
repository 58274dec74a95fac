//! `--secondary`: networks that look at what the detector found.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use common::media::{Pattern, tiny_model};
use common::program::{can_detect, run, slipstream};
use common::wait_until;
use gst::prelude::*;
use gstslipstream::meta::Batch;
use image::{Rgb, RgbImage};
use parking_lot::Mutex;
use serde_json::Value;
use slipstream::pipeline::Job;
use slipstream::settings::JobSettings;

/// Sides of a cell of the tiny model in the pictures of these tests.
const CELL: u32 = 32;

/// Config of a classifier that names the strongest channel, and whether it is dark or bright. Its number is that of the
/// detector, as where nobody sets one.
fn colors(folder: &Path) -> PathBuf {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../slipstream-infer/tests/data");
    let config = format!(
        "[property]\nonnx-file={data}/colors.onnx\nlabelfile-path={data}/colors.labels.txt\nnetwork-type=1\n\
         net-scale-factor=0.00392156862745098\n"
    );
    let path = folder.join("colors.ini");
    std::fs::write(&path, config).unwrap();
    path
}

/// Config of a second detector of bright sixths.
fn cells(folder: &Path) -> PathBuf {
    let detector = std::fs::read_to_string(tiny_model(folder)).unwrap();
    let path = folder.join("cells.ini");
    std::fs::write(&path, detector.replace("[property]", "[property]\ngie-unique-id=3")).unwrap();
    path
}

#[test]
fn detect_tells_attributes_and_parts_of_each_object() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    if !can_detect(&model) {
        return;
    }
    // bright enough to be found, each in a tint of its own
    let tints = [((0, 0), [255, 190, 190]), ((1, 1), [190, 255, 190]), ((1, 0), [190, 190, 255])];
    let picture = RgbImage::from_fn(3 * CELL, 2 * CELL, |x, y| {
        let tint = tints.iter().find(|(cell, _)| *cell == (x / CELL, y / CELL));
        Rgb(tint.map_or([0; 3], |(_, color)| *color))
    });
    let path = folder.path().join("picture.png");
    picture.save(&path).unwrap();
    let out = folder.path().join("out");
    let (code, text, err) = run(slipstream()
        .args(["detect", "--draw"])
        .arg(&out)
        .arg("--model")
        .arg(&model)
        .arg("--secondary")
        .arg(colors(folder.path()))
        .arg("--secondary")
        .arg(cells(folder.path()))
        .arg(&path));
    assert_eq!(code, Some(0), "{err}");
    let line: Value = serde_json::from_str(text.trim()).expect(&text);
    let objects = line["objects"].as_array().unwrap();
    let (parts, whole): (Vec<_>, Vec<_>) = objects.iter().partition(|object| !object["parent"].is_null());
    assert_eq!(whole.len(), 3, "{line}");
    for object in &whole {
        let cell =
            [0, 1].map(|axis| (object["box"][axis].as_f64().unwrap() / f64::from(CELL)).round() as u32);
        let name = match cell {
            [0, 0] => "red",
            [1, 1] => "green",
            [1, 0] => "blue",
            other => panic!("nothing at {other:?}"),
        };
        let labels: Vec<_> = object["attributes"].as_array().unwrap().iter().map(|a| &a["label"]).collect();
        assert_eq!(labels, [name, "bright"], "{object}");
        assert!(object["attributes"][1]["probability"].as_f64().unwrap() > 0.8, "{object}");
    }
    // each cell is bright all over: six parts of each, inside of it
    assert_eq!(parts.len(), 18, "{line}");
    for part in parts {
        let parent = &objects[part["parent"].as_u64().unwrap() as usize];
        let edges = |object: &Value, axis: usize| {
            let [start, length] = [axis, axis + 2].map(|at| object["box"][at].as_f64().unwrap());
            (start, start + length)
        };
        for axis in 0..2 {
            let ((start, end), (first, last)) = (edges(part, axis), edges(parent, axis));
            assert!(start >= first && end <= last && end - start < last - first, "{part} in {parent}");
        }
    }
    assert!(out.join("picture.png").exists());

    let (code, _, err) =
        run(slipstream().args(["detect", "--secondary", "/no/second.ini", "--model"]).arg(&model).arg(&path));
    assert_eq!((code, err.contains("/no/second.ini")), (Some(1), true), "{err}");
}

#[test]
fn the_job_says_more_of_what_it_follows() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    if !can_detect(&model) {
        return;
    }
    gst::init().unwrap();
    gstslipstream::plugin_register_static().unwrap();
    let clip = folder.path().join("clip.mp4");
    Pattern::solid(0xff_be_be, 320, 180).write(&clip);

    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        settings: JobSettings,
    }
    let second = colors(folder.path());
    let paths = ["--model", model.to_str().unwrap(), "--secondary", second.to_str().unwrap()];
    let usual = ["job", "--port=0", "--bind=127.0.0.1"];
    let settings = Program::parse_from([&usual[..], &paths[..]].concat()).settings;

    let named = Arc::new(Mutex::new(Vec::new()));
    let inputs = [clip.to_str().unwrap().parse().unwrap()];
    let job = Job::start_watched(&settings, &inputs, |pipeline| {
        let pad = pipeline.by_name("sliptiler").unwrap().static_pad("sink").unwrap();
        let named = named.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(batch) = info.buffer().and_then(Batch::from_buffer) {
                let objects = batch.frames.iter().flat_map(|frame| &frame.objects);
                named.lock().extend(objects.map(|object| {
                    let labels = object.classifications.iter().map(|said| said.label.to_string());
                    (object.tracking_id.is_some(), labels.collect::<Vec<_>>())
                }));
            }
            gst::PadProbeReturn::Ok
        });
    })
    .unwrap();
    wait_until("objects that are followed and named", || named.lock().len() > 60);
    drop(job);
    let named = named.lock();
    assert!(named.iter().all(|(followed, labels)| *followed && *labels == ["red", "bright"]), "{named:?}");
}
