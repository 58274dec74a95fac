//! Running a network over parts of pictures: preparing, inferring and reading outputs, images side by side.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use slipstream_meta::{Picture, Rect, Size};

use crate::config::{Dims, InferConfig, Notice};
use crate::engine::{Engine, Worker};
use crate::error::InferError;
use crate::parse::{OutputTensor, TensorInfo};
use crate::tensor::{Preprocess, Scratch, Transform};

/// A picture to look at, or a part of it.
#[derive(Debug, Clone, Copy)]
pub struct Region<'a> {
    /// The picture.
    pub picture: Picture<'a>,
    /// Size of the frame that the picture stands for: `rect` and all that is found are in pixels of the frame. Size limits
    /// and margins of the config are, too.
    pub frame: Size,
    /// The part, in the frame's pixels; `None` for all of it.
    pub rect: Option<Rect>,
}

impl<'a> Region<'a> {
    /// All of a picture, in its own pixels.
    pub fn whole(picture: Picture<'a>) -> Self {
        Self { picture, frame: picture.size(), rect: None }
    }

    /// A part of a picture, in its own pixels.
    pub fn part(picture: Picture<'a>, rect: Rect) -> Self {
        Self { picture, frame: picture.size(), rect: Some(rect) }
    }

    /// The same of a picture that stands for a frame of size `frame`, in whose pixels the part is.
    #[must_use]
    pub fn in_frame(self, frame: Size) -> Self {
        Self { frame, ..self }
    }
}

/// Work done so far, summed over all workers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timings {
    /// Images looked at.
    pub images: u64,
    /// Time in preprocessing, on all cores together.
    pub preprocess: Duration,
    /// Time in the model, on all cores together.
    pub run: Duration,
    /// Time in reading the outputs, on all cores together.
    pub parse: Duration,
    /// Boxes that were passed over because a number was not finite.
    pub not_finite: u64,
}

impl Timings {
    fn add(&mut self, other: &Self) {
        self.images += other.images;
        self.preprocess += other.preprocess;
        self.run += other.run;
        self.parse += other.parse;
        self.not_finite += other.not_finite;
    }
}

/// Name of the threads that run networks, for those who look at the processor time of each.
pub const WORKER_THREAD: &str = "infer";

/// The lowest priority that Linux knows.
const MAX_NICE: i32 = 19;

/// A network, ready to run.
#[derive(Debug)]
pub(crate) struct Runner {
    engine: Engine,
    preprocess: Preprocess,
    scratch: Vec<Scratch>,
    timings: Timings,
    nice: i32,
    lone: Lone,
}

/// What looks at an image that comes alone.
#[derive(Debug)]
enum Lone {
    /// A worker as any other.
    Worker,
    /// An engine that shares it among all cores, to be loaded when the first such image comes.
    NotLoaded(Box<InferConfig>),
    Engine(Box<Engine>),
}

impl Lone {
    fn of(config: &InferConfig, workers: usize) -> Self {
        if config.share_lone_images && workers > 1 {
            Self::NotLoaded(Box::new(config.clone()))
        } else {
            Self::Worker
        }
    }

    /// The engine for an image that comes alone, on as many threads as there are workers.
    fn engine(&mut self, workers: usize) -> Option<&mut Engine> {
        if let Self::NotLoaded(config) = self {
            let threads = NonZeroUsize::new(workers).unwrap_or(NonZeroUsize::MIN);
            *self = match Engine::load_shared(config, threads) {
                Some(Ok(engine)) => Self::Engine(Box::new(engine)),
                Some(Err(error)) => {
                    tracing::warn!(%error, "images that come alone keep to one core");
                    Self::Worker
                }
                None => Self::Worker,
            };
        }
        match self {
            Self::Engine(engine) => Some(engine),
            _ => None,
        }
    }
}

/// What the network said about one region.
pub(crate) struct Answer<'a> {
    pub(crate) region: &'a Region<'a>,
    /// How the region lies on the network's input.
    pub(crate) transform: &'a Transform,
    /// Size of the network's input.
    pub(crate) network: Size,
    pub(crate) outputs: &'a [OutputTensor<'a>],
}

impl Answer<'_> {
    /// The output `name`.
    pub(crate) fn output(&self, name: &str) -> Result<&OutputTensor<'_>, InferError> {
        let found = self.outputs.iter().find(|output| output.name == name);
        found.ok_or_else(|| crate::parse::ParseError::Missing { name: name.to_owned() }.into())
    }
}

impl Runner {
    /// Loads the model that `config` names. `workers` images are looked at side by side; `None` takes all cores.
    pub(crate) fn load(config: &InferConfig, workers: Option<NonZeroUsize>) -> Result<Self, InferError> {
        let mut engine = Engine::load(config, workers)?;
        let preprocess = Preprocess::new(config, engine.input())?;
        let scratch: Vec<_> = engine.workers().iter().map(|_| Scratch::default()).collect();
        let lone = Lone::of(config, scratch.len());
        Ok(Self { engine, preprocess, scratch, timings: Timings::default(), nice: 0, lone })
    }

    pub(crate) fn input(&self) -> Dims {
        self.engine.input()
    }

    /// What the config's author should know about how the model is run.
    pub(crate) fn notices(&self) -> &[Notice] {
        self.engine.notices()
    }

