from __future__ import annotations

from pathlib import Path

import pytest

from an_cli.files import write_json
from tests.cli.conftest import Call


def test_plan_table1_has_the_papers_rows_with_exact_counts(call: Call) -> None:
    value = call("plan", "table1", "--json").json
    rows = {row["label"]: row for row in value["rows"]}
    assert len(rows) == len(value["cells"]) == 8
    assert rows["RSD + A2 + hsigmoid + K=(10,10,20,20)"]["params"] == 25_755_420
    half = rows["K=(5,5,10,10)"]
    assert (half["params"], half["macs"]) == (25_652_450, 4_089_218_496)
    assert "25.76M" in half["note"]


def test_the_json_of_a_plan_has_the_promised_fields(call: Call) -> None:
    value = call("plan", "tiny", "--json").json
    assert value["study"] == "tiny"
    assert {"label", "kind", "group", "params", "macs", "cells", "note"} <= set(value["rows"][0])
    assert {"id", "label", "status", "depends_on"} <= set(value["cells"][0])
    assert [row["cells"] for row in value["rows"]] == [[cell["id"]] for cell in value["cells"]]
    assert value["rows"][0]["params"] == 24  # what the scripted heavy door says


def test_a_plan_without_costs_asks_nobody(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("an_cli.launch.ask.costs.ask_costs", None)
    ended = call("plan", "tiny", "--no-costs", "--json")
    assert ended.json["rows"][0]["params"] is None


def test_a_plan_reads_as_a_table(call: Call) -> None:
    text = call("plan", "table1", "--no-costs").out
    assert "RSD + A2 + hsigmoid + K=(10,10,20,20) [1]" in text
    assert "[2] printed 25.76M repeats the row above" in text
    assert "8 cells: 8 to start" in text


def test_a_plan_changes_nothing(call: Call, folder: Path) -> None:
    call("plan", "tiny", "--no-costs")
    assert sorted(path.name for path in folder.iterdir()) == ["sweeps"]


def test_a_study_that_hides_a_shipped_one_is_said(call: Call, folder: Path) -> None:
    (folder / "sweeps" / "demo.yaml").write_text((folder / "sweeps" / "tiny.yaml").read_text())
    ended = call("plan", "demo", "--no-costs", "--json")
    assert "hides the study of the same name" in ended.err
    assert ended.json["shadows"].endswith("demo.yaml")
    assert len(ended.json["rows"]) == 3


def test_rows_of_the_literature_carry_the_printed_counts(call: Call, folder: Path) -> None:
    (folder / "sweeps" / "quoted.yaml").write_text(
        "{paper: table1, rows: [{label: ours, baseline: true}, {label: theirs, literature: best}]}"
    )
    rows = call("plan", "quoted", "--no-costs", "--json").json["rows"]
    assert (rows[1]["kind"], rows[1]["params"], rows[1]["cells"]) == ("literature", 25_760_000, [])
    assert "published" in call("plan", "quoted", "--no-costs").out


def test_finished_cells_of_other_code_are_marked(call: Call, folder: Path) -> None:
    call("ablate", "tiny")  # the scripted results name a code tree that does not exist
    assert {cell["code"] for cell in call("plan", "tiny", "--no-costs", "--json").json["cells"]} == {"other"}
    text = call("plan", "tiny", "--no-costs").out
    assert "1 finished*" in text
    assert "* finished with other code" in text
    assert "finished*" in call("status", "tiny").out


def test_overrides_change_every_row(call: Call) -> None:
    plain = call("plan", "tiny", "--no-costs", "--json").json
    changed = call("plan", "tiny", "recipe.lr=0.1", "seed=0,1", "launch.processes=1", "--no-costs", "--json").json
    assert len(changed["cells"]) == 6
    assert not {cell["id"] for cell in plain["cells"]} & {cell["id"] for cell in changed["cells"]}


def test_an_unreadable_result_does_not_stop_a_plan(call: Call, folder: Path) -> None:
    cell = call("plan", "tiny", "--no-costs", "--json").json["cells"][0]
    run = folder / "runs" / cell["id"]
    run.mkdir(parents=True)
    write_json(run / "result.json", {})
    assert call("plan", "tiny", "--no-costs", "--json").json["cells"][0]["code"] is None
