//! The metadata that rides on buffers.
//!
//! A buffer with a [`Batch`] is either a picture whose description the meta is (plain video, or the tiled picture), or a
//! batch: a buffer without memory of its own, whose meta holds a reference to each decoded frame. Frames are never copied
//! on their way through a batch.
//!
//! # In a pad probe
//!
//! ```
//! use gst::prelude::*;
//! use slipstream_buffer::meta::Batch;
//! use slipstream_meta::{Color, DisplayItem, Point, Text};
//!
//! /// Says how many objects each frame carries, and writes the number onto it.
//! fn count_objects(pad: &gst::Pad) {
//!     pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
//!         if let Some(mut batch) = info.buffer_mut().and_then(Batch::from_buffer_mut) {
//!             for frame in &mut batch.frames {
//!                 let content = format!("{}: {} objects", frame.name, frame.objects.len());
//!                 println!("{content}");
//!                 frame.display.push(DisplayItem::Text(Text {
//!                     content,
//!                     position: Point { x: 8.0, y: 8.0 },
//!                     size: 16.0,
//!                     color: Color::WHITE,
//!                     background: Some(Color::BLACK),
//!                 }));
//!             }
//!         }
//!         gst::PadProbeReturn::Ok
//!     });
//! }
//! ```
//!
//! To read only, use `info.buffer().and_then(Batch::from_buffer)`.

use std::sync::{PoisonError, TryLockError};

use gst::glib::{self, translate::IntoGlib};
use gst::prelude::*;
use slipstream_meta::{BatchMeta, Size};

use crate::registration::{self, Registration};

/// Caps feature of buffers that hold their frames in the meta.
pub const BATCH_FEATURE: &str = "meta:SlipstreamBatch";

/// Caps of batches, in any frame rate.
pub fn batch_caps() -> gst::Caps {
    gst::Caps::builder("video/x-raw").features([BATCH_FEATURE]).build()
}

/// Whether `caps` are those of batches rather than of plain pictures.
pub fn is_batch_caps(caps: &gst::CapsRef) -> bool {
    caps.features(0).is_some_and(|features| features.contains(BATCH_FEATURE))
}

/// DeepStream's caps feature, under which both batches and plain pictures travel: each buffer says itself which it is. Width
/// and height of the caps are those that the frames of a batch have in the metadata.
pub const NVMM_FEATURE: &str = "memory:NVMM";

/// Whether `caps` are DeepStream's.
pub fn is_nvmm_caps(caps: &gst::CapsRef) -> bool {
    caps.features(0).is_some_and(|features| features.contains(NVMM_FEATURE))
}

/// Caps of DeepStream's elements for pictures in `formats`, in any size and rate.
pub fn nvmm_caps(formats: impl IntoIterator<Item = gst_video::VideoFormat>) -> gst::Caps {
    gst_video::VideoCapsBuilder::new().features([NVMM_FEATURE]).format_list(formats).build()
}

/// Whether frames of batch buffers lie in the meta: by their caps, or under DeepStream's caps by the buffer itself.
pub fn holds_batch(caps: &gst::CapsRef, buffer: &gst::BufferRef) -> bool {
    is_batch_caps(caps) || (is_nvmm_caps(caps) && buffer.n_memory() == 0 && buffer.meta::<Batch>().is_some())
}

/// A decoded frame inside a batch.
#[derive(Debug, Clone)]
pub struct BatchPicture {
    /// The buffer as the decoder delivered it.
    pub buffer: gst::Buffer,
    /// How its pixels lie.
    pub info: gst_video::VideoInfo,
}

impl BatchPicture {
    /// Its size in pixels.
    pub fn size(&self) -> Size {
        Size::new(self.info.width(), self.info.height())
    }
}

/// What a batch buffer carries.
#[derive(Debug, Clone, Default)]
pub struct BatchContent {
    /// The description: frames, objects, sources.
    pub meta: BatchMeta,
    /// The pictures of `meta.frames`, in the same order; empty where the buffer itself is the picture.
    pub pictures: Vec<BatchPicture>,
}

/// The `GstMeta` that carries a [`BatchContent`]; dereferences to its description.
#[repr(transparent)]
pub struct Batch(registration::Batch);

// SAFETY: the content is made of types that are Send and Sync; the meta header is only touched through GStreamer's
// functions, which ask for a buffer reference of the right mutability.
unsafe impl Send for Batch {}
// SAFETY: as above.
unsafe impl Sync for Batch {}

