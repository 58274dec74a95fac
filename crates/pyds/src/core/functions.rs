//! Functions of the module that find, add and remove metadata.

use std::sync::Arc;

use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use slipstream_buffer::meta::Batch;

use super::batch::NvDsBatchMeta;
use super::classifier::{self, NvDsClassifierMeta, NvDsLabelInfo};
use super::display::{self, NvDsDisplayMeta};
use super::edit::{self, require_same};
use super::frame::{self, NvDsFrameMeta};
use super::object::{self, NvDsObjectMeta};
use super::tree::{BATCH, Id, Kind, Place};
use super::user::{self, CopyFunc, NvDsUserMeta, PyUser, ReleaseFunc, UserState};
use crate::extras;
use crate::glist::GList;
use crate::pool::NvDsMetaPool;
use crate::session::Session;
use crate::value::{Class, read_field};

/// First number of user metadata that programs define.
const START_USER_META: i64 = 8193;

/// The metadata of the buffer at an address; `None` where there is none. An exception where there cannot be any, because
/// the plugins are of another build.
#[pyfunction]
fn gst_buffer_get_nvds_batch_meta(buffer: &Bound<'_, PyAny>) -> PyResult<Option<NvDsBatchMeta>> {
    let address = read_field::<u64>(buffer, "buffer")?;
    let found = Session::find(buffer.py(), address as usize)?.map(NvDsBatchMeta::at);
    match Batch::other_build().filter(|_| found.is_none()) {
        Some(other) => Err(PyRuntimeError::new_err(format!(
            "pyds and the GStreamer plugins of Slipstream are of different builds ({other}): build or install both together"
        ))),
        None => Ok(found),
    }
}

#[pyfunction]
fn nvds_acquire_meta_lock(py: Python<'_>, batch_meta: &Bound<'_, NvDsBatchMeta>) {
    batch_meta.get().session.lock.acquire(py);
}

#[pyfunction]
fn nvds_release_meta_lock(batch_meta: &Bound<'_, NvDsBatchMeta>) -> PyResult<()> {
    batch_meta.get().session.lock.release()
}

/// Prints what the batch holds.
#[pyfunction]
fn nvds_get_current_metadata_info(batch_meta: &Bound<'_, NvDsBatchMeta>) -> PyResult<bool> {
    use std::fmt::Write;
    let py = batch_meta.py();
    let text = batch_meta.get().session.with(py, |_, model| {
        let mut text = String::new();
        let count =
            |user: &slipstream_meta::UserMetas| user.iter().filter(|meta| meta.kind != extras::KIND).count();
        let meta = &model.content.meta;
        let _ = write!(text, "batch: {} frames, {} user metas", meta.frames.len(), count(&meta.user));
        for frame in &meta.frames {
            let _ = write!(
                text,
                "\n  frame {} of source {} (pad {}): {} objects, {} display items, {} user metas",
                frame.frame_number,
                frame.source_id,
                frame.pad_index,
                frame.objects.len(),
                frame.display.len(),
                count(&frame.user)
            );
            for object in &frame.objects {
                let _ = write!(
                    text,
                    "\n    {} (class {}, {:.2}) at {:.0},{:.0} {:.0}x{:.0}",
                    object.label,
                    object.class_id,
                    object.confidence,
                    object.rect.left,
                    object.rect.top,
                    object.rect.width,
                    object.rect.height
                );
            }
        }
        Ok(text)
    })?;
    py.import("builtins")?.call_method1("print", (text,))?;
    Ok(true)
}

/// The `index`th frame of a list.
#[pyfunction]
fn nvds_get_nth_frame_meta(
    py: Python<'_>,
    frame_meta_list: &Bound<'_, GList>,
    index: u32,
) -> PyResult<Option<Py<PyAny>>> {
    let mut node = frame_meta_list.clone().unbind();
    for _ in 0..index {
        match node.get().next(py)? {
            Some(next) => node = Py::new(py, next)?,
            None => return Ok(None),
        }
    }
    Ok(Some(super::cast::<NvDsFrameMeta>(node.get().data(py)?.bind(py))?.into_any()))
}

