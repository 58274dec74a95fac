"""Make training and validation sets of public repositories that hold openly licensed pictures.

Each source is a git clone in `--clones`, named `OWNER+NAME` or `NAME`, at the commit below. One picture per source frame is taken, made
smaller, and written as `SET/images/*.webp` with `SET/labels.json` (the layout that prepare.py and evaluate.py read). A training picture
that is nearly the same as another or as a validation picture is left out, and a validation picture that is nearly the same as another or
as a training picture, mirrored or not. Sources that are not there are named and left out.
"""

import argparse
import csv
import io
import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from tqdm import tqdm

from detector.classes import NIGHT, PERSON, ROAD_SIGN, TWO_WHEELER, VALIDATION, VEHICLE

LONG_SIDE, VALIDATION_LONG_SIDE, QUALITY, VALIDATION_QUALITY = 416, 640, 72, 85
WIDE = (960, 540)  # what an exporter squeezed from 16:9 into a square
NIGHT_STEP = 10
SAME_BITS = 4  # of 64: pictures whose hashes differ in so few bits are the same
BAR_MEAN, BAR_MOST = 6, 48  # grey levels of a row or column of a black bar (JPEG noise)
EXPORTED = re.compile(r"_(jpg|jpeg|png|JPG)\.rf\..*")  # what the exporter adds to a name


@dataclass
class Source:
    set: str
    repository: str
    commit: str
    folder: str  # every picture below it
    keep: str  # pattern of the names taken
    classes: dict  # the source's class name or number -> ours
    labels: str  # "yolo" (labels/*.txt beside images/), "voc" (annotations/*.xml) or "csv" (_annotations.csv beside the pictures)
    step: int = 1
    ignore: dict = field(default_factory=dict)  # the same for boxes that evaluation leaves out
    size: tuple | None = None  # width and height to which the picture is stretched back
    bars: bool = False  # the exporter put black bars around the picture
    unlabelled: bool = True  # pictures without a label file hold nothing (else they are left out)


