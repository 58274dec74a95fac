//! `slipstream detect` on pictures and videos.

mod common;

use std::path::{Path, PathBuf};

use common::media::{CELLS, Pattern, tiny_model};
use common::program::{can_detect, run, slipstream};
use image::{Rgb, RgbImage};
use serde_json::Value;
use slipstream_infer::{Detector, InferConfig};
use slipstream_meta::{ChannelOrder, Colorimetry, Picture, PixelFormat, Plane, Size};

/// Sides of a cell of the tiny model in the pictures of these tests.
const CELL: u32 = 32;
const SIZE: Size = Size::new(3 * CELL, 2 * CELL);

/// A coloured picture with white cells, which the tiny model takes for vehicles.
fn picture(white: &[(u32, u32)]) -> RgbImage {
    RgbImage::from_fn(SIZE.width, SIZE.height, |x, y| {
        if white.contains(&(x / CELL, y / CELL)) { Rgb([255; 3]) } else { Rgb([90, 20, (x + y) as u8]) }
    })
}

fn detect(model: &Path, arguments: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let (code, out, err) = run(slipstream().env("SLIPSTREAM_MODEL", model).arg("detect").args(arguments));
    (code, out.lines().map(|line| serde_json::from_str(line).expect(line)).collect(), err)
}

/// What the library finds in a picture of the same pixels, as it is to be printed.
fn expected(model: &Path, image: &RgbImage) -> Value {
    let (config, _) = InferConfig::load(model).unwrap();
    let mut detector = Detector::new(config, None).unwrap();
    let size = Size::new(image.width(), image.height());
    let plane = Plane { data: image.as_raw(), stride: size.width as usize * 3 };
    let planes = [plane, Plane::default(), Plane::default()];
    let format = PixelFormat::Rgb(ChannelOrder::Rgb);
    let picture = Picture::new(format, size, Colorimetry::default(), planes).unwrap();
    let found = detector.detect(&[picture]).unwrap().remove(0);
    let objects = found.iter().map(|object| {
        let label = detector.labels().class(object.class_id).map(ToString::to_string);
        let r = object.rect;
        serde_json::json!({
            "class": object.class_id,
            "label": label,
            "confidence": object.confidence,
            "box": [r.left, r.top, r.width, r.height],
        })
    });
    objects.collect()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

/// A folder and the detector in it.
fn set_up() -> Option<(Folder, PathBuf)> {
    let folder = Folder(tempfile::tempdir().unwrap());
    let model = tiny_model(folder.0.path());
    can_detect(&model).then_some((folder, model))
}

#[test]
fn pictures_are_told_in_their_order_as_the_library_sees_them() {
    let Some((folder, model)) = set_up() else { return };
    std::fs::create_dir(folder.path("many")).unwrap();
    let mut files = Vec::new();
    for number in 0..30u32 {
        let image = picture(&[(number % 3, number / 3 % 2)]);
        let name = format!("many/{number:02}.{}", ["png", "webp", "PNG"][number as usize % 3]);
        let format = if number % 3 == 1 { image::ImageFormat::WebP } else { image::ImageFormat::Png };
        image.save_with_format(folder.path(&name), format).unwrap();
        files.push((name, image));
    }
    std::fs::write(folder.path("many/notes.txt"), "not a picture").unwrap();
    for workers in ["1", "3"] {
        let (code, lines, err) = detect(&model, &["--workers", workers, &folder.text("many")]);
        assert_eq!((code, err.as_str(), lines.len()), (Some(0), "", files.len()));
        for (line, (name, image)) in lines.iter().zip(&files) {
            let objects = expected(&model, image);
            assert_eq!(objects.as_array().unwrap().len(), 1, "{objects}");
            let expected = serde_json::json!({
                "file": folder.text(name),
                "frame": 0,
                "width": SIZE.width,
                "height": SIZE.height,
                "objects": objects,
            });
            assert_eq!(*line, expected);
        }
    }
}

#[test]
fn pictures_stand_upright() {
    let Some((folder, model)) = set_up() else { return };
    // EXIF: little endian, one entry, orientation (0x0112), a short, 6: turn clockwise to see it upright.
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let upright = picture(&[(0, 0)]);
    let mut jpeg = Vec::new();
    let lying = image::imageops::rotate270(&upright);
    lying.write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95)).unwrap();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let tagged = [&jpeg[..2], &[0xff, 0xe1], &length, exif, &jpeg[2..]].concat();
    std::fs::write(folder.path("turned"), tagged).unwrap();
    let (code, lines, err) = detect(&model, &[&folder.text("turned")]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!((&lines[0]["width"], &lines[0]["height"]), (&SIZE.width.into(), &SIZE.height.into()));
    assert_eq!(lines[0]["objects"][0]["box"], expected(&model, &upright)[0]["box"]);
}

