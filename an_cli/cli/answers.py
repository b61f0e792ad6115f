"""What the reading verbs answer, as plain values: printed by `--json`, and made into text by the console."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from an_cli.cli.study import Asked, code_of, code_word, standings
from an_cli.config import leaves, plain
from an_cli.config.task import Measure
from an_cli.console.words import remaining_s
from an_cli.errors import AnError
from an_cli.files import dump_yaml
from an_cli.launch import Costs, find_costs, reconcile
from an_cli.launch.ask.spending import estimate
from an_cli.launch.standing import RunStanding, look_up
from an_cli.plan import Cell, PlanRow
from an_cli.store import (
    Measures,
    RunFolder,
    Status,
    Store,
    error_line,
    measures_of,
    measures_of_all,
    read_config,
    read_doing,
    read_imported,
    read_progress,
    read_result,
    read_run,
    status_of,
)


def plan_value(asked: Asked, store: Store, *, with_costs: bool) -> dict[str, Any]:
    """A plan.

    Args:
        asked: the study as asked for.
        store: where its runs are.
        with_costs: whether to find out parameters and MACs, which may start the heavy door.
    """
    made, stands = asked.plan, standings(asked.plan, store)
    costs = find_costs(made.cells, store) if with_costs else {}
    unfinished = [cell for cell in made.cells if stands[cell.id].status is not Status.FINISHED]
    return {
        "study": made.study,
        "title": made.title,
        "source": str(asked.study.source),
        "shadows": str(asked.study.shadows) if asked.study.shadows else None,
        "sentence": reconcile(made.cells, stands).sentence,
        "rows": [_row(row, costs) for row in made.rows],
        "cells": [
            {
                "id": cell.id,
                "label": cell.label,
                "row": made.row_of(cell.id),
                "status": str(stands[cell.id].status),
                "code": code_of(store.run(cell.id), stands[cell.id].status),
                "depends_on": list(cell.depends_on),
            }
            for cell in made.cells
        ],
        "spending": _spending(unfinished, costs, store),
    }


def _spending(cells: Sequence[Cell], costs: Mapping[str, Costs], store: Store) -> dict[str, Any] | None:
    if not cells or not costs:
        return None
    spent = estimate(cells, costs, store)
    return {
        "hours": sum(spent.hours.values()) if spent.rate else None,
        "hours_by_cell": dict(spent.hours),
        "device": spent.rate.device if spent.rate else None,
        "measured_runs": spent.rate.runs if spent.rate else 0,
        "measured_by_smoke": bool(spent.rate and spent.rate.smoke),
        "checkpoint_bytes": spent.checkpoint_bytes,
    }


def _row(row: PlanRow, costs: Mapping[str, Costs]) -> dict[str, Any]:
    params, macs = _counts(row, costs)
    return {
        "label": row.label,
        "kind": row.kind,
        "group": row.group,
        "baseline": row.baseline,
        "params": params,
        "macs": macs,
        "cells": list(row.cells),
        "note": row.note,
    }


def _counts(row: PlanRow, costs: Mapping[str, Costs]) -> tuple[int | None, int | None]:
    """Counted for a trained row; as printed, which is rounded, for a row that is quoted."""
    if row.is_quoted and row.published is not None:
        params_m, flops_g = row.published.params_m, row.published.flops_g
        return _times(params_m, 1e6), _times(flops_g, 1e9)
    costs_of_row = costs.get(row.cells[0]) if row.cells else None
    return (costs_of_row.params, costs_of_row.macs) if costs_of_row else (None, None)


def _times(number: float | None, unit: float) -> int | None:
    return None if number is None else round(number * unit)


def status_values(
    store: Store, labels: Mapping[str, str], ids: Iterable[str], rows: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The state of runs.

    Args:
        store: where they are.
        labels: run id -> label; an id without one has an empty label.
        ids: which, in this order.
        rows: run id -> label of its row in the study's table, where a study was asked for.
    """
    named = rows or {}
    return [
        _status(store.run(run_id), labels.get(run_id, "")) | ({"row": named[run_id]} if run_id in named else {})
        for run_id in ids
    ]


