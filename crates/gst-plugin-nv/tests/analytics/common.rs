//! What the tests share.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Once;

use gst::prelude::*;
use gst_video::{VideoFormat, VideoFrameRef, VideoInfo, prelude::*};
use slipstream_buffer::meta::{Batch, BatchContent, BatchPicture, NVMM_FEATURE};
use slipstream_meta::{BatchMeta, FrameMeta, Rect, Size, SourceMeta};

/// Chroma of a gray picture.
const NEUTRAL: u8 = 128;

/// Starts GStreamer with the elements of both plugins. A warning of GLib or GStreamer ends the test program from then on.
pub(crate) fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().unwrap();
        gstslipstream::plugin_register_static().unwrap();
        gstnvslipstream::plugin_register_static().unwrap();
        use gst::glib::LogLevels;
        gst::glib::log_set_always_fatal(
            LogLevels::LEVEL_ERROR | LogLevels::LEVEL_CRITICAL | LogLevels::LEVEL_WARNING,
        );
    });
}

/// Says that a test did nothing, past the harness that hides what passing tests print.
pub(crate) fn skip(reason: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) fn element(factory: &str) -> gst::Element {
    init();
    gst::ElementFactory::make(factory).build().unwrap()
}

pub(crate) fn info(format: VideoFormat, width: u32, height: u32) -> VideoInfo {
    init();
    VideoInfo::builder(format, width, height).fps(gst::Fraction::new(25, 1)).build().unwrap()
}

/// A gray picture of one brightness.
pub(crate) fn gray(info: &VideoInfo, luma: u8) -> gst::Buffer {
    let mut bytes = vec![NEUTRAL; info.size()];
    if info.is_yuv() {
        bytes[..info.stride()[0] as usize * info.height() as usize].fill(luma);
    } else {
        bytes.as_chunks_mut::<4>().0.fill([luma, luma, luma, u8::MAX]);
    }
    gst::Buffer::from_mut_slice(bytes)
}

/// First byte (luma, or red) of the pixel at (x, y).
pub(crate) fn pixel(buffer: &gst::BufferRef, info: &VideoInfo, x: usize, y: usize) -> u8 {
    let frame = VideoFrameRef::from_buffer_ref_readable(buffer, info).unwrap();
    let step = frame.comp_pstride(0) as usize;
    frame.plane_data(0).unwrap()[y * frame.plane_stride()[0] as usize + x * step]
}

/// A gray picture of 96x64, white where the tiny network looks at its sixth number `cell`.
pub(crate) fn cell(cell: usize) -> (VideoInfo, gst::Buffer) {
    let info = info(VideoFormat::Nv12, 96, 64);
    let mut buffer = gray(&info, 16);
    let mut map = buffer.get_mut().unwrap().map_writable().unwrap();
    for y in 0..32 {
        map[(cell / 3 * 32 + y) * 96 + cell % 3 * 32..][..32].fill(235);
    }
    drop(map);
    (info, buffer)
}

/// A batch made by hand, as DeepStream's multiplexer describes it.
pub(crate) struct MakeBatch {
    size: Size,
    content: BatchContent,
}

impl MakeBatch {
    /// Frames are of `size` in the metadata; the multiplexer knows the sources 0…`sources`.
    pub(crate) fn new(size: Size, sources: u32) -> Self {
        let source = |pad_index: u32| SourceMeta {
            pad_index,
            name: format!("source {pad_index}").into(),
            status: None,
            viewport: None,
        };
        let meta = BatchMeta { sources: (0..sources).map(source).collect(), ..BatchMeta::default() };
        Self { size, content: BatchContent { meta, pictures: Vec::new() } }
    }

    pub(crate) fn frame(
        mut self,
        pad: u32,
        (info, buffer): (VideoInfo, gst::Buffer),
        change: impl FnOnce(&mut FrameMeta),
    ) -> Self {
        let size = Size::new(info.width(), info.height());
        let mut frame = FrameMeta::new(pad, format!("source {pad}").into(), 0, size);
        frame.viewport = Rect::of_size(self.size);
        change(&mut frame);
        self.content.meta.frames.push(frame);
        self.content.pictures.push(BatchPicture { buffer, info });
        self
    }

    pub(crate) fn buffer(self, number: u64) -> gst::Buffer {
        let mut buffer = gst::Buffer::new();
        let b = buffer.get_mut().unwrap();
        b.set_pts(gst::ClockTime::from_mseconds(40 * number));
        b.set_duration(gst::ClockTime::from_mseconds(40));
        Batch::attach(b, self.content);
        buffer
    }
}

/// DeepStream's caps of one format and size.
pub(crate) fn nvmm(format: &str, size: Size) -> String {
    let Size { width, height } = size;
    format!("video/x-raw({NVMM_FEATURE}),format={format},width={width},height={height},framerate=25/1")
}

/// A harness that is fed under `src_caps` and takes `sink_caps`.
pub(crate) fn harness(element: &gst::Element, src_caps: &str, sink_caps: &str) -> gst_check::Harness {
    let mut harness = gst_check::Harness::with_element(element, Some("sink"), Some("src"));
    harness.set_sink_caps_str(sink_caps);
    harness.set_src_caps_str(src_caps);
    harness
}

/// What came out under which caps.
pub(crate) fn out_info(harness: &gst_check::Harness) -> VideoInfo {
    VideoInfo::from_caps(&harness.sinkpad().unwrap().current_caps().unwrap()).unwrap()
}

pub(crate) fn meta(buffer: &gst::Buffer) -> BatchMeta {
    Batch::from_buffer(buffer).unwrap().content().meta.clone()
}

/// Left, top, right and bottom in whole pixels.
pub(crate) fn edges(rect: &Rect) -> [i32; 4] {
    [rect.left, rect.top, rect.right(), rect.bottom()].map(|edge| edge.round() as i32)
}

/// A detector that calls every bright sixth of a picture a person, in a folder of its own; see `tiny_models.py` of
/// `slipstream-infer`.
pub(crate) fn detector(folder: &Path, name: &str, keys: &str) -> PathBuf {
    let model = root().join("crates/slipstream-infer/tests/data/tiny.onnx");
    std::fs::copy(&model, folder.join("tiny.onnx")).unwrap();
    std::fs::write(folder.join("labels.txt"), "Person\n").unwrap();
    let path = folder.join(name);
    let text = "[property]\ngie-unique-id=7\nonnx-file=tiny.onnx\nlabelfile-path=labels.txt\n\
        net-scale-factor=0.00392156862745098\ncluster-mode=4\n";
    std::fs::write(&path, format!("{text}{keys}\n[class-attrs-all]\npre-cluster-threshold=0.6\n")).unwrap();
    path
}

/// `element` if it starts; `None`, loudly, where ONNX Runtime is not installed.
pub(crate) fn if_it_starts(element: gst::Element) -> Option<gst::Element> {
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    if element.set_state(gst::State::Paused).is_ok() {
        element.set_state(gst::State::Null).unwrap();
        bus.set_flushing(false);
        return Some(element);
    }
    let message = bus.pop_filtered(&[gst::MessageType::Error]).expect("an error message");
    let gst::MessageView::Error(error) = message.view() else { unreachable!() };
    let error = error.error().to_string();
    assert!(error.contains("ONNX Runtime"), "{error}");
    skip(error);
    None
}
