"""Now, by the clock that sets modification times.

On a shared disk that is the file server's, and no two hosts of a cluster agree with it to the second. A heartbeat is a
modification time, so its age is counted on the same clock: a file is touched, and its own time read.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from an_cli.files import part_name

_GOOD_FOR_S = 60.0
_measured: dict[int, tuple[float, float]] = {}  # device -> this process's monotonic clock, and the disk's, then


def disk_time(folder: Path) -> float:
    """Seconds since the epoch by the clock of the disk that a folder is on; this host's where it cannot be written.

    Touches a file beside nothing that is read, once a minute at most, and removes it.
    """
    try:
        device = folder.stat().st_dev
    except OSError:
        return time.time()
    then = _measured.get(device)
    if then is None or time.monotonic() - then[0] > _GOOD_FOR_S:
        then = _measured[device] = (time.monotonic(), _touch(folder))
    return then[1] + time.monotonic() - then[0]


def _touch(folder: Path) -> float:
    file = part_name(folder / "clock")
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.utime(file)  # as a heartbeat does: no time is given, so the server takes its own
            return os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)
    except OSError:
        return time.time()
    finally:
        with suppress(OSError):
            file.unlink()
