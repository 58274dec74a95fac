//! Objects.

use std::sync::Arc;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use slipstream_meta::{ObjectMeta, Rect};

use super::handles;
use super::tree::{Id, Item, Kind, Place, unnamed};
use crate::address::Strings;
use crate::array::{self, Field as Array};
use crate::glist::{self, GList};
use crate::osd::mask::{MaskAt, NvOSD_MaskParams};
use crate::osd::{
    BboxInfo, NvDsComp_BboxInfo, NvOSD_RectParams, NvOSD_TextParams, RectParams, TextParams, convert,
};
use crate::session::Session;
use crate::value::{Class, Label, Source};

/// `object_id` of an object that nobody tracks.
const UNTRACKED: u64 = u64::MAX;
/// `tracker_confidence` of a tracked object whose tracker gives none.
const NO_CONFIDENCE: f32 = -0.1;

/// An object as DeepStream's pool gives it: all zero.
pub(crate) fn blank() -> ObjectMeta {
    let mut object = ObjectMeta::detected(0, unnamed(), 0.0, Rect::default());
    object.detector_rect = None;
    object.tracking_id = Some(0);
    object.border_width = Some(0.0);
    object.border_color = Some(slipstream_meta::Color { red: 0, green: 0, blue: 0, alpha: 0 });
    object.text = Some(convert::text_item(&TextParams::default()));
    object
}

