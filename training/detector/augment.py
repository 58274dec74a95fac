"""Light and lens: colour, blur, noise, JPEG, night with glare, rain and haze, and drawn road signs pasted in. All on the GPU."""

import math
import random

import torch
from torch.nn import functional as F

from .classes import ROAD_SIGN


_constants = {}


def constant(values, x):
    """A constant on the device of `x`; copied there once, since a copy waits for all work on the GPU."""
    key = (values, x.device)
    if key not in _constants:
        _constants[key] = torch.tensor(values, device=x.device)
    return _constants[key]


GREY = (0.299, 0.587, 0.114)  # luma of Rec. ITU-R BT.601
WARM, COLD = (1.1, 0.95, 0.75), (0.85, 0.95, 1.15)  # lamp light


def rand(n, low, high, x):
    return torch.rand((n, 1, 1, 1), device=x.device) * (high - low) + low


def some(x, share):
    """A random choice of pictures (sorted random numbers: `randperm` waits for the GPU)."""
    n = max(int(len(x) * share), 1)
    return torch.rand(len(x), device=x.device).argsort()[:n]


def colour(x):
    n = len(x)
    x = x * torch.exp(rand(n, -0.35, 0.3, x)) + rand(n, -0.06, 0.06, x)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * torch.exp(rand(n, -0.4, 0.35, x)) + mean
    grey = (x * constant(GREY, x).view(1, 3, 1, 1)).sum(1, keepdim=True)
    saturation = torch.where(rand(n, 0, 1, x) < 0.06, torch.zeros_like(mean), rand(n, 0.4, 1.6, x))
    x = grey + (x - grey) * saturation
    tint = torch.exp((torch.rand((n, 3, 1, 1), device=x.device) - 0.5) * 0.24)
    return (x * tint).clamp(0, 1)


def gamma(x):
    return x.clamp(min=1e-4) ** torch.exp(rand(len(x), -0.5, 0.5, x))


def soften(x):
    """Lower resolution, then back: blur of cheap or distant cameras."""
    _, _, h, w = x.shape
    f = random.uniform(0.35, 0.9)
    small = F.interpolate(x, (int(h * f), int(w * f)), mode="bilinear", antialias=True)
    return F.interpolate(small, (h, w), mode="bilinear")


