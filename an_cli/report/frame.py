"""A store as tidy frames for notebooks: one row per run, or one row per run and epoch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from an_cli.config import CellConfig
from an_cli.errors import StoreError
from an_cli.report.evidence.config_columns import config_leaves
from an_cli.store import CLASSIFICATION, Result, RunRecord, Store, read_run, read_run_and_count
from an_cli.store.labels import labels_of
from an_cli.store.remarks import Remarks, run_remarks

_EVALUATION = ("epoch", "loss", *CLASSIFICATION.keys)  # every frame has these; other tasks add theirs
_RESULT = ("params", "macs", "steps", "train_s", "code_tree", "data_fingerprint", "device")
_CHOICES = ("model", "norm", "recipe", "data")
_WHOLE = ("last_epoch", "best_epoch", "params", "macs", "steps", "seed")
_FIRST = (
    *("id", "study", "label", "status", *_CHOICES, "seed"),
    *(f"{which}_{field}" for which in ("last", "best") for field in _EVALUATION),
    *_RESULT,
    *("n_attempts", "n_epochs", "skipped_lines", "error", "labels", "name", "tags", "notes"),
)


def load(store: Path | str | Store) -> pd.DataFrame:
    """All runs of a store, finished or not.

    Args:
        store: the store or its folder.

    Returns:
        One row per run: `id`, `study` and `label` of the first of its `labels` ("STUDY/LABEL", a tuple), `status`, the
        `name`, `tags` and `notes` that were given to it, the chosen names (`model`, `norm`, `recipe`, `data`), the
        measures of the last and the best epoch (`last_MEASURE`, `best_MEASURE`), and every config value under its
        dotted key (`norm.attention.gate`; lists are tuples). What a run does not have is missing.

    Raises:
        StoreError: there is no such folder, or a newer an-cli wrote it.
    """
    opened = _open(store)
    # One run at a time: of 10,000 runs, the epochs alone would fill more than a gigabyte.
    labels, remarks = labels_of(opened), run_remarks(opened)
    rows = (
        _row(*read_run_and_count(opened.run(run_id))) | _named(labels.get(run_id, []), remarks.get(run_id, Remarks()))
        for run_id in opened.run_ids()
    )
    return _frame(rows)


def _named(labels: Sequence[str], remarks: Remarks) -> dict[str, Any]:
    """What it is called; without a study its given name is its label."""
    study, _, label = labels[0].partition("/") if labels else ("", "", "")
    return {
        "study": study or None,
        "label": label or remarks.name or None,
        "labels": tuple(sorted(labels)),
        "name": remarks.name or None,
        "tags": remarks.tags,
        "notes": tuple(note.text for note in remarks.notes),
    }


def curves(store: Path | str | Store) -> pd.DataFrame:
    """The metrics of all epochs of all runs of a store: one row per run and epoch, with the run's `id`.

    Raises:
        StoreError: there is no such folder, or a newer an-cli wrote it.
    """
    opened = _open(store)
    records = (read_run(opened.run(run_id)) for run_id in opened.run_ids())
    lines = [{"id": record.id, **line} for record in records for line in record.epochs]
    return pd.DataFrame(lines).drop(columns="kind", errors="ignore") if lines else pd.DataFrame({"id": [], "epoch": []})


def _open(store: Path | str | Store) -> Store:
    opened = store if isinstance(store, Store) else Store(Path(store))
    if not opened.root.is_dir():
        raise StoreError("no store there", where=str(opened.root), now="name the folder that holds runs/")
    opened.check_version()
    return opened


def frame_of(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Records as a tidy frame (see `load`)."""
    return _frame(_row(record, len(record.epochs)) for record in records)


def _frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    # One list per column: pandas' own way from a list of dicts costs ten times as much.
    columns: dict[str, list[Any]] = {name: [] for name in _FIRST}
    for count, row in enumerate(rows):
        for name in row:
            if name not in columns:
                columns[name] = [None] * count
        for name, column in columns.items():
            column.append(row.get(name))
    others = [name for name in columns if name not in _FIRST]
    measured = [name for name in others if "." not in name and name.startswith(("last_", "best_"))]
    order = [*_FIRST, *measured, *in_config_order(name for name in others if name not in measured)]
    return pd.DataFrame({name: columns[name] for name in order}).astype(dict.fromkeys(_WHOLE, "Int64"))


def in_config_order(names: Iterable[str]) -> list[str]:
    """Dotted keys as the config has them: those of the model first, then norm, recipe and data."""
    places = {name: place for place, name in enumerate(_CHOICES)}
    return sorted(names, key=lambda name: places.get(name.partition(".")[0], len(places)))


def run_row(record: RunRecord, config: CellConfig) -> dict[str, Any]:
    """A run's row of the frame; of one that was never started, all that its config says."""
    return dict(config_leaves(config)) | _row(record, len(record.epochs))


def _row(record: RunRecord, n_epochs: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": record.id,
        "status": record.status.value,
        "n_attempts": len(record.attempts),
        "n_epochs": n_epochs,
        "skipped_lines": record.skipped_lines,
        "error": record.error,
    }
    row.update((name, record.choices.get(name)) for name in _CHOICES)
    if record.attempts:
        row.update(code_tree=record.attempts[-1].code_tree, device=record.attempts[-1].device)
    if record.result is not None:
        _add_result(row, record.result)
    if record.config is not None:
        row.update(config_leaves(record.config))
    return row


def _add_result(row: dict[str, Any], result: Result) -> None:
    for which, evaluation in (("last", result.last), ("best", result.best)):
        numbers = {"epoch": evaluation.epoch, "loss": evaluation.loss, **evaluation.values}
        row.update((f"{which}_{field}", number) for field, number in numbers.items())
    row.update((field, getattr(result, field)) for field in _RESULT)
