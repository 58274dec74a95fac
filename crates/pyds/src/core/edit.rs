//! Taking metadata from the pool, adding it, removing it, copying it.

use std::sync::Arc;

use pyo3::PyClass;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use slipstream_meta::{FrameMeta, ObjectMeta, UserData, UserMeta, UserMetas};

use super::object::foreign_parent;
use super::tree::{BATCH, Id, Item, Kind, Model, Place, Trash, Tree, changed};
use super::user::{self, PyUser, UserItem};
use super::{classifier, display};
use crate::payload::Native;
use crate::session::Session;
use crate::value::wrong_class;

/// The number of what `value` is in this buffer; `None` for `None`.
pub(crate) fn same_buffer<T: PyClass<Frozen = True> + Sync>(
    session: &Arc<Session>,
    value: &Bound<'_, PyAny>,
    name: &str,
    item: impl FnOnce(&T) -> (&Arc<Session>, Id),
) -> PyResult<Option<Id>> {
    if value.is_none() {
        return Ok(None);
    }
    let handle = value.cast::<T>().map_err(|_| {
        let error = wrong_class(value, T::NAME);
        PyTypeError::new_err(format!("{name}: {}", error.value(value.py())))
    })?;
    let (other, id) = item(handle.get());
    require_same(session, other)?;
    Ok(Some(id))
}

/// Fails where two handles are not of the same buffer.
pub(crate) fn require_same(a: &Arc<Session>, b: &Arc<Session>) -> PyResult<()> {
    if Arc::ptr_eq(a, b) {
        return Ok(());
    }
    Err(PyValueError::new_err("metadata of one buffer cannot be added to another one or removed from it"))
}

fn require_pooled(tree: &Tree, id: Id, kind: Kind) -> PyResult<()> {
    match tree.node(id, kind)?.place {
        Place::Pool => Ok(()),
        _ => Err(PyRuntimeError::new_err(format!("this {} was added already", kind.class()))),
    }
}

fn require_owner(tree: &Tree, owner: Id, id: Id, kind: Kind) -> PyResult<()> {
    if tree.owner(id, kind)? == Some(owner) {
        return Ok(());
    }
    Err(PyRuntimeError::new_err(format!(
        "this {} is not in the list that it is to be removed from",
        kind.class()
    )))
}

/// Makes an object a part of another one.
pub(crate) fn set_parent(tree: &mut Tree, model: &mut Model<'_>, id: Id, parent: Option<Id>) -> PyResult<()> {
    let place = tree.node(id, Kind::Object)?.place;
    let Place::In(frame) = place else {
        match parent {
            Some(parent) => model.pool.parents.insert(id, parent),
            None => model.pool.parents.remove(&id),
        };
        return Ok(());
    };
    let index = match parent {
        Some(parent) if tree.owner(parent, Kind::Object)? == Some(frame) => {
            Some(tree.node(parent, Kind::Object)?.index)
        }
        Some(_) => return Err(foreign_parent()),
        None => None,
    };
    model.object(tree, id)?.parent = index;
    Ok(())
}

/// Adds a frame to the batch.
pub(crate) fn add_frame(tree: &mut Tree, model: &mut Model<'_>, id: Id) -> PyResult<()> {
    require_pooled(tree, id, Kind::Frame)?;
    let frame = model.pool.frames.remove(&id).ok_or_else(|| changed(Kind::Frame))?;
    model.content.meta.frames.push(*frame);
    // Pictures lie beside the frames: one that Python made shows what the first one shows.
    if let Some(picture) = model.content.pictures.first().cloned() {
        model.content.pictures.push(picture);
    }
    tree.append(BATCH, id, Kind::Frame)
}

/// Adds an object to a frame.
pub(crate) fn add_object(
    tree: &mut Tree,
    model: &mut Model<'_>,
    frame: Id,
    id: Id,
    parent: Option<Id>,
) -> PyResult<()> {
    require_pooled(tree, id, Kind::Object)?;
    tree.list(frame, Kind::Object, model)?;
    if let Some(parent) = parent
        && tree.owner(parent, Kind::Object)? != Some(frame)
    {
        return Err(foreign_parent());
    }
    model.frame(tree, frame)?;
    let object = model.pool.objects.remove(&id).ok_or_else(|| changed(Kind::Object))?;
    model.frame(tree, frame)?.objects.push(*object);
    tree.append(frame, id, Kind::Object)?;
    let noted = model.pool.parents.remove(&id);
    let parent =
        parent.or(noted.filter(|parent| tree.owner(*parent, Kind::Object).ok() == Some(Some(frame))));
    set_parent(tree, model, id, parent)
}

