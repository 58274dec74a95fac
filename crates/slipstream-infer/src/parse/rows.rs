//! One table with a finished detection in each row: heads without NMS (YOLOv10, YOLO26), exports with NMS inside, and the
//! outputs of DeepStream-Yolo, whose candidates have chosen their class.
//!
//! | layout | columns |
//! |---|---|
//! | chosen | x1, y1, x2, y2, score, class (and coefficients of masks) |
//! | DeepStream-Yolo | the same, or centre, width, height instead of corners, as the numbers tell; before 2023 7 columns: …, objectness, class, probability |
//! | Paddle | class, score, x1, y1, x2, y2 |
//! | Mask R-CNN of TAO | y1, x1, y2, x2, class, score |
//! | YOLOv7 with NMS | image, x1, y1, x2, y2, class, score |
//! | YOLO-NAS, flat | image, x1, y1, x2, y2, score, class |
//! | DetectionOutput | image, class, score, x1, y1, x2, y2 |

use super::query::{Answer, Query, has_part};
use super::sink::{Sink, Unit};
use super::{OutputTensor, ParseContext, ParseError, Parser, TensorInfo, class_of, tensor};
use crate::cluster::Detection;

/// Which column holds what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    width: usize,
    /// x1, y1, x2, y2.
    edges: [usize; 4],
    score: usize,
    class: usize,
    /// What the score is to be multiplied by.
    objectness: Option<usize>,
    /// Number of the image in the batch; rows below 0 are none.
    image: Option<usize>,
    /// Whether boxes may be given as centre, width and height.
    may_be_centers: bool,
}

const CHOSEN: Layout = Layout {
    width: 6,
    edges: [0, 1, 2, 3],
    score: 4,
    class: 5,
    objectness: None,
    image: None,
    may_be_centers: false,
};
const DEEPSTREAM_YOLO: Layout = Layout { may_be_centers: true, ..CHOSEN };
const DEEPSTREAM_YOLO_OLD: Layout = Layout { width: 7, score: 6, objectness: Some(4), ..DEEPSTREAM_YOLO };
const PADDLE: Layout = Layout { edges: [2, 3, 4, 5], score: 1, class: 0, ..CHOSEN };
const MASK_RCNN: Layout = Layout { edges: [1, 0, 3, 2], score: 5, class: 4, ..CHOSEN };
const YOLOV7: Layout = Layout { width: 7, edges: [1, 2, 3, 4], score: 6, class: 5, image: Some(0), ..CHOSEN };
const YOLO_NAS: Layout = Layout { score: 5, class: 6, ..YOLOV7 };
const DETECTION_OUTPUT: Layout = Layout { edges: [3, 4, 5, 6], score: 2, class: 1, ..YOLOV7 };

#[derive(Debug)]
struct Rows {
    output: String,
    /// How many rows count, where an output tells.
    count: Option<String>,
    layout: Layout,
}

/// Number of columns of an output of rows; a dimension of rows that is free may be gone, because it came first.
fn columns(output: &TensorInfo) -> Option<usize> {
    match *output.dims.as_slice() {
        [Some(columns)] | [_, Some(columns)] | [_, _, Some(columns)] => Some(columns),
        _ => None,
    }
}

/// The other output of the two or more, if it counts rows: a single whole number.
fn count_of(query: &Query<'_>, rows: &TensorInfo) -> Option<String> {
    let counts = |output: &&TensorInfo| {
        output.name != rows.name
            && output.dims.len() <= 1
            && (output.is_whole() || has_part(&output.name, COUNTS))
    };
    query.outputs.iter().find(counts).map(|output| output.name.clone())
}

/// Parts of the names of outputs that count detections.
const COUNTS: &[&str] = &["num", "count", "nms_1"];

/// The output of rows: the only one, or the one beside a count, or beside masks.
fn rows_output<'a>(query: &Query<'a>) -> Option<(&'a TensorInfo, usize, Option<String>)> {
    let mut fitting = query.outputs.iter().filter_map(|output| {
        let columns = columns(output)?;
        let is_map = output.dims.len() == 3 && !matches!(output.dims.first(), Some(Some(1)) | Some(None));
        (columns >= CHOSEN.width && !output.is_whole() && !is_map).then_some((output, columns))
    });
    let (output, columns) = fitting.next()?;
    let count = count_of(query, output);
    let others = query.outputs.len() - 1 - usize::from(count.is_some());
    let others_are_masks = others == 1 && query.mask_channels().is_some();
    (fitting.next().is_none() && (others == 0 || others_are_masks)).then_some((output, columns, count))
}

fn answer(query: &Query<'_>, width: usize, layout: Layout) -> Answer {
    match rows_output(query) {
        Some((output, columns, count)) if columns == width => {
            Answer::yes(Rows { output: output.name.clone(), count, layout })
        }
        _ => Answer::No,
    }
}

