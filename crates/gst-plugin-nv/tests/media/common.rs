//! What the tests share.

use std::path::{Path, PathBuf};
use std::sync::Once;

use gst::prelude::*;
use gst_video::VideoInfo;
use gst_video::prelude::*;

/// GStreamer with the plugin.
pub(crate) fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().unwrap();
        gstnvslipstream::plugin_register_static().unwrap();
    });
}

pub(crate) fn skip(why: impl std::fmt::Display) {
    eprintln!("SKIPPED: {why}");
}

/// Whether these elements are there; says so loudly where not.
pub(crate) fn installed(elements: &[&str]) -> bool {
    init();
    let missing: Vec<_> = elements.iter().filter(|name| gst::ElementFactory::find(name).is_none()).collect();
    if !missing.is_empty() {
        skip(format_args!("not installed: {missing:?}"));
    }
    missing.is_empty()
}

/// A pipeline that is shut down whatever happens.
pub(crate) struct Pipeline(pub(crate) gst::Pipeline);

impl Pipeline {
    pub(crate) fn new(line: &str) -> Self {
        init();
        let pipeline = gst::parse::launch(line).unwrap_or_else(|err| panic!("{line}: {err}"));
        Self(pipeline.downcast().unwrap())
    }

    pub(crate) fn get(&self, name: &str) -> gst::Element {
        self.0.by_name(name).unwrap_or_else(|| panic!("no {name}"))
    }

    pub(crate) fn play(&self) {
        self.0.set_state(gst::State::Playing).unwrap();
    }

    /// Everything the bus says up to the end, which must not be an error.
    pub(crate) fn run(&self) -> Vec<gst::Message> {
        self.play();
        let mut messages = Vec::new();
        for message in self.0.bus().unwrap().iter_timed(gst::ClockTime::NONE) {
            match message.view() {
                gst::MessageView::Eos(_) => break,
                gst::MessageView::Error(error) => {
                    panic!("{:?}: {error:?}", error.src().map(GstObjectExt::path_string))
                }
                _ => messages.push(message),
            }
        }
        messages
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

/// A picture or coded piece as a sink got it.
pub(crate) struct Got {
    pub(crate) buffer: gst::Buffer,
    pub(crate) caps: gst::Caps,
}

impl Got {
    pub(crate) fn info(&self) -> VideoInfo {
        VideoInfo::from_caps(&self.caps).unwrap()
    }

    /// The rows of each component without padding.
    pub(crate) fn pixels(&self) -> Vec<Vec<u8>> {
        pixels(&self.buffer, &self.info())
    }
}

/// The rows of each plane without padding.
pub(crate) fn pixels(buffer: &gst::BufferRef, info: &VideoInfo) -> Vec<Vec<u8>> {
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info).unwrap();
    let format = info.format_info();
    let components = 0..format.n_components() as usize;
    (0..frame.n_planes())
        .map(|plane| {
            let c = components.clone().find(|&c| format.plane()[c] == plane).unwrap();
            let row = frame.comp_width(c as u32) as usize * format.pixel_stride()[c] as usize;
            let stride = frame.plane_stride()[plane as usize] as usize;
            let bytes = frame.plane_data(plane).unwrap();
            (0..frame.comp_height(c as u32) as usize)
                .flat_map(|y| bytes[y * stride..][..row].to_vec())
                .collect()
        })
        .collect()
}

/// All that comes out of a line that ends with an `appsink` named `out`.
pub(crate) fn all(line: &str) -> Vec<Got> {
    let pipeline = Pipeline::new(&format!("{line} ! appsink name=out sync=false max-buffers=0"));
    let sink: gst_app::AppSink = pipeline.get("out").downcast().unwrap();
    pipeline.play();
    let bus = pipeline.0.bus().unwrap();
    let mut got = Vec::new();
    while !sink.is_eos() {
        if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error]) {
            panic!("{line}: {message:?}");
        }
        let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_mseconds(50)) else { continue };
        got.push(Got { buffer: sample.buffer_owned().unwrap(), caps: sample.caps_owned().unwrap() });
    }
    got
}

/// Peak signal-to-noise ratio in dB of one plane.
pub(crate) fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: f64 = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    10.0 * (255.0f64.powi(2) * a.len() as f64 / squares.max(1.0)).log10()
}

/// A moving test picture, coded as H.264 in MP4 or H.265 in Matroska; `None`, loudly, without an encoder.
pub(crate) fn clip(folder: &Path, codec: &str, frames: u32, options: &str) -> Option<PathBuf> {
    let (encoder, parser, muxer) = match codec {
        "h264" => ("x264enc", "h264parse", "mp4mux"),
        _ => ("x265enc", "h265parse", "matroskamux"),
    };
    if !installed(&[encoder, parser, muxer, "avdec_h264", "avdec_h265"]) {
        return None;
    }
    let path = folder.join(format!("{codec}-{frames}.clip"));
    let line = format!(
        "videotestsrc num-buffers={frames} pattern=ball ! video/x-raw,format=I420,width=320,height=180,framerate=25/1 ! \
         {encoder} speed-preset=superfast key-int-max=10 {options} ! {parser} ! {muxer} ! filesink location={}",
        path.display()
    );
    Pipeline::new(&line).run();
    Some(path)
}
