//! Lists, as programs walk them: each node knows its data and the next node.

use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;

use crate::core::tree::{Id, Kind};
use crate::core::{self, edit};
use crate::session::Session;
use crate::value::{hash, wrong_class};

/// A node of a list.
#[pyclass(frozen, weakref, module = "pyds")]
pub(crate) struct GList(Node);

enum Node {
    /// Of a list in a buffer; the node of an item is found by the item.
    Item { session: Arc<Session>, id: Id, kind: Kind },
    /// Of a list of objects as it was when it was asked for.
    Object(Arc<[Py<PyAny>]>, usize),
    /// Of no list.
    Empty,
}

impl GList {
    /// The first node of a list; `None` if the list is empty.
    pub(crate) fn first(
        py: Python<'_>,
        session: &Arc<Session>,
        owner: Id,
        kind: Kind,
    ) -> PyResult<Option<Self>> {
        let first = session.with(py, |tree, model| Ok(tree.list(owner, kind, model)?.first().copied()))?;
        Ok(first.map(|id| Self(Node::Item { session: Arc::clone(session), id, kind })))
    }

    /// The first node of a list of `objects`; `None` if there are none.
    pub(crate) fn of_objects(objects: Vec<Py<PyAny>>) -> Option<Self> {
        (!objects.is_empty()).then(|| Self(Node::Object(objects.into(), 0)))
    }

    /// The buffer that it is a list of, the item at this node and its kind.
    pub(crate) fn item(&self) -> Option<(&Arc<Session>, Id, Kind)> {
        match &self.0 {
            Node::Item { session, id, kind } => Some((session, *id, *kind)),
            _ => None,
        }
    }

    fn step(&self, py: Python<'_>, forward: bool) -> PyResult<Option<Self>> {
        Ok(match &self.0 {
            Node::Item { session, id, kind } => session
                .with(py, |tree, _| Ok(tree.neighbour(*id, forward)))?
                .map(|id| Self(Node::Item { session: Arc::clone(session), id, kind: *kind })),
            Node::Object(objects, index) => {
                let index = if forward { index.checked_add(1) } else { index.checked_sub(1) };
                index
                    .filter(|index| *index < objects.len())
                    .map(|index| Self(Node::Object(Arc::clone(objects), index)))
            }
            Node::Empty => None,
        })
    }

    fn address(&self) -> u64 {
        match &self.0 {
            Node::Item { session, id, .. } => session.address(*id),
            Node::Object(objects, index) => objects.as_ptr() as u64 + *index as u64,
            Node::Empty => 0,
        }
    }
}

#[pymethods]
impl GList {
    #[new]
    fn new() -> Self {
        Self(Node::Empty)
    }

    /// The node itself.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        pointer.cast::<Self>().map(|node| node.clone().unbind()).map_err(|_| wrong_class(pointer, "GList"))
    }

    /// What is at this node.
    #[getter]
    pub(crate) fn data(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match &self.0 {
            Node::Item { session, id, kind } => {
                session.with(py, |tree, _| tree.node(*id, *kind).map(drop))?;
                core::handle_of(py, session, *id, *kind)
            }
            Node::Object(objects, index) => objects
                .get(*index)
                .map(|object| object.clone_ref(py))
                .ok_or_else(|| PyIndexError::new_err("the list ends before")),
            Node::Empty => Ok(py.None()),
        }
    }

    /// The next node; `None` at the end.
    #[getter]
    pub(crate) fn next(&self, py: Python<'_>) -> PyResult<Option<Self>> {
        self.step(py, true)
    }

    /// The node before; `None` at the start.
    #[getter]
    fn prev(&self, py: Python<'_>) -> PyResult<Option<Self>> {
        self.step(py, false)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().address() == self.address())
    }

    fn __hash__(&self) -> isize {
        hash(self.address())
    }

    /// What is at this node and behind it. Items may be removed meanwhile.
    fn __iter__(slf: Bound<'_, Self>) -> Walk {
        Walk(std::sync::Mutex::new(Some(slf.unbind())))
    }
}

/// A walk along a list.
#[pyclass(frozen, module = "pyds")]
struct Walk(std::sync::Mutex<Option<Py<GList>>>);

#[pymethods]
impl Walk {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let node = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(node) = node else { return Ok(None) };
        let node = node.get();
        let data = node.data(py)?;
        let next = node.next(py)?.map(|next| Py::new(py, next)).transpose()?;
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = next;
        Ok(Some(data))
    }
}

/// Assigns to an attribute that is a list: `None` empties it, the list itself changes nothing.
pub(crate) fn assign(
    value: &Bound<'_, PyAny>,
    session: &Arc<Session>,
    owner: Id,
    kind: Kind,
) -> PyResult<()> {
    let py = value.py();
    if value.is_none() {
        return edit::clear(py, session, owner, kind);
    }
    let own = GList::first(py, session, owner, kind)?;
    match value.cast::<GList>() {
        Ok(list) if own.is_some_and(|own| own.address() == list.get().address()) => Ok(()),
        _ => Err(PyTypeError::new_err(
            "a list of metadata can be set to None only; use the nvds_add_… functions",
        )),
    }
}

/// Puts the class into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<GList>()
}
