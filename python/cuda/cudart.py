"""CUDA's runtime interface on a machine without devices: functions return tuples that begin with the result."""

import enum


class cudaError_t(enum.IntEnum):
    """Results of the runtime interface (those that can occur here)."""

    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorNoDevice = 100
    cudaErrorInvalidDevice = 101


class cudaDeviceProp:
    """Properties of a device, all zero."""

    name = b""
    integrated = 0
    major = 0
    minor = 0
    multiProcessorCount = 0
    totalGlobalMem = 0
    unifiedAddressing = 0


def cudaGetDeviceCount():
    """No devices, and the result that says so."""
    return (cudaError_t.cudaErrorNoDevice, 0)


def cudaGetDeviceProperties(device):
    """There is no such device."""
    return (cudaError_t.cudaErrorNoDevice, cudaDeviceProp())


def cudaRuntimeGetVersion():
    """Version 0: no runtime."""
    return (cudaError_t.cudaSuccess, 0)


def cudaDeviceSynchronize():
    """Nothing to wait for."""
    return (cudaError_t.cudaSuccess,)
