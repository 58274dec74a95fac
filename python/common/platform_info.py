"""What kind of machine this is."""

import platform
import threading

from cuda import cuda, cudart


class PlatformInfo:
    """What programs for DeepStream ask about the machine. Answers are looked up once."""

    def __init__(self):
        self._lock = threading.Lock()
        self._wsl = None
        self._integrated_gpu = None

    def is_wsl(self):
        """Whether this is Linux inside of Windows."""
        with self._lock:
            if self._wsl is None:
                try:
                    with open("/proc/version", encoding="utf-8") as version:
                        self._wsl = "microsoft" in version.readline().lower()
                except OSError as error:
                    print(f"ERROR: Opening /proc/version failed: {error}")
                    return False
            return self._wsl

    def is_integrated_gpu(self):
        """Whether the first CUDA device is part of the main chip, as on a Jetson; false where there is none."""
        with self._lock:
            if self._integrated_gpu is None:
                try:
                    self._integrated_gpu = _first_device_is_integrated()
                except LookupError as error:
                    print(f"ERROR: {error.args[0]}")
                    return False
                print("Is it Integrated GPU? :", self._integrated_gpu)
            return self._integrated_gpu

    def is_platform_aarch64(self):
        """Whether this is a 64-bit ARM machine."""
        return platform.machine() == "aarch64"


def _first_device_is_integrated():
    (result,) = cuda.cuInit(0)
    _expect_success(result, "Cuda init")
    result, devices = cuda.cuDeviceGetCount()
    _expect_success(result, "Getting cuda device count")
    if devices == 0:
        raise LookupError("No cuda devices found to check whether iGPU/dGPU")
    result, properties = cudart.cudaGetDeviceProperties(0)
    _expect_success(result, "Getting cuda device property")
    return properties.integrated


def _expect_success(result, what):
    if int(result) != 0:
        raise LookupError(f"{what} failed: {result}")
