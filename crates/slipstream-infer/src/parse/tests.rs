use proptest::prelude::*;

use super::*;

const NETWORK: Size = Size::new(64, 32);

fn info(name: &str, dims: &[usize]) -> TensorInfo {
    let dims = dims.iter().map(|&dim| (dim != 0).then_some(dim)).collect();
    TensorInfo { name: name.to_owned(), dims, element: F32.to_owned() }
}

fn parser(outputs: &[TensorInfo]) -> Result<Box<dyn Parser>, ParseError> {
    select(&InferConfig::default(), outputs, NETWORK)
}

fn parse(outputs: &[(&str, &[usize], &[f32])], thresholds: &[f32]) -> (Vec<Detection>, usize) {
    let infos: Vec<_> = outputs.iter().map(|(name, dims, _)| info(name, dims)).collect();
    let tensors: Vec<_> =
        outputs.iter().map(|&(name, dims, data)| OutputTensor { name, dims, data }).collect();
    let context = ParseContext { network: NETWORK, image: Rect::of_size(NETWORK), thresholds };
    let mut boxes = Vec::new();
    let skipped = parser(&infos).unwrap().parse(&tensors, &context, &mut boxes).unwrap();
    (boxes, skipped)
}

fn corners(b: &Detection) -> (u32, f32, [f32; 4]) {
    let round = |v: f32| (v * 100.0).round() / 100.0;
    let Rect { left, top, .. } = b.rect;
    (b.class_id, b.confidence, [left, top, b.rect.right(), b.rect.bottom()].map(round))
}

#[test]
fn detectnet_decodes_cells() {
    // 2 classes, 2 rows and 4 columns of 16 pixels
    let mut coverage = [0.0; 16];
    let mut bbox = [0.0; 64];
    let mut set = |class: usize, cell: usize, confidence: f32, o: [f32; 4]| {
        coverage[class * 8 + cell] = confidence;
        (0..4).for_each(|plane| bbox[(4 * class + plane) * 8 + cell] = o[plane]);
    };
    // centre of cell 5 (column 1, row 1) is (16.5, 16.5)
    set(1, 5, 0.75, [0.2, 0.1, 0.4, 0.3]);
    // reaches over every edge: clipped to 0…63 and 0…31
    set(0, 0, 0.5, [1.0, 1.0, 2.0, 2.0]);
    // turned inside out
    set(0, 1, 0.5, [-0.5, 0.1, -0.5, 0.1]);
    set(0, 2, 0.5, [f32::NAN, 0.1, 0.5, 0.1]);
    set(0, 3, f32::INFINITY, [0.1; 4]);
    set(0, 4, 0.29, [0.1; 4]);
    let outputs: [(&str, &[usize], &[f32]); 2] =
        [("output_cov/Sigmoid", &[2, 2, 4], &coverage), ("output_bbox/BiasAdd", &[8, 2, 4], &bbox)];
    let (boxes, skipped) = parse(&outputs, &[0.3, 0.3]);
    let found: Vec<_> = boxes.iter().map(corners).collect();
    assert_eq!(found, [(0, 0.5, [0.0, 0.0, 63.0, 31.0]), (1, 0.75, [9.5, 13.0, 30.5, 27.0])]);
    assert_eq!(skipped, 2);
    // fewer classes wanted than there are
    assert_eq!(parse(&outputs, &[0.3]).0.len(), 1);
}

#[test]
fn boxes_and_scores_are_read_in_both_orders() {
    let boxes = [1.0, 2.0, 11.0, 12.0, -5.0, 20.0, 30.0, 40.0, 0.0, f32::NAN, 5.0, 5.0];
    let by_box = [0.9, 0.1, 0.5, 0.6, 0.8, 0.8];
    let by_class = [0.9, 0.5, 0.8, 0.1, 0.6, 0.8];
    for (dims, scores) in [([3, 2], by_box), ([2, 3], by_class)] {
        let (found, skipped) = parse(&[("boxes", &[3, 4], &boxes), ("scores", &dims, &scores)], &[0.5, 0.5]);
        let found: Vec<_> = found.iter().map(corners).collect();
        let expected = [
            (0, 0.9, [1.0, 2.0, 11.0, 12.0]),
            (0, 0.5, [0.0, 20.0, 30.0, 32.0]),
            (1, 0.6, [0.0, 20.0, 30.0, 32.0]),
        ];
        assert_eq!(found, expected);
        assert_eq!(skipped, 2);
    }
}

