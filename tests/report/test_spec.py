"""Specs: a study's own, else its parent's, else the default; read strictly."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from an_cli.errors import ReportError
from an_cli.report import Epoch, Quantity, load_spec
from tests.report.by_hand import plan, row

PLAN = plan(row("base", baseline=True, seeds=(0,)))


def test_a_study_without_a_spec_takes_its_parents_then_the_default() -> None:
    child = dataclasses.replace(PLAN, study="mine", lineage=("table1",))
    assert load_spec(child) == load_spec(dataclasses.replace(PLAN, study="table1"))
    assert Quantity.SEEDS in load_spec(PLAN).columns
    assert Quantity.SEEDS not in load_spec(child).columns
    assert load_spec(child).epoch is Epoch.LAST


def test_a_users_spec_stands_before_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reports").mkdir()
    text = "caption: Mine\ncolumns: [design, gain]\nepoch: best\ndecimals: 1\n"
    (tmp_path / "reports" / "table1.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    spec = load_spec(dataclasses.replace(PLAN, study="table1"))
    assert (spec.caption, spec.epoch, spec.decimals) == ("Mine", Epoch.BEST, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("caption: null\ncolumns: [desgin]\nepoch: last\ndecimals: 2\n", "did you mean design"),
        ("caption: null\ncolumns: [design]\nepoch: last\n", "missing key 'decimals'"),
        ("caption: null\ncolumns: []\nepoch: last\ndecimals: 2\n", "name each column once"),
        ("caption: null\ncolumns: [gain, gain]\nepoch: last\ndecimals: 2\n", "name each column once"),
        ("caption: null\ncolumns: [design]\nepoch: last\ndecimals: 9\n", "write 0 to 6"),
        ("colour: red\n", "unknown key 'colour'"),
    ],
)
def test_a_wrong_spec_says_what_is_legal(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "study.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReportError, match=message):
        load_spec(PLAN)
