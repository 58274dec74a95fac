//! What is done to each buffer, for one pair of caps.

use slipstream_buffer::meta::{Batch, BatchContent, BatchPicture};
use slipstream_meta::{FrameMeta, Rect, Size};

use super::caps::Memory;
use super::turn::{Turn, is_turnable};
use crate::pixels::{Pool, ShapeError, Shaper, between_bands, is_same_picture, map_readable, map_writable};

/// What is asked for besides the caps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes {
    pub(super) crop: Option<Rect>,
    pub(super) place: Option<Rect>,
    pub(super) turn: Turn,
    pub(super) method: gst_video::VideoResamplerMethod,
    /// A buffer that already is what it should be is copied all the same.
    pub(super) always_copies: bool,
}

impl Wishes {
    /// Whether pictures of the right format and size can stay.
    pub(super) fn is_none(&self) -> bool {
        self.crop.is_none() && self.place.is_none() && self.turn.is_none() && !self.always_copies
    }
}

/// One side of the element.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) memory: Memory,
    /// `None` for Slipstream's batches, whose pictures have sizes of their own.
    pub(super) info: Option<gst_video::VideoInfo>,
}

/// Turning of pictures.
struct Turner {
    turn: Turn,
    before: gst_video::VideoInfo,
    after: gst_video::VideoInfo,
    pool: Pool,
    /// Brings turned pictures into the format and place asked for.
    finish: Shaper,
}

impl Turner {
    fn new(wishes: &Wishes, to: &gst_video::VideoInfo) -> Result<Self, ShapeError> {
        let format = if is_turnable(to.format()) { to.format() } else { gst_video::VideoFormat::I420 };
        let size =
            wishes.place.map_or((to.width(), to.height()), |place| (place.width as u32, place.height as u32));
        let info = |(width, height): (u32, u32)| {
            let builder = gst_video::VideoInfo::builder(format, width, height).fps(to.fps());
            // Between formats of one kind the codes keep their meaning.
            let same_kind =
                gst_video::VideoFormatInfo::from_format(format).is_yuv() == to.format_info().is_yuv();
            let colorimetry = to.colorimetry();
            let builder = if same_kind { builder.colorimetry(&colorimetry) } else { builder };
            builder.build().map_err(|_| ShapeError::Memory { format, width, height })
        };
        let (before, after) = (info(wishes.turn.size(size))?, info(size)?);
        let pool = Pool::new(&after)?;
        Ok(Self { turn: wishes.turn, before, after, pool, finish: Shaper::new(wishes.method) })
    }
}

/// Why a buffer could not be converted.
#[derive(Debug, thiserror::Error)]
pub(super) enum StageError {
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error("the caps say nothing of pictures")]
    Caps,
}

/// Conversion from one pair of caps to another.
pub(super) struct Stage {
    from: Side,
    to: Side,
    wishes: Wishes,
    shaper: Shaper,
    turner: Option<Turner>,
    /// For copies without change.
    copies: Option<Pool>,
    /// Whether what follows reads the places of rows from each buffer, rather than assuming them.
    pub(super) minds_strides: bool,
}

impl Stage {
    pub(super) fn new(from: Side, to: Side, wishes: Wishes) -> Result<Self, ShapeError> {
        let turner = match &to.info {
            Some(info) if !wishes.turn.is_none() => Some(Turner::new(&wishes, info)?),
            _ => None,
        };
        let shaper = Shaper::new(wishes.method);
        Ok(Self { from, to, wishes, shaper, turner, copies: None, minds_strides: true })
    }

    /// Whether what comes in goes on as it is, under other caps at most.
    pub(super) fn only_renames(&self) -> bool {
        let same = match (&self.from.info, &self.to.info) {
            (Some(from), Some(to)) => is_same_picture(from, to),
            (None, None) => true,
            _ => false,
        };
        same && self.wishes.is_none()
    }

