//! The configuration of a network in the format of DeepStream's nvinfer: INI (`.txt`, `.cfg`, …) or YAML (`.yml`,
//! `.yaml`).

mod class_attrs;
mod document;
mod ini;
mod labels;
mod property;
mod stand_in;
mod value;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use class_attrs::ClassAttrs;
pub use document::{ConfigError, Document, Entry, Group, Location, Notice};
pub use labels::Labels;
use slipstream_meta::Size;
pub use value::Field;

/// What a detector loads and how it treats pictures and boxes.
///
/// A file has a group `[property]` and, for detectors, `[class-attrs-all]` and `[class-attrs-N]` (see [`ClassAttrs`]).
/// Paths in a file are relative to the file's own folder.
///
/// ```ini
/// [property]
/// onnx-file=detector.onnx
/// labelfile-path=labels.txt
/// num-detected-classes=4
/// model-color-format=1
/// cluster-mode=2
///
/// [class-attrs-all]
/// pre-cluster-threshold=0.35
/// nms-iou-threshold=0.5
/// ```
///
/// The same as YAML; lists are written as `a;b;c` or as YAML lists:
///
/// ```yaml
/// property:
///   onnx-file: detector.onnx
///   labelfile-path: labels.txt
///   num-detected-classes: 4
///   model-color-format: 1
///   cluster-mode: 2
/// class-attrs-all:
///   pre-cluster-threshold: 0.35
///   nms-iou-threshold: 0.5
/// ```
///
/// Keys of `[property]` with a meaning:
///
/// | key | values | default | meaning |
/// |---|---|---|---|
/// | `gie-unique-id` | 1… | 15 | number of the component in the metadata |
/// | `process-mode` | 1 primary, 2 secondary | 1 | whole frames, or the objects that another component found |
/// | `interval` | 0… | 0 | frames of a source to skip between two inferences |
/// | `batch-size` | 1…1024 | 1 | images per batch; a model of a free batch runs them side by side, one on each core |
/// | `network-mode` | 0 FP32, 1 INT8, 2 FP16, 3 best | 0 | precision; INT8 needs a model of 8-bit numbers or `int8-calib-file` |
/// | `network-type` | 0 detector, 1 classifier, 2 segmentation, 3 instance segmentation, 100 other | 0 | |
/// | `onnx-file` | path | | the model |
/// | `model-file`, `proto-file` | path | | weights and layers of a Caffe model |
/// | `engine` | auto, cpu, cuda, tensorrt, openvino | auto | what runs the model (not in DeepStream) |
/// | `int8-calib-file` | path | | scales of the tensors, for INT8: TensorRT's calibration table |
/// | `infer-dims` | c;h;w | the model's | size of the network's input |
/// | `output-blob-names` | names | all | output tensors to look at |
/// | `net-scale-factor` | number | 1 | y = factor × (x − mean), x in 0…255 |
/// | `offsets` | one number per channel | 0 | mean of each channel |
/// | `mean-file` | path of a PPM picture | | mean of each pixel |
/// | `model-color-format` | 0 RGB, 1 BGR, 2 GRAY | 0 | channels of the network |
/// | `maintain-aspect-ratio` | 0, 1 | 0 | scale evenly and pad with black |
/// | `symmetric-padding` | 0, 1 | 0 | pad on both sides, not only right and below |
/// | `network-input-order` | 0 NCHW, 1 NHWC | 0 | order of the input tensor |
/// | `labelfile-path` | path | | names of the classes, one a line |
/// | `num-detected-classes` | 0… | 0 | classes of the network; boxes of further ones are dropped |
/// | `cluster-mode` | see [`ClusterMode`] | 0 | |
/// | `parse-bbox-func-name` | name | by tensors | how output tensors become boxes, see [`crate::parse`] |
/// | `custom-lib-path` | path | | library of a parse function that is not built in, see [`crate::parse::library`] |
/// | `filter-out-class-ids` | list | none | classes that are not reported |
/// | `crop-objects-to-roi-boundary` | 0, 1 | 0 | clip boxes that leave the frame instead of dropping them |
/// | `operate-on-gie-id`, `operate-on-class-ids` | | all | secondary: which objects to look at |
/// | `input-object-{min,max}-{width,height}` | pixels | 0 | secondary: size of the objects to look at |
/// | `secondary-reinfer-interval` | frames | | secondary: when to look at the same object again |
/// | `classifier-threshold` | probability | 0 | least probability of an attribute's value |
/// | `classifier-type` | text | | kind of the attributes, written into the metadata |
/// | `classifier-async-mode` | 0, 1 | 0 | secondary classifiers: look in the background, and never hold up a picture |
/// | `segmentation-threshold` | probability | 0 | least probability of a class or of a mask's pixel |
/// | `segmentation-output-order` | 0 NCHW, 1 NHWC | 0 | order of a segmentation network's output |
/// | `output-instance-mask` | 0, 1 | 0 | instance segmentation: masks, not only boxes |
/// | `output-tensor-meta` | 0, 1 | 0 | hand on the raw outputs too |
///
/// A group `[parser]`, which nvinfer does not have, may set `anchors=width;height;width;height;…` in pixels of the network's
/// input, for undecoded YOLO maps whose anchors are not the published ones.
///
/// Keys that only concern NVIDIA's hardware or engines (`gpu-id`, `workspace-size`, `enable-dla`, …) are accepted
/// without a word. Unknown and deprecated keys are reported as a [`Notice`].
#[derive(Debug, Clone, PartialEq)]
pub struct InferConfig {
    /// The file that this comes from.
    pub path: PathBuf,
    /// `gie-unique-id`: number of the component in the metadata.
    pub unique_id: u32,
    /// `process-mode`.
    pub process_mode: ProcessMode,
    /// `network-type`.
    pub network_type: NetworkType,
    /// `network-mode`: the precision that the file wishes for.
    pub network_mode: NetworkMode,
    /// `batch-size`: images per batch.
    pub batch_size: u32,
    /// `interval`: frames of a source to skip between two inferences.
    pub interval: u32,
    /// The model, from `onnx-file`, or `model-file` and `proto-file`, or another format's key.
    pub model: Option<Model>,
    /// `int8-calib-file`: TensorRT's calibration table.
    pub int8_calib_file: Option<PathBuf>,
    /// `infer-dims`: size of the network's input.
    pub infer_dims: Option<Dims>,
    /// `output-blob-names`: output tensors to look at; empty for all.
    pub output_blob_names: Vec<String>,
    /// `net-scale-factor`.
    pub net_scale_factor: f32,
    /// `offsets`: mean of each channel in 0…255; empty for none.
    pub offsets: Vec<f32>,
    /// `mean-file`: picture of the network's size that holds the mean of each pixel.
    pub mean_file: Option<PathBuf>,
    /// `model-color-format`.
    pub model_color_format: ModelColorFormat,
    /// `maintain-aspect-ratio`.
    pub maintain_aspect_ratio: bool,
    /// `symmetric-padding`; counts only with `maintain_aspect_ratio`.
    pub symmetric_padding: bool,
    /// `network-input-order`.
    pub network_input_order: TensorOrder,
    /// `labelfile-path`.
    pub labelfile_path: Option<PathBuf>,
    /// `num-detected-classes`.
    pub num_detected_classes: u32,
    /// `cluster-mode`.
    pub cluster_mode: ClusterMode,
    /// `parse-bbox-func-name`.
    pub parse_bbox_func_name: Option<String>,
    /// `custom-lib-path`: library of the parse function, unless that is built in.
    pub custom_lib_path: Option<PathBuf>,
    /// `classifier-threshold`: least probability in 0…1.
    pub classifier_threshold: f32,
    /// `classifier-type`.
    pub classifier_type: Option<String>,
    /// `classifier-async-mode`.
    pub classifier_async_mode: bool,
    /// `segmentation-threshold`: least probability in 0…1.
    pub segmentation_threshold: f32,
    /// `segmentation-output-order`.
    pub segmentation_output_order: TensorOrder,
    /// `output-instance-mask`.
    pub output_instance_mask: bool,
    /// `secondary-reinfer-interval` in frames; `None` where the file sets none.
    pub secondary_reinfer_interval: Option<u32>,
    /// `output-tensor-meta`.
    pub output_tensor_meta: bool,
    /// `operate-on-gie-id`: component whose objects a secondary one looks at; `None` for all.
    pub operate_on_gie_id: Option<u32>,
    /// `operate-on-class-ids`: classes that a secondary component looks at; empty for all.
    pub operate_on_class_ids: Vec<u32>,
    /// `filter-out-class-ids`: classes that are not reported.
    pub filter_out_class_ids: Vec<u32>,
    /// `input-object-min-width`, `input-object-min-height`.
    pub input_object_min: Size,
    /// `input-object-max-width`, `input-object-max-height`; 0 sets none.
    pub input_object_max: Size,
    /// `crop-objects-to-roi-boundary`.
    pub crop_objects_to_roi_boundary: bool,
    /// `anchors` of `[parser]`: width and height of each in pixels of the network's input, from the finest grid to the
    /// coarsest; empty for the published ones of the parser's family.
    pub anchors: Vec<[f32; 2]>,
    /// `[class-attrs-all]`: what holds for classes without a group of their own.
    pub class_attrs_all: ClassAttrs,
    /// `[class-attrs-N]` on top of `[class-attrs-all]`, by class.
    pub class_attrs: BTreeMap<u32, ClassAttrs>,
    /// `engine`: what runs the model.
    pub provider: ExecutionProvider,
    /// Whether an image that comes alone is shared among all cores, which shows it sooner at the price of more work in all. For
    /// programs to set; no key says so.
    pub share_lone_images: bool,
    /// Lines of the keys in `[property]`.
    lines: BTreeMap<String, usize>,
}

