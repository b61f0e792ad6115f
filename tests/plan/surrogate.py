"""Searches without training: runs whose numbers are a formula of their config, written as an attempt writes them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from an_cli.config import CellConfig, Composer
from an_cli.files import write_json
from an_cli.plan.candidates import Candidates
from an_cli.plan.searching import Assignment, Searching
from an_cli.plan.study import study_of
from an_cli.store import RunFolder, Store, take

BASE = ["model=resnet_small", "recipe=demo", "data=fashion_mnist_small"]
SPACE: dict[str, Any] = {
    "recipe.lr": {"type": "float", "low": 0.01, "high": 1.0, "log": True},
    "recipe.weight_decay": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
    "norm.attention.components": {"type": "int", "low": 1, "high": 40, "length": 4, "order": "non_decreasing"},
}
COMPOSER = Composer()


def candidates(seeds: tuple[int, ...] = (0,), **search: Any) -> Candidates:
    """A search of the surrogate; keys of `search:` beside or in place of the usual ones."""
    found = {"space": SPACE, "objectives": ["top1_error_pct"], "budget": {"trials": 12}, **search}
    content = {"base": BASE, "seeds": [*seeds], "search": found}
    return Candidates(study_of("tried", content, Path("tried.yaml")), COMPOSER)


def searching(folder: Path, made: Candidates | None = None, name: str = "tried", **more: Any) -> Searching:
    """A search in a store of its own, or as another process would open it."""
    store = Store(folder / "store")
    return Searching(made or candidates(), store, store.root / ".an-cli" / "searches" / name, **more)


def error_pct(config: CellConfig, epoch: int) -> float:
    """Error after an epoch, counted from 0: lowest near lr=0.3, with few components, falling with epochs."""
    far = abs(math.log(config.recipe.lr / 0.3)) + 0.3 * abs(math.log(config.recipe.weight_decay / 1e-4))
    many = sum(config.norm.attention.components) / 100  # type: ignore[union-attr]
    return 10 + 3 * far + many + 20 / (epoch + 1) + 0.1 * (config.seed % 7)


def _epoch(config: CellConfig, epoch: int) -> dict[str, object]:
    of = {"epoch": epoch, "epochs": config.recipe.epochs, "step": epoch + 1, "steps": config.recipe.epochs}
    errors = {"loss": 1.0, "top1_error_pct": error_pct(config, epoch), "top5_error_pct": 1.0}
    return {"kind": "epoch", **of, "elapsed_s": 36.0 * (epoch + 1), **errors}


def train(run: RunFolder, config: CellConfig, until: int | None = None) -> None:
    """Make an attempt: all epochs, or as many as the launch asks for."""
    claim = take(run)
    assert claim is not None
    epochs = config.recipe.epochs if until is None else min(until, config.recipe.epochs)
    lines = [_epoch(config, epoch) for epoch in range(epochs)]
    run.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    if epochs == config.recipe.epochs:
        last = {"epoch": epochs - 1, "loss": 1.0, "samples": 10, "top1_error_pct": error_pct(config, epochs - 1)}
        evaluation = {**last, "top5_error_pct": 1.0}
        params = 1000 * sum(config.norm.attention.components)  # type: ignore[union-attr]
        write_json(run.result, {
            "last": evaluation, "best": evaluation, "steps": epochs, "params": params, "macs": 2000, "attempt": 1,
            "train_s": 36.0 * epochs, "code_tree": "0" * 16, "data_fingerprint": "1" * 16, "device": "paper",
        })  # fmt: skip
        claim.release()
    else:
        claim.release(f"paused after epoch {epochs}")


def make(search: Searching, task: Assignment) -> None:
    """Run an assignment as a worker does: prepare, link, train."""
    for cell in task.cells:
        run = search.store.prepare(cell.config, cell.choices)
        search.store.link(search.folder.name, cell.label, run)
        if not run.result.exists():
            train(run, cell.config, task.until)


def work(search: Searching, owner: dict[str, Any] | None = None, steps: int = 10_000) -> int:
    """Be a worker until the search is over, or for so many assignments; returns how many were made."""
    me = owner or {"pid": 1}
    count = 0
    while count < steps:
        task = search.take(me, lambda other: False)
        if not isinstance(task, Assignment):
            break
        while task is not None and count < steps:
            make(search, task)
            count += 1
            task = search.tell(task, me)
    return count
