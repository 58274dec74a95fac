//! Numbers that stay with what they number, against the truth of simulated streets.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::program::{can_detect, run, slipstream};
use common::wait_until;
use gst::prelude::*;
use gstslipstream::meta::Batch;
use parking_lot::Mutex;
use serde_json::Value;
use slipstream::camera_server::{CameraServer, CameraServerSettings, CameraSource};
use slipstream::pipeline::Job;
use slipstream::settings::JobSettings;
use slipstream::simulation;
use slipstream_meta::{FrameMeta, ObjectMeta, PictureMut, PixelFormat, PlaneMut, Rect, Size};
use slipstream_scene::{Scene, SceneConfig, TruthObject};

const SIZE: Size = Size::new(640, 360);
const SECONDS: u32 = 5;
/// What is hidden more than this is not to be seen.
const LEAST_VISIBLE: f32 = 0.25;
/// Boxes of the same object overlap at least this much (IoU), as is usual.
const SAME: f32 = 0.5;

/// The detector in the box.
fn street() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/street.ini")
}

/// What is really on each frame of a recorded scene.
fn truth(number: u32, frames: usize) -> Vec<Vec<TruthObject>> {
    let mut scene = Scene::new(SceneConfig::camera(number, SIZE));
    let mut luma = vec![0; (SIZE.width * SIZE.height) as usize];
    let mut truth = || {
        let planes = [
            PlaneMut { data: &mut luma, stride: SIZE.width as usize },
            PlaneMut::default(),
            PlaneMut::default(),
        ];
        let picture = PictureMut::new(PixelFormat::Gray8, SIZE, Default::default(), planes);
        scene.render(&mut picture.unwrap());
        scene.truth().to_vec()
    };
    (0..frames).map(|_| truth()).collect()
}

/// How numbers and real objects go together.
#[derive(Debug, Default)]
struct Score {
    /// Sightings of real objects under a number.
    matched: usize,
    /// Those where the object had another number the time before.
    switched: usize,
    /// Those under a number that is another object's most of the time.
    borrowed: usize,
    objects: usize,
    numbers: usize,
}

/// `seen` are class, number and box of what was tracked on each frame.
fn score(truth: &[Vec<TruthObject>], seen: &[Vec<(u32, u64, Rect)>]) -> Score {
    let mut score = Score::default();
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    let mut owners: BTreeMap<u64, BTreeMap<u64, usize>> = BTreeMap::new();
    for (truth, seen) in truth.iter().zip(seen) {
        let mut pairs: Vec<_> = truth
            .iter()
            .flat_map(|real| seen.iter().map(move |box_| (real, box_)))
            .filter(|(real, (class, _, _))| real.class_id == *class && real.visible >= LEAST_VISIBLE)
            .map(|(real, (_, id, rect))| (real.rect.iou(rect), real.id, *id))
            .filter(|(overlap, _, _)| *overlap >= SAME)
            .collect();
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut taken, mut given) = (Vec::new(), Vec::new());
        for (_, real, id) in pairs {
            if taken.contains(&real) || given.contains(&id) {
                continue;
            }
            taken.push(real);
            given.push(id);
            score.matched += 1;
            score.switched += usize::from(last.insert(real, id).is_some_and(|before| before != id));
            *owners.entry(id).or_default().entry(real).or_default() += 1;
        }
    }
    score.objects = last.len();
    score.numbers = owners.len();
    let strangers =
        |owners: &BTreeMap<u64, usize>| owners.values().sum::<usize>() - owners.values().max().unwrap();
    score.borrowed = owners.values().map(strangers).sum();
    score
}

#[test]
fn detect_numbers_what_it_follows() {
    if !can_detect(&street()) {
        return;
    }
    gst::init().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = simulation::record_files(folder.path(), 2, SIZE, SECONDS).unwrap();
    let (code, out, err) =
        run(slipstream().arg("detect").arg("--track").arg("--model").arg(street()).args(&files));
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (mut all, mut numbered) = (0, 0);
    for (number, file) in (0..).zip(&files) {
        let frames: Vec<_> = lines.iter().filter(|line| line["file"] == file.to_str().unwrap()).collect();
        let tracked = |object: &Value| {
            let side = |index: usize| object["box"][index].as_f64().unwrap() as f32;
            let rect = Rect::new(side(0), side(1), side(2), side(3));
            object.get("id").map(|id| (object["class"].as_u64().unwrap() as u32, id.as_u64().unwrap(), rect))
        };
        let objects = |frame: &&Value| frame["objects"].as_array().unwrap().clone();
        let seen: Vec<Vec<_>> =
            frames.iter().map(|frame| objects(frame).iter().filter_map(tracked).collect()).collect();
        all += frames.iter().map(|frame| objects(frame).len()).sum::<usize>();
        numbered += seen.iter().map(Vec::len).sum::<usize>();
        let score = score(&truth(number, frames.len()), &seen);
        println!("{}: {score:?}", file.display());
        assert!(score.matched > 300, "{score:?}");
        assert!(score.switched * 100 <= score.matched, "{score:?}");
        assert!(score.borrowed * 20 <= score.matched, "{score:?}");
    }
    println!("{numbered} of {all} detections have a number");
    assert!(numbered * 10 >= all * 7, "{numbered} of {all}");

    // Without being asked for, there are none; a tracker that there is not is named.
    let (_, out, _) =
        run(slipstream().args(["detect", "--every=50", "--model"]).arg(street()).arg(&files[0]));
    assert!(!out.contains("\"id\""), "{out}");
    let (code, _, err) = run(slipstream().args(["detect", "--track=/no/tracker.yml"]).arg(&files[0]));
    assert_eq!((code, err.contains("/no/tracker.yml")), (Some(1), true), "{err}");
}

