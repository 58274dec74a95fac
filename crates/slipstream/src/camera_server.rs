//! Simulated cameras: real RTSP from clips or drawn scenes, with faults at will.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use gst::glib;
use gst::prelude::*;
use gst_rtsp_server::gst_rtsp::RTSPLowerTrans;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPClient, RTSPMedia, RTSPMediaFactory, RTSPServer};
use parking_lot::Mutex;
use slipstream_meta::{PictureMut, Size};

use crate::rtsp_login::{LoginMethod, login};
use crate::rtsp_thread::{ListenError, ServerThread};
use crate::settings::{Codec, Transport};
use crate::uri::Credentials;

mod clip;
mod feed;

pub use clip::{Clip, ClipError};

/// Draws one picture (I420, BT.601) of a camera, given its number from 0.
pub type Painter = Box<dyn FnMut(u64, &mut PictureMut<'_>) + Send>;

/// A camera whose pictures are drawn as they are needed and encoded once for all who look.
#[derive(Clone)]
pub struct LiveSource {
    /// Size of the pictures.
    pub size: Size,
    /// Pictures per second.
    pub frame_rate: u32,
    /// Codec.
    pub codec: Codec,
    /// Kilobits per second.
    pub kilobits: u32,
    painter: Arc<Mutex<Painter>>,
}

impl LiveSource {
    /// H.264 with a key frame every second, at a rate that suits a street scene.
    pub fn new(size: Size, frame_rate: u32, painter: Painter) -> Self {
        /// At 640×360 and 25 pictures per second 1.2 Mbit/s, as camera makers recommend.
        const BITS_PER_PIXEL: f64 = 0.2;
        let pixels = f64::from(size.width) * f64::from(size.height) * f64::from(frame_rate);
        let kilobits = (pixels * BITS_PER_PIXEL / 1000.0).max(100.0) as u32;
        Self { size, frame_rate, codec: Codec::H264, kilobits, painter: Arc::new(Mutex::new(painter)) }
    }
}

impl fmt::Debug for LiveSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} fps, {}", self.size, self.frame_rate, self.codec)
    }
}

/// What a camera sends.
#[derive(Debug, Clone)]
pub enum CameraSource {
    /// A clip, over and over.
    Clip(Arc<Clip>),
    /// Pictures drawn on demand.
    Live(LiveSource),
    /// Sound and no video.
    AudioOnly,
    /// Whatever a `gst-rtsp-server` launch line with a payloader called `pay0` makes.
    Launch(String),
}

/// How the cameras are reached.
#[derive(Debug, Clone)]
pub struct CameraServerSettings {
    /// Address to listen at.
    pub bind: IpAddr,
    /// TCP port; 0 takes any free one.
    pub port: u16,
    /// Name and password that clients have to give, and how.
    pub login: Option<(Credentials, LoginMethod)>,
    /// Transports that clients may ask for; [`Transport::Auto`] allows both.
    pub transport: Transport,
}

impl Default for CameraServerSettings {
    /// Any free port of the loopback, no login, TCP and UDP.
    fn default() -> Self {
        Self { bind: Ipv4Addr::LOCALHOST.into(), port: 0, login: None, transport: Transport::Auto }
    }
}

/// Cameras 0, 1, 2, … at `rtsp://HOST:PORT/camera1`, `/camera2`, `/camera3`, …
pub struct CameraServer {
    settings: CameraServerSettings,
    port: u16,
    cameras: Vec<Arc<Camera>>,
    visits: Arc<Visits>,
    /// None while all cameras are switched off.
    thread: Option<ServerThread>,
}

/// Share of all, in thousandths.
type PerMille = AtomicU32;

/// One camera and what is wrong with it.
struct Camera {
    path: String,
    source: Mutex<CameraSource>,
    is_frozen: AtomicBool,
    garbled_units: PerMille,
    lost_packets: PerMille,
    cut_packets: PerMille,
    pictures_sent: AtomicU64,
    /// Number of the next picture of a live source.
    next_picture: AtomicU64,
}

/// Which connection looks at which camera.
#[derive(Default)]
struct Visits(Mutex<Vec<(glib::WeakRef<RTSPClient>, String)>>);

