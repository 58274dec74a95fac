//! What holds for every tracker.

use std::sync::Arc;

use proptest::prelude::*;
use slipstream_meta::{Colorimetry, Picture, PixelFormat, Plane, Rect, Size};
use slipstream_track::config::{Confirmation, Report};
use slipstream_track::{Detection, Frame, IdAllocator, TrackState, Tracker, TrackerConfig};

const SIZE: Size = Size::new(640, 360);

fn tracker(name: &str) -> Tracker {
    Tracker::new(Arc::new(TrackerConfig::named(name).unwrap()), IdAllocator::new())
}

fn walker(frame: u64) -> Rect {
    Rect::new(50.0 + 3.0 * frame as f32, 100.0, 40.0, 90.0)
}

fn sure(rect: Rect) -> Detection {
    Detection::new(rect, 0.9, 0)
}

#[test]
fn each_tracker_keeps_the_numbers_of_two_walkers_that_pass_each_other() {
    for name in TrackerConfig::NAMES {
        let mut tracker = tracker(name);
        let mut numbers = Vec::new();
        for frame in 0..60 {
            let x = 4.0 * frame as f32;
            // Their boxes overlap by a quarter at most, so that both are found all the time.
            let found =
                [sure(Rect::new(50.0 + x, 100.0, 40.0, 90.0)), sure(Rect::new(290.0 - x, 165.0, 40.0, 90.0))];
            let tracks = tracker.update(&Frame::new(SIZE, frame, &found));
            let mut pairs: Vec<_> = tracks.live.iter().map(|t| (t.detection.unwrap(), t.id)).collect();
            pairs.sort_unstable();
            if frame > 10 {
                numbers.push(pairs);
            }
        }
        assert!(numbers.iter().all(|pairs| *pairs == numbers[0] && pairs.len() == 2), "{name}: {numbers:?}");
    }
}

#[test]
fn a_class_of_which_the_detector_is_never_sure_gets_numbers_as_others_do() {
    const CAR: i32 = 0;
    const BICYCLE: i32 = 1;
    let mut tracker = tracker("slip");
    let mut bicycles = Vec::new();
    for frame in 0..60 {
        let car = Detection::new(walker(frame), 0.95, CAR);
        let bicycle = Detection::new(walker(frame).shifted(0.0, 150.0), 0.4, BICYCLE);
        // As weak as a bicycle is no car.
        let ghost = Detection::new(Rect::new(500.0, 20.0, 60.0, 40.0), 0.4, CAR);
        let found = [car, bicycle, ghost];
        let tracks = tracker.update(&Frame::new(SIZE, frame, &found));
        assert!(tracks.live.iter().all(|track| track.detection != Some(2)), "frame {frame}");
        bicycles.push(tracks.live.iter().find(|track| track.class_id == BICYCLE).map(|track| track.id));
    }
    assert!(bicycles.iter().skip(30).all(|id| id.is_some() && *id == bicycles[59]), "{bicycles:?}");
}

#[test]
fn who_comes_out_where_another_was_hidden_is_told_from_it_by_its_looks() {
    let looking = |rect: Rect, embedding: [f32; 3]| {
        vec![Detection { embedding: Some(Arc::new(embedding)), ..sure(rect) }]
    };
    let (red, blue) = ([0.9, 0.1, 0.1], [0.1, 0.1, 0.9]);
    // Hidden for a few frames, and found exactly where it is expected: the same, another, and one without looks.
    for (comes_out, is_same) in [(looking(walker(25), red), true), (looking(walker(25), blue), false)]
        .into_iter()
        .chain([(vec![sure(walker(25))], true)])
    {
        let mut tracker = tracker("slip");
        let mut last = Vec::new();
        for frame in 0..40 {
            let found: Vec<_> = match frame {
                0..20 => looking(walker(frame), red),
                20..25 => Vec::new(),
                _ => comes_out.iter().map(|d| Detection { rect: walker(frame), ..d.clone() }).collect(),
            };
            last =
                tracker.update(&Frame::new(SIZE, frame, &found)).live.iter().map(|track| track.id).collect();
        }
        assert_eq!(last, [if is_same { 1 } else { 2 }], "{comes_out:?}");
    }
}

