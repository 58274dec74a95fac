//! Heads with one row of numbers for each cell or anchor: YOLOv3 to v13, YOLOX and their kin, from the papers' equations.
//!
//! | form | numbers of a candidate | who |
//! |---|---|---|
//! | objectness | x, y, w, h, objectness, class probabilities | YOLOv3, v4, v5, v7, decoded; YOLOv6's early exports; YOLOX |
//! | plain | x, y, w, h, class probabilities | YOLOv6, v8, v9, v11, v12 and the like |
//!
//! x, y is the centre; all four are pixels of the network's input. YOLOX (Ge et al., arXiv 2107.08430) gives offsets within
//! the cell and logarithms of the size instead, in units of the stride; whether an export decodes them is told by the
//! numbers. Candidates run along the first dimension or along the second.

use slipstream_meta::Size;

use super::query::{Answer, Query, cells, grid, rows_and_columns};
use super::sink::{Sink, Unit, any_reaches, best};
use super::{OutputTensor, ParseContext, ParseError, Parser, reaches, tensor};
use crate::cluster::Detection;

/// Sets of strides that detectors are made of, the most common first.
const STRIDES: [&[u32]; 4] = [&[8, 16, 32], &[8, 16, 32, 64], &[4, 8, 16, 32], &[16, 32]];
/// Strides of YOLOX.
const YOLOX_STRIDES: [u32; 3] = [8, 16, 32];
/// Anchors of a cell in all YOLOs from v3 to v7.
const ANCHORS: usize = 3;
/// Numbers of a box.
const BOX: usize = 4;
/// Columns of exports that already chose the class: see [`super::rows`].
const CHOSEN: usize = 6;
/// Columns of a plain head for the classes of COCO, the ones most pretrained models know.
const COCO_PLAIN: usize = BOX + 80;
/// Candidates that are looked at together where they run along the second dimension: their scores fit into the first cache.
const BLOCK: usize = 512;

/// What the numbers of a candidate are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Objectness,
    Plain,
}

impl Form {
    /// Numbers before the class probabilities.
    fn head(self) -> usize {
        match self {
            Self::Objectness => BOX + 1,
            Self::Plain => BOX,
        }
    }
}

#[derive(Debug)]
struct Yolo {
    output: String,
    form: Form,
    /// Numbers after the class probabilities: coefficients of masks.
    masks: usize,
    /// Whether the classes' columns run along the first dimension, where the declared shape says so.
    by_class: Option<bool>,
    classes: Option<usize>,
}

/// How many candidates a head has, and how it lies.
struct Shape {
    per_cell: Option<usize>,
    by_class: bool,
    columns: Option<usize>,
}

/// Finds the dimension that counts candidates. With `is_told`, that this is such a head is known, whatever its grids.
fn shape(dims: [Option<usize>; 2], network: Size, is_told: bool) -> Option<Shape> {
    let per_cell = |count: Option<usize>| {
        let count = count?;
        let is = |anchors: usize| STRIDES.iter().any(|strides| anchors * cells(network, strides) == count);
        [1, ANCHORS].into_iter().find(|&anchors| is(anchors))
    };
    let [first, second] = dims;
    match (per_cell(first), per_cell(second)) {
        (Some(anchors), _) => Some(Shape { per_cell: Some(anchors), by_class: false, columns: second }),
        (None, Some(anchors)) => Some(Shape { per_cell: Some(anchors), by_class: true, columns: first }),
        // The number of candidates is often free; the other is not.
        (None, None) => match dims {
            [None, Some(columns)] => Some(Shape { per_cell: None, by_class: false, columns: Some(columns) }),
            [Some(columns), None] => Some(Shape { per_cell: None, by_class: true, columns: Some(columns) }),
            [Some(a), Some(b)] if is_told => {
                Some(Shape { per_cell: None, by_class: a < b, columns: Some(a.min(b)) })
            }
            [None, None] if is_told => Some(Shape { per_cell: None, by_class: false, columns: None }),
            _ => None,
        },
    }
}

/// Undecoded or decoded cells with an objectness: one candidate for each cell.
pub(super) fn yolox(query: &Query<'_>) -> Answer {
    fits(query, |form, per_cell| form == Form::Objectness && per_cell != Some(ANCHORS))
}

/// Decoded anchors with an objectness.
pub(super) fn objectness(query: &Query<'_>) -> Answer {
    fits(query, |form, per_cell| form == Form::Objectness && per_cell == Some(ANCHORS))
}

/// Decoded cells without objectness.
pub(super) fn plain(query: &Query<'_>) -> Answer {
    fits(query, |form, _| form == Form::Plain)
}

