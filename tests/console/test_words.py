from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from an_cli.console.columns import align
from an_cli.console.words import duration, remaining_s, study_remaining_s
from an_cli.launch import Phase, RunState, Snapshot
from an_cli.store import Progress, RunFolder

HALF = Progress(epoch=1, epochs=4, step=20, steps=40, loss=0.5, elapsed_s=30.0, values={"top1_error_pct": 12.5})


def state(name: str, phase: Phase, progress: Progress | None = None, cause: str = "") -> RunState:
    return RunState(run=RunFolder(Path(name)), phase=phase, progress=progress, cause=cause)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-3, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (190, "3 min 10 s"), (7500, "2 h 05 min"),
     (360_000, "4 d 4 h")],
)  # fmt: skip
def test_durations_read_well(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_left_follows_from_the_pace_so_far() -> None:
    assert remaining_s(HALF) == 30.0
    assert remaining_s(replace(HALF, step=0)) is None
    assert remaining_s(None) is None


def test_queued_runs_are_taken_to_last_as_long_as_the_others() -> None:
    runs = (state("a", Phase.RUNNING, HALF), *(state(name, Phase.QUEUED) for name in "bcd"))
    snapshot = Snapshot(runs=runs, stopping=False)
    assert study_remaining_s(snapshot, 2) == (30 + 3 * 60) / 2
    assert study_remaining_s(snapshot, 100) == 60
    assert study_remaining_s(Snapshot(runs=runs[1:], stopping=False), 2) is None


def test_columns_are_as_wide_as_they_need() -> None:
    assert align(["a", "bbb"], [["cc", "1"]]) == "a   bbb\n--  ---\ncc    1\n"
