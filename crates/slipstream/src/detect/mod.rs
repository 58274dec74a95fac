//! What a network sees on files: pictures and videos, as fast as the machine can.
//!
//! ```text
//! reader ─┐
//! reader ─┼─ frames, in the order of the files ─ network, a batch at a time ─ artists ─ report
//! reader ─┘
//! ```
//!
//! Readers decode several files side by side, each a few frames ahead. While the network is at one batch, the one before
//! it is drawn and reported and the next one is decoded. Everything in between is bounded, so that a long video takes no
//! more memory than a short one.

mod draw;
mod follow;
mod read;
mod second;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use slipstream_infer::{Analysis, Analyzer, InferError, Region};
use slipstream_meta::{Picture, Size};
use slipstream_track::TrackerConfig;

use self::draw::Artist;
pub use self::draw::{Gallery, GalleryError};
use self::follow::Follower;
use self::read::{Frame, Mapped, Pixels, Readers};
pub use self::second::SecondStage;
use crate::fault::Fault;

/// Frames that one call of the network takes for each of its workers: with one only, all would wait for the slowest.
const FRAMES_PER_WORKER: usize = 2;
/// Batches that wait for the artists.
const BATCHES_TO_DRAW: usize = 1;

/// What is wrong with one file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened.
    #[error("{}", io_reason(.0))]
    Open(io::Error),
    /// A folder without pictures.
    #[error("the folder holds no pictures ({})", read::PICTURE_ENDINGS.join(", "))]
    NoPictures,
    /// It begins like a picture.
    #[error("not a sound picture: {0}")]
    Picture(image::ImageError),
    /// It is no picture, and no video either.
    #[error("neither a picture (PNG, JPEG, WebP) nor a video that can be read")]
    Unknown,
    /// It is a video, up to a point.
    #[error("{0}")]
    Video(Fault),
    /// A frame whose pixels cannot be looked at.
    #[error("frame {0} cannot be read")]
    Frame(u64),
    /// A video without a single frame.
    #[error("holds no video")]
    NoFrame,
}

fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".into(),
        io::ErrorKind::PermissionDenied => "not allowed to read it".into(),
        _ => error.to_string(),
    }
}

/// Why all came to an end.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// A network cannot go on.
    #[error(transparent)]
    Network(Box<InferError>),
    /// A picture cannot be written.
    #[error(transparent)]
    Gallery(#[from] GalleryError),
    /// The report cannot be written.
    #[error("cannot write the results: {0}")]
    Report(io::Error),
    /// The system grants no thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

impl From<InferError> for DetectError {
    fn from(error: InferError) -> Self {
        Self::Network(error.into())
    }
}

/// A file to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Where it is.
    pub path: PathBuf,
    /// What pictures drawn from it are called, without number and ending: its own name, with "-2" where another file
    /// before it has the same.
    pub stem: String,
}

/// The files that `paths` name: folders stand for the pictures in them, by name.
pub fn input_files(paths: &[PathBuf]) -> Vec<InputFile> {
    let mut taken = std::collections::HashSet::new();
    let files = paths.iter().flat_map(|path| read::pictures_in(path).unwrap_or_else(|| vec![path.clone()]));
    let named = files.map(|path| {
        let own = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut stem = own.clone();
        for number in 2.. {
            if taken.insert(stem.clone()) {
                break;
            }
            stem = format!("{own}-{number}");
        }
        InputFile { path, stem }
    });
    named.collect()
}

/// One frame that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenFrame {
    /// Number of the frame in its file, from 0.
    pub number: u64,
    /// Time in the video in seconds.
    pub time: Option<f64>,
    /// Width and height; pictures stand upright as their EXIF data says.
    pub size: Size,
    /// What was seen on it, in the frame's pixels. Objects that a tracker follows have its numbers; what second stages found
    /// in objects comes behind all others.
    pub seen: Analysis,
    /// How much of the file is read with it, in 0…1.
    pub progress: f32,
}

/// A frame, or what is wrong with a file.
type Item<T> = (usize, Result<T, FileError>);

/// A frame on its way from the network to the artists; pixels are kept only to be drawn on.
struct Done {
    frame: SeenFrame,
    pixels: Option<Pixels>,
}

