"""Boxes of the teachers on every training picture, eight passes each, fused.

The teachers are NanoDet-Plus-m (two input shapes), YOLOX-nano and PicoDet-S, all Apache-2.0; each also sees the picture mirrored.
Reads the model files of the assets folder, writes `teacher.json`.
"""

import argparse
import json
import multiprocessing
from pathlib import Path

import cv2
from tqdm import tqdm

from detector.boxes import fuse
from detector.classes import VALIDATION
from detector.detectors import NanoDet, PicoDet, Yolox

FLOOR = 0.12
KEEP = 0.05  # fused boxes below this are dropped
WIDE = 0.95  # pictures narrower than this (width to height) would be torn by the wide input
_teachers = {}


def teachers(models):
    if not _teachers:
        cv2.setNumThreads(1)
        _teachers.update(
            nano=NanoDet(models / "nanodet-plus-m_416_4cls.onnx"), wide=NanoDet(models / "nanodet-plus-m_736x416_4cls.onnx"),
            yolox=Yolox(models / "yolox_nano_416.onnx"), pico=PicoDet(models / "picodet_s_416_raw.onnx"),
        )
    return _teachers


def one_pass(teacher, bgr, mirror):
    """Rows [class, score, x1, y1, x2, y2], normalised."""
    h, w = bgr.shape[:2]
    rows = teacher.detect(bgr[:, ::-1].copy() if mirror else bgr, FLOOR)
    rows[:, 2:] = (rows[:, 2:] / [w, h, w, h]).clip(0, 1)
    if mirror:
        rows[:, [2, 4]] = 1 - rows[:, [4, 2]]
    return rows.tolist()


def passes(bgr, models, quick=False):
    found = teachers(models)
    keys = [k for k in found if (k != "wide" or bgr.shape[1] >= WIDE * bgr.shape[0]) and not (quick and k == "pico")]
    return [one_pass(found[k], bgr, m) for k in keys for m in ((False,) if quick else (False, True))]


def label(job):
    path, models, quick = job
    found = fuse(passes(cv2.imread(str(path)), models, quick))
    return f"{path.parent.parent.name}/{path.name}", [r for r in found if r[1] >= KEEP]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--images", type=Path, required=True, help="folder of data sets, each SET/images/*.webp")
    p.add_argument("--models", type=Path, required=True, help="folder with the teachers' ONNX files")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--quick", action="store_true", help="three passes: no mirrored pictures, no PicoDet")
    a = p.parse_args()
    paths = sorted(p for p in a.images.glob("*/images/*.webp") if p.parent.parent.name not in VALIDATION)
    with multiprocessing.Pool(a.jobs) as pool:
        work = pool.imap(label, [(x, a.models, a.quick) for x in paths], chunksize=8)
        result = dict(tqdm(work, total=len(paths), desc="teachers", mininterval=10))
    a.out.parent.mkdir(parents=True, exist_ok=True)
    a.out.write_text(json.dumps({k: [[int(r[0]), *(round(v, 5) for v in r[1:])] for r in v] for k, v in result.items()}))


if __name__ == "__main__":
    main()
