//! Models that a calibration table makes 8-bit ones, against the same models in floating point.

mod common;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use slipstream_infer::config::NetworkMode;
use slipstream_infer::engine::{Engine, EngineError};
use slipstream_infer::{Detection, Detector, InferConfig, model};
use slipstream_meta::Size;

type Outputs = Vec<(String, Vec<f32>)>;

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("SLIPSTREAM_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| common::root().join(".deps/venv/bin/python"));
    let works = Command::new(&python).args(["-c", "import numpy, cv2, onnxruntime"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        common::skip(
            "no Python with NumPy, OpenCV 4 and ONNX Runtime (SLIPSTREAM_PYTHON, .deps/venv/bin/python)",
        );
        return None;
    }
    Some(python)
}

fn script(python: &Path, name: &str, arguments: &[&Path]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name);
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn floats(path: &Path) -> Vec<f32> {
    std::fs::read(path)
        .unwrap()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

fn config(folder: &Path, keys: &str) -> InferConfig {
    InferConfig::parse(&format!("[property]\n{keys}\n"), folder.join("config.txt")).unwrap().0
}

/// Runs a model on the picture in `folder`; also returns what there is to know. `None` where ONNX Runtime is not installed.
fn run(folder: &Path, keys: &str) -> Option<(Outputs, Vec<String>)> {
    let mut engine = match Engine::load(&config(folder, keys), NonZeroUsize::new(1)) {
        Err(error @ EngineError::Library { .. }) => {
            common::skip(error);
            return None;
        }
        engine => engine.unwrap(),
    };
    let notices = engine.notices().iter().map(ToString::to_string).collect();
    let worker = &mut engine.workers()[0];
    worker.input(0).copy_from_slice(&floats(&folder.join("input.f32")));
    let mut outputs = Outputs::new();
    let read = |_, tensors: &[slipstream_infer::parse::OutputTensor<'_>]| {
        outputs = tensors.iter().map(|tensor| (tensor.name.to_owned(), tensor.data.to_vec())).collect();
        Ok::<_, EngineError>(())
    };
    worker.run(1, read).unwrap();
    Some((outputs, notices))
}

/// How alike two lists of numbers are: 1 is the same, but for a factor and an offset.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |x: &[f32]| x.iter().map(|&x| f64::from(x)).sum::<f64>() / x.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a) - ma, f64::from(b) - mb);
        (ab, aa, bb) = (ab + a * b, aa + a * a, bb + b * b);
    }
    ab / (aa * bb).sqrt()
}

/// Writes the graph that ONNX Runtime makes of a model.
const OPTIMISE: &str = "import sys, onnxruntime as o
options = o.SessionOptions()
options.log_severity_level = 3
options.optimized_model_filepath = sys.argv[2]
o.InferenceSession(sys.argv[1], options, providers=['CPUExecutionProvider'])";

/// The graph that ONNX Runtime makes of the model that `config` names.
fn optimised(python: &Path, config: &InferConfig) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let [model, optimised] = ["model.onnx", "optimised.onnx"].map(|name| folder.path().join(name));
    std::fs::write(&model, model::load(config).unwrap().bytes.unwrap()).unwrap();
    let done = Command::new(python).args(["-c", OPTIMISE]).args([&model, &optimised]).status().unwrap();
    assert!(done.success());
    std::fs::read(optimised).unwrap()
}

/// How often a graph has `operator`.
fn count(graph: &[u8], operator: &str) -> usize {
    // op_type is field 4 of a node: its tag, its length, its text
    let pattern = [&[4 << 3 | 2, operator.len() as u8], operator.as_bytes()].concat();
    graph.windows(pattern.len()).filter(|window| *window == pattern).count()
}

