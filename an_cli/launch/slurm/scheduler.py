"""SLURM's commands as values: called with a limit on their time, in an environment that no allocation has coloured."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from an_cli.environment import without_slurm
from an_cli.errors import LaunchError

TIMED_OUT = 124
ASK_S, SUBMIT_S = 30, 60  # longest wait for an answer, and for sbatch


@dataclass(frozen=True)
class Said:
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
            return "no answer in time"
        return " ".join((self.err or self.out).split())[:300] or f"exit status {self.status}"


class Scheduler(Protocol):
    """How SLURM is spoken to: the real commands, or a stand-in of the tests."""

    def __call__(self, *words: str) -> Said:
        """Call one of SLURM's commands and wait for its answer."""


class Commands:
    """The commands of this machine."""

    def __call__(self, *words: str) -> Said:
        """Call one; a command that hangs is ended after half a minute, sbatch after a minute.

        `timeout` does that, not this process: should this process be killed, an sbatch that goes on alone still ends
        within the time after which the next submitter believes that it has.
        """
        limit_s = SUBMIT_S if words[0] == "sbatch" else ASK_S
        command = ["timeout", "--kill-after=5", str(limit_s), *words]
        try:
            done = subprocess.run(
                command,
                env=without_slurm(os.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                start_new_session=True,  # Ctrl-C is ours: an sbatch cut off in the middle leaves its job in doubt
                check=False,
            )
        except OSError as error:
            return Said(127, "", f"{words[0]}: {error.strerror}")
        status = TIMED_OUT if done.returncode in (124, 137, -9) else done.returncode
        return Said(status, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


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
