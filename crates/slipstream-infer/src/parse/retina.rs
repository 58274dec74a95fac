//! RetinaNet (Lin et al., arXiv 1708.02002) and EfficientDet (Tan et al., arXiv 1911.09070) before decoding: for each of nine
//! anchors of each cell of five grids, class scores beside the box's shift and scale.
//!
//! | model | regression | anchors of a cell |
//! |---|---|---|
//! | RetinaNet, as torchvision has it | x, y, w, h | sides 4·stride · 2^(0, ⅓, ⅔) rounded, height to width ½, 1, 2; around the cell's corner |
//! | EfficientDet | y, x, h, w | sides 4·stride · 2^(0, ⅓, ⅔), width × height 1 × 1, 1.4 × 0.7, 0.7 × 1.4; around its centre |
//!
//! A third output [N, 4] of anchors (y1, x1, y2, x2), which EfficientDet's PyTorch exports have, counts instead.

use slipstream_meta::Size;

use super::query::{Answer, Query, cells, grid, has_part, rows_and_columns};
use super::sink::{Sink, Unit, any_reaches, best, logit, sigmoid};
use super::{OutputTensor, ParseContext, ParseError, Parser, tensor};
use crate::cluster::Detection;

/// Pixels of a cell, grid by grid.
const STRIDES: [u32; 5] = [8, 16, 32, 64, 128];
/// Anchors of a cell.
const PER_CELL: usize = 9;
/// Side of the smallest anchor in units of the stride.
const BASE: f32 = 4.0;
/// Sizes of an octave.
const OCTAVE: usize = 3;
/// Height to width in RetinaNet.
const RATIOS: [f32; 3] = [0.5, 1.0, 2.0];
/// Width and height in EfficientDet.
const SHAPES: [[f32; 2]; 3] = [[1.0, 1.0], [1.4, 0.7], [0.7, 1.4]];
/// Greatest logarithm of a scale: 1000 / 16, so that no box is beyond measure (RetinaNet's and torchvision's bound).
const GREATEST_SCALE: f32 = 4.135_166_6;
/// Numbers of a box.
const BOX: usize = 4;

#[derive(Debug)]
struct Retina {
    scores: String,
    boxes: String,
    /// An output with the anchors.
    given: Option<String>,
    /// Centre x, y, width, height of each anchor, where no output gives them.
    anchors: Vec<[f32; BOX]>,
    /// Whether the numbers of a box begin with y.
    is_yx: bool,
    classes: Option<usize>,
}

/// Functions of RetinaNet, and of EfficientDet.
pub(super) const RETINANET: &[&str] = &["retinanet"];
pub(super) const EFFICIENTDET: &[&str] = &["efficientdet"];

/// Two tables with nine rows for each cell.
pub(super) fn fits(query: &Query<'_>) -> Answer {
    let count = PER_CELL * cells(query.network, &STRIDES);
    let mut tables = query.tables().filter(|(_, dims)| dims[0] == Some(count));
    let mut boxes: Vec<_> = Vec::new();
    let mut scores = None;
    for (output, [_, columns]) in tables.by_ref() {
        let is_scores = has_part(&output.name, &["cls", "class", "score", "logits", "conf"]);
        if columns == Some(BOX) && (!is_scores || scores.is_some()) {
            boxes.push(output);
        } else {
            scores = Some((output, columns));
        }
    }
    let Some((scores, classes)) = scores else { return Answer::No };
    let given =
        boxes.iter().position(|output| has_part(&output.name, &["anchor", "prior"])).map(|i| boxes.remove(i));
    let [regression] = boxes.as_slice() else { return Answer::No };
    let decoded = has_part(&regression.name, &["boxes"]) && query.function.is_none();
    if decoded {
        return Answer::No;
    }
    let is_yx = query.is_named(EFFICIENTDET) || query.function.is_none() && given.is_some();
    let (name, other) = if is_yx { ("EfficientDet", RETINANET[0]) } else { ("RetinaNet", EFFICIENTDET[0]) };
    let assumed = query.function.is_none().then(|| {
        format!(
            "{regression} is decoded with the anchors of {name}; for others set parse-bbox-func-name={other}"
        )
    });
    let anchors = match given {
        Some(_) => Vec::new(),
        None if is_yx => efficientdet_anchors(query.network),
        None => retinanet_anchors(query.network),
    };
    let parser = Retina {
        scores: scores.name.clone(),
        boxes: regression.name.clone(),
        given: given.map(|output| output.name.clone()),
        anchors,
        is_yx,
        classes,
    };
    Answer::yes_but(parser, assumed)
}

