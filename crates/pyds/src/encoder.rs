//! Objects and frames as JPEG: into files, or as user metadata.
//!
//! Pictures are encoded by the call that asks for them; `nvds_obj_enc_finish` has nothing to wait for.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gst_video::prelude::*;
use image::codecs::jpeg::JpegEncoder;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use slipstream_meta::Rect;

use crate::array::numpy;
use crate::core::edit;
use crate::core::frame::NvDsFrameMeta;
use crate::core::object::NvDsObjectMeta;
use crate::core::tree::Kind;
use crate::core::user::{CopyFunc, PyUser, UserState};
use crate::session::Session;
use crate::surface;
use crate::value::{Class, Place, Pointee, read_field, structure};

/// Kind of user metadata that a picture is attached as (`NVDS_CROP_IMAGE_META`).
const CROP_IMAGE_META: i32 = 14;
/// Quality where none was set.
const DEFAULT_QUALITY: u8 = 80;

structure! {
    /// What is to be made of an object.
    NvDsObjEncUsrArgs (Arguments) {
        saveImg: bool, attachUsrMeta: bool, scaleImg: bool, scaledWidth: i32, scaledHeight: i32, fileNameImg: String,
        objNum: i32, quality: i32, isFrame: bool, calcEncodeTime: bool,
    }
}

structure! {
    /// A picture in JPEG.
    NvDsObjEncOutParams (Output) { _bytes: Pointee, }
    methods {
        /// Its bytes, as an array of NumPy where that is there.
        #[pyo3(name = "outBuffer")]
        fn out_buffer(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            let bytes = match self.place.read(py)?._bytes.0 {
                Some(bytes) => bytes.clone_ref(py),
                None => PyBytes::new(py, &[]).into_any().unbind(),
            };
            match numpy(py) {
                Some(numpy) => Ok(numpy.call_method1("frombuffer", (bytes, "uint8"))?.unbind()),
                None => Ok(bytes),
            }
        }
    }
}

/// An encoder.
#[pyclass(frozen, module = "pyds")]
pub(crate) struct ObjEncContext {
    open: AtomicBool,
}

#[pyfunction]
fn nvds_obj_enc_create_context(_gpu_id: i32) -> ObjEncContext {
    ObjEncContext { open: AtomicBool::new(true) }
}

