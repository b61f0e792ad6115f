"""The whole table of reconciling, as text: what disk and scheduler say of a run, what is wanted, what is done.

Every line goes the real way: the state on disk and the scheduler's verdict are joined, then reconciled with each wish.
A change of the table is a change of what `ablate` does to users' runs, and its diff says to which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from an_cli.config import Composer
from an_cli.launch import Action, reconcile
from an_cli.launch.causes import Cause
from an_cli.launch.slurm.judge import Standing, Verdict
from an_cli.launch.slurm.watcher import JobView
from an_cli.launch.standing import RunStanding, look_up
from an_cli.plan import Cell
from an_cli.store import End, RunFolder, Status, Store, Submission

# What the disk alone can say; the other members of Status need a scheduler.
ON_DISK = [status for status in Status if not status.is_in_queue]
# `retry --on slurm` asks as `ablate` does here: what the cluster gave up counts no more.
WISHES: Mapping[str, Callable[[str], Mapping[str, object]]] = {
    "here": lambda run_id: {},
    "here, rerun": lambda run_id: {"reruns": {run_id}},
    "on slurm": lambda run_id: {"on_slurm": True},
    "on slurm, rerun": lambda run_id: {"on_slurm": True, "reruns": {run_id}},
}


def _submission(*causes: Cause) -> Submission:
    ends = tuple(End(cause=cause, detail="the same line", step=0, job="7_0", node="n1") for cause in causes)
    return Submission(number=1 + len(ends), token="0" * 12, task=0, after=ends)


def _views() -> Iterator[tuple[str, JobView | None]]:
    """Scheduler's words for a run, and what the watcher makes of them."""
    yield "never submitted", None
    for standing in (Standing.NEW, Standing.SUBMITTING, Standing.QUEUED, Standing.HELD, Standing.RUNNING):
        yield str(standing), JobView(verdict=Verdict(standing=standing, job="7_0"), submission=_submission())
    crash = Verdict(standing=Standing.ENDED, cause=Cause.CRASH, detail="the same line", job="7_0")
    yield "ended, once", JobView(verdict=crash, submission=_submission())
    yield "ended, again", JobView(verdict=crash, submission=_submission(Cause.CRASH, Cause.CRASH))
    yield "finished", JobView(verdict=Verdict(standing=Standing.FINISHED), submission=_submission())
    yield "no answer", JobView(verdict=Verdict(standing=Standing.UNKNOWN), submission=_submission())


Table = list[tuple[str, str, RunStanding, list[Action]]]  # on disk, scheduler's word, standing, an action per wish


class _OneAnswer:
    """A watcher that sees every run in the same way."""

    def __init__(self, view: JobView) -> None:
        self._view = view

    def look(self, runs: Sequence[RunFolder]) -> dict[RunFolder, JobView]:
        return dict.fromkeys(runs, self._view)


def _standing(run: RunFolder, status: Status, view: JobView | None, store: Store) -> RunStanding:
    watcher = None if view is None else _OneAnswer(view)
    return look_up(store, {run: status}, watcher)[run]  # type: ignore[arg-type]


@pytest.fixture
def table(tmp_path: Path, composer: Composer) -> Table:
    """State on disk, scheduler's word, standing, and an action for every wish."""
    store = Store(tmp_path)
    cell = Cell(config=composer.compose().cell, id="0" * 16, label="only", choices={})
    lines = []
    for status in ON_DISK:
        for word, view in _views():
            run = store.run(cell.id if view is None else "1" * 16)
            if view is not None:
                run.submissions.mkdir(parents=True, exist_ok=True)
            standing = _standing(run, status, view, store)
            plans = [reconcile([cell], {cell.id: standing}, **wish(cell.id)) for wish in WISHES.values()]  # type: ignore[arg-type]
            lines.append((str(status), word, standing, [plan.actions[0][1] for plan in plans]))
    return lines


def test_the_whole_table_of_actions(table: Table, golden: Callable[[str, object], None]) -> None:
    rows = [["on disk", "scheduler", "standing", *WISHES]]
    rows += [[disk, word, str(standing.status), *map(str, actions)] for disk, word, standing, actions in table]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    golden("launch_actions.txt", "\n".join(lines) + "\n")


def test_what_has_a_job_is_never_started_beside_it(table: Table) -> None:
    started = (Action.START, Action.CONTINUE, Action.RETRY, Action.RERUN)
    for disk, word, standing, actions in table:
        if standing.status.is_going or standing.status.is_in_queue:
            assert not set(actions) & set(started), f"{disk}, {word}: {actions}"


def test_what_is_done_is_run_again_only_where_that_is_wanted(
    table: Table,
) -> None:
    for disk, word, standing, actions in table:
        if standing.status.is_done:
            for wish, action in zip(WISHES, actions, strict=True):
                assert (action is Action.RERUN) is ("rerun" in wish), f"{disk}, {word}, {wish}: {action}"


def test_every_action_and_every_status_is_in_the_table(
    table: Table,
) -> None:
    assert {action for *_, actions in table for action in actions} == set(Action)
    assert {standing.status for _, _, standing, _ in table} == set(Status)
