"""Boxes of the teacher (NanoDet-Plus-m, Apache-2.0) on every training picture: four passes each, fused.

The passes are two input shapes, each also mirrored. Reads the model files of the assets folder, writes `teacher.json`.
"""

import argparse
import json
import multiprocessing
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from detector.boxes import fuse, nms

SHAPES = {"416": (416, 416), "736x416": (736, 416)}
FLOOR, NMS_IOU = 0.12, 0.6
KEEP = 0.06  # fused boxes below this are dropped
_sessions = {}


def sessions(models):
    import onnxruntime as ort

    if not _sessions:
        cv2.setNumThreads(1)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        for key in SHAPES:
            _sessions[key] = ort.InferenceSession(
                str(models / f"nanodet-plus-m_{key}_4cls.onnx"), options, providers=["CPUExecutionProvider"]
            )
    return _sessions


def one_pass(session, bgr, size, mirror):
    w, h = size
    x = cv2.resize(bgr, (w, h), interpolation=cv2.INTER_LINEAR)
    if mirror:
        x = x[:, ::-1]
    x = np.ascontiguousarray(x.transpose(2, 0, 1)[None]).astype(np.float32)
    boxes, scores = (t[0] for t in session.run(None, {session.get_inputs()[0].name: x}))
    boxes = boxes / np.array([w, h, w, h])
    if mirror:
        boxes = np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], 1)
    rows = []
    for c in range(scores.shape[1]):
        strong = scores[:, c] > FLOOR
        b, s = boxes[strong].clip(0, 1), scores[strong, c]
        rows += [[c, float(s[k]), *map(float, b[k])] for k in nms(b, s, NMS_IOU)]
    return rows


def label(job):
    path, models = job
    bgr = cv2.imread(str(path))
    found = sessions(models)
    # Portrait pictures would be torn by the wide shape.
    keys = list(SHAPES) if bgr.shape[1] >= 0.95 * bgr.shape[0] else ["416"]
    passes = [one_pass(found[k], bgr, SHAPES[k], m) for k in keys for m in (False, True)]
    return f"{path.parent.parent.name}/{path.name}", [r for r in fuse(passes) if r[1] >= KEEP]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--images", type=Path, required=True, help="folder of data sets, each SET/images/*.webp")
    p.add_argument("--models", type=Path, required=True, help="folder with the teacher's ONNX files")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--jobs", type=int, default=2)
    a = p.parse_args()
    paths = sorted(a.images.glob("*/images/*.webp"))
    with multiprocessing.Pool(a.jobs) as pool:
        work = pool.imap(label, [(x, a.models) for x in paths], chunksize=8)
        result = dict(tqdm(work, total=len(paths), desc="teacher"))
    a.out.parent.mkdir(parents=True, exist_ok=True)
    a.out.write_text(json.dumps({k: [[r[0], *(round(v, 5) for v in r[1:])] for r in v] for k, v in result.items()}))


if __name__ == "__main__":
    main()
