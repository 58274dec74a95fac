"""Write the fp32 ONNX file of a trained checkpoint: input `images`, outputs `boxes` and `scores`, boxes decoded in the graph."""

import argparse
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper

from detector.net import CONFIGS, CLASSES, Config, Detector, Exported, macs

OPSET, IR_VERSION = 17, 8
# Added to the class logits: training with ignored regions leaves scores too high. With these, a score is close to the share of boxes
# of that score that are right on the held-out sources. Order and AP of a class do not change.
LOGIT_SHIFT = (-0.4, -0.85, -0.85, -0.4)


def load(checkpoint):
    """The averaged network of a checkpoint, folded for use, and its configuration."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    cfg = Config(**{k: tuple(v) if isinstance(v, list) else v for k, v in state["config"].items()})
    net = Detector(cfg)
    net.load_state_dict(state["ema"])
    with torch.no_grad():
        for head in net.heads:
            head.cls.bias += torch.tensor(LOGIT_SHIFT)
    return net.deploy(), cfg


def name_dims(model):
    """Give inputs and outputs their documented shapes."""
    def dims(value, shape):
        value.type.CopyFrom(helper.make_tensor_type_proto(TensorProto.FLOAT, shape))

    dims(model.graph.input[0], ["N", 3, "H", "W"])
    dims(model.graph.output[0], ["N", "M", 4])
    dims(model.graph.output[1], ["N", "M", CLASSES])


def export(net, cfg, path):
    x = torch.rand(1, 3, *cfg.size)
    torch.onnx.export(
        Exported(net).eval(), (x,), str(path), input_names=["images"], output_names=["boxes", "scores"], opset_version=OPSET,
        dynamic_axes={"images": {0: "N", 2: "H", 3: "W"}, "boxes": {0: "N", 1: "M"}, "scores": {0: "N", 1: "M"}},
        dynamo=False, do_constant_folding=True,
    )
    model = onnx.load(str(path))
    name_dims(model)
    model.ir_version = IR_VERSION
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
    return model


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("checkpoint", nargs="?", help="checkpoint of train.py")
    p.add_argument("--config", choices=CONFIGS, help="export random weights of this variant (to measure its speed)")
    p.add_argument("--out", required=True, type=Path)
    a = p.parse_args()
    if a.checkpoint:
        net, cfg = load(a.checkpoint)
    elif a.config:
        cfg = CONFIGS[a.config]
        net = Detector(cfg).deploy()
    else:
        p.error("give a checkpoint or --config")
    a.out.parent.mkdir(parents=True, exist_ok=True)
    export(net, cfg, a.out)
    m, n = macs(net, *cfg.size)
    print(f"{a.out}: {a.out.stat().st_size / 1e6:.2f} MB, {n / 1e6:.2f} M parameters, {m / 1e9:.2f} GMAC at {cfg.size[1]}x{cfg.size[0]}")


if __name__ == "__main__":
    main()
