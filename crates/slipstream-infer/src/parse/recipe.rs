//! How models are fed as a rule, by the outputs that they have.

use crate::config::ModelColorFormat;

/// How pictures come to the network's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Stretched.
    None,
    /// Scaled evenly and padded right and below.
    After,
    /// Scaled evenly and padded on both sides.
    Around,
}

/// What the published models of a kind take, and what is to be done with their boxes. A model of one's own may have been
/// trained otherwise: nothing in a file tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// `model-color-format`.
    pub color: ModelColorFormat,
    /// `net-scale-factor`.
    pub scale: f32,
    /// `offsets`; all 0 for none.
    pub offsets: [f32; 3],
    /// `maintain-aspect-ratio` and `symmetric-padding`.
    pub padding: Padding,
    /// `pre-cluster-threshold`.
    pub threshold: f32,
    /// `nms-iou-threshold`; `None` where the model gives one box for each object.
    pub nms_iou: Option<f32>,
    /// Whose published models are fed so; empty where nothing is known.
    pub of: &'static str,
}

/// What brings 0…255 to 0…1.
const UNIT: f32 = 1.0 / 255.0;
/// Mean of ImageNet's pixels: red, green, blue.
const IMAGENET: [f32; 3] = [123.675, 116.28, 103.53];
const IMAGENET_BGR: [f32; 3] = [103.53, 116.28, 123.675];
/// Nvinfer has one factor for all channels: one over the mean of ImageNet's deviations, 58.395, 57.12 and 57.375.
const IMAGENET_SCALE: f32 = 3.0 / (58.395 + 57.12 + 57.375);

/// YOLOv3 to v13.
pub(super) const YOLO: Recipe = Recipe {
    color: ModelColorFormat::Rgb,
    scale: UNIT,
    offsets: [0.0; 3],
    padding: Padding::Around,
    threshold: 0.25,
    nms_iou: Some(0.45),
    of: "YOLOv5, v8 and their successors",
};
pub(super) const YOLO_WITHOUT_NMS: Recipe = Recipe { nms_iou: None, of: "YOLOv10 and YOLO26", ..YOLO };
pub(super) const DARKNET: Recipe = Recipe { padding: Padding::None, of: "darknet", ..YOLO };
pub(super) const YOLOX: Recipe = Recipe {
    color: ModelColorFormat::Bgr,
    scale: 1.0,
    padding: Padding::After,
    threshold: 0.3,
    of: "YOLOX",
    ..YOLO
};
pub(super) const NANODET: Recipe = Recipe {
    color: ModelColorFormat::Bgr,
    scale: IMAGENET_SCALE,
    offsets: IMAGENET_BGR,
    padding: Padding::None,
    threshold: 0.35,
    nms_iou: Some(0.6),
    of: "NanoDet-Plus",
};
pub(super) const PICODET: Recipe =
    Recipe { threshold: 0.4, nms_iou: Some(0.5), of: "PicoDet", ..IMAGENET_STRETCHED };
pub(super) const FASTESTDET: Recipe = Recipe {
    color: ModelColorFormat::Bgr,
    scale: UNIT,
    offsets: [0.0; 3],
    padding: Padding::None,
    threshold: 0.5,
    nms_iou: Some(0.45),
    of: "FastestDet",
};
/// Torchvision, EfficientDet, Paddle: ImageNet's statistics, stretched.
pub(super) const IMAGENET_STRETCHED: Recipe = Recipe {
    color: ModelColorFormat::Rgb,
    scale: IMAGENET_SCALE,
    offsets: IMAGENET,
    padding: Padding::None,
    threshold: 0.4,
    nms_iou: Some(0.5),
    of: "RetinaNet and EfficientDet",
};
/// Networks that are no detectors: published ones begin with a backbone trained on ImageNet.
pub const IMAGENET_BACKBONE: Recipe = Recipe {
    threshold: 0.5,
    nms_iou: None,
    of: "networks with a backbone trained on ImageNet",
    ..IMAGENET_STRETCHED
};
pub(super) const RT_DETR: Recipe =
    Recipe { padding: Padding::None, threshold: 0.5, nms_iou: None, of: "RT-DETR, D-FINE and DEIM", ..YOLO };
pub(super) const RF_DETR: Recipe =
    Recipe { threshold: 0.5, nms_iou: None, of: "RF-DETR", ..IMAGENET_STRETCHED };
pub(super) const PADDLE: Recipe = Recipe { nms_iou: None, of: "PaddleDetection", ..IMAGENET_STRETCHED };
/// DetectNet_v2 of TAO.
pub(super) const TAO: Recipe =
    Recipe { padding: Padding::None, threshold: 0.2, nms_iou: Some(0.5), of: "TAO's DetectNet_v2", ..YOLO };
/// Pixels as they are.
pub(super) const RAW: Recipe = Recipe {
    color: ModelColorFormat::Rgb,
    scale: 1.0,
    offsets: [0.0; 3],
    padding: Padding::None,
    threshold: 0.4,
    nms_iou: None,
    of: "TensorFlow's object detection",
};
/// Nothing is known but the outputs.
pub(super) const UNKNOWN: Recipe = Recipe { threshold: 0.4, nms_iou: Some(0.5), of: "", ..RAW };