#[test]
fn yolox_decodes_three_grids() {
    // 64 × 32 has 8 × 4 + 4 × 2 + 2 × 1 cells
    let mut head = vec![0.0; 42 * 7];
    head[(32 + 5) * 7..(32 + 6) * 7].copy_from_slice(&[0.5, 0.25, 1f32.ln(), 2f32.ln(), 0.8, 0.25, 0.5]);
    head[41 * 7..].copy_from_slice(&[0.5, 0.5, 200.0, 0.0, 1.0, 1.0, 1.0]);
    let (found, skipped) = parse(&[("output", &[42, 7], &head)], &[0.3, 0.3]);
    // column 1, row 1 of stride 16: centre (24, 20), size 16 × 32, cut at the lower edge
    assert_eq!(found.iter().map(corners).collect::<Vec<_>>(), [(1, 0.4, [16.0, 4.0, 32.0, 32.0])]);
    assert_eq!(skipped, 1);
}

#[test]
fn dynamic_dimensions_are_settled_by_names() {
    let classes = |outputs: &[TensorInfo]| parser(outputs).map(|parser| parser.classes());
    assert_eq!(classes(&[info("boxes", &[0, 4]), info("scores", &[0, 80])]).unwrap(), Some(80));
    assert_eq!(classes(&[info("boxes", &[9, 4]), info("scores", &[3, 9])]).unwrap(), Some(3));
    assert_eq!(classes(&[info("output", &[0, 85])]).unwrap(), Some(80));
    assert!(classes(&[info("boxes", &[9, 4]), info("scores", &[3, 8])]).is_err());
    assert!(classes(&[info("output", &[0, 0])]).is_err());
}

#[test]
fn unknown_outputs_are_listed_beside_what_is_known() {
    let mut config = InferConfig::default();
    config.parse_bbox_func_name = Some("NvDsInferParseMine".to_owned());
    let error = select(&config, &[info("758", &[87, 21, 21])], NETWORK).unwrap_err().to_string();
    for part in ["NvDsInferParseMine", "758 [87, 21, 21] f32", "detectnet:", "boxes-scores:", "yolox:"] {
        assert!(error.contains(part), "{error}");
    }
    // a function whose library cannot be loaded does not stand in the way of tensors that are known
    assert!(select(&config, &[info("output", &[42, 7])], NETWORK).is_ok());
    // one of ours has to fit
    config.parse_bbox_func_name = Some("detectnet".to_owned());
    assert!(select(&config, &[info("output", &[42, 7])], NETWORK).is_err());
    config.output_blob_names = vec!["heads".to_owned()];
    let error = select(&config, &[info("output", &[42, 7])], NETWORK).unwrap_err().to_string();
    assert!(error.contains("no output \"heads\", it has output [42, 7] f32"), "{error}");
}

#[test]
fn a_tensor_that_is_not_as_declared_is_an_error() {
    let parser = parser(&[info("boxes", &[0, 4]), info("scores", &[0, 2])]).unwrap();
    let context = ParseContext { network: NETWORK, image: Rect::of_size(NETWORK), thresholds: &[0.1] };
    let boxes = OutputTensor { name: "boxes", dims: &[1, 4], data: &[0.0; 4] };
    let error = parser.parse(&[boxes], &context, &mut Vec::new()).unwrap_err().to_string();
    assert_eq!(error, "the model gave no tensor \"scores\"");
    let scores = OutputTensor { name: "scores", dims: &[3, 2], data: &[0.0; 6] };
    let error = parser.parse(&[boxes, scores], &context, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("scores has shape [3, 2]") && error.contains("[1, C] or [C, 1]"), "{error}");
}