/// Adds a classifier to an object.
pub(crate) fn add_classifier(tree: &mut Tree, model: &mut Model<'_>, object: Id, id: Id) -> PyResult<()> {
    require_pooled(tree, id, Kind::Classifier)?;
    tree.list(object, Kind::Classifier, model)?;
    tree.append(object, id, Kind::Classifier)?;
    classifier::flush(tree, model, object)
}

/// Adds a label to a classifier.
pub(crate) fn add_label(tree: &mut Tree, model: &mut Model<'_>, classifier: Id, id: Id) -> PyResult<()> {
    require_pooled(tree, id, Kind::Label)?;
    tree.list(classifier, Kind::Label, model)?;
    tree.append(classifier, id, Kind::Label)?;
    classifier::flush_classifier(tree, model, classifier)
}

/// Adds a display meta to a frame.
pub(crate) fn add_display(tree: &mut Tree, model: &mut Model<'_>, frame: Id, id: Id) -> PyResult<()> {
    // Programs that draw one thing for each object of a frame add what they draw each time.
    if tree.owner(id, Kind::Display)? == Some(frame) {
        return Ok(());
    }
    require_pooled(tree, id, Kind::Display)?;
    display::add(tree, model, frame, id)
}

/// Adds a user meta of Python, of whose payload elements see what is `shared`, to a batch, frame or object.
pub(crate) fn add_user(
    tree: &mut Tree,
    model: &mut Model<'_>,
    owner: Id,
    id: Id,
    kind: i32,
    shared: Option<Arc<dyn UserData>>,
) -> PyResult<()> {
    require_pooled(tree, id, Kind::User)?;
    tree.list(owner, Kind::User, model)?;
    let Item::User(UserItem::Python(user)) = &tree.node(id, Kind::User)?.item else {
        return Err(changed(Kind::User));
    };
    let user = Arc::clone(user);
    model.user(tree, owner)?.push(UserMeta { kind, data: user::attach(&user, shared) });
    tree.append(owner, id, Kind::User)
}

/// Removes something from the list of its owner.
pub(crate) fn remove(tree: &mut Tree, model: &mut Model<'_>, owner: Id, id: Id, kind: Kind) -> PyResult<()> {
    tree.list(owner, kind, model)?;
    require_owner(tree, owner, id, kind)?;
    match kind {
        Kind::Batch => {}
        Kind::Frame => {
            let index = tree.detach(id, kind)?;
            let BatchParts { frames, pictures } = parts(model);
            if index < frames.len() {
                let frame = frames.remove(index);
                let picture = (index < pictures.len()).then(|| pictures.remove(index));
                model.trash.push(Trash::Frame(frame));
                model.trash.extend(picture.map(Trash::Picture));
            }
        }
        Kind::Object => {
            let index = tree.detach(id, kind)?;
            let removed = model.frame(tree, owner)?.remove_object(index);
            model.trash.extend(removed.map(Trash::Object));
        }
        Kind::Classifier => {
            tree.detach(id, kind)?;
            classifier::flush(tree, model, owner)?;
        }
        Kind::Label => {
            tree.detach(id, kind)?;
            classifier::flush_classifier(tree, model, owner)?;
        }
        Kind::Display => {
            display::clear(tree, model, owner, id)?;
            tree.detach(id, kind)?;
        }
        Kind::User => {
            remove_user(tree, model, owner, id)?;
            tree.detach(id, kind)?;
        }
    }
    Ok(())
}

struct BatchParts<'a> {
    frames: &'a mut Vec<FrameMeta>,
    pictures: &'a mut Vec<slipstream_buffer::meta::BatchPicture>,
}

