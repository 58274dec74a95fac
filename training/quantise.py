"""INT8 copy of an ONNX file of export.py: static QDQ, u8 activations, s8 weights per output channel.

Weights use 7 of their 8 bits: AVX2 without VNNI adds pairs of u8 x s8 products in 16 bits, and 2 * 255 * 63 stays below 32768 where
2 * 255 * 127 does not. The first convolution, the last 1x1
convolutions and the decoding stay fp32.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from tqdm import tqdm

from detector.pictures import letterbox, pack_pictures

QUANTISED_OPS = ["Conv", "Concat", "MaxPool", "Resize", "Split", "Relu"]
METHODS = {"minmax": CalibrationMethod.MinMax, "percentile": CalibrationMethod.Percentile, "entropy": CalibrationMethod.Entropy}
PERCENTILE = 99.999


class Pictures(CalibrationDataReader):
    def __init__(self, arrays):
        self.it = iter(tqdm(arrays, desc="calibrate"))

    def get_next(self):
        x = next(self.it, None)
        return None if x is None else {"images": x}


def tail(model):
    """Names of the nodes that stay fp32: the last 1x1 convolutions (cheap, and 8 bits are too coarse for distances) and the decoding."""
    graph = model.graph
    maker = {o: n for n in graph.node for o in n.output}
    found, todo = set(), [o.name for o in graph.output]
    while todo:
        node = maker.get(todo.pop())
        if node is None or node.name in found:
            continue
        found.add(node.name)
        if node.op_type != "Conv":
            todo.extend(node.input)
    return sorted(found)


def first(model):
    """Names of the first convolution and its ReLU: with three input channels it is faster in fp32."""
    conv = next(n for n in model.graph.node if n.op_type == "Conv" and n.input[0] == model.graph.input[0].name)
    return [conv.name, *(n.name for n in model.graph.node if n.op_type == "Relu" and n.input[0] == conv.output[0])]


def quantise(source, target, arrays, method="minmax"):
    ready = Path(str(target) + ".pre")
    quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
    graph = onnx.load(str(ready))
    options = {"ActivationSymmetric": False, "WeightSymmetric": True}
    if method == "percentile":
        options |= {"CalibPercentile": PERCENTILE}
    if method == "minmax":
        options |= {"CalibMovingAverage": True, "CalibMovingAverageConstant": 0.05}
    quantize_static(
        str(ready), str(target), Pictures(arrays), quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8, per_channel=True, reduce_range=True, op_types_to_quantize=QUANTISED_OPS,
        nodes_to_exclude=tail(graph) + first(graph), calibrate_method=METHODS[method], extra_options=options,
    )
    ready.unlink()
    model = onnx.load(str(target))
    model.ir_version = 8
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(target))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("model", type=Path)
    p.add_argument("--out", required=True, type=Path)
    p.add_argument("--pack", required=True, type=Path, help="folder of prepare.py: calibration pictures are drawn from it")
    p.add_argument("--size", required=True, help="HEIGHTxWIDTH")
    p.add_argument("--count", type=int, default=400)
    p.add_argument("--method", choices=METHODS, default="minmax")
    a = p.parse_args()
    h, w = map(int, a.size.split("x"))
    pictures = pack_pictures(a.pack, a.count, np.random.default_rng(0))
    quantise(a.model, a.out, (letterbox(x, h, w)[0] for x in pictures), a.method)
    print(f"{a.out}: {a.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
