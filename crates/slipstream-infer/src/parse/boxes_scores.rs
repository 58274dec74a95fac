//! A box for each candidate beside a table of scores: what exports of SSD, NanoDet, PP-YOLOE, DAMO-YOLO and their like give
//! decoded, and DETR and its descendants (Carion et al., arXiv 2005.12872) as logits beside centres and sizes.

use super::query::{Answer, Query, has_part, rows_and_columns};
use super::sink::{Sink, Unit, any_reaches, best, logit, sigmoid};
use super::{OutputTensor, ParseContext, ParseError, Parser, TensorInfo, reaches, tensor};
use crate::cluster::Detection;

/// Numbers of a box.
const BOX: usize = 4;

/// How scores become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activation {
    /// They are.
    None,
    /// Each is a logit of its own.
    Sigmoid,
    /// The logits of a row; the last one is that of no object.
    Softmax,
    /// Numbers below 0 tell logits of their own from probabilities.
    Judged,
}

#[derive(Debug)]
struct BoxesScores {
    boxes: String,
    scores: String,
    classes: Option<usize>,
    /// Whether a box is its centre, width and height, and not its corners.
    are_centers: bool,
    unit: Unit,
    activation: Activation,
    /// Whether a candidate is of its most probable class only.
    one_class: bool,
    /// Classes that are never reported.
    background: Option<u32>,
}

/// Two tables: one of [N, 4], the other of [N, C] or [C, N]. Returns boxes, scores and the number of classes.
fn pair<'a>(
    boxes: &'a TensorInfo,
    scores: &'a TensorInfo,
) -> Option<(&'a TensorInfo, &'a TensorInfo, Option<usize>)> {
    let dims = |output: &TensorInfo| match *output.dims.as_slice() {
        [rows, columns] | [rows, Some(1), columns] => Some([rows, columns]),
        _ => None,
    };
    let [count, Some(BOX)] = dims(boxes)? else { return None };
    let [rows, columns] = dims(scores)?;
    let classes = match (rows, columns, count) {
        (Some(rows), Some(columns), Some(count)) if rows == count => Some(columns),
        (Some(rows), Some(columns), Some(count)) if columns == count => Some(rows),
        (Some(_), Some(_), Some(_)) => return None,
        // N is dynamic: the dimension that is not is the classes
        (None, columns, _) => columns,
        (rows, None, _) => rows,
        _ => None,
    };
    Some((boxes, scores, classes))
}

/// Parts of the names of boxes, and of scores, with corners.
const BOXES: &[&str] = &["boxes", "bbox", "box_pred", "reg_pred"];
const SCORES: &[&str] = &["scores", "confs", "cls_pred", "cls_score"];

/// An output with "boxes" and one with "scores" in its name; else the only two that match. A column for the background is
/// not guessed: classes count from the first column.
pub(super) fn fits(query: &Query<'_>) -> Answer {
    let by_name = match (named(query, BOXES), named(query, SCORES)) {
        (Some(boxes), Some(scores)) => pair(boxes, scores),
        _ => None,
    };
    let by_shape = || match query.outputs {
        // of [4, N] and [N, 4] the first fits one way only, unless there are four classes
        [a, b] => match (pair(a, b), pair(b, a)) {
            (Some(_), Some(_)) => None,
            (found, other) => found.or(other),
        },
        _ => None,
    };
    let is_named = by_name.is_some();
    let Some((boxes, scores, classes)) = by_name.or_else(by_shape) else { return Answer::No };
    let parser = BoxesScores {
        boxes: boxes.name.clone(),
        scores: scores.name.clone(),
        classes,
        are_centers: false,
        unit: Unit::Judged,
        activation: if is_named { Activation::None } else { Activation::Judged },
        one_class: false,
        background: None,
    };
    let assumed = (!is_named && query.function.is_none()).then(|| {
        format!("{boxes} is read as corners, {scores} as scores; if these are centres and logits, set parse-bbox-func-name=detr")
    });
    Answer::yes_but(parser, assumed)
}

/// Queries of the original DETR and the columns that it has for COCO, the last one for no object.
const DETR_QUERIES: usize = 100;
const DETR_COLUMNS: usize = 92;
/// Functions whose logits go through a softmax.
pub(super) const SOFTMAX: &[&str] = &["detr-softmax"];
/// The function of TAO's Deformable DETR, which leaves out the first class, the background.
pub(super) const DDETR: &[&str] = &["NvDsInferParseCustomDDETRTAO"];

/// The first table whose name holds one of `parts`.
fn named<'a>(query: &Query<'a>, parts: &[&str]) -> Option<&'a TensorInfo> {
    query.outputs.iter().find(|output| (2..=3).contains(&output.dims.len()) && has_part(&output.name, parts))
}

/// `dets` and `labels` of RF-DETR, which are boxes and logits.
pub(super) fn rf_detr(query: &Query<'_>) -> Answer {
    match (named(query, &["dets"]), named(query, &["labels"])) {
        (Some(boxes), Some(scores)) if !scores.is_whole() => match pair(boxes, scores) {
            Some((boxes, scores, columns)) => Answer::yes(logits(boxes, scores, columns, false, None)),
            None => Answer::No,
        },
        _ => Answer::No,
    }
}

