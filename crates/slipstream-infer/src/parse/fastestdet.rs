//! FastestDet: one grid of [5 + C, rows, columns] with objectness, a box and class probabilities for each cell.
//!
//! The centre is the cell's corner plus tanh(x), tanh(y) cells; the size is sigmoid(w), sigmoid(h) of the network's input.

use super::query::{Answer, Query};
use super::sink::{Sink, Unit, best, sigmoid};
use super::{OutputTensor, ParseContext, ParseError, Parser, reaches, tensor};
use crate::cluster::Detection;

/// Pixels of a cell.
const STRIDE: u32 = 16;
/// Numbers of a cell before its class probabilities.
const HEAD: usize = 5;

#[derive(Debug)]
struct FastestDet {
    output: String,
    classes: usize,
}

/// One map of the grid of stride 16.
pub(super) fn fits(query: &Query<'_>) -> Answer {
    let [output] = query.outputs else { return Answer::No };
    let &[Some(channels), Some(rows), Some(columns)] = output.dims.as_slice() else { return Answer::No };
    if [columns, rows] != super::query::grid(query.network, STRIDE) || channels <= HEAD {
        return Answer::No;
    }
    Answer::yes(FastestDet { output: output.name.clone(), classes: channels - HEAD })
}

impl Parser for FastestDet {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        boxes: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        let output = tensor(outputs, &self.output)?;
        let &[channels, rows, columns] = output.dims else {
            return Err(output.wrong("expected [5 + C, rows, columns]"));
        };
        let count = rows * columns;
        if channels != HEAD + self.classes || count == 0 {
            return Err(output.wrong(format!("expected [{}, rows, columns]", HEAD + self.classes)));
        }
        let least = context.least();
        let at = |channel: usize, cell: usize| {
            output.data.get(channel * count + cell).copied().unwrap_or(f32::NAN)
        };
        let wanted = self.classes.min(context.thresholds.len());
        let mut sink = Sink::new(context, boxes, Unit::Fractions);
        let mut scores = vec![0.0; wanted];
        for (cell, &objectness) in output.data.iter().take(count).enumerate() {
            // no probability exceeds 1
            if !reaches(objectness, least) {
                continue;
            }
            for (class, score) in scores.iter_mut().enumerate() {
                *score = at(HEAD + class, cell);
            }
            let Some((class_id, probability)) = best(&scores) else { continue };
            let x = ((cell % columns) as f32 + at(1, cell).tanh()) / columns as f32;
            let y = ((cell / columns) as f32 + at(2, cell).tanh()) / rows as f32;
            let rect = [x, y, sigmoid(at(3, cell)), sigmoid(at(4, cell))];
            sink.center(class_id, objectness * probability, rect);
        }
        Ok(sink.finish())
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }
}
