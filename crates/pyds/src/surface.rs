//! Pixels of frames, as arrays that look at the buffer's memory.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use slipstream_buffer::meta::BatchPicture;

use crate::array::numpy;
use crate::session::Session;
use crate::value::read_field;

/// What DeepStream says where the pixels are not in a format that NumPy could look at.
const FORMAT_ERROR: &str = "get_nvds_buf_Surface: Currently we only support RGBA/RGB color Format";

/// Bytes of a pixel in the formats that NumPy can look at.
fn channels(format: gst_video::VideoFormat) -> Option<usize> {
    match format {
        gst_video::VideoFormat::Rgba => Some(4),
        gst_video::VideoFormat::Rgb => Some(3),
        _ => None,
    }
}

/// How the pixels of a picture lie in its memory.
struct Layout {
    width: usize,
    height: usize,
    channels: usize,
    stride: usize,
    offset: usize,
}

impl Layout {
    fn new(format: gst_video::VideoFormat, size: (u32, u32), stride: i32, offset: usize) -> PyResult<Self> {
        let channels = channels(format).ok_or_else(|| PyRuntimeError::new_err(FORMAT_ERROR))?;
        let (width, height) = (size.0 as usize, size.1 as usize);
        let stride = usize::try_from(stride).unwrap_or(0);
        if width == 0 || height == 0 || stride < width * channels {
            return Err(PyRuntimeError::new_err(format!(
                "a picture of {width}x{height} pixels cannot have rows of {stride} bytes"
            )));
        }
        Ok(Self { width, height, channels, stride, offset })
    }

    /// Bytes from the start of the memory to the end of the last row.
    fn end(&self) -> usize {
        self.offset + self.stride * (self.height - 1) + self.width * self.channels
    }

    /// The layout that a buffer says itself, or else that of `info`, or else the one of a picture of `size` that is exactly as
    /// large as the buffer.
    fn of(
        buffer: &gst::Buffer,
        info: Option<&gst_video::VideoInfo>,
        size: Option<(u32, u32)>,
    ) -> PyResult<Self> {
        if let Some(meta) = buffer.meta::<gst_video::VideoMeta>() {
            let stride = meta.stride().first().copied().unwrap_or(0);
            let offset = meta.offset().first().copied().unwrap_or(0);
            return Self::new(meta.format(), (meta.width(), meta.height()), stride, offset);
        }
        let plain = |format| {
            let info = gst_video::VideoInfo::builder(format, size?.0, size?.1).build().ok()?;
            (info.size() == buffer.size()).then_some(info)
        };
        let plain = || plain(gst_video::VideoFormat::Rgba).or_else(|| plain(gst_video::VideoFormat::Rgb));
        let info = info.cloned().or_else(plain).ok_or_else(|| PyRuntimeError::new_err(FORMAT_ERROR))?;
        let stride = info.stride().first().copied().unwrap_or(0);
        let offset = info.offset().first().copied().unwrap_or(0);
        Self::new(info.format(), (info.width(), info.height()), stride, offset)
    }
}

/// Memory of a buffer, mapped.
struct Mapped {
    /// Keeps the memory away from its pool.
    _buffer: gst::Buffer,
    memory: gst::Memory,
    info: gst::ffi::GstMapInfo,
    writable: bool,
}

// SAFETY: the mapping belongs to the memory, which may be used from any thread; the pointers in it are not followed here.
unsafe impl Send for Mapped {}
// SAFETY: as above; nothing is changed through a shared reference.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// Maps the memory of a buffer, for writing too if nobody else has it in a buffer of theirs.
    fn new(buffer: &gst::Buffer, writing: bool) -> Option<Self> {
        if buffer.n_memory() != 1 {
            return None;
        }
        let memory = buffer.memory(0)?;
        let flags = gst::ffi::GST_MAP_READ | if writing { gst::ffi::GST_MAP_WRITE } else { 0 };
        let mut info = std::mem::MaybeUninit::uninit();
        // SAFETY: the memory is alive, and `info` is filled where mapping succeeds.
        let info = unsafe {
            if gst::ffi::gst_memory_map(memory.as_mut_ptr(), info.as_mut_ptr(), flags) == 0 {
                return None;
            }
            info.assume_init()
        };
        Some(Self { _buffer: buffer.clone(), memory, info, writable: writing })
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, unmapped once.
        unsafe { gst::ffi::gst_memory_unmap(self.memory.as_mut_ptr(), &raw mut self.info) };
    }
}

