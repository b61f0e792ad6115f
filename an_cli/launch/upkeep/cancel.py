"""Telling runs to stop: a word in the run folder for everybody, and a signal to those that can be reached."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from an_cli.errors import StoreError
from an_cli.launch.slurm.intent import Intent, read_intent
from an_cli.launch.slurm.judge import key_of
from an_cli.launch.slurm.observe import PLAIN, Observer
from an_cli.launch.slurm.scheduler import Commands, Scheduler
from an_cli.launch.slurm.states import Stage, meaning
from an_cli.store import (
    RunFolder,
    Status,
    Store,
    Submission,
    ask_to_stop,
    is_finished,
    is_here,
    newest_submission,
    read_holder,
    status_of,
)

_AT_ONCE = 500  # jobs in one call of scancel
_SILENT = ("unable to contact", "no answer in time")


class CancelOutcome(StrEnum):
    """What became of the wish to stop one run."""

    STOPPING = "stopping"  # it was sent the signal; it saves and ends
    ASKED = "asked"  # it is on another machine and looks within seconds
    JOB = "job cancelled"
    AT_START = "no answer from SLURM; its job ends as it starts"
    HELD_BACK = "held back"  # it was not running and will not be started by a command that has it in its queue
    NOTHING = "nothing to stop"


@dataclass(frozen=True)
class _Job:
    """A job, or an element of an array, that may still be there, and all runs that it makes."""

    name: str
    runs: tuple[RunFolder, ...]


def cancel(runs: Sequence[RunFolder], scheduler: Scheduler | None = None) -> dict[RunFolder, CancelOutcome]:
    """Tell runs to save and stop; the command that started them starts them again.

    Args:
        runs: finished ones are left alone, and failed ones that no job is going to try again.
        scheduler: how SLURM is spoken to; None is this machine's commands, where there are any.

    Raises:
        StoreError: the store cannot be written.
    """
    if scheduler is None and shutil.which("scancel"):
        scheduler = Commands()
    unfinished = [run for run in runs if not is_finished(run)]
    going = {run for run in unfinished if _may_start(status_of(run))}
    _ask_all(
        going
    )  # before SLURM is asked: where its controller is down, that takes long, and this is obeyed meanwhile
    jobs, silent = _jobs(unfinished, scheduler) if scheduler is not None else ({}, False)
    _ask_all(jobs.keys() - going)
    ended = _end(set(jobs.values()), scheduler) if scheduler is not None and not silent else set()
    outcomes = {run: _tell(run, jobs.get(run), ended, silent) for run in going | jobs.keys()}
    return {run: outcomes.get(run, CancelOutcome.NOTHING) for run in runs}


def _ask_all(runs: Collection[RunFolder]) -> None:
    for run in runs:
        ask_to_stop(run)


def _may_start(status: Status) -> bool:
    """Whether a run goes, or a command that lives may have it in its queue and start it."""
    return status.is_going or status in (Status.WAITING, Status.PAUSED, Status.INTERRUPTED)


def _jobs(runs: Sequence[RunFolder], scheduler: Scheduler) -> tuple[dict[RunFolder, _Job], bool]:
    """The job of each run that has one, by one question to the queue; where it has no answer, by what is on record.

    Also whether SLURM is silent: not reached, or not answering in time. Another question would only wait as long.
    """
    submissions = {run: submission for run in runs if (submission := _submission(run)) is not None}
    if not submissions:
        return {}, False
    states = {
        run: read_intent(Store(run.path.parent.parent), submission.token) for run, submission in submissions.items()
    }
    keys = {run: key_of(submission, states[run]) for run, submission in submissions.items()}
    seen = Observer(scheduler, cache=None).look(keys.values(), time.time(), accounts=False)
    queue, silent = seen.queue, any(sign in seen.trouble.lower() for sign in _SILENT)
    jobs = {}
    for run, (token, task) in keys.items():
        store = Store(run.path.parent.parent)
        if queue is not None:
            row = queue.get((token, task))
            name = row.job if row is not None and meaning(row.state).stage in (Stage.WAITING, Stage.ACTIVE) else None
        else:
            array = states[run].job if _may_start(status_of(run)) else None
            name = (array if task == PLAIN else f"{array}_{task}") if array else None
        if name:
            jobs[run] = _Job(name, tuple(Intent(store.jobs / token).runs_of(max(task, 0))))
    return jobs, silent


def _submission(run: RunFolder) -> Submission | None:
    with suppress(StoreError):
        return newest_submission(run)
    return None


def _end(jobs: Collection[_Job], scheduler: Scheduler) -> set[_Job]:
    """Cancel the jobs with nothing left to do; one with other runs goes on, and leaves out those told to stop."""
    idle = [job for job in jobs if all(run.stop.exists() or is_finished(run) for run in job.runs)]
    ended: set[_Job] = set()
    for start in range(0, len(idle), _AT_ONCE):
        part = idle[start : start + _AT_ONCE]
        if scheduler("scancel", *sorted(job.name for job in part)).status == 0:
            ended.update(part)
    return ended


def _tell(run: RunFolder, job: _Job | None, ended: Collection[_Job], silent: bool) -> CancelOutcome:
    """Reach a run, whose word to stop is written, in the quickest way there is."""
    if job in ended:
        return CancelOutcome.JOB
    if not status_of(run).is_going:
        return CancelOutcome.AT_START if job is not None and silent else CancelOutcome.HELD_BACK
    holder = read_holder(run)
    if holder is not None and is_here(holder):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(holder.pid, signal.SIGTERM)
            return CancelOutcome.STOPPING
    return CancelOutcome.ASKED
