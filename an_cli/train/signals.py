"""Being told to stop: a flag, never an action.

Saving inside a handler deadlocks or corrupts; the loop looks at the flag between two steps, saves there, and leaves.
"""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Interrupted(Exception):
    """The run was told to stop and has saved its state."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}")


class StopFlag:
    """Remembers the first stop signal; a second one ends the process at once.

    Args:
        insists: whether a second signal does. Under SLURM it does not: one cause arrives as several signals there.
    """

    def __init__(self, *, insists: bool = True) -> None:
        self.received: int | None = None
        self._insists = insists
        self._owner = os.getpid()
        self._ends_at: float | None = None
        self._reserve_s = 0.0

    def install(self) -> StopFlag:
        """Listen to SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2; a hang-up that nohup ignores stays ignored."""
        for number in STOPS:
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        return self

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
        if self.received is not None and self._insists:
            os._exit(128 + number)
        self.received = self.received or number
