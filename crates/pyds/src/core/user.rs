//! User metadata: what programs and elements attach to batches, frames and objects.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use slipstream_meta::UserData;

use super::base::{NvDsBaseMeta, Owner, Pointer};
use super::tree::{Id, Item, Kind, Model, Tree, changed};
use crate::enumeration;
use crate::extras;
use crate::interpreter::attached;
use crate::payload::{self, Native, PastTracks};
use crate::session::{Copying, Session};
use crate::value::{self, Field, Pointee, next_address};

/// A user meta in a list.
pub(crate) enum UserItem {
    /// One that Python made.
    Python(Arc<PyUser>),
    /// What an element attached.
    Native(Native),
}

/// Makes the payload of a copy.
pub(crate) enum CopyFunc {
    /// `f(user_meta, user_data)`, as programs register it.
    Python(Py<PyAny>),
    /// What structures of this module come with.
    Native(fn(&Bound<'_, PyAny>) -> PyResult<Py<PyAny>>),
}

/// Frees a payload.
pub(crate) enum ReleaseFunc {
    /// `f(user_meta, user_data)`, as programs register it.
    Python(Py<PyAny>),
    /// What structures of this module come with.
    Native(fn(&Bound<'_, PyAny>) -> PyResult<()>),
}

/// A user meta that Python made.
pub(crate) struct PyUser {
    address: u64,
    state: Mutex<UserState>,
    /// How many attachments hold it: the payload is released with the last.
    attached: AtomicUsize,
}

#[derive(Default)]
pub(crate) struct UserState {
    pub(crate) kind: i32,
    pub(crate) data: Pointee,
    pub(crate) context: Pointee,
    pub(crate) copy: Option<CopyFunc>,
    pub(crate) release: Option<ReleaseFunc>,
}

/// Set by `unset_callback_funcs`: functions that programs registered are not called any more.
static UNSET: AtomicBool = AtomicBool::new(false);

/// Drops the functions that programs registered, for ever.
pub(crate) fn unset_callbacks() {
    UNSET.store(true, Ordering::SeqCst);
}

impl std::fmt::Debug for PyUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PyUser").field("address", &self.address).finish_non_exhaustive()
    }
}

impl PyUser {
    pub(crate) fn new(state: UserState) -> Arc<Self> {
        Arc::new(Self { address: next_address(), state: Mutex::new(state), attached: AtomicUsize::new(0) })
    }

    /// Its state. Only taken where the interpreter's lock is held, and let go of before Python is called.
    pub(crate) fn state(&self) -> MutexGuard<'_, UserState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn data(&self, py: Python<'_>) -> Py<PyAny> {
        self.state().data.0.as_ref().map_or_else(|| py.None(), |data| data.clone_ref(py))
    }

    /// What elements are to see of the payload.
    pub(crate) fn shared(&self, py: Python<'_>) -> PyResult<Option<Arc<dyn UserData>>> {
        payload::share(self.data(py).bind(py))
    }

    fn context(&self, py: Python<'_>) -> Py<PyAny> {
        self.state().context.0.as_ref().map_or_else(|| py.None(), |data| data.clone_ref(py))
    }

    /// A copy, if there is a function that makes one.
    fn copy(self: &Arc<Self>, py: Python<'_>) -> PyResult<Option<Arc<Self>>> {
        let copy = match &self.state().copy {
            Some(CopyFunc::Python(function)) if !UNSET.load(Ordering::SeqCst) => {
                CopyFunc::Python(function.clone_ref(py))
            }
            Some(CopyFunc::Native(function)) => CopyFunc::Native(*function),
            _ => return Ok(None),
        };
        let data = match &copy {
            CopyFunc::Python(function) => {
                let meta = NvDsUserMeta(Which::Loose(Arc::clone(self)));
                function.call1(py, (meta, self.context(py)))?
            }
            CopyFunc::Native(function) => function(self.data(py).bind(py))?,
        };
        let data = Pointee::read(data.bind(py))?;
        let (kind, context, release) = {
            let state = self.state();
            let release = state.release.as_ref().map(|release| match release {
                ReleaseFunc::Python(function) => ReleaseFunc::Python(function.clone_ref(py)),
                ReleaseFunc::Native(function) => ReleaseFunc::Native(*function),
            });
            (state.kind, state.context.clone(), release)
        };
        Ok(Some(Self::new(UserState { kind, data, context, copy: Some(copy), release })))
    }

    /// Calls the function that frees the payload, the first time.
    fn release(self: &Arc<Self>, py: Python<'_>) {
        let Some(release) = self.state().release.take() else { return };
        let result = match release {
            ReleaseFunc::Python(_) if UNSET.load(Ordering::SeqCst) => Ok(()),
            ReleaseFunc::Python(function) => {
                let meta = NvDsUserMeta(Which::Loose(Arc::clone(self)));
                function.call1(py, (meta, self.context(py))).map(drop)
            }
            ReleaseFunc::Native(function) => function(self.data(py).bind(py)),
        };
        if let Err(error) = result {
            error.write_unraisable(py, None);
        }
    }
}

impl Drop for PyUser {
    fn drop(&mut self) {
        let state = std::mem::take(self.state.get_mut().unwrap_or_else(PoisonError::into_inner));
        // One that was never attached, or whose attachment ended with the interpreter.
        if state.release.is_some() {
            attached(|py| {
                Self::new(state).release(py);
            });
        }
    }
}

/// Attachments that are alive, by where their data lies.
static ATTACHED: LazyLock<Mutex<HashMap<usize, Weak<PyUser>>>> = LazyLock::new(Mutex::default);

fn attachments() -> MutexGuard<'static, HashMap<usize, Weak<PyUser>>> {
    ATTACHED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(data: &Arc<dyn UserData>) -> usize {
    Arc::as_ptr(data).cast::<()>() as usize
}

/// A user meta that Python made, as the model holds it. The payload is released when the model drops it.
#[derive(Debug)]
struct Attachment {
    user: Arc<PyUser>,
    /// What elements see of the payload.
    shared: Option<Arc<dyn UserData>>,
}

/// What the model is to hold for a user meta, of whose payload elements see what is `shared`.
pub(crate) fn attach(user: &Arc<PyUser>, shared: Option<Arc<dyn UserData>>) -> Arc<dyn UserData> {
    user.attached.fetch_add(1, Ordering::SeqCst);
    let data: Arc<dyn UserData> = Arc::new(Attachment { user: Arc::clone(user), shared });
    attachments().insert(key(&data), Arc::downgrade(user));
    data
}

/// The user meta of Python that the model holds as `data`.
pub(crate) fn attached_as(data: &Arc<dyn UserData>) -> Option<Arc<PyUser>> {
    attachments().get(&key(data)).and_then(Weak::upgrade)
}

impl UserData for Attachment {
    fn duplicate(self: Arc<Self>) -> Option<Arc<dyn UserData>> {
        let _copying = Copying::start();
        attached(|py| {
            let copy = || {
                let Some(copy) = self.user.copy(py)? else { return Ok(None) };
                let shared = copy.shared(py)?;
                Ok(Some(attach(&copy, shared)))
            };
            copy().unwrap_or_else(|error: PyErr| {
                error.write_unraisable(py, None);
                None
            })
        })?
    }

