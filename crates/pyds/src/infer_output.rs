//! What networks tell: raw outputs, class maps.

#![allow(non_snake_case, reason = "DeepStream's names")]

use std::sync::Arc;

use pyo3::PyClass;
use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use slipstream_meta::{SegmentationMeta, TensorMeta};

use crate::array::numpy;
use crate::enumeration::{self, enumeration};
use crate::value::{Class, Place, hash, structure, wrong_class};

/// Dimensions that DeepStream has room for.
const MAX_DIMS: usize = 8;

enumeration! {
    /// What elements of a tensor are. Slipstream's are numbers of 32 bits.
    NvDsInferDataType { FLOAT = 0, HALF = 1, INT8 = 2, INT32 = 3, }
}

structure! {
    /// Size of a network's input.
    NvDsInferNetworkInfo (NetworkInfo) { width: u32, height: u32, channels: u32, }
}

structure! {
    /// What a detector found.
    NvDsInferObjectDetectionInfo (DetectionInfo) {
        classId: u32, left: f32, top: f32, width: f32, height: f32, detectionConfidence: f32,
    }
}

/// What lies at an address: numbers that are kept alive by this object.
#[derive(Clone)]
enum Numbers {
    Float(Arc<[f32]>),
    Int(Arc<[i32]>),
}

/// Numbers in memory, as programs pass them to `get_ptr` and `get_detections`.
#[pyclass(frozen, weakref, module = "pyds")]
pub(crate) struct NumberPointer(Numbers);

impl NumberPointer {
    fn address(&self) -> u64 {
        match &self.0 {
            Numbers::Float(numbers) => numbers.as_ptr() as u64,
            Numbers::Int(numbers) => numbers.as_ptr() as u64,
        }
    }

    fn len(&self) -> usize {
        match &self.0 {
            Numbers::Float(numbers) => numbers.len(),
            Numbers::Int(numbers) => numbers.len(),
        }
    }
}

#[pymethods]
impl NumberPointer {
    fn __int__(&self) -> u64 {
        self.address()
    }

    fn __len__(&self) -> usize {
        self.len()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().address() == self.address())
    }

    fn __hash__(&self) -> isize {
        hash(self.address())
    }

    fn __repr__(&self) -> String {
        format!("<pyds.NumberPointer to {} numbers at {:#x}>", self.len(), self.address())
    }
}

/// `X.cast(p)` of classes that have no address: the object itself.
fn itself<T: PyClass>(pointer: &Bound<'_, PyAny>) -> PyResult<Py<T>> {
    pointer.cast::<T>().map(|object| object.clone().unbind()).map_err(|_| wrong_class(pointer, T::NAME))
}

/// Dimensions of a tensor without the batch.
#[pyclass(frozen, weakref, module = "pyds")]
#[derive(Default)]
pub(crate) struct NvDsInferDims(Vec<u32>);

#[pymethods]
#[allow(non_snake_case, reason = "DeepStream's names")]
impl NvDsInferDims {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The object itself.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        itself(pointer)
    }

    #[getter]
    fn numDims(&self) -> usize {
        self.0.len()
    }

    #[getter]
    fn numElements(&self) -> u32 {
        if self.0.is_empty() { 0 } else { self.0.iter().product() }
    }

    #[getter]
    fn d(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let mut dims = self.0.clone();
        dims.resize(MAX_DIMS, 0);
        match numpy(py) {
            Some(numpy) => Ok(numpy.call_method1("array", (dims, "uint32"))?.unbind()),
            None => Ok(PyList::new(py, dims)?.into_any().unbind()),
        }
    }
}

/// Channels, height and width of a tensor.
#[pyclass(frozen, weakref, module = "pyds")]
#[derive(Default)]
pub(crate) struct NvDsInferDimsCHW {
    #[pyo3(get)]
    c: u32,
    #[pyo3(get)]
    h: u32,
    #[pyo3(get)]
    w: u32,
}

#[pymethods]
impl NvDsInferDimsCHW {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The object itself.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        itself(pointer)
    }
}

/// An output of a network.
#[pyclass(frozen, weakref, module = "pyds")]
#[derive(Default)]
pub(crate) struct NvDsInferLayerInfo {
    meta: Option<Arc<TensorMeta>>,
    index: usize,
}

