"""Training curves as values: mean and spread over seeds, epoch by epoch."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from an_cli.config.task import Measure
from an_cli.errors import ReportError
from an_cli.plan import Plan
from an_cli.store import RunRecord, measures_of_all

LOSS = "loss"  # of the training


@dataclass(frozen=True, kw_only=True)
class Band:
    """One metric of one row.

    Attributes:
        epochs: those that all seeds have reached, from 1.
        mean: over seeds.
        spread: sample standard deviation over seeds; None below two.
    """

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...] | None


@dataclass(frozen=True, kw_only=True)
class RowCurves:
    """One line of the legend."""

    label: str
    seeds: int
    metrics: Mapping[str, Band]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Training curves of the primary measure and of the loss. `missing` names the rows without an epoch."""

    title: str
    primary: Measure
    rows: tuple[RowCurves, ...]
    missing: tuple[str, ...]


def study_curves(plan: Plan, records: Iterable[RunRecord]) -> Curves:
    """Curves of a study's trained rows.

    Raises:
        ReportError: no run has finished an epoch.
    """
    by_id = {record.id: record for record in records}
    groups = {row.label: [by_id[run_id] for run_id in row.cells if run_id in by_id] for row in plan.rows if row.cells}
    primary = measures_of_all(cell.config for cell in plan.cells).primary
    return curves_of(groups, primary, title=plan.title, where=plan.study)


def curves_of(groups: Mapping[str, Sequence[RunRecord]], primary: Measure, *, title: str, where: str) -> Curves:
    """Curves of named groups of runs, one run per seed.

    A row's curves cover the epochs that all of its started seeds have reached, so that no mean jumps where a seed ends.

    Raises:
        ReportError: no run has finished an epoch.
    """
    started = {label: [record for record in records if record.epochs] for label, records in groups.items()}
    rows = tuple(_row(label, records, primary) for label, records in started.items() if records)
    if not rows:
        raise ReportError("no run has finished an epoch", where=where, now="wait, or see an-cli status")
    return Curves(
        title=title,
        primary=primary,
        rows=rows,
        missing=tuple(label for label, records in started.items() if not records),
    )


def _row(label: str, records: Sequence[RunRecord], primary: Measure) -> RowCurves:
    metrics = {metric: band_of([series(record, metric) for record in records]) for metric in (primary.key, LOSS)}
    return RowCurves(label=label, seeds=len(records), metrics=metrics)


def series(record: RunRecord, metric: str) -> dict[int, float]:
    """Epoch, from 0 -> value; an epoch that was trained twice counts as it was the last time."""
    by_epoch: dict[int, float] = {}
    for line in record.epochs:
        epoch, value = line.get("epoch"), line.get(metric)
        if isinstance(epoch, int) and isinstance(value, int | float) and math.isfinite(value):
            by_epoch[epoch] = float(value)
    return dict(sorted(by_epoch.items()))


def band_of(curves: Sequence[Mapping[int, float]]) -> Band:
    """Mean and spread of several curves over the epochs that all of them have."""
    epochs = sorted(set.intersection(*(set(curve) for curve in curves)))
    columns = [[curve[epoch] for curve in curves] for epoch in epochs]
    spread = tuple(statistics.stdev(column) for column in columns) if len(curves) > 1 else None
    return Band(
        epochs=tuple(epoch + 1 for epoch in epochs),
        mean=tuple(statistics.fmean(column) for column in columns),
        spread=spread,
    )
