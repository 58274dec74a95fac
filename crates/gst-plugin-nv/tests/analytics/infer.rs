//! `nvinfer` with a network of a few hundred bytes that calls every bright sixth of a picture a person.

use std::sync::mpsc;
use std::time::Duration;

use gst::prelude::*;
use slipstream_meta::{BatchMeta, Color, Point, Size};

use crate::common::*;

/// Three times the size of the pictures.
const FRAME: Size = Size::new(288, 192);
/// Nothing here is about speed: a wait this long means that it will never happen.
const NEVER: Duration = Duration::from_secs(120);

fn infer(config: &std::path::Path) -> Option<gst::Element> {
    let element = element("nvinfer");
    element.set_property("config-file-path", config.to_str().unwrap());
    if_it_starts(element)
}

/// Frames of two sources, white in these cells.
fn batch(cells: &[usize], number: u64) -> gst::Buffer {
    let make = MakeBatch::new(FRAME, cells.len() as u32);
    let frames = (0..).zip(cells);
    frames
        .fold(make, |make, (pad, &at)| make.frame(pad, cell(at), |frame| frame.frame_number = number))
        .buffer(number)
}

/// Number of objects on each frame.
fn counts(meta: &BatchMeta) -> Vec<usize> {
    meta.frames.iter().map(|frame| frame.objects.len()).collect()
}

#[test]
fn objects_look_as_in_deepstream() {
    let folder = tempfile::tempdir().unwrap();
    let Some(element) = infer(&detector(folder.path(), "detector.ini", "")) else { return };
    let mut harness = harness(&element, &nvmm("NV12", FRAME), "video/x-raw(memory:NVMM)");
    let meta = meta(&harness.push_and_pull(batch(&[1, 4], 0)).unwrap());
    let [first, second] = &meta.frames[..] else { panic!("{meta:?}") };
    assert!(first.inferred && second.inferred);
    let [object] = &first.objects[..] else { panic!("{first:?}") };
    // in pixels of the multiplexer's frames
    assert_eq!(edges(&object.rect), [96, 0, 192, 96]);
    assert_eq!((object.component_id, object.class_id, object.tracking_id), (7, 0, None));
    assert_eq!((object.border_width, object.border_color), (Some(3.0), Some(Color::rgb(255, 0, 0))));
    let text = object.text.as_ref().unwrap();
    assert_eq!((&*text.content, text.background, text.color), ("Person", Some(Color::BLACK), Color::WHITE));
    // ten pixels above, or at the upper edge
    assert_eq!(text.position, Point { x: object.rect.left, y: 0.0 });
    let below = second.objects[0].text.as_ref().unwrap();
    assert_eq!(below.position.y, second.objects[0].rect.top - 10.0);
    // 11 points
    assert!((text.size - 14.667).abs() < 0.01, "{}", text.size);
}

#[test]
fn the_file_is_read_at_once_and_properties_come_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        detector(folder.path(), "detector.ini", "batch-size=30\ninterval=2\nfilter-out-class-ids=3;4");
    let element = element("nvinfer");
    assert_eq!(element.property::<u32>("batch-size"), 1);
    element.set_property("config-file-path", config.to_str().unwrap());
    let read = |name: &str| element.property::<u32>(name);
    assert_eq!((read("batch-size"), read("interval"), read("unique-id")), (30, 2, 7));
    assert_eq!(element.property::<String>("filter-out-class-ids"), "3;4");
    element.set_property("batch-size", 4u32);
    element.set_property("unique-id", 9u32);
    element.set_property("interval", 0u32);
    assert_eq!((read("batch-size"), read("interval"), read("unique-id")), (4, 0, 9));
    // another file does not change what the program has set
    let other = detector(folder.path(), "other.ini", "batch-size=2\ninterval=5");
    element.set_property("config-file-path", other.to_str().unwrap());
    assert_eq!((read("batch-size"), read("interval")), (4, 0));

    let Some(element) = if_it_starts(element) else { return };
    let mut harness = harness(&element, &nvmm("NV12", FRAME), "video/x-raw(memory:NVMM)");
    let meta = meta(&harness.push_and_pull(batch(&[2], 0)).unwrap());
    assert_eq!(meta.frames[0].objects[0].component_id, 9);
}

