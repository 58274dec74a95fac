//! `sliptrack`: numbers that stay, boxes that move on, cameras that come and go.

use std::collections::BTreeSet;

use gst::prelude::*;
use gst_video::VideoFormat::{I420, Nv12, Rgb};
use gstslipstream::meta::{Batch, BatchContent};
use slipstream_meta::{BatchMeta, FrameMeta, ObjectMeta, Rect, Size};

use crate::common::*;

const BATCHES: &str = "video/x-raw(meta:SlipstreamBatch)";
const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;
/// Between two frames.
const PERIOD: u64 = 40_000_000;
/// Frames after which every tracker believes in what it sees on each of them.
const SURE: u64 = 12;

pub(crate) fn tracker(properties: &[(&str, &str)]) -> gst::Element {
    init();
    let element = gst::ElementFactory::make("sliptrack").build().unwrap();
    for (name, value) in properties {
        element.set_property_from_str(name, value);
    }
    element
}

/// Where a vehicle is on a frame: it drives to the right and a bit down.
fn road(number: u64) -> Rect {
    Rect::new(20.0 + 2.0 * number as f32, 60.0 + 0.5 * number as f32, 60.0, 40.0)
}

/// The picture that belongs to it: on gray, a patch of its own kind at each of `rects`.
fn scene(info: &gst_video::VideoInfo, rects: &[Rect]) -> gst::Buffer {
    let mut buffer = gray(info, 90);
    let stride = info.stride()[0] as usize;
    let mut map = buffer.get_mut().unwrap().map_writable().unwrap();
    for rect in rects {
        let (left, top) = (rect.left.round() as usize, rect.top.round() as usize);
        for (y, x) in (0..rect.height as usize).flat_map(|y| (0..rect.width as usize).map(move |x| (y, x))) {
            if top + y < HEIGHT as usize && left + x < WIDTH as usize {
                map[(top + y) * stride + left + x] = (40 + (x / 6 * 53 + y / 5 * 97) % 180) as u8;
            }
        }
    }
    drop(map);
    buffer
}

fn vehicle(rect: Rect) -> ObjectMeta {
    let mut object = ObjectMeta::detected(0, "Vehicle".into(), 0.9, rect);
    object.component_id = 7;
    object
}

/// A frame as it comes from `slipinfer`.
#[derive(Clone)]
struct Shot {
    pad: u32,
    number: u64,
    pts: u64,
    found: Option<Vec<ObjectMeta>>,
}

impl Shot {
    fn new(number: u64, found: Option<Vec<ObjectMeta>>) -> Self {
        Self { pad: 0, number, pts: number * PERIOD, found }
    }

    /// With the vehicle on the road where it is.
    fn seen(number: u64) -> Self {
        Self::new(number, Some(vec![vehicle(road(number))]))
    }

    fn describe(&self, frame: &mut FrameMeta) {
        frame.frame_number = self.number;
        frame.pts = Some(self.pts);
        frame.inferred = self.found.is_some();
        frame.objects = self.found.clone().unwrap_or_default();
    }
}

/// A harness for batches.
struct Bench {
    harness: gst_check::Harness,
    info: gst_video::VideoInfo,
}

impl Bench {
    fn new(properties: &[(&str, &str)]) -> Self {
        let harness = batch_harness(&tracker(properties), BATCHES);
        Self { harness, info: info(I420, WIDTH, HEIGHT) }
    }

    fn push_with(&mut self, make: MakeBatch, shots: &[Shot]) -> Vec<FrameMeta> {
        let make = shots.iter().fold(make, |make, shot| {
            let rects = shot
                .found
                .as_ref()
                .map_or(vec![road(shot.number)], |found| found.iter().map(|object| object.rect).collect());
            make.frame_with(shot.pad, &self.info, scene(&self.info, &rects), |frame| shot.describe(frame))
        });
        let batch = self.harness.push_and_pull(make.buffer(0)).unwrap();
        Batch::from_buffer(&batch).unwrap().frames.clone()
    }

