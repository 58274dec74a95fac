//! `deepstream-app` end to end: config files over real files and real RTSP.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::media::{CELLS, Pattern, tiny_model};
use common::program::{Program, can_detect, run};
use common::{Viewer, wait_until};
use gst::prelude::*;
use slipstream::camera_server::{CameraServer, CameraServerSettings, Clip};
use slipstream::settings::Codec;

/// Side lengths of the multiplexer's pictures, in which boxes are given.
const MUX: (u32, u32) = (640, 360);
/// Frames of each clip.
const FRAMES: u32 = 30;

fn app() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deepstream-app"));
    for variable in ["DISPLAY", "WAYLAND_DISPLAY", "USE_NEW_NVSTREAMMUX", "GST_DEBUG", "SLIPSTREAM_LOG"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

/// A folder with a white clip, a black one and a detector; `None` where nothing can be detected.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if !can_detect(&tiny_model(folder.path())) {
            return None;
        }
        for (index, color) in [0xffffff, 0x000000].into_iter().enumerate() {
            Pattern::solid(color, 320, 180)
                .frames(FRAMES)
                .write(&folder.path().join(format!("clip{index}.mp4")));
        }
        Some(Self(folder))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A config file of `text` on top of what every file here has.
    fn config(&self, name: &str, text: &str) -> PathBuf {
        let (width, height) = MUX;
        let common = format!(
            "[streammux]\nwidth={width}\nheight={height}\nbatched-push-timeout=2000000\n\
             [primary-gie]\nenable=1\nconfig-file=tiny.ini\ngie-unique-id=3\nbbox-border-color0=0;1;0;1\n\
             [osd]\nenable=1\nborder-width=4\n"
        );
        std::fs::write(self.path(name), format!("{common}{text}")).unwrap();
        self.path(name)
    }

    /// Runs the app to its end.
    fn run(&self, config: &Path) -> (Option<i32>, String, String) {
        run(app().arg("-c").arg(config))
    }
}

const BOTH_CLIPS: &str = "[source0]\nenable=1\ntype=3\nuri=file://clip%d.mp4\nnum-sources=2\n";
const NOWHERE: &str = "[sink0]\nenable=1\ntype=1\nsync=0\n";
const TILES: &str = "[tiled-display]\nenable=1\nrows=1\ncolumns=2\nwidth=1280\nheight=360\n";

/// The picture of a video file after `skip` others.
fn picture(path: &Path, skip: u32) -> image::RgbImage {
    let line = "filesrc name=file ! qtdemux ! h264parse ! avdec_h264 ! videoconvert ! video/x-raw,format=RGBx \
                ! appsink name=sink sync=false";
    let pipeline = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", path);
    let sink = pipeline.by_name("sink").unwrap().downcast::<gst_app::AppSink>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    (0..skip).for_each(|_| drop(sink.pull_sample().unwrap()));
    let sample = sink.pull_sample().unwrap();
    let info = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
    let map = sample.buffer().unwrap().map_readable().unwrap();
    let picture = image::RgbImage::from_fn(info.width(), info.height(), |x, y| {
        let at = info.stride()[0] as usize * y as usize + 4 * x as usize;
        image::Rgb([map[at], map[at + 1], map[at + 2]])
    });
    drop(map);
    pipeline.set_state(gst::State::Null).unwrap();
    picture
}

