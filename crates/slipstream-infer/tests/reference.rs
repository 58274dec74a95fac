//! Boxes on frames of real clips, against an independent detector in Python.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use slipstream_meta::{Rect, Size};

/// Frames are of this size.
const SIZE: Size = Size::new(848, 478);
const CONFIDENCE: f32 = 0.3;
const IOU: f32 = 0.5;
/// A box this close to the threshold may be on one side only.
const CONFIDENCE_TOLERANCE: f32 = 0.01;
const PIXEL_TOLERANCE: f32 = 1.0;

type Object = (u32, f32, Rect);

/// Raw NV12 frames, two a second.
fn frames(clip: &Path, folder: &Path) -> Option<PathBuf> {
    let frames = folder.join("frames.nv12");
    let filter = format!("fps=2,scale={}:{}:in_range=limited:out_range=limited", SIZE.width, SIZE.height);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-i"]).arg(clip).args([
        "-vf",
        &filter,
        "-frames:v",
        "8",
        "-pix_fmt",
        "nv12",
    ]);
    let done = ffmpeg.args(["-f", "rawvideo"]).arg(&frames).status();
    done.is_ok_and(|status| status.success()).then_some(frames)
}

fn compare(kind: &str, model: &str, config: &str) {
    let Some(assets) = common::assets() else { return common::skip("the assets folder is not there") };
    let Some(python) = common::python("numpy, onnxruntime") else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(frames) = frames(&assets.join("videos/crosswalk-848x478.mp4"), folder.path()) else {
        return common::skip("no ffmpeg");
    };
    let model = assets.join("models").join(model);
    let config = format!(
        "[property]\nonnx-file={}\nmodel-color-format=1\ncluster-mode=2\n{config}\n\
         [class-attrs-all]\npre-cluster-threshold={CONFIDENCE}\nnms-iou-threshold={IOU}\n",
        model.display()
    );
    let Some(detector) = common::detector(&config) else { return };
    let mut detector = detector.unwrap();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/detect.py");
    let numbers = [SIZE.width.to_string(), SIZE.height.to_string(), CONFIDENCE.to_string(), IOU.to_string()];
    let output =
        Command::new(python).arg(script).arg(kind).args([&model, &frames]).args(numbers).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected: Vec<Vec<Object>> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let objects: Vec<(u32, f32, f32, f32, f32, f32)> = serde_json::from_str(line).unwrap();
            objects
                .into_iter()
                .map(|(c, s, x1, y1, x2, y2)| (c, s, Rect::from_corners(x1, y1, x2, y2)))
                .collect()
        })
        .collect();

    let bytes = std::fs::read(frames).unwrap();
    let length = (SIZE.width * SIZE.height * 3 / 2) as usize;
    let pictures: Vec<_> = bytes.chunks_exact(length).map(|frame| common::nv12(SIZE, frame)).collect();
    let found = detector.detect(&pictures).unwrap();
    let found: Vec<Vec<Object>> = found
        .iter()
        .map(|frame| frame.iter().map(|o| (o.class_id, o.confidence, o.rect)).collect())
        .collect();
    assert_eq!(found.len(), expected.len());
    let total: usize = expected.iter().map(Vec::len).sum();
    assert!(total >= 4 * expected.len(), "too few objects to mean anything: {total}");
    let mut worst = (0f32, 0f32);
    for (frame, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let (a, b) = (unmatched(found, expected, &mut worst), unmatched(expected, found, &mut worst));
        assert!(a.is_empty() && b.is_empty(), "frame {frame}: only found {a:?}, only expected {b:?}");
    }
    eprintln!("{kind}: {total} objects, greatest difference {} pixels, {} confidence", worst.0, worst.1);
}

/// The clear objects of `ours` that `theirs` lacks; notes the greatest differences of the others.
fn unmatched<'a>(ours: &'a [Object], theirs: &[Object], worst: &mut (f32, f32)) -> Vec<&'a Object> {
    let distance = |a: &Rect, b: &Rect| {
        let edges = |r: &Rect| [r.left, r.top, r.right(), r.bottom()];
        edges(a).into_iter().zip(edges(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    let mut missing = Vec::new();
    for object in ours {
        let near = theirs.iter().filter(|other| other.0 == object.0).map(|other| {
            let (pixels, confidence) = (distance(&object.2, &other.2), (object.1 - other.1).abs());
            (pixels, confidence)
        });
        let best = near.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f32::INFINITY, f32::INFINITY));
        if best.0 <= PIXEL_TOLERANCE && best.1 <= CONFIDENCE_TOLERANCE {
            *worst = (worst.0.max(best.0), worst.1.max(best.1));
        } else if object.1 > CONFIDENCE + CONFIDENCE_TOLERANCE {
            missing.push(object);
        }
    }
    missing
}

#[test]
fn nanodet_with_boxes_and_scores() {
    compare("boxes-scores", "nanodet-plus-m_640x384_4cls.onnx", "num-detected-classes=4");
}

#[test]
fn yolox_raw_head_with_letterbox() {
    compare("yolox", "yolox_nano_416.onnx", "num-detected-classes=80\nmaintain-aspect-ratio=1");
}

#[test]
fn picodet_raw_head() {
    let config = "num-detected-classes=80\nnet-scale-factor=0.017352074\noffsets=103.53;116.28;123.675";
    compare("picodet", "picodet_s_416_raw.onnx", config);
}

#[test]
fn fastestdet_raw_head() {
    compare("fastestdet", "FastestDet.onnx", "num-detected-classes=80\nnet-scale-factor=0.00392156862745098");
}
