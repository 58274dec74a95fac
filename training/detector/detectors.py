"""Detectors under one call, `detect(bgr) -> [class, score, x1, y1, x2, y2]` in picture pixels: ours and the ones we compare with.

The others speak COCO's 80 classes, mapped to our four; each is fed as its authors feed it.
"""

import cv2
import numpy as np
import onnxruntime as ort

from .boxes import nms
from .pictures import letterbox

COCO_TO_OURS = {0: 2, 1: 1, 2: 0, 3: 1, 5: 0, 7: 0, 11: 3}
NMS_IOU = 0.6
FLOOR = 0.01
MOST = 100
CANDIDATES = 400  # per class, before NMS


def session(path, threads=1):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def to_ours(scores80):
    out = np.zeros((len(scores80), 4), scores80.dtype)
    for coco, ours in COCO_TO_OURS.items():
        out[:, ours] = np.maximum(out[:, ours], scores80[:, coco])
    return out


def finish(boxes, scores, floor=FLOOR):
    """Threshold and NMS per class -> rows, best first."""
    rows = []
    for c in range(scores.shape[1]):
        strong = np.flatnonzero(scores[:, c] > floor)
        if len(strong) > CANDIDATES:
            strong = strong[np.argsort(-scores[strong, c])[:CANDIDATES]]
        b, s = boxes[strong], scores[strong, c]
        rows += [[c, s[k], *b[k]] for k in nms(b, s, NMS_IOU)]
    rows.sort(key=lambda r: -r[1])
    return np.array(rows[:MOST], float).reshape(-1, 6)


class Detector:
    def __init__(self, path):
        self.session = session(path)
        self.input = self.session.get_inputs()[0].name

    def run(self, x):
        return self.session.run(None, {self.input: x})

    def detect(self, bgr, floor=FLOOR):
        x, back = self.prepare(bgr)
        boxes, scores = self.decode(self.run(x))
        return finish(boxes * back, scores, floor)

    def blank(self):
        """An input to time."""
        return self.prepare(np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8))[0]

    def stretch(self, bgr, w, h):
        x = cv2.resize(bgr, (w, h)).transpose(2, 0, 1)[None].astype(np.float32)
        return np.ascontiguousarray(x), np.array([bgr.shape[1] / w, bgr.shape[0] / h] * 2)


class Ours(Detector):
    def __init__(self, path, size):
        super().__init__(path)
        self.size = size

    def prepare(self, bgr):
        x, (sx, sy) = letterbox(bgr, *self.size)
        return x, 1 / np.array([sx, sy, sx, sy])

    def decode(self, out):
        return out[0][0], out[1][0]


class NanoDet(Detector):
    def __init__(self, path):
        super().__init__(path)
        self.size = self.session.get_inputs()[0].shape[2:]

    def prepare(self, bgr):
        return self.stretch(bgr, self.size[1], self.size[0])

    def decode(self, out):
        return out[0][0], out[1][0]


class Yolox(Detector):
    SIDE = 416

    def prepare(self, bgr):
        h, w = bgr.shape[:2]
        r = self.SIDE / max(h, w)
        x = np.full((self.SIDE, self.SIDE, 3), 114, np.uint8)
        x[: int(h * r), : int(w * r)] = cv2.resize(bgr, (int(w * r), int(h * r)))
        return x.transpose(2, 0, 1)[None].astype(np.float32), 1 / r

    def decode(self, out):
        p = out[0][0]
        cells, steps = [], []
        for s in (8, 16, 32):
            n = self.SIDE // s
            y, x = np.mgrid[:n, :n]
            cells.append(np.stack((x, y), -1).reshape(-1, 2))
            steps.append(np.full((n * n, 1), s))
        cells, steps = np.concatenate(cells), np.concatenate(steps)
        mid, half = (p[:, :2] + cells) * steps, np.exp(p[:, 2:4]) * steps / 2
        return np.concatenate((mid - half, mid + half), 1), to_ours(p[:, 4:5] * p[:, 5:])


class PicoDet(Detector):
    SIDE, BINS = 416, 8

    def prepare(self, bgr):
        x, back = self.stretch(bgr[:, :, ::-1], self.SIDE, self.SIDE)
        mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        return ((x / 255 - mean[:, None, None]) / std[:, None, None]).astype(np.float32), back

    def decode(self, out):
        boxes, scores = [], []
        for i, s in enumerate((8, 16, 32, 64)):
            n = int(round(len(out[i][0]) ** 0.5))
            y, x = np.mgrid[:n, :n]
            mid = (np.stack((x, y), -1).reshape(-1, 2) + 0.5) * s
            e = np.exp(out[i + 4][0].reshape(-1, 4, self.BINS))
            d = (e / e.sum(-1, keepdims=True)) @ np.arange(self.BINS) * s
            boxes.append(np.concatenate((mid - d[:, :2], mid + d[:, 2:]), 1))
            scores.append(out[i][0])
        return np.concatenate(boxes), to_ours(np.concatenate(scores))


class FastestDet(Detector):
    SIDE = 352

    def prepare(self, bgr):
        x, back = self.stretch(bgr, self.SIDE, self.SIDE)
        return x / np.float32(255), back * self.SIDE

    def decode(self, out):
        p = out[0][0].reshape(85, -1).T
        n = out[0].shape[-1]
        y, x = np.mgrid[:n, :n]
        mid = (np.tanh(p[:, 1:3]) + np.stack((x, y), -1).reshape(-1, 2)) / n
        half = 1 / (1 + np.exp(-p[:, 3:5])) / 2
        return np.concatenate((mid - half, mid + half), 1), to_ours(p[:, :1] ** 0.6 * p[:, 5:] ** 0.4)


def baselines(models):
    """The detectors of the assets folder."""
    return {
        "NanoDet-Plus-m 416": NanoDet(models / "nanodet-plus-m_416_4cls.onnx"),
        "NanoDet-Plus-m 736x416": NanoDet(models / "nanodet-plus-m_736x416_4cls.onnx"),
        "YOLOX-nano 416": Yolox(models / "yolox_nano_416.onnx"),
        "PicoDet-S 416": PicoDet(models / "picodet_s_416_raw.onnx"),
        "FastestDet 352": FastestDet(models / "FastestDet.onnx"),
    }
