"""Make training sets of public repositories that hold openly licensed pictures (and one validation set: traffic at night).

Each source is a git clone in `--clones`, named `OWNER+NAME` or `NAME`, at the commit below. One picture per source frame is taken,
resized to 416 px, left out where it is nearly the same as another or as a validation picture, and written as `SET/images/*.webp` with
`SET/labels.json` (the layout that prepare.py reads). Sources that are not there are named and left out.
"""

import argparse
import csv
import io
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from detector.classes import NIGHT, PERSON, TWO_WHEELER, VALIDATION, VEHICLE

LONG_SIDE, QUALITY = 416, 72
NIGHT_SIZE, NIGHT_STEP = (960, 540), 10  # the exporter squeezed 16:9 into squares
SAME_BITS = 4  # of 64: pictures whose hashes differ in so few bits are the same
EXPORTED = re.compile(r"_(jpg|jpeg|png|JPG)\.rf\..*")  # what the exporter adds to a name


@dataclass
class Source:
    set: str
    repository: str
    commit: str
    folder: str  # every picture below it
    keep: str  # pattern of the names taken
    classes: dict  # the source's class name or number -> ours
    labels: str  # "yolo" (labels/*.txt beside images/) or "csv" (_annotations.csv beside the pictures)
    step: int = 1


SOURCES = (
    Source("openimages-people", "thomasliebgott/EdgeAi", "67d11effffb17557dfda115a5cedf512c2c4b207", "datasets/person/train/images", r".", {"0": PERSON}, "yolo"),
    Source("openimages-street", "ela2002/TrafficViolationDetectionProject", "701635ee52fd2b6c304c106c426c7e90c42443f4", "", r"^[0-9a-f]{16}_jpg",
           {"bus": VEHICLE, "car": VEHICLE, "truck": VEHICLE, "van": VEHICLE, "motorcycle": TWO_WHEELER}, "csv"),
    Source("infrared-people", "Rohith3330/DEEPSORT_FINAL", "43caf419636018cd21349f778ffb4bfd5a33c18c", "person-1", r".", {"0": PERSON}, "yolo", 40),
    Source(NIGHT, "Gautam001601/TrafficVision", "f35d5f8890", "vehicles-1", r"^malam_", {str(i): VEHICLE for i in range(12)}, "yolo", NIGHT_STEP),
)


class Repository:
    def __init__(self, clones, source):
        names = (source.repository.replace("/", "+"), source.repository.split("/")[1])
        found = [p for n in names for p in (clones / n / "repo", clones / n) if (p / "HEAD").exists() or (p / ".git").exists()]
        self.path, self.commit = (found or [None])[0], source.commit

    def git(self, *words):
        return subprocess.run(["git", "-C", str(self.path), *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    def names(self, folder):
        tree = self.git("ls-tree", "-r", "--name-only", "-z", self.commit, *([folder] if folder else []))
        return tree.decode().split("\0")[:-1]

    def read(self, name):
        try:
            return self.git("show", f"{self.commit}:{name}")
        except subprocess.CalledProcessError:
            return None  # a clone may lack its largest files


def fingerprint(bgr):
    """Difference hash of 64 bits."""
    small = cv2.resize(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1])


def seen_before(mine, others):
    return len(others) > 0 and np.unpackbits(np.array(others) ^ mine, axis=1).sum(1).min() <= SAME_BITS


def yolo_boxes(text, classes):
    rows = []
    for line in text.decode().splitlines():
        c, *v = line.split()
        if c not in classes or len(v) < 4:
            continue
        v = [float(x) for x in v]
        if len(v) > 4:  # a polygon: its box
            xs, ys = v[0::2], v[1::2]
            v = [(min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys)]
        rows.append([classes[c], *v])
    return rows


def csv_boxes(text, classes):
    """Boxes per file name."""
    found = {}
    for r in csv.DictReader(io.StringIO(text.decode())):
        if r["class"] in classes:
            w, h = float(r["width"]), float(r["height"])
            x1, y1, x2, y2 = (float(r[k]) for k in ("xmin", "ymin", "xmax", "ymax"))
            box = [(x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h]
            found.setdefault(r["filename"], []).append([classes[r["class"]], *box])
    return found


def frames(repository, source):
    """Names of the pictures, one per source frame."""
    found = {}
    for name in repository.names(source.folder):
        stem = Path(name).name
        if stem.lower().endswith((".jpg", ".jpeg", ".png")) and re.search(source.keep, stem):
            found.setdefault(EXPORTED.sub("", stem), name)
    order = sorted(found, key=lambda k: [int(x) if x.isdigit() else x for x in re.split(r"(\d+)", k)])
    return [found[k] for k in order][:: source.step]


def collect(source, clones, out, hashes):
    repository = Repository(clones, source)
    if repository.path is None:
        print(f"{source.set}: no clone of {source.repository} in {clones}: left out")
        return
    (out / source.set / "images").mkdir(parents=True, exist_ok=True)
    tables, labels = {}, {}
    for name in tqdm(frames(repository, source), desc=source.set, mininterval=5):
        blob = repository.read(name)
        bgr = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_COLOR) if blob else None
        if bgr is None:
            continue
        mine = fingerprint(bgr)
        if source.set != NIGHT and seen_before(mine, hashes):
            continue
        hashes.append(mine)
        if source.labels == "yolo":
            text = repository.read(name.replace("/images/", "/labels/").rsplit(".", 1)[0] + ".txt")
            boxes = yolo_boxes(text, source.classes) if text is not None else []
        else:
            table = str(Path(name).parent / "_annotations.csv")
            if table not in tables:
                tables[table] = csv_boxes(repository.read(table), source.classes)
            boxes = tables[table].get(Path(name).name, [])
        if source.set == NIGHT:
            bgr = cv2.resize(bgr, NIGHT_SIZE, interpolation=cv2.INTER_CUBIC)
        else:
            s = min(LONG_SIDE / max(bgr.shape[:2]), 1.0)
            bgr = cv2.resize(bgr, None, fx=s, fy=s, interpolation=cv2.INTER_AREA)
        target = f"{source.set}-{len(labels):04}.webp"
        cv2.imwrite(str(out / source.set / "images" / target), bgr, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        labels[target] = {"human": [[c, *(round(v, 5) for v in b)] for c, *b in boxes]}
    (out / source.set / "labels.json").write_text(json.dumps(labels))
    print(f"{source.set}: {len(labels)} pictures, {sum(len(v['human']) for v in labels.values())} boxes")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--clones", type=Path, required=True, help="folder of git clones")
    p.add_argument("--images", type=Path, help="folder with the validation sets: pictures like theirs are left out")
    p.add_argument("--out", type=Path, required=True, help="folder of data sets")
    a = p.parse_args()
    hashes = []
    for name in VALIDATION if a.images else ():
        for path in sorted((a.images / name / "images").glob("*.webp")):
            hashes.append(fingerprint(cv2.imread(str(path))))
    for source in SOURCES:
        collect(source, a.clones, a.out, hashes)


if __name__ == "__main__":
    main()
