//! Outputs of an instance segmentation network: boxes, each with a mask.
//!
//! | layout | outputs, without the batch |
//! |---|---|
//! | Mask R-CNN | `…detection…` [N, 6]: top, left, bottom, right as parts of the input, class, confidence; `…mask…` [N, C, h, w] |
//! | boxes and masks | `…boxes…` [N, 4]: left, top, right, bottom in network pixels; `…scores…` [N, C]; `…mask…` [N, h, w] or [N, C, h, w] |
//! | prototypes (YOLACT, arXiv:1904.02689) | `…boxes…`, `…scores…` as above; `…coef…` [N, K]; `…proto…` [K, h, w], over the whole input |
//!
//! Masks of the first two cover their box. What is outside of 0…1 is taken for logits.

mod grid;

use grid::{Grid, sigmoid};
use slipstream_meta::{Mask, Rect};

use crate::cluster::Detection;
use crate::config::{ClusterMode, InferConfig, NetworkType};
use crate::detector::{classes, placed, thresholds};
use crate::error::InferError;
use crate::outputs::wanted;
use crate::parse::{OutputTensor, ParseError, TensorInfo};
use crate::runner::Answer;

/// Top, left, bottom, right, class, confidence.
const ROW: usize = 6;
/// Left, top, right, bottom.
const CORNERS: usize = 4;

/// Names of the outputs of each layout.
#[derive(Debug)]
enum Layout {
    MaskRcnn { rows: String, masks: String },
    BoxesMasks { boxes: String, scores: String, masks: String },
    Prototypes { boxes: String, scores: String, coefficients: String, prototypes: String },
}

/// Reads boxes with masks from the outputs of an instance segmentation network.
#[derive(Debug)]
pub(crate) struct Instances {
    layout: Layout,
    thresholds: Vec<f32>,
}

/// A box on the network's input.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    found: Detection,
    /// The box before it was clipped to the picture: what its mask covers.
    whole: Rect,
    /// Its row in the outputs.
    row: usize,
}

impl Instances {
    pub(crate) fn new(config: &InferConfig, outputs: &[TensorInfo]) -> Result<Self, InferError> {
        if !matches!(config.cluster_mode, ClusterMode::None | ClusterMode::Nms) {
            let location = config.location("cluster-mode");
            return Err(InferError::Cluster { location, mode: config.cluster_mode });
        }
        let outputs = wanted(config, outputs)?;
        let (layout, known) = Layout::of(&outputs).ok_or_else(|| InferError::Outputs {
            location: config.location("network-type"),
            kind: NetworkType::InstanceSegmentation,
            expected: "expected \"detection\" [N, 6] and \"mask\" [N, C, h, w]; or \"boxes\" [N, 4], \"scores\" [N, C] and \
                either \"mask\" [N, h, w] or \"coef\" [N, K] with \"proto\" [K, h, w]"
                .to_owned(),
            found: outputs.clone(),
        })?;
        Ok(Self { layout, thresholds: thresholds(config, classes(config, known)?) })
    }

    /// Replaces `found` by the objects of one region, in the picture's pixels, with their masks if the config wants them.
    /// Returns how many boxes were passed over because of a number that is not finite.
    pub(crate) fn read(
        &self,
        config: &InferConfig,
        answer: &Answer<'_>,
        found: &mut Vec<(Detection, Option<Mask>)>,
    ) -> Result<usize, InferError> {
        let (mut candidates, not_finite) = self.candidates(answer)?;
        merge(config, &mut candidates);
        let masks = if config.output_instance_mask { Some(Masks::of(&self.layout, answer)?) } else { None };
        for Candidate { found: mut object, whole, row } in candidates {
            let Some(rect) = placed(config, answer, object.class_id, &object.rect) else { continue };
            object.rect = rect;
            let seen = answer.transform.to_network(&rect);
            let grid = masks.as_ref().and_then(|masks| masks.cut(row, object.class_id, &whole, &seen));
            let threshold = config.segmentation_threshold;
            found.push((object, grid.map(|Grid { size, data }| Mask { size, data: data.into(), threshold })));
        }
        Ok(not_finite)
    }

