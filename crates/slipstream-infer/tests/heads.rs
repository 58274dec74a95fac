//! Every head against NumPy: `tests/reference/heads.py` makes tensors and says what boxes are in them.

mod common;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use slipstream_infer::config::InferConfig;
use slipstream_infer::parse::{OutputTensor, ParseContext, TensorInfo, choose, parsers};
use slipstream_meta::{Rect, Size};

/// Numbers are 32-bit, and go through exponentials; boxes are up to some hundred pixels in size.
const PIXEL_TOLERANCE: f64 = 0.02;
const CONFIDENCE_TOLERANCE: f64 = 1e-5;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|number| number as f32).collect()
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|size| usize::try_from(size.as_u64().unwrap()).unwrap()).collect()
}

#[test]
fn every_head_is_recognised_and_read_as_numpy_reads_it() {
    let Some(python) = common::python("numpy") else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/heads.py");
    let output = Command::new(python).arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut seen: Vec<String> = Vec::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        let tensors: Vec<_> = case["outputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|output| {
                let dims = output[1].as_array().unwrap().iter();
                let dims = dims.map(|dim| dim.as_u64().map(|dim| usize::try_from(dim).unwrap())).collect();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let info = TensorInfo { name: text(&output[0]), dims, element: text(&output[2]) };
                (info, sizes(&output[3]), floats(&output[4]))
            })
            .collect();
        let infos: Vec<_> = tensors.iter().map(|(info, _, _)| info.clone()).collect();
        let [width, height] = sizes(&case["network"])[..] else { panic!("{name}") };
        let network = Size::new(u32::try_from(width).unwrap(), u32::try_from(height).unwrap());
        let mut config = InferConfig::default();
        config.parse_bbox_func_name = case["function"].as_str().map(str::to_owned);
        config.num_detected_classes = u32::try_from(case["classes"].as_u64().unwrap()).unwrap();
        config.anchors = floats(&case["anchors"]).as_chunks().0.to_vec();

        let choice = choose(&config, &infos, network).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(choice.name, case["parser"].as_str().unwrap(), "{name}");
        seen.push(choice.name);
        let outputs: Vec<_> =
            tensors.iter().map(|(info, dims, data)| OutputTensor { name: &info.name, dims, data }).collect();
        let thresholds = [case["threshold"].as_f64().unwrap() as f32; 80];
        let context = ParseContext { network, image: Rect::of_size(network), thresholds: &thresholds };
        let mut found = Vec::new();
        let skipped = choice.parser.parse(&outputs, &context, &mut found);
        assert_eq!(skipped.unwrap_or_else(|error| panic!("{name}: {error}")), 0, "{name}");
        if let Some(classes) = choice.parser.classes() {
            assert!((6..=7).contains(&classes) || name.contains("one class"), "{name}: {classes} classes");
        }

        let mut expected: Vec<Vec<f64>> = case["boxes"].as_array().unwrap().iter().map(numbers).collect();
        assert_eq!(found.len(), expected.len(), "{name}: {found:?}");
        for object in &found {
            let rect = object.rect;
            let edges = [rect.left, rect.top, rect.right(), rect.bottom()].map(f64::from);
            let is_same = |other: &Vec<f64>| {
                let (class, confidence) = (f64::from(object.class_id), f64::from(object.confidence));
                other[0] == class
                    && (other[1] - confidence).abs() < CONFIDENCE_TOLERANCE
                    && edges.iter().zip(&other[2..]).all(|(a, b)| (a - b).abs() < PIXEL_TOLERANCE)
            };
            let index = expected.iter().position(is_same);
            let index = index.unwrap_or_else(|| panic!("{name}: {object:?} is not among {expected:?}"));
            expected.swap_remove(index);
        }
    }
    for parser in parsers() {
        assert!(seen.iter().any(|name| name == parser.name), "no case for {}", parser.name);
    }
}