    /// The frame of one camera, after the tracker.
    fn push(&mut self, shot: &Shot) -> FrameMeta {
        let make = MakeBatch::of_sources([shot.pad]);
        self.push_with(make, std::slice::from_ref(shot)).remove(0)
    }

    /// Shows the vehicle on `numbers` and returns the last frame.
    fn drive(&mut self, numbers: std::ops::Range<u64>) -> FrameMeta {
        numbers.map(|number| self.push(&Shot::seen(number))).last().unwrap()
    }
}

fn ids(frame: &FrameMeta) -> Vec<u64> {
    frame.objects.iter().filter_map(|object| object.tracking_id).collect()
}

#[test]
fn numbers_stay_and_boxes_move_on_between_detections() {
    let mut bench = Bench::new(&[]);
    assert_eq!(ids(&bench.drive(0..SURE)), [1]);
    for number in SURE..SURE + 60 {
        let looks = number % 3 == 0;
        // What `hold-objects` repeats is where the vehicle was.
        let found = vec![vehicle(road(number / 3 * 3))];
        let mut shot = Shot::new(number, Some(found));
        let frame = if looks {
            bench.push(&shot)
        } else {
            shot.found.as_mut().unwrap()[0].confidence = 0.1;
            let frame = |frame: &mut FrameMeta| {
                shot.describe(frame);
                frame.inferred = false;
            };
            let picture = scene(&bench.info, &[road(number)]);
            let make = MakeBatch::of_sources([0]).frame_with(0, &bench.info, picture, frame);
            let batch = bench.harness.push_and_pull(make.buffer(0)).unwrap();
            Batch::from_buffer(&batch).unwrap().frames[0].clone()
        };
        assert_eq!(frame.inferred, looks);
        assert_eq!(ids(&frame), [1], "frame {number}");
        let [object] = frame.objects.as_slice() else { panic!("{number}: {:?}", frame.objects) };
        let overlap = object.rect.iou(&road(number));
        assert!(overlap > 0.75, "frame {number}: {overlap} {:?}", object.rect);
        assert_eq!(object.detector_rect.is_some(), looks);
        assert_eq!((object.component_id, &*object.label, object.class_id), (7, "Vehicle", 0));
        assert!((object.confidence - 0.9).abs() < 1e-6, "the detector's last word");
        assert!(object.tracker_confidence.is_some_and(|confidence| (0.0..=1.0).contains(&confidence)));
        let whole = Rect::new(0.0, 0.0, WIDTH as f32, HEIGHT as f32);
        assert_eq!(object.tracker_rect.and_then(|rect| rect.intersection(&whole)), Some(object.rect));
    }
}

#[test]
fn each_camera_counts_for_itself() {
    let mut bench = Bench::new(&[]);
    let mut seen = Vec::new();
    for number in 0..SURE {
        let shots = [4, 9].map(|pad| Shot { pad, ..Shot::seen(number) });
        seen = bench.push_with(MakeBatch::of_sources([4, 9]), &shots);
    }
    assert_eq!(seen.iter().map(ids).collect::<Vec<_>>(), [[1], [1]]);
}

