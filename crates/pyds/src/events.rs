//! Functions that take elements.
//!
//! Programs give an element as `hash(element)`, which is its address. A number alone says nothing about what lies there, so it
//! has to be that of an element that the program has in its hands: an object of PyGObject is looked for whose hash it is, and
//! that object keeps the element alive. The object itself may be given as well.

use gst::glib::translate::{IntoGlibPtr, from_glib_full, from_glib_none};
use gst::prelude::*;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyInt;

use crate::value::read_field;

/// The class of GStreamer's elements in Python.
fn element_class(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("gi")?.call_method1("require_version", ("Gst", "1.0"))?;
    py.import("gi.repository.Gst")?.getattr("Element")
}

/// The element that `value` is, or whose hash it is.
fn element(value: &Bound<'_, PyAny>) -> PyResult<gst::Element> {
    let py = value.py();
    let class = element_class(py)?;
    let object = if value.is_instance_of::<PyInt>() {
        let address = read_field::<u64>(value, "element")?;
        let mut found = None;
        for object in py.import("gc")?.call_method0("get_objects")?.try_iter()? {
            let object = object?;
            if object.is_instance(&class)? && object.hash()? as u64 == address {
                found = Some(object);
                break;
            }
        }
        found.ok_or_else(|| {
            PyValueError::new_err(format!("{address:#x} is the hash of no Gst.Element that this program has"))
        })?
    } else if value.is_instance(&class)? {
        value.clone()
    } else {
        return Err(PyTypeError::new_err("must be a Gst.Element or its hash"));
    };
    gst::init().map_err(|error| PyTypeError::new_err(format!("GStreamer: {error}")))?;
    let address = object.hash()? as usize as *mut gst::ffi::GstElement;
    // SAFETY: the hash of an object of PyGObject that stands for an element is the address of the element, to which that
    // object, which is held here, has a reference.
    Ok(unsafe { from_glib_none(address) })
}

/// Flags of DeepStream's events: downstream, in order with the buffers.
const FLAGS: u32 = gst::ffi::GST_EVENT_TYPE_DOWNSTREAM | gst::ffi::GST_EVENT_TYPE_SERIALIZED;
/// And, of those about streams: kept on pads, one of each name.
const STICKY: u32 = gst::ffi::GST_EVENT_TYPE_STICKY | gst::ffi::GST_EVENT_TYPE_STICKY_MULTI;
/// Where the number stands in an event's type (`GST_EVENT_NUM_SHIFT`).
const NUMBER_SHIFT: u32 = 8;
/// `GST_NVEVENT_STREAM_RESET`
const STREAM_RESET: u32 = 404;
/// `GST_NVEVENT_INFER_INTERVAL_UPDATE`
const INTERVAL_UPDATE: u32 = 407;

fn event(number: u32, flags: u32, structure: gst::Structure) -> gst::Event {
    let kind = (number << NUMBER_SHIFT) | flags;
    // SAFETY: the structure is handed over. Types without a name in GStreamer's enumeration are fine: only the flags in them
    // are looked at.
    unsafe {
        from_glib_full(gst::ffi::gst_event_new_custom(
            kind as gst::ffi::GstEventType,
            structure.into_glib_ptr(),
        ))
    }
}

/// Tells the elements behind `gst_element` that a source begins anew; whether the event was taken.
#[pyfunction]
fn gst_element_send_nvevent_new_stream_reset(
    gst_element: &Bound<'_, PyAny>,
    source_id: u32,
) -> PyResult<bool> {
    let element = element(gst_element)?;
    let structure = gst::Structure::builder("nv-stream-reset").field("source-id", source_id).build();
    Ok(gst_element.py().detach(|| element.send_event(event(STREAM_RESET, FLAGS | STICKY, structure))))
}

/// Changes after how many batches the detector behind `gst_element` looks again; whether the event was taken.
#[pyfunction]
fn gst_element_send_nvevent_interval_update(
    gst_element: &Bound<'_, PyAny>,
    stream_id: &str,
    interval: u32,
) -> PyResult<bool> {
    let element = element(gst_element)?;
    let stream_id = stream_id.split('\0').next().unwrap_or_default();
    let structure = gst::Structure::builder("nv-infer-interval-update")
        .field("stream_id", stream_id)
        .field("interval", interval)
        .build();
    Ok(gst_element.py().detach(|| element.send_event(event(INTERVAL_UPDATE, FLAGS, structure))))
}

/// How GStreamer attaches the camera's time to what `rtspsrc` delivers, which is what the multiplexer reads.
const CAMERA_TIME: &str = "add-reference-timestamp-meta";

fn ask_for_camera_time(source: &gst::Element) {
    if source.has_property_with_type(CAMERA_TIME, bool::static_type()) {
        source.set_property(CAMERA_TIME, true);
    }
}

/// Has an `rtspsrc`, or that of a `uridecodebin`, deliver the camera's time with its frames: `ntp_timestamp` of frames.
#[pyfunction]
fn configure_source_for_ntp_sync(src_elem: &Bound<'_, PyAny>) -> PyResult<()> {
    let element = element(src_elem)?;
    src_elem.py().detach(|| {
        ask_for_camera_time(&element);
        let is_source_bin = gst::glib::subclass::SignalId::lookup("source-setup", element.type_()).is_some();
        if is_source_bin {
            element.connect("source-setup", false, |arguments| {
                if let Some(Ok(source)) = arguments.get(1).map(gst::glib::Value::get::<gst::Element>) {
                    ask_for_camera_time(&source);
                }
                None
            });
        }
    });
    Ok(())
}

/// Puts the functions into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(gst_element_send_nvevent_new_stream_reset, module)?)?;
    module.add_function(wrap_pyfunction!(gst_element_send_nvevent_interval_update, module)?)?;
    module.add_function(wrap_pyfunction!(configure_source_for_ntp_sync, module)?)
}