/// Looks at all `files`, at every `every`th frame of videos, and reports each frame, or what is wrong with a file, in the
/// order of the files and their frames. `report` is given the index of the file. With a `gallery` each frame is drawn
/// before it is reported. With a `tracker`, objects that it follows through a file have numbers. The `stages` look
/// at every object of every frame, one after the other. Uses as many cores as the network has workers.
///
/// # Errors
/// If a network fails, a picture cannot be written, or `report` fails. Files that cannot be read are reported, and the
/// others looked at all the same.
pub fn detect(
    network: &mut Analyzer,
    files: &[InputFile],
    every: u64,
    tracker: Option<Arc<TrackerConfig>>,
    stages: &mut [SecondStage],
    gallery: Option<&Gallery>,
    mut report: impl FnMut(usize, &Result<SeenFrame, FileError>) -> io::Result<()> + Send,
) -> Result<(), DetectError> {
    let workers = network.workers();
    let batch_size = workers * FRAMES_PER_WORKER;
    std::thread::scope(|scope| {
        let readers = Readers::start(scope, files, every, workers).map_err(DetectError::Thread)?;
        let (sender, batches) = sync_channel(BATCHES_TO_DRAW);
        let writer = std::thread::Builder::new().name("write".into()).spawn_scoped(scope, move || {
            let mut artists: Vec<_> = (0..workers).map(|_| Artist::new()).collect();
            write(&batches, files, gallery, &mut artists, &mut report)
        });
        let writer = writer.map_err(DetectError::Thread)?;
        let follower = Follower::new(tracker);
        let mut examiners = Examiners { network, follower, stages };
        let looked = look(&mut examiners, readers, batch_size, gallery.is_some(), &sender);
        // The writer's end.
        drop(sender);
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        looked?;
        written
    })
}

/// Who looks at the frames, one after the other.
struct Examiners<'a> {
    network: &'a mut Analyzer,
    follower: Follower,
    stages: &'a mut [SecondStage],
}

/// Batch by batch; ends early if the writer does.
fn look(
    examiners: &mut Examiners<'_>,
    mut readers: Readers,
    batch_size: usize,
    keep_pixels: bool,
    done: &SyncSender<Vec<Item<Done>>>,
) -> Result<(), DetectError> {
    loop {
        let batch: Vec<_> = readers.by_ref().take(batch_size).collect();
        if batch.is_empty() {
            return Ok(());
        }
        let maps: Vec<_> =
            batch.iter().map(|(_, frame)| frame.as_ref().ok().and_then(|f| f.pixels.map())).collect();
        let views: Vec<_> = maps.iter().map(|map| map.as_ref().and_then(Mapped::picture)).collect();
        let regions: Vec<_> = views.iter().flatten().copied().map(Region::whole).collect();
        let Examiners { network, follower, stages } = &mut *examiners;
        let mut found = network.analyze(&regions)?.into_iter();
        let seen = batch.iter().zip(&views).map(|((file, frame), view)| {
            // The network saw the frames that have a view, and no others.
            let (frame, view) = (frame.as_ref().ok()?, view.as_ref()?);
            let mut seen = found.next()?;
            follower.follow(*file, frame, view, &mut seen.objects);
            Some(seen)
        });
        let mut seen: Vec<_> = seen.collect();
        second::look(stages, &views, &mut seen)?;
        let sizes: Vec<_> = views.iter().map(|view| view.as_ref().map(Picture::size)).collect();
        drop(maps);
        let batch =
            batch.into_iter().zip(seen.into_iter().zip(sizes)).map(|((file, frame), (seen, size))| {
                let done = frame.and_then(|frame| {
                    let (seen, size) = seen.zip(size).ok_or(FileError::Frame(frame.number))?;
                    let Frame { number, time, progress, pixels } = frame;
                    let frame = SeenFrame { number, time, size, seen, progress };
                    Ok(Done { frame, pixels: keep_pixels.then_some(pixels) })
                });
                (file, done)
            });
        if done.send(batch.collect()).is_err() {
            return Ok(());
        }
    }
}

/// Draws and reports what comes.
fn write(
    batches: &Receiver<Vec<Item<Done>>>,
    files: &[InputFile],
    gallery: Option<&Gallery>,
    artists: &mut [Artist],
    report: &mut (impl FnMut(usize, &Result<SeenFrame, FileError>) -> io::Result<()> + Send),
) -> Result<(), DetectError> {
    for mut batch in batches {
        if let Some(gallery) = gallery {
            draw_all(&mut batch, files, gallery, artists)?;
        }
        for (file, done) in batch {
            report(file, &done.map(|done| done.frame)).map_err(DetectError::Report)?;
        }
    }
    Ok(())
}

/// Draws a batch, its frames side by side.
fn draw_all(
    batch: &mut [Item<Done>],
    files: &[InputFile],
    gallery: &Gallery,
    artists: &mut [Artist],
) -> Result<(), GalleryError> {
    let share = batch.len().div_ceil(artists.len().max(1)).max(1);
    std::thread::scope(|scope| {
        let shares = batch.chunks_mut(share).zip(artists);
        let threads: Vec<_> = shares
            .map(|(share, artist)| {
                scope.spawn(move || {
                    for (file, done) in share {
                        if let (Some(file), Ok(Done { frame, pixels })) = (files.get(*file), done)
                            && let Some(pixels) = pixels.take()
                        {
                            artist.draw(gallery, file, frame, pixels)?;
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Whether `path` can only be meant as a picture, going by its ending.
pub(crate) fn has_picture_ending(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|ending| read::PICTURE_ENDINGS.contains(&ending.as_str()))
}