/// Six columns, and as many more as there are mask prototypes.
pub(super) fn chosen(query: &Query<'_>) -> Answer {
    let Some((output, columns, count)) = rows_output(query) else { return Answer::No };
    let masks = query.mask_channels().filter(|_| columns > CHOSEN.width).unwrap_or_default();
    if columns != CHOSEN.width + masks {
        return Answer::No;
    }
    let assumed = query.function.is_none().then(|| {
        format!(
            "{output} is read as x1, y1, x2, y2, score, class; if it has another order, set parse-bbox-func-name=paddle-nms \
             (class, score, box) or yolov5 (objectness and one class)"
        )
    });
    // Dense heads that chose their class may call centres what others call corners: the numbers tell.
    let layout = Layout { width: columns, ..DEEPSTREAM_YOLO };
    Answer::yes_but(Rows { output: output.name.clone(), count, layout }, assumed)
}

/// Six or seven columns of DeepStream-Yolo.
pub(super) fn deepstream_yolo(query: &Query<'_>) -> Answer {
    match rows_output(query) {
        Some((_, columns, _)) if columns == DEEPSTREAM_YOLO_OLD.width => {
            answer(query, columns, DEEPSTREAM_YOLO_OLD)
        }
        _ => answer(query, DEEPSTREAM_YOLO.width, DEEPSTREAM_YOLO),
    }
}

/// Six columns as PaddleDetection has them, beside a count or by their name.
pub(super) fn paddle_nms(query: &Query<'_>) -> Answer {
    let Some((output, _, count)) = rows_output(query) else { return Answer::No };
    let is_paddle =
        query.function.is_some() || count.is_some() || has_part(&output.name, &["multiclass_nms"]);
    if is_paddle { answer(query, PADDLE.width, PADDLE) } else { Answer::No }
}

/// Six columns as TAO's Mask R-CNN has them.
pub(super) fn mask_rcnn(query: &Query<'_>) -> Answer {
    let first = query.outputs.first().filter(|_| query.function.is_some());
    match query.with_name(&["generate_detections"]).or(first) {
        Some(output) if columns(output) == Some(MASK_RCNN.width) => {
            Answer::yes(Rows { output: output.name.clone(), count: None, layout: MASK_RCNN })
        }
        _ => Answer::No,
    }
}

/// Functions of TAO's Mask R-CNN.
pub(super) const MASK_RCNN_NAMES: &[&str] =
    &["mask-rcnn", "NvDsInferParseCustomMrcnnTLT", "NvDsInferParseCustomMrcnnTLTV2"];

/// Seven columns, the number of the image first.
pub(super) fn seven(query: &Query<'_>) -> Answer {
    let Some((output, columns, count)) = rows_output(query) else { return Answer::No };
    if columns != DETECTION_OUTPUT.width {
        return Answer::No;
    }
    let layout = if query.is_named(YOLOV7_NAMES) {
        YOLOV7
    } else if query.is_named(YOLO_NAS_NAMES) || has_part(&output.name, &["flat"]) {
        YOLO_NAS
    } else if query.function.is_some()
        || output.dims.len() == 3
        || has_part(&output.name, &["detection_out", "nms", "detectionoutput"])
    {
        DETECTION_OUTPUT
    } else {
        return Answer::Needs(format!(
            "{output} may be detections of several layouts: set parse-bbox-func-name to detection-output (image, class, \
             score, x1, y1, x2, y2), {} (image, x1, y1, x2, y2, class, score), {} (…, score, class) or NvDsInferParseYolo",
            YOLOV7_NAMES[0], YOLO_NAS_NAMES[0]
        ));
    };
    Answer::yes(Rows { output: output.name.clone(), count, layout })
}

/// Functions of YOLOv7's export with NMS.
pub(super) const YOLOV7_NAMES: &[&str] = &["yolov7-nms"];
/// Functions of YOLO-NAS's export with NMS.
pub(super) const YOLO_NAS_NAMES: &[&str] = &["yolo-nas-flat"];

/// Where more boxes than this share are turned inside out, they are centres with sizes.
const INVERTED_SHARE: f32 = 0.02;

impl Parser for Rows {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        boxes: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        let output = tensor(outputs, &self.output)?;
        let width = self.layout.width;
        // a single row may have lost its dimension to the batch
        if output.dims.last() != Some(&width) && !output.data.is_empty() {
            return Err(output.wrong(format!("expected [N, {width}]")));
        }
        let count = match &self.count {
            Some(name) => tensor(outputs, name)?.data.first().map_or(0, |&count| count.max(0.0) as usize),
            None => usize::MAX,
        };
        let Layout { edges, score, class, objectness, image, may_be_centers, .. } = self.layout;
        let rows = || output.data.chunks_exact(width).take(count);
        let at = |row: &[f32], column: usize| row.get(column).copied().unwrap_or(f32::NAN);
        let place = |row: &[f32]| edges.map(|column| at(row, column));
        let is_inverted = |row: &&[f32]| {
            let [x1, y1, x2, y2] = place(row);
            x2 < x1 || y2 < y1
        };
        let are_centers = may_be_centers
            && rows().filter(is_inverted).count() as f32 > INVERTED_SHARE * rows().count() as f32;
        let least = context.least();
        let mut sink = Sink::new(context, boxes, Unit::Judged);
        for row in rows() {
            let confidence = at(row, score) * objectness.map_or(1.0, |column| at(row, column));
            let is_of_image = image.is_none_or(|column| at(row, column) >= 0.0);
            if !super::reaches(confidence, least) || !is_of_image {
                continue;
            }
            let Some(class_id) = class_of(at(row, class)) else {
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
