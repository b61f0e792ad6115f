"""How surely two rows differ in a mean over samples of numbers, such as an RMSE: what `inference` is for error rates.

The layout is the same: d[s, i], seed s and sample i, here a difference of numbers rather than of errors. One seed gives
a paired t over samples; several seeds the two-way layout of `inference`, whose mean squares are worked out in floats.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from an_cli.report.evidence.per_sample import Numbers
from an_cli.report.statistics.comparison import Comparison, Covers
from an_cli.report.statistics.inference import LEVEL, Variance, mean_of_seeds, tested, welch


def one_seed(row: Numbers, reference: Numbers) -> Comparison:
    """Two single runs, sample by sample, by the paired t-test; tells nothing of other seeds.

    Args:
        row, reference: what every sample adds. Shape: [1, samples].
    """
    d_n = row[0] - reference[0]
    value, count = float(d_n.mean()), d_n.size
    error = float(d_n.std(ddof=1)) / math.sqrt(count) if count > 1 else 0.0
    if not error:  # nothing varies, so nothing bounds a difference; equal runs do not differ
        certain = not value and count > 1
        return Comparison(
            value=value,
            covers=Covers.SAMPLES if certain else Covers.NOTHING,
            method="paired t over samples",
            low=value if certain else None,
            high=value if certain else None,
            p=1.0 if certain else None,
        )
    half = -float(special.stdtrit(count - 1, (1 - LEVEL) / 2)) * error
    return Comparison(
        value=value,
        covers=Covers.SAMPLES,
        method="paired t over samples",
        low=value - half,
        high=value + half,
        p=float(2 * special.stdtr(count - 1, -abs(value) / error)),
        effect=value / (error * math.sqrt(count)),
    )


def several_seeds(row: Numbers, reference: Numbers) -> Comparison:
    """Two rows of the same seeds, seed by seed and sample by sample.

    Args:
        row, reference: what every sample adds. Shape: [seeds, samples], seeds in the same order.
    """
    d_sn = row - reference
    return mean_of_seeds(d_sn.mean(axis=1), two_way(d_sn), Covers.BOTH, "t over seeds and samples")


def all_runs(row: Numbers, reference: Numbers) -> Comparison:
    """Two rows whose seeds are not the same: every run of both counts, and none is paired (see `inference.all_runs`).

    Args:
        row: what every sample adds. Shape: [seeds >= 2, samples].
        reference: likewise, on the same samples; its number of seeds may be another.
    """
    by_seed = [side.mean(axis=1) for side in (row, reference)]
    seeds = welch(*by_seed)
    d_n = row.mean(axis=0) - reference.mean(axis=0)
    rest = sum(_rest(side) / side.shape[0] for side in (row, reference))
    samples = max(0.0, float(d_n.var(ddof=1)) - rest) / d_n.size
    value = float(by_seed[0].mean() - by_seed[1].mean())
    fewest = min(side.shape[0] for side in (row, reference))
    variance = Variance(seeds.seeds, samples, seeds.freedom)
    return tested(value, variance, fewest, Covers.BOTH, "Welch's t over seeds and samples", None)


def two_way(d_sn: Numbers) -> Variance:
    """Variance of the mean of d from the mean squares of its two-way layout.

    Args:
        d_sn: row minus reference. Shape: [seeds >= 2, samples >= 2].
    """
    seeds, samples = d_sn.shape
    ms_seed = samples * _spread(d_sn.mean(axis=1))
    ms_sample = seeds * _spread(d_sn.mean(axis=0))
    scale = 1 / (seeds * samples)
    return Variance(ms_seed * scale, max(0.0, ms_sample - _rest(d_sn)) * scale, seeds - 1)


def _spread(values: Numbers) -> float:
    """Sample variance, exactly 0 for equal values."""
    return float(values.var(ddof=1)) if values.max() > values.min() else 0.0


def _rest(x_sn: Numbers) -> float:
    """Mean square of what is left of single runs at single samples, once both means are taken off."""
    seeds, samples = x_sn.shape
    left = x_sn - x_sn.mean(axis=1, keepdims=True) - x_sn.mean(axis=0, keepdims=True) + x_sn.mean()
    return float(np.square(left).sum() / ((seeds - 1) * (samples - 1)))
