//! Undecoded maps of the YOLOs with anchors: for each cell of a grid and each anchor x, y, w, h, objectness and classes.
//!
//! With σ the logistic function, (i, j) a cell's column and row, and (a, b) an anchor's size in pixels:
//!
//! | family | centre, in cells | size, in pixels | from |
//! |---|---|---|---|
//! | YOLOv2 | i + σ(x) | a·eʷ | arXiv 1612.08242; classes by softmax |
//! | YOLOv3 | i + σ(x) | a·eʷ | arXiv 1804.02767 |
//! | YOLOv4 | i + s·σ(x) − (s − 1)/2 | a·eʷ | arXiv 2004.10934; s is `scale_x_y` of its configuration |
//! | YOLOv5, v7 | i + 2σ(x) − 0.5 | a·(2σ(w))² | arXiv 2207.02696 |
//!
//! Nothing in the tensors tells families with different anchors apart, so the config has to name one. Maps lie as
//! [A·(5 + C), rows, columns], [A, rows, columns, 5 + C], [rows, columns, A·(5 + C)] or [rows, columns, A, 5 + C].

use slipstream_meta::Size;

use super::query::{Answer, Query, grid};
use super::sink::{Sink, Unit, logit, sigmoid};
use super::{OutputTensor, ParseContext, ParseError, Parser, reaches, tensor};
use crate::cluster::Detection;

/// Numbers of an anchor before its classes: x, y, w, h, objectness.
const HEAD: usize = 5;
/// Where the objectness is among them.
const OBJECTNESS: usize = 4;
/// Strides that maps have.
const STRIDES: [u32; 5] = [8, 16, 32, 64, 4];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decode {
    V2,
    V3,
    V4,
    V5,
}

/// Anchors in pixels, from the finest grid to the coarsest.
type Anchors = &'static [[f32; 2]];

/// A family of models with its published anchors.
struct Family {
    functions: &'static [&'static str],
    decode: Decode,
    per_cell: usize,
    anchors: Anchors,
}

/// yolov3.cfg; YOLOv5 and YOLOv7-tiny have them too.
const V3: Anchors = &[
    [10.0, 13.0],
    [16.0, 30.0],
    [33.0, 23.0],
    [30.0, 61.0],
    [62.0, 45.0],
    [59.0, 119.0],
    [116.0, 90.0],
    [156.0, 198.0],
    [373.0, 326.0],
];
/// yolov4.cfg.
const V4: Anchors = &[
    [12.0, 16.0],
    [19.0, 36.0],
    [40.0, 28.0],
    [36.0, 75.0],
    [76.0, 55.0],
    [72.0, 146.0],
    [142.0, 110.0],
    [192.0, 243.0],
    [459.0, 401.0],
];
/// yolov3-tiny.cfg: strides 16 and 32.
const V3_TINY: Anchors =
    &[[10.0, 14.0], [23.0, 27.0], [37.0, 58.0], [81.0, 82.0], [135.0, 169.0], [344.0, 319.0]];
/// yolov4-tiny.cfg: both grids have the anchor of 81 × 82.
const V4_TINY: Anchors =
    &[[23.0, 27.0], [37.0, 58.0], [81.0, 82.0], [81.0, 82.0], [135.0, 169.0], [344.0, 319.0]];
/// yolov2.cfg, trained on COCO, times its stride of 32.
const V2: Anchors = &[
    [18.327_36, 21.676_32],
    [59.982_73, 66.000_96],
    [106.829_76, 175.178_88],
    [252.250_24, 112.888_96],
    [312.656_64, 293.384_96],
];
/// yolov2-tiny-voc.cfg, times its stride of 32.
const V2_TINY: Anchors =
    &[[34.56, 38.08], [109.44, 141.12], [212.16, 364.16], [301.44, 163.52], [531.84, 336.64]];

