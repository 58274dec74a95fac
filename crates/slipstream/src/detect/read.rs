//! Files to frames: several files side by side, their frames in order.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use gst::prelude::*;
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};
use slipstream_meta::{ChannelOrder, Colorimetry, Picture, PixelFormat, Plane, Size};

use super::{FileError, InputFile, Item, has_picture_ending};
use crate::fault::{self, Fault};

/// Endings of pictures in folders; files that are named one by one may be called anything.
pub(super) const PICTURE_ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];
/// Frames of one video that wait for the detector, for each of its workers: as many as one batch takes.
const FRAMES_AHEAD: usize = super::FRAMES_PER_WORKER;
/// Decoded frames that wait for their reader.
const DECODED_AHEAD: u32 = 2;
/// How often a reader without frames looks what has become of the video.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(20);
/// Bytes that every format of pictures is known by.
const SIGNATURE: usize = 16;

/// One frame of a file.
pub(super) struct Frame {
    pub(super) number: u64,
    pub(super) time: Option<f64>,
    pub(super) progress: f32,
    pub(super) pixels: Pixels,
}

/// Pixels as they were decoded.
pub(super) enum Pixels {
    Image(RgbImage),
    Video { buffer: gst::Buffer, info: Arc<gst_video::VideoInfo> },
}

/// Pixels that can be read. Few exist at a time.
#[allow(clippy::large_enum_variant, reason = "a box for each frame would gain nothing")]
pub(super) enum Mapped<'a> {
    Image(&'a RgbImage),
    Video(gst_video::VideoFrameRef<&'a gst::BufferRef>),
}

impl Pixels {
    pub(super) fn map(&self) -> Option<Mapped<'_>> {
        match self {
            Self::Image(image) => Some(Mapped::Image(image)),
            Self::Video { buffer, info } => {
                gstslipstream::frame::map_readable(buffer, info).ok().map(Mapped::Video)
            }
        }
    }
}

impl Mapped<'_> {
    pub(super) fn picture(&self) -> Option<Picture<'_>> {
        match self {
            Self::Image(image) => {
                let plane = Plane { data: image.as_raw(), stride: image.width() as usize * 3 };
                let planes = [plane, Plane::default(), Plane::default()];
                let size = Size::new(image.width(), image.height());
                Picture::new(PixelFormat::Rgb(ChannelOrder::Rgb), size, Colorimetry::default(), planes).ok()
            }
            Self::Video(frame) => gstslipstream::frame::picture(frame).ok(),
        }
    }
}

/// The frames of all files in order. Readers stop when this is dropped.
pub(super) struct Readers {
    files: Receiver<(usize, Receiver<Result<Frame, FileError>>)>,
    current: Option<(usize, Receiver<Result<Frame, FileError>>)>,
}

impl Readers {
    /// Starts to read `files`, so many at a time as there are `workers`.
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        files: &'scope [InputFile],
        every: u64,
        workers: usize,
    ) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(workers);
        // Files are taken, and their channels handed on, in one step: so both are in the same order, and the file that
        // the detector waits for is always being read.
        let next = Arc::new(Mutex::new(files.iter().enumerate()));
        let readers = workers.min(files.len());
        let decoder_threads = (workers / readers.max(1)).max(1);
        for _ in 0..readers {
            let (next, sender) = (next.clone(), sender.clone());
            std::thread::Builder::new().name("read".into()).spawn_scoped(scope, move || {
                loop {
                    let (file, frames) = {
                        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                        let Some((index, file)) = next.next() else { return };
                        let (frames, receiver) = sync_channel(FRAMES_AHEAD * workers);
                        if sender.send((index, receiver)).is_err() {
                            return;
                        }
                        (file, frames)
                    };
                    if let Err(error) = read(&file.path, every, decoder_threads, &frames) {
                        // Nobody may be left to hear it.
                        let _ = frames.send(Err(error));
                    }
                }
            })?;
        }
        Ok(Self { files: receiver, current: None })
    }
}

