"""What a study wants against what is there: the difference is what will be done. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from an_cli.plan import Cell
from an_cli.store import Status


class Action(StrEnum):
    """What will be done about a cell."""

    START = "start"
    CONTINUE = "continue"  # from its last checkpoint
    RETRY = "retry"  # it failed before
    RERUN = "rerun"  # what it came to is set aside first
    WAIT = "wait"  # another process runs it
    KEEP = "keep"  # it is finished
    LEAVE = "leave"  # its weights were imported; training it takes --rerun


_ACTIONS = {
    Status.MISSING: Action.START,
    Status.WAITING: Action.START,
    Status.UNREADABLE: Action.START,  # a folder without cell.json: preparing was cut off, preparing again completes it
    Status.INTERRUPTED: Action.CONTINUE,
    Status.FAILED: Action.RETRY,
    Status.RUNNING: Action.WAIT,
    Status.UNKNOWN: Action.WAIT,  # its holder cannot be seen from here, which is no reason to call it dead
    Status.FINISHED: Action.KEEP,
    Status.IMPORTED: Action.LEAVE,
}
_WORDS = {
    Action.KEEP: "finished",
    Action.LEAVE: "imported (not trained)",
    Action.WAIT: "running elsewhere",
    Action.CONTINUE: "to continue",
    Action.RETRY: "to retry",
    Action.RERUN: "to run again",
    Action.START: "to start",
}
_LAUNCHED = (Action.START, Action.CONTINUE, Action.RETRY, Action.RERUN)


@dataclass(frozen=True)
class Reconciliation:
    """An action for every cell, in the plan's order."""

    actions: tuple[tuple[Cell, Action], ...]

    @property
    def to_launch(self) -> tuple[Cell, ...]:
        """Cells that need a process of ours."""
        return tuple(cell for cell, action in self.actions if action in _LAUNCHED)

    @property
    def to_follow(self) -> tuple[Cell, ...]:
        """Cells that need a process, ours or another's."""
        return tuple(cell for cell, action in self.actions if action not in (Action.KEEP, Action.LEAVE))

    @property
    def sentence(self) -> str:
        """For example "24 cells: 20 finished, 1 to continue, 3 to start"."""
        counts = Counter(action for _, action in self.actions)
        parts = [f"{counts[action]} {words}" for action, words in _WORDS.items() if counts[action]]
        noun = "cell" if len(self.actions) == 1 else "cells"
        return f"{len(self.actions)} {noun}: {', '.join(parts) or 'nothing to run'}"


def reconcile(cells: Iterable[Cell], statuses: Mapping[str, Status], reruns: Container[str] = ()) -> Reconciliation:
    """Decide what to do about every cell.

    Args:
        cells: of a plan.
        statuses: cell id -> state of its run.
        reruns: ids of cells that are to be run again; one that runs is awaited all the same.
    """

    def action(cell: Cell) -> Action:
        found = _ACTIONS[statuses[cell.id]]
        return Action.RERUN if cell.id in reruns and found is not Action.WAIT else found

    return Reconciliation(tuple((cell, action(cell)) for cell in cells))
