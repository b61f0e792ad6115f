"""What a page holds of measures: their declaration, and a column for each of the last and the best epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from an_cli.report.page.columns import coded, numbers
from an_cli.store import (
    Evaluation,
    Measures,
    RunRecord,
    Status,
    measures_of,
    measures_of_all,
)


def store_measures(records: Sequence[RunRecord]) -> Measures:
    """Of all tasks in the store."""
    return measures_of_all(record.config for record in records if record.config is not None)


def primaries(records: Sequence[RunRecord]) -> tuple[str, ...]:
    keys = dict.fromkeys(measures_of(record.config).primary.key for record in records if record.config is not None)
    return tuple(keys) or (measures_of_all(()).primary.key,)


def declared(records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """What the page needs to show a measure: those of all tasks in the store."""
    chosen = primaries(records)
    keys = ("key", "title", "axis", "head", "unit", "decimals")
    return [
        {
            **{key: getattr(measure, key) for key in keys},
            "short": measure.short or measure.title,
            "sign": measure.better.sign,
            "primary": measure.key in chosen,
        }
        for measure in store_measures(records).all
    ]


def evaluations(records: Sequence[RunRecord]) -> dict[str, Any]:
    """The last and the best epoch of each run, of one that still goes too: its curve is drawn from the same epochs."""
    columns: dict[str, Any] = {}
    for which in ("last", "best"):
        evaluated = [_evaluation(record, which) for record in records]
        for field in (*store_measures(records).keys, "loss"):
            columns[f"{which}_{field}"] = numbers(
                _number(evaluation, field) if evaluation else None for evaluation in evaluated
            )
        columns[f"{which}_epoch"] = coded(evaluation.epoch + 1 if evaluation else None for evaluation in evaluated)
    return columns


def _evaluation(record: RunRecord, which: str) -> Evaluation | None:
    if record.result is not None:
        return record.result.last if which == "last" else record.result.best
    if record.status in (Status.FINISHED, Status.UNREADABLE) or record.config is None:
        return None  # a damaged record vouches for no number
    if record.imported is not None:
        return record.imported.evaluation
    measures = measures_of(record.config)
    epochs = [evaluation for line in record.epochs if (evaluation := _so_far(line, measures)) is not None]
    if not epochs:
        return None
    primary = measures.primary
    return (
        epochs[-1]
        if which == "last"
        else max(epochs, key=lambda evaluation: primary.better.sign * evaluation[primary.key])
    )


def _number(evaluation: Evaluation, field: str) -> float | None:
    return evaluation.loss if field == "loss" else evaluation.values.get(field)


def _so_far(line: Mapping[str, Any], measures: Measures) -> Evaluation | None:
    """An epoch of a run that still goes; None where its line does not say what was measured."""
    given = {key: line.get(key) for key in ("eval_loss", *measures.keys)}
    read = {key: float(value) if isinstance(value, int | float) else math.nan for key, value in given.items()}
    epoch, loss = line.get("epoch"), read.pop("eval_loss")
    if not isinstance(epoch, int) or not all(map(math.isfinite, read.values())):
        return None
    return Evaluation(epoch=epoch, loss=loss, samples=0, values=read)