/// Of the boxes of a DetectNet grid whose coverage is well above the article's threshold, how many are above it as well in
/// other outputs, with an overlap (intersection over union) of at least a half.
fn agreement(exact: &Outputs, rough: &Outputs) -> (usize, usize) {
    const THRESHOLD: f32 = 0.2;
    const CLEAR: f32 = 0.3;
    let boxes = |outputs: &Outputs, least: f32| -> Vec<(usize, slipstream_meta::Rect)> {
        let [bbox, coverage] = ["conv2d_bbox", "conv2d_cov/Sigmoid"]
            .map(|name| &outputs.iter().find(|(output, _)| output == name).unwrap().1);
        let cells = coverage.len() / 4;
        let rect = |at: usize| {
            let corner = |plane: usize| 35.0 * bbox[(4 * (at / cells) + plane) * cells + at % cells];
            // where it lies does not change the overlap with another of its cell
            slipstream_meta::Rect::from_corners(-corner(0), -corner(1), corner(2), corner(3))
        };
        let found = (0..coverage.len()).filter(|&at| coverage[at] >= least).map(|at| (at, rect(at)));
        found.filter(|(_, rect)| rect.width > 1.0 && rect.height > 1.0).collect()
    };
    let (exact, rough) = (boxes(exact, CLEAR), boxes(rough, THRESHOLD));
    let is_in_rough = |(at, rect): &&(usize, slipstream_meta::Rect)| {
        rough.iter().any(|(other, same)| other == at && rect.iou(same) >= 0.5)
    };
    (exact.iter().filter(is_in_rough).count(), exact.len())
}

const CAFFE: &str =
    "proto-file=net.prototxt\nmodel-file=net.caffemodel\nnet-scale-factor=0.0039215697906911373";

#[test]
fn the_sample_detector_s_layout_in_8_bits() {
    let Some(python) = python() else { return };
    let temporary = tempfile::tempdir().unwrap();
    script(&python, "caffe_nets.py", &[temporary.path(), Path::new("resnet10")]);
    let folder = temporary.path().join("resnet10");
    let Some((exact, notices)) = run(&folder, CAFFE) else { return };
    assert!(notices.is_empty(), "{notices:?}");

    // A table of all values, made from the net in floating point.
    let bytes = model::load(&config(&folder, CAFFE)).unwrap().bytes.unwrap();
    std::fs::write(folder.join("net.onnx"), bytes).unwrap();
    script(
        &python,
        "caffe_table.py",
        &[
            &folder.join("net.onnx"),
            &folder.join("input.f32"),
            &folder.join("cal_trt.bin"),
            Path::new("368"),
            Path::new("640"),
        ],
    );

    let keys = format!("{CAFFE}\nnetwork-mode=1\nint8-calib-file=cal_trt.bin");
    let (rough, notices) = run(&folder, &keys).unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    for ((name, exact), (_, rough)) in exact.iter().zip(&rough) {
        let alike = correlation(exact, rough);
        eprintln!("{name}: correlation {alike:.5}");
        assert!(alike > 0.99, "{name}: {alike}");
        assert_ne!(exact, rough, "{name}: 8 bits change nothing");
    }
    let (same, all) = agreement(&exact, &rough);
    eprintln!("{same} of {all} boxes are the same in 8 bits");
    assert!(all >= 50 && same * 100 >= all * 85, "{same} of {all}");
    // 15 convolutions; the first and the two heads stay as they are. Four sums.
    let graph = optimised(&python, &config(&folder, &keys));
    assert_eq!(count(&graph, "QLinearConv"), 12);
    assert_eq!(count(&graph, "QLinearAdd"), 4);
    assert_eq!(count(&graph, "Conv") + count(&graph, "FusedConv"), 3);
    // nothing is turned back in between: one way in, and the ways out to the two heads
    assert!(count(&graph, "QuantizeLinear") <= 2);
    assert!(count(&graph, "DequantizeLinear") <= 2);

    // Where the table lacks a value, what needs it stays in floating point, and that is said.
    let table = std::fs::read_to_string(folder.join("cal_trt.bin")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with("block_2a_relu_1:"));
    std::fs::write(folder.join("cal_trt.bin"), lines.collect::<Vec<_>>().join("\n")).unwrap();
    let (rough, notices) = run(&folder, &keys).unwrap();
    let [notice] = notices.as_slice() else { panic!("{notices:?}") };
    assert!(notice.contains("10 of 15 convolutions") && notice.contains("\"block_2a_relu_1\""), "{notice}");
    assert!(correlation(&exact[0].1, &rough[0].1) > 0.99);

    // Without a table, that is said and nothing else.
    let (same, notices) = run(&folder, &format!("{CAFFE}\nnetwork-mode=1")).unwrap();
    assert!(notices[0].contains("int8-calib-file is not set: it runs in FP32"), "{notices:?}");
    assert_eq!(same, exact);
}

/// Frames are of this size.
const SIZE: Size = Size::new(848, 478);

