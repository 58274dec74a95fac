//! Config files: what is read, what is refused, and where the errors point.

use proptest::prelude::*;
use slipstream_infer::config::{
    ClusterMode, ConfigError, Dims, InferConfig, Model, ModelColorFormat, NetworkMode, NetworkType, Notice,
    ProcessMode, TensorOrder,
};
use slipstream_meta::Color;

/// The config of the article "Riding NVIDIA's slipstream with Python".
const ARTICLE: &str = "\
[property]
force-implicit-batch-dim=1
gpu-id=0
net-scale-factor=0.0039215697906911373
model-file=/opt/nvidia/deepstream/deepstream-5.0/samples/models/Primary_Detector/resnet10.caffemodel
proto-file=/opt/nvidia/deepstream/deepstream-5.0/samples/models/Primary_Detector/resnet10.prototxt
labelfile-path=/opt/nvidia/deepstream/deepstream-5.0/samples/models/Primary_Detector/labels.txt
int8-calib-file=/opt/nvidia/deepstream/deepstream-5.0/samples/models/Primary_Detector/cal_trt.bin
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

fn ini(text: &str) -> Result<(InferConfig, Vec<Notice>), ConfigError> {
    InferConfig::parse(text, "/models/detector.txt")
}

fn yaml(text: &str) -> Result<(InferConfig, Vec<Notice>), ConfigError> {
    InferConfig::parse(text, "/models/detector.yml")
}

#[test]
fn the_article_s_config_is_understood() {
    let (config, notices) = ini(ARTICLE).unwrap();
    let notices: Vec<_> = notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        notices,
        ["/models/detector.txt:20: threshold is deprecated, its name is pre-cluster-threshold now"]
    );
    assert_eq!(config.unique_id, 1);
    assert_eq!(config.network_mode, NetworkMode::Int8);
    assert_eq!(config.cluster_mode, ClusterMode::Dbscan);
    assert_eq!(config.output_blob_names, ["conv2d_bbox", "conv2d_cov/Sigmoid"]);
    assert_eq!(config.num_detected_classes, 4);
    let Some(Model::Caffe { proto: Some(proto), weights: Some(weights) }) = &config.model else { panic!() };
    assert!(proto.ends_with("resnet10.prototxt") && weights.ends_with("resnet10.caffemodel"));
    let attrs = config.attrs(3);
    assert_eq!((attrs.pre_cluster_threshold, attrs.eps, attrs.min_boxes), (0.2, 0.7, 1));
    let error = config.read_labels().unwrap_err().to_string();
    assert!(
        error.starts_with("/models/detector.txt:7: [property] labelfile-path: cannot read /opt/"),
        "{error}"
    );
}

const RICH: &str = "\
# a comment
[class-attrs-1]
nms-iou-threshold=0.4
topk=7
border-color=0;0.5;1;1
[property]
onnx-file = sub/model.onnx
labelfile-path=labels.txt
infer-dims=3;384;640
offsets=123.675;116.28;103.53;
model-color-format=1
maintain-aspect-ratio=1
symmetric-padding=1
network-input-order=1
process-mode=2
operate-on-class-ids=0;2
filter-out-class-ids=3
num-detected-classes=4
cluster-mode=2
workspace-size=1024
[class-attrs-all]
pre-cluster-threshold=0.3
nms-iou-threshold=0.5
";

const RICH_YAML: &str = "\
# a comment
class-attrs-1:
  nms-iou-threshold: 0.4
  topk: 7
  border-color: [0, 0.5, 1, 1]
property:
  onnx-file: \"sub/model.onnx\"
  labelfile-path: labels.txt
  infer-dims: 3;384;640
  offsets:
    - 123.675
    - 116.28
    - 103.53
  model-color-format: 1
  maintain-aspect-ratio: true
  symmetric-padding: 1
  network-input-order: 1
  process-mode: 2
  operate-on-class-ids: 0;2
  filter-out-class-ids: 3
  num-detected-classes: 4
  cluster-mode: 2
  workspace-size: 1024
class-attrs-all:
  pre-cluster-threshold: 0.3
  nms-iou-threshold: 0.5
";