    /// The buffer converted; `None` for a batch without pictures where a picture is asked for.
    pub(super) fn convert(&mut self, buffer: gst::Buffer) -> Result<Option<gst::Buffer>, StageError> {
        let is_batch =
            self.from.memory != Memory::System && buffer.n_memory() == 0 && buffer.meta::<Batch>().is_some();
        match (is_batch, self.to.memory) {
            (true, Memory::System) => self.first_picture(&buffer),
            (true, _) => self.batch(buffer).map(Some),
            (false, _) => self.plain(buffer).map(Some),
        }
    }

    fn plain(&mut self, buffer: gst::Buffer) -> Result<gst::Buffer, StageError> {
        let info = self.from.info.clone().ok_or(StageError::Caps)?;
        let picture = BatchPicture { buffer, info };
        let shaped = self.shape(&picture, None)?;
        if shaped.as_ptr() == picture.buffer.as_ptr() {
            // Only one reference may be left: whoever draws on it later would have to copy it.
            drop(shaped);
            let is_packed = self.minds_strides || is_packed(&picture);
            if is_packed && !self.wishes.always_copies {
                return Ok(picture.buffer);
            }
            let copy = self.copy(&picture)?;
            return Ok(dressed(copy, &picture.buffer));
        }
        Ok(dressed(shaped, &picture.buffer))
    }

    /// A batch whose pictures are what the caps say, unless those only name another of the formats that decoders deliver.
    fn batch(&mut self, mut buffer: gst::Buffer) -> Result<gst::Buffer, StageError> {
        let Some(to) = self.to.info.clone() else { return Ok(buffer) };
        let size = |info: &gst_video::VideoInfo| (info.width(), info.height());
        let is_same_size = self.from.info.as_ref().is_some_and(|from| size(from) == size(&to));
        let as_decoded = |info: &gst_video::VideoInfo| {
            matches!(info.format(), gst_video::VideoFormat::I420 | gst_video::VideoFormat::Nv12)
        };
        let stays = is_same_size && as_decoded(&to) && self.from.info.as_ref().is_some_and(as_decoded);
        if (stays || self.only_renames()) && self.wishes.is_none() {
            return Ok(buffer);
        }
        let Some(mut batch) = buffer.make_mut().meta_mut::<Batch>() else { return Ok(buffer) };
        let content = batch.content_mut();
        let frames = content.meta.frames.iter().map(Some).chain(std::iter::repeat(None));
        for (picture, frame) in content.pictures.iter_mut().zip(frames) {
            let place = frame.and_then(|frame| self.place_of(frame, &to));
            picture.buffer = self.shape(picture, place)?;
            picture.info.clone_from(&to);
        }
        for frame in &mut content.meta.frames {
            self.describe(frame, &to);
        }
        Ok(buffer)
    }

    /// The first picture of a batch, in plain memory.
    fn first_picture(&mut self, buffer: &gst::Buffer) -> Result<Option<gst::Buffer>, StageError> {
        let to = self.to.info.clone().ok_or(StageError::Caps)?;
        let Some(content) = buffer.meta::<Batch>().map(|batch| batch.content().clone()) else {
            return Ok(None);
        };
        let BatchContent { mut meta, pictures } = content;
        let Some(picture) = pictures.into_iter().next() else { return Ok(None) };
        let place = meta.frames.first().and_then(|frame| self.place_of(frame, &to));
        let shaped = self.shape(&picture, place)?;
        // The decoder's buffer is another stream's: what comes out has the times of the batch and its description.
        let mut plain = if shaped.as_ptr() == picture.buffer.as_ptr() {
            let mut other = picture.buffer.copy();
            if !self.minds_strides && !is_packed(&picture) {
                other = self.copy(&picture)?;
            }
            other
        } else {
            shaped
        };
        meta.frames.truncate(1);
        for frame in &mut meta.frames {
            self.describe(frame, &to);
        }
        let target = plain.make_mut();
        target.unset_flags(target.flags());
        let times = gst::BufferCopyFlags::FLAGS | gst::BufferCopyFlags::TIMESTAMPS;
        // Fails for memory only, which is not asked for.
        let _ = buffer.copy_into(target, times, ..);
        Batch::attach(target, BatchContent { meta, pictures: Vec::new() });
        Ok(Some(plain))
    }