/// What a component looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessMode {
    /// Whole frames.
    Primary,
    /// Objects that another component found.
    Secondary,
}

/// What a network tells about a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkType {
    /// Boxes with classes.
    Detector,
    /// Attributes of the whole picture.
    Classifier,
    /// A class for each pixel.
    Segmentation,
    /// Boxes with masks.
    InstanceSegmentation,
    /// Tensors that only the program understands.
    Other,
}

/// Precision that a file wishes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkMode {
    /// 32-bit floating point.
    Fp32,
    /// 8-bit integers.
    Int8,
    /// 16-bit floating point.
    Fp16,
    /// Whatever is fastest.
    Best,
}

/// Files that hold a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Model {
    /// An ONNX file.
    Onnx(PathBuf),
    /// A Caffe model; either file may be missing from the config.
    Caffe {
        /// Layers (`proto-file`).
        proto: Option<PathBuf>,
        /// Weights (`model-file`).
        weights: Option<PathBuf>,
    },
    /// A format that only TensorRT reads.
    Other {
        /// The key that names it.
        key: String,
        /// The file.
        path: PathBuf,
    },
}

/// Size of a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dims {
    /// Channels: 1 or 3.
    pub channels: u32,
    /// Height in pixels.
    pub height: u32,
    /// Width in pixels.
    pub width: u32,
}

