//! What the tests share.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Once, mpsc};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::{VideoFormat, VideoFrameRef, VideoInfo, prelude::*};
use gstslipstream::meta::{BATCH_FEATURE, Batch, BatchContent, BatchPicture};
use slipstream_meta::{BatchMeta, FrameMeta, Rect, Size, SourceMeta};

/// Nothing here is about speed: a wait this long means that it will never happen.
pub(crate) const NEVER: Duration = Duration::from_secs(120);
/// Chroma of a gray picture.
const NEUTRAL: u8 = 128;

/// Starts GStreamer with the elements. From then on a warning of GLib or GStreamer (events in the wrong order, misuse of an
/// object) ends the test program.
pub(crate) fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().unwrap();
        gstslipstream::plugin_register_static().unwrap();
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

/// Whether all of the GStreamer elements are installed; if not, the test is skipped loudly.
pub(crate) fn installed(elements: &[&str]) -> bool {
    init();
    let missing: Vec<_> =
        elements.iter().filter(|name| gst::ElementFactory::find(name).is_none()).copied().collect();
    if !missing.is_empty() {
        skip(format_args!("GStreamer lacks {}", missing.join(", ")));
    }
    missing.is_empty()
}

/// Waits until `what` is true; panics if it never is.
pub(crate) fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < NEVER, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A pipeline that ends with the test.
pub(crate) struct Pipeline(pub(crate) gst::Pipeline);

impl Pipeline {
    pub(crate) fn new(description: &str) -> Self {
        init();
        Self(gst::parse::launch(description).unwrap().downcast().unwrap())
    }

    pub(crate) fn element(&self, name: &str) -> gst::Element {
        self.0.by_name(name).unwrap_or_else(|| panic!("no element {name}"))
    }

    pub(crate) fn pad(&self, element: &str, pad: &str) -> gst::Pad {
        self.element(element).static_pad(pad).unwrap_or_else(|| panic!("no pad {element}.{pad}"))
    }

    pub(crate) fn set_state(&self, state: gst::State) {
        if let Err(err) = self.0.set_state(state) {
            panic!("{err}: {:?}", self.0.bus().unwrap().pop_filtered(&[gst::MessageType::Error]));
        }
    }

    pub(crate) fn play(&self) {
        self.set_state(gst::State::Playing);
    }

    /// Waits for the end of the stream; panics on an error.
    pub(crate) fn wait_for_eos(&self) {
        let bus = self.0.bus().unwrap();
        let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = bus
            .timed_pop_filtered(gst::ClockTime::try_from(NEVER).unwrap(), &kinds)
            .expect("the stream ends");
        if let gst::MessageView::Error(error) = message.view() {
            panic!("{} ({:?})", error.error(), error.debug());
        }
    }

    /// Notes what passes a pad from now on.
    pub(crate) fn watch(&self, element: &str, pad: &str) -> Watch {
        watch(&self.pad(element, pad))
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

/// Buffers and events that passed a pad, in order.
pub(crate) struct Watch(mpsc::Receiver<Passed>);

#[derive(Debug)]
pub(crate) enum Passed {
    Batch(Seen),
    Eos,
    FlushStop,
}

/// What there was to see of a buffer, without holding it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) pts: Option<gst::ClockTime>,
    pub(crate) duration: Option<gst::ClockTime>,
    pub(crate) meta: BatchMeta,
    /// Addresses of the memory of the frames in the batch, or of the buffer itself.
    pub(crate) memories: Vec<usize>,
}

impl Seen {
    /// (pad, frame number) of each frame.
    pub(crate) fn numbers(&self) -> Vec<(u32, u64)> {
        self.meta.frames.iter().map(|frame| (frame.pad_index, frame.frame_number)).collect()
    }
}

/// Address of the memory of a buffer.
pub(crate) fn memory(buffer: &gst::BufferRef) -> usize {
    buffer.peek_memory(0).as_ptr() as usize
}

pub(crate) fn watch(pad: &gst::Pad) -> Watch {
    // More than any test lets pass before it looks.
    let (sender, receiver) = mpsc::sync_channel(100_000);
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_BOTH | gst::PadProbeType::EVENT_FLUSH;
    pad.add_probe(kinds, move |_, info| {
        let passed = match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => {
                let content = Batch::from_buffer(buffer).map(|b| b.content().clone()).unwrap_or_default();
                let memories = if buffer.n_memory() > 0 {
                    vec![memory(buffer)]
                } else {
                    content.pictures.iter().map(|picture| memory(&picture.buffer)).collect()
                };
                let (pts, duration) = (buffer.pts(), buffer.duration());
                Some(Passed::Batch(Seen { pts, duration, meta: content.meta, memories }))
            }
            Some(gst::PadProbeData::Event(event)) => match event.type_() {
                gst::EventType::Eos => Some(Passed::Eos),
                gst::EventType::FlushStop => Some(Passed::FlushStop),
                _ => None,
            },
            _ => None,
        };
        if let Some(passed) = passed {
            let _ = sender.try_send(passed);
        }
        gst::PadProbeReturn::Ok
    });
    Watch(receiver)
}

