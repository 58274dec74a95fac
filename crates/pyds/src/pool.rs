//! Pools: what of a batch's metadata is in use.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::array;
use crate::core::batch::capacity;
use crate::core::tree::{BATCH, Id, Kind, Model, Tree};
use crate::core::{self};
use crate::enumeration::Enumeration;
use crate::enums::NvDsMetaType;
use crate::glist::GList;
use crate::session::Session;
use crate::value::hash;

/// By how many elements a pool grows that is empty.
const GROWTH: usize = 64;

/// The elements of one kind that a batch has.
#[pyclass(frozen, module = "pyds")]
pub(crate) struct NvDsMetaPool(Option<(Arc<Session>, Kind)>);

impl NvDsMetaPool {
    pub(crate) fn of(session: Arc<Session>, kind: Kind) -> Self {
        Self(Some((session, kind)))
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        self.0.as_ref().map(|(_, kind)| *kind)
    }

    /// The elements in use.
    fn full(&self, py: Python<'_>) -> PyResult<Vec<Id>> {
        let Some((session, kind)) = &self.0 else { return Ok(Vec::new()) };
        session.with(py, |tree, model| full(tree, model, *kind))
    }

    fn size(&self, py: Python<'_>) -> PyResult<usize> {
        let Some((session, kind)) = &self.0 else { return Ok(0) };
        let full = self.full(py)?.len();
        if *kind == Kind::Frame {
            let capacity = session.with(py, |_, model| Ok(capacity(&model.content.meta)))?;
            return Ok(full.max(capacity as usize));
        }
        Ok(full.max(1).next_multiple_of(GROWTH))
    }
}

/// All elements of a kind: those in lists, then those that were taken from the pool and are in none.
fn full(tree: &mut Tree, model: &mut Model<'_>, kind: Kind) -> PyResult<Vec<Id>> {
    let frames = tree.list(BATCH, Kind::Frame, model)?.to_vec();
    let mut found = Vec::new();
    let collect = |tree: &mut Tree, model: &mut Model<'_>, owners: &[Id], kind| -> PyResult<Vec<Id>> {
        let mut all = Vec::new();
        for owner in owners {
            all.extend_from_slice(tree.list(*owner, kind, model)?);
        }
        Ok(all)
    };
    match kind {
        Kind::Frame => found = frames,
        Kind::Object | Kind::Display => found = collect(tree, model, &frames, kind)?,
        Kind::Classifier | Kind::Label => {
            let objects = collect(tree, model, &frames, Kind::Object)?;
            found = collect(tree, model, &objects, Kind::Classifier)?;
            if kind == Kind::Label {
                found = collect(tree, model, &found, kind)?;
            }
        }
        Kind::User => {
            let objects = collect(tree, model, &frames, Kind::Object)?;
            for owners in [&[BATCH][..], &frames, &objects] {
                found.extend(collect(tree, model, owners, kind)?);
            }
        }
        Kind::Batch => {}
    }
    found.extend(tree.in_pool(kind).filter(|id| *id != BATCH));
    Ok(found)
}

/// Bytes of an element.
fn element_size(kind: Kind) -> usize {
    match kind {
        Kind::Batch => size_of::<slipstream_meta::BatchMeta>(),
        Kind::Frame => size_of::<slipstream_meta::FrameMeta>(),
        Kind::Object => size_of::<slipstream_meta::ObjectMeta>(),
        Kind::Classifier => size_of::<core::classifier::Classifier>(),
        Kind::Label => size_of::<core::classifier::LabelValue>(),
        Kind::Display => size_of::<core::display::DisplayValue>(),
        Kind::User => size_of::<slipstream_meta::UserMeta>(),
    }
}

#[pymethods]
impl NvDsMetaPool {
    #[new]
    fn new() -> Self {
        Self(None)
    }

    /// The pool itself.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        let pool = pointer.cast::<Self>().map(|pool| pool.clone().unbind());
        pool.map_err(|_| crate::value::wrong_class(pointer, "NvDsMetaPool"))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| match (&self.0, &other.get().0) {
            (Some((a, kind)), Some((b, other))) => Arc::ptr_eq(a, b) && kind == other,
            _ => false,
        })
    }

    fn __hash__(&self) -> isize {
        self.0.as_ref().map_or(0, |(session, kind)| hash(session.address(BATCH) + 1 + *kind as u64))
    }

    #[getter]
    fn meta_type(&self) -> NvDsMetaType {
        NvDsMetaType::of(match self.kind() {
            Some(Kind::Batch) => 1,
            Some(Kind::Frame) => 2,
            Some(Kind::Object) => 3,
            Some(Kind::Display) => 4,
            Some(Kind::Classifier) => 5,
            Some(Kind::Label) => 6,
            Some(Kind::User) => 7,
            None => -1,
        })
    }

    /// Elements of the pool; it grows when there are none left.
    #[getter]
    fn max_elements_in_pool(&self, py: Python<'_>) -> PyResult<usize> {
        self.size(py)
    }

    /// Bytes of an element.
    #[getter]
    fn element_size(&self) -> usize {
        self.kind().map_or(0, element_size)
    }

    #[getter]
    fn num_empty_elements(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.size(py)?.saturating_sub(self.full(py)?.len()))
    }

    #[getter]
    fn num_full_elements(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.full(py)?.len())
    }

    /// Elements that nobody uses: there is nothing to see of them, so the data of each node is `None`.
    #[getter]
    fn empty_list(&self, py: Python<'_>) -> PyResult<Option<GList>> {
        let empty = self.num_empty_elements(py)?;
        Ok(GList::of_objects((0..empty).map(|_| py.None()).collect()))
    }

    /// The elements in use, as they are now.
    #[getter]
    fn full_list(&self, py: Python<'_>) -> PyResult<Option<GList>> {
        let Some((session, kind)) = &self.0 else { return Ok(None) };
        let handles = self.full(py)?.into_iter().map(|id| core::handle_of(py, session, id, *kind));
        Ok(GList::of_objects(handles.collect::<PyResult<_>>()?))
    }
}

/// Puts the classes into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<NvDsMetaPool>()?;
    module.add_class::<array::IntArray>()
}
