"""An independent detector in NumPy and ONNX Runtime's own Python API, to compare boxes with.

usage: detect.py KIND MODEL FRAMES WIDTH HEIGHT CONFIDENCE IOU

KIND is boxes-scores, picodet or fastestdet (plain stretch), or yolox (letterbox, padding right and below, black). FRAMES is a
file of raw NV12 frames in BT.601 limited range. The models are given BGR in 0...255, but picodet (x - mean) / 57.63 and
fastestdet x / 255. Prints one JSON list per frame of objects
[class, confidence, left, top, right, bottom] in the frame's pixels.
"""

import json
import sys

import numpy as np
import onnxruntime


def resize(plane, height, width):
    """Bilinear, pixel centres at halves, edges repeated."""

    def axis(size, count):
        position = np.clip((np.arange(count) + 0.5) * size / count - 0.5, 0, size - 1)
        low = np.floor(position).astype(int)
        return low, np.minimum(low + 1, size - 1), position - low

    top, bottom, v = axis(plane.shape[0], height)
    left, right, h = axis(plane.shape[1], width)
    rows = plane[top] * (1 - v)[:, None] + plane[bottom] * v[:, None]
    return rows[:, left] * (1 - h) + rows[:, right] * h


def bgr(frame, width, height, to_width, to_height):
    """The frame, scaled plane by plane, then converted as ITU-R BT.601 defines."""
    luma = frame[: width * height].reshape(height, width).astype(float)
    chroma = frame[width * height :].reshape(height // 2, width // 2, 2).astype(float)
    y = (resize(luma, to_height, to_width) - 16) / 219
    cb = (resize(chroma[..., 0], to_height, to_width) - 128) / 224
    cr = (resize(chroma[..., 1], to_height, to_width) - 128) / 224
    red, blue = y + 1.402 * cr, y + 1.772 * cb
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    return np.clip(np.stack([blue, green, red]) * 255, 0, 255)


def yolox(output, height, width):
    boxes, start = [], 0
    for stride in (8, 16, 32):
        ys, xs = np.mgrid[: height // stride, : width // stride]
        cells = np.stack([xs.ravel(), ys.ravel()], axis=1)
        head = output[start : start + len(cells)]
        centre, size = (head[:, :2] + cells) * stride, np.exp(head[:, 2:4]) * stride
        boxes.append(np.concatenate([centre - size / 2, centre + size / 2], axis=1))
        start += len(cells)
    classes = output[:, 5:].argmax(axis=1)
    scores = np.zeros_like(output[:, 5:])
    rows = np.arange(len(output))
    scores[rows, classes] = output[rows, 4] * output[rows, 5 + classes]
    return np.concatenate(boxes), scores


def picodet(outputs, height, width):
    """Scores of each stride, then distributions of the distances to the edges over 0...7 strides."""
    boxes, half = [], len(outputs) // 2
    for stride, bins in zip((8, 16, 32, 64), outputs[half:]):
        ys, xs = np.mgrid[: -(-height // stride), : -(-width // stride)]
        points = (np.stack([xs.ravel(), ys.ravel()], axis=1) + 0.5) * stride
        weights = np.exp(bins.reshape(len(points), 4, 8).astype(float))
        edges = (weights * np.arange(8)).sum(axis=2) / weights.sum(axis=2) * stride
        boxes.append(np.concatenate([points - edges[:, :2], points + edges[:, 2:]], axis=1))
    return np.concatenate(boxes), np.concatenate(outputs[:half])


def fastestdet(output, height, width):
    """Objectness, x, y, w, h and classes of one grid."""
    rows, columns = output.shape[1:]
    cells = output.reshape(len(output), -1).T.astype(float)
    ys, xs = np.mgrid[:rows, :columns]
    x = (xs.ravel() + np.tanh(cells[:, 1])) / columns * width
    y = (ys.ravel() + np.tanh(cells[:, 2])) / rows * height
    w, h = width / (1 + np.exp(-cells[:, 3])), height / (1 + np.exp(-cells[:, 4]))
    scores = np.zeros_like(cells[:, 5:])
    lines, classes = np.arange(len(cells)), cells[:, 5:].argmax(axis=1)
    scores[lines, classes] = cells[:, 0] * cells[lines, 5 + classes]
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1), scores


def suppress(boxes, scores, threshold):
    order, kept = np.argsort(-scores, kind="stable"), []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(first)
        low = np.maximum(boxes[first, :2], boxes[rest, :2])
        high = np.minimum(boxes[first, 2:], boxes[rest, 2:])
        common = np.prod(np.clip(high - low, 0, None), axis=1)
        order = rest[common / (areas[first] + areas[rest] - common) <= threshold]
    return kept


def main():
    kind, model, frames = sys.argv[1:4]
    width, height = int(sys.argv[4]), int(sys.argv[5])
    confidence, iou = float(sys.argv[6]), float(sys.argv[7])
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    tensor = session.get_inputs()[0]
    net_height, net_width = tensor.shape[2:]
    for frame in np.fromfile(frames, dtype=np.uint8).reshape(-1, width * height * 3 // 2):
        to_width, to_height = net_width, net_height
        if kind == "yolox":
            if net_width * height // width <= net_height:
                to_height = net_width * height // width
            else:
                to_width = net_height * width // height
        data = np.zeros((1, 3, net_height, net_width), dtype=np.float32)
        data[0, :, :to_height, :to_width] = bgr(frame, width, height, to_width, to_height)
        if kind == "picodet":
            data = (data - np.array([103.53, 116.28, 123.675], dtype=np.float32)[:, None, None]) / np.float32(57.63)
        elif kind == "fastestdet":
            data = data / np.float32(255)
        outputs = {o.name: value[0] for o, value in zip(session.get_outputs(), session.run(None, {tensor.name: data}))}
        if kind == "yolox":
            boxes, scores = yolox(outputs["output"], net_height, net_width)
        elif kind == "picodet":
            boxes, scores = picodet(list(outputs.values()), net_height, net_width)
        elif kind == "fastestdet":
            boxes, scores = fastestdet(outputs["758"], net_height, net_width)
        else:
            boxes, scores = outputs["boxes"], outputs["scores"]
        boxes = np.clip(boxes, 0, [to_width, to_height] * 2)
        scale = np.array([width / to_width, height / to_height] * 2)
        found = []
        for class_id in range(scores.shape[1]):
            chosen = scores[:, class_id] >= confidence
            boxes_of, scores_of = boxes[chosen], scores[chosen, class_id]
            for i in suppress(boxes_of, scores_of, iou):
                found.append([class_id, float(scores_of[i]), *(boxes_of[i] * scale).tolist()])
        print(json.dumps(found))


main()
