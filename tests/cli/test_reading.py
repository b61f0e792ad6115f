from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from an_cli import load
from an_cli.files import append_line, read_json
from tests.cli.conftest import Call


def test_status_of_an_empty_store(call: Call) -> None:
    assert call("status", "--json").json == {"cells": []}
    assert call("status").out == "no runs\n"


def test_status_of_a_study_lists_its_cells_before_they_exist(call: Call) -> None:
    cells = call("status", "tiny", "--json").json["cells"]
    assert [(cell["label"], cell["status"]) for cell in cells] == [
        ("baseline", "missing"),
        ("gate=softmax", "missing"),
        ("squeeze=mean", "missing"),
    ]


def test_status_without_a_study_names_runs_by_their_links(call: Call) -> None:
    call("ablate", "tiny")
    cells = call("status", "--json").json["cells"]
    assert [cell["label"] for cell in cells] == ["tiny/baseline", "tiny/gate=softmax", "tiny/squeeze=mean"]
    assert {(cell["status"], cell["top1_error_pct"]) for cell in cells} == {("finished", 20.0)}


def test_a_cell_is_found_by_its_row_and_its_row_stands_beside_it(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # a narrow terminal goes without rows first, and pytest's workers have one
    call("ablate", "tiny")
    cells = call("status", "tiny", "--json").json["cells"]
    assert [cell["row"] for cell in cells] == ["hsigmoid", "softmax", "mean"]
    assert [cell["row"] for cell in call("plan", "tiny", "--no-costs", "--json").json["cells"]] == [
        "hsigmoid", "softmax", "mean",
    ]  # fmt: skip
    assert "hsigmoid" in call("status", "tiny").out.splitlines()[2].split()
    for cell in cells:
        assert call("show", f"tiny/{cell['row']}", "--json").json["id"] == cell["id"]
    assert "no run 'tiny/harmonic'" in call("show", "tiny/harmonic").err


def test_a_row_of_several_seeds_names_its_runs(call: Call, folder: Path) -> None:
    study = read_json(folder / "sweeps" / "tiny.yaml")
    (folder / "sweeps" / "seeds.yaml").write_text(json.dumps({**study, "seeds": [0, 1]}))
    call("ablate", "seeds")
    ended = call("logs", "seeds/softmax")
    assert ended.status == 1
    assert "the row 'softmax' has 2 runs (seeds)" in ended.err
    assert "name one of: seeds/gate=softmax,seed=0, seeds/gate=softmax,seed=1" in ended.err


def test_a_run_goes_by_one_name_in_every_verb(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    study = read_json(folder / "sweeps" / "tiny.yaml")
    (folder / "sweeps" / "ant.yaml").write_text(json.dumps({**study, "rows": study["rows"][:2]}))
    call("ablate", "ant")
    call("tag", "ant/baseline", "+kept")
    name = "tiny/baseline"
    (row,) = [cell for cell in call("status", "--json").json["cells"] if cell["tags"]]
    assert row["label"] == name
    assert [one["label"] for one in call("tag", "--json").json["remarks"]] == [name]
    assert call("show", row["id"], "--json").json["labels"][0] == name
    frame = load(folder).set_index("id")
    assert (frame.study[row["id"]], frame.label[row["id"]]) == ("tiny", "baseline")


def test_status_says_how_far_a_run_is_and_why_one_failed(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    ids = [cell["id"] for cell in call("status", "tiny", "--json").json["cells"]]
    for run_id in ids:
        cell = (folder / "runs" / run_id / "cell.json").read_bytes()
        shutil.rmtree(folder / "runs" / run_id)
        (folder / "runs" / run_id / "claims").mkdir(parents=True)
        (folder / "runs" / run_id / "cell.json").write_bytes(cell)
    line = {"kind": "epoch", "epoch": 1, "epochs": 4, "step": 20, "steps": 40, "loss": 0.5, "elapsed_s": 30.0}
    append_line(folder / "runs" / ids[0] / "metrics.jsonl", {**line, "top1_error_pct": 12.5})
    dead = '{"host": "%s", "boot": "another", "namespace": "", "pid": 1, "started": ""}'
    claim = folder / "runs" / ids[1] / "claims" / "1"
    claim.write_text(dead % socket.gethostname())
    os.utime(claim, (0, 0))  # a heartbeat of long ago: this machine has been started anew since
    (folder / "runs" / ids[1] / "error.txt").write_text("out of memory\nmore\n")
    first, second, _ = call("status", "tiny", "--json").json["cells"]
    assert (first["status"], first["epoch"], first["epochs"], first["top1_error_pct"]) == ("waiting", 2, 4, 12.5)
    assert (second["status"], second["error"]) == ("failed", "out of memory")
    text = call("status", "tiny").out
    assert "2/4" in text
    assert "gate=softmax: out of memory" in text


def test_a_damaged_result_is_said_and_hides_no_other_run(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    run_id = call("status", "--json").json["cells"][0]["id"]
    (folder / "runs" / run_id / "result.json").write_text("{")
    statuses = [cell["status"] for cell in call("status", "--json").json["cells"]]
    assert statuses == ["unreadable", "finished", "finished"]


def test_show_finds_a_run_by_id_by_its_beginning_and_by_label(call: Call) -> None:
    call("ablate", "tiny")
    run_id = call("status", "--json").json["cells"][1]["id"]
    for word in (run_id, run_id[:6], "tiny/gate=softmax"):
        value = call("show", word, "--json").json
        assert value["id"] == run_id
        assert value["config"]["norm.attention.gate"] == "softmax"
    text = call("show", "tiny/gate=softmax").out
    assert f"run {run_id}: finished" in text
    assert "top-1 error 20.00 %" in text
    assert "job.json" in text


def test_show_of_a_word_that_names_no_run_or_several(call: Call) -> None:
    call("ablate", "tiny")
    none = call("show", "tiny/gate=softmx")
    assert none.status == 1
    assert "did you mean tiny/gate=softmax?" in none.err
    assert "begins 3 run ids" in call("show", "").err


def test_show_model_lists_stages(call: Call) -> None:
    value = call("show", "model", "model=resnet50", "--json").json
    assert (value["params"], value["stages"][0]["name"]) == (1234, "stage1")
    text = call("show", "model").out
    assert "16x7x7" in text
    assert "16 (K=10)" in text


def test_report_prints_and_writes_the_table(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    markdown = call("report", "tiny")
    assert "| softmax" in markdown.out
    assert (folder / "reports" / "build" / "tiny.md").read_text() == markdown.out
    assert r"\begin{tabularx}" in call("report", "tiny", "--format", "tex").out
    assert call("report", "tiny", "--json").json["rows"][1]["label"] == "softmax"
    assert call("report", "tiny", "--format", "terminal").out.startswith("Tiny")


def test_report_of_an_unfinished_study_says_what_is_missing(call: Call) -> None:
    ended = call("report", "tiny", "--format", "terminal")
    assert ended.status == 1
    assert "no run of this study has finished" in ended.err
    assert "Incomplete: 0 of 3 runs." in ended.out


def test_a_report_is_printed_even_where_it_cannot_be_written(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    shutil.rmtree(folder / "reports")
    (folder / "reports").write_text("not a folder")
    ended = call("report", "tiny")
    assert ended.status == 0
    assert "| softmax" in ended.out
    assert "were not written" in ended.err
