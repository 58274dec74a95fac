//! Config files in the format of DeepStream's tracker.

use proptest::prelude::*;
use slipstream_track::TrackerConfig;
use slipstream_track::config::{Association, Confirmation, Matcher, MotionModel, ReidPrecision};

fn parse(text: &str) -> Result<(TrackerConfig, Vec<String>), String> {
    let (config, notices) = TrackerConfig::parse(text, "tracker.yml").map_err(|error| error.to_string())?;
    Ok((config, notices.iter().map(ToString::to_string).collect()))
}

#[test]
fn keys_have_the_meaning_that_deepstream_gives_them() {
    let text = "\
# Files of later releases begin with their licence.

%YAML:1.0
BaseConfig:
  minDetectorConfidence: 0.05   # below: ignored
TargetManagement:
  maxTargetsPerStream: 150
  minIouDiff4NewTarget: 0.37
  minTrackerConfidence: 0.42
  probationAge: 4
  maxShadowTrackingAge: 51
  earlyTerminationAge: 2
DataAssociator:
  associationMatcherType: 1
  checkClassMatch: 1
  minMatchingScore4Overall: 0.1
  matchingScoreWeight4Iou: 0.4
  matchingScoreWeight4SizeSimilarity: 0.6
  tentativeDetectorConfidence: 0.2
  minMatchingScore4TentativeIou: 0.15
StateEstimator:
  stateEstimatorType: 1
  measurementNoiseVar4Detector: 100
VisualTracker:
  visualTrackerType: 1
  filterLr: 0.09
";
    let (config, notices) = parse(text).unwrap();
    assert_eq!(notices, [""; 0]);
    assert_eq!((config.min_confidence, config.new_confidence, config.max_overlap_of_new), (0.05, 0.2, 0.37));
    assert_eq!((config.max_targets, config.max_shadow, config.early_termination), (150, 51, 2));
    assert_eq!((config.confirmation, config.check_class), (Confirmation::Age(4), true));
    let Association::Weighted(weighted) = &config.association else { panic!("{config:?}") };
    assert_eq!((weighted.matcher, weighted.min_overall), (Matcher::Cascaded, 0.1));
    assert_eq!((weighted.iou.weight, weighted.size.weight, weighted.min_tentative_iou), (0.4, 0.6, 0.15));
    let MotionModel::Fixed(noise) = config.motion else { panic!("{config:?}") };
    assert_eq!((noise.detector, noise.location), (100.0, 2.0));
    let follow = config.follow.unwrap();
    assert_eq!((follow.min_confidence, follow.rate), (0.42, 0.09));
}

#[test]
fn a_file_without_a_visual_tracker_follows_nothing_by_sight() {
    let (config, notices) = parse("StateEstimator:\n  stateEstimatorType: 2\nVisualTracker:\n").unwrap();
    assert!(config.follow.is_none() && notices.is_empty());
    assert!(matches!(config.motion, MotionModel::Sides { .. }), "{:?}", config.motion);
}

#[test]
fn files_for_deepstream_5_are_read_too() {
    let (config, notices) =
        parse("NvDCF:\n  maxTargetsPerStream: 99\n  useHog: 1\n  probationAge: 2\n").unwrap();
    assert!(config.follow.is_some());
    assert_eq!((config.max_targets, config.confirmation), (99, Confirmation::Age(2)));
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].starts_with("tracker.yml:3: NvDCF: useHog changes nothing"), "{notices:?}");
}

#[test]
fn what_has_no_meaning_here_is_told_once_with_its_line() {
    let text = "VisualTracker:\n  useColorNames: 1\n  useColourNames: 1\nReID:\n  workspaceSize: 20\n\
                TargetManagement:\n  probationAge: 3\n  probationAge: 4\n";
    let (config, notices) = parse(text).unwrap();
    assert_eq!(config.confirmation, Confirmation::Age(4));
    assert_eq!(notices.len(), 4, "{notices:?}");
    assert!(notices.iter().any(|n| n == "tracker.yml:3: VisualTracker: Unknown key useColourNames"));
    assert!(
        notices.iter().any(|n| n.starts_with("tracker.yml:2: VisualTracker: useColorNames changes nothing"))
    );
    assert!(notices.iter().any(|n| n.starts_with("tracker.yml:5: ReID: workspaceSize changes nothing")));
    assert!(notices.iter().any(|n| n.contains("probationAge is already given in line 7")));
}

