//! Structures: fields, where a structure lies, and how a class is made of it.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::PyClass;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::types::{PyBytes, PyFloat};

use crate::address::{self, Strings};
use crate::core::tree::Id;
use crate::session::Session;

/// Bytes of a label in DeepStream, the terminating zero included.
const MAX_LABEL_SIZE: usize = 128;

/// What a field holds.
pub(crate) trait Field: Sized {
    /// What Python sees. Texts are handed out as addresses, which live as long as `strings`.
    fn show(&self, py: Python<'_>, strings: &Strings) -> PyResult<Py<PyAny>>;

    /// What Python wrote.
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self>;
}

/// Reads what Python wrote to the field `name`; errors name it.
pub(crate) fn read_field<T: Field>(value: &Bound<'_, PyAny>, name: &'static str) -> PyResult<T> {
    T::read(value).map_err(|error| {
        let py = value.py();
        // A number out of range is a wrong argument in DeepStream's bindings, not an overflow.
        if error.is_instance_of::<PyTypeError>(py) || error.is_instance_of::<PyOverflowError>(py) {
            let given = value.repr().map(|text| text.to_string()).unwrap_or_default();
            PyTypeError::new_err(format!("{name}: {} (given: {given})", error.value(py)))
        } else {
            error
        }
    })
}

macro_rules! plain_fields {
    ($read:path: $($type:ty),*) => {$(
        impl Field for $type {
            fn show(&self, py: Python<'_>, _: &Strings) -> PyResult<Py<PyAny>> {
                Ok(self.into_pyobject(py)?.to_owned().into_any().unbind())
            }

            fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                $read(value)
            }
        }
    )*};
}

plain_fields!(read_integer: i16, i32, i64, u16, u32, u64);
plain_fields!(PyAnyMethods::extract: f32, f64);

/// An integer, or another number but a `float` of Python's, cut off behind its point: NumPy's `float32` and `bool`, as what a
/// network gave often is. DeepStream's bindings draw the line there.
fn read_integer<'py, T>(value: &Bound<'py, PyAny>) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    value.extract().or_else(|error: PyErr| {
        // What has no value as a float is no number: objects of this module have an `__int__` for their address.
        let is_number = || !value.is_instance_of::<PyFloat>() && value.hasattr("__float__").unwrap_or(false);
        if !error.is_instance_of::<PyTypeError>(value.py()) || !is_number() {
            return Err(error);
        }
        value.call_method0("__int__").and_then(|integer| integer.extract()).map_err(|_| error)
    })
}

impl Field for bool {
    fn show(&self, py: Python<'_>, _: &Strings) -> PyResult<Py<PyAny>> {
        Ok(self.into_pyobject(py)?.to_owned().into_any().unbind())
    }

    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.is_truthy()
    }
}

impl Field for String {
    fn show(&self, py: Python<'_>, _: &Strings) -> PyResult<Py<PyAny>> {
        Ok(self.into_pyobject(py)?.into_any().unbind())
    }

    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        read_text(value)
    }
}

/// A `char *`: Python writes a `str` and reads an address, 0 where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Option<Arc<str>>);

impl Text {
    /// The characters, empty where there is no text.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Some(text.into()))
    }
}

impl Field for Text {
    fn show(&self, py: Python<'_>, strings: &Strings) -> PyResult<Py<PyAny>> {
        let address = self.0.as_deref().map_or(0, |text| strings.address(text));
        Ok(address.into_pyobject(py)?.into_any().unbind())
    }

    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(if value.is_none() { None } else { Some(read_text(value)?.into()) }))
    }
}

/// A `char[128]`: Python reads and writes a `str`; what is longer is cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Label(pub(crate) Arc<str>);

impl Field for Label {
    fn show(&self, py: Python<'_>, _: &Strings) -> PyResult<Py<PyAny>> {
        Ok(self.0.into_pyobject(py)?.into_any().unbind())
    }

    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = read_text(value)?;
        Ok(Self(text[..text.floor_char_boundary(MAX_LABEL_SIZE - 1)].into()))
    }
}