#[test]
fn frames_of_videos_are_numbered_and_timed() {
    let Some((folder, model)) = set_up() else { return };
    Pattern::solid(0xffffff, 96, 64).frames(40).write(&folder.path("white.mp4"));
    Pattern::solid(0x000000, 128, 96).frames(10).write(&folder.path("black.mp4"));
    let (white, black) = (folder.text("white.mp4"), folder.text("black.mp4"));
    for every in [1u64, 7] {
        let (code, lines, err) = detect(&model, &["--every", &every.to_string(), &white, &black]);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        let frames = [(&white, 96, 40, CELLS), (&black, 128, 10, 0)].into_iter().flat_map(
            |(file, width, frames, objects)| {
                (0..frames).step_by(every as usize).map(move |frame| (file, width, frame, objects))
            },
        );
        let frames: Vec<_> = frames.collect();
        assert_eq!(lines.len(), frames.len());
        for (line, (file, width, frame, objects)) in lines.iter().zip(frames) {
            assert_eq!((&line["file"], &line["frame"]), (&file.as_str().into(), &frame.into()));
            assert_eq!((&line["width"], line["objects"].as_array().unwrap().len()), (&width.into(), objects));
            assert!((line["time"].as_f64().unwrap() - frame as f64 / 25.0).abs() < 0.001, "{line}");
        }
    }
}

#[test]
fn bad_files_are_named_and_the_others_looked_at() {
    let Some((folder, model)) = set_up() else { return };
    picture(&[(1, 1)]).save(folder.path("good.png")).unwrap();
    let png = std::fs::read(folder.path("good.png")).unwrap();
    std::fs::write(folder.path("half.png"), &png[..png.len() / 2]).unwrap();
    std::fs::write(folder.path("words.png"), "no picture at all, but many words about one").unwrap();
    std::fs::write(folder.path("nothing.mp4"), "").unwrap();
    std::fs::create_dir(folder.path("empty")).unwrap();
    let good = folder.text("good.png");
    let bad = ["none.png", "half.png", "words.png", "nothing.mp4", "empty"].map(|name| folder.text(name));
    let arguments: Vec<_> = bad.iter().flat_map(|bad| [bad.as_str(), &good]).collect();
    let (code, lines, err) = detect(&model, &arguments);
    assert_eq!((code, lines.len()), (Some(1), bad.len()), "{err}");
    assert!(lines.iter().all(|line| line["file"] == good && line["objects"].as_array().unwrap().len() == 1));
    let reasons =
        ["no such file", "not a sound picture", "neither a picture", "", "the folder holds no pictures"];
    assert_eq!(err.lines().count(), bad.len(), "{err}");
    for ((complaint, bad), reason) in err.lines().zip(&bad).zip(reasons) {
        assert!(complaint.starts_with(&format!("error: {bad}: {reason}")), "{complaint}");
    }

    let (code, lines, err) = detect(Path::new("/no/such.ini"), &[&good]);
    assert_eq!((code, lines.len(), err.contains("/no/such.ini")), (Some(1), 0, true), "{err}");
    let (code, _, err) = detect(&model, &["--every=0", &good]);
    assert_eq!((code, err.contains("--every")), (Some(2), true), "{err}");
}

#[test]
fn drawn_pictures_show_the_boxes_and_overwrite_nothing() {
    let Some((folder, model)) = set_up() else { return };
    let image = picture(&[(1, 0)]);
    for name in ["a", "b"] {
        std::fs::create_dir(folder.path(name)).unwrap();
        image.save(folder.path(name).join("yard.png")).unwrap();
    }
    Pattern::solid(0x202020, 96, 64).frames(2).write(&folder.path("yard.mp4"));
    let inputs = ["a/yard.png", "b/yard.png", "yard.mp4"].map(|name| folder.text(name));
    let mut arguments = vec!["--draw".to_owned(), folder.text("out")];
    arguments.extend(inputs);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (code, lines, err) = detect(&model, &arguments);
    assert_eq!((code, lines.len()), (Some(0), 4), "{err}");
    let mut drawn: Vec<_> =
        std::fs::read_dir(folder.path("out")).unwrap().map(|file| file.unwrap().path()).collect();
    drawn.sort();
    let names: Vec<_> = drawn.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["yard-2.png", "yard-3-000000.jpg", "yard-3-000001.jpg", "yard.png"]);
    for path in &drawn {
        let drawn = image::open(path).unwrap().into_rgb8();
        assert_eq!(drawn.dimensions(), (SIZE.width, SIZE.height), "{path:?}");
        if path.extension().unwrap() == "png" {
            // Around the white cell, and nowhere below it.
            let changed =
                |y: u32| (0..SIZE.width).filter(|&x| drawn.get_pixel(x, y) != image.get_pixel(x, y)).count();
            assert!(changed(CELL / 2) >= 2, "{path:?}");
            assert_eq!(changed(SIZE.height - 1), 0, "{path:?}");
        }
    }

    // Into the folder of the pictures themselves.
    let (code, _, err) = detect(&model, &["--draw", &folder.text("a"), &folder.text("a/yard.png")]);
    assert_eq!((code, err.contains("would be overwritten")), (Some(1), true), "{err}");
    assert_eq!(image::open(folder.path("a/yard.png")).unwrap().into_rgb8(), image);
}

#[test]
fn confidence_can_be_asked_for() {
    let Some((folder, model)) = set_up() else { return };
    RgbImage::from_pixel(SIZE.width, SIZE.height, Rgb([204; 3])).save(folder.path("grey.png")).unwrap();
    for (threshold, objects) in [("0.7", CELLS), ("0.9", 0)] {
        let (code, lines, err) = detect(&model, &["--threshold", threshold, &folder.text("grey.png")]);
        assert_eq!((code, lines[0]["objects"].as_array().unwrap().len()), (Some(0), objects), "{err}");
    }
}
