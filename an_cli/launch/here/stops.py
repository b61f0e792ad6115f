"""Ctrl-C, SIGTERM and a hang-up while runs are going: counted here, obeyed by the loop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Stops:
    """How often this process was told to stop: once means save and leave, twice means now."""

    count: int = 0


@contextmanager
def listening() -> Iterator[Stops]:
    """Count SIGINT, SIGTERM and SIGHUP instead of dying of them. One that is ignored (nohup, `&`) stays ignored."""
    stops = Stops()

    def count(number: int, frame: object) -> None:
        stops.count += 1

    before = {}
    if threading.current_thread() is threading.main_thread():
        heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, count) for number in heeded}
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