def motion(x):
    """Horizontal or vertical smear."""
    k = 2 * random.randint(1, 3) + 1
    shape, pad = ((1, 1, 1, k), (0, k // 2)) if random.random() < 0.7 else ((1, 1, k, 1), (k // 2, 0))
    return F.conv2d(x, torch.full(shape, 1 / k, device=x.device).repeat(3, 1, 1, 1), padding=pad, groups=3)


def noise(x):
    n, _, h, w = x.shape
    return x + torch.randn_like(x) * rand(n, 0.0, 0.07, x) + torch.randn((n, 1, h, w), device=x.device) * rand(n, 0.0, 0.04, x)


def _glare(n, count, h, w, x):
    """Soft discs of light [n, 1, H, W]."""
    ys, xs = torch.arange(h, device=x.device).view(1, 1, h, 1), torch.arange(w, device=x.device).view(1, 1, 1, w)
    cx, cy = rand(n * count, 0, w, x).view(n, count, 1, 1), rand(n * count, 0.15 * h, h, x).view(n, count, 1, 1)
    r = torch.exp(rand(n * count, math.log(1.0), math.log(9.0), x)).view(n, count, 1, 1)
    on = (torch.rand((n, count, 1, 1), device=x.device) < 0.7).float()
    d2 = (xs - cx) ** 2 + (ys - cy) ** 2
    return (on * (torch.exp(-d2 / (2 * r * r)) + 0.25 * torch.exp(-d2 / (2 * (4 * r) ** 2)))).amax(1, keepdim=True)


def night(x, boxes):
    """Dark, tinted, noisy, with lamps anywhere and headlights at vehicles."""
    n, _, h, w = x.shape
    x = x.clamp(min=1e-4) ** rand(n, 1.1, 2.4, x) * rand(n, 0.15, 0.6, x)
    warm = constant(WARM, x).view(1, 3, 1, 1)
    cold = constant(COLD, x).view(1, 3, 1, 1)
    side = rand(n, 0, 1, x)
    x = x * (warm * side + cold * (1 - side))
    light = _glare(n, 6, h, w, x)
    # Two lamps low in up to eight vehicle boxes.
    vehicles = boxes[:, :8]
    lit = ((vehicles[..., 0] == 0) & (torch.rand(vehicles.shape[:2], device=x.device) < 0.6)).float()[..., None, None]
    ys, xs = torch.arange(h, device=x.device).view(1, 1, h, 1), torch.arange(w, device=x.device).view(1, 1, 1, w)
    bw, bh = (vehicles[..., 3] - vehicles[..., 1])[..., None, None], (vehicles[..., 4] - vehicles[..., 2])[..., None, None]
    y = vehicles[..., 2, None, None] + bh * 0.66
    r = (bw * 0.07).clamp(0.8, 6)
    for share in (0.2, 0.8):
        cx = vehicles[..., 1, None, None] + bw * share
        d2 = (xs - cx) ** 2 + (ys - y) ** 2
        light = torch.maximum(light, (lit * (torch.exp(-d2 / (2 * r * r)) + 0.3 * torch.exp(-d2 / (2 * (3 * r) ** 2)))).amax(1, keepdim=True))
    x = x + light * rand(n, 0.4, 1.1, x)
    return x + torch.randn_like(x) * rand(n, 0.0, 0.06, x)


MAX_SLANT = 3  # pixels sideways in a streak
STREAK = 13  # its length


def streak(slant, x):
    """Kernel [1, 1, STREAK, STREAK] of a slanted line."""
    mid = STREAK // 2
    rows = [[float(j == mid + round(slant * (i - mid) / STREAK)) for j in range(STREAK)] for i in range(STREAK)]
    return constant(tuple(v for row in rows for v in row), x).view(1, 1, STREAK, STREAK)


def rain(x):
    """Streaks and haze."""
    n, _, h, w = x.shape
    drops = (torch.rand((n, 1, h, w), device=x.device) < rand(n, 0.0, 0.006, x)).float()
    streaks = F.conv2d(drops, streak(random.randint(-MAX_SLANT, MAX_SLANT), x), padding=STREAK // 2).clamp(0, 1)
    haze = rand(n, 0.0, 0.45, x)
    ramp = torch.linspace(1.0, 0.35, h, device=x.device).view(1, 1, h, 1)
    level = rand(n, 0.45, 0.85, x)
    x = x * (1 - haze * ramp) + level * haze * ramp
    return x + streaks * rand(n, 0.05, 0.35, x)


def _dct(device):
    k = torch.arange(8, dtype=torch.float32, device=device)
    m = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) * 0.5
    m[0] /= math.sqrt(2)
    return m


# Luminance table of JPEG (ITU-T T.81, table K.1).
JPEG_TABLE = (
    16.0, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)


def jpeg(x):
    """Block artefacts: 8x8 cosine transform, quantised, and back."""
    n, c, h, w = x.shape
    m = _dct(x.device)
    blocks = x.view(n, c, h // 8, 8, w // 8, 8).permute(0, 1, 2, 4, 3, 5) * 255
    table = constant(JPEG_TABLE, x).view(8, 8) * torch.exp(rand(n, math.log(0.25), math.log(2.5), x)).view(n, 1, 1, 1, 1, 1)
    t = (torch.round(m @ blocks @ m.T / table) * table)
    return (m.T @ t @ m).permute(0, 1, 2, 4, 3, 5).reshape(n, c, h, w) / 255


def paste_signs(x, boxes, background, sprites, share):
    """Paste drawn signs into a share of the pictures; each takes the place of the last target."""
    n = len(x)
    _, _, h, w = x.shape
    rows = some(x, share)
    k = len(rows)
    for step in range(2):
        size = torch.exp(rand(k, math.log(8.0), math.log(60.0), x)).view(k)
        # Now and then a close-up.
        size = torch.where(torch.rand(k, device=x.device) < 0.08, size * 4, size)
        aspect = torch.exp(rand(k, -0.25, 0.15, x)).view(k)
        sw, sh = size * aspect, size
        cx, cy = torch.rand(k, device=x.device) * w, torch.rand(k, device=x.device) * h * 0.8
        theta = torch.zeros((k, 2, 3), device=x.device)
        turn = (torch.rand(k, device=x.device) - 0.5) * 0.2
        theta[:, 0, 0], theta[:, 1, 1] = w / sw, h / sh
        theta[:, 0, 1] = turn * h / sw
        theta[:, 0, 2] = -(cx / w * 2 - 1) * w / sw - turn * h / sw * (cy / h * 2 - 1)
        theta[:, 1, 2] = -(cy / h * 2 - 1) * h / sh
        pick = torch.randint(len(sprites), (k,), device=x.device)
        # Half the signs fade into the light of the scene.
        local = x[rows].mean((1, 2, 3))
        gain = torch.where(torch.rand(k, device=x.device) < 0.6, (0.35 + 1.3 * local), torch.ones_like(local)).view(k, 1, 1, 1)
        layer = F.grid_sample(sprites[pick], F.affine_grid(theta, (k, 4, h, w), align_corners=False), align_corners=False)
        alpha = layer[:, 3:]
        x[rows] = x[rows] * (1 - alpha) + (layer[:, :3] * gain).clamp(0, 1)
        box = torch.stack((cx - sw / 2, cy - sh / 2, cx + sw / 2, cy + sh / 2), 1)
        clipped = torch.stack((box[:, 0].clamp(0, w), box[:, 1].clamp(0, h), box[:, 2].clamp(0, w), box[:, 3].clamp(0, h)), 1)
        shown = (clipped[:, 2] - clipped[:, 0]) * (clipped[:, 3] - clipped[:, 1]) / (sw * sh)
        weight = (shown > 0.4).float()
        boxes[rows, -1 - step] = torch.cat((torch.full((k, 1), float(ROAD_SIGN), device=x.device), clipped, weight[:, None]), 1)
    return x, boxes


def load_constants(x):
    """Make all constants, so that later calls copy nothing to the device of `x`."""
    for values in (GREY, WARM, COLD, JPEG_TABLE):
        constant(values, x)
    for slant in range(-MAX_SLANT, MAX_SLANT + 1):
        streak(slant, x)


def augment(x, boxes, background, sprites, strength=1.0):
    """Pictures [B, 3, H, W] and boxes after all effects; `strength` 0...1 scales how many pictures get the rare ones."""
    if sprites is not None:
        x, boxes = paste_signs(x, boxes, background, sprites, 0.2 * strength + 0.02)
    x = colour(x)
    for share, effect in ((0.3, gamma), (0.12, soften), (0.06, motion), (0.12, rain)):
        rows = some(x, share * strength + 0.01)
        x[rows] = effect(x[rows])
    rows = some(x, 0.16 * strength + 0.01)
    x[rows] = night(x[rows], boxes[rows])
    rows = some(x, 0.25 * strength)
    x[rows] = noise(x[rows])
    rows = some(x, 0.3 * strength)
    x[rows] = jpeg(x[rows].clamp(0, 1))
    return x.clamp(0, 1), boxes
