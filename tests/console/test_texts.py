"""Plans, states and runs at every width of a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from an_cli.cli.answers import measure_value
from an_cli.console.images import verified_text
from an_cli.console.medium import FILE, Medium, ansi
from an_cli.console.texts import plan_text, run_text, status_text
from an_cli.report.formats.layout import extent
from an_cli.store import CLASSIFICATION

WIDTHS = (40, 60, 80, 100, 120, 200)
LABELS = ("gate=softmax,seed=0", "K=(20,20,40,40),squeeze=mean_std,head=a1,seed=1", "\u6f22\u5b57" * 20, "x" * 90)


def cell(place: int, **given: Any) -> dict[str, Any]:
    value = {
        "id": f"0123456789abcde{place}",
        "label": LABELS[place % len(LABELS)],
        "status": "running",
        "epoch": 3,
        "epochs": 120,
        "loss": 1.2345,
        "top1_error_pct": 16.382,
        "eta_s": 7200.0,
        "error": None,
        "code": None,
        "measure": measure_value(CLASSIFICATION.primary),
    }
    return {**value, **given}


CELLS = [
    cell(0),
    cell(1, status="finished", code="other"),
    cell(2, status="failed", error="out of memory: " + "a long reason " * 20),
    cell(3, status="waiting", epoch=None, epochs=None, loss=None, top1_error_pct=None, eta_s=None),
]
JOBS = [{**one, "job": "4711_3", "node": "node17", "reason": "waits for resources, as 12 others"} for one in CELLS]
PLAN = {
    "title": "A study with a title that is longer than a narrow terminal has columns, and then some",
    "sentence": "4 cells: 1 finished, 1 running, 1 failed, 1 waiting",
    "rows": [
        {"label": label, "note": "as printed" * 9, "params": 25_560_000, "macs": 4_090_000_000, "kind": "trained",
         "cells": [CELLS[place]["id"]]}
        for place, label in enumerate(LABELS)
    ],
    "cells": CELLS,
    "spending": {"hours": 12.5, "hours_by_cell": {CELLS[0]["id"]: 0.01, CELLS[2]["id"]: 48_936.0}, "device": "cpu",
                 "measured_by_smoke": False, "measured_runs": 2, "checkpoint_bytes": 2**30},
}  # fmt: skip
RUN = {
    "id": "0123456789abcdef", "status": "failed", "labels": ["demo/seed=0"], "error": "out of memory " * 12,
    "skipped_lines": 1, "imported": None, "result": None, "measures": [],
    "config": {"norm.attention.components": [10, 10, 20, 20]},
    "attempts": [{"attempt": 1, "started_at": "2026-01-01T00:00:00+00:00", "host": "node", "device": "cpu " * 20,
                  "resumed_step": 0, "commit": None, "code_tree": "0123"}],
    "files": ["runs/0123456789abcdef/cell.json", "runs/0123456789abcdef/log.txt"],
}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "text", [lambda on: status_text(CELLS, on), lambda on: status_text(JOBS, on), lambda on: plan_text(PLAN, on),
             lambda on: run_text(RUN, on)],
    ids=["status", "jobs", "plan", "run"],
)  # fmt: skip
def test_no_line_is_wider_than_the_terminal(text: Any, width: int) -> None:
    assert max(map(extent, text(Medium(width=width)).splitlines())) <= width


def test_a_narrow_status_keeps_label_state_epoch_error_and_time_on_one_line() -> None:
    line = status_text(CELLS, Medium(width=80)).splitlines()[2]
    assert line.split() == ["gate=softmax,seed=0", "running", "3/120", "16.38", "2", "h", "00", "min"]


def test_a_narrow_status_says_which_columns_it_leaves_out() -> None:
    assert "not shown in 80 columns: id, train loss; --json has them\n" in status_text(CELLS, Medium(width=80))
    assert "not shown" not in status_text(CELLS, FILE)


def test_an_error_is_shown_whole_at_80_columns() -> None:
    text = " ".join(status_text(CELLS, Medium(width=80)).split())
    assert "a long reason " * 19 + "a long reason" in text


def test_styles_leave_the_text_as_it_is() -> None:
    painted = status_text(CELLS, Medium(paint=ansi))
    for code in ("1", "2", "31", "32", "36"):
        painted = painted.replace(f"\x1b[{code}m", "")
    assert painted.replace("\x1b[0m", "") == status_text(CELLS)


def test_a_plan_names_the_time_of_a_row_in_words() -> None:
    lines = plan_text(PLAN).splitlines()
    assert "time" in lines[2]
    assert "hours" not in lines[2]
    assert "36 s" in lines[4]
    assert "2039 d 0 h" in lines[6]


def test_an_image_whose_name_is_no_utf8_is_named_as_a_shell_would() -> None:
    part = {"samples": 1, "smallest_class": 1, "largest_class": 1, "bytes": 5, "fingerprint": "f", "absent_classes": []}
    problem = "cannot be decoded: a/bro\udcfdken.png: an image cannot be read"
    value = {"path": "im\udcffages", "classes": 1, "shards": None, "train": part, "eval": part, "fingerprint": "f",
             "problems": [problem], "decoded": True}  # fmt: skip
    text = verified_text(value)
    assert "bro\\xfdken.png" in text
    assert text.startswith("im\\xffages: ")
