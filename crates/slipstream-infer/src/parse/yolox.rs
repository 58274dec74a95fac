//! The raw head of YOLOX (Ge et al., arXiv 2107.08430): cells of three grids, each with centre, logarithm of the size,
//! objectness and class probabilities.
//!
//! The network was trained on pictures padded with grey 114 at the right and bottom; here, as in nvinfer, the padding is
//! black (`maintain-aspect-ratio=1`).

use slipstream_meta::{Rect, Size};

use super::{OutputTensor, ParseContext, ParseError, Parser, TensorInfo, reaches, tensor};
use crate::cluster::Detection;

/// Pixels of a cell, grid by grid.
const STRIDES: [u32; 3] = [8, 16, 32];
/// Numbers of a cell before its class probabilities: centre x, y, logarithm of width, height, objectness.
const HEAD: usize = 5;

#[derive(Debug)]
struct Yolox {
    output: String,
    classes: Option<usize>,
}

/// One output of [N, 5 + C], N being the number of cells of the three grids.
pub(super) fn fits(outputs: &[TensorInfo], network: Size) -> Option<Box<dyn Parser>> {
    let [output] = outputs else { return None };
    let &[count, columns] = output.dims.as_slice() else { return None };
    let fits =
        count.is_none_or(|count| count == cells(network)) && columns.is_none_or(|columns| columns > HEAD);
    let classes = columns.map(|columns| columns.saturating_sub(HEAD));
    // with neither dimension known, anything would fit
    let known = count.is_some() || columns.is_some();
    (fits && known).then(|| Box::new(Yolox { output: output.name.clone(), classes }) as Box<dyn Parser>)
}

fn grid(network: Size, stride: u32) -> (usize, usize) {
    ((network.width / stride) as usize, (network.height / stride) as usize)
}

fn cells(network: Size) -> usize {
    STRIDES.iter().map(|&stride| grid(network, stride)).map(|(columns, rows)| columns * rows).sum()
}

impl Parser for Yolox {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        boxes: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        let output = tensor(outputs, &self.output)?;
        let cells = cells(context.network);
        let width = match *output.dims {
            [count, width] if count == cells && width > HEAD => width,
            _ => return Err(output.wrong(format!("expected [{cells}, 5 + classes]"))),
        };
        let least = context.thresholds.iter().copied().fold(f32::INFINITY, f32::min);
        let mut skipped = 0;
        let mut rows = output.data.chunks_exact(width);
        for stride in STRIDES {
            let (columns, lines) = grid(context.network, stride);
            let stride = stride as f32;
            for (cell, row) in rows.by_ref().take(columns * lines).enumerate() {
                let (&[x, y, w, h, objectness], classes) =
                    row.split_first_chunk::<HEAD>().unwrap_or((&[0.0; HEAD], &[]));
                // no class probability exceeds 1
                if !reaches(objectness, least) {
                    continue;
                }
                // a cell is of its most probable class, as in the authors' own post-processing
                let scores = (0..).zip(classes).take(context.thresholds.len());
                let best = scores.reduce(|best, next| if next.1 > best.1 { next } else { best });
                let Some((class_id, &probability)) = best else { continue };
                let confidence = objectness * probability;
                let threshold = context.thresholds.get(class_id as usize).copied().unwrap_or(f32::INFINITY);
                if !reaches(confidence, threshold) {
                    continue;
                }
                let center_x = (x + (cell % columns) as f32) * stride;
                let center_y = (y + (cell / columns) as f32) * stride;
                let (w, h) = (w.exp() * stride, h.exp() * stride);
                if [center_x, center_y, w, h, confidence].iter().any(|value| !value.is_finite()) {
                    skipped += 1;
                } else if let Some(rect) =
                    context.clip(&Rect::new(center_x - w / 2.0, center_y - h / 2.0, w, h))
                {
                    boxes.push(Detection { class_id, confidence, rect });
                }
            }
        }
        Ok(skipped)
    }

    fn classes(&self) -> Option<usize> {
        self.classes
    }
}
