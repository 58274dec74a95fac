//! How long frames have been on their way.

use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;

use crate::session::Session;
use crate::value::read_field;

/// Set to anything but "0" to have latencies measured, as in DeepStream.
const SWITCH: &str = "NVDS_ENABLE_LATENCY_MEASUREMENT";

/// Prints for each frame of a buffer how long it has been on its way: from the time that the multiplexer gave it (its arrival,
/// or the camera's clock) to now. Returns how many there are; 0 where `NVDS_ENABLE_LATENCY_MEASUREMENT` is not set.
#[pyfunction]
fn nvds_measure_buffer_latency(buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
    let py = buffer.py();
    let address = read_field::<u64>(buffer, "buffer")?;
    if std::env::var_os(SWITCH).is_none_or(|value| value.is_empty() || value == "0") {
        return Ok(0);
    }
    let print = py.import("builtins")?.getattr("print")?;
    let Some(session) = Session::find(py, address as usize)? else {
        print.call1((format!("Batch meta not found for buffer {address:#x}"),))?;
        return Ok(0);
    };
    let frames: Vec<_> = session.with(py, |_, model| {
        let frames = model.content.meta.frames.iter();
        Ok(frames.map(|frame| (frame.source_id, frame.frame_number, frame.wall_clock)).collect())
    })?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    print.call1((format!("************BATCH-NUM = {}**************", batch_number()),))?;
    for (source, frame, since) in &frames {
        let latency = since.map_or(0.0, |since| now.saturating_sub(u128::from(since)) as f64 / 1e6);
        print
            .call1((format!("Source id = {source} Frame_num = {frame} Frame latency = {latency} (ms) "),))?;
    }
    Ok(frames.len())
}

/// Batches measured before this one.
fn batch_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Puts the function into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(nvds_measure_buffer_latency, module)?)
}
