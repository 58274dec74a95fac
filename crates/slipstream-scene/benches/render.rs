//! Time to draw a frame.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use slipstream_meta::{Colorimetry, PictureMut, PixelFormat, PlaneMut, Size};
use slipstream_scene::{Scene, SceneConfig, View};

fn render(c: &mut Criterion) {
    let mut group = c.benchmark_group("render");
    for size in [Size::new(640, 360), Size::new(1280, 720)] {
        for view in View::ALL {
            let (width, height) = (size.width as usize, size.height as usize);
            let mut scene = Scene::new(SceneConfig::new(view, size));
            let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
            let mut y = vec![0; width * height];
            let mut u = vec![0; chroma_width * chroma_height];
            let mut v = u.clone();
            group.bench_function(BenchmarkId::new(view.name(), size), |b| {
                b.iter(|| {
                    let planes = [
                        PlaneMut { data: &mut y, stride: width },
                        PlaneMut { data: &mut u, stride: chroma_width },
                        PlaneMut { data: &mut v, stride: chroma_width },
                    ];
                    let mut picture =
                        PictureMut::new(PixelFormat::I420, size, Colorimetry::default(), planes)
                            .expect("the planes fit the size");
                    scene.render(&mut picture);
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, render);
criterion_main!(benches);