/// The number of a kind of user metadata, by its name.
#[pyfunction]
fn nvds_get_user_meta_type(meta_descriptor: &str) -> i64 {
    use gst::glib::translate::IntoGlib;
    let quark = gst::glib::Quark::from_str(meta_descriptor.split('\0').next().unwrap_or_default());
    i64::from(quark.into_glib()) + START_USER_META
}

/// Function pointers, which this asks for, cannot be made in Python.
#[pyfunction]
#[pyo3(signature = (*_arguments))]
fn gst_buffer_add_nvds_meta(_arguments: &Bound<'_, PyAny>) -> PyResult<()> {
    Err(PyNotImplementedError::new_err(
        "gst_buffer_add_nvds_meta needs C functions; attach user metadata to the batch instead",
    ))
}

#[pyfunction]
fn nvds_create_batch_meta(py: Python<'_>, max_batch_size: u32) -> PyResult<NvDsBatchMeta> {
    let session = Session::scratch(py)?;
    session.with(py, |_, model| {
        extras::change(&mut model.content.meta.user, |extras| extras.max_frames = Some(max_batch_size));
        Ok(())
    })?;
    Ok(NvDsBatchMeta::at(session))
}

/// Empties a batch; it is gone with the last that refers to it.
#[pyfunction]
fn nvds_destroy_batch_meta(batch_meta: &Bound<'_, NvDsBatchMeta>) -> PyResult<bool> {
    let session = &batch_meta.get().session;
    edit::clear(batch_meta.py(), session, BATCH, Kind::Frame)?;
    edit::clear(batch_meta.py(), session, BATCH, Kind::User)?;
    Ok(true)
}

#[pyfunction]
fn nvds_acquire_frame_meta_from_pool(batch_meta: &Bound<'_, NvDsBatchMeta>) -> PyResult<NvDsFrameMeta> {
    let session = Arc::clone(&batch_meta.get().session);
    let id = frame::acquire(batch_meta.py(), &session)?;
    Ok(NvDsFrameMeta::at(session, id))
}

#[pyfunction]
fn nvds_acquire_obj_meta_from_pool(batch_meta: &Bound<'_, NvDsBatchMeta>) -> PyResult<NvDsObjectMeta> {
    let session = Arc::clone(&batch_meta.get().session);
    let id = object::acquire(batch_meta.py(), &session)?;
    Ok(NvDsObjectMeta::at(session, id))
}

#[pyfunction]
fn nvds_acquire_classifier_meta_from_pool(
    batch_meta: &Bound<'_, NvDsBatchMeta>,
) -> PyResult<NvDsClassifierMeta> {
    let session = Arc::clone(&batch_meta.get().session);
    let id = classifier::acquire(batch_meta.py(), &session)?;
    Ok(NvDsClassifierMeta::at(session, id))
}

#[pyfunction]
fn nvds_acquire_label_info_meta_from_pool(batch_meta: &Bound<'_, NvDsBatchMeta>) -> PyResult<NvDsLabelInfo> {
    let session = Arc::clone(&batch_meta.get().session);
    let label = super::tree::Item::Label(classifier::LabelValue::default());
    let id = session.with(batch_meta.py(), |tree, _| Ok(tree.acquire(label)))?;
    Ok(NvDsLabelInfo::at(classifier::label_place(session, id)))
}

#[pyfunction]
fn nvds_acquire_display_meta_from_pool(batch_meta: &Bound<'_, NvDsBatchMeta>) -> PyResult<NvDsDisplayMeta> {
    let session = Arc::clone(&batch_meta.get().session);
    let id = display::acquire(batch_meta.py(), &session)?;
    Ok(NvDsDisplayMeta::at(session, id))
}

#[pyfunction]
fn nvds_acquire_user_meta_from_pool(batch_meta: &Bound<'_, NvDsBatchMeta>) -> PyResult<NvDsUserMeta> {
    let session = Arc::clone(&batch_meta.get().session);
    let user = PyUser::new(UserState::default());
    let id = session.with(batch_meta.py(), |tree, _| Ok(edit::pool_user(tree, user)))?;
    Ok(NvDsUserMeta::at(session, id))
}