/// Raw NV12 frames, two a second.
fn frames(clip: &Path, frames: &Path) -> bool {
    let filter = format!("fps=2,scale={}:{}:in_range=limited:out_range=limited", SIZE.width, SIZE.height);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-i"]).arg(clip).args(["-vf", &filter, "-frames:v", "16"]);
    let done = ffmpeg.args(["-pix_fmt", "nv12", "-f", "rawvideo"]).arg(frames).status();
    done.is_ok_and(|status| status.success())
}

/// The clear objects of `ours`, and how many of them `theirs` has as well.
fn matched(ours: &[Detection], theirs: &[Detection], clear: f32) -> (usize, usize) {
    let clear: Vec<_> = ours.iter().filter(|object| object.confidence >= clear).collect();
    let same = |a: &Detection, b: &Detection| a.class_id == b.class_id && a.rect.iou(&b.rect) >= 0.6;
    (clear.len(), clear.iter().filter(|a| theirs.iter().any(|b| same(a, b))).count())
}

#[test]
fn a_real_detector_finds_the_same_in_8_bits() {
    let Some(python) = python() else { return };
    let Some(assets) = common::assets() else { return common::skip("the assets folder is not there") };
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    if !frames(&assets.join("videos/crosswalk-848x478.mp4"), &folder.join("frames.nv12")) {
        return common::skip("no ffmpeg");
    }
    let (config, _) = InferConfig::load(common::root().join("models/street.ini")).unwrap();
    let Some(slipstream_infer::config::Model::Onnx(model)) = config.model.clone() else { panic!() };
    let detector = |config: &InferConfig, threshold: f32| {
        let mut config = config.clone();
        let every_class = config.class_attrs.values_mut().chain([&mut config.class_attrs_all]);
        every_class.for_each(|attrs| attrs.pre_cluster_threshold = threshold);
        Detector::new(config, NonZeroUsize::new(1)).map_err(|error| error.to_string())
    };
    let bytes = std::fs::read(folder.join("frames.nv12")).unwrap();
    let length = (SIZE.width * SIZE.height * 3 / 2) as usize;
    let pictures: Vec<_> = bytes.chunks_exact(length).map(|frame| common::nv12(SIZE, frame)).collect();
    let mut exact = match detector(&config, 0.3) {
        Err(error) if error.contains("ONNX Runtime is not installed") => {
            return common::skip(error);
        }
        exact => exact.unwrap(),
    };
    // Every other frame calibrates, the others are looked at.
    let (known, new): (Vec<_>, Vec<_>) = pictures.iter().enumerate().partition(|(index, _)| index % 2 == 0);
    let new: Vec<_> = new.into_iter().map(|(_, picture)| *picture).collect();
    let found = exact.detect(&new).unwrap();

    let preprocess = slipstream_infer::tensor::Preprocess::new(&config, exact.input()).unwrap();
    let dims = exact.input();
    let mut tensor = vec![0f32; (dims.channels * dims.height * dims.width) as usize];
    let mut tensors = Vec::new();
    for (_, picture) in known {
        preprocess
            .run(&mut slipstream_infer::tensor::Scratch::default(), picture, None, &mut tensor)
            .unwrap();
        tensors.extend(tensor.iter().flat_map(|value| value.to_le_bytes()));
    }
    std::fs::write(folder.join("inputs.f32"), tensors).unwrap();
    let [height, width] = [dims.height, dims.width].map(|size| size.to_string());
    let (inputs, table) = (folder.join("inputs.f32"), folder.join("table"));
    script(&python, "caffe_table.py", &[&model, &inputs, &table, Path::new(&height), Path::new(&width)]);
    let mut int8 = config.clone();
    (int8.network_mode, int8.int8_calib_file) = (NetworkMode::Int8, Some(table));
    let mut rough = detector(&int8, 0.2).unwrap();
    assert!(rough.notices().is_empty(), "{:?}", rough.notices());
    let again = rough.detect(&new).unwrap();
    let (mut clear, mut both) = (0, 0);
    for (found, again) in found.iter().zip(&again) {
        let (all, same) = matched(found, again, 0.4);
        (clear, both) = (clear + all, both + same);
    }
    eprintln!("{both} of {clear} clear objects are found in 8 bits as well");
    assert!(clear >= 20, "too few objects to mean anything: {clear}");
    assert!(both * 100 >= clear * 90, "{both} of {clear}");
}
