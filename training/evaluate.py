"""AP of our models and of others on sources no model of ours was trained on, speed of each in the same run, and a contact sheet.

Prints the tables and writes them to `--out`. Without the assets folder it says SKIPPED and ends well.
"""

import argparse
import configparser
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from detector.classes import NAMES, NIGHT, PERSON, STRETCHED, TWO_WHEELER
from detector.detectors import MOST, Ours, baselines
from detector.metrics import average_precision, bootstrap

ROOT = Path(__file__).resolve().parent.parent
# Validation sets: classes scored. In `traffic-identifier-lc` riders are not boxed as Person: persons on two-wheelers are ignored.
SETS = {
    "traffic-identifier-lc": (0, 1, 2),
    "openimages-person-bicycle": (1, 2),
    "signs-close-kc": (3,),
    NIGHT: (0,),
    "photos-indonesia": (0, 1, 2),
    "cctv-korea": (2,),
    "signs-germany": (3,),
}
CLIPS = {"km39-morning": "km39-morning-960x540-5fps.mp4", "km39-rain": "km39-rain-960x540-10fps.mp4"}
UNSTRETCH = 1.5  # the exporter squeezed pictures of 4:3 to 16:9 into squares
CLIP_FRAMES = 60
INTERVAL = 5, 95  # percentiles of the bootstrap over pictures
TIMED = 20, 5
SHIPPED = "street-int8 "  # the default model
SHEET_CLIPS = ("car-detection.mp4", "one-by-one-person-detection.mp4", "km39-morning-960x540-5fps.mp4", "km39-rain-960x540-10fps.mp4")
TILE = 320, 180
COLOURS = ((80, 200, 80), (220, 80, 220), (60, 60, 240), (40, 210, 240))


def corners(rows, w, h):
    return np.array([[c, (x - bw / 2) * w, (y - bh / 2) * h, (x + bw / 2) * w, (y + bh / 2) * h] for c, x, y, bw, bh in rows]).reshape(-1, 5)


def read_set(folder):
    """(picture, truth, ignore) of a validation set."""
    labels = json.loads((folder / "labels.json").read_text())
    for name, entry in sorted(labels.items()):
        human = entry.get("human", [])
        if folder.name == "openimages-person-bicycle" and not human:
            continue  # only pictures with human boxes are labelled
        bgr = cv2.imread(str(folder / "images" / name))
        if folder.name in STRETCHED and bgr.shape[0] == bgr.shape[1]:
            bgr = cv2.resize(bgr, None, fx=UNSTRETCH, fy=1)
        h, w = bgr.shape[:2]
        truth, ignore = corners(human, w, h), corners(entry.get("ignore", []), w, h)
        if folder.name == "traffic-identifier-lc":
            ignore = truth[truth[:, 0] == TWO_WHEELER].copy()
            ignore[:, 0] = PERSON
        yield bgr, truth, ignore


def read_clip(video, truth_file):
    rows = {}
    for line in truth_file.read_text().splitlines():
        f, _, x, y, w, h, *_ = map(float, line.split(","))
        rows.setdefault(int(f), []).append([0, x, y, x + w, y + h])
    capture, frames, index = cv2.VideoCapture(str(video)), [], 0
    total = max(rows)
    step = max(total // CLIP_FRAMES, 1)
    while True:
        ok, bgr = capture.read()
        if not ok:
            break
        index += 1
        if index in rows and index % step == 0:
            frames.append((bgr, np.array(rows[index], float), np.zeros((0, 5))))
    return frames


def read_sources(assets, images, made):
    """Name -> (pictures, classes scored) of every validation set and clip at hand."""
    folders = {n: next((d / n for d in (images, made) if d and (d / n).is_dir()), None) for n in SETS}
    for n in (n for n, folder in folders.items() if folder is None):
        print(f"SKIPPED: {n}: no such folder in {images}: `make collect` makes it")
    sources = {n: (list(read_set(folders[n])), classes) for n, classes in SETS.items() if folders[n]}
    for n, video in CLIPS.items():
        sources[n] = (read_clip(assets / "videos" / video, assets / "videos" / f"{n}.gt.txt"), (0,))
    return sources


def ours(folder):
    """Our models by their configs."""
    found = {}
    for ini in sorted(folder.glob("*.ini")):
        config = configparser.ConfigParser(inline_comment_prefixes=("#", ";;"))
        config.read(ini)
        p = config["property"]
        _, h, w = map(int, p["infer-dims"].split(";"))
        found[f"{ini.stem} {w}x{h}"] = Ours(ini.parent / p["onnx-file"], (h, w))
    return found


def product(binary, config, pictures):
    """Detections of `slipstream detect` on pictures: the whole path of the product."""
    with tempfile.TemporaryDirectory() as folder:
        for i, (bgr, _, _) in enumerate(pictures):
            cv2.imwrite(f"{folder}/{i:05}.png", bgr)
        command = [str(binary), "detect", "--model", str(config), "--threshold", "0.01", "--log", "error", folder]
        lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    found = {}
    for frame in map(json.loads, lines):
        rows = [[o["class"], o["confidence"], x, y, x + w, y + h] for o in frame["objects"] for x, y, w, h in [o["box"]]]
        rows.sort(key=lambda r: -r[1])
        found[int(Path(frame["file"]).stem)] = np.array(rows[:MOST], float).reshape(-1, 6)
    return [found[i] for i in range(len(pictures))]


def timed(detectors):
    """Pictures per second of one core: median CPU time, the detectors taking turns."""
    inputs = {k: d.blank() for k, d in detectors.items()}
    times = {k: [] for k in detectors}
    rounds, runs = TIMED
    for _ in range(rounds):
        for k, d in detectors.items():
            d.run(inputs[k])
            start = time.process_time()
            for _ in range(runs):
                d.run(inputs[k])
            times[k].append((time.process_time() - start) / runs)
    return {k: 1 / float(np.median(v)) for k, v in times.items()}


def draw(bgr, rows, threshold):
    for c, s, x1, y1, x2, y2 in rows[rows[:, 1] >= threshold]:
        p, q = (int(x1), int(y1)), (int(x2), int(y2))
        cv2.rectangle(bgr, p, q, COLOURS[int(c)], 2)
        cv2.putText(bgr, f"{NAMES[int(c)]} {s:.2f}", (p[0], max(p[1] - 4, 10)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, COLOURS[int(c)], 1, cv2.LINE_AA)
    return bgr


def contact_sheet(detector, videos, target, clips=SHEET_CLIPS, columns=4, threshold=0.35):
    tiles = []
    for clip in clips:
        video = cv2.VideoCapture(str(videos / clip))
        count = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) or 200
        for i in range(columns):
            for _ in range(max(count // (columns + 1), 1)):
                ok, bgr = video.read()
                if not ok:
                    break
            if ok:
                tiles.append(cv2.resize(draw(bgr, detector.detect(bgr), threshold), TILE, interpolation=cv2.INTER_AREA))
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles) - columns + 1, columns)]
    if rows:
        cv2.imwrite(str(target), np.vstack(rows))


