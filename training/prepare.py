"""Pack the training pictures and their merged labels: `index.json`, `labels.npz` and shards of encoded pictures.

Rules for labels, per picture and class: human boxes where the set labels the class completely; otherwise human boxes plus the
teacher's strong boxes, the teacher's weak boxes being ignored (neither object nor background). Riders count as Person, as in COCO.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from detector.boxes import iou_matrix
from detector.classes import CHECKED, COMPLETE, PARTIAL, PERSON, ROAD_SIGN, SAMPLING, STRETCHED, TWO_WHEELER, VALIDATION

# Teacher scores: an object above STRONG, ignored between. STRONG is where the F1 score against human boxes of workers-es, rf100-road-traffic,
# openimages-vehicles and modes-of-transport is best.
STRONG, WEAK = 0.42, 0.15
STRONG_OF = {PERSON: 0.37, TWO_WHEELER: 0.34, ROAD_SIGN: 0.5}
SAME = 0.45  # IoU above which a human and a teacher box are the same object
RIDER_INSIDE = 0.6
SIGN_BACKGROUND = 0.5  # weight of "no sign here" where a set does not label signs: few pictures hold one
SHARD_BYTES = 44 << 20


def inside(a, b):
    """Share of every box of `a` that lies in each box of `b`."""
    wh = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    area = (a[:, 2:] - a[:, :2]).clip(1e-6).prod(1)
    return wh.clip(0).prod(2) / area[:, None]


def merge(name, human, teacher):
    """Boxes [class, x1, y1, x2, y2, weight] (weight 0: ignore) and background weight per class."""
    human = [[int(c), cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2] for c, cx, cy, w, h in human]
    complete = COMPLETE.get(name, set())
    rows, background = [], [1.0, 1.0, 1.0, 1.0]
    two_wheelers = np.array([b[1:] for b in human if b[0] == TWO_WHEELER]).reshape(-1, 4)
    for c in range(4):
        mine = np.array([b[1:] for b in human if b[0] == c]).reshape(-1, 4)
        theirs = [t for t in teacher if t[0] == c]
        if c == PERSON and name == "signs-close-kc":
            theirs = []  # pictograms
        boxes = np.array([t[2:6] for t in theirs]).reshape(-1, 4)
        if c == TWO_WHEELER and len(mine) and len(boxes):
            # Some sets box the rider with the machine; where the teacher sees the machine alone, take its box.
            iou = iou_matrix(mine, boxes)
            for i, j in enumerate(iou.argmax(1)):
                if iou[i, j] >= SAME and theirs[j][1] >= 0.3:
                    mine[i] = boxes[j]
        sure = np.ones(len(mine))
        if c in CHECKED.get(name, ()) and len(mine):
            sure = (iou_matrix(mine, boxes).max(1) >= SAME).astype(float) if len(boxes) else np.zeros(len(mine))
        rows += [[c, *b, s] for b, s in zip(mine, sure)]
        overlap = iou_matrix(boxes, mine).max(1) if len(mine) and len(boxes) else np.zeros(len(boxes))
        riders = inside(boxes, two_wheelers).max(1) if c == PERSON and len(two_wheelers) and len(boxes) else np.zeros(len(boxes))
        for k, t in enumerate(theirs):
            if overlap[k] >= SAME or (c in complete and riders[k] < RIDER_INSIDE):
                continue
            if t[1] >= STRONG_OF.get(c, STRONG):
                rows.append([c, *t[2:6], float(min(1.0, 0.4 + t[1]))])
            elif t[1] >= WEAK:
                rows.append([c, *t[2:6], 0.0])
        if c == ROAD_SIGN and c not in complete:
            background[c] = 0.0 if c in PARTIAL.get(name, ()) else SIGN_BACKGROUND
    return rows, background


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--images", type=Path, action="append", required=True, help="folder of data sets (repeatable)")
    p.add_argument("--teacher", type=Path, action="append", required=True, help="file of teacher.py (repeatable)")
    p.add_argument("--out", type=Path, required=True)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    teacher = {}
    for f in a.teacher:
        teacher |= json.loads(f.read_text())
    pictures, labels, offsets, background, shard, used, stats = [], [], [0], [], None, 0, {}
    folders = sorted(d for root in a.images for d in root.iterdir() if (d / "images").is_dir() and d.name not in VALIDATION)
    for folder in tqdm(folders, desc="sets"):
        human = json.loads((folder / "labels.json").read_text()) if (folder / "labels.json").exists() else {}
        for path in sorted((folder / "images").glob("*.webp")):
            blob = path.read_bytes()
            h, w = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_COLOR).shape[:2]
            key = f"{folder.name}/{path.name}"
            mine = human.get(path.name, {})
            if "exact" in mine:  # drawn scenes: everything is known
                rows, bg = [[c, *b, 1.0] for c, *b in mine["exact"]] + [[c, *b, 0.0] for c, *b in mine["ignore"]], [1.0] * 4
            else:
                rows, bg = merge(folder.name, mine.get("human", []), teacher.get(key, []))
            if shard is None or used + len(blob) > SHARD_BYTES:
                name, used = f"shard{len({p['shard'] for p in pictures})}.bin", 0
                shard = open(a.out / name, "wb")
            pictures.append({
                "key": key, "shard": name, "offset": used, "bytes": len(blob), "width": w, "height": h,
                "stretched": folder.name in STRETCHED and w == h, "sampling": SAMPLING.get(folder.name, 1.0),
            })
            shard.write(blob)
            used += len(blob)
            labels += rows
            offsets.append(len(labels))
            background.append(bg)
            for r in rows:
                stats[(int(r[0]), r[5] > 0)] = stats.get((int(r[0]), r[5] > 0), 0) + 1
    np.savez_compressed(
        a.out / "labels.npz", boxes=np.array(labels, np.float32), offsets=np.array(offsets), background=np.array(background, np.float32)
    )
    (a.out / "index.json").write_text(json.dumps({"pictures": pictures}))
    print(f"{len(pictures)} pictures; boxes per class (objects / ignored):",
          ", ".join(f"{c}: {stats.get((c, True), 0)} / {stats.get((c, False), 0)}" for c in range(4)))


if __name__ == "__main__":
    main()
