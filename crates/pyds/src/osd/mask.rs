//! Masks of instance segmentation.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use slipstream_meta::{Mask, Size};

use crate::array::numpy;
use crate::core::object::MASK_OFFSET;
use crate::core::tree::Id;
use crate::session::Session;
use crate::value::{hash, next_address, read_field, wrong_class};

/// Bytes of a value of a mask.
const VALUE_SIZE: u32 = size_of::<f32>() as u32;
/// Most bytes that a mask may have: more than one for each pixel of the largest pictures.
const LARGEST: u32 = 1 << 30;

/// Where a mask is.
pub(crate) enum MaskAt {
    /// That of an object.
    Object(Arc<Session>, Id),
    /// In memory of its own.
    Own(u64, Mutex<MaskValue>),
}

/// A mask as DeepStream has it: its size in bytes may be set before its values are there.
#[derive(Debug, Clone)]
pub(crate) struct MaskValue {
    mask: Mask,
    size: u32,
}

impl MaskValue {
    fn of(mask: Option<&Mask>) -> Self {
        let empty = || Mask { size: Size::default(), data: Arc::new([]), threshold: 0.0 };
        let mask = mask.cloned().unwrap_or_else(empty);
        Self { size: mask.data.len() as u32 * VALUE_SIZE, mask }
    }
}

/// Which pixels of an object's box belong to it.
#[pyclass(frozen, weakref, module = "pyds")]
#[allow(non_camel_case_types, reason = "DeepStream's name")]
pub(crate) struct NvOSD_MaskParams {
    at: MaskAt,
}

/// Name of a note: a size that was set before there are values.
const SIZE: &str = "mask size";

impl NvOSD_MaskParams {
    pub(crate) fn at(at: MaskAt) -> Self {
        Self { at }
    }

