"""Take frames of openly licensed clips as one more training set (`clips/images/*.webp`), long side at most 416 px."""

import argparse
from pathlib import Path

import cv2
from tqdm import tqdm

# Only clips whose licence allows it; clips with ground truth are for evaluation and stay out.
CLIPS = (
    "car-detection.mp4", "one-by-one-person-detection.mp4", "london-street-720p.mp4", "cars_768x768.h264",
    "dashcam-solidWhiteRight-540p.mp4",
)
LONG_SIDE, QUALITY = 416, 75


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--videos", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True, help="folder of data sets; `clips` is made in it")
    p.add_argument("--per-clip", type=int, default=40)
    a = p.parse_args()
    images = a.out / "clips" / "images"
    images.mkdir(parents=True, exist_ok=True)
    for clip in tqdm(CLIPS, desc="frames"):
        video, frames = cv2.VideoCapture(str(a.videos / clip)), []
        while True:
            ok, frame = video.read()
            if not ok:
                break
            frames.append(cv2.resize(frame, None, fx=(s := LONG_SIDE / max(frame.shape[:2])), fy=s, interpolation=cv2.INTER_AREA))
        step = max(len(frames) // a.per_clip, 1)
        for i in range(0, len(frames), step):
            cv2.imwrite(str(images / f"{Path(clip).stem}-{i:05}.webp"), frames[i], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])


if __name__ == "__main__":
    main()
