"""SLURM's commands as values: called with a limit on their time, in an environment that no allocation has coloured."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from an_cli.environment import without_slurm
from an_cli.errors import LaunchError

TIMED_OUT = 124
_SLEEPS = b"sleeping and retrying"  # what sbatch prints when the controller has no room for the job
ASK_S, SUBMIT_S = 30, 60  # longest wait for an answer, and for sbatch


@dataclass(frozen=True)
class CommandResult:
    """What a command answered."""

    status: int
    out: str
    err: str = ""

    @property
    def trouble(self) -> str:
        """One line about what went wrong; empty when nothing did."""
        if self.status == 0:
            return ""
        if self.status == TIMED_OUT:
            trouble = " ".join(self.err.split())[:300]
            return f"no answer in time{f': {trouble}' if trouble else ''}"
        return " ".join((self.err or self.out).split())[:300] or f"exit status {self.status}"


class Scheduler(Protocol):
    """How SLURM is spoken to: the real commands, or a stand-in of the tests."""

    def __call__(self, *words: str) -> CommandResult:
        """Call one of SLURM's commands and wait for its answer."""


class Commands:
    """The commands of this machine."""

    def __call__(self, *words: str) -> CommandResult:
        """Call one; a command that hangs is ended after half a minute, sbatch after a minute.

        `timeout` does that, not this process: should this process be killed, an sbatch that goes on alone still ends
        within the time after which the next submitter believes that it has.
        """
        limit_s = SUBMIT_S if words[0] == "sbatch" else ASK_S
        command = ["timeout", "--kill-after=5", str(limit_s), *words]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(
                    command,
                    env=without_slurm(os.environ),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,  # Ctrl-C is ours: an sbatch cut off in the middle leaves its job in doubt
                )
            except OSError as error:
                return CommandResult(127, "", f"{words[0]}: {error.strerror}")
            asleep = _wait(process, err.fileno())
            texts = [os.pread(file.fileno(), 2**30, 0).decode(errors="backslashreplace") for file in (out, err)]
        status = TIMED_OUT if asleep or process.returncode in (124, 137, -9) else process.returncode
        return CommandResult(status, *texts)


def _wait(process: subprocess.Popen[bytes], err: int) -> bool:
    """Wait for a command's end; True when it had to be ended because it slept: its queue is full for minutes."""
    pause_s = 0.005
    while process.poll() is None:
        if pause_s > 0.1 and _SLEEPS in os.pread(err, 65536, 0):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            return True
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.2)
    return False


def check_commands(words: Sequence[str] = ("sbatch", "squeue", "scontrol")) -> None:
    """Make sure that this machine can submit.

    Raises:
        LaunchError: a command is missing.
    """
    missing = [word for word in words if shutil.which(word) is None]
    if missing:
        raise LaunchError(
            f"no {missing[0]} on this machine",
            where="--on slurm",
            now="log in to the cluster's login node, or leave --on slurm away to run here",
        )
