//! What Python holds of one buffer.
//!
//! All handles onto a buffer's metadata share a [`Session`], which owns a reference to the buffer: as long as Python holds a
//! handle the buffer lives, and elements downstream copy it instead of changing it in place.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use slipstream_buffer::meta::{Batch, BatchContent};
use slipstream_meta::BatchMeta;

use crate::address::Strings;
use crate::core::tree::{Id, Model, Pool, Tree};
use crate::core::{self};
use crate::lock::MetaLock;

/// Marks addresses of what lies in buffers.
const ADDRESS_MARK: u64 = 1 << 62;
/// Bits of an address for members of what it is the address of.
const MEMBER_BITS: u32 = 16;
/// Bits of an address for what lies in one buffer.
const ID_BITS: u32 = 20;
/// Bits of an address for the session. Numbers of sessions start again when they are used up, after months.
const SESSION_BITS: u32 = 62 - MEMBER_BITS - ID_BITS;

/// What Python holds of one buffer.
pub(crate) struct Session {
    buffer: gst::Buffer,
    number: u64,
    state: Mutex<State>,
    notes: Mutex<HashMap<(Id, &'static str), Py<PyAny>>>,
    strings: Strings,
    pub(crate) lock: MetaLock,
}

struct State {
    tree: Tree,
    pool: Pool,
}

/// Sessions that are alive, by the address of their buffer and by their number.
#[derive(Default)]
struct Sessions {
    buffers: HashMap<usize, Weak<Session>>,
    numbers: HashMap<u64, Weak<Session>>,
}

static SESSIONS: LazyLock<Mutex<Sessions>> = LazyLock::new(Mutex::default);

fn sessions() -> MutexGuard<'static, Sessions> {
    SESSIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// Whether this thread is copying a buffer's metadata, and holds the lock of it.
    static COPYING: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as copying while it lives.
pub(crate) struct Copying(bool);

impl Copying {
    pub(crate) fn start() -> Self {
        Self(COPYING.replace(true))
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        COPYING.set(self.0);
    }
}

impl Session {
    /// The session of the buffer at an address; `None` where no buffer with a batch is. Any number may be asked for.
    pub(crate) fn find(py: Python<'_>, address: usize) -> PyResult<Option<Arc<Self>>> {
        let known = sessions().buffers.get(&address).and_then(Weak::upgrade);
        if let Some(session) = known {
            return Ok(Some(session));
        }
        let Some(buffer) = Batch::find(address) else { return Ok(None) };
        Self::open(py, buffer).map(Some)
    }

    /// A session on a buffer of its own, for metadata that belongs to no other.
    pub(crate) fn scratch(py: Python<'_>) -> PyResult<Arc<Self>> {
        gst::init().map_err(|error| PyRuntimeError::new_err(format!("GStreamer: {error}")))?;
        let mut buffer = gst::Buffer::new();
        if let Some(buffer) = buffer.get_mut() {
            Batch::attach(buffer, BatchContent { meta: BatchMeta::default(), pictures: Vec::new() });
        }
        Self::open(py, buffer)
    }

    fn open(py: Python<'_>, buffer: gst::Buffer) -> PyResult<Arc<Self>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed) & ((1 << SESSION_BITS) - 1);
        let address = buffer.as_ptr() as usize;
        let session = Arc::new(Self {
            buffer,
            number,
            state: Mutex::new(State { tree: Tree::default(), pool: Pool::default() }),
            notes: Mutex::default(),
            strings: Strings::default(),
            lock: MetaLock::default(),
        });
        session.with(py, |tree, model| {
            tree.set_frames(model.content.meta.frames.len());
            Ok(())
        })?;
        let mut sessions = sessions();
        // Another thread of Python may have opened one while this one waited.
        if let Some(other) = sessions.buffers.get(&address).and_then(Weak::upgrade) {
            drop(sessions);
            return Ok(other);
        }
        sessions.buffers.insert(address, Arc::downgrade(&session));
        sessions.numbers.insert(number, Arc::downgrade(&session));
        Ok(session)
    }

