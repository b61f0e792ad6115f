"""A store that an earlier version wrote (commit 5be7511, before measures and tasks): read, current, the same table."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from an_cli.plan import load_study, make_plan
from an_cli.report import make_table, render
from an_cli.store import Store, is_current, read_run

BEFORE = Path(__file__).parents[1] / "golden" / "store_before"
FORMATS = {"json": "json", "csv": "csv", "markdown": "md", "latex": "tex", "html": "html"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    shutil.copytree(BEFORE, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Store(tmp_path)


def test_its_finished_runs_are_those_that_the_study_plans_now(store: Store) -> None:
    cells = make_plan(load_study("before")).cells
    assert sorted(cell.id for cell in cells) == sorted(store.run_ids())
    records = [read_run(store.run(cell.id)) for cell in cells]
    assert {record.state for record in records} == {"finished"}
    for record, cell in zip(records, cells, strict=True):
        assert record.result is not None
        assert record.config == cell.config


def test_its_runs_count_as_made_by_the_present_code_while_that_gives_the_same_numbers(store: Store) -> None:
    results = [read_run(store.run(run_id)).result for run_id in store.run_ids()]
    assert all(result is not None and is_current(result.code_trees) for result in results)


@pytest.mark.parametrize("form", FORMATS)
def test_its_table_is_what_it_was_to_the_byte(store: Store, form: str) -> None:
    plan = make_plan(load_study("before"))
    written = (BEFORE / "tables" / f"before.{FORMATS[form]}").read_text(encoding="utf-8")
    assert render(make_table(plan, store, {}), form) == written
