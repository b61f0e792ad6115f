"""`report --power`: how many more seeds until a difference is told apart, if it is what it seems to be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from scipy import special

from an_cli.report.spec import Quantity
from an_cli.report.statistics.comparison import Comparison
from an_cli.report.statistics.inference import Variance, half_width
from an_cli.report.table import Mark, Table

POWER = 0.8
_MOST = 1000  # seeds; beyond, "more seeds" is no advice


@dataclass(frozen=True, kw_only=True)
class Power:
    """What more seeds would do for one row.

    Attributes:
        seeds: that each of the two rows has.
        more: seeds to add to each for a power of 80 %; None where no number of them would do, or nothing is known.
        why: in words.
    """

    label: str
    reference: str
    seeds: int
    more: int | None
    why: str


def power(table: Table) -> list[Power]:
    """An answer for every row that is not told apart from its reference.

    The error rate is divided by the number of comparisons (Bonferroni, the hardest of Holm's steps). The seeds needed
    are the fewest at which the interval's half width at that level, and the spread of the difference at 80 % power, fit
    in the difference seen now; variance from seeds falls with their number, that from evaluation samples stays.
    """
    return [*_answers(table)]


def _answers(table: Table) -> Iterator[Power]:
    compared = [row for row in table.rows if row.reference and row.cell(Quantity.GAIN).comparison is not None]
    alpha = table.alpha / max(1, len(compared))
    for row in compared:
        comparison = row.cell(Quantity.GAIN).comparison
        if comparison is not None and not comparison.separated(table.alpha):
            more, why = _more(comparison, alpha)
            yield Power(label=row.label, reference=row.reference, seeds=comparison.seeds, more=more, why=why)
    for row in table.rows:
        cell = row.cell(Quantity.GAIN)
        if row.reference and Mark.NOT_COMPARABLE in cell.marks:
            why = cell.notes[0] if cell.notes else "not comparable"
            yield Power(label=row.label, reference=row.reference, seeds=len(row.seeds), more=None, why=why)
        if row.reference and Mark.MISSING in row.cell(Quantity.GAIN).marks:
            yield Power(label=row.label, reference=row.reference, seeds=0, more=None, why="nothing is finished")


def _more(comparison: Comparison, alpha: float) -> tuple[int | None, str]:
    if comparison.unclaimed in ("seeds failed", "incomplete"):
        return None, f"{comparison.unclaimed}: bring the planned seeds to an end first"
    if comparison.seeds_variance is None or comparison.samples_variance is None or comparison.seeds < 2:
        return None, "one seed tells nothing of the spread between seeds; run three first"
    if comparison.looks > 1:
        return None, "seeds are added by --until-resolved, which decides by itself"
    needed = seeds_needed(comparison, alpha)
    if needed is None:
        return None, _hopeless(comparison, alpha)
    size = f"{abs(comparison.value):.2f}"
    return max(0, needed - comparison.seeds), f"{needed} seeds in all would tell a difference of {size} points apart"


def _hopeless(comparison: Comparison, alpha: float) -> str:
    floor = _reach(comparison.samples_variance or 0.0, alpha)
    if abs(comparison.value) <= floor:
        return (
            f"no number of seeds: the evaluation samples alone leave {floor:.2f} points open, more than the difference "
            f"of {abs(comparison.value):.2f}"
        )
    return f"more than {_MOST} seeds"


def seeds_needed(comparison: Comparison, alpha: float) -> int | None:
    """The fewest seeds, three or more, that tell the present difference apart with 80 % power; None where none do."""
    assert comparison.seeds_variance is not None
    assert comparison.samples_variance is not None
    one_seed = comparison.seeds_variance * comparison.seeds
    if abs(comparison.value) <= _reach(comparison.samples_variance, alpha):
        return None
    for seeds in range(3, _MOST + 1):
        variance = Variance(one_seed / seeds, comparison.samples_variance, seeds - 1)
        spread = math.sqrt(variance.seeds + variance.samples)
        if half_width(variance, alpha) + float(special.ndtri(POWER)) * spread <= abs(comparison.value):
            return seeds
    return None


def _reach(samples_variance: float, alpha: float) -> float:
    """The smallest difference that endless seeds would tell apart."""
    return (float(special.ndtri(POWER)) - float(special.ndtri(alpha / 2))) * math.sqrt(samples_variance)