    /// The boxes that reach their class's threshold, clipped to the picture, and how many are not finite.
    fn candidates(&self, answer: &Answer<'_>) -> Result<(Vec<Candidate>, usize), InferError> {
        let (mut candidates, mut not_finite) = (Vec::new(), 0);
        let mut take = |row: usize, class_id: u32, confidence: f32, corners: [f32; CORNERS]| {
            if !confidence.is_finite() || corners.iter().any(|corner| !corner.is_finite()) {
                not_finite += 1;
                return;
            }
            let [x1, y1, x2, y2] = corners;
            let whole = Rect::from_corners(x1, y1, x2, y2);
            let Some(rect) = whole.intersection(&answer.transform.target) else { return };
            let found = Detection { class_id, confidence, rect };
            candidates.push(Candidate { found, whole, row });
        };
        let reaches = |class: usize, confidence: f32| {
            self.thresholds.get(class).is_some_and(|&least| confidence >= least || confidence.is_nan())
        };
        match &self.layout {
            Layout::MaskRcnn { rows, .. } => {
                let (width, height) = (answer.network.width as f32, answer.network.height as f32);
                let rows = answer.output(rows)?;
                for (i, row) in rows.data.chunks_exact(ROW).enumerate() {
                    let &[top, left, bottom, right, class, confidence] = row else { continue };
                    // Casts from f32 saturate; rows that are not in use are all 0 and fail the threshold.
                    let class_id = class as u32;
                    if reaches(class_id as usize, confidence) {
                        let corners = [left * width, top * height, right * width, bottom * height];
                        take(i, class_id, confidence, corners);
                    }
                }
            }
            Layout::BoxesMasks { boxes, scores, .. } | Layout::Prototypes { boxes, scores, .. } => {
                let (boxes, scores) = (answer.output(boxes)?, answer.output(scores)?);
                let &[count, classes] = scores.dims else {
                    return Err(wrong(scores, "expected [N, C]"));
                };
                if *boxes.dims != [count, CORNERS] {
                    return Err(wrong(boxes, "expected [N, 4], with as many rows as there are scores"));
                }
                let (boxes, _) = boxes.data.as_chunks::<CORNERS>();
                for (i, (corners, row)) in
                    boxes.iter().zip(scores.data.chunks_exact(classes.max(1))).enumerate()
                {
                    for (class_id, &confidence) in (0..).zip(row) {
                        if reaches(class_id as usize, confidence) {
                            take(i, class_id, confidence, *corners);
                        }
                    }
                }
            }
        }
        Ok((candidates, not_finite))
    }
}

/// Orders by class and falling confidence, and merges as the config says.
fn merge(config: &InferConfig, candidates: &mut Vec<Candidate>) {
    candidates.sort_by(|a, b| {
        a.found.class_id.cmp(&b.found.class_id).then(b.found.confidence.total_cmp(&a.found.confidence))
    });
    let sorted = std::mem::take(candidates);
    for class in sorted.chunk_by(|a, b| a.found.class_id == b.found.class_id) {
        let Some(first) = class.first() else { continue };
        let attrs = config.attrs(first.found.class_id);
        let start = candidates.len();
        for candidate in class {
            if candidates.len() - start >= attrs.topk.unwrap_or(usize::MAX) {
                break;
            }
            let overlaps =
                |kept: &Candidate| kept.found.rect.iou(&candidate.found.rect) > attrs.nms_iou_threshold;
            let kept = candidates.get(start..).unwrap_or_default();
            let stays = config.cluster_mode == ClusterMode::None
                || candidate.found.confidence > attrs.post_cluster_threshold && !kept.iter().any(overlaps);
            if stays {
                candidates.push(*candidate);
            }
        }
    }
}

impl Layout {
    /// The layout that the outputs are of, and the number of classes where they tell.
    fn of(outputs: &[TensorInfo]) -> Option<(Self, Option<usize>)> {
        let named = |part: &str, dims: &[usize]| {
            let fits = |output: &&TensorInfo| {
                output.is_readable() && output.name.contains(part) && dims.contains(&output.dims.len())
            };
            outputs.iter().find(fits)
        };
        let name = |output: &TensorInfo| output.name.clone();
        let masks = named("mask", &[3, 4]);
        if let (Some(rows), Some(masks)) = (named("detection", &[2]), masks)
            && let (&[_, Some(ROW)], &[_, classes, _, _]) = (rows.dims.as_slice(), masks.dims.as_slice())
        {
            return Some((Self::MaskRcnn { rows: name(rows), masks: name(masks) }, classes));
        }
        let (boxes, scores) = (named("boxes", &[2])?, named("scores", &[2])?);
        let (&[_, Some(CORNERS)], &[_, classes]) = (boxes.dims.as_slice(), scores.dims.as_slice()) else {
            return None;
        };
        let (boxes, scores) = (name(boxes), name(scores));
        if let (Some(coefficients), Some(prototypes)) = (named("coef", &[2]), named("proto", &[3])) {
            let (coefficients, prototypes) = (name(coefficients), name(prototypes));
            return Some((Self::Prototypes { boxes, scores, coefficients, prototypes }, classes));
        }
        Some((Self::BoxesMasks { boxes, scores, masks: name(masks?) }, classes))
    }
}

