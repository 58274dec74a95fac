//! Preprocessing against its definition, pixel by pixel in double precision, for every format.

use proptest::prelude::*;
use slipstream_infer::InferConfig;
use slipstream_infer::config::{Dims, ModelColorFormat, TensorOrder};
use slipstream_infer::tensor::{Preprocess, Scratch};
use slipstream_meta::{
    ChannelOrder, ColorMatrix, ColorRange, Colorimetry, Picture, PixelFormat, Plane, Rect, Size,
};

/// Greatest difference allowed, of 255.
const TOLERANCE: f64 = 0.1;

/// Sample of `plane` at luma position (x, y); `lane` of `step` interleaved ones; `sub` as many luma pixels a sample.
struct Channel<'a> {
    plane: Plane<'a>,
    lane: usize,
    step: usize,
    sub: u32,
}

impl Channel<'_> {
    /// Bilinear sample within the crop; pixel centres at halves.
    fn at(&self, crop: (u32, u32, u32, u32), x: f64, y: f64) -> f64 {
        let (left, top, width, height) = crop;
        let sub = f64::from(self.sub);
        let place = |position: f64, length: u32| {
            ((position + 0.5) / sub - 0.5).clamp(0.0, f64::from(length.div_ceil(self.sub)) - 1.0)
        };
        let (x, y) = (place(x, width), place(y, height));
        let value = |x: f64, y: f64| {
            let (x, y) = (x as usize + (left / self.sub) as usize, y as usize + (top / self.sub) as usize);
            f64::from(self.plane.data[y * self.plane.stride + x * self.step + self.lane])
        };
        let (x0, y0) = (x.floor(), y.floor());
        let (x1, y1) = (x.ceil(), y.ceil());
        let (u, v) = (x - x0, y - y0);
        (value(x0, y0) * (1.0 - u) + value(x1, y0) * u) * (1.0 - v)
            + (value(x0, y1) * (1.0 - u) + value(x1, y1) * u) * v
    }
}

fn channels<'a>(picture: &Picture<'a>) -> Vec<Channel<'a>> {
    let planes = picture.planes();
    let channel = |plane: usize, lane, step, sub| Channel { plane: planes[plane], lane, step, sub };
    match picture.format() {
        PixelFormat::Gray8 => vec![channel(0, 0, 1, 1)],
        PixelFormat::I420 => vec![channel(0, 0, 1, 1), channel(1, 0, 1, 2), channel(2, 0, 1, 2)],
        PixelFormat::Nv12 => vec![channel(0, 0, 1, 1), channel(1, 0, 2, 2), channel(1, 1, 2, 2)],
        PixelFormat::Rgb(ChannelOrder::Rgb) => (0..3).map(|lane| channel(0, lane, 3, 1)).collect(),
        PixelFormat::Rgb(ChannelOrder::Bgr) => (0..3).rev().map(|lane| channel(0, lane, 3, 1)).collect(),
        PixelFormat::Rgba(ChannelOrder::Rgb) => (0..3).map(|lane| channel(0, lane, 4, 1)).collect(),
        PixelFormat::Rgba(ChannelOrder::Bgr) => (0..3).rev().map(|lane| channel(0, lane, 4, 1)).collect(),
    }
}

/// Red, green, blue or luma in 0…255 from what the channels hold.
fn convert(picture: &Picture<'_>, gray: bool, values: &[f64]) -> Vec<f64> {
    let yuv = matches!(picture.format(), PixelFormat::I420 | PixelFormat::Nv12 | PixelFormat::Gray8);
    let Colorimetry { matrix, range } = picture.colorimetry();
    let full = range == ColorRange::Full;
    let luma = |y: f64| if full { y } else { (y - 16.0) / 219.0 * 255.0 };
    let chroma = |c: f64| if full { c - 128.0 } else { (c - 128.0) / 224.0 * 255.0 };
    let (kr, kb) = match matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
        ColorMatrix::Bt2020 => (0.2627, 0.0593),
    };
    let rgb = match values {
        _ if yuv && gray => vec![luma(values[0])],
        [y] => vec![luma(*y); 3],
        [y, u, v] if yuv => {
            let (y, u, v) = (luma(*y), chroma(*u), chroma(*v));
            let (red, blue) = (y + 2.0 * (1.0 - kr) * v, y + 2.0 * (1.0 - kb) * u);
            vec![red, (y - kr * red - kb * blue) / (1.0 - kr - kb), blue]
        }
        [r, g, b] if gray => vec![0.299 * r + 0.587 * g + 0.114 * b],
        values => values.to_vec(),
    };
    rgb.into_iter().map(|value| value.clamp(0.0, 255.0)).collect()
}

