"""AP50 of several weights of ours on every validation source, with the bootstrap error of the difference to the first.

The rule by which weights are chosen: the mean over the four classes, by day and night, of the mean AP50 over the sources of each; on the
pictures with even numbers, the others being left for the report. No goal may lose more than 0.02.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from tqdm import tqdm

from detector.classes import NAMES, NIGHT
from detector.detectors import Ours
from detector.metrics import AREAS, IOUS, average_precision, bootstrap
from evaluate import INTERVAL, ROOT, fmt, read_sources, table

# The goals: class and sources, weighted alike.
GOALS = {
    "Person": (2, ("traffic-identifier-lc", "openimages-person-bicycle", "photos-indonesia", "cctv-korea")),
    "TwoWheeler": (1, ("traffic-identifier-lc", "openimages-person-bicycle", "photos-indonesia")),
    "Vehicle": (0, ("traffic-identifier-lc", "photos-indonesia")),
    "RoadSign": (3, ("signs-close-kc", "signs-germany")),
    "motorway by day": (0, ("km39-morning", "km39-rain")),
    "motorway by night": (0, (NIGHT,)),
}


def measure(detector, pictures):
    return [(detector.detect(b), t, g, b.shape[1]) for b, t, g in pictures]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--assets", type=Path, default=Path(os.environ.get("SLIPSTREAM_ASSETS", ROOT.parent / "shared" / "assets")))
    p.add_argument("--images", type=Path)
    p.add_argument("--made", type=Path, help="folder in which collect.py made its validation sets")
    p.add_argument("--half", choices=("even", "odd", "all"), default="all", help="pictures used: weights are chosen on one half, reported on the other")
    p.add_argument("--size", default="512x288", help="WIDTHxHEIGHT")
    p.add_argument("--rounds", type=int, default=200)
    p.add_argument("--by-size", action="store_true", help="also the AP50 of small, medium and large objects")
    p.add_argument("--sources", default="", help="only these sources, separated by commas")
    p.add_argument("--every", type=int, default=1, help="every so many-th of the pictures")
    p.add_argument("models", nargs="+", help="ONNX files (FILE or FILE:WIDTHxHEIGHT); the first is what the others are compared with")
    a = p.parse_args()
    part = {"even": slice(0, None, 2), "odd": slice(1, None, 2), "all": slice(None, None, a.every)}[a.half]
    sources = read_sources(a.assets, a.images or a.assets.parent / "training", a.made)
    sources = {n: (s[0][part], s[1]) for n, s in sources.items() if not a.sources or n in a.sources.split(",")}
    sizes = tuple(AREAS) if a.by_size else ("all",)
    draws, rows = {}, []
    for item in tqdm(a.models, desc="models"):
        path, _, size = item.partition(":")
        width, height = map(int, (size or a.size).split("x"))
        found = {n: measure(Ours(path, (height, width)), pictures) for n, (pictures, _) in sources.items()}
        draws[item] = {
            (n, c, z): (bootstrap(found[n], c, a.rounds, size=z), average_precision(found[n], c, IOUS[:1], z)[0])
            for n, (_, classes) in sources.items() for c in classes for z in sizes
        }
    first = draws[a.models[0]]
    keys = [(f"{n}, {NAMES[c]}" + (f", {z}" if z != "all" else ""), [(n, c, z)]) for n, c, z in first]
    keys += [(f"**{g}**", [(n, c, "all") for n in names if n in sources]) for g, (c, names) in GOALS.items()]
    keys = [(title, parts) for title, parts in keys if parts]
    for title, parts in keys:
        rows.append([title, *(cell(d, first, [parts]) for d in draws.values())])
    goals = [parts for title, parts in keys if title.startswith("**")]
    rows.append(["**mean of the goals**", *(cell(d, first, goals) for d in draws.values())])
    print(table(rows, ["", *(Path(m).name for m in a.models)]))


def cell(mine, first, groups):
    """AP50, and in brackets the interval of the difference to the first, of the mean over groups of the mean over their sources."""
    mean = lambda d, k: np.mean([np.mean([d[key][k] for key in g], axis=0) for g in groups], axis=0)  # noqa: E731
    text = fmt(mean(mine, 1))
    if mine is first:
        low, high = np.nanpercentile(mean(mine, 0), INTERVAL)
        return f"{text} ({fmt(low)} to {fmt(high)})"
    low, high = np.nanpercentile(mean(mine, 0) - mean(first, 0), INTERVAL)
    return f"{text} ({low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    main()
