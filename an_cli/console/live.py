"""How a launch looks while it goes: a line per cell that moves on a terminal, lines that stay elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TextIO

from an_cli.config.task import Measure
from an_cli.console.medium import FILE, STATE_STYLES, Medium, medium
from an_cli.console.words import duration, epoch_of, number, remaining_s, study_remaining_s
from an_cli.launch import Phase, RunState, Snapshot
from an_cli.report.formats.layout import ColumnHead, TextCell, lay_out, wrap
from an_cli.report.formats.wording import clean

Watch = Callable[[Snapshot], None]


@dataclass(frozen=True)
class Watched:
    """What is shown of a run that is followed: its label, and of its numbers the task's primary measure."""

    label: str
    primary: Measure


SUMMARY_S = 30.0
_ENDED = (Phase.FINISHED, Phase.FAILED)
# Where there are more cells than lines, those that move come first.
_ORDER = {
    phase: place
    for place, phase in enumerate(
        (Phase.RUNNING, Phase.ELSEWHERE, Phase.FAILED, Phase.PAUSED, Phase.INTERRUPTED, Phase.FINISHED, Phase.QUEUED)
    )
}
_FRAME = 4  # lines of the screen that are not cells'
_MOST_OF_CAUSE = 4  # lines
_WIDE = 10_000


def watching(watched: Mapping[str, Watched], at_once: int) -> AbstractContextManager[Watch]:
    """The view that suits standard error.

    Args:
        watched: run id -> what is shown of it.
        at_once: runs at a time, for the estimate of what is left.
    """
    return _moving(watched, at_once) if sys.stderr.isatty() else _staying(watched, at_once)


@contextmanager
def _moving(watched: Mapping[str, Watched], at_once: int) -> Iterator[Watch]:
    with redrawn(sys.stderr) as draw:
        yield lambda snapshot: draw(lambda on, height: screen(snapshot, watched, at_once=at_once, height=height, on=on))


Draw = Callable[[Callable[[Medium, int], Sequence[str]]], None]


@contextmanager
def redrawn(stream: TextIO) -> Iterator[Draw]:
    """Lines of a terminal that are replaced by newer ones and go at the end.

    Yields:
        A function that draws what another one makes of the terminal and its height.
    """
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def draw(make: Callable[[Medium, int], Sequence[str]]) -> None:
            on = Medium(console.width, medium(stream).paint)
            lines = make(on, console.height)
            live.update(
                Group(*(Text.from_ansi(line, no_wrap=True, overflow="ellipsis") for line in lines)), refresh=True
            )

        yield draw


def screen(
    snapshot: Snapshot, watched: Mapping[str, Watched], *, at_once: int, height: int, on: Medium = FILE
) -> list[str]:
    """The lines of a screen: a summary, then a line per cell, as many as fit; a failed one says below it why.

    Args:
        snapshot: how things stand.
        watched: run id -> what is shown of it.
        at_once: runs at a time.
        height: lines of the screen.
        on: the terminal.
    """
    order = sorted(range(len(snapshot.runs)), key=lambda place: _ORDER[snapshot.runs[place].phase])
    room = max(1, height - _FRAME)
    while True:
        chosen = sorted(order[:room])
        states = [snapshot.runs[place] for place in chosen]
        hidden = len(snapshot.runs) - len(states)
        lines = [*wrap(_summary(snapshot, at_once), on.width or _WIDE), *_cells(states, watched, on)]
        lines += [f"... and {hidden} more"] if hidden else []
        if len(lines) < height or room == 1:  # the cursor takes a line
            return lines
        room = max(1, min(room, len(chosen)) - 1)


def _cells(states: Sequence[RunState], watched: Mapping[str, Watched], on: Medium) -> list[str]:
    measures = {watched[state.run.id].primary.head for state in states}
    measure = next(iter(measures)) if len(measures) == 1 else "measure"
    titles = (("cell", 0), ("state", 0), ("epoch", 0), ("train loss", 2), (measure, 1), ("left", 0))
    heads = [ColumnHead(title=title, words=title in _WORDS, weight=weight) for title, weight in titles]
    layout = lay_out(heads, [_row(state, watched[state.run.id]) for state in states], on.width, on.paint)
    lines = list(layout.head) if any(state.progress for state in states) else []
    for state, row in zip(states, layout.rows, strict=True):
        lines += row
        if state.cause and state.phase is not Phase.FINISHED:
            lines += _why(state, on)
    return lines


def _why(state: RunState, on: Medium) -> list[str]:
    """Why a run is where it is, whole; of a long text the beginning and the command that shows the rest."""
    lines = wrap(clean(state.cause), on.width or _WIDE, first="  ", later="  ")
    if len(lines) > _MOST_OF_CAUSE:
        lines = [*lines[: _MOST_OF_CAUSE - 1], f"  ... an-cli show {state.run.id}"]
    style = "red" if state.phase is Phase.FAILED else "dim"
    return [on.paint(line, style) for line in lines]


_WORDS = ("cell", "state")


def _row(state: RunState, shown: Watched) -> list[TextCell]:
    going = state.phase in (Phase.RUNNING, Phase.ELSEWHERE)
    word = state.activity if state.phase is Phase.RUNNING and state.activity else str(state.phase)
    progress, left = state.progress, remaining_s(state.progress, state.doing) if going else None
    return [
        TextCell(clean(shown.label)),
        TextCell(word, STATE_STYLES.get(str(state.phase), "")),
        TextCell("" if progress is None else epoch_of(progress)),
        TextCell("" if progress is None else number(progress.loss, 3)),
        TextCell("" if progress is None else number(progress.values.get(shown.primary.key), shown.primary.decimals)),
        TextCell(duration(left) if going else ""),
    ]


def _summary(snapshot: Snapshot, at_once: int) -> str:
    words = [f"{snapshot.count(Phase.FINISHED)} of {len(snapshot.runs)} finished"]
    for phase in (Phase.RUNNING, Phase.ELSEWHERE, Phase.FAILED):
        words += [f"{snapshot.count(phase)} {_SAID[phase]}"] if snapshot.count(phase) else []
    if snapshot.stopping:
        return ", ".join([*words, "saving; again to stop at once"])
    left_s = study_remaining_s(snapshot, at_once)
    return ", ".join([*words, *([f"about {duration(left_s)} left"] if left_s else [])])


_SAID = {Phase.RUNNING: "running", Phase.ELSEWHERE: "running elsewhere", Phase.FAILED: "failed"}


@contextmanager
def _staying(watched: Mapping[str, Watched], at_once: int) -> Iterator[Watch]:
    ended: set[str] = set()
    told_at = time.monotonic()

    def show(snapshot: Snapshot) -> None:
        nonlocal told_at
        for state in snapshot.runs:
            if state.phase in _ENDED and state.run.id not in ended:
                ended.add(state.run.id)
                text = f"[{len(ended)}/{len(snapshot.runs)}] {ending(state, watched[state.run.id])}"
                print(text, file=sys.stderr, flush=True)
        if time.monotonic() - told_at >= SUMMARY_S:
            told_at = time.monotonic()
            print(_summary(snapshot, at_once), file=sys.stderr, flush=True)

    yield show


def ending(state: RunState, shown: Watched) -> str:
    """How a run ended, in one line."""
    if state.phase is Phase.FAILED:
        return f"failed {shown.label}: {state.cause}"
    values = state.progress.values if state.progress else {}
    measured = f": {shown.primary.text(values)}" if shown.primary.key in values else ""
    return f"finished {shown.label}{measured}"