#[pyfunction]
fn nvds_add_frame_meta_to_batch(
    batch_meta: &Bound<'_, NvDsBatchMeta>,
    frame_meta: &Bound<'_, NvDsFrameMeta>,
) -> PyResult<()> {
    let (batch, frame) = (batch_meta.get(), frame_meta.get());
    require_same(&batch.session, &frame.session)?;
    batch.session.with(batch_meta.py(), |tree, model| edit::add_frame(tree, model, frame.id))?;
    batch.recount();
    Ok(())
}

#[pyfunction]
fn nvds_remove_frame_meta_from_batch(
    batch_meta: &Bound<'_, NvDsBatchMeta>,
    frame_meta: &Bound<'_, NvDsFrameMeta>,
) -> PyResult<()> {
    let (batch, frame) = (batch_meta.get(), frame_meta.get());
    require_same(&batch.session, &frame.session)?;
    remove(batch_meta.py(), &batch.session, BATCH, frame.id, Kind::Frame)?;
    batch.recount();
    Ok(())
}

fn remove(py: Python<'_>, session: &Session, owner: Id, id: Id, kind: Kind) -> PyResult<()> {
    session.with(py, |tree, model| edit::remove(tree, model, owner, id, kind))
}

#[pyfunction]
#[pyo3(signature = (frame_meta, obj_meta, obj_parent=None))]
fn nvds_add_obj_meta_to_frame(
    frame_meta: &Bound<'_, NvDsFrameMeta>,
    obj_meta: &Bound<'_, NvDsObjectMeta>,
    obj_parent: Option<&Bound<'_, NvDsObjectMeta>>,
) -> PyResult<()> {
    let (frame, object) = (frame_meta.get(), obj_meta.get());
    require_same(&frame.session, &object.session)?;
    let parent = obj_parent.map(Bound::get);
    if let Some(parent) = parent {
        require_same(&frame.session, &parent.session)?;
    }
    let parent = parent.map(|parent| parent.id);
    frame
        .session
        .with(frame_meta.py(), |tree, model| edit::add_object(tree, model, frame.id, object.id, parent))?;
    frame.recount();
    Ok(())
}

#[pyfunction]
fn nvds_remove_obj_meta_from_frame(
    frame_meta: &Bound<'_, NvDsFrameMeta>,
    obj_meta: &Bound<'_, NvDsObjectMeta>,
) -> PyResult<()> {
    let (frame, object) = (frame_meta.get(), obj_meta.get());
    require_same(&frame.session, &object.session)?;
    remove(frame_meta.py(), &frame.session, frame.id, object.id, Kind::Object)?;
    frame.recount();
    Ok(())
}

#[pyfunction]
fn nvds_add_classifier_meta_to_object(
    obj_meta: &Bound<'_, NvDsObjectMeta>,
    classifier_meta: &Bound<'_, NvDsClassifierMeta>,
) -> PyResult<()> {
    let (object, classifier) = (obj_meta.get(), classifier_meta.get());
    require_same(&object.session, &classifier.session)?;
    object
        .session
        .with(obj_meta.py(), |tree, model| edit::add_classifier(tree, model, object.id, classifier.id))
}

#[pyfunction]
fn nvds_remove_classifier_meta_from_obj(
    obj_meta: &Bound<'_, NvDsObjectMeta>,
    classifier_meta: &Bound<'_, NvDsClassifierMeta>,
) -> PyResult<()> {
    let (object, classifier) = (obj_meta.get(), classifier_meta.get());
    require_same(&object.session, &classifier.session)?;
    remove(obj_meta.py(), &object.session, object.id, classifier.id, Kind::Classifier)
}

#[pyfunction]
fn nvds_add_label_info_meta_to_classifier(
    classifier_meta: &Bound<'_, NvDsClassifierMeta>,
    label_info_meta: &Bound<'_, NvDsLabelInfo>,
) -> PyResult<()> {
    let (py, classifier) = (classifier_meta.py(), classifier_meta.get());
    let label = classifier::label_argument(py, &classifier.session, label_info_meta.get())?;
    classifier.session.with(py, |tree, model| edit::add_label(tree, model, classifier.id, label))?;
    classifier.recount();
    Ok(())
}