impl Iterator for Readers {
    type Item = Item<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((index, frames)) = &self.current
                && let Ok(frame) = frames.recv()
            {
                return Some((*index, frame));
            }
            self.current = Some(self.files.recv().ok()?);
        }
    }
}

/// The pictures in a folder, by name; `None` if `path` is no folder or holds none.
pub(super) fn pictures_in(path: &Path) -> Option<Vec<PathBuf>> {
    let entries = std::fs::read_dir(path).ok()?.flatten().map(|entry| entry.path());
    let mut pictures: Vec<_> = entries.filter(|path| has_picture_ending(path) && path.is_file()).collect();
    pictures.sort_unstable();
    (!pictures.is_empty()).then_some(pictures)
}

fn read(
    path: &Path,
    every: u64,
    decoder_threads: usize,
    frames: &SyncSender<Result<Frame, FileError>>,
) -> Result<(), FileError> {
    if path.is_dir() {
        std::fs::read_dir(path).map_err(FileError::Open)?;
        return Err(FileError::NoPictures);
    }
    let mut file = BufReader::new(File::open(path).map_err(FileError::Open)?);
    let signature = file.fill_buf().map_err(FileError::Open)?;
    let format = image::guess_format(signature.get(..SIGNATURE).unwrap_or(signature)).ok();
    match format.filter(image::ImageFormat::reading_enabled) {
        Some(format) => {
            let image = read_picture(ImageReader::with_format(file, format)).map_err(FileError::Picture)?;
            let frame = Frame { number: 0, time: None, progress: 1.0, pixels: Pixels::Image(image) };
            // Whoever does not listen any more has stopped.
            let _ = frames.send(Ok(frame));
            Ok(())
        }
        None => read_video(path, every, decoder_threads, frames),
    }
}