impl Watch {
    /// The next buffer.
    pub(crate) fn next(&self) -> Seen {
        match self.0.recv_timeout(NEVER).expect("a buffer comes") {
            Passed::Batch(seen) => seen,
            other => panic!("{other:?} in place of a buffer"),
        }
    }

    /// Everything up to now.
    pub(crate) fn all(&self) -> Vec<Passed> {
        self.0.try_iter().collect()
    }

    /// The buffers up to the end of the stream, which is the last thing that passes.
    pub(crate) fn until_eos(&self) -> Vec<Seen> {
        let mut passed = self.all();
        assert!(matches!(passed.pop(), Some(Passed::Eos)), "the end comes last");
        buffers(passed)
    }
}

pub(crate) fn buffers(passed: Vec<Passed>) -> Vec<Seen> {
    passed
        .into_iter()
        .map(|passed| match passed {
            Passed::Batch(seen) => seen,
            other => panic!("{other:?} between buffers"),
        })
        .collect()
}

/// Frame numbers of one source over a stretch of batches.
pub(crate) fn numbers_of(batches: &[Seen], pad: u32) -> Vec<u64> {
    let frames = batches.iter().flat_map(|seen| &seen.meta.frames);
    frames.filter(|frame| frame.pad_index == pad).map(|frame| frame.frame_number).collect()
}

pub(crate) fn info(format: VideoFormat, width: u32, height: u32) -> VideoInfo {
    init();
    VideoInfo::builder(format, width, height).fps(gst::Fraction::new(25, 1)).build().unwrap()
}

/// A gray picture of one brightness.
pub(crate) fn gray(info: &VideoInfo, luma: u8) -> gst::Buffer {
    let mut bytes = vec![NEUTRAL; info.size()];
    bytes[..info.stride()[0] as usize * info.height() as usize].fill(luma);
    gst::Buffer::from_mut_slice(bytes)
}

/// The planes of a picture without padding.
pub(crate) fn pixels(buffer: &gst::BufferRef, info: &VideoInfo) -> Vec<Vec<u8>> {
    let frame = VideoFrameRef::from_buffer_ref_readable(buffer, info).unwrap();
    (0..frame.n_planes())
        .map(|plane| {
            let bytes = frame.plane_data(plane).unwrap();
            let stride = frame.plane_stride()[plane as usize] as usize;
            let component = frame.format_info().plane().iter().position(|&p| p == plane).unwrap();
            let row =
                frame.comp_width(component as u32) as usize * frame.comp_pstride(component as u32) as usize;
            let rows = frame.comp_height(component as u32) as usize;
            (0..rows).flat_map(|y| bytes[y * stride..][..row].to_vec()).collect()
        })
        .collect()
}

/// Least and greatest luma in a part of a picture.
pub(crate) fn luma_range(buffer: &gst::BufferRef, info: &VideoInfo, rect: Rect) -> (u8, u8) {
    let luma = &pixels(buffer, info)[0];
    let width = info.width() as usize;
    let rows = rect.top as usize..rect.bottom() as usize;
    let part: Vec<u8> = rows
        .flat_map(|y| luma[y * width + rect.left as usize..y * width + rect.right() as usize].to_vec())
        .collect();
    (*part.iter().min().unwrap(), *part.iter().max().unwrap())
}

/// A source as `slipmux` describes it.
pub(crate) fn source(pad_index: u32) -> SourceMeta {
    SourceMeta { pad_index, name: format!("source {pad_index}").into(), status: None, viewport: None }
}

/// A batch made by hand.
#[derive(Default)]
pub(crate) struct MakeBatch(BatchContent);

impl MakeBatch {
    pub(crate) fn of_sources(pads: impl IntoIterator<Item = u32>) -> Self {
        let sources = pads.into_iter().map(source).collect();
        Self(BatchContent { meta: BatchMeta { sources, ..BatchMeta::default() }, pictures: Vec::new() })
    }

    pub(crate) fn status(mut self, pad: u32, status: &str) -> Self {
        let source = self.0.meta.sources.iter_mut().find(|source| source.pad_index == pad).unwrap();
        source.status = Some(status.into());
        self
    }

    pub(crate) fn frame(self, pad: u32, info: &VideoInfo, buffer: gst::Buffer) -> Self {
        self.frame_with(pad, info, buffer, |_| ())
    }

    pub(crate) fn frame_with(
        mut self,
        pad: u32,
        info: &VideoInfo,
        buffer: gst::Buffer,
        change: impl FnOnce(&mut FrameMeta),
    ) -> Self {
        let size = Size::new(info.width(), info.height());
        let mut frame = FrameMeta::new(pad, format!("source {pad}").into(), 0, size);
        change(&mut frame);
        self.0.meta.frames.push(frame);
        self.0.pictures.push(BatchPicture { buffer, info: info.clone() });
        self
    }

