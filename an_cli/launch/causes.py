"""Why an attempt ended without a result, and how often that is borne, here and on a cluster alike.

What is nobody's fault costs nothing; what is likely to repeat itself is tried once more only.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from an_cli.store import End


class Cause(StrEnum):
    """Why an attempt ended, or a job of it."""

    COMPLETED = "completed"  # and yet without a result, where it counts as an end
    CRASH = "crash"  # by its own doing: an error that it wrote down, or a signal that its own code provokes
    OUT_OF_MEMORY = "out_of_memory"
    TIME_LIMIT = "time_limit"
    PREEMPTED = "preempted"
    NODE_FAILURE = "node_failure"
    CANCELLED = "cancelled"
    KILLED = "killed"  # by a signal that nobody explains
    REFUSED = "refused"  # SLURM did not take the job
    SET_UP = "set_up"  # its job ended before the run began: the node's, or the set-up lines' doing
    LOST = "lost"  # no source knows it any more; or the worker that ran it is gone


# The end of a cause at which a run is given up; None: never. A cause that is not here counts as a crash.
_GIVEN_UP_AT = {
    Cause.PREEMPTED: None,
    Cause.CANCELLED: None,
    Cause.REFUSED: None,
    Cause.TIME_LIMIT: 2,  # without a step made in between; with one, any number
    Cause.NODE_FAILURE: 5,
    Cause.SET_UP: 5,  # its node is avoided, and what fails everywhere holds the study back (see `blame`)
    Cause.LOST: 5,
    Cause.KILLED: 3,
    Cause.COMPLETED: 2,
    Cause.OUT_OF_MEMORY: 2,
    Cause.CRASH: 3,
}
_ADVICE = {
    Cause.OUT_OF_MEMORY: "raise launch.mem",
    Cause.TIME_LIMIT: "raise launch.time_min",
    Cause.NODE_FAILURE: "see sinfo -R",
}
SAME_CRASH = 2  # crashes with one and the same message are the program's, and a third would be too


def spent(ends: Sequence[End]) -> str:
    """Why a run is not started again; empty while it may be.

    Args:
        ends: of its submissions since its owner last said `retry`, or of its attempts in this command; oldest first.
    """
    if not ends:
        return ""
    newest = ends[-1]
    cause = _cause(newest)
    of_cause = [end for end in ends if _cause(end) is cause]
    if cause is Cause.CRASH and [end.detail for end in of_cause].count(newest.detail) >= SAME_CRASH:
        return f"failed {SAME_CRASH} times in the same way: {newest.detail}"
    last = _GIVEN_UP_AT[cause]
    if cause is Cause.TIME_LIMIT:
        of_cause = [end for end in of_cause if end.step >= newest.step]
    if last is None or len(of_cause) < last:
        return ""
    advice = f"; {_ADVICE[cause]}" if cause in _ADVICE else ""
    return f"{cause.replace('_', ' ')}, {len(of_cause)} times: {newest.detail}{advice}"


def bad_nodes(ends: Sequence[End]) -> list[str]:
    """Nodes that failed under a run: its next job stays away from them."""
    at_fault = (Cause.NODE_FAILURE, Cause.SET_UP)
    return sorted({end.node for end in ends if _cause(end) in at_fault and end.node})


def _cause(end: End) -> Cause:
    return Cause(end.cause) if end.cause in set(Cause) else Cause.CRASH