impl CameraServer {
    /// Serves one camera per source.
    ///
    /// # Errors
    /// If the port is in use or not to be had.
    pub fn start(
        settings: CameraServerSettings,
        sources: impl IntoIterator<Item = CameraSource>,
    ) -> Result<Self, ListenError> {
        let camera = |(index, source)| {
            Arc::new(Camera {
                path: format!("/camera{}", index + 1),
                source: Mutex::new(source),
                is_frozen: AtomicBool::new(false),
                garbled_units: PerMille::new(0),
                lost_packets: PerMille::new(0),
                cut_packets: PerMille::new(0),
                pictures_sent: AtomicU64::new(0),
                next_picture: AtomicU64::new(0),
            })
        };
        let cameras: Vec<_> = sources.into_iter().enumerate().map(camera).collect();
        let mut server =
            Self { port: settings.port, settings, cameras, visits: Arc::default(), thread: None };
        server.switch_on()?;
        Ok(server)
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many cameras there are.
    pub fn cameras(&self) -> usize {
        self.cameras.len()
    }

    /// Where camera `index` is, without name and password.
    pub fn uri(&self, index: usize) -> String {
        self.uri_for("", index)
    }

    /// Where camera `index` is, with name and password.
    pub fn uri_with(&self, user: &str, password: &str, index: usize) -> String {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        self.uri_for(&format!("{}:{}@", encode(user), encode(password)), index)
    }

    fn uri_for(&self, login: &str, index: usize) -> String {
        let host = match self.settings.bind {
            IpAddr::V6(address) => format!("[{address}]"),
            IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            IpAddr::V4(address) => address.to_string(),
        };
        let path = self.cameras.get(index).map_or("/no-such-camera", |camera| &camera.path);
        format!("rtsp://{login}{host}:{}{path}", self.port)
    }

    /// Pictures that camera `index` has sent.
    pub fn pictures_sent(&self, index: usize) -> u64 {
        self.camera(index, |camera| camera.pictures_sent.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// From now on camera `index` sends nothing but keeps its connections, until it is thawed.
    pub fn freeze(&self, index: usize, is_frozen: bool) {
        self.camera(index, |camera| camera.is_frozen.store(is_frozen, Ordering::Relaxed));
    }

    /// Destroys that many thousandths of the coded pictures of camera `index`.
    pub fn garble(&self, index: usize, per_mille: u32) {
        self.camera(index, |camera| camera.garbled_units.store(per_mille, Ordering::Relaxed));
    }

    /// Loses that many thousandths of the RTP packets of camera `index`.
    pub fn lose_packets(&self, index: usize, per_mille: u32) {
        self.camera(index, |camera| camera.lost_packets.store(per_mille, Ordering::Relaxed));
    }

    /// Cuts off the second half of that many thousandths of the RTP packets of camera `index`.
    pub fn cut_packets(&self, index: usize, per_mille: u32) {
        self.camera(index, |camera| camera.cut_packets.store(per_mille, Ordering::Relaxed));
    }

    /// Camera `index` sends this to whoever connects from now on.
    pub fn set_source(&self, index: usize, source: CameraSource) {
        self.camera(index, |camera| *camera.source.lock() = source);
        self.mount(index);
    }

    /// Camera `index` hangs up on everybody and is not found any more.
    pub fn unplug(&self, index: usize) {
        let (Some(camera), Some(thread)) = (self.cameras.get(index), &self.thread) else { return };
        let (path, visits) = (camera.path.clone(), self.visits.clone());
        thread.call(move |server| {
            if let Some(mounts) = server.mount_points() {
                mounts.remove_factory(&path);
            }
            visits.end(&path);
        });
    }

    /// Camera `index` is back.
    pub fn plug_in(&self, index: usize) {
        self.mount(index);
    }

    /// Camera `index` hangs up on everybody, and takes new calls.
    pub fn hang_up(&self, index: usize) {
        let (Some(camera), Some(thread)) = (self.cameras.get(index), &self.thread) else { return };
        let (path, visits) = (camera.path.clone(), self.visits.clone());
        thread.call(move |_| visits.end(&path));
    }

    /// All cameras hang up, and the port is closed: connections are refused.
    pub fn switch_off(&mut self) {
        self.thread = None;
    }

    /// All cameras are back, at the same port.
    ///
    /// # Errors
    /// If another program has taken the port meanwhile.
    pub fn switch_on(&mut self) -> Result<(), ListenError> {
        if self.thread.is_some() {
            return Ok(());
        }
        let server = RTSPServer::new();
        if let Some((credentials, method)) = &self.settings.login {
            server.set_auth(Some(&login(credentials, *method)));
        }
        server.connect_client_connected({
            let visits = self.visits.clone();
            move |_, client| visits.watch(client)
        });
        for camera in &self.cameras {
            mount(&server, camera, self.settings.transport);
        }
        let thread = ServerThread::start(server, self.settings.bind, self.port)?;
        self.port = thread.port();
        self.thread = Some(thread);
        Ok(())
    }

    fn camera<T>(&self, index: usize, work: impl FnOnce(&Camera) -> T) -> Option<T> {
        self.cameras.get(index).map(|camera| work(camera))
    }

    fn mount(&self, index: usize) {
        let (Some(camera), Some(thread)) = (self.cameras.get(index).cloned(), &self.thread) else { return };
        let transport = self.settings.transport;
        thread.call(move |server| mount(server, &camera, transport));
    }
}

impl Visits {
    fn watch(self: &Arc<Self>, client: &RTSPClient) {
        let visits = Arc::downgrade(self);
        client.connect_setup_request(move |client, context| {
            let (Some(visits), Some(uri)) = (visits.upgrade(), context.uri()) else { return };
            let mut visits = visits.0.lock();
            visits.retain(|(client, _)| client.upgrade().is_some());
            visits.push((client.downgrade(), uri.request_uri().to_string()));
        });
    }

    /// Closes every connection to the camera at `path`.
    fn end(&self, path: &str) {
        let belongs = |uri: &str| {
            uri.find(path)
                .is_some_and(|at| matches!(uri[at + path.len()..].chars().next(), None | Some('/' | '?')))
        };
        let leaving: Vec<_> = self
            .0
            .lock()
            .iter()
            .filter(|(_, uri)| belongs(uri))
            .filter_map(|(client, _)| client.upgrade())
            .collect();
        for client in leaving {
            client.close();
        }
    }
}

fn mount(server: &RTSPServer, camera: &Arc<Camera>, transport: Transport) {
    let factory = RTSPMediaFactory::new();
    let source = camera.source.lock().clone();
    factory.set_launch(&launch_line(&source));
    factory.set_shared(true);
    factory.set_protocols(match transport {
        Transport::Auto => RTSPLowerTrans::TCP | RTSPLowerTrans::UDP,
        Transport::Tcp => RTSPLowerTrans::TCP,
        Transport::Udp => RTSPLowerTrans::UDP,
    });
    factory.connect_media_configure({
        let camera = Arc::downgrade(camera);
        move |_, media| {
            if let Some(camera) = camera.upgrade() {
                configure(&camera, &source, media);
            }
        }
    });
    if let Some(mounts) = server.mount_points() {
        mounts.add_factory(&camera.path, factory);
    }
}

fn launch_line(source: &CameraSource) -> String {
    const FEED: &str = "appsrc name=feed is-live=true format=time block=false max-bytes=0 max-buffers=0";
    match source {
        CameraSource::Clip(clip) => {
            format!("( {FEED} ! {} name=pay0 pt=96 config-interval=0 )", clip.codec.payloader())
        }
        CameraSource::Live(live) => {
            let encoder = match live.codec {
                Codec::H264 => "x264enc sliced-threads=false threads=1",
                Codec::H265 => "videoconvert ! x265enc",
            };
            format!(
                "( {FEED} ! {encoder} tune=zerolatency speed-preset=ultrafast bitrate={} key-int-max={} ! {} config-interval=-1 ! {} name=pay0 pt=96 config-interval=0 )",
                live.kilobits,
                live.frame_rate,
                live.codec.parser(),
                live.codec.payloader()
            )
        }
        CameraSource::AudioOnly => {
            "( audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0 pt=8 )".into()
        }
        CameraSource::Launch(line) => line.clone(),
    }
}

/// Starts what feeds new media, and lets packets be lost on their way out.
fn configure(camera: &Arc<Camera>, source: &CameraSource, media: &RTSPMedia) {
    let element = media.element();
    let Some(bin) = element.downcast_ref::<gst::Bin>() else { return };
    if let Some(pad) = bin.by_name("pay0").and_then(|payloader| payloader.static_pad("src")) {
        feed::spoil_packets(camera, &pad);
    }
    let Some(appsrc) = bin.by_name("feed").and_then(|feed| feed.downcast::<gst_app::AppSrc>().ok()) else {
        return;
    };
    let has_ended = Arc::new(AtomicBool::new(false));
    media.connect_unprepared({
        let has_ended = has_ended.clone();
        move |_| has_ended.store(true, Ordering::Relaxed)
    });
    let feed = feed::Feed::new(camera.clone(), appsrc, has_ended);
    match source {
        CameraSource::Clip(clip) => {
            let clip = clip.clone();
            feed.spawn(move |feed| feed.play(&clip));
        }
        CameraSource::Live(live) => {
            let live = live.clone();
            feed.spawn(move |feed| feed.draw(&live));
        }
        CameraSource::AudioOnly | CameraSource::Launch(_) => {}
    }
}