#[pyfunction]
fn nvds_remove_label_info_meta_from_classifier(
    classifier_meta: &Bound<'_, NvDsClassifierMeta>,
    label_info_meta: &Bound<'_, NvDsLabelInfo>,
) -> PyResult<()> {
    let classifier = classifier_meta.get();
    let label = label_info_meta.get().place().item();
    let (session, label) =
        label.ok_or_else(|| PyValueError::new_err("label_info_meta is on no classifier"))?;
    require_same(&classifier.session, session)?;
    remove(classifier_meta.py(), &classifier.session, classifier.id, label, Kind::Label)?;
    classifier.recount();
    Ok(())
}

#[pyfunction]
fn nvds_add_display_meta_to_frame(
    frame_meta: &Bound<'_, NvDsFrameMeta>,
    display_meta: &Bound<'_, NvDsDisplayMeta>,
) -> PyResult<()> {
    let (frame, display) = (frame_meta.get(), display_meta.get());
    require_same(&frame.session, &display.session)?;
    frame.session.with(frame_meta.py(), |tree, model| edit::add_display(tree, model, frame.id, display.id))
}

#[pyfunction]
fn nvds_remove_display_meta_from_frame(
    frame_meta: &Bound<'_, NvDsFrameMeta>,
    display_meta: &Bound<'_, NvDsDisplayMeta>,
) -> PyResult<()> {
    let (frame, display) = (frame_meta.get(), display_meta.get());
    require_same(&frame.session, &display.session)?;
    remove(frame_meta.py(), &frame.session, frame.id, display.id, Kind::Display)
}

fn add_user(py: Python<'_>, session: &Arc<Session>, owner: Id, meta: &NvDsUserMeta) -> PyResult<()> {
    let user = meta.python(py)?;
    let shared = user.shared(py)?;
    let kind = user.state().kind;
    let known = match meta.item() {
        Some((other, id)) => {
            require_same(session, other)?;
            Some(id)
        }
        None => None,
    };
    session.with(py, |tree, model| {
        let id = known.unwrap_or_else(|| edit::pool_user(tree, Arc::clone(&user)));
        edit::add_user(tree, model, owner, id, kind, shared)
    })
}

fn remove_user(py: Python<'_>, session: &Arc<Session>, owner: Id, meta: &NvDsUserMeta) -> PyResult<()> {
    let (other, id) = meta.item().ok_or_else(|| PyValueError::new_err("user_meta is in no list"))?;
    require_same(session, other)?;
    remove(py, session, owner, id, Kind::User)
}

#[pyfunction]
fn nvds_add_user_meta_to_batch(
    batch_meta: &Bound<'_, NvDsBatchMeta>,
    user_meta: &Bound<'_, NvDsUserMeta>,
) -> PyResult<()> {
    add_user(batch_meta.py(), &batch_meta.get().session, BATCH, user_meta.get())
}

#[pyfunction]
fn nvds_add_user_meta_to_frame(
    frame_meta: &Bound<'_, NvDsFrameMeta>,
    user_meta: &Bound<'_, NvDsUserMeta>,
) -> PyResult<()> {
    add_user(frame_meta.py(), &frame_meta.get().session, frame_meta.get().id, user_meta.get())
}

#[pyfunction]
fn nvds_add_user_meta_to_obj(
    obj_meta: &Bound<'_, NvDsObjectMeta>,
    user_meta: &Bound<'_, NvDsUserMeta>,
) -> PyResult<()> {
    add_user(obj_meta.py(), &obj_meta.get().session, obj_meta.get().id, user_meta.get())
}

#[pyfunction]
fn nvds_remove_user_meta_from_batch(
    batch_meta: &Bound<'_, NvDsBatchMeta>,
    user_meta: &Bound<'_, NvDsUserMeta>,
) -> PyResult<()> {
    remove_user(batch_meta.py(), &batch_meta.get().session, BATCH, user_meta.get())
}

#[pyfunction]
fn nvds_remove_user_meta_from_frame(
    frame_meta: &Bound<'_, NvDsFrameMeta>,
    user_meta: &Bound<'_, NvDsUserMeta>,
) -> PyResult<()> {
    remove_user(frame_meta.py(), &frame_meta.get().session, frame_meta.get().id, user_meta.get())
}

#[pyfunction]
fn nvds_remove_user_meta_from_object(
    obj_meta: &Bound<'_, NvDsObjectMeta>,
    user_meta: &Bound<'_, NvDsUserMeta>,
) -> PyResult<()> {
    remove_user(obj_meta.py(), &obj_meta.get().session, obj_meta.get().id, user_meta.get())
}

