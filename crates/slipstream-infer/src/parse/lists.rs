//! Finished detections in several tensors: boxes, scores, classes and perhaps their number.
//!
//! | outputs | who |
//! |---|---|
//! | `num_dets`, `det_boxes`, `det_scores`, `det_classes` | exports with EfficientNMS |
//! | `keepCount`, `nmsed_boxes`, `nmsed_scores`, `nmsed_classes`; `BatchedNMS`, `BatchedNMS_1` … `_3` | BatchedNMS, TAO |
//! | `num_predictions`, `pred_boxes`, `pred_scores`, `pred_classes` | YOLO-NAS, batched |
//! | `num_detections`, `detection_boxes` (y1, x1, y2, x2), `detection_scores`, `detection_classes` | TensorFlow, TAO's EfficientDet |
//! | `labels`, `boxes`, `scores` | torchvision, RT-DETR, D-FINE, DEIM |
//! | `dets` [N, 5] (x1, y1, x2, y2, score), `labels` | mmdeploy |
//! | `boxes`, `scores` [N, 1], `classes` [N, 1] | DeepStream-Yolo, 2023 and 2024 |
//!
//! Boxes are in pixels or fractions of the network's input, as the numbers tell.

use super::query::{Answer, Query, has_part};
use super::sink::{Sink, Unit};
use super::{OutputTensor, ParseContext, ParseError, Parser, TensorInfo, class_of, reaches, tensor};
use crate::cluster::Detection;

/// Numbers of a box.
const CORNERS: usize = 4;
/// Numbers of a box with its score.
const SCORED: usize = 5;

#[derive(Debug)]
struct Lists {
    boxes: String,
    /// `None` where each box has its score as a fifth number.
    scores: Option<String>,
    classes: String,
    count: Option<String>,
    /// Whether boxes are y1, x1, y2, x2.
    is_yx: bool,
    /// Whether boxes may be given as centre, width and height.
    may_be_centers: bool,
}

/// Whether an output is one number for each detection: [N], [N, 1], or nothing left of it.
fn is_list(output: &TensorInfo) -> bool {
    matches!(output.dims.as_slice(), [] | [_] | [_, Some(1)])
}

/// Numbers of each box; where the number of boxes is free, its dimension may be gone.
fn box_width(output: &TensorInfo) -> Option<usize> {
    let width = match *output.dims.as_slice() {
        [Some(width)] | [_, Some(width)] => width,
        _ => return None,
    };
    (!output.is_whole() && matches!(width, CORNERS | SCORED)).then_some(width)
}

/// Whether an output may hold the number of detections.
fn is_count(output: &TensorInfo) -> bool {
    matches!(output.dims.as_slice(), [] | [Some(1) | None])
}

/// Names of TensorFlow's object detection, whose boxes begin with y.
fn is_tensorflow(boxes: &str) -> bool {
    boxes.starts_with("detection_boxes")
}

/// Boxes, scores and classes by their names, or by shapes and types where there are three.
pub(super) fn fits(query: &Query<'_>) -> Answer {
    let named = |parts: &[&str]| {
        query.outputs.iter().filter(|output| has_part(&output.name, parts)).collect::<Vec<_>>()
    };
    let by_order = |i: usize| query.outputs.iter().find(|output| output.name == format!("BatchedNMS_{i}"));
    let boxes = by_order(1).or_else(|| {
        let boxes = named(&["boxes", "bboxes", "dets"]);
        boxes.into_iter().find(|output| box_width(output).is_some())
    });
    let boxes = boxes.or_else(|| {
        let mut fitting = query.outputs.iter().filter(|output| box_width(output).is_some());
        fitting.next().filter(|_| fitting.next().is_none())
    });
    let Some(boxes) = boxes.filter(|output| box_width(output).is_some()) else { return Answer::No };
    let list =
        |parts: &[&str]| named(parts).into_iter().find(|output| output.name != boxes.name && is_list(output));
    let others = || query.outputs.iter().filter(|output| output.name != boxes.name && is_list(output));
    let classes = by_order(3).or_else(|| list(&["class", "label", "cls"])).or_else(|| {
        let mut whole = others().filter(|output| output.is_whole());
        whole.next().filter(|_| whole.next().is_none())
    });
    let Some(classes) = classes else { return Answer::No };
    let has_scores = box_width(boxes) == Some(SCORED);
    let scores = by_order(2).or_else(|| list(&["score", "conf"])).or_else(|| {
        let mut left = others().filter(|output| output.name != classes.name && !output.is_whole());
        left.next().filter(|_| left.next().is_none())
    });
    if scores.is_none() && !has_scores {
        return Answer::No;
    }
    let is_left = |output: &&TensorInfo| {
        output.name != classes.name
            && scores.is_none_or(|scores| output.name != scores.name)
            && is_count(output)
    };
    let batched = query.outputs.iter().find(|output| output.name == "BatchedNMS");
    let count = batched.or_else(|| named(&["num", "count"]).into_iter().find(is_left));
    let is_yx = if query.is_named(XY) { false } else { query.is_named(YX) || is_tensorflow(&boxes.name) };
    Answer::yes(Lists {
        boxes: boxes.name.clone(),
        scores: scores.filter(|_| !has_scores).map(|scores| scores.name.clone()),
        classes: classes.name.clone(),
        count: count.map(|count| count.name.clone()),
        is_yx,
        may_be_centers: query.is_named(&["NvDsInferParseYolo", "NvDsInferParseYoloE"]),
    })
}

