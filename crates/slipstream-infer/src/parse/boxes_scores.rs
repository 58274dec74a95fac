//! Decoded boxes beside a table of scores: what exports of SSD, NanoDet, DETR and their like give.

use slipstream_meta::{Rect, Size};

use super::{OutputTensor, ParseContext, ParseError, Parser, TensorInfo, reaches, tensor};
use crate::cluster::Detection;

/// Numbers of a box: left, top, right, bottom.
const CORNERS: usize = 4;

#[derive(Debug)]
struct BoxesScores {
    boxes: String,
    scores: String,
    classes: Option<usize>,
}

/// An output with "boxes" and one with "scores" in its name. A column for the background is not guessed: classes count from
/// the first column.
pub(super) fn fits(outputs: &[TensorInfo], _: Size) -> Option<Box<dyn Parser>> {
    let named =
        |part: &str| outputs.iter().find(|output| output.name.contains(part) && output.dims.len() == 2);
    let (boxes, scores) = (named("boxes")?, named("scores")?);
    let &[count, Some(CORNERS)] = boxes.dims.as_slice() else { return None };
    let &[rows, columns] = scores.dims.as_slice() else { return None };
    let classes = match (rows, columns, count) {
        (Some(rows), Some(columns), Some(count)) if rows == count => Some(columns),
        (Some(rows), Some(columns), Some(count)) if columns == count => Some(rows),
        (Some(_), Some(_), Some(_)) => return None,
        // N is dynamic: the dimension that is not is the classes
        (None, columns, _) => columns,
        (rows, None, _) => rows,
        _ => None,
    };
    Some(Box::new(BoxesScores { boxes: boxes.name.clone(), scores: scores.name.clone(), classes }))
}

impl Parser for BoxesScores {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        found: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        let (boxes, scores) = (tensor(outputs, &self.boxes)?, tensor(outputs, &self.scores)?);
        let &[count, CORNERS] = boxes.dims else { return Err(boxes.wrong("expected [N, 4]")) };
        let mut skipped = 0;
        let mut take = |i: usize, class_id: u32, confidence: f32| {
            let corners = boxes.data.get(i * CORNERS..(i + 1) * CORNERS).unwrap_or_default();
            let &[x1, y1, x2, y2] = corners else { return };
            if !confidence.is_finite() || corners.iter().any(|corner| !corner.is_finite()) {
                skipped += 1;
            } else if let Some(rect) = context.clip(&Rect::from_corners(x1, y1, x2, y2)) {
                found.push(Detection { class_id, confidence, rect });
            }
        };
        match *scores.dims {
            // [N, C] is the rule; most boxes are of no class, which one glance at the row tells
            [rows, classes] if rows == count => {
                let least = context.thresholds.iter().copied().fold(f32::INFINITY, f32::min);
                let wanted = classes.min(context.thresholds.len());
                for (i, row) in scores.data.chunks_exact(classes.max(1)).enumerate() {
                    let row = &row[..wanted];
                    if !row.iter().fold(false, |any, &confidence| any | reaches(confidence, least)) {
                        continue;
                    }
                    for ((class_id, &confidence), &threshold) in (0..).zip(row).zip(context.thresholds) {
                        if reaches(confidence, threshold) {
                            take(i, class_id, confidence);
                        }
                    }
                }
            }
            // [C, N] only where it cannot be [N, C]
            [_, columns] if columns == count => {
                let classes = scores.data.chunks_exact(columns.max(1));
                for ((class_id, row), &threshold) in (0..).zip(classes).zip(context.thresholds) {
                    for (i, &confidence) in row.iter().enumerate() {
                        if reaches(confidence, threshold) {
                            take(i, class_id, confidence);
                        }
                    }
                }
            }
            _ => return Err(scores.wrong(format!("expected [{count}, C] or [C, {count}]"))),
        }
        Ok(skipped)
    }

    fn classes(&self) -> Option<usize> {
        self.classes
    }
}
