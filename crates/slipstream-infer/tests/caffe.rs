//! Caffe nets with random weights, against OpenCV: each blob of each net, and whole nets.

mod common;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use slipstream_infer::InferConfig;
use slipstream_infer::engine::{Engine, EngineError};

/// Greatest difference of a number, relative to the greatest of its blob.
const TOLERANCE: f32 = 1e-4;
/// Numbers of a detection of SSD.
const DETECTION: usize = 7;

#[derive(Debug, serde::Deserialize)]
struct Net {
    input: [usize; 3],
    outputs: Vec<String>,
    blobs: BTreeMap<String, Expected>,
}

#[derive(Debug, serde::Deserialize)]
struct Expected {
    shape: Vec<usize>,
    file: String,
}

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("SLIPSTREAM_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| common::root().join(".deps/venv/bin/python"));
    let works = Command::new(&python).args(["-c", "import numpy, cv2; cv2.dnn.readNetFromCaffe"]).output();
    works.is_ok_and(|output| output.status.success()).then_some(python)
}

fn floats(path: PathBuf) -> Vec<f32> {
    std::fs::read(path)
        .unwrap()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

/// Runs the net in `folder` here; `None`, loudly, where ONNX Runtime is not installed.
fn run(folder: &Path, outputs: &[&str]) -> Option<Tensors> {
    let text = format!(
        "[property]\nproto-file=net.prototxt\nmodel-file=net.caffemodel\noutput-blob-names={}\n",
        outputs.join(";")
    );
    let (config, _) = InferConfig::parse(&text, folder.join("config.txt")).unwrap();
    let mut engine = match Engine::load(&config, NonZeroUsize::new(1)) {
        Err(error @ EngineError::Library { .. }) => {
            common::skip(error);
            return None;
        }
        engine => engine.unwrap(),
    };
    let worker = &mut engine.workers()[0];
    worker.input(0).copy_from_slice(&floats(folder.join("input.f32")));
    let mut found = Tensors::new();
    worker
        .run(1, |_, tensors| {
            for tensor in tensors {
                found.insert(tensor.name.to_owned(), (tensor.dims.to_vec(), tensor.data.to_vec()));
            }
            Ok::<_, EngineError>(())
        })
        .unwrap();
    Some(found)
}

/// Detections in an order that does not depend on who found them.
fn sorted(data: &[f32]) -> Vec<f32> {
    let mut rows: Vec<_> = data.chunks_exact(DETECTION).map(<[f32]>::to_vec).collect();
    rows.sort_by(|a, b| a[1].total_cmp(&b[1]).then(b[2].total_cmp(&a[2])));
    rows.concat()
}

fn compare(name: &str, found: &(Vec<usize>, Vec<f32>), expected: &Expected, folder: &Path) -> f32 {
    let (shape, data) = found;
    let mut reference = floats(folder.join(&expected.file));
    let mut data = data.clone();
    // without the batch, which is 1
    assert_eq!(shape[..], expected.shape[1..], "{name}");
    if name == "detection_out" {
        assert!(reference.len() >= 20 * DETECTION, "too few detections to mean anything");
        (data, reference) = (sorted(&data), sorted(&reference));
    }
    assert_eq!(data.len(), reference.len(), "{name}");
    let greatest = reference.iter().fold(0f32, |greatest, value| greatest.max(value.abs()));
    assert!(greatest > 1e-3, "{name}: all numbers are small: {greatest}");
    let worst = data.iter().zip(&reference).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max) / greatest;
    assert!(worst <= TOLERANCE, "{name}: differs by {worst}");
    worst
}

fn check(net: &str) {
    let Some(python) = python() else {
        return common::skip("no Python with NumPy and OpenCV 4 (SLIPSTREAM_PYTHON, .deps/venv/bin/python)");
    };
    let temporary = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/caffe_nets.py");
    let output = Command::new(python).arg(script).arg(temporary.path()).arg(net).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = temporary.path().join(net);
    let read: Net = serde_json::from_slice(&std::fs::read(folder.join("net.json")).unwrap()).unwrap();
    assert_eq!(floats(folder.join("input.f32")).len(), read.input.iter().product::<usize>());

    // As detectors use it: with the net's own outputs, so that ONNX Runtime may join what it likes.
    let Some(found) = run(&folder, &[]) else { return };
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    let mut expected: Vec<_> = read.outputs.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(names, expected, "{net}");
    let mut worst = 0f32;
    for name in &read.outputs {
        worst = worst.max(compare(name, &found[name], &read.blobs[name], &folder));
    }

    // Layer by layer.
    let names: Vec<_> = read.blobs.keys().map(String::as_str).collect();
    let found = run(&folder, &names).unwrap();
    assert_eq!(found.len(), read.blobs.len(), "{net}");
    for (name, blob) in &read.blobs {
        worst = worst.max(compare(name, &found[name], blob, &folder));
    }
    eprintln!("{net}: {} blobs, greatest difference {worst:e}", read.blobs.len());
}

#[test]
fn the_sample_detector_s_layout() {
    check("resnet10");
}

#[test]
fn mobilenet_ssd() {
    check("mobilenet_ssd");
}

#[test]
fn pooling_rounds_as_caffe_does() {
    check("pooling");
}

#[test]
fn layers_of_numbers() {
    check("numbers");
}

#[test]
fn layers_of_shapes() {
    check("shapes");
}

#[test]
fn old_layers() {
    check("old");
}
