//! What rules about regions, lines and directions say.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use slipstream_meta::{AnalyticsFrame, AnalyticsObject, UserData};

use crate::address::Strings;
use crate::value::{Class, Field, Place, structure};

macro_rules! container_fields {
    ($($type:ty),*) => {$(
        impl Field for $type {
            fn show(&self, py: Python<'_>, _: &Strings) -> PyResult<Py<PyAny>> {
                Ok(self.clone().into_pyobject(py)?.into_any().unbind())
            }

            fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                value.extract()
            }
        }
    )*};
}

container_fields!(
    Vec<String>,
    BTreeMap<String, bool>,
    BTreeMap<String, u32>,
    BTreeMap<String, u64>,
    BTreeMap<i32, u32>
);

structure! {
    /// What the rules say of an object.
    NvDsAnalyticsObjInfo (ObjInfo) {
        roiStatus: Vec<String>, ocStatus: Vec<String>, lcStatus: Vec<String>, dirStatus: String, objStatus: String,
        unique_id: u32,
    }
}

structure! {
    /// What the rules say of a frame.
    NvDsAnalyticsFrameMeta (FrameInfo) {
        ocStatus: BTreeMap<String, bool>, objInROIcnt: BTreeMap<String, u32>, objLCCurrCnt: BTreeMap<String, u64>,
        objLCCumCnt: BTreeMap<String, u64>, unique_id: u32, objCnt: BTreeMap<i32, u32>,
    }
}

/// The object for what an element attached, if it is one of these.
pub(crate) fn present(py: Python<'_>, data: &dyn UserData) -> PyResult<Option<Py<PyAny>>> {
    if let Some(object) = data.as_any().downcast_ref::<AnalyticsObject>() {
        let value = ObjInfo {
            roiStatus: object.regions.clone(),
            ocStatus: object.overcrowded.clone(),
            lcStatus: object.crossings.clone(),
            dirStatus: object.direction.clone(),
            objStatus: object.status.clone(),
            unique_id: object.unique_id,
        };
        return Ok(Some(Py::new(py, NvDsAnalyticsObjInfo::at(Place::own(value)))?.into_any()));
    }
    let Some(frame) = data.as_any().downcast_ref::<AnalyticsFrame>() else { return Ok(None) };
    let value = FrameInfo {
        ocStatus: frame.overcrowded.clone(),
        objInROIcnt: frame.in_region.clone(),
        objLCCurrCnt: frame.crossings.clone(),
        objLCCumCnt: frame.total_crossings.clone(),
        unique_id: frame.unique_id,
        objCnt: frame.objects.clone(),
    };
    Ok(Some(Py::new(py, NvDsAnalyticsFrameMeta::at(Place::own(value)))?.into_any()))
}

/// Puts the classes into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<NvDsAnalyticsObjInfo>()?;
    module.add_class::<NvDsAnalyticsFrameMeta>()
}