impl Batch {
    /// What `buffer` carries, to be read; `None` where no element of Slipstream has been.
    pub fn from_buffer(buffer: &gst::Buffer) -> Option<gst::MetaRef<'_, Self>> {
        buffer.meta()
    }

    /// What `buffer` carries, to be changed. A buffer that others hold too is first replaced by another one that refers to
    /// the same pixels and has a description of its own.
    pub fn from_buffer_mut(
        buffer: &mut gst::Buffer,
    ) -> Option<gst::MetaRefMut<'_, Self, gst::meta::Standalone>> {
        buffer.meta::<Self>()?;
        buffer.make_mut().meta_mut()
    }

    /// Attaches `content` to `buffer`, in place of any that is there already.
    pub fn attach(
        buffer: &mut gst::BufferRef,
        content: BatchContent,
    ) -> gst::MetaRefMut<'_, Self, gst::meta::Standalone> {
        if let Some(old) = buffer.meta_mut::<Self>() {
            // A batch meta is neither pooled nor locked, so removal cannot fail.
            let _ = old.remove();
        }
        // SAFETY: the buffer is writable, and what was added is a meta of this kind on it.
        unsafe {
            let meta = registration::add(buffer.as_mut_ptr(), content);
            Self::from_mut_ptr(buffer, meta.cast())
        }
    }

    /// The buffer at `address`, if there is one that carries a batch: how language bindings get hold of a buffer that they know
    /// by its address only. Any number may be asked for.
    pub fn find(address: usize) -> Option<gst::Buffer> {
        Registration::get().find(address)
    }

    /// Which other build of Slipstream there is in this process whose batches cannot be seen from here, nor ours from there.
    pub fn other_build() -> Option<String> {
        Registration::other()
    }

    /// Hands what `buffer` carries to `change` although others hold the buffer too, as C programs and language bindings do in
    /// probes. Copies of the buffer are not made meanwhile. `None` where it carries no batch.
    ///
    /// # Safety
    /// Nobody else may be looking at what the buffer carries: the caller is in a pad probe on it, or all who hold it go
    /// through this function.
    pub unsafe fn change_shared<T>(
        buffer: &gst::Buffer,
        change: impl FnOnce(&mut BatchContent) -> T,
    ) -> Option<T> {
        // SAFETY: the meta lives as long as the buffer, which is borrowed; nobody else looks at it, as the caller promises.
        unsafe {
            let meta =
                gst::ffi::gst_buffer_get_meta(buffer.as_mut_ptr(), Registration::get().api.into_glib());
            let batch = meta.cast::<registration::Batch>();
            if batch.is_null() {
                return None;
            }
            let _access = (*batch).access.lock().unwrap_or_else(PoisonError::into_inner);
            Some(change(&mut (*batch).content))
        }
    }

    /// As [`change_shared`](Self::change_shared), but `Err` with `change` where it would have to wait for someone else: for
    /// callers that hold a lock of their own, which whoever copies the buffer may need to finish.
    ///
    /// # Safety
    /// As for [`change_shared`](Self::change_shared).
    pub unsafe fn try_change_shared<T, F: FnOnce(&mut BatchContent) -> T>(
        buffer: &gst::Buffer,
        change: F,
    ) -> Result<Option<T>, F> {
        // SAFETY: as in `change_shared`.
        unsafe {
            let meta =
                gst::ffi::gst_buffer_get_meta(buffer.as_mut_ptr(), Registration::get().api.into_glib());
            let batch = meta.cast::<registration::Batch>();
            if batch.is_null() {
                return Ok(None);
            }
            let _access = match (*batch).access.try_lock() {
                Ok(access) => access,
                Err(TryLockError::Poisoned(access)) => access.into_inner(),
                Err(TryLockError::WouldBlock) => return Err(change),
            };
            Ok(Some(change(&mut (*batch).content)))
        }
    }

    /// What the buffer carries.
    pub fn content(&self) -> &BatchContent {
        &self.0.content
    }

    /// What the buffer carries, to be changed.
    pub fn content_mut(&mut self) -> &mut BatchContent {
        &mut self.0.content
    }
}

impl std::ops::Deref for Batch {
    type Target = BatchMeta;

    fn deref(&self) -> &BatchMeta {
        &self.0.content.meta
    }
}

impl std::ops::DerefMut for Batch {
    fn deref_mut(&mut self) -> &mut BatchMeta {
        &mut self.0.content.meta
    }
}

// SAFETY: `registration::Batch` starts with a `GstMeta` and is registered under this API type.
unsafe impl gst::MetaAPI for Batch {
    type GstType = registration::Batch;

    fn meta_api() -> glib::Type {
        Registration::get().api
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Batch").field(self.content()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipstream_meta::{FrameMeta, Size};

    fn frame(pad: u32) -> FrameMeta {
        FrameMeta::new(pad, "camera".into(), 0, Size::new(4, 4))
    }

    #[test]
    fn a_copied_buffer_shares_the_frames_and_copies_the_description() {
        gst::init().unwrap();
        let decoded = gst::Buffer::with_size(24).unwrap();
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, 4, 4).build().unwrap();
        let mut buffer = gst::Buffer::new();
        let mut content = BatchContent::default();
        content.meta.frames.push(frame(3));
        content.pictures.push(BatchPicture { buffer: decoded.clone(), info });
        Batch::attach(buffer.get_mut().unwrap(), content);

        let mut copy = buffer.clone();
        Batch::from_buffer_mut(&mut copy).unwrap().frames[0].pad_index = 5;

        let original = Batch::from_buffer(&buffer).unwrap();
        assert_eq!(original.frames[0].pad_index, 3);
        let copied = Batch::from_buffer(&copy).unwrap();
        assert_eq!(copied.frames[0].pad_index, 5);
        assert_eq!(copied.content().pictures[0].buffer.as_ptr(), decoded.as_ptr());
    }

    #[test]
    fn attaching_twice_replaces_and_frees_the_first() {
        gst::init().unwrap();
        let decoded = gst::Buffer::with_size(24).unwrap();
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, 4, 4).build().unwrap();
        let mut buffer = gst::Buffer::new();
        let pictures = vec![BatchPicture { buffer: decoded.clone(), info }];
        Batch::attach(buffer.get_mut().unwrap(), BatchContent { pictures, ..Default::default() });
        Batch::attach(buffer.get_mut().unwrap(), BatchContent::default());
        assert_eq!(buffer.iter_meta::<Batch>().count(), 1);
        assert!(decoded.is_writable(), "the first content let go of its frame");
    }
}
