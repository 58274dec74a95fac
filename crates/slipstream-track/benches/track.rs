//! Time of one camera's frame on one core.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use slipstream_meta::{Colorimetry, Picture, PixelFormat, Plane, Rect, Size};
use slipstream_track::{Detection, Frame, IdAllocator, Tracker, TrackerConfig};

const SIZE: Size = Size::new(1280, 720);
/// Frames before measuring, in which all tracks are confirmed.
const WARM_UP: u64 = 10;

/// Objects that cross the picture at their own speeds; many pass one another.
fn objects(count: usize, frame: u64) -> Vec<Detection> {
    let object = |i: usize| {
        let speed = 1.0 + (i % 7) as f32;
        let direction = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        let x = (i as f32 * 173.0 + direction * speed * frame as f32).rem_euclid(SIZE.width as f32);
        let y = (i as f32 * 97.0).rem_euclid(SIZE.height as f32 - 120.0);
        let jitter = ((i as u64 * 31 + frame * 17) % 5) as f32 - 2.0;
        Detection::new(Rect::new(x, y + jitter, 40.0 + (i % 5) as f32 * 6.0, 100.0), 0.9, (i % 3) as i32)
    };
    (0..count).map(object).collect()
}

fn without_pictures(c: &mut Criterion) {
    for count in [10, 100] {
        let frames: Vec<_> = (0..200).map(|frame| objects(count, frame)).collect();
        for name in TrackerConfig::NAMES {
            let config = Arc::new(TrackerConfig::named(name).unwrap());
            c.bench_function(&format!("{name}, {count} objects"), |b| {
                let mut tracker = Tracker::new(config.clone(), IdAllocator::new());
                let mut number = 0;
                b.iter(|| {
                    let found = &frames[(number % frames.len() as u64) as usize];
                    if number.is_multiple_of(frames.len() as u64) {
                        tracker.reset();
                    }
                    number += 1;
                    tracker.update(&Frame::new(SIZE, number, found)).live.len()
                });
            });
        }
    }
}

/// A textured picture.
fn pixels() -> Vec<u8> {
    let (width, height) = (SIZE.width as usize, SIZE.height as usize);
    (0..width * height).map(|i| (((i % width) * 7) ^ ((i / width) * 13)) as u8).collect()
}

fn with_pictures(c: &mut Criterion) {
    let pixels = pixels();
    let plane = Plane { data: &pixels, stride: SIZE.width as usize };
    let planes = [plane, Plane::default(), Plane::default()];
    let picture = Picture::new(PixelFormat::Gray8, SIZE, Colorimetry::default(), planes).unwrap();
    let config = Arc::new(TrackerConfig::named("slip").unwrap());
    let count = 10;
    let mut tracker = || {
        let mut tracker = Tracker::new(config.clone(), IdAllocator::new());
        for number in 0..WARM_UP {
            let found = objects(count, 0);
            tracker.update(&Frame { picture: Some(picture), ..Frame::new(SIZE, number, &found) });
        }
        tracker
    };
    let found = objects(count, 0);
    for (name, detections) in [("between looks", None), ("at a look", Some(found.as_slice()))] {
        c.bench_function(&format!("slip by sight, {count} objects, {name}"), |b| {
            b.iter_batched_ref(
                &mut tracker,
                |tracker| {
                    let frame =
                        Frame { picture: Some(picture), detections, ..Frame::new(SIZE, WARM_UP, &[]) };
                    tracker.update(&frame).live.len()
                },
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, without_pictures, with_pictures);
criterion_main!(benches);