#[pymethods]
#[allow(non_snake_case, reason = "DeepStream's names")]
impl NvDsInferLayerInfo {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The object itself.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        itself(pointer)
    }

    #[getter]
    fn dataType(&self) -> NvDsInferDataType {
        NvDsInferDataType(0)
    }

    #[getter]
    fn inferDims(&self) -> NvDsInferDims {
        let tensor = self.meta.as_ref().and_then(|meta| meta.tensors.get(self.index));
        NvDsInferDims(
            tensor.map(|tensor| tensor.dims.iter().map(|&dim| dim as u32).collect()).unwrap_or_default(),
        )
    }

    #[getter]
    fn dims(&self) -> NvDsInferDims {
        self.inferDims()
    }

    #[getter]
    fn bindingIndex(&self) -> usize {
        // The first binding is the input.
        self.index + 1
    }

    #[getter]
    fn layerName(&self) -> Option<String> {
        let tensor = self.meta.as_ref()?.tensors.get(self.index)?;
        Some(tensor.name.to_string())
    }

    #[getter]
    fn buffer(&self) -> Option<NumberPointer> {
        let tensor = self.meta.as_ref()?.tensors.get(self.index)?;
        Some(NumberPointer(Numbers::Float(Arc::clone(&tensor.data))))
    }

    #[getter]
    fn isInput(&self) -> i32 {
        0
    }
}

/// The raw outputs of a network.
#[pyclass(frozen, weakref, module = "pyds")]
#[derive(Default)]
pub(crate) struct NvDsInferTensorMeta(Option<Arc<TensorMeta>>);

/// Channels of networks' inputs: three colours.
const CHANNELS: u32 = 3;

impl NvDsInferTensorMeta {
    fn layer(&self, index: usize) -> PyResult<NvDsInferLayerInfo> {
        match &self.0 {
            Some(meta) if index < meta.tensors.len() => {
                Ok(NvDsInferLayerInfo { meta: Some(Arc::clone(meta)), index })
            }
            meta => Err(PyIndexError::new_err(format!(
                "output layer {index}: there are {}",
                meta.as_ref().map_or(0, |meta| meta.tensors.len())
            ))),
        }
    }

    fn pointers(&self) -> Vec<NumberPointer> {
        let tensors = self.0.iter().flat_map(|meta| meta.tensors.iter());
        tensors.map(|tensor| NumberPointer(Numbers::Float(Arc::clone(&tensor.data)))).collect()
    }
}

#[pymethods]
impl NvDsInferTensorMeta {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The object itself.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        itself(pointer)
    }

    #[getter]
    fn network_info(&self) -> NvDsInferNetworkInfo {
        let size = self.0.as_ref().map(|meta| meta.network).unwrap_or_default();
        NvDsInferNetworkInfo::at(Place::own(NetworkInfo {
            width: size.width,
            height: size.height,
            channels: CHANNELS,
        }))
    }

    #[getter]
    fn unique_id(&self) -> u32 {
        self.0.as_ref().map_or(0, |meta| meta.component_id)
    }

    #[getter]
    fn num_output_layers(&self) -> usize {
        self.0.as_ref().map_or(0, |meta| meta.tensors.len())
    }

    /// The output with that index.
    fn output_layers_info(&self, index: usize) -> PyResult<NvDsInferLayerInfo> {
        self.layer(index)
    }

    #[getter]
    fn out_buf_ptrs_host(&self) -> Vec<NumberPointer> {
        self.pointers()
    }

    /// There is one memory.
    #[getter]
    fn out_buf_ptrs_dev(&self) -> Vec<NumberPointer> {
        self.pointers()
    }

    #[getter]
    fn gpu_id(&self) -> i32 {
        0
    }

    #[getter]
    fn priv_data(&self) -> Option<u64> {
        None
    }
}

/// A class for each pixel.
#[pyclass(frozen, weakref, module = "pyds")]
#[derive(Default)]
pub(crate) struct NvDsInferSegmentationMeta(Option<SegmentationMeta>);

#[pymethods]
impl NvDsInferSegmentationMeta {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The object itself.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        itself(pointer)
    }

    #[getter]
    fn classes(&self) -> u32 {
        self.0.as_ref().map_or(0, |map| map.classes)
    }

    #[getter]
    fn width(&self) -> u32 {
        self.0.as_ref().map_or(0, |map| map.size.width)
    }

    #[getter]
    fn height(&self) -> u32 {
        self.0.as_ref().map_or(0, |map| map.size.height)
    }

    #[getter]
    fn class_map(&self) -> Option<NumberPointer> {
        self.0.as_ref().map(|map| NumberPointer(Numbers::Int(Arc::clone(&map.class_map))))
    }

    /// Slipstream keeps classes only.
    #[getter]
    fn class_probabilities_map(&self) -> Option<u64> {
        None
    }

    #[getter]
    fn priv_data(&self) -> Option<u64> {
        None
    }
}