/// A `str`, or `bytes` in UTF-8, as text that C could hold: it ends before the first zero.
fn read_text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        let text = std::str::from_utf8(bytes.as_bytes())
            .map_err(|_| PyTypeError::new_err("must be str, or bytes in UTF-8"))?;
        return Ok(text.split('\0').next().unwrap_or_default().to_owned());
    }
    let text: String = value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyUnicodeEncodeError>(value.py()) {
            error
        } else {
            PyTypeError::new_err("must be str or bytes")
        }
    })?;
    Ok(text.split('\0').next().unwrap_or_default().to_owned())
}

/// A `void *`: any object of Python, kept alive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pointee(pub(crate) Option<Arc<Py<PyAny>>>);

impl Field for Pointee {
    fn show(&self, py: Python<'_>, _: &Strings) -> PyResult<Py<PyAny>> {
        Ok(self.0.as_ref().map_or_else(|| py.None(), |object| object.clone_ref(py)))
    }

    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_none() {
            return Ok(Self(None));
        }
        if let Ok(address) = value.extract::<u64>() {
            return Ok(Self(address::object(value.py(), address)?.map(Arc::new)));
        }
        Ok(Self(Some(Arc::new(value.clone().unbind()))))
    }
}

/// Where a structure lies: in memory of its own, in a buffer, within another structure.
pub(crate) trait Source<T>: Send + Sync {
    /// The structure as it is now.
    fn read(&self, py: Python<'_>) -> PyResult<T>;

    /// Changes the structure where it lies. `change` may be called once only, and must not call Python.
    fn change(&self, py: Python<'_>, change: &mut dyn FnMut(&mut T)) -> PyResult<()>;

    /// A number that no other structure has.
    fn address(&self) -> u64;

    /// Where texts of the structure are kept that Python knows by address.
    fn strings(&self) -> &Strings;

    /// The buffer that it lies in, and its number there, if it is something that hangs in a list.
    fn item(&self) -> Option<(&Arc<Session>, Id)> {
        None
    }

    /// The structure as something that [`address::find`] can keep, if it has memory of its own.
    fn owned(self: Arc<Self>) -> Option<Arc<dyn Kept>> {
        None
    }
}

/// A structure with memory of its own, whatever its type.
pub(crate) trait Kept: Any + Send + Sync {
    /// A copy with an address of its own.
    fn duplicate(&self) -> Arc<dyn Kept>;

    /// Its address.
    fn address(&self) -> u64;

    /// For looking at what it is.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// A reference to a structure, wherever that lies.
pub(crate) struct Place<T>(Arc<dyn Source<T>>);

impl<T> Clone for Place<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone + Send + 'static> Place<T> {
    /// A reference to what `source` says.
    pub(crate) fn new(source: impl Source<T> + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// A structure with memory of its own.
    pub(crate) fn own(value: T) -> Self {
        Self(Arc::new(Owned {
            address: next_address(),
            value: Mutex::new(value),
            strings: Strings::default(),
        }))
    }

    /// A structure with memory of its own that is known by its address.
    pub(crate) fn kept(kept: Arc<dyn Kept>) -> Option<Self> {
        let owned = kept.into_any().downcast::<Owned<T>>().ok()?;
        Some(Self(owned))
    }

    /// As something that is known by its address, if it has memory of its own.
    pub(crate) fn to_kept(&self) -> Option<Arc<dyn Kept>> {
        Arc::clone(&self.0).owned()
    }

    /// A member of the structure, `offset` bytes from its start.
    pub(crate) fn part<U: Clone + Send + 'static>(
        &self,
        offset: usize,
        get: fn(&mut T) -> &mut U,
    ) -> Place<U> {
        Place(Arc::new(Part { parent: self.clone(), offset: offset as u64, get }))
    }

    pub(crate) fn read(&self, py: Python<'_>) -> PyResult<T> {
        self.0.read(py)
    }

    /// Changes the structure where it lies. `change` must not call Python.
    pub(crate) fn change<R>(&self, py: Python<'_>, change: impl FnOnce(&mut T) -> R) -> PyResult<R> {
        let mut change = Some(change);
        let mut result = None;
        self.0.change(py, &mut |value| {
            if let Some(change) = change.take() {
                result = Some(change(value));
            }
        })?;
        result.ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("the structure is gone"))
    }

    pub(crate) fn address(&self) -> u64 {
        self.0.address()
    }

    pub(crate) fn strings(&self) -> &Strings {
        self.0.strings()
    }

    pub(crate) fn item(&self) -> Option<(&Arc<Session>, Id)> {
        self.0.item()
    }
}

impl<T: Clone + Send + Default + 'static> Default for Place<T> {
    fn default() -> Self {
        Self::own(T::default())
    }
}