#[test]
fn files_become_a_film_and_boxes_as_text() {
    let Some(bench) = Bench::new() else { return };
    let config = bench.config(
        "app.txt",
        &format!(
            "{BOTH_CLIPS}{TILES}[sink1]\nenable=1\ntype=3\nsync=0\noutput-file={}\nenc-type=1\nbitrate=4000000\n\
             [tracker]\nenable=1\nll-config-file=config_tracker_IOU.yml\n\
             [application]\ngie-kitti-output-dir=found\nkitti-track-output-dir=tracked\n",
            bench.path("out.mp4").display()
        ),
    );
    let (code, out, err) = bench.run(&config);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("Pipeline running"), "{out}");
    assert!(out.trim_end().ends_with("Quitting\nApp run successful"), "{out}");

    // Six cells of the white clip on each frame, none on the black one.
    // The network sees 48 × 32 pixels in cells of 16; DetectNet's boxes end at the last pixel, not behind it.
    let (width, height) = (f64::from(MUX.0), f64::from(MUX.1));
    let (last_x, last_y) = (width * 47.0 / 48.0, height * 31.0 / 32.0);
    let expected: Vec<_> = (0..CELLS as u32)
        .map(|cell| {
            let (left, top) = (f64::from(cell % 3) * width / 3.0, f64::from(cell / 3) * height / 2.0);
            (left, top, (left + width / 3.0).min(last_x), (top + height / 2.0).min(last_y))
        })
        .collect();
    for source in 0..2 {
        for frame in 0..FRAMES {
            let name = format!("00_{source:03}_{frame:06}.txt");
            let found = std::fs::read_to_string(bench.path("found").join(&name)).unwrap();
            let mut boxes: Vec<_> = found.lines().map(kitti_box).collect();
            boxes.sort_by(|a, b| (a.1, a.0).partial_cmp(&(b.1, b.0)).unwrap());
            assert_eq!(boxes.len(), if source == 0 { CELLS } else { 0 }, "{name}: {found}");
            for (seen, expected) in boxes.iter().zip(&expected) {
                let near = |a: f64, b: f64| (a - b).abs() < 2.0;
                let [near_left, near_top, near_right, near_bottom] = [
                    near(seen.0, expected.0),
                    near(seen.1, expected.1),
                    near(seen.2, expected.2),
                    near(seen.3, expected.3),
                ];
                assert!(
                    near_left && near_top && near_right && near_bottom,
                    "{name}: {seen:?} for {expected:?}"
                );
            }
            assert!(bench.path("tracked").join(&name).is_file(), "{name}");
        }
    }
    let last =
        std::fs::read_to_string(bench.path("tracked").join(format!("00_000_{:06}.txt", FRAMES - 1))).unwrap();
    let mut ids: Vec<_> =
        last.lines().map(|line| line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), CELLS, "{last}");

    let film = Clip::load(bench.path("out.mp4")).unwrap();
    assert_eq!((film.codec(), film.size().width, film.size().height), (Codec::H264, 1280, 360));
    assert!(film.pictures() >= FRAMES as usize, "{} pictures", film.pictures());
    let shown = picture(&bench.path("out.mp4"), FRAMES / 2);
    let is_green = |x: u32, y: u32| {
        let [red, green, blue] = shown.get_pixel(x, y).0;
        green > 100 && red < 100 && blue < 100
    };
    // Borders where cells of the white tile meet, in the colour that the file names; none on the black one.
    let third = MUX.0 / 3;
    assert!((third - 3..third + 3).any(|x| is_green(x, 90)), "no border at the first third");
    assert!(!(640..1280).any(|x| is_green(x, 90)), "a border on the black tile");
    assert!(shown.get_pixel(100, 90).0.iter().all(|&part| part > 200));
}

/// Left, top, right, bottom of a line.
fn kitti_box(line: &str) -> (f64, f64, f64, f64) {
    let words: Vec<_> = line.split(' ').collect();
    assert_eq!((words[0], words.len()), ("Vehicle", 16), "{line}");
    let number = |index: usize| words[index].parse::<f64>().unwrap();
    assert!(number(15) > 0.6, "{line}");
    (number(4), number(5), number(6), number(7))
}

#[test]
fn cameras_are_served_and_one_that_is_not_there_costs_the_others_nothing() {
    let Some(bench) = Bench::new() else { return };
    let cameras = [0xffffff, 0x0000c0].map(|color| Pattern::solid(color, 320, 180).camera());
    let server = CameraServer::start(CameraServerSettings::default(), cameras).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let source = |number: usize, uri: &str| {
        format!(
            "[source{number}]\nenable=1\ntype=4\nuri={uri}\nselect-rtp-protocol=4\nrtsp-reconnect-interval-sec=1\n"
        )
    };
    let config = bench.config(
        "app.txt",
        &format!(
            "{}{}{}[application]\nenable-perf-measurement=1\nperf-measurement-interval-sec=1\n{TILES}\
             [sink0]\nenable=1\ntype=4\nrtsp-port={port}\nenc-type=1\nbitrate=1000000\n",
            source(0, &server.uri(0)),
            source(1, "rtsp://keeper:Sesame@127.0.0.1:1/nobody"),
            source(2, &server.uri(1)),
        ),
    );
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("timeout=2000000", "timeout=40000\nlive-source=1")).unwrap();
    let mut program = Program::start(app().arg("-c").arg(&config));
    program
        .wait_for(&format!("*** DeepStream: Launched RTSP Streaming at rtsp://localhost:{port}/ds-test ***"));
    program.wait_for("**PERF:  FPS 0 (Avg)\tFPS 1 (Avg)\tFPS 2 (Avg)\t");
    // Two deliver, the one between them does not.
    program.wait_until("rates", |program| {
        program.out.all().iter().any(|line| {
            let rates: Vec<f64> = line
                .strip_prefix("**PERF:  ")
                .into_iter()
                .flat_map(|rates| rates.split('\t'))
                .filter_map(|pair| pair.split(' ').next()?.parse().ok())
                .collect();
            rates.len() == 3 && rates[0] > 5.0 && rates[1] == 0.0 && rates[2] > 5.0
        })
    });
    let viewer = Viewer::start(&format!("rtsp://127.0.0.1:{port}/ds-test"), "tcp");
    viewer.wait_for(10);
    drop(viewer);
    assert_eq!(program.interrupt_and_wait(), Some(0), "{}", program.err.text());
    assert!(program.err.find("User Interrupted..").is_some());
    assert!(program.out.find("App run successful").is_some());
    assert!(!program.err.text().contains("Sesame"), "{}", program.err.text());
}

