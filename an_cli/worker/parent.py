"""No process outlives the one that has started it, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when its parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def end_with_parent(parent: int) -> None:
    """As `die_with_parent`, for a process that was started as a program, and may have lost its parent meanwhile.

    Args:
        parent: the process that has started this one.
    """
    die_with_parent()
    try:
        os.kill(parent, 0)
    except ProcessLookupError:
        os.kill(os.getpid(), signal.SIGTERM)
    except PermissionError:
        pass  # it lives, as another user