#[test]
fn a_network_that_tells_objects_apart_is_read_with_its_input() {
    let text = "\
ReID:
  reidType: 2
  batchSize: 100
  inferDims: [256, 128, 3]
  networkMode: 1
  colorFormat: 1
  offsets: [109.125, 102.6, 91.35]
  netScaleFactor: 0.01735207
  keepAspc: 0
  addFeatureNormalization: 1
  outputReidTensor: 1
  modelEngineFile: net.engine
  onnxFile: net.onnx
  tltEncodedModel: net.etlt
TrajectoryManagement:
  enableReAssoc: 1
  minMatchingScore4ReidSimilarity: 0.66
";
    let (config, notices) = TrackerConfig::parse(text, "/etc/tracker.yml").unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    let reid = config.reid.unwrap();
    let model = reid.model.clone().unwrap();
    assert_eq!((model.path.to_str().unwrap(), model.location.line), ("/etc/net.onnx", 13));
    // Three channels, the last of the three numbers: that order it is.
    assert_eq!((reid.dims, reid.channels_last), (Some([3, 256, 128]), true));
    assert_eq!((reid.batch_size, reid.precision), (Some(100), ReidPrecision::Fp16));
    assert_eq!((reid.offsets, reid.scale), (vec![109.125, 102.6, 91.35], Some(0.017_352_07)));
    assert!(reid.is_bgr && reid.is_squeezed && reid.is_normalized && reid.is_output);
    let Association::Weighted(weighted) = &config.association else { panic!("{:?}", config.association) };
    assert_eq!(weighted.min_rejoin, Some(0.66));
    // Without a use for it there is no network.
    assert_eq!(parse("ReID:\n  onnxFile: net.onnx\n").unwrap().0.reid, None);
    let error = parse("ReID:\n  reidType: 1\n  inferDims: [3, 0, 128]\n").unwrap_err();
    assert!(error.starts_with("tracker.yml:3: ReID: inferDims: 3,0,128: expected [channels"), "{error}");
}

#[test]
fn our_own_tracker_takes_a_network_too() {
    let text = "Slipstream:\n  tracker: slip\nReID:\n  reidType: 1\n  onnxFile: net.onnx\n";
    let (config, notices) = parse(text).unwrap();
    assert_eq!(notices, [""; 0]);
    let reid = config.reid.clone();
    assert_eq!(reid.clone().unwrap().model.unwrap().path.to_str(), Some("net.onnx"));
    assert_eq!(config, TrackerConfig { reid, ..TrackerConfig::default() });
    let (_, notices) = parse(&format!("{text}TargetManagement:\n  probationAge: 2\n")).unwrap();
    assert!(notices[0].starts_with("tracker.yml:7: TargetManagement: probationAge changes nothing"));
    let error = parse("Slipstream:\n  tracker: slap\n").unwrap_err();
    assert_eq!(
        error,
        "tracker.yml:2: Slipstream: tracker: slap: expected one of slip, iou, sort, bytetrack, ocsort"
    );
}

#[test]
fn errors_name_file_line_key_value_and_what_is_allowed() {
    let error = |text: &str| parse(text).unwrap_err();
    assert_eq!(
        error("TargetManagement:\n  probationAge: soon"),
        "tracker.yml:2: TargetManagement: probationAge: soon: expected a whole number from 0 to 1000000"
    );
    assert_eq!(
        error("DataAssociator:\n\n  associationMatcherType: 7"),
        "tracker.yml:3: DataAssociator: associationMatcherType: 7: expected 0 greedy, 1 cascaded"
    );
    assert!(error("VisualTracker:\n  filterLr: .nan").ends_with("expected a number from 0 to 1"));
    assert!(error("DataAssociator:\n  checkClassMatch: maybe").ends_with("expected 0 or 1"));
    assert!(error("- a\n- b").starts_with("tracker.yml:1: expected a map of groups"));
    assert!(error("a: &x\n  b: 1\nc: *x").contains("anchors and aliases"));
    let missing = TrackerConfig::load("/nowhere/tracker.yml").unwrap_err().to_string();
    assert!(missing.starts_with("cannot read /nowhere/tracker.yml"), "{missing}");
    let unknown = TrackerConfig::named("sorted").unwrap_err().to_string();
    assert_eq!(unknown, "there is no tracker \"sorted\"; there are slip, iou, sort, bytetrack, ocsort");
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), lines in "([A-Za-z:&*\\- ]{0,12}\\n){0,6}") {
        let _ = parse(&text);
        let _ = parse(&lines);
    }
}
