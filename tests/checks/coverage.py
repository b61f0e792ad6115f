"""How often a 95 % interval holds the true difference: `python -m tests.checks.coverage [--tables N]`.

Two networks whose expected error rates are equal, over fresh seeds and a fresh evaluation set each time; the shares of
the variation that seeds and samples have are varied. Prints a line per case, for the method in use and for two others:
Satterthwaite's degrees of freedom, and the modified large-sample interval (q = 2). Exits 1 if the method in use leaves
93 to 97 % anywhere.
"""

from __future__ import annotations

import argparse
import math
import sys

import numpy as np
from scipy import special

from an_cli.config.task import Summary
from an_cli.report.evidence.per_sample import numbers as samples_of
from an_cli.report.statistics import numbers
from an_cli.report.statistics.inference import Variance, half_width, two_way
from an_cli.store import Kind, PerSample
from tests.report.coin import evaluations

CASES = ((0.0, 0.0), (0.02, 0.0), (0.05, 0.0), (0.0, 0.6), (0.02, 0.6), (0.05, 0.6), (0.03, 0.3))
SEEDS = (3, 4, 5, 8, 16)


def satterthwaite(found: Variance, samples: int) -> float:
    total = found.seeds + found.samples
    if not total:
        return 0.0
    freedom = total**2 / (found.seeds**2 / found.freedom + found.samples**2 / (samples - 1))
    return -float(special.stdtrit(freedom, 0.025)) * math.sqrt(total)


def modified_large_sample(found: Variance) -> float:
    t, z = -float(special.stdtrit(found.freedom, 0.025)), -float(special.ndtri(0.025))
    return math.hypot(t * math.sqrt(found.seeds), z * math.sqrt(found.samples))


def coverage(seeds: int, case: tuple[float, float], tables: int, samples: int = 1000) -> tuple[float, float, float]:
    """Shares of intervals that hold the true difference of 0: the method in use, Satterthwaite, q = 2."""
    generator = np.random.default_rng([seeds, int(case[0] * 1000), int(case[1] * 1000)])
    held = np.zeros(3)
    for _ in range(tables):
        row, reference = evaluations(
            generator, rows=2, seeds=seeds, samples=samples, seed_spread=case[0], sample_spread=case[1]
        )
        d_sn = row.astype(np.int8) - reference.astype(np.int8)
        found, value = two_way(d_sn), abs(float(d_sn.mean())) * 100
        halves = (half_width(found, 0.05), satterthwaite(found, samples), modified_large_sample(found))
        held += [value <= half for half in halves]
    used, other, third = held / tables
    return float(used), float(other), float(third)


NUMBERS = ((0.0, 0.0), (0.1, 0.0), (0.0, 1.0), (0.1, 1.0), (0.05, 0.5))


def coverage_of_numbers(seeds: int, case: tuple[float, float], tables: int, samples: int = 500) -> tuple[float, float]:
    """Shares of intervals of a difference of two RMSEs that hold 0: paired by seed, and of rows with other seeds.

    An error is a normal draw whose size depends on the sample, on the seed, and on both rows alike; then on the row.
    """
    generator = np.random.default_rng([seeds, int(case[0] * 1000), int(case[1] * 1000)])
    held = np.zeros(2)
    for _ in range(tables):
        hard = np.exp(case[1] * generator.normal(size=samples))
        squared = [_squared_errors(generator, seeds, hard, case[0]) for _ in range(2)]
        other = _squared_errors(generator, seeds + 1, hard, case[0])
        row, reference, unpaired = (_as_samples(one) for one in (*squared, other))
        found = numbers.several_seeds(row, reference), numbers.all_runs(row, unpaired)
        held += [(one.low or 0.0) <= 0 <= (one.high or 0.0) for one in found]
    paired, welch = held / tables
    return float(paired), float(welch)


def _squared_errors(generator: np.random.Generator, seeds: int, hard_n: np.ndarray, spread: float) -> np.ndarray:
    level_s = np.exp(spread * generator.normal(size=(seeds, 1)))
    return np.square(level_s * np.sqrt(hard_n) * generator.normal(size=(seeds, hard_n.size)))


def _as_samples(squared_sn: np.ndarray) -> np.ndarray:
    runs = tuple(
        PerSample(squared_sn.shape[1], "f", {"last.squared": one.astype("<f4").tobytes()}, Kind.FLOAT32)
        for one in squared_sn
    )
    return samples_of(runs, "last.squared", Summary.ROOT_MEAN)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=10_000, help="of each case")
    tables = parser.parse_args().tables
    low, high = 1.0, 0.0
    print("seeds  seed spread  sample spread  in use  Satterthwaite  q = 2")
    for seeds in SEEDS:
        for case in CASES:
            used, other, third = coverage(seeds, case, tables)
            low, high = min(low, used), max(high, used)
            print(f"{seeds:5}  {case[0]:11}  {case[1]:13}  {used:6.3f}  {other:13.3f}  {third:5.3f}", flush=True)
    print(f"in use: {low:.3f} to {high:.3f}")
    print("RMSE: seeds  seed spread  sample spread  paired  unpaired")
    for seeds in SEEDS:
        for case in NUMBERS:
            shares = coverage_of_numbers(seeds, case, tables // 5)
            low, high = min(low, *shares), max(high, *shares)
            print(f"{seeds:11}  {case[0]:11}  {case[1]:13}  {shares[0]:6.3f}  {shares[1]:8.3f}", flush=True)
    return 0 if low >= 0.93 and high <= 0.97 else 1


if __name__ == "__main__":
    sys.exit(main())
