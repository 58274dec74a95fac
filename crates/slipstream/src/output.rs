//! The annotated picture on the network: an RTSP server with any number of viewers of one encoded stream.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gst_app::AppSrc;
use gst_rtsp_server::gst_rtsp::{RTSPLowerTrans, RTSPStatusCode};
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::subclass::prelude::*;
use gst_rtsp_server::{RTSPClient, RTSPMedia, RTSPMediaFactory, RTSPServer, RTSPSessionPool};
use parking_lot::Mutex;

use crate::rtsp_login::{LoginMethod, login};
use crate::rtsp_thread::{ListenError, ServerThread};
use crate::settings::{Codec, MountPath};
use crate::uri::Credentials;

/// Access units that may wait for the payloader. It is fast: more than a few means that it is stuck.
const MAX_WAITING: u64 = 16;
/// Size of the sockets' send buffers for UDP in bytes: a key frame at the highest sensible bit rates.
const UDP_SEND_BUFFER: u32 = 524_288;
/// Key frames are asked for at most this often, however many viewers come.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(200);
/// Without a frame for so long there is nothing to show, and viewers are told so instead of being kept waiting.
const STALLED: Duration = Duration::from_secs(3);
/// Presentation times further from now than this are taken as a jump of the encoder's clock.
const MAX_DRIFT: gst::ClockTime = gst::ClockTime::from_mseconds(500);
/// Seconds that a connection stays open after its session has timed out or ended.
const LINGER: i32 = 5;
/// How often abandoned sessions and connections are looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// What viewers may take up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time. When there are more, the oldest that shows no video gives way.
    pub connections: usize,
    /// Sessions that one connection may open. Ordinary viewers need one.
    pub sessions_per_connection: u32,
    /// Time from connecting to playing.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 64, sessions_per_connection: 4, handshake: Duration::from_secs(15) }
    }
}

/// Where and how the output is served.
#[derive(Debug, Clone)]
pub struct OutputSettings {
    /// Address of this machine to listen at.
    pub bind: IpAddr,
    /// TCP port; 0 takes any free one.
    pub port: u16,
    /// Path of the stream.
    pub path: MountPath,
    /// Codec of the samples that will be pushed.
    pub codec: Codec,
    /// Name and password that viewers have to give, by basic or digest authentication.
    pub credentials: Option<Credentials>,
    /// What viewers may take up.
    pub limits: Limits,
}

/// Why the output cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The port cannot be opened.
    #[error("RTSP output: {0}")]
    Listen(#[from] ListenError),
}

/// The RTSP server. It stops when dropped.
pub struct RtspOutput {
    thread: ServerThread,
    shared: Arc<Shared>,
    path: MountPath,
}

impl RtspOutput {
    /// Opens the port. Viewers are told that there is nothing to see until the first [`push`](Self::push).
    ///
    /// # Errors
    /// If the port is in use or not to be had.
    pub fn start(settings: OutputSettings) -> Result<Self, OutputError> {
        let shared = Arc::new(Shared::new(settings.limits.clone()));
        let server = RTSPServer::new();
        let pool = RTSPSessionPool::new();
        pool.set_max_sessions(
            u32::try_from(settings.limits.connections)
                .unwrap_or(u32::MAX)
                .saturating_mul(settings.limits.sessions_per_connection),
        );
        server.set_session_pool(Some(&pool));
        if let Some(credentials) = &settings.credentials {
            server.set_auth(Some(&login(credentials, LoginMethod::Any)));
        }
        if let Some(mounts) = server.mount_points() {
            mounts.add_factory(settings.path.as_str(), factory(settings.codec, &shared));
        }
        server.connect_client_connected({
            let shared = shared.clone();
            move |_, client| connected(&shared, client)
        });
        let thread = ServerThread::start(server, settings.bind, settings.port)?;
        let housekeeping = glib::timeout_source_new(HOUSEKEEPING, None, glib::Priority::DEFAULT, {
            let shared = shared.clone();
            move || {
                pool.cleanup();
                shared.hang_up_on_idlers();
                glib::ControlFlow::Continue
            }
        });
        housekeeping.attach(Some(thread.context()));
        Ok(Self { thread, shared, path: settings.path })
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.thread.port()
    }

    /// What to open in a player, `host` being this machine's name or address.
    pub fn url(&self, host: &str) -> String {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!("rtsp://{host}:{}{}", self.port(), self.path)
    }

    /// Sets what is called when a viewer needs a key frame: it has to ask the encoder for one, and must not wait.
    pub fn on_viewer(&self, request_key_frame: impl Fn() + Send + Sync + 'static) {
        *self.shared.request_key_frame.lock() = Some(Arc::new(request_key_frame));
    }

    /// Sends one access unit (byte stream, with caps, in decoding order) to all viewers. Never waits: without
    /// viewers it does nothing, and a viewer that reads too slowly loses its connection, not others their picture.
    pub fn push(&self, sample: &gst::Sample) {
        self.shared.push(sample);
    }

    /// Whether there is a picture to show: one was pushed, not long ago.
    pub fn is_ready(&self) -> bool {
        self.shared.has_picture()
    }

    /// How many viewers are playing.
    pub fn viewers(&self) -> usize {
        self.shared.connections.lock().values().filter(|connection| connection.is_playing).count()
    }

    /// How many access units viewers did not get because sending was stuck.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Hangs up on all viewers and closes the port.
    pub fn stop(self) {
        drop(self);
    }
}

type KeyFrameRequest = Arc<dyn Fn() + Send + Sync>;

/// What the server's thread and the encoder's thread both know.
struct Shared {
    limits: Limits,
    feed: Mutex<Feed>,
    needs_key_frame: AtomicBool,
    request_key_frame: Mutex<Option<KeyFrameRequest>>,
    /// By the address of their client object.
    connections: Mutex<HashMap<usize, Connection>>,
    dropped: AtomicU64,
}

/// The way into the media that all viewers share; there is one only while there are viewers.
#[derive(Default)]
struct Feed {
    source: Option<AppSrc>,
    /// Decoders cannot begin in the middle of a group of pictures.
    waits_for_key_frame: bool,
    /// What to add to the encoder's times to get the media's running time.
    offset: Option<i128>,
    last_time: Option<gst::ClockTime>,
    last_push: Option<Instant>,
    last_key_request: Option<Instant>,
}

struct Connection {
    client: glib::WeakRef<RTSPClient>,
    since: Instant,
    is_playing: bool,
    sessions: u32,
}

impl Shared {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            feed: Mutex::default(),
            needs_key_frame: AtomicBool::new(false),
            request_key_frame: Mutex::default(),
            connections: Mutex::default(),
            dropped: AtomicU64::new(0),
        }
    }

    fn push(&self, sample: &gst::Sample) {
        let Some(buffer) = sample.buffer() else { return };
        let now = Instant::now();
        let is_key_frame = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let mut feed = self.feed.lock();
        feed.last_push = Some(now);
        let Some(source) = feed.source.clone() else { return };
        if feed.waits_for_key_frame || self.needs_key_frame.load(Ordering::Relaxed) {
            self.ask_for_key_frame(&mut feed, now, is_key_frame);
        }
        if feed.waits_for_key_frame && !is_key_frame {
            return;
        }
        if source.current_level_buffers() >= MAX_WAITING {
            // What follows cannot be decoded without what is left out here.
            feed.waits_for_key_frame = true;
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // Before it plays, the media has no base time, and stamps would lie hours in the future.
        let Some(running) = playing_time(&source) else {
            feed.waits_for_key_frame = true;
            return;
        };
        feed.waits_for_key_frame = false;
        let stamp = feed.stamp(buffer.dts_or_pts(), running);
        let mut buffer = buffer.to_owned();
        {
            let buffer = buffer.make_mut();
            // B-frames are never made here, so both times are the same.
            buffer.set_pts(stamp);
            buffer.set_dts(stamp);
        }
        if source.caps().as_deref() != sample.caps() {
            source.set_caps(sample.caps_owned().as_ref());
        }
        drop(feed);
        if let Err(error) = source.push_buffer(buffer)
            && error != gst::FlowError::Flushing
        {
            tracing::debug!(?error, "the RTSP media takes no more");
        }
    }

    fn ask_for_key_frame(&self, feed: &mut Feed, now: Instant, is_key_frame: bool) {
        if is_key_frame {
            self.needs_key_frame.store(false, Ordering::Relaxed);
        } else if feed.last_key_request.is_none_or(|last| now.duration_since(last) >= KEY_FRAME_PAUSE) {
            feed.last_key_request = Some(now);
            let request = self.request_key_frame.lock().clone();
            if let Some(request) = request {
                request();
            }
        }
    }

    /// A viewer has come whose decoder can begin only at a key frame.
    fn viewer_waits(&self) {
        self.needs_key_frame.store(true, Ordering::Relaxed);
    }

    fn has_picture(&self) -> bool {
        self.feed.lock().last_push.is_some_and(|last| last.elapsed() < STALLED)
    }

    fn with_connection(&self, client: &RTSPClient, change: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.connections.lock().get_mut(&key(client)) {
            change(connection);
        }
    }

    /// Closes connections that do not get to the point.
    fn hang_up_on_idlers(&self) {
        let idlers: Vec<_> = self
            .connections
            .lock()
            .values()
            .filter(|connection| !connection.is_playing && connection.since.elapsed() > self.limits.handshake)
            .map(|connection| connection.client.clone())
            .collect();
        for client in idlers.iter().filter_map(glib::WeakRef::upgrade) {
            tracing::debug!("a viewer that does not play is disconnected");
            client.close();
        }
    }

    /// The connection that has to go for a new one, if there are too many.
    fn surplus(&self) -> Option<RTSPClient> {
        let connections = self.connections.lock();
        if connections.len() <= self.limits.connections {
            return None;
        }
        let idle = connections.values().filter(|connection| !connection.is_playing);
        idle.min_by_key(|connection| connection.since)?.client.upgrade()
    }
}

impl Feed {
    /// The media's time for a frame that the encoder stamped `time`: the encoder's even distances are kept, and
    /// no frame lies in the future, where it would be held back.
    fn stamp(&mut self, time: Option<gst::ClockTime>, running: gst::ClockTime) -> gst::ClockTime {
        let now = i128::from(running.nseconds());
        let time = time.map_or(now, |time| i128::from(time.nseconds()));
        let newest = now - time;
        let drift = i128::from(MAX_DRIFT.nseconds());
        let offset = match self.offset {
            Some(offset) if newest - offset <= drift => offset.min(newest),
            _ => newest,
        };
        self.offset = Some(offset);
        let stamp = gst::ClockTime::from_nseconds(u64::try_from(time + offset).unwrap_or_default());
        let stamp = self.last_time.map_or(stamp, |last| stamp.max(last + gst::ClockTime::from_nseconds(1)));
        self.last_time = Some(stamp);
        stamp
    }
}

/// Running time of a playing element.
fn playing_time(element: &AppSrc) -> Option<gst::ClockTime> {
    if element.current_state() != gst::State::Playing {
        return None;
    }
    element.current_running_time()
}

fn key(client: &RTSPClient) -> usize {
    client.as_ptr() as usize
}

fn factory(codec: Codec, shared: &Arc<Shared>) -> OneMediaFactory {
    let factory: OneMediaFactory = glib::Object::new();
    // Set this once only, as the factory is new.
    let _ = factory.imp().shared.set(Arc::downgrade(shared));
    // Parameter sets are in the stream: the encoder's parser repeats them before every key frame.
    factory.set_launch(&format!(
        "( appsrc name=feed is-live=true format=time block=false max-bytes=0 max-buffers=0 ! {} name=pay0 pt=96 config-interval=0 )",
        codec.payloader()
    ));
    factory.set_shared(true);
    factory.set_protocols(RTSPLowerTrans::TCP | RTSPLowerTrans::UDP);
    factory.set_buffer_size(UDP_SEND_BUFFER);
    factory.connect_media_configure({
        let shared = shared.clone();
        move |_, media| configure(&shared, media)
    });
    factory
}

/// New media feed from now on; media that end feed no more.
fn configure(shared: &Arc<Shared>, media: &RTSPMedia) {
    let element = media.element();
    let source = element.downcast_ref::<gst::Bin>().and_then(|bin| bin.by_name("feed"));
    let Some(source) = source.and_then(|source| source.downcast::<AppSrc>().ok()) else {
        tracing::error!("the RTSP media has no source");
        return;
    };
    // Viewers that ask for a key frame by RTCP.
    if let Some(pad) = source.static_pad("src") {
        let shared = shared.clone();
        pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            if info.event().and_then(|event| event.structure()).is_some_and(|s| s.name() == "GstForceKeyUnit")
            {
                shared.viewer_waits();
            }
            gst::PadProbeReturn::Ok
        });
    }
    media.connect_unprepared({
        let (shared, source) = (Arc::downgrade(shared), source.downgrade());
        move |_| {
            let Some(shared) = shared.upgrade() else { return };
            let mut feed = shared.feed.lock();
            if feed.source.as_ref() == source.upgrade().as_ref() {
                feed.source = None;
            }
        }
    });
    let mut feed = shared.feed.lock();
    feed.source = Some(source);
    feed.waits_for_key_frame = true;
    feed.offset = None;
    feed.last_time = None;
}