#[test]
fn ini_and_yaml_say_the_same() {
    for (config, notices) in [ini(RICH).unwrap(), yaml(RICH_YAML).unwrap()] {
        assert_eq!(notices, []);
        assert_eq!(config.model, Some(Model::Onnx("/models/sub/model.onnx".into())));
        assert_eq!(config.labelfile_path, Some("/models/labels.txt".into()));
        assert_eq!(config.infer_dims, Some(Dims { channels: 3, height: 384, width: 640 }));
        assert_eq!(config.offsets, [123.675, 116.28, 103.53]);
        assert_eq!(config.model_color_format, ModelColorFormat::Bgr);
        assert!(config.maintain_aspect_ratio && config.symmetric_padding);
        assert_eq!(config.network_input_order, TensorOrder::Nhwc);
        assert_eq!(config.process_mode, ProcessMode::Secondary);
        assert_eq!(config.operate_on_class_ids, [0, 2]);
        assert_eq!(config.filter_out_class_ids, [3]);
        // a class inherits what its own group does not set, wherever the groups stand
        assert_eq!(config.attrs(0).nms_iou_threshold, 0.5);
        assert_eq!(config.attrs(0).topk, None);
        assert_eq!(config.attrs(1).nms_iou_threshold, 0.4);
        assert_eq!(config.attrs(1).pre_cluster_threshold, 0.3);
        assert_eq!(config.attrs(1).topk, Some(7));
        assert_eq!(config.attrs(1).border_color, Some(Color::rgb(0, 128, 255)));
    }
}

#[test]
fn defaults_are_those_of_nvinfer() {
    let (config, _) = ini("[property]\n").unwrap();
    assert_eq!((config.unique_id, config.batch_size, config.interval), (15, 1, 0));
    assert_eq!(config.cluster_mode, ClusterMode::GroupRectangles);
    assert_eq!(config.net_scale_factor, 1.0);
    let attrs = config.attrs(0);
    assert_eq!((attrs.pre_cluster_threshold, attrs.nms_iou_threshold, attrs.topk), (0.2, 0.3, None));
}

/// GLib reads a whole number up to the first blank, and files of DeepStream's own have remarks there.
#[test]
fn remarks_may_stand_behind_whole_numbers() {
    let text = "[property]\nbatch-size=4 # cameras\nnetwork-type=1 ## a classifier\nmaintain-aspect-ratio=1\t; yes\n";
    let (config, _) = InferConfig::parse(text, "detector.txt").unwrap();
    assert_eq!((config.batch_size, config.network_type), (4, NetworkType::Classifier));
    assert!(config.maintain_aspect_ratio);
    let error = InferConfig::parse("[property]\nbatch-size=4# cameras\n", "detector.txt").unwrap_err();
    assert!(error.to_string().contains("batch-size=4# cameras: expected a whole number"), "{error}");
}

