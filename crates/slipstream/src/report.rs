//! What the job says while it runs: a line per frame, a table on a terminal, or a summary now and then.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::pipeline::Job;
use crate::source::CameraState;
use crate::tally::Counts;

/// Lines that may wait for a slow terminal: a second of thirty cameras.
const LINE_BACKLOG: usize = 1024;
/// How often the table is drawn anew.
const TABLE_PERIOD: Duration = Duration::from_secs(1);
/// How often the summary is printed.
const SUMMARY_PERIOD: Duration = Duration::from_secs(10);
/// What terminals are told to cut lines at the edge, and to wrap them again (DECAWM of the VT100).
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";
/// Longest camera name in the table.
const NAME_WIDTH: usize = 28;

/// One camera in the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// What people call it.
    pub name: String,
    /// How it is doing.
    pub state: CameraState,
    /// Frames per second that came in.
    pub rate: f64,
    /// Frames per second that the detector looked at.
    pub detections: f64,
    /// Objects on the newest frame.
    pub objects: Counts,
    /// Frames given up so far.
    pub dropped: u64,
    /// Times it was connected anew.
    pub reconnects: u64,
    /// Time since the last frame.
    pub age: Option<Duration>,
}

/// How the job tells what it does.
enum Manner {
    Lines(Option<JoinHandle<()>>),
    Table { lines: usize },
    Summary,
}

/// Tells what the job does, to standard output.
pub struct Reporter {
    manner: Manner,
    last: Instant,
    /// Frames and detections of each camera at the last report.
    before: Vec<(u64, u64)>,
    lost_lines: u64,
}

impl Reporter {
    /// Lines for each frame if `show_frames`; else a table where standard output is a terminal, and summaries where not.
    pub fn start(job: &Job, show_frames: bool) -> Self {
        let manner = if show_frames {
            let (sender, receiver) = sync_channel(LINE_BACKLOG);
            let printer =
                std::thread::Builder::new().name("lines".into()).spawn(move || print_lines(&receiver));
            if let Err(err) = &printer {
                tracing::error!("frames are not shown: {err}");
            }
            job.tally().send_lines(sender);
            Manner::Lines(printer.ok())
        } else if std::io::stdout().is_terminal() {
            Manner::Table { lines: 0 }
        } else {
            Manner::Summary
        };
        Self { manner, last: Instant::now(), before: vec![(0, 0); job.cameras().len()], lost_lines: 0 }
    }

