//! Functions of the module that copy lists of metadata.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use slipstream_meta::{BatchMeta, ObjectMeta};

use super::batch::NvDsBatchMeta;
use super::display::{self, DisplayValue};
use super::edit::{Copies, copy_frame, copy_object};
use super::frame::NvDsFrameMeta;
use super::tree::{BATCH, Id, Item, Kind, changed};
use super::user::{UserItem, attached_as};
use crate::glist::GList;
use crate::payload::Native;
use crate::session::Session;

/// What a list holds from a node on.
fn rest(
    py: Python<'_>,
    list: Option<&Bound<'_, GList>>,
    wanted: Kind,
) -> PyResult<Option<(Arc<Session>, Vec<Id>)>> {
    let Some(list) = list else { return Ok(None) };
    let Some((session, first, kind)) = list.get().item() else { return Ok(None) };
    if kind != wanted {
        let message = format!("src_meta_list: must be a list of {}, not of {}", wanted.class(), kind.class());
        return Err(PyTypeError::new_err(message));
    }
    let ids = session.with(py, |tree, _| {
        tree.node(first, kind)?;
        Ok(std::iter::successors(Some(first), |id| tree.neighbour(*id, true)).collect::<Vec<_>>())
    })?;
    Ok(Some((Arc::clone(session), ids)))
}

/// Adds copies of the objects of a list to a frame.
#[pyfunction]
fn nvds_copy_obj_meta_list(
    py: Python<'_>,
    src_obj_meta_list: Option<&Bound<'_, GList>>,
    dst_frame_meta: &Bound<'_, NvDsFrameMeta>,
) -> PyResult<()> {
    let Some((source, ids)) = rest(py, src_obj_meta_list, Kind::Object)? else { return Ok(()) };
    let copies = source.with(py, |tree, model| {
        let first = ids.first().and_then(|id| tree.get(*id)).map_or(0, |node| node.index);
        let copy = |id: &Id| {
            let (mut object, user) = copy_object(model.object(tree, *id)?);
            // Counted from the first that is copied.
            object.parent = object.parent.and_then(|parent| parent.checked_sub(first));
            Ok((object, user))
        };
        ids.iter().map(copy).collect::<PyResult<Vec<_>>>()
    })?;
    // Copying user metadata may call Python: no lock is held here.
    let mut objects: Vec<ObjectMeta> = copies
        .into_iter()
        .map(|(mut object, user)| {
            object.user = user.make();
            object
        })
        .collect();
    let frame = dst_frame_meta.get();
    frame.session.with(py, |tree, model| {
        let before = tree.list(frame.id, Kind::Object, model)?.len();
        for object in &mut objects {
            object.parent = object.parent.map(|parent| parent + before);
        }
        for object in objects {
            model.frame(tree, frame.id)?.objects.push(object);
            let id = tree.acquire(Item::Object);
            tree.append(frame.id, id, Kind::Object)?;
        }
        Ok(())
    })?;
    frame.recount();
    Ok(())
}

/// Adds copies of the display metas of a list to a frame.
#[pyfunction]
fn nvds_copy_display_meta_list(
    py: Python<'_>,
    src_display_meta_list: Option<&Bound<'_, GList>>,
    dst_frame_meta: &Bound<'_, NvDsFrameMeta>,
) -> PyResult<()> {
    let Some((source, ids)) = rest(py, src_display_meta_list, Kind::Display)? else { return Ok(()) };
    let copy = |item: &Item| match item {
        Item::Display(value) => Ok(value.duplicate()),
        _ => Err(changed(Kind::Display)),
    };
    let copies: Vec<DisplayValue> = source
        .with(py, |tree, _| ids.iter().map(|id| copy(&tree.node(*id, Kind::Display)?.item)).collect())?;
    let frame = dst_frame_meta.get();
    frame.session.with(py, |tree, model| {
        for copy in copies {
            let id = tree.acquire(Item::Display(Box::new(copy)));
            display::add(tree, model, frame.id, id)?;
        }
        Ok(())
    })
}

/// Adds copies of the frames of a list to a batch.
#[pyfunction]
fn nvds_copy_frame_meta_list(
    py: Python<'_>,
    src_frame_meta_list: Option<&Bound<'_, GList>>,
    dst_batch_meta: &Bound<'_, NvDsBatchMeta>,
) -> PyResult<()> {
    let Some((source, ids)) = rest(py, src_frame_meta_list, Kind::Frame)? else { return Ok(()) };
    copy_frames(py, &source, &ids, &dst_batch_meta.get().session)?;
    dst_batch_meta.get().recount();
    Ok(())
}

fn copy_frames(py: Python<'_>, source: &Session, ids: &[Id], target: &Session) -> PyResult<()> {
    let copies = source.with(py, |tree, model| {
        let copy = |id: &Id| {
            let picture = model.content.pictures.get(tree.node(*id, Kind::Frame)?.index).cloned();
            Ok((copy_frame(model.frame(tree, *id)?), picture))
        };
        ids.iter().map(copy).collect::<PyResult<Vec<_>>>()
    })?;
    let mut frames = Vec::new();
    for ((mut frame, user, users), picture) in copies {
        frame.user = user.make();
        for (object, user) in frame.objects.iter_mut().zip(users) {
            object.user = user.make();
        }
        frames.push((frame, picture));
    }
    target.with(py, |tree, model| {
        tree.list(BATCH, Kind::Frame, model)?;
        for (frame, picture) in frames {
            let content = &mut *model.content;
            // Pictures lie beside the frames, for all or for none.
            if content.pictures.len() == content.meta.frames.len()
                && let Some(picture) = picture
            {
                content.pictures.push(picture);
            }
            content.meta.frames.push(frame);
            let id = tree.acquire(Item::Frame);
            tree.append(BATCH, id, Kind::Frame)?;
        }
        Ok(())
    })
}

