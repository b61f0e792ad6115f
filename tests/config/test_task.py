"""A task of the user's own in a config: what its measures may be, and that cells without one keep their ids."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from an_cli.config import CellConfig, Composer, cell_id, plain, read
from an_cli.config.check import check_cell
from an_cli.config.task import PluginTaskConfig
from an_cli.errors import ConfigError
from an_cli.store import measures_of
from tests.tiny import TINY

RMSE = {
    "key": "rmse", "title": "RMSE", "unit": "m", "better": "lower", "decimals": 3,
    "evidence": {"plane": "squared", "summary": "root_mean"},
}  # fmt: skip


def _task(*measures: dict[str, Any]) -> PluginTaskConfig:
    return read(PluginTaskConfig, {"entry_point": "regress", "parameters": {}, "measures": list(measures)})


def test_a_cell_without_a_task_says_nothing_of_it(composer: Composer) -> None:
    cell = composer.compose([*TINY]).cell
    assert "task" not in plain(cell)
    assert measures_of(cell).primary.key == "top1_error_pct"
    other = dataclasses.replace(cell, task=_task(RMSE))
    assert cell_id(other) != cell_id(cell)
    assert read(CellConfig, plain(other)) == other
    assert measures_of(other).planes == ("last.squared", "best.squared")
    assert measures_of(other).primary.text({"rmse": 0.5}) == "RMSE 0.500 m"


@pytest.mark.parametrize(
    ("measures", "where"),
    [
        ([], "task.measures"),
        ([RMSE, RMSE], r"task\.measures\[0\]\.key"),
        ([{**RMSE, "key": "loss"}], r"task\.measures\[0\]\.key"),
        ([{**RMSE, "key": "R M S E"}], r"task\.measures\[0\]\.key"),
        ([{**RMSE, "decimals": 7}], r"task\.measures\[0\]\.decimals"),
        ([{**RMSE, "title": " "}], r"task\.measures\[0\]\.title"),
        ([{**RMSE, "evidence": {"plane": "a/b", "summary": "mean"}}], r"task\.measures\[0\]\.evidence\.plane"),
        (
            [RMSE, {**RMSE, "key": "wrong_pct", "evidence": {"plane": "right", "summary": "error_pct"}}],
            "all of one kind",
        ),
    ],
)
def test_measures_that_cannot_be_recorded_are_refused(
    composer: Composer, measures: list[dict[str, Any]], where: str
) -> None:
    cell = dataclasses.replace(composer.compose([*TINY]).cell, task=_task(*measures))
    with pytest.raises(ConfigError, match=where):
        check_cell(cell)