fn require_callable(py: Python<'_>, function: Option<&Py<PyAny>>) -> PyResult<()> {
    if function.is_none_or(|function| function.bind(py).is_callable()) {
        return Ok(());
    }
    Err(PyTypeError::new_err("function: must be callable"))
}

/// Registers the function that copies the payload: `f(user_meta, user_data)` returns the copy's.
#[pyfunction]
fn user_copyfunc(user_meta: &Bound<'_, NvDsUserMeta>, function: Option<Py<PyAny>>) -> PyResult<()> {
    let user = user_meta.get().python(user_meta.py())?;
    require_callable(user_meta.py(), function.as_ref())?;
    let old = std::mem::replace(&mut user.state().copy, function.map(CopyFunc::Python));
    drop(old);
    Ok(())
}

/// Registers the function that frees the payload: `f(user_meta, user_data)`.
#[pyfunction]
fn user_releasefunc(user_meta: &Bound<'_, NvDsUserMeta>, function: Option<Py<PyAny>>) -> PyResult<()> {
    let user = user_meta.get().python(user_meta.py())?;
    require_callable(user_meta.py(), function.as_ref())?;
    let old = std::mem::replace(&mut user.state().release, function.map(ReleaseFunc::Python));
    drop(old);
    Ok(())
}

#[pyfunction]
fn set_user_copyfunc(user_meta: &Bound<'_, NvDsUserMeta>, function: Option<Py<PyAny>>) -> PyResult<()> {
    user_copyfunc(user_meta, function)
}

#[pyfunction]
fn set_user_releasefunc(user_meta: &Bound<'_, NvDsUserMeta>, function: Option<Py<PyAny>>) -> PyResult<()> {
    user_releasefunc(user_meta, function)
}

/// Kept for old programs; without effect.
#[pyfunction]
fn register_user_copyfunc(_function: &Bound<'_, PyAny>) {}

/// Kept for old programs; without effect.
#[pyfunction]
fn register_user_releasefunc(_function: &Bound<'_, PyAny>) {}

/// Functions that were registered are not called any more.
#[pyfunction]
fn unset_callback_funcs() {
    user::unset_callbacks();
}

#[pyfunction]
fn nvds_clear_frame_meta_list(
    batch_meta: &Bound<'_, NvDsBatchMeta>,
    _meta_list: Option<&Bound<'_, GList>>,
) -> PyResult<()> {
    edit::clear(batch_meta.py(), &batch_meta.get().session, BATCH, Kind::Frame)?;
    batch_meta.get().recount();
    Ok(())
}

#[pyfunction]
fn nvds_clear_obj_meta_list(
    frame_meta: &Bound<'_, NvDsFrameMeta>,
    _meta_list: Option<&Bound<'_, GList>>,
) -> PyResult<()> {
    edit::clear(frame_meta.py(), &frame_meta.get().session, frame_meta.get().id, Kind::Object)?;
    frame_meta.get().recount();
    Ok(())
}

#[pyfunction]
fn nvds_clear_display_meta_list(
    frame_meta: &Bound<'_, NvDsFrameMeta>,
    _meta_list: Option<&Bound<'_, GList>>,
) -> PyResult<()> {
    edit::clear(frame_meta.py(), &frame_meta.get().session, frame_meta.get().id, Kind::Display)
}

#[pyfunction]
fn nvds_clear_batch_user_meta_list(
    batch_meta: &Bound<'_, NvDsBatchMeta>,
    _meta_list: Option<&Bound<'_, GList>>,
) -> PyResult<()> {
    edit::clear(batch_meta.py(), &batch_meta.get().session, BATCH, Kind::User)
}

#[pyfunction]
fn nvds_clear_frame_user_meta_list(
    frame_meta: &Bound<'_, NvDsFrameMeta>,
    _meta_list: Option<&Bound<'_, GList>>,
) -> PyResult<()> {
    edit::clear(frame_meta.py(), &frame_meta.get().session, frame_meta.get().id, Kind::User)
}

#[pyfunction]
fn nvds_clear_obj_user_meta_list(
    obj_meta: &Bound<'_, NvDsObjectMeta>,
    _meta_list: Option<&Bound<'_, GList>>,
) -> PyResult<()> {
    edit::clear(obj_meta.py(), &obj_meta.get().session, obj_meta.get().id, Kind::User)
}

/// Empties a list of a batch.
#[pyfunction]
fn nvds_clear_meta_list(
    batch_meta: &Bound<'_, NvDsBatchMeta>,
    meta_list: Option<&Bound<'_, GList>>,
    meta_pool: &Bound<'_, NvDsMetaPool>,
) -> PyResult<()> {
    let py = batch_meta.py();
    let Some((session, id, kind)) = meta_list.and_then(|list| list.get().item()) else { return Ok(()) };
    require_same(&batch_meta.get().session, session)?;
    if meta_pool.get().kind() != Some(kind) {
        return Err(PyValueError::new_err("meta_pool is not the one of what the list holds"));
    }
    let owner = session.with(py, |tree, _| match tree.node(id, kind)?.place {
        Place::In(owner) => Ok(Some(owner)),
        _ => Ok(None),
    })?;
    owner.map_or(Ok(()), |owner| edit::clear(py, session, owner, kind))
}

macro_rules! casts {
    ($($function:ident -> $class:ty;)*) => {
        $(
            #[pyfunction]
            fn $function(data: &Bound<'_, PyAny>) -> PyResult<Py<$class>> {
                super::cast(data)
            }
        )*

        fn register_casts(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($function, module)?)?;)*
            Ok(())
        }
    };
}

