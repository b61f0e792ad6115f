"""Plans and records written by hand, so that a table's every number is known."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from an_cli.config import Composer, plain
from an_cli.plan import Cell, Plan, PlanRow, Published
from an_cli.report import Epoch, Quantity, Spec
from an_cli.store import Attempt, Evaluation, Result, RunRecord, Status, Store

COLUMNS = (
    *(Quantity.DESIGN, Quantity.SEEDS, Quantity.PARAMS, Quantity.MACS, "top1_error_pct", "top5_error_pct"),
    *(Quantity.GAIN, Quantity.DIFFERS),
)
SPEC = Spec(caption=None, columns=COLUMNS, epoch=Epoch.LAST, decimals=2)
COMPOSER = Composer()
DEMO = ("model=resnet_small", "recipe=demo", "data=fashion_mnist_small")


@dataclass(frozen=True)
class Cost:
    params: int
    macs: int


@cache
def cell(*overrides: str) -> Cell:
    """A cell whose id does not move when a default in conf/ does."""
    composed, label = COMPOSER.compose([*DEMO, *overrides]), ",".join(overrides) or "baseline"
    run_id = hashlib.sha256(label.encode()).hexdigest()[:16]
    return Cell(config=composed.cell, id=run_id, label=label, choices=composed.choices)


def row(label: str, *overrides: str, seeds: Sequence[int] = (0, 1, 2), **fields: Any) -> tuple[PlanRow, list[Cell]]:
    """A trained row with one cell per seed."""
    cells = [cell(*overrides, f"seed={seed}") for seed in seeds]
    given = {
        "group": "",
        "baseline": False,
        "gain_over": "base",
        "differs": (),
        "published": None,
        "note": "",
        "set": overrides,
        **fields,
    }
    return PlanRow(label=label, kind="trained", cells=tuple(one.id for one in cells), **given), cells


def quoted(label: str, **numbers: float | None) -> tuple[PlanRow, list[Cell]]:
    """A literature row."""
    empty = {"params_m": None, "flops_g": None, "top1_error_pct": None, "top5_error_pct": None}
    published = Published(key="key", label=label, source="Table 2", note="", **{**empty, **numbers})
    fields = {"group": "", "baseline": False, "gain_over": "base", "differs": (), "note": ""}
    return PlanRow(label=label, kind="literature", cells=(), published=published, **fields), []


def plan(*rows: tuple[PlanRow, list[Cell]], study: str = "study", title: str = "A study") -> Plan:
    cells = {one.id: one for _, several in rows for one in several}
    return Plan(study=study, title=title, lineage=(), rows=tuple(one for one, _ in rows), cells=tuple(cells.values()))


def result(top1: float, **fields: Any) -> Result:
    last = Evaluation(epoch=3, loss=0.5, samples=2000, values={"top1_error_pct": top1, "top5_error_pct": top1 / 10})
    best = dataclasses.replace(last, epoch=2, values={**last.values, "top1_error_pct": top1 - 0.5})
    given = {
        "last": last, "best": best, "steps": 400, "params": 78_123, "macs": 12_345_678, "attempt": 1, "train_s": 9.5,
        "code_tree": "c0de", "data_fingerprint": "da7a", "device": "cpu",
    }  # fmt: skip
    return Result(**{**given, **fields})


def attempt(**fields: Any) -> Attempt:
    given = {
        "attempt": 1, "started_at": "2026-01-01T00:00:00+00:00", "host": "node", "pid": 1, "python": "3.11",
        "torch": "2", "device": "cpu", "cpu_threads": 1, "code_tree": "c0de", "commit": None,
        "train_fingerprint": "7ra1n", "eval_fingerprint": "e7a1", "resumed_step": 0,
    }  # fmt: skip
    return Attempt(**{**given, **fields})


def record(one: Cell, status: Status = Status.FINISHED, **fields: Any) -> RunRecord:
    given = {
        "config": one.config, "choices": one.choices, "attempts": (attempt(),), "epochs": (), "result": None,
        "error": None, "skipped_lines": 0,
    }  # fmt: skip
    return RunRecord(id=one.id, status=status, **{**given, **fields})


ATTEMPT_FIELDS = ("code_tree", "device", "norm_path")


def finished(several: tuple[PlanRow, list[Cell]], top1: Sequence[float], **fields: Any) -> list[RunRecord]:
    """A row's runs, all finished, with these top-1 errors by seed."""
    attempts = (attempt(**{name: value for name, value in fields.items() if name in ATTEMPT_FIELDS}),)
    own = {name: value for name, value in fields.items() if name != "norm_path"}
    return [
        record(one, result=result(value, **own), attempts=attempts) for one, value in zip(several[1], top1, strict=True)
    ]


def write_run(store: Store, one: Cell, files: Mapping[str, object]) -> None:
    """A run folder with `cell.json` and the files given (text as it is, else JSON)."""
    folder = store.run(one.id).path
    folder.mkdir(parents=True)
    described = {"cell.json": {"config": plain(one.config), "choices": dict(one.choices)}, **files}
    for name, content in described.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def result_json(top1: float, **fields: Any) -> object:
    return plain(result(top1, **fields))
