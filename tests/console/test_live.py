from __future__ import annotations

import io
import sys

import pytest

from an_cli.console.live import screen, watching
from an_cli.launch import Phase, Snapshot
from tests.console.test_words import HALF, state

LABELS = {"a": "gate=softmax", "b": "mean", "c": "a1", "d": "other"}
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
    lines = screen(SNAPSHOT, LABELS, at_once=1, height=24)
    assert lines[0] == "1 of 4 finished, 1 running, 1 failed, about 1 min 30 s left"
    assert lines[1] == "gate=softmax  running      epoch     2/4  loss  0.500  error  12.50 %  30 s"
    assert lines[2].startswith("mean          finished")
    assert lines[3] == "a1            failed       out of memory"
    assert lines[4] == "other         queued"


def test_a_small_screen_shows_what_moves_first_and_counts_the_rest() -> None:
    lines = screen(SNAPSHOT, LABELS, at_once=1, height=5)
    assert [line.split()[0] for line in lines[1:]] == ["gate=softmax", "a1", "..."]
    assert lines[-1] == "... and 2 more"


def test_a_stopping_screen_says_what_a_second_signal_does() -> None:
    lines = screen(Snapshot(runs=SNAPSHOT.runs, stopping=True), LABELS, at_once=1, height=24)
    assert "again to stop at once" in lines[0]


def test_without_a_terminal_each_end_is_one_line_that_stays(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(LABELS, 1) as watch:
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
    with watching(LABELS, 1) as watch:
        watch(SNAPSHOT)
    assert "gate=softmax" in screen_text.getvalue()
    assert "\x1b[" in screen_text.getvalue()  # control sequences: the lines are replaced, not repeated