#[test]
fn numbers_go_on_where_a_camera_jumps() {
    let mut bench = Bench::new(&[]);
    assert_eq!(ids(&bench.drive(0..SURE)), [1]);
    let mut first = SURE;
    let mut expected = 1;
    // A minute later, where frames are missing; the stream of a file that begins again; another size of the picture.
    for jump in [60_000_000_000i64, -1_000_000_000, 0] {
        if jump == 0 {
            bench.info = info(I420, WIDTH, HEIGHT + 40);
        }
        let mut last = None;
        for number in first..first + SURE {
            let pts = (number * PERIOD).wrapping_add_signed(jump);
            let frame = bench.push(&Shot { pts, ..Shot::seen(number) });
            assert!(!ids(&frame).contains(&expected), "what was followed before is not what is there now");
            last = Some(frame);
        }
        expected += 1;
        assert_eq!(ids(&last.unwrap()), [expected]);
        first += SURE;
        // On as if nothing had been.
        let pts = (first * PERIOD).wrapping_add_signed(jump);
        assert_eq!(ids(&bench.push(&Shot { pts, ..Shot::seen(first) })), [expected]);
        first += 1;
        if jump != 0 {
            // Back to where the next jump begins.
            let frame = bench.drive(first..first + SURE);
            expected = ids(&frame)[0];
            first += SURE;
        }
    }
}

#[test]
fn a_camera_without_a_picture_is_not_taken_up_where_it_was() {
    let mut bench = Bench::new(&[]);
    assert_eq!(ids(&bench.drive(0..SURE)), [1]);
    bench.push_with(MakeBatch::of_sources([0]).status(0, "no frame for 1 s"), &[]);
    assert_eq!(ids(&bench.drive(SURE..2 * SURE)), [2]);
}

#[test]
fn a_camera_that_goes_takes_its_tracks_along_and_leaves_its_count() {
    for (mode, expected) in [("0", 2), ("2", 1)] {
        let mut bench = Bench::new(&[("tracking-id-reset-mode", mode)]);
        assert_eq!(ids(&bench.drive(0..SURE)), [1]);
        bench.push_with(MakeBatch::of_sources([5]), &[]);
        // It comes back within the time that a track may be out of sight.
        assert_eq!(ids(&bench.drive(SURE..2 * SURE)), [expected], "mode {mode}");
    }
}

#[test]
fn untracked_detections_stay_unless_they_are_not_wanted() {
    let passing = |number| {
        let flash = Rect::new(200.0, 150.0, 30.0 + number as f32, 30.0);
        Shot::new(number, Some(vec![vehicle(flash), vehicle(road(number))]))
    };
    for (properties, untracked) in
        [(&[][..], 1), (&[("keep-untracked", "false")], 0), (&[("operate-on-class-ids", "0")], 1)]
    {
        let mut bench = Bench::new(properties);
        bench.drive(0..SURE);
        let frame = bench.push(&passing(SURE));
        assert_eq!((ids(&frame), frame.objects.len()), (vec![1], 1 + untracked), "{properties:?}");
        if untracked > 0 {
            assert_eq!(frame.objects[0], passing(SURE).found.unwrap()[0], "as the detector said it");
        }
    }
    // What comes into sight is, strictly taken, not there before it is believed.
    let mut bench = Bench::new(&[("keep-untracked", "false")]);
    for number in 0..SURE {
        bench.push(&Shot::new(number, Some(Vec::new())));
    }
    assert_eq!(bench.push(&Shot::seen(SURE)).objects.len(), 0);
    assert_eq!(bench.drive(SURE + 1..2 * SURE).objects.len(), 1);
}

#[test]
fn only_the_classes_that_were_asked_for_are_tracked() {
    let mut bench = Bench::new(&[("operate-on-class-ids", "2; 3"), ("keep-untracked", "false")]);
    let person = Rect::new(200.0, 100.0, 20.0, 50.0);
    let mut frame = None;
    for number in 0..SURE {
        let mut found = vec![vehicle(road(number)), ObjectMeta::detected(2, "Person".into(), 0.8, person)];
        found[0].confidence = 0.95;
        frame = Some(bench.push(&Shot::new(number, Some(found))));
    }
    let seen: Vec<_> = frame.unwrap().objects.iter().map(|o| (o.class_id, o.tracking_id)).collect();
    assert_eq!(seen, [(0, None), (2, Some(1))]);
}

