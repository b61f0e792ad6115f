"""A cell whose `cell.json` was edited is refused: its numbers would stand under another cell's name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from an_cli.errors import StoreError
from an_cli.files import read_json, write_json
from an_cli.store import RunFolder, RunWriter, take
from an_cli.train import StopFlag, attempt


def test_an_edited_cell_is_not_trained(make_run: Callable[..., RunFolder]) -> None:
    run = make_run()
    cell = read_json(run.cell)
    cell["config"]["recipe"]["lr"] *= 2
    write_json(run.cell, cell)
    claim = take(run)
    assert claim is not None
    with pytest.raises(StoreError, match=r"cell\.json was edited"):
        attempt(RunWriter(claim), StopFlag())
    assert not run.result.exists()
