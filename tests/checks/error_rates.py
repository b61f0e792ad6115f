"""Error rate of whole tables, with Holm and with `--until-resolved`: `python -m tests.checks.error_rates [--tables N]`.

Null tables: eight rows of equal networks, made-up evaluations with both seeds and samples varying. A table errs if any
row is told apart from its baseline, or called the best. Then tables in which three or all of seven rows differ, to
compare the seeds that `--until-resolved` spends with a fixed number of seeds of equal power. Exits 1 if a rate exceeds
the one-sided 99 % binomial bound of 5 %, if the seeds exceed 75 %, or if that design finds more.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from an_cli.report.statistics.comparison import Comparison
from an_cli.report.statistics.inference import Variance, holm, p_value, several_seeds, two_way
from an_cli.report.statistics.stopping import RowLooks, Rule, State, decide
from tests.report.coin import evaluations

ROWS = 8
SAMPLES = 600
FIXED = 24  # seeds of the fixed design
RULE = Rule()
SPREADS = (0.04, 0.2)  # of seeds and of samples
SHIFT = 0.066  # of the rows that differ; the fixed design then finds about nine in ten


def look(row: NDArray[np.uint8], reference: NDArray[np.uint8], seeds: int) -> Comparison:
    return several_seeds(row[:seeds], reference[:seeds])


def best_claimed(rows: Sequence[NDArray[np.uint8]], apart: Sequence[bool]) -> bool:
    """Whether the lowest row would be printed in bold (the rule of an_cli.report.compare.best)."""
    best = min(range(len(rows)), key=lambda index: rows[index].mean())
    if not (apart[best - 1] if best else all(apart)):
        return False
    for other in range(1, len(rows)):
        if best and other != best:
            d_sn = rows[best].astype(np.int8) - rows[other].astype(np.int8)
            found: Variance = two_way(d_sn)
            if p_value(float(d_sn.mean()) * 100, found) * len(rows) / 2 > 0.05:
                return False
    return True


def fixed_design(rows: Sequence[NDArray[np.uint8]], seeds: int) -> list[bool]:
    p_values = [look(row, rows[0], seeds).p for row in rows[1:]]
    return [p <= RULE.alpha for p in holm([1.0 if p is None else p for p in p_values])]


def until_resolved(rows: Sequence[NDArray[np.uint8]]) -> tuple[list[bool], int]:
    """Which rows are told apart, and how many runs that took; rounds are run as the command would run them."""
    seeds = dict.fromkeys(range(len(rows)), 0)
    while True:
        frame = [
            RowLooks(
                row=str(index),
                reference="0",
                looks=tuple(
                    look(rows[index], rows[0], count) if count <= seeds[index] else None for count in RULE.seeds_at
                ),
            )
            for index in range(1, len(rows))
        ]
        found = decide(frame, RULE)
        if not found.open:
            return [row.state is State.TOLD_APART for row in found.rows], sum(seeds.values())
        seeds.update({int(label): count for label, count in found.seeds.items()})


def bound(tables: int, rate: float = 0.05) -> float:
    """One-sided 99 % binomial bound of an error rate."""
    return rate + 2.3263 * math.sqrt(rate * (1 - rate) / tables)


def null_tables(tables: int, seeds: int = 5) -> tuple[float, float]:
    """Shares of null tables that err: with Holm at a fixed number of seeds, and until resolved."""
    generator = np.random.default_rng(6)
    erred = np.zeros(2)
    for _ in range(tables):
        rows = evaluations(
            generator, rows=ROWS, seeds=RULE.seeds_at[-1], samples=SAMPLES, seed_spread=SPREADS[0],
            sample_spread=SPREADS[1],
        )  # fmt: skip
        apart = fixed_design(rows, seeds)
        erred += [any(apart) or best_claimed([row[:seeds] for row in rows], apart), any(until_resolved(rows)[0])]
    fixed, sequential = erred / tables
    return float(fixed), float(sequential)


def efficiency(tables: int, shifted: int) -> tuple[float, float, float]:
    """Power of the fixed design and until resolved, and the runs of the second as a share of the first's."""
    generator = np.random.default_rng(7)
    shifts = np.array([0.0, *[SHIFT] * shifted, *[0.0] * (ROWS - 1 - shifted)])
    found, runs = np.zeros(2), 0
    for _ in range(tables):
        rows = evaluations(
            generator, rows=ROWS, seeds=RULE.seeds_at[-1], samples=SAMPLES * 8, seed_spread=0.05,
            sample_spread=0.0, shifts=shifts,
        )  # fmt: skip
        sequential, taken = until_resolved(rows)
        found += [sum(fixed_design(rows, FIXED)[:shifted]), sum(sequential[:shifted])]
        runs += taken
    powers = found / (tables * max(shifted, 1))
    return float(powers[0]), float(powers[1]), runs / (tables * ROWS * FIXED)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=2000)
    tables = parser.parse_args().tables
    fixed, sequential = null_tables(tables)
    print(
        f"{tables} null tables: {fixed:.4f} err with Holm, {sequential:.4f} until resolved; bound {bound(tables):.4f}"
    )
    passed = max(fixed, sequential) <= bound(tables)
    for shifted in (3, 0, 7):
        some = max(50, tables // 5)
        one, other, share = efficiency(some, shifted)
        print(
            f"{shifted} of 7 rows differ, {some} tables: power {one:.3f} with {FIXED} seeds, "
            f"{other:.3f} until resolved, which takes {share:.1%} of the runs",
            flush=True,
        )
        passed = passed and share <= 0.75 and other >= one - 0.02
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
