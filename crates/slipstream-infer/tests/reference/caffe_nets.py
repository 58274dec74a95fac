"""Makes Caffe nets with random weights and has OpenCV run them.

    python caffe_nets.py FOLDER [NET...]

For each net, FOLDER/NET holds net.prototxt, net.caffemodel, input.f32, and net.json: the input's shape, the outputs' names,
and for each blob its shape and the file of its numbers. A blob that several layers write in place counts as the last one
leaves it. Needs NumPy and OpenCV 4 (5 reads no Caffe nets).
"""

import json
import struct
import sys
from pathlib import Path

import cv2
import numpy as np

rng = np.random.default_rng(10)


# --- Protocol buffers, as far as a .caffemodel needs them (https://protobuf.dev/programming-guides/encoding/) ---------------

def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def number(number, value):
    return varint(number << 3) + varint(value)


def blob(array, old):
    array = np.asarray(array, np.float32)
    data = field(5, array.tobytes())
    if old:
        four = (1,) * (4 - array.ndim) + array.shape
        return b"".join(number(i + 1, dim) for i, dim in enumerate(four)) + data
    return field(7, field(1, b"".join(map(varint, array.shape)))) + data


# --- Nets ---------------------------------------------------------------------------------------------------------------------

class Net:
    def __init__(self, name, shape, old=False):
        self.name, self.shape, self.old = name, shape, old
        self.layers, self.text, self.binary = [], [], b""
        self.shapes = {"data": shape}
        if old:
            self.text.append('input: "data"\n' + "".join(f"input_dim: {d}\n" for d in (10, *shape)))
        else:
            dims = " ".join(f"dim: {d}" for d in (1, *shape))
            self.text.append(f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }}')

    def layer(self, name, kind, bottoms, param="", weights=(), tops=None):
        bottoms = [bottoms] if isinstance(bottoms, str) else bottoms
        tops = [name] if tops is None else [tops] if isinstance(tops, str) else tops
        word, shown = ("layers", kind) if self.old else ("layer", f'"{kind}"')
        lines = [f'name: "{name}"', f"type: {shown}"]
        lines += [f'bottom: "{b}"' for b in bottoms] + [f'top: "{t}"' for t in tops] + [param]
        self.text.append(f"{word} {{\n  " + "\n  ".join(lines) + "\n}")
        self.layers.append((name, tops))
        if weights:
            at, blobs, outer = (4, 6, 2) if self.old else (1, 7, 100)
            message = field(at, name.encode()) + b"".join(field(blobs, blob(w, self.old)) for w in weights)
            self.binary += field(outer, message)
        return tops[0]

    # Weights keep the size of numbers about the same from layer to layer.
    def conv(self, name, bottom, cin, cout, k, param="", group=1, bias=True, kind="Convolution", tops=None, spread=1.0):
        shape = (cout, cin // group, k, k) if kind != "Deconvolution" else (cin, cout // group, k, k)
        weights = [spread * rng.normal(0, np.sqrt(2 / (cin // group * k * k)), shape)]
        if bias:
            weights.append(rng.normal(0, 0.2, cout))
        kind = kind.upper() if self.old else kind
        text = f"convolution_param {{ num_output: {cout} kernel_size: {k} group: {group} bias_term: {str(bias).lower()} {param} }}"
        return self.layer(name, kind, bottom, text, weights, tops)

    def batch_norm(self, name, bottom, channels, in_place=True):
        factor = 999.982
        stats = [rng.normal(0, 0.3, channels) * factor, rng.uniform(0.5, 2, channels) * factor, [factor]]
        top = bottom if in_place else f"{name}/norm"
        self.layer(f"{name}/bn", "BatchNorm", bottom, "batch_norm_param { eps: 0.001 }", stats, top)
        return self.scale(f"{name}/scale", top, channels, tops=top if in_place else None)

    def scale(self, name, bottom, channels, tops=None):
        weights = [rng.uniform(0.5, 1.5, channels), rng.normal(0, 0.3, channels)]
        return self.layer(name, "Scale", bottom, "scale_param { axis: 1 bias_term: true }", weights, tops)

    def relu(self, name, bottom, tops=None, param=""):
        return self.layer(name, "RELU" if self.old else "ReLU", bottom, param, (), tops)


def resnet10():
    """The layout of DeepStream's sample detector: every convolution is followed by a scale, blocks end in a sum."""
    net = Net("resnet10", (3, 368, 640))
    last = net.conv("conv1", "data", 3, 32, 7, "stride: 2 pad: 3")
    last = net.relu("activation_1/Relu", net.scale("bn_conv1", last, 32))
    channels = 32
    for block, (middle, out, stride) in {"1": (64, 64, 2), "2": (128, 128, 2), "3": (232, 200, 2), "4": (152, 176, 1)}.items():
        name = f"block_{block}a"
        a = net.conv(f"{name}_conv_1", last, channels, middle, 3, f"stride: {stride} pad: 1")
        a = net.relu(f"{name}_relu_1", net.scale(f"{name}_bn_1", a, middle))
        b = net.conv(f"{name}_conv_2", a, middle, out, 3, "stride: 1 pad: 1", spread=0.7)
        b = net.scale(f"{name}_bn_2", b, out)
        c = net.conv(f"{name}_conv_shortcut", last, channels, out, 1, f"stride: {stride} pad: 0", spread=0.7)
        c = net.scale(f"{name}_bn_shortcut", c, out)
        last = net.layer(f"add_{block}", "Eltwise", [b, c], "eltwise_param { operation: SUM }")
        last = net.relu(f"{name}_relu", last)
        channels = out
    net.conv("conv2d_bbox", last, channels, 16, 1, "stride: 1 pad: 0")
    cov = net.conv("conv2d_cov", last, channels, 4, 1, "stride: 1 pad: 0")
    net.layer("conv2d_cov/Sigmoid", "Sigmoid", cov)
    return net


def mobilenet_ssd():
    """MobileNet-SSD (Howard et al., Liu et al.) at a quarter of its channels."""
    net = Net("mobilenet_ssd", (3, 300, 300))
    quarter = lambda c: c // 4

    def step(name, bottom, cin, cout, k, param, group=1):
        last = net.conv(name, bottom, cin, cout, k, param, group=group, bias=False)
        net.batch_norm(name, last, cout)
        return net.relu(f"{name}/relu", last, tops=last)

    last, channels = step("conv0", "data", 3, quarter(32), 3, "stride: 2 pad: 1"), quarter(32)
    sources = {}
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for number_, (out, stride) in enumerate(plan, 1):
        out = quarter(out)
        last = step(f"conv{number_}/dw", last, channels, channels, 3, f"stride: {stride} pad: 1", group=channels)
        last = step(f"conv{number_}", last, channels, out, 1, "")
        channels = out
        if number_ in (11, 13):
            sources[last] = channels
    for number_, (middle, out) in enumerate([(256, 512), (128, 256), (128, 256), (64, 128)], 14):
        last = step(f"conv{number_}_1", last, channels, quarter(middle), 1, "")
        last = step(f"conv{number_}_2", last, quarter(middle), quarter(out), 3, "stride: 2 pad: 1")
        channels = quarter(out)
        sources[last] = channels
    classes, sizes = 21, [(60, None), (105, 150), (150, 195), (195, 240), (240, 285), (285, 300)]
    parts = {"loc": [], "conf": [], "priorbox": []}
    for (source, channels), (least, greatest) in zip(sources.items(), sizes):
        boxes = 3 if greatest is None else 6
        name = f"{source}_mbox"
        for part, each, spread in (("loc", 4, 0.5), ("conf", classes, 2.0)):
            head = net.conv(f"{name}_{part}", source, channels, boxes * each, 1, spread=spread)
            head = net.layer(f"{head}_perm", "Permute", head, "permute_param { order: 0 order: 2 order: 3 order: 1 }")
            parts[part].append(net.layer(f"{name}_{part}_flat", "Flatten", head, "flatten_param { axis: 1 }"))
        ratios = "aspect_ratio: 2" if boxes == 3 else "aspect_ratio: 2 aspect_ratio: 3"
        extent = f"min_size: {least}" + (f" max_size: {greatest}" if greatest else "")
        variance = "variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2"
        text = f"prior_box_param {{ {extent} {ratios} flip: true clip: false {variance} offset: 0.5 }}"
        parts["priorbox"].append(net.layer(f"{name}_priorbox", "PriorBox", [source, "data"], text))
    for part, axis in (("loc", 1), ("conf", 1), ("priorbox", 2)):
        net.layer(f"mbox_{part}", "Concat", parts[part], f"concat_param {{ axis: {axis} }}")
    last = net.layer("mbox_conf_reshape", "Reshape", "mbox_conf", f"reshape_param {{ shape {{ dim: 0 dim: -1 dim: {classes} }} }}")
    last = net.layer("mbox_conf_softmax", "Softmax", last, "softmax_param { axis: 2 }")
    last = net.layer("mbox_conf_flatten", "Flatten", last, "flatten_param { axis: 1 }")
    text = (f"detection_output_param {{ num_classes: {classes} share_location: true background_label_id: 0 nms_param {{ "
            "nms_threshold: 0.45 top_k: 100 } code_type: CENTER_SIZE keep_top_k: 100 confidence_threshold: 0.25 }")
    net.layer("detection_out", "DetectionOutput", ["mbox_loc", last, "mbox_priorbox"], text)
    return net


def pooling():
    """Windows that do and do not fit, with and without padding."""
    net = Net("pooling", (3, 13, 18))
    for method in ("MAX", "AVE"):
        for kernel, stride, pad in [(2, 2, 0), (3, 2, 0), (3, 2, 1), (3, 3, 1), (5, 3, 2), (3, 1, 1), (2, 1, 1), (4, 4, 1)]:
            text = f"pooling_param {{ pool: {method} kernel_size: {kernel} stride: {stride} pad: {pad} }}"
            net.layer(f"{method}_{kernel}_{stride}_{pad}", "Pooling", "data", text)
        net.layer(f"{method}_sides", "Pooling", "data",
                  f"pooling_param {{ pool: {method} kernel_h: 2 kernel_w: 5 stride_h: 3 stride_w: 4 pad_h: 1 pad_w: 2 }}"
                  if method == "MAX" else f"pooling_param {{ pool: {method} kernel_h: 3 kernel_w: 5 stride_h: 3 stride_w: 4 }}")
        net.layer(f"{method}_all", "Pooling", "data", f"pooling_param {{ pool: {method} global_pooling: true }}")
    return net


def numbers():
    """Layers that change each number, and norms."""
    net = Net("numbers", (3, 9, 12))
    last = net.conv("conv", "data", 3, 8, 3, "pad: 1")
    net.relu("leaky", last, param="relu_param { negative_slope: 0.1 }")
    net.layer("prelu", "PReLU", last, "", [rng.uniform(-0.5, 0.5, 8)])
    net.layer("prelu_shared", "PReLU", last, "prelu_param { channel_shared: true }", [[0.3]])
    for kind in ("TanH", "Sigmoid", "AbsVal", "BNLL"):
        net.layer(kind.lower(), kind, last)
    net.layer("elu", "ELU", last, "elu_param { alpha: 0.7 }")
    net.layer("power", "Power", "absval", "power_param { power: 1.5 scale: 0.5 shift: 0.25 }")
    net.layer("square", "Power", last, "power_param { power: 2 scale: -1.5 shift: 1 }")
    net.layer("linear", "Power", last, "power_param { scale: 2 shift: -1 }")
    net.layer("exp", "Exp", "tanh", "exp_param { base: 2 scale: 0.5 shift: 0.1 }")
    net.layer("lrn", "LRN", last, "lrn_param { local_size: 5 alpha: 0.5 beta: 0.75 }")
    net.layer("lrn_within", "LRN", last, "lrn_param { local_size: 3 alpha: 0.5 beta: 0.75 norm_region: WITHIN_CHANNEL }")
    net.layer("norm", "Normalize", last, "norm_param { across_spatial: false channel_shared: false }", [rng.uniform(5, 20, 8)])
    net.layer("norm_all", "Normalize", last, "norm_param { across_spatial: true channel_shared: true }", [[20.0]])
    net.batch_norm("batch", last, 8, in_place=False)
    net.layer("softmax", "Softmax", last)
    net.layer("softmax_last", "Softmax", last, "softmax_param { axis: -1 }")
    net.layer("dropout", "Dropout", last, "dropout_param { dropout_ratio: 0.4 }")
    net.layer("scaled", "Scale", last, "scale_param { bias_term: false }", [rng.uniform(0.5, 1.5, 8)])
    return net


def shapes():
    """Layers that join, cut and reorder."""
    net = Net("shapes", (3, 10, 14))
    a = net.conv("a", "data", 3, 6, 3, "pad: 1")
    b = net.conv("b", "data", 3, 6, 3, "pad: 2 dilation: 2")
    net.layer("sum", "Eltwise", [a, b], "eltwise_param { operation: SUM coeff: 0.5 coeff: -2 }")
    net.layer("three", "Eltwise", [a, b, "sum"], "eltwise_param { operation: SUM }")
    net.layer("product", "Eltwise", [a, b], "eltwise_param { operation: PROD }")
    net.layer("greatest", "Eltwise", [a, b, "sum"], "eltwise_param { operation: MAX }")
    net.layer("joined", "Concat", [a, b])
    net.layer("cut", "Slice", "joined", "slice_param { axis: 1 slice_point: 2 slice_point: 7 }", (), ["cut_1", "cut_2", "cut_3"])
    net.layer("even", "Slice", "joined", "slice_param { axis: 3 slice_point: 7 }", (), ["even_1", "even_2"])
    net.layer("copies", "Split", a, "", (), ["copy_1", "copy_2"])
    net.layer("both", "Concat", ["copy_1", "sum"], "concat_param { axis: 2 }")
    net.layer("grouped", "Convolution", "joined", "convolution_param { num_output: 8 kernel_h: 3 kernel_w: 1 group: 4 stride_h: 2 stride_w: 1 }",
              [rng.normal(0, 0.5, (8, 3, 3, 1)), rng.normal(0, 0.2, 8)])
    net.conv("up", a, 6, 6, 4, "stride: 2 pad: 1", group=6, kind="Deconvolution", bias=False)
    net.conv("up_mixed", a, 6, 4, 3, "stride: 2", kind="Deconvolution")
    net.layer("crop", "Crop", ["up", "sum"], "crop_param { axis: 2 offset: 3 offset: 5 }")
    net.layer("turned", "Permute", a, "permute_param { order: 0 order: 2 order: 3 order: 1 }")
    net.layer("flat", "Flatten", "turned")
    net.layer("rows", "Flatten", "turned", "flatten_param { axis: 1 end_axis: 2 }")
    net.layer("shaped", "Reshape", a, "reshape_param { shape { dim: 0 dim: 3 dim: -1 dim: 7 } }")
    net.layer("dense", "InnerProduct", "joined", "inner_product_param { num_output: 11 }",
              [rng.normal(0, 0.05, (11, 12 * 10 * 14)), rng.normal(0, 1, 11)])
    net.layer("dense_2", "InnerProduct", "dense", "inner_product_param { num_output: 5 bias_term: false }", [rng.normal(0, 0.5, (5, 11))])
    return net


def old():
    """Layers as they were written before 2014: V1 text and weights, numbered types, the net's own input."""
    net = Net("old", (3, 33, 41), old=True)
    last = net.conv("conv1", "data", 3, 8, 5, "stride: 2")
    last = net.relu("relu1", last, tops=last)
    last = net.layer("pool1", "POOLING", last, "pooling_param { pool: MAX kernel_size: 3 stride: 2 }")
    last = net.layer("norm1", "LRN", last, "lrn_param { local_size: 3 alpha: 5e-05 beta: 0.75 }")
    last = net.conv("conv2", last, 8, 10, 3, "pad: 1", group=2)
    last = net.relu("relu2", last, tops=last)
    last = net.layer("fc", "INNER_PRODUCT", last, "inner_product_param { num_output: 7 }  blobs_lr: 1 weight_decay: 0",
                     [rng.normal(0, 0.05, (7, 10 * 7 * 9)), rng.normal(0, 1, 7)])
    last = net.layer("drop", "DROPOUT", last, "dropout_param { dropout_ratio: 0.5 }", (), last)
    net.layer("prob", "SOFTMAX", last)
    return net


NETS = [resnet10, mobilenet_ssd, pooling, numbers, shapes, old]


def write(net, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.prototxt").write_text(f'name: "{net.name}" # random\n' + "\n".join(net.text) + "\n")
    (folder / "net.caffemodel").write_bytes(field(1, net.name.encode()) + net.binary)
    picture = rng.uniform(0, 1, (1, *net.shape)).astype(np.float32)
    picture.tofile(folder / "input.f32")
    run = cv2.dnn.readNetFromCaffe(str(folder / "net.prototxt"), str(folder / "net.caffemodel"))
    run.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    run.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
    run.enableFusion(False)
    run.enableWinograd(False)
    run.setInput(picture, "data")
    last = {top: (name, index) for name, tops in net.layers for index, top in enumerate(tops)}
    blobs = {}
    results = run.forwardAndRetrieve([name for name, _ in last.values()])
    for number_, ((blob_name, (_, index)), arrays) in enumerate(zip(last.items(), results)):
        # OpenCV has one output where all are the same.
        array = np.ascontiguousarray(arrays[min(index, len(arrays) - 1)], np.float32)
        array.tofile(folder / f"{number_}.f32")
        blobs[blob_name] = {"shape": list(array.shape), "file": f"{number_}.f32"}
    used = {line.split('"')[1] for text in net.text for line in text.splitlines() if line.strip().startswith("bottom")}
    outputs = [name for name in blobs if name not in used or name == "detection_out"]
    (folder / "net.json").write_text(json.dumps({"input": list(net.shape), "outputs": outputs, "blobs": blobs}))


if __name__ == "__main__":
    wanted = sys.argv[2:]
    for make in NETS:
        if not wanted or make.__name__ in wanted:
            write(make(), Path(sys.argv[1]) / make.__name__)