SOURCES = (
    Source("openimages-people", "thomasliebgott/EdgeAi", "67d11effffb17557dfda115a5cedf512c2c4b207", "datasets/person/train/images", r".", {"0": PERSON}, "yolo"),
    Source("openimages-street", "ela2002/TrafficViolationDetectionProject", "701635ee52fd2b6c304c106c426c7e90c42443f4", "", r"^[0-9a-f]{16}_jpg",
           {"bus": VEHICLE, "car": VEHICLE, "truck": VEHICLE, "van": VEHICLE, "motorcycle": TWO_WHEELER}, "csv"),
    Source("infrared-people", "Rohith3330/DEEPSORT_FINAL", "43caf419636018cd21349f778ffb4bfd5a33c18c", "person-1", r".", {"0": PERSON}, "yolo", 40),
    Source("signs-minsk", "MuratOzc/traffic-sign-recognition-using-deep-learning", "e680f0da76e08b166607d01f18db7d1687f1c7bb", "images", r"^road",
           {"stop": ROAD_SIGN, "speedlimit": ROAD_SIGN, "crosswalk": ROAD_SIGN}, "voc"),
    # Validation.
    Source(NIGHT, "Gautam001601/TrafficVision", "f35d5f8890", "vehicles-1", r"^malam_", {str(i): VEHICLE for i in range(12)}, "yolo", NIGHT_STEP,
           size=WIDE),
    Source("photos-indonesia", "adeirman46/Level2-FSD", "2c9d3acc6cc290d7d126859544241d339f4763b2",
           "yolov9_custom_object_detection/Highway-Object-Detection-40", r".",
           {"0": VEHICLE, "1": VEHICLE, "2": TWO_WHEELER, "3": PERSON, "4": VEHICLE}, "yolo", bars=True),
    Source("cctv-korea", "gayoung0512/Intelligence_CCTV", "dc7216fd40b10474e1322e7323f217055d77dced", "data", r".", {"3": PERSON}, "yolo",
           ignore={"0": PERSON, "5": PERSON}, unlabelled=False),
    Source("signs-germany", "Tracer1337/praxisprojekt-fom", "e074269f4661c22be41111162353350a50cf1d5c", "datasets/gtsdb/images", r".",
           {str(i): ROAD_SIGN for i in range(43)}, "yolo"),
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


def without_bars(bgr):
    """Corners x1, y1, x2, y2 of the picture between two black bars of equal width, at the sides or above and below."""
    h, w = bgr.shape[:2]

    def bar(lines):
        dark = (lines.mean(axis=(1, 2)) < BAR_MEAN) & (lines.max(axis=(1, 2)) < BAR_MOST)
        return int(np.argmin(dark)) if not dark.all() else 0

    columns = bgr.transpose(1, 0, 2)
    x, y = min(bar(columns), bar(columns[::-1])), min(bar(bgr), bar(bgr[::-1]))
    return (x, 0, w - x, h) if x > y else (0, y, w, h - y)


def cut(rows, corners, width, height):
    """Boxes [class, cx, cy, w, h] of a picture, given in those of a part of it."""
    x1, y1, x2, y2 = corners
    sx, sy = width / (x2 - x1), height / (y2 - y1)
    return [[c, (x - x1 / width) * sx, (y - y1 / height) * sy, w * sx, h * sy] for c, x, y, w, h in rows]


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


def voc_boxes(text, classes):
    root = ElementTree.fromstring(text)
    width, height = (float(root.findtext(f"size/{k}")) for k in ("width", "height"))
    rows = []
    for found in root.iter("object"):
        if found.findtext("name") in classes:
            x1, y1, x2, y2 = (float(found.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax"))
            box = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height]
            rows.append([classes[found.findtext("name")], *box])
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


def label_file(name, kind):
    if kind == "yolo":
        return name.replace("/images/", "/labels/").rsplit(".", 1)[0] + ".txt"
    if kind == "voc":
        return "annotations/" + Path(name).stem + ".xml"
    return str(Path(name).parent / "_annotations.csv")


def boxes_of(repository, source, name, classes, tables):
    """Boxes of a picture, or nothing where it has no label file."""
    file = label_file(name, source.labels)
    if source.labels == "csv":
        if file not in tables:
            tables[file] = csv_boxes(repository.read(file), classes)
        return tables[file].get(Path(name).name, [])
    text = repository.read(file)
    return None if text is None else {"yolo": yolo_boxes, "voc": voc_boxes}[source.labels](text, classes)


def shrunk(bgr, source, validation):
    if source.size:
        return cv2.resize(bgr, source.size, interpolation=cv2.INTER_CUBIC)
    s = min((VALIDATION_LONG_SIDE if validation else LONG_SIDE) / max(bgr.shape[:2]), 1.0)
    return cv2.resize(bgr, None, fx=s, fy=s, interpolation=cv2.INTER_AREA)


def collect(source, clones, out, hashes):
    repository = Repository(clones, source)
    if repository.path is None:
        print(f"{source.set}: no clone of {source.repository} in {clones}: left out")
        return
    (out / source.set / "images").mkdir(parents=True, exist_ok=True)
    validation = source.set in VALIDATION
    tables, labels = {}, {}
    for name in tqdm(frames(repository, source), desc=source.set, mininterval=5):
        blob = repository.read(name)
        bgr = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_COLOR) if blob else None
        found = boxes_of(repository, source, name, source.classes, tables)
        if bgr is None or (found is None and not source.unlabelled):
            continue
        ignored = boxes_of(repository, source, name, source.ignore, tables) if source.ignore else []
        found, ignored = found or [], ignored or []
        if source.bars:
            height, width = bgr.shape[:2]
            corners = without_bars(bgr)
            bgr = bgr[corners[1] : corners[3], corners[0] : corners[2]]
            found, ignored = (cut(rows, corners, width, height) for rows in (found, ignored))
        mine = fingerprint(bgr)
        if source.set != NIGHT and (seen_before(mine, hashes) or (validation and seen_before(fingerprint(bgr[:, ::-1]), hashes))):
            continue
        hashes.append(mine)
        target = f"{source.set}-{len(labels):04}.webp"
        quality = VALIDATION_QUALITY if validation and source.set != NIGHT else QUALITY
        cv2.imwrite(str(out / source.set / "images" / target), shrunk(bgr, source, validation), [cv2.IMWRITE_WEBP_QUALITY, quality])
        rounded = [[[c, *(round(v, 5) for v in b)] for c, *b in rows] for rows in (found, ignored)]
        labels[target] = {"human": rounded[0]} | ({"ignore": rounded[1]} if rounded[1] else {})
    (out / source.set / "labels.json").write_text(json.dumps(labels))
    print(f"{source.set}: {len(labels)} pictures, {sum(len(v['human']) for v in labels.values())} boxes")


def fingerprints(folder, names):
    paths = (path for name in names for path in sorted((folder / name / "images").glob("*.webp")))
    return [fingerprint(cv2.imread(str(path))) for path in tqdm(list(paths), desc="fingerprints", mininterval=5)]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--clones", type=Path, required=True, help="folder of git clones")
    p.add_argument("--images", type=Path, help="folder with the other sets: none of their pictures is taken again")
    p.add_argument("--out", type=Path, required=True, help="folder of data sets")
    p.add_argument("--only", default="", help="these sets, separated by commas")
    a = p.parse_args()
    chosen = [s for s in SOURCES if not a.only or s.set in a.only.split(",")]
    there = sorted(d.name for d in a.images.iterdir() if (d / "images").is_dir()) if a.images else []
    hashes = fingerprints(a.images, [n for n in there if n in VALIDATION]) if a.images else []
    for source in chosen:
        if source.set not in VALIDATION:
            collect(source, a.clones, a.out, hashes)
    for_training = sorted(d.name for d in a.out.iterdir() if (d / "images").is_dir() and d.name not in VALIDATION) if a.out.is_dir() else []
    others = hashes + (fingerprints(a.images, [n for n in there if n not in VALIDATION]) if a.images else []) + fingerprints(a.out, for_training)
    for source in chosen:
        if source.set in VALIDATION:
            collect(source, a.clones, a.out, others)


if __name__ == "__main__":
    main()