#[test]
fn parts_stay_with_what_they_are_parts_of() {
    let mut bench = Bench::new(&[("keep-untracked", "false")]);
    let plate = |rect: Rect, parent| {
        let rect = Rect::new(rect.left + 10.0, rect.top + 20.0, 20.0, 10.0);
        let mut object = ObjectMeta::detected(0, "Plate".into(), 0.9, rect);
        object.parent = Some(parent);
        object
    };
    bench.drive(0..SURE);
    let flash = Rect::new(200.0, 150.0, 30.0, 30.0);
    let road = road(SURE);
    let found = vec![vehicle(flash), plate(flash, 0), vehicle(road), plate(road, 2)];
    let frame = bench.push(&Shot::new(SURE, Some(found)));
    let seen: Vec<_> = frame.objects.iter().map(|o| (&*o.label, o.tracking_id, o.parent)).collect();
    assert_eq!(seen, [("Vehicle", Some(1), None), ("Plate", None, Some(0))]);
}

#[test]
fn trails_show_the_way_and_no_more_than_was_asked_for() {
    let mut bench = Bench::new(&[("trail-length", "20"), ("display-tracking-id", "false")]);
    let frame = bench.drive(0..40);
    let object = &frame.objects[0];
    assert!(!object.display_tracking_id);
    assert_eq!(object.trail.len(), 20);
    for (point, number) in object.trail.iter().rev().zip((0..40).rev()) {
        let foot = road(number).foot();
        let off = (point.x - foot.x).hypot(point.y - foot.y);
        assert!(off < 4.0, "frame {number}: {point:?} for {foot:?}");
    }
    assert!(Bench::new(&[]).drive(0..SURE).objects[0].trail.is_empty(), "none unless asked for");
}

#[test]
fn a_track_that_ends_is_told_of() {
    let mut bench = Bench::new(&[]);
    bench.drive(0..SURE);
    let mut told = Vec::new();
    for number in SURE..SURE + 400 {
        let frame = bench.push_with(MakeBatch::of_sources([0]), &[Shot::new(number, Some(Vec::new()))]);
        told.extend(frame[0].tracks.terminated.clone());
    }
    let [record] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((record.tracking_id, record.class_id, &*record.label), (1, 0, "Vehicle"));
    assert!(record.samples.iter().all(|sample| sample.rect.iou(&road(sample.frame_number)) > 0.5));
}

#[test]
fn plain_video_is_tracked_without_a_copy() {
    for format in [I420, Nv12, Rgb] {
        let info = info(format, WIDTH, HEIGHT);
        let mut harness = gst_check::Harness::with_element(&tracker(&[]), Some("sink"), Some("src"));
        harness.set_src_caps(info.to_caps().unwrap());
        let mut seen = BTreeSet::new();
        for number in 0..2 * SURE {
            let mut buffer = if format == Rgb { gray(&info, 90) } else { scene(&info, &[road(number)]) };
            let address = memory(&buffer);
            let mut frame = FrameMeta::new(0, "source 0".into(), number, Size::new(WIDTH, HEIGHT));
            Shot::seen(number).describe(&mut frame);
            let meta = BatchMeta { frames: vec![frame], ..BatchMeta::default() };
            let content = BatchContent { meta, pictures: Vec::new() };
            Batch::attach(buffer.get_mut().unwrap(), content);
            let tracked = harness.push_and_pull(buffer).unwrap();
            assert_eq!(memory(&tracked), address);
            seen.extend(ids(&Batch::from_buffer(&tracked).unwrap().frames[0]));
        }
        assert_eq!(seen, BTreeSet::from([1]), "{format}");
        // What no detector has seen passes.
        let passed = harness.push_and_pull(gray(&info, 90)).unwrap();
        assert!(Batch::from_buffer(&passed).is_none());
    }
}

