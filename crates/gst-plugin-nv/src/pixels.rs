//! Pictures in the format and size that somebody asks for.

use gst::prelude::*;
use slipstream_buffer::meta::BatchPicture;
use slipstream_meta::Rect;

/// Kinds of conversion that are kept ready: cameras of one batch differ in size, crops change now and then.
const MAX_ROUTES: usize = 32;
/// Opaque black around a picture that does not cover its target.
const BORDER_ARGB: u32 = 0xff00_0000;

/// Why a picture could not be brought into shape.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShapeError {
    /// Its memory cannot be mapped, or holds less than its description says.
    #[error("cannot map a {format} picture of {width}x{height} for {access}")]
    Map {
        /// Its format.
        format: gst_video::VideoFormat,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// What for.
        access: &'static str,
    },
    /// GStreamer has no conversion between the two.
    #[error("cannot convert {from} to {to}")]
    Convert {
        /// Format and size given.
        from: String,
        /// Format and size asked for.
        to: String,
    },
    /// A region shares no pixel with the picture it belongs to.
    #[error("region {left}:{top}:{width}:{height} lies outside of a picture of {picture_width}x{picture_height}",
        left = .region.left, top = .region.top, width = .region.width, height = .region.height)]
    Region {
        /// The region.
        region: Rect,
        /// Width of the picture in pixels.
        picture_width: u32,
        /// Height of the picture in pixels.
        picture_height: u32,
    },
    /// No memory for the result.
    #[error("no memory for a {format} picture of {width}x{height}")]
    Memory {
        /// Its format.
        format: gst_video::VideoFormat,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
}

/// A region in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
}

impl Area {
    /// The part of `region` inside a picture, to the nearest pixels; `None` where that is all of the picture.
    fn of(region: Option<Rect>, info: &gst_video::VideoInfo) -> Result<Option<Self>, ShapeError> {
        let Some(region) = region else { return Ok(None) };
        let whole = Rect::new(0.0, 0.0, info.width() as f32, info.height() as f32);
        let outside =
            || ShapeError::Region { region, picture_width: info.width(), picture_height: info.height() };
        let inside = region.intersection(&whole).ok_or_else(outside)?;
        let (x, y) = (inside.left.round(), inside.top.round());
        let (width, height) = (inside.right().round() - x, inside.bottom().round() - y);
        if width < 1.0 || height < 1.0 {
            return Err(outside());
        }
        let area = Self { x: x as i32, y: y as i32, width: width as i32, height: height as i32 };
        let is_whole = (x, y, width, height) == (0.0, 0.0, whole.width, whole.height);
        Ok((!is_whole).then_some(area))
    }
}

/// How one kind of picture becomes another.
struct Route {
    from: gst_video::VideoInfo,
    to: gst_video::VideoInfo,
    crop: Option<Area>,
    place: Option<Area>,
    converter: gst_video::VideoConverter,
    pool: Pool,
}

/// Buffers for pictures of one kind, without padding.
pub(crate) struct Pool {
    pool: gst_video::VideoBufferPool,
    info: gst_video::VideoInfo,
}

impl Pool {
    /// A pool for pictures laid out as `info` says.
    pub(crate) fn new(info: &gst_video::VideoInfo) -> Result<Self, ShapeError> {
        let pool = gst_video::VideoBufferPool::new();
        let failed = || no_memory(info);
        let caps = info.to_caps().map_err(|_| failed())?;
        let mut config = pool.config();
        let size = u32::try_from(info.size()).map_err(|_| failed())?;
        config.set_params(Some(&caps), size, 0, 0);
        pool.set_config(config).map_err(|_| failed())?;
        pool.set_active(true).map_err(|_| failed())?;
        Ok(Self { pool, info: info.clone() })
    }

    /// A buffer that nobody else holds.
    pub(crate) fn buffer(&self) -> Result<gst::Buffer, ShapeError> {
        self.pool.acquire_buffer(None).map_err(|_| no_memory(&self.info))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Buffers that are still out free themselves when they come back.
        let _ = self.pool.set_active(false);
    }
}

fn no_memory(info: &gst_video::VideoInfo) -> ShapeError {
    ShapeError::Memory { format: info.format(), width: info.width(), height: info.height() }
}

/// Maps a buffer that nobody else holds for writing.
pub(crate) fn map_writable<'a>(
    buffer: &'a mut gst::BufferRef,
    info: &'a gst_video::VideoInfo,
) -> Result<gst_video::VideoFrameRef<&'a mut gst::BufferRef>, ShapeError> {
    let (format, width, height) = (info.format(), info.width(), info.height());
    gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, info).map_err(|_| ShapeError::Map {
        format,
        width,
        height,
        access: "writing",
    })
}

/// Maps a buffer for reading.
pub(crate) fn map_readable<'a>(
    buffer: &'a gst::BufferRef,
    info: &'a gst_video::VideoInfo,
) -> Result<gst_video::VideoFrameRef<&'a gst::BufferRef>, ShapeError> {
    let (format, width, height) = (info.format(), info.width(), info.height());
    gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info).map_err(|_| ShapeError::Map {
        format,
        width,
        height,
        access: "reading",
    })
}

