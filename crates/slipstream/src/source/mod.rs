//! Cameras and files, each under the care of a supervisor of its own.
//!
//! A supervisor is a thread that connects, watches, and connects anew after a wait when the camera is lost: it could not be
//! reached, broke off, sent rubbish, or showed no frame for too long. The others never notice. What it is doing is to be
//! read from the tile (`status` of the multiplexer's pad) and from [`Camera::state`].

mod backoff;
mod bin;
mod catch_up;
mod connection;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gst::prelude::*;
use parking_lot::Mutex;

use self::backoff::Backoff;
use self::connection::{Connection, Plan};
use crate::fault::{self, Fault};
use crate::memory;
use crate::settings::{SourceArgs, Transport};
use crate::uri::{Input, redact};

/// Name of the bin and the thread of each camera, before its number.
const BIN_PREFIX: &str = "camera-";
/// How often a supervisor looks at its camera.
const LOOK: Duration = Duration::from_millis(250);
/// Connecting takes a camera this much longer than the next frame may.
const CONNECT_GRACE: Duration = Duration::from_secs(5);
/// How long to look for the reason of a failed connection.
const EXPLAIN_PATIENCE: Duration = Duration::from_secs(2);
/// A connection that held this long was a good one: the next wait is short again.
const STABLE: Duration = Duration::from_secs(10);
/// Things that can have happened at a camera before its supervisor looks; more are of no interest.
const EVENT_BACKLOG: usize = 16;

/// How a camera is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraState {
    /// No frame yet on this connection.
    Connecting,
    /// Frames come.
    Live,
    /// Lost; to be connected anew.
    Waiting {
        /// Why it was lost.
        reason: String,
        /// Time of the next try.
        retry: Instant,
    },
    /// A file that was shown to its end.
    Ended,
    /// A file that cannot be shown.
    Failed {
        /// Why.
        reason: String,
    },
}

impl CameraState {
    /// Whether nothing more will come.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Ended | Self::Failed { .. })
    }

    /// What a tile shows in place of a picture.
    fn status(&self) -> Option<String> {
        match self {
            Self::Connecting => Some("connecting".into()),
            Self::Live => None,
            Self::Waiting { reason, retry } => {
                let seconds = retry.saturating_duration_since(Instant::now()).as_secs_f64().ceil();
                Some(format!("{reason}; next try in {seconds:.0} s"))
            }
            Self::Ended => Some("ended".into()),
            Self::Failed { reason } => Some(reason.clone()),
        }
    }

    /// One word for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Waiting { .. } => "waiting",
            Self::Ended => "ended",
            Self::Failed { .. } => "failed",
        }
    }
}

enum Event {
    Ended,
    Fault(Fault),
    Stop,
}

/// What the supervisor, the elements' threads and the status table share.
struct Shared {
    state: Mutex<CameraState>,
    frames: AtomicU64,
    last_frame: Mutex<Option<Instant>>,
    reconnects: AtomicU64,
    left_out: AtomicU64,
    events: SyncSender<Event>,
}

impl Shared {
    fn saw_frame(&self) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        *self.last_frame.lock() = Some(Instant::now());
    }

    fn count_left_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
    }

    fn tell(&self, event: Event) {
        // A full backlog already holds a reason to act.
        let _ = self.events.try_send(event);
    }
}

/// A camera or file that feeds one pad of the multiplexer.
pub struct Camera {
    name: Arc<str>,
    input: Input,
    mux_pad: gst::Pad,
    shared: Arc<Shared>,
    supervisor: Option<JoinHandle<()>>,
}

/// Cannot take a camera on.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// The multiplexer gave no pad.
    #[error("the multiplexer takes no further source")]
    Pad,
    /// The system gave no thread.
    #[error("cannot start a thread for {0}: {1}")]
    Thread(String, std::io::Error),
}

