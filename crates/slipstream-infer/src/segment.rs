//! The output of a segmentation network: a class for each pixel.

use std::sync::Arc;

use slipstream_meta::{Rect, SegmentationMeta, Size};

use crate::config::{InferConfig, NetworkType, TensorOrder};
use crate::detector::classes;
use crate::error::InferError;
use crate::outputs::wanted;
use crate::parse::TensorInfo;
use crate::runner::Answer;

/// No class is probable enough.
const NONE: i32 = -1;

/// Reads a class map from the output of a segmentation network.
#[derive(Debug)]
pub(crate) struct ClassMap {
    output: String,
    /// Whether the output holds classes rather than the probability of each.
    holds_classes: bool,
    classes: u32,
}

impl ClassMap {
    /// The first output of a plane for each class, [C, H, W] (or [H, W, C] where the config says so), or of one plane, [H, W].
    pub(crate) fn new(config: &InferConfig, outputs: &[TensorInfo]) -> Result<Self, InferError> {
        let is_map = |output: &TensorInfo| output.is_readable() && matches!(output.dims.len(), 2 | 3);
        let Some(output) = wanted(config, outputs)?.into_iter().find(is_map) else {
            return Err(InferError::Outputs {
                location: config.location("network-type"),
                kind: NetworkType::Segmentation,
                expected: "expected an output of [classes, rows, columns], in the order that segmentation-output-order says"
                    .to_owned(),
                found: outputs.to_vec(),
            });
        };
        let channels = match (output.dims.as_slice(), config.segmentation_output_order) {
            (&[channels, _, _], TensorOrder::Nchw) | (&[_, _, channels], TensorOrder::Nhwc) => channels,
            _ => Some(1),
        };
        let holds_classes = output.is_whole() && channels == Some(1);
        let classes = classes(config, channels.filter(|_| !holds_classes))?;
        Ok(Self { output: output.name, holds_classes, classes })
    }

    /// The class map of one region.
    pub(crate) fn read(
        &self,
        config: &InferConfig,
        answer: &Answer<'_>,
    ) -> Result<SegmentationMeta, InferError> {
        let output = answer.output(&self.output)?;
        let wrong = || {
            InferError::from(crate::parse::ParseError::Shape {
                name: output.name.to_owned(),
                dims: output.dims.to_vec(),
                expected: "expected [classes, rows, columns]".to_owned(),
            })
        };
        let (channels, rows, columns) = match (output.dims, config.segmentation_output_order) {
            (&[channels, rows, columns], TensorOrder::Nchw)
            | (&[rows, columns, channels], TensorOrder::Nhwc) => (channels, rows, columns),
            (&[rows, columns], _) => (1, rows, columns),
            _ => return Err(wrong()),
        };
        let cells = rows * columns;
        let size = u32::try_from(columns).ok().zip(u32::try_from(rows).ok());
        let (Some((width, height)), true) = (size, cells > 0 && output.data.len() == channels * cells) else {
            return Err(wrong());
        };
        let mut class_map: Arc<[i32]> = std::iter::repeat_n(NONE, cells).collect();
        if let Some(map) = Arc::get_mut(&mut class_map) {
            let reported = |class: u32| !config.filter_out_class_ids.contains(&class);
            if self.holds_classes {
                for (cell, &class) in map.iter_mut().zip(output.data) {
                    // casts from f32 saturate, so that what is negative stays no class
                    let class = class as i32;
                    let known =
                        u32::try_from(class).is_ok_and(|class| class < self.classes && reported(class));
                    *cell = if known { class } else { NONE };
                }
            } else {
                let wanted = channels.min(self.classes as usize);
                let step = Step { channels, wanted, threshold: config.segmentation_threshold };
                match config.segmentation_output_order {
                    TensorOrder::Nchw => step.planes(output.data, map),
                    TensorOrder::Nhwc => step.pixels(output.data, map),
                }
                if !config.filter_out_class_ids.is_empty() {
                    let left_out = |class: i32| u32::try_from(class).is_ok_and(|class| !reported(class));
                    map.iter_mut().filter(|class| left_out(**class)).for_each(|class| *class = NONE);
                }
            }
        }
        Ok(SegmentationMeta {
            component_id: config.unique_id,
            classes: self.classes,
            size: Size::new(width, height),
            rect: answer.transform.to_picture(&Rect::of_size(answer.network)),
            class_map,
        })
    }
}

/// How probabilities become classes: the greatest, if it is greater than a threshold; the first of equals.
struct Step {
    channels: usize,
    wanted: usize,
    threshold: f32,
}

impl Step {
    /// Probabilities in a plane for each class. Goes plane by plane, as they lie in memory.
    fn planes(&self, data: &[f32], map: &mut [i32]) {
        let mut best = vec![self.threshold; map.len()];
        for (class, plane) in (0..).zip(data.chunks_exact(map.len())).take(self.wanted) {
            for ((cell, best), &probability) in map.iter_mut().zip(&mut best).zip(plane) {
                let better = probability > *best;
                *best = if better { probability } else { *best };
                *cell = if better { class } else { *cell };
            }
        }
    }

    /// Probabilities of all classes beside each other.
    fn pixels(&self, data: &[f32], map: &mut [i32]) {
        for (cell, pixel) in map.iter_mut().zip(data.chunks_exact(self.channels.max(1))) {
            let mut best = self.threshold;
            for (class, &probability) in (0..).zip(pixel).take(self.wanted) {
                if probability > best {
                    (best, *cell) = (probability, class);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_give_the_same_map() {
        // three classes on four pixels
        let planes = [0.1, 0.6, 0.3, f32::NAN, 0.6, 0.6, 0.2, 0.9, 0.3, 0.1, 0.3, f32::NAN];
        let pixels: Vec<f32> = (0..4).flat_map(|i| [planes[i], planes[4 + i], planes[8 + i]]).collect();
        for (threshold, wanted, expected) in [
            (0.0, 3, [1, 0, 0, 1]),
            (0.3, 3, [1, 0, NONE, 1]),
            (0.6, 3, [NONE, NONE, NONE, 1]),
            (0.0, 1, [0, 0, 0, NONE]),
        ] {
            let step = Step { channels: 3, wanted, threshold };
            let (mut one, mut other) = ([NONE; 4], [NONE; 4]);
            step.planes(&planes, &mut one);
            step.pixels(&pixels, &mut other);
            assert_eq!((one, other), (expected, expected), "{threshold}");
        }
    }
}
