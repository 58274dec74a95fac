//! Writes pictures of what this crate draws, to be looked at:
//!
//!     cargo run -p slipstream-draw --example gallery -- OUT_DIR
//!
//! The tiles show frames of the clips in the assets folder (`SLIPSTREAM_ASSETS`, by default `../shared/assets` beside the
//! repository) as far as `ffmpeg` can read them, else gradients.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use slipstream_draw::{Grid, Overlay, OverlayStyle, Scaler, fill, fit};
use slipstream_meta::{
    BatchMeta, Color, ColorRange, Colorimetry, DisplayItem, FrameMeta, ObjectMeta, Picture, PictureMut,
    PixelFormat, Plane, PlaneMut, Point, Rect, Size, SourceMeta, Text,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// An I420 picture with its own memory.
struct Image {
    size: Size,
    planes: [Vec<u8>; 3],
}

impl Image {
    fn black(size: Size) -> Result<Self> {
        let plane = |plane, value| {
            let (row, rows) = PixelFormat::I420.plane_extent(plane, size);
            vec![value; row * rows]
        };
        Ok(Self { size, planes: [plane(0, 16), plane(1, 128), plane(2, 128)] })
    }

    fn stride(&self, plane: usize) -> usize {
        PixelFormat::I420.plane_extent(plane, self.size).0
    }

    fn view(&self) -> Result<Picture<'_>> {
        let plane = |i: usize| Plane { data: self.planes[i].as_slice(), stride: self.stride(i) };
        Ok(Picture::new(PixelFormat::I420, self.size, Colorimetry::default(), [0, 1, 2].map(plane))?)
    }

    fn view_mut(&mut self) -> Result<PictureMut<'_>> {
        let strides = [0, 1, 2].map(|plane| self.stride(plane));
        let [y, u, v] = &mut self.planes;
        let planes = [(y, strides[0]), (u, strides[1]), (v, strides[2])]
            .map(|(data, stride)| PlaneMut { data, stride });
        Ok(PictureMut::new(PixelFormat::I420, self.size, Colorimetry::default(), planes)?)
    }

    /// Writes a PNG file, chroma enlarged without smoothing so that its edges can be judged.
    fn save(&self, path: &Path) -> Result<()> {
        let picture = image::RgbImage::from_fn(self.size.width, self.size.height, |x, y| {
            let (x, y) = (x as usize, y as usize);
            let luma = (f32::from(self.planes[0][y * self.stride(0) + x]) - 16.0) / 219.0;
            let chroma = |plane: usize| {
                (f32::from(self.planes[plane][y / 2 * self.stride(1) + x / 2]) - 128.0) / 224.0
            };
            let (cb, cr) = (chroma(1), chroma(2));
            let rgb = [luma + 1.402 * cr, luma - 0.344_136 * cb - 0.714_136 * cr, luma + 1.772 * cb];
            image::Rgb(rgb.map(|part| (part * 255.0).round().clamp(0.0, 255.0) as u8))
        });
        picture.save(path)?;
        println!("{}", path.display());
        Ok(())
    }
}

/// A sky over a field, so that there is something to tell drawing from.
fn gradient(size: Size, seed: u32) -> Result<Image> {
    let mut image = Image::black(size)?;
    let (width, height) = (size.width as usize, size.height as usize);
    for y in 0..height {
        for x in 0..width {
            let ripple = ((x * 7 + y * 13 + seed as usize * 31) % 17) as f32;
            let slope = 60.0 + 130.0 * (1.0 - y as f32 / height as f32) + 20.0 * (x as f32 / width as f32);
            image.planes[0][y * width + x] = (slope + ripple) as u8;
        }
    }
    for y in 0..height.div_ceil(2) {
        for x in 0..width.div_ceil(2) {
            let at = y * width.div_ceil(2) + x;
            image.planes[1][at] = (150 - y * 50 / height + (seed as usize * 5) % 20) as u8;
            image.planes[2][at] = (110 + x * 30 / width) as u8;
        }
    }
    Ok(image)
}

fn assets() -> PathBuf {
    std::env::var_os("SLIPSTREAM_ASSETS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets"), PathBuf::from)
}

