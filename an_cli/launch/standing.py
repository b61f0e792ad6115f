"""Where runs stand, from the disk and the scheduler together: the one answer that every verb gives. Changes nothing.

The disk alone says what was recorded and who holds a claim; a run that was submitted to SLURM and is not over is also
looked up there. Where the scheduler cannot be asked, such a run is unknown, never free to be started.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from an_cli.launch.slurm.judge import Standing, Verdict
from an_cli.launch.slurm.observe import Observer
from an_cli.launch.slurm.policy import owed
from an_cli.launch.slurm.scheduler import Commands
from an_cli.launch.slurm.watcher import JobView, Watcher
from an_cli.store import RunFolder, Status, Store, status_of

_STATUS = {
    Standing.SUBMITTING: Status.SUBMITTING,
    Standing.QUEUED: Status.QUEUED,
    Standing.HELD: Status.HELD,
    Standing.RUNNING: Status.RUNNING,
    Standing.UNKNOWN: Status.UNKNOWN,
}


@dataclass(frozen=True, kw_only=True)
class RunStanding:
    """One run.

    Attributes:
        status: its state.
        on_disk: what the disk alone says.
        error: why a job of it ended, where that is not in the run's own records.
        job, node, reason: what the scheduler has; empty where it has none.
        left_alone: its budget there is spent: `ablate --on slurm` submits it no more, `retry` does.
    """

    status: Status
    on_disk: Status
    error: str = ""
    job: str = ""
    node: str = ""
    reason: str = ""
    left_alone: bool = False

    @property
    def has_job(self) -> bool:
        """Whether a job is about to start it, or may be: nobody else may then say how it runs.

        Of one that has started, the disk tells, and its end.
        """
        about_to_start = self.status.is_going and not self.on_disk.is_going
        return self.status.is_in_queue or about_to_start


def look(store: Store, runs: Iterable[RunFolder], watcher: Watcher | None = None) -> dict[RunFolder, RunStanding]:
    """Where runs stand: at most two calls of the scheduler, none where no run has a submission that is not over.

    Args:
        store: where they are.
        runs: which.
        watcher: how the scheduler is looked at; None is this machine's, where it has one.
    """
    return look_up(store, {run: status_of(run) for run in runs}, watcher)


def look_up(
    store: Store, statuses: Mapping[RunFolder, Status], watcher: Watcher | None = None
) -> dict[RunFolder, RunStanding]:
    """Where runs stand whose state on disk is known (see `look`)."""
    submitted = [run for run, status in statuses.items() if not status.is_done and run.submissions.is_dir()]
    views = _views(submitted, watcher or this_cluster(store)) if submitted else {}
    return {
        run: _joined(run, status, view)
        if (view := views.get(run)) is not None
        else RunStanding(status=status, on_disk=status)
        for run, status in statuses.items()
    }


def this_cluster(store: Store) -> Watcher | None:
    """How the scheduler of this machine is looked at; None where it has none."""
    if shutil.which("squeue") is None:
        return None
    return Watcher(store, Observer(Commands()), accounting=shutil.which("sacct") is not None)


def _views(runs: Sequence[RunFolder], watcher: Watcher | None) -> dict[RunFolder, JobView]:
    if watcher is not None:
        return watcher.look(runs)
    unseen = Verdict(standing=Standing.UNKNOWN, detail="submitted to SLURM, which this machine does not have")
    return {run: JobView(verdict=unseen, submission=None) for run in runs}


def _joined(run: RunFolder, status: Status, view: JobView) -> RunStanding:
    verdict = view.verdict
    match verdict.standing:
        case Standing.NEW:  # no submission stands for it
            return RunStanding(status=status, on_disk=status)
        case Standing.FINISHED:  # since the disk was looked at
            return RunStanding(status=Status.FINISHED, on_disk=Status.FINISHED)
        case Standing.ENDED:
            left_alone = owed(run, view).left_alone
            joined = Status.FAILED if left_alone else Status.INTERRUPTED
            error = left_alone or f"{verdict.cause}: {verdict.detail}; the next ablate submits it again"
        case standing:
            left_alone, joined, error = "", _STATUS[standing], ""
    return RunStanding(
        status=joined,
        on_disk=status,
        error=error,
        job=verdict.job,
        node=verdict.node,
        reason=verdict.detail,
        left_alone=bool(left_alone),
    )