/// Pixels of a picture: what an array of NumPy looks at, and what keeps them there.
#[pyclass(frozen, module = "pyds")]
struct Pixels {
    mapped: Mapped,
    layout: Layout,
}

#[pymethods]
impl Pixels {
    /// How NumPy looks at them.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Layout { width, height, channels, stride, offset } = self.layout;
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("shape", PyTuple::new(py, [height, width, channels])?)?;
        interface.set_item("strides", PyTuple::new(py, [stride, channels, 1])?)?;
        interface.set_item("typestr", "|u1")?;
        interface.set_item("data", (self.mapped.info.data as usize + offset, !self.mapped.writable))?;
        Ok(interface)
    }
}

/// The picture of a frame: with its metadata, or the buffer itself.
pub(crate) fn find(
    py: Python<'_>,
    session: &Session,
    index: u32,
) -> PyResult<(gst::Buffer, Option<gst_video::VideoInfo>)> {
    let picture = session.with(py, |_, model| {
        let pictures = &model.content.pictures;
        if pictures.is_empty() {
            return Ok(None);
        }
        pictures.get(index as usize).cloned().map(Some).ok_or_else(|| {
            PyRuntimeError::new_err(format!(
                "get_nvds_buf_Surface: there is no picture {index}, the batch has {}",
                pictures.len()
            ))
        })
    })?;
    Ok(match picture {
        Some(BatchPicture { buffer, info }) => (buffer, Some(info)),
        None => (session.buffer().clone(), None),
    })
}

/// The size of the picture that the metadata describes: what its frames cover.
fn described_size(py: Python<'_>, session: &Session) -> PyResult<Option<(u32, u32)>> {
    session.with(py, |_, model| {
        let meta = &model.content.meta;
        let tiles = meta.sources.iter().filter_map(|source| source.viewport);
        let parts = meta.frames.iter().map(|frame| frame.viewport).chain(tiles);
        let far = parts.map(|part| (part.right(), part.bottom())).reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)));
        Ok(far.map(|(width, height)| (width.round() as u32, height.round() as u32)))
    })
}

fn open(buf: &Bound<'_, PyAny>) -> PyResult<std::sync::Arc<Session>> {
    let address = read_field::<u64>(buf, "buf")?;
    Session::find(buf.py(), address as usize)?.ok_or_else(|| {
        PyRuntimeError::new_err("get_nvds_buf_Surface: no buffer with batch metadata is at this address")
    })
}

/// The pixels of a frame as an array of height × width × 4 (RGBA) or 3 (RGB) bytes, which may be written to.
#[pyfunction]
#[pyo3(signature = (buf, batchID))]
#[allow(non_snake_case, reason = "DeepStream's name")]
fn get_nvds_buf_surface(buf: &Bound<'_, PyAny>, batchID: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = buf.py();
    let index = read_field::<u32>(batchID, "batchID")?;
    let session = open(buf)?;
    let (mut buffer, mut info) = find(py, &session, index)?;
    if let Some(given) = info.as_ref().filter(|info| channels(info.format()).is_some())
        && let Some((scaled, described)) = in_size_of_frame(py, &session, index, &buffer, given)?
    {
        (buffer, info) = (scaled, Some(described));
    }
    let size = if info.is_none() { described_size(py, &session)? } else { None };
    let layout = Layout::of(&buffer, info.as_ref(), size)?;
    let numpy = numpy(py).ok_or_else(|| {
        PyRuntimeError::new_err("get_nvds_buf_surface gives an array of NumPy, which is not installed")
    })?;
    let mapped = match (Mapped::new(&buffer, true), &info) {
        (Some(mapped), _) => Some(mapped),
        // Others show the same pixels: the batch gets its own ones, as for every change to a picture that is shared.
        (None, Some(info)) => match own_picture(py, &session, index, &buffer, info)? {
            Some(copy) => Mapped::new(&copy, true),
            None => Mapped::new(&buffer, false),
        },
        (None, None) => Mapped::new(&buffer, false),
    };
    let mapped =
        mapped.ok_or_else(|| PyRuntimeError::new_err("get_nvds_buf_Surface: cannot map the picture"))?;
    if layout.end() > mapped.info.size {
        return Err(PyRuntimeError::new_err(format!(
            "get_nvds_buf_Surface: the picture needs {} bytes, its memory has {}",
            layout.end(),
            mapped.info.size
        )));
    }
    let pixels = Py::new(py, Pixels { mapped, layout })?;
    Ok(numpy.call_method1("asarray", (pixels,))?.unbind())
}

