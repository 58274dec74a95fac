//! Drawing on the pictures of a buffer.

use gst::glib;
use slipstream_buffer::frame::{FrameError, picture_mut};
use slipstream_buffer::meta::BatchContent;
use slipstream_draw::{Overlay, OverlayStyle};
use slipstream_meta::{Color, DisplayItem, FrameMeta, PictureMut, Point, Rect, Size};

use crate::look::text;

/// How the clock is written: as C's `ctime` has it.
const CLOCK_FORMAT: &str = "%a %b %e %H:%M:%S %Y";

/// What is drawn beside what the metadata asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clock {
    pub(super) position: Point,
    /// Font size in points.
    pub(super) size: f32,
    pub(super) color: Color,
}

/// Draws, and keeps glyphs from picture to picture.
pub(super) struct Painter {
    overlay: Overlay,
    clock: Option<Clock>,
}

impl Painter {
    pub(super) fn new(style: OverlayStyle, clock: Option<Clock>) -> Self {
        Self { overlay: Overlay::new(style), clock }
    }

    /// Draws on the picture in `buffer`, whose pixels are those that positions are in.
    pub(super) fn draw_picture(
        &mut self,
        buffer: &mut gst::BufferRef,
        info: &gst_video::VideoInfo,
        content: &BatchContent,
    ) -> Result<(), FrameError> {
        let mut mapped = map(buffer, info)?;
        let mut picture = picture_mut(&mut mapped)?;
        for frame in &content.meta.frames {
            self.overlay.draw_frame(&mut picture, frame);
        }
        for source in content.meta.sources.iter().filter(|source| source.status.is_some()) {
            self.overlay.draw_status(&mut picture, source);
        }
        self.draw_clock(&mut picture);
        Ok(())
    }

    /// Draws on each picture of a batch; takes a copy of those that somebody else needs too.
    pub(super) fn draw_batch(&mut self, content: &mut BatchContent) -> Result<(), FrameError> {
        for (frame, picture) in content.meta.frames.iter().zip(&mut content.pictures) {
            let whole = Rect::of_size(picture.size());
            let moved = (frame.viewport != whole).then(|| frame.drawn_onto(whole));
            let mut mapped = map(picture.buffer.make_mut(), &picture.info)?;
            let mut picture = picture_mut(&mut mapped)?;
            self.overlay.draw_frame(&mut picture, moved.as_ref().unwrap_or(frame));
            self.draw_clock(&mut picture);
        }
        Ok(())
    }

    fn draw_clock(&mut self, picture: &mut PictureMut<'_>) {
        let Some(clock) = &self.clock else { return };
        let now = glib::DateTime::now_local().and_then(|now| now.format(CLOCK_FORMAT));
        let Ok(now) = now else { return };
        let mut line = text(now.to_string(), clock.position, clock.size);
        (line.color, line.background) = (clock.color, None);
        let Size { width, height } = picture.size();
        let mut frame = FrameMeta::new(0, "".into(), 0, Size::new(width, height));
        frame.display.push(DisplayItem::Text(line));
        self.overlay.draw_frame(picture, &frame);
    }
}

fn map<'a>(
    buffer: &'a mut gst::BufferRef,
    info: &'a gst_video::VideoInfo,
) -> Result<gst_video::VideoFrameRef<&'a mut gst::BufferRef>, FrameError> {
    gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, info).map_err(|_| FrameError::Map("writing"))
}
