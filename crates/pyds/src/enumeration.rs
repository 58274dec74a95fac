//! Enumerations as DeepStream's bindings make them: numbers with names, of which unknown ones are allowed too.

/// Declares an enumeration. The class has its members as attributes, and [`register`](crate::enumeration::register) puts them
/// into the module as well.
macro_rules! enumeration {
    (
        $(#[$doc:meta])*
        $class:ident { $($member:ident = $number:expr,)* }
    ) => {
        $(#[$doc])*
        #[allow(non_camel_case_types, reason = "DeepStream's name")]
        #[pyo3::pyclass(frozen, module = "pyds", from_py_object)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $class(pub(crate) i64);

        impl Default for $class {
            fn default() -> Self {
                Self(0)
            }
        }

        impl $crate::enumeration::Enumeration for $class {
            const MEMBERS: &'static [(&'static str, i64)] = &[$((stringify!($member), $number),)*];

            fn of(number: i64) -> Self {
                Self(number)
            }
        }

        impl $crate::value::Field for $class {
            fn show(&self, py: pyo3::Python<'_>, _: &$crate::address::Strings) -> pyo3::PyResult<pyo3::Py<pyo3::PyAny>> {
                Ok(pyo3::Py::new(py, *self)?.into_any())
            }

            fn read(value: &pyo3::Bound<'_, pyo3::PyAny>) -> pyo3::PyResult<Self> {
                $crate::enumeration::number(value).map(Self)
            }
        }

        #[pyo3::pymethods]
        impl $class {
            #[new]
            fn new(value: &pyo3::Bound<'_, pyo3::PyAny>) -> pyo3::PyResult<Self> {
                $crate::enumeration::number(value).map(Self)
            }

            #[getter]
            fn name(&self) -> &'static str {
                $crate::enumeration::name::<Self>(self.0)
            }

            #[getter]
            fn value(&self) -> i64 {
                self.0
            }

            fn __int__(&self) -> i64 {
                self.0
            }

            fn __index__(&self) -> i64 {
                self.0
            }

            fn __hash__(&self) -> isize {
                $crate::enumeration::hash(self.0)
            }

            fn __richcmp__(&self, other: &pyo3::Bound<'_, pyo3::PyAny>, how: pyo3::pyclass::CompareOp) -> pyo3::PyResult<pyo3::Py<pyo3::PyAny>> {
                $crate::enumeration::compare(self.0, other, how)
            }

            fn __repr__(&self) -> String {
                format!("<{}.{}: {}>", stringify!($class), self.name(), self.0)
            }

            fn __str__(&self) -> String {
                format!("{}.{}", stringify!($class), self.name())
            }
        }
    };
}
pub(crate) use enumeration;

use pyo3::PyClass;
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::PyDict;

/// A number with names for some values.
pub(crate) trait Enumeration: PyClass<Frozen = pyo3::pyclass::boolean_struct::True> {
    /// Names and numbers, in DeepStream's order.
    const MEMBERS: &'static [(&'static str, i64)];

    /// The value with a number.
    fn of(number: i64) -> Self;
}

/// Name that bindings give to a number without one.
const UNKNOWN: &str = "???";

/// The number that `value` stands for: a member of any enumeration, or an `int`.
pub(crate) fn number(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            PyTypeError::new_err("must be a 64-bit int")
        } else {
            PyTypeError::new_err("must be a member of an enumeration or an int")
        }
    })
}

/// The name of a number.
pub(crate) fn name<E: Enumeration>(number: i64) -> &'static str {
    E::MEMBERS.iter().find(|member| member.1 == number).map_or(UNKNOWN, |member| member.0)
}

/// Hash of a number: that of Python's `int` for all numbers that enumerations have.
pub(crate) fn hash(number: i64) -> isize {
    // Python keeps −1 for errors; its own −1 hashes to −2.
    if number == -1 { -2 } else { number as isize }
}

/// Compares as numbers do, with members of any enumeration and with `int`.
pub(crate) fn compare(number: i64, other: &Bound<'_, PyAny>, how: CompareOp) -> PyResult<Py<PyAny>> {
    let py = other.py();
    match other.extract::<i64>() {
        Ok(other) => Ok(how.matches(number.cmp(&other)).into_pyobject(py)?.to_owned().into_any().unbind()),
        Err(_) => Ok(py.NotImplemented()),
    }
}

/// Puts an enumeration into the module: the class with its members, and the members themselves.
pub(crate) fn register<E: Enumeration + Into<PyClassInitializer<E>>>(
    module: &Bound<'_, PyModule>,
) -> PyResult<()> {
    let py = module.py();
    module.add_class::<E>()?;
    let class = py.get_type::<E>();
    let members = PyDict::new(py);
    for (name, number) in E::MEMBERS {
        let member = Py::new(py, E::of(*number))?;
        class.setattr(*name, &member)?;
        // What is not in `__all__` is missing where the module is part of a package, as in the wheel.
        module.add(*name, &member)?;
        members.set_item(*name, member)?;
    }
    class.setattr("__members__", members)
}