casts! {
    glist_get_nvds_batch_meta -> NvDsBatchMeta;
    glist_get_nvds_frame_meta -> NvDsFrameMeta;
    glist_get_nvds_object_meta -> NvDsObjectMeta;
    glist_get_nvds_user_meta -> NvDsUserMeta;
    glist_get_nvds_classifier_meta -> NvDsClassifierMeta;
    glist_get_nvds_display_meta -> NvDsDisplayMeta;
    glist_get_nvds_label_info -> NvDsLabelInfo;
}

macro_rules! functions {
    ($($function:ident,)*) => {
        /// Puts the functions into the module.
        pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($function, module)?)?;)*
            super::copy::register(module)?;
            register_casts(module)
        }
    };
}

functions! {
    gst_buffer_get_nvds_batch_meta,
    nvds_acquire_meta_lock,
    nvds_release_meta_lock,
    nvds_get_current_metadata_info,
    nvds_get_nth_frame_meta,
    nvds_get_user_meta_type,
    gst_buffer_add_nvds_meta,
    nvds_create_batch_meta,
    nvds_destroy_batch_meta,
    nvds_acquire_frame_meta_from_pool,
    nvds_acquire_obj_meta_from_pool,
    nvds_acquire_classifier_meta_from_pool,
    nvds_acquire_label_info_meta_from_pool,
    nvds_acquire_display_meta_from_pool,
    nvds_acquire_user_meta_from_pool,
    nvds_add_frame_meta_to_batch,
    nvds_remove_frame_meta_from_batch,
    nvds_add_obj_meta_to_frame,
    nvds_remove_obj_meta_from_frame,
    nvds_add_classifier_meta_to_object,
    nvds_remove_classifier_meta_from_obj,
    nvds_add_label_info_meta_to_classifier,
    nvds_remove_label_info_meta_from_classifier,
    nvds_add_display_meta_to_frame,
    nvds_remove_display_meta_from_frame,
    nvds_add_user_meta_to_batch,
    nvds_add_user_meta_to_frame,
    nvds_add_user_meta_to_obj,
    nvds_remove_user_meta_from_batch,
    nvds_remove_user_meta_from_frame,
    nvds_remove_user_meta_from_object,
    user_copyfunc,
    user_releasefunc,
    set_user_copyfunc,
    set_user_releasefunc,
    register_user_copyfunc,
    register_user_releasefunc,
    unset_callback_funcs,
    nvds_clear_frame_meta_list,
    nvds_clear_obj_meta_list,
    nvds_clear_display_meta_list,
    nvds_clear_batch_user_meta_list,
    nvds_clear_frame_user_meta_list,
    nvds_clear_obj_user_meta_list,
    nvds_clear_meta_list,
}
