//! Pictures to objects: preprocessing, inference, parsing, clustering, and back to the picture's pixels.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use slipstream_meta::{Picture, Rect, Size};

use crate::cluster::{Detection, cluster};
use crate::config::{ClassAttrs, ConfigError, Dims, InferConfig, Labels, Location, NetworkType};
use crate::engine::{Engine, EngineError, Worker};
use crate::parse::{self, ParseContext, ParseError, Parser};
use crate::tensor::{Preprocess, PreprocessError, Scratch, Transform};

/// Why a detector cannot be made or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// The config says that the network is no detector.
    #[error("{location}: network-type={kind:?}: only detectors (network-type=0) are supported")]
    NetworkType {
        /// Where the config says so.
        location: Location,
        /// What it says.
        kind: NetworkType,
    },
    /// The config says nothing about the number of classes and neither does the model.
    #[error(
        "{location}: num-detected-classes is not set and the model does not tell how many classes it has"
    )]
    Classes {
        /// The config file.
        location: Location,
    },
    /// A file that the config names cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model cannot be run.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Pictures cannot be prepared for the network.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// The model's outputs cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

/// A picture to look at, or a part of it.
#[derive(Debug, Clone, Copy)]
pub struct Region<'a> {
    /// The picture.
    pub picture: Picture<'a>,
    /// The part, in the picture's pixels; `None` for all of it.
    pub rect: Option<Rect>,
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
    /// Time in parsing and clustering, on all cores together.
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

/// The lowest priority that Linux knows.
const MAX_NICE: i32 = 19;

/// Finds objects in pictures.
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    engine: Engine,
    scratch: Vec<Scratch>,
    timings: Timings,
    nice: i32,
}

/// What all workers share.
#[derive(Debug)]
struct Settings {
    config: InferConfig,
    labels: Labels,
    preprocess: Preprocess,
    parser: Box<dyn Parser>,
    network: Size,
    classes: u32,
    thresholds: Vec<f32>,
}

impl Detector {
    /// Loads what `config` names. `workers` images are looked at side by side; `None` takes all cores that this process may
    /// use.
    ///
    /// # Errors
    /// If a file is missing or unfit, or the network is no detector whose outputs are known.
    pub fn new(config: InferConfig, workers: Option<NonZeroUsize>) -> Result<Self, DetectorError> {
        if config.network_type != NetworkType::Detector {
            let location = config.location("network-type");
            return Err(DetectorError::NetworkType { location, kind: config.network_type });
        }
        let labels = config.read_labels()?;
        let mut engine = Engine::load(&config, workers)?;
        let preprocess = Preprocess::new(&config, engine.input())?;
        let network = engine.input().size();
        let parser = parse::select(&config, engine.outputs(), network)?;
        let known = parser.classes().and_then(|classes| u32::try_from(classes).ok());
        let classes = match (config.num_detected_classes, known) {
            (0, None) => {
                return Err(DetectorError::Classes { location: config.location("num-detected-classes") });
            }
            (0, Some(known)) => known,
            (set, known) => set.min(known.unwrap_or(set)),
        };
        let thresholds = (0..classes).map(|class| config.attrs(class).pre_cluster_threshold).collect();
        let scratch = engine.workers().iter().map(|_| Scratch::default()).collect();
        let settings = Settings { config, labels, preprocess, parser, network, classes, thresholds };
        Ok(Self { settings, engine, scratch, timings: Timings::default(), nice: 0 })
    }

    /// The config that it was made from.
    pub fn config(&self) -> &InferConfig {
        &self.settings.config
    }

    /// Names of the classes.
    pub fn labels(&self) -> &Labels {
        &self.settings.labels
    }

    /// Number of classes that are reported: `num-detected-classes`, or the model's own number where that is smaller or the
    /// config sets none.
    pub fn classes(&self) -> u32 {
        self.settings.classes
    }

    /// Size of the network's input.
    pub fn input(&self) -> Dims {
        self.engine.input()
    }

    /// How many images are looked at side by side.
    pub fn workers(&self) -> usize {
        self.scratch.len()
    }

    /// How far workers step back for other threads, from 0 (not at all) to 19: see `nice(1)`. Where the machine has more to
    /// do than it can, detection then slows down before anything else.
    pub fn set_nice(&mut self, nice: i32) {
        self.nice = nice.clamp(0, MAX_NICE);
    }

    /// Work done so far.
    pub fn timings(&self) -> Timings {
        self.timings
    }