/// An attribute that a classifier named.
#[pyclass(frozen, weakref, module = "pyds")]
#[derive(Default)]
pub(crate) struct NvDsInferAttribute {}

#[pymethods]
#[allow(non_snake_case, reason = "DeepStream's names")]
impl NvDsInferAttribute {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The object itself.
    #[staticmethod]
    fn cast(pointer: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        itself(pointer)
    }

    #[getter]
    fn attributeIndex(&self) -> u32 {
        0
    }

    /// DeepStream's spelling.
    #[getter]
    fn atttributeIndex(&self) -> u32 {
        0
    }

    #[getter]
    fn attributeValue(&self) -> u32 {
        0
    }

    #[getter]
    fn attributeConfidence(&self) -> f32 {
        0.0
    }

    #[getter]
    fn attributeLabel(&self) -> Option<String> {
        None
    }
}

/// Output `index` of a network.
#[pyfunction]
fn get_nvds_LayerInfo(tensor_meta: &Bound<'_, PyAny>, index: usize) -> PyResult<NvDsInferLayerInfo> {
    NvDsInferTensorMeta::cast(tensor_meta)?.get().layer(index)
}

/// Number `index` of an output's buffer.
#[pyfunction]
fn get_detections(buffer: &Bound<'_, PyAny>, index: usize) -> PyResult<f32> {
    let pointer = buffer
        .cast::<NumberPointer>()
        .map_err(|_| PyTypeError::new_err("get_detections: must be the buffer of an NvDsInferLayerInfo"))?;
    let number = match &pointer.get().0 {
        Numbers::Float(numbers) => numbers.get(index).copied(),
        Numbers::Int(numbers) => numbers.get(index).map(|&number| number as f32),
    };
    number.ok_or_else(|| PyIndexError::new_err(format!("number {index}: there are {}", pointer.get().len())))
}

/// A copy of a class map: rows × columns numbers of 32 bits, −1 where there is no class.
#[pyfunction]
fn get_segmentation_masks(data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = data.py();
    let meta = NvDsInferSegmentationMeta::cast(data)?;
    let Some(map) = &meta.get().0 else {
        return Err(PyRuntimeError::new_err("get_segmentation_masks: there is no class map"));
    };
    let numpy = numpy(py)
        .ok_or_else(|| PyRuntimeError::new_err("get_segmentation_masks needs NumPy (python3-numpy)"))?;
    let bytes: Vec<u8> = map.class_map.iter().flat_map(|class| class.to_ne_bytes()).collect();
    let flat = numpy.call_method1("frombuffer", (PyBytes::new(py, &bytes), "int32"))?;
    let shaped = flat.call_method1("reshape", ((map.size.height, map.size.width),))?;
    Ok(shaped.call_method0("copy")?.unbind())
}

#[pyfunction]
fn glist_get_nvds_tensor_meta(data: &Bound<'_, PyAny>) -> PyResult<Py<NvDsInferTensorMeta>> {
    NvDsInferTensorMeta::cast(data)
}

/// The object for the outputs of a network.
pub(crate) fn tensors(py: Python<'_>, meta: &TensorMeta) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, NvDsInferTensorMeta(Some(Arc::new(meta.clone()))))?.into_any())
}

/// The object for a class map.
pub(crate) fn segmentation(py: Python<'_>, meta: &SegmentationMeta) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, NvDsInferSegmentationMeta(Some(meta.clone())))?.into_any())
}

/// Puts classes and functions into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    enumeration::register::<NvDsInferDataType>(module)?;
    module.add_class::<NvDsInferNetworkInfo>()?;
    module.add_class::<NvDsInferObjectDetectionInfo>()?;
    module.add_class::<NvDsInferDims>()?;
    module.add_class::<NvDsInferDimsCHW>()?;
    module.add_class::<NvDsInferLayerInfo>()?;
    module.add_class::<NvDsInferTensorMeta>()?;
    module.add_class::<NvDsInferSegmentationMeta>()?;
    module.add_class::<NvDsInferAttribute>()?;
    module.add_class::<NumberPointer>()?;
    module.add_function(wrap_pyfunction!(get_nvds_LayerInfo, module)?)?;
    module.add_function(wrap_pyfunction!(get_detections, module)?)?;
    module.add_function(wrap_pyfunction!(get_segmentation_masks, module)?)?;
    module.add_function(wrap_pyfunction!(glist_get_nvds_tensor_meta, module)?)
}
