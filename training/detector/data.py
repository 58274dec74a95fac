"""All pictures on the GPU, and batches made of them there: mosaic or single picture, scale, aspect, mirror, boxes moved along."""

import concurrent.futures
import itertools
import math

import cv2
import numpy as np
import torch

from .pictures import read_blobs

SIDE = 416  # pictures are stored padded to this square
MAX_BOXES = 96  # boxes kept per stored picture
MAX_TARGETS = 80  # boxes kept per training picture
MIN_VISIBLE = 0.3  # share of a box that must stay visible to be an object; less: ignored
MIN_PIXELS = 3.0  # smaller boxes are ignored


def _decode(item):
    entry, blob = item
    bgr = cv2.imdecode(np.asarray(blob), cv2.IMREAD_COLOR)
    out = np.zeros((SIDE, SIDE, 4), np.uint8)
    out[: bgr.shape[0], : bgr.shape[1], :3] = bgr[:, :, ::-1]
    return out


class Store:
    """Pictures [N, SIDE*SIDE] (RGBX in one int32), boxes [N, MAX_BOXES, 6] (class, x1, y1, x2, y2 in pixels, weight; class -1: none)."""

    def __init__(self, pack, device, limit=None, share=1.0):
        cv2.setNumThreads(1)
        items = list(itertools.islice(read_blobs(pack), limit))
        chosen = np.sort(np.random.default_rng(0).permutation(len(items))[: int(len(items) * share)])
        items = [items[i] for i in chosen]
        n = len(items)
        self.pixels = torch.empty((n, SIDE * SIDE), dtype=torch.int32, device=device)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for i, picture in enumerate(pool.map(_decode, items)):
                self.pixels[i] = torch.from_numpy(picture.view(np.int32).reshape(-1)).to(device)
        labels = np.load(f"{pack}/labels.npz")
        flat, offsets = labels["boxes"], labels["offsets"]
        boxes = np.full((n, MAX_BOXES, 6), -1, np.float32)
        sampling = np.ones(n)
        for i, (entry, _) in enumerate(items):
            rows = flat[offsets[chosen[i]] : offsets[chosen[i] + 1]].copy()
            # Objects first, then the largest ignored regions.
            rows = rows[np.lexsort((-(rows[:, 3] - rows[:, 1]) * (rows[:, 4] - rows[:, 2]), rows[:, 5] == 0))][:MAX_BOXES]
            rows[:, [1, 3]] *= entry["width"]
            rows[:, [2, 4]] *= entry["height"]
            boxes[i, : len(rows)] = rows
            present = {int(r[0]) for r in rows if r[5] > 0}
            # The scarce classes are drawn more often.
            sampling[i] = entry["sampling"] * (1 + 0.8 * (1 in present) + 0.7 * (2 in present) + 0.3 * (3 in present))
            if not present:
                sampling[i] *= 0.5
        self.boxes = torch.from_numpy(boxes).to(device)
        self.background = torch.from_numpy(labels["background"][chosen]).to(device)
        self.size = torch.tensor([[e["width"], e["height"]] for e, _ in items], dtype=torch.float32, device=device)
        self.stretched = torch.tensor([e["stretched"] for e, _ in items], device=device)
        self.sampling = torch.from_numpy(np.cumsum(sampling / sampling.sum()).astype(np.float32)).to(device)  # cumulative
        self.device = device

    def __len__(self):
        return len(self.pixels)


def uniform(shape, low, high, device):
    return torch.rand(shape, device=device) * (high - low) + low


def place(store, batch, height, width, mosaic):
    """Draw pictures and their places: four slots per training picture (left/right x top/bottom of the point `centre`)."""
    d = store.device
    index = torch.searchsorted(store.sampling, torch.rand((batch, 4), device=d)).clamp(max=len(store) - 1)
    is_mosaic = torch.rand(batch, device=d) < mosaic
    centre = torch.stack((uniform(batch, 0.3, 0.7, d) * width, uniform(batch, 0.3, 0.7, d) * height), 1).round()
    whole = torch.stack((torch.full((batch,), float(width), device=d), torch.full((batch,), float(height), device=d)), 1)
    centre = torch.where(is_mosaic[:, None], centre, whole)  # without a mosaic slot 0 is the whole picture
    zero = torch.zeros_like(centre[:, 0])
    w, h = zero + width, zero + height
    cx, cy = centre[:, 0], centre[:, 1]
    left, top = torch.stack((zero, cx, zero, cx), 1), torch.stack((zero, zero, cy, cy), 1)
    right, bottom = torch.stack((cx, w, cx, w), 1), torch.stack((cy, cy, h, h), 1)
    room = torch.stack((right - left, bottom - top), -1)  # [B, 4, 2]

    size = store.size[index]
    # True aspect ratio: unknown for stretched sets (most were 4:3 to 16:9), jittered a little for all.
    stretch = torch.where(store.stretched[index], uniform((batch, 4), 1.0, 1.85, d), torch.ones((), device=d))
    stretch = stretch * uniform((batch, 4), math.log(0.85), math.log(1.18), d).exp()
    size = torch.stack((size[..., 0] * stretch.sqrt(), size[..., 1] / stretch.sqrt()), -1)
    fit = (room / size).amin(-1)
    # Single pictures: a third as the product sees them (fitted, top left), the others scaled and shifted.
    plain = (torch.rand((batch, 4), device=d) < 0.35) & ~is_mosaic[:, None]
    zoom_single = uniform((batch, 4), math.log(0.45), math.log(1.9), d).exp()
    zoom_mosaic = uniform((batch, 4), math.log(0.7), math.log(2.4), d).exp()
    zoom = torch.where(plain, torch.ones((), device=d), torch.where(is_mosaic[:, None], zoom_mosaic, zoom_single))
    shown = size * (fit * zoom)[..., None]
    slack = room - shown  # negative: a crop is shown
    shift = torch.rand((batch, 4, 2), device=d) * slack
    shift = torch.where(plain[..., None], torch.zeros((), device=d), shift)
    origin = torch.stack((left, top), -1) + shift
    scale = shown / store.size[index]  # output pixels per stored pixel
    mirror = torch.rand((batch, 4), device=d) < 0.5
    return index, centre, torch.stack((left, top, right, bottom), -1), origin, scale, mirror