    fn read(&self, py: Python<'_>) -> PyResult<MaskValue> {
        match &self.at {
            MaskAt::Own(_, value) => Ok(value.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            MaskAt::Object(session, id) => {
                let mut value = session
                    .with(py, |tree, model| Ok(MaskValue::of(model.object(tree, *id)?.mask.as_ref())))?;
                if value.size == 0
                    && let Some(size) = session.note(py, *id, SIZE)
                {
                    value.size = size.extract(py)?;
                }
                Ok(value)
            }
        }
    }

    fn change(&self, py: Python<'_>, change: impl FnOnce(&mut MaskValue)) -> PyResult<()> {
        match &self.at {
            MaskAt::Own(_, value) => change(&mut value.lock().unwrap_or_else(PoisonError::into_inner)),
            MaskAt::Object(session, id) => {
                let mut value = self.read(py)?;
                change(&mut value);
                let note = value.size.into_pyobject(py)?.into_any().unbind();
                session.set_note(*id, SIZE, Some(note));
                session.with(py, |tree, model| {
                    model.object(tree, *id)?.mask = Some(value.mask);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// The mask for an object; `None` if there are no values.
    pub(crate) fn mask(&self, py: Python<'_>) -> PyResult<Option<Mask>> {
        let mask = self.read(py)?.mask;
        Ok((!mask.data.is_empty()).then_some(mask))
    }

    fn address(&self) -> u64 {
        match &self.at {
            MaskAt::Own(address, _) => *address,
            MaskAt::Object(session, id) => session.address(*id) + MASK_OFFSET,
        }
    }
}

#[pymethods]
impl NvOSD_MaskParams {
    #[new]
    fn new() -> Self {
        Self { at: MaskAt::Own(next_address(), Mutex::new(MaskValue::of(None))) }
    }

    /// The mask itself.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        let mask = pointer.cast::<Self>().map(|mask| mask.clone().unbind());
        mask.map_err(|_| wrong_class(pointer, "NvOSD_MaskParams"))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().address() == self.address())
    }

    fn __hash__(&self) -> isize {
        hash(self.address())
    }

    fn __int__(&self) -> u64 {
        self.address()
    }

    /// Bytes of the values.
    #[getter]
    fn size(&self, py: Python<'_>) -> PyResult<u32> {
        Ok(self.read(py)?.size)
    }

    #[setter]
    fn set_size(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let size = read_field(value, "NvOSD_MaskParams.size")?;
        self.change(value.py(), |value| value.size = size)
    }

    #[getter]
    fn threshold(&self, py: Python<'_>) -> PyResult<f32> {
        Ok(self.read(py)?.mask.threshold)
    }

    #[setter]
    fn set_threshold(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let threshold = read_field(value, "NvOSD_MaskParams.threshold")?;
        self.change(value.py(), |value| value.mask.threshold = threshold)
    }

    /// Columns.
    #[getter]
    fn width(&self, py: Python<'_>) -> PyResult<u32> {
        Ok(self.read(py)?.mask.size.width)
    }

    #[setter]
    fn set_width(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let width = read_field(value, "NvOSD_MaskParams.width")?;
        self.change(value.py(), |value| value.mask.size.width = width)
    }

    /// Rows.
    #[getter]
    fn height(&self, py: Python<'_>) -> PyResult<u32> {
        Ok(self.read(py)?.mask.size.height)
    }

    #[setter]
    fn set_height(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let height = read_field(value, "NvOSD_MaskParams.height")?;
        self.change(value.py(), |value| value.mask.size.height = height)
    }

    /// The values, as `get_mask_array` gives them; `None` if there are none.
    #[getter]
    fn data(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let data = self.read(py)?.mask.data;
        if data.is_empty() { Ok(None) } else { view(py, data).map(Some) }
    }

    #[setter]
    fn set_data(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut data = Vec::new();
        if !value.is_none() {
            for number in value.try_iter()? {
                data.push(read_field::<f32>(&number?, "NvOSD_MaskParams.data")?);
            }
        }
        self.change(value.py(), |value| {
            value.size = data.len() as u32 * VALUE_SIZE;
            value.mask.data = data.into();
        })
    }

    /// Makes room for `size` bytes of values, or for width × height of them where no size was set; the array is the mask's.
    fn alloc_mask_array(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let value = self.read(py)?;
        let Size { width, height } = value.mask.size;
        let cells = width.checked_mul(height).and_then(|cells| cells.checked_mul(VALUE_SIZE));
        let size = if value.size > 0 { Some(value.size) } else { cells };
        let size = size.filter(|size| *size <= LARGEST).ok_or_else(|| {
            PyValueError::new_err(format!("a mask of {width}x{height} values is larger than {LARGEST} bytes"))
        })?;
        let data: Arc<[f32]> = vec![0.0; (size / VALUE_SIZE) as usize].into();
        self.change(py, |value| {
            value.size = size;
            value.mask.data = Arc::clone(&data);
        })?;
        view(py, data)
    }

    /// The values, row by row, in one dimension.
    fn get_mask_array(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        view(py, self.read(py)?.mask.data)
    }
}

/// Values of a mask: NumPy looks at the values themselves.
#[pyclass(frozen, weakref, module = "pyds")]
pub(crate) struct FloatArray(Arc<[f32]>);

#[pymethods]
impl FloatArray {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __getitem__(&self, py: Python<'_>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(self.tolist(py)?.as_any().get_item(index)?.unbind())
    }

    /// The values.
    fn tolist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.iter())
    }

    /// How NumPy looks at them.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("shape", (self.0.len(),))?;
        interface.set_item("typestr", if cfg!(target_endian = "little") { "<f4" } else { ">f4" })?;
        interface.set_item("data", (self.0.as_ptr() as usize, false))?;
        Ok(interface)
    }
}

fn view(py: Python<'_>, data: Arc<[f32]>) -> PyResult<Py<PyAny>> {
    let array = Py::new(py, FloatArray(data))?;
    match numpy(py) {
        Some(numpy) => Ok(numpy.call_method1("asarray", (array,))?.unbind()),
        None => Ok(array.into_any()),
    }
}

/// Puts the classes into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<NvOSD_MaskParams>()?;
    module.add_class::<FloatArray>()
}
