"""Columns that a study's own report file asks for: accuracies, loss, training time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from an_cli.report.evidence import comparability
from an_cli.report.evidence.outcome import RowOutcome
from an_cli.report.spec import Epoch, Quantity, Spec
from an_cli.report.statistics.seeds import summarize
from an_cli.report.table import Mark, TableCell
from an_cli.store import Complement, Measures


def extra_cells(
    outcome: RowOutcome, measured: Mapping[str, TableCell], spec: Spec, measures: Measures
) -> dict[str, TableCell]:
    """Those that the spec names, of a trained row."""
    cells = complements(measured, spec, measures)
    if Quantity.LOSS in spec.columns:
        last = spec.epoch is Epoch.LAST
        losses = {seed: (run.result.last if last else run.result.best).loss for seed, run in outcome.finished.items()}
        same = comparability.same_data([outcome])  # losses of different data have no mean, as measures have none
        cells[Quantity.LOSS] = _mean(outcome, losses) if same else TableCell(marks=(Mark.NOT_COMPARABLE,))
    if Quantity.TRAIN_TIME in spec.columns:
        cells[Quantity.TRAIN_TIME] = _mean(
            outcome, {seed: run.result.train_s for seed, run in outcome.finished.items()}
        )
    return cells


def complements(measured: Mapping[str, TableCell], spec: Spec, measures: Measures) -> dict[str, TableCell]:
    """Complements of measures, with their spread and marks: the same numbers, so nothing is tested twice."""
    shown = [
        complement
        for complement in measures.complements
        if complement.measure.key in spec.columns and complement.of in measured
    ]
    return {complement.measure.key: _complement(measured[complement.of], complement) for complement in shown}


def _complement(cell: TableCell, complement: Complement) -> TableCell:
    return replace(
        cell,
        value=None if cell.value is None else complement.value(cell.value),
        values=tuple(map(complement.value, cell.values)),
        comparison=None,
    )


def _mean(outcome: RowOutcome, by_seed: Mapping[int, float]) -> TableCell:
    sample = summarize(by_seed)
    return TableCell(
        value=sample.mean,
        spread=sample.std,
        standard_error=sample.standard_error,
        values=sample.values,
        marks=outcome.marks,
        runs=outcome.runs,
    )
