"""Children of the worker: one fork for all of them, and none that outlives the process that has started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn


def fork(work: Callable[[], int]) -> int:
    """Start a child that does some work and leaves with what it returns; whatever it raises is printed, status 1.

    Args:
        work: what the child does first of all is its own: end with its parent, undo signal masks, redirect its output.

    Returns:
        The child's process id, in the parent; the child never returns.
    """
    pid = os.fork()
    return pid or _become(work)


def _become(work: Callable[[], int]) -> NoReturn:
    status = 1
    try:
        status = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


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