fn job_settings(arguments: &[&str]) -> JobSettings {
    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        settings: JobSettings,
    }
    use clap::Parser;
    let usual = ["job", "--port=0", "--bind=127.0.0.1", "--model"];
    let model = street();
    Program::parse_from([&usual[..], &[model.to_str().unwrap()], arguments].concat()).settings
}

type Seen = Arc<Mutex<Vec<FrameMeta>>>;

/// Runs the job over simulated cameras and notes every frame in front of the tiler.
fn job(arguments: &[&str], cameras: u32) -> (CameraServer, Job, Seen) {
    gst::init().unwrap();
    gstslipstream::plugin_register_static().unwrap();
    let live = simulation::live_cameras(cameras, SIZE);
    let server =
        CameraServer::start(CameraServerSettings::default(), live.into_iter().map(CameraSource::Live))
            .unwrap();
    let inputs: Vec<_> = (0..cameras as usize).map(|index| server.uri(index).parse().unwrap()).collect();
    let seen = Seen::default();
    let job = Job::start_watched(&job_settings(arguments), &inputs, |pipeline| {
        let pad = pipeline.by_name("sliptiler").unwrap().static_pad("sink").unwrap();
        let seen = seen.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(batch) = info.buffer().and_then(Batch::from_buffer) {
                seen.lock().extend(batch.frames.iter().cloned());
            }
            gst::PadProbeReturn::Ok
        });
    });
    (server, job.unwrap(), seen)
}

/// Frames of a camera, from number `from` on.
fn frames(seen: &Seen, camera: u32, from: u64) -> Vec<FrameMeta> {
    let seen = seen.lock();
    let of_camera = |frame: &&FrameMeta| frame.pad_index == camera && frame.frame_number >= from;
    seen.iter().filter(of_camera).cloned().collect()
}

/// Greatest number on the frames of a camera so far.
fn greatest(frames: &[FrameMeta]) -> u64 {
    frames.iter().flat_map(|frame| &frame.objects).filter_map(|o| o.tracking_id).max().unwrap_or_default()
}

#[test]
fn live_cameras_keep_their_numbers_between_looks_and_over_a_reconnection() {
    if !can_detect(&street()) {
        return;
    }
    const CAMERAS: u32 = 2;
    // Each camera is looked at on every fifth of its frames.
    let (server, job, seen) = job(&["--interval=4", "--trails=25"], CAMERAS);
    let settled = |from: u64, frames_wanted: usize| {
        for camera in 0..CAMERAS {
            wait_until("tracked frames", || {
                let frames = frames(&seen, camera, from);
                frames.iter().filter(|frame| !frame.objects.is_empty()).count() > frames_wanted
            });
        }
    };
    settled(0, 100);
    let (mut pairs, mut kept, mut between) = (0, 0, 0);
    for camera in 0..CAMERAS {
        let frames = frames(&seen, camera, 0);
        let objects = || frames.iter().flat_map(|frame| frame.objects.iter().map(move |o| (frame, o)));
        assert!(objects().all(|(_, object)| object.tracking_id.is_some()), "what is shown has a number");
        assert!(objects().all(|(_, object)| (1..=25).contains(&object.trail.len())));
        assert!(objects().all(|(frame, object)| frame.inferred || object.detector_rect.is_none()));
        between += objects().filter(|(frame, _)| !frame.inferred).count();
        for (before, after) in frames.iter().zip(frames.iter().skip(1)) {
            for object in &before.objects {
                let same = |other: &&ObjectMeta| {
                    other.class_id == object.class_id && other.rect.iou(&object.rect) > 0.8
                };
                if let Some(other) = after.objects.iter().find(same) {
                    pairs += 1;
                    kept += usize::from(other.tracking_id == object.tracking_id);
                }
            }
        }
    }
    println!("{kept} of {pairs} numbers kept from frame to frame, {between} boxes between looks");
    assert!(pairs > 200 && between > 100, "{pairs} {between}");
    assert!(kept * 50 >= pairs * 49, "{kept} of {pairs}");

    // The camera is cut off and comes back: what is there then was not followed from before.
    let before = frames(&seen, 0, 0);
    let last = before.last().unwrap().frame_number;
    server.hang_up(0);
    wait_until("a reconnection", || job.cameras()[0].reconnects() > 0);
    settled(last + 10, 25);
    let after = frames(&seen, 0, last + 10);
    let first_new = after.iter().flat_map(|frame| &frame.objects).filter_map(|o| o.tracking_id).min();
    assert!(first_new > Some(greatest(&before)), "{first_new:?} after {}", greatest(&before));
}

#[test]
fn without_a_tracker_boxes_are_held_and_have_no_numbers() {
    if !can_detect(&street()) {
        return;
    }
    let (_server, job, seen) = job(&["--interval=4", "--tracker=none"], 1);
    assert!(job.pipeline().by_name("sliptrack").is_none());
    wait_until("held boxes", || {
        frames(&seen, 0, 0).iter().filter(|frame| !frame.inferred && !frame.objects.is_empty()).count() > 10
    });
    let frames = frames(&seen, 0, 0);
    assert!(frames.iter().flat_map(|frame| &frame.objects).all(|object| object.tracking_id.is_none()));
}

#[test]
fn a_wrong_tracker_is_said_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let model = common::media::tiny_model(folder.path());
    let job = |tracker: &str| {
        run(slipstream()
            .args(["run", "--port=0", "rtsp://127.0.0.1:1/x", "--model"])
            .arg(&model)
            .args(["--tracker", tracker]))
    };
    let (code, out, err) = job("guesswork");
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("\"guesswork\" is no tracker") && err.contains("bytetrack"), "{err}");
    let (code, out, err) = job("/no/tracker.yml");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("/no/tracker.yml"), "{err}");
}
