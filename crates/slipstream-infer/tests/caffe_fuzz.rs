//! Caffe files from strangers: whatever they hold, there is an answer, and errors name the layer.

mod common;

use std::path::Path;

use proptest::prelude::*;
use slipstream_infer::model::caffe::{CaffeError, convert};

const PROTO: &str = include_str!("data/tiny.prototxt");
const WEIGHTS: &[u8] = include_bytes!("data/tiny.caffemodel");

fn read(proto: &[u8], weights: &[u8]) -> Result<Vec<u8>, CaffeError> {
    convert(proto, Path::new("net.prototxt"), weights, Path::new("net.caffemodel"), &[], None)
}

#[test]
fn the_seed_is_a_net() {
    let bytes = read(PROTO.as_bytes(), WEIGHTS).unwrap();
    assert!(bytes.len() > WEIGHTS.len(), "{}", bytes.len());
}

/// What is said about the seed with `from` replaced by `to`.
fn problem(from: &str, to: &str) -> String {
    assert!(PROTO.contains(from), "{from}");
    read(PROTO.replacen(from, to, 1).as_bytes(), WEIGHTS).expect_err(to).to_string()
}

#[test]
fn errors_name_the_layer_or_the_line() {
    let cases = [
        (
            "name: \"conv\"",
            "name: \"other\"",
            "layer \"other\" (Convolution): the model file (model-file) has no weights",
        ),
        (
            "num_output: 4",
            "num_output: 5",
            "layer \"conv\" (Convolution): its weights 0 are [4, 3, 3, 3], but it needs [5, 3, 3, 3]",
        ),
        ("num_output: 4", "num_output: 4294967295", "layer \"conv\""),
        (
            "kernel_size: 3",
            "kernel_size: 99",
            "layer \"conv\" (Convolution): its kernel is larger than its input",
        ),
        ("kernel_size: 3", "kernel_size: 0", "kernel_size is [0, 0]"),
        ("kernel_size: 3", "kernel_size: 3 stride: 0", "stride is [0, 0]"),
        ("kernel_size: 3", "kernel_size: 3 group: 0", "group"),
        ("kernel_size: 3", "kernel_size: 3 pad: 4000000000", "pad is"),
        (
            "bottom: \"conv\"",
            "bottom: \"later\"",
            "its input (bottom) \"later\" is not made by any layer before it",
        ),
        ("bottom: \"data\"", "bottom: \"prob\"", "layer \"conv\" (Convolution): its input (bottom) \"prob\""),
        (
            "type: \"Softmax\"",
            "type: \"Python\"",
            "layer \"prob\" (Python): layers of this type cannot be run",
        ),
        ("dim: 12", "dim: -12", "layer \"data\" (Input): a dimension is -12"),
        ("dim: 12", "dim: 9223372036854775807", "layer \"data\" (Input): the shape"),
        ("dim: 12", "dim: 0", "layer \"data\" (Input): the shape [1, 3, 0, 16] holds nothing"),
        ("convolution_param {", "convolution_param ", "net.prototxt:"),
        ("pooling_param", "pooling_parameter", "net.prototxt:"),
        ("pool: MAX", "pool: STOCHASTIC", "layer \"pool\" (Pooling): stochastic pooling"),
        (
            "pool: MAX kernel_size: 2",
            "pool: MAX kernel_size: 2 pad: 2",
            "pad is 2: it must be less than the kernel",
        ),
        (
            "softmax_param { axis: 1",
            "softmax_param { axis: 7",
            "layer \"prob\" (Softmax): there is no axis 7 among 2",
        ),
    ];
    for (from, to, expected) in cases {
        let said = problem(from, to);
        assert!(said.contains(expected), "{to}: {said}");
    }
    let deep = format!("[a/caffe.NetParameter] {{{}", "[a/caffe.NetParameter] {".repeat(100_000));
    assert!(read(deep.as_bytes(), WEIGHTS).unwrap_err().to_string().contains("inside one another"));
    assert!(read(b"", WEIGHTS).unwrap_err().to_string().contains("there is no layer"));
    assert!(read(b"name: \"x\" nonsense", WEIGHTS).unwrap_err().to_string().contains("net.prototxt:1:19: "));
    assert!(read(PROTO.as_bytes(), b"PK\x03\x04").unwrap_err().to_string().contains("not a Caffe model"));
}

/// Bytes with some changed, taken out, doubled or cut off.
fn mutated(seed: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4u8, 0..40usize);
    prop::collection::vec(change, 1..6).prop_map(|changes| {
        let mut bytes = seed.to_vec();
        for (index, byte, kind, length) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            let end = (at + length).min(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

/// A number written in a net, replaced by one that is hard.
fn with_hard_numbers() -> impl Strategy<Value = String> {
    let hard = prop::sample::select(vec![
        "0",
        "1",
        "-1",
        "2147483647",
        "-2147483648",
        "4294967295",
        "9223372036854775807",
        "1e38",
        "nan",
        "7",
        "1000000",
    ]);
    prop::collection::vec((any::<prop::sample::Index>(), hard), 1..4).prop_map(|changes| {
        let mut words: Vec<String> = PROTO.split(' ').map(str::to_owned).collect();
        for (index, number) in changes {
            let numbers: Vec<_> =
                (0..words.len()).filter(|&word| words[word].trim().parse::<f64>().is_ok()).collect();
            words[numbers[index.index(numbers.len())]] = number.to_owned();
        }
        words.join(" ")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn broken_text_is_no_danger(text in mutated(PROTO.as_bytes())) {
        let _ = read(&text, WEIGHTS);
    }

    #[test]
    fn broken_weights_are_no_danger(weights in mutated(WEIGHTS)) {
        let _ = read(PROTO.as_bytes(), &weights);
    }

    #[test]
    fn hard_numbers_are_no_danger(text in with_hard_numbers()) {
        if let Ok(bytes) = read(text.as_bytes(), WEIGHTS) {
            // constants made from sizes stay in bounds
            prop_assert!(bytes.len() < 64 << 20);
        }
    }

    #[test]
    fn any_bytes_are_no_danger(text in prop::collection::vec(any::<u8>(), 0..200), weights in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&text, &weights);
    }
}