/// A table of cells or anchors, one row or one column for each, if it `is_wanted`.
fn fits(query: &Query<'_>, is_wanted: impl Fn(Form, Option<usize>) -> bool) -> Answer {
    let Some((output, dims)) = query.only_table() else { return Answer::No };
    let is_told = query.is_named(PLAIN) || query.is_named(OBJECTNESS);
    let Some(Shape { per_cell, by_class, columns }) = shape(dims, query.network, is_told) else {
        return Answer::No;
    };
    let masks = query.mask_channels().unwrap_or_default();
    let width = columns.map(|columns| columns.saturating_sub(masks));
    let is_for =
        |form: Form| width.zip(query.classes).is_some_and(|(width, classes)| width == form.head() + classes);
    let is_chosen = width == Some(CHOSEN) && !by_class && !is_for(Form::Plain) && !is_for(Form::Objectness);
    let (form, assumed) = if query.is_named(PLAIN) {
        (Form::Plain, None)
    } else if query.is_named(OBJECTNESS) {
        (Form::Objectness, None)
    } else if is_chosen {
        return Answer::No;
    } else if by_class {
        // Only the plain heads are exported this way round.
        (Form::Plain, None)
    } else if per_cell == Some(ANCHORS) || is_for(Form::Objectness) {
        (Form::Objectness, None)
    } else if is_for(Form::Plain) {
        (Form::Plain, None)
    } else if width == Some(COCO_PLAIN + 1) {
        (Form::Objectness, None)
    } else if width == Some(COCO_PLAIN) {
        (
            Form::Plain,
            Some("4 numbers and 80 classes; if the fifth is an objectness, set parse-bbox-func-name=yolox"),
        )
    } else {
        (
            Form::Objectness,
            Some("5 numbers and classes; if there is no objectness, set parse-bbox-func-name=yolov8"),
        )
    };
    let (Some(true) | None) = width.map(|width| width > form.head()) else { return Answer::No };
    if !is_told && !is_wanted(form, per_cell) {
        return Answer::No;
    }
    let assumed = assumed.filter(|_| query.classes.is_none() || per_cell.is_some());
    let assumed = assumed.map(|what| format!("{output} is read as {what}"));
    let declared = dims.iter().any(Option::is_some).then_some(by_class);
    let classes = width.map(|width| width - form.head());
    let parser = Yolo { output: output.name.clone(), form, masks, by_class: declared, classes };
    Answer::yes_but(parser, assumed)
}

/// Functions that say that there is an objectness.
pub(super) const OBJECTNESS: &[&str] = &[
    "yolox",
    "NvDsInferParseYolox",
    "yolov3",
    "yolov3-tiny",
    "yolov4",
    "yolov4-tiny",
    "yolov5",
    "yolov7",
    "yolov7-tiny",
    "NvDsInferParseYoloV5",
    "NvDsInferParseCustomYoloV5",
    "NvDsInferParseCustomYoloV7",
    "NvDsInferParseCustomYoloV7_cuda",
];
/// Functions that say that there is none.
pub(super) const PLAIN: &[&str] =
    &["yolov8", "NvDsInferParseYoloV8", "NvDsInferParseCustomYoloV8", "NvDsInferParseYoloV9"];

impl Yolo {
    fn expected(&self, network: Size) -> String {
        let (head, cells) = (self.form.head(), cells(network, &YOLOX_STRIDES));
        format!("expected [N, {head} + classes] or [{head} + classes, N], N being 1 or {ANCHORS} × {cells}")
    }
}

impl Parser for Yolo {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        boxes: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        let output = tensor(outputs, &self.output)?;
        let wrong = || output.wrong(self.expected(context.network));
        let dims = rows_and_columns(output.dims).ok_or_else(wrong)?;
        let by_class = match self.by_class {
            Some(by_class) => by_class,
            None => shape(dims.map(Some), context.network, true).ok_or_else(wrong)?.by_class,
        };
        let [count, width] = if by_class { [dims[1], dims[0]] } else { dims };
        let head = self.form.head();
        let classes = width.saturating_sub(head + self.masks).min(context.thresholds.len());
        if width <= head + self.masks || output.data.len() != count * width {
            return Err(wrong());
        }
        let head = Head { data: output.data, count, width, form: self.form, classes };
        let mut sink = Sink::new(context, boxes, Unit::Judged);
        let cells = Cells::of(&head, context.network, by_class);
        if by_class {
            head.columns(context, |i, class_id, confidence, rect| {
                sink.center(class_id, confidence, cells.place(i, rect));
            });
        } else {
            head.rows(context, |i, class_id, confidence, rect| {
                sink.center(class_id, confidence, cells.place(i, rect));
            });
        }
        Ok(sink.finish())
    }

    fn classes(&self) -> Option<usize> {
        self.classes
    }
}

