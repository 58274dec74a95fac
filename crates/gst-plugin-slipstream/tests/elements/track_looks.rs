//! `sliptrack` with a network that tells objects apart by their looks: the classifier of colours of
//! `crates/slipstream-infer/tests/reference` gives each its colour as a vector.

use std::path::{Path, PathBuf};

use gst_video::VideoFormat::Rgb;
use gstslipstream::meta::Batch;
use slipstream_meta::{FrameMeta, ObjectMeta, Rect};

use crate::common::*;
use crate::track::{start, tracker};

const SIZE: (u32, u32) = (320, 240);
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const GRAY: u8 = 90;

/// The frame on which the two meet and turn round.
const MEETING: i64 = 20;
const LAST: i64 = 2 * MEETING;
const SPEED: i64 = 6;
/// What lies between the two edges is hidden.
const SCREEN: (f32, f32) = (110.0, 210.0);

/// Two of the same size come from both sides at the same speed, turn round behind a screen and go back: whoever goes by their
/// ways has them pass one another.
fn walkers(number: i64) -> [(Rect, [u8; 3]); 2] {
    let way = (SPEED * number.min(LAST - number)) as f32;
    let at = |left: f32| Rect::new(left, 90.0, 40.0, 60.0);
    [(at(20.0 + way), RED), (at(260.0 - way), BLUE)]
}

fn is_hidden(rect: &Rect) -> bool {
    rect.right() > SCREEN.0 && rect.left < SCREEN.1
}

fn picture(things: &[(Rect, [u8; 3])]) -> (gst_video::VideoInfo, gst::Buffer) {
    let info = info(Rgb, SIZE.0, SIZE.1);
    let stride = info.stride()[0] as usize;
    let mut bytes = vec![GRAY; info.size()];
    for (rect, color) in things {
        for y in rect.top as usize..rect.bottom() as usize {
            for x in rect.left as usize..rect.right() as usize {
                bytes[y * stride + 3 * x..][..3].copy_from_slice(color);
            }
        }
    }
    (info, gst::Buffer::from_mut_slice(bytes))
}

/// The numbers of the red and the blue one before and after, and all frames, by a tracker as `config` says.
fn watch(config: &Path) -> (Vec<[Option<u64>; 2]>, Vec<FrameMeta>) {
    let element = tracker(&[("ll-config-file", config.to_str().unwrap())]);
    let mut harness = batch_harness(&element, "video/x-raw(meta:SlipstreamBatch)");
    let mut frames = Vec::new();
    for number in 0..=LAST {
        let seen: Vec<_> = walkers(number).into_iter().filter(|(rect, _)| !is_hidden(rect)).collect();
        let (info, buffer) = picture(&seen);
        let make = MakeBatch::of_sources([0]).frame_with(0, &info, buffer, |frame| {
            frame.frame_number = number as u64;
            frame.pts = Some(number as u64 * 40_000_000);
            frame.inferred = true;
            frame.objects =
                seen.iter().map(|(rect, _)| ObjectMeta::detected(0, "Person".into(), 0.9, *rect)).collect();
        });
        let batch = harness.push_and_pull(make.buffer(0)).unwrap();
        frames.push(Batch::from_buffer(&batch).unwrap().frames[0].clone());
    }
    let id = |frame: &FrameMeta, rect: &Rect| {
        let found = frame.objects.iter().find(|object| object.rect.iou(rect) > 0.5);
        found.and_then(|object| object.tracking_id)
    };
    let ids = [8, LAST].map(|number| walkers(number).map(|(rect, _)| id(&frames[number as usize], &rect)));
    (ids.to_vec(), frames)
}

const OWN: &str = "Slipstream:\n  tracker: slip\n";
const DEEPSTREAM: &str = "\
TargetManagement:
  probationAge: 2
  maxShadowTrackingAge: 60
TrajectoryManagement:
  enableReAssoc: 1
DataAssociator:
  associationMatcherType: 1
  minMatchingScore4Iou: 0.1
  minMatchingScore4ReidSimilarity: 0.6
  matchingScoreWeight4Iou: 0.5
  matchingScoreWeight4ReidSimilarity: 0.5
  usePrediction4Assoc: 1
StateEstimator:
  stateEstimatorType: 1
";

fn reid(kind: u32) -> String {
    let model = root().join("crates/slipstream-infer/tests/data/colors.onnx");
    format!(
        "ReID:\n  reidType: {kind}\n  onnxFile: {}\n  inferDims: [3, 8, 8]\n  inputOrder: 0\n  keepAspc: 0\n  \
         netScaleFactor: 0.00392156862745098\n  addFeatureNormalization: 1\n  outputReidTensor: 1\n",
        model.display()
    )
}

fn write(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("tracker.yml");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn two_who_turn_round_out_of_sight_keep_their_numbers_by_their_looks_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (tracker, kind) in [(OWN, 1), (DEEPSTREAM, 3)] {
        let config = write(folder.path(), tracker);
        let (ids, frames) = watch(&config);
        let [before, after] = [ids[0], ids[1]];
        assert!(before.iter().all(Option::is_some), "{ids:?}");
        assert_eq!([after[1], after[0]], before, "without looks they seem to have passed one another");
        assert!(frames.iter().flat_map(|frame| &frame.objects).all(|object| object.embedding.is_none()));

        let config = write(folder.path(), &(tracker.to_owned() + &reid(kind)));
        let (started, error) =
            start(&[("ll-config-file", config.to_str().unwrap())], gst::MessageType::Error);
        if !started {
            assert!(error.contains("ONNX Runtime") && error.contains("Looked at"), "{error}");
            return skip("ONNX Runtime is not installed");
        }
        let (ids, frames) = watch(&config);
        assert_eq!(ids[1], ids[0], "each is who it was");
        assert_eq!(ids[0], before);
        // As vectors that programs see: of length 1, and red and blue are apart.
        let [red, blue] = &frames[8].objects[..] else { panic!("{:?}", frames[8].objects) };
        let vectors = [red, blue].map(|object| object.embedding.clone().unwrap());
        for (vector, expected) in vectors.iter().zip([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) {
            assert!(vector.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01), "{vectors:?}");
        }
    }
}

#[test]
fn networks_that_only_deepstream_has_are_done_without_and_ones_own_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let samples = "/opt/nvidia/deepstream/deepstream/samples/models/Tracker";
    for (key, file, said) in [
        ("onnxFile", format!("{samples}/no-such-network.onnx"), "sample models"),
        ("tltEncodedModel", format!("{samples}/resnet50_market1501.etlt"), "only TensorRT reads this format"),
        ("uffFile", "mars-small128.uff".to_owned(), "only TensorRT reads this format"),
    ] {
        let config = write(folder.path(), &format!("ReID:\n  reidType: 1\n  {key}: {file}\n"));
        let properties = [("ll-config-file", config.to_str().unwrap())];
        let (started, warning) = start(&properties, gst::MessageType::Warning);
        assert!(started, "{key}");
        for part in [&format!("tracker.yml:3: ReID: {key}"), said, "matched without their looks"] {
            assert!(warning.contains(part), "{warning:?} does not say {part:?}");
        }
    }
    let config = write(folder.path(), "ReID:\n  reidType: 1\n  onnxFile: own.onnx\n");
    let properties = [("ll-config-file", config.to_str().unwrap())];
    let (started, error) = start(&properties, gst::MessageType::Error);
    assert!(
        !started && error.contains("tracker.yml:3: ReID: onnxFile") && error.contains("own.onnx"),
        "{error}"
    );
}
