"""Converted networks under torch.compile with its own compiler: `python -m tests.checks.compile_converted`.

Needs g++ and minutes, which is why it is no test; tests/norm/test_convert.py traces them without a compiler.
"""

from __future__ import annotations

import sys
import time
import warnings

import timm
import torch
import torchvision
from torch import nn

from an_cli.norm import convert

NETWORKS = {
    "torchvision resnet50": lambda: torchvision.models.resnet50(num_classes=10),
    "torchvision mobilenet_v2": lambda: torchvision.models.mobilenet_v2(num_classes=10, dropout=0.0),  # no random draws
    "timm resnet26": lambda: timm.create_model("resnet26", num_classes=10),
}


def check(name: str, network: nn.Module) -> float:
    """Compare logits and gradients in training mode; returns the seconds of compilation."""
    convert(network, 5)
    network.double()  # so that the order of summation does not matter
    x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    expected = network(x)
    wanted = torch.autograd.grad(expected.square().mean(), list(network.parameters()))
    start = time.monotonic()
    out = torch.compile(network, fullgraph=True)(x)
    found = torch.autograd.grad(out.square().mean(), list(network.parameters()))
    seconds = time.monotonic() - start
    torch.testing.assert_close(out, expected, rtol=1e-8, atol=1e-8, msg=name)
    for mine, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-8, msg=name)
    return seconds


def main() -> int:
    torch.manual_seed(0)
    for name in sys.argv[1:] or NETWORKS:
        seconds = check(name, NETWORKS[name]())
        print(f"{name}: one graph, same logits and gradients; compiled in {seconds:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
