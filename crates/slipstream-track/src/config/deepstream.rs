//! The meaning of the keys of DeepStream's tracker files.

use super::document::{Document, Entry};
use super::reid;
use super::{
    Association, ConfigError, Confirmation, FixedNoise, Follow, Matcher, MotionModel, Notice, Report,
    TrackerConfig, Weighted,
};

/// `maxTargetsPerStream` beyond this is taken for a mistake.
const MOST_TARGETS: usize = 10_000;
/// Ages beyond this are taken for mistakes: more than nine hours at 30 frames per second.
const MOST_FRAMES: u32 = 1_000_000;

/// Which filter estimates boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Estimator {
    None,
    Simple,
    Regular,
}

/// All keys with their defaults.
struct Keys {
    min_confidence: f32,
    max_targets: usize,
    max_overlap_of_new: f32,
    probation: u32,
    max_shadow: u32,
    early_termination: u32,
    min_tracker_confidence: f32,
    check_class: bool,
    association: Weighted,
    estimator: Estimator,
    noise: FixedNoise,
    location_weight: f32,
    velocity_weight: f32,
    use_aspect_ratio: bool,
    is_visual: bool,
    filter_rate: f32,
    sigma: Option<f32>,
    search_padding: f32,
    reid: reid::Keys,
    rejoin: bool,
    min_rejoin: f32,
}

/// Patience with an object that is seen but not detected: DeepStream goes on until it is lost from sight too.
const PATIENCE: u32 = u32::MAX;
/// Side of DeepStream's patches in cells at the default `featureImgSizeLevel`, in which its `gaussianSigma` counts.
const DEEPSTREAM_SIDE: f32 = 18.0;
/// Side of ours.
const OWN_SIDE: f32 = 32.0;
/// Weights of the noise in DeepSORT, which DeepStream takes where a file sets none.
const DEEP_SORT_POSITION: f32 = 1.0 / 20.0;
const DEEP_SORT_VELOCITY: f32 = 1.0 / 160.0;
/// Windows, in sides of the box, that are of use.
const WINDOWS: (f32, f32) = (1.25, 4.0);

impl Default for Keys {
    fn default() -> Self {
        Self {
            min_confidence: 0.0,
            max_targets: 30,
            max_overlap_of_new: 0.5,
            probation: 5,
            max_shadow: 38,
            early_termination: 2,
            min_tracker_confidence: Follow::default().min_confidence,
            check_class: false,
            association: Weighted::default(),
            estimator: Estimator::None,
            noise: FixedNoise { location: 2.0, size: 1.0, velocity: 0.1, detector: 4.0, tracker: 16.0 },
            location_weight: -0.1,
            velocity_weight: -0.1,
            use_aspect_ratio: false,
            is_visual: false,
            filter_rate: 0.075,
            sigma: None,
            search_padding: 1.0,
            reid: reid::Keys::default(),
            rejoin: false,
            min_rejoin: 0.8,
        }
    }
}

/// Makes a tracker of a file.
pub(super) fn read(document: Document) -> Result<(TrackerConfig, Vec<Notice>), ConfigError> {
    let mut keys = Keys::default();
    let mut notices = document.notices;
    let own = document.entries.iter().find(|entry| entry.group == OWN_GROUP && entry.key == "tracker");
    let own = own.map(|entry| {
        let tracker = TrackerConfig::named(entry.text());
        tracker.map_err(|_| entry.wrong(format!("expected one of {}", TrackerConfig::NAMES.join(", "))))
    });
    let own = own.transpose()?;
    for entry in &document.entries {
        let message = match (&own, entry.group.as_str()) {
            (Some(_), OWN_GROUP) if entry.key == "tracker" => None,
            (Some(_), group) if group != "ReID" => Some(format!(
                "{group}: {} changes nothing: {OWN_GROUP} names a tracker, whose settings count",
                entry.key
            )),
            _ => keys.set(entry)?,
        };
        notices.extend(message.map(|message| entry.notice(message)));
    }
    let config = match own {
        Some(own) => TrackerConfig { reid: keys.reid.into_reid(), ..own },
        None => keys.into_config(),
    };
    Ok((config, notices))
}

/// A group that DeepStream does not have: it names a tracker of [`TrackerConfig::NAMES`], and `ReID` goes with it.
const OWN_GROUP: &str = "Slipstream";

/// The one group of files for DeepStream 5, whose keys have gone to other groups since.
const OLD_GROUP: &str = "NvDCF";

