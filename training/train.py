"""Train one variant on one GPU, in pieces if need be: every piece ends with a checkpoint from which `--resume` goes on.

The learning rate follows the number of steps; `--budget SECONDS` measures the speed first and sets the number of steps so that
training ends then (over all pieces).
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
from detector.data import Store, make_batch
from detector.loss import loss
from detector.net import CONFIGS, Detector, anchors
from detector.signs import atlas

WARM_UP = 500
FINAL_LR = 0.02  # of the peak
CALM = 0.12  # last share of the steps: few mosaics, weak effects (YOLOX, Ge et al. 2021)
EMA_DECAY, EMA_RAMP = 0.9998, 2000
CLIP_NORM = 10.0
MEASURE_AFTER, MEASURE_STEPS = 300, 100
SPRITES = 600


def learning_rate(step, steps):
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    t = (step - WARM_UP) / max(steps - WARM_UP, 1)
    return FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * min(t, 1.0)))


def parameter_groups(net, decay):
    """Weight decay for convolution weights only."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def compile_parts():
    """Fuse the chains of small operations that make and change batches."""
    data.sample = torch.compile(data.sample, dynamic=False)
    effects.colour = torch.compile(effects.colour, dynamic=False)


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
    p.add_argument("--budget", type=float, help="seconds of training in all: sets the number of steps")
    p.add_argument("--stop-after", type=float, default=1e9, help="end this piece after so many seconds")
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--lr", type=float, default=2.5e-3)
    p.add_argument("--decay", type=float, default=0.05)
    p.add_argument("--limit", type=int, help="use only the first pictures (to try things)")
    p.add_argument("--share", type=float, default=1.0, help="use this share of the pictures, drawn at random (learning curve)")
    p.add_argument("--compile", action="store_true")
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

    forward = torch.compile(net, dynamic=False) if a.compile else net
    criterion = torch.compile(loss, dynamic=False) if a.compile else loss
    if a.compile:
        compile_parts()

    def save():
        state = {
            "config": asdict(cfg), "variant": a.variant, "step": step, "steps": steps, "spent": spent,
            "net": net.state_dict(), "ema": average.net.state_dict(), "optimiser": optimiser.state_dict(),
        }
        torch.save({k: state[k] for k in ("config", "variant", "step", "steps", "ema")}, a.out / "weights.pt")
        torch.save(state, a.out / "checkpoint.tmp")
        (a.out / "checkpoint.tmp").replace(a.out / "checkpoint.pt")

    log = open(a.out / "log.jsonl", "a")
    piece, saved, measured, sums, count = time.time(), time.time(), None, {}, 0
    bar = tqdm(total=steps, initial=step, mininterval=10, desc=a.variant)
    while step < steps and time.time() - begin < a.stop_after:
        calm = step > steps * (1 - CALM)
        for group in optimiser.param_groups:
            group["lr"] = a.lr * learning_rate(step, steps)
        with torch.no_grad():
            x, rows, background = make_batch(store, a.batch, height, width, centres, 0.1 if calm else 0.6)
            x, rows = augment(x, rows, background, sprites, 0.5 if calm else 1.0)
            x = x.to(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16):
            logits, distances = forward(x)
        total, parts = criterion(logits, distances, rows, background, centres, strides)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP_NORM, foreach=True)
        optimiser.step()
        average.update(step)
        step += 1
        count += 1
        bar.update(1)
        if count % 10 == 0:
            for k, v in {"total": total.detach(), **parts}.items():
                sums.setdefault(k, []).append(v)
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
        if a.budget and not a.resume and count in (MEASURE_AFTER, MEASURE_AFTER + MEASURE_STEPS):
            if device.type == "cuda":
                torch.cuda.synchronize()
            if measured is None:
                measured = time.time()
            else:
                rate = (time.time() - measured) / MEASURE_STEPS
                steps = count + int((a.budget - (time.time() - piece)) / rate)
                bar.total = steps
                print(f"{rate * 1e3:.1f} ms a step, {a.batch / rate:.0f} pictures/s: {steps} steps", flush=True)
        if time.time() - saved > a.save_every:
            spent_before, spent = spent, spent + time.time() - piece
            save()
            spent, saved = spent_before, time.time()
    spent += time.time() - piece
    save()
    bar.close()
    print(f"step {step} of {steps}, {spent:.0f} s of training", flush=True)


if __name__ == "__main__":
    main()
