"""Being told to stop: a flag, never an action.

Saving inside a handler deadlocks or corrupts; the loop looks at the flag between two steps, saves there, and leaves.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)


class Interrupted(Exception):
    """The run was told to stop and has saved its state."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}")


class StopFlag:
    """Remembers the first stop signal; a second one ends the process at once."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._owner = os.getpid()

    def install(self) -> StopFlag:
        """Listen to SIGTERM, SIGINT, SIGUSR1 and SIGUSR2."""
        for number in STOPS:
            signal.signal(number, self._on_signal)
        return self

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            return  # a forked loader worker has inherited the handler: its parent decides
        if self.received is not None:
            os._exit(128 + number)
        self.received = number
