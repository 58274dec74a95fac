"""Curves: training loss from the logs of train.py, AP50 per source and detector from evaluation.json."""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def losses(logs, target):
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.8))
    for log in logs:
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        for ax, key, title in zip(axes, ("total", "class", "box"), ("total", "classes (varifocal)", "boxes (1 - GIoU)")):
            ax.plot([r["step"] for r in rows], [r[key] for r in rows], label=log.stem, linewidth=1)
            ax.set(title=f"loss: {title}", xlabel="step (128 pictures)")
            ax.grid(alpha=0.3)
    axes[0].set_ylim(1.0, 3.0)
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(target, dpi=90)


def ap(evaluation, target):
    data = json.loads(evaluation.read_text())["ap_and_ap50"]
    keys = list(next(iter(data.values())))
    figure, ax = plt.subplots(figsize=(13, 4.5))
    width = 0.85 / len(data)
    colours = plt.get_cmap("tab20").colors
    for i, (name, values) in enumerate(data.items()):
        ax.bar([j + i * width for j in range(len(keys))], [values[k][1] for k in keys], width, label=name, color=colours[i % 20])
    ax.set_xticks([j + 0.4 for j in range(len(keys))], [k.replace("/", "\n").replace("person-bicycle", "p-b") for k in keys], fontsize=7)
    ax.set(ylabel="AP50", title="AP50 on held-out sources")
    ax.legend(fontsize=7, ncols=3)
    ax.grid(alpha=0.3, axis="y")
    figure.tight_layout()
    figure.savefig(target, dpi=90)


def curve(file, target):
    """AP50 over the share of the training pictures, at equal steps, and what the long run reached."""
    data = json.loads(file.read_text())
    shares = sorted(data["ap50"], key=float)
    figure, ax = plt.subplots(figsize=(8, 4.2))
    for i, key in enumerate(data["ap50"][shares[0]]):
        colour = plt.get_cmap("tab10").colors[i]
        ax.plot([float(s) * 100 for s in shares], [data["ap50"][s][key] for s in shares], "o-", color=colour, label=key)
        ax.plot(108, data["ap50_of_17018_steps"][key], "*", color=colour, markersize=11)
    ax.set(xlabel=f"share of {data['pictures']:,} pictures, %   (stars: 17,018 steps on all)", ylabel="AP50", title=f"{data['steps']:,} steps of {data['batch']}")
    ax.set_xticks([float(s) * 100 for s in shares])
    ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    ax.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(target, dpi=90)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    a = p.parse_args()
    logs = sorted(a.results.glob("*.jsonl"))
    if logs:
        losses(logs, a.results / "loss.png")
    if (a.results / "curve.json").exists():
        curve(a.results / "curve.json", a.results / "curve.png")
    if (a.results / "evaluation.json").exists():
        ap(a.results / "evaluation.json", a.results / "ap50.png")


if __name__ == "__main__":
    main()
