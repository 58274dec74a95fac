//! `nvtracker` on boxes that move evenly.

use gst::prelude::*;
use slipstream_meta::{FrameMeta, ObjectMeta, Point, Rect, Size};

use crate::common::*;

/// Three times the size of the pictures.
const FRAME: Size = Size::new(288, 192);

fn object(class: i32, label: &str, rect: Rect) -> ObjectMeta {
    ObjectMeta { component_id: 1, ..ObjectMeta::detected(class, label.into(), 0.9, rect) }
}

/// Where a car is on frame `number`.
fn car(number: u64) -> Rect {
    Rect::new(20.0 + 3.0 * number as f32, 60.0, 60.0, 45.0)
}

/// Frames of `sources` cameras with these objects on each.
fn batch(sources: u32, number: u64, objects: &[ObjectMeta], inferred: bool) -> gst::Buffer {
    let make = MakeBatch::new(FRAME, sources);
    let describe = |frame: &mut FrameMeta| {
        frame.frame_number = number;
        frame.pts = Some(40_000_000 * number);
        frame.inferred = inferred;
        frame.objects = objects.to_vec();
    };
    (0..sources).fold(make, |make, pad| make.frame(pad, cell(1), describe)).buffer(number)
}

fn tracker(config: &str, change: impl FnOnce(&gst::Element)) -> gst_check::Harness {
    let element = element("nvtracker");
    element
        .set_property("ll-lib-file", "/opt/nvidia/deepstream/deepstream/lib/libnvds_nvmultiobjecttracker.so");
    element.set_property("ll-config-file", config);
    change(&element);
    harness(&element, &nvmm("NV12", FRAME), "video/x-raw(memory:NVMM)")
}

/// The file is not there: the tracker that its name speaks of stands in.
const IOU: &str = "/opt/nvidia/deepstream/deepstream/samples/configs/deepstream-app/config_tracker_IOU.yml";

#[test]
fn texts_say_label_and_number() {
    let mut harness = tracker(IOU, |_| ());
    let mut last = None;
    for number in 0..12 {
        let buffer = batch(2, number, &[object(0, "Vehicle", car(number))], true);
        last = Some(meta(&harness.push_and_pull(buffer).unwrap()));
    }
    let last = last.unwrap();
    for frame in &last.frames {
        let [object] = &frame.objects[..] else { panic!("{frame:?}") };
        let id = object.tracking_id.unwrap();
        let text = object.text.as_ref().unwrap();
        assert_eq!(text.content, format!("Vehicle {id}"));
        assert!((text.size - 13.333).abs() < 0.01, "10 points: {}", text.size);
        assert_eq!(text.position, Point { x: object.rect.left, y: object.rect.top - 20.0 });
        assert!(object.rect.iou(&car(11)) > 0.9, "{:?}", object.rect);
        assert!(object.detector_rect.is_some() && object.confidence == 0.9);
    }
}

#[test]
fn detections_without_a_track_are_removed_unless_classes_are_chosen() {
    let person = object(2, "Person", Rect::new(200.0, 100.0, 20.0, 50.0));
    let both = |number| [object(0, "Vehicle", car(number)), person.clone()];
    let labels = |harness: &mut gst_check::Harness, number| {
        let meta = meta(&harness.push_and_pull(batch(1, number, &both(number), true)).unwrap());
        meta.frames[0]
            .objects
            .iter()
            .map(|object| (object.label.to_string(), object.tracking_id.is_some()))
            .collect::<Vec<_>>()
    };
    // on probation nothing is shown
    let dcf = "config_tracker_NvDCF_perf.yml";
    let mut all = tracker(dcf, |_| ());
    let first = labels(&mut all, 0);
    let mut later = Vec::new();
    (1..12).for_each(|number| later = labels(&mut all, number));
    assert!(first.iter().all(|(_, is_tracked)| *is_tracked), "{first:?}");
    assert_eq!(later, [("Vehicle".to_owned(), true), ("Person".to_owned(), true)]);

    let mut some = tracker(dcf, |tracker| tracker.set_property("operate-on-class-ids", "0"));
    let mut later = Vec::new();
    (0..12).for_each(|number| later = labels(&mut some, number));
    assert!(later.contains(&("Person".to_owned(), false)), "{later:?}");
    assert!(later.contains(&("Vehicle".to_owned(), true)), "{later:?}");
}

#[test]
fn objects_that_the_detector_did_not_see_say_so() {
    let mut harness = tracker("slip", |_| ());
    for number in 0..12 {
        harness.push_and_pull(batch(1, number, &[object(0, "Vehicle", car(number))], true)).unwrap();
    }
    let carried = meta(&harness.push_and_pull(batch(1, 12, &[], false)).unwrap());
    let [object] = &carried.frames[0].objects[..] else { panic!("{carried:?}") };
    assert_eq!((object.confidence, object.detector_rect, &*object.label), (-0.1, None, "Vehicle"));
    assert_eq!((object.border_width, object.component_id), (Some(3.0), 1));
    assert!(object.rect.iou(&car(12)) > 0.7, "{:?}", object.rect);
}

#[test]
fn past_frames_are_told_in_the_pixels_of_the_frame() {
    let mut harness = tracker("config_tracker_NvDCF_accuracy.yml", |_| ());
    // a second car comes into sight later, so that it is on probation first
    let late = |number: u64| Rect::new(200.0 - 2.0 * number as f32, 120.0, 50.0, 40.0);
    let mut past = Vec::new();
    for number in 0..20 {
        let mut objects = vec![object(0, "Vehicle", car(number))];
        if number >= 6 {
            objects.push(object(0, "Vehicle", late(number)));
        }
        let meta = meta(&harness.push_and_pull(batch(1, number, &objects, true)).unwrap());
        past.extend(meta.frames[0].tracks.past.clone());
    }
    let samples = past.iter().flat_map(|record| &record.samples).collect::<Vec<_>>();
    assert!(!samples.is_empty());
    for sample in samples {
        let truth = [car(sample.frame_number), late(sample.frame_number)];
        assert!(truth.iter().any(|truth| truth.iou(&sample.rect) > 0.6), "{sample:?}");
    }
}

#[test]
fn wrong_files_are_errors() {
    let element = element("nvtracker");
    element.set_property("ll-config-file", "/nowhere/tracker.yml");
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    assert!(element.set_state(gst::State::Paused).is_err());
    let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    let gst::MessageView::Error(error) = message.view() else { unreachable!() };
    assert!(error.error().to_string().contains("/nowhere/tracker.yml"), "{}", error.error());
    element.set_state(gst::State::Null).unwrap();
}
