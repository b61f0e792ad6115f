"""What is done when a study has come to its end: a command of the user's, or the terminal's bell.

It is told the study and its counts in its environment, is given a minute, and can fail nothing: the table is printed
and written before.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from an_cli.launch.here.stops import listening
from an_cli.plan import Plan
from an_cli.store import Status, Store, status_of

BELL = "bell"
LIMIT_S = 60.0
_LOOK_S = 0.05


def run_on_end(command: str, plan: Plan, store: Store, *, limit_s: float = LIMIT_S) -> str:
    """Run what `launch.on_end` says.

    Args:
        command: for `sh -c`, or `bell`.
        plan: of the study that has ended.
        store: where its runs are.
        limit_s: how long it may take; what it has started is ended then.

    Returns:
        Why it failed; empty where it did not.
    """
    if command == BELL:
        with suppress(OSError):
            print("\a", end="", file=sys.stderr, flush=True)
        return ""
    with listening() as stops:
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                env={**os.environ, **_facts(plan, store)},
                stdin=subprocess.DEVNULL,
                stdout=2,  # the table has the standard output to itself
                process_group=0,
            )
        except (OSError, ValueError) as error:
            return f"cannot be started: {error}"
        end = time.monotonic() + limit_s
        while process.poll() is None and not stops.count and time.monotonic() < end:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_S)
        if process.returncode is None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "ended: told to stop" if stops.count else f"ended: it took more than {limit_s:g} s"
    return f"exit status {process.returncode}" if process.returncode else ""


def _facts(plan: Plan, store: Store) -> Mapping[str, str]:
    """What the command may want to say in a message."""
    counts = Counter(status_of(store.run(cell.id)) for cell in plan.cells)
    finished, total = sum(count for status, count in counts.items() if status.is_done), len(plan.cells)
    state = "finished" if finished == total else "partial" if finished else "failed"
    return {
        "AN_CLI_STUDY": plan.folder,
        "AN_CLI_TITLE": plan.title,
        "AN_CLI_STATE": state,
        "AN_CLI_CELLS": str(total),
        "AN_CLI_FINISHED": str(finished),
        "AN_CLI_FAILED": str(counts[Status.FAILED]),
        "AN_CLI_STORE": str(store.root),
        "AN_CLI_TABLE": str(store.reports / f"{plan.folder}.md"),
    }