    /// The objects on each picture, in the picture's pixels, by class and falling confidence.
    ///
    /// # Errors
    /// If the model fails on one of them.
    pub fn detect(&mut self, pictures: &[Picture<'_>]) -> Result<Vec<Vec<Detection>>, DetectorError> {
        let regions: Vec<_> = pictures.iter().map(|&picture| Region { picture, rect: None }).collect();
        self.detect_regions(&regions)
    }

    /// The objects in each part of a picture, in the picture's pixels, by class and falling confidence.
    ///
    /// # Errors
    /// If the model fails on one of them.
    pub fn detect_regions(&mut self, regions: &[Region<'_>]) -> Result<Vec<Vec<Detection>>, DetectorError> {
        let Self { settings, engine, scratch, timings, nice } = self;
        let nice = *nice;
        let images = engine.images_per_run();
        let next = AtomicUsize::new(0);
        let total = Mutex::new((Timings::default(), Ok(())));
        let mut found = vec![Vec::new(); regions.len()];
        // each run is taken by the first worker that is free
        let runs: Vec<_> =
            regions.chunks(images).zip(found.chunks_mut(images)).map(|r| Mutex::new(Some(r))).collect();
        let work = |worker: &mut Worker, scratch: &mut Scratch| {
            let mut spent = Timings::default();
            let mut result = Ok(());
            while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Some((regions, found)) = run.lock().unwrap_or_else(PoisonError::into_inner).take() else {
                    continue;
                };
                result = settings.run(worker, scratch, regions, found, &mut spent);
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
                let thread = std::thread::Builder::new().name("detect".to_owned());
                let step_back_and_work = || {
                    step_back(nice);
                    work(worker, scratch);
                };
                if let Err(error) = thread.spawn_scoped(scope, step_back_and_work) {
                    tracing::warn!(%error, "cannot start a thread for detection");
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

impl Settings {
    /// One run of the model, on at most as many regions as it takes at once.
    fn run(
        &self,
        worker: &mut Worker,
        scratch: &mut Scratch,
        regions: &[Region<'_>],
        found: &mut [Vec<Detection>],
        spent: &mut Timings,
    ) -> Result<(), DetectorError> {
        let start = Instant::now();
        let mut transforms = Vec::with_capacity(regions.len());
        for (slot, region) in regions.iter().enumerate() {
            let tensor = worker.input(slot);
            transforms.push(self.preprocess.run(scratch, &region.picture, region.rect.as_ref(), tensor)?);
        }
        let prepared = Instant::now();
        let mut parse = Duration::ZERO;
        worker.run(regions.len(), |image, outputs| {
            let start = Instant::now();
            if let (Some(found), Some(transform), Some(region)) =
                (found.get_mut(image), transforms.get(image), regions.get(image))
            {
                let (network, image) = (self.network, transform.target);
                let context = ParseContext { network, image, thresholds: &self.thresholds };
                spent.not_finite += self.parser.parse(outputs, &context, found)? as u64;
                let grid = self.parser.is_coverage_grid();
                let attrs = |class| self.config.attrs(class);
                cluster(found, self.config.cluster_mode, self.classes, grid, attrs);
                self.place(found, transform, region.picture.size());
            }
            parse += start.elapsed();
            Ok::<_, DetectorError>(())
        })?;
        spent.images += regions.len() as u64;
        spent.preprocess += prepared - start;
        spent.run += prepared.elapsed().saturating_sub(parse);
        spent.parse += parse;
        Ok(())
    }

    /// Maps boxes back to the picture and drops those that are not to be reported.
    fn place(&self, found: &mut Vec<Detection>, transform: &Transform, picture: Size) {
        found.retain_mut(|object| {
            object.rect = transform.to_picture(&object.rect);
            let attrs = self.config.attrs(object.class_id);
            let crop = self.config.crop_objects_to_roi_boundary;
            !self.config.filter_out_class_ids.contains(&object.class_id)
                && keep_in_frame(&mut object.rect, attrs, picture, crop)
        });
    }
}

/// What positions in a frame lose by being 32-bit numbers, in pixels, with room to spare.
const ROUNDING: f32 = 0.01;

/// Fits a box into the frame as nvinfer does. Returns whether it stays.
///
/// Left and top below 0 become 0, width and height staying as they are. A box whose size is outside `detected-min-*` and
/// `detected-max-*` goes. Then, with `crop`, it is clipped to the frame without `roi-top-offset` and `roi-bottom-offset`;
/// otherwise it goes if it reaches above or below that region. What reaches over the right edge stays.
fn keep_in_frame(rect: &mut Rect, attrs: &ClassAttrs, frame: Size, crop: bool) -> bool {
    rect.left = rect.left.max(0.0);
    rect.top = rect.top.max(0.0);
    let within = |length: f32, least: u32, greatest: u32| {
        length >= least as f32 && (greatest == 0 || length <= greatest as f32)
    };
    if !within(rect.width, attrs.detected_min_width, attrs.detected_max_width)
        || !within(rect.height, attrs.detected_min_height, attrs.detected_max_height)
    {
        return false;
    }
    let top = attrs.roi_top_offset as f32;
    let bottom = frame.height as f32 - attrs.roi_bottom_offset as f32;
    if !crop {
        return rect.top >= top && rect.bottom() <= bottom + ROUNDING;
    }
    let region = Rect::from_corners(0.0, top, frame.width as f32, bottom);
    match rect.intersection(&region) {
        Some(common) => {
            *rect = common;
            true
        }
        None => false,
    }
}
