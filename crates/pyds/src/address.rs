//! Addresses that Python was given, and what is there.
//!
//! DeepStream's programs pass pointers around as numbers. Only numbers that this module handed out are looked at; any other is
//! an error. Texts and blocks of bytes lie at their real addresses, so that `ctypes` may be used on them; structures and the
//! metadata in buffers have numbers that nothing in the process has.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::session::Session;
use crate::value::Kept;

/// What lies at an address.
#[derive(Clone)]
pub(crate) enum Entry {
    /// Bytes, until they are freed.
    Bytes(Arc<Bytes>),
    /// A structure, while an object of Python refers to it.
    Weak(Weak<dyn Kept>),
    /// A structure that Python asked for by its address alone (`memdup`, `alloc_…`), until it is freed.
    Kept(Arc<dyn Kept>),
}

static ENTRIES: LazyLock<Mutex<HashMap<u64, Entry>>> = LazyLock::new(Mutex::default);

/// Entries of structures that are gone are swept out when their number has doubled since the last time.
const SWEEP_AT_LEAST: usize = 1024;

fn entries() -> MutexGuard<'static, HashMap<u64, Entry>> {
    ENTRIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts something at an address.
pub(crate) fn put(address: u64, entry: Entry) {
    let mut entries = entries();
    if entries.len() >= SWEEP_AT_LEAST && entries.len() == entries.capacity() {
        entries.retain(|_, entry| !matches!(entry, Entry::Weak(kept) if kept.strong_count() == 0));
    }
    entries.insert(address, entry);
}

/// Takes away what is at an address; `None` if there is nothing that could be taken.
pub(crate) fn take(address: u64) -> Option<Entry> {
    // What is taken is dropped by the caller, when the lock is free again.
    entries().remove(&address)
}

/// What is at an address.
pub(crate) fn find(address: u64) -> Option<Entry> {
    entries().get(&address).cloned()
}

/// Makes a structure known by its address as long as an object of Python refers to it.
pub(crate) fn keep_weakly(kept: Option<Arc<dyn Kept>>) {
    if let Some(kept) = kept {
        let address = kept.address();
        if !matches!(find(address), Some(Entry::Kept(_))) {
            put(address, Entry::Weak(Arc::downgrade(&kept)));
        }
    }
}

/// Makes a structure known by its address until it is freed; returns the address.
pub(crate) fn keep(kept: Arc<dyn Kept>) -> u64 {
    let address = kept.address();
    put(address, Entry::Kept(kept));
    address
}

/// The structure at an address.
///
/// # Errors
/// `ValueError` if there is none.
pub(crate) fn kept(address: u64) -> PyResult<Arc<dyn Kept>> {
    match find(address) {
        Some(Entry::Kept(kept)) => Ok(kept),
        Some(Entry::Weak(kept)) => kept.upgrade().ok_or_else(|| unknown(address)),
        _ => Err(unknown(address)),
    }
}

/// The bytes at an address.
///
/// # Errors
/// `ValueError` if there are none.
pub(crate) fn bytes(address: u64) -> PyResult<Arc<Bytes>> {
    match find(address) {
        Some(Entry::Bytes(bytes)) => Ok(bytes),
        _ => Err(unknown(address)),
    }
}

/// The object that stands for what is at an address: the metadata in a buffer, or else the address itself. `None` for 0.
///
/// # Errors
/// `ValueError` for an address that was not handed out.
pub(crate) fn object(py: Python<'_>, address: u64) -> PyResult<Option<Py<PyAny>>> {
    if address == 0 {
        return Ok(None);
    }
    if let Some(handle) = Session::handle_at(py, address)? {
        return Ok(Some(handle));
    }
    if find(address).is_some() {
        return Ok(Some(address.into_pyobject(py)?.into_any().unbind()));
    }
    Err(unknown(address))
}

/// The error of an address that was not handed out, or whose content is gone.
pub(crate) fn unknown(address: u64) -> PyErr {
    PyValueError::new_err(format!("nothing is known to be at address {address:#x}"))
}

/// A block of memory that Python knows by its address, and may change by other means.
pub(crate) struct Bytes(Box<[AtomicU8]>);

impl Bytes {
    /// A block of `size` zeros; one byte at least, so that each has an address of its own.
    pub(crate) fn zeroed(size: usize) -> Self {
        Self((0..size.max(1)).map(|_| AtomicU8::new(0)).collect())
    }

    /// A block that holds `text` and a zero.
    pub(crate) fn text(text: &str) -> Self {
        Self(text.bytes().chain([0]).map(AtomicU8::new).collect())
    }

    pub(crate) fn address(&self) -> u64 {
        self.0.as_ptr() as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes from the start, as they are now.
    pub(crate) fn get(&self, range: Range<usize>) -> Option<Vec<u8>> {
        Some(self.0.get(range)?.iter().map(|byte| byte.load(Ordering::Relaxed)).collect())
    }

    /// Writes from the start on; what does not fit is left out.
    pub(crate) fn set(&self, bytes: &[u8]) {
        for (place, byte) in self.0.iter().zip(bytes) {
            place.store(*byte, Ordering::Relaxed);
        }
    }

    /// The text up to the first zero. Bytes that are no UTF-8 are replaced.
    pub(crate) fn to_text(&self) -> String {
        let text: Vec<u8> =
            self.0.iter().map(|byte| byte.load(Ordering::Relaxed)).take_while(|&byte| byte != 0).collect();
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Puts bytes at their own address until they are freed; returns the address.
pub(crate) fn put_bytes(bytes: Bytes) -> u64 {
    let address = bytes.address();
    put(address, Entry::Bytes(Arc::new(bytes)));
    address
}

/// Texts that Python knows by address, as long as this lives. The same text has the same address.
#[derive(Default)]
pub(crate) struct Strings(Mutex<HashMap<Box<str>, Arc<Bytes>>>);

impl Strings {
    /// The address of a text.
    pub(crate) fn address(&self, text: &str) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match known.get(text) {
            // Python may write to it by other means.
            Some(bytes) if bytes.to_text() == text => Arc::clone(bytes),
            _ => {
                let bytes = Arc::new(Bytes::text(text));
                known.insert(text.into(), Arc::clone(&bytes));
                bytes
            }
        };
        // Python may have freed it, as it does with memory that it allocated: then it is put there anew.
        let address = bytes.address();
        put(address, Entry::Bytes(bytes));
        address
    }
}

impl Drop for Strings {
    fn drop(&mut self) {
        // What is dropped here is the last that lies at these addresses: no other block can have got one of them meanwhile.
        for bytes in self.0.get_mut().unwrap_or_else(PoisonError::into_inner).values() {
            drop(take(bytes.address()));
        }
    }
}
