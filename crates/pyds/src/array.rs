//! Fixed arrays of numbers: `misc_…_info`, `reserved`.
//!
//! Where NumPy is there, Python gets an array of NumPy that looks at the numbers themselves; else a sequence that does.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList};

use crate::core::tree::Id;
use crate::extras::{self, Slots};
use crate::session::Session;
use crate::value::read_field;

/// Which of the arrays that frames, objects and batches have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    Misc,
    Reserved,
}

/// NumPy, if it is there.
pub(crate) fn numpy(py: Python<'_>) -> Option<&Bound<'_, PyModule>> {
    static NUMPY: PyOnceLock<Option<Py<PyModule>>> = PyOnceLock::new();
    NUMPY.get_or_init(py, || py.import("numpy").ok().map(Bound::unbind)).as_ref().map(|numpy| numpy.bind(py))
}

/// Numbers of a fixed array.
#[pyclass(frozen, weakref, module = "pyds")]
pub(crate) struct IntArray(Arc<Slots>);

#[pymethods]
impl IntArray {
    fn __len__(&self) -> usize {
        self.0.0.len()
    }

    fn __getitem__(&self, py: Python<'_>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Ok(self.tolist(py)?.as_any().get_item(index)?.unbind())
    }

    fn __setitem__(&self, index: isize, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = read_field::<i32>(value, "array element")?;
        let len = self.0.0.len() as isize;
        let index = if index < 0 { index + len } else { index };
        let slot = usize::try_from(index).ok().and_then(|index| self.0.0.get(index));
        let slot = slot.ok_or_else(|| PyIndexError::new_err("index out of range"))?;
        slot.store(value, Ordering::Relaxed);
        Ok(())
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let other = match other.cast::<Self>() {
            Ok(other) => other.get().tolist(py)?.into_any(),
            Err(_) => other.clone(),
        };
        self.tolist(py)?.as_any().eq(other)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.tolist(py)?.to_string())
    }

    /// The numbers.
    fn tolist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.0.iter().map(|slot| slot.load(Ordering::Relaxed)))
    }

    /// How NumPy looks at them.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("shape", (self.0.0.len(),))?;
        interface.set_item("typestr", if cfg!(target_endian = "little") { "<i4" } else { ">i4" })?;
        interface.set_item("data", (self.0.0.as_ptr() as usize, false))?;
        Ok(interface)
    }
}

/// What Python gets for an array.
pub(crate) fn view(py: Python<'_>, slots: Arc<Slots>) -> PyResult<Py<PyAny>> {
    let array = Py::new(py, IntArray(slots))?;
    match numpy(py) {
        Some(numpy) => Ok(numpy.call_method1("asarray", (array,))?.unbind()),
        None => Ok(array.into_any()),
    }
}

/// Sets all numbers of an array.
pub(crate) fn write(value: &Bound<'_, PyAny>, slots: &Slots) -> PyResult<()> {
    let numbers = value.try_iter()?.map(|number| read_field::<i32>(&number?, "array element"));
    let numbers = numbers.collect::<PyResult<Vec<_>>>()?;
    if numbers.len() != slots.0.len() {
        return Err(PyValueError::new_err(format!(
            "must be {} numbers, not {}",
            slots.0.len(),
            numbers.len()
        )));
    }
    for (slot, number) in slots.0.iter().zip(numbers) {
        slot.store(number, Ordering::Relaxed);
    }
    Ok(())
}

fn slots(py: Python<'_>, session: &Session, owner: Id, field: Field) -> PyResult<Arc<Slots>> {
    session.with(py, |tree, model| {
        let user = model.user(tree, owner)?;
        let pick = |extras: &extras::Extras| match field {
            Field::Misc => extras.misc.clone(),
            Field::Reserved => extras.reserved.clone(),
        };
        if let Some(slots) = extras::get(user).and_then(pick) {
            return Ok(slots);
        }
        Ok(extras::change(user, |extras| {
            let slots = match field {
                Field::Misc => &mut extras.misc,
                Field::Reserved => &mut extras.reserved,
            };
            Arc::clone(slots.get_or_insert_default())
        }))
    })
}

/// An array of a batch, frame or object.
pub(crate) fn get(py: Python<'_>, session: &Session, owner: Id, field: Field) -> PyResult<Py<PyAny>> {
    view(py, slots(py, session, owner, field)?)
}

/// Sets an array of a batch, frame or object.
pub(crate) fn set(value: &Bound<'_, PyAny>, session: &Session, owner: Id, field: Field) -> PyResult<()> {
    write(value, &*slots(value.py(), session, owner, field)?)
}
