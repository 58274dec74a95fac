//! What goes wrong costs nothing else: cameras that fail in every way while others run, files, and bad starts.

mod common;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::NEVER;
use common::media::{Pattern, echo_model, tiny_model};
use common::program::{Program, can_detect, run, slipstream};
use gst::prelude::*;
use gstslipstream::meta::Batch;
use parking_lot::Mutex;
use slipstream::LoginMethod;
use slipstream::camera_server::{CameraServer, CameraServerSettings, CameraSource};
use slipstream::pipeline::Job;
use slipstream::settings::{Codec, JobSettings};
use slipstream::source::{Camera, CameraState};
use slipstream::uri::{Credentials, Input};
use slipstream_meta::Size;

/// What the tiler was given last of each camera: the size of a frame, and the status that its tile shows.
type Seen = Arc<Mutex<BTreeMap<u32, (Size, Option<Arc<str>>)>>>;

fn watch_tiles(job: &Job) -> Seen {
    let seen = Seen::default();
    let tiler = job.pipeline().by_name("sliptiler").unwrap();
    tiler.static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, {
        let seen = seen.clone();
        move |_, info| {
            let batch = info.buffer().and_then(|buffer| buffer.meta::<Batch>());
            if let Some(batch) = batch {
                let mut seen = seen.lock();
                let meta = &batch.content().meta;
                for frame in &meta.frames {
                    seen.entry(frame.pad_index).or_default().0 = frame.source_size;
                }
                for source in &meta.sources {
                    seen.entry(source.pad_index).or_default().1 = source.status.clone();
                }
            }
            gst::PadProbeReturn::Ok
        }
    });
    seen
}

fn job_settings(arguments: &[&str]) -> JobSettings {
    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        settings: JobSettings,
    }
    use clap::Parser;
    Program::parse_from([&["job", "--port=0", "--bind=127.0.0.1"], arguments].concat()).settings
}

/// The job, the cameras it looks at, and one of them.
#[derive(Clone, Copy)]
struct Patient<'a> {
    server: &'a CameraServer,
    job: &'a Job,
    seen: &'a Seen,
    index: usize,
}

