"""Studies and stores of any size, written as the real ones are: what the light wing is measured on.

`python -m benchmarks.synthesize FOLDER` writes grids of 1,000 and 10,000 cells into FOLDER/sweeps, a store of 10,000
runs into FOLDER/big, and a finished demo into FOLDER/demo.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path
from typing import Any

from an_cli.config import plain
from an_cli.files import canonical_json, dump_yaml
from an_cli.plan import Cell, load_study, make_plan
from an_cli.store import code_tree

_SEEDS = 10
_STEPS = 1000  # an epoch
_HOLDER = {"host": "node", "boot": "b", "namespace": "n", "pid": 1, "started": "1"}
_LONG_AGO = (1.7e9, 1.7e9)  # when a holder was last heard of: it is dead


def write_grid(folder: Path, name: str, cells: int) -> None:
    """Write `sweeps/NAME.yaml`, a grid of so many cells (a multiple of 40): models, gates, learning rates, seeds."""
    study = {
        "title": f"A grid of {cells} cells",
        "base": ["norm=an_bn", "recipe=vanilla", "data=imagenet"],
        "seeds": list(range(_SEEDS)),
        "grid": {
            "model": ["resnet50", "resnet101"],
            "norm.attention.gate": ["hsigmoid", "softmax"],
            "recipe.lr": [round(0.001 * (index + 1), 6) for index in range(cells // (4 * _SEEDS))],
        },
    }
    path = folder / "sweeps" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump_yaml(study), encoding="utf-8")


def write_runs(root: Path, cells: Iterable[Cell], *, unfinished: int = 0, epochs: int = 100) -> None:
    """Write the run folders of cells, each with the metrics of its epochs.

    Args:
        root: of the store.
        cells: of a plan.
        unfinished: every so many-th run is interrupted or failed; 0: all are finished.
        epochs: lines of metrics of a finished run.
    """
    lines = metrics(epochs)
    for index, cell in enumerate(cells):
        run = root / "runs" / cell.id
        (run / "claims").mkdir(parents=True)
        (run / "claims" / "1").write_text(json.dumps(_HOLDER))
        os.utime(run / "claims" / "1", _LONG_AGO)
        _write(run / "cell.json", {"config": plain(cell.config), "choices": dict(cell.choices)})
        (run / "env.jsonl").write_text(canonical_json(_attempt()) + "\n")
        ended = not unfinished or index % unfinished
        (run / "metrics.jsonl").write_text("".join(lines if ended else lines[: 10 + index % 50]))
        if ended:
            _write(run / "result.json", _result(index, epochs))
        elif index % (2 * unfinished):
            (run / "error.txt").write_text("training diverged: the loss is nan (step 1234)\n")


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def metrics(epochs: int) -> list[str]:
    """Lines of the metrics of a run of so many epochs."""
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
        "torch": "2.6.0", "device": "cpu", "cpu_threads": 1, "code_tree": code_tree(), "commit": None,
        "train_fingerprint": "a" * 64, "eval_fingerprint": "b" * 64, "resumed_step": 0,
    }  # fmt: skip


def _result(index: int, epochs: int) -> dict[str, Any]:
    last = {
        "epoch": epochs - 1, "loss": 1.0 + index / 1e5, "top1_error_pct": 23.0 + index % 97 / 100,
        "top5_error_pct": 7.0, "samples": 50000,
    }  # fmt: skip
    return {
        "last": last, "best": last, "steps": epochs * _STEPS, "params": 25_760_000, "macs": 4_090_000_000, "attempt": 1,
        "train_s": 86400.0, "code_tree": code_tree(), "data_fingerprint": "f" * 16, "device": "cpu",
    }  # fmt: skip


def write_all(folder: Path) -> None:
    """Write everything that the benchmarks run on."""
    for cells in (1000, 10000):
        write_grid(folder, f"grid{cells}", cells)
    with chdir(folder):
        write_runs(folder / "big", make_plan(load_study("grid10000")).cells, unfinished=10)
        write_runs(folder / "demo", make_plan(load_study("demo")).cells, epochs=4)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
