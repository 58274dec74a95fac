"""Makes the models in ../data: detectors for pictures of 48 x 32 pixels whose boxes can be told by hand.

Coverage of a cell of 16 x 16 pixels is the mean of its pixels, averaged over the channels; the box of a cell is the cell.
Run it with the packages onnx and numpy: python tiny_models.py
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DATA = Path(__file__).parent.parent / "data"
CELL, COLUMNS, ROWS = 16, 3, 2
NORM = 35.0


def constant(name, value):
    return numpy_helper.from_array(np.array(value, dtype=np.float32), name)


def model(batch, height, width):
    # x1 = centre - o1 * 35 and x2 = centre + o3 * 35 with centre = 16 * column + 0.5
    corners = np.zeros((1, 4, ROWS, COLUMNS), dtype=np.float32)
    corners[:, :2] = 0.5 / NORM
    corners[:, 2:] = (CELL - 0.5) / NORM
    nodes = [
        helper.make_node("AveragePool", ["images"], ["cells"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("ReduceMean", ["cells"], ["coverage"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["coverage", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "corners"], ["bbox"]),
    ]
    graph = helper.make_graph(
        nodes,
        "cells",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, height, width])],
        [
            helper.make_tensor_value_info("coverage", TensorProto.FLOAT, [batch, 1, ROWS, COLUMNS]),
            helper.make_tensor_value_info("bbox", TensorProto.FLOAT, [batch, 4, ROWS, COLUMNS]),
        ],
        [constant("zero", 0.0), constant("corners", corners)],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    return made


for name, shape in {
    "tiny": ("batch", ROWS * CELL, COLUMNS * CELL),
    "tiny_batch2": (2, ROWS * CELL, COLUMNS * CELL),
    "tiny_free": ("batch", "height", "width"),
}.items():
    onnx.save(model(*shape), str(DATA / f"{name}.onnx"))
