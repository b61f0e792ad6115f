"""Which test two rows get, by what there is of them: one seed or several, with or without their samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from an_cli.report import inference
from an_cli.report.bits import wrong
from an_cli.report.comparison import Comparison, Covers
from an_cli.report.decide import Rule
from an_cli.report.inference import Variance, Wrong
from an_cli.report.outcome import Outcome
from an_cli.report.sequential import look_levels, repeated_p
from an_cli.report.spec import Epoch, Measure

_PLANES = {Measure.TOP1: "top1", Measure.TOP5: "top5"}


def compare(
    row: Outcome, reference: Outcome, measure: Measure, epoch: Epoch, seeds: Sequence[int] | None = None
) -> Comparison | None:
    """Row - reference: paired where both have the same seeds, else over all runs of both.

    Args:
        row, reference: evaluated on the same data.
        measure: top-1 or top-5 error.
        epoch: whose numbers.
        seeds: take these alone, of those that both have.

    Returns:
        None where one of them has no number.
    """
    here, there = row.errors(measure, epoch), reference.errors(measure, epoch)
    if not here or not there:
        return None
    plane = f"{epoch.value}.{_PLANES[measure]}"
    if seeds is None and set(here) != set(there):
        return _over_all_runs(row, reference, here, there, plane)
    shared = [seed for seed in here if seed in there and (seeds is None or seed in seeds)]
    if not shared:
        return None
    stacked = _stacks(row, reference, shared, shared, plane)
    if stacked is not None:
        return (inference.several_seeds if len(shared) > 1 else inference.one_seed)(*stacked)
    differences = np.array([here[seed] - there[seed] for seed in shared])
    return inference.seeds_alone(differences) if len(shared) > 1 else _untested(float(differences[0]))


def _over_all_runs(
    row: Outcome, reference: Outcome, here: Mapping[int, float], there: Mapping[int, float], plane: str
) -> Comparison:
    """Of rows whose seeds are not the same: pairing those that are shared would leave the printed means behind."""
    stacked = _stacks(row, reference, [*here], [*there], plane)
    if stacked is not None and min(len(here), len(there)) > 1:
        return inference.all_runs(*stacked)
    return _unpaired([*here.values()], [*there.values()])


def _stacks(
    row: Outcome, reference: Outcome, seeds: Sequence[int], others: Sequence[int], plane: str
) -> tuple[Wrong, Wrong] | None:
    """Shape: [seeds, samples] each; None where a run has no per-sample record, or one of other evaluation data."""
    correct = [row.finished[seed].correct for seed in seeds] + [reference.finished[seed].correct for seed in others]
    known = [one for one in correct if one is not None]
    if len(known) < len(correct) or len({(one.fingerprint, one.samples) for one in known}) > 1:
        return None
    return wrong(tuple(known[: len(seeds)]), plane), wrong(tuple(known[len(seeds) :]), plane)


def _unpaired(row: list[float], reference: list[float]) -> Comparison:
    if min(len(row), len(reference)) > 1:
        return inference.unpaired(np.array(row), np.array(reference))
    return _untested(float(np.mean(row) - np.mean(reference)))


def _untested(value: float) -> Comparison:
    return Comparison(value=value, covers=Covers.NOTHING, method="none")


def looks_of(
    row: Outcome, reference: Outcome, measure: Measure, epoch: Epoch, rule: Rule
) -> tuple[Comparison | None, ...]:
    """One comparison for every look of a rule, each on the first seeds of the plan; None where seeds are missing."""
    found: list[Comparison | None] = []
    for count in rule.seeds_at:
        first = row.seeds[:count]
        complete = len(first) == count and all(seed in one.finished for seed in first for one in (row, reference))
        found.append(compare(row, reference, measure, epoch, first) if complete else None)
    return tuple(found)


def after_looks(looks: Sequence[Comparison | None], rule: Rule) -> Comparison | None:
    """The newest look, with the p-value and the interval that hold for having looked before."""
    seen = [look for look in looks if look is not None]
    if not seen:
        return None
    newest = seen[-1]
    if any(look.p is None for look in seen) or newest.seeds_variance is None or newest.samples_variance is None:
        return dataclasses.replace(newest, low=None, high=None, p=None, looks=len(seen))
    level = look_levels(rule.alpha, rule.fractions)[len(seen) - 1]
    found = Variance(newest.seeds_variance, newest.samples_variance, newest.seeds - 1)
    half = inference.half_width(found, level)
    p = repeated_p([look.p for look in seen if look.p is not None], rule.fractions)
    if not half:  # nothing was seen to vary: the interval of a single look says what that leaves open
        return dataclasses.replace(newest, p=p, looks=len(seen))
    return dataclasses.replace(newest, low=newest.value - half, high=newest.value + half, p=p, looks=len(seen))