    /// Looks at or changes what the buffer carries. `work` must not call Python nor drop objects of Python; what it takes out of
    /// the model goes into the model's `trash`.
    pub(crate) fn with<R>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Tree, &mut Model<'_>) -> PyResult<R>,
    ) -> PyResult<R> {
        let mut work = Some(work);
        loop {
            // The interpreter's lock is held, and nobody lets go of it while holding this one: there is never anything to
            // wait for.
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let State { tree, pool } = &mut *state;
            let mut trash = Vec::new();
            let mut access = |content: &mut BatchContent| {
                let work = work.take()?;
                Some(work(tree, &mut Model { content, pool, trash: &mut trash }))
            };
            // SAFETY: all of Python goes through this function; no element changes a buffer that others hold, and this holds it.
            let result = unsafe { Batch::try_change_shared(&self.buffer, &mut access) };
            let result = result.map_err(|_| ());
            drop(state);
            drop(trash);
            match result {
                Ok(Some(Some(result))) => return result,
                Ok(_) => {
                    return Err(PyRuntimeError::new_err("the buffer carries no batch metadata any more"));
                }
                Err(()) if COPYING.get() => {
                    return Err(PyRuntimeError::new_err(
                        "the metadata of this buffer is being copied: a copy function may look at the user meta that it is \
                         given only",
                    ));
                }
                Err(()) => py.detach(|| {
                    // SAFETY: nothing is looked at; this only waits for whoever copies the buffer.
                    unsafe { Batch::change_shared(&self.buffer, |_| ()) }
                }),
            };
        }
    }

    /// The buffer.
    pub(crate) fn buffer(&self) -> &gst::Buffer {
        &self.buffer
    }

    /// Where texts are kept that Python knows by address.
    pub(crate) fn strings(&self) -> &Strings {
        &self.strings
    }

    /// The address of something in the buffer.
    pub(crate) fn address(&self, id: Id) -> u64 {
        ADDRESS_MARK | (self.number << (MEMBER_BITS + ID_BITS)) | (u64::from(id) << MEMBER_BITS)
    }

    /// The handle of what is at an address of this module's making; `None` for any other number.
    pub(crate) fn handle_at(py: Python<'_>, address: u64) -> PyResult<Option<Py<PyAny>>> {
        if address & ADDRESS_MARK == 0 || address >> 63 != 0 || address & ((1 << MEMBER_BITS) - 1) != 0 {
            return Ok(None);
        }
        let number = (address & !ADDRESS_MARK) >> (MEMBER_BITS + ID_BITS);
        let id = (address >> MEMBER_BITS) & ((1 << ID_BITS) - 1);
        let session = sessions().numbers.get(&number).and_then(Weak::upgrade);
        session.map_or(Ok(None), |session| core::handle(py, &session, id as Id))
    }

    /// What Python noted of something, where the model has no place for it.
    pub(crate) fn note(&self, py: Python<'_>, id: Id, name: &'static str) -> Option<Py<PyAny>> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.get(&(id, name)).map(|note| note.clone_ref(py))
    }

    /// Notes something, or forgets it.
    pub(crate) fn set_note(&self, id: Id, name: &'static str, note: Option<Py<PyAny>>) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let old = match note {
            Some(note) => notes.insert((id, name), note),
            None => notes.remove(&(id, name)),
        };
        drop(notes);
        drop(old);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut sessions = sessions();
        // The address may be another session's already, on the same buffer.
        let address = self.buffer.as_ptr() as usize;
        if sessions.buffers.get(&address).is_some_and(|session| session.strong_count() == 0) {
            sessions.buffers.remove(&address);
        }
        if sessions.numbers.get(&self.number).is_some_and(|session| session.strong_count() == 0) {
            sessions.numbers.remove(&self.number);
        }
    }
}