/// Returns when all pictures are done: they are.
#[pyfunction]
fn nvds_obj_enc_finish(_ctx: &Bound<'_, ObjEncContext>) {}

#[pyfunction]
fn nvds_obj_enc_destroy_context(ctx: &Bound<'_, ObjEncContext>) {
    ctx.get().open.store(false, Ordering::Relaxed);
}

/// Encodes an object, or its frame: into a file, as user metadata of the object or frame, or both.
#[pyfunction]
fn nvds_obj_enc_process(
    ctx: &Bound<'_, ObjEncContext>,
    args: &Bound<'_, NvDsObjEncUsrArgs>,
    buf: &Bound<'_, PyAny>,
    obj_meta: Option<&Bound<'_, NvDsObjectMeta>>,
    frame_meta: &Bound<'_, NvDsFrameMeta>,
) -> PyResult<bool> {
    let py = ctx.py();
    if !ctx.get().open.load(Ordering::Relaxed) {
        return Err(PyRuntimeError::new_err("nvds_obj_enc_process: the context was destroyed"));
    }
    let args = args.get().place().read(py)?;
    let quality = match args.quality {
        0 => DEFAULT_QUALITY,
        quality @ 1..=100 => quality as u8,
        other => {
            return Err(PyValueError::new_err(format!(
                "NvDsObjEncUsrArgs.quality: {other}; allowed are 1 to 100"
            )));
        }
    };
    let address = read_field::<u64>(buf, "buf")?;
    let session = Session::find(py, address as usize)?.ok_or_else(|| {
        PyRuntimeError::new_err("nvds_obj_enc_process: no buffer with batch metadata is at this address")
    })?;
    let frame = frame_meta.get();
    let object = obj_meta.map(Bound::get);
    edit::require_same(&session, &frame.session)?;
    let (index, viewport, frame_number, source) = session.with(py, |tree, model| {
        let index = tree.node(frame.id, Kind::Frame)?.index;
        let frame = model.frame(tree, frame.id)?;
        Ok((index, frame.viewport, frame.frame_number, frame.source_id))
    })?;
    let (object_rect, label) = match object {
        Some(object) => object.with(py, |object| (object.rect, Arc::clone(&object.label)))?,
        None if args.isFrame => (viewport, "frame".into()),
        None => {
            return Err(PyValueError::new_err(
                "nvds_obj_enc_process: obj_meta may be None for whole frames only",
            ));
        }
    };

    let (buffer, info) = surface::find(py, &session, index as u32)?;
    let (info, in_batch) = match info {
        Some(info) => (info, true),
        None => (info_of(&buffer)?, false),
    };
    let whole = Rect::of_size(slipstream_meta::Size::new(info.width(), info.height()));
    // Rectangles are in the metadata's pixels; the picture of a frame in a batch has its own size.
    let rect = if args.isFrame { viewport } else { object_rect };
    let rect = if in_batch { rect.mapped(&viewport, &whole) } else { rect };
    let Some(rect) = rect.intersection(&whole) else { return Ok(false) };
    let scaled = (args.scaleImg && args.scaledWidth > 0 && args.scaledHeight > 0)
        .then_some((args.scaledWidth as u32, args.scaledHeight as u32));
    let (jpeg, size) = py
        .detach(|| encode(&buffer, &info, &rect, scaled, quality))
        .map_err(|error| PyRuntimeError::new_err(format!("nvds_obj_enc_process: {error}")))?;

    if args.saveImg {
        let name = if args.fileNameImg.is_empty() {
            format!("{frame_number}_{source}_{}_{label}_{}x{}.jpg", args.objNum, size.0, size.1)
        } else {
            args.fileNameImg.clone()
        };
        std::fs::write(&name, &jpeg).map_err(|error| PyOSError::new_err(format!("{name}: {error}")))?;
    }
    if args.attachUsrMeta {
        let bytes = PyBytes::new(py, &jpeg).into_any().unbind();
        let output = Output { _bytes: Pointee(Some(Arc::new(bytes))) };
        let output = Py::new(py, NvDsObjEncOutParams::at(Place::own(output)))?.into_any();
        let user = PyUser::new(UserState {
            kind: CROP_IMAGE_META,
            data: Pointee(Some(Arc::new(output))),
            // Nothing changes a picture: copies share it.
            copy: Some(CopyFunc::Native(|picture| Ok(picture.clone().unbind()))),
            ..UserState::default()
        });
        let owner = object.filter(|_| !args.isFrame).map_or(frame.id, |object| object.id);
        session.with(py, |tree, model| {
            let id = edit::pool_user(tree, user);
            edit::add_user(tree, model, owner, id, CROP_IMAGE_META, None)
        })?;
    }
    Ok(true)
}

/// How the pixels of a picture outside of a batch lie.
fn info_of(buffer: &gst::Buffer) -> PyResult<gst_video::VideoInfo> {
    let meta = buffer.meta::<gst_video::VideoMeta>();
    meta.and_then(|meta| {
        gst_video::VideoInfo::builder(meta.format(), meta.width(), meta.height()).build().ok()
    })
    .ok_or_else(|| {
        PyRuntimeError::new_err("nvds_obj_enc_process: the buffer does not say how its pixels lie")
    })
}

/// The part `rect` of a picture as JPEG, and its size.
fn encode(
    buffer: &gst::Buffer,
    info: &gst_video::VideoInfo,
    rect: &Rect,
    scaled: Option<(u32, u32)>,
    quality: u8,
) -> Result<(Vec<u8>, (u32, u32)), String> {
    let left = (rect.left.floor() as u32).min(info.width() - 1);
    let top = (rect.top.floor() as u32).min(info.height() - 1);
    let width = (rect.right().ceil() as u32).min(info.width()).saturating_sub(left).max(1);
    let height = (rect.bottom().ceil() as u32).min(info.height()).saturating_sub(top).max(1);
    let (out_width, out_height) = scaled.unwrap_or((width, height));

    let target = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, out_width, out_height)
        // The converter wants to hear that it is not asked to change the rate.
        .fps(info.fps())
        .build()
        .map_err(|error| error.to_string())?;
    let mut config = gst_video::VideoConverterConfig::new();
    config.set_src_x(left as i32);
    config.set_src_y(top as i32);
    config.set_src_width(Some(width as i32));
    config.set_src_height(Some(height as i32));
    let rgb = surface::convert(buffer, info, &target, Some(config))?;
    let rgb = gst_video::VideoFrame::from_buffer_readable(rgb, &target)
        .map_err(|_| "the picture cannot be read".to_owned())?;

    let stride = rgb.plane_stride().first().copied().unwrap_or_default() as usize;
    let row = out_width as usize * 3;
    let pixels = rgb.plane_data(0).map_err(|error| error.to_string())?;
    let packed: Vec<u8> = pixels
        .chunks(stride.max(1))
        .take(out_height as usize)
        .flat_map(|line| line.get(..row).unwrap_or(line))
        .copied()
        .collect();
    let mut jpeg = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .encode(&packed, out_width, out_height, image::ExtendedColorType::Rgb8)
        .map_err(|error| error.to_string())?;
    Ok((jpeg.into_inner(), (out_width, out_height)))
}

/// Puts classes and functions into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<NvDsObjEncUsrArgs>()?;
    module.add_class::<NvDsObjEncOutParams>()?;
    module.add_class::<ObjEncContext>()?;
    module.add_function(wrap_pyfunction!(nvds_obj_enc_create_context, module)?)?;
    module.add_function(wrap_pyfunction!(nvds_obj_enc_process, module)?)?;
    module.add_function(wrap_pyfunction!(nvds_obj_enc_finish, module)?)?;
    module.add_function(wrap_pyfunction!(nvds_obj_enc_destroy_context, module)?)
}