/// The masks of one region.
enum Masks<'a> {
    /// One for each row, or for each class of each row.
    OfBoxes { data: &'a [f32], rows: usize, classes: usize, size: [usize; 2], are_logits: bool },
    /// To be mixed from prototypes.
    Mixed { coefficients: &'a [f32], prototypes: &'a [f32], count: usize, size: [usize; 2], scale: [f32; 2] },
}

impl<'a> Masks<'a> {
    fn of(layout: &Layout, answer: &'a Answer<'_>) -> Result<Self, InferError> {
        match layout {
            Layout::MaskRcnn { masks, .. } | Layout::BoxesMasks { masks, .. } => {
                let masks = answer.output(masks)?;
                let (rows, classes, height, width) = match *masks.dims {
                    [rows, height, width] => (rows, 1, height, width),
                    [rows, classes, height, width] => (rows, classes, height, width),
                    _ => return Err(wrong(masks, "expected [N, h, w] or [N, C, h, w]")),
                };
                let are_logits = masks.data.iter().any(|part| !(0.0..=1.0).contains(part));
                Ok(Self::OfBoxes { data: masks.data, rows, classes, size: [width, height], are_logits })
            }
            Layout::Prototypes { coefficients, prototypes, .. } => {
                let (coefficients, prototypes) = (answer.output(coefficients)?, answer.output(prototypes)?);
                let &[count, height, width] = prototypes.dims else {
                    return Err(wrong(prototypes, "expected [K, h, w]"));
                };
                if coefficients.dims.last() != Some(&count) {
                    return Err(wrong(
                        coefficients,
                        "expected [N, K], with as many columns as there are prototypes",
                    ));
                }
                Ok(Self::Mixed {
                    coefficients: coefficients.data,
                    prototypes: prototypes.data,
                    count,
                    size: [width, height],
                    scale: [
                        width as f32 / answer.network.width as f32,
                        height as f32 / answer.network.height as f32,
                    ],
                })
            }
        }
    }

    /// The part `seen` of the mask of `row` as probabilities, whose box is `whole`; both in network pixels.
    fn cut(&self, row: usize, class_id: u32, whole: &Rect, seen: &Rect) -> Option<Grid> {
        match *self {
            Self::OfBoxes { data, rows, classes, size: [width, height], are_logits } => {
                let plane = if classes == 1 { 0 } else { class_id as usize };
                if row >= rows || plane >= classes {
                    return None;
                }
                let cells = width * height;
                let start = (row * classes + plane) * cells;
                let mask = data.get(start..start + cells)?;
                let size = [width, height];
                let mut grid = grid::cut(mask, size, whole, seen, size)?;
                if are_logits {
                    grid.data.iter_mut().for_each(|part| *part = sigmoid(*part));
                }
                Some(grid)
            }
            Self::Mixed { coefficients, prototypes, count, size: [width, height], scale: [x, y] } => {
                let own = coefficients.get(row * count..(row + 1) * count)?;
                // the prototypes' cells that the box touches
                let seen = seen.scaled(x, y);
                let range = |start: f32, end: f32, length: usize| {
                    let start = (start as usize).min(length.saturating_sub(1));
                    start..(end.ceil() as usize).clamp(start + 1, length.max(start + 1))
                };
                let (columns, lines) =
                    (range(seen.left, seen.right(), width), range(seen.top, seen.bottom(), height));
                let mut mixed = vec![0.0; columns.len() * lines.len()];
                for (&weight, prototype) in own.iter().zip(prototypes.chunks_exact((width * height).max(1))) {
                    for (line, out) in lines.clone().zip(mixed.chunks_exact_mut(columns.len())) {
                        let cells = prototype.get(line * width..)?.get(columns.clone())?;
                        out.iter_mut().zip(cells).for_each(|(out, cell)| *out += weight * cell);
                    }
                }
                let size = [columns.len(), lines.len()];
                let covered = Rect::new(
                    columns.start as f32,
                    lines.start as f32,
                    columns.len() as f32,
                    lines.len() as f32,
                );
                let mut grid = grid::cut(&mixed, size, &covered, &seen, size)?;
                grid.data.iter_mut().for_each(|part| *part = sigmoid(*part));
                Some(grid)
            }
        }
    }
}

fn wrong(output: &OutputTensor<'_>, expected: &str) -> InferError {
    ParseError::Shape {
        name: output.name.to_owned(),
        dims: output.dims.to_vec(),
        expected: expected.to_owned(),
    }
    .into()
}