    fn as_any(&self) -> &dyn Any {
        self.shared.as_ref().map_or(self, |shared| shared.as_any())
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        attachments().remove(&(std::ptr::from_ref(self) as usize));
        if self.user.attached.fetch_sub(1, Ordering::SeqCst) == 1 {
            attached(|py| self.user.release(py));
        }
    }
}

/// What the user metadata of `owner` is, those that elements know as typed fields first.
pub(crate) fn items(tree: &Tree, owner: Id, kind: Kind, model: &mut Model<'_>) -> PyResult<Vec<UserItem>> {
    let mut items: Vec<UserItem> = Vec::new();
    let native = |native| UserItem::Native(native);
    let typed = |tensors: &[_], maps: &[_]| {
        let tensors = tensors.iter().cloned().map(Native::Tensors);
        tensors.chain(maps.iter().cloned().map(Native::Segmentation)).map(native).collect::<Vec<_>>()
    };
    match kind {
        Kind::Frame => {
            let frame = model.frame(tree, owner)?;
            items.extend(typed(&frame.tensors, &frame.segmentations));
        }
        Kind::Object => {
            let object = model.object(tree, owner)?;
            items.extend(typed(&object.tensors, &object.segmentations));
            items.extend(object.embedding.clone().map(Native::Looks).map(native));
        }
        _ => {
            let with_past = model.content.meta.frames.iter().filter(|frame| !frame.tracks.past.is_empty());
            let past: Arc<[PastTracks]> = with_past
                .map(|frame| PastTracks {
                    pad_index: frame.pad_index,
                    source_id: frame.source_id,
                    records: frame.tracks.past.clone(),
                })
                .collect();
            if !past.is_empty() {
                items.push(native(Native::PastTracks(past)));
            }
        }
    }
    let metas = model.user(tree, owner)?.iter().filter(|meta| meta.kind != extras::KIND);
    items.extend(metas.map(|meta| match attached_as(&meta.data) {
        Some(user) => UserItem::Python(user),
        None => native(Native::Other(meta.kind, Arc::clone(&meta.data))),
    }));
    Ok(items)
}

impl Native {
    /// Its `NvDsMetaType`.
    pub(crate) fn kind(&self) -> i32 {
        match self {
            Self::Tensors(_) => 12,
            Self::Segmentation(_) => 13,
            Self::PastTracks(_) => 15,
            Self::Looks(_) => 17,
            Self::Other(kind, _) => *kind,
        }
    }
}

/// Where the model holds a user meta among those of `owner` that it has no field for.
pub(crate) fn position(tree: &Tree, owner: Id, item: &UserItem, model: &mut Model<'_>) -> PyResult<usize> {
    let metas = model.user(tree, owner)?;
    let found = match item {
        UserItem::Python(user) => metas
            .iter()
            .position(|meta| attached_as(&meta.data).is_some_and(|attached| Arc::ptr_eq(&attached, user))),
        UserItem::Native(Native::Other(_, data)) => {
            metas.iter().position(|meta| key(&meta.data) == key(data))
        }
        UserItem::Native(_) => None,
    };
    found.ok_or_else(|| changed(Kind::User))
}

/// User metadata: a payload and what kind of thing it is.
#[pyclass(frozen, weakref, module = "pyds")]
pub(crate) struct NvDsUserMeta(Which);

enum Which {
    /// In a buffer.
    Item(Arc<Session>, Id),
    /// In none: what callbacks get.
    Loose(Arc<PyUser>),
}

/// What a handle stands for.
enum Found {
    Python(Arc<PyUser>),
    Native(Native),
}

impl NvDsUserMeta {
    pub(crate) fn at(session: Arc<Session>, id: Id) -> Self {
        Self(Which::Item(session, id))
    }

