"""What follows from how submissions ended: another one, their owner's attention, or the blame of a node.

A node without the store, or without the container, ends each job in a second, and so is given nearly all of them. No
cell is to blame, and none pays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
    reset_budget: bool = False,
    resubmit_cancelled: bool = True,
    forget_set_up: bool = False,
) -> Owed:
    """Decide about one run.

    Args:
        run: which.
        view: how it stands.
        reset_budget: give a run that ended too often a new budget.
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
    if reason and not reset_budget:
        return Owed(left_alone=reason)
    return Owed(SubmissionRequest(run=run, number=submission.number + 1, after=() if reason else after))


_NODES = 2  # so many nodes that fail alike, while nowhere a run has begun, are no nodes' fault


@dataclass(frozen=True)
class Blame:
    """What jobs that never began their runs say.

    Attributes:
        nodes: to stay away from -> what a job printed there.
        everywhere: why no job of this study can begin anywhere; empty while one may.
    """

    nodes: Mapping[str, str] = field(default_factory=dict)
    everywhere: str = ""


def blame(views: Iterable[JobView], began: Iterable[str]) -> Blame:
    """Judge a study's failures before the run.

    Args:
        views: of its runs, with how their earlier submissions ended.
        began: nodes on which a run has begun, as far as this command has seen.
    """
    failed: dict[str, str] = {}
    nowhere = ""
    for view in views:
        verdict, submission = view.verdict, view.submission
        for end in submission.after if submission else ():
            if end.cause == Cause.SET_UP and end.node:
                failed.setdefault(end.node, end.detail)
        if verdict.cause is Cause.SET_UP:
            if verdict.node:
                failed.setdefault(verdict.node, verdict.detail)
            else:
                nowhere = verdict.detail
    good = set(began)
    if not good and (len(failed) >= _NODES or (nowhere and not failed)):
        return Blame(everywhere=next(iter(failed.values()), nowhere))
    return Blame(nodes={node: why for node, why in failed.items() if node not in good})