/// The numbers of all candidates.
struct Head<'a> {
    data: &'a [f32],
    count: usize,
    width: usize,
    form: Form,
    /// Classes that are wanted.
    classes: usize,
}

impl Head<'_> {
    /// Hands on the candidates that may be wanted, where each has a row of its own. A candidate is of its most probable
    /// class, as in the authors' own post-processing.
    fn rows(&self, context: &ParseContext<'_>, mut take: impl FnMut(usize, u32, f32, [f32; BOX])) {
        let least = context.least();
        let head = self.form.head();
        for (i, row) in self.data.chunks_exact(self.width).enumerate() {
            let Some((&rect, rest)) = row.split_first_chunk::<BOX>() else { continue };
            let objectness = match (self.form, rest.first()) {
                (Form::Objectness, Some(&objectness)) => objectness,
                _ => 1.0,
            };
            // No probability exceeds 1.
            if !reaches(objectness, least) {
                continue;
            }
            let scores = row.get(head..head + self.classes).unwrap_or_default();
            if !any_reaches(scores, least) {
                continue;
            }
            if let Some((class_id, probability)) = best(scores) {
                take(i, class_id, objectness * probability, rect);
            }
        }
    }

    /// The same where each has a column.
    fn columns(&self, context: &ParseContext<'_>, mut take: impl FnMut(usize, u32, f32, [f32; BOX])) {
        let least = context.least();
        let head = self.form.head();
        let at = |line: usize, i: usize| self.data.get(line * self.count + i).copied().unwrap_or(f32::NAN);
        let mut reached = [false; BLOCK];
        for start in (0..self.count).step_by(BLOCK) {
            let length = BLOCK.min(self.count - start);
            let line = |line: usize| {
                let first = line * self.count + start;
                self.data.get(first..first + length).unwrap_or_default()
            };
            let reached = &mut reached[..length];
            reached.fill(false);
            for class in 0..self.classes {
                for (reached, &score) in reached.iter_mut().zip(line(head + class)) {
                    *reached |= reaches(score, least);
                }
            }
            for i in (0..length).filter(|&i| reached[i]).map(|i| start + i) {
                let objectness = if self.form == Form::Objectness { at(BOX, i) } else { 1.0 };
                let scores = (0..).zip((0..self.classes).map(|class| at(head + class, i)));
                let best =
                    scores.reduce(|best, next| if next.1 > best.1 || best.1.is_nan() { next } else { best });
                if let Some((class_id, probability)) = best {
                    take(i, class_id, objectness * probability, [at(0, i), at(1, i), at(2, i), at(3, i)]);
                }
            }
        }
    }
}

/// Where the cells of an undecoded head are.
struct Cells {
    /// Columns, stride and first candidate of each grid; empty if the boxes are decoded.
    grids: Vec<(usize, f32, usize)>,
}

/// Of so many candidates, one tells whether boxes are decoded. A prime, so that all columns of a grid have their turn; grids
/// of a multiple of it belong to networks of 1184 pixels and more.
const SAMPLED: usize = 37;
/// Undecoded centres lie within few cells of their own: their mean is far below this share of the network's width, that of
/// decoded ones is about half of it.
const DECODED_SHARE: f32 = 1.0 / 8.0;

impl Cells {
    fn of(head: &Head<'_>, network: Size, by_class: bool) -> Self {
        let step = if by_class { 1 } else { head.width };
        let centers = || head.data.iter().step_by(step * SAMPLED).take(head.count.div_ceil(SAMPLED));
        let may_be_raw = head.form == Form::Objectness && head.count == cells(network, &YOLOX_STRIDES);
        let finite = || centers().copied().filter(|x| x.is_finite());
        let mean = finite().sum::<f32>() / finite().count().max(1) as f32;
        let mut grids = Vec::new();
        if may_be_raw && mean < network.width as f32 * DECODED_SHARE {
            let mut first = 0;
            for stride in YOLOX_STRIDES {
                let [columns, rows] = grid(network, stride);
                grids.push((columns, stride as f32, first));
                first += columns * rows;
            }
        }
        Self { grids }
    }

    /// The box of candidate `i` in pixels.
    fn place(&self, i: usize, [x, y, w, h]: [f32; BOX]) -> [f32; BOX] {
        let Some(&(columns, stride, first)) = self.grids.iter().rev().find(|&&(_, _, first)| first <= i)
        else {
            return [x, y, w, h];
        };
        let (column, row) = ((i - first) % columns.max(1), (i - first) / columns.max(1));
        [(x + column as f32) * stride, (y + row as f32) * stride, w.exp() * stride, h.exp() * stride]
    }
}