    pub(crate) fn loose(user: Arc<PyUser>) -> Self {
        Self(Which::Loose(user))
    }

    /// The buffer that it is in, and its number there.
    pub(crate) fn item(&self) -> Option<(&Arc<Session>, Id)> {
        match &self.0 {
            Which::Item(session, id) => Some((session, *id)),
            Which::Loose(_) => None,
        }
    }

    fn found(&self, py: Python<'_>) -> PyResult<Found> {
        match &self.0 {
            Which::Loose(user) => Ok(Found::Python(Arc::clone(user))),
            Which::Item(session, id) => session.with(py, |tree, _| match &tree.node(*id, Kind::User)?.item {
                Item::User(UserItem::Python(user)) => Ok(Found::Python(Arc::clone(user))),
                Item::User(UserItem::Native(native)) => Ok(Found::Native(native.clone())),
                _ => Err(changed(Kind::User)),
            }),
        }
    }

    /// The user meta, if Python made it: for setting callbacks.
    pub(crate) fn python(&self, py: Python<'_>) -> PyResult<Arc<PyUser>> {
        match self.found(py)? {
            Found::Python(user) => Ok(user),
            Found::Native(_) => {
                Err(PyRuntimeError::new_err("this NvDsUserMeta belongs to the element that attached it"))
            }
        }
    }

