"""Columns that a study's own report file asks for: accuracies, loss, training time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from an_cli.report import comparability
from an_cli.report.outcome import Outcome
from an_cli.report.spec import ACCURACIES, Epoch, Measure, Spec
from an_cli.report.statistics import summarize
from an_cli.report.table import Mark, TableCell


def extra_cells(outcome: Outcome, errors: Mapping[Measure, TableCell], spec: Spec) -> dict[Measure, TableCell]:
    """Those that the spec names, of a trained row."""
    cells = accuracies(errors, spec)
    if Measure.LOSS in spec.columns:
        last = spec.epoch is Epoch.LAST
        losses = {seed: (run.result.last if last else run.result.best).loss for seed, run in outcome.finished.items()}
        same = comparability.same_data([outcome])  # losses of different data have no mean, as errors have none
        cells[Measure.LOSS] = _mean(outcome, losses) if same else TableCell(marks=(Mark.NOT_COMPARABLE,))
    if Measure.TRAIN_TIME in spec.columns:
        cells[Measure.TRAIN_TIME] = _mean(outcome, {seed: run.result.train_s for seed, run in outcome.finished.items()})
    return cells


def accuracies(errors: Mapping[Measure, TableCell], spec: Spec) -> dict[Measure, TableCell]:
    """100 less the error rates, with their spread and marks: the same numbers, so nothing is tested twice."""
    return {accuracy: _accuracy(errors[error]) for accuracy, error in ACCURACIES.items() if accuracy in spec.columns}


def _accuracy(error: TableCell) -> TableCell:
    return replace(
        error,
        value=None if error.value is None else 100 - error.value,
        values=tuple(100 - value for value in error.values),
        comparison=None,
    )


def _mean(outcome: Outcome, by_seed: Mapping[int, float]) -> TableCell:
    sample = summarize(by_seed)
    return TableCell(
        value=sample.mean,
        spread=sample.std,
        standard_error=sample.standard_error,
        values=sample.values,
        marks=outcome.marks,
        runs=outcome.runs,
    )