impl Camera {
    /// Connects `input` to a new pad of `mux`, in `pipeline`; `index` counts the inputs from 0.
    ///
    /// # Errors
    /// Only where the machine gives out; a camera that cannot be reached is retried.
    pub fn start(
        pipeline: &gst::Pipeline,
        mux: &gst::Element,
        index: usize,
        input: Input,
        settings: SourceArgs,
        decoder_threads: u32,
    ) -> Result<Self, CameraError> {
        let named = settings.names.get(index).map(|name| name.trim()).filter(|name| !name.is_empty());
        let name: Arc<str> = named.map_or_else(|| input.name(index + 1), str::to_owned).into();
        let mux_pad = mux.request_pad_simple(&format!("sink_{index}")).ok_or(CameraError::Pad)?;
        mux_pad.set_property("source-name", &*name);
        let (sender, events) = sync_channel(EVENT_BACKLOG);
        let shared = Arc::new(Shared {
            state: Mutex::new(CameraState::Connecting),
            frames: AtomicU64::new(0),
            last_frame: Mutex::new(None),
            reconnects: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            events: sender,
        });
        let supervisor = Supervisor {
            pipeline: pipeline.clone(),
            mux_pad: mux_pad.clone(),
            bin_name: format!("{BIN_PREFIX}{index}"),
            name: name.clone(),
            input: input.clone(),
            settings,
            decoder_threads,
            shared: shared.clone(),
            events,
            over_udp: false,
        };
        let supervisor = std::thread::Builder::new()
            .name(format!("{BIN_PREFIX}{index}"))
            .spawn(move || supervisor.run())
            .map_err(|err| CameraError::Thread(name.to_string(), err))?;
        Ok(Self { name, input, mux_pad, shared, supervisor: Some(supervisor) })
    }

    /// What people call it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where its pictures come from.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// How it is doing.
    pub fn state(&self) -> CameraState {
        self.shared.state.lock().clone()
    }

    /// Frames that came in.
    pub fn frames(&self) -> u64 {
        self.shared.frames.load(Ordering::Relaxed)
    }

    /// Frames that were given up: because newer ones came before they had their turn, or undecoded because the decoder did
    /// not keep up.
    pub fn dropped(&self) -> u64 {
        self.mux_pad.property::<u64>("dropped") + self.shared.left_out.load(Ordering::Relaxed)
    }

    /// Times it was connected anew.
    pub fn reconnects(&self) -> u64 {
        self.shared.reconnects.load(Ordering::Relaxed)
    }

    /// Time since its last frame.
    pub fn last_frame_age(&self) -> Option<Duration> {
        self.shared.last_frame.lock().map(|time| time.elapsed())
    }

    /// Asks the supervisor to end; [`Drop`] waits for it, so many are best asked first.
    pub fn ask_to_stop(&self) {
        self.shared.tell(Event::Stop);
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        // A full backlog must not swallow this one: the supervisor is emptying it.
        let _ = self.shared.events.send(Event::Stop);
        if let Some(supervisor) = self.supervisor.take() {
            let _ = supervisor.join();
        }
    }
}

/// Why a connection came to its end.
enum End {
    Stop,
    Ended,
    Lost(String),
}

struct Supervisor {
    pipeline: gst::Pipeline,
    mux_pad: gst::Pad,
    bin_name: String,
    name: Arc<str>,
    input: Input,
    settings: SourceArgs,
    decoder_threads: u32,
    shared: Arc<Shared>,
    events: Receiver<Event>,
    over_udp: bool,
}

