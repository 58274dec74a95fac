"""Train one variant on one GPU, in pieces if need be: every piece ends with a checkpoint from which `--resume` goes on.

The learning rate follows the number of steps or, with `--budget SECONDS`, the time (over all pieces).
"""

import argparse
import copy
import json
import math
import random
import time
from dataclasses import asdict
from pathlib import Path

import torch
from tqdm import tqdm

from detector import augment as effects
from detector import data
from detector.augment import augment
from detector.data import MAX_TARGETS, Store, make_batch
from detector.graphs import Recorded
from detector.loss import loss
from detector.net import CONFIGS, Detector, anchors
from detector.signs import atlas

WARM_UP = 500
FINAL_LR = 0.02  # of the peak
CALM = 0.12  # last share of the steps: few mosaics, weak effects (YOLOX, Ge et al. 2021)
EMA_DECAY, EMA_RAMP = 0.9998, 2000
CLIP_NORM = 10.0
SPRITES = 600
MOSAIC, STRENGTH = 0.6, 1.0  # share of mosaics, strength of the effects
CALM_MOSAIC, CALM_STRENGTH = 0.1, 0.5
RECORDINGS = 8  # of making a batch, each with other choices of Python's `random`


def learning_rate(step, done):
    """Of the peak, after the share `done` of the training."""
    return min((step + 1) / WARM_UP, FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def parameter_groups(net, decay):
    """Weight decay for convolution weights only."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def compile_parts():
    """Fuse the chains of small operations that make and change batches."""
    data.sample = torch.compile(data.sample, dynamic=False)
    for name in ("colour", "gamma", "noise", "night", "jpeg"):
        setattr(effects, name, torch.compile(getattr(effects, name), dynamic=False))


class Batches:
    """Makes batches in fixed tensors: `x` [B, 3, H, W], `rows` [B, MAX_TARGETS, 6], `background` [B, M, 4]."""

    def __init__(self, store, sprites, batch, height, width, centres, record):
        d = store.device
        self.store, self.sprites, self.centres, self.record = store, sprites, centres, record
        self.x = torch.zeros((batch, 3, height, width), dtype=torch.bfloat16, device=d).to(memory_format=torch.channels_last)
        self.rows = torch.zeros((batch, MAX_TARGETS, 6), device=d)
        self.background = torch.zeros((batch, len(centres), 4), device=d)
        effects.load_constants(torch.zeros((), device=d))
        self.calm, self.recordings = None, []

    @torch.no_grad()
    def make(self):
        batch, _, height, width = self.x.shape
        x, rows, background = make_batch(self.store, batch, height, width, self.centres, CALM_MOSAIC if self.calm else MOSAIC)
        x, rows = augment(x, rows, background, self.sprites, CALM_STRENGTH if self.calm else STRENGTH)
        self.x.copy_(x)
        self.rows.copy_(rows)
        self.background.copy_(background)

    def next(self, calm):
        if calm != self.calm:
            self.calm, self.recordings = calm, []
            if self.record:
                pool = torch.cuda.graph_pool_handle()
                self.recordings = [Recorded(self.make, pool) for _ in range(RECORDINGS)]
        random.choice(self.recordings or [self.make])()


class Gradients:
    """Runs the network forward and back on the tensors of `batches`; leaves the loss and its parts in `parts`."""

    def __init__(self, net, batches, centres, strides, fuse):
        self.net, self.batches, self.centres, self.strides = net, batches, centres, strides
        self.forward = torch.compile(net, dynamic=False) if fuse else net
        self.loss = torch.compile(loss, dynamic=False) if fuse else loss
        self.parts = {}

    def __call__(self):
        b = self.batches
        for p in self.net.parameters():
            p.grad = None
        with torch.autocast(b.x.device.type, torch.bfloat16):
            logits, distances = self.forward(b.x)
        total, parts = self.loss(logits, distances, b.rows, b.background, self.centres, self.strides)
        total.backward()
        self.parts = {"total": total.detach(), **parts}


class Average:
    """Exponential moving average of weights and statistics."""

    def __init__(self, net):
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        mine, theirs = self.net.state_dict(), net.state_dict()
        floats = [k for k, v in mine.items() if v.dtype.is_floating_point]
        self.mine, self.theirs = [mine[k] for k in floats], [theirs[k] for k in floats]

    @torch.no_grad()
    def update(self, step):
        decay = EMA_DECAY * (1 - math.exp(-(step + 1) / EMA_RAMP))
        torch._foreach_lerp_(self.mine, self.theirs, 1 - decay)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--pack", type=Path, required=True, help="folder of prepare.py")
    p.add_argument("--out", type=Path, required=True, help="folder for checkpoint and log")
    p.add_argument("--variant", choices=CONFIGS, default="street")
    p.add_argument("--resume", type=Path, help="checkpoint to go on from")
    p.add_argument("--weights", type=Path, help="checkpoint to take first weights from (new schedule)")
    p.add_argument("--steps", type=int, default=20000)
    p.add_argument("--budget", type=float, help="seconds of training in all, instead of --steps")
    p.add_argument("--stop-after", type=float, default=1e9, help="end this piece after so many seconds")
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--lr", type=float, default=2.5e-3)
    p.add_argument("--decay", type=float, default=0.05)
    p.add_argument("--limit", type=int, help="use only the first pictures (to try things)")
    p.add_argument("--share", type=float, default=1.0, help="use this share of the pictures, drawn at random (learning curve)")
    p.add_argument("--compile", action="store_true", help="fuse operations")
    p.add_argument("--graphs", action="store_true", help="record steps as CUDA graphs")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--save-every", type=float, default=120, help="seconds between checkpoints")
    a = p.parse_args()
    begin = time.time()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(a.seed)
    random.seed(a.seed)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    a.out.mkdir(parents=True, exist_ok=True)

    cfg = CONFIGS[a.variant]
    net = Detector(cfg).to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(parameter_groups(net, a.decay), lr=a.lr, fused=device.type == "cuda")
    average = Average(net)
    step, steps, spent = 0, a.steps, 0.0
    if a.weights:
        state = torch.load(a.weights, map_location=device, weights_only=True)
        net.load_state_dict(state["ema"])
        average = Average(net)
    if a.resume:
        state = torch.load(a.resume, map_location=device, weights_only=True)
        net.load_state_dict(state["net"])
        average.net.load_state_dict(state["ema"])
        optimiser.load_state_dict(state["optimiser"])
        step, steps, spent = state["step"], state["steps"], state["spent"]
        torch.manual_seed(a.seed + step)
    store = Store(a.pack, device, a.limit, a.share)
    sprites = torch.from_numpy(atlas(SPRITES)).to(device)
    height, width = cfg.size
    centres, strides = anchors(height, width, device)
    print(f"{len(store)} pictures in {time.time() - begin:.0f} s, {device}", flush=True)

    if a.compile:
        compile_parts()
    batches = Batches(store, sprites, a.batch, height, width, centres, a.graphs)
    compute = gradients = Gradients(net, batches, centres, strides, a.compile)

    def save():
        state = {
            "config": asdict(cfg), "variant": a.variant, "step": step, "steps": steps, "spent": spent,
            "net": net.state_dict(), "ema": average.net.state_dict(), "optimiser": optimiser.state_dict(),
        }
        torch.save({k: state[k] for k in ("config", "variant", "step", "steps", "ema")}, a.out / "weights.pt")
        torch.save(state, a.out / "checkpoint.tmp")
        (a.out / "checkpoint.tmp").replace(a.out / "checkpoint.pt")

    log = open(a.out / "log.jsonl", "a")
    piece, saved, sums, count = time.time(), time.time(), {}, 0
    bar = tqdm(total=None if a.budget else steps, initial=step, mininterval=10, desc=a.variant)
    while time.time() - begin < a.stop_after:
        done = (spent + time.time() - piece) / a.budget if a.budget else step / steps
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = a.lr * learning_rate(step, done)
        batches.next(done > 1 - CALM)
        if a.graphs and count == 0:
            gradients = Recorded(compute)
        gradients()
        torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP_NORM, foreach=True)
        optimiser.step()
        average.update(step)
        step += 1
        count += 1
        bar.update(1)
        if count % 10 == 0:
            for k, v in compute.parts.items():
                sums.setdefault(k, []).append(v.clone())
        if count % 100 == 0:
            row = {"step": step, "lr": optimiser.param_groups[0]["lr"], **{k: torch.stack(v).float().mean().item() for k, v in sums.items()}}
            row["seconds"] = round(spent + time.time() - piece, 1)
            row["pictures_per_second"] = round(a.batch * count / (time.time() - piece), 1)
            sums = {}
            log.write(json.dumps(row) + "\n")
            log.flush()
            bar.set_postfix(loss=f"{row['total']:.3f}")
            if not math.isfinite(row["total"]):
                raise SystemExit("the loss is not finite")
        if time.time() - saved > a.save_every:
            spent_before, spent = spent, spent + time.time() - piece
            save()
            spent, saved = spent_before, time.time()
    spent += time.time() - piece
    save()
    bar.close()
    print(f"step {step}, {spent:.0f} s of training", flush=True)


if __name__ == "__main__":
    main()
