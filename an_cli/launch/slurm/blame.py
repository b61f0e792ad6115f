"""Whose fault it is when jobs end before their runs begin: a node's, or that of the lines that every job runs.

A node without the store, or without the container, ends each job in a second, and so is given nearly all of them. No
cell is to blame, and none pays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from an_cli.launch.causes import Cause
from an_cli.launch.slurm.watcher import JobView

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
