use std::sync::LazyLock;

use gst::{glib, prelude::*};
use gst_base::subclass::base_transform::{InputBuffer, PrepareOutputBufferSuccess};
use gst_base::{prelude::*, subclass::prelude::*};
use parking_lot::Mutex;
use slipstream_draw::{Overlay, OverlayStyle};

use slipstream_meta::Rect;

use crate::frame::{FrameError, PLANAR_FORMATS, picture_mut};
use crate::meta::{Batch, BatchContent};
use crate::transform::{self, Stream};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("sliposd", gst::DebugColorFlags::empty(), Some("Slipstream on-screen display"))
});

/// Largest font size that can be asked for, in pixels.
const MAX_FONT_SIZE: u32 = 200;

#[derive(Default)]
struct State {
    stream: Option<Stream>,
    /// Made anew when the style changes.
    overlay: Option<Overlay>,
}

/// Instance data of [`super::SlipOsd`].
#[derive(Default)]
pub struct SlipOsd {
    style: Mutex<OverlayStyle>,
    state: Mutex<State>,
}

impl State {
    fn draw(&mut self, style: &Mutex<OverlayStyle>, buffer: &mut gst::BufferRef) -> Result<(), FrameError> {
        let overlay = self.overlay.get_or_insert_with(|| Overlay::new(style.lock().clone()));
        // Taken out while the pixels are written to, and put back.
        let Some(mut content) =
            buffer.meta_mut::<Batch>().map(|mut batch| std::mem::take(batch.content_mut()))
        else {
            return Ok(());
        };
        let drawn = match self.stream.as_ref().and_then(|stream| stream.picture(buffer)) {
            Some(info) => draw_picture(overlay, buffer, info, &content),
            None => draw_batch(overlay, &mut content),
        };
        if let Some(mut batch) = buffer.meta_mut::<Batch>() {
            *batch.content_mut() = content;
        }
        drawn
    }
}

fn draw_picture(
    overlay: &mut Overlay,
    buffer: &mut gst::BufferRef,
    info: &gst_video::VideoInfo,
    content: &BatchContent,
) -> Result<(), FrameError> {
    let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, info)
        .map_err(|_| FrameError::Map("writing"))?;
    let mut picture = picture_mut(&mut frame)?;
    for frame in &content.meta.frames {
        overlay.draw_frame(&mut picture, frame);
    }
    for source in content.meta.sources.iter().filter(|source| source.status.is_some()) {
        overlay.draw_status(&mut picture, source);
    }
    Ok(())
}

fn draw_batch(overlay: &mut Overlay, content: &mut BatchContent) -> Result<(), FrameError> {
    for (frame, picture) in content.meta.frames.iter().zip(&mut content.pictures) {
        // Positions may be in another size than the picture has.
        let whole = Rect::of_size(picture.size());
        let moved = (frame.viewport != whole).then(|| frame.drawn_onto(whole));
        // Copies the pixels only where the decoder or another element holds them too.
        let buffer = picture.buffer.make_mut();
        let mut mapped = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &picture.info)
            .map_err(|_| FrameError::Map("writing"))?;
        overlay.draw_frame(&mut picture_mut(&mut mapped)?, moved.as_ref().unwrap_or(frame));
    }
    Ok(())
}

#[glib::object_subclass]
impl ObjectSubclass for SlipOsd {
    const NAME: &'static str = "GstSlipOsd";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::SlipOsd;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for SlipOsd {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let default = OverlayStyle::default();
            let switch = |name, nick, blurb, default| {
                glib::ParamSpecBoolean::builder(name)
                    .nick(nick)
                    .blurb(blurb)
                    .default_value(default)
                    .mutable_playing()
                    .build()
            };
            vec![
                switch("display-text", "Display text", "Draw labels and texts", default.display_text),
                switch("display-bbox", "Display boxes", "Draw the boxes of objects", default.display_boxes),
                switch(
                    "display-mask",
                    "Display masks",
                    "Colour the pixels of objects with masks, and those of class maps",
                    default.display_masks,
                ),
                switch(
                    "display-trails",
                    "Display trails",
                    "Draw the ways that tracked objects came, where sliptrack was asked for them",
                    default.display_trails,
                ),
                switch(
                    "display-stats",
                    "Display statistics",
                    "Draw a bar with frame number and counts at the top of each frame",
                    default.display_stats,
                ),
                switch(
                    "display-confidence",
                    "Display confidence",
                    "Add the confidence to labels",
                    default.display_confidence,
                ),
                glib::ParamSpecUInt::builder("font-size")
                    .nick("Font size")
                    .blurb("Height of text in pixels; 0 follows the size of the frame in the picture")
                    .maximum(MAX_FONT_SIZE)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecUInt::builder("border-width")
                    .nick("Border width")
                    .blurb("Width of box borders in pixels; 0 follows the size of the frame in the picture")
                    .maximum(32)
                    .mutable_playing()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        {
            let mut style = self.style.lock();
            let switch = || value.get().expect("type checked by GObject");
            let size = || {
                let size: u32 = value.get().expect("type checked by GObject");
                (size > 0).then_some(size as f32)
            };
            match pspec.name() {
                "display-text" => style.display_text = switch(),
                "display-bbox" => style.display_boxes = switch(),
                "display-mask" => style.display_masks = switch(),
                "display-trails" => style.display_trails = switch(),
                "display-stats" => style.display_stats = switch(),
                "display-confidence" => style.display_confidence = switch(),
                "font-size" => style.font_size = size(),
                "border-width" => style.border_width = size(),
                name => gst::error!(CAT, imp = self, "no property {name}"),
            }
        }
        self.state.lock().overlay = None;
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let style = self.style.lock();
        match pspec.name() {
            "display-text" => style.display_text.to_value(),
            "display-bbox" => style.display_boxes.to_value(),
            "display-mask" => style.display_masks.to_value(),
            "display-trails" => style.display_trails.to_value(),
            "display-stats" => style.display_stats.to_value(),
            "display-confidence" => style.display_confidence.to_value(),
            "font-size" => (style.font_size.unwrap_or(0.0) as u32).to_value(),
            _ => (style.border_width.unwrap_or(0.0) as u32).to_value(),
        }
    }
}

impl GstObjectImpl for SlipOsd {}

impl ElementImpl for SlipOsd {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Slipstream on-screen display",
                "Filter/Editor/Video",
                "Draws boxes, labels and statistics on pictures",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = transform::all_caps(&PLANAR_FORMATS);
            transform::pad_templates(&caps, &caps)
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for SlipOsd {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        self.state.lock().stream = Some(Stream::new(incaps)?);
        Ok(())
    }

    fn propose_allocation(
        &self,
        _decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        transform::propose_allocation(self.obj().src_pad(), query)
    }

    fn prepare_output_buffer(
        &self,
        input: InputBuffer,
    ) -> Result<PrepareOutputBufferSuccess, gst::FlowError> {
        Ok(transform::reuse_input(&input))
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        self.state.lock().draw(&self.style, buffer).map_err(|err| {
            gst::element_imp_error!(self, gst::StreamError::Failed, ["cannot draw: {err}"]);
            gst::FlowError::Error
        })?;
        Ok(gst::FlowSuccess::Ok)
    }
}