#[test]
fn a_camera_that_goes_away_is_connected_to_again_until_attempts_run_out() {
    let Some(bench) = Bench::new() else { return };
    let camera = || [Pattern::solid(0xffffff, 320, 180).camera()];
    let server = CameraServer::start(CameraServerSettings::default(), camera()).unwrap();
    let (uri, port) = (server.uri(0), url::Url::parse(&server.uri(0)).unwrap().port().unwrap());
    let config = bench.config(
        "app.txt",
        &format!(
            "{NOWHERE}[application]\nenable-perf-measurement=1\nperf-measurement-interval-sec=1\n\
             [source0]\nenable=1\ntype=4\nuri={uri}\nselect-rtp-protocol=4\nrtsp-reconnect-interval-sec=1\nrtsp-reconnect-attempts=8\n"
        ),
    );
    let mut program = Program::start(app().arg("-c").arg(&config));
    let seen = |program: &Program| {
        program
            .out
            .all()
            .iter()
            .rev()
            .find(|line| line.starts_with("**PERF:  ") && !line.contains("FPS"))
            .cloned()
    };
    let delivers = |program: &Program| seen(program).is_some_and(|line| !line.contains("  0.00"));
    program.wait_until("frames", delivers);
    drop(server);
    program.wait_until("no frames", |program| seen(program).is_some_and(|line| line.contains("  0.00")));
    let settings = CameraServerSettings { port, ..CameraServerSettings::default() };
    let server = CameraServer::start(settings, camera()).unwrap();
    program.wait_until("frames again", delivers);
    drop(server);
    assert_eq!(program.wait(), Some(0), "{}", program.err.text());
    assert!(program.err.find("Number of RTSP reconnect attempts exceeded, stopping source: 0").is_some());
}

#[test]
fn each_source_goes_its_own_way_without_tiles() {
    let Some(bench) = Bench::new() else { return };
    let config = bench.config(
        "app.txt",
        &format!(
            "{BOTH_CLIPS}[sink0]\nenable=1\ntype=3\nsync=0\nsource-id=1\noutput-file={}\nbitrate=500000\n",
            bench.path("black.mp4").display()
        ),
    );
    let (code, out, err) = bench.run(&config);
    assert_eq!(code, Some(0), "{out}{err}");
    let film = Clip::load(bench.path("black.mp4")).unwrap();
    assert_eq!((film.pictures(), film.size().width), (FRAMES as usize, MUX.0));
    assert!(picture(&bench.path("black.mp4"), 5).pixels().all(|pixel| pixel.0.iter().all(|&part| part < 40)));
}