#[test]
fn whole_batches_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let Some(element) = infer(&detector(folder.path(), "detector.ini", "interval=2")) else { return };
    let mut harness = harness(&element, &nvmm("NV12", FRAME), "video/x-raw(memory:NVMM)");
    let mut looked_at = |number| counts(&meta(&harness.push_and_pull(batch(&[0, 5], number)).unwrap()));
    let all: Vec<_> = (0..7).map(&mut looked_at).collect();
    let (yes, no) = (vec![1, 1], vec![0, 0]);
    assert_eq!(all, [&yes, &no, &no, &yes, &no, &no, &yes].map(Clone::clone));
    // DeepStream's event of number 407
    let structure = gst::Structure::builder("nv-infer-interval-update").field("interval", 0u32).build();
    let event = gst::event::CustomDownstream::builder(structure).build();
    // SAFETY: the event was just made and is nobody else's; its kind is a number of DeepStream's.
    unsafe { (*event.as_mut_ptr()).type_ = (407 << 8 | 2 | 4) as gst::ffi::GstEventType };
    harness.push_event(event);
    let counts = |number| counts(&meta(&harness.push_and_pull(batch(&[0, 5], number)).unwrap()));
    assert_eq!([7, 8, 9].map(counts), [vec![1, 1], vec![1, 1], vec![1, 1]]);
}

#[test]
fn a_second_stage_whose_sample_model_is_not_here_lets_objects_pass() {
    let folder = tempfile::tempdir().unwrap();
    let Some(primary) = infer(&detector(folder.path(), "detector.ini", "")) else { return };
    let mut first = harness(&primary, &nvmm("NV12", FRAME), "video/x-raw(memory:NVMM)");
    let found = first.push_and_pull(batch(&[1, 4], 0)).unwrap();

    let config = folder.path().join("colors.txt");
    let text = "[property]\nprocess-mode=2\nnetwork-type=1\nmodel-file=../../samples/models/Secondary_Else/none.caffemodel\n\
                proto-file=../../samples/models/Secondary_Else/none.prototxt\n";
    std::fs::write(&config, text).unwrap();
    let secondary = element("nvinfer");
    secondary.set_property("config-file-path", config.to_str().unwrap());
    let mut second = harness(&secondary, &nvmm("NV12", FRAME), "video/x-raw(memory:NVMM)");
    assert_eq!(counts(&meta(&second.push_and_pull(found).unwrap())), [1, 1]);

    // nor need its config be here; that of the first stage is our own
    let below = "/no/such/deepstream-5.0/samples/configs/deepstream-app";
    let found = first.push_and_pull(batch(&[1, 4], 1)).unwrap();
    let secondary = element("nvinfer");
    secondary.set_property("config-file-path", format!("{below}/config_infer_secondary_carcolor.txt"));
    let mut second = harness(&secondary, &nvmm("NV12", FRAME), "video/x-raw(memory:NVMM)");
    assert_eq!(counts(&meta(&second.push_and_pull(found).unwrap())), [1, 1]);
    for (name, is_here) in [("config_infer_primary.txt", true), ("config_infer_primary_mine.txt", false)] {
        let primary = element("nvinfer");
        primary.set_property("config-file-path", format!("{below}/{name}"));
        assert_eq!(primary.set_state(gst::State::Paused).is_ok(), is_here, "{name}");
        primary.set_state(gst::State::Null).unwrap();
    }

    // of any other model, and of a first stage, that is an error
    for wrong in [
        text.replace("samples/models/Secondary_Else", "mine"),
        text.replace("process-mode=2", "process-mode=1"),
    ] {
        std::fs::write(&config, wrong).unwrap();
        let element = element("nvinfer");
        element.set_property("config-file-path", config.to_str().unwrap());
        assert!(element.set_state(gst::State::Paused).is_err());
        element.set_state(gst::State::Null).unwrap();
    }
}

