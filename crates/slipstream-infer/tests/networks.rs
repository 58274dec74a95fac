//! Classifiers, segmentation networks, masks and raw tensors, with models of a few hundred bytes whose answer is known (see
//! `tests/reference/tiny_networks.py`).

mod common;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use slipstream_infer::engine::EngineError;
use slipstream_infer::{Analysis, Analyzer, InferConfig, InferError, Region};
use slipstream_meta::{ChannelOrder, Colorimetry, Picture, PixelFormat, Plane, Rect, Size};

/// The size that the networks with cells take.
const SIZE: Size = Size::new(48, 32);

/// A network from the text of a config in the folder of test data; `None`, loudly, where ONNX Runtime is not installed.
fn try_analyzer(keys: &str) -> Option<Result<Analyzer, InferError>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/config.txt");
    let text = format!("[property]\nnet-scale-factor=0.00392156862745098\n{keys}\n");
    let (config, notices) = InferConfig::parse(&text, path).unwrap();
    assert_eq!(notices, []);
    match Analyzer::new(config, NonZeroUsize::new(2)) {
        Err(InferError::Engine(error @ EngineError::Library { .. })) => {
            common::skip(error);
            None
        }
        result => Some(result),
    }
}

fn analyzer(keys: &str) -> Option<Analyzer> {
    Some(try_analyzer(keys)?.unwrap())
}

/// An RGB picture whose pixels are `color(x, y)`.
fn pixels(size: Size, color: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    (0..size.height)
        .flat_map(|y| (0..size.width).map(move |x| (x, y)))
        .flat_map(|(x, y)| color(x, y))
        .collect()
}

fn rgb(size: Size, data: &[u8]) -> Picture<'_> {
    let plane = Plane { data, stride: size.width as usize * 3 };
    let planes = [plane, Plane::default(), Plane::default()];
    Picture::new(PixelFormat::Rgb(ChannelOrder::Rgb), size, Colorimetry::default(), planes).unwrap()
}

fn whole<'a>(picture: Picture<'a>) -> Region<'a> {
    Region::whole(picture)
}

/// Attribute, class, label and probability in percent.
fn attributes(analysis: &Analysis) -> Vec<(u32, u32, &str, u32)> {
    let classifications = analysis.classifications.iter();
    classifications
        .map(|c| (c.attribute, c.class_id, &*c.label, (c.probability * 100.0).round() as u32))
        .collect()
}

const COLORS: &str =
    "onnx-file=colors.onnx\nnetwork-type=1\nlabelfile-path=colors.labels.txt\ngie-unique-id=4";

/// Fields of one colour, 20 × 20 pixels each, and what is to be said about them.
const FIELDS: [([u8; 3], &str, &str, u32); 6] = [
    ([255, 0, 0], "red", "dark", 67),
    ([0, 204, 51], "green", "dark", 67),
    ([0, 0, 255], "blue", "dark", 67),
    ([255, 255, 204], "red", "bright", 93),
    ([51, 92, 255], "blue", "bright", 52),
    ([0, 51, 0], "green", "dark", 93),
];

#[test]
fn a_classifier_names_what_is_in_each_crop() {
    let size = Size::new(120, 20);
    let data = pixels(size, |x, _| FIELDS[x as usize / 20].0);
    let regions: Vec<_> = (0..6)
        .map(|field| Region::part(rgb(size, &data), Rect::new(field as f32 * 20.0, 0.0, 20.0, 20.0)))
        .collect();
    // alone, filled into runs of four, in 16-bit numbers
    for model in ["colors.onnx", "colors_batch4.onnx", "colors_half.onnx"] {
        let Some(mut analyzer) =
            analyzer(&format!("{COLORS}\nclassifier-type=paint").replace("colors.onnx", model))
        else {
            return;
        };
        let found = analyzer.analyze(&regions).unwrap();
        assert_eq!(found.len(), FIELDS.len());
        for (analysis, (color, name, brightness, percent)) in found.iter().zip(FIELDS) {
            let sum: u32 = color.iter().map(|&part| u32::from(part)).sum();
            let (class, strongest) = (0u32..3).zip(color).rev().max_by_key(|(_, part)| *part).unwrap();
            let share = (f64::from(strongest) * 100.0 / f64::from(sum)).round() as u32;
            let expected =
                [(0, class, name, share), (1, u32::from(brightness == "bright"), brightness, percent)];
            assert_eq!(attributes(analysis), expected, "{color:?}");
            let first = &analysis.classifications[0];
            assert_eq!((first.component_id, first.classifier_type.as_deref()), (4, Some("paint")));
            assert!(analysis.objects.is_empty() && analysis.tensors.is_none());
        }
        assert_eq!(analyzer.timings().images, 6);
    }
}