#[test]
fn a_track_is_tentative_then_confirmed_then_a_shadow_then_terminated() {
    let config = TrackerConfig {
        max_shadow: 4,
        confirmation: Confirmation::Age(2),
        ..TrackerConfig::named("iou").unwrap()
    };
    let mut tracker = Tracker::new(Arc::new(config), IdAllocator::starting_at(7));
    // The first frame has nothing, as trackers that believe the first frame are told by other tests.
    tracker.update(&Frame::new(SIZE, 0, &[]));
    let stay = walker(0);
    for frame in 1..=2 {
        let tracks = tracker.update(&Frame::new(SIZE, frame, &[sure(stay)]));
        assert!(tracks.live.is_empty() && tracks.past.is_empty());
    }
    let found = [sure(stay)];
    let tracks = tracker.update(&Frame::new(SIZE, 3, &found));
    let [track] = tracks.live else { panic!("{:?}", tracks.live) };
    assert_eq!((track.id, track.state, track.age, track.detection), (7, TrackState::Confirmed, 2, Some(0)));
    let past: Vec<_> =
        tracks.past.iter().flat_map(|p| p.points.iter().map(move |q| (p.id, q.frame))).collect();
    assert_eq!(past, [(7, 1), (7, 2)]);
    let trail: Vec<_> = tracks.trail(track).map(|point| point.frame).collect();
    assert_eq!(trail, [1, 2, 3]);

    // Frames at which nobody looked are no misses.
    let unseen = Frame { detections: None, ..Frame::new(SIZE, 4, &[]) };
    assert_eq!(tracker.update(&unseen).live.len(), 1);
    for frame in 5..9 {
        let tracks = tracker.update(&Frame::new(SIZE, frame, &[]));
        assert_eq!((tracks.live.len(), tracks.shadow[0].id), (0, 7), "frame {frame}");
    }
    let tracks = tracker.update(&Frame::new(SIZE, 9, &[]));
    assert!(tracks.shadow.is_empty());
    assert_eq!((tracks.terminated[0].id, tracks.terminated[0].age), (7, 2));
    // The number is not given again.
    for frame in 10..14 {
        tracker.update(&Frame::new(SIZE, frame, &found));
    }
    assert_eq!(tracker.update(&Frame::new(SIZE, 14, &found)).live[0].id, 8);
    tracker.reset();
    for frame in 0..4 {
        tracker.update(&Frame::new(SIZE, frame, &found));
    }
    assert_eq!(tracker.update(&Frame::new(SIZE, 4, &found)).live[0].id, 9);
}

