"""CUDA's driver interface on a machine without devices: functions return tuples that begin with the result."""

import enum


class CUresult(enum.IntEnum):
    """Results of the driver interface (those that can occur here)."""

    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1
    CUDA_ERROR_NO_DEVICE = 100
    CUDA_ERROR_INVALID_DEVICE = 101


def cuInit(Flags):
    """Success: there is nothing that could fail."""
    return (CUresult.CUDA_SUCCESS if Flags == 0 else CUresult.CUDA_ERROR_INVALID_VALUE,)


def cuDriverGetVersion():
    """Version 0: no driver."""
    return (CUresult.CUDA_SUCCESS, 0)


def cuDeviceGetCount():
    """No devices."""
    return (CUresult.CUDA_SUCCESS, 0)


def cuDeviceGet(ordinal):
    """There is no such device."""
    return (CUresult.CUDA_ERROR_INVALID_DEVICE, None)
