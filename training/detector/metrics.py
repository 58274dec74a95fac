"""Average precision as COCO defines it: 101 recall points, IoU 0.50 to 0.95, ignored regions, area ranges."""

import numpy as np

from .boxes import iou_matrix

IOUS = np.arange(0.5, 1.0, 0.05)
# Side lengths of COCO's area ranges, in pixels of a picture 640 wide (areas are scaled to that).
AREAS = {"all": (0, 1e9), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e9)}
REFERENCE_WIDTH = 640


def area(boxes, width):
    side = (boxes[:, 2:] - boxes[:, :2]).clip(0) * (REFERENCE_WIDTH / width)
    return side.prod(1)


def match(found, truth, ignore, threshold):
    """Greedy matching, best score first: 1 hit, 0 miss, -1 ignored, per found box."""
    result = np.zeros(len(found), int)
    order = np.argsort(ignore, kind="stable")  # real objects first
    truth, ignore = truth[order], ignore[order]
    iou = iou_matrix(found, truth)
    taken = np.zeros(len(truth), bool)
    for i in np.flatnonzero((iou >= threshold - 1e-9).any(axis=1)):  # the others match nothing
        best, at = threshold - 1e-9, -1
        for j in range(len(truth)):
            if taken[j] and not ignore[j]:
                continue
            if at >= 0 and not ignore[at] and ignore[j]:
                break
            if iou[i, j] >= best:
                best, at = iou[i, j], j
        if at >= 0:
            taken[at] = True
            result[i] = -1 if ignore[at] else 1
    return result


def matched(pictures, cls, iou_thresholds=IOUS, size="all"):
    """Per picture the scores of its boxes and, per threshold, what each is worth (`match`); and the number of its objects.

    `pictures`: (found [n, 6], truth [m, 5], ignore [k, 5], width); rows start with the class (and score).
    """
    low, high = AREAS[size]
    scores, worth, objects = [], [], []
    for found, truth, ignored, width in pictures:
        f = found[found[:, 0] == cls]
        t, g = truth[truth[:, 0] == cls][:, 1:], ignored[ignored[:, 0] == cls][:, 1:]
        a = area(t, width)
        out = (a < low) | (a >= high)
        objects.append(int((~out).sum()))
        boxes, flags = np.concatenate((t, g)), np.concatenate((out, np.ones(len(g), bool)))
        fa = area(f[:, 2:], width)
        outside = (fa < low) | (fa >= high)
        # Inside an ignored region (by its own area) counts as ignored, as for COCO's crowds.
        if len(g) and len(f):
            wh = np.minimum(f[:, None, 4:], g[None, :, 2:]) - np.maximum(f[:, None, 2:4], g[None, :, :2])
            share = wh.clip(0).prod(2) / (f[:, 4:] - f[:, 2:4]).clip(1e-6).prod(1)[:, None]
            covered = share.max(1) > 0.5
        else:
            covered = np.zeros(len(f), bool)
        scores.append(f[:, 1])
        rows = []
        for threshold in iou_thresholds:
            m = match(f[:, 2:], boxes, flags, threshold)
            m[(m == 0) & (outside | covered)] = -1
            rows.append(m)
        worth.append(np.array(rows, int).reshape(len(iou_thresholds), len(f)))
    return scores, worth, np.array(objects, int)


def area_under(scores, worth, total):
    """AP of boxes with `scores` worth 1 (hit), 0 (miss) or -1 (ignored), for `total` objects."""
    keep = worth >= 0
    m = worth[keep][np.argsort(-scores[keep], kind="stable")]
    tp = np.cumsum(m)
    recall, precision = tp / total, tp / np.arange(1, len(m) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return np.where(at < len(precision), precision[np.minimum(at, max(len(precision) - 1, 0))] if len(precision) else 0, 0).mean()


def average_precision(pictures, cls, iou_thresholds=IOUS, size="all"):
    """AP per threshold."""
    scores, worth, objects = matched(pictures, cls, iou_thresholds, size)
    if objects.sum() == 0:
        return np.full(len(iou_thresholds), np.nan)
    scores, worth = np.concatenate(scores), np.concatenate(worth, axis=1)
    return np.array([area_under(scores, row, objects.sum()) for row in worth])


def bootstrap(pictures, cls, rounds=200, seed=0, size="all"):
    """AP50 of `rounds` draws of as many pictures with replacement; the same seed draws the same pictures (for paired differences)."""
    scores, worth, objects = matched(pictures, cls, IOUS[:1], size)
    rng, result = np.random.default_rng(seed), []
    for _ in range(rounds):
        draw = rng.integers(0, len(objects), len(objects))
        total = objects[draw].sum()
        parts = [scores[k] for k in draw], [worth[k][0] for k in draw]
        result.append(area_under(np.concatenate(parts[0]), np.concatenate(parts[1]), total) if total else np.nan)
    return np.array(result)
