"""One run in the foreground: its log on this terminal, its signals forwarded."""

from __future__ import annotations

import signal
import subprocess

from an_cli.launch.ask.door import Door
from an_cli.launch.here.stops import listening
from an_cli.store import RunFolder

_LOOK_S = 0.2


def run_foreground(run: RunFolder, door: Door) -> int:
    """Make one attempt at a prepared run and wait for it.

    Returns:
        Its exit status: 0 finished, 1 failed, 75 held by another attempt, 130 told to stop (the first signal lets it
        save, a second one ends it).
    """
    with listening() as stops:
        process = door.start("run", str(run.path))
        heard = 0
        while True:
            try:
                status = process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                if stops.count > heard:
                    process.send_signal(signal.SIGTERM if stops.count == 1 else signal.SIGKILL)
                    heard = stops.count
                continue
            return 130 if stops.count and status != 0 else status
