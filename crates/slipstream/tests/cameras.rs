//! The simulated cameras, as clients see them.

mod common;

use std::sync::Arc;

use common::{Viewer, asset, credentials, wait_until};
use slipstream::LoginMethod;
use slipstream::camera_server::{CameraServer, CameraServerSettings, CameraSource, Clip, LiveSource};
use slipstream::settings::Codec;
use slipstream_meta::Size;

fn drawn() -> CameraSource {
    gst::init().unwrap();
    let painter = |number: u64, picture: &mut slipstream_meta::PictureMut<'_>| {
        for plane in picture.planes_mut() {
            plane.data.fill(128);
        }
        let x = (number as usize * 4) % 300;
        for y in 0..180 {
            picture.row_mut(0, y)[x..x + 20].fill(235);
        }
    };
    CameraSource::Live(LiveSource::new(Size::new(320, 180), 25, Box::new(painter)))
}

fn start(sources: impl IntoIterator<Item = CameraSource>) -> CameraServer {
    CameraServer::start(CameraServerSettings::default(), sources).unwrap()
}

#[test]
fn clips_play_on_past_their_end() {
    let Some(path) = asset("videos/driveway-input_video-640x352.mp4") else { return };
    gst::init().unwrap();
    let clip = Clip::load(path).unwrap();
    println!("{} {:?} {} pictures at {}", clip.codec(), clip.size(), clip.pictures(), clip.frame_rate());
    let pictures = clip.pictures() as u64;
    // Fast, so that the end is soon.
    let clip = clip.retimed(200);
    let server = start([CameraSource::Clip(Arc::new(clip))]);
    let viewer = Viewer::start(&server.uri(0), "tcp");
    viewer.wait_for(pictures + 100);
}

#[test]
fn faults_come_and_go() {
    let mut server = start([drawn(), drawn(), CameraSource::AudioOnly]);
    let steady = Viewer::start(&server.uri(1), "tcp");
    steady.wait_for(5);

    let viewer = Viewer::start(&server.uri(0), "tcp");
    viewer.wait_for(5);
    server.freeze(0, true);
    wait_until("the freeze", || {
        let before = viewer.frames();
        std::thread::sleep(std::time::Duration::from_millis(300));
        viewer.frames() == before
    });
    server.freeze(0, false);
    viewer.wait_for(viewer.frames() + 10);

    server.unplug(0);
    println!("unplugged: {}", viewer.wait_for_end());
    println!("while unplugged: {}", Viewer::start(&server.uri(0), "tcp").wait_for_end());
    server.plug_in(0);
    Viewer::start(&server.uri(0), "tcp").wait_for(5);

    server.garble(0, 1000);
    server.cut_packets(0, 300);
    server.lose_packets(0, 300);
    let sent = server.pictures_sent(0);
    let garbled = Viewer::start(&server.uri(0), "tcp");
    wait_until("garbled pictures", || server.pictures_sent(0) > sent + 20);
    drop(garbled);
    steady.wait_for(steady.frames() + 10);

    server.switch_off();
    println!("switched off: {}", steady.wait_for_end());
    println!("while switched off: {}", Viewer::start(&server.uri(1), "tcp").wait_for_end());
    server.switch_on().unwrap();
    Viewer::start(&server.uri(1), "udp").wait_for(5);
}

#[test]
fn passwords_are_asked_for() {
    for method in [LoginMethod::Basic, LoginMethod::Digest, LoginMethod::Any] {
        let settings =
            CameraServerSettings { login: Some((credentials(), method)), ..CameraServerSettings::default() };
        let server = CameraServer::start(settings, [drawn()]).unwrap();
        println!("{method:?}: {}", Viewer::start(&server.uri(0), "tcp").wait_for_end());
        let wrong = slipstream::uri::Credentials { user: "visitor".into(), password: "no".into() };
        println!(
            "{method:?}: {}",
            Viewer::start_as(&server.uri(0), "tcp", Codec::H264, Some(&wrong)).wait_for_end()
        );
        Viewer::start_as(&server.uri(0), "tcp", Codec::H264, Some(&credentials())).wait_for(5);
    }
}

#[test]
fn any_container_is_read() {
    gst::init().unwrap();
    for (name, codec, size, pictures, rate) in [
        // With sound; Annex B without times; H.265 with sound.
        ("car-detection.mp4", Codec::H264, Size::new(768, 432), 377, 12.5),
        ("cars_768x768.h264", Codec::H264, Size::new(768, 768), 250, 25.0),
        ("retail02-1080p-hevc.mp4", Codec::H265, Size::new(1920, 1080), 603, 30.0),
    ] {
        let Some(path) = asset(&format!("videos/{name}")) else { continue };
        let clip = Clip::load(path).unwrap();
        assert_eq!((clip.codec(), clip.size(), clip.pictures()), (codec, size, pictures), "{name}");
        assert!((clip.frame_rate() - rate).abs() < 0.1, "{name}: {}", clip.frame_rate());
    }
    if let Some(path) = asset("videos/highway-sobral_video2-320x240.avi") {
        assert!(Clip::load(path).unwrap_err().to_string().ends_with("holds no H.264 or H.265 video"));
    }
    assert!(Clip::load("/no/such/file.mp4").unwrap_err().to_string().starts_with("/no/such/file.mp4: "));
    assert!(Clip::load(file!()).is_err());
}
