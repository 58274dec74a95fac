//! TensorRT's calibration tables.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use slipstream_infer::model::CalibrationTable;

fuzz_target!(|data: &[u8]| {
    let _ = CalibrationTable::parse(&String::from_utf8_lossy(data), Path::new("cal_trt.bin"));
});
