"""Makes models in ../data whose answers can be told by hand: a classifier, also in 16-bit numbers, a segmentation network, two
that give boxes with masks, and two that are told by a second input in which pixels to give their boxes.

Inputs are RGB in 0...1. Cells are 16 x 16 pixels of a picture of 48 x 32; blocks are 4 x 4 pixels.
Run it with the packages onnx and numpy: python tiny_networks.py
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DATA = Path(__file__).parent.parent / "data"
CELL, BLOCK, COLUMNS, ROWS = 16, 4, 3, 2
WIDTH, HEIGHT = COLUMNS * CELL, ROWS * CELL
CELLS = COLUMNS * ROWS
BLOCKS = CELL // BLOCK


def constant(name, value, dtype=np.float32):
    return numpy_helper.from_array(np.array(value, dtype=dtype), name)


def save(name, input_shape, nodes, outputs, constants, element=TensorProto.FLOAT, others=()):
    """`others` are (name, type of element) of further inputs [batch, 2]."""
    value = lambda name, shape, element=element: helper.make_tensor_value_info(name, element, shape)
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], **attrs) for kind, inputs, output, attrs in nodes],
        name,
        [value("images", input_shape), *(value(other, [input_shape[0], 2], kind) for other, kind in others)],
        [value(*output) for output in outputs],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, str(DATA / f"{name}.onnx"))


# Two attributes: the share of each channel in the mean colour, and how dark and bright it is.
for name, batch, element, number in [
    ("colors", "batch", TensorProto.FLOAT, np.float32),
    ("colors_batch4", 4, TensorProto.FLOAT, np.float32),
    ("colors_half", "batch", TensorProto.FLOAT16, np.float16),
]:
    save(
        name,
        [batch, 3, 8, 8],
        [
            ("ReduceMean", ["images"], "mean", {"axes": [2, 3], "keepdims": 0}),
            ("ReduceSum", ["mean", "axis"], "sum", {"keepdims": 1}),
            ("Max", ["sum", "least"], "divisor", {}),
            ("Div", ["mean", "divisor"], "color", {}),
            ("Div", ["sum", "three"], "bright", {}),
            ("Sub", ["one", "bright"], "dark", {}),
            ("Concat", ["dark", "bright"], "brightness", {"axis": 1}),
        ],
        [("color", [batch, 3]), ("brightness", [batch, 2])],
        [
            constant("axis", [1], np.int64),
            constant("least", 1e-6, number),
            constant("three", 3.0, number),
            constant("one", 1.0, number),
        ],
        element,
    )

pool = ("AveragePool", ["images"], "pooled", {"kernel_shape": [BLOCK, BLOCK], "strides": [BLOCK, BLOCK]})
blocks = [HEIGHT // BLOCK, WIDTH // BLOCK]

# The class of a block is its strongest channel.
save("segments", ["batch", 3, HEIGHT, WIDTH], [pool], [("pooled", ["batch", 3, *blocks])], [])

# Cells are boxes as probable as they are bright. The mask of a cell is the brightness of its blocks.
edges = [
    (row / ROWS, column / COLUMNS, (row + 1) / ROWS, (column + 1) / COLUMNS)
    for row in range(ROWS)
    for column in range(COLUMNS)
]
gray = [pool, ("ReduceMean", ["pooled"], "gray", {"axes": [1], "keepdims": 1})]
coverage = [
    ("AveragePool", ["images"], "cells", {"kernel_shape": [CELL, CELL], "strides": [CELL, CELL]}),
    ("ReduceMean", ["cells"], "coverage", {"axes": [1], "keepdims": 1}),
    ("Reshape", ["coverage", "rows"], "confidence", {}),
]
save(
    "masks",
    [1, 3, HEIGHT, WIDTH],
    [
        *coverage,
        ("Concat", ["corners", "confidence"], "detections", {"axis": 2}),
        *gray,
        ("Reshape", ["gray", "split"], "parts", {}),
        ("Transpose", ["parts"], "sorted", {"perm": [0, 2, 1, 3]}),
        ("Reshape", ["sorted", "each"], "masks", {}),
    ],
    [("detections", [1, CELLS, 6]), ("masks", [1, CELLS, 1, BLOCKS, BLOCKS])],
    [
        constant("rows", [1, CELLS, 1], np.int64),
        constant("corners", [[[*edge, 0] for edge in edges]]),
        constant("split", [ROWS, BLOCKS, COLUMNS, BLOCKS], np.int64),
        constant("each", [1, CELLS, 1, BLOCKS, BLOCKS], np.int64),
    ],
)

# The same from two prototypes: the brightness of each block as a logit, and one that is not mixed in.
save(
    "prototypes",
    [1, 3, HEIGHT, WIDTH],
    [
        *coverage,
        ("Mul", ["confidence", "one"], "scores", {}),
        ("Mul", ["confidence", "none"], "nothing", {}),
        ("Add", ["nothing", "corners"], "boxes", {}),
        ("Add", ["nothing", "weights"], "coefficients", {}),
        *gray,
        ("Sub", ["gray", "half"], "signed", {}),
        ("Mul", ["signed", "steep"], "logits", {}),
        ("Concat", ["logits", "gray"], "prototypes", {"axis": 1}),
    ],
    [
        ("scores", [1, CELLS, 1]),
        ("boxes", [1, CELLS, 4]),
        ("coefficients", [1, CELLS, 2]),
        ("prototypes", [1, 2, *blocks]),
    ],
    [
        constant("rows", [1, CELLS, 1], np.int64),
        constant("one", 1.0),
        constant("none", 0.0),
        constant("corners", [[[l * WIDTH, t * HEIGHT, r * WIDTH, b * HEIGHT] for t, l, b, r in edges]]),
        constant("weights", [[[1, 0]] * CELLS]),
        constant("half", 0.5),
        constant("steep", 20.0),
    ],
)

# The same cells as boxes, in the pixels that a further input asks for: once as RT-DETR has it, once as PaddleDetection does.
confidence = [*coverage, ("Squeeze", ["confidence", "last"], "scores", {})]
labels = [("Mul", ["scores", "none"], "zeros", {}), ("Cast", ["zeros"], "labels", {"to": TensorProto.INT64})]
results = [("labels", ["batch", CELLS], TensorProto.INT64), ("boxes", ["batch", CELLS, 4]), ("scores", ["batch", CELLS])]
corners = constant("corners", [[[l, t, r, b] for t, l, b, r in edges]])
common = [
    constant("rows", [-1, CELLS, 1], np.int64),
    constant("last", [2], np.int64),
    constant("one_row", [-1, 1, 4], np.int64),
    constant("none", 0.0),
    corners,
]
scaled = [("Reshape", ["four", "one_row"], "side", {}), ("Mul", ["corners", "side"], "boxes", {})]
save(
    "target_sizes",
    ["batch", 3, HEIGHT, WIDTH],
    [
        *confidence,
        *labels,
        ("Cast", ["orig_target_sizes"], "size", {"to": TensorProto.FLOAT}),
        ("Concat", ["size", "size"], "four", {"axis": 1}),
        *scaled,
    ],
    results,
    common,
    others=[("orig_target_sizes", TensorProto.INT64)],
)
save(
    "scale_factor",
    ["batch", 3, HEIGHT, WIDTH],
    [
        *confidence,
        *labels,
        ("Div", ["im_shape", "scale_factor"], "shape", {}),
        ("Gather", ["shape", "turned"], "size", {"axis": 1}),
        ("Concat", ["size", "size"], "four", {"axis": 1}),
        *scaled,
    ],
    results,
    [*common, constant("turned", [1, 0], np.int64)],
    others=[("im_shape", TensorProto.FLOAT), ("scale_factor", TensorProto.FLOAT)],
)
save(
    "unknown_input",
    ["batch", 3, HEIGHT, WIDTH],
    [
        *confidence,
        ("ReduceMax", ["temperature"], "warmest", {"axes": [1]}),
        ("Mul", ["scores", "warmest"], "warm", {}),
    ],
    [("warm", ["batch", CELLS])],
    [constant("rows", [-1, CELLS, 1], np.int64), constant("last", [2], np.int64)],
    others=[("temperature", TensorProto.FLOAT)],
)