    pub(crate) fn kind(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(match self.found(py)? {
            Found::Python(user) => user.state().kind,
            Found::Native(native) => native.kind(),
        })
    }

    pub(crate) fn set_kind(&self, py: Python<'_>, kind: i32) -> PyResult<()> {
        let user = self.python(py)?;
        user.state().kind = kind;
        if let Which::Item(session, id) = &self.0 {
            session.with(py, |tree, model| {
                if let Some(owner) = tree.owner(*id, Kind::User)? {
                    let at = position(tree, owner, &UserItem::Python(Arc::clone(&user)), model)?;
                    if let Some(meta) = model.user(tree, owner)?.get_mut(at) {
                        meta.kind = kind;
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Its address.
    pub(crate) fn address(&self) -> u64 {
        match &self.0 {
            Which::Item(session, id) => session.address(*id),
            Which::Loose(user) => user.address,
        }
    }
}

#[pymethods]
impl NvDsUserMeta {
    #[new]
    fn new() -> Self {
        Self(Which::Loose(PyUser::new(UserState::default())))
    }

    /// What `pointer` points at.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        super::cast(pointer)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().address() == self.address())
    }

    fn __hash__(&self) -> isize {
        value::hash(self.address())
    }

    fn __int__(&self) -> u64 {
        self.address()
    }

    #[getter]
    fn base_meta(&self) -> NvDsBaseMeta {
        NvDsBaseMeta::new_for(match &self.0 {
            Which::Item(session, id) => Owner::Item(Arc::clone(session), *id),
            Which::Loose(user) => Owner::User(Arc::clone(user)),
        })
    }

    /// The payload.
    #[getter]
    fn user_meta_data(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.found(py)? {
            Found::Python(user) => Ok(user.data(py)),
            Found::Native(native) => {
                let Which::Item(session, id) = &self.0 else { return Ok(py.None()) };
                const NOTE: &str = "user_meta_data";
                if let Some(known) = session.note(py, *id, NOTE) {
                    return Ok(known);
                }
                let payload = match payload::present(py, &native)? {
                    Some(payload) => payload,
                    None => Py::new(py, Pointer::new("what an element attached", self.address()))?.into_any(),
                };
                session.set_note(*id, NOTE, Some(payload.clone_ref(py)));
                Ok(payload)
            }
        }
    }

    #[setter]
    fn set_user_meta_data(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        let user = self.python(py)?;
        let data = Pointee::read(value)?;
        let old = std::mem::replace(&mut user.state().data, data);
        drop(old);
        let Which::Item(session, id) = &self.0 else { return Ok(()) };
        // On a buffer already: elements are to see the new payload.
        let shared = user.shared(py)?;
        session.with(py, |tree, model| {
            let Some(owner) = tree.owner(*id, Kind::User)? else { return Ok(()) };
            let at = position(tree, owner, &UserItem::Python(Arc::clone(&user)), model)?;
            if let Some(meta) = model.user(tree, owner)?.get_mut(at) {
                let old = std::mem::replace(&mut meta.data, attach(&user, shared));
                let old = slipstream_meta::UserMeta { kind: meta.kind, data: old };
                model.trash.push(super::tree::Trash::User(old));
            }
            Ok(())
        })
    }
}

/// Reads a kind that Python wrote.
pub(crate) fn read_kind(value: &Bound<'_, PyAny>) -> PyResult<i32> {
    i32::try_from(enumeration::number(value)?)
        .map_err(|_| PyTypeError::new_err("NvDsBaseMeta.meta_type: must be a 32-bit number"))
}
