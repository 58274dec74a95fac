//! The article's config, without a changed letter: "Riding NVIDIA's slipstream with Python", deepstream-rtsp.cfg.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use slipstream_infer::config::{ClusterMode, Model, NetworkMode};
use slipstream_infer::engine::EngineError;
use slipstream_infer::{Detector, DetectorError, InferConfig, model};
use slipstream_meta::{ChannelOrder, Colorimetry, Picture, PixelFormat, Plane, Size};

const ARTICLE: &str = "\
[property]
gpu-id=0
net-scale-factor=0.0039215697906911373
model-file=/opt/nvidia/deepstream/deepstream-5.0/samples/models/Primary_Detector/resnet10.caffemodel
proto-file=/opt/nvidia/deepstream/deepstream-5.0/samples/models/Primary_Detector/resnet10.prototxt
labelfile-path=/opt/nvidia/deepstream/deepstream-5.0/samples/models/Primary_Detector/labels.txt
int8-calib-file=/opt/nvidia/deepstream/deepstream-5.0/samples/models/Primary_Detector/cal_trt.bin
force-implicit-batch-dim=1
batch-size=1
process-mode=1
model-color-format=0
network-mode=1
num-detected-classes=4
interval=0
gie-unique-id=1
output-blob-names=conv2d_bbox;conv2d_cov/Sigmoid
cluster-mode=1\x20

[class-attrs-all]
threshold=0.2
eps=0.7
minBoxes=1
";

fn article(folder: &Path) -> InferConfig {
    InferConfig::parse(ARTICLE, folder.join("deepstream-rtsp.cfg")).unwrap().0
}

/// A detector; `None`, loudly, where ONNX Runtime is not installed.
fn detector(config: InferConfig) -> Option<Detector> {
    match Detector::new(config, std::num::NonZeroUsize::new(2)) {
        Err(DetectorError::Engine(error @ EngineError::Library { .. })) => {
            common::skip(error);
            None
        }
        detector => Some(detector.unwrap()),
    }
}

#[test]
fn the_detector_in_the_box_stands_in() {
    let folder = tempfile::tempdir().unwrap();
    let box_folder = common::root().join("models");
    let mut config = article(folder.path());
    let notices = model::locate(&mut config, &[folder.path().to_owned(), box_folder.clone()]);
    let [notice] = notices.as_slice() else { panic!("{notices:?}") };
    let notice = notice.to_string();
    for part in
        ["deepstream-rtsp.cfg:4: model-file=/opt/", "street-int8.ini, stands in for it", "same four classes"]
    {
        assert!(notice.contains(part), "{notice}");
    }
    // the network's own ways, and the file's about everything else
    assert_eq!(config.model, Some(Model::Onnx(box_folder.join("street-int8.onnx"))));
    assert_eq!((config.cluster_mode, config.network_mode), (ClusterMode::Nms, NetworkMode::Int8));
    assert_eq!((config.unique_id, config.num_detected_classes, config.batch_size), (1, 4, 1));
    assert!(config.output_blob_names.is_empty());

    let Some(mut detector) = detector(config) else { return };
    let labels: Vec<_> = (0..4).map(|class| detector.labels().class(class).unwrap().to_string()).collect();
    assert_eq!(labels, ["Vehicle", "TwoWheeler", "Person", "RoadSign"]);
    let Some(frame) = frame(folder.path()) else { return };
    let found = detector.detect(&[common::nv12(SIZE, &frame)]).unwrap();
    let people = found[0].iter().filter(|object| object.class_id == 2).count();
    assert!(people >= 2, "a street crossing full of people: {:?}", found[0]);
}

const SIZE: Size = Size::new(848, 478);

/// A frame of a real clip.
fn frame(folder: &Path) -> Option<Vec<u8>> {
    let Some(assets) = common::assets() else {
        common::skip("the assets folder is not there");
        return None;
    };
    let file = folder.join("frame.nv12");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-ss", "2", "-i"]).arg(assets.join("videos/crosswalk-848x478.mp4"));
    let done = ffmpeg.args(["-frames:v", "1", "-pix_fmt", "nv12", "-f", "rawvideo"]).arg(&file).status();
    if !done.is_ok_and(|status| status.success()) {
        common::skip("no ffmpeg");
        return None;
    }
    Some(std::fs::read(file).unwrap())
}

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("SLIPSTREAM_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| common::root().join(".deps/venv/bin/python"));
    let works = Command::new(&python).args(["-c", "import numpy, cv2"]).output();
    works.is_ok_and(|output| output.status.success()).then_some(python)
}

