//! Recording what a camera sends, without decoding it: DeepStream's smart record.
//!
//! The newest frames are kept in memory, so that a recording may begin before what gave rise to it. One recording at a time
//! is written, on a thread of its own; the camera's thread only hands references over.

mod cache;
mod film;

use std::ffi::{CString, c_char, c_void};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use parking_lot::Mutex;

use cache::Cache;
use film::{Film, FilmError};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "nvurisrcbin-record",
        gst::DebugColorFlags::empty(),
        Some("DeepStream's smart record"),
    )
});

/// Bytes of coded frames that are kept at most: 80 seconds of a camera of 25 Mbit/s.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// Seconds from which on DeepStream takes the default in place of the duration that it is told.
const TOO_LONG: u32 = 300;
/// Seconds that are recorded where nothing else says how many, as in DeepStream.
const DEFAULT_DURATION: u32 = 10;
/// The number of a recording: there is one per source at a time, which DeepStream always calls 0.
pub(super) const SESSION: u32 = 0;

/// `smart-rec-container`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Mp4,
    Mkv,
}

impl Container {
    fn muxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4mux",
            Self::Mkv => "matroskamux",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mkv => "mkv",
        }
    }
}

/// What the properties say.
#[derive(Debug, Clone)]
pub(super) struct RecordSettings {
    pub(super) folder: PathBuf,
    /// What names of files begin with.
    pub(super) prefix: String,
    pub(super) container: Container,
    /// Seconds that are kept.
    pub(super) cache: u32,
    /// Seconds of a recording that is told none.
    pub(super) default_duration: u32,
}

/// A recording that is done.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) path: PathBuf,
    pub(super) length: gst::ClockTime,
    pub(super) container: Container,
    pub(super) size: (u32, u32),
    /// What `start-sr` was given for `sr-done`.
    pub(super) user_data: usize,
}

/// What takes recordings that are done.
type Done = Box<dyn Fn(&Recording) + Send + Sync>;

/// Why nothing is recorded.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error("smart-record is off, or the source is no RTSP camera")]
    Off,
    #[error("a recording is under way; there is one at a time")]
    Busy,
    #[error("nothing is being recorded")]
    Idle,
    #[error("nothing has come from the camera yet")]
    NoStream,
    #[error(transparent)]
    Film(#[from] FilmError),
    #[error("no thread to write: {0}")]
    Thread(std::io::Error),
}

/// A coded frame.
#[derive(Clone)]
struct Frame {
    buffer: gst::Buffer,
    /// In running time, which goes on when the camera is connected to again.
    pts: Option<gst::ClockTime>,
    dts: Option<gst::ClockTime>,
}

impl Frame {
    fn is_key(&self) -> bool {
        !self.buffer.flags().contains(gst::BufferFlags::DELTA_UNIT)
    }
}

struct State {
    caps: Option<gst::Caps>,
    segment: gst::FormattedSegment<gst::ClockTime>,
    cache: Cache<Frame>,
    film: Option<Arc<Film>>,
    /// A file is being opened.
    is_starting: bool,
    thread: Option<JoinHandle<()>>,
}

/// Records one camera.
pub(super) struct Recorder {
    settings: RecordSettings,
    epoch: Instant,
    state: Mutex<State>,
    done: Done,
}

impl Recorder {
    pub(super) fn new(settings: RecordSettings, done: impl Fn(&Recording) + Send + Sync + 'static) -> Self {
        let span = Duration::from_secs(settings.cache.into());
        let state = State {
            caps: None,
            segment: gst::FormattedSegment::new(),
            cache: Cache::new(span, MOST_BYTES),
            film: None,
            is_starting: false,
            thread: None,
        };
        Self { settings, epoch: Instant::now(), state: Mutex::new(state), done: Box::new(done) }
    }

