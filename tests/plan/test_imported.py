"""Rows that quote runs of W&B: what a study may say, and what stands beside their numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from an_cli.errors import StoreError, StudyError
from an_cli.plan import load_named, make_plan
from an_cli.store import Store
from an_cli.store.pulled import is_reference, pulled_path, read_pulled, write_pulled
from tests.tiny import TINY
from tests.tracking.pulled_by_hand import pulled

BASE = [word for word in TINY if not word.startswith("launch.")]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    return Store(tmp_path)


def study(store: Store, *rows: dict[str, object]) -> None:
    (store.root / "sweeps").mkdir(exist_ok=True)
    content = {"base": BASE, "rows": [{"label": "ours", "baseline": True}, *rows]}
    (store.root / "sweeps" / "mine.yaml").write_text(json.dumps(content))


def test_a_record_reads_back_as_it_was_written(store: Store) -> None:
    record = pulled("lab/p/r1", tags=("a",), doubts=("its state is crashed",), params=None)
    write_pulled(store, record)
    assert read_pulled(store, "lab/p/r1") == record
    assert read_pulled(store, "lab/p/r2") is None


def test_a_row_has_the_mean_of_its_runs_and_says_what_is_not_verified(store: Store) -> None:
    for name, top1 in (("r1", 23.0), ("r2", 24.0)):
        write_pulled(store, pulled(f"lab/p/{name}", top1, doubts=("its state is crashed",) if name == "r2" else ()))
    study(store, {"label": "theirs", "imported": ["lab/p/r1", "lab/p/r2"]})
    plan = make_plan(load_named("mine", store))
    row = plan.rows[1]
    assert (row.kind, row.is_quoted, row.cells) == ("imported", True, ())
    assert row.published is not None
    assert row.published.values == {"top1_error_pct": 23.5, "top5_error_pct": 6.5}
    assert row.published.by_run["best"] == {"top1_error_pct": (22.5, 23.5)}
    assert (row.published.params_m, row.published.flops_g) == (25.56, 4.09)
    assert row.note == (
        "imported from W&B: lab/p/r1, lab/p/r2 (mean of 2 runs); not verified: code, data, evaluation; "
        "lab/p/r2: its state is crashed"
    )
    assert len(plan.cells) == 1, "nothing is run for it"


def test_a_measure_that_one_run_lacks_has_no_mean(store: Store) -> None:
    write_pulled(store, pulled("lab/p/r1"))
    write_pulled(store, pulled("lab/p/r2", values={"top1_error_pct": 24.5}, params=1))
    study(store, {"label": "theirs", "imported": ["lab/p/r1", "lab/p/r2"]})
    published = make_plan(load_named("mine", store)).rows[1].published
    assert published is not None
    assert published.values == {"top1_error_pct": 24.0}
    assert published.params_m is None, "they do not agree"


def test_a_run_that_was_not_pulled_yet_names_the_command_that_does(store: Store) -> None:
    study(store, {"label": "theirs", "imported": ["lab/p/r1"]})
    row = make_plan(load_named("mine", store)).rows[1]
    assert row.published is not None
    assert row.published.values == {}
    assert row.note == "no record here that reads: lab/p/r1 (an-cli pull lab/p)"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"imported": ["lab/p"]}, "'lab/p' names no run of W&B"),
        ({"imported": ["lab/../../x"]}, "names no run of W&B"),
        ({"imported": ["lab/p/r1"], "baseline": True}, "an imported row is quoted, not run"),
        ({"imported": ["lab/p/r1"], "set": ["norm=bn"]}, "an imported row is quoted, not run"),
        ({"imported": ["lab/p/r1"], "literature": "x"}, "quotes both W&B and a ledger"),
        ({"imported": "lab/p/r1"}, "imported"),
    ],
)
def test_a_row_that_cannot_be_quoted_is_one_clear_line(store: Store, row: dict[str, object], problem: str) -> None:
    study(store, {"label": "theirs", **row})
    with pytest.raises(StudyError) as caught:
        load_named("mine", store)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_record_keeps_nobody_from_the_rows_of_the_study(store: Store) -> None:
    write_pulled(store, pulled("lab/p/r1"))
    pulled_path(store, "lab/p/r1").write_text('{"run": 1')
    with pytest.raises(StoreError, match=r"r1\.json"):
        read_pulled(store, "lab/p/r1")
    study(store, {"label": "theirs", "imported": ["lab/p/r1"]})
    row = make_plan(load_named("mine", store)).rows[1]
    assert row.note == "no record here that reads: lab/p/r1 (an-cli pull lab/p)"


@pytest.mark.parametrize("text", ["a/b", "a/b/c/d", "a//c", "../b/c", "a/../c", "a/b/..", "a/b/c\n", ""])
def test_only_three_plain_parts_name_a_run(store: Store, text: str) -> None:
    assert not is_reference(text)
    with pytest.raises(StoreError):
        pulled_path(store, text)