#[test]
fn a_frame_that_cannot_be_read_is_tracked_by_its_boxes() {
    let mut bench = Bench::new(&[]);
    for number in 0..SURE {
        let make = MakeBatch::of_sources(0..2)
            .frame_with(0, &bench.info, gst::Buffer::with_size(5).unwrap(), |frame| {
                Shot::seen(number).describe(frame);
            })
            .frame_with(1, &bench.info, scene(&bench.info, &[road(number)]), |frame| {
                Shot::seen(number).describe(frame);
            });
        let batch = bench.harness.push_and_pull(make.buffer(0)).unwrap();
        if number + 1 == SURE {
            let frames = &Batch::from_buffer(&batch).unwrap().frames;
            assert_eq!(frames.iter().map(ids).collect::<Vec<_>>(), [[1], [1]]);
        }
    }
}

/// The message of a kind that the element posts when it starts, and whether it starts.
pub(crate) fn start(properties: &[(&str, &str)], kind: gst::MessageType) -> (bool, String) {
    let element = tracker(properties);
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let started = element.set_state(gst::State::Paused).is_ok();
    let message = bus.pop_filtered(&[kind]);
    let text = message.map(|message| match message.view() {
        gst::MessageView::Error(error) => error.debug().unwrap_or_default().to_string(),
        gst::MessageView::Warning(warning) => warning.debug().unwrap_or_default().to_string(),
        _ => String::new(),
    });
    element.set_state(gst::State::Null).unwrap();
    (started, text.unwrap_or_default())
}

#[test]
fn wrong_settings_are_errors_that_name_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.yml");
    std::fs::write(&broken, "TargetManagement:\n  maxShadowTrackingAge: long\n").unwrap();
    let broken = broken.to_str().unwrap();
    for (property, value, parts) in [
        ("ll-config-file", "guesswork", &["guesswork", "iou"][..]),
        ("ll-config-file", "/nowhere/tracker.yml", &["/nowhere/tracker.yml"]),
        ("ll-config-file", broken, &[broken, ":2", "maxShadowTrackingAge", "long"]),
        ("operate-on-class-ids", "0;cars", &["operate-on-class-ids", "cars", "whole numbers"]),
    ] {
        let (started, error) = start(&[(property, value)], gst::MessageType::Error);
        assert!(!started, "{property}={value}");
        for part in parts {
            assert!(error.contains(part), "{property}={value}: {error:?} does not say {part:?}");
        }
    }
    for name in slipstream_track::TrackerConfig::NAMES {
        assert!(start(&[("ll-config-file", name)], gst::MessageType::Error).0, "{name}");
    }
    // A line of DeepStream's.
    let deepstream = [
        ("tracker-width", "640"),
        ("tracker-height", "384"),
        ("ll-lib-file", "/opt/nvidia/deepstream/deepstream/lib/libnvds_nvmultiobjecttracker.so"),
    ];
    assert_eq!(start(&deepstream, gst::MessageType::Error), (true, String::new()));
}

#[test]
fn behind_the_tiler_nothing_is_tracked_and_it_is_said() {
    let element = tracker(&[]);
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let info = info(I420, WIDTH, HEIGHT);
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_src_caps(info.to_caps().unwrap());
    for number in 0..SURE {
        let mut buffer = gray(&info, 90);
        let mut frame = FrameMeta::new(0, "source 0".into(), number, Size::new(WIDTH, HEIGHT));
        Shot::seen(number).describe(&mut frame);
        let frame = frame.drawn_onto(Rect::new(160.0, 0.0, 160.0, 120.0));
        let expected = frame.objects.clone();
        let meta = BatchMeta { frames: vec![frame], ..BatchMeta::default() };
        Batch::attach(buffer.get_mut().unwrap(), BatchContent { meta, pictures: Vec::new() });
        let passed = harness.push_and_pull(buffer).unwrap();
        assert_eq!(Batch::from_buffer(&passed).unwrap().frames[0].objects, expected);
    }
    let warnings = std::iter::from_fn(|| bus.pop_filtered(&[gst::MessageType::Warning])).count();
    assert_eq!(warnings, 1);
}