/// Functions whose boxes begin with x.
pub(super) const XY: &[&str] = &[
    "detections",
    "NvDsInferParseCustomBatchedNMSTLT",
    "NvDsInferParseCustomBatchedYoloV5NMSTLT",
    "NvDsInferParseYoloV5CustomBatchedNMSTLT",
    "NvDsInferParseCustomEfficientNMS",
    "NvDsInferParseCustomRTDETRTAO",
];
/// Functions whose boxes begin with y.
pub(super) const YX: &[&str] =
    &["detections-yx", "NvDsInferParseCustomTfSSD", "NvDsInferParseCustomEfficientDetTAO"];

/// Where more boxes than this share are turned inside out, they are centres with sizes.
const INVERTED_SHARE: f32 = 0.02;

impl Parser for Lists {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        found: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        let (boxes, classes) = (tensor(outputs, &self.boxes)?, tensor(outputs, &self.classes)?);
        let scores = self.scores.as_ref().map(|name| tensor(outputs, name)).transpose()?;
        let width = if scores.is_some() { CORNERS } else { SCORED };
        if boxes.dims.last() != Some(&width) && !boxes.data.is_empty() {
            return Err(boxes.wrong(format!("expected [N, {width}]")));
        }
        let rows = boxes.data.len() / width;
        for list in scores.iter().chain([&classes]) {
            if list.data.len() != rows {
                return Err(list.wrong(format!("expected [{rows}] as there are boxes")));
            }
        }
        let count = match &self.count {
            Some(name) => tensor(outputs, name)?.data.first().map_or(0, |&count| count.max(0.0) as usize),
            None => rows,
        };
        let place = |row: &[f32]| match *row {
            [y1, x1, y2, x2, ..] if self.is_yx => [x1, y1, x2, y2],
            [x1, y1, x2, y2, ..] => [x1, y1, x2, y2],
            _ => [f32::NAN; CORNERS],
        };
        let inverted =
            boxes.data.chunks_exact(width).map(place).filter(|[x1, y1, x2, y2]| x2 < x1 || y2 < y1);
        let are_centers = self.may_be_centers && inverted.count() as f32 > INVERTED_SHARE * rows as f32;
        let mut sink = Sink::new(context, found, Unit::Judged);
        let least = context.least();
        for (i, row) in boxes.data.chunks_exact(width).take(count).enumerate() {
            let score = match scores {
                Some(scores) => scores.data.get(i),
                None => row.get(CORNERS),
            };
            let Some(&confidence) = score.filter(|&&score| reaches(score, least)) else { continue };
            let Some(class_id) = classes.data.get(i).and_then(|&class| class_of(class)) else {
                sink.skip();
                continue;
            };
            if are_centers {
                sink.center(class_id, confidence, place(row));
            } else {
                sink.corners(class_id, confidence, place(row));
            }
        }
        Ok(sink.finish())
    }

    fn classes(&self) -> Option<usize> {
        None
    }
}