/// Anchors of all cells: `sizes` of a cell in pixels, around the point `at` within it in units of the stride.
fn anchors(network: Size, at: f32, sizes: impl Fn(f32) -> Vec<[f32; 2]>) -> Vec<[f32; BOX]> {
    let mut anchors = Vec::with_capacity(PER_CELL * cells(network, &STRIDES));
    for stride in STRIDES {
        let [columns, rows] = grid(network, stride);
        let sizes = sizes(stride as f32);
        for cell in 0..columns * rows {
            let x = ((cell % columns) as f32 + at) * stride as f32;
            let y = ((cell / columns) as f32 + at) * stride as f32;
            anchors.extend(sizes.iter().map(|&[width, height]| [x, y, width, height]));
        }
    }
    anchors
}

/// Sides of the squares of an octave.
fn sides(stride: f32) -> impl Iterator<Item = f32> {
    (0..OCTAVE).map(move |step| BASE * stride * 2f32.powf(step as f32 / OCTAVE as f32))
}

fn efficientdet_anchors(network: Size) -> Vec<[f32; BOX]> {
    anchors(network, 0.5, |stride| {
        sides(stride).flat_map(|side| SHAPES.map(|[width, height]| [width * side, height * side])).collect()
    })
}

fn retinanet_anchors(network: Size) -> Vec<[f32; BOX]> {
    anchors(network, 0.0, |stride| {
        let of_ratio = |ratio: f32| {
            // torchvision takes whole sides, and edges at their halves rounded to even
            sides(stride).map(move |side| {
                let side = side.trunc();
                [side / ratio.sqrt(), side * ratio.sqrt()]
                    .map(|length| 2.0 * (length / 2.0).round_ties_even())
            })
        };
        RATIOS.into_iter().flat_map(of_ratio).collect()
    })
}

impl Parser for Retina {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        found: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        let (scores, boxes) = (tensor(outputs, &self.scores)?, tensor(outputs, &self.boxes)?);
        let given = self.given.as_ref().map(|name| tensor(outputs, name)).transpose()?;
        let count = given.map_or(self.anchors.len(), |given| given.data.len() / BOX);
        let Some([rows, columns]) =
            rows_and_columns(scores.dims).filter(|&[rows, width]| rows == count && width > 0)
        else {
            return Err(scores.wrong(format!("expected [{count}, classes]")));
        };
        if boxes.data.len() != rows * BOX {
            return Err(boxes.wrong(format!("expected [{rows}, 4]")));
        }
        let anchor = |i: usize| match given.map(|given| given.data.get(i * BOX..(i + 1) * BOX)) {
            Some(Some(&[y1, x1, y2, x2])) => [(x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1],
            Some(_) => [f32::NAN; BOX],
            None => self.anchors.get(i).copied().unwrap_or([f32::NAN; BOX]),
        };
        // heads end before or after the logistic function
        let are_logits = scores.data.iter().any(|&score| score < 0.0);
        let least = if are_logits { logit(context.least()) } else { context.least() };
        let mut sink = Sink::new(context, found, Unit::Pixels);
        let wanted = columns.min(context.thresholds.len());
        for (i, (row, shift)) in
            scores.data.chunks_exact(columns).zip(boxes.data.chunks_exact(BOX)).enumerate()
        {
            let row = &row[..wanted];
            if !any_reaches(row, least) {
                continue;
            }
            let (Some((class_id, score)), &[a, b, c, d]) = (best(row), shift) else { continue };
            let [dx, dy, dw, dh] = if self.is_yx { [b, a, d, c] } else { [a, b, c, d] };
            let [x, y, w, h] = anchor(i);
            let place =
                [x + dx * w, y + dy * h, w * dw.min(GREATEST_SCALE).exp(), h * dh.min(GREATEST_SCALE).exp()];
            sink.center(class_id, if are_logits { sigmoid(score) } else { score }, place);
        }
        Ok(sink.finish())
    }

    fn classes(&self) -> Option<usize> {
        self.classes
    }
}