/// Groups, with the keys in them that have no meaning here and what takes their place.
const WITHOUT_MEANING: &[(&str, &[&str], &str)] = &[
    ("TargetManagement", &["preserveStreamUpdateOrder"], "cameras do not depend on one another here"),
    (
        "TargetManagement",
        &["outputTerminatedTracks", "outputShadowTracks"],
        "terminated and shadow tracks are always told",
    ),
    ("TargetManagement", &["terminatedTrackFilename"], "tracks are not written to files here"),
    ("TargetManagement", &["enableBboxUnClipping"], "boxes are not completed beyond the border"),
    ("TrajectoryManagement", &["useUniqueID"], "numbers are unique in each camera, from 1"),
    (
        "TrajectoryManagement",
        &["reidExtractionInterval"],
        "every object that the detector found goes through the network for re-identification",
    ),
    (
        "TrajectoryManagement",
        &[],
        "tracks are not joined afterwards: an object out of sight is looked for until maxShadowTrackingAge, with \
         enableReAssoc and ReID by its looks",
    ),
    ("DataAssociator", &["dataAssociatorType"], "there is one data associator"),
    ("DataAssociator", &["thresholdMahalanobis"], "matching has no Mahalanobis gate"),
    (
        "DataAssociator",
        &["minMatchingScore4VisualSimilarity", "matchingScoreWeight4VisualSimilarity"],
        "looks count where an object is followed to, not in matching",
    ),
    (
        "VisualTracker",
        &[
            "useColorNames",
            "useHog",
            "useHighPrecisionFeature",
            "featureImgSizeLevel",
            "featureFocusOffsetFactor_y",
        ],
        "the filter sees brightness and its gradient, 32 x 32 cells",
    ),
    (
        "VisualTracker",
        &["filterChannelWeightsLr", "vpiBackend4DcfTracker"],
        "the filter runs on the CPU and has fixed channels",
    ),
    ("ReID", &["reidHistorySize"], "of each object one embedding is kept, a running mean"),
    ("ReID", &["reidFeatureSize"], "the network tells the length of its vectors"),
    ("ReID", &["workspaceSize", "useVPICropScaler", "tltModelKey"], "it concerns NVIDIA's engines"),
    ("ReID", &["minVisibility4GalleryUpdate"], "there is no 3D tracking"),
    (OWN_GROUP, &[], "the group has one key, tracker"),
    ("Segmenter", &[], "there is no segmentation"),
    ("ObjectModelProjection", &[], "there is no 3D tracking"),
    ("PoseEstimator", &[], "there is no 3D tracking"),
    ("Control", &[], "a tracker is reset by its element"),
    (OLD_GROUP, &[], "files for DeepStream 5 are read by what they have in common with later ones"),
];

/// Any finite number.
const ANY: std::ops::RangeInclusive<f32> = f32::MIN..=f32::MAX;
/// Shares, overlaps and confidences.
const UNIT: std::ops::RangeInclusive<f32> = 0.0..=1.0;
/// Weights and variances.
const POSITIVE: std::ops::RangeInclusive<f32> = 0.0..=f32::MAX;