const FAMILIES: &[Family] = &[
    Family {
        functions: &["yolov3", "NvDsInferParseCustomYoloV3"],
        decode: Decode::V3,
        per_cell: 3,
        anchors: V3,
    },
    Family {
        functions: &["yolov3-tiny", "NvDsInferParseCustomYoloV3Tiny"],
        decode: Decode::V3,
        per_cell: 3,
        anchors: V3_TINY,
    },
    Family { functions: &["yolov4"], decode: Decode::V4, per_cell: 3, anchors: V4 },
    Family { functions: &["yolov4-tiny"], decode: Decode::V4, per_cell: 3, anchors: V4_TINY },
    Family { functions: &["yolov5", "yolov7-tiny"], decode: Decode::V5, per_cell: 3, anchors: V3 },
    Family { functions: &["yolov7"], decode: Decode::V5, per_cell: 3, anchors: V4 },
    Family {
        functions: &["yolov2", "NvDsInferParseCustomYoloV2"],
        decode: Decode::V2,
        per_cell: 5,
        anchors: V2,
    },
    Family {
        functions: &["yolov2-tiny", "NvDsInferParseCustomYoloV2Tiny"],
        decode: Decode::V2,
        per_cell: 5,
        anchors: V2_TINY,
    },
];

/// All functions that name a family.
pub(super) const FUNCTIONS: &[&str] = &[
    "yolov2",
    "yolov2-tiny",
    "yolov3",
    "yolov3-tiny",
    "yolov4",
    "yolov4-tiny",
    "yolov5",
    "yolov7",
    "yolov7-tiny",
    "NvDsInferParseCustomYoloV2",
    "NvDsInferParseCustomYoloV2Tiny",
    "NvDsInferParseCustomYoloV3",
    "NvDsInferParseCustomYoloV3Tiny",
];

/// One grid of anchors.
#[derive(Debug, Clone, PartialEq)]
struct Map {
    output: String,
    stride: u32,
    columns: usize,
    rows: usize,
    /// Numbers of an anchor.
    width: usize,
    /// Steps from one anchor, row, column and number to the next.
    steps: [usize; 4],
    anchors: Vec<[f32; 2]>,
}

#[derive(Debug)]
struct AnchorMaps {
    decode: Decode,
    maps: Vec<Map>,
}

/// Maps, one for each grid, and the name of a family.
pub(super) fn fits(query: &Query<'_>) -> Answer {
    let family = FAMILIES.iter().find(|family| query.is_named(family.functions));
    let per_cell = family.map_or(3, |family| family.per_cell);
    let maps: Option<Vec<_>> =
        query.outputs.iter().map(|output| map(&output.name, &output.dims, query.network, per_cell)).collect();
    let Some(mut maps) = maps.filter(|maps| !maps.is_empty()) else { return Answer::No };
    maps.sort_by_key(|map| map.stride);
    let distinct =
        maps.windows(2).all(|pair| pair[0].stride < pair[1].stride && pair[0].width == pair[1].width);
    if !distinct || maps.iter().any(|map| map.width <= HEAD) {
        return Answer::No;
    }
    let Some(family) = family else {
        return Answer::Needs(format!(
            "they look like undecoded maps with anchors, which are not in the model: set parse-bbox-func-name to one of {}, \
             and anchors=width;height;width;height;… in the group [parser] if yours are not the published ones",
            FUNCTIONS.iter().filter(|name| name.starts_with("yolo")).copied().collect::<Vec<_>>().join(", ")
        ));
    };
    let anchors = if query.anchors.is_empty() { family.anchors } else { query.anchors };
    if anchors.len() != maps.len() * per_cell {
        return Answer::Needs(format!(
            "{} maps with {per_cell} anchors a cell need {} anchors, not {}: set anchors=width;height;… in the group [parser], \
             from the finest grid to the coarsest",
            maps.len(),
            maps.len() * per_cell,
            anchors.len()
        ));
    }
    for (map, anchors) in maps.iter_mut().zip(anchors.chunks_exact(per_cell)) {
        map.anchors = anchors.to_vec();
    }
    Answer::yes(AnchorMaps { decode: family.decode, maps })
}

/// How a map of `per_cell` anchors lies, if it is one.
fn map(name: &str, dims: &[Option<usize>], network: Size, per_cell: usize) -> Option<Map> {
    let dims: Vec<usize> = dims.iter().copied().collect::<Option<_>>()?;
    let stride_of = |rows: usize, columns: usize| {
        STRIDES.into_iter().find(|&stride| grid(network, stride) == [columns, rows])
    };
    let width_of = |channels: usize| channels.is_multiple_of(per_cell).then_some(channels / per_cell);
    let (rows, columns, width, steps) = match *dims.as_slice() {
        [channels, rows, columns] if stride_of(rows, columns).is_some() && width_of(channels).is_some() => {
            let width = width_of(channels)?;
            (rows, columns, width, [width * rows * columns, columns, 1, rows * columns])
        }
        [rows, columns, channels] => {
            let width = width_of(channels)?;
            (rows, columns, width, [width, columns * channels, channels, 1])
        }
        [anchors, rows, columns, width] if anchors == per_cell && stride_of(rows, columns).is_some() => {
            (rows, columns, width, [rows * columns * width, columns * width, width, 1])
        }
        [rows, columns, anchors, width] if anchors == per_cell => {
            (rows, columns, width, [width, columns * anchors * width, anchors * width, 1])
        }
        _ => return None,
    };
    let stride = stride_of(rows, columns)?;
    Some(Map { output: name.to_owned(), stride, columns, rows, width, steps, anchors: Vec::new() })
}

