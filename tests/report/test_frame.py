"""A store of hand-written run folders, damaged ones among them, as a tidy frame."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import an_cli
from an_cli.errors import StoreError
from an_cli.plan import load_study, make_plan
from an_cli.report import RowStatus, make_table, render
from an_cli.report.frame import curves, frame_of, load
from an_cli.store import Store
from tests.report.by_hand import attempt, cell, plan, record, result_json, row, write_run

BASE = row("base", baseline=True)
MEAN = row("mean", "norm.attention.squeeze=mean")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three finished runs; one torn result, one truncated config, one empty folder."""
    from an_cli.config import plain

    store = Store(tmp_path)
    lines = [{"kind": "epoch", "epoch": epoch, "step": epoch, "top1_error_pct": 50.0 - epoch} for epoch in range(3)]
    metrics = "".join(json.dumps(line) + "\n" for line in lines) + '{"kind": "ep'
    env = json.dumps(plain(attempt())) + "\n"
    for one, top1 in zip(BASE[1], (10.0, 11.0, 12.0), strict=True):
        write_run(store, one, {"result.json": result_json(top1), "metrics.jsonl": metrics, "env.jsonl": env})
    write_run(store, MEAN[1][0], {"result.json": '{"last": {"epo'})
    write_run(store, MEAN[1][1], {"cell.json": "{", "result.json": result_json(1.0)})
    store.run(MEAN[1][2].id).path.mkdir()
    return store


def test_load_gives_one_tidy_row_per_run(store: Store) -> None:
    frame = load(store.root)
    assert len(frame) == 6
    assert set(frame["status"]) == {"finished", "unreadable"}
    done = frame[frame["status"] == "finished"].sort_values("seed")
    assert done["id"].tolist() == [one.id for one in BASE[1]]
    assert done["last_top1_error_pct"].tolist() == [10.0, 11.0, 12.0]
    assert done["best_top1_error_pct"].tolist() == [9.5, 10.5, 11.5]
    assert done["seed"].tolist() == [0, 1, 2]
    assert done["model"].tolist() == ["resnet_small"] * 3
    assert done["norm.attention.gate"].tolist() == ["hsigmoid"] * 3
    assert done["norm.attention.components"].tolist() == [(10, 10, 20, 20)] * 3
    assert done["params"].tolist() == [78_123] * 3
    assert done["n_attempts"].tolist() == [1] * 3
    assert done["skipped_lines"].tolist() == [1] * 3
    damaged = frame[frame["status"] == "unreadable"]
    assert damaged["last_top1_error_pct"].isna().all()
    assert "result.json is not JSON" in " ".join(damaged["error"].dropna())


def test_load_takes_a_store_a_path_or_a_word(store: Store) -> None:
    pd.testing.assert_frame_equal(load(store), load(str(store.root)))


def test_the_package_itself_offers_load_and_nothing_unknown() -> None:
    assert an_cli.load is load
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        _ = an_cli.laod


def test_curves_have_one_row_per_run_and_epoch(store: Store) -> None:
    frame = curves(store)
    assert len(frame) == 9
    assert frame.groupby("id")["top1_error_pct"].min().tolist() == [48.0] * 3


def test_an_empty_store_has_the_columns_and_no_rows(tmp_path: Path) -> None:
    frame = load(tmp_path)
    assert len(frame) == 0
    assert {"id", "status", "last_top1_error_pct", "device"} <= set(frame.columns)
    assert len(curves(tmp_path)) == 0


def test_a_misspelled_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store there"):
        load(tmp_path / "nowhere")


def test_every_config_leaf_is_a_column() -> None:
    from an_cli.config import leaves, plain

    one = cell()
    frame = frame_of([record(one)])
    found = {key: value for key, value in frame.iloc[0].items() if key in leaves(plain(one.config))}
    assert set(found) == set(leaves(plain(one.config)))
    assert found["recipe.lr"] == one.config.recipe.lr


def test_a_table_from_a_damaged_store_marks_the_cell_and_keeps_the_rest(store: Store) -> None:
    table = make_table(plan(BASE, MEAN), store, {})
    assert [found.status for found in table.rows] == [RowStatus.FINISHED, RowStatus.FAILED]
    assert "10.00" not in render(table, "terminal")
    assert "11.00 ± 1.00" in render(table, "terminal")


def test_a_spec_is_inherited_and_an_unrun_study_prints_dashes(tmp_path: Path) -> None:
    table = make_table(make_plan(load_study("demo")), Store(tmp_path), {})
    assert len(table.rows) == 8
    assert table.columns[0].title == "design"
    assert "seeds" not in [column.measure for column in table.columns]
    assert table.notes[0] == "Incomplete: 0 of 24 runs."
    assert not any("seed" in note and "paired" not in note for note in table.notes)
