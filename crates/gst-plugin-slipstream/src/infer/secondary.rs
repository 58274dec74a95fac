//! Networks that look at the objects that others found.

use std::time::{Duration, Instant};

use slipstream_infer::config::InferConfig;
use slipstream_infer::objects::{Candidate, ObjectFilter, ObjectMemory, Selection, attach};
use slipstream_infer::schedule::Pace;
use slipstream_infer::{Analysis, Analyzer, InferError, Timings};
use slipstream_meta::{FrameMeta, Rect};

use super::Dialect;
use super::background::{Answers, Background, Job, View, run};
use super::imp::CAT;
use crate::transform::Pictures;

/// How many images each worker gets at once in the background: frames are held until all are done, and decoders have no end
/// of them.
const ROUNDS: usize = 2;
/// Least time between two warnings about objects without a number, as in DeepStream.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// How much may be done with a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Share of the time between batches; 0 for no limit.
    pub(super) budget: f64,
    /// Time between batches, where it is known.
    pub(super) period: Option<Duration>,
    /// Whether to repeat on objects that are not looked at all that was found last, not only attributes.
    pub(super) hold: bool,
}

/// What was found out about an object, and where it was then.
struct Kept {
    rect: Rect,
    found: Analysis,
}

enum Mode {
    /// The stream waits for the answers.
    Sync(Box<Analyzer>),
    /// The answers come with a later frame.
    Async(Background),
}

/// Looks at objects.
pub(super) struct Secondary {
    mode: Mode,
    config: InferConfig,
    workers: usize,
    filter: ObjectFilter,
    memory: ObjectMemory<Kept>,
    pace: Pace,
    skipped: u64,
    warned: Option<Duration>,
}

/// An object on a frame of the batch.
#[derive(Debug, Clone, Copy)]
struct Place {
    frame: usize,
    object: usize,
    /// The part of the frame to look at.
    rect: Rect,
}

impl Secondary {
    /// A second stage; `in_background` where the stream is not to wait for it.
    pub(super) fn new(analyzer: Analyzer, in_background: bool) -> std::io::Result<Self> {
        let config = analyzer.config().clone();
        let workers = analyzer.workers();
        Ok(Self {
            filter: ObjectFilter::new(&config),
            memory: ObjectMemory::new(&config),
            pace: Pace::new(workers),
            mode: if in_background {
                Mode::Async(Background::start(analyzer)?)
            } else {
                Mode::Sync(Box::new(analyzer))
            },
            config,
            workers,
            skipped: 0,
            warned: None,
        })
    }

    pub(super) fn config(&self) -> &InferConfig {
        &self.config
    }

    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    pub(super) fn timings(&self) -> Timings {
        match &self.mode {
            Mode::Sync(analyzer) => analyzer.timings(),
            Mode::Async(background) => background.timings(),
        }
    }

    /// How often an object was due and not looked at so far.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many objects are remembered.
    pub(super) fn remembered(&self) -> usize {
        self.memory.len()
    }

    /// Forgets sources that are gone.
    pub(super) fn retain_sources(&mut self, is_there: impl Fn(u32) -> bool) {
        self.memory.retain_sources(is_there);
    }

    /// Forgets all objects: the stream starts over.
    pub(super) fn clear(&mut self) {
        self.memory.clear();
    }

    /// Looks at the objects that are due, at the time `now`, and repeats on the others what is known of them. `pictures` are
    /// those of `frames`.
    pub(super) fn look(
        &mut self,
        limits: Limits,
        now: Duration,
        dialect: &dyn Dialect,
        frames: &mut [FrameMeta],
        pictures: Pictures<'_>,
    ) -> Result<(), Box<InferError>> {
        self.pace.tick(now);
        let (places, candidates) = self.candidates(frames, now);
        let sources: Vec<u32> = frames.iter().map(|frame| frame.pad_index).collect();
        let most = match limits.budget {
            ..=0.0 => usize::MAX,
            share => self.pace.images(share, limits.period),
        };
        let (selection, answers) = match &mut self.mode {
            Mode::Sync(analyzer) => {
                let selection = self.memory.select(&sources, &candidates, most);
                let started = Instant::now();
                let answers = run(analyzer, &job(&selection, &places, &candidates, frames, pictures))?;
                self.pace.measured(selection.chosen.len(), started.elapsed());
                (selection, answers)
            }
            Mode::Async(background) => {
                let (answers, took) = background.take()?.unwrap_or_default();
                self.pace.measured(answers.len(), took);
                let most = if background.is_busy() { 0 } else { most.min(ROUNDS * self.workers) };
                let selection = self.memory.select(&sources, &candidates, most);
                if !selection.chosen.is_empty() {
                    background.begin(job(&selection, &places, &candidates, frames, pictures));
                }
                (selection, answers)
            }
        };
        self.skipped += selection.skipped as u64;
        self.attach((limits.hold, dialect), frames, &places, &candidates, &selection, answers);
        Ok(())
    }