impl Dims {
    /// Width and height.
    pub fn size(self) -> Size {
        Size::new(self.width, self.height)
    }
}

impl std::fmt::Display for Dims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{};{};{}", self.channels, self.height, self.width)
    }
}

/// Channels that a network takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelColorFormat {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Luma.
    Gray,
}

/// How an input tensor is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorOrder {
    /// Image, channel, row, column.
    Nchw,
    /// Image, row, column, channel.
    Nhwc,
}

/// How overlapping boxes of one class become one.
///
/// The numbers of `cluster-mode` changed after DeepStream 5.0's Developer Preview; the current ones count here:
///
/// | number | now | 5.0 Developer Preview |
/// |---|---|---|
/// | 0 | group rectangles | group rectangles |
/// | 1 | DBSCAN | DBSCAN |
/// | 2 | NMS | NMS |
/// | 3 | DBSCAN, then NMS | none |
/// | 4 | none | – |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterMode {
    /// OpenCV's `groupRectangles`.
    GroupRectangles,
    /// Density-based clustering; the mean box of each cluster stays.
    Dbscan,
    /// Non-maximum suppression.
    Nms,
    /// DBSCAN takes outliers away, then NMS.
    Hybrid,
    /// All boxes stay.
    None,
}

/// What runs a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ExecutionProvider {
    /// CUDA, where ONNX Runtime was built with it and finds a GPU; else the processor.
    #[default]
    Auto,
    /// ONNX Runtime's own kernels on the processor.
    Cpu,
    /// NVIDIA's CUDA.
    Cuda,
    /// NVIDIA's TensorRT.
    TensorRt,
    /// Intel's OpenVINO, as a part of ONNX Runtime.
    OpenVino,
}

