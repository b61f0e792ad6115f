"""What a verdict asks for: nothing, another submission, or its owner's attention. Pure but for the run's progress."""

from __future__ import annotations

from dataclasses import dataclass

from an_cli.launch.causes import Cause, spent
from an_cli.launch.slurm.judge import Standing
from an_cli.launch.slurm.request import SubmissionRequest
from an_cli.launch.slurm.watcher import JobView
from an_cli.store import End, RunFolder, read_progress


@dataclass(frozen=True)
class Owed:
    """What is owed to a run: a request to submit it, or why it is left alone."""

    request: SubmissionRequest | None = None
    left_alone: str = ""


def owed(
    run: RunFolder,
    view: JobView,
    *,
    forgive: bool = False,
    resubmit_cancelled: bool = True,
    forget_set_up: bool = False,
) -> Owed:
    """Decide about one run.

    Args:
        run: which.
        view: how it stands.
        forgive: give a run that ended too often a new budget.
        resubmit_cancelled: whether a cancelled job is submitted again: by a new command, not by one that follows.
        forget_set_up: whether jobs that ended before the run began count no more, nor their nodes: for a new command.
    """
    verdict, submission = view.verdict, view.submission
    if verdict.standing is Standing.NEW:
        return Owed(SubmissionRequest(run=run, number=submission.number + 1 if submission else 1, after=()))
    if verdict.standing is not Standing.ENDED or submission is None:
        return Owed()
    assert verdict.cause is not None
    if verdict.cause is Cause.CANCELLED and not resubmit_cancelled:
        return Owed(left_alone="cancelled; the same command submits it again")
    progress = read_progress(run)
    end = End(
        cause=str(verdict.cause),
        detail=verdict.detail[:500],
        step=progress.step if progress else 0,
        job=verdict.job,
        node=verdict.node,
    )
    # A submission that SLURM did not take never was a job: it must not push out what became of real ones.
    after = submission.after if verdict.cause is Cause.REFUSED else (*submission.after, end)
    if forget_set_up:
        after = tuple(end for end in after if end.cause != Cause.SET_UP)
    reason = spent(after)
    if reason and not forgive:
        return Owed(left_alone=reason)
    return Owed(SubmissionRequest(run=run, number=submission.number + 1, after=() if reason else after))
