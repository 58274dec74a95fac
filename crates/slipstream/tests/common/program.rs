//! The built program, started and watched.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;

use super::wait_until;

/// Variables that would change what the program does.
const VARIABLES: [&str; 20] = [
    "RTSPINPUT",
    "CODEC",
    "BITRATE",
    "RTSPOUTPUTPORTNUM",
    "RTSPOUTPUTPATH",
    "ARCH",
    "IPADDR",
    "SHOW_FRAMES",
    "OUTPUT_WIDTH",
    "OUTPUT_HEIGHT",
    "SLIPSTREAM_LOG",
    "SLIPSTREAM_MODEL",
    "SLIPSTREAM_NAMES",
    "SLIPSTREAM_TRACKER",
    "SLIPSTREAM_BIND",
    "SLIPSTREAM_OUTPUT_USER",
    "SLIPSTREAM_OUTPUT_PASSWORD",
    "GST_DEBUG",
    "RUST_LOG",
    "LC_ALL",
];

/// The program with nothing set.
pub fn slipstream() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipstream"));
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

/// What it printed, line by line.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn follow(source: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let follower = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                follower.0.lock().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        lines
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().clone()
    }

    pub fn text(&self) -> String {
        self.0.lock().join("\n")
    }

    pub fn find(&self, part: &str) -> Option<String> {
        self.0.lock().iter().find(|line| line.contains(part)).cloned()
    }

    pub fn count(&self, part: &str) -> usize {
        self.0.lock().iter().filter(|line| line.contains(part)).count()
    }
}

/// The program while it runs; killed when dropped.
pub struct Program {
    child: Child,
    pub out: Lines,
    pub err: Lines,
}

impl Program {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = Lines::follow(child.stdout.take().unwrap());
        let err = Lines::follow(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// Waits for a line on standard output.
    pub fn wait_for(&mut self, part: &str) -> String {
        self.wait_until(part, |program| program.out.find(part).is_some());
        self.out.find(part).unwrap()
    }

    /// Waits until something is true, for as long as the program runs.
    pub fn wait_until(&mut self, what: &str, mut is_true: impl FnMut(&Self) -> bool) {
        wait_until(what, || {
            let ended = self.child.try_wait().unwrap();
            let is_true = is_true(self);
            if !is_true && let Some(status) = ended {
                panic!("ended with {status} before {what}\n{}\n{}", self.out.text(), self.err.text());
            }
            is_true
        });
    }

    /// Where the output is served, at this machine's own address.
    pub fn url(&mut self) -> String {
        let line = self.wait_for("RTSP output stream: \"rtsp://");
        let url = line.split('"').nth(1).unwrap();
        let (_, rest) = url.trim_start_matches("rtsp://").split_once(':').unwrap();
        format!("rtsp://127.0.0.1:{rest}")
    }

    /// As Ctrl-C does.
    pub fn interrupt(&self) {
        let command = format!("kill -INT {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    /// Waits for the end and returns the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let mut code = None;
        wait_until("the program's end", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.unwrap().code()
    }

    pub fn interrupt_and_wait(&mut self) -> Option<i32> {
        self.interrupt();
        self.wait()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program to its end: exit code, standard output, standard error.
pub fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

/// Whether ONNX Runtime is there; says so, past the harness that hides what passing tests print, if not.
pub fn can_detect(model: &Path) -> bool {
    use slipstream_infer::engine::EngineError;
    use slipstream_infer::{Detector, DetectorError, InferConfig};
    let (config, _) = InferConfig::load(model).unwrap();
    match Detector::new(config, std::num::NonZeroUsize::new(1)) {
        Err(DetectorError::Engine(error @ EngineError::Library { .. })) => {
            let _ =
                std::io::Write::write_all(&mut std::io::stderr(), format!("SKIPPED: {error}\n").as_bytes());
            false
        }
        detector => detector.map(|_| true).unwrap(),
    }
}
