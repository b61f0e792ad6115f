from __future__ import annotations

import pytest

from an_cli.config import Composer
from an_cli.launch import Action, reconcile
from an_cli.plan import Cell
from an_cli.store import Status


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    config = Composer().compose().cell
    return [Cell(config=config, id=str(status), label=str(status), choices={}) for status in Status]


def test_every_status_has_an_action(cells: list[Cell]) -> None:
    wanted = reconcile(cells, {str(status): status for status in Status})
    assert {cell.id: action for cell, action in wanted.actions} == {
        "missing": Action.START,
        "waiting": Action.START,
        "running": Action.WAIT,
        "interrupted": Action.CONTINUE,
        "failed": Action.RETRY,
        "finished": Action.KEEP,
        "imported": Action.LEAVE,
        "unknown": Action.WAIT,
        "unreadable": Action.START,
    }


def test_the_sentence_counts_what_is_there_and_what_will_be_done(cells: list[Cell]) -> None:
    wanted = reconcile(cells, {str(status): status for status in Status})
    assert wanted.sentence == (
        "9 cells: 1 finished, 1 imported (not trained), 2 running elsewhere, 1 to continue, 1 to retry, 3 to start"
    )


def test_one_finished_cell_leaves_nothing_to_do(cells: list[Cell]) -> None:
    wanted = reconcile(cells[:1], {cells[0].id: Status.FINISHED})
    assert wanted.sentence == "1 cell: 1 finished"
    assert (wanted.to_launch, wanted.to_follow) == ((), ())


def test_a_cell_that_runs_elsewhere_is_followed_but_not_launched(cells: list[Cell]) -> None:
    wanted = reconcile(cells[:1], {cells[0].id: Status.RUNNING})
    assert wanted.to_launch == ()
    assert wanted.to_follow == (cells[0],)
