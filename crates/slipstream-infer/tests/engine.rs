//! What runs a model, as `engine` asks for it.

mod common;

use slipstream_infer::InferConfig;
use slipstream_infer::config::ExecutionProvider;

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
        let Some(detector) = common::detector(&keys(engine)) else { return };
        let Err(error) = detector else {
            common::skip(format!("this ONNX Runtime can use {engine}"));
            continue;
        };
        let error = error.to_string();
        let expected =
            format!("config.txt:4: engine={engine}: the ONNX Runtime that is installed cannot use it: ");
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
