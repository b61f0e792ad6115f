"""Being told to stop while a library holds the main thread."""

from __future__ import annotations

import os
import signal
import threading
import time
import zlib

from an_cli.train import StopFlag
from an_cli.worker.child import fork


def _busy_s(seconds: float) -> None:
    """Hold this thread in a library, without the interpreter's lock, for so long or longer."""
    noise, end = os.urandom(1 << 22), time.monotonic() + seconds
    while time.monotonic() < end:
        zlib.compress(noise, 9)


def _obeys() -> int:
    stop = StopFlag().install()
    with stop.watching():
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        _busy_s(0.5)
        return 7 if stop.received == signal.SIGTERM else 8  # the safe point, where a state is saved


def test_one_signal_in_the_middle_of_a_library_call_still_reaches_the_safe_point() -> None:
    """The thread that watches may hear of a signal before the handler does: that makes no second signal of it."""
    for _ in range(5):
        _, status = os.waitpid(fork(_obeys), 0)
        assert os.waitstatus_to_exitcode(status) == 7


def _insists() -> int:
    stop = StopFlag().install()
    with stop.watching():
        for after_s in (0.1, 0.3):
            threading.Timer(after_s, os.kill, (os.getpid(), signal.SIGTERM)).start()
        _busy_s(5.0)
        return 7


def test_a_second_signal_ends_the_process_at_once() -> None:
    _, status = os.waitpid(fork(_insists), 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGTERM
