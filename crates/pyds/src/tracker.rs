//! Where tracks had been before they were certain, and vectors that tell objects apart.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList};
use slipstream_meta::TrackRecord;

use crate::array::numpy;
use crate::osd::{NvOSD_RectParams, RectParams};
use crate::payload::PastTracks;
use crate::value::{Class, Label, Place, Pointee, structure};

/// What a structure's `list()` goes through: a list of Python in the member `_list`.
fn walk<'py>(list: &Pointee, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
    match &list.0 {
        Some(list) => list.bind(py).try_iter(),
        None => PyList::empty(py).try_iter(),
    }
}

fn listed(list: Bound<'_, PyList>) -> Pointee {
    Pointee(Some(Arc::new(list.into_any().unbind())))
}

structure! {
    /// Where a track was on one frame.
    NvDsTargetMiscDataFrame (DataFrame) { frameNum: u32, confidence: f32, age: u32, ; tBbox: NvOSD_RectParams, }
}

structure! {
    /// A track.
    NvDsTargetMiscDataObject (DataObject) { numObj: u32, uniqueId: u64, classId: u16, objLabel: Label, _list: Pointee, }
    methods {
        /// The frames that it was on, oldest first.
        fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
            walk(&self.place.read(py)?._list, py)
        }
    }
}

structure! {
    /// The tracks of a stream.
    NvDsTargetMiscDataStream (DataStream) {
        streamID: u32, surfaceStreamID: u64, numAllocated: u32, numFilled: u32, _list: Pointee,
    }
    methods {
        /// Its tracks.
        fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
            walk(&self.place.read(py)?._list, py)
        }
    }
}

structure! {
    /// The streams of a batch.
    NvDsTargetMiscDataBatch (DataBatch) { numAllocated: u32, numFilled: u32, _list: Pointee, }
    methods {
        /// Its streams.
        fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
            walk(&self.place.read(py)?._list, py)
        }
    }
}

structure! {
    /// A vector that tells an object from others.
    NvDsObjReid (ObjReid) { featureSize: u32, _vector: Pointee, }
    methods {
        /// A copy of the vector; empty where there is none.
        fn get_host_reid_vector(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            let vector = match &self.place.read(py)?._vector.0 {
                Some(vector) => vector.bind(py).extract::<Vec<f32>>()?,
                None => Vec::new(),
            };
            match numpy(py) {
                Some(numpy) => Ok(numpy.call_method1("array", (vector, "float32"))?.unbind()),
                None => Ok(vector.into_pyobject(py)?.unbind()),
            }
        }
    }
}

fn object(py: Python<'_>, record: &TrackRecord) -> PyResult<NvDsTargetMiscDataObject> {
    let frames = record.samples.iter().map(|sample| {
        let rect = sample.rect;
        let rect = RectParams {
            left: rect.left,
            top: rect.top,
            width: rect.width,
            height: rect.height,
            ..Default::default()
        };
        NvDsTargetMiscDataFrame::at(Place::own(DataFrame {
            // Numbers of frames have 32 bits in DeepStream, and start again.
            frameNum: sample.frame_number as u32,
            confidence: sample.confidence,
            age: sample.age,
            tBbox: rect,
        }))
    });
    let frames = frames.map(|frame| Py::new(py, frame)).collect::<PyResult<Vec<_>>>()?;
    Ok(NvDsTargetMiscDataObject::at(Place::own(DataObject {
        numObj: frames.len() as u32,
        uniqueId: record.tracking_id,
        // 16 bits in DeepStream, where "none" is the largest number.
        classId: record.class_id as u16,
        objLabel: Label(Arc::clone(&record.label)),
        _list: listed(PyList::new(py, frames)?),
    })))
}

/// The object for past positions.
pub(crate) fn present(py: Python<'_>, tracks: &[PastTracks]) -> PyResult<Py<PyAny>> {
    let streams = PyList::empty(py);
    for stream in tracks {
        let objects = stream.records.iter().map(|record| Py::new(py, object(py, record)?));
        let objects = objects.collect::<PyResult<Vec<_>>>()?;
        let count = objects.len() as u32;
        streams.append(Py::new(
            py,
            NvDsTargetMiscDataStream::at(Place::own(DataStream {
                streamID: stream.pad_index,
                surfaceStreamID: stream.source_id.into(),
                numAllocated: count,
                numFilled: count,
                _list: listed(PyList::new(py, objects)?),
            })),
        )?)?;
    }
    let count = streams.len() as u32;
    let batch = DataBatch { numAllocated: count, numFilled: count, _list: listed(streams) };
    Ok(Py::new(py, NvDsTargetMiscDataBatch::at(Place::own(batch)))?.into_any())
}

/// The object for what a tracker's network said of an object.
pub(crate) fn looks(py: Python<'_>, vector: &[f32]) -> PyResult<Py<PyAny>> {
    let reid = ObjReid { featureSize: vector.len() as u32, _vector: listed(PyList::new(py, vector)?) };
    Ok(Py::new(py, NvDsObjReid::at(Place::own(reid)))?.into_any())
}

/// Puts the classes into the module, under the names of releases up to 6.2 too.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<NvDsTargetMiscDataFrame>()?;
    module.add_class::<NvDsTargetMiscDataObject>()?;
    module.add_class::<NvDsTargetMiscDataStream>()?;
    module.add_class::<NvDsTargetMiscDataBatch>()?;
    module.add("NvDsPastFrameObj", py.get_type::<NvDsTargetMiscDataFrame>())?;
    module.add("NvDsPastFrameObjList", py.get_type::<NvDsTargetMiscDataObject>())?;
    module.add("NvDsPastFrameObjStream", py.get_type::<NvDsTargetMiscDataStream>())?;
    module.add("NvDsPastFrameObjBatch", py.get_type::<NvDsTargetMiscDataBatch>())?;
    module.add_class::<NvDsObjReid>()
}
