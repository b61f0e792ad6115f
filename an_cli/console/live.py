"""How a launch looks while it goes: a line per cell that moves on a terminal, lines that stay elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from an_cli.console.words import duration, epoch_of, number, remaining_s, study_remaining_s
from an_cli.launch import Phase, RunState, Snapshot

Watch = Callable[[Snapshot], None]
SUMMARY_S = 30.0
_ENDED = (Phase.FINISHED, Phase.FAILED)
# Where there are more cells than lines, those that move come first.
_ORDER = {
    phase: place
    for place, phase in enumerate(
        (Phase.RUNNING, Phase.ELSEWHERE, Phase.FAILED, Phase.INTERRUPTED, Phase.FINISHED, Phase.QUEUED)
    )
}
_FRAME = 3  # lines of the screen that are not cells'


def watching(labels: Mapping[str, str], at_once: int) -> AbstractContextManager[Watch]:
    """The view that suits standard error.

    Args:
        labels: run id -> label.
        at_once: runs at a time, for the estimate of what is left.
    """
    return _moving(labels, at_once) if sys.stderr.isatty() else _staying(labels, at_once)


@contextmanager
def _moving(labels: Mapping[str, str], at_once: int) -> Iterator[Watch]:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(snapshot: Snapshot) -> None:
            lines = screen(snapshot, labels, at_once=at_once, height=console.height)
            live.update(Group(*(Text(line, no_wrap=True, overflow="ellipsis") for line in lines)), refresh=True)

        yield show


def screen(snapshot: Snapshot, labels: Mapping[str, str], *, at_once: int, height: int) -> list[str]:
    """The lines of a screen: a summary, then a line per cell, as many as fit.

    Args:
        snapshot: how things stand.
        labels: run id -> label.
        at_once: runs at a time.
        height: lines of the screen.
    """
    room = max(1, height - _FRAME)
    chosen = set(sorted(range(len(snapshot.runs)), key=lambda place: _ORDER[snapshot.runs[place].phase])[:room])
    states = [state for place, state in enumerate(snapshot.runs) if place in chosen]
    width = max((len(labels[state.run.id]) for state in states), default=0)
    lines = [_summary(snapshot, at_once), *(_line(state, labels[state.run.id].ljust(width)) for state in states)]
    hidden = len(snapshot.runs) - len(states)
    return [*lines, f"... and {hidden} more"] if hidden else lines


def _summary(snapshot: Snapshot, at_once: int) -> str:
    words = [f"{snapshot.count(Phase.FINISHED)} of {len(snapshot.runs)} finished"]
    for phase in (Phase.RUNNING, Phase.ELSEWHERE, Phase.FAILED):
        words += [f"{snapshot.count(phase)} {_SAID[phase]}"] if snapshot.count(phase) else []
    if snapshot.stopping:
        return ", ".join([*words, "saving; again to stop at once"])
    left_s = study_remaining_s(snapshot, at_once)
    return ", ".join([*words, *([f"about {duration(left_s)} left"] if left_s else [])])


_SAID = {Phase.RUNNING: "running", Phase.ELSEWHERE: "running elsewhere", Phase.FAILED: "failed"}


def _line(state: RunState, label: str) -> str:
    progress = state.progress
    if progress is None or state.phase is Phase.FAILED:
        return f"{label}  {state.phase:<11}  {state.cause}".rstrip()
    left = duration(remaining_s(progress)) if state.phase in (Phase.RUNNING, Phase.ELSEWHERE) else ""
    return (
        f"{label}  {state.phase:<11}  epoch {epoch_of(progress):>7}  loss {number(progress.loss, 3):>6}  "
        f"error {number(progress.top1_error_pct, 2):>6} %  {left}"
    ).rstrip()


@contextmanager
def _staying(labels: Mapping[str, str], at_once: int) -> Iterator[Watch]:
    ended: set[str] = set()
    told_at = time.monotonic()

    def show(snapshot: Snapshot) -> None:
        nonlocal told_at
        for state in snapshot.runs:
            if state.phase in _ENDED and state.run.id not in ended:
                ended.add(state.run.id)
                text = f"[{len(ended)}/{len(snapshot.runs)}] {ending(state, labels[state.run.id])}"
                print(text, file=sys.stderr, flush=True)
        if time.monotonic() - told_at >= SUMMARY_S:
            told_at = time.monotonic()
            print(_summary(snapshot, at_once), file=sys.stderr, flush=True)

    yield show


def ending(state: RunState, label: str) -> str:
    """How a run ended, in one line."""
    if state.phase is Phase.FAILED:
        return f"failed {label}: {state.cause}"
    error = state.progress.top1_error_pct if state.progress else None
    return f"finished {label}" + (f": top-1 error {error:.2f} %" if error is not None else "")