#[test]
fn attributes_at_the_threshold_or_below_are_left_out() {
    let size = Size::new(20, 20);
    let data = pixels(size, |_, _| [51, 102, 255]);
    let count = |threshold: &str| {
        let mut analyzer = analyzer(&format!("{COLORS}\nclassifier-threshold={threshold}"))?;
        let found = analyzer.analyze(&[whole(rgb(size, &data))]).unwrap();
        Some(found[0].classifications.iter().map(|c| c.attribute).collect::<Vec<_>>())
    };
    // blue is 255 of 408, brightness is 408 of 765
    let Some(all) = count("0.5") else { return };
    assert_eq!(all, [0, 1]);
    assert_eq!(count("0.6").unwrap(), [0]);
    assert_eq!(count("0.7").unwrap(), [0; 0]);
    // one attribute alone, its values named one a line
    let config = COLORS.replace("colors.labels.txt", "lines.labels.txt");
    let mut one = analyzer(&format!("{config}\noutput-blob-names=brightness")).unwrap();
    let found = one.analyze(&[whole(rgb(size, &data))]).unwrap();
    assert_eq!(attributes(&found[0]), [(0, 1, "light", 53)]);
}

/// Blocks of 4 × 4 pixels with a colour each.
fn blocks(block: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    pixels(SIZE, |x, y| block(x / 4, y / 4))
}

#[test]
fn a_class_map_is_exact() {
    let colors = [[200, 30, 10], [30, 200, 10], [10, 30, 200], [60, 10, 10], [120, 120, 119]];
    let data = blocks(|x, y| colors[((x * 7 + y * 3) % 5) as usize]);
    let map = |keys: &str| {
        let mut analyzer = analyzer(&format!("onnx-file=segments.onnx\nnetwork-type=2\n{keys}"))?;
        let mut found = analyzer.analyze(&[whole(rgb(SIZE, &data))]).unwrap();
        found.pop().unwrap().segmentation
    };
    let expected = |classes: [i32; 5]| -> Vec<i32> {
        (0..8).flat_map(|y| (0..12).map(move |x| classes[(x * 7 + y * 3) % 5])).collect()
    };
    let Some(all) = map("gie-unique-id=9") else { return };
    assert_eq!((all.component_id, all.classes, all.size), (9, 3, Size::new(12, 8)));
    assert_eq!(all.rect, Rect::of_size(SIZE));
    assert_eq!(*all.class_map, expected([0, 1, 2, 0, 0]));
    assert_eq!((all.class_at(1, 0), all.class_at(12, 0), all.class_at(0, 8)), (Some(2), None, None));
    // 60 / 255 is below, 120 / 255 above
    let some = map("segmentation-threshold=0.3").unwrap();
    assert_eq!(*some.class_map, expected([0, 1, 2, -1, 0]));
    assert_eq!(some.class_at(9, 0), None);
    // of the first two classes only; then the first class is not to be reported
    assert_eq!(*map("num-detected-classes=2").unwrap().class_map, expected([0, 1, 1, 0, 0]));
    assert_eq!(*map("filter-out-class-ids=0").unwrap().class_map, expected([-1, 1, 2, -1, -1]));
}

