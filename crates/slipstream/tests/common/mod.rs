//! What tests over real RTSP have in common.
#![allow(dead_code, unreachable_pub, reason = "each test uses its share")]

pub mod media;
pub mod program;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;
use parking_lot::Mutex;
use slipstream::encoder::{Encoder, EncoderSettings, encoder_bin};
use slipstream::output::{Limits, OutputSettings, RtspOutput};
use slipstream::settings::Codec;
use slipstream::uri::Credentials;
use slipstream_meta::Size;

/// Nothing here is about speed: a wait this long means that it will never happen.
pub const NEVER: Duration = Duration::from_secs(60);

/// A file of the assets folder, if there is one.
pub fn asset(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SLIPSTREAM_ASSETS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/assets")),
        PathBuf::from,
    );
    let path = folder.join(name);
    if path.is_file() {
        return Some(path);
    }
    println!("SKIPPED: {} is absent; set SLIPSTREAM_ASSETS", path.display());
    None
}

/// Waits until `what` is true; panics if it never is.
pub fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < NEVER, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn output_settings(port: u16, codec: Codec) -> OutputSettings {
    OutputSettings {
        bind: Ipv4Addr::LOCALHOST.into(),
        port,
        path: "/ds".parse().unwrap(),
        codec,
        credentials: None,
        limits: Limits::default(),
    }
}

pub fn credentials() -> Credentials {
    Credentials { user: "visitor".into(), password: "op€n/Sesame@7".into() }
}

/// A moving test picture, encoded and served.
pub struct Studio {
    pub output: Arc<RtspOutput>,
    pub encoder: Encoder,
    pub key_frames_asked: Arc<AtomicU64>,
    /// Numbers of the pictures that were key frames.
    pub key_frames: Arc<Mutex<Vec<u64>>>,
    pipeline: gst::Pipeline,
}

impl Studio {
    pub fn start(settings: OutputSettings) -> Self {
        gst::init().unwrap();
        let codec = settings.codec;
        let output = Arc::new(RtspOutput::start(settings).unwrap());
        let encoder = encoder_bin(&EncoderSettings {
            codec,
            bitrate: "1M".parse().unwrap(),
            size: Size::new(640, 360),
            frame_rate: 25,
            choice: Default::default(),
        })
        .unwrap();
        let key_frames = Arc::new(Mutex::new(Vec::new()));
        let pipeline = gst::Pipeline::new();
        let front = gst::parse::bin_from_description(
            "videotestsrc is-live=true pattern=ball ! capsfilter caps=video/x-raw,format=NV12,width=640,height=360,framerate=25/1",
            true,
        )
        .unwrap();
        let sink = gst_app::AppSink::builder().sync(false).max_buffers(2).build();
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample({
                    let (output, key_frames) = (Arc::downgrade(&output), key_frames.clone());
                    let mut number = 0;
                    move |sink| {
                        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                        if !sample.buffer().unwrap().flags().contains(gst::BufferFlags::DELTA_UNIT) {
                            key_frames.lock().push(number);
                        }
                        number += 1;
                        if let Some(output) = output.upgrade() {
                            output.push(&sample);
                        }
                        Ok(gst::FlowSuccess::Ok)
                    }
                })
                .build(),
        );
        let chain: [&gst::Element; 3] = [front.upcast_ref(), encoder.bin().upcast_ref(), sink.upcast_ref()];
        pipeline.add_many(chain).unwrap();
        gst::Element::link_many(chain).unwrap();
        let key_frames_asked = Arc::new(AtomicU64::new(0));
        output.on_viewer({
            let (request, asked) = (encoder.key_frame_requester(), key_frames_asked.clone());
            move || {
                asked.fetch_add(1, Ordering::Relaxed);
                request();
            }
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        let studio = Self { output, encoder, key_frames_asked, key_frames, pipeline };
        // The first picture is out when the first viewer is let in.
        wait_until("a picture to show", || studio.output.is_ready());
        studio
    }

    pub fn url(&self) -> String {
        self.output.url("127.0.0.1")
    }

    /// No more pictures.
    pub fn stop_pictures(&self) {
        self.pipeline.set_state(gst::State::Null).unwrap();
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        self.pipeline.set_state(gst::State::Null).unwrap();
    }
}

/// A client that says what it is told to say.
pub struct RawClient {
    stream: TcpStream,
    url: String,
    sequence: u32,
}

impl RawClient {
    pub fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("rtsp://").split('/').next().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(NEVER)).unwrap();
        Self { stream, url: url.to_owned(), sequence: 0 }
    }

    pub fn send(&mut self, method: &str, path: &str, headers: &str) -> std::io::Result<()> {
        self.sequence += 1;
        let (url, sequence) = (&self.url, self.sequence);
        let request = format!("{method} {url}{path} RTSP/1.0\r\nCSeq: {sequence}\r\n{headers}\r\n");
        self.stream.write_all(request.as_bytes())
    }

    /// Sends half of what it takes.
    pub fn send_half(&mut self) {
        self.stream.write_all(b"DESCRIBE rtsp://").unwrap();
    }

    /// The answer's first line and headers; empty if the server has hung up.
    pub fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") {
            match self.stream.read(&mut byte) {
                Ok(1) => answer.push(byte[0]),
                _ => break,
            }
        }
        String::from_utf8(answer).unwrap()
    }

    /// Plays over this connection.
    pub fn play(&mut self) {
        self.send("SETUP", "/stream=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").unwrap();
        let answer = self.answer();
        let session = answer.lines().find_map(|line| line.strip_prefix("Session: ")).expect(&answer);
        let session = session.split(';').next().unwrap().to_owned();
        self.send("PLAY", "", &format!("Session: {session}\r\n")).unwrap();
        assert!(self.answer().starts_with("RTSP/1.0 200"));
    }
}