    /// To be called several times a second: reports when it is time to.
    pub fn look(&mut self, job: &Job) {
        let period = match self.manner {
            Manner::Lines(_) => SUMMARY_PERIOD,
            Manner::Table { .. } => TABLE_PERIOD,
            Manner::Summary => SUMMARY_PERIOD,
        };
        let passed = self.last.elapsed();
        if passed < period {
            return;
        }
        self.last = Instant::now();
        if let Manner::Lines(_) = self.manner {
            let lost = job.tally().lost_lines();
            if lost > self.lost_lines {
                tracing::warn!(
                    "{} lines were not printed: whoever reads them is too slow",
                    lost - self.lost_lines
                );
            }
            self.lost_lines = lost;
            return;
        }
        let rows = self.rows(job, passed);
        let mut text = String::new();
        if let Manner::Table { lines } = &mut self.manner {
            if *lines > 0 {
                // Back to where the table began, and away with what stands there.
                let _ = write!(text, "\x1b[{lines}A\x1b[J");
            }
            let table = table(&rows) + &footer(job) + "\n";
            *lines = table.lines().count();
            // Lines that are too long end at the edge: a wrapped one would take two.
            text = text + NO_WRAP + &table + WRAP;
        } else {
            text = summary(&rows, passed) + "; " + &footer(job) + "\n";
        }
        // A terminal that is gone is no reason to stop.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }

    /// Waits until all lines are out. The job has to be gone.
    pub fn finish(self) {
        if let Manner::Lines(Some(printer)) = self.manner {
            // A printer that panicked has nothing more to say.
            let _ = printer.join();
        }
    }

    fn rows(&mut self, job: &Job, passed: Duration) -> Vec<Row> {
        let cameras = job.cameras().iter().zip(&mut self.before).enumerate();
        cameras
            .map(|(index, (camera, before))| {
                let tally = job.tally().source(index);
                let now = (camera.frames(), tally.detections);
                let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / passed.as_secs_f64();
                let state = camera.state();
                let row = Row {
                    name: camera.name().to_string(),
                    rate: rate(now.0, before.0),
                    detections: rate(now.1, before.1),
                    // What was there before a camera was lost is of no interest.
                    objects: if state == CameraState::Live { tally.objects } else { Counts::new() },
                    state,
                    dropped: camera.dropped(),
                    reconnects: camera.reconnects(),
                    age: camera.last_frame_age(),
                };
                *before = now;
                row
            })
            .collect()
    }
}

fn print_lines(lines: &Receiver<String>) {
    let mut out = std::io::stdout().lock();
    while let Ok(line) = lines.recv() {
        let mut text = line + "\n";
        // All that waits goes out in one piece.
        for line in lines.try_iter().take(LINE_BACKLOG) {
            text += &line;
            text.push('\n');
        }
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

fn footer(job: &Job) -> String {
    let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut text = plural(job.output().viewers(), "viewer");
    let lost = job.tally().lost_pictures();
    if lost > 0 {
        let _ = write!(text, ", {lost} pictures not encoded in time");
    }
    text
}

fn list(objects: &Counts) -> String {
    let items = objects.iter().map(|(class, (label, count))| {
        if label.is_empty() { format!("class {class} {count}") } else { format!("{label} {count}") }
    });
    items.collect::<Vec<_>>().join(", ")
}

fn shorten(name: &str) -> String {
    if name.chars().count() <= NAME_WIDTH {
        return name.to_owned();
    }
    name.chars().take(NAME_WIDTH - 1).chain(['…']).collect()
}

/// The table of all cameras.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:NAME_WIDTH$}  {:10} {:>6} {:>7} {:>8} {:>6} {:>8}  {}\n",
        "camera", "state", "fps", "det/s", "dropped", "anew", "age", "objects"
    );
    for row in rows {
        let age = row.age.map_or("-".into(), |age| format!("{:.1} s", age.as_secs_f64()));
        let note = match &row.state {
            CameraState::Waiting { reason, .. } | CameraState::Failed { reason } => reason.clone(),
            _ => list(&row.objects),
        };
        let _ = writeln!(
            text,
            "{:NAME_WIDTH$}  {:10} {:>6.1} {:>7.1} {:>8} {:>6} {:>8}  {note}",
            shorten(&row.name),
            row.state.word(),
            row.rate,
            row.detections,
            row.dropped,
            row.reconnects,
            age
        );
    }
    text
}

/// All cameras in one line.
pub fn summary(rows: &[Row], passed: Duration) -> String {
    let live = rows.iter().filter(|row| row.state == CameraState::Live).count();
    let rate: f64 = rows.iter().map(|row| row.rate).sum();
    let detections: f64 = rows.iter().map(|row| row.detections).sum();
    let dropped: u64 = rows.iter().map(|row| row.dropped).sum();
    let mut objects = Counts::new();
    for (class, (label, count)) in rows.iter().flat_map(|row| &row.objects) {
        objects.entry(*class).or_insert_with(|| (label.clone(), 0)).1 += count;
    }
    let mut text = format!(
        "{:.0} s: {live} of {} cameras live, {rate:.1} frames/s, {detections:.1} detections/s, {dropped} frames dropped",
        passed.as_secs_f64(),
        rows.len()
    );
    if !objects.is_empty() {
        let _ = write!(text, ", {}", list(&objects));
    }
    for row in rows {
        if let CameraState::Waiting { reason, .. } | CameraState::Failed { reason } = &row.state {
            let _ = write!(text, "; {}: {reason}", row.name);
        }
    }
    text
}
