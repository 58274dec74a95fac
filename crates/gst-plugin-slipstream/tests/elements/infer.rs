//! `slipinfer` with a network of a few hundred bytes that calls every bright sixth of a picture a person.

use gst::prelude::*;
use gst_video::VideoFormat;
use gstslipstream::meta::Batch;
use slipstream_meta::Rect;

use crate::common::*;

/// A detector element, ready to run, with its messages; `None`, loudly, where ONNX Runtime is not installed.
fn infer(folder: &std::path::Path, keys: &str) -> Option<(gst::Element, gst::Bus)> {
    init();
    let config = detector(folder, keys);
    let element = gst::ElementFactory::make("slipinfer")
        .property("config-file-path", config.to_str().unwrap())
        .property("workers", 2u32)
        .build()
        .unwrap();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    if element.set_state(gst::State::Paused).is_err() {
        let error = error(&bus);
        assert!(error.contains("ONNX Runtime") && error.contains("Looked at"), "{error}");
        skip(error);
        return None;
    }
    element.set_state(gst::State::Null).unwrap();
    bus.set_flushing(false);
    Some((element, bus))
}

fn error(bus: &gst::Bus) -> String {
    let message = bus.pop_filtered(&[gst::MessageType::Error]).expect("an error message");
    let gst::MessageView::Error(error) = message.view() else { unreachable!() };
    format!("{} {}", error.error(), error.debug().unwrap_or_default())
}

/// A gray picture of 96x64, white where the network looks at its sixth number `cell`.
fn picture(cell: Option<usize>) -> (gst_video::VideoInfo, gst::Buffer) {
    let info = info(VideoFormat::Nv12, 96, 64);
    let mut buffer = gray(&info, 16);
    if let Some(cell) = cell {
        let mut map = buffer.get_mut().unwrap().map_writable().unwrap();
        for y in 0..32 {
            map[(cell / 3 * 32 + y) * 96 + cell % 3 * 32..][..32].fill(235);
        }
    }
    (info, buffer)
}

fn batch(cells: &[Option<usize>]) -> gst::Buffer {
    let make = MakeBatch::of_sources(0..cells.len() as u32);
    let frames = (0..).zip(cells).map(|(pad, &cell)| (pad, picture(cell)));
    frames.fold(make, |make, (pad, (info, buffer))| make.frame(pad, &info, buffer)).buffer(0)
}

/// Left and top of what was found on each frame, and whether the frame was looked at.
fn found(buffer: &gst::Buffer) -> Vec<(bool, Vec<(u32, u32)>)> {
    let corner = |rect: &Rect| (rect.left.round() as u32, rect.top.round() as u32);
    let batch = Batch::from_buffer(buffer).unwrap();
    let frames = batch.frames.iter();
    frames.map(|f| (f.inferred, f.objects.iter().map(|object| corner(&object.rect)).collect())).collect()
}

const BATCHES: &str = "video/x-raw(meta:SlipstreamBatch)";

#[test]
fn plain_pictures_get_their_objects() {
    let folder = tempfile::tempdir().unwrap();
    let Some((element, _)) = infer(folder.path(), "") else { return };
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    let (info, _) = picture(None);
    harness.set_src_caps(info.to_caps().unwrap());
    for (number, cell) in [Some(1), None, Some(5)].into_iter().enumerate() {
        let (_, buffer) = picture(cell);
        let address = memory(&buffer);
        let looked_at = harness.push_and_pull(buffer).unwrap();
        assert_eq!(memory(&looked_at), address);
        let expected = cell.map(|cell| (cell as u32 % 3 * 32, cell as u32 / 3 * 32)).into_iter().collect();
        assert_eq!(found(&looked_at), [(true, expected)]);
        let batch = Batch::from_buffer(&looked_at).unwrap();
        assert_eq!(batch.frames[0].frame_number, number as u64);
        for object in &batch.frames[0].objects {
            assert_eq!((object.class_id, &*object.label, object.component_id), (0, "Person", 7));
            assert!(object.confidence > 0.9 && object.tracking_id.is_none());
        }
    }
    let stats: gst::Structure = element.property("stats");
    assert_eq!(stats.get::<u64>("images").unwrap(), 3);
    assert_eq!(stats.get::<u64>("workers").unwrap(), 2);
    assert!(stats.get::<u64>("run").unwrap() > 0);
}

