//! Drawing on the pictures of a buffer.

use gst::glib;
use slipstream_buffer::frame::{FrameError, picture_mut};
use slipstream_buffer::meta::BatchContent;
use slipstream_draw::{Overlay, OverlayStyle, blur};
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

/// Which objects are made unrecognisable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Blurred {
    pub(super) is_on: bool,
    /// Component and class of each kind; all objects if empty.
    pub(super) kinds: Vec<(u32, i32)>,
}

impl Blurred {
    /// Kinds of objects as in `1:0;1:2`; what is none of that is the error.
    pub(super) fn parse_kinds(text: &str) -> Result<Vec<(u32, i32)>, String> {
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        let kind = |part: &str| {
            let (component, class) = part.split_once(':')?;
            Some((component.trim().parse().ok()?, class.trim().parse().ok()?))
        };
        parts.map(|part| kind(part).ok_or_else(|| part.to_owned())).collect()
    }

    fn apply(&self, picture: &mut PictureMut<'_>, frame: &FrameMeta) {
        if !self.is_on {
            return;
        }
        for object in &frame.objects {
            if self.kinds.is_empty() || self.kinds.contains(&(object.component_id, object.class_id)) {
                blur(picture, object.rect);
            }
        }
    }
}

/// Draws, and keeps glyphs from picture to picture.
pub(super) struct Painter {
    overlay: Overlay,
    clock: Option<Clock>,
    blurred: Blurred,
}

impl Painter {
    pub(super) fn new(style: OverlayStyle, clock: Option<Clock>, blurred: Blurred) -> Self {
        Self { overlay: Overlay::new(style), clock, blurred }
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
            self.blurred.apply(&mut picture, frame);
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
            let frame = moved.as_ref().unwrap_or(frame);
            self.blurred.apply(&mut picture, frame);
            self.overlay.draw_frame(&mut picture, frame);
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
