//! The table of parsers.

use super::query::{Answer, Query};
use super::recipe::{self, Recipe};
use super::{anchors, boxes_scores, detectnet, fastestdet, gfl, lists, retina, rows, yolo};

/// One way to read outputs: a row of the table of parsers.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// What `parse-bbox-func-name` may say: our name, then those of public libraries for DeepStream.
    pub(super) functions: &'static [&'static str],
    /// The outputs, without the batch.
    pub(super) expects: &'static str,
    pub(super) fits: fn(&Query<'_>) -> Answer,
    pub(super) recipe: Recipe,
}

/// What a parser reads, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParserInfo {
    /// Its name.
    pub name: &'static str,
    /// What `parse-bbox-func-name` may say.
    pub functions: &'static [&'static str],
    /// The outputs, without the batch.
    pub expects: &'static str,
}

/// All parsers, in the order in which they are asked.
pub fn parsers() -> impl Iterator<Item = ParserInfo> {
    all().map(|kind| ParserInfo { name: kind.name, functions: kind.functions, expects: kind.expects })
}

pub(super) fn all() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter()
}

/// The first that fits reads the outputs: those that names tell come before those that shapes tell.
const KINDS: &[Kind] = &[
    Kind {
        name: "detectnet",
        functions: &["detectnet", "NvDsInferParseCustomResnet"],
        expects: "…bbox… [4C, rows, columns], …cov… [C, rows, columns]",
        fits: detectnet::fits,
        recipe: recipe::TAO,
    },
    Kind {
        name: "mask-rcnn",
        functions: rows::MASK_RCNN_NAMES,
        expects: "generate_detections [N, 6]: y1, x1, y2, x2, class, score",
        fits: rows::mask_rcnn,
        recipe: recipe::RAW,
    },
    Kind {
        name: "deepstream-yolo",
        functions: &[
            "deepstream-yolo",
            "NvDsInferParseYolo",
            "NvDsInferParseYoloE",
            "NvDsInferParseCustomYolo",
        ],
        expects: "[N, 6]: box, score, class, as DeepStream-Yolo exports them (only if named)",
        fits: |query| if query.function.is_some() { rows::deepstream_yolo(query) } else { Answer::No },
        recipe: recipe::YOLO,
    },
    Kind {
        name: "detections",
        functions: &[
            "detections",
            "NvDsInferParseCustomBatchedNMSTLT",
            "NvDsInferParseCustomBatchedYoloV5NMSTLT",
            "NvDsInferParseYoloV5CustomBatchedNMSTLT",
            "NvDsInferParseCustomYOLOV3TLT",
            "NvDsInferParseCustomEfficientNMS",
            "NvDsInferParseCustomRTDETRTAO",
            "NvDsInferParseYolo",
            "NvDsInferParseYoloE",
        ],
        expects: "…boxes… [N, 4], …scores… [N], …classes… or …labels… [N], perhaps num… [1]; or dets [N, 5], labels [N]",
        fits: lists::fits,
        recipe: recipe::RT_DETR,
    },
    Kind {
        name: "detections-yx",
        functions: lists::YX,
        expects: "the same with boxes of y1, x1, y2, x2",
        fits: lists::fits,
        recipe: recipe::RAW,
    },
    Kind {
        name: "rf-detr",
        functions: &["rf-detr"],
        expects: "dets [N, 4]: centre and size in fractions, labels [N, C] logits",
        fits: boxes_scores::rf_detr,
        recipe: recipe::RF_DETR,
    },
    Kind {
        name: "detr",
        functions: &["detr", "detr-softmax", "NvDsInferParseCustomDDETRTAO", "NvDsInferParseCustomRTDETRTAO"],
        expects: "…boxes [N, 4]: centre and size in fractions, …logits [N, C]",
        fits: boxes_scores::detr,
        recipe: recipe::RT_DETR,
    },
    Kind {
        name: "picodet",
        functions: &["picodet"],
        expects: "for each stride of 8, 16, 32, 64 scores [n, C] and distributions [n, 32]",
        fits: gfl::picodet,
        recipe: recipe::PICODET,
    },
    Kind {
        name: "retinanet",
        functions: &["retinanet", "efficientdet"],
        expects: "scores [N, C] and shifts [N, 4] of 9 anchors in each cell of strides 8 to 128",
        fits: retina::fits,
        recipe: recipe::IMAGENET_STRETCHED,
    },
    Kind {
        name: "boxes-scores",
        functions: &["boxes-scores", "NvDsInferParseCustomYoloV4"],
        expects: "…boxes… [N, 4]: x1, y1, x2, y2, …scores… or confs [N, C] or [C, N]",
        fits: boxes_scores::fits,
        recipe: recipe::UNKNOWN,
    },
    Kind {
        name: "nanodet",
        functions: &["nanodet"],
        expects: "one of [N, C + 32], N being the cells of strides 8, 16, 32, 64: scores, distributions",
        fits: gfl::nanodet,
        recipe: recipe::NANODET,
    },
    Kind {
        name: "yolox",
        functions: &["yolox", "NvDsInferParseYolox", "NvDsInferParseYolo"],
        expects: "one of [N, 5 + C], N being the cells of strides 8, 16, 32: cells, decoded or not, with objectness",
        fits: yolo::yolox,
        recipe: recipe::YOLOX,
    },
    Kind {
        name: "yolov5",
        functions: &[
            "yolov5",
            "yolov3",
            "yolov3-tiny",
            "yolov4",
            "yolov4-tiny",
            "yolov7",
            "yolov7-tiny",
            "NvDsInferParseYoloV5",
            "NvDsInferParseCustomYoloV5",
            "NvDsInferParseCustomYoloV7",
            "NvDsInferParseCustomYoloV7_cuda",
            "NvDsInferParseYolo",
        ],
        expects: "one of [3 N, 5 + C]: decoded anchors with objectness",
        fits: yolo::objectness,
        recipe: recipe::YOLO,
    },
    Kind {
        name: "yolov8",
        functions: &[
            "yolov8",
            "NvDsInferParseYoloV8",
            "NvDsInferParseCustomYoloV8",
            "NvDsInferParseYoloV9",
            "NvDsInferParseYolo",
        ],
        expects: "one of [4 + C, N] or [N, 4 + C]: decoded cells without objectness; with masks [M, rows, columns], 4 + C + M",
        fits: yolo::plain,
        recipe: recipe::YOLO,
    },
    Kind {
        name: "detection-output",
        functions: &[
            "detection-output",
            "yolov7-nms",
            "yolo-nas-flat",
            "NvDsInferParseCustomNMSTLT",
            "NvDsInferParseCustomSSD",
            "NvDsInferParseCustomSSDTLT",
            "NvDsInferParseCustomDSSDTLT",
            "NvDsInferParseCustomFrcnnTLT",
        ],
        expects: "[1, N, 7] or [N, 7]: image, class, score, x1, y1, x2, y2; other orders if named (yolov7-nms, yolo-nas-flat)",
        fits: rows::seven,
        recipe: recipe::RAW,
    },
    Kind {
        name: "paddle-nms",
        functions: &["paddle-nms"],
        expects: "[N, 6]: class, score, x1, y1, x2, y2, beside the number of rows [1]",
        fits: rows::paddle_nms,
        recipe: recipe::PADDLE,
    },
    Kind {
        name: "yolov10",
        functions: &["yolov10", "yolo26"],
        expects: "[N, 6]: x1, y1, x2, y2, score, class; with masks [M, rows, columns], 6 + M",
        fits: rows::chosen,
        recipe: recipe::YOLO_WITHOUT_NMS,
    },
    Kind {
        name: "fastestdet",
        functions: &["fastestdet"],
        expects: "one of [5 + C, rows, columns], the grid of stride 16",
        fits: fastestdet::fits,
        recipe: recipe::FASTESTDET,
    },
    Kind {
        name: "yolo-anchors",
        functions: anchors::FUNCTIONS,
        expects: "undecoded maps [3 (5 + C), rows, columns] or [3, rows, columns, 5 + C] of two or more strides (only if named: \
                  yolov2 … yolov7)",
        fits: anchors::fits,
        recipe: recipe::DARKNET,
    },
];