fn parts<'a>(model: &'a mut Model<'_>) -> BatchParts<'a> {
    BatchParts { frames: &mut model.content.meta.frames, pictures: &mut model.content.pictures }
}

/// Takes a user meta out of the model.
fn remove_user(tree: &Tree, model: &mut Model<'_>, owner: Id, id: Id) -> PyResult<()> {
    let Item::User(item) = &tree.node(id, Kind::User)?.item else { return Err(changed(Kind::User)) };
    let same = |other: &&Id| match tree.get(**other).map(|node| &node.item) {
        Some(Item::User(UserItem::Native(other))) => {
            matches!(item, UserItem::Native(native) if std::mem::discriminant(native) == std::mem::discriminant(other))
        }
        _ => false,
    };
    let before = tree.known(owner, Kind::User).iter().take_while(|other| **other != id).filter(same).count();
    let of_object = tree.get(owner).is_some_and(|node| node.kind() == Kind::Object);
    match item {
        UserItem::Native(Native::PastTracks(_)) => {
            for frame in &mut model.content.meta.frames {
                frame.tracks.past.clear();
            }
        }
        UserItem::Native(Native::Looks(_)) => model.object(tree, owner)?.embedding = None,
        UserItem::Native(Native::Tensors(_)) => {
            let list = if of_object {
                &mut model.object(tree, owner)?.tensors
            } else {
                &mut model.frame(tree, owner)?.tensors
            };
            if before < list.len() {
                list.remove(before);
            }
        }
        UserItem::Native(Native::Segmentation(_)) => {
            let list = if of_object {
                &mut model.object(tree, owner)?.segmentations
            } else {
                &mut model.frame(tree, owner)?.segmentations
            };
            if before < list.len() {
                list.remove(before);
            }
        }
        UserItem::Python(_) | UserItem::Native(Native::Other(..)) => {
            let at = user::position(tree, owner, item, model)?;
            let metas = model.user(tree, owner)?;
            if at < metas.len() {
                let removed = metas.remove(at);
                model.trash.push(Trash::User(removed));
            }
        }
    }
    Ok(())
}

/// Removes everything from a list.
pub(crate) fn clear(py: Python<'_>, session: &Session, owner: Id, kind: Kind) -> PyResult<()> {
    session.with(py, |tree, model| {
        let all = tree.list(owner, kind, model)?.to_vec();
        // From the end: nothing has to move up.
        all.into_iter().rev().try_for_each(|id| remove(tree, model, owner, id, kind))
    })
}

/// User metadata that is to be copied when no lock is held: copying may call Python.
#[derive(Default)]
pub(crate) struct Copies(Vec<(i32, Arc<dyn UserData>)>);

impl Copies {
    pub(crate) fn of(metas: &UserMetas) -> Self {
        Self(metas.iter().map(|meta| (meta.kind, Arc::clone(&meta.data))).collect())
    }

    /// The copies.
    pub(crate) fn make(self) -> UserMetas {
        let copies = self.0.into_iter();
        UserMetas(
            copies.filter_map(|(kind, data)| Some(UserMeta { kind, data: data.duplicate()? })).collect(),
        )
    }
}

/// A copy of an object but for its user metadata.
pub(crate) fn copy_object(object: &mut ObjectMeta) -> (ObjectMeta, Copies) {
    let user = std::mem::take(&mut object.user);
    let copy = object.clone();
    object.user = user;
    (copy, Copies::of(&object.user))
}

/// A copy of a frame but for user metadata: its own, and that of its objects.
pub(crate) fn copy_frame(frame: &mut FrameMeta) -> (FrameMeta, Copies, Vec<Copies>) {
    let user = std::mem::take(&mut frame.user);
    let objects = std::mem::take(&mut frame.objects);
    let mut copy = frame.clone();
    frame.user = user;
    frame.objects = objects;
    let mut users = Vec::new();
    for object in &mut frame.objects {
        let (object, user) = copy_object(object);
        copy.objects.push(object);
        users.push(user);
    }
    (copy, Copies::of(&frame.user), users)
}

/// A new user meta of Python in the pool.
pub(crate) fn pool_user(tree: &mut Tree, user: Arc<PyUser>) -> Id {
    tree.acquire(Item::User(UserItem::Python(user)))
}
