"""Pictures per second of one core, ours beside YOLOX-nano quantised the same way, with all kernels of the CPU and with AVX2 alone.

For AVX2 alone a copy of ONNX Runtime is made that cannot see the newer instructions (hide_avx512.c). Needs gcc and objdump (binutils), x86-64.
"""

import argparse
import configparser
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, RUNS = 25, 3
QUANTILE = 25  # of the rounds' times: other programs only ever slow a round down
YOLOX = "YOLOX-nano 416 INT8"
CPUID, TRAP = b"\x0f\xa2", b"\xcc\x90"  # CPUID; INT3, NOP


def ours(folder):
    for ini in sorted(folder.glob("*.ini")):
        config = configparser.ConfigParser(inline_comment_prefixes=("#", ";;"))
        config.read(ini)
        p = config["property"]
        yield ini.stem, ini.parent / p["onnx-file"], tuple(map(int, p["infer-dims"].split(";")))


def quantised_yolox(models, images, out):
    """YOLOX-nano by the quantiser of quantise.py: QDQ, u8 activations, s8 weights of 7 bits per channel; every layer."""
    import cv2
    import onnx
    from onnx import version_converter
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from detector.detectors import Yolox

    source = models / "yolox_nano_416.onnx"
    detector = Yolox(source)

    class Pictures(CalibrationDataReader):
        def __init__(self):
            self.paths = iter(sorted(images.glob("*/images/*.webp"))[::400])

        def get_next(self):
            path = next(self.paths, None)
            return None if path is None else {detector.input: detector.prepare(cv2.imread(str(path)))[0]}

    ready = str(out) + ".pre"
    quant_pre_process(str(source), ready, skip_symbolic_shape=True)
    onnx.save(version_converter.convert_version(onnx.load(ready), 17), ready)
    quantize_static(
        ready, str(out), Pictures(), quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        per_channel=True, reduce_range=True, extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
    )
    os.remove(ready)


def measure(yolox, folder):
    runs = {}
    models = [*ours(folder), (YOLOX, yolox, (3, 416, 416))]
    for name, path, shape in models:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        x = np.random.default_rng(0).random((1, *shape), np.float32) * (255 if name == YOLOX else 1)
        runs[f"{name} {shape[2]}x{shape[1]}" if name != YOLOX else name] = (session, {session.get_inputs()[0].name: x})
    times = {k: [] for k in runs}
    for _ in range(ROUNDS):
        for k, (session, x) in runs.items():
            session.run(None, x)
            start = time.process_time()
            for _ in range(RUNS):
                session.run(None, x)
            times[k].append((time.process_time() - start) / RUNS)
    rates = {k: 1 / np.percentile(v, QUANTILE) for k, v in times.items()}
    for k, v in rates.items():
        print(f"| {k} | {v:.0f} | {v / rates[YOLOX]:.2f} |")


def blind_copy(folder):
    """A copy of the onnxruntime package that asks our trap instead of the CPU; the environment to run with."""
    shutil.copytree(Path(ort.__file__).parent, folder / "onnxruntime", dirs_exist_ok=True)
    library = next((folder / "onnxruntime" / "capi").glob("onnxruntime_pybind11_state*.so"))
    sections = subprocess.run(["objdump", "-h", library], check=True, capture_output=True, text=True).stdout.split()
    at = sections.index(".text")
    shift = int(sections[at + 2], 16) - int(sections[at + 4], 16)  # address minus place in the file
    code = bytearray(library.read_bytes())
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-j", ".text", library], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        if line.endswith("\tcpuid"):
            place = int(line.split(":")[0], 16) - shift
            assert code[place : place + 2] == CPUID
            code[place : place + 2] = TRAP
    library.write_bytes(code)
    trap = folder / "hide_avx512.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", trap, Path(__file__).parent / "hide_avx512.c"], check=True)
    return {**os.environ, "LD_PRELOAD": str(trap), "PYTHONPATH": str(folder)}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--assets", type=Path, required=True)
    p.add_argument("--images", type=Path, required=True, help="picture sets, to calibrate YOLOX-nano with")
    p.add_argument("--models", type=Path, default=ROOT / "models")
    p.add_argument("--work", type=Path, required=True)
    p.add_argument("--measure", type=Path, help=argparse.SUPPRESS)  # what the runs inside call
    a = p.parse_args()
    if a.measure:
        measure(a.measure, a.models)
        return
    a.work.mkdir(parents=True, exist_ok=True)
    yolox = a.work / "yolox-nano-int8.onnx"
    if not yolox.exists():
        quantised_yolox(a.assets / "models", a.images, yolox)
    command = [sys.executable, __file__, *sys.argv[1:], "--measure", str(yolox)]
    for title, environment in (("all kernels", dict(os.environ)), ("AVX2 alone", blind_copy(a.work / "blind"))):
        print(f"\n| {title} | pictures/s per core | x {YOLOX} |\n|---|---|---|", flush=True)
        subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    main()
