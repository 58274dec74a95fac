//! `slipstream check` and `slipstream snapshot` against real cameras, and things that are none.

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::Arc;

use common::{Studio, asset, credentials, output_settings, wait_until};
use slipstream::LoginMethod;
use slipstream::camera_server::{CameraServer, CameraServerSettings, CameraSource, Clip, LiveSource};
use slipstream::output::OutputSettings;
use slipstream::settings::{Codec, Transport};
use slipstream_meta::{PictureMut, Size};

fn slipstream(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipstream"));
    for variable in ["RTSPINPUT", "RTSPOUTPUTPORTNUM", "RTSPOUTPUTPATH", "SLIPSTREAM_OUTPUT_USER"] {
        command.env_remove(variable);
    }
    command.args(arguments);
    command
}

/// Everything that was printed, after a look for secrets.
fn printed(output: &Output) -> String {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for secret in ["visitor", "op€n", "Sesame", "hush"] {
        assert!(!text.contains(secret), "{text}");
    }
    text
}

fn check(arguments: &[&str]) -> (Option<i32>, String) {
    let output = slipstream(&["check"]).args(arguments).output().unwrap();
    (output.status.code(), printed(&output))
}

fn drawn(codec: Codec) -> CameraSource {
    gst::init().unwrap();
    let painter = |number: u64, picture: &mut PictureMut<'_>| {
        for plane in picture.planes_mut() {
            plane.data.fill(100 + (number % 100) as u8);
        }
    };
    let mut live = LiveSource::new(Size::new(320, 180), 20, Box::new(painter));
    live.codec = codec;
    CameraSource::Live(live)
}

fn cameras(settings: CameraServerSettings, sources: impl IntoIterator<Item = CameraSource>) -> CameraServer {
    CameraServer::start(settings, sources).unwrap()
}

#[test]
fn good_cameras_are_described() {
    let server = cameras(CameraServerSettings::default(), [drawn(Codec::H264), drawn(Codec::H265)]);
    let (code, text) = check(&[&server.uri(0), &server.uri(1)]);
    assert_eq!(code, Some(0), "{text}");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with(&format!("{}: H.264", server.uri(0))), "{text}");
    assert!(lines[1].starts_with(&format!("{}: H.265 main", server.uri(1))), "{text}");
    for line in lines {
        assert!(line.contains(", 320x180, 20.0 fps, TCP, first frame after "), "{text}");
    }

    let (code, text) = check(&["--json", "--transport", "udp", &server.uri(0)]);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["ok"], &report["transport"]), (Some(0), &true.into(), &"UDP".into()), "{text}");
    assert_eq!((&report["width"], &report["codec"]), (&320.into(), &"H.264".into()), "{text}");
}

#[test]
fn passwords_are_tried_and_never_shown() {
    for method in [LoginMethod::Basic, LoginMethod::Digest] {
        let settings = CameraServerSettings { login: Some((credentials(), method)), ..Default::default() };
        let server = cameras(settings, [drawn(Codec::H264)]);
        let (code, text) = check(&[&server.uri_with("visitor", &credentials().password, 0)]);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.starts_with("rtsp://***@127.0.0.1:"), "{text}");
        for uri in [server.uri(0), server.uri_with("visitor", "hush", 0)] {
            let (code, text) = check(&["--log", "trace", &uri]);
            assert_eq!(code, Some(1), "{text}");
            assert!(text.contains("wrong user or password (401)"), "{text}");
        }
        // GStreamer's own log holds requests word by word.
        let output = slipstream(&["check", &server.uri_with("visitor", &credentials().password, 0)])
            .env("GST_DEBUG", "rtsp*:9")
            .output()
            .unwrap();
        assert!(printed(&output).contains("rtspsrc"));
    }
}

