"""One fork for all that the worker makes children for: runs of a warm worker, runs of a job, ranks, smoke tests."""

from __future__ import annotations

import os
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
