//! From GStreamer's video frames to picture views.

use gst_video::prelude::*;
use slipstream_meta::{
    ChannelOrder, ColorMatrix, ColorRange, Colorimetry, MAX_PLANES, Picture, PictureError, PictureMut,
    PixelFormat, Plane, PlaneMut, Size,
};

/// Formats that every native element reads and draws on.
pub const PLANAR_FORMATS: [gst_video::VideoFormat; 2] =
    [gst_video::VideoFormat::I420, gst_video::VideoFormat::Nv12];

/// Caps of plain pictures in `formats`, any size and rate.
pub fn picture_caps(formats: impl IntoIterator<Item = gst_video::VideoFormat>) -> gst::Caps {
    gst_video::VideoCapsBuilder::new().format_list(formats).build()
}

/// Why a buffer could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Its memory cannot be mapped for this.
    #[error("cannot map a frame for {0}")]
    Map(&'static str),
    /// Nothing here reads or draws on it.
    #[error("format {0} is not handled")]
    Format(gst_video::VideoFormat),
    /// Its planes do not hold what its caps say.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

fn pixel_format(format: gst_video::VideoFormat) -> Result<PixelFormat, FrameError> {
    use gst_video::VideoFormat as F;
    Ok(match format {
        F::I420 => PixelFormat::I420,
        F::Nv12 => PixelFormat::Nv12,
        F::Gray8 => PixelFormat::Gray8,
        F::Rgb => PixelFormat::Rgb(ChannelOrder::Rgb),
        F::Bgr => PixelFormat::Rgb(ChannelOrder::Bgr),
        F::Rgba | F::Rgbx => PixelFormat::Rgba(ChannelOrder::Rgb),
        F::Bgra | F::Bgrx => PixelFormat::Rgba(ChannelOrder::Bgr),
        other => return Err(FrameError::Format(other)),
    })
}

fn colorimetry(info: &gst_video::VideoInfo) -> Colorimetry {
    let colorimetry = info.colorimetry();
    Colorimetry {
        matrix: match colorimetry.matrix() {
            gst_video::VideoColorMatrix::Bt709 => ColorMatrix::Bt709,
            gst_video::VideoColorMatrix::Bt2020 => ColorMatrix::Bt2020,
            _ => ColorMatrix::Bt601,
        },
        range: match colorimetry.range() {
            gst_video::VideoColorRange::Range0_255 => ColorRange::Full,
            _ => ColorRange::Limited,
        },
    }
}

/// Maps a frame for reading; strides and offsets are those of the buffer's video meta where it has one.
///
/// # Errors
/// If the memory cannot be mapped.
pub fn map_readable<'a>(
    buffer: &'a gst::BufferRef,
    info: &'a gst_video::VideoInfo,
) -> Result<gst_video::VideoFrameRef<&'a gst::BufferRef>, FrameError> {
    gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info).map_err(|_| FrameError::Map("reading"))
}

/// The picture in a mapped frame.
///
/// # Errors
/// If the format is none of a [`PixelFormat`], or the planes are too short.
pub fn picture<'a>(frame: &'a gst_video::VideoFrameRef<&gst::BufferRef>) -> Result<Picture<'a>, FrameError> {
    let info = frame.info();
    let format = pixel_format(info.format())?;
    let mut planes = [Plane::default(); MAX_PLANES];
    for (index, plane) in planes.iter_mut().enumerate().take(format.planes()) {
        plane.data = frame.plane_data(index as u32).map_err(|_| FrameError::Map("reading"))?;
        plane.stride = usize::try_from(frame.plane_stride()[index]).unwrap_or(0);
    }
    Ok(Picture::new(format, Size::new(info.width(), info.height()), colorimetry(info), planes)?)
}

/// The picture in a frame mapped for writing.
///
/// # Errors
/// As [`picture`].
pub fn picture_mut<'a>(
    frame: &'a mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
) -> Result<PictureMut<'a>, FrameError> {
    let info = frame.info().clone();
    let strides: [usize; MAX_PLANES] = std::array::from_fn(|i| {
        frame.plane_stride().get(i).and_then(|&s| usize::try_from(s).ok()).unwrap_or(0)
    });
    let format = pixel_format(info.format())?;
    let mut planes: [PlaneMut<'a>; MAX_PLANES] = Default::default();
    for ((plane, data), stride) in planes.iter_mut().zip(frame.planes_data_mut()).zip(strides) {
        *plane = PlaneMut { data, stride };
    }
    Ok(PictureMut::new(format, Size::new(info.width(), info.height()), colorimetry(&info), planes)?)
}
