"""Weighted mean of trained networks of one variant, its batch-norm statistics estimated anew on training pictures.

Means of weights of one training run generalise better than either end (Izmailov et al., SWA, 2018; Wortsman et al., Model soups, 2022);
the statistics of the mean are not the mean of the statistics (SWA, section 3.2).
"""

import argparse
from pathlib import Path

import torch
from tqdm import tqdm

import train
from detector.data import Store
from detector.net import Config, Detector, anchors
from detector.signs import atlas

BATCH, BATCHES, SPRITES = 64, 16, 200
SHARE = 0.08  # of the pictures


def mean(states, shares):
    """Of floating-point entries; others are the last network's."""
    total = sum(shares)
    return {
        k: sum(s[k] * (share / total) for s, share in zip(states, shares)) if v.dtype.is_floating_point else v
        for k, v in states[-1].items()
    }


@torch.no_grad()
def estimate_statistics(net, cfg, pack):
    """Mean and variance of every batch norm over batches as in training, half of them calm."""
    torch.manual_seed(0)
    centres, _ = anchors(*cfg.size)
    sprites = torch.from_numpy(atlas(SPRITES))
    batches = train.Batches(Store(pack, torch.device("cpu"), share=SHARE), sprites, BATCH, *cfg.size, centres, False)
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the plain mean over all batches
    net.train().to(memory_format=torch.channels_last)
    for i in tqdm(range(BATCHES), desc="batch norms"):
        batches.next(i % 2 == 0)
        net(batches.x.float())


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("checkpoints", nargs="+", help="FILE:SHARE of train.py")
    p.add_argument("--pack", type=Path, required=True, help="folder of prepare.py")
    p.add_argument("--out", type=Path, required=True)
    a = p.parse_args()
    files, shares = zip(*((name, float(share)) for name, _, share in (c.rpartition(":") for c in a.checkpoints)))
    states = [torch.load(name, map_location="cpu", weights_only=True) for name in files]
    cfg = Config(**{k: tuple(v) if isinstance(v, list) else v for k, v in states[-1]["config"].items()})
    net = Detector(cfg)
    net.load_state_dict(mean([s["ema"] for s in states], shares))
    estimate_statistics(net, cfg, a.pack)
    torch.save(states[-1] | {"ema": net.state_dict()}, a.out)


if __name__ == "__main__":
    main()
