//! What runs a model, as `engine` asks for it.

mod common;

use slipstream_infer::InferConfig;
use slipstream_infer::config::ExecutionProvider;
use slipstream_meta::{Rect, Size};

fn keys(engine: &str) -> String {
    format!("[property]\nonnx-file=tiny.onnx\ncluster-mode=4\nengine={engine}\n")
}

#[test]
fn the_processor_is_always_there() {
    for engine in ["auto", "cpu"] {
        let Some(detector) = common::detector(&keys(engine)) else { return };
        // where there is a GPU that does not work, auto says so and goes on
        assert!(detector.unwrap().notices().len() <= usize::from(engine == "auto"));
    }
}

#[test]
fn what_is_asked_for_and_not_there_is_an_error() {
    for engine in ["cuda", "tensorrt", "openvino"] {
        if engine == "openvino" && openvino() {
            continue;
        }
        let Some(detector) = common::detector(&keys(engine)) else { return };
        let Err(error) = detector else {
            common::skip(format!("this ONNX Runtime can use {engine}"));
            continue;
        };
        let error = error.to_string();
        let expected =
            format!("config.txt:4: engine={engine}: the ONNX Runtime that is installed cannot use it");
        assert!(error.contains(&expected) && !error.ends_with(": "), "{error}");
    }
}

#[test]
fn words_are_checked() {
    let (config, _) = InferConfig::parse(&keys("cpu"), "config.txt").unwrap();
    assert_eq!(config.provider, ExecutionProvider::Cpu);
    let error = InferConfig::parse(&keys("gpu"), "config.txt").unwrap_err().to_string();
    assert_eq!(error, "config.txt:4: [property] engine=gpu: expected auto, cpu, cuda, tensorrt, openvino");
}

/// OpenVINO's own library, where the variable or the checkout has it.
fn openvino() -> bool {
    let named = std::env::var_os("SLIPSTREAM_OPENVINO").is_some();
    let is_there = named || common::root().join(".deps/openvino").is_dir();
    if !is_there {
        common::skip("no OpenVINO (SLIPSTREAM_OPENVINO, .deps/openvino)");
    }
    is_there
}

#[test]
fn openvino_finds_the_same() {
    if !openvino() {
        return;
    }
    let size = slipstream_meta::Size::new(848, 478);
    let mut luma: Vec<u8> =
        (0..size.width * size.height).map(|at| (at % 977 * (at % 31) % 251) as u8).collect();
    luma.extend(vec![128; (size.width * size.height / 2) as usize]);
    let find = |provider: ExecutionProvider| {
        let (mut config, _) = InferConfig::load(common::root().join("models/street.ini")).unwrap();
        config.provider = provider;
        config.cluster_mode = slipstream_infer::config::ClusterMode::None;
        let every_class = config.class_attrs.values_mut().chain([&mut config.class_attrs_all]);
        every_class.for_each(|attrs| attrs.pre_cluster_threshold = 0.0001);
        let mut detector = match slipstream_infer::Detector::new(config, std::num::NonZeroUsize::new(3)) {
            Err(error) if error.to_string().contains("ONNX Runtime is not installed") => {
                common::skip(error);
                return None;
            }
            detector => detector.unwrap(),
        };
        assert!(detector.notices().is_empty(), "{:?}", detector.notices());
        // more pictures than workers
        let pictures = vec![common::nv12(size, &luma); 5];
        Some((detector.input(), detector.detect(&pictures).unwrap()))
    };
    let Some(expected) = find(ExecutionProvider::Cpu) else { return };
    let found = find(ExecutionProvider::OpenVino).unwrap();
    assert_eq!(found.0, expected.0);
    assert!(expected.1[0].len() >= 100, "too few boxes to mean anything: {}", expected.1[0].len());
    for (found, expected) in found.1.iter().zip(&expected.1) {
        assert_eq!(found.len(), expected.len());
        // boxes of almost the same confidence may come in another order
        for a in found {
            let is_same = |b: &&slipstream_infer::Detection| {
                let edges = [a.rect.left - b.rect.left, a.rect.top - b.rect.top, a.rect.width - b.rect.width];
                a.class_id == b.class_id
                    && (a.confidence - b.confidence).abs() < 1e-4
                    && edges.iter().all(|difference| difference.abs() < 0.05)
            };
            assert!(expected.iter().any(|b| is_same(&b)), "{a:?}");
        }
    }
}

#[test]
fn openvino_s_errors_are_told() {
    if !openvino() {
        return;
    }
    let text = keys("openvino").replace("tiny.onnx", "../engine.rs");
    let error = common::detector(&text).unwrap().unwrap_err().to_string();
    assert!(error.contains("config.txt:4: engine=openvino: ") && error.contains("engine.rs: "), "{error}");
}

/// Cells of a picture as boxes, in the pixels that the model is told by a second input (see `tests/reference/tiny_networks.py`):
/// whatever it is called, they must come out in those of the picture.
#[test]
fn models_are_told_the_size_that_their_boxes_are_for() {
    // a white cell in the middle of the upper row of 3 × 2 cells, on a picture of twice the network's size
    let size = Size::new(96, 64);
    let mut bytes = vec![16; 96 * 64];
    for row in bytes.chunks_exact_mut(96).take(32) {
        row[32..64].fill(235);
    }
    bytes.resize(96 * 64 * 3 / 2, 128);
    for model in ["target_sizes.onnx", "scale_factor.onnx"] {
        let keys = "cluster-mode=4\nnet-scale-factor=0.0039215686\nnum-detected-classes=1\n[class-attrs-all]\n\
                    pre-cluster-threshold=0.5\n";
        let Some(detector) = common::detector(&format!("[property]\nonnx-file={model}\n{keys}")) else {
            return;
        };
        let mut detector = detector.unwrap();
        let found = detector.detect(&[common::nv12(size, &bytes)]).unwrap();
        let rects: Vec<_> = found[0].iter().map(|object| object.rect).collect();
        assert_eq!(rects, [Rect::new(32.0, 0.0, 32.0, 32.0)], "{model}");
    }
}

#[test]
fn an_input_that_nobody_knows_is_an_error_that_names_it() {
    let Some(detector) = common::detector("[property]\nonnx-file=unknown_input.onnx\n") else { return };
    let error = detector.unwrap_err().to_string();
    for part in ["unknown_input.onnx", "temperature [?, 2] f32", "orig_target_sizes, im_shape, scale_factor"]
    {
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
}
