//! `slipinfer` on objects, and with networks that are no detectors. The networks are those of
//! `crates/slipstream-infer/tests/reference`: answers can be told by hand.

use gst::prelude::*;
use gst_video::VideoFormat;
use gstslipstream::meta::Batch;
use slipstream_meta::{FrameMeta, ObjectMeta, Rect, Size};

use crate::common::*;

const BATCHES: &str = "video/x-raw(meta:SlipstreamBatch)";

/// Names the strongest channel, and whether it is dark or bright.
const COLORS: &str =
    "onnx-file=colors.onnx\nlabelfile-path=colors.labels.txt\nnetwork-type=1\nprocess-mode=2\n";
/// Calls each bright sixth an object.
const CELLS: &str = "onnx-file=tiny.onnx\ncluster-mode=4\nprocess-mode=2\n";
const SEGMENTS: &str = "onnx-file=segments.onnx\nnetwork-type=2\n";
const MASKS: &str = "onnx-file=masks.onnx\nnetwork-type=3\ncluster-mode=4\noutput-instance-mask=1\n";

/// A `slipinfer` with a config of its own; `None`, loudly, where ONNX Runtime is not installed.
fn infer(folder: &std::path::Path, keys: &str) -> Option<gst::Element> {
    init();
    let data = root().join("crates/slipstream-infer/tests/data");
    for file in std::fs::read_dir(data).unwrap().flatten() {
        std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    let config = folder.join("network.ini");
    let text = format!(
        "[property]\ngie-unique-id=2\nnet-scale-factor=0.00392156862745098\n{keys}\n[class-attrs-all]\npre-cluster-threshold=0.4\n"
    );
    std::fs::write(&config, text).unwrap();
    let element = gst::ElementFactory::make("slipinfer")
        .property("config-file-path", config.to_str().unwrap())
        .property("workers", 2u32)
        .build()
        .unwrap();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    if element.set_state(gst::State::Paused).is_err() {
        let message = bus.pop_filtered(&[gst::MessageType::Error]).expect("an error message");
        let text = format!("{message:?}");
        assert!(text.contains("ONNX Runtime") && text.contains("Looked at"), "{text}");
        skip("ONNX Runtime is not installed");
        return None;
    }
    element.set_state(gst::State::Null).unwrap();
    Some(element)
}

const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];
const GRAY: [u8; 3] = [60, 60, 60];
const NAMES: [(&str, [u8; 3]); 3] = [("red", RED), ("green", GREEN), ("blue", BLUE)];

/// A picture of 96 × 64 with rectangles of one colour each on gray.
fn picture(fields: &[(Rect, [u8; 3])]) -> (gst_video::VideoInfo, gst::Buffer) {
    let info = info(VideoFormat::Rgb, 96, 64);
    let stride = info.stride()[0] as usize;
    let mut bytes = vec![0; info.size()];
    for (y, x) in (0..64).flat_map(|y| (0..96).map(move |x| (y, x))) {
        let inside = |rect: &Rect| {
            (rect.left..rect.right()).contains(&(x as f32)) && (rect.top..rect.bottom()).contains(&(y as f32))
        };
        let color = fields.iter().find(|(rect, _)| inside(rect)).map_or(GRAY, |(_, color)| *color);
        bytes[y * stride + x * 3..][..3].copy_from_slice(&color);
    }
    (info, gst::Buffer::from_mut_slice(bytes))
}

fn object(component: u32, class: i32, id: Option<u64>, rect: Rect) -> ObjectMeta {
    let mut object = ObjectMeta::detected(class, "Thing".into(), 0.9, rect);
    (object.component_id, object.tracking_id) = (component, id);
    object
}

/// A camera's frame with objects of one colour each.
type Scene<'a> = (u32, &'a [(ObjectMeta, [u8; 3])]);

fn batch(scenes: &[Scene<'_>]) -> gst::Buffer {
    let make = MakeBatch::of_sources(scenes.iter().map(|scene| scene.0));
    let add = |make: MakeBatch, &(pad, objects): &Scene<'_>| {
        let fields: Vec<_> = objects.iter().map(|(object, color)| (object.rect, *color)).collect();
        let (info, buffer) = picture(&fields);
        make.frame_with(pad, &info, buffer, |frame| {
            frame.objects = objects.iter().map(|(object, _)| object.clone()).collect();
        })
    };
    scenes.iter().fold(make, add).buffer(0)
}

