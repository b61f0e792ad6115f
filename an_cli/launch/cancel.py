"""Telling runs to stop: a word in the run folder for everybody, and a signal to those that can be reached."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum

from an_cli.errors import StoreError
from an_cli.launch.slurm.intent import Intent, read_intent
from an_cli.launch.slurm.scheduler import Commands, Scheduler
from an_cli.store import (
    RunFolder,
    Status,
    Store,
    ask_to_stop,
    is_here,
    newest_submission,
    read_holder,
    status_of,
)

_GOING = (Status.RUNNING, Status.UNKNOWN)
_QUEUED = (Status.WAITING, Status.INTERRUPTED)  # perhaps by a command that lives: it will not start them


class Told(StrEnum):
    """What became of the wish to stop one run."""

    STOPPING = "stopping"  # it was sent the signal; it saves and ends
    ASKED = "asked"  # it is on another machine and looks within seconds
    JOB = "job cancelled"
    HELD_BACK = "held back"  # it was not running and will not be started by a command that has it in its queue
    NOTHING = "nothing to stop"


def cancel(runs: Sequence[RunFolder], scheduler: Scheduler | None = None) -> dict[RunFolder, Told]:
    """Tell runs to save and stop; the command that started them starts them again.

    Args:
        runs: finished and failed ones are left alone.
        scheduler: how SLURM is spoken to; None is this machine's commands, where there are any.

    Raises:
        StoreError: the store cannot be written.
    """
    if scheduler is None and shutil.which("scancel"):
        scheduler = Commands()
    return {run: _cancel(run, scheduler) for run in runs}


def _cancel(run: RunFolder, scheduler: Scheduler | None) -> Told:
    status = status_of(run)
    if status not in (*_GOING, *_QUEUED):
        return Told.NOTHING
    ask_to_stop(run)
    job = _job(run) if scheduler is not None else ""
    if job and scheduler is not None and scheduler("scancel", job).status == 0:
        return Told.JOB
    if status in _QUEUED:
        return Told.HELD_BACK
    holder = read_holder(run)
    if holder is not None and is_here(holder):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(holder.pid, signal.SIGTERM)
            return Told.STOPPING
    return Told.ASKED


def _job(run: RunFolder) -> str:
    """The scheduler's name for a run's job; empty when it has none of its own: packed cells are stopped by the word."""
    with suppress(StoreError, OSError, IndexError):
        submission = newest_submission(run)
        if submission is not None:
            store = Store(run.path.parent.parent)
            intent = Intent(store.jobs / submission.token)
            known = read_intent(store, submission.token)
            alone = "\t" not in intent.tasks.read_text().splitlines()[submission.task]
            return f"{known.job}_{submission.task}" if known.job and alone else ""
    return ""
