"""How surely two rows differ: from the samples that one seed got wrong, or from several seeds and their samples.

Two things vary that a reader would like a difference not to hang on: the seed and the evaluation images. With one seed
only the second can be told: exact McNemar on the samples that one of the two networks alone gets wrong, and the
interval that belongs to it. With several
seeds, d[s, i] in {-1, 0, 1} (row wrong minus reference wrong, seed s, sample i) is a two-way layout without
replication, and its mean squares give the variance of the mean,

    var(mean d) = seeds + samples,  seeds = MS_seed / (S n),  samples = max(0, MS_sample - MS_rest) / (S n).

The interval is mean +- ((t sqrt(seeds))^q + (z sqrt(samples))^q)^(1/q), with Student's t on S - 1 degrees of freedom
for what S seeds tell, the normal z for what n samples tell, and q = 2 + 2 / (S - 1). With q = 2 it is the modified
large-sample interval of Graybill and Wang (1980), which covers too much where both parts count and seeds are few;
Satterthwaite's covers too little there. `python -m tests.checks.coverage` measures all three.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from an_cli.report.statistics.comparison import Comparison, Covers

LEVEL = 0.95
POINTS = 100.0  # error rates are per cent
_DIGITS = 9  # of an error rate; what lies below is float dust, and dust must not pass for a spread

Wrong = NDArray[np.uint8]  # [seed, sample]: 1 where the network is wrong


@dataclass(frozen=True)
class Variance:
    """Variance of a mean difference: what seeds tell, on their degrees of freedom, and what samples add."""

    seeds: float
    samples: float
    freedom: float


def mcnemar_p(only_row: int, only_reference: int) -> float:
    """Exact two-sided p-value of McNemar's test.

    P = min(1, 2 P[B <= min(b, c)]) with B ~ Binomial(b + c, 1/2).

    Args:
        only_row: samples that only the row gets wrong.
        only_reference: samples that only the reference gets wrong.

    Source: McNemar (1947); the same number as `scipy.stats.binomtest(b, b + c).pvalue`.
    """
    discordant = only_row + only_reference
    if not discordant:
        return 1.0
    fewer = min(only_row, only_reference)
    return min(1.0, 2 * float(special.betainc(discordant - fewer, fewer + 1, 0.5)))  # more exact than bdtr


def mcnemar_interval(only_row: int, only_reference: int, samples: int) -> tuple[float, float]:
    """Interval of the difference in error rates, in points, that holds 0 exactly where McNemar's p-value exceeds 5 %.

    The share theta of discordant samples that the row gets wrong has Clopper and Pearson's interval, and the difference
    is (2 theta - 1) times the share of discordant samples. Away from 0 that share stands at its own upper limit, so
    that few or no discordant samples do not pass for none at all.
    """
    discordant = only_row + only_reference
    tail = (1 - LEVEL) / 2
    low = float(special.betaincinv(only_row, only_reference + 1, tail)) if only_row else 0.0
    high = float(special.betaincinv(only_row + 1, only_reference, 1 - tail)) if only_reference else 1.0
    seen = discordant / samples
    most = float(special.betaincinv(discordant + 1, samples - discordant, 1 - tail)) if discordant < samples else 1.0
    below, above = 2 * low - 1, 2 * high - 1
    return below * (most if below < 0 else seen) * POINTS, above * (most if above > 0 else seen) * POINTS


def one_seed(row: Wrong, reference: Wrong) -> Comparison:
    """Two single runs, sample by sample; tells nothing of other seeds.

    Args:
        row, reference: which samples each gets wrong. Shape: [1, samples].
    """
    ours, theirs = row[0].astype(bool), reference[0].astype(bool)
    only_row, only_reference = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    low, high = mcnemar_interval(only_row, only_reference, ours.size)
    discordant = only_row + only_reference
    return Comparison(
        value=(only_row - only_reference) * POINTS / ours.size,
        covers=Covers.SAMPLES,
        method="exact McNemar",
        low=low,
        high=high,
        p=mcnemar_p(only_row, only_reference),
        effect=only_row / discordant - 0.5 if discordant else 0.0,
    )


def several_seeds(row: Wrong, reference: Wrong) -> Comparison:
    """Two rows of the same seeds, seed by seed and sample by sample.

    Args:
        row, reference: which samples each run gets wrong. Shape: [seeds, samples], seeds in the same order.
    """
    d_sn = row.view(np.int8) - reference.view(np.int8)
    counts = d_sn.sum(axis=1, dtype=np.int64)
    by_seed = counts / d_sn.shape[1] * POINTS
    comparison = mean_of_seeds(by_seed, _two_way(d_sn, counts), Covers.BOTH, "t over seeds and samples")
    return _not_empty(comparison, row, reference)


def all_runs(row: Wrong, reference: Wrong) -> Comparison:
    """Two rows whose seeds are not the same: every run of both counts, and none is paired.

    The seeds' part is Welch's. The samples' part is the variance of the samples' mean differences beyond what single
    runs add to it, which is in the seeds' part already. A seed that both rows have only makes this more careful.

    Args:
        row: which samples each run gets wrong. Shape: [seeds >= 2, samples].
        reference: likewise, on the same samples; its number of seeds may be another.
    """
    sides = (row, reference)
    errors = [side.mean(axis=1) * POINTS for side in sides]
    seeds = welch(*errors)
    d_n = row.mean(axis=0) - reference.mean(axis=0)
    rest = sum(_within(side) / side.shape[0] for side in sides)
    samples = max(0.0, float(d_n.var(ddof=1)) - rest) * POINTS**2 / d_n.size
    value = float(errors[0].mean() - errors[1].mean())
    variance = Variance(seeds.seeds, samples, seeds.freedom)
    fewest = min(side.shape[0] for side in sides)
    method = "Welch's t over seeds and samples"
    return _not_empty(tested(value, variance, fewest, Covers.BOTH, method, None), row, reference)


def _within(wrong_sn: Wrong) -> float:
    """Mean square of what is left of single runs at single samples, once both means are taken off."""
    seeds, samples = wrong_sn.shape
    by_seed, by_sample = wrong_sn.sum(axis=1, dtype=np.int64), wrong_sn.sum(axis=0, dtype=np.int64)
    total = int(by_seed.sum())
    squares = total - int(by_seed @ by_seed) / samples - int(by_sample @ by_sample) / seeds
    rest = max(0.0, float(squares) + total**2 / (seeds * samples))
    return float(rest / ((seeds - 1) * (samples - 1)))


def _not_empty(comparison: Comparison, row: Wrong, reference: Wrong) -> Comparison:
    """An interval of no width says that nothing was seen to vary, not that nothing can: that of one pair of runs."""
    if comparison.low is None or comparison.low != comparison.high:
        return comparison
    single = one_seed(row[:1], reference[:1])
    low, high = min(single.low or 0.0, comparison.value), max(single.high or 0.0, comparison.value)
    return replace(comparison, low=min(low, 0.0), high=max(high, 0.0))


def seeds_alone(differences: NDArray[np.float64]) -> Comparison:
    """Two rows of the same seeds without per-sample records: the paired t-test.

    Args:
        differences: one per seed, in points; at least two.
    """
    exact = np.round(differences, _DIGITS)
    variance = Variance(_variance(exact) / exact.size, 0.0, exact.size - 1)
    return mean_of_seeds(exact, variance, Covers.SEEDS, "paired t over seeds")


def unpaired(row: NDArray[np.float64], reference: NDArray[np.float64]) -> Comparison:
    """Two rows whose seeds are not the same, without per-sample records: Welch's t-test.

    Args:
        row, reference: error rates by seed, in per cent; at least two each.
    """
    value = float(row.mean() - reference.mean())
    seeds = min(row.size, reference.size)
    return tested(value, welch(row, reference), seeds, Covers.SEEDS, "Welch's t over seeds", None)


def welch(row: NDArray[np.float64], reference: NDArray[np.float64]) -> Variance:
    """Variance of a difference of two means, by Welch: of runs that are not paired."""
    parts = [_variance(np.round(side, _DIGITS)) / side.size for side in (row, reference)]
    below = sum(part**2 / (side.size - 1) for part, side in zip(parts, (row, reference), strict=True))
    return Variance(sum(parts), 0.0, sum(parts) ** 2 / below if below else math.inf)


def _variance(values: NDArray[np.float64]) -> float:
    """Sample variance, exactly 0 for equal values."""
    return float(values.var(ddof=1)) if values.max() > values.min() else 0.0


def two_way(d_sn: NDArray[np.int8]) -> Variance:
    """Variance of the mean of d, in points squared, from the mean squares of its two-way layout.

    Args:
        d_sn: row wrong minus reference wrong. Shape: [seeds >= 2, samples >= 2].
    """
    return _two_way(d_sn, d_sn.sum(axis=1, dtype=np.int64))


def _two_way(d_sn: NDArray[np.int8], by_seed: NDArray[np.int64]) -> Variance:
    seeds, samples = d_sn.shape
    by_sample = d_sn.sum(axis=0, dtype=np.int64)
    total = int(by_seed.sum())
    ms_seed = (seeds * int(by_seed @ by_seed) - total**2) / (seeds * samples * (seeds - 1))
    ms_sample = (samples * int(by_sample @ by_sample) - total**2) / (seeds * samples * (samples - 1))
    squares = int(np.count_nonzero(d_sn)) - total**2 / (seeds * samples)
    rest = squares - (seeds - 1) * ms_seed - (samples - 1) * ms_sample
    ms_rest = max(0.0, rest) / ((seeds - 1) * (samples - 1))
    scale = POINTS**2 / (seeds * samples)
    return Variance(ms_seed * scale, max(0.0, ms_sample - ms_rest) * scale, seeds - 1)


def mean_of_seeds(by_seed: NDArray[np.float64], variance: Variance, covers: Covers, method: str) -> Comparison:
    """The mean of differences by seed, with its variance."""
    values = by_seed.tolist()  # a handful: numpy's own mean and std take longer to start than to add
    value = sum(values) / len(values)
    spread = math.sqrt(sum((seed_value - value) ** 2 for seed_value in values) / (len(values) - 1))
    return tested(value, variance, by_seed.size, covers, method, value / spread if spread else None)


def tested(
    value: float, variance: Variance, seeds: int, covers: Covers, method: str, effect: float | None
) -> Comparison:
    """A difference with the interval and the p-value that its variance gives."""
    # Not where all seeds differ by one and the same number; samples that agree throughout do tell something.
    certain = bool(variance.seeds or variance.samples or (not value and covers is Covers.BOTH))
    half = half_width(variance, 1 - LEVEL)
    return Comparison(
        value=value,
        covers=covers if certain else Covers.NOTHING,
        method=method,
        low=value - half if certain else None,
        high=value + half if certain else None,
        p=p_value(value, variance) if certain else None,
        effect=effect,
        seeds_variance=variance.seeds,
        samples_variance=variance.samples,
        seeds=seeds,
    )


def half_width(variance: Variance, alpha: float) -> float:
    """Half the width of the interval that misses with probability alpha (see the top of this module)."""
    t = -float(special.stdtrit(variance.freedom, alpha / 2)) if math.isfinite(variance.freedom) else _z(alpha)
    by_seeds, by_samples = t * math.sqrt(variance.seeds), _z(alpha) * math.sqrt(variance.samples)
    larger = max(by_seeds, by_samples)
    if not larger:
        return 0.0
    power = 2 + 2 / variance.freedom
    return float(larger * ((by_seeds / larger) ** power + (by_samples / larger) ** power) ** (1 / power))


def _z(alpha: float) -> float:
    return -float(special.ndtri(alpha / 2))


def p_value(value: float, variance: Variance) -> float:
    """The alpha at which the interval just reaches from the value to 0."""
    size = abs(value)
    if not size:
        return 1.0
    if not variance.samples and math.isfinite(variance.freedom):
        return float(2 * special.stdtr(variance.freedom, -size / math.sqrt(variance.seeds)))
    return _crossing(size, variance)


def _crossing(size: float, variance: Variance) -> float:
    """Where the half width, which falls with alpha, equals a size: by false position (Illinois) on log alpha."""
    # Either part alone gives a narrower interval, and so the smaller alpha.
    parts = [2 * special.stdtr(variance.freedom, -size / math.sqrt(variance.seeds))] if variance.seeds else []
    parts += [2 * special.ndtr(-size / math.sqrt(variance.samples))]
    low, high = math.log(max(1e-300, 0.999 * max(parts))), math.log(1 - 1e-12)
    above, below = half_width(variance, math.exp(low)) - size, half_width(variance, math.exp(high)) - size
    if above <= 0:
        return 0.0
    side = 0
    for turn in range(200):
        middle = (low * below - high * above) / (below - above) if turn % 4 else (low + high) / 2
        gap = half_width(variance, math.exp(middle)) - size
        if gap > 0:
            low, above, below, side = middle, gap, below / 2 if side > 0 else below, 1
        else:
            high, below, above, side = middle, gap, above / 2 if side < 0 else above, -1
        if high - low < 1e-11 or not gap:
            break
    return math.exp(middle)


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down adjustment: p-values that may each be compared with the error rate of the whole family.

    Source: Holm (1979).
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted
