//! What the tests share.
#![allow(dead_code, reason = "each test program uses a part")]

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use slipstream_infer::engine::EngineError;
use slipstream_infer::{Detector, DetectorError, InferConfig};
use slipstream_meta::{Colorimetry, Picture, PixelFormat, Plane, Size};

/// Says that a test did nothing, past the harness that hides what passing tests print.
pub(crate) fn skip(reason: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A Python that has `modules`; `None`, loudly, where there is none.
pub(crate) fn python(modules: &str) -> Option<PathBuf> {
    let python = std::env::var_os("SLIPSTREAM_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| root().join(".deps/venv/bin/python"));
    let works = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    if works.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    skip(format!("no Python with {modules} (SLIPSTREAM_PYTHON, .deps/venv/bin/python)"));
    None
}

/// The assets folder, if it is there.
pub(crate) fn assets() -> Option<PathBuf> {
    let named = std::env::var_os("SLIPSTREAM_ASSETS").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| root().join("../shared/assets"));
    folder.is_dir().then_some(folder)
}

/// A detector from the text of a config in the folder of test data; `None`, loudly, where ONNX Runtime is not installed.
pub(crate) fn detector(text: &str) -> Option<Result<Detector, DetectorError>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/config.txt");
    let (config, _) = InferConfig::parse(text, path).unwrap();
    match Detector::new(config, std::num::NonZeroUsize::new(3)) {
        Err(DetectorError::Engine(error @ EngineError::Library { .. })) => {
            skip(error);
            None
        }
        result => Some(result),
    }
}

/// A view of tightly packed NV12 bytes, BT.601 in limited range.
pub(crate) fn nv12(size: Size, bytes: &[u8]) -> Picture<'_> {
    let stride = size.width as usize;
    let (luma, chroma) = bytes.split_at(stride * size.height as usize);
    let planes = [Plane { data: luma, stride }, Plane { data: chroma, stride }, Plane::default()];
    Picture::new(PixelFormat::Nv12, size, Colorimetry::default(), planes).unwrap()
}
