"""Where the cells of a study come from: all at once, or round by round as results come in.

A source is asked for the cells that are wanted now, given what is there; asked again, it may want more. It starts
nothing and keeps nothing: the same records give the same answer, so that any later command goes on where one left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from an_cli.plan.expand import Plan, take_seeds
from an_cli.store import RunRecord

Records = Mapping[str, RunRecord]  # by cell id; a cell without one was not run


class Source(Protocol):
    """Gives the cells of a study."""

    def next(self, records: Records) -> Plan | None:
        """The plan as it is wanted now: rows with their cells, finished ones too.

        Args:
            records: of all cells that this source has ever given, as far as they are there.

        Returns:
            None when every cell that is wanted is finished, and no more will be.
        """


@dataclass(frozen=True)
class Fixed:
    """The rows of a study, or the products of a grid: known before anything runs."""

    plan: Plan

    def next(self, records: Records) -> Plan | None:
        """See `Source.next`."""
        return None if _finished(self.plan, records) else self.plan


@dataclass(frozen=True)
class Rounds:
    """Rows whose seeds are added round by round, by a rule that looks at what the earlier ones gave.

    Attributes:
        whole: the plan with as many seeds as any row may need.
        first: seeds of every row in the first round.
        wanted: how many seeds each row needs by now, by its label; rows that it leaves out need no more.
    """

    whole: Plan
    first: int
    wanted: Callable[[Records], Mapping[str, int]]

    def next(self, records: Records) -> Plan | None:
        """See `Source.next`."""
        plan = self.round(records)
        return None if _finished(plan, records) else plan

    def round(self, records: Records) -> Plan:
        """The rows with the seeds that each needs by now: the round that goes, or the last one."""
        wanted = self.wanted(records)
        counts = {row.label: max(wanted.get(row.label, 0), self.first) for row in self.whole.rows}
        return take_seeds(self.whole, counts)


def _finished(plan: Plan, records: Records) -> bool:
    return all(cell.id in records and records[cell.id].status.is_done for cell in plan.cells)