/// A picture, or the part of it that `config` names, as another picture.
pub(crate) fn convert(
    buffer: &gst::Buffer,
    info: &gst_video::VideoInfo,
    target: &gst_video::VideoInfo,
    config: Option<gst_video::VideoConverterConfig>,
) -> Result<gst::Buffer, String> {
    let converter =
        gst_video::VideoConverter::new(info, target, config).map_err(|error| error.to_string())?;
    let source = gst_video::VideoFrame::from_buffer_readable(buffer.clone(), info)
        .map_err(|_| "the picture cannot be read".to_owned())?;
    let result = gst::Buffer::with_size(target.size()).map_err(|error| error.to_string())?;
    let mut result =
        gst_video::VideoFrame::from_buffer_writable(result, target).map_err(|_| "no memory".to_owned())?;
    converter.frame(&source, &mut result);
    Ok(result.into_buffer())
}

/// Brings a picture into the size that positions on its frame are in, as DeepStream's multiplexer does with all of them;
/// `None` if it has that size, or has bands at its sides.
fn in_size_of_frame(
    py: Python<'_>,
    session: &Session,
    index: u32,
    known: &gst::Buffer,
    info: &gst_video::VideoInfo,
) -> PyResult<Option<(gst::Buffer, gst_video::VideoInfo)>> {
    let viewport = session
        .with(py, |_, model| Ok(model.content.meta.frames.get(index as usize).map(|frame| frame.viewport)))?;
    let size = viewport
        .filter(|part| part.left == 0.0 && part.top == 0.0)
        .map(|part| (part.width.round() as u32, part.height.round() as u32))
        .filter(|size| *size != (info.width(), info.height()) && size.0 > 0 && size.1 > 0);
    let Some((width, height)) = size else { return Ok(None) };
    let failed = |error: String| PyRuntimeError::new_err(format!("get_nvds_buf_Surface: {error}"));
    let target = gst_video::VideoInfo::builder(info.format(), width, height)
        // The converter wants to hear that it is not asked to change the rate.
        .fps(info.fps())
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let scaled = py.detach(|| convert(known, info, &target, None)).map_err(failed)?;
    let scaled = BatchPicture { buffer: scaled, info: target };
    Ok(replace(py, session, index, known, scaled)?.map(|picture| (picture.buffer, picture.info)))
}

/// Gives the batch pixels of its own for a picture, if it still is the one that is known.
fn own_picture(
    py: Python<'_>,
    session: &Session,
    index: u32,
    known: &gst::Buffer,
    info: &gst_video::VideoInfo,
) -> PyResult<Option<gst::Buffer>> {
    let Ok(copy) = known.copy_deep() else { return Ok(None) };
    let copy = BatchPicture { buffer: copy, info: info.clone() };
    Ok(replace(py, session, index, known, copy)?.map(|picture| picture.buffer))
}

/// Puts another picture into the batch, if it still has the one that is known.
fn replace(
    py: Python<'_>,
    session: &Session,
    index: u32,
    known: &gst::Buffer,
    by: BatchPicture,
) -> PyResult<Option<BatchPicture>> {
    session.with(py, |_, model| {
        Ok(match model.content.pictures.get_mut(index as usize) {
            Some(picture) if picture.buffer.as_ptr() == known.as_ptr() => {
                *picture = by.clone();
                Some(by)
            }
            _ => None,
        })
    })
}

/// Kept for programs that unmap what they mapped: an array holds its pixels as long as it lives.
#[pyfunction]
#[pyo3(signature = (buf, batchID))]
#[allow(non_snake_case, reason = "DeepStream's name")]
fn unmap_nvds_buf_surface(buf: &Bound<'_, PyAny>, batchID: &Bound<'_, PyAny>) -> PyResult<()> {
    read_field::<u32>(batchID, "batchID")?;
    open(buf).map(drop)
}

/// There is no memory of a GPU here.
#[pyfunction]
#[pyo3(signature = (buf, batchID))]
#[allow(non_snake_case, reason = "DeepStream's name")]
fn get_nvds_buf_surface_gpu(buf: &Bound<'_, PyAny>, batchID: &Bound<'_, PyAny>) -> PyResult<()> {
    let _ = (buf, batchID);
    Err(PyRuntimeError::new_err(
        "get_nvds_buf_surface_gpu: pictures are in system memory; use get_nvds_buf_surface",
    ))
}

/// Puts the functions into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(get_nvds_buf_surface, module)?)?;
    module.add_function(wrap_pyfunction!(unmap_nvds_buf_surface, module)?)?;
    module.add_function(wrap_pyfunction!(get_nvds_buf_surface_gpu, module)?)
}
