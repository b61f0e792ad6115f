"""Rows that quote runs of W&B: the numbers of the runs that were pulled, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from an_cli.plan.ledger import Published
from an_cli.plan.rows import Row
from an_cli.store.pulled import PulledRun


def imported_numbers(row: Row, pulled: Mapping[str, PulledRun]) -> Published:
    """What a row of runs made elsewhere prints.

    Args:
        row: with `imported`.
        pulled: ENTITY/PROJECT/ID -> the run's record; of a run without one nothing is here, and the note says so.
    """
    runs = [pulled[reference] for reference in row.imported if reference in pulled]
    return Published(
        key=row.imported[0],
        label=row.label,
        params_m=_same([None if run.params is None else run.params / 1e6 for run in runs]),
        flops_g=_same([None if run.macs is None else run.macs / 1e9 for run in runs]),
        source="W&B",
        note="; ".join(_notes(row.imported, runs)),
        by_run={"last": _by_measure([run.values for run in runs]), "best": _by_measure([run.best for run in runs])},
    )


def _same(numbers: Sequence[float | None]) -> float | None:
    """The number that all runs say; None where they do not."""
    return numbers[0] if numbers and len(set(numbers)) == 1 else None


def _by_measure(values: Sequence[Mapping[str, float]]) -> Mapping[str, tuple[float, ...]]:
    """Measures that every run has; a mean over some of them would be of other runs than the row names."""
    keys = [key for key in values[0] if all(key in others for others in values)] if values else []
    return {key: tuple(run[key] for run in values) for key in keys}


def _notes(references: Sequence[str], runs: Sequence[PulledRun]) -> list[str]:
    notes = [f"imported from W&B: {', '.join(run.run for run in runs)}"] if runs else []
    if len(runs) > 1:
        notes[0] += f" (mean of {len(runs)} runs)"
    if unverified := list(dict.fromkeys(word for run in runs for word in run.unverified)):
        notes.append(f"not verified: {', '.join(unverified)}")
    notes += dict.fromkeys(doubt if len(runs) == 1 else f"{run.run}: {doubt}" for run in runs for doubt in run.doubts)
    here = {run.run for run in runs}
    absent = [reference for reference in references if reference not in here]
    if absent:
        projects = dict.fromkeys(reference.rpartition("/")[0] for reference in absent)
        notes.append(f"no record here that reads: {', '.join(absent)} (an-cli pull {' '.join(projects)})")
    return notes