    /// The objects that could be looked at.
    fn candidates(&mut self, frames: &[FrameMeta], now: Duration) -> (Vec<Place>, Vec<Candidate>) {
        let needs_number = matches!(self.mode, Mode::Async(_));
        let (mut places, mut candidates) = (Vec::new(), Vec::new());
        let mut without_number = 0;
        for (frame, meta) in frames.iter().enumerate() {
            for (object, found) in
                meta.objects.iter().enumerate().filter(|(_, found)| self.filter.takes(found))
            {
                let Some(rect) = found.rect.intersection(&meta.viewport) else { continue };
                let (source, tracking_id) = (meta.pad_index, found.tracking_id);
                if needs_number && tracking_id.is_none() {
                    without_number += 1;
                    continue;
                }
                places.push(Place { frame, object, rect });
                candidates.push(Candidate { source, tracking_id, area: rect.area() });
            }
        }
        if without_number > 0 {
            self.skipped += without_number;
            if self.warned.is_none_or(|last| now.saturating_sub(last) >= WARN_EVERY) {
                self.warned = Some(now);
                gst::warning!(CAT, "classifier-async-mode: objects without a tracking id are not looked at");
            }
        }
        (places, candidates)
    }

    /// Adds what is known to the objects.
    fn attach(
        &mut self,
        (hold, dialect): (bool, &dyn Dialect),
        frames: &mut [FrameMeta],
        places: &[Place],
        candidates: &[Candidate],
        selection: &Selection,
        answers: Answers,
    ) {
        // Answers come in the order of the chosen; those of frames that could not be read are missing.
        let mut fresh = vec![None; places.len()];
        let mut chosen = selection.chosen.iter();
        for (candidate, rect, found) in answers {
            self.memory.store(&candidate, Kept { rect, found: kept(&found, hold) });
            let is_it = |&&index: &&usize| {
                candidates.get(index) == Some(&candidate) && places.get(index).is_some_and(|p| p.rect == rect)
            };
            if matches!(self.mode, Mode::Sync(_))
                && let Some(slot) = chosen.find(is_it).and_then(|&index| fresh.get_mut(index))
            {
                *slot = Some(found);
            }
        }
        for ((place, candidate), fresh) in places.iter().zip(candidates).zip(fresh) {
            let found = fresh.or_else(|| {
                let known = self.memory.recall(candidate)?;
                Some(known.found.moved(&known.rect, &place.rect))
            });
            if let (Some(frame), Some(found)) = (frames.get_mut(place.frame), found) {
                let known = frame.objects.len();
                let said = frame.objects.get(place.object).map_or(0, |object| object.classifications.len());
                attach(&mut frame.objects, place.object, found);
                if let Some(object) = frame.objects.get_mut(place.object)
                    && object.classifications.len() > said
                {
                    dialect.attributes(object, said);
                }
                frame.objects.iter_mut().skip(known).for_each(|part| dialect.object(part));
            }
        }
    }
}

/// The chosen objects and the pictures that they are on.
fn job(
    selection: &Selection,
    places: &[Place],
    candidates: &[Candidate],
    frames: &[FrameMeta],
    pictures: Pictures<'_>,
) -> Job {
    let mut job = Job { pictures: Vec::new(), objects: Vec::new() };
    let mut last = None;
    for &index in &selection.chosen {
        let (Some(place), Some(&candidate)) = (places.get(index), candidates.get(index)) else { continue };
        // chosen objects come frame by frame
        if last != Some(place.frame) {
            let (Some(frame), Some(picture)) = (frames.get(place.frame), pictures.all.get(place.frame))
            else {
                continue;
            };
            job.pictures.push(View { picture: picture.clone(), area: pictures.area(frame, picture) });
            last = Some(place.frame);
        }
        job.objects.push((job.pictures.len() - 1, candidate, place.rect));
    }
    job
}

/// What is remembered of an object.
fn kept(found: &Analysis, hold: bool) -> Analysis {
    if hold {
        return found.clone();
    }
    Analysis { classifications: found.classifications.clone(), ..Analysis::default() }
}
