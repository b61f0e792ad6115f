"""The GPU paths, checked and measured in one run: `bash benchmarks/gpu.sh [--dry]`.

Checks: the AN layer against the reference vectors in float64; the layer in lower precisions and channels-last against
itself in float64; whole runs through the worker in every precision, with replicas, and on two ranks (nccl) where there
are two GPUs. Measures: training steps of torchvision's ResNet-50 and of ours with BN and with AN, bf16 and
channels-last, with synthetic input, in turn in the same loop. A check that fails is reported, and the rest goes on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from an_cli.config import compose
from an_cli.launch.prepare import prepare_run, settle
from an_cli.models import make_model
from an_cli.norm import AttentiveNorm2d
from an_cli.store import RunFolder, Store, read_result
from an_cli.train import checkpoint
from tests.norm.test_golden import _CASES, _get, _layer
from tests.tiny import TINY

_TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 3e-2, torch.float16: 4e-3}


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured."""

    image: int
    batch: int
    warm_up: int
    steps: int
    rounds: int


FULL = Size(image=224, batch=128, warm_up=10, steps=20, rounds=5)
DRY = Size(image=32, batch=4, warm_up=1, steps=1, rounds=1)


def goldens(device: torch.device) -> str:
    """Output, lambda and input gradient of every reference case, in training and evaluation, in float64."""
    worst = 0.0
    for case in _CASES:
        for mode in ("train", "eval"):
            layer = _layer(case).to(device).train(mode == "train")
            x = _get(case, "x").to(device).requires_grad_()
            out = layer(x)
            out.backward(_get(case, "upstream_grad").to(device))
            assert x.grad is not None
            found = {"out": out.detach(), "grad_x": x.grad}
            worst = max(worst, *(_apart(found[name], _get(case, f"{mode}/{name}")) for name in found))
    return _below(worst, _TOLERANCE[torch.float64], f"{len(_CASES)} cases")


def precisions(device: torch.device) -> str:
    """The layer in every precision and both layouts, forward and backward, against itself in float64 on the CPU."""
    torch.manual_seed(0)
    x, upstream = torch.randn(16, 32, 14, 14) * 2 + 1, torch.randn(16, 32, 14, 14)
    said = []
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        for layout in (torch.contiguous_format, torch.channels_last):
            torch.manual_seed(1)
            layer = AttentiveNorm2d(32, 10)
            exact = _passes(layer.double(), x.to(dtype).double(), upstream.to(dtype).double())
            ours = _passes(
                layer.float().to(device), _put(x, device, dtype, layout), _put(upstream, device, dtype, layout)
            )
            apart = max(_apart(mine.double(), other) for mine, other in zip(ours, exact, strict=True))
            said.append(_below(apart, _TOLERANCE[dtype] * 10, f"{dtype} {layout}"))
    return "; ".join(said)


def _put(x: Tensor, device: torch.device, dtype: torch.dtype, layout: torch.memory_format) -> Tensor:
    return x.to(device, dtype).to(memory_format=layout)


def _passes(layer: nn.Module, x: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    out = layer(x.requires_grad_())
    return out.detach(), torch.autograd.grad(out, x, upstream)[0]


def _apart(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.cpu() - theirs).abs().max())


def _below(apart: float, tolerance: float, what: str) -> str:
    if not apart <= tolerance:
        raise AssertionError(f"{what}: {apart:.1e} apart, {tolerance:.0e} allowed")
    return f"{what}: {apart:.1e} apart"


def train_in(precision: str, device: torch.device, folder: Path) -> str:
    """A tiny cell from its first to its last epoch through the worker, with replicas in turn."""
    words = [f"recipe.precision={precision}", "recipe.replicas=2", "recipe.batch_per_replica=5"]
    words += ["recipe.loss_scale=128"] if precision == "fp16" else []
    result = read_result(_run(folder / precision, device, words))
    return f"{result.steps} steps on {result.device}, loss {result.last.loss:.3f}"


def ranks(device: torch.device, folder: Path) -> str:
    """Two replicas on one process and on two give the same weights."""
    words = ["recipe.precision=fp64", "recipe.replicas=2", "recipe.batch_per_replica=5"]
    one, two = _run(folder / "one", device, words), _run(folder / "two", device, [*words, "launch.ranks=2"])
    states = [checkpoint.load_newest(run) for run in (one, two)]
    assert states[0] is not None
    assert states[1] is not None
    here, there = states[0]["model"], states[1]["model"]
    return _below(max(_apart(here[name].double(), there[name].cpu().double()) for name in here), 1e-8, "weights")