#[test]
fn files_and_lines_are_named_in_errors() {
    let cases: &[(&str, &str)] = &[
        (
            "[property]\ncluster-mode=5\n",
            "detector.txt:2: [property] cluster-mode=5: expected 0 group rectangles, 1",
        ),
        (
            "[property]\n\n# c\nbatch-size=0\n",
            "detector.txt:4: [property] batch-size=0: expected a whole number from 1 to 1024",
        ),
        (
            "[property]\noffsets=1;x;3\n",
            "detector.txt:2: [property] offsets=1;x;3: expected numbers separated by ;",
        ),
        (
            "[property]\nnet-scale-factor=nan\n",
            "detector.txt:2: [property] net-scale-factor=nan: expected a number",
        ),
        (
            "[property]\ninfer-dims=3;0;640\n",
            "detector.txt:2: [property] infer-dims=3;0;640: expected 1 or 3 channels",
        ),
        (
            "[property]\n[class-attrs-all]\neps=-1\n",
            "detector.txt:3: [class-attrs-all] eps=-1: expected a number from 0",
        ),
        (
            "[property]\nnum-detected-classes=2\n[class-attrs-2]\n",
            "detector.txt:3: [class-attrs-2]: num-detected-classes=2, so classes are numbered below 2",
        ),
        ("gpu-id=0\n", "detector.txt:1: \"gpu-id\" stands before the first [group]"),
        ("[property\n", "detector.txt:1: \"[property\" is not a group header"),
        ("[property]\nnonsense\n", "detector.txt:2: \"nonsense\" is neither a [group] nor a key=value pair"),
        ("[tests]\n", "/models/detector.txt: there is no group [property]"),
    ];
    for (text, expected) in cases {
        let error = ini(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let cases: &[(&str, &str)] = &[
        (
            "property:\n  gpu-id: 0\n  cluster-mode: 5\n",
            "detector.yml:3: [property] cluster-mode=5: expected 0 group",
        ),
        ("property:\n  offsets:\n  - 1\n  - x\n", "detector.yml:2: [property] offsets=1;x: expected numbers"),
        ("property:\n  infer-dims:\n    a: 1\n", "detector.yml:3: infer-dims: expected a value or a list"),
        ("property:\n  a: [1, 2\n", "detector.yml:"),
        ("- property\n", "detector.yml:1: expected a map of groups"),
        ("property: 3\n", "detector.yml:1: property: expected keys with values"),
    ];
    for (text, expected) in cases {
        let error = yaml(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let error = InferConfig::load("/does/not/exist.txt").unwrap_err().to_string();
    assert!(error.starts_with("cannot read /does/not/exist.txt: "), "{error}");
}

#[test]
fn oddities_are_noticed_and_do_not_hurt() {
    let text = "[property]\nbatch-sise=4\nis-classifier=0\ninput-dims=3;32;48;0\nenable-dbscan=1\ninterval=1\ninterval=2\n\
                [class-attrs-all]\nfoo=1\n[user-configs]\n";
    let (config, notices) = ini(text).unwrap();
    assert_eq!(config.interval, 2);
    assert_eq!(config.cluster_mode, ClusterMode::Dbscan);
    assert_eq!(config.infer_dims, Some(Dims { channels: 3, height: 32, width: 48 }));
    let lines: Vec<_> = notices.iter().map(|notice| notice.location.line).collect();
    assert_eq!(lines, [7, 2, 3, 4, 5, 9, 10]);
    assert!(
        notices[1].message.contains("Unknown or legacy key specified 'batch-sise' for group [property]"),
        "{notices:?}"
    );
}

#[test]
fn a_text_that_is_not_utf_8_is_refused_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin1.txt");
    std::fs::write(&path, b"[property]\ngpu-id=0\nlabelfile-path=stra\xdfe.txt\n").unwrap();
    let error = InferConfig::load(&path).unwrap_err().to_string();
    assert!(error.ends_with("latin1.txt:3: the text is not UTF-8"), "{error}");
}

#[test]
fn labels_keep_their_lines() {
    let labels = slipstream_infer::config::Labels::parse("car\r\n\nperson\nred;green\n\n");
    let name = |class| labels.class(class).map(ToString::to_string);
    assert_eq!([name(0), name(1), name(2), name(9)], [Some("car".into()), None, Some("person".into()), None]);
    assert_eq!(labels.attribute(3, 1).map(|name| &**name), Some("green"));
}

/// Text that looks enough like a config to get past the first checks.
fn plausible() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "cluster-mode",
        "offsets",
        "infer-dims",
        "input-dims",
        "topk",
        "eps",
        "border-color",
        "model-file",
        "proto-file",
        "onnx-file",
        "num-detected-classes",
        "batch-size",
        "operate-on-gie-id",
        "labelfile-path",
        "- a",
        "? b",
        "&x y",
    ]);
    let line =
        (key, "[=:]", "[-0-9;.a-z\\[\\]{}&*%!|>'\" ]{0,12}").prop_map(|(k, s, v)| format!("  {k}{s} {v}"));
    let group = prop::sample::select(vec![
        "[property]",
        "[class-attrs-all]",
        "[class-attrs-1]",
        "property:",
        "class-attrs-0:",
    ]);
    prop::collection::vec(prop_oneof![line, group.prop_map(str::to_owned)], 0..12)
        .prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![any::<String>(), plausible()]) {
        let _ = ini(&text);
        let _ = yaml(&text);
    }

    #[test]
    fn numbers_survive(scale in -1e6f32..1e6, offsets in prop::collection::vec(0f32..255.0, 0..4)) {
        let list: Vec<_> = offsets.iter().map(ToString::to_string).collect();
        let text = format!("[property]\nnet-scale-factor={scale}\noffsets={}\n", list.join(";"));
        let (config, _) = ini(&text).unwrap();
        prop_assert_eq!(config.net_scale_factor, scale);
        prop_assert_eq!(config.offsets, offsets);
    }
}