fn frames(buffer: &gst::Buffer) -> Vec<FrameMeta> {
    Batch::from_buffer(buffer).unwrap().frames.clone()
}

/// Labels of an object's attributes.
fn labels(object: &ObjectMeta) -> Vec<&str> {
    object.classifications.iter().map(|attribute| &*attribute.label).collect()
}

fn stat(element: &gst::Element, name: &str) -> u64 {
    element.property::<gst::Structure>("stats").get(name).unwrap()
}

#[test]
fn objects_of_all_cameras_are_named_by_what_is_in_their_box() {
    let folder = tempfile::tempdir().unwrap();
    // one at a time, and four of any cameras in one run
    for model in ["colors.onnx", "colors_batch4.onnx"] {
        let keys = COLORS.replace("colors.onnx", model) + "classifier-type=paint";
        let Some(element) = infer(folder.path(), &keys) else { return };
        let mut harness = batch_harness(&element, BATCHES);
        // ten cameras with one to three objects each, at other places and of other sizes
        let scenes: Vec<Vec<_>> = (0..10u32)
            .map(|pad| {
                let thing = |i: u32| {
                    let (_, color) = NAMES[((pad + i) % 3) as usize];
                    let rect =
                        Rect::new((pad * 2 + i * 30) as f32, (pad * 2) as f32, (20 + i * 2) as f32, 24.0);
                    (object(1, 0, None, rect), color)
                };
                (0..=pad % 3).map(thing).collect()
            })
            .collect();
        let scenes: Vec<Scene<'_>> = (0..).zip(&scenes).map(|(pad, objects)| (pad, &**objects)).collect();
        let looked_at = frames(&harness.push_and_pull(batch(&scenes)).unwrap());
        for (frame, (pad, objects)) in looked_at.iter().zip(&scenes) {
            assert_eq!(frame.objects.len(), objects.len());
            assert!(!frame.inferred, "nobody looked at the whole frame");
            for (i, object) in (0..).zip(&frame.objects) {
                assert_eq!(labels(object), [NAMES[((pad + i) % 3) as usize].0, "dark"], "{pad} {i}");
                let first = &object.classifications[0];
                assert_eq!((first.component_id, first.attribute), (2, 0));
                assert_eq!(first.classifier_type.as_deref(), Some("paint"));
                // their edges are even, as those of crops are, so that no gray gets in
                assert!(first.probability > 0.99, "{first:?}");
            }
        }
        assert_eq!((stat(&element, "images"), stat(&element, "skipped")), (19, 0));
    }
}

#[test]
fn only_objects_of_the_wanted_kind_and_size_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let keys = "operate-on-gie-id=1\noperate-on-class-ids=0;2\ninput-object-min-width=10\ninput-object-max-height=40\n";
    let Some(element) = infer(folder.path(), &(COLORS.to_owned() + keys)) else { return };
    let rect = |width, height| Rect::new(0.0, 0.0, width, height);
    let objects = [
        (object(1, 0, None, rect(20.0, 20.0)), true),
        (object(1, 1, None, rect(20.0, 20.0)), false),
        (object(1, 2, None, rect(10.0, 40.0)), true),
        (object(1, 2, None, rect(9.0, 40.0)), false),
        (object(1, 2, None, rect(10.0, 41.0)), false),
        (object(3, 0, None, rect(20.0, 20.0)), false),
        // wholly outside of the frame
        (object(1, 0, None, Rect::new(96.0, 10.0, 20.0, 20.0)), false),
    ];
    let scene: Vec<_> = objects.iter().map(|(object, _)| (object.clone(), RED)).collect();
    let look = |element: &gst::Element| -> Vec<bool> {
        let mut harness = batch_harness(element, BATCHES);
        let looked_at = frames(&harness.push_and_pull(batch(&[(0, &scene)])).unwrap());
        looked_at[0].objects.iter().map(|object| !object.classifications.is_empty()).collect()
    };
    assert_eq!(look(&element), objects.iter().map(|(_, looked_at)| *looked_at).collect::<Vec<_>>());
    // properties go before the file
    let Some(element) = infer(folder.path(), &(COLORS.to_owned() + keys)) else { return };
    element.set_property("infer-on-gie-id", 3i32);
    element.set_property("infer-on-class-ids", "0:1");
    assert_eq!(look(&element), [false, false, false, false, false, true, false]);
    let Some(element) = infer(folder.path(), COLORS) else { return };
    element.set_property("infer-on-class-ids", "cars");
    let bus = element.bus().unwrap();
    bus.set_flushing(false);
    assert!(element.set_state(gst::State::Paused).is_err());
    let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    assert!(
        format!("{message:?}").contains("infer-on-class-ids=cars: expected whole numbers"),
        "{message:?}"
    );
    element.set_state(gst::State::Null).unwrap();
}

