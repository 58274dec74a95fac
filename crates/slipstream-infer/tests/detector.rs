//! The whole way from pictures to objects, with models of a few hundred bytes whose answer is known (see
//! `tests/reference/tiny_models.py`: a cell of 16 × 16 pixels is as much an object as it is bright).

mod common;

use std::process::Command;

use slipstream_infer::{Detection, Detector, Region};
use slipstream_meta::{ChannelOrder, Colorimetry, Picture, PixelFormat, Plane, Rect, Size};

const MODEL: &str = "\
[property]
onnx-file=tiny.onnx
net-scale-factor=0.00392156862745098
cluster-mode=4
[class-attrs-all]
pre-cluster-threshold=0.6
";

/// A gray picture with white cells of `cell` pixels at (column, row).
fn cells(size: Size, cell: usize, white: &[(usize, usize)]) -> Vec<u8> {
    let (width, height) = (size.width as usize, size.height as usize);
    let mut pixels = vec![0u8; width * height * 3];
    for y in 0..height {
        for x in 0..width {
            if white.contains(&(x / cell, y / cell)) {
                pixels[(y * width + x) * 3..][..3].fill(255);
            }
        }
    }
    pixels
}

fn rgb(size: Size, data: &[u8]) -> Picture<'_> {
    let plane = Plane { data, stride: size.width as usize * 3 };
    let planes = [plane, Plane::default(), Plane::default()];
    Picture::new(PixelFormat::Rgb(ChannelOrder::Rgb), size, Colorimetry::default(), planes).unwrap()
}

fn detector(config: &str) -> Option<Detector> {
    Some(common::detector(config)?.unwrap())
}

/// Left, top, right, bottom, in whole pixels, from the left.
fn rects(objects: &[Detection]) -> Vec<[i32; 4]> {
    let whole = |r: &Rect| [r.left, r.top, r.right(), r.bottom()].map(|edge| edge.round() as i32);
    let mut rects: Vec<_> = objects.iter().map(|object| whole(&object.rect)).collect();
    rects.sort_unstable();
    rects
}

/// A detector may move to another thread.
const _: fn(Detector) -> Box<dyn Send> = |detector| Box::new(detector);

#[test]
fn objects_come_back_where_they_are() {
    let Some(mut detector) = detector(MODEL) else { return };
    // twice the network's size
    let size = Size::new(96, 64);
    let data = [cells(size, 32, &[(1, 0)]), cells(size, 32, &[(0, 1), (2, 0)]), cells(size, 32, &[])];
    let pictures: Vec<_> = data.iter().map(|data| rgb(size, data)).collect();
    let found = detector.detect(&pictures).unwrap();
    assert_eq!(rects(&found[0]), [[32, 0, 64, 32]]);
    // the last column and row end a pixel early: boxes are clipped to width − 1 and height − 1
    assert_eq!(rects(&found[1]), [[0, 32, 32, 62], [64, 0, 94, 32]]);
    assert_eq!(found[2], []);
    assert!((found[0][0].confidence - 1.0).abs() < 1e-3, "{found:?}");
    let timings = detector.timings();
    assert_eq!((timings.images, timings.not_finite), (3, 0));
    assert!(timings.run.as_nanos() > 0 && timings.preprocess.as_nanos() > 0 && timings.parse.as_nanos() > 0);
    assert_eq!((detector.classes(), detector.workers()), (1, 3));
}

#[test]
fn many_pictures_keep_their_order() {
    let Some(mut detector) = detector(MODEL) else { return };
    let size = Size::new(48, 32);
    let places: Vec<_> = (0..100).map(|i| (i % 3, i / 3 % 2)).collect();
    let data: Vec<_> = places.iter().map(|&place| cells(size, 16, &[place])).collect();
    let pictures: Vec<_> = data.iter().map(|data| rgb(size, data)).collect();
    for _ in 0..2 {
        let found = detector.detect(&pictures).unwrap();
        for (found, &(column, row)) in found.iter().zip(&places) {
            let [rect] = rects(found)[..] else { panic!("{found:?}") };
            assert_eq!((rect[0], rect[1]), (column as i32 * 16, row as i32 * 16));
        }
    }
    assert_eq!(detector.detect(&[]).unwrap(), Vec::<Vec<_>>::new());
}

#[test]
fn an_image_that_comes_alone_may_be_shared_among_cores() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config.txt");
    let (mut config, _) = slipstream_infer::InferConfig::parse(MODEL, path).unwrap();
    config.share_lone_images = true;
    if detector(MODEL).is_none() {
        return;
    }
    let mut detector = Detector::new(config, std::num::NonZeroUsize::new(3)).unwrap();
    let size = Size::new(48, 32);
    let data: Vec<_> = (0..3).map(|column| cells(size, 16, &[(column, 0)])).collect();
    let pictures: Vec<_> = data.iter().map(|data| rgb(size, data)).collect();
    let together = detector.detect(&pictures).unwrap();
    let alone: Vec<_> =
        pictures.iter().map(|&picture| detector.detect(&[picture]).unwrap().remove(0)).collect();
    assert_eq!(
        together.iter().map(|found| rects(found)).collect::<Vec<_>>(),
        alone.iter().map(|found| rects(found)).collect::<Vec<_>>()
    );
    assert_eq!((detector.timings().images, detector.workers()), (6, 3));
}

