"""What attentive normalization costs beside batch normalization, in one run: `python -m benchmarks.norm_layers`.

Both layers take turns on the same feature map, in processor time of all threads, and the ratio is the median over the
turns with its quartiles, so that a busy machine shows in both. Three phases: forward in evaluation mode (no gradient),
forward in training mode, and forward with backward. Prints JSON; `--write` puts it into
benchmarks/results/norm_layers.json as well.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from an_cli.norm import AttentiveNorm2d, path_of

RESULTS = Path(__file__).with_name("results") / "norm_layers.json"
SHAPES = ((64, 32, 14, 14), (64, 16, 28, 28), (16, 64, 56, 56), (32, 256, 14, 14), (32, 512, 7, 7))
THREADS = (1, 2)
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
COMPONENTS = 10
_REPEATS = 60


def _eval_forward(layer: nn.Module, x: Tensor, upstream: Tensor) -> Callable[[], object]:
    layer.eval()

    @torch.no_grad()
    def run() -> object:
        return layer(x)

    return run


def _train_forward(layer: nn.Module, x: Tensor, upstream: Tensor) -> Callable[[], object]:
    layer.train()
    return lambda: layer(x)


def _forward_backward(layer: nn.Module, x: Tensor, upstream: Tensor) -> Callable[[], object]:
    layer.train()
    leaves = [x, *layer.parameters()]
    return lambda: torch.autograd.grad(layer(x), leaves, upstream)


PHASES = {"eval forward": _eval_forward, "train forward": _train_forward, "forward and backward": _forward_backward}


def compare(shape: tuple[int, ...], layout: str, phase: str, threads: int, repeats: int) -> dict[str, object]:
    """Best microseconds of BN and AN, and the median ratio of their turns with its quartiles."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x = torch.randn(shape).to(memory_format=LAYOUTS[layout]).requires_grad_()
    upstream = torch.randn_like(x)
    layers = (nn.BatchNorm2d(shape[1]), AttentiveNorm2d(shape[1], COMPONENTS))
    bn, an = (PHASES[phase](layer, x, upstream) for layer in layers)
    turns = [(_seconds(bn), _seconds(an)) for _ in range(repeats + 3)][3:]  # the first ones allocate
    low, middle, high = statistics.quantiles((other / one for one, other in turns), n=4)
    return {
        "shape": shape,
        "layout": layout,
        "phase": phase,
        "threads": threads,
        "bn_us": round(min(one for one, _ in turns) * 1e6),
        "an_us": round(min(other for _, other in turns) * 1e6),
        "ratio": round(middle, 2),
        "quartiles": [round(low, 2), round(high, 2)],
    }


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _keep_memory() -> None:
    """Let freed memory be used again: fresh pages from the system cost up to six times the arithmetic, by chance."""
    mmap_threshold, trim_threshold = -3, -1
    libc = ctypes.CDLL(None)
    libc.mallopt(mmap_threshold, 1 << 25)
    libc.mallopt(trim_threshold, (1 << 31) - 1)


def main() -> None:
    """Measure every shape, layout and phase."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=_REPEATS)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    _keep_memory()
    rows = [
        compare(shape, layout, phase, threads, asked.repeats)
        for threads in THREADS
        for shape in SHAPES
        for layout in LAYOUTS
        for phase in PHASES
    ]
    machine = {
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
        "path": path_of(torch.device("cpu"), torch.float32),
        "load": round(os.getloadavg()[0], 1),
    }
    text = json.dumps({"components": COMPONENTS, **machine, "rows": rows}, indent=1)
    print(text)
    if asked.write:
        RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