    pub(crate) fn outputs(&self) -> &[TensorInfo] {
        self.engine.outputs()
    }

    pub(crate) fn workers(&self) -> usize {
        self.scratch.len()
    }

    pub(crate) fn timings(&self) -> Timings {
        self.timings
    }

    /// How far workers step back for other threads: see `nice(1)`.
    pub(crate) fn set_nice(&mut self, nice: i32) {
        self.nice = nice.clamp(0, MAX_NICE);
    }

    /// Runs the network on each region. `read` turns an answer into what is wanted of it, and returns how many boxes it
    /// passed over because of a number that is not finite.
    pub(crate) fn run<T: Default + Send>(
        &mut self,
        regions: &[Region<'_>],
        read: impl Fn(&Answer<'_>, &mut T) -> Result<usize, InferError> + Sync,
    ) -> Result<Vec<T>, InferError> {
        let Self { engine, preprocess, scratch, timings, nice, lone } = self;
        let engine = match regions {
            [_] => lone.engine(scratch.len()).unwrap_or(engine),
            _ => engine,
        };
        let nice = *nice;
        let (images, network) = (engine.images_per_run(), engine.input().size());
        let next = AtomicUsize::new(0);
        let total = Mutex::new((Timings::default(), Ok(())));
        let mut found: Vec<T> = Vec::new();
        found.resize_with(regions.len(), T::default);
        // each run is taken by the first worker that is free
        let runs: Vec<_> =
            regions.chunks(images).zip(found.chunks_mut(images)).map(|r| Mutex::new(Some(r))).collect();
        let step = Step { preprocess, network, read: &read };
        let work = |worker: &mut Worker, scratch: &mut Scratch| {
            let mut spent = Timings::default();
            let mut result = Ok(());
            while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Some((regions, found)) = run.lock().unwrap_or_else(PoisonError::into_inner).take() else {
                    continue;
                };
                result = step.run(worker, scratch, regions, found, &mut spent);
                if result.is_err() {
                    next.store(runs.len(), Ordering::Relaxed);
                    break;
                }
            }
            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
            total.0.add(&spent);
            if result.is_err() {
                total.1 = result;
            }
        };
        std::thread::scope(|scope| {
            let mut pairs = engine.workers().iter_mut().zip(scratch.iter_mut()).take(runs.len());
            // This thread is a worker too, so that a batch of one starts no other; but its own priority is not ours to lower.
            let own = if nice == 0 { pairs.next() } else { None };
            for (worker, scratch) in pairs {
                let thread = std::thread::Builder::new().name(WORKER_THREAD.to_owned());
                let step_back_and_work = || {
                    step_back(nice);
                    work(worker, scratch);
                };
                if let Err(error) = thread.spawn_scoped(scope, step_back_and_work) {
                    tracing::warn!(%error, "cannot start a thread for inference");
                }
            }
            if let Some((worker, scratch)) = own {
                work(worker, scratch);
            }
        });
        // Threads that the system does not grant leave their images to this one.
        if let Some((worker, scratch)) = engine.workers().iter_mut().zip(scratch.iter_mut()).next() {
            work(worker, scratch);
        }
        drop(runs);
        let (spent, result) = total.into_inner().unwrap_or_else(PoisonError::into_inner);
        timings.add(&spent);
        result.map(|()| found)
    }
}

/// Lowers the priority of the calling thread.
fn step_back(nice: i32) {
    if nice > 0
        && let Err(error) = rustix::process::setpriority_process(None, nice)
    {
        tracing::debug!(%error, "priority stays as it is");
    }
}

/// What all workers share while they run.
struct Step<'a, R> {
    preprocess: &'a Preprocess,
    network: Size,
    read: &'a R,
}

impl<R> Step<'_, R> {
    /// One run of the model, on at most as many regions as it takes at once.
    fn run<T>(
        &self,
        worker: &mut Worker,
        scratch: &mut Scratch,
        regions: &[Region<'_>],
        found: &mut [T],
        spent: &mut Timings,
    ) -> Result<(), InferError>
    where
        R: Fn(&Answer<'_>, &mut T) -> Result<usize, InferError>,
    {
        let start = Instant::now();
        let mut transforms = Vec::with_capacity(regions.len());
        for (slot, region) in regions.iter().enumerate() {
            let tensor = worker.input(slot);
            let Region { picture, frame, rect } = region;
            transforms.push(self.preprocess.run_in(scratch, picture, *frame, rect.as_ref(), tensor)?);
        }
        let prepared = Instant::now();
        let mut parse = Duration::ZERO;
        worker.run(regions.len(), |image, outputs| {
            let start = Instant::now();
            if let (Some(found), Some(transform), Some(region)) =
                (found.get_mut(image), transforms.get(image), regions.get(image))
            {
                let answer = Answer { region, transform, network: self.network, outputs };
                spent.not_finite += (self.read)(&answer, found)? as u64;
            }
            parse += start.elapsed();
            Ok::<_, InferError>(())
        })?;
        spent.images += regions.len() as u64;
        spent.preprocess += prepared - start;
        spent.run += prepared.elapsed().saturating_sub(parse);
        spent.parse += parse;
        Ok(())
    }
}
