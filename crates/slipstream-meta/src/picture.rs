//! Views of raw video pictures.

use crate::Size;

/// Most planes a picture has.
pub const MAX_PLANES: usize = 3;

/// How pixels lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Luma plane, then two chroma planes (U, V) of half width and height, rounded up.
    I420,
    /// Luma plane, then one plane of interleaved chroma pairs (U, V) of half width and height, rounded up.
    Nv12,
    /// One plane of luma.
    Gray8,
    /// One plane of three-byte pixels.
    Rgb(ChannelOrder),
    /// One plane of four-byte pixels, the fourth byte being opacity or padding.
    Rgba(ChannelOrder),
}

/// Order of the colour channels in packed pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelOrder {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

impl PixelFormat {
    /// Number of planes.
    pub fn planes(self) -> usize {
        match self {
            Self::I420 => 3,
            Self::Nv12 => 2,
            Self::Gray8 | Self::Rgb(_) | Self::Rgba(_) => 1,
        }
    }

    /// Bytes in one row of `plane` and the number of rows, for a picture of `size`.
    pub fn plane_extent(self, plane: usize, size: Size) -> (usize, usize) {
        let (width, height) = (size.width as usize, size.height as usize);
        match (self, plane) {
            (Self::I420, 1 | 2) => (width.div_ceil(2), height.div_ceil(2)),
            (Self::Nv12, 1) => (width.div_ceil(2) * 2, height.div_ceil(2)),
            (Self::Rgb(_), _) => (width * 3, height),
            (Self::Rgba(_), _) => (width * 4, height),
            _ => (width, height),
        }
    }
}

/// Which weights turn RGB into luma and chroma.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColorMatrix {
    /// ITU-R BT.601, standard definition: what cameras without a signal are taken for.
    #[default]
    Bt601,
    /// ITU-R BT.709, high definition.
    Bt709,
    /// ITU-R BT.2020, ultra high definition.
    Bt2020,
}

/// Which code values mean black and white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColorRange {
    /// Luma 16…235, chroma 16…240.
    #[default]
    Limited,
    /// Luma and chroma 0…255.
    Full,
}

/// How YUV code values are to be understood. Ignored for RGB pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Colorimetry {
    /// Weights.
    pub matrix: ColorMatrix,
    /// Range.
    pub range: ColorRange,
}

/// One plane of a picture. Row `y` starts at byte `y * stride`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plane<'a> {
    /// The bytes, from the first pixel of the first row.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// One plane of a picture that can be drawn on.
#[derive(Debug, Default)]
pub struct PlaneMut<'a> {
    /// The bytes, from the first pixel of the first row.
    pub data: &'a mut [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// A picture whose planes do not hold what its format and size ask for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// A picture needs at least one pixel.
    #[error("a picture of {0} holds no pixel")]
    Empty(Size),
    /// A row is longer than the distance between rows.
    #[error("plane {plane} of a {size} {format:?} picture needs rows of {row} bytes, its stride is {stride}")]
    Stride {
        /// Which plane.
        plane: usize,
        /// Format of the picture.
        format: PixelFormat,
        /// Size of the picture.
        size: Size,
        /// Bytes that a row needs.
        row: usize,
        /// Bytes between rows.
        stride: usize,
    },
    /// There are fewer bytes than rows.
    #[error("plane {plane} of a {size} {format:?} picture needs {needed} bytes, it has {given}")]
    Short {
        /// Which plane.
        plane: usize,
        /// Format of the picture.
        format: PixelFormat,
        /// Size of the picture.
        size: Size,
        /// Bytes that the plane needs.
        needed: usize,
        /// Bytes that are there.
        given: usize,
    },
}

/// A read-only view of a picture. Every plane is known to hold all its rows.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    format: PixelFormat,
    size: Size,
    colorimetry: Colorimetry,
    planes: [Plane<'a>; MAX_PLANES],
}

