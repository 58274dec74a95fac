//! Colours between RGB and the YCbCr codes of a picture.

use slipstream_meta::{Color, ColorMatrix, ColorRange, Colorimetry};

/// Weights of red and blue in luma (ITU-R BT.601-7 §2.5.1, BT.709-6 §3.2, BT.2020-2 table 4).
fn weights(matrix: ColorMatrix) -> (f64, f64) {
    match matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
        ColorMatrix::Bt2020 => (0.2627, 0.0593),
    }
}

/// Code of black, codes from black to white, codes from the least to the greatest chroma. The middle of chroma is
/// [`NEUTRAL`] in both ranges.
fn codes(range: ColorRange) -> (f64, f64, f64) {
    match range {
        ColorRange::Limited => (16.0, 219.0, 224.0),
        ColorRange::Full => (0.0, 255.0, 255.0),
    }
}

/// Chroma code of grey.
pub(crate) const NEUTRAL: u8 = 128;

/// Y, Cb and Cr codes of RGB parts in 0.0…1.0, not yet rounded.
fn encode([red, green, blue]: [f64; 3], colorimetry: Colorimetry) -> [f64; 3] {
    let (kr, kb) = weights(colorimetry.matrix);
    let (black, luma, chroma) = codes(colorimetry.range);
    let y = kr * red + (1.0 - kr - kb) * green + kb * blue;
    let cb = (blue - y) / (2.0 * (1.0 - kb));
    let cr = (red - y) / (2.0 * (1.0 - kr));
    [black + luma * y, f64::from(NEUTRAL) + chroma * cb, f64::from(NEUTRAL) + chroma * cr]
}

/// RGB parts (0.0…1.0 and beyond, for codes that no RGB colour has) of Y, Cb and Cr codes.
fn decode([y, cb, cr]: [f64; 3], colorimetry: Colorimetry) -> [f64; 3] {
    let (kr, kb) = weights(colorimetry.matrix);
    let (black, luma, chroma) = codes(colorimetry.range);
    let y = (y - black) / luma;
    let red = y + 2.0 * (1.0 - kr) * (cr - f64::from(NEUTRAL)) / chroma;
    let blue = y + 2.0 * (1.0 - kb) * (cb - f64::from(NEUTRAL)) / chroma;
    [red, (y - kr * red - kb * blue) / (1.0 - kr - kb), blue]
}

/// The Y, Cb and Cr codes that show `color` (its opacity aside) in a picture of `colorimetry`.
pub fn ycbcr(color: Color, colorimetry: Colorimetry) -> [u8; 3] {
    let rgb = [color.red, color.green, color.blue].map(|part| f64::from(part) / 255.0);
    encode(rgb, colorimetry).map(|code| code.round().clamp(0.0, 255.0) as u8)
}

/// Bits behind the binary point of [`Affine`].
const FRACTION: u32 = 14;

/// An affine map of three byte values in fixed point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Affine {
    rows: [[i32; 3]; 3],
    offsets: [i32; 3],
}

impl Affine {
    fn of(map: impl Fn([f64; 3]) -> [f64; 3]) -> Self {
        let fixed = |value: f64| (value * f64::from(1 << FRACTION)).round() as i32;
        let origin = map([0.0; 3]);
        let columns = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(map);
        let rows = std::array::from_fn(|row| columns.map(|column| fixed(column[row] - origin[row])));
        Self { rows, offsets: origin.map(|value| fixed(value + 0.5)) }
    }

    /// RGB bytes to codes of `to`.
    pub(crate) fn rgb_to(to: Colorimetry) -> Self {
        Self::of(|rgb| encode(rgb.map(|part| part / 255.0), to))
    }

    /// Codes of `from` to codes of `to`.
    pub(crate) fn between(from: Colorimetry, to: Colorimetry) -> Self {
        Self::of(|codes| encode(decode(codes, from), to))
    }

    /// Component `row` of the image of `values`.
    #[inline]
    pub(crate) fn part(&self, row: usize, values: [u8; 3]) -> u8 {
        let [a, b, c] = self.rows[row];
        let [x, y, z] = values.map(i32::from);
        ((a * x + b * y + c * z + self.offsets[row]) >> FRACTION).clamp(0, 255) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BT601: Colorimetry = Colorimetry { matrix: ColorMatrix::Bt601, range: ColorRange::Limited };
    const JPEG: Colorimetry = Colorimetry { matrix: ColorMatrix::Bt601, range: ColorRange::Full };
    const BT709: Colorimetry = Colorimetry { matrix: ColorMatrix::Bt709, range: ColorRange::Limited };

    /// The 100 % colour bars as ITU-R BT.801-1 (table of 8-bit values, BT.601) and SMPTE RP 219 (BT.709) list them.
    #[test]
    fn colours_have_the_codes_of_the_standards() {
        let bars = [
            (Color::WHITE, [235, 128, 128], [235, 128, 128]),
            (Color::rgb(255, 255, 0), [210, 16, 146], [219, 16, 138]),
            (Color::rgb(0, 255, 255), [170, 166, 16], [188, 154, 16]),
            (Color::rgb(0, 255, 0), [145, 54, 34], [173, 42, 26]),
            (Color::rgb(255, 0, 255), [106, 202, 222], [78, 214, 230]),
            (Color::rgb(255, 0, 0), [81, 90, 240], [63, 102, 240]),
            (Color::rgb(0, 0, 255), [41, 240, 110], [32, 240, 118]),
            (Color::BLACK, [16, 128, 128], [16, 128, 128]),
        ];
        for (color, sd, hd) in bars {
            assert_eq!(ycbcr(color, BT601), sd, "{color:?} BT.601");
            assert_eq!(ycbcr(color, BT709), hd, "{color:?} BT.709");
        }
        assert_eq!(ycbcr(Color::rgb(255, 0, 0), JPEG), [76, 85, 255]);
    }

    #[test]
    fn maps_agree_with_the_formulas() {
        let rgb_to_sd = Affine::rgb_to(BT601);
        let hd_to_jpeg = Affine::between(BT709, JPEG);
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(15) {
                for blue in (0..=255).step_by(15) {
                    let color = Color::rgb(red, green, blue);
                    for (row, code) in ycbcr(color, BT601).into_iter().enumerate() {
                        let mapped = rgb_to_sd.part(row, [red, green, blue]);
                        assert!(mapped.abs_diff(code) <= 1, "{color:?} {row}: {mapped} {code}");
                    }
                    // The codes of a colour in one system must become its codes in the other, up to the rounding of
                    // the first, which the map stretches by at most 2.
                    for (row, code) in ycbcr(color, JPEG).into_iter().enumerate() {
                        let mapped = hd_to_jpeg.part(row, ycbcr(color, BT709));
                        assert!(mapped.abs_diff(code) <= 2, "{color:?} {row}: {mapped} {code}");
                    }
                }
            }
        }
    }
}