#[test]
fn what_was_said_of_an_object_stays_with_it_until_the_next_look() {
    let folder = tempfile::tempdir().unwrap();
    let keys = COLORS.to_owned() + "secondary-reinfer-interval=2";
    let Some(element) = infer(folder.path(), &keys) else { return };
    let mut harness = batch_harness(&element, BATCHES);
    let at = |x: f32| Rect::new(x, 8.0, 20.0, 20.0);
    // its colour changes on every frame; a look falls on every third
    let mut seen = Vec::new();
    for number in 0..7usize {
        let scene = [(object(1, 0, Some(5), at(number as f32 * 4.0)), NAMES[number % 3].1)];
        // another camera's object of the same number is another object, and comes later
        let other = [(object(1, 0, Some(5), at(40.0)), NAMES[2].1)];
        let batch = batch(&[(0, &scene), (1, if number >= 2 { &other } else { &[] })]);
        let looked_at = frames(&harness.push_and_pull(batch).unwrap());
        seen.push(labels(&looked_at[0].objects[0])[0].to_owned());
        if number >= 2 {
            assert_eq!(labels(&looked_at[1].objects[0]), ["blue", "dark"]);
        }
    }
    assert_eq!(seen, ["red", "red", "red", "red", "red", "red", "red"], "looks at frames 0, 3 and 6");
    assert_eq!((stat(&element, "images"), stat(&element, "remembered")), (5, 2));

    // it comes nearer: there is more to see
    let near = [(object(1, 0, Some(5), Rect::new(30.0, 8.0, 22.0, 22.0)), GREEN)];
    let looked_at = frames(&harness.push_and_pull(batch(&[(0, &near), (1, &[])])).unwrap());
    assert_eq!(labels(&looked_at[0].objects[0]), ["green", "dark"]);
    assert_eq!(stat(&element, "images"), 6);

    // with the camera goes what is known of its objects
    harness.push_and_pull(batch(&[(1, &[])])).unwrap();
    assert_eq!(stat(&element, "remembered"), 1);
}

#[test]
fn a_budget_spreads_the_looks_and_counts_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let Some(element) = infer(folder.path(), COLORS) else { return };
    // next to no time: one object a batch
    element.set_property("budget", 1e-9);
    let mut harness = batch_harness(&element, BATCHES);
    let scene: Vec<_> = (0..4u64)
        .map(|id| {
            (object(1, 0, Some(id), Rect::new(id as f32 * 24.0, 4.0, 20.0, 20.0)), NAMES[id as usize % 3].1)
        })
        .collect();
    for number in 1..=5usize {
        let looked_at = frames(&harness.push_and_pull(batch(&[(0, &scene)])).unwrap());
        let named: Vec<_> =
            looked_at[0].objects.iter().map(|object| labels(object).first().copied()).collect();
        let expected: Vec<_> = (0..4).map(|id| (id < number).then_some(NAMES[id % 3].0)).collect();
        assert_eq!(named, expected, "after {number} batches");
    }
    assert_eq!((stat(&element, "images"), stat(&element, "skipped")), (4, 3 + 2 + 1));
}