proptest! {
    /// Whatever a model gives, no parser panics, and what it reports is finite and on the picture.
    #[test]
    fn no_tensor_makes_a_parser_panic(
        (first, second) in (prop::collection::vec(0usize..10, 0..5), prop::collection::vec(0usize..10, 0..5)),
        count in prop::sample::select(vec![0usize, 1, 3, 42]),
        kind in 0usize..3,
        numbers in prop::collection::vec(prop::num::f32::ANY, 1..50),
    ) {
        let declared: [&[(&str, &[usize])]; 3] = [
            &[("bbox", &[0, 0, 0]), ("cov", &[0, 0, 0])],
            &[("boxes", &[0, 4]), ("scores", &[0, 0])],
            &[("output", &[42, 0])],
        ];
        let infos: Vec<_> = declared[kind].iter().map(|(name, dims)| info(name, dims)).collect();
        let parser = parser(&infos).unwrap();
        let shapes = [
            [first.clone(), second.clone()],
            [vec![8, 1, count], vec![2, 1, count]],
            [vec![count, 4], vec![count, 3]],
            [vec![count, 7], vec![]],
        ];
        for shapes in &shapes {
            let data: Vec<Vec<f32>> = shapes
                .iter()
                .map(|dims| numbers.iter().copied().cycle().take(dims.iter().product()).collect())
                .collect();
            let tensors: Vec<_> = infos
                .iter()
                .zip(shapes.iter().zip(&data))
                .map(|(info, (dims, data))| OutputTensor { name: &info.name, dims, data })
                .collect();
            let context = ParseContext { network: NETWORK, image: Rect::of_size(NETWORK), thresholds: &[0.1, 0.2] };
            let mut boxes = Vec::new();
            let _ = parser.parse(&tensors, &context, &mut boxes);
            for b in &boxes {
                let edges = [b.rect.left, b.rect.top, b.rect.right(), b.rect.bottom(), b.confidence];
                prop_assert!(edges.iter().all(|edge| edge.is_finite()), "{b:?}");
                prop_assert!(b.class_id < 2 && b.rect.left >= 0.0 && b.rect.right() <= 64.01, "{b:?}");
            }
        }
    }
}

/// What is said beside the choice for these outputs.
fn notices(function: Option<&str>, classes: u32, outputs: &[TensorInfo]) -> (String, Vec<String>) {
    let mut config = InferConfig::default();
    config.parse_bbox_func_name = function.map(str::to_owned);
    config.num_detected_classes = classes;
    let choice = choose(&config, outputs, NETWORK).unwrap();
    (choice.name, choice.notices)
}