/// Adds copies of user metadata to a batch.
#[pyfunction]
fn nvds_copy_batch_user_meta_list(
    py: Python<'_>,
    src_user_meta_list: Option<&Bound<'_, GList>>,
    dst_batch_meta: &Bound<'_, NvDsBatchMeta>,
) -> PyResult<()> {
    copy_users(py, src_user_meta_list, &dst_batch_meta.get().session, BATCH)
}

/// Adds copies of user metadata to a frame.
#[pyfunction]
fn nvds_copy_frame_user_meta_list(
    py: Python<'_>,
    src_user_meta_list: Option<&Bound<'_, GList>>,
    dst_frame_meta: &Bound<'_, NvDsFrameMeta>,
) -> PyResult<()> {
    copy_users(py, src_user_meta_list, &dst_frame_meta.get().session, dst_frame_meta.get().id)
}

fn copy_users(
    py: Python<'_>,
    list: Option<&Bound<'_, GList>>,
    target: &Arc<Session>,
    owner: Id,
) -> PyResult<()> {
    let Some((source, ids)) = rest(py, list, Kind::User)? else { return Ok(()) };
    let mut natives = Vec::new();
    let copies = source.with(py, |tree, model| {
        let mut metas = slipstream_meta::UserMetas::default();
        for id in ids {
            let Item::User(item) = &tree.node(id, Kind::User)?.item else { return Err(changed(Kind::User)) };
            match item {
                UserItem::Native(native @ (Native::Tensors(_) | Native::Segmentation(_))) => {
                    natives.push(native.clone());
                }
                // They say where tracks of this very batch were, or what an object of it looks like.
                UserItem::Native(Native::PastTracks(_) | Native::Looks(_)) => {}
                _ => {
                    let Some(from) = tree.owner(id, Kind::User)? else { continue };
                    let at = super::user::position(tree, from, item, model)?;
                    if let Some(meta) = model.user(tree, from)?.get(at) {
                        let data = Arc::clone(&meta.data);
                        metas.push(slipstream_meta::UserMeta { kind: meta.kind, data });
                    }
                }
            }
        }
        let copies = Copies::of(&metas);
        Ok(copies)
    })?;
    let metas = copies.make();
    target.with(py, |tree, model| {
        tree.list(owner, Kind::User, model)?;
        for native in natives {
            match &native {
                Native::Tensors(tensors) if owner != BATCH => {
                    model.frame(tree, owner)?.tensors.push(tensors.clone());
                }
                Native::Segmentation(map) if owner != BATCH => {
                    model.frame(tree, owner)?.segmentations.push(map.clone());
                }
                _ => continue,
            }
            let id = tree.acquire(Item::User(UserItem::Native(native)));
            tree.append(owner, id, Kind::User)?;
        }
        for meta in metas.0 {
            let item = match attached_as(&meta.data) {
                Some(user) => UserItem::Python(user),
                None => UserItem::Native(Native::Other(meta.kind, Arc::clone(&meta.data))),
            };
            model.user(tree, owner)?.push(meta);
            let id = tree.acquire(Item::User(item));
            tree.append(owner, id, Kind::User)?;
        }
        Ok(())
    })
}

/// A copy of a batch's metadata.
#[pyfunction]
#[pyo3(signature = (data, user_data=None))]
fn nvds_batch_meta_copy_func(
    data: &Bound<'_, PyAny>,
    user_data: Option<&Bound<'_, PyAny>>,
) -> PyResult<NvDsBatchMeta> {
    let _ = user_data;
    let py = data.py();
    let batch = super::cast::<NvDsBatchMeta>(data)?;
    let source = &batch.get().session;
    let target = Session::scratch(py)?;
    let (ids, sources, user) = source.with(py, |tree, model| {
        let BatchMeta { sources, user, .. } = &model.content.meta;
        let (sources, user) = (sources.clone(), Copies::of(user));
        Ok((tree.list(BATCH, Kind::Frame, model)?.to_vec(), sources, user))
    })?;
    let user = user.make();
    target.with(py, |_, model| {
        model.content.meta.sources = sources;
        model.content.meta.user = user;
        Ok(())
    })?;
    copy_frames(py, source, &ids, &target)?;
    Ok(NvDsBatchMeta::at(target))
}

/// Empties a batch's metadata.
#[pyfunction]
#[pyo3(signature = (data, user_data=None))]
fn nvds_batch_meta_release_func(
    data: &Bound<'_, PyAny>,
    user_data: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let _ = user_data;
    let batch = super::cast::<NvDsBatchMeta>(data)?;
    super::edit::clear(data.py(), &batch.get().session, BATCH, Kind::Frame)?;
    super::edit::clear(data.py(), &batch.get().session, BATCH, Kind::User)
}

/// Puts the functions into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(nvds_copy_obj_meta_list, module)?)?;
    module.add_function(wrap_pyfunction!(nvds_copy_display_meta_list, module)?)?;
    module.add_function(wrap_pyfunction!(nvds_copy_frame_meta_list, module)?)?;
    module.add_function(wrap_pyfunction!(nvds_copy_batch_user_meta_list, module)?)?;
    module.add_function(wrap_pyfunction!(nvds_copy_frame_user_meta_list, module)?)?;
    module.add_function(wrap_pyfunction!(nvds_batch_meta_copy_func, module)?)?;
    module.add_function(wrap_pyfunction!(nvds_batch_meta_release_func, module)?)
}
