"""A store as tidy frames for notebooks: one row per run, or one row per run and epoch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from an_cli.errors import StoreError
from an_cli.report.leaves import config_leaves
from an_cli.store import Result, RunRecord, Store, read_run, read_run_and_count

_EVALUATION = ("epoch", "loss", "top1_error_pct", "top5_error_pct")
_RESULT = ("params", "macs", "steps", "train_s", "code_tree", "data_fingerprint", "device")
_CHOICES = ("model", "norm", "recipe", "data")
_WHOLE = ("last_epoch", "best_epoch", "params", "macs", "steps", "seed")
_FIRST = (
    *("id", "status", *_CHOICES, "seed"),
    *(f"{which}_{field}" for which in ("last", "best") for field in _EVALUATION),
    *_RESULT,
    *("n_attempts", "n_epochs", "skipped_lines", "error"),
)


def load(store: Path | str | Store) -> pd.DataFrame:
    """All runs of a store, finished or not.

    Args:
        store: the store or its folder.

    Returns:
        One row per run: `id`, `status`, the chosen names (`model`, `norm`, `recipe`, `data`), the numbers of the last
        and the best epoch (`last_top1_error_pct`, ...), and every config value under its dotted key
        (`norm.attention.gate`; lists are tuples). What a run does not have is missing.

    Raises:
        StoreError: there is no such folder, or a newer an-cli wrote it.
    """
    opened = _open(store)
    # One run at a time: of 10,000 runs, the epochs alone would fill more than a gigabyte.
    rows = (_row(*read_run_and_count(opened.run(run_id))) for run_id in opened.run_ids())
    return _frame(rows)


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
        for name in row.keys() - columns.keys():
            columns[name] = [None] * count
        for name, column in columns.items():
            column.append(row.get(name))
    return pd.DataFrame(columns).astype(dict.fromkeys(_WHOLE, "Int64"))


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
        row.update((f"{which}_{field}", getattr(evaluation, field)) for field in _EVALUATION)
    row.update((field, getattr(result, field)) for field in _RESULT)
