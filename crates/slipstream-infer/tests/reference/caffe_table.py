"""Measures the ranges of a model's values on pictures, and writes them as a calibration table of TensorRT.

    python caffe_table.py MODEL.onnx INPUTS.f32 TABLE HEIGHT WIDTH

INPUTS holds input tensors of three channels of that size, one after the other. The table gets each value's greatest absolute value.
"""

import struct
import sys

import numpy as np
import onnxruntime


def fields(data):
    """The fields of a protobuf message: number, and bytes where it has some."""
    at = 0

    def varint():
        nonlocal at
        number = shift = 0
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(data):
        key = varint()
        if key & 7 == 2:
            length = varint()
            at += length
            yield key >> 3, data[at - length:at]
        elif key & 7 == 0:
            varint()
        else:
            at += 8 if key & 7 == 1 else 4


def message(number, payload):
    length, out = len(payload), bytearray([number << 3 | 2])
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    return bytes(out + bytes([length])) + payload


model, inputs, table, height, width = sys.argv[1:]
data = open(model, "rb").read()
graph = next(payload for number, payload in fields(data) if number == 7)
nodes = [payload for number, payload in fields(graph) if number == 1]
names = [output for node in nodes for number, output in fields(node) if number == 2 and output]
known = [next(name for number, name in fields(payload) if number == 1) for number, payload in fields(graph) if number == 12]
# A message that is there twice is merged: this adds outputs to the graph. Those of other types than numbers are left out.
more = [name for name in names if name not in known]
extended = data + message(7, b"".join(message(12, message(1, name)) for name in more))
options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(extended, options, providers=["CPUExecutionProvider"])
source = session.get_inputs()[0]
pictures = np.fromfile(inputs, np.float32).reshape(-1, 1, 3, int(height), int(width))
outputs = [output.name for output in session.get_outputs() if output.type == "tensor(float)"]
greatest = dict.fromkeys([source.name, *outputs], 0.0)
for picture in pictures:
    values = [picture, *session.run(outputs, {source.name: picture})]
    for name, value in zip(greatest, values):
        if value.size:
            greatest[name] = max(greatest[name], float(np.abs(value).max()))
with open(table, "w") as file:
    file.write("TRT-8601-MinMaxCalibration\n")
    for name, value in greatest.items():
        file.write(f"{name}: {struct.pack('>f', value / 127).hex()}\n")
