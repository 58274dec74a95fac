//! Pictures to objects: preprocessing, inference, parsing, clustering, and back to the picture's pixels.

use std::num::NonZeroUsize;

use slipstream_meta::{Picture, Rect, Size};

use crate::cluster::{Detection, cluster};
use crate::config::{ClassAttrs, Dims, InferConfig, Labels, NetworkType, Notice};
use crate::error::InferError;
use crate::parse::{self, ParseContext, Parser};
use crate::runner::{Answer, Region, Runner, Timings};

/// Finds objects in pictures.
#[derive(Debug)]
pub struct Detector {
    config: InferConfig,
    labels: Labels,
    boxes: Boxes,
    runner: Runner,
}

impl Detector {
    /// Loads what `config` names. `workers` images are looked at side by side; `None` takes all cores that this process may
    /// use.
    ///
    /// # Errors
    /// If a file is missing or unfit, or the network is no detector whose outputs are known.
    pub fn new(config: InferConfig, workers: Option<NonZeroUsize>) -> Result<Self, InferError> {
        if config.network_type != NetworkType::Detector {
            let location = config.location("network-type");
            return Err(InferError::NetworkType { location, kind: config.network_type });
        }
        let labels = config.read_labels()?;
        let runner = Runner::load(&config, workers)?;
        let boxes = Boxes::new(&config, &runner)?;
        Ok(Self { config, labels, boxes, runner })
    }

    /// The config that it was made from.
    pub fn config(&self) -> &InferConfig {
        &self.config
    }

    /// Names of the classes.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Number of classes that are reported: `num-detected-classes`, or the model's own number where that is smaller or the
    /// config sets none.
    pub fn classes(&self) -> u32 {
        self.boxes.classes
    }

    /// What the config's author should know about how the model is run.
    pub fn notices(&self) -> &[Notice] {
        self.runner.notices()
    }

    /// Size of the network's input.
    pub fn input(&self) -> Dims {
        self.runner.input()
    }

    /// How many images are looked at side by side.
    pub fn workers(&self) -> usize {
        self.runner.workers()
    }

    /// How far workers step back for other threads, from 0 (not at all) to 19: see `nice(1)`. Where the machine has more to
    /// do than it can, detection then slows down before anything else.
    pub fn set_nice(&mut self, nice: i32) {
        self.runner.set_nice(nice);
    }

    /// Work done so far.
    pub fn timings(&self) -> Timings {
        self.runner.timings()
    }

    /// The objects on each picture, in the picture's pixels, by class and falling confidence.
    ///
    /// # Errors
    /// If the model fails on one of them.
    pub fn detect(&mut self, pictures: &[Picture<'_>]) -> Result<Vec<Vec<Detection>>, InferError> {
        let regions: Vec<_> = pictures.iter().map(|&picture| Region::whole(picture)).collect();
        self.detect_regions(&regions)
    }

    /// The objects in each part of a picture, in the pixels of its region's frame, by class and falling confidence. Boxes are clipped to
    /// the part.
    ///
    /// # Errors
    /// If the model fails on one of them.
    pub fn detect_regions(&mut self, regions: &[Region<'_>]) -> Result<Vec<Vec<Detection>>, InferError> {
        let Self { config, boxes, runner, .. } = self;
        runner.run(regions, |answer, found| boxes.read(config, answer, found))
    }
}

/// Reads boxes from the outputs of a detector.
#[derive(Debug)]
pub(crate) struct Boxes {
    parser: Box<dyn Parser>,
    pub(crate) classes: u32,
    thresholds: Vec<f32>,
}

impl Boxes {
    pub(crate) fn new(config: &InferConfig, runner: &Runner) -> Result<Self, InferError> {
        let parser = parse::select(config, runner.outputs(), runner.input().size())?;
        let classes = classes(config, parser.classes())?;
        Ok(Self { parser, classes, thresholds: thresholds(config, classes) })
    }

    /// Replaces `found` by the objects of one region, in the picture's pixels. Returns how many boxes were passed over
    /// because of a number that is not finite.
    pub(crate) fn read(
        &self,
        config: &InferConfig,
        answer: &Answer<'_>,
        found: &mut Vec<Detection>,
    ) -> Result<usize, InferError> {
        let (network, image) = (answer.network, answer.transform.target);
        let context = ParseContext { network, image, thresholds: &self.thresholds };
        let not_finite = self.parser.parse(answer.outputs, &context, found)?;
        let grid = self.parser.is_coverage_grid();
        cluster(found, config.cluster_mode, self.classes, grid, |class| config.attrs(class));
        found.retain_mut(|object| match placed(config, answer, object.class_id, &object.rect) {
            Some(rect) => {
                object.rect = rect;
                true
            }
            None => false,
        });
        Ok(not_finite)
    }
}

/// How many classes are reported: as many as the config says, of those that the model tells apart.
pub(crate) fn classes(config: &InferConfig, known: Option<usize>) -> Result<u32, InferError> {
    let known = known.and_then(|classes| u32::try_from(classes).ok());
    match (config.num_detected_classes, known) {
        (0, None) => Err(InferError::Classes { location: config.location("num-detected-classes") }),
        (0, Some(known)) => Ok(known),
        (set, known) => Ok(set.min(known.unwrap_or(set))),
    }
}

/// Least confidence of each class.
pub(crate) fn thresholds(config: &InferConfig, classes: u32) -> Vec<f32> {
    (0..classes).map(|class| config.attrs(class).pre_cluster_threshold).collect()
}

/// A box on the network's input in the frame's pixels, if it is to be reported.
pub(crate) fn placed(config: &InferConfig, answer: &Answer<'_>, class_id: u32, rect: &Rect) -> Option<Rect> {
    if config.filter_out_class_ids.contains(&class_id) {
        return None;
    }
    let mut rect = answer.transform.to_picture(rect);
    if let Some(region) = &answer.region.rect {
        rect = rect.intersection(region)?;
    }
    let (attrs, crop) = (config.attrs(class_id), config.crop_objects_to_roi_boundary);
    keep_in_frame(&mut rect, attrs, answer.region.frame, crop).then_some(rect)
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