def _run(folder: Path, device: torch.device, words: Sequence[str]) -> RunFolder:
    composed = compose([*TINY, *words, f"launch.device={device.type}"])
    run = prepare_run(composed.cell, composed.choices, settle(composed.launch), Store(folder))
    command = [sys.executable, "-m", "an_cli.worker", "run", str(run.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"the worker ended with {done.returncode}: {done.stderr[-2000:]}")
    return run


def networks() -> dict[str, nn.Module]:
    """Torchvision's ResNet-50, and ours with BN and with AN."""
    made: dict[str, nn.Module] = {"torchvision bn": torchvision.models.resnet50()}
    for norm in ("bn", "an_bn"):
        cell = compose(["model=resnet50", f"norm={norm}"]).cell
        made[f"ours {norm}"] = make_model(cell.model, cell.norm, cell.recipe, classes=1000, channels=3)
    return made


def throughput(device: torch.device, size: Size) -> dict[str, dict[str, float]]:
    """Images per second of training, median over rounds in which the networks take turns."""
    torch.backends.cudnn.benchmark = True
    layout = torch.channels_last
    images = _put(torch.randn(size.batch, 3, size.image, size.image), device, torch.float32, layout)
    labels = torch.randint(0, 1000, (size.batch,), device=device)
    steps = {name: _step(network, images, labels) for name, network in networks().items()}
    peaks: dict[str, float] = {}
    for name, step in steps.items():
        _reset_peak(device)
        _seconds(step, size.warm_up, device)
        peaks[name] = _peak_gib(device)
    rates: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(size.rounds):
        for name, step in steps.items():
            rates[name].append(size.batch * size.steps / _seconds(step, size.steps, device))
    medians = {name: statistics.median(rate) for name, rate in rates.items()}
    return {
        name: {
            "images_per_s": round(rate, 1),
            "of_torchvision": round(rate / medians["torchvision bn"], 3),
            "spread_pct": round(100 * (max(rates[name]) - min(rates[name])) / rate, 1),
            "peak_gib_while_all_are_loaded": peaks[name],
        }
        for name, rate in medians.items()
    }


def _step(network: nn.Module, images: Tensor, labels: Tensor) -> Callable[[], object]:
    network = network.to(images.device).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(images.device.type, torch.bfloat16):
            loss = nn.functional.cross_entropy(network(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _seconds(step: Callable[[], object], count: int, device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    for _ in range(count):
        step()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()


def _peak_gib(device: torch.device) -> float:
    return round(torch.cuda.max_memory_allocated() / 2**30, 2) if device.type == "cuda" else 0.0


def check(checks: Mapping[str, Callable[[], str]]) -> dict[str, dict[str, Any]]:
    """Make all checks, whatever becomes of each."""
    found: dict[str, dict[str, Any]] = {}
    for name, run in checks.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        start = time.monotonic()
        try:
            said, passed = run(), True
        except Exception as error:
            said, passed = f"{type(error).__name__}: {error}", False
        found[name] = {"passed": passed, "said": said, "seconds": round(time.monotonic() - start, 1)}
    return found


def checks_for(device: torch.device, folder: Path) -> dict[str, Callable[[], str]]:
    """What there is to check on a device."""
    gpus = torch.cuda.device_count() if device.type == "cuda" else 0
    kinds = ("fp32", "bf16", "fp16") if gpus else ("fp32", "bf16")  # a CPU refuses fp16
    made: dict[str, Callable[[], str]] = {
        "AN against the reference vectors, float64": lambda: goldens(device),
        "AN in lower precisions, both layouts": lambda: precisions(device),
    }
    for kind in kinds:
        made[f"training in {kind}, 2 replicas"] = partial(train_in, kind, device, folder)
    if gpus != 1:
        made[f"2 replicas on 2 ranks ({'nccl' if gpus else 'gloo'})"] = lambda: ranks(device, folder)
    return made


def main() -> int:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(prog="benchmarks/gpu.sh")
    parser.add_argument("--dry", action="store_true", help="on the CPU, at a tiny size")
    asked = parser.parse_args()
    if not asked.dry and not torch.cuda.is_available():
        print("no GPU is visible; --dry runs on the CPU", file=sys.stderr)
        return 1
    device = torch.device("cpu" if asked.dry else "cuda")
    size = DRY if asked.dry else FULL
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        checks = check(checks_for(device, Path(folder)))
    print("throughput ...", file=sys.stderr, flush=True)
    answer = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "gpus": torch.cuda.device_count(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "dry": asked.dry,
        "checks": checks,
        "training": {
            "network": "ResNet-50",
            "precision": "bf16",
            "layout": "channels_last",
            "image": size.image,
            "batch": size.batch,
            **throughput(device, size),
        },
        "seconds": round(time.monotonic() - start, 1),
    }
    print(json.dumps(answer, indent=1))
    return 0 if all(one["passed"] for one in checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