/// Whether pictures of `from` can be taken for pictures of `to` as they are: format, size and the meaning of the codes are
/// the same. How the rows lie in memory is each buffer's own.
pub(crate) fn is_same_picture(from: &gst_video::VideoInfo, to: &gst_video::VideoInfo) -> bool {
    let codes = |info: &gst_video::VideoInfo| {
        let colorimetry = info.colorimetry();
        (colorimetry.matrix(), colorimetry.range())
    };
    (from.format(), from.width(), from.height()) == (to.format(), to.width(), to.height())
        && (codes(from) == codes(to) || !from.format_info().is_yuv())
}

/// The part of `whole` that a frame's picture covers, where the multiplexer has given it bands at two sides
/// (`enable-padding`): positions are those on the whole then.
pub(crate) fn between_bands(viewport: &Rect, whole: &Rect) -> Option<Rect> {
    let has_bands = viewport.left > 0.0 || viewport.top > 0.0;
    (has_bands && viewport.right() <= whole.right() && viewport.bottom() <= whole.bottom())
        .then_some(*viewport)
}

/// Brings pictures into the format and size asked for: converts, scales, crops and places. Keeps its converters and its
/// memory from one picture to the next.
pub(crate) struct Shaper {
    method: gst_video::VideoResamplerMethod,
    /// Those used last come last.
    routes: Vec<Route>,
}

impl Default for Shaper {
    fn default() -> Self {
        Self::new(gst_video::VideoResamplerMethod::Linear)
    }
}

impl Shaper {
    /// A shaper that scales by `method`.
    pub(crate) fn new(method: gst_video::VideoResamplerMethod) -> Self {
        Self { method, routes: Vec::new() }
    }

    /// The region `crop` of `picture` (all of it by default), as a buffer laid out as `target` says, scaled onto the region
    /// `place` (all of it by default); what that leaves is black. Regions are in whole pixels and end with the picture they
    /// belong to. Where nothing has to change, this is another reference to the same buffer; else it is memory that nobody
    /// else holds, without timestamps or metadata.
    pub(crate) fn shape(
        &mut self,
        picture: &BatchPicture,
        target: &gst_video::VideoInfo,
        crop: Option<Rect>,
        place: Option<Rect>,
    ) -> Result<gst::Buffer, ShapeError> {
        let (crop, place) = (Area::of(crop, &picture.info)?, Area::of(place, target)?);
        if crop.is_none() && place.is_none() && is_same_picture(&picture.info, target) {
            return Ok(picture.buffer.clone());
        }
        let route = self.route(&picture.info, target, crop, place)?;
        let mut buffer = route.pool.buffer()?;
        let from = map_readable(&picture.buffer, &picture.info)?;
        let mut to = map_writable(buffer.make_mut(), &route.to)?;
        route.converter.frame_ref(&from, &mut to);
        drop(to);
        Ok(buffer)
    }

    fn route(
        &mut self,
        from: &gst_video::VideoInfo,
        to: &gst_video::VideoInfo,
        crop: Option<Area>,
        place: Option<Area>,
    ) -> Result<&Route, ShapeError> {
        let is_it = |route: &Route| {
            (route.crop, route.place) == (crop, place) && route.from == *from && route.to == *to
        };
        let index = match self.routes.iter().rposition(is_it) {
            Some(index) => index,
            None => {
                let route = self.new_route(from, to, crop, place)?;
                if self.routes.len() >= MAX_ROUTES {
                    self.routes.remove(0);
                }
                self.routes.push(route);
                self.routes.len() - 1
            }
        };
        Ok(&self.routes[index])
    }

