//! Heads of Generalized Focal Loss (Li et al., arXiv 2006.04388): for each cell, class scores, and for each edge a
//! distribution of its distance, whose mean counts. NanoDet-Plus and PicoDet (Yu et al., arXiv 2111.00902) export them so.
//!
//! | model | outputs | a cell's point |
//! |---|---|---|
//! | NanoDet-Plus | one of [N, C + 4 (R + 1)], strides 8 to 64 | its top left corner |
//! | PicoDet | for each stride [n, C] and [n, 4 (R + 1)] | its centre |
//!
//! Distances are in units of the stride, from 0 to R; R is 7 in all published models.

use slipstream_meta::Size;

use super::query::{Answer, Query, cells, grid, has_part};
use super::sink::{Sink, Unit, any_reaches};
use super::{OutputTensor, ParseContext, ParseError, Parser, TensorInfo, tensor};
use crate::cluster::Detection;

/// Values that a distance's distribution is given for.
const BINS: usize = 8;
/// Numbers of a cell's four distributions: left, top, right, bottom.
const EDGES: usize = 4 * BINS;
/// Strides of the models.
const STRIDES: [u32; 4] = [8, 16, 32, 64];
/// Rows that the grids of a network's sides are no multiples of have with [`STRIDES`], but YOLOs of the same strides not:
/// their sides are multiples of the greatest.
const YOLO_MULTIPLE: u32 = 64;
/// Where a cell's point is, in units of the stride.
const CORNER: f32 = 0.0;
const CENTER: f32 = 0.5;

/// Where the numbers of a grid's cells are: an output, its first row, and the first number of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    output: String,
    row: usize,
    column: usize,
}

/// One grid.
#[derive(Debug)]
struct Level {
    stride: u32,
    scores: Part,
    edges: Part,
}

#[derive(Debug)]
struct Gfl {
    levels: Vec<Level>,
    point: f32,
    classes: Option<usize>,
}

/// NanoDet-Plus: one table of all grids, scores before distributions.
pub(super) fn nanodet(query: &Query<'_>) -> Answer {
    let [output] = query.outputs else { return Answer::No };
    let &[count, Some(width)] = output.dims.as_slice() else { return Answer::No };
    let (Size { width: w, height: h }, named) = (query.network, query.function.is_some());
    let fits = width > EDGES && count.is_none_or(|count| count == cells(query.network, &STRIDES));
    let classes = width.saturating_sub(EDGES);
    // a YOLO of the same strides has as many rows
    let may_be_yolo = count.is_none() || w % YOLO_MULTIPLE == 0 && h % YOLO_MULTIPLE == 0;
    if !fits || may_be_yolo && !named && query.classes != Some(classes) {
        return Answer::No;
    }
    let mut row = 0;
    let levels = STRIDES.map(|stride| {
        let part = |column| Part { output: output.name.clone(), row, column };
        let level = Level { stride, scores: part(0), edges: part(classes) };
        let [columns, rows] = grid(query.network, stride);
        row += columns * rows;
        level
    });
    Answer::yes(Gfl { levels: levels.into(), point: CORNER, classes: Some(classes) })
}

/// PicoDet: two tables for each grid.
pub(super) fn picodet(query: &Query<'_>) -> Answer {
    let Some(levels) = picodet_levels(query) else { return Answer::No };
    let classes = |level: &(u32, &TensorInfo, &TensorInfo)| level.1.dims.last().copied().flatten();
    let first = levels.first().and_then(classes);
    if levels.iter().any(|level| classes(level) != first) {
        return Answer::No;
    }
    let part = |output: &TensorInfo| Part { output: output.name.clone(), row: 0, column: 0 };
    let levels = levels.iter().map(|&(stride, scores, edges)| Level {
        stride,
        scores: part(scores),
        edges: part(edges),
    });
    Answer::yes(Gfl { levels: levels.collect(), point: CENTER, classes: first })
}

