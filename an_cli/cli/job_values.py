"""What SLURM says of runs, added to what the disk says. Reading only."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from an_cli.console.words import remaining_s
from an_cli.launch.slurm.judge import Standing, Verdict
from an_cli.launch.slurm.observe import Observer
from an_cli.launch.slurm.owed import owed
from an_cli.launch.slurm.scheduler import Commands
from an_cli.launch.slurm.watcher import View, Watcher
from an_cli.store import RunFolder, Status, Store, read_doing, read_progress

_ASKED = (Status.WAITING, Status.RUNNING, Status.UNKNOWN, Status.INTERRUPTED, Status.FAILED)
_AS_ON_DISK = (Standing.NEW, Standing.FINISHED)


def with_jobs(store: Store, values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The state of runs as `status_values` gives it, with `job`, `node` and `reason` of those that SLURM has.

    Args:
        store: where they are.
        values: a mapping per run, with `id` and `status`.
    """
    asked = {str(status) for status in _ASKED}
    runs = {value["id"]: store.run(value["id"]) for value in values if value["status"] in asked}
    submitted = [run for run in runs.values() if run.submissions.is_dir()]
    views = {run.id: view for run, view in _views(store, submitted).items()} if submitted else {}
    return [_joined(value, runs.get(value["id"]), views.get(value["id"])) for value in values]


def _views(store: Store, runs: Sequence[RunFolder]) -> dict[RunFolder, View]:
    if shutil.which("squeue") is None:
        unseen = Verdict(standing=Standing.UNKNOWN, detail="submitted to SLURM, which this machine does not have")
        return {run: View(verdict=unseen, submission=None) for run in runs}
    return Watcher(store, Observer(Commands()), accounting=shutil.which("sacct") is not None).look(runs)


def _joined(value: dict[str, Any], run: RunFolder | None, view: View | None) -> dict[str, Any]:
    joined = {**value, "job": None, "node": None, "reason": None}
    if run is None or view is None or view.verdict.standing in _AS_ON_DISK:
        return joined
    verdict = view.verdict
    joined |= {"job": verdict.job or None, "node": verdict.node or None, "reason": verdict.detail or None}
    if verdict.standing is not Standing.ENDED:
        joined |= {"status": str(verdict.standing), "error": None}
        if verdict.standing is Standing.RUNNING:
            doing = read_doing(run)
            joined["eta_s"] = remaining_s(read_progress(run), doing)
            joined["phase"] = str(doing.activity) if doing else None
        return joined
    left_alone = owed(run, view).left_alone
    joined["status"] = str(Status.FAILED if left_alone else Status.INTERRUPTED)
    joined["error"] = left_alone or f"{verdict.cause}: {verdict.detail}; the next ablate submits it again"
    return joined