impl ExecutionProvider {
    /// All, with the words by which `engine` names them.
    pub(crate) const NAMES: [(&str, Self); 5] = [
        ("auto", Self::Auto),
        ("cpu", Self::Cpu),
        ("cuda", Self::Cuda),
        ("tensorrt", Self::TensorRt),
        ("openvino", Self::OpenVino),
    ];
}

impl std::fmt::Display for ExecutionProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = Self::NAMES.iter().find(|(_, provider)| provider == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl InferConfig {
    /// Reads a config file: YAML if its name ends in `.yml` or `.yaml`, else INI. Also returns what the file's author
    /// should know. The files that it names are read later, by [`crate::Detector::new`]; DeepStream's sample models are
    /// looked for now, where they are not where the config says (see [`crate::model::locate`]).
    ///
    /// # Errors
    /// If the file cannot be read, or a line is not understood, or a value is not allowed.
    pub fn load(path: impl AsRef<Path>) -> Result<(Self, Vec<Notice>), ConfigError> {
        let (mut config, mut notices) = Self::read(path.as_ref())?;
        notices.extend(crate::model::locate(&mut config, &crate::model::folders()));
        Ok((config, notices))
    }

    /// The same, with the paths as the file has them.
    pub(crate) fn read(path: &Path) -> Result<(Self, Vec<Notice>), ConfigError> {
        Self::from_document(Document::read(path)?, path)
    }

    /// Reads the text of a config file. `path` decides about the format and is where relative paths start.
    ///
    /// # Errors
    /// If a line is not understood or a value is not allowed.
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<(Self, Vec<Notice>), ConfigError> {
        let path = path.as_ref();
        Self::from_document(Document::parse(text, path)?, path)
    }

    fn from_document(mut document: Document, path: &Path) -> Result<(Self, Vec<Notice>), ConfigError> {
        let file = document.file.clone();
        let groups = std::mem::take(&mut document.groups);
        let Some(properties) = groups.iter().find(|group| group.name == "property") else {
            return Err(ConfigError::NoProperties { path: path.to_owned() });
        };
        let mut config = Self { path: path.to_owned(), ..Self::default() };
        config.lines = properties.entries.iter().map(|e| (e.key.clone(), e.line)).collect();
        for entry in &properties.entries {
            let field = Field { file: &file, group: &properties.name, entry };
            if let Some(message) = config.set(&field)? {
                document.notice(entry.line, message);
            }
        }

        if let Some(all) = groups.iter().find(|group| group.name == ALL_CLASSES) {
            for entry in &all.entries {
                let field = Field { file: &file, group: &all.name, entry };
                if let Some(message) = config.class_attrs_all.set(&field)? {
                    document.notice(entry.line, message);
                }
            }
        }
        for group in &groups {
            if group.name == "property" || group.name == ALL_CLASSES {
                continue;
            }
            if group.name == PARSER {
                for entry in &group.entries {
                    let field = Field { file: &file, group: &group.name, entry };
                    if let Some(message) = config.set_parser(&field)? {
                        document.notice(entry.line, message);
                    }
                }
                continue;
            }
            let class = group.name.strip_prefix("class-attrs-").and_then(|class| class.parse::<u32>().ok());
            let Some(class) = class else {
                document.notice(group.line, format!("Unknown group [{}]", group.name));
                continue;
            };
            if !config.is_detector() {
                continue;
            }
            if class >= config.num_detected_classes {
                return Err(ConfigError::NoSuchClass {
                    location: document.location(group.line),
                    group: group.name.clone(),
                    classes: config.num_detected_classes,
                });
            }
            let mut attrs = config.class_attrs_all.clone();
            for entry in &group.entries {
                let field = Field { file: &file, group: &group.name, entry };
                if let Some(message) = attrs.set(&field)? {
                    document.notice(entry.line, message);
                }
            }
            config.class_attrs.insert(class, attrs);
        }
        Ok((config, document.notices))
    }

    /// Whether the network gives boxes.
    pub fn is_detector(&self) -> bool {
        matches!(self.network_type, NetworkType::Detector | NetworkType::InstanceSegmentation)
    }

    /// What holds for class `class_id`.
    pub fn attrs(&self, class_id: u32) -> &ClassAttrs {
        self.class_attrs.get(&class_id).unwrap_or(&self.class_attrs_all)
    }

    /// Where `[property]` sets `key`; line 0 if it does not, that is if a program did.
    pub fn location(&self, key: &str) -> Location {
        Location { file: self.path.as_path().into(), line: self.lines.get(key).copied().unwrap_or_default() }
    }

    /// Whether the file has `key` in `[property]`.
    pub fn is_set(&self, key: &str) -> bool {
        self.lines.contains_key(key)
    }

    /// Reads the label file; no labels if the config names none.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read_labels(&self) -> Result<Labels, ConfigError> {
        let Some(path) = &self.labelfile_path else { return Ok(Labels::default()) };
        Labels::read(path).map_err(|source| self.file_error("labelfile-path", path, source))
    }

    /// The error that the file at `path`, which `key` names, cannot be read.
    pub fn file_error(&self, key: &str, path: &Path, source: std::io::Error) -> ConfigError {
        ConfigError::File { location: self.location(key), key: key.to_owned(), path: path.to_owned(), source }
    }
}

