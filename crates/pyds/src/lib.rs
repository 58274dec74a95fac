//! The Python module `pyds`: DeepStream's metadata, for pad probes.
//!
//! There is no graph of C structures. Objects of Python are *handles* onto the Rust structures in a buffer's batch, or onto
//! structures with memory of their own; a handle says itself where what it stands for lies ([`value::Place`]).
//!
//! # How a structure is declared
//!
//! ```ignore
//! structure! {
//!     /// What it is.
//!     NvDsPersonObject (PersonObject) {
//!         gender: Text, age: u32,                 // fields: any type that is a `value::Field`
//!         ; bbox: NvDsRect,                       // after the semicolon: members that are structures (their *class*)
//!     }
//!     methods { fn more(&self, py: Python<'_>) -> PyResult<f32> { Ok(self.place.read(py)?.age as f32) } }
//! }
//! ```
//!
//! declares the plain value `PersonObject` (Clone, Default, Debug; fields `pub(crate)`) and the class `NvDsPersonObject` with a
//! constructor without arguments, `cast`, `==`, `hash`, `int`, and attributes that write through. `Class::at(Place::own(value))`
//! makes an object, `object.get().place().read(py)` gives the value. Fields:
//!
//! | in C | type | Python |
//! |---|---|---|
//! | `guint`, `gint`, `gfloat`, `gboolean` … | `u32`, `i32`, `f32`, `i32` … | numbers; a wrong one is a `TypeError` that names the field |
//! | `char *` | [`value::Text`] | writes `str`, reads an address for `get_string` |
//! | `char *` by address (`ts`) | `u64` | an address both ways |
//! | `char[128]` | [`value::Label`] | `str` both ways |
//! | `void *` | [`value::Pointee`] | any object, kept alive |
//! | enumeration | the class that `enumeration!` declares | its members, or any `int` |
//!
//! Read-only attributes and computed ones are `methods` with `#[getter]`.
//!
//! # Rules
//!
//! - A file of classes has `register(module)`, called below: `module.add_class::<X>()?`, `enumeration::register::<E>(module)?`.
//! - Python may give any number where an address is meant: look it up with [`address`], never go there. What is not known is a
//!   `ValueError`, a wrong class a `TypeError` that names both, what was removed a `RuntimeError`. Nothing panics.
//! - Values of Rust never hold the interpreter's lock while they wait for another lock, and closures that are passed to
//!   `Place::change` and `Session::with` never call Python nor drop its objects.
//! - What Python gets for payloads of user metadata that elements attached, and what elements see of Python's: [`payload`].

mod address;
mod analytics;
mod array;
mod buf_surface;
mod core;
mod encoder;
mod enumeration;
mod enums;
mod events;
mod extras;
mod flow;
mod glist;
mod infer_output;
mod interpreter;
mod latency;
mod lock;
mod memory;
mod message;
mod osd;
mod payload;
mod pool;
mod session;
mod surface;
mod tracker;
mod value;

use pyo3::prelude::*;

/// DeepStream's metadata, for pad probes.
#[pymodule]
mod pyds {
    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", "1.2.0")?;
        super::interpreter::register(module)?;
        super::enums::register(module)?;
        super::glist::register(module)?;
        super::pool::register(module)?;
        super::osd::register(module)?;
        super::buf_surface::register(module)?;
        super::surface::register(module)?;
        super::analytics::register(module)?;
        super::events::register(module)?;
        super::flow::register(module)?;
        super::infer_output::register(module)?;
        super::latency::register(module)?;
        super::memory::register(module)?;
        super::message::register(module)?;
        super::tracker::register(module)?;
        super::encoder::register(module)?;
        super::core::register(module)
    }
}
