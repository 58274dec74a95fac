//! Clips and a detector, made on the spot: tests need nothing but the repository.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gst::prelude::*;
use slipstream::camera_server::{CameraSource, Clip};
use slipstream::settings::Codec;
use slipstream_meta::Size;

/// A test pattern to be encoded.
#[derive(Clone)]
pub struct Pattern {
    /// Properties of `videotestsrc`.
    pub source: String,
    pub codec: Codec,
    pub size: Size,
    pub frame_rate: u32,
    pub frames: u32,
}

impl Pattern {
    /// Noise, so that there are bytes to be lost; a key frame every second.
    pub fn noise(width: u32, height: u32) -> Self {
        Self {
            source: "pattern=snow".into(),
            codec: Codec::H264,
            size: Size::new(width, height),
            frame_rate: 25,
            frames: 50,
        }
    }

    /// All of one colour, 0xRRGGBB.
    pub fn solid(color: u32, width: u32, height: u32) -> Self {
        let source = format!("pattern=solid-color foreground-color={}", 0xff00_0000 | color);
        Self { source, ..Self::noise(width, height) }
    }

    pub fn codec(self, codec: Codec) -> Self {
        Self { codec, ..self }
    }

    pub fn frames(self, frames: u32) -> Self {
        Self { frames, ..self }
    }

    /// Encodes into an MP4 file.
    pub fn write(&self, path: &Path) {
        gst::init().unwrap();
        let Self { source, codec, size, frame_rate, frames } = self;
        let encoder = match codec {
            Codec::H264 => "x264enc threads=1",
            Codec::H265 => "x265enc",
        };
        let line = format!(
            "videotestsrc num-buffers={frames} {source} \
             ! video/x-raw,format=I420,width={},height={},framerate={frame_rate}/1 \
             ! {encoder} tune=zerolatency speed-preset=ultrafast bitrate=500 key-int-max={frame_rate} \
             ! {} ! mp4mux ! filesink name=sink",
            size.width,
            size.height,
            codec.parser(),
        );
        let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
        pipeline.by_name("sink").unwrap().set_property("location", path);
        pipeline.set_state(gst::State::Playing).unwrap();
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let end = pipeline.bus().unwrap().timed_pop_filtered(gst::ClockTime::NONE, &ends).unwrap();
        assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
        pipeline.set_state(gst::State::Null).unwrap();
    }

    /// What a camera sends over and over.
    pub fn camera(&self) -> CameraSource {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        self.write(&path);
        CameraSource::Clip(Arc::new(Clip::load(path).unwrap()))
    }
}

/// Cells of a picture that [`tiny_model`] looks at: 3 × 2.
pub const CELLS: usize = 6;

/// Config of a detector that costs next to nothing and takes each sixth of the picture that is white for a vehicle.
pub fn tiny_model(folder: &Path) -> PathBuf {
    std::fs::write(folder.join("labels.txt"), "Vehicle\n").unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../slipstream-infer/tests/data/tiny.onnx");
    let config = format!(
        "[property]\nonnx-file={model}\nlabelfile-path=labels.txt\nnet-scale-factor=0.00392156862745098\n\
         cluster-mode=4\n[class-attrs-all]\npre-cluster-threshold=0.6\n"
    );
    let path = folder.join("tiny.ini");
    std::fs::write(&path, config).unwrap();
    path
}

/// A model that answers with its own input: no parser knows what to do with that.
pub fn echo_model() -> Vec<u8> {
    // Fields of the messages in onnx.proto3, encoded as Protocol Buffers are.
    fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
        [&[field << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
    }
    let number = |field: u8, value: u8| vec![field << 3, value];
    let shape: Vec<u8> = [1, 3, 8, 8].into_iter().flat_map(|side| bytes(1, &number(1, side))).collect();
    let float = number(1, 1);
    let tensor = bytes(1, &[float, bytes(2, &shape)].concat());
    let value = |name: &str| [bytes(1, name.as_bytes()), bytes(2, &tensor)].concat();
    let node = [bytes(1, b"pictures"), bytes(2, b"echo"), bytes(4, b"Identity")].concat();
    let graph = [bytes(1, &node), bytes(2, b"g"), bytes(11, &value("pictures")), bytes(12, &value("echo"))];
    [number(1, 8), bytes(7, &graph.concat()), bytes(8, &number(2, 13))].concat()
}
