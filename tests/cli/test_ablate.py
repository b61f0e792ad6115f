from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from an_cli.files import read_json
from tests.cli.conftest import Call


def script(call: Call, folder: Path, deeds: dict[str, list[str]]) -> None:
    """Write what the runs of `tiny` will do, by row."""
    for row in call("plan", "tiny", "--no-costs", "--json").json["rows"]:
        run = folder / "runs" / row["cells"][0]
        run.mkdir(parents=True)
        (run / "script.json").write_text(json.dumps(deeds.get(row["label"], ["finish"])))


def attempts(folder: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in folder.glob("runs/*/attempts.txt"))


def test_ablate_runs_all_and_prints_the_table(call: Call, folder: Path) -> None:
    ended = call("ablate", "tiny")
    assert ended.status == 0
    assert "softmax" in ended.out
    assert "20.00" in ended.out
    assert "tiny: 3 cells: 3 to start" in ended.err
    assert "[3/3] finished" in ended.err
    assert str(folder / "reports" / "build" / "tiny.md") in ended.err
    assert (folder / "reports" / "build" / "tiny.tex").exists()
    assert sorted(path.name for path in (folder / "studies" / "tiny").iterdir()) == [
        "baseline",
        "gate=softmax",
        "squeeze=mean",
    ]


def test_ablate_twice_starts_nothing_new(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = call("ablate", "tiny")
    monkeypatch.setattr("an_cli.cli.ablating.Door", None)
    second = call("ablate", "tiny")
    assert second.status == 0
    assert "3 cells: 3 finished" in second.err
    assert second.out == first.out
    assert attempts(folder) == 3


def test_a_dry_run_starts_and_writes_nothing(call: Call, folder: Path) -> None:
    ended = call("ablate", "tiny", "--dry-run")
    assert "3 cells: 3 to start" in ended.out
    assert not (folder / "runs").exists()
    cells = call("ablate", "tiny", "--dry-run", "--json").json["cells"]
    assert {cell["action"] for cell in cells} == {"start"}


def test_some_failures_are_partial_and_the_same_command_repairs_them(call: Call, folder: Path) -> None:
    script(call, folder, {"softmax": ["fail", "finish"]})
    first = call("ablate", "tiny")
    assert first.status == 3
    assert "failed gate=softmax: out of memory [runs/" in first.err
    assert "out of memory" in first.out  # the table says so too
    second = call("ablate", "tiny")
    assert second.status == 0
    assert "3 cells: 2 finished, 1 to retry" in second.err
    assert attempts(folder) == 4


def test_all_failing_is_a_failure(call: Call, folder: Path) -> None:
    script(call, folder, {label: ["fail"] for label in ("hsigmoid", "softmax", "mean")})
    assert call("ablate", "tiny").status == 1


def test_a_command_that_is_stopped_says_how_to_continue(call: Call, folder: Path) -> None:
    script(call, folder, {label: ["wait", "finish"] for label in ("hsigmoid", "softmax")})

    def stop() -> None:
        while len(list(folder.glob("runs/*/waiting"))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop, daemon=True).start()
    ended = call("ablate", "tiny", "launch.processes=2")
    assert ended.status == 130
    assert "0 of 3 finished, 2 interrupted. Continue with: an-cli ablate tiny launch.processes=2" in ended.err
    assert ended.out == ""
    again = call("ablate", "tiny", "launch.processes=2")
    assert "3 cells: 2 to continue, 1 to start" in again.err


def test_launch_settings_reach_the_job_and_no_id(call: Call, folder: Path) -> None:
    call("ablate", "tiny", "launch.processes=1", "launch.device=cpu")
    jobs = [read_json(path)["launch"] for path in folder.glob("runs/*/job.json")]
    assert {(job["processes"], job["device"]) for job in jobs} == {(1, "cpu")}
    assert "3 cells: 3 finished" in call("ablate", "tiny").err


def test_a_grid_from_the_command_line_becomes_a_study(call: Call, folder: Path) -> None:
    words = json.loads((folder / "sweeps" / "tiny.yaml").read_text())["base"]
    ended = call("ablate", "--as", "gates", *words, "norm.attention.gate=hsigmoid,softmax", "launch.processes=2")
    assert ended.status == 0, ended.err
    assert (folder / "sweeps" / "gates.yaml").exists()
    assert "gates: 2 cells: 2 to start" in ended.err
    again = call("ablate", "gates")
    assert "2 cells: 2 finished" in again.err


def test_the_store_can_be_elsewhere(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call("ablate", "tiny", "--store", "away")
    assert len(list((folder / "away" / "runs").iterdir())) == 3
    monkeypatch.setenv("AN_CLI_STORE", "away")
    assert "3 cells: 3 finished" in call("plan", "tiny", "--no-costs").out


def test_the_table_of_an_ablation_as_json(call: Call) -> None:
    rows = call("ablate", "tiny", "--json").json["rows"]
    assert [row["top1_error_pct"]["mean"] for row in rows] == [20.0, 20.0, 20.0]


def test_missing_data_is_said_before_anything_starts(call: Call, folder: Path) -> None:
    ended = call("ablate", "table1")
    assert ended.status == 1
    assert "imagenet is not a folder (launch.data_root) -> set launch.data_root=DIR" in ended.err
    assert not (folder / "runs").exists()
