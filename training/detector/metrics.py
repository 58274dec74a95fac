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
    for i in range(len(found)):
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


def average_precision(pictures, cls, iou_thresholds=IOUS, size="all"):
    """AP per threshold. `pictures`: (found [n, 6], truth [m, 5], ignore [k, 5], width); rows start with the class (and score)."""
    low, high = AREAS[size]
    scores, hits, total = [], [[] for _ in iou_thresholds], 0
    for found, truth, ignored, width in pictures:
        f = found[found[:, 0] == cls]
        t, g = truth[truth[:, 0] == cls][:, 1:], ignored[ignored[:, 0] == cls][:, 1:]
        a = area(t, width)
        out = (a < low) | (a >= high)
        total += int((~out).sum())
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
        for k, threshold in enumerate(iou_thresholds):
            m = match(f[:, 2:], boxes, flags, threshold)
            m[(m == 0) & (outside | covered)] = -1
            hits[k].append(m)
    if total == 0:
        return np.full(len(iou_thresholds), np.nan)
    scores = np.concatenate(scores)
    result = []
    for k in range(len(iou_thresholds)):
        m = np.concatenate(hits[k])
        keep = m >= 0
        m = m[keep][np.argsort(-scores[keep], kind="stable")]
        tp = np.cumsum(m)
        recall, precision = tp / total, tp / np.arange(1, len(m) + 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
        result.append(np.where(at < len(precision), precision[np.minimum(at, max(len(precision) - 1, 0))] if len(precision) else 0, 0).mean())
    return np.array(result)
