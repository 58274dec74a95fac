//! Calling Python from threads of GStreamer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// Set when the interpreter ends: nothing of Python is called from then on.
static ENDED: AtomicBool = AtomicBool::new(false);
/// Threads that are in Python because of [`attached`], or wait to get there.
static VISITORS: AtomicUsize = AtomicUsize::new(0);

/// How long the end of the interpreter waits for callbacks that are running. One that takes longer would keep the process from
/// ending.
const PATIENCE: Duration = Duration::from_secs(2);

/// Calls `work` with the interpreter; `None` if it has ended.
pub(crate) fn attached<R>(work: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    struct Visit;
    impl Drop for Visit {
        fn drop(&mut self) {
            VISITORS.fetch_sub(1, Ordering::SeqCst);
        }
    }
    // Counted before the flag is looked at: whoever sets the flag sees the visitor, or the visitor sees the flag.
    VISITORS.fetch_add(1, Ordering::SeqCst);
    let _visit = Visit;
    if ENDED.load(Ordering::SeqCst) {
        return None;
    }
    Python::try_attach(work)
}

/// Called when the interpreter ends.
#[pyfunction]
fn _end(py: Python<'_>) {
    ENDED.store(true, Ordering::SeqCst);
    py.detach(|| {
        let start = Instant::now();
        while VISITORS.load(Ordering::SeqCst) > 0 && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Has the end of the interpreter announced.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let end = wrap_pyfunction!(_end, module)?;
    module.py().import("atexit")?.call_method1("register", (end,))?;
    Ok(())
}
