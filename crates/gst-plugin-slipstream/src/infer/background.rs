//! A network that runs beside the stream: whoever asks does not wait for the answer.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use slipstream_infer::objects::Candidate;
use slipstream_infer::{Analysis, Analyzer, InferError, Region, Timings, WORKER_THREAD};
use slipstream_meta::Rect;

use super::imp::CAT;
use crate::frame::{map_readable, picture};
use crate::meta::BatchPicture;
use crate::transform::size_of;

/// A picture, and where it lies in the pixels of its frame.
pub(super) struct View {
    pub(super) picture: BatchPicture,
    pub(super) area: Rect,
}

/// Objects to look at, each on one of the pictures.
pub(super) struct Job {
    pub(super) pictures: Vec<View>,
    /// Number of the picture, the object, and where it is.
    pub(super) objects: Vec<(usize, Candidate, Rect)>,
}

/// What was found out about the objects of a job, each with where it was.
pub(super) type Answers = Vec<(Candidate, Rect, Analysis)>;

/// What came of a job.
struct Done {
    answers: Result<Answers, Box<InferError>>,
    took: Duration,
    timings: Timings,
}

/// The network on a thread of its own, with at most one job at a time. Ends with the job it is at when dropped.
pub(super) struct Background {
    jobs: Option<SyncSender<Job>>,
    answers: Receiver<Done>,
    is_busy: bool,
    timings: Timings,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(super) fn start(mut analyzer: Analyzer) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel::<Job>(1);
        let (done, answers) = sync_channel(1);
        let thread = std::thread::Builder::new().name(WORKER_THREAD.into()).spawn(move || {
            for job in waiting {
                let started = Instant::now();
                let answers = run(&mut analyzer, &job);
                let (took, timings) = (started.elapsed(), analyzer.timings());
                // frames are given back before anything else
                drop(job);
                if done.send(Done { answers, took, timings }).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self {
            jobs: Some(jobs),
            answers,
            is_busy: false,
            timings: Timings::default(),
            thread: Some(thread),
        })
    }

    /// Work done so far.
    pub(super) fn timings(&self) -> Timings {
        self.timings
    }

    /// Whether it is at a job whose answers have not been taken.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// The answers of the last job, if it is done, and how long it took.
    pub(super) fn take(&mut self) -> Result<Option<(Answers, Duration)>, Box<InferError>> {
        let Ok(Done { answers, took, timings }) = self.answers.try_recv() else { return Ok(None) };
        self.is_busy = false;
        self.timings = timings;
        answers.map(|answers| Some((answers, took)))
    }

    /// Begins a job, unless it is at one.
    pub(super) fn begin(&mut self, job: Job) {
        if !self.is_busy
            && let Some(jobs) = &self.jobs
        {
            self.is_busy = jobs.try_send(job).is_ok();
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            gst::error!(CAT, "inference in the background ended in disorder");
        }
    }
}

/// Looks at the objects of a job.
pub(super) fn run(analyzer: &mut Analyzer, job: &Job) -> Result<Answers, Box<InferError>> {
    let readable = |err| gst::warning!(CAT, "objects of a frame not looked at: {err}");
    let mapped: Vec<_> = job
        .pictures
        .iter()
        .map(|View { picture, .. }| map_readable(&picture.buffer, &picture.info).map_err(readable).ok())
        .collect();
    let views: Vec<_> =
        mapped.iter().map(|map| map.as_ref().and_then(|map| picture(map).map_err(readable).ok())).collect();
    let (mut objects, mut regions) = (Vec::new(), Vec::new());
    for &(index, candidate, rect) in &job.objects {
        if let (Some(Some(picture)), Some(View { area, .. })) = (views.get(index), job.pictures.get(index)) {
            objects.push((candidate, rect, *area));
            let own = rect.shifted(-area.left, -area.top);
            regions.push(Region::part(*picture, own).in_frame(size_of(area)));
        }
    }
    let found = analyzer.analyze(&regions)?;
    let placed = objects.into_iter().zip(found).map(|((candidate, rect, area), found)| {
        let is_moved = (area.left, area.top) != (0.0, 0.0);
        let found = if is_moved { found.moved(&Rect::of_size(size_of(&area)), &area) } else { found };
        (candidate, rect, found)
    });
    Ok(placed.collect())
}
