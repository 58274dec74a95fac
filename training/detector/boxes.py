"""Box geometry in NumPy: boxes are x1, y1, x2, y2."""

import numpy as np


def iou_matrix(a, b):
    """IoU of every box of `a` [N, 4] with every box of `b` [M, 4] (NumPy)."""
    if len(a) == 0 or len(b) == 0:
        return np.zeros((len(a), len(b)))
    wh = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    inter = wh.clip(0).prod(2)
    area = lambda x: (x[:, 2:] - x[:, :2]).clip(0).prod(1)  # noqa: E731
    return inter / (area(a)[:, None] + area(b)[None] - inter + 1e-12)


def nms(boxes, scores, threshold):
    """Greedy non-maximum suppression: indices kept, best first."""
    order = np.argsort(-scores, kind="stable")
    keep = []
    while len(order):
        first, rest = order[0], order[1:]
        keep.append(first)
        order = rest[iou_matrix(boxes[first : first + 1], boxes[rest])[0] <= threshold]
    return keep


def fuse(passes, iou=0.6):
    """Fuse the detections of several passes over one picture (weighted boxes fusion, Solovyev et al. 2021).

    `passes`: one list of [class, score, x1, y1, x2, y2] per pass. The score of a fused box is the mean over all passes, a pass
    without the box counting as 0: it says how sure *and* how steady the teacher is.
    """
    rows = np.array([row for one in passes for row in one], float).reshape(-1, 6)
    n, out = max(len(passes), 1), []
    for c in np.unique(rows[:, 0]):
        mine = rows[rows[:, 0] == c]
        mine = mine[np.argsort(-mine[:, 1], kind="stable")]
        while len(mine):
            same = iou_matrix(mine[:1, 2:], mine[:, 2:])[0] > iou
            same[0] = True
            s = mine[same, 1]
            box = (mine[same, 2:] * s[:, None]).sum(0) / s.sum()
            out.append([int(c), min(float(s.sum()) / n, 1.0), *map(float, box)])
            mine = mine[~same]
    return out
