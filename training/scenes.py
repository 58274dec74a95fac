"""Turn frames of the scene renderer (`cargo run -p slipstream-scene --release --example dump`) into a training set `scenes`.

The truth is exact: objects hidden for the most part are ignored, everything else is known.
"""

import argparse
import json
from pathlib import Path

import cv2
from tqdm import tqdm

LONG_SIDE, QUALITY = 416, 80
SEEN, HIDDEN = 0.45, 0.12  # visible share: an object above, dropped below, ignored between


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--dump", type=Path, required=True, help="folder with truth.json and PNG files")
    p.add_argument("--out", type=Path, required=True, help="folder of data sets; `scenes` is made in it")
    a = p.parse_args()
    images = a.out / "scenes" / "images"
    images.mkdir(parents=True, exist_ok=True)
    labels = {}
    for frame in tqdm(json.loads((a.dump / "truth.json").read_text()), desc="scenes"):
        w, h = frame["width"], frame["height"]
        exact, ignore = [], []
        for o in frame["objects"]:
            x, y, bw, bh = o["box"]
            row = [o["class_id"], x / w, y / h, (x + bw) / w, (y + bh) / h]
            if o["visible"] >= HIDDEN:
                (exact if o["visible"] >= SEEN else ignore).append(row)
        name = Path(frame["file"]).with_suffix(".webp").name
        bgr = cv2.imread(str(a.dump / frame["file"]))
        s = LONG_SIDE / max(w, h)
        cv2.imwrite(str(images / name), cv2.resize(bgr, None, fx=s, fy=s, interpolation=cv2.INTER_AREA), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        labels[name] = {"exact": exact, "ignore": ignore}
    (a.out / "scenes" / "labels.json").write_text(json.dumps(labels))


if __name__ == "__main__":
    main()
