"""Whether the worker that has a trial still lives: by its process, or by its job; never by a timer alone.

A worker on this machine is looked for in the process table. One that is a job of SLURM is judged by the queue: a job
that does not run, or runs again, has no worker of before. A worker on another machine without a scheduler leaves a
heartbeat, as a claim does, on the file server's clock.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from an_cli.launch.slurm.scheduler import Scheduler
from an_cli.launch.slurm.states import Stage, meaning
from an_cli.store import Holder, Life, holder_life, this_process
from an_cli.store.claims import HEARTBEAT_S
from an_cli.store.clock import disk_time

FRESH_S = 2.0  # an answer of the queue is good for so long
_UNKNOWN_JOB = "invalid job id"
_FORMAT = "--Format=State:24,RestartCnt:12"


def this_worker() -> Holder:
    """The calling process as a trial's owner; in a job of SLURM, the job and which start of it this is."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    job = f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")
    restart = os.environ.get("SLURM_RESTART_COUNT", "0")
    return this_process(job=job, restart=int(restart) if restart.isdigit() else 0)


@dataclass
class Owners:
    """Judges owners of trials.

    Attributes:
        folder: the search's; heartbeats of workers lie in it.
        me: this worker.
        scheduler: how SLURM is spoken to; None where this machine has none.
    """

    folder: Path
    me: Holder
    scheduler: Scheduler | None = None
    clock: Callable[[], float] = time.monotonic
    _seen: dict[tuple[str, int], tuple[float, bool]] = field(default_factory=dict)

    def gone(self, owner: Mapping[str, Any]) -> bool:
        """Whether an owner is known to be dead."""
        try:
            holder = Holder(**owner)
        except TypeError:
            return False  # of another version: nobody knows
        if holder == self.me:
            return True  # it asks for something to do: what it had is no longer in its hands
        if holder.job and holder.job == self.me.job:
            return holder.restart < self.me.restart
        if holder.job and self.scheduler is not None:
            return self._job_is_over(holder)
        return holder_life(holder, lambda: self._silent_s(holder)) is Life.DEAD

    def _job_is_over(self, holder: Holder) -> bool:
        """Whether that start of a job does not run: it ended, waits, or the job was started again since.

        A queue without an answer says nothing. What is over stays so: a later start is another worker.
        """
        assert self.scheduler is not None
        start = (holder.job, holder.restart)
        at, over = self._seen.get(start, (float("-inf"), False))
        if over or self.clock() - at < FRESH_S:
            return over
        answer = self.scheduler("squeue", "--noheader", "--states=all", f"--jobs={holder.job}", _FORMAT)
        if answer.status != 0:
            over = _UNKNOWN_JOB in f"{answer.out} {answer.err}".lower()
        else:
            rows = [line.split() for line in answer.out.splitlines() if line.strip()]
            over = not any(_runs(row, holder.restart) for row in rows)
        self._seen[start] = self.clock(), over
        return over

    def _silent_s(self, holder: Holder) -> float:
        try:
            return disk_time(self.folder) - beat_file(self.folder, holder).stat().st_mtime
        except OSError:
            return 0.0


def _runs(row: list[str], restart: int) -> bool:
    """Whether a row of the queue is that start of the job, at work."""
    restarts = int(row[1]) if len(row) > 1 and row[1].isdigit() else restart
    return meaning(row[0]).stage in (Stage.ACTIVE, Stage.UNKNOWN) and restarts <= restart


def beat_file(folder: Path, holder: Holder) -> Path:
    """Whose modification time is a worker's heartbeat."""
    return folder / "workers" / f"{holder.host}-{holder.pid}-{holder.started}"


class Beating:
    """Renews a worker's heartbeat while it lasts; its file goes at the end."""

    def __init__(self, folder: Path, holder: Holder) -> None:
        self._file, self._done = beat_file(folder, holder), threading.Event()

    def __enter__(self) -> Beating:
        self._beat()
        threading.Thread(target=self._go_on, daemon=True, name="beat").start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._file.unlink(missing_ok=True)

    def _go_on(self) -> None:
        while not self._done.wait(HEARTBEAT_S):
            self._beat()

    def _beat(self) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch()
        except OSError:
            return  # a disk that does not answer; the next beat may be in time


def owner_value(holder: Holder) -> dict[str, Any]:
    """An owner as a trial keeps it."""
    return asdict(holder)