def _status(run: RunFolder, label: str) -> dict[str, Any]:
    status = status_of(run)
    progress = None if status is Status.MISSING else read_progress(run)
    doing = read_doing(run) if status is Status.RUNNING else None
    primary = _measures(run).primary
    value = {
        "id": run.id,
        "label": label,
        "status": str(status),
        "epoch": progress.epoch + 1 if progress else None,
        "epochs": progress.epochs if progress else None,
        "step": progress.step if progress else None,
        "steps": progress.steps if progress else None,
        "loss": progress.loss if progress else None,
        primary.key: progress.values.get(primary.key) if progress else None,
        "eta_s": remaining_s(progress, doing) if status is Status.RUNNING else None,
        "phase": str(doing.activity) if doing else None,
        "error": error_line(run) if status is Status.FAILED else None,
        "code": None,
        "measure": measure_value(primary),
    }
    if status is Status.FINISHED:
        return {**value, **_finished(run, primary)}
    if status is Status.IMPORTED:
        return {**value, **_imported(run, primary)}
    return value if status is Status.MISSING else {**value, **_damaged(run)}


def measure_value(measure: Measure) -> dict[str, Any]:
    """What a reader of values needs to print a measure."""
    return {key: getattr(measure, key) for key in ("key", "title", "head", "unit", "decimals")}


def _measures(run: RunFolder) -> Measures:
    """Of the run's task; those of no cell where its own cannot be read, and so no number of it either."""
    try:
        return measures_of(read_config(run))
    except AnError:
        return measures_of_all(())


def _damaged(run: RunFolder) -> dict[str, Any]:
    """What is wrong with the cell of a run that is still to be made; nothing where it reads."""
    if not run.cell.exists():
        return {"error": "no cell.json: no run, or one whose preparation was cut off and which ablate completes"}
    try:
        read_config(run)
    except AnError as error:
        return {"status": str(Status.UNREADABLE), "error": str(error)}
    return {}


def _finished(run: RunFolder, primary: Measure) -> dict[str, Any]:
    try:
        result = read_result(run)
    except AnError as error:
        return {"status": str(Status.UNREADABLE), "error": str(error)}
    return {primary.key: result.last.values.get(primary.key), "code": code_word(result)}


def _imported(run: RunFolder, primary: Measure) -> dict[str, Any]:
    try:
        evaluation = read_imported(run).evaluation
    except AnError as error:
        return {"status": str(Status.UNREADABLE), "error": str(error)}
    return {primary.key: evaluation.values.get(primary.key) if evaluation else None}


def config_yaml(run: RunFolder) -> str:
    """The config of a run as a file that `run --config` takes, and that gives the same id.

    Raises:
        StoreError: its `cell.json` cannot be read.
    """
    config = read_config(run)
    content = {"choices": dict(read_run(run).choices), "config": plain(config)}
    return f"# an-cli run --config FILE makes {run.id}\n{dump_yaml(content)}"


def run_value(run: RunFolder, labels: Iterable[str]) -> dict[str, Any]:
    """Everything a run folder says of itself.

    Args:
        run: the folder.
        labels: "STUDY/LABEL" of each link that points to it.
    """
    record = read_run(run)
    return {
        "id": record.id,
        "status": str(record.status),
        "labels": list(labels),
        "error": record.error,
        "choices": dict(record.choices),
        "config": leaves(plain(record.config)) if record.config else None,
        "result": plain(record.result) if record.result else None,
        "imported": plain(record.imported) if record.imported else None,
        "code": code_of(run, record.status),
        "attempts": [asdict(attempt) for attempt in record.attempts],
        "epochs": [dict(epoch) for epoch in record.epochs],
        "skipped_lines": record.skipped_lines,
        "measures": [measure_value(measure) for measure in _measures(run).all],
        "files": sorted(str(path) for path in run.path.iterdir()) if run.path.is_dir() else [],
    }


def with_jobs(store: Store, values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The state of runs as `status_values` gives it, with `job`, `node` and `reason` of those that SLURM has.

    Args:
        store: where they are.
        values: a mapping per run, with `id` and `status`.
    """
    runs = {value["id"]: store.run(value["id"]) for value in values}
    standings = look_up(store, {runs[value["id"]]: Status(value["status"]) for value in values})
    return [_joined(value, runs[value["id"]], standings[runs[value["id"]]]) for value in values]


def _joined(value: dict[str, Any], run: RunFolder, standing: RunStanding) -> dict[str, Any]:
    seen = {"job": standing.job or None, "node": standing.node or None, "reason": standing.reason or None}
    joined = {**value, **seen}
    if not any(seen.values()) and str(standing.status) == value["status"]:
        return joined
    joined |= {"status": str(standing.status), "error": standing.error or None}
    if standing.status is Status.RUNNING:
        doing = read_doing(run)
        joined["eta_s"] = remaining_s(read_progress(run), doing)
        joined["phase"] = str(doing.activity) if doing else None
    return joined