#[test]
fn an_object_out_of_sight_for_a_while_keeps_its_number_and_tells_where_it_was() {
    let mut tracker = tracker("slip");
    for frame in 0..40 {
        let found = [sure(walker(frame))];
        let hidden = (20..32).contains(&frame);
        let tracks = tracker.update(&Frame::new(SIZE, frame, if hidden { &[] } else { &found }));
        let (live, shadow) = (tracks.live.len(), tracks.shadow.len());
        assert_eq!((live, shadow), if hidden { (0, 1) } else { (1, 0) }, "frame {frame}");
        let here = tracks.live.iter().chain(tracks.shadow).next().unwrap();
        assert_eq!(here.id, 1);
        assert!(here.rect.iou(&walker(frame)) > 0.7, "frame {frame}: {:?}", here.rect);
        if frame == 32 {
            let frames: Vec<_> = tracks.past[0].points.iter().map(|point| point.frame).collect();
            assert_eq!(frames, (20..32).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_jolt_of_the_camera_changes_no_number() {
    let mut tracker = tracker("slip");
    let mut offset = 0.0;
    for frame in 0..40 {
        // Nearly as far as the people are wide: boxes hardly overlap any more.
        offset += if frame % 10 == 9 { 26.0 } else { 0.0 };
        let found: Vec<_> = (0..5)
            .map(|i| {
                sure(Rect::new(
                    20.0 + 90.0 * i as f32 + offset + frame as f32,
                    60.0 + 20.0 * i as f32,
                    30.0,
                    80.0,
                ))
            })
            .collect();
        let tracks = tracker.update(&Frame::new(SIZE, frame, &found));
        assert_eq!(tracks.live.len(), 5, "frame {frame}");
        assert!(
            tracks.live.iter().all(|t| t.id == t.detection.unwrap() as u64 + 1),
            "frame {frame}: {:?}",
            tracks.live
        );
    }
}

#[test]
fn an_object_whose_class_flickers_keeps_its_number_and_most_usual_class() {
    let mut tracker = tracker("slip");
    for frame in 0..30 {
        let class = if frame % 4 == 3 { 2 } else { 0 };
        let found = [Detection::new(walker(frame), 0.9, class)];
        let tracks = tracker.update(&Frame::new(SIZE, frame, &found));
        let [track] = tracks.live else { panic!("frame {frame}: {:?}", tracks.live) };
        assert_eq!((track.id, track.class_id), (1, 0), "frame {frame}");
    }
}

#[test]
fn looks_tell_who_comes_back_somewhere_else() {
    let red: Arc<[f32]> = [1.0, 0.1, 0.0].into();
    let blue: Arc<[f32]> = [0.0, 0.2, 3.0].into();
    let seen = |rect, looks: &Arc<[f32]>| Detection { embedding: Some(looks.clone()), ..sure(rect) };
    let (left, right) = (Rect::new(100.0, 100.0, 40.0, 90.0), Rect::new(200.0, 100.0, 40.0, 90.0));
    let mut tracker = tracker("slip");
    for frame in 0..10 {
        tracker.update(&Frame::new(SIZE, frame, &[seen(left, &red), seen(right, &blue)]));
    }
    for frame in 10..16 {
        tracker.update(&Frame::new(SIZE, frame, &[]));
    }
    // Both are back, a step away from both old places; places alone would not tell.
    let (a, b) = (left.shifted(50.0, 60.0), right.shifted(-50.0, -60.0));
    let found = [seen(a, &blue), seen(b, &red)];
    let mut live = Vec::new();
    for frame in 16..18 {
        let tracks = tracker.update(&Frame::new(SIZE, frame, &found));
        live = tracks.live.iter().map(|t| (t.detection.unwrap(), t.id)).collect();
    }
    live.sort_unstable();
    assert_eq!(live, [(0, 2), (1, 1)]);
}

/// A picture with a textured square on a textured ground.
fn picture_of(square: (usize, usize)) -> Vec<u8> {
    let hash = |x: usize, y: usize| {
        (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).wrapping_mul(69_069) >> 16
    };
    let at = |i: usize| {
        let (x, y) = (i % 640, i / 640);
        let inside = (square.0..square.0 + 48).contains(&x) && (square.1..square.1 + 64).contains(&y);
        let (x, y) = if inside { (x - square.0 + 5000, y - square.1) } else { (x, y) };
        let shade = hash(x / 6, y / 6) % 120;
        (shade + if inside { 100 } else { 20 }) as u8
    };
    (0..640 * 360).map(at).collect()
}

#[test]
fn an_object_is_followed_by_sight_where_its_motion_cannot_be_foreseen() {
    let config = TrackerConfig { report: Report::Estimate, ..TrackerConfig::default() };
    let mut tracker = Tracker::new(Arc::new(config), IdAllocator::new());
    let mut at = (200usize, 120usize);
    for frame in 0..40u64 {
        // It rests, then turns at every other frame.
        if frame > 5 {
            let turn = (frame / 2) % 4;
            at.0 = (at.0 as isize + [7, 2, -5, 0][turn as usize]) as usize;
            at.1 = (at.1 as isize + [0, 6, 1, -5][turn as usize]) as usize;
        }
        let pixels = picture_of(at);
        let plane = Plane { data: &pixels, stride: 640 };
        let planes = [plane, Plane::default(), Plane::default()];
        let picture = Picture::new(PixelFormat::Gray8, SIZE, Colorimetry::default(), planes).unwrap();
        let truth = Rect::new(at.0 as f32, at.1 as f32, 48.0, 64.0);
        let found = [sure(truth)];
        let detections = (frame <= 5).then_some(&found[..]);
        let tracks =
            tracker.update(&Frame { picture: Some(picture), detections, ..Frame::new(SIZE, frame, &[]) });
        let [track] = tracks.live else { panic!("frame {frame}: {:?}", tracks.live) };
        assert!(track.rect.iou(&truth) > 0.7, "frame {frame}: {:?}, truth {truth:?}", track.rect);
    }
}

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![
        6 => -200.0..900.0f32,
        2 => prop::sample::select(vec![0.0, 1.0, -1.0, 1e-30, 1e30, f32::MAX, f32::MIN]),
        1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY]),
    ]
}

fn detections() -> impl Strategy<Value = Vec<Detection>> {
    let looks = prop::option::of(prop::collection::vec(number(), 0..4));
    let one = (number(), number(), number(), number(), number(), -1..3i32, looks).prop_map(
        |(x, y, w, h, c, class, e)| Detection {
            embedding: e.map(Into::into),
            ..Detection::new(Rect::new(x, y, w, h), c, class)
        },
    );
    // Some frames hold the same box many times.
    (prop::collection::vec(one, 0..12), 1..4usize)
        .prop_map(|(list, times)| list.iter().cycle().take(list.len() * times).cloned().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_input_panics_or_leaks(
        name in prop::sample::select(TrackerConfig::NAMES.to_vec()),
        frames in prop::collection::vec((prop::option::of(detections()), 0..50u64, any::<bool>()), 1..30),
    ) {
        let config = Arc::new(TrackerConfig { max_targets: 20, trail_length: 5, ..TrackerConfig::named(name).unwrap() });
        let mut tracker = Tracker::new(config, IdAllocator::new());
        let pixels = picture_of((100, 100));
        let plane = Plane { data: &pixels, stride: 640 };
        let planes = [plane, Plane::default(), Plane::default()];
        let picture = Picture::new(PixelFormat::Gray8, SIZE, Colorimetry::default(), planes).unwrap();
        let mut number = 0;
        let mut ended = std::collections::HashSet::new();
        for (detections, step, with_picture) in &frames {
            number += step;
            let picture = with_picture.then_some(picture);
            let frame = Frame { picture, detections: detections.as_deref(), ..Frame::new(SIZE, number, &[]) };
            let tracks = tracker.update(&frame);
            prop_assert!(tracks.live.len() + tracks.shadow.len() <= 20);
            let mut ids: Vec<_> = tracks.live.iter().chain(tracks.shadow).map(|track| track.id).collect();
            for track in tracks.live.iter().chain(tracks.shadow) {
                let r = track.rect;
                prop_assert!([r.left, r.top, r.width, r.height].iter().all(|v| v.is_finite()) && !r.is_empty(), "{r:?}");
                prop_assert!((0.0..=1.0).contains(&track.confidence) && track.id > 0);
                prop_assert!(!ended.contains(&track.id));
                prop_assert!(tracks.trail(track).count() <= 5);
                let known = detections.as_ref().map_or(0, Vec::len);
                prop_assert!(track.detection.is_none_or(|index| index < known));
            }
            ids.sort_unstable();
            let count = ids.len();
            ids.dedup();
            prop_assert_eq!(ids.len(), count);
            ended.extend(tracks.terminated.iter().map(|track| track.id));
        }
    }
}