/// A view of a picture that can be drawn on. Every plane is known to hold all its rows.
#[derive(Debug)]
pub struct PictureMut<'a> {
    format: PixelFormat,
    size: Size,
    colorimetry: Colorimetry,
    planes: [PlaneMut<'a>; MAX_PLANES],
}

fn check(
    format: PixelFormat,
    size: Size,
    planes: impl Iterator<Item = (usize, usize)>,
) -> Result<(), PictureError> {
    if size.width == 0 || size.height == 0 {
        return Err(PictureError::Empty(size));
    }
    for (plane, (given, stride)) in planes.take(format.planes()).enumerate() {
        let (row, rows) = format.plane_extent(plane, size);
        if stride < row {
            return Err(PictureError::Stride { plane, format, size, row, stride });
        }
        let needed = stride * (rows - 1) + row;
        if given < needed {
            return Err(PictureError::Short { plane, format, size, needed, given });
        }
    }
    Ok(())
}

impl<'a> Picture<'a> {
    /// A view of `size` pixels in `format`; planes past the format's number are ignored.
    ///
    /// # Errors
    /// If the size is empty, a stride is shorter than a row, or a plane holds fewer bytes than its rows need.
    pub fn new(
        format: PixelFormat,
        size: Size,
        colorimetry: Colorimetry,
        planes: [Plane<'a>; MAX_PLANES],
    ) -> Result<Self, PictureError> {
        check(format, size, planes.iter().map(|p| (p.data.len(), p.stride)))?;
        Ok(Self { format, size, colorimetry, planes })
    }

    /// How the pixels lie in memory.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How YUV values are to be understood.
    pub fn colorimetry(&self) -> Colorimetry {
        self.colorimetry
    }

    /// The planes that the format has.
    pub fn planes(&self) -> &[Plane<'a>] {
        &self.planes[..self.format.planes()]
    }

    /// Row `y` of `plane`, without padding, or an empty slice if there is no such row.
    pub fn row(&self, plane: usize, y: usize) -> &'a [u8] {
        let (row, _) = self.format.plane_extent(plane, self.size);
        let Some(plane) = self.planes.get(plane) else { return &[] };
        let start = y * plane.stride;
        plane.data.get(start..start + row).unwrap_or_default()
    }
}

impl<'a> PictureMut<'a> {
    /// A view of `size` pixels in `format`; planes past the format's number are ignored.
    ///
    /// # Errors
    /// If the size is empty, a stride is shorter than a row, or a plane holds fewer bytes than its rows need.
    pub fn new(
        format: PixelFormat,
        size: Size,
        colorimetry: Colorimetry,
        planes: [PlaneMut<'a>; MAX_PLANES],
    ) -> Result<Self, PictureError> {
        check(format, size, planes.iter().map(|p| (p.data.len(), p.stride)))?;
        Ok(Self { format, size, colorimetry, planes })
    }

    /// How the pixels lie in memory.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How YUV values are to be understood.
    pub fn colorimetry(&self) -> Colorimetry {
        self.colorimetry
    }

    /// The planes that the format has.
    pub fn planes_mut(&mut self) -> &mut [PlaneMut<'a>] {
        &mut self.planes[..self.format.planes()]
    }

    /// Row `y` of `plane`, without padding, or an empty slice if there is no such row.
    pub fn row_mut(&mut self, plane: usize, y: usize) -> &mut [u8] {
        let (row, _) = self.format.plane_extent(plane, self.size);
        let Some(plane) = self.planes.get_mut(plane) else { return &mut [] };
        let start = y * plane.stride;
        plane.data.get_mut(start..start + row).unwrap_or_default()
    }

    /// The same picture, read-only.
    pub fn as_picture(&self) -> Picture<'_> {
        let [a, b, c] = &self.planes;
        let planes = [a, b, c].map(|p| Plane { data: &*p.data, stride: p.stride });
        Picture { format: self.format, size: self.size, colorimetry: self.colorimetry, planes }
    }
}
