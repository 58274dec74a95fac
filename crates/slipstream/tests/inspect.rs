//! `slipstream inspect`: what it says of models, and that its configs work as they are.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::program::{run, slipstream};
use serde_json::Value;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../slipstream-infer/tests/data").join(name)
}

/// A model with a line of metadata more: a field `metadata_props` (14) at the end of the protobuf message.
fn with_metadata(model: &[u8], key: &str, value: &str) -> Vec<u8> {
    let text = |field: u8, text: &str| {
        [&[field << 3 | 2, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
    };
    let entry = [text(1, key), text(2, value)].concat();
    [model, &[14 << 3 | 2, u8::try_from(entry.len()).unwrap()], &entry].concat()
}

/// Exit code, standard output and standard error; `None`, loudly, where ONNX Runtime is not installed.
fn inspect(arguments: &[&str]) -> Option<(Option<i32>, String, String)> {
    let (code, out, err) = run(slipstream().arg("inspect").args(arguments));
    if err.contains("ONNX Runtime is not installed") {
        println!("SKIPPED: {err}");
        return None;
    }
    Some((code, out, err))
}

#[test]
fn a_config_is_written_once_and_works_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let tiny = fs::read(data("tiny.onnx")).unwrap();
    fs::write(path("cells.onnx"), with_metadata(&tiny, "names", "{0: 'bright cell'}")).unwrap();
    let arguments = [path("cells.onnx"), "--config-out".to_owned(), path("mine.ini")];
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some((code, out, err)) = inspect(&arguments) else { return };
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    for part in [
        "input       images [?, 3, 32, 48] f32",
        "output      coverage [?, 1, 2, 3] f32",
        "names       {0: 'bright cell'}",
        "size          48×32",
        "parser        detectnet: ",
        "classes       1: bright cell",
    ] {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }
    assert_eq!(fs::read_to_string(path("mine.labels.txt")).unwrap(), "bright cell\n");
    let config = fs::read_to_string(path("mine.ini")).unwrap();
    assert!(
        config.contains("\nonnx-file=cells.onnx\n") && config.contains("\ninfer-dims=3;32;48\n"),
        "{config}"
    );

    let white = image::RgbImage::from_pixel(48, 32, image::Rgb([255; 3]));
    white.save(path("white.png")).unwrap();
    let (code, out, err) =
        run(slipstream().args(["detect", "--model", &path("mine.ini"), &path("white.png")]));
    assert_eq!(code, Some(0), "{err}");
    let line: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(line["objects"].as_array().unwrap().len(), 6, "{out}");
    assert_eq!(line["objects"][0]["label"], "bright cell");

    // never over what is there, unless asked to
    fs::write(path("mine.ini"), "mine").unwrap();
    let (code, _, err) = inspect(&arguments).unwrap();
    assert_eq!(code, Some(1));
    assert!(err.contains("mine.labels.txt is there already; --force writes over it"), "{err}");
    assert_eq!(fs::read_to_string(path("mine.ini")).unwrap(), "mine");
    arguments.push("--force");
    assert_eq!(inspect(&arguments).unwrap().0, Some(0));
    assert_eq!(fs::read_to_string(path("mine.ini")).unwrap(), config);
    // and of its own config it says the same
    let (code, of_config, _) = inspect(&[&path("mine.ini")]).unwrap();
    assert_eq!(code, Some(0));
    assert!(of_config.contains("parser        detectnet: "), "{of_config}");
}

#[test]
fn outputs_that_nothing_reads_are_listed_beside_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("x.ini").to_str().unwrap().to_owned();
    let model = data("tiny.onnx").to_str().unwrap().to_owned();
    let Some((code, out, err)) = inspect(&[&model, "--parser", "nanodet", "--config-out", &config]) else {
        return;
    };
    assert_eq!(code, Some(1));
    assert!(out.contains("parser        none"), "{out}");
    assert!(out.contains("outputs: coverage [1, 2, 3] f32; bbox [4, 2, 3] f32"), "{out}");
    assert!(out.contains("nanodet: one of [N, C + 32]") && !out.contains("yolox"), "{out}");
    assert!(err.contains("no config is written"), "{err}");
    assert!(!Path::new(&config).exists());

    let (code, out, err) = inspect(&["/nowhere/mine.onnx"]).unwrap();
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("/nowhere/mine.onnx") && err.contains("No such file"), "{err}");
}

#[test]
fn networks_that_are_no_detectors_are_known_by_their_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("red.png").to_str().unwrap().to_owned();
    image::RgbImage::from_pixel(64, 64, image::Rgb([255, 0, 0])).save(&picture).unwrap();
    for (model, parts, found) in [
        ("colors", ["that of classifiers", "classes       as many as values"], "attributes"),
        ("segments", ["that of segmentation networks", "classes       "], "areas"),
    ] {
        let path =
            |ending: &str| folder.path().join(format!("{model}.{ending}")).to_str().unwrap().to_owned();
        fs::copy(data(&format!("{model}.onnx")), path("onnx")).unwrap();
        let (onnx, ini) = (path("onnx"), path("ini"));
        let Some((code, out, err)) = inspect(&[&onnx, "--config-out", &ini]) else { return };
        assert_eq!(code, Some(0), "{out}{err}");
        assert!(parts.iter().all(|part| out.contains(part)), "{out}");
        // the config works as it is, and the same is said of it
        let (code, of_config, err) = inspect(&[&ini]).unwrap();
        assert!(code == Some(0) && out.starts_with(&of_config), "{of_config}{err}");
        let (code, out, err) = run(slipstream().args(["detect", "--model", &ini, &picture]));
        assert_eq!(code, Some(0), "{err}");
        let line: Value = serde_json::from_str(&out).unwrap();
        assert!(!line[found].as_array().unwrap().is_empty(), "{out}");
    }
}

/// Models of the assets folder, and what each has to see in one picture of a crossing.
#[test]
fn published_models_work_with_the_config_that_is_written() {
    let Some(video) = common::asset("videos/crosswalk-848x478.mp4") else { return };
    for (name, parser) in
        [("yolox_nano_416", "yolox"), ("picodet_s_416_raw", "picodet"), ("FastestDet", "fastestdet")]
    {
        let Some(model) = common::asset(&format!("models/{name}.onnx")) else { continue };
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("written.ini").to_str().unwrap().to_owned();
        let arguments = [model.to_str().unwrap(), "--config-out", &config];
        let Some((code, out, err)) = inspect(&arguments) else { return };
        assert_eq!(code, Some(0), "{out}{err}");
        assert!(out.contains(&format!("parser        {parser}: ")), "{out}");
        assert!(out.contains("80, as many as COCO has"), "{out}");
        let arguments = ["detect", "--model", &config, "--every", "100", video.to_str().unwrap()];
        let (code, out, err) = run(slipstream().args(arguments));
        assert_eq!(code, Some(0), "{err}");
        let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let count = |label: &str| {
            let objects = lines.iter().flat_map(|line| line["objects"].as_array().unwrap());
            objects
                .filter(|object| object["label"] == label && object["confidence"].as_f64() > Some(0.5))
                .count()
        };
        let (cars, people) = (count("car"), count("person"));
        assert!(
            cars >= lines.len() && people >= 1,
            "{name}: {cars} cars, {people} people in {} frames",
            lines.len()
        );
    }
}