fn picture(format: PixelFormat, size: Size, colorimetry: Colorimetry, data: &[u8]) -> Picture<'_> {
    let mut planes = [Plane::default(); 3];
    let mut rest = data;
    for (plane, slot) in planes.iter_mut().enumerate().take(format.planes()) {
        let (row, rows) = format.plane_extent(plane, size);
        let stride = row + 5;
        let (data, tail) = rest.split_at(stride * rows);
        (*slot, rest) = (Plane { data, stride }, tail);
    }
    Picture::new(format, size, colorimetry, planes).unwrap()
}

fn formats() -> impl Strategy<Value = PixelFormat> {
    use ChannelOrder::{Bgr, Rgb};
    prop::sample::select(vec![
        PixelFormat::Nv12,
        PixelFormat::I420,
        PixelFormat::Gray8,
        PixelFormat::Rgb(Rgb),
        PixelFormat::Rgb(Bgr),
        PixelFormat::Rgba(Rgb),
        PixelFormat::Rgba(Bgr),
    ])
}

fn colorimetries() -> impl Strategy<Value = Colorimetry> {
    let matrix = prop::sample::select(vec![ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020]);
    let range = prop::sample::select(vec![ColorRange::Limited, ColorRange::Full]);
    (matrix, range).prop_map(|(matrix, range)| Colorimetry { matrix, range })
}

proptest! {
    #[test]
    fn every_number_is_what_the_definition_says(
        (format, colorimetry) in (formats(), colorimetries()),
        // equal, doubled and halved sizes have paths of their own
        (width, height) in (1u32..70, 1u32..50),
        network in prop_oneof![
            (1u32..70, 1u32..50).prop_map(Some),
            Just(None),
        ],
        (model, nhwc) in (prop::sample::select(vec![ModelColorFormat::Rgb, ModelColorFormat::Bgr, ModelColorFormat::Gray]), any::<bool>()),
        (maintain, symmetric) in any::<(bool, bool)>(),
        (numerator, denominator) in prop::sample::select(vec![(1, 1), (1, 2), (2, 1)]),
        (scale, offset) in (0.001f32..2.0, 0f32..150.0),
        region in prop::option::of((0f32..60.0, 0f32..40.0, 2f32..60.0, 2f32..40.0)),
        seed in any::<u64>(),
    ) {
        let mut state = seed | 1;
        let data: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        }).take(((width + 9) * (height + 9) * 4) as usize).collect();
        let picture = picture(format, Size::new(width, height), colorimetry, &data);
        let region = region.map(|(l, t, w, h)| Rect::new(l.min(width as f32 - 1.0), t.min(height as f32 - 1.0), w, h));
        let times = |length: u32| (length * numerator / denominator).max(1);
        let (w, h) = network.unwrap_or((times(width), times(height)));

        let gray = model == ModelColorFormat::Gray;
        let count = if gray { 1 } else { 3 };
        let mut config = InferConfig::default();
        config.model_color_format = model;
        config.network_input_order = if nhwc { TensorOrder::Nhwc } else { TensorOrder::Nchw };
        config.maintain_aspect_ratio = maintain;
        config.symmetric_padding = symmetric;
        config.net_scale_factor = scale;
        config.offsets = (0..count).map(|c| offset + c as f32).collect();
        let preprocess = Preprocess::new(&config, Dims { channels: count, height: h, width: w }).unwrap();
        let mut tensor = vec![f32::NAN; preprocess.tensor_len()];
        let mut scratch = Scratch::default();
        let transform = preprocess.run(&mut scratch, &picture, region.as_ref(), &mut tensor).unwrap();
        let mut plain = vec![f32::NAN; tensor.len()];
        preprocess.without_simd().run(&mut scratch, &picture, region.as_ref(), &mut plain).unwrap();
        prop_assert_eq!(&tensor, &plain, "instruction sets differ");

        let crop = (transform.source.left as u32, transform.source.top as u32, transform.source.width as u32, transform.source.height as u32);
        let even = |number: u32| number.is_multiple_of(2);
        prop_assert!(even(crop.0) && even(crop.1) && (even(crop.2) || crop.2 == 1) && (even(crop.3) || crop.3 == 1));
        prop_assert!(crop.0 + crop.2 <= width && crop.1 + crop.3 <= height);
        if region.is_none() {
            prop_assert_eq!((crop.0, crop.1, crop.2), (0, 0, (width & !1).max(1)));
        }
        let target = transform.target;
        let channels = channels(&picture);
        for y in 0..h as usize {
            for x in 0..w as usize {
                let (u, v) = (x as f64 - f64::from(target.left), y as f64 - f64::from(target.top));
                let inside = u >= 0.0 && v >= 0.0 && u < f64::from(target.width) && v < f64::from(target.height);
                let rgb = if inside {
                    let sx = (u + 0.5) * f64::from(crop.2) / f64::from(target.width) - 0.5;
                    let sy = (v + 0.5) * f64::from(crop.3) / f64::from(target.height) - 0.5;
                    let values: Vec<_> = channels.iter().map(|channel| channel.at(crop, sx, sy)).collect();
                    convert(&picture, gray, &values)
                } else {
                    vec![0.0; count as usize]
                };
                for c in 0..count as usize {
                    let value = if model == ModelColorFormat::Bgr { rgb[2 - c] } else { rgb[c] };
                    let expected = f64::from(scale) * (value - f64::from(config.offsets[c]));
                    let index = if nhwc { (y * w as usize + x) * count as usize + c } else { (c * h as usize + y) * w as usize + x };
                    let given = f64::from(tensor[index]);
                    prop_assert!((given - expected).abs() <= TOLERANCE * f64::from(scale), "({x}, {y}) {c}: {given}, not {expected}");
                }
            }
        }
    }
}

