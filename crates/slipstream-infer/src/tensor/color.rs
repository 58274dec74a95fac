//! Colour conversion as weighted sums of channels.

use slipstream_meta::{ColorMatrix, ColorRange, Colorimetry};

/// One output channel as a weighted sum of three input channels and an offset, all in 0…255.
pub(super) type Weights = ([f32; 3], f32);

/// Weights of red and blue in luma: ITU-R BT.601-7 §2.5.1, BT.709-6 §3.2, BT.2020-2 table 4.
fn luma_weights(matrix: ColorMatrix) -> (f32, f32) {
    match matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
        ColorMatrix::Bt2020 => (0.2627, 0.0593),
    }
}

/// Black's code value, and how much luma and chroma have to be stretched to 0…255.
fn range(range: ColorRange) -> (f32, f32, f32) {
    match range {
        ColorRange::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
        ColorRange::Full => (0.0, 1.0, 1.0),
    }
}

/// Code value of chroma without colour.
const NEUTRAL: f32 = 128.0;

/// Red, green and blue from Y, U, V.
pub(super) fn rgb_from_yuv(colorimetry: Colorimetry) -> [Weights; 3] {
    let (red, blue) = luma_weights(colorimetry.matrix);
    let green = 1.0 - red - blue;
    let (black, luma, chroma) = range(colorimetry.range);
    let (red_v, blue_u) = (2.0 * (1.0 - red) * chroma, 2.0 * (1.0 - blue) * chroma);
    let (green_u, green_v) = (-blue_u * blue / green, -red_v * red / green);
    [[0.0, red_v], [green_u, green_v], [blue_u, 0.0]]
        .map(|[u, v]| ([luma, u, v], -luma * black - NEUTRAL * (u + v)))
}

/// Luma in full range from Y.
pub(super) fn gray_from_luma(colorimetry: Colorimetry) -> Weights {
    let (black, luma, _) = range(colorimetry.range);
    ([luma, 0.0, 0.0], -luma * black)
}

/// Luma in full range from red, green, blue, with the weights of BT.601.
pub(super) fn gray_from_rgb() -> Weights {
    let (red, blue) = luma_weights(ColorMatrix::Bt601);
    ([red, 1.0 - red - blue, blue], 0.0)
}

/// Red, green and blue as they are.
pub(super) const RGB: [Weights; 3] = [([1.0, 0.0, 0.0], 0.0), ([0.0, 1.0, 0.0], 0.0), ([0.0, 0.0, 1.0], 0.0)];