/// All colours in full, and upright.
fn read_picture(reader: ImageReader<BufReader<File>>) -> image::ImageResult<RgbImage> {
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

/// An element is missing or does not fit.
fn broken(error: impl std::fmt::Display) -> FileError {
    FileError::Video(Fault::Other(error.to_string()))
}

fn read_video(
    path: &Path,
    every: u64,
    decoder_threads: usize,
    frames: &SyncSender<Result<Frame, FileError>>,
) -> Result<(), FileError> {
    let pipeline = gst::Pipeline::new();
    let source = gst::ElementFactory::make("filesrc").property("location", path).build().map_err(broken)?;
    // Only video is decoded.
    let raw = gst::Caps::builder("video/x-raw").any_features().build();
    let decode = gst::ElementFactory::make("decodebin")
        .property("caps", raw)
        .property("expose-all-streams", false)
        .build()
        .map_err(broken)?;
    let convert = gst::ElementFactory::make("videoconvert").build().map_err(broken)?;
    let sink = gst_app::AppSink::builder()
        .caps(&gst_video::VideoCapsBuilder::new().format_list(FORMATS).build())
        .sync(false)
        .max_buffers(DECODED_AHEAD)
        .build();
    pipeline.add_many([&source, &decode, &convert, sink.upcast_ref()]).map_err(broken)?;
    source.link(&decode).map_err(broken)?;
    convert.link(&sink).map_err(broken)?;
    pipeline.connect_deep_element_added(move |_, _, element| {
        let libav = element.factory().is_some_and(|factory| factory.name().starts_with("avdec_"));
        if libav && element.find_property("max-threads").is_some() {
            element.set_property("max-threads", i32::try_from(decoder_threads).unwrap_or(1));
        }
    });
    decode.connect_pad_added({
        let convert = convert.downgrade();
        move |_, pad| {
            let sink = convert.upgrade().and_then(|convert| convert.static_pad("sink"));
            if let Some(sink) = sink.filter(|sink| !sink.is_linked())
                && let Err(error) = pad.link(&sink)
            {
                tracing::debug!("cannot link {}: {error}", pad.name());
            }
        }
    });
    let has_video = Arc::new(AtomicBool::new(false));
    decode.connect("unknown-type", false, {
        let has_video = has_video.clone();
        move |args| {
            let caps = args.get(2).and_then(|value| value.get::<gst::Caps>().ok());
            let is_video =
                caps.is_some_and(|caps| caps.structure(0).is_some_and(|s| s.name().starts_with("video/")));
            has_video.fetch_or(is_video, Ordering::Relaxed);
            None
        }
    });
    let result = pull(&pipeline, &sink, every, frames);
    // Nothing can be done about a pipeline that does not want to stop.
    let _ = pipeline.set_state(gst::State::Null);
    match result {
        // What is not video was not to be decoded.
        Err(FileError::Video(Fault::UnsupportedCodec(_))) if !has_video.load(Ordering::Relaxed) => {
            Err(FileError::NoFrame)
        }
        result => result,
    }
}

/// What the detector reads and decoders write, the usual first.
const FORMATS: [gst_video::VideoFormat; 4] = [
    gst_video::VideoFormat::I420,
    gst_video::VideoFormat::Nv12,
    gst_video::VideoFormat::Gray8,
    gst_video::VideoFormat::Rgb,
];

fn pull(
    pipeline: &gst::Pipeline,
    sink: &gst_app::AppSink,
    every: u64,
    frames: &SyncSender<Result<Frame, FileError>>,
) -> Result<(), FileError> {
    let bus = pipeline.bus().ok_or_else(|| broken("the pipeline has no bus"))?;
    // If it fails, the bus says why.
    let _ = pipeline.set_state(gst::State::Playing);
    let mut number = 0u64;
    let mut length = None;
    let mut format: Option<(gst::Caps, Arc<gst_video::VideoInfo>)> = None;
    loop {
        if let Some(sample) = sink.try_pull_sample(LOOK) {
            if number == 0 {
                length = pipeline.query_duration::<gst::ClockTime>().map(gst::ClockTime::seconds_f64);
            }
            if number.is_multiple_of(every)
                && let Some(frame) = to_frame(&sample, number, length, &mut format)
                && frames.send(Ok(frame)).is_err()
            {
                return Ok(());
            }
            number += 1;
            continue;
        }
        let message = bus.pop_filtered(&[gst::MessageType::Error, gst::MessageType::Eos]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => {
                return Err(match fault::classify(error) {
                    Fault::NotMedia if number == 0 => FileError::Unknown,
                    Fault::NoVideo => FileError::NoFrame,
                    fault => FileError::Video(fault),
                });
            }
            Some(_) if number == 0 => return Err(FileError::NoFrame),
            Some(_) => return Ok(()),
            None => {}
        }
    }
}

fn to_frame(
    sample: &gst::Sample,
    number: u64,
    length: Option<f64>,
    format: &mut Option<(gst::Caps, Arc<gst_video::VideoInfo>)>,
) -> Option<Frame> {
    let caps = sample.caps_owned()?;
    let info = match format {
        Some((known, info)) if *known == caps => info.clone(),
        _ => {
            let info = Arc::new(gst_video::VideoInfo::from_caps(&caps).ok()?);
            *format = Some((caps, info.clone()));
            info
        }
    };
    let buffer = sample.buffer_owned()?;
    let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
    let time = match (buffer.pts(), segment) {
        (Some(pts), Some(segment)) => segment.to_stream_time(pts),
        (pts, _) => pts,
    };
    let time = time.map(gst::ClockTime::seconds_f64);
    let progress = match (time, length) {
        (Some(time), Some(length)) if length > 0.0 => (time / length).clamp(0.0, 1.0) as f32,
        _ => 0.0,
    };
    Some(Frame { number, time, progress, pixels: Pixels::Video { buffer, info } })
}
