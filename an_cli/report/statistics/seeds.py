"""Mean, spread and difference over seeds; nothing is printed that the seeds cannot carry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Measurements of one row, by seed.

    Attributes:
        values: in the order of the seeds given.
        mean: their mean; None without values.
        std: sample standard deviation (n - 1); None below two values.
        standard_error: of the mean, std / sqrt(n); None below two values.
    """

    values: tuple[float, ...]
    mean: float | None
    std: float | None
    standard_error: float | None

    @property
    def n(self) -> int:
        return len(self.values)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Row - reference. Paired: the sample holds one difference per shared seed.

    Unpaired: their seeds are not the same; the sample holds the difference of the two means, without a spread, and the
    standard error that both spreads give (None where one row has a single seed).
    """

    sample: Sample
    seeds: tuple[int, ...]
    paired: bool


def summarize(values: Mapping[int, float]) -> Sample:
    """Mean and spread of values by seed.

    The standard deviation is sqrt(sum (x - mean)^2 / (n - 1)).

    Args:
        values: seed -> finite measurement.
    """
    return _sample(tuple(values.values()))


def _sample(values: tuple[float, ...]) -> Sample:
    equal = len(set(values)) == 1
    mean = values[0] if equal else math.fsum(values) / len(values) if values else None
    std = 0.0 if len(values) > 1 else None
    if mean is not None and not equal:
        std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    error = std / math.sqrt(len(values)) if std is not None else None
    return Sample(values=values, mean=mean, std=std, standard_error=error)


def difference(row: Mapping[int, float], reference: Mapping[int, float]) -> Difference | None:
    """Difference row - reference: the mean of per-seed differences where both have the same seeds.

    Where they have not it is the difference of the means of all runs, and says so (`paired` is false).

    Args:
        row: seed -> measurement.
        reference: seed -> measurement of the row it is compared with.

    Returns:
        None where one of the two has no measurement.
    """
    if not row or not reference:
        return None
    if set(row) == set(reference):
        shared = tuple(row)
        paired = _sample(tuple(row[seed] - reference[seed] for seed in shared))
        return Difference(sample=paired, seeds=shared, paired=True)
    return Difference(sample=_unpaired(summarize(row), summarize(reference)), seeds=(), paired=False)


def _unpaired(row: Sample, reference: Sample) -> Sample:
    assert row.mean is not None
    assert reference.mean is not None
    error = None
    if row.standard_error is not None and reference.standard_error is not None:
        error = math.hypot(row.standard_error, reference.standard_error)
    mean = row.mean - reference.mean
    return Sample(values=(mean,), mean=mean, std=None, standard_error=error)