#[test]
fn a_padded_map_says_which_part_of_the_picture_it_covers() {
    let keys = "onnx-file=segments.onnx\nnetwork-type=2\nmaintain-aspect-ratio=1\nsymmetric-padding=1";
    let Some(mut analyzer) = analyzer(keys) else { return };
    let size = Size::new(200, 100);
    let data = pixels(size, |x, y| if (80..120).contains(&x) && y < 40 { [0, 0, 255] } else { [255, 0, 0] });
    // 40 × 40 becomes 32 × 32 in the middle of 48 × 32
    let region = Region::part(rgb(size, &data), Rect::new(80.0, 0.0, 40.0, 40.0));
    let map = analyzer.analyze(&[region]).unwrap().pop().unwrap().segmentation.unwrap();
    assert_eq!(map.rect, Rect::new(70.0, 0.0, 60.0, 40.0));
    for (column, row) in (0..12).flat_map(|x| (0..8).map(move |y| (x, y))) {
        let expected = (2..10).contains(&column).then_some(2);
        assert_eq!(map.class_at(column, row), expected, "{column} {row}");
    }
}

/// The second cell of the upper row is white in its left half, the last cell of the lower row in whole but a black corner.
fn two_cells() -> Vec<u8> {
    blocks(|x, y| {
        let white = (4..6).contains(&x) && y < 4 || (8..12).contains(&x) && y >= 4 && !(x == 8 && y == 4);
        if white { [255; 3] } else { [0; 3] }
    })
}

#[test]
fn instances_have_exact_boxes_and_masks() {
    for model in ["masks", "prototypes"] {
        let keys = format!(
            "onnx-file={model}.onnx\nnetwork-type=3\ncluster-mode=4\nsegmentation-threshold=0.6\noutput-instance-mask=1\n\
             [class-attrs-all]\npre-cluster-threshold=0.4"
        );
        let Some(mut analyzer) = analyzer(&keys) else { return };
        let data = two_cells();
        let found = analyzer.analyze(&[whole(rgb(SIZE, &data))]).unwrap().pop().unwrap().objects;
        let rects: Vec<_> = found.iter().map(|object| object.rect).collect();
        assert_eq!(rects, [Rect::new(32.0, 16.0, 16.0, 16.0), Rect::new(16.0, 0.0, 16.0, 16.0)], "{model}");
        assert!((found[0].confidence - 15.0 / 16.0).abs() < 1e-5 && (found[1].confidence - 0.5).abs() < 1e-5);
        let mask = |index: usize| {
            let mask = found[index].mask.as_ref().unwrap();
            assert_eq!((mask.size, mask.threshold), (Size::new(4, 4), 0.6));
            mask.data.iter().map(|&part| part > mask.threshold).collect::<Vec<_>>()
        };
        let corner: Vec<_> = (0..16).map(|cell| cell != 0).collect();
        let left: Vec<_> = (0..16).map(|cell| cell % 4 < 2).collect();
        assert_eq!((mask(0), mask(1)), (corner, left), "{model}");
    }
}

#[test]
fn masks_are_cut_where_boxes_are() {
    let keys = "onnx-file=masks.onnx\nnetwork-type=3\ncluster-mode=2\noutput-instance-mask=1\n\
                crop-objects-to-roi-boundary=1\n[class-attrs-all]\npre-cluster-threshold=0.4\nroi-bottom-offset=8";
    let Some(mut analyzer) = analyzer(keys) else { return };
    let data = two_cells();
    let found = analyzer.analyze(&[whole(rgb(SIZE, &data))]).unwrap().pop().unwrap().objects;
    assert_eq!(found[0].rect, Rect::new(32.0, 16.0, 16.0, 8.0));
    // the upper half of the mask on four rows: the black block is two rows high now
    let mask = found[0].mask.as_ref().unwrap();
    let column: Vec<_> = mask.data.iter().step_by(4).copied().collect();
    assert_eq!((mask.size, column), (Size::new(4, 4), vec![0.0, 0.25, 0.75, 1.0]));
    assert!(mask.data.iter().enumerate().all(|(cell, &part)| cell % 4 == 0 || part == 1.0), "{mask:?}");
}

#[test]
fn without_the_key_there_are_boxes_only() {
    let keys = "onnx-file=masks.onnx\nnetwork-type=3\ncluster-mode=4\n[class-attrs-all]\ntopk=1";
    let Some(mut analyzer) = analyzer(keys) else { return };
    let data = two_cells();
    let found = analyzer.analyze(&[whole(rgb(SIZE, &data))]).unwrap().pop().unwrap().objects;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].mask, None);
}

