//! The lock of a batch's metadata, as programs take it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// A recursive lock that is taken and released by functions.
#[derive(Default)]
pub(crate) struct MetaLock {
    holder: Mutex<Option<(ThreadId, usize)>>,
    released: Condvar,
}

impl MetaLock {
    /// Takes the lock, once more if this thread has it already. Other threads of Python go on while this waits.
    pub(crate) fn acquire(&self, py: Python<'_>) {
        let this = thread::current().id();
        py.detach(|| {
            let holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
            let mut holder = self
                .released
                .wait_while(holder, |holder| holder.is_some_and(|(thread, _)| thread != this))
                .unwrap_or_else(PoisonError::into_inner);
            let times = holder.map_or(0, |(_, times)| times);
            *holder = Some((this, times + 1));
        });
    }

    /// Releases the lock as often as it was taken.
    ///
    /// # Errors
    /// `RuntimeError` if this thread does not have it.
    pub(crate) fn release(&self) -> PyResult<()> {
        let mut holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        *holder = match *holder {
            Some((thread, times)) if thread == thread::current().id() => {
                (times > 1).then_some((thread, times - 1))
            }
            _ => return Err(PyRuntimeError::new_err("the lock of the metadata is not held by this thread")),
        };
        self.released.notify_one();
        Ok(())
    }
}
