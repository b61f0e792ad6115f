from __future__ import annotations

from typing import Any

import pytest

from an_cli.config import Composer
from an_cli.launch import Action, reconcile
from an_cli.launch.standing import RunStanding
from an_cli.plan import Cell
from an_cli.store import Status


def standing(status: Status, on_disk: Status | None = None, **seen: Any) -> RunStanding:
    return RunStanding(status=status, on_disk=on_disk or status, **seen)


ON_DISK = {str(status): standing(status) for status in Status}


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    config = Composer().compose().cell
    return [Cell(config=config, id=str(status), label=str(status), choices={}) for status in Status]


def test_every_status_has_an_action(cells: list[Cell]) -> None:
    wanted = reconcile(cells, ON_DISK)
    assert {cell.id: action for cell, action in wanted.actions} == {
        "missing": Action.START,
        "waiting": Action.START,
        "submitting": Action.AWAIT_JOB,
        "queued": Action.AWAIT_JOB,
        "held": Action.AWAIT_JOB,
        "running": Action.WAIT,
        "paused": Action.CONTINUE,
        "interrupted": Action.CONTINUE,
        "failed": Action.RETRY,
        "finished": Action.KEEP,
        "imported": Action.LEAVE,
        "unknown": Action.WAIT,
        "unreadable": Action.START,
    }


def test_the_sentence_counts_what_is_there_and_what_will_be_done(cells: list[Cell]) -> None:
    wanted = reconcile(cells, ON_DISK)
    assert wanted.sentence == (
        "13 cells: 1 finished, 1 imported (not trained), 2 running elsewhere, 2 to continue, 1 to retry, 3 to start, "
        "1 queued, 1 held, 1 being submitted"
    )


def test_one_finished_cell_leaves_nothing_to_do(cells: list[Cell]) -> None:
    wanted = reconcile(cells[:1], {cells[0].id: standing(Status.FINISHED)})
    assert wanted.sentence == "1 cell: 1 finished"
    assert (wanted.to_launch, wanted.to_follow) == ((), ())


def test_a_cell_that_runs_elsewhere_is_followed_but_not_launched(cells: list[Cell]) -> None:
    wanted = reconcile(cells[:1], {cells[0].id: standing(Status.RUNNING)})
    assert wanted.to_launch == ()
    assert wanted.to_follow == (cells[0],)


@pytest.mark.parametrize("status", Status)
def test_a_status_is_done_or_going_or_in_a_queue_or_can_start(status: Status) -> None:
    answers = (status.is_done, status.is_going, status.is_in_queue, status.can_start)
    assert sum(answers) == 1
    assert not (status.is_untouched or status.is_broken) or status.can_start


@pytest.mark.parametrize("status", [Status.QUEUED, Status.HELD, Status.SUBMITTING, Status.RUNNING, Status.UNKNOWN])
def test_a_cell_that_a_job_is_about_to_start_is_neither_launched_nor_rerun_here(
    cells: list[Cell], status: Status
) -> None:
    wanted = reconcile(cells[:1], {cells[0].id: standing(status, Status.WAITING, job="7_0")}, reruns={cells[0].id})
    assert (wanted.to_launch, wanted.to_follow, wanted.in_queue) == ((), (), (cells[0],))


def test_what_a_job_has_started_is_followed_by_its_records(cells: list[Cell]) -> None:
    wanted = reconcile(cells[:1], {cells[0].id: standing(Status.RUNNING, job="7_0")})
    assert (wanted.to_launch, wanted.to_follow) == ((), (cells[0],))


def test_a_spent_budget_of_the_cluster_is_retried_here_and_left_alone_there(cells: list[Cell]) -> None:
    spent = {cells[0].id: standing(Status.FAILED, Status.WAITING, job="7_0", left_alone=True)}
    assert reconcile(cells[:1], spent).to_launch == (cells[0],)
    there = reconcile(cells[:1], spent, on_slurm=True)
    assert there.to_launch == ()
    assert there.sentence == "1 cell: 1 failed too often (an-cli retry)"
