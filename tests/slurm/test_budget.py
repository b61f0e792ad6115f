"""What is nobody's fault costs nothing; what repeats itself is left alone."""

from __future__ import annotations

import pytest

from an_cli.launch.causes import Cause, bad_nodes, spent
from an_cli.store import End


def ends(*causes: str, detail: str = "", step: int = 0, node: str = "n0") -> list[End]:
    return [End(cause=cause, detail=detail, step=step, job="1_0", node=node) for cause in causes]


@pytest.mark.parametrize("cause", [Cause.PREEMPTED, Cause.CANCELLED, Cause.REFUSED])
def test_fifty_ends_that_are_nobodys_fault_cost_nothing(cause: Cause) -> None:
    assert spent(ends(*[cause] * 50)) == ""
    assert spent([*ends(*[cause] * 50), *ends(Cause.CRASH, detail="boom")]) == ""


def test_a_crash_that_repeats_itself_is_left_alone_after_two() -> None:
    crash = ends(Cause.CRASH, detail="boom")
    assert spent(crash) == ""
    assert "2 times in the same way: boom" in spent([*crash, *ends(Cause.PREEMPTED), *crash])


def test_crashes_that_differ_are_borne_three_times() -> None:
    different = [end for word in "abc" for end in ends(Cause.CRASH, detail=word)]
    assert spent(different[:2]) == ""
    assert spent(different)


def test_a_time_limit_costs_only_without_a_step_in_between() -> None:
    moving = [end for step in range(20) for end in ends(Cause.TIME_LIMIT, step=10 * step)]
    assert spent(moving) == ""
    assert "launch.time_min" in spent(ends(Cause.TIME_LIMIT, Cause.TIME_LIMIT, step=7))


def test_running_out_of_memory_twice_asks_for_more() -> None:
    assert "launch.mem" in spent(ends(Cause.OUT_OF_MEMORY, Cause.OUT_OF_MEMORY))


def test_the_next_job_stays_away_from_a_node_that_failed() -> None:
    assert bad_nodes([*ends(Cause.NODE_FAILURE, node="n7"), *ends(Cause.CRASH, node="n8")]) == ["n7"]


def test_a_cause_of_another_version_counts_as_a_crash() -> None:
    assert spent(ends("gremlins", "gremlins", detail="x"))
