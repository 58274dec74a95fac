//! The built program end to end: settings in, lines and pictures out.

mod common;

use std::time::Duration;

use common::media::{CELLS, Pattern, tiny_model};
use common::program::{Program, can_detect, slipstream};
use common::{Viewer, wait_until};
use slipstream::LoginMethod;
use slipstream::camera_server::{CameraServer, CameraServerSettings};
use slipstream::fault::Fault;
use slipstream::settings::Codec;
use slipstream::still;
use slipstream::uri::{Credentials, Input};

/// A picture of the output; the server is there before the first one is (503).
fn snapshot(url: &str) -> image::RgbImage {
    gst::init().unwrap();
    let Input::Rtsp(uri) = url.parse().unwrap() else { panic!("{url}") };
    let mut picture = None;
    wait_until("a picture", || {
        picture = match still::take(&uri, None, common::NEVER) {
            Ok(picture) => Some(picture),
            Err(Fault::Status { code: 503, .. }) => None,
            Err(fault) => panic!("{fault}"),
        };
        picture.is_some()
    });
    picture.unwrap()
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Name and value of each count in a line of the article's kind.
fn counts(line: &str) -> Vec<(&str, u64)> {
    let names = ["Frame Number=", "Number of Objects=", "Vehicle_count=", "Person_count="];
    let count = |name: &&'static str| {
        let rest = &line[line.find(name).unwrap() + name.len()..];
        (*name, rest.split(' ').next().unwrap().parse().unwrap())
    };
    names.iter().map(count).collect()
}

#[test]
fn the_articles_variables_run_the_job() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    if !can_detect(&model) {
        return;
    }
    let colors = [0xc00000, 0x00a000, 0x0000c0, 0xffffff];
    let cameras = colors.map(|color| Pattern::solid(color, 320, 180).camera());
    let server = CameraServer::start(CameraServerSettings::default(), cameras).unwrap();
    let inputs: Vec<_> = (0..4).map(|index| server.uri(index)).collect();
    let port = free_port();
    let mut program = Program::start(slipstream().arg("run").env("SLIPSTREAM_MODEL", &model).envs([
        ("RTSPINPUT", inputs.join(",").as_str()),
        ("CODEC", "H265"),
        ("BITRATE", "1000000"),
        ("RTSPOUTPUTPORTNUM", &port.to_string()),
        ("RTSPOUTPUTPATH", "/house/cams"),
        ("ARCH", "amd64"),
        ("IPADDR", "cams.example"),
        ("OUTPUT_WIDTH", "640"),
        ("OUTPUT_HEIGHT", "360"),
    ]));
    program.wait_for("Frame Number=");
    let announced = [
        String::new(),
        "Using codec: H265, and bitrate: 1000000".into(),
        "RTSP input streams (4):".into(),
        format!("  0: \"{}\"", inputs[0]),
        format!("  1: \"{}\"", inputs[1]),
        format!("  2: \"{}\"", inputs[2]),
        format!("  3: \"{}\"", inputs[3]),
        format!("RTSP output stream: \"rtsp://cams.example:{port}/house/cams\""),
        String::new(),
    ];
    assert_eq!(program.out.all()[..announced.len()], announced);

    // The white one is full of objects, the others hold none.
    for camera in 1..=4 {
        let name = format!("Camera=camera {camera} ");
        program.wait_until("all cameras", |program| program.out.count(&name) > 25);
    }
    let white = "Camera=camera 4 ";
    let full = format!("Number of Objects={CELLS} Vehicle_count={CELLS} Person_count=0 {white}");
    program.wait_for(&full);
    for camera in 1..=4 {
        let name = format!("Camera=camera {camera} ");
        let lines: Vec<_> = program.out.all().into_iter().filter(|line| line.contains(&name)).collect();
        let numbers: Vec<_> = lines.iter().map(|line| counts(line)[0].1).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        let objects: u64 = lines.iter().map(|line| counts(line)[1].1).sum();
        assert_eq!(objects > 0, name == white, "{lines:?}");
    }

    let url = format!("rtsp://127.0.0.1:{port}/house/cams");
    let viewers = ["tcp", "udp"].map(|protocol| Viewer::start_as(&url, protocol, Codec::H265, None));
    viewers.iter().for_each(|viewer| {
        viewer.wait_for(10);
    });
    let picture = snapshot(&url);
    assert_eq!(picture.dimensions(), (640, 360));
    for (index, color) in (0..).zip(colors) {
        // Below the bar, and away from the edges of objects, which lie on thirds and halves.
        let (x, y) = (index % 2 * 320 + 160, index / 2 * 180 + 115);
        let expected = [16, 8, 0].map(|shift| (color >> shift & 0xff) as u8);
        let found = picture.get_pixel(x, y).0;
        let near = found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) < 24);
        assert!(near, "tile {index}: {found:?} for {expected:?}");
    }
    drop(viewers);
    assert_eq!(program.interrupt_and_wait(), Some(0), "{}", program.err.text());
}

