"""Which rows need more seeds: looks at growing data, stopped when a row is told apart or cannot be within the budget.

Every look is recomputed from the first seeds of the plan, so that the same records always give the same decision, from
a terminal or from cron. A row is closed when Holm over the table's repeated p-values tells it apart, when predictive
power falls below a bound (so many more seeds would probably change nothing), or when the seeds are spent. Stopping for
futility never raises the error rate, so it may be overruled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from scipy import special

from an_cli.report.statistics.comparison import Comparison
from an_cli.report.statistics.inference import holm
from an_cli.report.statistics.sequential import look_levels, repeated_p


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When to look, and when to stop; `python -m tests.checks.error_rates` measures what the defaults save.

    Attributes:
        most_seeds: per row; more are never asked for.
        looks: how often the data are looked at, evenly over the seeds, first at three or more.
        alpha: error rate over the whole table.
        futility: a row is given up where the chance of telling it apart with all seeds falls below this.
    """

    most_seeds: int = 30
    looks: int = 10
    alpha: float = 0.05
    futility: float = 0.1

    @property
    def seeds_at(self) -> tuple[int, ...]:
        """Seeds per row at every look, increasing."""
        counts = {max(3, math.ceil(self.most_seeds * look / self.looks)) for look in range(1, self.looks + 1)}
        return tuple(sorted(counts))

    @property
    def fractions(self) -> tuple[float, ...]:
        """Share of the most seeds that every look has."""
        return tuple(count / self.seeds_at[-1] for count in self.seeds_at)


class State(StrEnum):
    """What is known of a row."""

    TOLD_APART = "told apart"
    GIVEN_UP = "given up"  # more seeds within the budget would probably not tell it apart
    SPENT = "spent"  # all seeds, and not told apart
    OPEN = "open"  # needs more seeds


@dataclass(frozen=True, kw_only=True)
class RowLooks:
    """A line of the frame: one row against its reference, at every look of the rule that its seeds allow."""

    row: str
    reference: str
    looks: tuple[Comparison | None, ...]


@dataclass(frozen=True, kw_only=True)
class RowDecision:
    """What a decision says of one row; `p` is its repeated p-value by Holm over the table."""

    row: str
    reference: str
    state: State
    seeds: int
    p: float


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The rows of a table, and how many seeds each needs; `refused`: rows that cannot be compared, and why."""

    rows: tuple[RowDecision, ...]
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def open(self) -> tuple[RowDecision, ...]:
        return tuple(row for row in self.rows if row.state is State.OPEN)

    @property
    def seeds(self) -> Mapping[str, int]:
        """Row label -> seeds it needs; a reference needs as many as the rows compared with it."""
        wanted: dict[str, int] = {}
        for row in self.rows:
            for label in (row.row, row.reference):
                wanted[label] = max(row.seeds, wanted.get(label, 0))
        return wanted


def decide(frame: Sequence[RowLooks], rule: Rule) -> Decision:
    """Name the rows that need more seeds.

    Args:
        frame: a line for every comparison of the table.
        rule: when to look and when to stop.

    Returns:
        A verdict for every line, in order. An open row needs the seeds of its next look.
    """
    p_values: list[list[float]] = [[] for _ in frame]
    states = [State.OPEN] * len(frame)
    seeds = [rule.seeds_at[0]] * len(frame)
    adjusted = [1.0] * len(frame)
    waiting: set[int] = set()
    for look, count in enumerate(rule.seeds_at):
        going = [index for index, state in enumerate(states) if state is State.OPEN and index not in waiting]
        for index in going:
            seeds[index], newest = count, frame[index].looks[look]
            if newest is None:
                waiting.add(index)
            else:
                p_values[index].append(1.0 if newest.p is None else newest.p)
        adjusted = holm([repeated_p(seen, rule.fractions) for seen in p_values])
        left = sum(p > rule.alpha for p in adjusted)
        for index in going:
            comparison = frame[index].looks[look]
            if comparison is not None:
                states[index] = _state(adjusted[index], comparison, look, left, rule)
    rows = zip(frame, states, seeds, adjusted, strict=True)
    return Decision(
        rows=tuple(
            RowDecision(row=line.row, reference=line.reference, state=state, seeds=count, p=p)
            for line, state, count, p in rows
        )
    )


def _state(p: float, comparison: Comparison, look: int, left: int, rule: Rule) -> State:
    if p <= rule.alpha:
        return State.TOLD_APART
    if look + 1 == len(rule.seeds_at):
        return State.SPENT
    return State.GIVEN_UP if predictive_power(comparison, look, left, rule) < rule.futility else State.OPEN


def predictive_power(comparison: Comparison, look: int, left: int, rule: Rule) -> float:
    """The chance, seen from a look, that the last one would tell the row apart.

    The mean at the last look is normal around the present one, with variance v (1 - f), v the present variance from
    seeds and f the share of all seeds at hand; it must leave z sqrt(v f + samples) behind.

    Args:
        left: comparisons that are not told apart yet, by which Holm divides the error rate.
    """
    if comparison.seeds_variance is None or comparison.samples_variance is None:
        return 1.0
    share = rule.fractions[look]
    level = look_levels(rule.alpha / max(left, 1), rule.fractions)[-1]
    needed = -special.ndtri(level / 2) * math.sqrt(comparison.seeds_variance * share + comparison.samples_variance)
    spread = math.sqrt(comparison.seeds_variance * (1 - share))
    if not spread:
        return float(abs(comparison.value) > needed)
    above = special.ndtr((comparison.value - needed) / spread)
    return float(above + special.ndtr((-comparison.value - needed) / spread))
