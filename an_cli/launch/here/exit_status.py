"""What the exit status of a run says: which signal ended it, why that came, and what to write down in its place.

A run that fails cleanly has said why (`error.txt`). One that was killed has not: the launcher writes down what it saw.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from signal import Signals

from an_cli.errors import AnError
from an_cli.launch.causes import Cause
from an_cli.store import RunFolder, RunWriter, take

_OWN_FAULT = (Signals.SIGSEGV, Signals.SIGBUS, Signals.SIGABRT, Signals.SIGFPE, Signals.SIGILL)


def cause_of(signal: int, *, memory_ran_out: bool) -> Cause:
    """Why a signal came.

    Args:
        signal: its number.
        memory_ran_out: whether the kernel killed for memory since the last look.
    """
    if signal in _OWN_FAULT:
        return Cause.CRASH
    return Cause.OUT_OF_MEMORY if memory_ran_out and signal == Signals.SIGKILL else Cause.KILLED


_WORDS = {Cause.CRASH: "crashed", Cause.LOST: "its worker was lost"}


def in_words(cause: Cause) -> str:
    """A cause as it is told of a run here: "killed", "crashed", "out of memory"."""
    return _WORDS.get(cause, cause.replace("_", " "))


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
