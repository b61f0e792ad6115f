"""Studies and stores of any size, written as the real ones are: what the light wing is measured on.

`python -m benchmarks.synthesize 10000 FOLDER` writes FOLDER/sweeps/grid.yaml and a run folder for each of its cells:
nine in ten finished, the others interrupted or failed, each with the metrics of its epochs.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

from an_cli.config import Composer, cell_id, plain
from an_cli.files import canonical_json, dump_yaml

EPOCHS = 100
_STEPS = 1000
_SEEDS = 10
_BASE = ["norm=an_bn", "recipe=vanilla", "data=imagenet"]
_CODE = "c0de" * 4
_HOLDER = {"host": "node", "boot": "b", "namespace": "n", "pid": 1, "started": "1"}
_LONG_AGO = (1.7e9, 1.7e9)  # when a holder was last heard of: it is dead


def grid(cells: int) -> dict[str, Any]:
    """A grid study of so many cells, a multiple of 40: two models, two gates, ten seeds, as many learning rates."""
    lrs = cells // (4 * _SEEDS)
    return {
        "title": f"A grid of {cells} cells",
        "base": _BASE,
        "seeds": list(range(_SEEDS)),
        "grid": {
            "model": ["resnet50", "resnet101"],
            "norm.attention.gate": ["hsigmoid", "softmax"],
            "recipe.lr": [round(0.001 * (index + 1), 6) for index in range(lrs)],
        },
    }


def write_study(folder: Path, cells: int, name: str = "grid") -> None:
    """Write `sweeps/NAME.yaml`."""
    path = folder / "sweeps" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump_yaml(grid(cells)), encoding="utf-8")


def write_store(root: Path, cells: int, epochs: int = EPOCHS) -> None:
    """Write the run of every cell of a grid."""
    study, composer, metrics = grid(cells), Composer(), _metrics(epochs)
    factors = [[f"{key}={value}" for value in values] for key, values in study["grid"].items()]
    seeds = [f"seed={seed}" for seed in study["seeds"]]
    for index, words in enumerate(itertools.product(*factors, seeds)):
        composed = composer.compose([*_BASE, *words])
        cell = {"config": plain(composed.cell), "choices": dict(composed.choices)}
        _write_run(root / "runs" / cell_id(composed.cell), cell, metrics, index)


def _write_run(run: Path, cell: dict[str, Any], metrics: list[str], index: int) -> None:
    (run / "claims").mkdir(parents=True)
    (run / "claims" / "1").write_text(json.dumps(_HOLDER))
    os.utime(run / "claims" / "1", _LONG_AGO)
    (run / "cell.json").write_text(json.dumps(cell, indent=1, sort_keys=True) + "\n")
    (run / "env.jsonl").write_text(canonical_json(_attempt()) + "\n")
    ended = index % 10 < 9
    (run / "metrics.jsonl").write_text("".join(metrics if ended else metrics[: 10 + index % 50]))
    if ended:
        (run / "result.json").write_text(json.dumps(_result(index), indent=1, sort_keys=True) + "\n")
    elif index % 20 == 9:
        (run / "error.txt").write_text("training diverged: the loss is nan (step 1234)\n")


def _metrics(epochs: int) -> list[str]:
    draw = random.Random(0)
    return [
        canonical_json(
            {
                "elapsed_s": round(23.5 * (epoch + 1), 3), "epoch": epoch, "epochs": epochs, "kind": "epoch",
                "eval_loss": draw.random(), "loss": draw.random(), "lr": 0.1 * draw.random(),
                "step": (epoch + 1) * _STEPS, "steps": epochs * _STEPS,
                "top1_error_pct": round(100 * draw.random(), 3), "top5_error_pct": round(10 * draw.random(), 3),
            }
        ) + "\n"
        for epoch in range(epochs)
    ]  # fmt: skip


def _attempt() -> dict[str, Any]:
    return {
        "attempt": 1, "started_at": "2026-01-01T00:00:00+00:00", "host": "node", "pid": 1, "python": "3.11.7",
        "torch": "2.6.0", "device": "cpu", "cpu_threads": 1, "code_tree": _CODE, "commit": None,
        "train_fingerprint": "a" * 64, "eval_fingerprint": "b" * 64, "resumed_step": 0,
    }  # fmt: skip


def _result(index: int) -> dict[str, Any]:
    last = {
        "epoch": EPOCHS - 1, "loss": 1.0 + index / 1e5, "top1_error_pct": 23.0 + index % 97 / 100,
        "top5_error_pct": 7.0, "samples": 50000,
    }  # fmt: skip
    return {
        "last": last, "best": last, "steps": EPOCHS * _STEPS, "params": 25_760_000, "macs": 4_090_000_000, "attempt": 1,
        "train_s": 86400.0, "code_tree": _CODE, "data_fingerprint": "f" * 16, "device": "cpu",
    }  # fmt: skip


if __name__ == "__main__":
    write_study(Path(sys.argv[2]), int(sys.argv[1]))
    write_store(Path(sys.argv[2]), int(sys.argv[1]))