/// `scale_x_y` of yolov4.cfg for strides 8, 16, 32.
fn scale_of(decode: Decode, stride: u32) -> f32 {
    match (decode, stride) {
        (Decode::V4, 8) => 1.2,
        (Decode::V4, 16) => 1.1,
        (Decode::V4, _) => 1.05,
        (Decode::V5, _) => 2.0,
        (Decode::V2 | Decode::V3, _) => 1.0,
    }
}

impl Parser for AnchorMaps {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        boxes: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        let mut sink = Sink::new(context, boxes, Unit::Pixels);
        for map in &self.maps {
            let output = tensor(outputs, &map.output)?;
            if output.data.len() != map.anchors.len() * map.rows * map.columns * map.width {
                return Err(output.wrong(format!("expected {}×{} cells", map.columns, map.rows)));
            }
            map.parse(self.decode, output.data, context, &mut sink);
        }
        Ok(sink.finish())
    }

    fn classes(&self) -> Option<usize> {
        self.maps.first().map(|map| map.width - HEAD)
    }
}

impl Map {
    fn parse(&self, decode: Decode, data: &[f32], context: &ParseContext<'_>, sink: &mut Sink<'_>) {
        let [by_anchor, by_row, by_column, by_number] = self.steps;
        let starts = || {
            let anchors = 0..self.anchors.len();
            anchors.flat_map(move |anchor| {
                (0..self.rows).flat_map(move |row| {
                    (0..self.columns).map(move |column| {
                        (anchor, row, column, anchor * by_anchor + row * by_row + column * by_column)
                    })
                })
            })
        };
        let at =
            |start: usize, number: usize| data.get(start + number * by_number).copied().unwrap_or(f32::NAN);
        // Some exports have the logistic functions inside: then no objectness is outside of 0…1, as logits always are.
        let is_active = starts().all(|(_, _, _, start)| (0.0..=1.0).contains(&at(start, OBJECTNESS)));
        let active = |x: f32| if is_active { x } else { sigmoid(x) };
        let least = if is_active { context.least() } else { logit(context.least()) };
        let classes = (self.width - HEAD).min(context.thresholds.len());
        let scale = scale_of(decode, self.stride);
        let stride = self.stride as f32;
        for (anchor, row, column, start) in starts() {
            // no class probability exceeds 1
            if !reaches(at(start, OBJECTNESS), least) {
                continue;
            }
            let scores = (0..).zip((0..classes).map(|class| at(start, HEAD + class)));
            let best =
                scores.reduce(|best, next| if next.1 > best.1 || best.1.is_nan() { next } else { best });
            let Some((class_id, score)) = best else { continue };
            let probability = match decode {
                Decode::V2 if !is_active => {
                    let sum: f32 = (HEAD..self.width).map(|number| (at(start, number) - score).exp()).sum();
                    1.0 / sum
                }
                _ => active(score),
            };
            let Some(&[anchor_width, anchor_height]) = self.anchors.get(anchor) else { continue };
            let center = |value: f32, cell: usize| {
                (cell as f32 + scale * active(value) - (scale - 1.0) / 2.0) * stride
            };
            let size = |value: f32, anchor: f32| match decode {
                Decode::V5 => anchor * (2.0 * active(value)).powi(2),
                Decode::V2 | Decode::V3 | Decode::V4 => anchor * value.exp(),
            };
            let place = [
                center(at(start, 0), column),
                center(at(start, 1), row),
                size(at(start, 2), anchor_width),
                size(at(start, 3), anchor_height),
            ];
            sink.center(class_id, active(at(start, OBJECTNESS)) * probability, place);
        }
    }
}
