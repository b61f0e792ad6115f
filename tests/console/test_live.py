from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest

from an_cli.console.live import Watched, screen, watching
from an_cli.console.medium import FILE, Medium
from an_cli.launch import Phase, Snapshot
from an_cli.store import CLASSIFICATION, Activity, Doing
from tests.console.test_words import HALF, state

LABELS = {"a": "gate=softmax", "b": "mean", "c": "a1", "d": "other"}
WATCHED = {run_id: Watched(label, CLASSIFICATION.primary) for run_id, label in LABELS.items()}
SNAPSHOT = Snapshot(
    runs=(
        state("a", Phase.RUNNING, HALF),
        state("b", Phase.FINISHED, HALF),
        state("c", Phase.FAILED, HALF, "out of memory"),
        state("d", Phase.QUEUED),
    ),
    stopping=False,
)


def test_a_screen_has_a_line_per_cell() -> None:
    lines = screen(SNAPSHOT, WATCHED, at_once=1, height=24)
    assert lines[0] == "1 of 4 finished, 1 running, 1 failed, about 1 min 30 s left"
    assert lines[1:] == [
        "cell          state     epoch  train loss  top-1 (%)  left",
        "gate=softmax  running     2/4       0.500      12.50  30 s",
        "mean          finished    2/4       0.500      12.50",
        "a1            failed      2/4       0.500      12.50",
        "  out of memory",
        "other         queued",
    ]


def test_a_running_cell_says_what_it_does_and_counts_its_time_from_where_it_went_on() -> None:
    doing = Doing(attempt=2, activity=Activity.EVALUATING, from_step=10, from_elapsed_s=0.0)
    running = replace(state("a", Phase.RUNNING, HALF), doing=doing, activity="evaluating")
    lines = screen(Snapshot(runs=(running,), stopping=False), WATCHED, at_once=1, height=24)
    assert lines[2].split() == ["gate=softmax", "evaluating", "2/4", "0.500", "12.50", "1", "min", "00", "s"]


def test_a_long_error_is_wrapped_and_names_the_command_that_shows_the_rest() -> None:
    failed = Snapshot(runs=(state("c", Phase.FAILED, None, "no memory left on the device " * 20),), stopping=False)
    lines = screen(failed, WATCHED, at_once=1, height=24, on=Medium(60, FILE.paint))
    assert max(map(len, lines)) <= 60
    assert lines[-1] == "  ... an-cli show c"


def test_a_small_screen_shows_what_moves_first_and_counts_the_rest() -> None:
    for height in (6, 7):
        lines = screen(SNAPSHOT, WATCHED, at_once=1, height=height)
        assert len(lines) < height
        assert lines[2].startswith("gate=softmax")
        assert lines[-1].startswith("... and ")


def test_a_stopping_screen_says_what_a_second_signal_does() -> None:
    lines = screen(Snapshot(runs=SNAPSHOT.runs, stopping=True), WATCHED, at_once=1, height=24)
    assert "again to stop at once" in lines[0]


def test_without_a_terminal_each_end_is_one_line_that_stays(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(WATCHED, 1) as watch:
        watch(SNAPSHOT)
        watch(SNAPSHOT)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["[1/4] finished mean: top-1 error 12.50 %", "[2/4] failed a1: out of memory"]


def test_on_a_terminal_the_lines_move_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen_text = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen_text)
    with watching(WATCHED, 1) as watch:
        watch(SNAPSHOT)
    assert "gate=softmax" in screen_text.getvalue()
    assert "\x1b[" in screen_text.getvalue()  # control sequences: the lines are replaced, not repeated
