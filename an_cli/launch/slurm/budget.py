"""How often a run may end without a result, by cause. What is nobody's fault costs nothing."""

from __future__ import annotations

from collections.abc import Sequence

from an_cli.launch.slurm.states import Cause
from an_cli.store import End

# How many ends of a cause are borne; None: any number. A cause that is not here is borne as a crash is.
_BORNE = {
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
    """Why a run is not submitted again; empty while it may be.

    Args:
        ends: of its submissions since its owner last said `retry`, oldest first.
    """
    if not ends:
        return ""
    newest = ends[-1]
    cause = _cause(newest)
    of_cause = [end for end in ends if _cause(end) is cause]
    if cause is Cause.CRASH and [end.detail for end in of_cause].count(newest.detail) >= SAME_CRASH:
        return f"failed {SAME_CRASH} times in the same way: {newest.detail}"
    borne = _BORNE[cause]
    if cause is Cause.TIME_LIMIT:
        of_cause = [end for end in of_cause if end.step >= newest.step]
    if borne is None or len(of_cause) < borne:
        return ""
    advice = f"; {_ADVICE[cause]}" if cause in _ADVICE else ""
    return f"{cause.replace('_', ' ')}, {len(of_cause)} times: {newest.detail}{advice}"


def bad_nodes(ends: Sequence[End]) -> list[str]:
    """Nodes that failed under a run: its next job stays away from them."""
    at_fault = (Cause.NODE_FAILURE, Cause.SET_UP)
    return sorted({end.node for end in ends if _cause(end) in at_fault and end.node})


def _cause(end: End) -> Cause:
    return Cause(end.cause) if end.cause in set(Cause) else Cause.CRASH
