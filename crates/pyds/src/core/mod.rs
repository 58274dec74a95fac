//! Batches, frames, objects and what hangs on them.

pub(crate) mod base;
pub(crate) mod batch;
pub(crate) mod classifier;
mod copy;
pub(crate) mod display;
pub(crate) mod edit;
pub(crate) mod frame;
pub(crate) mod functions;
pub(crate) mod object;
pub(crate) mod tree;
pub(crate) mod user;

use std::sync::Arc;

use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use crate::address;
use crate::session::Session;
use crate::value::{Class, wrong_class};
use base::{NvDsBaseMeta, Owner};
use batch::NvDsBatchMeta;
use classifier::{NvDsClassifierMeta, NvDsLabelInfo};
use display::NvDsDisplayMeta;
use frame::NvDsFrameMeta;
use object::NvDsObjectMeta;
use tree::{Id, Kind};
use user::NvDsUserMeta;

/// The handle of what has a number; `None` if there never was such a thing.
pub(crate) fn handle(py: Python<'_>, session: &Arc<Session>, id: Id) -> PyResult<Option<Py<PyAny>>> {
    base::kind(py, session, id)?.map(|kind| handle_of(py, session, id, kind)).transpose()
}

/// The handle of what has a number and is known to be of a kind.
pub(crate) fn handle_of(py: Python<'_>, session: &Arc<Session>, id: Id, kind: Kind) -> PyResult<Py<PyAny>> {
    let session = Arc::clone(session);
    Ok(match kind {
        Kind::Batch => Py::new(py, NvDsBatchMeta::at(session))?.into_any(),
        Kind::Frame => Py::new(py, NvDsFrameMeta::at(session, id))?.into_any(),
        Kind::Object => Py::new(py, NvDsObjectMeta::at(session, id))?.into_any(),
        Kind::Classifier => Py::new(py, NvDsClassifierMeta::at(session, id))?.into_any(),
        Kind::Label => Py::new(py, NvDsLabelInfo::at(classifier::label_place(session, id)))?.into_any(),
        Kind::Display => Py::new(py, NvDsDisplayMeta::at(session, id))?.into_any(),
        Kind::User => Py::new(py, NvDsUserMeta::at(session, id))?.into_any(),
    })
}

/// `X.cast(p)` of a class of handles.
pub(crate) fn cast<T: PyClass<Frozen = True> + Sync>(pointer: &Bound<'_, PyAny>) -> PyResult<Py<T>> {
    if let Ok(handle) = pointer.cast::<T>() {
        return Ok(handle.clone().unbind());
    }
    let py = pointer.py();
    let handle = if let Ok(base) = pointer.cast::<NvDsBaseMeta>() {
        match base.get().owner() {
            Owner::Item(session, id) => handle(py, session, *id)?,
            Owner::User(user) => Some(Py::new(py, NvDsUserMeta::loose(Arc::clone(user)))?.into_any()),
            Owner::None => None,
        }
    } else if let Ok(address) = pointer.extract::<u64>() {
        Some(Session::handle_at(py, address)?.ok_or_else(|| address::unknown(address))?)
    } else {
        None
    };
    let Some(handle) = handle else { return Err(wrong_class(pointer, T::NAME)) };
    let handle = handle.into_bound(py);
    handle.cast::<T>().map(|handle| handle.clone().unbind()).map_err(|_| wrong_class(&handle, T::NAME))
}

/// The base of metadata of any class.
fn base_of(pointer: &Bound<'_, PyAny>) -> PyResult<Py<NvDsBaseMeta>> {
    pointer
        .getattr("base_meta")
        .ok()
        .and_then(|base| base.cast_into::<NvDsBaseMeta>().ok())
        .map(Bound::unbind)
        .ok_or_else(|| wrong_class(pointer, NvDsBaseMeta::NAME))
}

/// Declares a class of handles onto the model: fields with how they are read and written, and further methods.
macro_rules! handles {
    (
        $(#[doc = $doc:literal])*
        $class:ident of $kind:ident, $model:ident ($value:ty) {
            $($field:ident: $type:ty = |$read:ident| $get:expr, |$write:ident, $new:ident| $set:expr;)*
        }
        methods { $($methods:tt)* }
    ) => {
        $(#[doc = $doc])*
        #[pyo3::pyclass(frozen, weakref, module = "pyds")]
        pub(crate) struct $class {
            pub(crate) session: std::sync::Arc<$crate::session::Session>,
            pub(crate) id: $crate::core::tree::Id,
        }

        impl $class {
            pub(crate) fn at(session: std::sync::Arc<$crate::session::Session>, id: $crate::core::tree::Id) -> Self {
                Self { session, id }
            }

            /// Looks at or changes what the handle stands for; `work` must not call Python.
            pub(crate) fn with<R>(&self, py: Python<'_>, work: impl FnOnce(&mut $value) -> R) -> PyResult<R> {
                self.session.with(py, |tree, model| Ok(work(model.$model(tree, self.id)?)))
            }
        }

        pastey::paste! {
            #[allow(non_snake_case, missing_docs, reason = "DeepStream's names")]
            #[pyo3::pymethods]
            impl $class {
                /// What `pointer` points at.
                #[staticmethod]
                fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
                    $crate::core::cast(pointer)
                }

                fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
                    other.cast::<Self>().is_ok_and(|other| {
                        let other = other.get();
                        other.id == self.id && std::sync::Arc::ptr_eq(&other.session, &self.session)
                    })
                }

                fn __hash__(&self) -> isize {
                    $crate::value::hash(self.session.address(self.id))
                }

                fn __int__(&self) -> u64 {
                    self.session.address(self.id)
                }

                #[getter]
                fn base_meta(&self) -> $crate::core::base::NvDsBaseMeta {
                    let session = std::sync::Arc::clone(&self.session);
                    $crate::core::base::NvDsBaseMeta::new_for($crate::core::base::Owner::Item(session, self.id))
                }

                $(
                    #[getter($field)]
                    fn [<get_ $field>](&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
                        let value: $type = self.with(py, |$read| $get)?;
                        $crate::value::Field::show(&value, py, self.session.strings())
                    }

                    #[setter($field)]
                    fn [<set_ $field _>](&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
                        const NAME: &str = concat!(stringify!($class), ".", stringify!($field));
                        let $new = $crate::value::read_field::<$type>(value, NAME)?;
                        self.with(value.py(), |$write| { $set; })
                    }
                )*

                $($methods)*
            }
        }
    };
}
pub(crate) use handles;

/// Puts the classes into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<NvDsBaseMeta>()?;
    module.add_class::<NvDsBatchMeta>()?;
    module.add_class::<NvDsFrameMeta>()?;
    module.add_class::<NvDsObjectMeta>()?;
    module.add_class::<NvDsClassifierMeta>()?;
    module.add_class::<NvDsLabelInfo>()?;
    module.add_class::<NvDsDisplayMeta>()?;
    module.add_class::<NvDsUserMeta>()?;
    module.add_class::<base::Pointer>()?;
    functions::register(module)
}
