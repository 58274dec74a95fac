//! DeepStream's description of buffers: enumerations and structures that programs name. Buffers here are GStreamer's, so the
//! functions that allocate and map surfaces say that there are none.

#![allow(non_snake_case, reason = "DeepStream's names")]

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::enumeration::{self, enumeration};
use crate::value::{Pointee, structure};

enumeration! {
    /// How a surface is mapped.
    NvBufSurfaceMemMapFlags { NVBUF_MAP_READ = 0, NVBUF_MAP_WRITE = 1, NVBUF_MAP_READ_WRITE = 2, }
}

enumeration! {
    /// How pixels are coded.
    NvBufSurfaceColorFormat {
        NVBUF_COLOR_FORMAT_INVALID = 0, NVBUF_COLOR_FORMAT_GRAY8 = 1, NVBUF_COLOR_FORMAT_YUV420 = 2,
        NVBUF_COLOR_FORMAT_YVU420 = 3, NVBUF_COLOR_FORMAT_YUV420_ER = 4, NVBUF_COLOR_FORMAT_YVU420_ER = 5,
        NVBUF_COLOR_FORMAT_NV12 = 6, NVBUF_COLOR_FORMAT_NV12_ER = 7, NVBUF_COLOR_FORMAT_NV21 = 8,
        NVBUF_COLOR_FORMAT_NV21_ER = 9, NVBUF_COLOR_FORMAT_UYVY = 10, NVBUF_COLOR_FORMAT_UYVY_ER = 11,
        NVBUF_COLOR_FORMAT_VYUY = 12, NVBUF_COLOR_FORMAT_VYUY_ER = 13, NVBUF_COLOR_FORMAT_YUYV = 14,
        NVBUF_COLOR_FORMAT_YUYV_ER = 15, NVBUF_COLOR_FORMAT_YVYU = 16, NVBUF_COLOR_FORMAT_YVYU_ER = 17,
        NVBUF_COLOR_FORMAT_YUV444 = 18, NVBUF_COLOR_FORMAT_RGBA = 19, NVBUF_COLOR_FORMAT_BGRA = 20,
        NVBUF_COLOR_FORMAT_ARGB = 21, NVBUF_COLOR_FORMAT_ABGR = 22, NVBUF_COLOR_FORMAT_RGBx = 23,
        NVBUF_COLOR_FORMAT_BGRx = 24, NVBUF_COLOR_FORMAT_xRGB = 25, NVBUF_COLOR_FORMAT_xBGR = 26,
        NVBUF_COLOR_FORMAT_RGB = 27, NVBUF_COLOR_FORMAT_BGR = 28, NVBUF_COLOR_FORMAT_NV12_10LE = 29,
        NVBUF_COLOR_FORMAT_NV12_12LE = 30, NVBUF_COLOR_FORMAT_YUV420_709 = 31,
        NVBUF_COLOR_FORMAT_YUV420_709_ER = 32, NVBUF_COLOR_FORMAT_NV12_709 = 33,
        NVBUF_COLOR_FORMAT_NV12_709_ER = 34, NVBUF_COLOR_FORMAT_YUV420_2020 = 35,
        NVBUF_COLOR_FORMAT_NV12_2020 = 36, NVBUF_COLOR_FORMAT_NV12_10LE_ER = 37,
        NVBUF_COLOR_FORMAT_NV12_10LE_709 = 38, NVBUF_COLOR_FORMAT_NV12_10LE_709_ER = 39,
        NVBUF_COLOR_FORMAT_NV12_10LE_2020 = 40, NVBUF_COLOR_FORMAT_SIGNED_R16G16 = 41,
        NVBUF_COLOR_FORMAT_LAST = 42,
    }
}

enumeration! {
    /// How rows lie in memory.
    NvBufSurfaceLayout { NVBUF_LAYOUT_PITCH = 0, NVBUF_LAYOUT_BLOCK_LINEAR = 1, }
}