#[test]
fn the_sample_detector_is_taken_from_a_model_folder() {
    let Some(python) = python() else {
        return common::skip("no Python with NumPy and OpenCV 4 (SLIPSTREAM_PYTHON, .deps/venv/bin/python)");
    };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/caffe_nets.py");
    let output = Command::new(python).arg(script).arg(folder.path()).arg("resnet10").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let there = folder.path().join("Primary_Detector");
    std::fs::rename(folder.path().join("resnet10"), &there).unwrap();
    for (from, to) in [("net.prototxt", "resnet10.prototxt"), ("net.caffemodel", "resnet10.caffemodel")] {
        std::fs::rename(there.join(from), there.join(to)).unwrap();
    }
    std::fs::write(there.join("labels.txt"), "Car\nBicycle\nPerson\nRoadsign\n\n").unwrap();
    // 1.0, and two values that the net has
    std::fs::write(
        there.join("cal_trt.bin"),
        "TRT-5106-EntropyCalibration2\ninput_1: 3c010a14\nadd_1: 3d000000\n",
    )
    .unwrap();

    let mut config = article(folder.path());
    let notices = model::locate(&mut config, &[folder.path().to_owned(), common::root().join("models")]);
    assert_eq!(notices.len(), 4, "{notices:?}");
    assert_eq!(config.cluster_mode, ClusterMode::Dbscan);
    let Some(mut detector) = detector(config) else { return };
    assert_eq!((detector.input().channels, detector.input().size()), (3, Size::new(640, 368)));
    assert_eq!(detector.labels().class(3).map(|label| &**label), Some("Roadsign"));
    // Random weights find random boxes: what counts is that all comes together, on the picture.
    let size = Size::new(320, 200);
    let pixels = vec![90u8; (size.width * size.height * 3) as usize];
    let plane = Plane { data: &pixels, stride: size.width as usize * 3 };
    let planes = [plane, Plane::default(), Plane::default()];
    let picture =
        Picture::new(PixelFormat::Rgb(ChannelOrder::Rgb), size, Colorimetry::default(), planes).unwrap();
    let found = detector.detect(&[picture]).unwrap();
    assert!(!found[0].is_empty());
    assert!(
        found[0].iter().all(|object| object.class_id < 4 && object.rect.bottom() <= 200.5),
        "{:?}",
        found[0]
    );
}

/// Configs of DeepStream's samples name models relative to their own folder, wherever that was copied to.
#[test]
fn sample_models_are_known_by_relative_paths_too() {
    let folders = [common::root().join("models")];
    for path in ["/somewhere/samples/configs/deepstream-app/pgie.txt", "/somewhere/else/pgie.txt", "pgie.txt"]
    {
        let text = "[property]\nonnx-file=../../models/Primary_Detector/resnet18_trafficcamnet_pruned.onnx\n";
        let (mut config, _) = InferConfig::parse(text, path).unwrap();
        let notices = model::locate(&mut config, &folders);
        assert!(notices.len() == 1 && notices[0].message.contains("stands in"), "{path}: {notices:?}");
        assert_eq!(model::missing_sample(&config), None);

        let text = "[property]\nonnx-file=../../models/Secondary_VehicleTypes/resnet18.onnx\n";
        let (config, _) = InferConfig::parse(text, path).unwrap();
        assert!(model::missing_sample(&config).is_some(), "{path}");
        let text = text.replace("Secondary_VehicleTypes", "my_types");
        let (config, _) = InferConfig::parse(&text, path).unwrap();
        assert_eq!(model::missing_sample(&config).is_some(), path.contains("samples"), "{path}");
    }
}

#[test]
fn other_models_that_are_missing_stay_missing() {
    let folder = tempfile::tempdir().unwrap();
    let folders = [folder.path().to_owned(), common::root().join("models")];
    for text in [
        "onnx-file=/opt/nvidia/deepstream/deepstream-7.1/samples/models/Secondary_VehicleTypes/resnet18.onnx",
        "onnx-file=/somewhere/Primary_Detector/resnet18.onnx",
        "onnx-file=/opt/nvidia/deepstream/deepstream/samples/models/Primary_Detector/../../../../etc/passwd",
        "gpu-id=0",
    ] {
        let path = folder.path().join("config.txt");
        let (mut config, _) = InferConfig::parse(&format!("[property]\n{text}\n"), path).unwrap();
        let before = config.clone();
        assert_eq!(model::locate(&mut config, &folders), [], "{text}");
        assert_eq!(config, before, "{text}");
    }
    // What is there is taken as it is, and so are files beside a config that names DeepStream's tree from its own.
    std::fs::create_dir_all(folder.path().join("Secondary_VehicleTypes")).unwrap();
    std::fs::write(folder.path().join("Secondary_VehicleTypes/labels.txt"), "a").unwrap();
    let text = "[property]\nlabelfile-path=../../../../samples/models/Secondary_VehicleTypes/labels.txt\n";
    let (mut config, _) = InferConfig::parse(text, "/home/me/apps/test2/config.txt").unwrap();
    assert_eq!(model::locate(&mut config, &folders).len(), 1);
    assert_eq!(config.labelfile_path, Some(folder.path().join("Secondary_VehicleTypes/labels.txt")));
}

/// Run by the next test in a process of its own, with the variable set.
#[test]
#[ignore = "needs SLIPSTREAM_MODELS"]
fn print_folders() {
    println!("folders: {:?}", model::folders());
}

#[test]
fn folders_of_the_variable_come_first_and_the_tree_s_is_among_them() {
    let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let folders = [first.path(), Path::new("relative"), Path::new("/not/there"), second.path()];
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "print_folders", "--nocapture"])
        .env("SLIPSTREAM_MODELS", std::env::join_paths(folders).unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    let begin = format!("folders: [{:?}, {:?}", first.path(), second.path());
    assert!(text.contains(&begin), "{text}");
    let tree = common::root().canonicalize().unwrap().join("models");
    assert!(text.contains(&format!("{tree:?}")), "{text}");
}
