//! The canvas and what is on it.

use std::collections::BTreeMap;

use slipstream_buffer::frame::{FrameError, map_readable, picture, picture_mut};
use slipstream_buffer::meta::{BatchContent, BatchPicture};
use slipstream_draw::Scaler;
use slipstream_meta::{BatchMeta, Color, FrameMeta, PictureMut, Rect, Size};

use super::grid::Tiles;
use super::merge::merge;
use crate::pixels::{Pool, ShapeError, Shaper};

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(super) enum TileError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("cannot tile a frame: {0}")]
    Draw(#[from] slipstream_draw::DrawError),
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error("the canvas is in use elsewhere")]
    Canvas,
    #[error("show-source={source_number}: there are {tiles} tiles, numbered from 0")]
    NoSuchSource { source_number: u32, tiles: u32 },
}

/// The canvas. It is I420, or NV12 where that is asked for; other formats are made of it.
pub(super) struct State {
    size: Size,
    canvas: BatchPicture,
    output: gst_video::VideoInfo,
    pool: Pool,
    shaper: Shaper,
    scaler: Scaler,
    tiles: Tiles,
    /// The only source that is shown, if not all are.
    only: Option<u32>,
    is_clear: bool,
    /// What the latest frame of each source held, in the pixels of its tile.
    shown: BTreeMap<u32, FrameMeta>,
}

impl State {
    pub(super) fn new(output: &gst_video::VideoInfo, tiles: Tiles) -> Result<Self, gst::glib::BoolError> {
        let format = match output.format() {
            gst_video::VideoFormat::Nv12 => gst_video::VideoFormat::Nv12,
            _ => gst_video::VideoFormat::I420,
        };
        let mut info =
            gst_video::VideoInfo::builder(format, output.width(), output.height()).fps(output.fps());
        let colorimetry = output.colorimetry();
        if output.is_yuv() {
            info = info.colorimetry(&colorimetry);
        }
        let info = info.build()?;
        let pool = Pool::new(output).map_err(|err| gst::glib::bool_error!("{err}"))?;
        Ok(Self {
            size: Size::new(info.width(), info.height()),
            canvas: BatchPicture { buffer: gst::Buffer::with_size(info.size())?, info },
            output: output.clone(),
            pool,
            shaper: Shaper::default(),
            scaler: Scaler::new(),
            tiles,
            only: None,
            is_clear: false,
            shown: BTreeMap::new(),
        })
    }

    /// What the picture is like.
    pub(super) fn output_info(&self) -> &gst_video::VideoInfo {
        &self.output
    }

    /// Other tiles from now on.
    pub(super) fn set_layout(&mut self, tiles: Tiles) {
        self.tiles = tiles;
        self.clear();
    }

    /// Forgets what is shown.
    fn clear(&mut self) {
        self.is_clear = false;
        self.shown.clear();
    }

    /// Makes room for a source. Returns whether tiles have moved.
    pub(super) fn add(&mut self, source: u32) -> bool {
        let moved = self.tiles.add(source);
        if moved {
            self.clear();
        }
        moved
    }

    /// Takes a source off the canvas, which is cleared as in DeepStream: what the others show comes back with their next
    /// frames.
    pub(super) fn remove(&mut self, source: u32) {
        self.tiles.remove(source);
        self.is_clear = false;
        self.shown.remove(&source);
    }

    fn place(&self, source: u32) -> Option<Rect> {
        match self.only {
            Some(only) => (only == source).then(|| Rect::of_size(self.size)),
            None => self.tiles.place(source, self.size),
        }
    }

    /// Brings the canvas up to date with a batch and returns a picture of it, with what is to be seen there.
    pub(super) fn update(
        &mut self,
        show_source: i32,
        content: BatchContent,
    ) -> Result<(gst::Buffer, BatchMeta), TileError> {
        let only = u32::try_from(show_source).ok();
        if let Some(source_number) = only.filter(|&only| only >= self.tiles.count()) {
            return Err(TileError::NoSuchSource { source_number, tiles: self.tiles.count() });
        }
        if only != self.only {
            self.only = only;
            self.clear();
        }
        let BatchContent { meta, pictures } = content;
        let frames: Vec<_> = meta.frames.into_iter().zip(pictures).collect();
        for (frame, _) in &frames {
            // Where nobody said that the source has joined.
            self.add(frame.pad_index);
        }
        self.draw(frames)?;
        let frame = merge(self.shown.values(), self.size);
        let tiled = BatchMeta { frames: vec![frame], user: meta.user, sources: Vec::new() };
        Ok((self.output()?, tiled))
    }

    fn draw(&mut self, frames: Vec<(FrameMeta, BatchPicture)>) -> Result<(), TileError> {
        let places: Vec<_> = frames.iter().map(|(frame, _)| self.place(frame.pad_index)).collect();
        let BatchPicture { buffer, info } = &mut self.canvas;
        let buffer = buffer.get_mut().ok_or(TileError::Canvas)?;
        let mut mapped = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, info)
            .map_err(|_| FrameError::Map("writing"))?;
        let mut canvas = picture_mut(&mut mapped)?;
        if !std::mem::replace(&mut self.is_clear, true) {
            slipstream_draw::fill(&mut canvas, Rect::of_size(self.size), Color::BLACK);
        }
        for ((mut frame, picture), place) in frames.into_iter().zip(places) {
            let Some(place) = place else { continue };
            // A picture that keeps its shape lies in the middle of its frame, with bands on either side.
            let Rect { left, top, width, height } = frame.viewport;
            let whole = Rect::new(0.0, 0.0, width + 2.0 * left, height + 2.0 * top);
            let place = frame.viewport.mapped(&whole, &place);
            if let Err(err) = draw(&mut self.scaler, &picture, &mut canvas, place) {
                // One camera's trouble is not the others'.
                gst::warning!(gst::CAT_RUST, "frame of source {} not shown: {err}", frame.pad_index);
            }
            frame.draw_onto(place);
            self.shown.insert(frame.pad_index, frame);
        }
        Ok(())
    }

    /// A picture of the canvas that is nobody else's.
    fn output(&mut self) -> Result<gst::Buffer, TileError> {
        if self.output.format() != self.canvas.info.format() {
            return Ok(self.shaper.shape(&self.canvas, &self.output, None, None)?);
        }
        let mut buffer = self.pool.buffer()?;
        {
            let canvas = map_readable(&self.canvas.buffer, &self.canvas.info)?;
            let mut to = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &self.output)
                .map_err(|_| FrameError::Map("writing"))?;
            canvas.copy(&mut to).map_err(|_| FrameError::Map("writing"))?;
        }
        Ok(buffer)
    }
}

fn draw(
    scaler: &mut Scaler,
    shown: &BatchPicture,
    canvas: &mut PictureMut<'_>,
    place: Rect,
) -> Result<(), TileError> {
    let mapped = map_readable(&shown.buffer, &shown.info)?;
    Ok(scaler.scale(&picture(&mapped)?, canvas, place)?)
}
