from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import BASE, Call


def test_every_study_is_listed_yours_first(call: Call, folder: Path) -> None:
    values = call("studies", "--json").json["studies"]
    named = {value["name"]: value for value in values}
    assert values[0]["name"] == "tiny"
    assert {"demo", "table1", "table2"} <= set(named)
    tiny = named["tiny"]
    assert (tiny["kind"], tiny["origin"], tiny["rows"], tiny["seeds"]) == ("rows", "yours", 3, 1)
    assert (tiny["done"], tiny["planned"], tiny["title"]) == (0, 3, "Tiny")
    assert (named["demo"]["origin"], named["demo"]["extends"], named["demo"]["planned"]) == ("ships", "table1", 24)
    assert named["table2"]["quoted"] == 3


def test_grids_variants_and_broken_files_are_listed_too(call: Call, folder: Path) -> None:
    call("ablate", "tiny", "recipe.epochs=2")
    grid = {"base": BASE, "grid": {"recipe.lr": [0.1, 0.2]}}
    (folder / "sweeps" / "grid.yaml").write_text(json.dumps(grid))
    (folder / "sweeps" / "broken.yaml").write_text("rows: 3\n")
    (folder / "studies" / "gone").mkdir()
    named = {value["name"]: value for value in call("studies", "--json").json["studies"]}
    (variant,) = (value for name, value in named.items() if "+" in name)
    assert (variant["kind"], variant["done"], variant["planned"]) == ("variant", 3, 3)
    assert (named["grid"]["kind"], named["grid"]["rows"], named["tiny"]["done"]) == ("grid", 2, 0)
    assert "rows" in named["broken"]["error"]
    assert named["gone"]["kind"] == "no file"
    ended = call("studies")
    assert ended.status == 0
    assert "broken: " in ended.out
    assert "3 x 1" in next(line for line in ended.out.splitlines() if line.startswith("tiny "))