#[test]
fn a_mean_picture_is_subtracted_pixel_by_pixel() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mean.ppm");
    std::fs::write(&path, b"P6\n2 1\n255\n\x01\x02\x03\x0a\x14\x1e").unwrap();
    let pixels = [100u8, 110, 120, 130, 140, 150];
    let picture = Picture::new(
        PixelFormat::Rgb(ChannelOrder::Rgb),
        Size::new(2, 1),
        Colorimetry::default(),
        [Plane { data: &pixels, stride: 6 }, Plane::default(), Plane::default()],
    )
    .unwrap();
    let mut config = InferConfig::default();
    config.mean_file = Some(path);
    config.net_scale_factor = 2.0;
    let dims = Dims { channels: 3, height: 1, width: 2 };
    let run = |config: &InferConfig| {
        let mut tensor = vec![0.0; 6];
        let preprocess = Preprocess::new(config, dims).unwrap();
        preprocess.run(&mut Scratch::default(), &picture, None, &mut tensor).unwrap();
        tensor
    };
    assert_eq!(run(&config), [198.0, 240.0, 216.0, 240.0, 234.0, 240.0]);
    config.model_color_format = ModelColorFormat::Bgr;
    config.network_input_order = TensorOrder::Nhwc;
    assert_eq!(run(&config), [234.0, 216.0, 198.0, 240.0, 240.0, 240.0]);

    let wrong = Preprocess::new(&config, Dims { channels: 3, height: 2, width: 2 }).unwrap_err().to_string();
    assert!(
        wrong.contains("mean.ppm: the picture has 2x1 pixels of 3 channels, the network takes 2x2 of 3"),
        "{wrong}"
    );
    config.offsets = vec![1.0, 2.0];
    let wrong = Preprocess::new(&config, dims).unwrap_err().to_string();
    assert!(wrong.contains("offsets has 2 numbers, but the network has 3 channels"), "{wrong}");
}