handles! {
    /// An object that was found on a frame.
    NvDsObjectMeta of Object, object (ObjectMeta) {
        unique_component_id: i32 = |o| o.component_id as i32, |o, v| o.component_id = v as u32;
        class_id: i32 = |o| o.class_id, |o, v| o.class_id = v;
        object_id: u64 = |o| o.tracking_id.unwrap_or(UNTRACKED),
            |o, v| o.tracking_id = (v != UNTRACKED).then_some(v);
        confidence: f32 = |o| o.confidence, |o, v| o.confidence = v;
        tracker_confidence: f32 = |o| match (o.tracker_confidence, o.tracking_id) {
            (Some(confidence), _) => confidence,
            (None, Some(_)) => NO_CONFIDENCE,
            (None, None) => 0.0,
        }, |o, v| o.tracker_confidence = Some(v);
        obj_label: Label = |o| Label(Arc::clone(&o.label)), |o, v| o.label = v.0;
    }
    methods {
        #[new]
        fn new(py: Python<'_>) -> PyResult<Self> {
            let session = Session::scratch(py)?;
            let id = acquire(py, &session)?;
            Ok(Self { session, id })
        }

        #[getter]
        fn rect_params(&self) -> NvOSD_RectParams {
            Class::at(crate::value::Place::new(self.part()))
        }

        #[setter]
        fn set_rect_params(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            let new = NvOSD_RectParams::value_of(value, "NvDsObjectMeta.rect_params")?;
            Source::<RectParams>::change(&self.part(), value.py(), &mut |rect| *rect = new)
        }

        #[getter]
        fn text_params(&self) -> NvOSD_TextParams {
            Class::at(crate::value::Place::new(self.part()))
        }

        #[setter]
        fn set_text_params(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            let new = NvOSD_TextParams::value_of(value, "NvDsObjectMeta.text_params")?;
            Source::<TextParams>::change(&self.part(), value.py(), &mut |text| *text = new.clone())
        }

        #[getter]
        fn mask_params(&self) -> NvOSD_MaskParams {
            NvOSD_MaskParams::at(MaskAt::Object(Arc::clone(&self.session), self.id))
        }

        #[setter]
        fn set_mask_params(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
            let value = value.cast::<NvOSD_MaskParams>().map_err(|_| {
                PyTypeError::new_err("NvDsObjectMeta.mask_params: must be NvOSD_MaskParams")
            })?;
            let mask = value.get().mask(py)?;
            self.with(py, |object| object.mask = mask)
        }

        #[getter]
        fn detector_bbox_info(&self) -> NvDsComp_BboxInfo {
            Class::at(crate::value::Place::new(BboxOf { part: self.part(), tracker: false }))
        }

        #[setter]
        fn set_detector_bbox_info(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            let new = NvDsComp_BboxInfo::value_of(value, "NvDsObjectMeta.detector_bbox_info")?;
            self.with(value.py(), |object| object.detector_rect = Some(new.rect()))
        }

        #[getter]
        fn tracker_bbox_info(&self) -> NvDsComp_BboxInfo {
            Class::at(crate::value::Place::new(BboxOf { part: self.part(), tracker: true }))
        }

        #[setter]
        fn set_tracker_bbox_info(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            let new = NvDsComp_BboxInfo::value_of(value, "NvDsObjectMeta.tracker_bbox_info")?;
            self.with(value.py(), |object| object.tracker_rect = Some(new.rect()))
        }

        /// The object that this one is a part of.
        #[getter]
        fn parent(&self, py: Python<'_>) -> PyResult<Option<Self>> {
            let parent = self.session.with(py, |tree, model| {
                let Place::In(frame) = tree.node(self.id, Kind::Object)?.place else {
                    return Ok(model.pool.parents.get(&self.id).copied());
                };
                let Some(parent) = model.object(tree, self.id)?.parent else { return Ok(None) };
                Ok(tree.list(frame, Kind::Object, model)?.get(parent).copied())
            })?;
            Ok(parent.map(|id| Self { session: Arc::clone(&self.session), id }))
        }

        #[setter]
        fn set_parent(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
            let parent = super::edit::same_buffer::<Self>(&self.session, value, "NvDsObjectMeta.parent", |o| (&o.session, o.id))?;
            self.session.with(py, |tree, model| super::edit::set_parent(tree, model, self.id, parent))
        }

        #[getter]
        fn classifier_meta_list(&self, py: Python<'_>) -> PyResult<Option<GList>> {
            GList::first(py, &self.session, self.id, Kind::Classifier)
        }

        #[setter]
        fn set_classifier_meta_list(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            glist::assign(value, &self.session, self.id, Kind::Classifier)
        }

        #[getter]
        fn obj_user_meta_list(&self, py: Python<'_>) -> PyResult<Option<GList>> {
            GList::first(py, &self.session, self.id, Kind::User)
        }

        #[setter]
        fn set_obj_user_meta_list(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            glist::assign(value, &self.session, self.id, Kind::User)
        }

        #[getter]
        fn misc_obj_info(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            array::get(py, &self.session, self.id, Array::Misc)
        }

        #[setter]
        fn set_misc_obj_info(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
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

/// A new object in the pool.
pub(crate) fn acquire(py: Python<'_>, session: &Arc<Session>) -> PyResult<Id> {
    session.with(py, |tree, model| {
        let id = tree.acquire(Item::Object);
        model.pool.objects.insert(id, Box::new(blank()));
        Ok(id)
    })
}

impl NvDsObjectMeta {
    fn part(&self) -> Part {
        Part { session: Arc::clone(&self.session), id: self.id }
    }
}

/// A structure within an object.
struct Part {
    session: Arc<Session>,
    id: Id,
}

/// Offsets of structures within an object, further apart than any of them is long.
const RECT_OFFSET: u64 = 0x1000;
const TEXT_OFFSET: u64 = 0x2000;
const DETECTOR_OFFSET: u64 = 0x3000;
const TRACKER_OFFSET: u64 = 0x4000;
/// Offset of the mask.
pub(crate) const MASK_OFFSET: u64 = 0x5000;

impl Part {
    fn with<R>(&self, py: Python<'_>, work: impl FnOnce(&mut ObjectMeta) -> R) -> PyResult<R> {
        self.session.with(py, |tree, model| Ok(work(model.object(tree, self.id)?)))
    }
}

impl Source<RectParams> for Part {
    fn read(&self, py: Python<'_>) -> PyResult<RectParams> {
        self.with(py, |object| convert::object_rect(object))
    }

    fn change(&self, py: Python<'_>, change: &mut dyn FnMut(&mut RectParams)) -> PyResult<()> {
        self.with(py, |object| {
            let old = convert::object_rect(object);
            let mut new = old;
            change(&mut new);
            convert::set_object_rect(object, &old, new);
        })
    }

    fn address(&self) -> u64 {
        self.session.address(self.id) + RECT_OFFSET
    }

    fn strings(&self) -> &Strings {
        self.session.strings()
    }
}

impl Source<TextParams> for Part {
    fn read(&self, py: Python<'_>) -> PyResult<TextParams> {
        self.with(py, |object| convert::object_text(object))
    }

    fn change(&self, py: Python<'_>, change: &mut dyn FnMut(&mut TextParams)) -> PyResult<()> {
        self.with(py, |object| {
            let mut text = convert::object_text(object);
            change(&mut text);
            convert::set_object_text(object, text);
        })
    }

    fn address(&self) -> u64 {
        self.session.address(self.id) + TEXT_OFFSET
    }

    fn strings(&self) -> &Strings {
        self.session.strings()
    }
}

/// One of the boxes that components gave an object.
struct BboxOf {
    part: Part,
    tracker: bool,
}

impl Source<BboxInfo> for BboxOf {
    fn read(&self, py: Python<'_>) -> PyResult<BboxInfo> {
        self.part.with(py, |object| {
            let rect = if self.tracker { object.tracker_rect } else { object.detector_rect };
            rect.unwrap_or_default().into()
        })
    }

    fn change(&self, py: Python<'_>, change: &mut dyn FnMut(&mut BboxInfo)) -> PyResult<()> {
        self.part.with(py, |object| {
            let rect = if self.tracker { &mut object.tracker_rect } else { &mut object.detector_rect };
            let mut info = BboxInfo::from(rect.unwrap_or_default());
            change(&mut info);
            *rect = Some(info.rect());
        })
    }

    fn address(&self) -> u64 {
        let offset = if self.tracker { TRACKER_OFFSET } else { DETECTOR_OFFSET };
        self.part.session.address(self.part.id) + offset
    }

    fn strings(&self) -> &Strings {
        self.part.session.strings()
    }
}

/// The error of a parent on another frame.
pub(crate) fn foreign_parent() -> PyErr {
    PyRuntimeError::new_err("the parent of an object must be on the same frame")
}