#[test]
fn in_the_background_no_frame_waits_and_the_answer_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let Some(element) = infer(folder.path(), &(COLORS.to_owned() + "classifier-async-mode=1")) else {
        return;
    };
    let mut harness = batch_harness(&element, BATCHES);
    let scene: Vec<_> = (0..9u64)
        .map(|id| {
            let rect = Rect::new((id % 3) as f32 * 32.0, (id / 3) as f32 * 20.0, 20.0, 18.0);
            (object(1, 0, Some(id), rect), NAMES[id as usize % 3].1)
        })
        .chain([(object(1, 0, None, Rect::new(20.0, 0.0, 8.0, 8.0)), WHITE)])
        .collect();
    let mut push = || {
        let looked_at = frames(&harness.push_and_pull(batch(&[(4, &scene)])).unwrap());
        looked_at[0].objects.iter().map(|o| labels(o).first().map(|&l| l.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(push(), vec![None; 10], "nothing can be known yet");
    let expected: Vec<_> = (0..9).map(|id| Some(NAMES[id % 3].0.to_owned())).chain([None]).collect();
    wait_until("all objects with a number are named", || push() == expected);
    let images = stat(&element, "images");
    assert!((9..18).contains(&images), "each is looked at once, not {images} times");
    assert!(stat(&element, "skipped") > 0, "one has no number");
    assert_eq!(push(), expected);
    // stops in order, whatever it is at
    let more: Vec<_> = scene
        .iter()
        .cloned()
        .map(|(mut object, color)| {
            object.tracking_id = object.tracking_id.map(|id| id + 100);
            (object, color)
        })
        .collect();
    harness.push_and_pull(batch(&[(4, &more)])).unwrap();
    drop(harness);
    element.set_state(gst::State::Null).unwrap();
}

#[test]
fn parts_are_found_where_they_are_in_the_frame() {
    let folder = tempfile::tempdir().unwrap();
    let Some(element) = infer(folder.path(), CELLS) else { return };
    element.set_property("hold-objects", true);
    let mut harness = batch_harness(&element, BATCHES);
    // 48 × 32 at (30, 20) and 24 × 16 at (60, 2): their second and their last sixth are white
    let parents = [Rect::new(30.0, 20.0, 48.0, 32.0), Rect::new(60.0, 2.0, 24.0, 16.0)];
    let white = [Rect::new(46.0, 20.0, 16.0, 16.0), Rect::new(76.0, 10.0, 8.0, 8.0)];
    let (info, buffer) = picture(&white.map(|rect| (rect, WHITE)));
    let make = MakeBatch::of_sources([0]).frame_with(0, &info, buffer, |frame| {
        frame.objects = parents.map(|rect| object(1, 3, None, rect)).into();
    });
    let looked_at = frames(&harness.push_and_pull(make.buffer(0)).unwrap()).remove(0);
    assert_eq!(looked_at.objects.len(), 4);
    for (i, (part, white)) in looked_at.objects[2..].iter().zip(white).enumerate() {
        assert_eq!((part.parent, part.component_id, part.class_id), (Some(i), 2, 0));
        let parent = parents[i];
        assert_eq!(part.rect.intersection(&parent), Some(part.rect), "inside its parent");
        // the network's cells end a pixel early at its right and lower edge
        let last = if i == 1 { 0.5 } else { 0.0 };
        let expected = Rect::new(white.left, white.top, white.width - last, white.height - last);
        let near = |a: f32, b: f32| (a - b).abs() < 0.01;
        let is_near = near(part.rect.left, expected.left)
            && near(part.rect.top, expected.top)
            && near(part.rect.right(), expected.right())
            && near(part.rect.bottom(), expected.bottom());
        assert!(is_near, "{:?}, not {expected:?}", part.rect);
    }
}

#[test]
fn held_parts_move_along_with_their_object() {
    let folder = tempfile::tempdir().unwrap();
    let keys = CELLS.to_owned() + "secondary-reinfer-interval=10";
    let Some(element) = infer(folder.path(), &keys) else { return };
    element.set_property("hold-objects", true);
    let mut harness = batch_harness(&element, BATCHES);
    let mut push = |parent: Rect, white: Rect| {
        let (info, buffer) = picture(&[(white, WHITE)]);
        let make = MakeBatch::of_sources([0]).frame_with(0, &info, buffer, |frame| {
            frame.objects = vec![object(1, 3, Some(8), parent)];
        });
        let mut looked_at = frames(&harness.push_and_pull(make.buffer(0)).unwrap()).remove(0).objects;
        assert_eq!((looked_at.len(), looked_at[1].parent), (2, Some(0)));
        looked_at.remove(1).rect
    };
    let first = push(Rect::new(0.0, 0.0, 48.0, 32.0), Rect::new(16.0, 0.0, 16.0, 16.0));
    assert_eq!(first, Rect::new(16.0, 0.0, 16.0, 16.0));
    let second = push(Rect::new(10.0, 20.0, 50.0, 36.0), Rect::new(0.0, 0.0, 1.0, 1.0));
    let expected = first.mapped(&Rect::new(0.0, 0.0, 48.0, 32.0), &Rect::new(10.0, 20.0, 50.0, 36.0));
    assert_eq!(second, expected);
    assert_eq!(stat(&element, "images"), 1);
}

#[test]
fn a_primary_classifier_names_the_whole_frame() {
    let folder = tempfile::tempdir().unwrap();
    let Some(element) = infer(folder.path(), COLORS) else { return };
    element.set_property_from_str("process-mode", "primary");
    let mut harness = batch_harness(&element, BATCHES);
    let whole = Rect::new(0.0, 0.0, 96.0, 64.0);
    let (info, buffer) = picture(&[(whole, GREEN)]);
    let buffer = MakeBatch::of_sources([0]).frame(0, &info, buffer).buffer(0);
    let looked_at = frames(&harness.push_and_pull(buffer).unwrap()).remove(0);
    let [object] = &looked_at.objects[..] else { panic!("{looked_at:?}") };
    assert_eq!((object.class_id, object.rect, labels(object)), (-1, whole, vec!["green", "dark"]));
    assert!(!looked_at.inferred, "it says nothing of objects");
}

#[test]
fn class_maps_and_tensors_ride_on_frames_and_objects() {
    let folder = tempfile::tempdir().unwrap();
    let keys = SEGMENTS.to_owned() + "output-tensor-meta=1";
    let Some(element) = infer(folder.path(), &keys) else { return };
    let left_half = Rect::new(0.0, 0.0, 48.0, 64.0);
    let make = || {
        let (info, buffer) = picture(&[(left_half, RED), (Rect::new(48.0, 0.0, 48.0, 64.0), BLUE)]);
        let thing = object(1, 0, None, Rect::new(24.0, 16.0, 48.0, 32.0));
        MakeBatch::of_sources([0]).frame_with(0, &info, buffer, |frame| frame.objects = vec![thing]).buffer(0)
    };
    let looked_at = frames(&batch_harness(&element, BATCHES).push_and_pull(make()).unwrap()).remove(0);
    let [map] = &looked_at.segmentations[..] else { panic!("{looked_at:?}") };
    assert_eq!(
        (map.component_id, map.size, map.rect),
        (2, Size::new(12, 8), Rect::new(0.0, 0.0, 96.0, 64.0))
    );
    let half: Vec<_> = (0..96).map(|cell| if cell % 12 < 6 { 0 } else { 2 }).collect();
    assert_eq!(*map.class_map, half);
    let [tensors] = &looked_at.tensors[..] else { panic!("{looked_at:?}") };
    let pooled = tensors.tensor("pooled").unwrap();
    assert_eq!((tensors.component_id, &pooled.dims[..], pooled.data.len()), (2, &[3, 8, 12][..], 288));
    assert!(looked_at.objects[0].segmentations.is_empty());

    let Some(element) = infer(folder.path(), &keys) else { return };
    element.set_property_from_str("process-mode", "secondary");
    let looked_at = frames(&batch_harness(&element, BATCHES).push_and_pull(make()).unwrap()).remove(0);
    assert!(looked_at.segmentations.is_empty() && looked_at.tensors.is_empty());
    let object = &looked_at.objects[0];
    assert_eq!(*object.segmentations[0].class_map, half);
    assert_eq!(object.segmentations[0].rect, object.rect);
    assert_eq!(object.tensors[0].source, object.rect);
}

#[test]
fn masks_come_with_their_objects() {
    let folder = tempfile::tempdir().unwrap();
    let Some(element) = infer(folder.path(), MASKS) else { return };
    let mut harness = batch_harness(&element, BATCHES);
    // the left half of the second sixth
    let (info, buffer) = picture(&[(Rect::new(32.0, 0.0, 16.0, 32.0), WHITE)]);
    let buffer = MakeBatch::of_sources([0]).frame(0, &info, buffer).buffer(0);
    let looked_at = frames(&harness.push_and_pull(buffer).unwrap()).remove(0);
    let [object] = &looked_at.objects[..] else { panic!("{looked_at:?}") };
    assert_eq!(object.rect, Rect::new(32.0, 0.0, 32.0, 32.0));
    let mask = object.mask.as_ref().unwrap();
    let belongs: Vec<_> = mask.data.iter().map(|&part| part > 0.5).collect();
    assert_eq!((mask.size, belongs), (Size::new(4, 4), (0..16).map(|cell| cell % 4 < 2).collect()));
    assert!(looked_at.inferred);
}