#[test]
fn every_fault_has_its_name() {
    let mut unreadable = tempfile::NamedTempFile::new().unwrap();
    unreadable.write_all(b"no video at all").unwrap();
    let server = cameras(CameraServerSettings::default(), [
        CameraSource::AudioOnly,
        CameraSource::Launch(
            "( videotestsrc is-live=true ! video/x-raw,width=64,height=64 ! vp8enc ! rtpvp8pay name=pay0 )".into(),
        ),
        drawn(Codec::H264),
        CameraSource::Launch("( appsrc is-live=true caps=application/x-rtp,media=video ! identity name=pay0 )".into()),
    ]);
    let wrong_path = format!("{}/nothing/here", server.uri(2).trim_end_matches("/camera3"));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = format!("rtsp://visitor:hush@{closed}/");

    // Takes the call and says nothing.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = format!("rtsp://visitor:hush@{}/x", hanging.local_addr().unwrap());
    // Speaks HTTP.
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let not_rtsp = format!("rtsp://{}/x", web.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in web.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    // Hangs up at once.
    let rude = TcpListener::bind("127.0.0.1:0").unwrap();
    let hung_up = format!("rtsp://{}/x", rude.local_addr().unwrap());
    std::thread::spawn(move || rude.incoming().for_each(drop));

    let cases = [
        (server.uri(0), "no video in the stream"),
        (wrong_path, "no such path (404)"),
        (refused, "connection refused: nothing listens at port"),
        (hangs, "timed out: no answer"),
        (not_rtsp, "does not speak RTSP"),
        (hung_up, "the camera closed the connection"),
        ("rtsp://visitor:hush@no-such-host.invalid/x".into(), "name not found: no-such-host.invalid"),
        ("/no/such/file.mp4".into(), "file not found"),
        ("/dev/video99".into(), "file not found"),
        (unreadable.path().display().to_string(), "not a video file"),
        ("/".into(), "not a video file"),
    ];
    let uris: Vec<_> = cases.iter().map(|(uri, _)| uri.as_str()).collect();
    let (code, text) = check(&[&["--timeout", "4"], &*uris].concat());
    assert_eq!(code, Some(1), "{text}");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), cases.len(), "{text}");
    for (line, (_, expected)) in lines.iter().zip(&cases) {
        assert!(line.contains(expected), "{line}\n  instead of: {expected}");
    }
    let (code, text) = check(&[&server.uri(1)]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("vp8"), "{text}");

    server.freeze(2, true);
    let (code, text) = check(&["--timeout", "3", &server.uri(2)]);
    assert_eq!(code, Some(1), "{text}");
    println!("frozen: {text}");
}

#[test]
fn a_camera_that_refuses_tcp_is_read_by_udp() {
    let settings = CameraServerSettings { transport: Transport::Udp, ..Default::default() };
    let server = cameras(settings, [drawn(Codec::H264)]);
    let (code, text) = check(&[&server.uri(0)]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(", UDP, "), "{text}");
    let (code, text) = check(&["--transport", "tcp", &server.uri(0)]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("refuses this transport"), "{text}");
}

#[test]
fn files_are_described_too() {
    let Some(path) = asset("videos/retail02-1080p-hevc.mp4") else { return };
    let (code, text) = check(&[path.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(": H.265 main, 1920x1080, 30.0 fps, first frame after "), "{text}");

    gst::init().unwrap();
    let clip = Clip::load(path).unwrap();
    let server = cameras(CameraServerSettings::default(), [CameraSource::Clip(Arc::new(clip))]);
    let (code, text) = check(&[&server.uri(0)]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(": H.265 main, 1920x1080, "), "{text}");
}

#[test]
fn snapshots_show_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let settings = OutputSettings { credentials: Some(credentials()), ..output_settings(0, Codec::H264) };
    let studio = Studio::start(settings);
    let port = studio.output.port().to_string();
    for name in ["picture.png", "picture.jpg"] {
        let file = folder.path().join(name);
        let output = slipstream(&["snapshot", file.to_str().unwrap()])
            .env("RTSPOUTPUTPORTNUM", &port)
            .env("SLIPSTREAM_OUTPUT_USER", "visitor")
            .env("SLIPSTREAM_OUTPUT_PASSWORD", credentials().password)
            .output()
            .unwrap();
        let text = printed(&output);
        assert!(output.status.success(), "{text}");
        let picture = image::open(&file).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (640, 360));
        // A white ball on black.
        let brightest = picture.pixels().map(|p| p.0[1]).max();
        assert!(brightest > Some(200) && picture.get_pixel(2, 2).0[1] < 50, "{brightest:?}");
    }

    let target = folder.path().join("none.png");
    let take = |arguments: &[&str]| {
        let output = slipstream(&["snapshot", target.to_str().unwrap()]).args(arguments).output().unwrap();
        (output.status.code(), printed(&output))
    };
    let (code, text) = take(&["--port", &port]);
    assert_eq!((code, text.contains("wrong user or password")), (Some(1), true), "{text}");
    let (code, text) = take(&["--port", &port, "--path", "/other"]);
    assert_eq!((code, text.contains("404")), (Some(1), true), "{text}");
    drop(studio);
    wait_until("the port to be closed", || {
        std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err()
    });
    let (code, text) = take(&["--port", &port]);
    assert_eq!((code, text.contains("is slipstream running there?")), (Some(1), true), "{text}");
    let (code, text) = take(&["--url", "/etc/hosts"]);
    assert_eq!((code, text.contains("only rtsp://")), (Some(1), true), "{text}");
    assert!(!target.exists());
    let output = slipstream(&["snapshot", "picture.bmp"]).output().unwrap();
    assert_eq!((output.status.code(), printed(&output).contains(".png, .jpg or .jpeg")), (Some(2), true));
}
