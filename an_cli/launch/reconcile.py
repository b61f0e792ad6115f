"""What a study wants against what is there: the difference is what will be done. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from an_cli.launch.standing import RunStanding
from an_cli.plan import Cell
from an_cli.store import Status


class Action(StrEnum):
    """What will be done about a cell."""

    START = "start"
    CONTINUE = "continue"  # from its last checkpoint
    RETRY = "retry"  # it failed before
    RERUN = "rerun"  # what it came to is set aside first
    WAIT = "wait"  # another process runs it
    AWAIT_JOB = "await job"  # a scheduler's job is going to start it
    KEEP = "keep"  # it is finished
    LEAVE = "leave"  # its weights were imported; training it takes --rerun
    GIVEN_UP = "given up"  # it failed too often on the cluster; submitting it takes retry


_ACTIONS = {
    Status.MISSING: Action.START,
    Status.WAITING: Action.START,
    Status.UNREADABLE: Action.START,  # a folder without cell.json: preparing was cut off, preparing again completes it
    Status.INTERRUPTED: Action.CONTINUE,
    Status.PAUSED: Action.CONTINUE,
    Status.FAILED: Action.RETRY,
    Status.RUNNING: Action.WAIT,
    Status.UNKNOWN: Action.WAIT,  # its holder cannot be seen from here, which is no reason to call it dead
    Status.FINISHED: Action.KEEP,
    Status.IMPORTED: Action.LEAVE,
    Status.SUBMITTING: Action.AWAIT_JOB,
    Status.QUEUED: Action.AWAIT_JOB,
    Status.HELD: Action.AWAIT_JOB,
}
_WORDS = {
    Action.KEEP: "finished",
    Action.LEAVE: "imported (not trained)",
    Action.WAIT: "running elsewhere",
    Action.GIVEN_UP: "failed too often (an-cli retry)",
    Action.CONTINUE: "to continue",
    Action.RETRY: "to retry",
    Action.RERUN: "to run again",
    Action.START: "to start",
}
_QUEUE_WORDS = {
    Status.QUEUED: "queued",
    Status.HELD: "held",
    Status.SUBMITTING: "being submitted",
    Status.RUNNING: "starting as a job",
    Status.UNKNOWN: "unknown to this machine, and submitted",
}
_LAUNCHED = (Action.START, Action.CONTINUE, Action.RETRY, Action.RERUN)


@dataclass(frozen=True)
class Reconciliation:
    """An action for every cell, in the plan's order, and how each stands."""

    actions: tuple[tuple[Cell, Action], ...]
    standings: Mapping[str, RunStanding]

    @property
    def to_launch(self) -> tuple[Cell, ...]:
        """Cells that need a process of ours."""
        return tuple(cell for cell, action in self.actions if action in _LAUNCHED)

    @property
    def to_follow(self) -> tuple[Cell, ...]:
        """Cells that need a process, ours or another's, and whose end the disk will tell."""
        return tuple(cell for cell, action in self.actions if action in (*_LAUNCHED, Action.WAIT))

    @property
    def in_queue(self) -> tuple[Cell, ...]:
        """Cells that a scheduler's job is going to start."""
        return tuple(cell for cell, action in self.actions if action is Action.AWAIT_JOB)

    @property
    def sentence(self) -> str:
        """For example "24 cells: 20 finished, 1 to continue, 3 to start"."""
        counts = Counter(self._words(cell, action) for cell, action in self.actions)
        order = [*_WORDS.values(), *_QUEUE_WORDS.values()]
        parts = [f"{counts[words]} {words}" for words in sorted(counts, key=order.index)]
        noun = "cell" if len(self.actions) == 1 else "cells"
        return f"{len(self.actions)} {noun}: {', '.join(parts) or 'nothing to run'}"

    def _words(self, cell: Cell, action: Action) -> str:
        return _QUEUE_WORDS[self.standings[cell.id].status] if action is Action.AWAIT_JOB else _WORDS[action]


def reconcile(
    cells: Iterable[Cell],
    standings: Mapping[str, RunStanding],
    reruns: Container[str] = (),
    *,
    on_slurm: bool = False,
) -> Reconciliation:
    """Decide what to do about every cell.

    Args:
        cells: of a plan.
        standings: cell id -> where its run stands.
        reruns: ids of cells that are to be run again; one that runs or is in a queue is awaited all the same.
        on_slurm: for a cluster, which does not submit again what has failed too often there.
    """

    def action(cell: Cell) -> Action:
        standing = standings[cell.id]
        wanted = Action.AWAIT_JOB if standing.has_job else _ACTIONS[standing.status]
        if cell.id in reruns and wanted not in (Action.WAIT, Action.AWAIT_JOB):
            return Action.RERUN
        return Action.GIVEN_UP if on_slurm and standing.left_alone else wanted

    return Reconciliation(tuple((cell, action(cell)) for cell in cells), standings)
