//! Sinks, with a screen in memory (Xvfb) and with none. Each runs in a process of its own, for the screen is in the environment.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use gst::prelude::*;

use crate::common::*;

/// Tells the other process that it is one.
const INNER: &str = "SLIPSTREAM_TEST_INNER";
const SINKS: [&str; 3] = ["nveglglessink", "nv3dsink", "nvdrmvideosink"];

/// Runs a test in another process; `None` stands for no screen.
fn again(test: &str, display: Option<&str>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(INNER, "1").env_remove("WAYLAND_DISPLAY");
    match display {
        Some(display) => command.env("DISPLAY", display),
        None => command.env_remove("DISPLAY"),
    };
    assert!(command.status().unwrap().success());
}

fn is_inner() -> bool {
    std::env::var_os(INNER).is_some()
}

/// An X server whose screen is in memory.
struct Server {
    child: Child,
    display: String,
}

impl Server {
    /// `None`, loudly, where it is not installed.
    fn start() -> Option<Self> {
        let child = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(err) => {
                skip(format_args!("Xvfb: {err}; on Debian and Ubuntu it is in xvfb"));
                return None;
            }
        };
        let mut number = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut number).unwrap();
        Some(Self { child, display: format!(":{}", number.trim()) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The colour on the screen at (x, y).
fn on_screen(x: usize, y: usize) -> [u8; 3] {
    let screen = all(
        "ximagesrc num-buffers=1 use-damage=false show-pointer=false ! videoconvert ! video/x-raw,format=RGB",
    );
    let (info, pixels) = (screen[0].info(), &screen[0].pixels()[0]);
    let at = (y * info.width() as usize + x) * 3;
    [pixels[at], pixels[at + 1], pixels[at + 2]]
}

#[test]
fn pictures_are_on_the_screen() {
    if !is_inner() {
        if !installed(&["ximagesink", "ximagesrc"]) {
            return;
        }
        let Some(server) = Server::start() else { return };
        return again("screen::pictures_are_on_the_screen", Some(&server.display));
    }
    init();
    for sink in SINKS {
        // a red picture of 200x100 in a window of 200x200: borders above and below
        let window = if sink == "nvdrmvideosink" { "" } else { "window-width=200 window-height=200" };
        let top = if window.is_empty() { 0 } else { 50 };
        let way = if sink == "nveglglessink" { "nvegltransform ! nveglglessink" } else { sink };
        let pipeline = Pipeline::new(&format!(
            "videotestsrc is-live=true pattern=red ! video/x-raw,format=RGBA,width=200,height=100,framerate=30/1 ! \
             nvvideoconvert ! video/x-raw(memory:NVMM),format=NV12 ! {way} name=sink {window}"
        ));
        pipeline.play();
        let (state, ..) = pipeline.0.state(gst::ClockTime::NONE);
        state.unwrap();
        // The server maps windows when it gets to it.
        let is_red = |[red, green, blue]: [u8; 3]| red > 250 && green < 5 && blue < 5;
        while !is_red(on_screen(100, top + 50)) {
            let error = pipeline.0.bus().unwrap().pop_filtered(&[gst::MessageType::Error]);
            assert!(error.is_none(), "{sink}: {error:?}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let rendered =
            || pipeline.get("sink").property::<gst::Structure>("stats").get::<u64>("rendered").unwrap();
        while rendered() == 0 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(on_screen(100, top + 105), [0, 0, 0], "{sink}: below the picture");
        if top > 0 {
            assert_eq!(on_screen(100, top - 5), [0, 0, 0], "{sink}: above the picture");
        }
        assert!(pipeline.get("sink").property::<Option<gst::Sample>>("last-sample").is_some());
    }
}

#[test]
fn without_a_screen_there_is_a_warning_and_pictures_are_dropped_at_their_time() {
    if !is_inner() {
        let test = "screen::without_a_screen_there_is_a_warning_and_pictures_are_dropped_at_their_time";
        return again(test, None);
    }
    init();
    for sink in SINKS {
        let pipeline = Pipeline::new(&format!(
            "videotestsrc num-buffers=15 ! video/x-raw,framerate=30/1 ! nvvideoconvert ! video/x-raw(memory:NVMM) ! {sink} name=sink"
        ));
        assert!(pipeline.get("sink").element_flags().contains(gst::ElementFlags::SINK));
        let start = std::time::Instant::now();
        let messages = pipeline.run();
        assert!(start.elapsed().as_millis() >= 450, "{sink} keeps time");
        let warnings = messages.iter().filter(|message| message.type_() == gst::MessageType::Warning);
        assert_eq!(warnings.count(), 1, "{sink}");
        pipeline.0.set_state(gst::State::Null).unwrap();
        pipeline.get("sink").set_property("sync", false);
        assert!(pipeline.get("sink").element_flags().contains(gst::ElementFlags::SINK), "still");
        pipeline.run();
    }
}