    fn new_route(
        &self,
        from: &gst_video::VideoInfo,
        to: &gst_video::VideoInfo,
        crop: Option<Area>,
        place: Option<Area>,
    ) -> Result<Route, ShapeError> {
        let mut config = gst_video::VideoConverterConfig::new();
        config.set_resampler_method(self.method);
        config.set_border_argb(BORDER_ARGB);
        if let Some(area) = crop {
            config.set_src_x(area.x);
            config.set_src_y(area.y);
            config.set_src_width(Some(area.width));
            config.set_src_height(Some(area.height));
        }
        if let Some(area) = place {
            config.set_dest_x(area.x);
            config.set_dest_y(area.y);
            config.set_dest_width(Some(area.width));
            config.set_dest_height(Some(area.height));
        }
        let failed = || {
            let name =
                |info: &gst_video::VideoInfo| format!("{} {}x{}", info.format(), info.width(), info.height());
            ShapeError::Convert { from: name(from), to: name(to) }
        };
        let colorimetry = from.colorimetry();
        // Converters insist on one rate and one way of interlacing on both sides, which are not ours to convert.
        let like_target = gst_video::VideoInfo::builder(from.format(), from.width(), from.height())
            .fps(to.fps())
            .interlace_mode(to.interlace_mode())
            .colorimetry(&colorimetry)
            .chroma_site(from.chroma_site())
            .build()
            .map_err(|_| failed())?;
        let converter =
            gst_video::VideoConverter::new(&like_target, to, Some(config)).map_err(|_| failed())?;
        Ok(Route { from: from.clone(), to: to.clone(), crop, place, converter, pool: Pool::new(to)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst_video::prelude::*;
    use gst_video::{VideoFormat, VideoInfo};

    fn info(format: VideoFormat, width: u32, height: u32) -> VideoInfo {
        gst::init().unwrap();
        VideoInfo::builder(format, width, height).build().unwrap()
    }

    /// A picture whose left half is dark and whose right half is bright.
    fn halves(format: VideoFormat, width: u32, height: u32) -> BatchPicture {
        gst::init().unwrap();
        let info = info(format, width, height);
        let mut buffer = gst::Buffer::with_size(info.size()).unwrap();
        {
            let mut frame = map_writable(buffer.get_mut().unwrap(), &info).unwrap();
            frame.planes_data_mut().into_iter().for_each(|plane| plane.fill(128));
            let stride = frame.plane_stride()[0] as usize;
            for row in frame.plane_data_mut(0).unwrap().chunks_mut(stride) {
                let (left, right) = row.split_at_mut(width as usize / 2);
                left.fill(40);
                right.fill(200);
            }
        }
        BatchPicture { buffer, info }
    }

    fn luma(buffer: &gst::BufferRef, info: &VideoInfo, x: usize, y: usize) -> u8 {
        let frame = map_readable(buffer, info).unwrap();
        frame.plane_data(0).unwrap()[y * frame.plane_stride()[0] as usize + x]
    }

    #[test]
    fn what_is_right_already_is_the_same_buffer() {
        let picture = halves(VideoFormat::I420, 64, 48);
        let shaped = Shaper::default().shape(&picture, &picture.info.clone(), None, None).unwrap();
        assert_eq!(shaped.as_ptr(), picture.buffer.as_ptr());
        let whole = Some(Rect::new(0.0, 0.0, 64.0, 48.0));
        let shaped = Shaper::default().shape(&picture, &picture.info.clone(), whole, whole).unwrap();
        assert_eq!(shaped.as_ptr(), picture.buffer.as_ptr());
    }

    #[test]
    fn crops_scale_to_the_place_asked_for_and_the_rest_is_black() {
        let picture = halves(VideoFormat::I420, 64, 48);
        let target = info(VideoFormat::Nv12, 100, 60);
        // the bright half, onto the left 40 columns
        let (crop, place) = (Rect::new(32.0, 0.0, 32.0, 48.0), Rect::new(0.0, 0.0, 40.0, 60.0));
        let mut shaper = Shaper::default();
        let shaped = shaper.shape(&picture, &target, Some(crop), Some(place)).unwrap();
        for (x, expected) in [(2, 200), (38, 200), (42, 16), (98, 16)] {
            assert_eq!(luma(&shaped, &target, x, 30), expected, "column {x}");
        }
    }

    #[test]
    fn results_are_writable_and_their_memory_comes_back() {
        let picture = halves(VideoFormat::I420, 64, 48);
        let target = info(VideoFormat::Rgba, 32, 32);
        let mut shaper = Shaper::default();
        let mut first = shaper.shape(&picture, &target, None, None).unwrap();
        assert!(first.get_mut().is_some_and(|buffer| buffer.map_writable().is_ok()));
        let at = first.as_ptr();
        let other = shaper.shape(&picture, &target, None, None).unwrap();
        assert_ne!(other.as_ptr(), at, "two pictures at once");
        drop(first);
        let third = shaper.shape(&picture, &target, None, None).unwrap();
        assert_eq!(third.as_ptr(), at, "no new memory");
    }

    #[test]
    fn regions_outside_of_the_picture_are_errors() {
        let picture = halves(VideoFormat::I420, 64, 48);
        let target = info(VideoFormat::I420, 32, 32);
        let outside = Some(Rect::new(70.0, 0.0, 10.0, 10.0));
        let error = Shaper::default().shape(&picture, &target, outside, None).unwrap_err();
        assert_eq!(error.to_string(), "region 70:0:10:10 lies outside of a picture of 64x48");
    }

    #[test]
    fn more_kinds_of_pictures_than_are_kept_ready_come_out_right() {
        let target = info(VideoFormat::I420, 16, 16);
        let mut shaper = Shaper::default();
        for width in (0..2).flat_map(|_| (0..MAX_ROUTES as u32 + 5).map(|i| 32 + 2 * i)) {
            let shaped = shaper.shape(&halves(VideoFormat::Nv12, width, 32), &target, None, None).unwrap();
            let (dark, bright) = (luma(&shaped, &target, 2, 8), luma(&shaped, &target, 13, 8));
            // GStreamer scales with weights of seven bits
            assert!(dark.abs_diff(40) <= 1 && bright.abs_diff(200) <= 3, "{width}: {dark} {bright}");
        }
    }
}
