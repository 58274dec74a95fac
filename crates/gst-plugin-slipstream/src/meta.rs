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
//! use gstslipstream::meta::Batch;
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

use gst::{glib, prelude::*};
use slipstream_meta::BatchMeta;

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

/// A decoded frame inside a batch.
#[derive(Debug, Clone)]
pub struct BatchPicture {
    /// The buffer as the decoder delivered it.
    pub buffer: gst::Buffer,
    /// How its pixels lie.
    pub info: gst_video::VideoInfo,
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
pub struct Batch(imp::Batch);

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
        // SAFETY: `meta_info` describes `imp::Batch`, and `init` moves the content out of `params`, which stays valid for
        // the call.
        unsafe {
            let mut params = Some(content);
            let meta = gst::ffi::gst_buffer_add_meta(
                buffer.as_mut_ptr(),
                imp::meta_info(),
                std::ptr::from_mut(&mut params).cast(),
            );
            Self::from_mut_ptr(buffer, meta.cast())
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

// SAFETY: `imp::Batch` starts with a `GstMeta` and is registered under this API type.
unsafe impl gst::MetaAPI for Batch {
    type GstType = imp::Batch;

    fn meta_api() -> glib::Type {
        imp::api_type()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Batch").field(self.content()).finish()
    }
}

/// The meta as C sees it.
mod imp {
    use std::sync::OnceLock;

    use gst::glib::{self, translate::IntoGlib, translate::from_glib};

    use super::BatchContent;

    #[repr(C)]
    pub struct Batch {
        parent: gst::ffi::GstMeta,
        pub(super) content: BatchContent,
    }

    pub(super) fn api_type() -> glib::Type {
        static TYPE: OnceLock<glib::Type> = OnceLock::new();
        // SAFETY: the name is a C string, the tag list is empty and ends with NULL.
        *TYPE.get_or_init(|| unsafe {
            let tags = [std::ptr::null::<std::ffi::c_char>()];
            from_glib(gst::ffi::gst_meta_api_type_register(
                c"GstSlipstreamBatchMetaAPI".as_ptr(),
                tags.as_ptr().cast_mut(),
            ))
        })
    }

    struct Info(std::ptr::NonNull<gst::ffi::GstMetaInfo>);
    // SAFETY: GStreamer never changes a registered info.
    unsafe impl Send for Info {}
    // SAFETY: as above.
    unsafe impl Sync for Info {}

    pub(super) fn meta_info() -> *const gst::ffi::GstMetaInfo {
        static INFO: OnceLock<Info> = OnceLock::new();
        INFO.get_or_init(|| {
            // SAFETY: size and functions belong to `Batch`. Registration fails only where the name is taken, that is where
            // this code was loaded twice (as a plugin and linked in), and then nothing could work.
            unsafe {
                let info = gst::ffi::gst_meta_register(
                    api_type().into_glib(),
                    c"GstSlipstreamBatchMeta".as_ptr(),
                    size_of::<Batch>(),
                    Some(init),
                    Some(free),
                    Some(transform),
                );
                Info(
                    std::ptr::NonNull::new(info.cast_mut())
                        .expect("GstSlipstreamBatchMeta is registered once"),
                )
            }
        })
        .0
        .as_ptr()
    }

    unsafe extern "C" fn init(
        meta: *mut gst::ffi::GstMeta,
        params: glib::ffi::gpointer,
        _buffer: *mut gst::ffi::GstBuffer,
    ) -> glib::ffi::gboolean {
        // SAFETY: called by `gst_buffer_add_meta` with fresh memory for a `Batch` and what `attach` or `transform` passed.
        unsafe {
            let content =
                params.cast::<Option<BatchContent>>().as_mut().and_then(Option::take).unwrap_or_default();
            std::ptr::write(&raw mut (*meta.cast::<Batch>()).content, content);
        }
        true.into_glib()
    }

    unsafe extern "C" fn free(meta: *mut gst::ffi::GstMeta, _buffer: *mut gst::ffi::GstBuffer) {
        // SAFETY: the content was written by `init` and is dropped once.
        unsafe { std::ptr::drop_in_place(&raw mut (*meta.cast::<Batch>()).content) }
    }

    /// Copies of a buffer carry a copy of the description and further references to the same frames.
    unsafe extern "C" fn transform(
        dest: *mut gst::ffi::GstBuffer,
        meta: *mut gst::ffi::GstMeta,
        _buffer: *mut gst::ffi::GstBuffer,
        _kind: glib::ffi::GQuark,
        _data: glib::ffi::gpointer,
    ) -> glib::ffi::gboolean {
        // SAFETY: GStreamer passes a valid meta of this kind and a writable destination.
        unsafe {
            let mut params = Some((*meta.cast::<Batch>()).content.clone());
            let copy =
                gst::ffi::gst_buffer_add_meta(dest, meta_info(), std::ptr::from_mut(&mut params).cast());
            (!copy.is_null()).into_glib()
        }
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
