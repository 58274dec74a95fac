//! Batches.

use std::sync::Arc;

use pyo3::prelude::*;
use slipstream_meta::BatchMeta;

use super::base::{GRecMutex, NvDsBaseMeta, Owner};
use super::tree::{BATCH, Kind};
use crate::array::{self, Field as Array};
use crate::extras;
use crate::glist::{self, GList};
use crate::pool::NvDsMetaPool;
use crate::session::Session;
use crate::value::{hash, read_field};

/// The metadata of a buffer.
#[pyclass(frozen, weakref, module = "pyds")]
pub(crate) struct NvDsBatchMeta {
    pub(crate) session: Arc<Session>,
}

/// Name of a note.
const NUM_FRAMES: &str = "num_frames_in_batch";

impl NvDsBatchMeta {
    pub(crate) fn at(session: Arc<Session>) -> Self {
        Self { session }
    }

    fn with<R>(&self, py: Python<'_>, work: impl FnOnce(&mut BatchMeta) -> R) -> PyResult<R> {
        self.session.with(py, |_, model| Ok(work(&mut model.content.meta)))
    }

    /// Forgets a number of frames that Python wrote: the list has changed since.
    pub(crate) fn recount(&self) {
        self.session.set_note(BATCH, NUM_FRAMES, None);
    }

    fn pool(&self, kind: Kind) -> NvDsMetaPool {
        NvDsMetaPool::of(Arc::clone(&self.session), kind)
    }
}

/// Most frames that the batch has room for: what Python wrote, or else the sources of the multiplexer.
pub(crate) fn capacity(meta: &BatchMeta) -> u32 {
    let known = meta.sources.len().max(meta.frames.len()) as u32;
    extras::get(&meta.user).and_then(|extras| extras.max_frames).unwrap_or(known)
}

#[pymethods]
impl NvDsBatchMeta {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        Ok(Self { session: Session::scratch(py)? })
    }

    /// What `pointer` points at.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        super::cast(pointer)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| Arc::ptr_eq(&other.get().session, &self.session))
    }

    fn __hash__(&self) -> isize {
        hash(self.session.address(BATCH))
    }

    fn __int__(&self) -> u64 {
        self.session.address(BATCH)
    }

    #[getter]
    fn base_meta(&self) -> NvDsBaseMeta {
        NvDsBaseMeta::new_for(Owner::Item(Arc::clone(&self.session), BATCH))
    }

    #[getter]
    fn max_frames_in_batch(&self, py: Python<'_>) -> PyResult<u32> {
        self.with(py, |meta| capacity(meta))
    }

    #[setter]
    fn set_max_frames_in_batch(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let frames = read_field::<u32>(value, "NvDsBatchMeta.max_frames_in_batch")?;
        self.with(value.py(), |meta| {
            extras::change(&mut meta.user, |extras| extras.max_frames = Some(frames));
        })
    }

    #[getter]
    fn num_frames_in_batch(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if let Some(note) = self.session.note(py, BATCH, NUM_FRAMES) {
            return Ok(note);
        }
        Ok(self.with(py, |meta| meta.frames.len())?.into_pyobject(py)?.into_any().unbind())
    }

    #[setter]
    fn set_num_frames_in_batch(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        read_field::<u32>(value, "NvDsBatchMeta.num_frames_in_batch")?;
        self.session.set_note(BATCH, NUM_FRAMES, Some(value.clone().unbind()));
        Ok(())
    }

    #[getter]
    fn frame_meta_pool(&self) -> NvDsMetaPool {
        self.pool(Kind::Frame)
    }

    #[getter]
    fn obj_meta_pool(&self) -> NvDsMetaPool {
        self.pool(Kind::Object)
    }

    #[getter]
    fn classifier_meta_pool(&self) -> NvDsMetaPool {
        self.pool(Kind::Classifier)
    }

    #[getter]
    fn display_meta_pool(&self) -> NvDsMetaPool {
        self.pool(Kind::Display)
    }

    #[getter]
    fn user_meta_pool(&self) -> NvDsMetaPool {
        self.pool(Kind::User)
    }

    #[getter]
    fn label_info_meta_pool(&self) -> NvDsMetaPool {
        self.pool(Kind::Label)
    }

    #[getter]
    fn frame_meta_list(&self, py: Python<'_>) -> PyResult<Option<GList>> {
        GList::first(py, &self.session, BATCH, Kind::Frame)
    }

    #[setter]
    fn set_frame_meta_list(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        glist::assign(value, &self.session, BATCH, Kind::Frame)
    }

    #[getter]
    fn batch_user_meta_list(&self, py: Python<'_>) -> PyResult<Option<GList>> {
        GList::first(py, &self.session, BATCH, Kind::User)
    }

    #[setter]
    fn set_batch_user_meta_list(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        glist::assign(value, &self.session, BATCH, Kind::User)
    }

    #[getter]
    fn meta_mutex(&self) -> GRecMutex {
        GRecMutex::new(Arc::clone(&self.session))
    }

    #[getter]
    fn misc_batch_info(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        array::get(py, &self.session, BATCH, Array::Misc)
    }

    #[setter]
    fn set_misc_batch_info(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        array::set(value, &self.session, BATCH, Array::Misc)
    }

    #[getter]
    fn reserved(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        array::get(py, &self.session, BATCH, Array::Reserved)
    }

    #[setter]
    fn set_reserved(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        array::set(value, &self.session, BATCH, Array::Reserved)
    }
}
