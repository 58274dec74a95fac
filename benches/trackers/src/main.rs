//! Our trackers beside others: time of a frame, on the same objects, taking turns in one run.
//!
//! Each tracker gets the same frames in each round; what counts is the median of the rounds. Beside the time that passes
//! there is the processor's on all threads, which other programs on a busy machine move least. Two scenes: a crowd of overlapping boxes, and as many boxes that never meet.

use std::sync::Arc;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use similari::trackers::sort::metric::DEFAULT_MINIMAL_SORT_CONFIDENCE;
use similari::trackers::sort::simple_api::Sort;
use similari::trackers::sort::{DEFAULT_SORT_IOU_THRESHOLD, PositionalMetricType::IoU};
use similari::trackers::spatio_temporal_constraints::SpatioTemporalConstraints;
use similari::utils::bbox::Universal2DBox;
use slipstream_meta::{Rect, Size};
use slipstream_track::{Detection, Frame, IdAllocator, Tracker, TrackerConfig};

const SIZE: Size = Size::new(1280, 720);
const ROUNDS: usize = 7;
const FRAMES: u64 = 100;
/// Frames before those that count, in which all objects become known.
const WARM_UP: u64 = 20;
/// Frames that an object may be out of sight.
const MOST_MISSED: usize = 30;

/// Objects on a frame.
type Objects = Vec<Rect>;

/// Objects that cross the picture at their own speeds and pass one another, as in `cargo bench -p slipstream-track`.
fn crowd(count: usize, frame: u64) -> Objects {
    let object = |i: usize| {
        let speed = 1.0 + (i % 7) as f32;
        let direction = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        let x = (i as f32 * 173.0 + direction * speed * frame as f32).rem_euclid(SIZE.width as f32);
        let y = (i as f32 * 97.0).rem_euclid(SIZE.height as f32 - 120.0);
        let jitter = ((i as u64 * 31 + frame * 17) % 5) as f32 - 2.0;
        Rect::new(x, y + jitter, 40.0 + (i % 5) as f32 * 6.0, 100.0)
    };
    (0..count).map(object).collect()
}

/// Objects on a grid that stay near their places.
fn apart(count: usize, frame: u64) -> Objects {
    let columns = (count as f32).sqrt().ceil() as usize;
    let (width, height) = (SIZE.width as f32 / columns as f32, SIZE.height as f32 / columns as f32);
    let object = |i: usize| {
        let sway = ((i as u64 * 31 + frame) % 20).abs_diff(10) as f32;
        let (x, y) = ((i % columns) as f32 * width, (i / columns) as f32 * height);
        Rect::new(x + 0.02 * width * sway, y + 0.1 * height, 0.6 * width, 0.7 * height)
    };
    (0..count).map(object).collect()
}

/// Takes frames, and says how many objects it knows.
type Update<'a> = Box<dyn FnMut(u64, &Objects) -> usize + 'a>;

fn ours(name: &str) -> Update<'static> {
    let config = TrackerConfig::named(name).expect("one of our trackers");
    let mut tracker = Tracker::new(Arc::new(config), IdAllocator::new());
    let mut found = Vec::new();
    Box::new(move |number, objects| {
        found.clear();
        found.extend(objects.iter().map(|rect| Detection::new(*rect, 0.9, 0)));
        tracker.update(&Frame::new(SIZE, number, &found)).live.len()
    })
}

/// As in the library's own benchmark, but on one core.
fn similari() -> Update<'static> {
    let mut tracker = Sort::new(
        1,
        1,
        MOST_MISSED,
        IoU(DEFAULT_SORT_IOU_THRESHOLD),
        DEFAULT_MINIMAL_SORT_CONFIDENCE,
        Some(SpatioTemporalConstraints::default().constraints(&[(1, 1.0)])),
        1.0 / 20.0,
        1.0 / 160.0,
    );
    Box::new(move |_, objects| {
        let boxes: Vec<_> =
            objects.iter().map(|r| (Universal2DBox::ltwh(r.left, r.top, r.width, r.height), None)).collect();
        tracker.predict(&boxes).len()
    })
}

/// Time that the processor spent on this program, in seconds.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Time that passes for a frame, and the processor's, in microseconds.
fn measure(mut update: Update<'_>, frames: &[Objects], count: usize) -> [f64; 2] {
    let (mut started, mut spent) = (Instant::now(), 0.0);
    let mut known = 0;
    for (number, objects) in (0..).zip(frames) {
        if number == WARM_UP {
            (started, spent) = (Instant::now(), processor_time());
        }
        known = known.max(update(number, objects));
    }
    let times = [started.elapsed().as_secs_f64(), processor_time() - spent];
    assert!(10 * known >= 9 * count, "{known} of {count} objects are known");
    times.map(|time| time * 1e6 / FRAMES as f64)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    type Scene = fn(usize, u64) -> Objects;
    let scenes: [(&str, Scene); 2] = [("a crowd", crowd), ("apart", apart)];
    let names = std::iter::once("similari SORT").chain(TrackerConfig::NAMES.iter().copied());
    let names: Vec<_> = names.collect();
    println!("| objects | tracker | time of a frame | processor time | similari takes … as much |");
    println!("|---|---|---:|---:|---:|");
    for (scene, place) in scenes {
        for count in [10, 100] {
            let frames: Vec<_> = (0..WARM_UP + FRAMES).map(|frame| place(count, frame)).collect();
            let mut times = vec![Vec::new(); names.len()];
            for _ in 0..ROUNDS {
                for (name, times) in names.iter().zip(&mut times) {
                    let update = if name.starts_with("similari") { similari() } else { ours(name) };
                    times.push(measure(update, &frames, count));
                }
            }
            let part =
                |times: &[[f64; 2]], which: usize| median(times.iter().map(|time| time[which]).collect());
            let first = part(&times[0], 1);
            for (name, times) in names.iter().zip(&times) {
                let (passed, spent) = (part(times, 0), part(times, 1));
                println!(
                    "| {count}, {scene} | {name} | {passed:.1} µs | {spent:.1} µs | {:.0} × |",
                    first / spent
                );
            }
        }
    }
}
