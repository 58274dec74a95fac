//! What tiling and drawing cost: one tile scaled, and one picture of 30 tiles with ten objects each drawn on.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use slipstream_draw::{Grid, Overlay, OverlayStyle, Scaler};
use slipstream_meta::{
    ChannelOrder, Color, ColorMatrix, Colorimetry, DisplayItem, FrameMeta, MAX_PLANES, ObjectMeta, Picture,
    PictureMut, PixelFormat, Plane, PlaneMut, Point, Rect, Size,
};

struct Memory {
    format: PixelFormat,
    size: Size,
    planes: [Vec<u8>; MAX_PLANES],
    matrix: ColorMatrix,
}

impl Memory {
    fn new(format: PixelFormat, size: Size) -> Self {
        let planes = std::array::from_fn(|plane| {
            if plane >= format.planes() {
                return Vec::new();
            }
            let (row, rows) = format.plane_extent(plane, size);
            (0..row * rows).map(|index| (index * 7919 % 251) as u8).collect()
        });
        Self { format, size, planes, matrix: ColorMatrix::Bt601 }
    }

    fn colorimetry(&self) -> Colorimetry {
        Colorimetry { matrix: self.matrix, ..Colorimetry::default() }
    }

    fn stride(&self, plane: usize) -> usize {
        self.format.plane_extent(plane, self.size).0
    }

    fn view(&self) -> Picture<'_> {
        let planes = std::array::from_fn(|i| Plane { data: &self.planes[i], stride: self.stride(i) });
        Picture::new(self.format, self.size, self.colorimetry(), planes).unwrap()
    }

    fn view_mut(&mut self) -> PictureMut<'_> {
        let (format, size, colorimetry) = (self.format, self.size, self.colorimetry());
        let mut plane = 0;
        let planes = self.planes.each_mut().map(|data| {
            let stride = format.plane_extent(plane, size).0;
            plane += 1;
            PlaneMut { data, stride }
        });
        PictureMut::new(format, size, colorimetry, planes).unwrap()
    }
}

const CANVAS: Size = Size::new(1200, 600);
/// More than the last cache of common processors.
const COLD_BYTES: usize = 128 << 20;

fn scaling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scale to 200x120");
    let tile = Rect::new(200.0, 120.0, 200.0, 120.0);
    for (format, name) in [
        (PixelFormat::I420, "I420"),
        (PixelFormat::Nv12, "NV12"),
        (PixelFormat::Rgb(ChannelOrder::Rgb), "RGB"),
    ] {
        for size in [Size::new(640, 360), Size::new(1280, 720), Size::new(1920, 1080)] {
            let source = Memory::new(format, size);
            let mut canvas = Memory::new(PixelFormat::Nv12, CANVAS);
            let mut scaler = Scaler::new();
            let mut picture = canvas.view_mut();
            group.bench_function(format!("{name} {size}"), |bencher| {
                bencher.iter(|| scaler.scale(black_box(&source.view()), &mut picture, tile));
            });
        }
    }
    // Frames of cameras come from memory, not from a cache: more of them in turn than caches hold.
    for (format, name) in [(PixelFormat::I420, "I420"), (PixelFormat::Nv12, "NV12")] {
        for size in [Size::new(640, 360), Size::new(1280, 720), Size::new(1920, 1080)] {
            let bytes = size.width as usize * size.height as usize * 3 / 2;
            let sources: Vec<_> = (0..COLD_BYTES / bytes).map(|_| Memory::new(format, size)).collect();
            let mut sources = sources.iter().cycle();
            let mut canvas = Memory::new(PixelFormat::Nv12, CANVAS);
            let mut scaler = Scaler::new();
            let mut picture = canvas.view_mut();
            group.bench_function(format!("{name} {size}, cold"), |bencher| {
                bencher.iter(|| {
                    sources.next().map(|source| scaler.scale(black_box(&source.view()), &mut picture, tile))
                });
            });
        }
    }
    let mut source = Memory::new(PixelFormat::Nv12, Size::new(1280, 720));
    source.matrix = ColorMatrix::Bt709;
    let mut canvas = Memory::new(PixelFormat::Nv12, CANVAS);
    let mut picture = canvas.view_mut();
    let mut scaler = Scaler::new();
    group.bench_function("NV12 1280x720 BT.709 to BT.601", |bencher| {
        bencher.iter(|| scaler.scale(black_box(&source.view()), &mut picture, tile));
    });
    group.finish();
}

fn frames(count: u32, objects: u32, items: bool) -> Vec<FrameMeta> {
    let grid = Grid::for_sources(count);
    let labels = ["Vehicle", "TwoWheeler", "Person", "RoadSign"];
    let frame = |index| {
        let tile = grid.tile(CANVAS, index)?;
        let mut frame = FrameMeta::new(index, format!("Camera {index}").into(), 1234, Size::new(640, 360));
        frame.viewport = tile;
        frame.objects = (0..objects)
            .map(|i| {
                let (x, y) = ((i * 37 % 160) as f32, (20 + i * 53 % 70) as f32);
                let rect =
                    Rect::new(tile.left + x, tile.top + y, 15.0 + i as f32 * 2.0, 12.0 + i as f32 * 2.0);
                let class = i as usize % labels.len();
                let mut object = ObjectMeta::detected(class as i32, labels[class].into(), 0.8, rect);
                object.tracking_id = Some(u64::from(index * objects + i));
                object
            })
            .collect();
        if items {
            let at = |x: f32, y: f32| Point { x: tile.left + x, y: tile.top + y };
            let (width, color) = (2.0, Color::WHITE);
            frame.display = vec![
                DisplayItem::Line { from: at(0.0, 100.0), to: at(200.0, 40.0), width, color },
                DisplayItem::Circle { center: at(100.0, 60.0), radius: 30.0, width, color, fill: None },
            ];
        }
        Some(frame)
    };
    (0..count).filter_map(frame).collect()
}

fn drawing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("draw on 1200x600");
    for (format, name) in [(PixelFormat::I420, "I420"), (PixelFormat::Nv12, "NV12")] {
        let mut canvas = Memory::new(format, CANVAS);
        let mut picture = canvas.view_mut();
        let mut overlay = Overlay::new(OverlayStyle::default());
        for (count, objects, items) in [(30, 10, false), (30, 10, true), (4, 10, false)] {
            let frames = frames(count, objects, items);
            let items = if items { ", a line and a circle each" } else { "" };
            group.bench_function(format!("{name} {count} tiles, {objects} objects{items}"), |bencher| {
                bencher.iter(|| {
                    for frame in &frames {
                        overlay.draw_frame(&mut picture, black_box(frame));
                    }
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, scaling, drawing);
criterion_main!(benches);
