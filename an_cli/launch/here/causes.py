"""Why a run ended without a word of its own, and how often that is worth another try.

A run that fails cleanly has said why (`error.txt`) and would fail again. One that was killed has not: it is continued
from its last state as often as its cause allows, and then the launcher writes down what it saw.
"""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from signal import Signals

from an_cli.errors import AnError
from an_cli.store import RunFolder, RunWriter, take


class Cause(StrEnum):
    """What ended a run from outside."""

    KILLED = "killed"
    CRASHED = "crashed"  # by a signal that its own code provokes
    MEMORY = "out of memory"  # the kernel chose it
    LOST = "its worker was lost"


# Continuations of one run in one command. What is likely to repeat itself is tried once more only.
BUDGETS = {Cause.KILLED: 3, Cause.LOST: 3, Cause.CRASHED: 1, Cause.MEMORY: 1}
_OWN_FAULT = (Signals.SIGSEGV, Signals.SIGBUS, Signals.SIGABRT, Signals.SIGFPE, Signals.SIGILL)


def cause_of(signal: int, *, memory_ran_out: bool) -> Cause:
    """Why a signal came.

    Args:
        signal: its number.
        memory_ran_out: whether the kernel killed for memory since the last look.
    """
    if signal in _OWN_FAULT:
        return Cause.CRASHED
    return Cause.MEMORY if memory_ran_out and signal == Signals.SIGKILL else Cause.KILLED


def signal_name(number: int) -> str:
    """For example "SIGKILL"."""
    return Signals(number).name if number in set(Signals) else f"signal {number}"


def memory_kills() -> int:
    """How often the kernel has killed for memory: in this control group where it counts, else on this machine."""
    with suppress(OSError, ValueError, IndexError):
        group = Path("/proc/self/cgroup").read_text().rpartition("0::")[2].strip()
        return _count(Path(f"/sys/fs/cgroup{group}/memory.events"))
    with suppress(OSError, ValueError, IndexError):
        return _count(Path("/proc/vmstat"))
    return 0


def _count(file: Path) -> int:
    words = dict(line.split() for line in file.read_text().splitlines())
    return int(words.get("oom_kill", 0))


def write_down(run: RunFolder, text: str) -> None:
    """Record why a run failed that could not say so itself; a run that somebody holds is left alone."""
    with suppress(AnError):
        claim = take(run)
        if claim is not None:
            try:
                RunWriter(claim).fail(text + "\n")
            finally:
                claim.release()
