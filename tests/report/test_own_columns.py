"""Columns that a study's own report file asks for, the same in every format."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest

from an_cli.errors import ReportError
from an_cli.report import FILES, Quantity, Table, build_table, load_spec, render
from an_cli.report.formats.wording import DASH
from tests.report.by_hand import COLUMNS, SPEC, plan, quoted, record, result, row

COLUMNS_OF_MINE = (
    *(Quantity.DESIGN, "recipe.lr", "norm.attention.gate", "norm.attention.components"),
    *("top1_accuracy_pct", Quantity.LOSS, Quantity.TRAIN_TIME),
)


def table(columns: tuple[str, ...] = COLUMNS_OF_MINE) -> Table:
    rows = [
        row("base", baseline=True, seeds=(0, 1)),
        row("bn", "norm=bn", seeds=(0, 1)),
        quoted("old", top1_error_pct=30.0),
    ]
    records = [
        record(one, result=result(top1))
        for (_, cells), errors in zip(rows[:2], ((20.0, 22.0), (25.0, 26.0)), strict=True)
        for one, top1 in zip(cells, errors, strict=True)
    ]
    return build_table(plan(*rows), records, {}, dataclasses.replace(SPEC, columns=columns))


def test_own_columns_stand_in_every_format() -> None:
    for format in (*FILES, "terminal"):
        text = render(table(), format)
        for word in ("recipe.lr", "hsigmoid"):
            assert word in text.replace("\\", ""), format
    lines = render(table(), "terminal").splitlines()
    base = next(line for line in lines if line.startswith("base"))
    assert all(text in base for text in ("hsigmoid", "[", "79.00", "± 1.41", "0.5000", "9.5"))
    assert next(line for line in lines if line.startswith("bn")).count(DASH) == 2, "BN has no gate and no components"
    assert next(line for line in lines if line.startswith("old")).count("70.00") == 1


def test_accuracies_are_marked_as_their_errors_are() -> None:
    ours, theirs = table(), table(COLUMNS)
    for own, row_ in zip(ours.rows, theirs.rows, strict=True):
        assert own.cell("top1_accuracy_pct").marks == row_.cell("top1_error_pct").marks
        assert own.cell("top1_accuracy_pct").spread == row_.cell("top1_error_pct").spread
    assert any("the highest of its group" in note for note in ours.notes)
    assert not any("lower is better" in note for note in ours.notes)


def test_csv_and_json_hold_what_the_spec_adds_and_nothing_else() -> None:
    (base, bn, _) = csv.DictReader(io.StringIO(render(table(), "csv")))
    assert (base["top1_accuracy_pct_mean"], base["loss_mean"], base["train_s_mean"]) == ("79.0", "0.5", "9.5")
    assert (bn["norm.attention.gate"], base["norm.attention.gate"]) == ("", "hsigmoid")
    value = json.loads(render(table(), "json"))
    assert value["columns"] == [str(column) for column in COLUMNS_OF_MINE]
    assert value["rows"][0]["top1_accuracy_pct"]["values"] == [80.0, 78.0]
    assert "loss" not in json.loads(render(table(COLUMNS), "json"))["rows"][0]


@pytest.mark.parametrize(
    ("column", "now"), [("recipe.lrr", "recipe.lr"), ("top1_acuracy_pct", "top1_accuracy_pct"), ("seed", "seeds")]
)
def test_a_column_that_is_none_is_refused_with_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, now: str
) -> None:
    (tmp_path / "reports").mkdir()
    text = f"caption: null\ncolumns: [design, {column}]\nepoch: last\ndecimals: 2\n"
    (tmp_path / "reports" / "study.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReportError, match=f"no column '{column}'.*did you mean {now}\\?"):
        load_spec(plan(row("base", baseline=True)))
