//! Both files of a Caffe model: the text up to the first zero byte, the weights after it.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use slipstream_infer::model::caffe::convert;

fuzz_target!(|data: &[u8]| {
    let cut = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (text, weights) = data.split_at(cut);
    let _ = convert(
        text,
        Path::new("net.prototxt"),
        weights.get(1..).unwrap_or_default(),
        Path::new("net.caffemodel"),
        &[],
        None,
    );
});
