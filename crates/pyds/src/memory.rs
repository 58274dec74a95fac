//! Texts and blocks of memory by address, as programs for DeepStream handle them.
//!
//! Only addresses that this module handed out are looked at; any other is a `ValueError`.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};

use crate::address::{self, Bytes, Entry};
use crate::value::read_field;

/// Blocks that Python may ask for, in bytes: more than any program keeps in one.
const MAX_BLOCK: usize = 1 << 30;

/// The address that `value` is, or that of the object it is; 0 for `None`.
fn address_of(value: &Bound<'_, PyAny>, name: &'static str) -> PyResult<u64> {
    if value.is_none() {
        return Ok(0);
    }
    if value.is_instance_of::<PyInt>() {
        return read_field::<u64>(value, name);
    }
    value
        .py()
        .get_type::<PyInt>()
        .call1((value,))
        .and_then(|address| address.extract())
        .map_err(|_| PyTypeError::new_err(format!("{name}: must be an address or an object of pyds")))
}

fn checked_size(size: usize) -> PyResult<usize> {
    if size > MAX_BLOCK {
        return Err(PyValueError::new_err(format!(
            "size: {size} bytes are more than the {MAX_BLOCK} allowed"
        )));
    }
    Ok(size)
}

/// The text at an address; `None` for 0.
#[pyfunction]
fn get_string(ptr: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    // Some attributes that were addresses in early releases are texts in later ones.
    if let Ok(text) = ptr.cast::<PyString>() {
        return text.extract().map(Some);
    }
    match address_of(ptr, "ptr")? {
        0 => Ok(None),
        address => address::bytes(address).map(|bytes| Some(bytes.to_text())),
    }
}

/// The address of an object.
#[pyfunction]
fn get_ptr(ptr: &Bound<'_, PyAny>) -> PyResult<u64> {
    address_of(ptr, "ptr")
}

/// A block of `size` zeros.
#[pyfunction]
fn alloc_buffer(size: usize) -> PyResult<u64> {
    checked_size(size).map(|size| address::put_bytes(Bytes::zeroed(size)))
}

/// A block of `size` zeros, for a text.
#[pyfunction]
fn alloc_char_buffer(size: usize) -> PyResult<u64> {
    alloc_buffer(size)
}

/// Frees what is at an address. Texts of structures belong to those, and stay.
#[pyfunction]
fn free_buffer(buffer: &Bound<'_, PyAny>) -> PyResult<()> {
    match address_of(buffer, "buffer")? {
        0 => Ok(()),
        address => address::take(address).map(drop).ok_or_else(|| address::unknown(address)),
    }
}

/// Frees what an object stands for, if it is something that was allocated.
#[pyfunction]
fn free_gbuffer(buffer: &Bound<'_, PyAny>) -> PyResult<()> {
    let address = address_of(buffer, "buffer")?;
    if matches!(address::find(address), Some(Entry::Kept(_) | Entry::Bytes(_))) {
        drop(address::take(address));
    }
    Ok(())
}

/// A copy of the text at an address; 0 for 0.
#[pyfunction]
fn strdup(ptr: &Bound<'_, PyAny>) -> PyResult<u64> {
    Ok(get_string(ptr)?.map_or(0, |text| address::put_bytes(Bytes::text(&text))))
}

/// The text at an address.
#[pyfunction]
fn strdup2str(ptr: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    get_string(ptr)
}

/// A copy of what is at an address: a structure as a whole, of bytes as many as there are, `size` at most.
#[pyfunction]
fn memdup(ptr: &Bound<'_, PyAny>, size: usize) -> PyResult<u64> {
    let address = address_of(ptr, "ptr")?;
    if address == 0 {
        return Ok(0);
    }
    let size = checked_size(size)?;
    match address::find(address) {
        Some(Entry::Bytes(bytes)) => {
            let copy = Bytes::zeroed(size);
            copy.set(&bytes.get(0..size.min(bytes.len())).unwrap_or_default());
            Ok(address::put_bytes(copy))
        }
        _ => Ok(address::keep(address::kept(address)?.duplicate())),
    }
}

/// Writes the time as RFC 3339 has it, in UTC and milliseconds, into the `size` bytes at an address.
#[pyfunction]
fn generate_ts_rfc3339(buffer: &Bound<'_, PyAny>, size: usize) -> PyResult<()> {
    let bytes = address::bytes(address_of(buffer, "buffer")?)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    write_text(&bytes, &rfc3339(now.as_secs(), now.subsec_millis()), size);
    Ok(())
}

/// Writes a text and its zero; what does not fit into `size` bytes is cut.
fn write_text(bytes: &Arc<Bytes>, text: &str, size: usize) {
    let Some(room) = size.min(bytes.len()).checked_sub(1) else { return };
    let mut text = text.as_bytes()[..text.len().min(room)].to_vec();
    text.push(0);
    bytes.set(&text);
}

/// A moment as "YYYY-MM-DDTHH:MM:SS.mmmZ"; days by the civil calendar counted from 1 March of year 0, so that the leap day
/// comes last in a year.
fn rfc3339(seconds: u64, milliseconds: u32) -> String {
    const DAY: u64 = 86_400;
    /// Days from 0000-03-01 to 1970-01-01.
    const EPOCH: u64 = 719_468;
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let days = seconds / DAY + EPOCH;
    let era = days / DAYS_IN_400_YEARS;
    let day_of_era = days % DAYS_IN_400_YEARS;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let time = seconds % DAY;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// Puts the functions into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(get_string, module)?)?;
    module.add_function(wrap_pyfunction!(get_ptr, module)?)?;
    module.add_function(wrap_pyfunction!(alloc_buffer, module)?)?;
    module.add_function(wrap_pyfunction!(alloc_char_buffer, module)?)?;
    module.add_function(wrap_pyfunction!(free_buffer, module)?)?;
    module.add_function(wrap_pyfunction!(free_gbuffer, module)?)?;
    module.add_function(wrap_pyfunction!(strdup, module)?)?;
    module.add_function(wrap_pyfunction!(strdup2str, module)?)?;
    module.add_function(wrap_pyfunction!(memdup, module)?)?;
    module.add_function(wrap_pyfunction!(generate_ts_rfc3339, module)?)
}
