//! DetectNet_v2: a grid of cells, each with a coverage (confidence) and a box for every class.

use slipstream_meta::{Rect, Size};

use super::query::{Answer, Query};
use super::{OutputTensor, ParseContext, ParseError, Parser, reaches, tensor};
use crate::cluster::Detection;

/// The network gives distances from a cell's centre to the edges in units of this many pixels.
const BOX_NORM: f32 = 35.0;
/// Centre of a cell's first pixel.
const CELL_OFFSET: f32 = 0.5;

#[derive(Debug)]
struct DetectNet {
    bbox: String,
    coverage: String,
    classes: Option<usize>,
}

/// The last output with "bbox" and the last with "cov" in its name.
pub(super) fn fits(query: &Query<'_>) -> Answer {
    let last = |part: &str| {
        query.outputs.iter().rev().find(|output| output.name.contains(part) && output.dims.len() == 3)
    };
    let (Some(bbox), Some(coverage)) = (last("bbox"), last("cov")) else { return Answer::No };
    let classes = coverage.dims.first().copied().flatten();
    if let (Some(classes), Some(&Some(corners))) = (classes, bbox.dims.first())
        && corners != 4 * classes
    {
        return Answer::No;
    }
    Answer::yes(DetectNet { bbox: bbox.name.clone(), coverage: coverage.name.clone(), classes })
}

impl Parser for DetectNet {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        boxes: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        let (bbox, coverage) = (tensor(outputs, &self.bbox)?, tensor(outputs, &self.coverage)?);
        let &[classes, rows, columns] = coverage.dims else {
            return Err(coverage.wrong("expected [classes, rows, columns]"));
        };
        if bbox.dims != [4 * classes, rows, columns] || rows * columns == 0 {
            return Err(bbox.wrong(format!("expected {:?}", [4 * classes, rows, columns])));
        }
        let Size { width, height } = context.network;
        let stride_x = (width as usize).div_ceil(columns) as f32;
        let stride_y = (height as usize).div_ceil(rows) as f32;
        let (right, bottom) = (width as f32 - 1.0, height as f32 - 1.0);
        let cells = rows * columns;
        let mut skipped = 0;
        let planes = coverage.data.chunks_exact(cells).zip(bbox.data.chunks_exact(4 * cells));
        for ((class_id, &threshold), (confidences, corners)) in (0..).zip(context.thresholds).zip(planes) {
            for (cell, &confidence) in confidences.iter().enumerate() {
                if !reaches(confidence, threshold) {
                    continue;
                }
                let corner =
                    |plane: usize| corners.get(plane * cells + cell).copied().unwrap_or(f32::NAN) * BOX_NORM;
                let x = (cell % columns) as f32 * stride_x + CELL_OFFSET;
                let y = (cell / columns) as f32 * stride_y + CELL_OFFSET;
                let edges = [x - corner(0), y - corner(1), x + corner(2), y + corner(3)];
                if !confidence.is_finite() || edges.iter().any(|edge| !edge.is_finite()) {
                    skipped += 1;
                    continue;
                }
                let [x1, y1, x2, y2] = edges;
                let (x1, x2) = (x1.clamp(0.0, right), x2.clamp(0.0, right));
                let (y1, y2) = (y1.clamp(0.0, bottom), y2.clamp(0.0, bottom));
                if x2 >= x1 && y2 >= y1 {
                    boxes.push(Detection { class_id, confidence, rect: Rect::from_corners(x1, y1, x2, y2) });
                }
            }
        }
        Ok(skipped)
    }

    fn classes(&self) -> Option<usize> {
        self.classes
    }

    fn is_coverage_grid(&self) -> bool {
        true
    }
}
