//! What all metadata has in common, and how handles are made and cast.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::batch::NvDsBatchMeta;
use super::tree::{BATCH, Id, Kind};
use super::user::{NvDsUserMeta, PyUser, read_kind};
use crate::enumeration::Enumeration;
use crate::enums::NvDsMetaType;
use crate::session::Session;
use crate::value::{Field, Pointee, hash};

/// Whose base something is.
pub(crate) enum Owner {
    /// Something in a buffer.
    Item(Arc<Session>, Id),
    /// User metadata in no buffer.
    User(Arc<PyUser>),
    /// Nothing.
    None,
}

/// What all metadata has in common.
#[pyclass(frozen, module = "pyds")]
pub(crate) struct NvDsBaseMeta {
    owner: Owner,
}

impl NvDsBaseMeta {
    pub(crate) fn new_for(owner: Owner) -> Self {
        Self { owner }
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The user metadata that it is the base of.
    fn user(&self, py: Python<'_>) -> PyResult<Option<NvDsUserMeta>> {
        Ok(match &self.owner {
            Owner::User(user) => Some(NvDsUserMeta::loose(Arc::clone(user))),
            Owner::Item(session, id) => (kind(py, session, *id)? == Some(Kind::User))
                .then(|| NvDsUserMeta::at(Arc::clone(session), *id)),
            Owner::None => None,
        })
    }

    fn address(&self) -> u64 {
        match &self.owner {
            Owner::Item(session, id) => session.address(*id),
            Owner::User(user) => Arc::as_ptr(user) as u64,
            Owner::None => std::ptr::from_ref(self) as u64,
        }
    }
}

/// What kind of thing has a number.
pub(crate) fn kind(py: Python<'_>, session: &Session, id: Id) -> PyResult<Option<Kind>> {
    session.with(py, |tree, _| Ok(tree.get(id).map(super::tree::Node::kind)))
}

/// Names of notes.
const META_TYPE: &str = "meta_type";
const CONTEXT: &str = "uContext";

#[pymethods]
impl NvDsBaseMeta {
    #[new]
    fn new() -> Self {
        Self { owner: Owner::None }
    }

    /// What `pointer` points at.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        if let Ok(base) = pointer.cast::<Self>() {
            return Ok(base.clone().unbind());
        }
        // All metadata starts with its base.
        match pointer.extract::<u64>() {
            Ok(address) => {
                let handle = Session::handle_at(pointer.py(), address)?;
                let handle = handle.ok_or_else(|| crate::address::unknown(address))?;
                super::base_of(handle.bind(pointer.py()))
            }
            Err(_) => super::base_of(pointer),
        }
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

    #[getter]
    fn batch_meta(&self) -> Option<NvDsBatchMeta> {
        match &self.owner {
            Owner::Item(session, _) => Some(NvDsBatchMeta::at(Arc::clone(session))),
            _ => None,
        }
    }

    #[setter]
    fn set_batch_meta(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        // Programs set it to what it is already.
        if value.is_none() || value.cast::<NvDsBatchMeta>().is_ok() {
            return Ok(());
        }
        Err(PyTypeError::new_err("NvDsBaseMeta.batch_meta: must be NvDsBatchMeta"))
    }

    #[getter]
    fn meta_type(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if let Some(user) = self.user(py)? {
            return Ok(Py::new(py, NvDsMetaType::of(user.kind(py)?.into()))?.into_any());
        }
        let Owner::Item(session, id) = &self.owner else {
            return Ok(Py::new(py, NvDsMetaType::of(0))?.into_any());
        };
        if let Some(note) = session.note(py, *id, META_TYPE) {
            return Ok(note);
        }
        let number = match kind(py, session, *id)? {
            Some(Kind::Batch) => 1,
            Some(Kind::Frame) => 2,
            Some(Kind::Object) => 3,
            Some(Kind::Display) => 4,
            Some(Kind::Classifier) => 5,
            Some(Kind::Label) => 6,
            Some(Kind::User) | None => 7,
        };
        Ok(Py::new(py, NvDsMetaType::of(number))?.into_any())
    }

    #[setter]
    fn set_meta_type(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        let number = read_kind(value)?;
        if let Some(user) = self.user(py)? {
            return user.set_kind(py, number);
        }
        if let Owner::Item(session, id) = &self.owner {
            let note = Py::new(py, NvDsMetaType::of(number.into()))?.into_any();
            session.set_note(*id, META_TYPE, Some(note));
        }
        Ok(())
    }

    #[getter(uContext)]
    fn context(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if let Some(Ok(user)) = self.user(py)?.map(|user| user.python(py)) {
            let context = user.state().context.clone();
            return context.show(py, &crate::address::Strings::default());
        }
        Ok(match &self.owner {
            Owner::Item(session, id) => session.note(py, *id, CONTEXT).unwrap_or_else(|| py.None()),
            _ => py.None(),
        })
    }

    #[setter(uContext)]
    fn set_context(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        if let Some(Ok(user)) = self.user(py)?.map(|user| user.python(py)) {
            let context = Pointee::read(value)?;
            let old = std::mem::replace(&mut user.state().context, context);
            drop(old);
            return Ok(());
        }
        if let Owner::Item(session, id) = &self.owner {
            session.set_note(*id, CONTEXT, Some(value.clone().unbind()));
        }
        Ok(())
    }
}

/// Something that Python can pass around and compare, but not look into.
#[pyclass(frozen, weakref, module = "pyds")]
pub(crate) struct Pointer {
    what: &'static str,
    address: u64,
}

impl Pointer {
    pub(crate) fn new(what: &'static str, address: u64) -> Self {
        Self { what, address }
    }
}

#[pymethods]
impl Pointer {
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().address == self.address)
    }

    fn __hash__(&self) -> isize {
        hash(self.address)
    }

    fn __int__(&self) -> u64 {
        self.address
    }

    fn __repr__(&self) -> String {
        format!("<pyds.Pointer to {}>", self.what)
    }
}

/// The lock of a batch's metadata, as an attribute.
#[pyclass(frozen, module = "pyds")]
pub(crate) struct GRecMutex(Arc<Session>);

impl GRecMutex {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self(session)
    }
}

#[pymethods]
impl GRecMutex {
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| Arc::ptr_eq(&other.get().0, &self.0))
    }

    fn __hash__(&self) -> isize {
        hash(self.0.address(BATCH))
    }
}
