"""Add road signs to a pack where its sets do not label them, found by an earlier model of ours (two passes, one mirrored, fused).

The teacher knows stop signs only. Sure boxes become objects, unsure ones are ignored, the rest counts as background. Changes
`labels.npz` of the pack in place.
"""

import argparse
import multiprocessing
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from detector.boxes import fuse, iou_matrix
from detector.classes import ROAD_SIGN
from detector.detectors import Ours
from detector.pictures import read_blobs

SURE, UNSURE = 0.5, 0.25
LARGEST = 0.4  # a larger share of the picture's width is no sign in a street picture
BACKGROUND = 0.6  # weight of "no sign here" after this pass
SAME = 0.4
_model = None


def start(path, size):
    global _model
    cv2.setNumThreads(1)
    _model = Ours(path, size)


def find(blob):
    bgr = cv2.imdecode(blob, cv2.IMREAD_COLOR)
    h, w = bgr.shape[:2]
    if w == h:  # most square pictures were stretched from 4:3 to 16:9
        bgr = cv2.resize(bgr, (w * 3 // 2, h))
        w = bgr.shape[1]
    passes = []
    for mirror in (False, True):
        rows = _model.detect(np.ascontiguousarray(bgr[:, ::-1]) if mirror else bgr, UNSURE)
        rows = rows[rows[:, 0] == ROAD_SIGN]
        if mirror:
            rows[:, [2, 4]] = w - rows[:, [4, 2]]
        passes.append((rows / [1, 1, w, h, w, h]).tolist())
    found = []
    for _, s, *box in fuse(passes):
        if s >= UNSURE:
            sure = s >= SURE and box[2] - box[0] < LARGEST
            found.append([ROAD_SIGN, *box, s if sure else 0.0])
    return np.array(found, np.float32).reshape(-1, 6)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--pack", type=Path, required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--size", default="352x640", help="HEIGHTxWIDTH")
    p.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    a = p.parse_args()
    labels = dict(np.load(a.pack / "labels.npz"))
    boxes, offsets, background = labels["boxes"], labels["offsets"], labels["background"]
    items = list(read_blobs(a.pack))
    todo = [i for i in range(len(items)) if background[i, ROAD_SIGN] < 1]
    with multiprocessing.Pool(a.jobs, start, (a.model, tuple(map(int, a.size.split("x"))))) as pool:
        blobs = (np.asarray(items[i][1]).copy() for i in todo)
        found = dict(zip(todo, tqdm(pool.imap(find, blobs, chunksize=16), total=len(todo), desc="signs")))
    rows, ends, sure = [], [0], 0
    for i in range(len(items)):
        mine = boxes[offsets[i] : offsets[i + 1]]
        if i in found:
            new = found[i]
            if len(mine) and len(new):
                stop = mine[mine[:, 0] == ROAD_SIGN]
                if len(stop):
                    new = new[iou_matrix(new[:, 1:5], stop[:, 1:5]).max(1) < SAME]
            sure += int((new[:, 5] > 0).sum())
            mine = np.concatenate((mine, new))
            background[i, ROAD_SIGN] = BACKGROUND
        rows.append(mine)
        ends.append(ends[-1] + len(mine))
    np.savez_compressed(a.pack / "labels.npz", boxes=np.concatenate(rows), offsets=np.array(ends), background=background)
    print(f"{sure} signs, {sum(map(len, found.values())) - sure} ignored, in {len(todo)} pictures")


if __name__ == "__main__":
    main()