#[test]
fn raw_tensors_are_the_model_s_own() {
    let size = Size::new(20, 20);
    let data = pixels(size, |_, _| [51, 102, 255]);
    for (keys, names) in [
        ("onnx-file=colors.onnx\nnetwork-type=100\ngie-unique-id=3", &["color", "brightness"][..]),
        (
            "onnx-file=colors.onnx\nnetwork-type=100\noutput-blob-names=brightness\ngie-unique-id=3",
            &["brightness"],
        ),
        (
            "onnx-file=colors.onnx\nnetwork-type=1\noutput-tensor-meta=1\ngie-unique-id=3",
            &["color", "brightness"],
        ),
    ] {
        let Some(mut analyzer) = analyzer(keys) else { return };
        let region = Region::part(rgb(size, &data), Rect::new(4.0, 2.0, 10.0, 10.0));
        let analysis = analyzer.analyze(&[region]).unwrap().pop().unwrap();
        assert_eq!(analysis.classifications.is_empty(), keys.contains("network-type=100"));
        let tensors = analysis.tensors.unwrap();
        assert_eq!((tensors.component_id, tensors.network), (3, Size::new(8, 8)));
        assert_eq!(
            (tensors.source, tensors.target),
            (Rect::new(4.0, 2.0, 10.0, 10.0), Rect::new(0.0, 0.0, 8.0, 8.0))
        );
        assert_eq!(tensors.tensors.iter().map(|tensor| &*tensor.name).collect::<Vec<_>>(), names);
        let brightness = tensors.tensor("brightness").unwrap();
        assert_eq!(brightness.dims, [2]);
        assert!((brightness.data[1] - 408.0 / 765.0).abs() < 1e-5, "{brightness:?}");
        assert!(tensors.tensor("else").is_none());
    }
}

#[test]
fn outputs_of_another_kind_are_an_error_that_names_both() {
    for (keys, parts) in [
        (
            "onnx-file=masks.onnx\nnetwork-type=1",
            &["config.txt:4", "Classifier", "detections [6, 6] f32"][..],
        ),
        ("onnx-file=colors.onnx\nnetwork-type=2", &["config.txt:4", "Segmentation", "color [3] f32"]),
        (
            "onnx-file=segments.onnx\nnetwork-type=3\ncluster-mode=4",
            &["config.txt:4", "pooled [3, 8, 12] f32"],
        ),
        (
            "onnx-file=masks.onnx\nnetwork-type=3",
            &["config.txt", "cluster-mode=GroupRectangles", "2 NMS or 4 none"],
        ),
        ("onnx-file=colors.onnx\nnetwork-type=100\noutput-blob-names=else", &["config.txt:5", "\"else\""]),
    ] {
        let Some(result) = try_analyzer(keys) else { return };
        let error = result.unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{keys}: {error:?} does not say {part:?}");
        }
    }
}

/// A real network for re-identification: one list of 512 numbers for each person, that of the same picture the same.
#[test]
fn embeddings_of_people() {
    let Some(model) = common::assets().map(|folder| folder.join("models/osnet_x0_25_msmt17.onnx")) else {
        return common::skip("the assets folder is not there");
    };
    let keys = format!(
        "onnx-file={}\nnetwork-type=100\nprocess-mode=2\noffsets=123.675;116.28;103.53",
        model.display()
    );
    if !model.exists() {
        return common::skip(format_args!("{} is not there", model.display()));
    }
    let Some(mut analyzer) = analyzer(&keys) else { return };
    let size = Size::new(64, 128);
    let data = [0u32, 5, 0]
        .map(|seed| pixels(size, |x, y| [x * 3 + seed * 17, y + seed * 40, x ^ y].map(|v| v as u8)));
    let regions: Vec<_> = data.iter().map(|data| whole(rgb(size, data))).collect();
    let found = analyzer.analyze(&regions).unwrap();
    let embedding = |index: usize| {
        let tensors = found[index].tensors.as_ref().unwrap();
        assert_eq!((tensors.network, tensors.tensors.len()), (Size::new(128, 256), 1));
        assert_eq!(tensors.tensors[0].dims, [512]);
        tensors.tensors[0].data.clone()
    };
    assert_eq!(embedding(0), embedding(2));
    assert_ne!(embedding(0), embedding(1));
}
