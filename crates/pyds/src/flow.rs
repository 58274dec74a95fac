//! Optical flow, and the structures of panoramic pictures.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::array::numpy;
use crate::enumeration::{self, enumeration};
use crate::value::{Class, Pointee, structure};

structure! {
    /// A motion vector in 1/32 pixels.
    NvOFFlowVector (FlowVector) { flowx: i16, flowy: i16, }
}

structure! {
    /// The motion vectors of a frame: `rows` × `cols` pairs of 16-bit numbers in `data`.
    NvDsOpticalFlowMeta (OpticalFlow) {
        rows: u32, cols: u32, mv_size: u32, frame_num: u64, data: Pointee, reserved: Pointee, private: Pointee,
    }
    methods {
        // A word that Rust keeps for itself: declared as `private`.
        #[getter(r#priv)]
        fn priv_(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            Ok(self.place.read(py)?.private.0.map_or_else(|| py.None(), |object| object.clone_ref(py)))
        }

        #[setter(r#priv)]
        fn set_priv_(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            let new = <Pointee as crate::value::Field>::read(value)?;
            let _old = self.place.change(value.py(), |flow| std::mem::replace(&mut flow.private, new))?;
            Ok(())
        }
    }
}

enumeration! {
    /// Where an object is in a panoramic picture.
    ROI_STATUS_360D { ROI_ENTRY_360D = 1, ROI_EXIT_360D = 2, INSIDE_AISLE_360D = 4, }
}

structure! {
    /// A box in a panoramic picture.
    RectDim (RectDimension) {
        left: f32, top: f32, width: f32, height: f32, class_id: i32, tracking_id: i32, gie_unique_id: i32,
        roi_status: i32, text: Pointee,
    }
}

/// A copy of a frame's motion vectors: x, y, x, y … as they are, in numbers of 32 bits.
#[pyfunction]
fn get_optical_flow_vectors(of_meta: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = of_meta.py();
    let flow = NvDsOpticalFlowMeta::value_of(of_meta, "get_optical_flow_vectors")?;
    let numpy = numpy(py)
        .ok_or_else(|| PyRuntimeError::new_err("get_optical_flow_vectors needs NumPy (python3-numpy)"))?;
    let Some(data) = flow.data.0 else {
        return Err(PyRuntimeError::new_err("get_optical_flow_vectors: there are no vectors"));
    };
    let count = u64::from(flow.rows) * u64::from(flow.cols) * 2;
    let numbers = numpy.call_method1("frombuffer", (data.bind(py), "int16", count))?;
    Ok(numbers.call_method1("astype", ("float32",))?.unbind())
}

/// Puts classes and functions into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    enumeration::register::<ROI_STATUS_360D>(module)?;
    module.add_class::<NvOFFlowVector>()?;
    module.add_class::<NvDsOpticalFlowMeta>()?;
    module.add_class::<RectDim>()?;
    module.add_function(wrap_pyfunction!(get_optical_flow_vectors, module)?)
}
