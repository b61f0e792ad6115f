"""Being told to stop: a flag, never an action.

Saving inside a handler deadlocks or corrupts; the loop looks at the flag between two steps, saves there, and leaves.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TypeVar

Item = TypeVar("Item")

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
START_S = 5.0  # patience with an attempt that has made no step yet: nothing is lost
STEPS_S = 10.0  # least patience with one that has; a slow one gets five times its slowest step
SAVE_S = 300.0  # patience with a save, an evaluation's end and what a disk takes


def heeded() -> list[signal.Signals]:
    """The signals to listen to: a hang-up that was ignored at the start (nohup) stays ignored."""
    nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in STOPS if number != signal.SIGHUP or not nohup]


class Interrupted(Exception):
    """The run was told to stop and has saved its state."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}")


class Paused(Exception):
    """The run has done as many epochs as its launch asks for, and has saved its state."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        super().__init__(f"paused after epoch {epochs}")


class StopFlag:
    """Remembers the first stop signal; a second one ends the process at once.

    Args:
        insists: whether a second signal does. Under SLURM it does not: one cause arrives as several signals there.
    """

    on_leaving: Callable[[], None] = staticmethod(lambda: None)
    _alive_at = 0.0
    _patience_s = START_S
    _slowest_s = 0.0

    def __init__(self, *, insists: bool = True) -> None:
        self.received: int | None = None
        self._handled = 0
        self._insists = insists
        self._owner = os.getpid()
        self._ends_at: float | None = None
        self._reserve_s = 0.0

    def install(self) -> StopFlag:
        """Listen to SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2."""
        for number in heeded():
            signal.signal(number, self._on_signal)
        return self

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Obey a signal also where no safe point comes: in a wait for a loader, a rank or a disk that do not answer.

        A handler of Python's runs between two of its instructions, and a library's wait has none. So a thread hears of
        signals too, and ends the process when nothing has moved for longer than the slowest step explains.
        """
        self._alive_at = time.monotonic()
        wake, end = os.pipe()
        os.set_blocking(end, False)
        before = signal.set_wakeup_fd(end, warn_on_full_buffer=False)
        thread = threading.Thread(target=self._watch, args=(wake,), daemon=True, name="stop")
        thread.start()
        try:
            yield
        finally:
            with suppress(ValueError):
                signal.set_wakeup_fd(before)
            os.close(end)
            thread.join()
            os.close(wake)

    def alive(self, next_within_s: float = 0.0) -> None:
        """Say that the work moves.

        Args:
            next_within_s: how long the next part may take; 0 takes its measure from the parts before.
        """
        now = time.monotonic()
        if self._patience_s != SAVE_S:
            self._slowest_s = max(self._slowest_s, now - self._alive_at)
        self._alive_at = now
        self._patience_s = next_within_s or max(STEPS_S, 5 * self._slowest_s)

    def watched(self, items: Iterable[Item]) -> Iterator[Item]:
        """The same items, each of which says that the work moves."""
        for item in items:
            self.alive()
            yield item

    def _watch(self, wake: int) -> None:
        signals, since = 0, 0.0
        while True:
            readable = select.select([wake], [], [], 0.25 if signals else None)[0]
            heard = os.read(wake, 64) if readable else b""
            if readable and not heard:
                return
            for number in heard:
                if number not in (*STOPS, signal.SIGALRM):
                    continue
                signals, since = signals + 1, since or time.monotonic()
                self.received = self.received or number
                if signals > 1 and self._insists:
                    os._exit(128 + number)
            if signals and time.monotonic() - max(since, self._alive_at) > self._patience_s:
                self._leave()

    def _leave(self) -> None:
        number = self.received or signal.SIGTERM
        with suppress(OSError):
            os.write(2, f"stopped by {signal.Signals(number).name} in a wait that had no end; not saved\n".encode())
        last = threading.Thread(target=self.on_leaving, daemon=True)  # a disk may be what does not answer
        last.start()
        last.join(2.0)
        os._exit(128 + number)

    def end_at(self, at: float, reserve_s: float) -> None:
        """Be told to stop by the clock.

        Args:
            at: when the process will be ended, on `time.monotonic`'s clock.
            reserve_s: seconds before it.
        """
        self._ends_at, self._reserve_s = at, reserve_s
        signal.signal(signal.SIGALRM, self._on_signal)
        self._set_clock()

    def keep_free(self, seconds: float) -> None:
        """Keep so much time for what cannot be stopped: an evaluation, then a save."""
        if self._ends_at is not None and seconds > self._reserve_s:
            self._reserve_s = seconds
            self._set_clock()

    def _set_clock(self) -> None:
        assert self._ends_at is not None
        left_s = self._ends_at - self._reserve_s - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, max(left_s, 0.001))

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            return  # a forked loader worker has inherited the handler: its parent decides
        # Not `received`: the watching thread may have heard of this very signal while a library held this thread.
        self._handled += 1
        if self._handled > 1 and self._insists:
            os._exit(128 + number)
        self.received = self.received or number


def _forget_wakeup() -> None:
    """What a forked process receives is not for its parent to hear of."""
    with suppress(ValueError):
        signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_forget_wakeup)