#[test]
fn several_files_are_several_pipelines_and_keys_are_obeyed() {
    let Some(bench) = Bench::new() else { return };
    let text = format!(
        "{BOTH_CLIPS}{NOWHERE}{TILES}[application]\nenable-perf-measurement=1\nperf-measurement-interval-sec=1\n[tests]\nfile-loop=1\n"
    );
    let (keys, mut typist) = std::io::pipe().unwrap();
    let mut command = app();
    command.stdin(keys);
    for name in ["one.txt", "two.txt"] {
        command.arg("-c").arg(bench.config(name, &text));
    }
    let mut program = Program::start(&mut command);
    drop(command);
    for line in ["PERF(0): ", "PERF(1): ", "Runtime commands:"] {
        program.wait_for(line);
    }
    let mut press = |key: &str| std::io::Write::write_all(&mut typist, key.as_bytes()).unwrap();
    press("z00");
    program.wait_for("--selecting source  col 0 sou=0--");
    press("z");
    program.wait_for("--tiled mode --");
    press("p");
    program.wait_until("both to pause", |program| program.out.count("Pipeline paused") == 2);
    press("r");
    let lines = program.out.count("PERF(1): ");
    program.wait_until("more", |program| program.out.count("PERF(1): ") > lines + 1);
    // Clips of a good second go on for as long as they are wanted.
    press("q");
    assert_eq!(program.wait(), Some(0), "{}", program.err.text());
    assert!(program.out.find("App run successful").is_some());
}

#[test]
fn pipelines_are_built_anew_as_often_as_the_file_says() {
    let Some(bench) = Bench::new() else { return };
    let config = bench.config(
        "app.txt",
        &format!("{BOTH_CLIPS}{NOWHERE}{TILES}[tests]\nfile-loop=1\npipeline-recreate-sec=1\n"),
    );
    let mut program = Program::start(app().arg("-c").arg(&config));
    program.wait_until("twice", |program| {
        program.out.count("Recreate pipeline") > 1 && program.out.count("Pipeline running") > 1
    });
    assert_eq!(program.interrupt_and_wait(), Some(0), "{}", program.err.text());
}

#[test]
fn what_is_wrong_is_said_and_ends_with_255() {
    let Some(bench) = Bench::new() else { return };
    let missing = bench.path("no-such.txt");
    let (code, out, err) = bench.run(&missing);
    assert_eq!(code, Some(255), "{out}{err}");
    assert!(err.contains(&format!("Failed to parse config file '{}'", missing.display())), "{err}");
    for (text, expected) in [
        ("[sink0]\nenable=1\ntype=1\n", "no source: no group [sourceN] has enable=1"),
        ("[source0]\nenable=1\ntype=2\nuri=file:///no/such.mp4\n[sink0]\nenable=1\ntype=1\n", "ERROR from "),
        ("[source0]\nenable=1\ntype=8\n", "[source0] type=8: sound is not taken"),
        (
            "[source0]\nenable=1\ntype=1\ncamera-v4l2-dev-node=94\n[sink0]\nenable=1\ntype=1\n",
            "app.txt:13: [source0] camera-v4l2-dev-node=94: /dev/video94 is not there; ",
        ),
        ("[sink0]\nenable=1\ntype=1\nsync=perhaps\n", "[sink0] sync=perhaps: expected 0 or 1"),
    ] {
        let (code, out, err) = bench.run(&bench.config("app.txt", text));
        assert_eq!(code, Some(255), "{text}{out}{err}");
        assert!(err.contains(expected), "{err}");
        assert!(out.ends_with("Quitting\nApp run failed\n"), "{out}");
    }
    let (code, out, err) = run(&mut app());
    assert_eq!((code, out.as_str()), (Some(255), "Quitting\nApp run failed\n"));
    assert!(err.contains("Specify config file with -c option"), "{err}");
    let (code, out, _) = run(app().arg("--version-all"));
    assert_eq!(code, Some(0));
    assert!(out.starts_with("deepstream-app version "), "{out}");
}

#[test]
fn a_file_on_the_command_line_goes_before_the_configs() {
    let Some(bench) = Bench::new() else { return };
    let config = bench.config(
        "app.txt",
        &format!(
            "[source0]\nenable=1\ntype=2\nuri=file:///no/such.mp4\n{NOWHERE}[application]\ngie-kitti-output-dir=found\nwhat=1\n"
        ),
    );
    let (code, out, err) = run(app().arg("-c").arg(&config).arg("-i").arg(bench.path("clip0.mp4")));
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(err.contains("Unknown key 'what' for group [application]"), "{err}");
    wait_until("files", || std::fs::read_dir(bench.path("found")).unwrap().count() == FRAMES as usize);
}

