//! Decoded boxes beside a table of scores: what exports of SSD, NanoDet, DETR and their like give.

use slipstream_meta::{Rect, Size};

use super::{OutputTensor, ParseContext, ParseError, Parser, TensorInfo, tensor};
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
        // [N, C] is the rule; [C, N] only where it cannot be [N, C]
        let (class_step, box_step, classes) = match *scores.dims {
            [rows, classes] if rows == count => (1, classes, classes),
            [classes, columns] if columns == count => (count, 1, classes),
            _ => return Err(scores.wrong(format!("expected [{count}, C] or [C, {count}]"))),
        };
        let thresholds = &context.thresholds[..classes.min(context.thresholds.len())];
        let mut skipped = 0;
        for (i, corners) in boxes.data.chunks_exact(CORNERS).enumerate() {
            let row = scores.data.get(i * box_step..).unwrap_or_default().iter().step_by(class_step.max(1));
            for ((class_id, &confidence), &threshold) in (0..).zip(row).zip(thresholds) {
                // written so that a confidence that is not a number is looked at
                if confidence < threshold {
                    continue;
                }
                let &[x1, y1, x2, y2] = corners else { continue };
                if !confidence.is_finite() || corners.iter().any(|corner| !corner.is_finite()) {
                    skipped += 1;
                } else if let Some(rect) = context.clip(&Rect::from_corners(x1, y1, x2, y2)) {
                    found.push(Detection { class_id, confidence, rect });
                }
            }
        }
        Ok(skipped)
    }

    fn classes(&self) -> Option<usize> {
        self.classes
    }
}
