//! Pictures in memory that notice when something else than their pixels is written to.
#![allow(dead_code, unreachable_pub, missing_docs)]

use slipstream_meta::{
    Colorimetry, MAX_PLANES, Picture, PictureMut, PixelFormat, Plane, PlaneMut, Rect, Size,
};

/// Bytes after the last row.
const TAIL: usize = 37;

#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    pub format: PixelFormat,
    pub size: Size,
    pub colorimetry: Colorimetry,
    pub planes: [Vec<u8>; MAX_PLANES],
    pub strides: [usize; MAX_PLANES],
}

impl Memory {
    /// Noise, with `padding` bytes between rows.
    pub fn noise(format: PixelFormat, size: Size, padding: usize) -> Self {
        let mut state = 0x2545_f491_u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        Self::from_fn(format, size, padding, |_, _, _| next())
    }

    /// Every byte of a plane the same.
    pub fn flat(format: PixelFormat, size: Size, codes: [u8; MAX_PLANES]) -> Self {
        Self::from_fn(format, size, 0, |plane, _, _| codes[plane])
    }

    /// `byte(plane, x, y)` for byte `x` of row `y`.
    pub fn from_fn(
        format: PixelFormat,
        size: Size,
        padding: usize,
        mut byte: impl FnMut(usize, usize, usize) -> u8,
    ) -> Self {
        let mut strides = [0; MAX_PLANES];
        let planes = std::array::from_fn(|plane| {
            if plane >= format.planes() {
                return Vec::new();
            }
            let (row, rows) = format.plane_extent(plane, size);
            let stride = row + padding;
            strides[plane] = stride;
            (0..stride * rows + TAIL).map(|index| byte(plane, index % stride, index / stride)).collect()
        });
        Self { format, size, colorimetry: Colorimetry::default(), planes, strides }
    }

    pub fn view(&self) -> Picture<'_> {
        let planes = std::array::from_fn(|i| Plane { data: &self.planes[i], stride: self.strides[i] });
        Picture::new(self.format, self.size, self.colorimetry, planes).unwrap()
    }

    pub fn view_mut(&mut self) -> PictureMut<'_> {
        let mut strides = self.strides.into_iter();
        let planes =
            self.planes.each_mut().map(|data| PlaneMut { data, stride: strides.next().unwrap_or_default() });
        PictureMut::new(self.format, self.size, self.colorimetry, planes).unwrap()
    }

    pub fn luma(&self, x: usize, y: usize) -> u8 {
        self.planes[0][y * self.strides[0] + x]
    }

    /// U and V of the sample that pixel (x, y) is in.
    pub fn chroma(&self, x: usize, y: usize) -> (u8, u8) {
        let (x, y) = (x / 2, y / 2);
        let at = |plane: usize, x: usize| self.planes[plane][y * self.strides[plane] + x];
        match self.format {
            PixelFormat::I420 => (at(1, x), at(2, x)),
            PixelFormat::Nv12 => (at(1, 2 * x), at(1, 2 * x + 1)),
            _ => (128, 128),
        }
    }

    /// The same picture in the other of I420 and NV12.
    pub fn rewoven(&self) -> Self {
        let format = match self.format {
            PixelFormat::I420 => PixelFormat::Nv12,
            _ => PixelFormat::I420,
        };
        let mut other = Self::from_fn(format, self.size, 3, |_, _, _| 0);
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        for y in 0..height {
            for x in 0..width {
                other.planes[0][y * other.strides[0] + x] = self.luma(x, y);
                let (u, v) = self.chroma(x, y);
                let (x, y) = (x / 2, y / 2);
                if format == PixelFormat::I420 {
                    other.planes[1][y * other.strides[1] + x] = u;
                    other.planes[2][y * other.strides[2] + x] = v;
                } else {
                    other.planes[1][y * other.strides[1] + 2 * x] = u;
                    other.planes[1][y * other.strides[1] + 2 * x + 1] = v;
                }
            }
        }
        other
    }

    /// The greatest difference of any sample from those of a picture of the same size, in I420 or NV12 each.
    pub fn difference(&self, other: &Self) -> u8 {
        assert_eq!(self.size, other.size);
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let differences = pixels.map(|(x, y)| {
            let ((u, v), (other_u, other_v)) = (self.chroma(x, y), other.chroma(x, y));
            self.luma(x, y).abs_diff(other.luma(x, y)).max(u.abs_diff(other_u)).max(v.abs_diff(other_v))
        });
        differences.max().unwrap_or_default()
    }

    /// Panics if a byte differs from `before` that is no sample of the pixels inside `rect`: padding, tail, or outside.
    pub fn assert_same_outside(&self, before: &Self, rect: Rect) {
        for plane in 0..self.format.planes() {
            let (row, rows) = self.format.plane_extent(plane, self.size);
            let width = self.size.width as usize;
            let halved = plane > 0;
            for (index, (now, then)) in self.planes[plane].iter().zip(&before.planes[plane]).enumerate() {
                let (byte, y) = (index % self.strides[plane], index / self.strides[plane]);
                let covered = byte < row && y < rows && {
                    // Left and top of the sample and its extent, in pixels.
                    let samples = if halved { width.div_ceil(2) } else { width };
                    let x = byte / (row / samples);
                    let scale = if halved { 2.0 } else { 1.0 };
                    let (left, top) = (x as f32 * scale, y as f32 * scale);
                    left < rect.right()
                        && left + scale > rect.left
                        && top < rect.bottom()
                        && top + scale > rect.top
                };
                assert!(covered || now == then, "plane {plane}, row {y}, byte {byte}: {then} became {now}");
            }
        }
    }
}
