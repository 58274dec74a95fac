"""Reading pictures: the packs of prepare.py and the geometry the product uses."""

import json
from pathlib import Path

import cv2
import numpy as np


def letterbox(bgr, height, width):
    """Picture -> network input [1, 3, H, W] RGB 0...1 and the scale; aspect ratio kept, top left, the rest black."""
    h, w = bgr.shape[:2]
    scale = min(width / w, height / h)
    nw, nh = min(int(w * scale), width), min(int(h * scale), height)
    out = np.zeros((1, 3, height, width), np.float32)
    small = cv2.resize(bgr, (nw, nh), interpolation=cv2.INTER_LINEAR)
    out[0, :, :nh, :nw] = small[:, :, ::-1].transpose(2, 0, 1) / np.float32(255)
    return out, (nw / w, nh / h)


def read_index(pack):
    with open(Path(pack) / "index.json") as f:
        return json.load(f)


def read_blobs(pack):
    """(entry, encoded bytes) of every picture of a pack."""
    pack = Path(pack)
    shards = {}
    for entry in read_index(pack)["pictures"]:
        name = entry["shard"]
        if name not in shards:
            shards = {name: np.memmap(pack / name, np.uint8, "r")}
        yield entry, shards[name][entry["offset"] : entry["offset"] + entry["bytes"]]


def pack_pictures(pack, count, rng):
    """A random choice of training pictures (BGR), as a generator."""
    entries = list(read_blobs(pack))
    for i in rng.permutation(len(entries))[:count]:
        yield cv2.imdecode(np.asarray(entries[i][1]), cv2.IMREAD_COLOR)