def sample(store, index, centre, origin, scale, mirror, height, width):
    """Bilinear sampling of the placed pictures -> [B, 3, H, W] in 0...1; black outside."""
    d = store.device
    batch = index.shape[0]
    xs, ys = torch.arange(width, device=d) + 0.5, torch.arange(height, device=d) + 0.5
    slot = (xs[None, None, :] > centre[:, 0, None, None]).long() + 2 * (ys[None, :, None] > centre[:, 1, None, None]).long()
    pick = lambda t: t.gather(1, slot.view(batch, -1)).view(batch, height, width)  # noqa: E731
    size = store.size[index]
    u = (xs[None, None, :] - pick(origin[..., 0])) / pick(scale[..., 0])
    v = (ys[None, :, None] - pick(origin[..., 1])) / pick(scale[..., 1])
    w, h = pick(size[..., 0]), pick(size[..., 1])
    u = torch.where(pick(mirror), w - u, u) - 0.5
    v = v - 0.5
    inside = (u > -0.5) & (u < w - 0.5) & (v > -0.5) & (v < h - 0.5)
    u, v = torch.minimum(u.clamp(min=0), w - 1.001), torch.minimum(v.clamp(min=0), h - 1.001)
    u0, v0 = u.floor(), v.floor()
    fu, fv = u - u0, v - v0
    base = pick(index) * (SIDE * SIDE) + v0.long() * SIDE + u0.long()
    flat = store.pixels.view(-1)
    out = 0
    for dv, wv in ((0, 1 - fv), (1, fv)):
        for du, wu in ((0, 1 - fu), (1, fu)):
            p = flat[base + (dv * SIDE + du)]
            rgb = torch.stack((p & 255, (p >> 8) & 255, (p >> 16) & 255), 1).float()
            out = out + rgb * (wv * wu)[:, None]
    return out * inside[:, None] / 255


def targets(store, index, slots, origin, scale, mirror):
    """Boxes of the placed pictures [B, MAX_TARGETS, 6], objects first."""
    batch = index.shape[0]
    rows = store.boxes[index]  # [B, 4, K, 6]
    xy = rows[..., 1:5]
    w = store.size[index][..., 0, None]
    x1, x2 = xy[..., 0], xy[..., 2]
    m = mirror[..., None]
    x1, x2 = torch.where(m, w - x2, x1), torch.where(m, w - x1, x2)
    boxes = torch.stack((x1, xy[..., 1], x2, xy[..., 3]), -1) * scale.repeat(1, 1, 2)[:, :, None] + origin.repeat(1, 1, 2)[:, :, None]
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    lo, hi = slots[:, :, None, :2], slots[:, :, None, 2:]
    boxes = torch.cat((torch.minimum(torch.maximum(boxes[..., :2], lo), hi), torch.minimum(torch.maximum(boxes[..., 2:], lo), hi)), -1)
    side = boxes[..., 2:] - boxes[..., :2]
    visible = side[..., 0] * side[..., 1] / area.clamp(min=1e-6)
    weight = torch.where((visible < MIN_VISIBLE) | (side.amin(-1) < MIN_PIXELS), torch.zeros_like(visible), rows[..., 5])
    some = (rows[..., 0] >= 0) & (side.amin(-1) > 0.5) & (slots[..., 2] - slots[..., 0] > 0)[..., None] & (slots[..., 3] - slots[..., 1] > 0)[..., None]
    cls = torch.where(some, rows[..., 0], torch.full_like(visible, -1))
    flat = torch.cat((cls[..., None], boxes, weight[..., None]), -1).view(batch, -1, 6)
    order = ((flat[..., 0] >= 0).float() * (1 + (flat[..., 5] > 0).float())).argsort(1, descending=True)[:, :MAX_TARGETS]
    return flat.gather(1, order[..., None].expand(-1, -1, 6))


def anchor_background(store, index, centre, centres):
    """Background weight per anchor and class [B, M, 4]: that of the picture under the anchor."""
    slot = (centres[None, :, 0] > centre[:, 0, None]).long() + 2 * (centres[None, :, 1] > centre[:, 1, None]).long()
    return store.background[index.gather(1, slot)]


def make_batch(store, batch, height, width, centres, mosaic):
    index, centre, slots, origin, scale, mirror = place(store, batch, height, width, mosaic)
    x = sample(store, index, centre, origin, scale, mirror, height, width)
    return x, targets(store, index, slots, origin, scale, mirror), anchor_background(store, index, centre, centres)