impl Patient<'_> {
    fn camera(&self) -> &Camera {
        &self.job.cameras()[self.index]
    }

    fn wait_until(&self, what: &str, mut is_true: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_true() {
            let (state, status, size) = (self.camera().state(), self.status(), self.size());
            assert!(start.elapsed() < NEVER, "camera {}: {what}; {state:?}, {status:?}, {size}", self.index);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until frames come (again).
    fn is_well(&self) {
        let before = self.camera().frames();
        let is_live = || self.camera().state() == CameraState::Live && self.camera().frames() >= before + 5;
        self.wait_until("live", is_live);
        self.wait_until("no status", || self.status().is_none());
    }

    fn status(&self) -> Option<Arc<str>> {
        self.seen.lock().get(&(self.index as u32)).and_then(|(_, status)| status.clone())
    }

    /// Waits until it is known to be ill, in one of these words, on its tile too.
    fn is_ill(&self, reasons: &[&str]) {
        let names_it = |text: &str| reasons.iter().any(|reason| text.contains(reason));
        self.wait_until(
            &format!("one of {reasons:?}"),
            || matches!(self.camera().state(), CameraState::Waiting { reason, .. } if names_it(&reason)),
        );
        self.wait_until(&format!("one of {reasons:?} on its tile"), || {
            self.status().is_some_and(|status| names_it(&status))
        });
    }

    fn size(&self) -> Size {
        self.seen.lock().get(&(self.index as u32)).map(|(size, _)| *size).unwrap_or_default()
    }

    /// What became of the packets.
    fn jitter_buffer(&self) -> Option<String> {
        let name = format!("camera-{}", self.index);
        let bin = self.job.pipeline().by_name(&name)?.downcast::<gst::Bin>().ok()?;
        let is_buffer = |e: &gst::Element| e.factory().is_some_and(|f| f.name() == "rtpjitterbuffer");
        let buffer = bin.iterate_recurse().into_iter().flatten().find(is_buffer)?;
        Some(buffer.property::<gst::Structure>("stats").to_string())
    }

    /// Pictures that the camera sent and that did not come in, once none is under way any more.
    fn missing(&self) -> u64 {
        /// Longer than a frame can be under way: twice the jitter buffer.
        const QUIET: Duration = Duration::from_secs(2);
        self.server.freeze(self.index, true);
        let numbers = || (self.server.pictures_sent(self.index), self.camera().frames());
        let (mut last, mut since) = (numbers(), Instant::now());
        while since.elapsed() < QUIET {
            std::thread::sleep(Duration::from_millis(10));
            if numbers() != last {
                (last, since) = (numbers(), Instant::now());
            }
        }
        self.server.freeze(self.index, false);
        last.0 - last.1
    }
}

/// The same of several, at the same time.
fn all_missing(patients: &[Patient<'_>]) -> Vec<u64> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = patients.iter().map(|patient| scope.spawn(|| patient.missing())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

const HUNG_UP: [&str; 3] = ["closed the connection", "ended the stream", "cannot connect"];
const STEADY: usize = 4;

type Story = fn(&Patient<'_>, &Wardrobe);

/// What cameras come back as.
struct Wardrobe {
    usual: CameraSource,
    larger: CameraSource,
    h265: CameraSource,
}

const USUAL: Size = Size::new(160, 90);
const LARGER: Size = Size::new(320, 240);
const H265: Size = Size::new(192, 96);

/// Pictures per second; `SLIPSTREAM_TEST_FPS=25` is for a machine that has nothing else to do. By default so few that a
/// busy machine that holds a camera up for half a second still gives each its turn: what is counted here is what other
/// cameras cost, not what a slow machine does.
fn frame_rate() -> u32 {
    const OF_A_BUSY_MACHINE: u32 = 5;
    std::env::var("SLIPSTREAM_TEST_FPS").map_or(OF_A_BUSY_MACHINE, |rate| rate.parse().unwrap())
}

fn pattern(size: Size) -> Pattern {
    let frame_rate = frame_rate();
    Pattern { frame_rate, frames: 2 * frame_rate, ..Pattern::noise(size.width, size.height) }
}

/// What happens to the cameras after the steady ones, each while all the others run.
const STORIES: [Story; 8] = [
    // Cut off, three times.
    |patient, _| {
        for round in 1..=3 {
            patient.server.hang_up(patient.index);
            patient.is_ill(&HUNG_UP);
            patient.is_well();
            assert!(patient.camera().reconnects() >= round);
        }
    },
    // Unplugged for a while.
    |patient, _| {
        patient.server.unplug(patient.index);
        patient.is_ill(&["no such path (404)"]);
        patient.server.plug_in(patient.index);
        patient.is_well();
    },
    // Frozen: connected, and silent.
    |patient, _| {
        patient.server.freeze(patient.index, true);
        patient.is_ill(&["no frame for 4 s"]);
        patient.server.freeze(patient.index, false);
        patient.is_well();
    },
    // Back with another size.
    |patient, wardrobe| {
        assert_eq!(patient.size(), USUAL);
        patient.server.set_source(patient.index, wardrobe.larger.clone());
        patient.server.hang_up(patient.index);
        patient.wait_until("another size", || patient.size() == LARGER);
        patient.is_well();
    },
    // Back with another codec.
    |patient, wardrobe| {
        patient.server.set_source(patient.index, wardrobe.h265.clone());
        patient.server.hang_up(patient.index);
        patient.wait_until("another codec", || patient.size() == H265);
        patient.is_well();
    },
    // Rubbish in all pictures.
    |patient, _| {
        patient.server.garble(patient.index, 1000);
        let (sent, reconnects) = (patient.server.pictures_sent(patient.index), patient.camera().reconnects());
        // A camera that is given up is tried again, less and less often.
        patient.wait_until("rubbish", || {
            patient.server.pictures_sent(patient.index) > sent + 20
                || patient.camera().reconnects() > reconnects + 1
        });
        patient.server.garble(patient.index, 0);
        patient.is_well();
    },
    // Packets cut and lost.
    |patient, _| {
        patient.server.cut_packets(patient.index, 300);
        patient.server.lose_packets(patient.index, 300);
        let sent = patient.server.pictures_sent(patient.index);
        patient.wait_until("losses", || patient.server.pictures_sent(patient.index) > sent + 20);
        patient.server.cut_packets(patient.index, 0);
        patient.server.lose_packets(patient.index, 0);
        patient.is_well();
    },
    // Sound alone, and then a picture again.
    |patient, wardrobe| {
        patient.server.set_source(patient.index, CameraSource::AudioOnly);
        patient.server.hang_up(patient.index);
        patient.is_ill(&["no video"]);
        patient.server.set_source(patient.index, wardrobe.usual.clone());
        patient.is_well();
    },
];

#[test]
fn faults_of_some_cameras_cost_the_others_no_frame() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    if !can_detect(&model) {
        return;
    }
    gst::init().unwrap();
    gstslipstream::plugin_register_static().unwrap();
    let wardrobe = Wardrobe {
        usual: pattern(USUAL).camera(),
        larger: pattern(LARGER).camera(),
        h265: pattern(H265).codec(Codec::H265).camera(),
    };
    let clip = wardrobe.usual.clone();
    let server =
        CameraServer::start(CameraServerSettings::default(), vec![clip.clone(); STEADY + STORIES.len()])
            .unwrap();

    // Those that never get well.
    let login = Credentials { user: "keeper".into(), password: "sesame".into() };
    let settings =
        CameraServerSettings { login: Some((login, LoginMethod::Any)), ..CameraServerSettings::default() };
    let guarded = CameraServer::start(settings, [clip]).unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let hopeless = [
        (guarded.uri_with("keeper", "pepper", 0), "wrong user or password (401)"),
        ("rtsp://127.0.0.1:1/x".into(), "nothing listens at port 1"),
        ("rtsp://no-such-host.invalid/x".into(), "name not found: no-such-host.invalid"),
        (format!("rtsp://{}/x", mute.local_addr().unwrap()), "no answer"),
        (server.uri(1000), "no such path (404)"),
    ];

    let cameras = STEADY + STORIES.len();
    let inputs =
        (0..cameras).map(|index| server.uri(index)).chain(hopeless.iter().map(|(uri, _)| uri.clone()));
    let inputs: Vec<Input> = inputs.map(|uri| uri.parse().unwrap()).collect();
    let model = model.to_str().unwrap();
    let settings = job_settings(&[
        "--model",
        model,
        "--frame-timeout=4",
        "--latency=1000",
        "--output-width=320",
        "--output-height=180",
    ]);
    let job = Job::start(&settings, &inputs).unwrap();
    let seen = watch_tiles(&job);
    let patient = |index| Patient { server: &server, job: &job, seen: &seen, index };

    let steady: Vec<_> = (0..STEADY).map(patient).collect();
    (0..cameras).map(patient).for_each(|patient| patient.is_well());
    let missing_before = all_missing(&steady);
    steady.iter().for_each(Patient::is_well);
    let dropped_before: Vec<_> = steady.iter().map(|patient| patient.camera().dropped()).collect();

    std::thread::scope(|scope| {
        for (index, story) in (STEADY..).zip(STORIES) {
            let (patient, wardrobe) = (patient(index), &wardrobe);
            scope.spawn(move || story(&patient, wardrobe));
        }
        for (index, (_, reason)) in (cameras..).zip(&hopeless) {
            let patient = patient(index);
            scope.spawn(move || patient.is_ill(&[reason]));
        }
    });

    let missing = all_missing(&steady);
    let dropped: Vec<_> = steady.iter().map(|patient| patient.camera().dropped()).collect();
    let jitter_buffers: Vec<_> = steady.iter().map(Patient::jitter_buffer).collect();
    assert_eq!((missing, dropped), (missing_before, dropped_before), "{jitter_buffers:#?}");
    assert!(steady.iter().all(|patient| patient.camera().reconnects() == 0));
    let messages = job.pipeline().bus().unwrap();
    while let Some(message) = messages.pop() {
        assert!(Job::handle(&message).is_none(), "{message:?}");
    }
}

/// The program with a detector that costs nothing.
fn program(model: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = slipstream();
    command.env("SLIPSTREAM_MODEL", model).env("RTSPOUTPUTPORTNUM", "0");
    command.args(["run", "--bind=127.0.0.1"]).args(arguments);
    command.args(["--output-width=320", "--output-height=180"]);
    command
}

/// Numbers of the frames of a camera, as the lines tell them.
fn numbers(lines: &[String], camera: &str) -> Vec<u64> {
    let of_camera = lines.iter().filter(|line| line.ends_with(&format!("Camera={camera}")));
    let number = |line: &String| line.strip_prefix("Frame Number=")?.split(' ').next()?.parse().ok();
    of_camera.filter_map(number).collect()
}

#[test]
fn files_are_shown_to_the_last_frame() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    if !can_detect(&model) {
        return;
    }
    let (long, short) = (folder.path().join("long.mp4"), folder.path().join("short.mp4"));
    Pattern::noise(160, 90).frames(40).write(&long);
    Pattern::noise(128, 96).codec(Codec::H265).frames(15).write(&short);
    let (long, short) = (long.to_str().unwrap(), short.to_str().unwrap());

    let (code, out, err) =
        run(&mut program(&model, &["--names=Long,Short", long, &format!("file://{short}")]));
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<_> = out.lines().map(str::to_owned).collect();
    assert_eq!(numbers(&lines, "Long"), (0..40).collect::<Vec<_>>());
    assert_eq!(numbers(&lines, "Short"), (0..15).collect::<Vec<_>>());

    let mut repeating = Program::start(&mut program(&model, &["--loop", "--names=Short", short]));
    repeating.wait_until("a third round", |program| program.out.count("Camera=Short") > 40);
    assert_eq!(numbers(&repeating.out.all(), "Short")[..40], (0..40).collect::<Vec<_>>());
    assert_eq!(repeating.interrupt_and_wait(), Some(0), "{}", repeating.err.text());

    // One that is missing costs the other nothing.
    let (code, out, err) = run(&mut program(&model, &["--names=None,Short", "/no/such/file.mp4", short]));
    assert_eq!((code, err.contains("/no/such/file.mp4: file not found")), (Some(1), true), "{err}");
    let lines: Vec<_> = out.lines().map(str::to_owned).collect();
    assert_eq!(numbers(&lines, "Short"), (0..15).collect::<Vec<_>>());
}

#[test]
fn what_the_job_cannot_do_without_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    if !can_detect(&model) {
        return;
    }
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let onnx = concat!(env!("CARGO_MANIFEST_DIR"), "/../slipstream-infer/tests/data/tiny.onnx");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    write("echo.onnx", &echo_model());
    let malformed = write("malformed.ini", b"[property]\nonnx-file=x.onnx\nbatch-size=many\n");
    let unlabelled = format!("[property]\nonnx-file={onnx}\nlabelfile-path=none.txt\n");
    let unlabelled = write("unlabelled.ini", unlabelled.as_bytes());
    let modelless = write("modelless.ini", b"[property]\nonnx-file=none.onnx\n");
    let broken = write("broken.ini", format!("[property]\nonnx-file={}\n", malformed.display()).as_bytes());
    let unfit = write("unfit.ini", b"[property]\nonnx-file=echo.onnx\n");
    let missing = folder.path().join("none.ini");
    for (config, more, expected) in [
        (&missing, vec![], vec!["none.ini", "neither a file"]),
        (&malformed, vec![], vec!["malformed.ini:3", "batch-size", "many"]),
        (&unlabelled, vec![], vec!["unlabelled.ini:3", "labelfile-path", "none.txt"]),
        (&modelless, vec![], vec!["modelless.ini:2", "onnx-file", "none.onnx"]),
        (&broken, vec![], vec!["malformed.ini", "cannot load the model"]),
        // The tensors found, and what would do.
        (&unfit, vec![], vec!["echo", "[3, 8, 8]", "boxes", "scores"]),
        (&model, vec!["--port", &port], vec![&port, "in use"]),
    ] {
        let mut command = program(config, &[]);
        let (code, out, err) = run(command.args(&more).arg("rtsp://127.0.0.1:1/x"));
        assert_eq!(code, Some(1), "{config:?} {out} {err}");
        assert!(expected.iter().all(|part| err.contains(*part)), "{expected:?}: {err}");
        assert!(!out.contains("RTSP output stream"), "{out}");
    }
    for (arguments, expected) in [
        (&["run"][..], "no camera given"),
        (&["run", "--codec=MPEG2", "rtsp://a/1"], "MPEG2"),
        (&["run", "--path=ds", "rtsp://a/1"], "begins with a slash"),
        (&["run", "--bitrate=0", "rtsp://a/1"], "bits per second"),
        (&["run", "--output-width=7", "rtsp://a/1"], "even numbers"),
        (&["run", "--frobnicate", "rtsp://a/1"], "--frobnicate"),
        (&["run", "gopher://a/1"], "gopher"),
    ] {
        let (code, out, err) = run(slipstream().args(arguments));
        assert_eq!((code, out.as_str(), err.contains(expected)), (Some(2), "", true), "{arguments:?}: {err}");
    }
}