    pub(crate) fn buffer(self, milliseconds: u64) -> gst::Buffer {
        let mut buffer = gst::Buffer::new();
        let b = buffer.get_mut().unwrap();
        b.set_pts(gst::ClockTime::from_mseconds(milliseconds));
        b.set_duration(gst::ClockTime::from_mseconds(40));
        Batch::attach(b, self.0);
        buffer
    }
}

/// A harness that is fed with batches.
pub(crate) fn batch_harness(element: &gst::Element, sink_caps: &str) -> gst_check::Harness {
    let mut harness = gst_check::Harness::with_element(element, Some("sink"), Some("src"));
    harness.set_sink_caps_str(sink_caps);
    harness.set_src_caps_str(&format!("video/x-raw({BATCH_FEATURE}),framerate=25/1"));
    harness
}

/// A camera: frames pushed by hand into a pad of `slipmux`.
pub(crate) struct Feed {
    pub(crate) pad: gst::Pad,
    pub(crate) sink: gst::Pad,
    pub(crate) info: VideoInfo,
    frames: u64,
}

impl Feed {
    pub(crate) fn new(mux: &gst::Element, live: bool, info: VideoInfo) -> Self {
        let sink = mux.request_pad_simple("sink_%u").unwrap();
        Self::on(sink, live, info)
    }

    pub(crate) fn on(sink: gst::Pad, live: bool, info: VideoInfo) -> Self {
        let pad = gst::Pad::builder(gst::PadDirection::Src)
            .query_function(move |pad, parent, query| match query.view_mut() {
                gst::QueryViewMut::Latency(latency) => {
                    latency.set(live, gst::ClockTime::ZERO, gst::ClockTime::NONE);
                    true
                }
                _ => gst::Pad::query_default(pad, parent, query),
            })
            .build();
        pad.set_active(true).unwrap();
        pad.link(&sink).unwrap();
        let feed = Self { pad, sink, info, frames: 0 };
        feed.start();
        feed
    }

    /// Begins a stream.
    pub(crate) fn start(&self) {
        self.pad.push_event(gst::event::StreamStart::new("camera"));
        self.caps();
        self.pad.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    }

    fn caps(&self) {
        self.pad.push_event(gst::event::Caps::new(&self.info.to_caps().unwrap()));
    }

    /// Goes on with pictures of another kind.
    pub(crate) fn change(&mut self, info: VideoInfo) {
        self.info = info;
        self.caps();
    }

    /// The next frame, at its place in a stream of the declared rate.
    pub(crate) fn push(&mut self, luma: u8) -> Result<gst::FlowSuccess, gst::FlowError> {
        let buffer = gray(&self.info, luma);
        self.push_buffer(buffer)
    }

    pub(crate) fn push_buffer(
        &mut self,
        mut buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let fps = self.info.fps();
        let time = gst::ClockTime::SECOND.mul_div_floor(self.frames * fps.denom() as u64, fps.numer() as u64);
        buffer.make_mut().set_pts(time);
        self.frames += 1;
        self.pad.push(buffer)
    }

    pub(crate) fn eos(&self) {
        self.pad.push_event(gst::event::Eos::new());
    }
}

/// A file that a camera could have sent: `frames` H.264 pictures of 320x180 at 25 frames a second; `None`, loudly, where
/// there is no encoder.
pub(crate) fn clip(folder: &Path, frames: u32) -> Option<PathBuf> {
    if !installed(&["x264enc", "h264parse", "mp4mux", "avdec_h264"]) {
        return None;
    }
    let path = folder.join("clip.mp4");
    let pipeline = Pipeline::new(&format!(
        "videotestsrc num-buffers={frames} pattern=white ! video/x-raw,format=I420,width=320,height=180,framerate=25/1 ! \
         x264enc speed-preset=ultrafast key-int-max=10 ! h264parse ! mp4mux ! filesink location={}",
        path.display()
    ));
    pipeline.play();
    pipeline.wait_for_eos();
    Some(path)
}

/// A detector that calls every bright sixth of a picture a person, in a folder of its own; see `tiny_models.py` of
/// `slipstream-infer`.
pub(crate) fn detector(folder: &Path, more: &str) -> PathBuf {
    let model = root().join("crates/slipstream-infer/tests/data/tiny.onnx");
    std::fs::copy(&model, folder.join("tiny.onnx"))
        .unwrap_or_else(|err| panic!("{}: {err}", model.display()));
    std::fs::write(folder.join("labels.txt"), "Person\n").unwrap();
    let path = folder.join("detector.ini");
    let text = "[property]\ngie-unique-id=7\nonnx-file=tiny.onnx\nlabelfile-path=labels.txt\n\
        net-scale-factor=0.00392156862745098\ncluster-mode=4\n";
    std::fs::write(&path, format!("{text}{more}\n[class-attrs-all]\npre-cluster-threshold=0.6\n")).unwrap();
    path
}
