"""What a store can do without: listed first, removed on request."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from an_cli.errors import StoreError
from an_cli.files import subfolders
from an_cli.launch.ask.door import Door
from an_cli.launch.slurm.intent import Intent, read_intent
from an_cli.store import RunFolder, Store, is_finished, newest_submission, read_holder
from an_cli.store.code_tree import code_tree
from an_cli.store.endings import Ending

OLD_S = 86_400  # a part of a file, or a submission, that is younger may still be somebody's


@dataclass(frozen=True, kw_only=True)
class Waste:
    """One thing that can go."""

    path: Path
    why: str
    size: int


def find_waste(store: Store, now: float | None = None) -> list[Waste]:
    """What can go without a number, a report or a running job missing it.

    Args:
        store: where.
        now: seconds since the epoch.
    """
    now = time.time() if now is None else now
    return [*_jobs(store, now), *_costs(store), *_parts(store, now)]


def _jobs(store: Store, now: float) -> list[Waste]:
    jobs = []
    for token in subfolders(store.jobs):
        intent = Intent(store.jobs / token)
        if read_intent(store, token).age_s > OLD_S and not any(_needs(run, token) for run in _runs(intent)):
            jobs.append(
                Waste(path=intent.folder, why="a submission whose runs are finished", size=_size(intent.folder))
            )
    return jobs


def _runs(intent: Intent) -> list[RunFolder]:
    try:
        count = len(intent.tasks.read_text().splitlines())
    except OSError:
        return []
    return [run for task in range(count) for run in intent.runs_of(task)]


def _needs(run: RunFolder, token: str) -> bool:
    if is_finished(run) or not run.path.is_dir():
        return False
    try:
        submission = newest_submission(run)
    except StoreError:
        return True
    return submission is not None and submission.token == token


def _costs(store: Store) -> list[Waste]:
    trees = [tree for tree in subfolders(store.costs) if tree != code_tree()]
    return [
        Waste(path=store.costs / tree, why="costs counted by other code", size=_size(store.costs / tree))
        for tree in trees
    ]


def _parts(store: Store, now: float) -> list[Waste]:
    walks = [os.walk(root, onerror=_refuse) for root in (store.runs, store.pulled)]
    parts = [Path(folder, name) for walk in walks for folder, _, names in walk for name in names]
    parts = [path for path in parts if path.name.startswith(".") and path.suffix == ".part" and path.is_file()]
    return [
        Waste(path=path, why="a file that was never finished", size=path.stat().st_size)
        for path in parts
        if now - path.stat().st_mtime > OLD_S
    ]


def _refuse(error: OSError) -> None:
    """Folders that may not be read are no empty ones."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def remove(waste: Sequence[Waste]) -> int:
    """Remove what was found; returns the bytes freed."""
    for item in waste:
        shutil.rmtree(item.path, ignore_errors=True) if item.path.is_dir() else item.path.unlink(missing_ok=True)
    return sum(item.size for item in waste if not item.path.exists())


def find_strippable(store: Store) -> tuple[int, int]:
    """How many finished runs still carry an optimizer's state, and about how many bytes that is.

    Momentum is as large as the weights, so it is taken for half of a training state; `strip` looks inside.
    """
    runs = [run for run in map(store.run, store.run_ids()) if is_finished(run)]
    whole = [
        run for run in runs if (holder := read_holder(run)) is None or Ending.of(holder.left) is not Ending.STRIPPED
    ]
    states = [path for run in whole for path in run.checkpoints.glob("step-*")]
    return len(whole), sum(path.stat().st_size for path in states) // 2


def strip(store: Store, door: Door | None = None) -> tuple[int, list[str]]:
    """Take the optimizer out of finished runs' checkpoints.

    Returns:
        Bytes freed, and why some were left as they are.

    Raises:
        LaunchError: the heavy door failed.
    """
    finished = [run for run in map(store.run, store.run_ids()) if is_finished(run)]
    if not finished:
        return 0, []
    answers = (door or Door()).ask("strip", [{"run": str(run.path)} for run in finished])
    return sum(answer["freed"] for answer in answers), [answer["error"] for answer in answers if answer["error"]]