const ALL_CLASSES: &str = "class-attrs-all";
/// Group of what parsers have to be told beside the keys of nvinfer, which passes over it.
const PARSER: &str = "parser";

/// `gie-unique-id` of a component that sets none.
const DEFAULT_UNIQUE_ID: u32 = 15;

impl Default for InferConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            unique_id: DEFAULT_UNIQUE_ID,
            process_mode: ProcessMode::Primary,
            network_type: NetworkType::Detector,
            network_mode: NetworkMode::Fp32,
            batch_size: 1,
            interval: 0,
            model: None,
            int8_calib_file: None,
            infer_dims: None,
            output_blob_names: Vec::new(),
            net_scale_factor: 1.0,
            offsets: Vec::new(),
            mean_file: None,
            model_color_format: ModelColorFormat::Rgb,
            maintain_aspect_ratio: false,
            symmetric_padding: false,
            network_input_order: TensorOrder::Nchw,
            labelfile_path: None,
            num_detected_classes: 0,
            cluster_mode: ClusterMode::GroupRectangles,
            parse_bbox_func_name: None,
            custom_lib_path: None,
            classifier_threshold: 0.0,
            classifier_type: None,
            classifier_async_mode: false,
            segmentation_threshold: 0.0,
            segmentation_output_order: TensorOrder::Nchw,
            output_instance_mask: false,
            secondary_reinfer_interval: None,
            output_tensor_meta: false,
            operate_on_gie_id: None,
            operate_on_class_ids: Vec::new(),
            filter_out_class_ids: Vec::new(),
            input_object_min: Size::default(),
            input_object_max: Size::default(),
            crop_objects_to_roi_boundary: false,
            anchors: Vec::new(),
            class_attrs_all: ClassAttrs::default(),
            class_attrs: BTreeMap::new(),
            provider: ExecutionProvider::default(),
            share_lone_images: false,
            lines: BTreeMap::new(),
        }
    }
}