/// One frame of a clip, or `None` where the clip or ffmpeg is missing.
fn clip_frame(name: &str, size: Size, number: u32) -> Option<Image> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(assets().join("videos").join(name))
        .args(["-vf", &format!("select=eq(n\\,{number}),scale={}:{}", size.width, size.height)])
        .args(["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let mut image = Image::black(size).ok()?;
    let mut rest = output.stdout.as_slice();
    for plane in &mut image.planes {
        let (own, others) = rest.split_at_checked(plane.len())?;
        plane.copy_from_slice(own);
        rest = others;
    }
    Some(image)
}

const LABELS: [&str; 4] = ["Vehicle", "TwoWheeler", "Person", "RoadSign"];

fn object(class: i32, id: Option<u64>, confidence: f32, rect: [f32; 4]) -> ObjectMeta {
    let [left, top, width, height] = rect;
    let label = LABELS.get(class as usize).copied().unwrap_or_default();
    let mut object =
        ObjectMeta::detected(class, label.into(), confidence, Rect::new(left, top, width, height));
    object.tracking_id = id;
    object
}

/// The boxes of a frame in a table of `frame,id,x,y,width,height,…` rows, frames from 1.
fn boxes(name: &str, frame: u32) -> Vec<ObjectMeta> {
    let table = std::fs::read_to_string(assets().join("videos").join(name)).unwrap_or_default();
    let rows = table.lines().filter_map(|line| {
        let values: Vec<f32> = line.split(',').filter_map(|value| value.trim().parse().ok()).collect();
        (values.len() >= 6 && values[0] as u32 == frame).then(|| [values[2], values[3], values[4], values[5]])
    });
    rows.enumerate().map(|(i, rect)| object(0, Some(17 + i as u64), 0.87, rect)).collect()
}

struct Source {
    name: &'static str,
    image: Image,
    objects: Vec<ObjectMeta>,
}

fn sources() -> Result<Vec<Source>> {
    let clips = [
        ("Motorway km 39", "km39-morning-960x540-5fps.mp4", (960, 540), 40, boxes("km39-morning.gt.txt", 41)),
        (
            "Crosswalk",
            "crosswalk-848x478.mp4",
            (848, 478),
            60,
            vec![
                object(0, Some(3), 0.93, [20.0, 190.0, 190.0, 110.0]),
                object(2, Some(12), 0.81, [430.0, 180.0, 60.0, 170.0]),
                object(2, Some(14), 0.66, [520.0, 170.0, 58.0, 165.0]),
                object(1, Some(5), 0.58, [640.0, 220.0, 90.0, 110.0]),
                object(3, None, 0.71, [700.0, 30.0, 40.0, 45.0]),
            ],
        ),
        (
            "Car park entrance",
            "car-detection.mp4",
            (768, 432),
            120,
            vec![
                object(0, Some(1), 0.99, [150.0, 150.0, 200.0, 150.0]),
                object(0, Some(2), 0.97, [480.0, 0.0, 160.0, 90.0]),
                object(4, Some(9), 0.40, [600.0, 300.0, 168.0, 132.0]),
            ],
        ),
        (
            "Café Größe / Ёлка",
            "one-by-one-person-detection.mp4",
            (768, 432),
            200,
            vec![object(2, Some(1234), 0.9, [320.0, 20.0, 130.0, 400.0])],
        ),
        ("Rain", "km39-rain-960x540-10fps.mp4", (960, 540), 100, boxes("km39-rain.gt.txt", 101)),
    ];
    let mut sources = Vec::new();
    for (seed, (name, clip, (width, height), number, objects)) in clips.into_iter().enumerate() {
        let size = Size::new(width, height);
        let image = match clip_frame(clip, size, number) {
            Some(image) => image,
            None => {
                println!("SKIPPED: {clip} cannot be read; {name} is a gradient");
                gradient(size, seed as u32)?
            }
        };
        sources.push(Source { name, image, objects });
    }
    Ok(sources)
}

/// A frame as the tiler hands it on: everything in pixels of the canvas.
fn frame_in(source: &Source, pad: u32, number: u64, tile: Rect) -> FrameMeta {
    let mut frame = FrameMeta::new(pad, source.name.into(), number, source.image.size);
    let whole = Rect::of_size(source.image.size);
    frame.objects = source.objects.clone();
    for object in &mut frame.objects {
        object.rect = object.rect.mapped(&whole, &tile);
    }
    frame.viewport = tile;
    frame
}

fn tiled(
    sources: &[Source],
    count: u32,
    canvas: Size,
    dead: &[(u32, &str)],
    style: OverlayStyle,
) -> Result<Image> {
    let grid = Grid::for_sources(count);
    let mut image = Image::black(canvas)?;
    let mut scaler = Scaler::new();
    let mut batch = BatchMeta::default();
    let mut picture = image.view_mut()?;
    for index in 0..count {
        let Some(tile) = grid.tile(canvas, index) else { continue };
        let source = &sources[index as usize % sources.len()];
        // Cards stand over the last picture, or over nothing where there was none yet.
        let dead = dead.iter().find(|(dead, _)| *dead == index);
        if dead.is_none_or(|(index, _)| index % 2 == 1) {
            scaler.scale(&source.image.view()?, &mut picture, tile)?;
        }
        match dead {
            None => batch.frames.push(frame_in(source, index, 1200 + u64::from(index) * 7, tile)),
            Some((_, status)) => batch.sources.push(SourceMeta {
                pad_index: index,
                name: source.name.into(),
                status: Some((*status).into()),
                viewport: Some(tile),
            }),
        }
    }
    Overlay::new(style).draw(&mut picture, &batch);
    Ok(image)
}

fn items() -> Vec<DisplayItem> {
    let point = |x, y| Point { x, y };
    let mut items = vec![
        DisplayItem::Rect {
            rect: Rect::new(40.0, 330.0, 200.0, 120.0),
            width: 4.0,
            color: Color::rgb(255, 0, 0),
            fill: Some(Color { red: 255, green: 0, blue: 0, alpha: 64 }),
        },
        DisplayItem::Circle {
            center: point(360.0, 390.0),
            radius: 60.0,
            width: 3.0,
            color: Color::rgb(0, 255, 0),
            fill: Some(Color { red: 0, green: 0, blue: 255, alpha: 90 }),
        },
        DisplayItem::Circle {
            center: point(360.0, 390.0),
            radius: 20.0,
            width: 1.0,
            color: Color::WHITE,
            fill: None,
        },
        DisplayItem::Text(Text {
            content: "Text with a background,\nin two lines: ÄÖÜ ß € Ω Ж".into(),
            position: point(640.0, 340.0),
            size: 24.0,
            color: Color::rgb(255, 255, 0),
            background: Some(Color { red: 0, green: 0, blue: 0, alpha: 160 }),
        }),
        DisplayItem::Text(Text {
            content: "and without".into(),
            position: point(640.0, 400.0),
            size: 40.0,
            color: Color::rgb(0, 255, 255),
            background: None,
        }),
        DisplayItem::Arrow {
            from: point(640.0, 480.0),
            to: point(900.0, 480.0),
            head_at_start: true,
            head_at_end: true,
            width: 3.0,
            color: Color::rgb(255, 128, 0),
        },
    ];
    for step in 0..12 {
        let angle = step as f32 * std::f32::consts::TAU / 12.0;
        let (sin, cos) = angle.sin_cos();
        let (from, to) =
            (point(530.0 + 12.0 * cos, 400.0 + 12.0 * sin), point(530.0 + 80.0 * cos, 400.0 + 80.0 * sin));
        let color = Color::rgb(255, 255, 255);
        let width = 1.0 + step as f32 / 4.0;
        items.push(if step % 2 == 0 {
            DisplayItem::Line { from, to, width, color }
        } else {
            DisplayItem::Arrow { from, to, head_at_start: false, head_at_end: true, width, color }
        });
    }
    items
}

fn main() -> Result<()> {
    let Some(out) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err("usage: gallery OUT_DIR".into());
    };
    std::fs::create_dir_all(&out)?;
    let sources = sources()?;
    let style = OverlayStyle::default();

    tiled(&sources, 4, Size::new(1200, 600), &[], style.clone())?.save(&out.join("grid-2x2.png"))?;
    let dead = [
        (3, "no frame for 5 s, next try in 8 s"),
        (8, "connecting"),
        (13, "refused: 401 Unauthorized, check the user name and the password of the camera"),
        (22, "no frame for 5 s, next try in 8 s"),
    ];
    tiled(&sources, 30, Size::new(1200, 600), &dead, style.clone())?.save(&out.join("grid-6x5.png"))?;
    tiled(&sources, 30, Size::new(1920, 1080), &dead, style.clone())?.save(&out.join("grid-6x5-hd.png"))?;
    let confidence = OverlayStyle { display_confidence: true, ..style.clone() };
    tiled(&sources, 2, Size::new(1280, 360), &[(1, "connecting")], confidence)?
        .save(&out.join("pair.png"))?;

    let mut single = Image::black(Size::new(960, 540))?;
    let mut picture = single.view_mut()?;
    let tile = Rect::of_size(sources[0].image.size);
    Scaler::new().scale(&sources[0].image.view()?, &mut picture, tile)?;
    let mut frame = frame_in(&sources[0], 0, 99_999, tile);
    frame.display = items();
    Overlay::new(style.clone()).draw_frame(&mut picture, &frame);
    single.save(&out.join("items.png"))?;

    // An upright source in a wide tile, with bands.
    let mut banded = Image::black(Size::new(640, 360))?;
    let mut picture = banded.view_mut()?;
    let whole = Rect::new(0.0, 0.0, 640.0, 360.0);
    let inner = fit(Size::new(480, 640), whole);
    fill(&mut picture, whole, Color::rgb(0, 0, 0));
    let upright = gradient(Size::new(480, 640), 3)?;
    // The same codes read as full range, as cameras with JPEG pictures send them.
    let full = Colorimetry { range: ColorRange::Full, ..Colorimetry::default() };
    let planes =
        [0, 1, 2].map(|i: usize| Plane { data: upright.planes[i].as_slice(), stride: upright.stride(i) });
    let view = Picture::new(PixelFormat::I420, upright.size, full, planes)?;
    Scaler::new().scale(&view, &mut picture, inner)?;
    let frame = FrameMeta { viewport: inner, ..FrameMeta::new(0, "Upright".into(), 7, upright.size) };
    Overlay::new(style).draw_frame(&mut picture, &frame);
    banded.save(&out.join("bands.png"))
}
