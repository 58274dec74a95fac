//! Time of preprocessing one picture on one core.

use criterion::{Criterion, criterion_group, criterion_main};
use slipstream_infer::config::{Dims, InferConfig};
use slipstream_infer::tensor::{Preprocess, Scratch};
use slipstream_meta::{Colorimetry, Picture, PixelFormat, Plane, Size};

fn nv12(size: Size, data: &[u8]) -> Picture<'_> {
    let stride = size.width as usize;
    let (luma, chroma) = data.split_at(stride * size.height as usize);
    let planes = [Plane { data: luma, stride }, Plane { data: chroma, stride }, Plane::default()];
    Picture::new(PixelFormat::Nv12, size, Colorimetry::default(), planes).unwrap()
}

fn preprocess(c: &mut Criterion) {
    for (name, from, to, maintain_aspect_ratio) in [
        ("720p to 640x368", (1280, 720), (640, 368), false),
        ("360p to 640x368", (640, 360), (640, 368), false),
        ("1080p to 640x384", (1920, 1080), (640, 384), false),
        ("720p to 416x416 letterbox", (1280, 720), (416, 416), true),
        ("640x368 to itself", (640, 368), (640, 368), false),
    ] {
        let from = Size::new(from.0, from.1);
        let data: Vec<u8> = (0..from.width * from.height * 3 / 2).map(|i| (i * 7 + i / 640) as u8).collect();
        let picture = nv12(from, &data);
        let mut config = InferConfig::default();
        config.maintain_aspect_ratio = maintain_aspect_ratio;
        let fast = Preprocess::new(&config, Dims { channels: 3, height: to.1, width: to.0 }).unwrap();
        for (variant, preprocess) in [("", fast.clone()), (" (baseline)", fast.without_simd())] {
            let mut tensor = vec![0.0; preprocess.tensor_len()];
            let mut scratch = Scratch::default();
            c.bench_function(&format!("NV12 {name}{variant}"), |b| {
                b.iter(|| preprocess.run(&mut scratch, &picture, None, &mut tensor).unwrap());
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(std::time::Duration::from_secs(1)).warm_up_time(std::time::Duration::from_millis(200)).sample_size(20);
    targets = preprocess
}
criterion_main!(benches);