/// Stride, scores and distributions of each grid.
fn picodet_levels<'a>(query: &Query<'a>) -> Option<Vec<(u32, &'a TensorInfo, &'a TensorInfo)>> {
    let mut levels = Vec::new();
    for stride in STRIDES {
        let count = cells(query.network, &[stride]);
        let mut of_grid = query.outputs.iter().filter(|output| {
            matches!(*output.dims.as_slice(), [rows, Some(_)] if rows == Some(count)) && !output.is_whole()
        });
        let (Some(a), Some(b), None) = (of_grid.next(), of_grid.next(), of_grid.next()) else { continue };
        let is_edges = |output: &TensorInfo| output.dims.last() == Some(&Some(EDGES));
        let (scores, edges) = match (is_edges(a), is_edges(b)) {
            (false, true) => (a, b),
            (true, false) => (b, a),
            // as many classes as numbers of distributions: a name tells, or the order
            (true, true) if has_part(&a.name, &["dis", "reg", "box"]) => (b, a),
            (true, true) => (a, b),
            (false, false) => return None,
        };
        levels.push((stride, scores, edges));
    }
    (!levels.is_empty() && 2 * levels.len() == query.outputs.len()).then_some(levels)
}

impl Part {
    /// The rows of `count` cells, and where in them the numbers are.
    fn rows<'a>(
        &self,
        outputs: &[OutputTensor<'a>],
        count: usize,
        numbers: Option<usize>,
    ) -> Result<(std::slice::ChunksExact<'a, f32>, usize), ParseError> {
        let output = tensor(outputs, &self.output)?;
        let wrong = || output.wrong(format!("expected {} or more rows of a fixed width", self.row + count));
        let &[_, width] = output.dims else { return Err(wrong()) };
        let data = output.data.get(self.row * width..(self.row + count) * width).ok_or_else(wrong)?;
        if width == 0 || width < self.column + numbers.unwrap_or_default() {
            return Err(wrong());
        }
        Ok((data.chunks_exact(width), self.column))
    }
}

impl Parser for Gfl {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        boxes: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        let least = context.least();
        let wanted = self.classes.unwrap_or_default().min(context.thresholds.len());
        let mut sink = Sink::new(context, boxes, Unit::Pixels);
        for level in &self.levels {
            let [columns, rows] = grid(context.network, level.stride);
            let (scores, score) = level.scores.rows(outputs, columns * rows, self.classes)?;
            let (edges, edge) = level.edges.rows(outputs, columns * rows, Some(EDGES))?;
            let stride = level.stride as f32;
            for (cell, (scores, edges)) in scores.zip(edges).enumerate() {
                let scores = scores.get(score..score + wanted).unwrap_or_default();
                if !any_reaches(scores, least) {
                    continue;
                }
                let edges = edges.get(edge..edge + EDGES).unwrap_or_default();
                let mut distances = [0.0; 4];
                for (distance, bins) in distances.iter_mut().zip(edges.chunks_exact(BINS)) {
                    *distance = mean(bins) * stride;
                }
                let [left, up, right, down] = distances;
                let x = ((cell % columns.max(1)) as f32 + self.point) * stride;
                let y = ((cell / columns.max(1)) as f32 + self.point) * stride;
                // a cell may be of several classes, as in the authors' own post-processing
                for (class_id, &confidence) in (0..).zip(scores) {
                    sink.corners(class_id, confidence, [x - left, y - up, x + right, y + down]);
                }
            }
        }
        Ok(sink.finish())
    }

    fn classes(&self) -> Option<usize> {
        self.classes
    }
}

/// The mean of a distribution over 0, 1, 2, …, given as logits.
fn mean(logits: &[f32]) -> f32 {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for (value, logit) in logits.iter().enumerate() {
        let weight = (logit - greatest).exp();
        sum += weight;
        weighted += weight * value as f32;
    }
    weighted / sum
}
