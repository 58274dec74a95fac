"""The network: plain 3x3 convolutions and ReLU, built for INT8 on CPUs.

Backbone with CSP stages (Wang et al. 2020), top-down and bottom-up neck (Liu et al. 2018), one-convolution heads at strides 8, 16, 32.
Every 3x3 convolution trains as 3x3 + 1x1 branches and is folded into one for export (RepVGG, Ding et al. 2021).
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)
CLASSES = 4
PRIOR = 0.01  # initial class probability (Lin et al. 2017)
BN_EPS, BN_MOMENTUM = 1e-3, 0.03


@dataclass(frozen=True)
class Config:
    """Widths and depths of one variant, and the input it is made for (height, width)."""

    channels: tuple = (16, 32, 64, 128, 224)  # at strides 2, 4, 8, 16, 32
    depth: tuple = (1, 2, 2, 1)  # 3x3 convolutions in the CSP stages at strides 4 (0: none), 8, 16, 32
    neck: int = 64
    size: tuple = (288, 512)


CONFIGS = {
    "street": Config((16, 32, 64, 128, 224), (0, 1, 2, 3), 48, (288, 512)),
    "street-accurate": Config((32, 64, 96, 128, 160), (1, 3, 3, 2), 80, (352, 640)),
}


def conv_bn(cin, cout, k, stride=1):
    return nn.Sequential(
        nn.Conv2d(cin, cout, k, stride, k // 2, bias=False), nn.BatchNorm2d(cout, BN_EPS, BN_MOMENTUM)
    )


def fold(seq):
    """Weight and bias of a convolution with its batch norm folded in."""
    conv, bn = seq
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    return conv.weight * scale[:, None, None, None], bn.bias - bn.running_mean * scale


class Conv(nn.Module):
    """Convolution, batch norm, ReLU; a 3x3 one has a parallel 1x1 branch while it trains."""

    def __init__(self, cin, cout, k=3, stride=1):
        super().__init__()
        self.k, self.stride, self.cin, self.cout = k, stride, cin, cout
        self.main = conv_bn(cin, cout, k, stride)
        self.point = conv_bn(cin, cout, 1, stride) if k == 3 and cin > 3 else None
        self.folded = None

    def forward(self, x):
        if self.folded is not None:
            return F.relu(self.folded(x))
        y = self.main(x)
        if self.point is not None:
            y = y + self.point(x)
        return F.relu(y)

    def deploy(self):
        w, b = fold(self.main)
        if self.point is not None:
            w1, b1 = fold(self.point)
            w, b = w + F.pad(w1, [1, 1, 1, 1]), b + b1
        self.folded = nn.Conv2d(self.cin, self.cout, self.k, self.stride, self.k // 2).to(w.device)
        self.folded.weight.data, self.folded.bias.data = w.detach().clone(), b.detach().clone()
        self.main = self.point = None


class Csp(nn.Module):
    """Split in two halves, a chain of 3x3 convolutions on one, join all steps with a 1x1 (as in ELAN, Wang et al. 2022)."""

    def __init__(self, cin, cout, depth, hidden=None):
        super().__init__()
        h = hidden or cout // 2
        self.h = h
        self.split = Conv(cin, 2 * h, 1)
        self.chain = nn.ModuleList(Conv(h, h) for _ in range(depth))
        self.join = Conv((2 + depth) * h, cout, 1)

    def forward(self, x):
        a, b = self.split(x).split(self.h, 1)
        parts = [a, b]
        for conv in self.chain:
            parts.append(conv(parts[-1]))
        return self.join(torch.cat(parts, 1))


class Pool(nn.Module):
    """Pyramid of max pools at stride 32: context for large objects (SPPF)."""

    def __init__(self, c):
        super().__init__()
        self.reduce, self.join = Conv(c, c // 4, 1), Conv(c, c, 1)

    def forward(self, x):
        x = self.reduce(x)
        a = F.max_pool2d(x, 5, 1, 2)
        b = F.max_pool2d(a, 5, 1, 2)
        c = F.max_pool2d(b, 5, 1, 2)
        return self.join(torch.cat((x, a, b, c), 1))


class Head(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = Conv(c, c)
        self.cls = nn.Conv2d(c, CLASSES, 1)
        self.box = nn.Conv2d(c, 4, 1)
        nn.init.normal_(self.cls.weight, std=0.01)
        nn.init.constant_(self.cls.bias, -torch.log(torch.tensor((1 - PRIOR) / PRIOR)).item())
        nn.init.normal_(self.box.weight, std=0.01)
        nn.init.constant_(self.box.bias, 0.7)

    def forward(self, x):
        x = self.conv(x)
        return self.cls(x), self.box(x)


class Detector(nn.Module):
    """RGB pictures in 0...1 -> class logits [N, M, 4] and log distances [N, M, 4], M anchors over all strides."""

    def __init__(self, cfg):
        super().__init__()
        c1, c2, c3, c4, c5 = cfg.channels
        d2, d3, d4, d5 = cfg.depth
        n = cfg.neck
        self.stem = Conv(3, c1, 3, 2)
        self.s4 = nn.Sequential(Conv(c1, c2, 3, 2), *([Csp(c2, c2, d2)] if d2 else []))
        self.s8 = nn.Sequential(Conv(c2, c3, 3, 2), Csp(c3, c3, d3))
        self.s16 = nn.Sequential(Conv(c3, c4, 3, 2), Csp(c4, c4, d4))
        self.s32 = nn.Sequential(Conv(c4, c5, 3, 2), Csp(c5, c5, d5, hidden=c5 // 3 // 16 * 16), Pool(c5))
        self.in8, self.in16, self.in32 = Conv(c3, n, 1), Conv(c4, n, 1), Conv(c5, n, 1)
        self.top16 = Csp(2 * n, n, 1)
        self.top8 = Conv(2 * n, n, 1)
        self.down16, self.down32 = Conv(n, n, 3, 2), Conv(n, n, 3, 2)
        self.bot16, self.bot32 = Csp(2 * n, n, 1), Csp(2 * n, n, 1)
        self.heads = nn.ModuleList(Head(n) for _ in STRIDES)

    def pyramid(self, x):
        x8 = self.s8(self.s4(self.stem(x)))
        x16 = self.s16(x8)
        p32 = self.in32(self.s32(x16))
        up = lambda t: F.interpolate(t, scale_factor=2.0, mode="nearest")  # noqa: E731
        t16 = self.top16(torch.cat((self.in16(x16), up(p32)), 1))
        p8 = self.top8(torch.cat((self.in8(x8), up(t16)), 1))
        p16 = self.bot16(torch.cat((self.down16(p8), t16), 1))
        p32 = self.bot32(torch.cat((self.down32(p16), p32), 1))
        return p8, p16, p32

    def forward(self, x):
        flat = lambda t: t.flatten(2).transpose(1, 2)  # noqa: E731
        levels = [head(p) for head, p in zip(self.heads, self.pyramid(x))]
        return torch.cat([flat(c) for c, _ in levels], 1), torch.cat([flat(b) for _, b in levels], 1)

    def deploy(self):
        """Fold the training branches in place."""
        for m in self.modules():
            if isinstance(m, Conv) and m.folded is None:
                m.deploy()
        return self.eval()


def anchors(height, width, device=None):
    """Anchor centres [M, 2] in pixels and strides [M], in the order of the network's outputs."""
    centres, strides = [], []
    for s in STRIDES:
        y, x = torch.meshgrid(
            (torch.arange(height // s, device=device) + 0.5) * s, (torch.arange(width // s, device=device) + 0.5) * s,
            indexing="ij",
        )
        centres.append(torch.stack((x, y), -1).reshape(-1, 2))
        strides.append(torch.full((centres[-1].shape[0],), float(s), device=device))
    return torch.cat(centres), torch.cat(strides)


MAX_LOG = 4.5  # exp(4.5) * stride 32 = 2880 px: beyond any input


def decode(log_distances, centres, strides):
    """Boxes in pixels from log distances to left, top, right, bottom in units of the stride."""
    d = log_distances.clamp(max=MAX_LOG).exp() * strides[..., None]
    return torch.cat((centres - d[..., :2], centres + d[..., 2:]), -1)


class Exported(nn.Module):
    """What the ONNX file holds: network and decoding. Any batch, any height and width divisible by 32."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        # One convolution per level instead of two of four channels each: CPUs compute eight channels in the same time.
        self.last = nn.ModuleList(nn.Conv2d(h.cls.in_channels, 4 + CLASSES, 1) for h in net.heads)
        for conv, head in zip(self.last, net.heads):
            conv.weight.data = torch.cat((head.box.weight, head.cls.weight)).detach()
            conv.bias.data = torch.cat((head.box.bias, head.cls.bias)).detach()

    def forward(self, images):
        boxes, scores = [], []
        for stride, head, last, x in zip(STRIDES, self.net.heads, self.last, self.net.pyramid(images)):
            box, cls = last(head.conv(x)).split((4, CLASSES), 1)
            d = box.clamp(max=MAX_LOG).exp() * stride
            # Cell indices by counting cells, so that the graph stays free of fixed sizes.
            one = torch.ones_like(cls[:1, :1])
            x = (one.cumsum(3) - 0.5) * stride
            y = (one.cumsum(2) - 0.5) * stride
            xyxy = torch.cat((x - d[:, 0:1], y - d[:, 1:2], x + d[:, 2:3], y + d[:, 3:4]), 1)
            boxes.append(xyxy.flatten(2))
            scores.append(cls.flatten(2))
        return torch.cat(boxes, 2).transpose(1, 2), torch.cat(scores, 2).transpose(1, 2).sigmoid()


def macs(net, height, width):
    """Multiply-accumulates of one deployed forward pass, and parameters."""
    total = 0

    def count(m, _, y):
        nonlocal total
        total += y.shape[2] * y.shape[3] * m.weight.numel()

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        net(torch.zeros(1, 3, height, width))
    for h in hooks:
        h.remove()
    return total, sum(p.numel() for p in net.parameters())