impl Supervisor {
    fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            self.enter(CameraState::Connecting);
            // Whatever is still in the backlog belongs to the connection before, unless it asks to stop.
            while let Ok(event) = self.events.try_recv() {
                if matches!(event, Event::Stop) {
                    return;
                }
            }
            let frames_before = self.shared.frames.load(Ordering::Relaxed);
            let started = Instant::now();
            let end = self.connect_and_watch();
            let frames = self.shared.frames.load(Ordering::Relaxed) - frames_before;
            if frames > 0 && started.elapsed() > STABLE {
                backoff.reset();
            }
            let reason = match end {
                End::Stop => return,
                End::Ended if self.settings.repeat && frames > 0 => continue,
                End::Ended if !self.input.is_live() => return self.enter(CameraState::Ended),
                End::Ended => "the camera ended the stream".to_owned(),
                End::Lost(reason) => reason,
            };
            if matches!(self.input, Input::File(_)) {
                tracing::error!("{}: {reason}", self.name);
                self.enter(CameraState::Failed { reason });
                // The others' end is then the end of all.
                self.mux_pad.send_event(gst::event::Eos::new());
                return;
            }
            let wait = backoff.next(fastrand::f64());
            tracing::warn!("{}: {reason}; next try in {:.0} s", self.name, wait.as_secs_f64());
            let retry = Instant::now() + wait;
            self.enter(CameraState::Waiting { reason, retry });
            if self.sleep_until(retry) {
                return;
            }
            self.shared.reconnects.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn enter(&self, state: CameraState) {
        if state == CameraState::Live {
            tracing::info!("{}: live", self.name);
        }
        self.mux_pad.set_property("status", state.status());
        *self.shared.state.lock() = state;
    }

    /// Shows how long it is until `time`; true if asked to stop meanwhile.
    fn sleep_until(&self, time: Instant) -> bool {
        loop {
            let left = time.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            match self.events.recv_timeout(left.min(LOOK)) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.mux_pad.set_property("status", self.shared.state.lock().status());
                }
            }
        }
    }

    fn connect_and_watch(&mut self) -> End {
        *self.shared.last_frame.lock() = None;
        let plan = Plan {
            pipeline: &self.pipeline,
            mux_pad: &self.mux_pad,
            input: &self.input,
            settings: &self.settings,
            decoder_threads: self.decoder_threads,
            passes_end: !self.input.is_live() && !self.settings.repeat,
            over_udp: self.over_udp,
        };
        let connection = match Connection::start(&plan, &self.bin_name, &self.shared) {
            Ok(connection) => connection,
            Err(err) => {
                // The bus knows better than "failed to change state".
                let reason = match self.events.recv_timeout(LOOK) {
                    Ok(Event::Fault(fault)) => fault.to_string(),
                    _ => err.to_string(),
                };
                return End::Lost(redact(&reason));
            }
        };
        let end = self.watch(&connection);
        drop(connection);
        memory::give_back();
        end
    }

    fn watch(&mut self, connection: &Connection) -> End {
        let started = Instant::now();
        loop {
            match self.events.recv_timeout(LOOK) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return End::Stop,
                Ok(Event::Ended) => return End::Ended,
                Ok(Event::Fault(_)) if connection.lacks_video() => {
                    return End::Lost(Fault::NoVideo.to_string());
                }
                Ok(Event::Fault(fault)) => {
                    let fault = match &self.input {
                        Input::Rtsp(uri) | Input::Http(uri) => fault::explain(fault, uri, EXPLAIN_PATIENCE),
                        Input::File(_) | Input::Device(_) => fault,
                    };
                    if fault.is_transport_refused() && self.settings.transport == Transport::Auto {
                        self.over_udp = !self.over_udp;
                    }
                    return End::Lost(redact(&fault.to_string()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let age = self.shared.last_frame.lock().map(|time| time.elapsed());
            let limit = self.settings.frame_timeout;
            match age {
                Some(age) if age > limit && self.input.is_live() => {
                    return End::Lost(format!("no frame for {:.0} s", limit.as_secs_f64()));
                }
                Some(_) if *self.shared.state.lock() == CameraState::Connecting => {
                    self.enter(CameraState::Live);
                }
                None if started.elapsed() > limit + CONNECT_GRACE
                    && !matches!(self.input, Input::File(_)) =>
                {
                    return End::Lost(format!(
                        "no answer for {:.0} s",
                        (limit + CONNECT_GRACE).as_secs_f64()
                    ));
                }
                _ => {}
            }
        }
    }
}