#[test]
fn each_frame_of_a_batch_gets_its_own_objects() {
    let folder = tempfile::tempdir().unwrap();
    let Some((element, _)) = infer(folder.path(), "") else { return };
    element.set_property("unique-id", 3i32);
    let mut harness = batch_harness(&element, BATCHES);
    let cells: Vec<_> = (0..6).map(Some).chain([None]).collect();
    let batch = harness.push_and_pull(batch(&cells)).unwrap();
    let expected: Vec<_> = cells
        .iter()
        .map(|cell| {
            (true, cell.map(|c| (c as u32 % 3 * 32, c as u32 / 3 * 32)).into_iter().collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(found(&batch), expected);
    assert_eq!(Batch::from_buffer(&batch).unwrap().frames[0].objects[0].component_id, 3);
    // a batch without frames is nothing special
    assert_eq!(found(&harness.push_and_pull(MakeBatch::of_sources(0..2).buffer(40)).unwrap()), []);
}

#[test]
fn with_an_interval_sources_take_turns_inside_every_batch() {
    let folder = tempfile::tempdir().unwrap();
    let Some((element, _)) = infer(folder.path(), "interval=2") else { return };
    let mut harness = batch_harness(&element, BATCHES);
    let mut turns = [0; 6];
    for round in 0..12 {
        let looked_at = found(&harness.push_and_pull(batch(&[Some(0); 6])).unwrap());
        let chosen: Vec<_> = (0..6).filter(|&source| looked_at[source].0).collect();
        assert_eq!(chosen.len(), 2, "an even load: {looked_at:?}");
        for (inferred, objects) in &looked_at {
            assert_eq!(objects.len(), usize::from(*inferred), "nothing is held unless asked for");
        }
        chosen.into_iter().for_each(|source| turns[source] += 1);
        assert!(turns.iter().all(|&turn| (round / 3..=round / 3 + 1).contains(&turn)), "{turns:?}");
    }
    element.set_property("interval", 0i32);
    let all = found(&harness.push_and_pull(batch(&[None; 6])).unwrap());
    assert!(all.iter().all(|(inferred, _)| *inferred), "the property goes before the file, at any time");
    element.set_property("interval", -1i32);
    let mut looks = |batches| -> usize {
        let mut looked_at = || found(&harness.push_and_pull(batch(&[None; 6])).unwrap());
        (0..batches).map(|_| looked_at().iter().filter(|(inferred, _)| *inferred).count()).sum()
    };
    looks(3);
    assert_eq!(looks(6), 12, "as in the file again");
}

#[test]
fn objects_are_held_until_the_next_look() {
    let folder = tempfile::tempdir().unwrap();
    let Some((element, _)) = infer(folder.path(), "") else { return };
    element.set_property("hold-objects", true);
    element.set_property("interval", 1i32);
    let mut harness = batch_harness(&element, BATCHES);
    let mut push = |cell| found(&harness.push_and_pull(batch(&[Some(cell)])).unwrap()).remove(0);
    assert_eq!(push(0), (true, vec![(0, 0)]));
    assert_eq!(push(4), (false, vec![(0, 0)]));
    assert_eq!(push(5), (true, vec![(64, 32)]));
    assert_eq!(push(5), (false, vec![(64, 32)]));
    // a source that leaves takes its objects along
    assert_eq!(push(1), (true, vec![(32, 0)]));
    harness.push_and_pull(MakeBatch::of_sources([9]).buffer(0)).unwrap();
    let looked_at = found(&harness.push_and_pull(batch(&[Some(2)])).unwrap()).remove(0);
    assert!(looked_at.1.is_empty() || looked_at == (true, vec![(64, 0)]), "{looked_at:?}");
}

#[test]
fn a_frame_that_cannot_be_read_costs_nobody_else_anything() {
    let folder = tempfile::tempdir().unwrap();
    let Some((element, _)) = infer(folder.path(), "") else { return };
    let mut harness = batch_harness(&element, BATCHES);
    let (info, good) = picture(Some(4));
    let make = MakeBatch::of_sources(0..3)
        .frame(0, &info, gst::Buffer::with_size(5).unwrap())
        .frame(1, &info, good)
        .frame(2, &info, picture(Some(2)).1);
    let looked_at = found(&harness.push_and_pull(make.buffer(0)).unwrap());
    assert_eq!(looked_at, [(false, vec![]), (true, vec![(32, 32)]), (true, vec![(64, 0)])]);
}

#[test]
fn a_wrong_config_is_an_error_that_names_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let Some((element, bus)) = infer(folder.path(), "") else { return };
    for (keys, parts) in [
        ("cluster-mode=9", &["detector.ini:7", "cluster-mode", "9"][..]),
        ("labelfile-path=absent.txt", &["detector.ini:7", "labelfile-path", "absent.txt"]),
        (
            "model-engine-file=a.engine\nonnx-file=absent.onnx",
            &["detector.ini:8", "onnx-file", "absent.onnx"],
        ),
        ("net-scale-factor=much", &["detector.ini:7", "net-scale-factor", "much"]),
    ] {
        let config = detector(folder.path(), keys);
        element.set_property("config-file-path", config.to_str().unwrap());
        assert!(element.set_state(gst::State::Paused).is_err(), "{keys}");
        let error = error(&bus);
        for part in parts {
            assert!(error.contains(part), "{keys}: {error:?} does not say {part:?}");
        }
        let _ = element.set_state(gst::State::Null);
    }
    for (path, part) in
        [(None, "config-file-path is not set"), (Some("/nowhere/detector.ini"), "/nowhere/detector.ini")]
    {
        element.set_property("config-file-path", path);
        assert!(element.set_state(gst::State::Paused).is_err());
        let error = error(&bus);
        assert!(error.contains(part), "{error}");
        let _ = element.set_state(gst::State::Null);
    }
}

#[test]
fn an_unknown_key_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let Some((element, bus)) = infer(folder.path(), "no-such-key=1") else { return };
    element.set_state(gst::State::Paused).unwrap();
    let message = bus.pop_filtered(&[gst::MessageType::Warning]).expect("a warning");
    let gst::MessageView::Warning(warning) = message.view() else { unreachable!() };
    let text = format!("{} {}", warning.error(), warning.debug().unwrap_or_default());
    assert!(text.contains("no-such-key") && text.contains("detector.ini:7"), "{text}");
    element.set_state(gst::State::Null).unwrap();
}