/// Watches over one connection. All handlers run on the server's thread.
fn connected(shared: &Arc<Shared>, client: &RTSPClient) {
    let connection =
        Connection { client: client.downgrade(), since: Instant::now(), is_playing: false, sessions: 0 };
    shared.connections.lock().insert(key(client), connection);
    client.set_post_session_timeout(LINGER);

    let weak = Arc::downgrade(shared);
    let when = move |work: fn(&Shared, &RTSPClient)| {
        let weak = weak.clone();
        move |client: &RTSPClient| {
            if let Some(shared) = weak.upgrade() {
                work(&shared, client);
            }
        }
    };
    let closed = when(|shared, client| {
        shared.connections.lock().remove(&key(client));
    });
    client.connect_closed(closed);
    let playing = when(|shared, client| {
        shared.with_connection(client, |connection| connection.is_playing = true);
        shared.viewer_waits();
    });
    client.connect_play_request(move |client, _| playing(client));
    let resting = when(|shared, client| {
        shared.with_connection(client, |connection| {
            connection.is_playing = false;
            connection.since = Instant::now();
        });
    });
    client.connect_pause_request({
        let resting = resting.clone();
        move |client, _| resting(client)
    });
    client.connect_teardown_request(move |client, _| resting(client));
    let new_session = when(|shared, client| {
        let mut sessions = 0;
        shared.with_connection(client, |connection| {
            connection.sessions += 1;
            sessions = connection.sessions;
        });
        if sessions > shared.limits.sessions_per_connection {
            tracing::warn!("a viewer that opens session after session is disconnected");
            close_later(client);
        }
    });
    client.connect_new_session(move |client, _| new_session(client));

    // Says why there are no media; the library alone would call it a bad request.
    let weak = Arc::downgrade(shared);
    client.connect_pre_describe_request(move |_, _| match weak.upgrade() {
        Some(shared) if shared.has_picture() => RTSPStatusCode::Ok,
        _ => RTSPStatusCode::ServiceUnavailable,
    });

    if let Some(surplus) = shared.surplus() {
        tracing::warn!(
            limit = shared.limits.connections,
            "too many connections; the oldest that does not play is closed"
        );
        close_later(&surplus);
    }
}

/// Closes once the server has finished what it is doing with this client.
fn close_later(client: &RTSPClient) {
    let client = client.downgrade();
    glib::idle_source_new(None, glib::Priority::HIGH, move || {
        if let Some(client) = client.upgrade() {
            client.close();
        }
        glib::ControlFlow::Break
    })
    .attach(glib::MainContext::thread_default().as_ref());
}

glib::wrapper! {
    /// The library makes media of their own for `/ds?x` and `/ds/y`; here everybody sees the same.
    struct OneMediaFactory(ObjectSubclass<imp::OneMediaFactory>) @extends RTSPMediaFactory;
}

mod imp {
    use std::sync::{OnceLock, Weak};

    use gst_rtsp_server::gst_rtsp::RTSPUrl;
    use gst_rtsp_server::subclass::prelude::*;

    use super::*;

    #[derive(Default)]
    pub(super) struct OneMediaFactory {
        pub(super) shared: OnceLock<Weak<Shared>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for OneMediaFactory {
        const NAME: &'static str = "SlipstreamOneMediaFactory";
        type Type = super::OneMediaFactory;
        type ParentType = RTSPMediaFactory;
    }

    impl ObjectImpl for OneMediaFactory {}

    impl RTSPMediaFactoryImpl for OneMediaFactory {
        fn gen_key(&self, _url: &RTSPUrl) -> Option<glib::GString> {
            Some("output".into())
        }

        /// New media wait for their first picture, for up to 20 seconds, and the server with them. So there are none
        /// while there is no picture. SETUP without DESCRIBE comes here before anybody asks the gate of `connected`.
        fn construct(&self, url: &RTSPUrl) -> Option<RTSPMedia> {
            let shared = self.shared.get().and_then(Weak::upgrade)?;
            if shared.has_picture() { self.parent_construct(url) } else { None }
        }
    }
}