/// Bytes between the addresses of structures with memory of their own: more than any of them has.
const SPACING: u64 = 1 << 16;

/// Addresses of structures that Python made. They start where neither memory of a process nor a session lies.
pub(crate) fn next_address() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 61);
    NEXT.fetch_add(SPACING, Ordering::Relaxed)
}

struct Owned<T> {
    address: u64,
    value: Mutex<T>,
    strings: Strings,
}

impl<T: Clone + Send + 'static> Source<T> for Owned<T> {
    fn read(&self, _: Python<'_>) -> PyResult<T> {
        Ok(self.value.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn change(&self, _: Python<'_>, change: &mut dyn FnMut(&mut T)) -> PyResult<()> {
        change(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    fn address(&self) -> u64 {
        self.address
    }

    fn strings(&self) -> &Strings {
        &self.strings
    }

    fn owned(self: Arc<Self>) -> Option<Arc<dyn Kept>> {
        Some(self)
    }
}

impl<T: Clone + Send + 'static> Kept for Owned<T> {
    fn duplicate(&self) -> Arc<dyn Kept> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Arc::new(Self { address: next_address(), value: Mutex::new(value), strings: Strings::default() })
    }

    fn address(&self) -> u64 {
        self.address
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

struct Part<P, T> {
    parent: Place<P>,
    offset: u64,
    get: fn(&mut P) -> &mut T,
}

impl<P: Clone + Send + 'static, T: Clone + Send + 'static> Source<T> for Part<P, T> {
    fn read(&self, py: Python<'_>) -> PyResult<T> {
        let mut parent = self.parent.read(py)?;
        Ok((self.get)(&mut parent).clone())
    }

    fn change(&self, py: Python<'_>, change: &mut dyn FnMut(&mut T)) -> PyResult<()> {
        self.parent.change(py, |parent| change((self.get)(parent)))
    }

    fn address(&self) -> u64 {
        self.parent.address() + self.offset
    }

    fn strings(&self) -> &Strings {
        self.parent.strings()
    }
}

/// A class whose objects refer to structures.
pub(crate) trait Class: PyClass<Frozen = True> + Sized + Sync {
    /// The structure.
    type Value: Clone + Default + Send + 'static;

    /// An object that refers to the structure at `place`.
    fn at(place: Place<Self::Value>) -> Self;

    /// Where the structure lies that the object refers to.
    fn place(&self) -> &Place<Self::Value>;

    /// `X.cast(p)`: what `pointer` points at, if it is of this class.
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>>
    where
        Self: Into<PyClassInitializer<Self>>,
    {
        if let Ok(object) = pointer.cast::<Self>() {
            return Ok(object.clone().unbind());
        }
        let py = pointer.py();
        if let Ok(address) = pointer.extract::<u64>() {
            if let Some(handle) = Session::handle_at(py, address)? {
                let handle = handle.into_bound(py);
                return handle
                    .cast::<Self>()
                    .map(|object| object.clone().unbind())
                    .map_err(|_| wrong_class(&handle, Self::NAME));
            }
            let kept = address::kept(address)?;
            let place = Place::kept(kept).ok_or_else(|| {
                PyTypeError::new_err(format!("the structure at {address:#x} is no {}", Self::NAME))
            })?;
            return Py::new(py, Self::at(place));
        }
        Err(wrong_class(pointer, Self::NAME))
    }

    /// A copy of the structure that `value` refers to, for assigning it to the field `name`.
    fn value_of(value: &Bound<'_, PyAny>, name: &'static str) -> PyResult<Self::Value> {
        let object = value.cast::<Self>().map_err(|_| {
            let given = value.get_type().name().map(|name| name.to_string()).unwrap_or_default();
            PyTypeError::new_err(format!("{name}: must be {}, not {given}", Self::NAME))
        })?;
        object.get().place().read(value.py())
    }
}

/// The error of a cast to a class that `pointer` is not of.
pub(crate) fn wrong_class(pointer: &Bound<'_, PyAny>, wanted: &str) -> PyErr {
    let given = pointer.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    PyTypeError::new_err(format!("cannot cast {given} to {wanted}"))
}

/// The hash of what lies at an address.
pub(crate) fn hash(address: u64) -> isize {
    // Addresses stay below 2^63, and none is −1, which Python keeps for errors.
    address as isize
}

/// Declares a structure and its class. See the crate's documentation.
macro_rules! structure {
    (
        $(#[doc = $doc:literal])*
        $(#[derive($($derive:ident),*)])?
        $class:ident ($value:ident) {
            $($field:ident : $type:ty,)*
            $(; $($part:ident : $part_class:ident,)*)?
        }
        $(methods { $($methods:tt)* })?
    ) => {
        $(#[doc = $doc])*
        $(#[derive($($derive),*)])?
        #[derive(Debug, Clone, Default)]
        #[allow(non_snake_case, reason = "DeepStream's names")]
        pub(crate) struct $value {
            $(pub(crate) $field: $type,)*
            $($(pub(crate) $part: <$part_class as $crate::value::Class>::Value,)*)?
        }

        $(#[doc = $doc])*
        #[allow(non_camel_case_types, reason = "DeepStream's name")]
        #[pyo3::pyclass(frozen, weakref, module = "pyds")]
        pub(crate) struct $class {
            place: $crate::value::Place<$value>,
        }

        impl $crate::value::Class for $class {
            type Value = $value;

            fn at(place: $crate::value::Place<$value>) -> Self {
                Self { place }
            }

            fn place(&self) -> &$crate::value::Place<$value> {
                &self.place
            }
        }

        pastey::paste! {
            #[allow(non_snake_case, missing_docs, reason = "DeepStream's names")]
            #[pyo3::pymethods]
            impl $class {
                #[new]
                fn new() -> Self {
                    Self { place: $crate::value::Place::default() }
                }

                /// What `pointer` points at.
                #[staticmethod]
                fn cast(pointer: &pyo3::Bound<'_, pyo3::PyAny>) -> pyo3::PyResult<pyo3::Py<Self>> {
                    <Self as $crate::value::Class>::cast(pointer)
                }

                fn __eq__(&self, other: &pyo3::Bound<'_, pyo3::PyAny>) -> bool {
                    other.cast::<Self>().is_ok_and(|other| other.get().place.address() == self.place.address())
                }

                fn __hash__(&self) -> isize {
                    $crate::value::hash(self.place.address())
                }

                fn __int__(&self) -> u64 {
                    $crate::address::keep_weakly(self.place.to_kept());
                    self.place.address()
                }

                fn __copy__(&self, py: pyo3::Python<'_>) -> pyo3::PyResult<Self> {
                    Ok(Self { place: $crate::value::Place::own(self.place.read(py)?) })
                }

                $(
                    #[getter($field)]
                    fn [<get_ $field>](&self, py: pyo3::Python<'_>) -> pyo3::PyResult<pyo3::Py<pyo3::PyAny>> {
                        let value = self.place.read(py)?;
                        $crate::value::Field::show(&value.$field, py, self.place.strings())
                    }

                    #[setter($field)]
                    fn [<set_ $field _>](&self, value: &pyo3::Bound<'_, pyo3::PyAny>) -> pyo3::PyResult<()> {
                        let new = $crate::value::read_field::<$type>(
                            value,
                            concat!(stringify!($class), ".", stringify!($field)),
                        )?;
                        // What was there may be an object of Python, which is let go of outside of the change.
                        let _old = self.place.change(value.py(), |value| std::mem::replace(&mut value.$field, new))?;
                        Ok(())
                    }
                )*

                $($(
                    #[getter($part)]
                    fn [<get_ $part>](&self) -> $part_class {
                        $crate::value::Class::at(
                            self.place.part(std::mem::offset_of!($value, $part), |value| &mut value.$part),
                        )
                    }

                    #[setter($part)]
                    fn [<set_ $part _>](&self, value: &pyo3::Bound<'_, pyo3::PyAny>) -> pyo3::PyResult<()> {
                        let new = <$part_class as $crate::value::Class>::value_of(
                            value,
                            concat!(stringify!($class), ".", stringify!($part)),
                        )?;
                        let _old = self.place.change(value.py(), |value| std::mem::replace(&mut value.$part, new))?;
                        Ok(())
                    }
                )*)?

                $($($methods)*)?
            }
        }
    };
}
pub(crate) use structure;
