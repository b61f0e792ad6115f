"""Hours come from what was measured, and are silent before anything was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from an_cli.config import cell_id
from an_cli.files import write_json
from an_cli.launch import Costs
from an_cli.launch.ask.spending import estimate, remember_smoke
from an_cli.plan import Cell
from an_cli.store import RunFolder, Store, read_config

EVALUATION = {"epoch": 2, "loss": 1.0, "top1_error_pct": 1.0, "top5_error_pct": 1.0, "samples": 20}


def finish(run: RunFolder, train_s: float, device: str = "NVIDIA H100") -> None:
    numbers = {"last": EVALUATION, "best": EVALUATION, "steps": 1, "params": 10, "macs": 1000, "attempt": 1}
    more = {"train_s": train_s, "code_tree": "c", "data_fingerprint": "d", "device": device}
    write_json(run.result, {**numbers, **more})


def test_hours_scale_with_the_work(make_run: Callable[..., RunFolder]) -> None:
    for seed, seconds in enumerate((3600.0, 7200.0, 5400.0)):
        finish(make_run(overrides=[f"seed={seed}"]), seconds)
    finish(make_run(overrides=["seed=3"]), 1.0, device="cpu")
    run = make_run(overrides=["seed=4"])
    config = read_config(run)
    longer = replace(config, recipe=replace(config.recipe, epochs=2 * config.recipe.epochs))
    cells = [Cell(config=one, id=cell_id(one), label="", choices={}) for one in (config, longer)]
    costs = {cells[0].id: Costs(params=10, macs=1000), cells[1].id: Costs(params=10, macs=500)}
    found = estimate(cells, costs, Store(run.path.parent.parent))
    assert found.rate is not None
    assert (found.rate.device, found.rate.runs) == ("NVIDIA H100", 3)
    assert found.hours[cells[0].id] == pytest.approx(1.5)
    assert found.hours[cells[1].id] == pytest.approx(1.5)
    assert found.checkpoint_bytes == 2 * 10 * 24


def test_nothing_is_said_of_hours_before_a_run_has_finished(make_run: Callable[..., RunFolder]) -> None:
    run = make_run()
    cell = Cell(config=read_config(run), id=run.id, label="", choices={})
    found = estimate([cell], {run.id: Costs(params=10, macs=1000)}, Store(run.path.parent.parent))
    assert found.rate is None
    assert not found.hours


def test_what_smoke_took_is_the_measure_until_a_run_has_finished(make_run: Callable[..., RunFolder]) -> None:
    tiny, run = make_run(store="tiny"), make_run()
    finish(tiny, 3600.0)
    store = Store(run.path.parent.parent)
    remember_smoke(Store(tiny.path.parent.parent), store)
    cell = Cell(config=read_config(run), id=run.id, label="", choices={})
    costs = {run.id: Costs(params=10, macs=1000)}
    found = estimate([cell], costs, store)
    assert found.rate is not None
    assert found.rate.smoke
    assert found.hours[run.id] == pytest.approx(1.0)
    finish(run, 7200.0)
    found = estimate([cell], costs, store)
    assert found.rate is not None
    assert not found.rate.smoke
    assert found.hours[run.id] == pytest.approx(2.0)
