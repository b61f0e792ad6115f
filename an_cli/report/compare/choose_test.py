"""Which test two rows get, by what there is of them: one seed or several, with or without their samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from an_cli.config.task import Measure, Summary
from an_cli.report.evidence.outcome import RowOutcome
from an_cli.report.evidence.per_sample import has_plane, wrong
from an_cli.report.evidence.per_sample import numbers as samples_of
from an_cli.report.spec import Epoch
from an_cli.report.statistics import inference, numbers
from an_cli.report.statistics.comparison import Comparison, Covers
from an_cli.report.statistics.inference import Variance
from an_cli.report.statistics.sequential import look_levels, repeated_p
from an_cli.report.statistics.stopping import Rule
from an_cli.store import PerSample


def compare(
    row: RowOutcome, reference: RowOutcome, measure: Measure, epoch: Epoch, seeds: Sequence[int] | None = None
) -> Comparison | None:
    """Row - reference: paired where both have the same seeds, else over all runs of both.

    Args:
        row, reference: evaluated on the same data.
        measure: of both rows' task.
        epoch: whose numbers.
        seeds: take these alone, of those that both have.

    Returns:
        None where one of them has no number.
    """
    here, there = row.values(measure.key, epoch), reference.values(measure.key, epoch)
    if not here or not there:
        return None
    if seeds is None and set(here) != set(there):
        return _over_all_runs(row, reference, here, there, measure, epoch)
    shared = [seed for seed in here if seed in there and (seeds is None or seed in seeds)]
    if not shared:
        return None
    stacked = _stacks(row, reference, shared, shared, measure, epoch)
    if stacked is not None:
        tests = _tests(measure)
        return (tests.several_seeds if len(shared) > 1 else tests.one_seed)(*stacked)
    differences = np.array([here[seed] - there[seed] for seed in shared])
    return inference.seeds_alone(differences) if len(shared) > 1 else _untested(float(differences[0]))


def _over_all_runs(
    row: RowOutcome,
    reference: RowOutcome,
    here: Mapping[int, float],
    there: Mapping[int, float],
    measure: Measure,
    epoch: Epoch,
) -> Comparison:
    """Of rows whose seeds are not the same: pairing those that are shared would leave the printed means behind."""
    stacked = _stacks(row, reference, [*here], [*there], measure, epoch)
    if stacked is not None and min(len(here), len(there)) > 1:
        return _tests(measure).all_runs(*stacked)
    return _unpaired([*here.values()], [*there.values()])


def _stacks(
    row: RowOutcome, reference: RowOutcome, seeds: Sequence[int], others: Sequence[int], measure: Measure, epoch: Epoch
) -> tuple[Any, Any] | None:
    """Shape: [seeds, samples] each; None where a run has no per-sample evidence, or of other evaluation data."""
    evidence = measure.evidence
    if evidence is None:
        return None
    every = [row.finished[seed].samples for seed in seeds] + [reference.finished[seed].samples for seed in others]
    present = [record for record in every if record is not None and has_plane(record, epoch.value, evidence)]
    if len(present) < len(every) or len({(record.fingerprint, record.samples) for record in present}) > 1:
        return None
    sides = tuple(present[: len(seeds)]), tuple(present[len(seeds) :])
    plane = f"{epoch.value}.{evidence.plane}"
    return (_side(sides[0], plane, evidence.summary), _side(sides[1], plane, evidence.summary))


def _side(several: tuple[PerSample, ...], plane: str, summary: Summary) -> Any:
    return wrong(several, plane) if summary is Summary.ERROR_PCT else samples_of(several, plane, summary)


class _Tests(Protocol):
    """How two rows are compared sample by sample, by the kind of their evidence. Arrays: [seeds, samples]."""

    def one_seed(self, row: Any, reference: Any) -> Comparison: ...
    def several_seeds(self, row: Any, reference: Any) -> Comparison: ...
    def all_runs(self, row: Any, reference: Any) -> Comparison: ...


def _tests(measure: Measure) -> _Tests:
    bits = measure.evidence is not None and measure.evidence.summary is Summary.ERROR_PCT
    return inference if bits else numbers


def _unpaired(row: list[float], reference: list[float]) -> Comparison:
    if min(len(row), len(reference)) > 1:
        return inference.unpaired(np.array(row), np.array(reference))
    return _untested(float(np.mean(row) - np.mean(reference)))


def _untested(value: float) -> Comparison:
    return Comparison(value=value, covers=Covers.NOTHING, method="none")


def looks_of(
    row: RowOutcome, reference: RowOutcome, measure: Measure, epoch: Epoch, rule: Rule
) -> tuple[Comparison | None, ...]:
    """One comparison for every look of a rule, each on the first seeds of the plan; None where seeds are missing."""
    looks: list[Comparison | None] = []
    for count in rule.seeds_at:
        first = row.seeds[:count]
        complete = len(first) == count and all(seed in side.finished for seed in first for side in (row, reference))
        looks.append(compare(row, reference, measure, epoch, first) if complete else None)
    return tuple(looks)


def after_looks(looks: Sequence[Comparison | None], rule: Rule) -> Comparison | None:
    """The newest look, with the p-value and the interval that hold for having looked before."""
    seen = [look for look in looks if look is not None]
    if not seen:
        return None
    newest = seen[-1]
    if any(look.p is None for look in seen) or newest.seeds_variance is None or newest.samples_variance is None:
        return dataclasses.replace(newest, low=None, high=None, p=None, looks=len(seen))
    level = look_levels(rule.alpha, rule.fractions)[len(seen) - 1]
    variance = Variance(newest.seeds_variance, newest.samples_variance, newest.seeds - 1)
    half = inference.half_width(variance, level)
    p = repeated_p([look.p for look in seen if look.p is not None], rule.fractions)
    if not half:  # nothing was seen to vary: the interval of a single look says what that leaves open
        return dataclasses.replace(newest, p=p, looks=len(seen))
    return dataclasses.replace(newest, low=newest.value - half, high=newest.value + half, p=p, looks=len(seen))
