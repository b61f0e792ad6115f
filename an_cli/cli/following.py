"""Staying with runs: a log as it grows, a status as it changes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from an_cli.store import RunFolder, Status, status_of

LOOK_S = 0.5
WATCH_S = 2.0
_GOING = (Status.RUNNING, Status.UNKNOWN, Status.WAITING)
_CLEAR = "\x1b[H\x1b[2J"


def read_log(run: RunFolder, start: int = 0) -> tuple[str, int]:
    """A run's log from a position, whole lines or not, and the position after it; none where there is no log."""
    try:
        with run.log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(start if start <= end else 0)  # a shorter log is another one: the run was set aside
            raw = file.read()
            return raw.decode(errors="replace"), file.tell()
    except FileNotFoundError:
        return "", 0


def follow_log(run: RunFolder, start: int, write: Callable[[str], None]) -> None:
    """Hand on what a log gains until its run neither goes nor waits."""
    going = True
    while going:
        going = status_of(run) in _GOING  # before the last look, so that nothing written before the end is missed
        more, start = read_log(run, start)
        if more:
            write(more)
        elif going:
            time.sleep(LOOK_S)


def watch(values: Callable[[], list[dict[str, Any]]], text: Callable[[list[dict[str, Any]]], str]) -> None:
    """Print a status whenever it changes, over the one before on a terminal, until nothing runs.

    Args:
        values: looks at the runs.
        text: what is printed of them.
    """
    before = ""
    while True:
        found = values()
        now = text(found)
        if now != before:
            print(_CLEAR + now if sys.stdout.isatty() else now, end="", flush=True)
            before = now
        if not _any_goes(found):
            return
        time.sleep(WATCH_S)


def _any_goes(found: Iterable[Mapping[str, Any]]) -> bool:
    return any(cell["status"] in (Status.RUNNING, Status.UNKNOWN) for cell in found)