#[test]
fn another_network_takes_over_in_mid_stream() {
    let folder = tempfile::tempdir().unwrap();
    let Some(element) = infer(&detector(folder.path(), "detector.ini", "")) else { return };
    let (sender, updates) = mpsc::sync_channel(2);
    element.connect("model-updated", false, move |values| {
        let _ = sender.send((values[1].get::<i32>().unwrap(), values[2].get::<String>().unwrap()));
        None
    });
    let mut harness = harness(&element, &nvmm("NV12", FRAME), "video/x-raw(memory:NVMM)");
    let id = |harness: &mut gst_check::Harness, number| {
        meta(&harness.push_and_pull(batch(&[3], number)).unwrap()).frames[0].objects[0].component_id
    };
    assert_eq!(id(&mut harness, 0), 7);
    let other = detector(folder.path(), "other.ini", "gie-unique-id=8");
    let other = other.to_str().unwrap();
    element.set_property("config-file-path", other);
    assert_eq!(updates.recv_timeout(NEVER).unwrap(), (0, other.to_owned()));
    assert_eq!(id(&mut harness, 1), 8);
    // one that cannot be used is refused, and the stream goes on
    element.set_property("config-file-path", "/nowhere/at/all.ini");
    let (status, path) = updates.recv_timeout(NEVER).unwrap();
    assert!(status != 0 && path == "/nowhere/at/all.ini");
    assert_eq!(id(&mut harness, 2), 8);
}

#[test]
fn what_cannot_work_is_an_error_when_it_starts() {
    let element = element("nvinfer");
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let error = |path: Option<&str>| {
        if let Some(path) = path {
            element.set_property("config-file-path", path);
        }
        bus.set_flushing(false);
        assert!(element.set_state(gst::State::Paused).is_err());
        let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
        element.set_state(gst::State::Null).unwrap();
        let gst::MessageView::Error(error) = message.view() else { unreachable!() };
        format!("{} {}", error.error(), error.debug().unwrap_or_default())
    };
    assert!(error(None).contains("Configuration file not provided"));
    let text = error(Some("/nowhere/at/all.ini"));
    assert!(
        text.contains("Configuration file parsing failed") && text.contains("/nowhere/at/all.ini"),
        "{text}"
    );
}

#[test]
fn classifiers_append_to_the_text_of_an_object() {
    let folder = tempfile::tempdir().unwrap();
    let data = root().join("crates/slipstream-infer/tests/data");
    for file in ["colors.onnx", "colors.labels.txt"] {
        std::fs::copy(data.join(file), folder.path().join(file)).unwrap();
    }
    let config = folder.path().join("paint.ini");
    let keys = "gie-unique-id=2\nnet-scale-factor=0.00392156862745098\nonnx-file=colors.onnx\n\
        labelfile-path=colors.labels.txt\nnetwork-type=1\nprocess-mode=2\noperate-on-gie-id=7";
    std::fs::write(&config, format!("[property]\n{keys}\n")).unwrap();
    let Some(second) = infer(&config) else { return };
    assert_eq!(second.property_value("process-mode").transform::<i32>().unwrap().get::<i32>().unwrap(), 2);

    // a blue and a red half, in pictures of a third of the frame's size
    let info = info(gst_video::VideoFormat::Rgba, 96, 64);
    let mut buffer = gray(&info, 0);
    let mut map = buffer.get_mut().unwrap().map_writable().unwrap();
    for (at, pixel) in map.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *pixel = if at % 96 < 48 { [0, 51, 204, 255] } else { [204, 51, 0, 255] };
    }
    drop(map);
    let batch = MakeBatch::new(FRAME, 1).frame(0, (info, buffer), |frame| {
        for (component, left) in [(7, 20.0), (7, 200.0), (6, 20.0)] {
            let rect = slipstream_meta::Rect::new(left, 40.0, 60.0, 60.0);
            let mut object = slipstream_meta::ObjectMeta::detected(0, "car".into(), 0.9, rect);
            object.component_id = component;
            object.text = Some(slipstream_meta::Text {
                content: "car 5".into(),
                position: Point { x: left, y: 20.0 },
                size: 13.0,
                color: Color::WHITE,
                background: None,
            });
            frame.objects.push(object);
        }
    });
    let mut harness = harness(&second, &nvmm("RGBA", FRAME), "video/x-raw(memory:NVMM)");
    let meta = meta(&harness.push_and_pull(batch.buffer(0)).unwrap());
    let texts: Vec<_> =
        meta.frames[0].objects.iter().map(|object| object.text.as_ref().unwrap().content.clone()).collect();
    assert!(texts[0].starts_with("car 5 blue") && texts[1].starts_with("car 5 red"), "{texts:?}");
    assert_eq!(texts[2], "car 5", "of another component");
    assert_eq!(meta.frames[0].objects[0].classifications[0].component_id, 2);
}