/// Somebody who looks at an RTSP stream and counts decoded pictures.
pub struct Viewer {
    pipeline: gst::Pipeline,
    frames: Arc<AtomicU64>,
    started: Instant,
}

impl Viewer {
    pub fn start(url: &str, protocols: &str) -> Self {
        Self::start_as(url, protocols, Codec::H264, None)
    }

    pub fn start_as(url: &str, protocols: &str, codec: Codec, login: Option<&Credentials>) -> Self {
        gst::init().unwrap();
        let (depay, decode) = match codec {
            Codec::H264 => ("rtph264depay ! h264parse", "avdec_h264 max-threads=1 output-corrupt=false"),
            Codec::H265 => ("rtph265depay ! h265parse", "avdec_h265 max-threads=1 output-corrupt=false"),
        };
        let pipeline = gst::parse::launch(&format!(
            "rtspsrc name=source latency=50 protocols={protocols} ! {depay} ! {decode} ! fakesink name=sink sync=false"
        ))
        .unwrap()
        .downcast::<gst::Pipeline>()
        .unwrap();
        let source = pipeline.by_name("source").unwrap();
        source.set_property("location", url);
        if let Some(login) = login {
            source.set_property("user-id", &login.user);
            source.set_property("user-pw", &login.password);
        }
        let frames = Arc::new(AtomicU64::new(0));
        let pad = pipeline.by_name("sink").unwrap().static_pad("sink").unwrap();
        pad.add_probe(gst::PadProbeType::BUFFER, {
            let frames = frames.clone();
            move |_, _| {
                frames.fetch_add(1, Ordering::Relaxed);
                gst::PadProbeReturn::Ok
            }
        });
        let started = Instant::now();
        // The bus says if it fails.
        let _ = pipeline.set_state(gst::State::Playing);
        Self { pipeline, frames, started }
    }

    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Waits for that many pictures and says how long it took from connecting.
    pub fn wait_for(&self, frames: u64) -> Duration {
        wait_until("pictures", || {
            if let Some(end) = self.end() {
                panic!("{end}");
            }
            self.frames() >= frames
        });
        self.started.elapsed()
    }

    /// Waits for the stream to fail or end, and says how.
    pub fn wait_for_end(&self) -> String {
        let mut found = None;
        wait_until("an end", || {
            found = self.end();
            found.is_some()
        });
        found.unwrap()
    }

    fn end(&self) -> Option<String> {
        let kinds = [gst::MessageType::Error, gst::MessageType::Eos];
        let message = self.pipeline.bus().unwrap().pop_filtered(&kinds)?;
        match message.view() {
            gst::MessageView::Error(error) => Some(format!("{} {:?}", error.error(), error.debug())),
            _ => Some("end of stream".into()),
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.pipeline.set_state(gst::State::Null).unwrap();
    }
}
