"""Staying with runs: a log as it grows, a status as it changes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from an_cli.console.live import redrawn
from an_cli.console.medium import Medium, is_terminal, medium
from an_cli.store import RunFolder, Status, status_of

LOOK_S = 0.5
WATCH_S = 2.0


def read_log(run: RunFolder, start: int = 0) -> tuple[str, int]:
    """A run's log from a position, whole lines or not, and the position after it; none where there is no log."""
    try:
        with run.log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(start if start <= end else 0)  # a shorter log is another one: the run was set aside
            raw = file.read()
            return raw.decode(errors="backslashreplace"), file.tell()
    except FileNotFoundError:
        return "", 0


def follow_log(run: RunFolder, start: int, write: Callable[[str], None]) -> None:
    """Hand on what a log gains until its run neither goes nor waits."""
    going = True
    while going:
        status = status_of(run)  # before the last look, so that nothing written before the end is missed
        going = status.is_going or status is Status.WAITING
        more, start = read_log(run, start)
        if more:
            write(more)
        elif going:
            time.sleep(LOOK_S)


Values = list[dict[str, Any]]


def watch(values: Callable[[], Values], text: Callable[[Values, Medium], str], *, redraw: bool) -> None:
    """Print a status whenever it changes until nothing runs.

    On a terminal each replaces the one before, as far as it fits, and the last one stays whole; elsewhere they follow
    each other.

    Args:
        values: looks at the runs.
        text: what is printed of them.
        redraw: whether a terminal is to show the newest only.
    """
    if redraw and is_terminal(sys.stdout):
        last: Values = []
        try:
            with redrawn(sys.stdout) as draw:
                for last in _changes(values):
                    draw(lambda on, height, values_now=last: _cropped(text(values_now, on), height))  # type: ignore[misc]
        finally:
            print(text(last, medium()), end="", flush=True)
        return
    for values_now in _changes(values):
        print(text(values_now, medium()), end="", flush=True)


def _changes(values: Callable[[], Values]) -> Iterator[Values]:
    """What a look gives, where it differs from the look before; ends when nothing runs."""
    before: Values | None = None
    while True:
        now = values()
        if now != before:
            yield now
            before = now
        if not _any_goes(now):
            return
        time.sleep(WATCH_S)


def _cropped(text: str, height: int) -> list[str]:
    lines = text.splitlines()
    room = max(2, height - 1)  # the cursor takes a line
    return lines if len(lines) <= room else [*lines[: room - 1], f"... and {len(lines) - room + 1} more lines"]


def _any_goes(values: Iterable[Mapping[str, Any]]) -> bool:
    return any(status.is_going or status.is_in_queue for status in (Status(cell["status"]) for cell in values))