    /// Looks at what passes `pad`, in front of a decoder.
    pub(super) fn watch(self: &Arc<Self>, pad: &gst::Pad) {
        let weak = Arc::downgrade(self);
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            let Some(recorder) = weak.upgrade() else { return gst::PadProbeReturn::Remove };
            match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => recorder.frame(buffer),
                Some(gst::PadProbeData::Event(event)) => recorder.event(event),
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn event(&self, event: &gst::EventRef) {
        let mut state = self.state.lock();
        match event.view() {
            gst::EventView::Caps(caps)
                if !state.caps.as_deref().is_some_and(|known| is_same(known, caps.caps())) =>
            {
                // What comes now does not fit behind what came before.
                state.cache.clear();
                if let Some(film) = &state.film {
                    film.stop();
                }
                state.caps = Some(caps.caps_owned());
            }
            gst::EventView::Segment(segment) => {
                if let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>() {
                    state.segment = segment.clone();
                }
            }
            _ => {}
        }
    }

    fn frame(&self, buffer: &gst::Buffer) {
        let mut state = self.state.lock();
        let running = |time: Option<gst::ClockTime>| state.segment.to_running_time(time?);
        let frame = Frame { buffer: buffer.clone(), pts: running(buffer.pts()), dts: running(buffer.dts()) };
        if let Some(film) = &state.film {
            film.write(&frame);
        }
        state.cache.push(self.epoch.elapsed(), frame.is_key(), buffer.size(), frame);
    }

    /// Begins a recording of the last `before` seconds and of `duration` seconds from now on; 0 is the default duration.
    pub(super) fn start(
        self: &Arc<Self>,
        before: u32,
        duration: u32,
        user_data: usize,
    ) -> Result<(), RecordError> {
        let caps = {
            let mut state = self.state.lock();
            if state.film.is_some() || state.is_starting {
                return Err(RecordError::Busy);
            }
            let caps = state.caps.clone().ok_or(RecordError::NoStream)?;
            state.is_starting = true;
            caps
        };
        // A disk may be slow; the camera's thread does not wait for it.
        let film = Film::start(&self.next_path(), &caps, self.settings.container);
        let mut state = self.state.lock();
        state.is_starting = false;
        let film = Arc::new(film?);
        if state.caps.as_ref() != Some(&caps) {
            return Err(RecordError::NoStream);
        }
        let duration = match (duration, self.settings.default_duration) {
            (1..TOO_LONG, _) => duration,
            (_, 0) => DEFAULT_DURATION,
            (_, default) => default,
        };
        let end = Instant::now() + Duration::from_secs(duration.into());
        state.cache.last(Duration::from_secs(before.into())).for_each(|frame| film.write(frame));
        let size = caps.structure(0).map_or((0, 0), |s| {
            let side =
                |name| s.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok()).unwrap_or_default();
            (side("width"), side("height"))
        });
        let (recorder, running) = (self.clone(), film.clone());
        let thread = std::thread::Builder::new().name("smart-record".into()).spawn(move || {
            recorder.write(&running, end, size, user_data);
        });
        // The one before has ended, or there would be a film.
        state.thread = Some(thread.map_err(RecordError::Thread)?);
        state.film = Some(film);
        Ok(())
    }

    /// Waits for the end of a recording, finishes it and says so.
    fn write(&self, film: &Film, end: Instant, size: (u32, u32), user_data: usize) {
        let is_well = film.wait(end);
        // From here on no frame goes into it; it stays where it is, so that another one does not begin meanwhile.
        let length = film.finish(is_well);
        self.state.lock().film = None;
        if let Some(length) = length {
            let path = film.path().to_owned();
            (self.done)(&Recording { path, length, container: self.settings.container, size, user_data });
        }
    }

    /// Ends the recording that is under way. Does not wait for the file.
    pub(super) fn stop(&self) -> Result<(), RecordError> {
        self.state.lock().film.as_ref().ok_or(RecordError::Idle)?.stop();
        Ok(())
    }

    pub(super) fn is_recording(&self) -> bool {
        self.state.lock().film.is_some()
    }

    /// Ends the recording that is under way, and waits for the file.
    pub(super) fn close(&self) {
        let thread = {
            let mut state = self.state.lock();
            if let Some(film) = &state.film {
                film.stop();
            }
            state.thread.take()
        };
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }

    /// `FOLDER/PREFIX_00000_20261123-014500_4711.mp4`: number of the recording in this process, time in UTC, process.
    fn next_path(&self) -> PathBuf {
        static RECORDINGS: AtomicU32 = AtomicU32::new(0);
        let RecordSettings { folder, prefix, container, .. } = &self.settings;
        let number = RECORDINGS.fetch_add(1, Ordering::Relaxed);
        let now = glib::DateTime::now_utc().and_then(|now| now.format("%Y%m%d-%H%M%S"));
        let now = now.map(|text| text.to_string()).unwrap_or_default();
        let process = std::process::id();
        folder.join(format!("{prefix}_{number:05}_{now}_{process}.{}", container.extension()))
    }
}

/// Whether frames of one kind may follow those of the other in a file.
fn is_same(known: &gst::CapsRef, caps: &gst::CapsRef) -> bool {
    let (Some(known), Some(caps)) = (known.structure(0), caps.structure(0)) else { return false };
    let same = |name: &str| match (known.value(name), caps.value(name)) {
        (Ok(one), Ok(other)) => one.compare(other) == Some(std::cmp::Ordering::Equal),
        (one, other) => one.is_err() && other.is_err(),
    };
    known.name() == caps.name() && ["width", "height", "profile", "codec_data"].into_iter().all(same)
}

/// `NvDsSRRecordingInfo`, which `sr-done` brings.
#[repr(C)]
pub(super) struct RecordingInfo {
    context: *mut c_void,
    session: u32,
    file_name: *const c_char,
    folder: *const c_char,
    /// Milliseconds.
    duration: u64,
    container: i32,
    width: u32,
    height: u32,
    has_video: i32,
    channels: u32,
    sampling_rate: u32,
    has_audio: i32,
}

impl Recording {
    /// Hands DeepStream's description of it to `take`; it holds for the call.
    pub(super) fn describe(&self, take: impl FnOnce(&RecordingInfo)) {
        let text = |path: &Path| CString::new(path.display().to_string()).unwrap_or_default();
        let (folder, name) =
            (text(self.folder()), text(Path::new(self.path.file_name().unwrap_or_default())));
        take(&RecordingInfo {
            context: std::ptr::null_mut(),
            session: SESSION,
            file_name: name.as_ptr(),
            folder: folder.as_ptr(),
            duration: self.length.mseconds(),
            container: i32::from(self.container == Container::Mkv),
            width: self.size.0,
            height: self.size.1,
            has_video: 1,
            channels: 0,
            sampling_rate: 0,
            has_audio: 0,
        });
    }

    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}
