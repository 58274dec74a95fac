//! Frames.

use std::sync::Arc;

use pyo3::prelude::*;
use slipstream_meta::{FrameMeta, Size};

use super::handles;
use super::tree::{Id, Item, Kind, Place, unnamed};
use crate::array::{self, Field as Array};
use crate::extras;
use crate::glist::{self, GList};
use crate::session::Session;
use crate::value::read_field;

/// `buf_pts` of a frame without one: GStreamer's `GST_CLOCK_TIME_NONE`.
const NO_TIME: u64 = u64::MAX;

/// Names of notes.
const BATCH_ID: &str = "batch_id";
const NUM_OBJECTS: &str = "num_obj_meta";

handles! {
    /// A frame of a source.
    NvDsFrameMeta of Frame, frame (FrameMeta) {
        pad_index: u32 = |f| f.pad_index, |f, v| f.pad_index = v;
        frame_num: i32 = |f| f.frame_number as i32, |f, v| f.frame_number = u64::from(v as u32);
        buf_pts: u64 = |f| f.pts.unwrap_or(NO_TIME), |f, v| f.pts = (v != NO_TIME).then_some(v);
        ntp_timestamp: u64 = |f| f.wall_clock.unwrap_or(0), |f, v| f.wall_clock = (v != 0).then_some(v);
        source_id: u32 = |f| f.source_id, |f, v| f.source_id = v;
        source_frame_width: u32 = |f| f.source_size.width, |f, v| f.source_size.width = v;
        source_frame_height: u32 = |f| f.source_size.height, |f, v| f.source_size.height = v;
        bInferDone: i32 = |f| f.inferred.into(), |f, v| f.inferred = v != 0;
        num_surfaces_per_frame: i32 =
            |f| extras::get(&f.user).and_then(|extras| extras.surfaces).unwrap_or(1),
            |f, v| extras::change(&mut f.user, |extras| extras.surfaces = Some(v));
        surface_type: u32 = |f| extras::get(&f.user).map_or(0, |extras| extras.surface.0),
            |f, v| extras::change(&mut f.user, |extras| extras.surface.0 = v);
        surface_index: u32 = |f| extras::get(&f.user).map_or(0, |extras| extras.surface.1),
            |f, v| extras::change(&mut f.user, |extras| extras.surface.1 = v);
    }
    methods {
        #[new]
        fn new(py: Python<'_>) -> PyResult<Self> {
            let session = Session::scratch(py)?;
            let id = acquire(py, &session)?;
            Ok(Self { session, id })
        }

        /// Index of the frame's picture in the batch.
        #[getter]
        fn batch_id(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            if let Some(note) = self.session.note(py, self.id, BATCH_ID) {
                return Ok(note);
            }
            let index = self.session.with(py, |tree, _| {
                let node = tree.node(self.id, Kind::Frame)?;
                Ok(if matches!(node.place, Place::In(_)) { node.index } else { 0 })
            })?;
            Ok(index.into_pyobject(py)?.into_any().unbind())
        }

        #[setter]
        fn set_batch_id(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            read_field::<u32>(value, "NvDsFrameMeta.batch_id")?;
            self.session.set_note(self.id, BATCH_ID, Some(value.clone().unbind()));
            Ok(())
        }

        /// How many objects are in the list.
        #[getter]
        fn num_obj_meta(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            if let Some(note) = self.session.note(py, self.id, NUM_OBJECTS) {
                return Ok(note);
            }
            Ok(self.with(py, |frame| frame.objects.len())?.into_pyobject(py)?.into_any().unbind())
        }

        #[setter]
        fn set_num_obj_meta(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            read_field::<u32>(value, "NvDsFrameMeta.num_obj_meta")?;
            self.session.set_note(self.id, NUM_OBJECTS, Some(value.clone().unbind()));
            Ok(())
        }

        #[getter]
        fn obj_meta_list(&self, py: Python<'_>) -> PyResult<Option<GList>> {
            GList::first(py, &self.session, self.id, Kind::Object)
        }

        #[setter]
        fn set_obj_meta_list(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            glist::assign(value, &self.session, self.id, Kind::Object)
        }

        #[getter]
        fn display_meta_list(&self, py: Python<'_>) -> PyResult<Option<GList>> {
            GList::first(py, &self.session, self.id, Kind::Display)
        }

        #[setter]
        fn set_display_meta_list(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            glist::assign(value, &self.session, self.id, Kind::Display)
        }

        #[getter]
        fn frame_user_meta_list(&self, py: Python<'_>) -> PyResult<Option<GList>> {
            GList::first(py, &self.session, self.id, Kind::User)
        }

        #[setter]
        fn set_frame_user_meta_list(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            glist::assign(value, &self.session, self.id, Kind::User)
        }

        #[getter]
        fn misc_frame_info(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            array::get(py, &self.session, self.id, Array::Misc)
        }

        #[setter]
        fn set_misc_frame_info(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            array::set(value, &self.session, self.id, Array::Misc)
        }

        #[getter]
        fn reserved(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            array::get(py, &self.session, self.id, Array::Reserved)
        }

        #[setter]
        fn set_reserved(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            array::set(value, &self.session, self.id, Array::Reserved)
        }
    }
}

impl NvDsFrameMeta {
    /// Forgets a number of objects that Python wrote: the list has changed since.
    pub(crate) fn recount(&self) {
        self.session.set_note(self.id, NUM_OBJECTS, None);
    }
}

/// A frame as DeepStream's pool gives it: all zero.
pub(crate) fn blank() -> FrameMeta {
    let mut frame = FrameMeta::new(0, unnamed(), 0, Size::default());
    frame.pts = Some(0);
    frame
}

/// A new frame in the pool.
pub(crate) fn acquire(py: Python<'_>, session: &Arc<Session>) -> PyResult<Id> {
    session.with(py, |tree, model| {
        let id = tree.acquire(Item::Frame);
        model.pool.frames.insert(id, Box::new(blank()));
        Ok(id)
    })
}
