//! Simulated street cameras, drawn as they are needed or recorded beforehand.

use std::path::{Path, PathBuf};

use gst::prelude::*;
use slipstream_meta::{PictureMut, Size};
use slipstream_scene::{Scene, SceneConfig};

use crate::camera_server::{Clip, ClipError, LiveSource};

/// Pictures between key frames of recorded scenes: two seconds, as most cameras are set.
const KEY_FRAME_SECONDS: u32 = 2;
/// Bits per second of recorded scenes: what camera makers recommend for a second stream of 640×360.
const RECORDED_KILOBITS: u32 = 1000;

/// The first `count` cameras, drawn while somebody looks. Their worlds are built side by side.
pub fn live_cameras(count: u32, size: Size) -> Vec<LiveSource> {
    side_by_side(count, |number| {
        let config = SceneConfig::camera(number, size);
        let mut scene = Scene::new(config);
        let painter = Box::new(move |_, picture: &mut PictureMut<'_>| scene.render(picture));
        LiveSource::new(size, config.frame_rate, painter)
    })
}

/// The first `count` cameras, `seconds` of each recorded as H.264.
///
/// # Errors
/// If they cannot be encoded or stored.
pub fn recorded_cameras(count: u32, size: Size, seconds: u32) -> Result<Vec<Clip>, RecordError> {
    side_by_side(count, |number| record(number, size, seconds)).into_iter().collect()
}

fn side_by_side<T: Send>(count: u32, build: impl Fn(u32) -> T + Sync) -> Vec<T> {
    let build = &build;
    std::thread::scope(|scope| {
        let builders: Vec<_> = (0..count).map(|number| scope.spawn(move || build(number))).collect();
        builders.into_iter().filter_map(|builder| builder.join().ok()).collect()
    })
}

/// Why a scene cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// GStreamer lacks an element.
    #[error("cannot record a scene: {0}")]
    Element(#[from] gst::glib::BoolError),
    /// The launch line is not understood.
    #[error("cannot record a scene: {0}")]
    Launch(#[from] gst::glib::Error),
    /// No room for it.
    #[error("cannot record a scene: {0}")]
    Io(#[from] std::io::Error),
    /// Encoding broke off.
    #[error("cannot record a scene: encoding failed")]
    Encode,
    /// What was written cannot be read.
    #[error(transparent)]
    Clip(#[from] ClipError),
}

/// The same as files in `folder`.
///
/// # Errors
/// If they cannot be encoded or stored.
pub fn record_files(
    folder: &Path,
    count: u32,
    size: Size,
    seconds: u32,
) -> Result<Vec<PathBuf>, RecordError> {
    let recorded = side_by_side(count, |number| {
        let file = folder.join(format!("{}.h264", SceneConfig::camera_name(number)));
        encode(number, size, seconds, &file).map(|()| file)
    });
    recorded.into_iter().collect()
}

fn record(number: u32, size: Size, seconds: u32) -> Result<Clip, RecordError> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("scene.h264");
    encode(number, size, seconds, &file)?;
    Ok(Clip::load(&file)?.retimed(SceneConfig::camera(number, size).frame_rate))
}

fn encode(number: u32, size: Size, seconds: u32, file: &Path) -> Result<(), RecordError> {
    if gst::ElementFactory::find("slipscenesrc").is_none() {
        gstslipstream::plugin_register_static()?;
    }
    let rate = SceneConfig::camera(number, size).frame_rate;
    let (frames, key_frames) = (rate * seconds, rate * KEY_FRAME_SECONDS);
    let Size { width, height } = size;
    let pipeline = gst::parse::launch(&format!(
        "slipscenesrc camera={number} num-buffers={frames} \
         ! video/x-raw,format=I420,width={width},height={height},framerate={rate}/1 \
         ! x264enc threads=1 bframes=0 speed-preset=veryfast bitrate={RECORDED_KILOBITS} key-int-max={key_frames} \
         ! video/x-h264,profile=main,stream-format=byte-stream ! h264parse config-interval=-1 ! filesink name=file"
    ))?;
    let bin = pipeline.downcast_ref::<gst::Bin>().ok_or(RecordError::Encode)?;
    if let Some(sink) = bin.by_name("file") {
        sink.set_property("location", file);
    }
    pipeline.set_state(gst::State::Playing).map_err(|_| RecordError::Encode)?;
    let end = pipeline.bus().and_then(|bus| {
        bus.timed_pop_filtered(gst::ClockTime::NONE, &[gst::MessageType::Eos, gst::MessageType::Error])
    });
    let _ = pipeline.set_state(gst::State::Null);
    match end.as_ref().map(|message| message.type_()) {
        Some(gst::MessageType::Eos) => Ok(()),
        _ => Err(RecordError::Encode),
    }
}