def table(rows, head):
    widths = [max(len(str(r[i])) for r in [head, *rows]) for i in range(len(head))]
    line = lambda r: "| " + " | ".join(str(v).ljust(w) for v, w in zip(r, widths)) + " |"  # noqa: E731
    return "\n".join([line(head), "|" + "|".join("-" * (w + 2) for w in widths) + "|", *map(line, rows)])


def fmt(x):
    return "–" if np.isnan(x) else f"{x:.3f}"


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--assets", type=Path, default=Path(os.environ.get("SLIPSTREAM_ASSETS", ROOT.parent / "shared" / "assets")))
    p.add_argument("--images", type=Path, help="folder of the training sets (default: `training` beside the assets folder)")
    p.add_argument("--made", type=Path, help="folder in which collect.py made its validation sets")
    p.add_argument("--models", type=Path, default=ROOT / "models")
    p.add_argument("--out", type=Path, default=ROOT / "training" / "results")
    p.add_argument("--onnx", action="append", default=[], help="FILE:HEIGHTxWIDTH, instead of the models folder (repeatable)")
    p.add_argument("--no-baselines", action="store_true")
    p.add_argument("--sources", default="", help="only these sources, separated by commas")
    p.add_argument("--sheet", default=",".join(SHEET_CLIPS), help="clips of the contact sheet")
    p.add_argument("--product", type=Path, help="program `slipstream`: evaluate `slipstream detect` with the default model as well")
    a = p.parse_args()
    images = a.images or a.assets.parent / "training"
    if not a.assets.is_dir() or not images.is_dir():
        print(f"SKIPPED: no assets folder at {a.assets} or no picture sets at {images}; set SLIPSTREAM_ASSETS")
        return
    a.out.mkdir(parents=True, exist_ok=True)
    if a.onnx:
        detectors = {}
        for item in a.onnx:
            path, size = item.rsplit(":", 1)
            detectors[f"{Path(path).stem} {size}"] = Ours(path, tuple(map(int, size.split("x"))))
    else:
        detectors = ours(a.models)
    if not a.no_baselines:
        detectors |= baselines(a.assets / "models")

    sources = {n: s for n, s in read_sources(a.assets, images, a.made).items() if not a.sources or n in a.sources.split(",")}
    speed = timed(detectors)
    rows, result = [], {}
    names = list(detectors) + (["slipstream detect"] if a.product else [])
    for name in tqdm(names, desc="detectors"):
        for source, (pictures, classes) in sources.items():
            if name in detectors:
                found = [detectors[name].detect(b) for b, _, _ in pictures]
            else:
                found = product(a.product, a.models / f"{SHIPPED.strip()}.ini", pictures)
            scored = [(f, t, g, b.shape[1]) for f, (b, t, g) in zip(found, pictures)]
            for c in classes:
                ap = average_precision(scored, c)
                low, high = np.nanpercentile(bootstrap(scored, c), INTERVAL)
                sizes = [average_precision(scored, c, size=s).mean() for s in ("small", "medium", "large")]
                rows.append([source, NAMES[c], name, fmt(ap.mean()), fmt(ap[0]), f"{fmt(low)} to {fmt(high)}", *map(fmt, sizes)])
                result.setdefault(name, {})[f"{source}/{NAMES[c]}"] = [float(ap.mean()), float(ap[0])]
    rows.sort(key=lambda r: (list(sources).index(r[0]), NAMES.index(r[1]), names.index(r[2])))
    quality = table(rows, ["source", "class", "detector", "AP", "AP50", "AP50, 90 %", "AP small", "AP medium", "AP large"])
    rates = table([[k, f"{v:.0f}", f"{v / speed.get('YOLOX-nano 416', np.nan):.2f}"] for k, v in speed.items()], ["detector", "pictures/s per core", "x YOLOX-nano fp32"])
    print(quality, rates, sep="\n\n")
    if not a.onnx:
        (a.out / "evaluation.md").write_text(f"{quality}\n\n{rates}\n")
        (a.out / "evaluation.json").write_text(json.dumps({"ap_and_ap50": result, "pictures_per_second_per_core": speed}, indent=1))
    best = next((d for k, d in detectors.items() if k.startswith(SHIPPED)), next(iter(detectors.values())))
    contact_sheet(best, a.assets / "videos", a.out / "contact-sheet.png", a.sheet.split(","))


if __name__ == "__main__":
    main()