#[test]
fn what_is_assumed_is_said_unless_the_config_settles_it() {
    let said = |function, classes, dims: &[usize], parser: &str, part: &str| {
        let (name, notices) = notices(function, classes, &[info("output", dims)]);
        assert_eq!(name, parser, "{dims:?}");
        match notices.as_slice() {
            [] => assert!(part.is_empty(), "{dims:?}: nothing is said of {part}"),
            [notice] => assert!(!part.is_empty() && notice.contains(part), "{dims:?}: {notice}"),
            more => panic!("{more:?}"),
        }
    };
    // 42 cells; 7 columns are five with two classes, or four with three
    said(None, 0, &[42, 7], "yolox", "parse-bbox-func-name=yolov8");
    said(None, 2, &[42, 7], "yolox", "");
    said(None, 3, &[42, 7], "yolov8", "");
    said(Some("yolov8"), 0, &[42, 7], "yolov8", "");
    said(Some("yolox"), 3, &[42, 7], "yolox", "");
    // as many columns as COCO needs
    said(None, 0, &[42, 84], "yolov8", "parse-bbox-func-name=yolox");
    said(None, 0, &[42, 85], "yolox", "");
    said(None, 0, &[7, 42], "yolov8", "");
    said(None, 0, &[126, 85], "yolov5", "");
    // six columns are a finished detection, unless they are five with one class
    said(None, 0, &[126, 6], "yolov10", "paddle-nms");
    said(None, 1, &[126, 6], "yolov5", "");
    said(None, 80, &[42, 6], "yolov10", "paddle-nms");
    said(Some("NvDsInferParseYolo"), 80, &[42, 6], "deepstream-yolo", "");
    said(Some("NvDsInferParseMine"), 80, &[126, 85], "yolov5", "NvDsInferParseMine is not known");
    // 43 cells with those of stride 64, whose last row the network's edge cuts: no YOLO
    said(None, 0, &[43, 112], "nanodet", "");
    let detr = [info("pred_logits", &[100, 92]), info("pred_boxes", &[100, 4])];
    assert!(notices(None, 0, &detr).1[0].contains("softmax"));
    assert_eq!(notices(Some("detr"), 0, &detr).1, [""; 0]);
}

#[test]
fn what_would_fit_with_a_word_more_is_said() {
    let ask = |config: &InferConfig, outputs: &[TensorInfo]| {
        choose(config, outputs, NETWORK).unwrap_err().to_string()
    };
    let maps = [info("a", &[255, 4, 8]), info("b", &[255, 2, 4]), info("c", &[255, 1, 2])];
    let mut config = InferConfig::default();
    let error = ask(&config, &maps);
    assert!(
        error.contains("nearly:") && error.contains("set parse-bbox-func-name to one of yolov2, "),
        "{error}"
    );
    config.parse_bbox_func_name = Some("yolov4-tiny".to_owned());
    let error = ask(&config, &maps);
    assert!(error.contains("need 9 anchors, not 6: set anchors=width;height"), "{error}");
    assert!(!error.contains("nanodet"), "only what was named is listed: {error}");
    config.parse_bbox_func_name = None;
    let error = ask(&config, &[info("out", &[90, 7])]);
    assert!(
        error.contains("detection-output")
            && error.contains("yolov7-nms")
            && error.contains("NvDsInferParseYolo"),
        "{error}"
    );
}

/// Names and declared shapes of outputs, and the function that names their parser.
type Head = (&'static str, &'static [(&'static str, &'static [usize])]);

/// Outputs of every kind for a network of [`NETWORK`] with 2 classes.
const HEADS: &[Head] = &[
    ("detectnet", &[("bbox", &[8, 2, 4]), ("cov", &[2, 2, 4])]),
    ("mask-rcnn", &[("generate_detections", &[9, 6])]),
    ("NvDsInferParseYolo", &[("output", &[42, 6])]),
    ("NvDsInferParseYolo", &[("output", &[42, 7])]),
    ("detections", &[("boxes", &[9, 4]), ("scores", &[9]), ("classes", &[9]), ("num", &[1])]),
    ("detections", &[("dets", &[9, 5]), ("labels", &[9])]),
    ("detections-yx", &[("detection_boxes", &[9, 4]), ("scores", &[9]), ("classes", &[9])]),
    ("rf-detr", &[("dets", &[9, 4]), ("labels", &[9, 2])]),
    ("detr", &[("pred_boxes", &[9, 4]), ("pred_logits", &[9, 2])]),
    ("detr-softmax", &[("pred_boxes", &[9, 4]), ("pred_logits", &[9, 3])]),
    ("picodet", &[("a", &[32, 2]), ("b", &[32, 32]), ("c", &[8, 2]), ("d", &[8, 32])]),
    ("retinanet", &[("cls", &[396, 2]), ("reg", &[396, 4])]),
    ("efficientdet", &[("cls", &[396, 2]), ("reg", &[396, 4]), ("anchors", &[396, 4])]),
    ("boxes-scores", &[("boxes", &[9, 4]), ("scores", &[9, 2])]),
    ("boxes-scores", &[("a", &[9, 4]), ("b", &[2, 9])]),
    ("nanodet", &[("output", &[43, 34])]),
    ("yolox", &[("output", &[42, 7])]),
    ("yolov5", &[("output", &[126, 7])]),
    ("yolov8", &[("output", &[6, 42])]),
    ("yolov8", &[("output", &[10, 42]), ("protos", &[4, 8, 16])]),
    ("detection-output", &[("output", &[1, 9, 7])]),
    ("yolov7-nms", &[("output", &[9, 7])]),
    ("paddle-nms", &[("output", &[9, 6]), ("count", &[1])]),
    ("yolov10", &[("output", &[9, 6])]),
    ("fastestdet", &[("output", &[7, 2, 4])]),
    ("yolov3", &[("a", &[21, 4, 8]), ("b", &[21, 2, 4]), ("c", &[21, 1, 2])]),
    ("yolov5", &[("a", &[3, 4, 8, 7]), ("b", &[3, 2, 4, 7]), ("c", &[3, 1, 2, 7])]),
    ("yolov2", &[("a", &[35, 1, 2])]),
];