fn logits(
    boxes: &TensorInfo,
    scores: &TensorInfo,
    columns: Option<usize>,
    softmax: bool,
    background: Option<u32>,
) -> BoxesScores {
    BoxesScores {
        boxes: boxes.name.clone(),
        scores: scores.name.clone(),
        classes: columns.map(|columns| columns.saturating_sub(usize::from(softmax))),
        are_centers: true,
        unit: Unit::Fractions,
        activation: if softmax { Activation::Softmax } else { Activation::Sigmoid },
        one_class: true,
        background,
    }
}

/// `pred_logits` or `logits` beside `pred_boxes`.
pub(super) fn detr(query: &Query<'_>) -> Answer {
    let found = match (named(query, &["boxes"]), named(query, &["logits"]), query.outputs) {
        (Some(boxes), Some(scores), _) => pair(boxes, scores),
        (_, _, [a, b]) if query.function.is_some() => pair(a, b).or_else(|| pair(b, a)),
        _ => None,
    };
    let Some((boxes, scores, columns)) = found else { return Answer::No };
    let is_original = boxes.dims.first() == Some(&Some(DETR_QUERIES)) && columns == Some(DETR_COLUMNS);
    let softmax = query.is_named(SOFTMAX) || query.function.is_none() && is_original;
    let assumed = (query.function.is_none() && boxes.dims.first() == Some(&Some(DETR_QUERIES))).then(|| {
        let (how, other) = if softmax { ("softmax", "detr") } else { ("sigmoid", SOFTMAX[0]) };
        format!("{scores} is read through a {how}; if that is wrong, set parse-bbox-func-name={other}")
    });
    let background = query.is_named(DDETR).then_some(0);
    Answer::yes_but(logits(boxes, scores, columns, softmax, background), assumed)
}

impl Parser for BoxesScores {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        found: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        let (boxes, scores) = (tensor(outputs, &self.boxes)?, tensor(outputs, &self.scores)?);
        let Some([count, BOX]) = rows_and_columns(boxes.dims) else {
            return Err(boxes.wrong("expected [N, 4]"));
        };
        let activation = match self.activation {
            Activation::Judged if scores.data.iter().any(|&score| score < 0.0) => Activation::Sigmoid,
            Activation::Judged => Activation::None,
            known => known,
        };
        let mut sink = Sink::new(context, found, self.unit);
        let mut take = |i: usize, class_id: u32, confidence: f32| {
            let Some((&place, _)) =
                boxes.data.get(i * BOX..).and_then(|rest| rest.split_first_chunk::<BOX>())
            else {
                return;
            };
            if self.background == Some(class_id) {
                return;
            }
            if self.are_centers {
                sink.center(class_id, confidence, place);
            } else {
                sink.corners(class_id, confidence, place);
            }
        };
        // The least number of the table that may matter. A softmax depends on the whole row.
        let least = match activation {
            Activation::None | Activation::Judged => context.least(),
            Activation::Sigmoid => logit(context.least()),
            Activation::Softmax => f32::NEG_INFINITY,
        };
        let probability = |score: f32| if activation == Activation::Sigmoid { sigmoid(score) } else { score };
        match rows_and_columns(scores.dims) {
            // [N, C] is the rule; most boxes are of no class, which one glance at the row tells
            Some([rows, columns]) if rows == count && columns > 0 => {
                let wanted = columns.min(context.thresholds.len());
                for (i, row) in scores.data.chunks_exact(columns).enumerate() {
                    let part = &row[..wanted];
                    if !any_reaches(part, least) {
                        continue;
                    }
                    if activation == Activation::Softmax {
                        // without the last column, that of no object
                        let part = &row[..wanted.min(columns - 1)];
                        if let Some((class_id, score)) = best(part) {
                            take(i, class_id, softmax(row, score));
                        }
                    } else if self.one_class {
                        if let Some((class_id, score)) = best(part) {
                            take(i, class_id, probability(score));
                        }
                    } else {
                        for (class_id, &score) in (0..).zip(part) {
                            if reaches(score, least) {
                                take(i, class_id, probability(score));
                            }
                        }
                    }
                }
            }
            // [C, N] only where it cannot be [N, C]
            Some([_, columns]) if columns == count => {
                let classes = scores.data.chunks_exact(columns.max(1));
                for (class_id, row) in (0..).zip(classes).take(context.thresholds.len()) {
                    for (i, &score) in row.iter().enumerate() {
                        if reaches(score, least) {
                            take(i, class_id, probability(score));
                        }
                    }
                }
            }
            _ => return Err(scores.wrong(format!("expected [{count}, C] or [C, {count}]"))),
        }
        Ok(sink.finish())
    }

    fn classes(&self) -> Option<usize> {
        self.classes
    }
}

/// The probability of `logit` among all of a row.
fn softmax(row: &[f32], logit: f32) -> f32 {
    let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = row.iter().map(|&other| (other - greatest).exp()).sum();
    (logit - greatest).exp() / sum
}