#[test]
fn a_model_of_a_fixed_batch_is_filled() {
    let Some(mut detector) = detector(&MODEL.replace("tiny.onnx", "tiny_batch2.onnx")) else { return };
    let size = Size::new(48, 32);
    let data: Vec<_> = (0..3).map(|column| cells(size, 16, &[(column, 0)])).collect();
    let pictures: Vec<_> = data.iter().map(|data| rgb(size, data)).collect();
    let found: Vec<_> = detector.detect(&pictures).unwrap().iter().map(|found| rects(found)).collect();
    assert_eq!(found, [[[0, 0, 16, 16]], [[16, 0, 32, 16]], [[32, 0, 47, 16]]]);
}

#[test]
fn regions_are_looked_at_alone_and_letterboxed() {
    let config =
        MODEL.replace("cluster-mode=4", "cluster-mode=4\nmaintain-aspect-ratio=1\nsymmetric-padding=1");
    let Some(mut detector) = detector(&config) else { return };
    let size = Size::new(200, 100);
    let data = cells(size, 20, &[(2, 2), (3, 2), (2, 3), (3, 3), (8, 1)]);
    // 40 × 40 at (40, 40), wholly white, becomes 32 × 32 with 8 black pixels left and right
    let region = Region::part(rgb(size, &data), Rect::new(39.5, 39.5, 40.9, 40.9));
    let found = detector.detect_regions(&[region]).unwrap();
    assert_eq!(rects(&found[0]), [[50, 40, 70, 60], [50, 60, 70, 79]]);
}

#[test]
fn a_picture_may_stand_for_a_larger_frame() {
    let (size, frame) = (Size::new(640, 360), Size::new(1920, 1080));
    let data = cells(size, 120, &[(0, 0), (2, 1), (4, 2)]);
    let picture = rgb(size, &data);
    let found = |more: &str, region: Region<'_>| {
        let (property, attrs) = more.split_once('|').unwrap();
        let config = format!("{}{attrs}", MODEL.replace("0.6", "0.3").replace("cluster-mode=4", property));
        Some(detector(&config)?.detect_regions(&[region]).unwrap().remove(0))
    };
    let part = Rect::new(120.0, 0.0, 400.0, 300.0);
    for keys in [
        "cluster-mode=4|",
        "cluster-mode=4\nmaintain-aspect-ratio=1|",
        "cluster-mode=2|nms-iou-threshold=0.3\n",
    ] {
        for (own, framed) in [
            (Region::whole(picture), Region::whole(picture).in_frame(frame)),
            (Region::part(picture, part), Region::part(picture, part.scaled(3.0, 3.0)).in_frame(frame)),
        ] {
            let Some(own) = found(keys, own) else { return };
            let framed = found(keys, framed).unwrap();
            assert!(!own.is_empty() && own.len() == framed.len(), "{own:?} {framed:?}");
            for (own, framed) in own.iter().zip(&framed) {
                let wanted = own.rect.scaled(3.0, 3.0);
                let edges = |rect: &Rect| [rect.left, rect.top, rect.right(), rect.bottom()];
                let near =
                    edges(&wanted).into_iter().zip(edges(&framed.rect)).all(|(a, b)| (a - b).abs() < 1e-3);
                assert!(near && own.confidence == framed.confidence, "{wanted:?} {framed:?}");
            }
        }
    }
    // limits and margins are in pixels of the frame: boxes are 213 × 180 on the picture and 640 × 540 on the frame
    let count = |attrs: &str, region| found(&format!("cluster-mode=4|{attrs}\n"), region).unwrap().len();
    let (whole, framed) = (Region::whole(picture), Region::whole(picture).in_frame(frame));
    let all = count("", whole);
    assert_eq!((count("detected-min-w=400", whole), count("detected-min-w=400", framed)), (0, all));
    assert_eq!((count("detected-max-h=400", whole), count("detected-max-h=400", framed)), (all, 0));
    assert!(count("roi-bottom-offset=500", framed) < all && count("roi-bottom-offset=500", framed) > 0);

    // a picture that is stretched keeps the frame's shape, not its own
    let square = Size::new(360, 360);
    let data = cells(square, 120, &[(1, 1)]);
    let squeezed = Region::whole(rgb(square, &data)).in_frame(frame);
    let on_frame = found("cluster-mode=4\nmaintain-aspect-ratio=1|", squeezed).unwrap();
    let stretched = found("cluster-mode=4\nmaintain-aspect-ratio=0|", squeezed).unwrap();
    assert!(on_frame.len() == 1 && stretched.len() == 2, "{on_frame:?} {stretched:?}");
}

