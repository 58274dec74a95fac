//! Turning and mirroring pictures.

use gst_video::prelude::*;

use crate::pixels::{ShapeError, map_readable, map_writable};

/// How a picture is turned: where the pixel at (x, y) of the result comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Turn {
    /// Columns become rows.
    transpose: bool,
    /// The source is read from right to left.
    from_right: bool,
    /// The source is read from bottom to top.
    from_bottom: bool,
}

impl Turn {
    /// By the numbers of `flip-method`.
    pub(super) fn by_number(number: i32) -> Self {
        let (transpose, from_right, from_bottom) = match number {
            1 => (true, true, false),
            2 => (false, true, true),
            3 => (true, false, true),
            4 => (false, true, false),
            5 => (true, true, true),
            6 => (false, false, true),
            7 => (true, false, false),
            _ => (false, false, false),
        };
        Self { transpose, from_right, from_bottom }
    }

    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Width and height afterwards, or before: it is the same exchange.
    pub(super) fn size(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.transpose { (height, width) } else { (width, height) }
    }

    /// Turns the picture in `from` into `to`, which has the same format and the turned size.
    pub(super) fn turn(
        self,
        (from, from_info): (&gst::BufferRef, &gst_video::VideoInfo),
        (to, to_info): (&mut gst::BufferRef, &gst_video::VideoInfo),
    ) -> Result<(), ShapeError> {
        let source = map_readable(from, from_info)?;
        let mut target = map_writable(to, to_info)?;
        let format = from_info.format_info();
        for plane in 0..source.n_planes() {
            let Some(component) = (0..format.n_components()).find(|&c| format.plane()[c as usize] == plane)
            else {
                continue;
            };
            let extent = |info: &gst_video::VideoInfo| {
                (info.comp_width(component as u8) as usize, info.comp_height(component as u8) as usize)
            };
            let (from_extent, to_extent) = (extent(from_info), extent(to_info));
            let stride = |strides: &[i32]| strides.get(plane as usize).map_or(0, |&s| s.max(0) as usize);
            let (from_stride, to_stride) = (stride(source.plane_stride()), stride(target.plane_stride()));
            let (Ok(from), Ok(to)) = (source.plane_data(plane), target.plane_data_mut(plane)) else {
                continue;
            };
            let (from, to) = (Plane { data: from, stride: from_stride, extent: from_extent }, to);
            match format.pixel_stride()[component as usize] {
                1 => self.plane::<1>(&from, to, to_stride, to_extent),
                2 => self.plane::<2>(&from, to, to_stride, to_extent),
                3 => self.plane::<3>(&from, to, to_stride, to_extent),
                4 => self.plane::<4>(&from, to, to_stride, to_extent),
                8 => self.plane::<8>(&from, to, to_stride, to_extent),
                _ => {}
            }
        }
        Ok(())
    }

    fn plane<const N: usize>(
        self,
        from: &Plane<'_>,
        to: &mut [u8],
        stride: usize,
        (width, height): (usize, usize),
    ) {
        let (columns, rows) = from.extent;
        for (y, row) in to.chunks_mut(stride.max(1)).take(height).enumerate() {
            let (pixels, _) = row.as_chunks_mut::<N>();
            for (x, pixel) in pixels.iter_mut().take(width).enumerate() {
                let (column, line) = if self.transpose { (y, x) } else { (x, y) };
                let column = if self.from_right { columns.saturating_sub(1 + column) } else { column };
                let line = if self.from_bottom { rows.saturating_sub(1 + line) } else { line };
                let start = line * from.stride + column * N;
                if let Some(source) = from.data.get(start..start + N) {
                    pixel.copy_from_slice(source);
                }
            }
        }
    }
}

struct Plane<'a> {
    data: &'a [u8],
    stride: usize,
    /// Width and height in samples.
    extent: (usize, usize),
}

/// Whether pictures of `format` can be turned as they are: their pixels must be whole bytes, and chroma as coarse in one
/// direction as in the other.
pub(super) fn is_turnable(format: gst_video::VideoFormat) -> bool {
    let info = gst_video::VideoFormatInfo::from_format(format);
    !info.flags().contains(gst_video::VideoFormatFlags::COMPLEX)
        && info.w_sub().iter().zip(info.h_sub()).take(info.n_components() as usize).all(|(w, h)| w == h)
        && info
            .pixel_stride()
            .iter()
            .take(info.n_components() as usize)
            .all(|n| matches!(n, 1 | 2 | 3 | 4 | 8))
}