enumeration! {
    /// What memory a surface is in.
    NvBufSurfaceMemType {
        NVBUF_MEM_DEFAULT = 0, NVBUF_MEM_CUDA_PINNED = 1, NVBUF_MEM_CUDA_DEVICE = 2, NVBUF_MEM_CUDA_UNIFIED = 3,
        NVBUF_MEM_SURFACE_ARRAY = 4, NVBUF_MEM_HANDLE = 5, NVBUF_MEM_SYSTEM = 6,
    }
}

structure! {
    /// Planes of a surface.
    NvBufSurfacePlaneParams (PlaneParams) {
        num_planes: u32, width: Pointee, height: Pointee, pitch: Pointee, offset: Pointee, psize: Pointee,
        bytesPerPix: Pointee,
    }
}

structure! {
    /// What a surface is to be.
    NvBufSurfaceCreateParams (CreateParams) {
        gpuId: u32, width: u32, height: u32, size: u32, isContiguous: bool, colorFormat: NvBufSurfaceColorFormat,
        layout: NvBufSurfaceLayout, memType: NvBufSurfaceMemType,
    }
}

structure! {
    /// Where a surface is mapped.
    NvBufSurfaceMappedAddr (MappedAddr) { addr: Pointee, eglImage: Pointee, }
}

structure! {
    /// A surface.
    NvBufSurfaceParams (SurfaceParams) {
        width: u32, height: u32, pitch: u32, colorFormat: NvBufSurfaceColorFormat, layout: NvBufSurfaceLayout,
        bufferDesc: u64, dataSize: u32, dataPtr: Pointee,
        ; planeParams: NvBufSurfacePlaneParams, mappedAddr: NvBufSurfaceMappedAddr,
    }
}

structure! {
    /// The surfaces of a batch.
    NvBufSurface (Surface) {
        gpuId: u32, batchSize: u32, numFilled: u32, isContiguous: bool, memType: NvBufSurfaceMemType,
        ; surfaceList: NvBufSurfaceParams,
    }
}

#[pyfunction]
fn glist_get_nvds_Surface_Params(data: &Bound<'_, PyAny>) -> PyResult<Py<NvBufSurfaceParams>> {
    <NvBufSurfaceParams as crate::value::Class>::cast(data)
}

macro_rules! without_surfaces {
    ($($function:ident,)*) => {
        $(
            #[pyfunction]
            #[pyo3(signature = (*_arguments))]
            fn $function(_arguments: &Bound<'_, PyTuple>) -> PyResult<i32> {
                Err(PyRuntimeError::new_err(concat!(
                    stringify!($function),
                    ": buffers are GStreamer's, in system memory; use get_nvds_buf_surface for their pixels"
                )))
            }
        )*

        /// Puts enumerations, classes and functions into the module.
        pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($function, module)?)?;)*
            module.add_function(wrap_pyfunction!(glist_get_nvds_Surface_Params, module)?)?;
            enumeration::register::<NvBufSurfaceMemMapFlags>(module)?;
            enumeration::register::<NvBufSurfaceColorFormat>(module)?;
            enumeration::register::<NvBufSurfaceLayout>(module)?;
            enumeration::register::<NvBufSurfaceMemType>(module)?;
            module.add_class::<NvBufSurfacePlaneParams>()?;
            module.add_class::<NvBufSurfaceCreateParams>()?;
            module.add_class::<NvBufSurfaceMappedAddr>()?;
            module.add_class::<NvBufSurfaceParams>()?;
            module.add_class::<NvBufSurface>()
        }
    };
}

without_surfaces! {
    NvBufSurfaceCreate,
    NvBufSurfaceDestroy,
    NvBufSurfaceMap,
    NvBufSurfaceUnMap,
    NvBufSurfaceCopy,
    NvBufSurfaceSyncForCpu,
    NvBufSurfaceSyncForDevice,
    NvBufSurfaceFromFd,
    NvBufSurfaceMemSet,
    NvBufSurfaceMapEglImage,
    NvBufSurfaceUnMapEglImage,
}