#[test]
fn bad_cameras_cost_nothing_but_their_tiles_and_no_password_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    if !can_detect(&model) {
        return;
    }
    let login = Credentials { user: "keeper".into(), password: "op€n/Sesame@7".into() };
    let settings = CameraServerSettings {
        login: Some((login.clone(), LoginMethod::Digest)),
        ..CameraServerSettings::default()
    };
    let server = CameraServer::start(settings, [Pattern::noise(320, 180).camera()]).unwrap();
    let inputs = [
        server.uri_with("keeper", &login.password, 0),
        server.uri_with("keeper", "wr0ng-Sesame", 0),
        "rtsp://keeper:l0st-Sesame@127.0.0.1:1/x".into(),
        "rtsp://keeper:n0-Sesame@no-such-host.invalid/x".into(),
    ];
    let mut program = Program::start(
        slipstream().env("SLIPSTREAM_MODEL", &model).env("RTSPINPUT", inputs.join(",")).args([
            "run",
            "--log=trace",
            "--show-frames=no",
            "--port=0",
            "--output-width=640",
            "--output-height=360",
        ]),
    );
    let url = program.url();
    assert!(url.ends_with("/ds"), "{url}");
    let summary = program.wait_for(" cameras live");
    assert!(summary.contains("1 of 4 cameras live"), "{summary}");
    for reason in
        ["wrong user or password (401)", "nothing listens at port 1", "name not found: no-such-host.invalid"]
    {
        program.wait_until(reason, |program| program.out.find(reason).is_some());
    }
    assert_eq!(program.out.count("Frame Number="), 0);

    // Noise in one tile, and a card with words in each of the others.
    let picture = snapshot(&url);
    for index in 0..4 {
        let tile = image::imageops::crop_imm(&picture, index % 2 * 320, index / 2 * 180, 320, 180).to_image();
        let bright = tile.pixels().filter(|pixel| pixel.0.iter().all(|&part| part > 160)).count();
        assert!(bright > 100, "tile {index}: {bright} bright pixels");
    }
    assert_eq!(program.interrupt_and_wait(), Some(0), "{}", program.err.text());
    for text in [program.out.text(), program.err.text()] {
        // Neither as it is nor as it stands in a URI.
        assert!(!text.contains("Sesame") && !text.contains("%53%65%73%61%6D%65"), "{text}");
    }
}

#[test]
fn with_no_camera_at_all_there_is_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    if !can_detect(&model) {
        return;
    }
    let mut program = Program::start(slipstream().env("SLIPSTREAM_MODEL", &model).args([
        "run",
        "--port=0",
        "--names=Yard,Gate",
        "rtsp://127.0.0.1:1/a",
        "rtsp://127.0.0.1:1/b",
    ]));
    let url = program.url();
    let picture = snapshot(&url);
    assert_eq!(picture.dimensions(), (1200, 600));
    let viewer = Viewer::start(&url, "tcp");
    viewer.wait_for(5);
    let bright = picture.pixels().filter(|pixel| pixel.0.iter().all(|&part| part > 160)).count();
    assert!(bright > 200, "{bright} bright pixels");
    // With a viewer who would like to go on.
    let start = std::time::Instant::now();
    assert_eq!(program.interrupt_and_wait(), Some(0), "{}", program.err.text());
    println!("ended after {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(5));
}
