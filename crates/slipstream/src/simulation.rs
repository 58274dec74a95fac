//! Simulated street cameras, drawn as they are needed or recorded beforehand.

use std::path::{Path, PathBuf};

use gst::prelude::*;
use gst_video::prelude::*;
use slipstream_meta::{Colorimetry, PictureMut, PixelFormat, PlaneMut, Size};
use slipstream_scene::{Scene, SceneConfig, View};

use crate::camera_server::{Clip, ClipError, LiveSource};

/// Pictures between key frames of recorded scenes: two seconds, as most cameras are set.
const KEY_FRAME_SECONDS: u32 = 2;
/// Bits per second of recorded scenes: what camera makers recommend for a second stream of 640×360.
const RECORDED_KILOBITS: u32 = 1000;

/// What the `number`th simulated camera sees: each view once, then the same views elsewhere.
pub fn scene(number: u32, size: Size) -> SceneConfig {
    let views = View::ALL.len() as u32;
    let view = View::ALL[(number % views) as usize];
    SceneConfig { seed: u64::from(number / views), ..SceneConfig::new(view, size) }
}

/// What to call the `number`th simulated camera: after its view, counted where a view comes again.
pub fn name(number: u32) -> String {
    let views = View::ALL.len() as u32;
    let name = View::ALL[(number % views) as usize].name();
    let (first, rest) = name.split_at(1);
    let round = number / views + 1;
    let count = if round > 1 { format!(" {round}") } else { String::new() };
    first.to_uppercase() + rest + &count
}

/// The first `count` cameras, drawn while somebody looks. Their worlds are built side by side.
pub fn live_cameras(count: u32, size: Size) -> Vec<LiveSource> {
    side_by_side(count, |number| {
        let config = scene(number, size);
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
    side_by_side(count, |number| record(scene(number, size), seconds)).into_iter().collect()
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
        let file = folder.join(format!("{}.h264", name(number)));
        encode(scene(number, size), seconds, &file).map(|()| file)
    });
    recorded.into_iter().collect()
}

fn record(config: SceneConfig, seconds: u32) -> Result<Clip, RecordError> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("scene.h264");
    encode(config, seconds, &file)?;
    Ok(Clip::load(&file)?.retimed(config.frame_rate))
}

fn encode(config: SceneConfig, seconds: u32, file: &Path) -> Result<(), RecordError> {
    let rate = config.frame_rate;
    let key_frames = rate * KEY_FRAME_SECONDS;
    let pipeline = gst::parse::launch(&format!(
        "appsrc name=scene format=time block=true max-buffers=4 \
         ! x264enc threads=1 bframes=0 speed-preset=veryfast bitrate={RECORDED_KILOBITS} key-int-max={key_frames} \
         ! video/x-h264,profile=main,stream-format=byte-stream ! h264parse config-interval=-1 ! filesink name=file"
    ))?;
    let bin = pipeline.downcast_ref::<gst::Bin>().ok_or(RecordError::Encode)?;
    if let Some(sink) = bin.by_name("file") {
        sink.set_property("location", file);
    }
    let source = bin.by_name("scene").and_downcast::<gst_app::AppSrc>().ok_or(RecordError::Encode)?;
    let Size { width, height } = config.size;
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height)
        .fps(gst::Fraction::from_integer(rate as i32))
        .build()?;
    source.set_caps(Some(&info.to_caps()?));
    let failed = |_| RecordError::Encode;
    pipeline.set_state(gst::State::Playing).map_err(|_| RecordError::Encode)?;
    let mut scene = Scene::new(config);
    let period = gst::ClockTime::SECOND / u64::from(rate);
    for number in 0..u64::from(rate * seconds) {
        let mut buffer = gst::Buffer::with_size(info.size())?;
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(period * number);
            buffer.set_duration(period);
            let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &info)?;
            let strides: Vec<usize> =
                frame.plane_stride().iter().map(|&s| s.unsigned_abs() as usize).collect();
            let [y, u, v, _] = frame.planes_data_mut();
            let planes = [(y, 0), (u, 1), (v, 2)]
                .map(|(data, plane)| PlaneMut { data, stride: strides.get(plane).copied().unwrap_or(0) });
            let picture = PictureMut::new(PixelFormat::I420, config.size, Colorimetry::default(), planes);
            scene.render(&mut picture.map_err(|_| RecordError::Encode)?);
        }
        source.push_buffer(buffer).map_err(failed)?;
    }
    source.end_of_stream().map_err(failed)?;
    let end = pipeline.bus().and_then(|bus| {
        bus.timed_pop_filtered(gst::ClockTime::NONE, &[gst::MessageType::Eos, gst::MessageType::Error])
    });
    let _ = pipeline.set_state(gst::State::Null);
    match end.as_ref().map(|message| message.type_()) {
        Some(gst::MessageType::Eos) => Ok(()),
        _ => Err(RecordError::Encode),
    }
}