#[test]
fn boxes_are_filtered_as_the_config_says() {
    let size = Size::new(96, 64);
    let data = cells(size, 32, &[(0, 0), (1, 1)]);
    let count = |keys: &str, property: &str| {
        let config =
            format!("{}{keys}", MODEL.replace("cluster-mode=4", &format!("cluster-mode=4\n{property}")));
        Some(rects(&detector(&config)?.detect(&[rgb(size, &data)]).unwrap()[0]))
    };
    let Some(all) = count("", "") else { return };
    let (upper, lower) = ([0, 0, 32, 32], [32, 32, 64, 62]);
    assert_eq!(all, [upper, lower]);
    assert_eq!(count("roi-top-offset=1\n", "").unwrap(), [lower]);
    assert_eq!(count("roi-bottom-offset=3\n", "").unwrap(), [upper]);
    let cropped =
        count("roi-top-offset=10\nroi-bottom-offset=10\n", "crop-objects-to-roi-boundary=1").unwrap();
    assert_eq!(cropped, [[0, 10, 32, 32], [32, 32, 64, 54]]);
    assert_eq!(count("detected-min-h=31\n", "").unwrap(), [upper]);
    assert_eq!(count("detected-max-h=31\n", "").unwrap(), [lower]);
    assert!(count("", "filter-out-class-ids=0").unwrap().is_empty());
    assert_eq!(count("topk=1\n", "").unwrap().len(), 1);
}

#[test]
fn a_free_size_takes_infer_dims_and_a_fixed_one_insists() {
    let free = MODEL.replace("tiny.onnx", "tiny_free.onnx");
    let Some(result) = common::detector(&free) else { return };
    let error = result.unwrap_err().to_string();
    assert!(error.contains("images [?, ?, ?, ?] f32") || error.contains("set infer-dims"), "{error}");
    let free = free.replace("cluster", "infer-dims=3;32;48\ncluster");
    assert_eq!(detector(&free).unwrap().input().size(), Size::new(48, 32));

    let fixed = MODEL.replace("cluster", "infer-dims=3;64;48\ncluster");
    let error = common::detector(&fixed).unwrap().unwrap_err().to_string();
    assert!(
        error.contains("config.txt:4: infer-dims=3;64;48, but the model") && error.contains("takes 3;32;48"),
        "{error}"
    );
}

#[test]
fn what_cannot_work_is_said_with_its_place() {
    let cases = [
        ("onnx-file=absent.onnx", "config.txt:2: [property] onnx-file: cannot read "),
        ("onnx-file=../detector.rs", "ONNX Runtime cannot load the model"),
        (
            "model-file=a.caffemodel\nproto-file=a.prototxt",
            "config.txt:3: [property] proto-file: cannot read ",
        ),
        ("model-file=a.caffemodel", "config.txt:2: model-file needs proto-file"),
        ("model-engine-file=a.engine", "config.txt:2: model-engine-file="),
        ("gpu-id=0", "no model: set onnx-file in [property]"),
        (
            "onnx-file=tiny.onnx\nlabelfile-path=none.txt",
            "config.txt:3: [property] labelfile-path: cannot read ",
        ),
        (
            "onnx-file=tiny.onnx\nmodel-color-format=2",
            "config.txt:3: model-color-format=Gray has 1 channels, but the network takes 3",
        ),
        ("onnx-file=tiny.onnx\nnetwork-type=1", "config.txt:3: network-type=Classifier: only detectors"),
        ("onnx-file=tiny.onnx\nnetwork-input-order=1", "input images [?, 3, 32, 48] f32"),
        ("onnx-file=tiny.onnx\noutput-blob-names=coverage", "no parser fits the model's outputs"),
    ];
    for (keys, expected) in cases {
        let Some(result) = common::detector(&format!("[property]\n{keys}\n")) else { return };
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{keys}: {error}");
    }
}

/// Run by the next test in a process of its own, where there is no library.
#[test]
#[ignore = "needs an environment without ONNX Runtime"]
fn without_library() {
    let config = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config.txt");
    let (config, _) = slipstream_infer::InferConfig::parse(MODEL, config).unwrap();
    println!("{}", Detector::new(config, None).unwrap_err());
}

#[test]
fn a_missing_library_is_an_error_that_helps() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "without_library", "--nocapture"])
        .env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{text}");
    for part in ["make setup", "Looked at: /nowhere/libonnxruntime.so (ORT_DYLIB_PATH)"] {
        assert!(text.contains(part), "{text}");
    }
}