impl Keys {
    /// Takes a pair; what its author should know, if anything.
    fn set(&mut self, entry: &Entry) -> Result<Option<String>, ConfigError> {
        if entry.group == "ReID" {
            return Ok((!self.reid.set(entry)?).then(|| without_meaning(entry)));
        }
        let ages = 0..=MOST_FRAMES;
        let association = &mut self.association;
        match entry.key.as_str() {
            "minDetectorConfidence" => self.min_confidence = entry.float(ANY)?,
            "maxTargetsPerStream" => self.max_targets = entry.int(1..=MOST_TARGETS)?,
            "minIouDiff4NewTarget" => self.max_overlap_of_new = entry.float(UNIT)?,
            "probationAge" => self.probation = entry.int(ages)?,
            "maxShadowTrackingAge" => self.max_shadow = entry.int(ages)?,
            "earlyTerminationAge" => self.early_termination = entry.int(ages)?,
            "minTrackerConfidence" => self.min_tracker_confidence = entry.float(UNIT)?,
            "searchRegionPaddingScale" | "SearchRegionPaddingScale" => {
                self.search_padding = entry.float(POSITIVE)?;
            }
            "associationMatcherType" => {
                association.matcher =
                    entry.choice(&[(0, "greedy", Matcher::Greedy), (1, "cascaded", Matcher::Cascaded)])?;
            }
            "checkClassMatch" => self.check_class = entry.flag()?,
            "minMatchingScore4Overall" if entry.group != "TrajectoryManagement" => {
                association.min_overall = entry.float(ANY)?;
            }
            "minMatchingScore4Iou" => association.iou.min = entry.float(ANY)?,
            "minMatchingScore4SizeSimilarity" => association.size.min = entry.float(ANY)?,
            "minMatchingScore4ReidSimilarity" if entry.group == "TrajectoryManagement" => {
                self.min_rejoin = entry.float(ANY)?;
            }
            "minMatchingScore4ReidSimilarity" => association.reid.min = entry.float(ANY)?,
            "enableReAssoc" => self.rejoin = entry.flag()?,
            "matchingScoreWeight4Iou" => association.iou.weight = entry.float(POSITIVE)?,
            "matchingScoreWeight4SizeSimilarity" => association.size.weight = entry.float(POSITIVE)?,
            "matchingScoreWeight4ReidSimilarity" if entry.group != "TrajectoryManagement" => {
                association.reid.weight = entry.float(POSITIVE)?;
            }
            "tentativeDetectorConfidence" => association.tentative_confidence = entry.float(ANY)?,
            "minMatchingScore4TentativeIou" => association.min_tentative_iou = entry.float(ANY)?,
            "usePrediction4Assoc" => association.use_prediction = entry.flag()?,
            "stateEstimatorType" => {
                self.estimator = entry.choice(&[
                    (0, "none", Estimator::None),
                    (1, "simple", Estimator::Simple),
                    (2, "regular", Estimator::Regular),
                    (3, "simple location", Estimator::Simple),
                ])?;
            }
            "processNoiseVar4Loc" => self.noise.location = entry.float(POSITIVE)?,
            "processNoiseVar4Size" => self.noise.size = entry.float(POSITIVE)?,
            "processNoiseVar4Vel" => self.noise.velocity = entry.float(POSITIVE)?,
            "measurementNoiseVar4Detector" => self.noise.detector = entry.float(POSITIVE)?,
            "measurementNoiseVar4Tracker" => self.noise.tracker = entry.float(POSITIVE)?,
            "noiseWeightVar4Loc" => self.location_weight = entry.float(ANY)?,
            "noiseWeightVar4Vel" => self.velocity_weight = entry.float(ANY)?,
            "useAspectRatio" => self.use_aspect_ratio = entry.flag()?,
            "visualTrackerType" => {
                self.is_visual =
                    entry.choice(&[(0, "none", false), (1, "NvDCF", true), (2, "NvDCF on VPI", true)])?;
            }
            "filterLr" => self.filter_rate = entry.float(UNIT)?,
            "gaussianSigma" => self.sigma = Some(entry.float(POSITIVE)?),
            _ => return Ok(Some(without_meaning(entry))),
        }
        // All files for DeepStream 5 are for NvDCF.
        if entry.group == OLD_GROUP {
            (self.is_visual, self.estimator) = (true, Estimator::Simple);
            association.use_prediction = true;
        }
        Ok(None)
    }

    fn into_config(mut self) -> TrackerConfig {
        if self.rejoin && self.reid.rejoins() {
            self.association.min_rejoin = Some(self.min_rejoin);
        }
        let weight = |given: f32, default: f32| if given > 0.0 { given } else { default };
        let position = weight(self.location_weight, DEEP_SORT_POSITION);
        let velocity = weight(self.velocity_weight, DEEP_SORT_VELOCITY);
        let motion = match self.estimator {
            Estimator::None => MotionModel::None,
            Estimator::Simple => MotionModel::Fixed(self.noise),
            Estimator::Regular if self.use_aspect_ratio => MotionModel::Aspect { position, velocity },
            Estimator::Regular => MotionModel::Sides { position, velocity },
        };
        let follow = Follow {
            window: (1.0 + self.search_padding).clamp(WINDOWS.0, WINDOWS.1),
            rate: self.filter_rate,
            refresh: self.filter_rate,
            sigma: self.sigma.map_or(Follow::default().sigma, |sigma| sigma * OWN_SIDE / DEEPSTREAM_SIDE),
            min_confidence: self.min_tracker_confidence,
            patience: PATIENCE,
        };
        TrackerConfig {
            min_confidence: self.min_confidence,
            new_confidence: self.association.tentative_confidence,
            relative_confidence: false,
            max_overlap_of_new: self.max_overlap_of_new,
            max_targets: self.max_targets,
            confirmation: Confirmation::Age(self.probation),
            early_termination: self.early_termination.max(1),
            max_shadow: self.max_shadow,
            report: if motion == MotionModel::None { Report::Detection } else { Report::Estimate },
            motion,
            least_noise: 1.0,
            replay: false,
            camera_motion: false,
            cut_by_border: false,
            association: Association::Weighted(self.association),
            check_class: self.check_class,
            follow: self.is_visual.then_some(follow),
            reid: self.reid.into_reid(),
            trail_length: TrackerConfig::iou().trail_length,
        }
    }
}

/// What to say about a key that changes nothing.
fn without_meaning(entry: &Entry) -> String {
    let Entry { group, key, .. } = entry;
    let of_group = WITHOUT_MEANING.iter().filter(|(name, ..)| name == group);
    let of_key = of_group.clone().find(|(_, keys, _)| keys.contains(&key.as_str()));
    match of_key.or_else(|| of_group.clone().find(|(_, keys, _)| keys.is_empty())) {
        Some((.., reason)) => format!("{group}: {key} changes nothing: {reason}"),
        None => format!("{group}: Unknown key {key}"),
    }
}
