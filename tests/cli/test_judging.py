"""`report --power`, `--verify`, `--waive`; `paper`; `ablate --until-resolved`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call


def set_errors(call: Call, folder: Path, label: str, errors: dict[int, float], **fields: Any) -> None:
    """Give the finished runs of a row these top-1 errors, by seed."""
    for cell in call("status", "--json").json["cells"]:
        name = cell["label"].removeprefix("tiny/")
        for seed, error in errors.items():
            if name == f"{label},seed={seed}":
                path = folder / "runs" / cell["id"] / "result.json"
                value = {**json.loads(path.read_text()), **fields}
                for which in ("last", "best"):
                    value[which]["top1_error_pct"] = error
                path.write_text(json.dumps(value))


def seeds_run(call: Call, row: str) -> int:
    return sum(row in cell["label"] for cell in call("status", "--json").json["cells"])


def test_a_round_runs_the_first_look_and_gives_up_rows_that_are_alike(call: Call) -> None:
    first = call("ablate", "tiny", "--until-resolved")
    assert first.status == 0
    assert "softmax: given up (nothing told yet)" in first.err
    assert len(call("status", "--json").json["cells"]) == 9
    again = call("ablate", "tiny", "--until-resolved")
    assert again.status == 0
    assert "9 finished" in again.err
    assert len(call("status", "--json").json["cells"]) == 9


def test_open_rows_get_the_next_round_and_the_table_allows_for_the_looks(call: Call, folder: Path) -> None:
    call("ablate", "tiny", "--until-resolved", "--budget", "12")
    set_errors(call, folder, "gate=softmax", {0: 21.2, 1: 20.1, 2: 21.1})
    second = call("ablate", "tiny", "--until-resolved")
    assert second.status == 4
    assert seeds_run(call, "softmax") == 4 != seeds_run(call, "squeeze") == 3
    assert "softmax: open" in second.err
    table = call("report", "tiny", "--json").json
    assert table["looks"] == 9
    row = next(row for row in table["rows"] if row["label"] == "softmax")
    assert row["seeds"] == [0, 1, 2, 3]
    assert any(
        "Seeds were added until rows were told apart: looks at 3, 4, 5, 6, 8, 9, 10, 11, 12" in note
        for note in table["notes"]
    )


def test_a_row_that_is_told_apart_is_closed(call: Call, folder: Path) -> None:
    call("ablate", "tiny", "--until-resolved")
    set_errors(call, folder, "gate=softmax", {0: 24.01, 1: 24.02, 2: 24.03})
    ended = call("ablate", "tiny", "--until-resolved")
    assert "softmax: told apart" in ended.err
    assert ended.status == 0
    row = next(row for row in call("report", "tiny", "--json").json["rows"] if row["label"] == "softmax")
    assert row["gain"]["comparison"]["p_table"] < 0.05


def test_the_rule_cannot_be_changed_once_the_data_have_been_looked_at(call: Call) -> None:
    call("ablate", "tiny", "--until-resolved", "--budget", "9")
    ended = call("ablate", "tiny", "--until-resolved", "--budget", "12")
    assert ended.status == 1
    assert "begun with a budget of 9 seeds per row, not 12" in ended.err
    assert call("ablate", "tiny", "--until-resolved", "--budget", "9").status == 0


def test_a_dry_run_of_a_round_writes_nothing(call: Call, folder: Path) -> None:
    ended = call("ablate", "tiny", "--until-resolved", "--dry-run", "--json")
    assert len(ended.json["cells"]) == 9
    assert not (folder / "studies").exists()


@pytest.mark.parametrize(
    ("words", "said"), [(["--budget", "5"], "--until-resolved"), (["--until-resolved", "--budget", "2"], "too few")]
)
def test_a_budget_that_makes_no_sense_is_refused(call: Call, words: list[str], said: str) -> None:
    ended = call("ablate", "tiny", *words)
    assert ended.status in (1, 2)
    assert said in ended.err


def test_a_written_table_is_verified_against_its_runs(call: Call, folder: Path) -> None:
    assert "no written table to verify" in call("report", "tiny", "--verify").err
    call("ablate", "tiny", "seed=0,1,2")
    assert call("report", "tiny", "seed=0,1,2", "--verify").out.endswith("every number is what 9 runs say\n")
    set_errors(call, folder, "gate=softmax", {1: 21.5})
    ended = call("report", "tiny", "seed=0,1,2", "--verify")
    assert ended.status == 1
    assert "rows[softmax].top1_error_pct.mean: written 20.0, the records say 20.5" in ended.out


def test_every_cell_leads_to_its_runs_and_their_origin(call: Call) -> None:
    call("ablate", "tiny", "seed=0,1")
    table = call("report", "tiny", "seed=0,1", "--json").json
    for row in table["rows"]:
        assert {**table["config"], **row["config"]}["norm.attention.squeeze"]
        for run_id in row["top1_error_pct"]["runs"]:
            assert set(table["provenance"][run_id]) == {
                "seed", "commit", "code_tree", "data_fingerprint", "train_fingerprint", "device"
            }  # fmt: skip


def test_power_says_how_many_more_seeds_or_why_none_would_do(call: Call, folder: Path) -> None:
    call("ablate", "tiny", "seed=0,1,2")
    set_errors(call, folder, "gate=softmax", {0: 21.2, 1: 20.1, 2: 21.1})
    found = {row["label"]: row for row in call("report", "tiny", "seed=0,1,2", "--power", "--json").json["rows"]}
    assert 1 <= found["softmax"]["more"] <= 30
    assert found["mean"]["more"] is None
    assert "softmax" in call("report", "tiny", "seed=0,1,2", "--power").out
    call("ablate", "tiny")
    assert "one seed" in call("report", "tiny", "--power").out


def test_a_difference_in_code_is_refused_and_can_be_waived(call: Call, folder: Path) -> None:
    call("ablate", "tiny", "seed=0,1")
    set_errors(call, folder, "gate=softmax", {0: 20.0, 1: 20.0}, code_tree="f" * 16)
    refused = call("report", "tiny", "seed=0,1", "--json").json["rows"][1]
    assert refused["gain"]["mean"] is None
    waived = call("report", "tiny", "seed=0,1", "--waive", "code", "--json").json["rows"][1]
    assert waived["gain"]["mean"] == 0
    assert "waived, in code" in " ".join(waived["notes"])
    mistyped = call("report", "tiny", "--waive", "recipe.lrr")
    assert (mistyped.status, mistyped.out) == (1, "")
    assert "no such key 'recipe.lrr' (--waive)" in mistyped.err
    assert "recipe.lr" in mistyped.err.partition("->")[2]


def test_latex_names_the_characters_that_it_spells(call: Call, folder: Path) -> None:
    path = folder / "sweeps" / "tiny.yaml"
    path.write_text(path.read_text().replace('"softmax"', '"\\u6f22"', 1))
    assert "LaTeX spells '\u6f22' as '[U+6F22]'" in call("report", "tiny", "--format", "latex").err


def test_the_paper_is_audited_and_printed(call: Call) -> None:
    ended = call("paper", "audit")
    assert ended.status == 0
    assert ended.out.count("error: ") == 11
    assert ended.out.count("remark: ") == 2
    assert len(call("paper", "audit", "--json").json["findings"]) == 13
    assert "41.0 (0.6)" in call("paper", "show", "table4").out
    assert "did you mean table4" in call("paper", "show", "tabel4").err


def test_a_table_is_as_narrow_as_the_terminal(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = call("paper", "show", "table4").out.splitlines()
    assert max(map(len, lines)) <= 60
    monkeypatch.setenv("COLUMNS", "300")
    assert max(map(len, call("paper", "show", "table4").out.splitlines())) > 60