/// Container, codec and number of the pictures of a film, all of which are decoded.
fn film(path: &Path) -> (String, String, usize) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    let line = "filesrc name=file ! decodebin name=decode ! fakesink name=sink sync=false";
    let pipeline = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", path);
    // What is found on the way in: the container first, then, and perhaps again behind a parser, the codec.
    let kinds: Arc<Mutex<Vec<String>>> = Arc::default();
    let found = kinds.clone();
    pipeline.by_name("decode").unwrap().connect("autoplug-continue", false, move |args| {
        let caps = args[2].get::<gst::Caps>().unwrap();
        let name = caps.structure(0).unwrap().name().to_string();
        if name != "video/x-raw" {
            found.lock().unwrap().push(name);
        }
        Some(true.to_value())
    });
    let count = Arc::new(AtomicUsize::new(0));
    let pictures = count.clone();
    let sink = pipeline.by_name("sink").unwrap();
    sink.static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        pictures.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline.bus().unwrap().timed_pop_filtered(gst::ClockTime::NONE, &ends).unwrap();
    assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
    pipeline.set_state(gst::State::Null).unwrap();
    let kinds = kinds.lock().unwrap();
    (kinds[0].clone(), kinds.last().unwrap().clone(), count.load(Ordering::Relaxed))
}

#[test]
fn films_are_of_the_codec_and_container_that_the_file_says() {
    let Some(bench) = Bench::new() else { return };
    let (mp4, mkv) = ("video/quicktime", "video/x-matroska");
    let cases = [
        (1, 2, 0, mp4, "video/x-h265"),
        (2, 1, 0, mkv, "video/x-h264"),
        (2, 2, 1, mkv, "video/x-h265"),
        (1, 3, 0, mp4, "video/mpeg"),
        (2, 3, 1, mkv, "video/mpeg"),
    ];
    let sinks = cases.iter().enumerate().map(|(n, (container, codec, encoder, ..))| {
        format!(
            "[sink{n}]\nenable=1\ntype=3\nsync=0\ncontainer={container} ## as DeepStream's own files write it\n\
             codec={codec}\nenc-type={encoder}\nbitrate=2000000\noutput-file={}\n",
            bench.path(&format!("film{n}")).display()
        )
    });
    let source = "[source0]\nenable=1\ntype=2\nuri=file://clip0.mp4\n";
    let config = bench.config("app.txt", &format!("{source}{TILES}{}", sinks.collect::<String>()));
    let (code, out, err) = bench.run(&config);
    assert_eq!(code, Some(0), "{out}{err}");
    for (n, (_, _, _, container, codec)) in cases.into_iter().enumerate() {
        let expected = (container.to_owned(), codec.to_owned(), FRAMES as usize);
        assert_eq!(film(&bench.path(&format!("film{n}"))), expected, "film {n}");
    }
}

#[test]
fn cameras_are_recorded_in_intervals_and_the_log_says_so() {
    let Some(bench) = Bench::new() else { return };
    let server =
        CameraServer::start(CameraServerSettings::default(), [Pattern::solid(0xffffff, 320, 180).camera()])
            .unwrap();
    let config = bench.config(
        "app.txt",
        &format!(
            "[source0]\nenable=1\ntype=4\nuri={}\nselect-rtp-protocol=4\nsmart-record=2\nsmart-rec-dir-path=.\n\
             smart-rec-file-prefix=door\nsmart-rec-container=1\nsmart-rec-cache=10\nsmart-rec-start-time=1\n\
             smart-rec-duration=1\nsmart-rec-interval=1\n{NOWHERE}",
            server.uri(0)
        ),
    );
    let mut program = Program::start(app().arg("-c").arg(&config).current_dir(bench.0.path()));
    let log = bench.path("smart_record.log");
    wait_until("a recording", || std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() > 0));
    assert_eq!(program.interrupt_and_wait(), Some(0), "{}", program.err.text());
    let text = std::fs::read_to_string(&log).unwrap();
    let parts: Vec<_> = text.lines().next().unwrap().split(':').collect();
    assert_eq!(parts[..3], ["0", "320", "180"], "{text}");
    assert!(parts[3].strip_suffix("ms").unwrap().parse::<u64>().unwrap() > 500, "{text}");
    let path = Path::new(parts[4]).join(parts[5]);
    assert!(parts[5].starts_with("door_0_0000") && path.is_file(), "{text}");
    let (container, codec, pictures) = film(&path);
    assert_eq!((container.as_str(), codec.as_str()), ("video/x-matroska", "video/x-h264"));
    assert!(pictures > 5, "{pictures} pictures");
}