/// No class, all, some, and some that nothing reaches.
const THRESHOLDS: &[&[f32]] = &[&[], &[0.0, 0.0], &[0.3, 0.1], &[-1.0, 2.0]];

proptest! {
    /// Whatever numbers a model gives, and whatever the shapes that come out of it, no parser panics, and what it reports
    /// is finite, on the picture, and of a class that is wanted.
    #[test]
    fn no_numbers_make_a_parser_panic(
        head in prop::sample::select(HEADS),
        numbers in prop::collection::vec(
            prop_oneof![4 => -3f32..3.0, 2 => 0f32..1.0, 1 => prop::num::f32::ANY, 1 => Just(9.0)], 1..200,
        ),
        changed in prop::option::of((0usize..4, prop::collection::vec(0usize..8, 0..5))),
        thresholds in prop::sample::select(THRESHOLDS),
    ) {
        let (function, declared) = head;
        let infos: Vec<_> = declared.iter().map(|(name, dims)| info(name, dims)).collect();
        let mut config = InferConfig::default();
        config.parse_bbox_func_name = Some(function.to_owned());
        let parser = choose(&config, &infos, NETWORK).unwrap().parser;
        let mut shapes: Vec<Vec<usize>> = declared.iter().map(|(_, dims)| dims.to_vec()).collect();
        let is_declared = changed.is_none();
        if let Some((i, dims)) = changed {
            let count = shapes.len();
            shapes[i % count] = dims;
        }
        let data: Vec<Vec<f32>> = shapes
            .iter()
            .map(|dims| numbers.iter().copied().cycle().take(dims.iter().product()).collect())
            .collect();
        let tensors: Vec<_> = infos
            .iter()
            .zip(shapes.iter().zip(&data))
            .map(|(info, (dims, data))| OutputTensor { name: &info.name, dims, data })
            .collect();
        let context = ParseContext { network: NETWORK, image: Rect::new(4.0, 0.0, 56.0, 32.0), thresholds };
        let mut boxes = Vec::new();
        let result = parser.parse(&tensors, &context, &mut boxes);
        prop_assert!(result.is_ok() || !is_declared, "{}", result.unwrap_err());
        for b in &boxes {
            let edges = [b.rect.left, b.rect.top, b.rect.right(), b.rect.bottom(), b.confidence];
            prop_assert!(edges.iter().all(|edge| edge.is_finite()), "{b:?}");
            let class = b.class_id as usize;
            prop_assert!(class < thresholds.len() && b.confidence >= thresholds[class], "{b:?}");
            if function != "detectnet" {
                prop_assert!(b.rect.left >= 4.0 && b.rect.right() <= 60.01 && b.rect.bottom() <= 32.01, "{b:?}");
            }
        }
    }
}
