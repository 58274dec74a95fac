"""Assignment and loss: task-aligned assignment (TOOD, Feng et al. 2021), varifocal and GIoU loss, ignored regions left out."""

import torch
from torch.nn import functional as F

from .net import decode

TOP_K, ALPHA, BETA = 10, 0.5, 4.0
MIN_REACH = 1.5  # anchors within this many strides of the centre of a tiny object may be assigned to it
VFL_ALPHA, VFL_GAMMA = 0.75, 2.0
BOX_WEIGHT = 2.5
EPS = 1e-9


def pair_iou(a, b, generalised=False, eps=1e-7):
    """IoU (or GIoU, Rezatofighi et al. 2019) of broadcastable boxes [..., 4] (torch)."""
    x1, y1 = torch.maximum(a[..., 0], b[..., 0]), torch.maximum(a[..., 1], b[..., 1])
    x2, y2 = torch.minimum(a[..., 2], b[..., 2]), torch.minimum(a[..., 3], b[..., 3])
    inter = (x2 - x1).clamp(min=0) * (y2 - y1).clamp(min=0)
    area = lambda t: (t[..., 2] - t[..., 0]).clamp(min=0) * (t[..., 3] - t[..., 1]).clamp(min=0)  # noqa: E731
    union = area(a) + area(b) - inter + eps
    iou = inter / union
    if not generalised:
        return iou
    hull = (torch.maximum(a[..., 2], b[..., 2]) - torch.minimum(a[..., 0], b[..., 0])) * (
        torch.maximum(a[..., 3], b[..., 3]) - torch.minimum(a[..., 1], b[..., 1])
    ) + eps
    return iou - (hull - union) / hull


@torch.no_grad()
def assign(scores, boxes, rows, centres, strides):
    """Per anchor: index of its object (or -1) and the soft target in 0...1.

    scores [B, M, C] probabilities, boxes [B, M, 4], rows [B, G, 6].
    """
    cls, gt, weight = rows[..., 0].long(), rows[..., 1:5], rows[..., 5]
    valid = (cls >= 0) & (weight > 0)
    mid, half = (gt[..., :2] + gt[..., 2:]) / 2, (gt[..., 2:] - gt[..., :2]) / 2
    # Inside the box, or near the centre of a box smaller than the cells.
    delta = (centres[None, None] - mid[:, :, None]).abs()  # [B, G, M, 2]
    reach = torch.maximum(half[:, :, None], (strides[None, None, :, None] * MIN_REACH).clamp(max=12.0))
    candidate = (delta < reach).all(-1) & valid[..., None]
    iou = pair_iou(gt[:, :, None], boxes[:, None])  # [B, G, M]
    p = scores.transpose(1, 2).gather(1, cls.clamp(min=0)[..., None].expand(-1, -1, scores.shape[1]))
    metric = p.pow(ALPHA) * iou.pow(BETA) * candidate
    top, at = metric.topk(TOP_K, dim=-1)
    chosen = torch.zeros_like(metric).scatter_(-1, at, (top > EPS).to(metric.dtype)) > 0
    # An anchor claimed twice goes to the better overlap.
    best = torch.where(chosen, iou, torch.full_like(iou, -1.0))
    best_iou, owner = best.max(1)
    positive = best_iou >= 0
    own = torch.zeros_like(chosen).scatter_(1, owner[:, None], positive[:, None])
    metric = metric * own
    norm = metric / (metric.amax(-1, keepdim=True) + EPS) * (iou * own).amax(-1, keepdim=True)
    target = norm.amax(1)
    return torch.where(positive, owner, torch.full_like(owner, -1)), target


@torch.no_grad()
def ignored(rows, centres):
    """Anchors [B, M, C] whose centre lies in an ignored box of the class."""
    skip = (rows[..., 0] >= 0) & (rows[..., 5] == 0)
    inside = (
        (centres[None, None, :, 0] > rows[..., 1, None]) & (centres[None, None, :, 0] < rows[..., 3, None])
        & (centres[None, None, :, 1] > rows[..., 2, None]) & (centres[None, None, :, 1] < rows[..., 4, None]) & skip[..., None]
    ).float()
    one_hot = F.one_hot(rows[..., 0].long().clamp(min=0), 4).float()
    return torch.einsum("bgm,bgc->bmc", inside, one_hot) > 0


def loss(logits, log_distances, rows, background, centres, strides):
    """Total loss and its parts, for logits and log distances [B, M, 4]."""
    logits, log_distances = logits.float(), log_distances.float()
    boxes = decode(log_distances, centres, strides)
    prob = logits.sigmoid()
    owner, quality = assign(prob.detach(), boxes.detach(), rows, centres, strides)
    positive = owner >= 0
    mine = rows.gather(1, owner.clamp(min=0)[..., None].expand(-1, -1, 6))
    sure = mine[..., 5] * positive
    one_hot = F.one_hot(mine[..., 0].long().clamp(min=0), 4).float() * positive[..., None]
    target = one_hot * quality[..., None]
    # Background counts by what the set labels, not at all in ignored regions; a positive counts by how sure its box is.
    negative = VFL_ALPHA * prob.detach().pow(VFL_GAMMA) * background * (~ignored(rows, centres)).float()
    weight = torch.where(one_hot > 0, target * sure[..., None], negative)
    classes = F.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")
    share = quality * sure
    total = share.sum().clamp(min=1.0)
    giou = pair_iou(boxes, mine[..., 1:5], generalised=True)
    regression = ((1 - giou) * share).sum()
    classes, regression = classes / total, regression / total
    return classes + BOX_WEIGHT * regression, {"class": classes.detach(), "box": regression.detach(), "positives": positive.sum().detach()}