    /// What is said of a frame whose picture was converted. DeepStream leaves positions as they are when it scales; Slipstream's
    /// own batches have them in the pixels of each picture.
    fn describe(&self, frame: &mut FrameMeta, to: &gst_video::VideoInfo) {
        let whole = Rect::of_size(Size::new(to.width(), to.height()));
        let from = self.from.info.as_ref().map(|info| (info.width(), info.height()));
        let is_same_size = from == Some((to.width(), to.height()));
        if self.from.memory == Memory::Batch {
            frame.draw_onto(whole);
        } else if !is_same_size || between_bands(&frame.viewport, &whole).is_some() {
            frame.viewport = whole;
        }
    }

    /// Where the picture of a frame goes that the multiplexer has given bands at two sides.
    fn place_of(&self, frame: &FrameMeta, to: &gst_video::VideoInfo) -> Option<Rect> {
        let whole = |info: &gst_video::VideoInfo| Rect::of_size(Size::new(info.width(), info.height()));
        let from = self.from.info.as_ref().filter(|_| self.from.memory == Memory::Nvmm).map(whole)?;
        between_bands(&frame.viewport, &from).map(|place| place.mapped(&from, &whole(to)))
    }

    /// A picture in the format, size and place asked for, or else in `place`.
    fn shape(&mut self, picture: &BatchPicture, place: Option<Rect>) -> Result<gst::Buffer, StageError> {
        let to = self.to.info.as_ref().ok_or(StageError::Caps)?;
        let crop = self.wishes.crop;
        let place = self.wishes.place.or(place);
        let Some(turner) = &mut self.turner else { return Ok(self.shaper.shape(picture, to, crop, place)?) };
        let place = self.wishes.place;
        let upright = self.shaper.shape(picture, &turner.before, crop, None)?;
        let mut buffer = turner.pool.buffer()?;
        turner
            .turn
            .turn((&upright, &turner.before_in(&upright, picture)), (buffer.make_mut(), &turner.after))?;
        let turned = BatchPicture { buffer, info: turner.after.clone() };
        Ok(turner.finish.shape(&turned, to, None, place)?)
    }

    /// A copy without padding.
    fn copy(&mut self, picture: &BatchPicture) -> Result<gst::Buffer, StageError> {
        let to = self.to.info.as_ref().ok_or(StageError::Caps)?;
        let pool = match &mut self.copies {
            Some(pool) => pool,
            none => none.insert(Pool::new(to)?),
        };
        let mut copy = pool.buffer()?;
        let source = map_readable(&picture.buffer, &picture.info)?;
        let mut target = map_writable(copy.make_mut(), to)?;
        source.copy(&mut target).map_err(|_| StageError::Caps)?;
        drop(target);
        Ok(copy)
    }
}

impl Turner {
    /// How `upright` lies in memory: as it was made, or as `picture`, which it is where nothing had to change.
    fn before_in(&self, upright: &gst::BufferRef, picture: &BatchPicture) -> gst_video::VideoInfo {
        if upright.as_ptr() == picture.buffer.as_ptr() { picture.info.clone() } else { self.before.clone() }
    }
}

/// Whether rows lie where the caps alone say.
fn is_packed(picture: &BatchPicture) -> bool {
    picture
        .buffer
        .meta::<gst_video::VideoMeta>()
        .is_none_or(|meta| meta.stride() == picture.info.stride() && meta.offset() == picture.info.offset())
}

/// A new picture with times and description of the buffer that it was made from.
fn dressed(mut picture: gst::Buffer, from: &gst::BufferRef) -> gst::Buffer {
    let target = picture.make_mut();
    let times = gst::BufferCopyFlags::FLAGS | gst::BufferCopyFlags::TIMESTAMPS;
    // Fails for memory only, which is not asked for.
    let _ = from.copy_into(target, times, ..);
    for meta in from.iter_meta::<gst::Meta>() {
        // What tells of the old pixels does not hold for the new ones.
        if meta.tags().is_empty() {
            let _ = meta.transform(target, &gst::meta::MetaTransformCopy::new(..));
        }
    }
    picture
}
