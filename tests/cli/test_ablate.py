from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

import pytest

from an_cli.files import read_json
from tests.cli.conftest import BASE, FAKE, Call


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
    assert sorted(path.name for path in (folder / "studies" / "tiny").iterdir() if path.is_symlink()) == [
        "baseline",
        "gate=softmax",
        "squeeze=mean",
    ]


def test_ablate_twice_starts_nothing_new(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = call("ablate", "tiny")
    monkeypatch.setattr("an_cli.cli.on_machine.Door", None)
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


def test_a_dry_run_of_a_grid_leaves_no_file_and_plans_the_same_cells(call: Call, folder: Path) -> None:
    words = ("--as", "gates", *BASE, "norm.attention.gate=hsigmoid,softmax")
    dry = call("ablate", *words, "--dry-run", "--json")
    assert "not written" in dry.err
    assert not (folder / "sweeps" / "gates.yaml").exists()
    assert call("ablate", *words).status == 0
    assert (folder / "sweeps" / "gates.yaml").exists()
    again = call("ablate", *words, "--dry-run", "--json").json["cells"]
    assert [cell["id"] for cell in again] == [cell["id"] for cell in dry.json["cells"]]


def test_a_dry_run_says_that_data_are_missing(call: Call, folder: Path) -> None:
    ended = call("ablate", "table1", "--dry-run", f"launch.data_root={folder}")
    assert ended.status == 0
    assert "8 to start" in ended.out
    assert "none would start" in ended.err
    assert str(folder) in ended.err


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


def test_each_failure_is_marked_with_its_cause_and_only_the_failures_are_repaired(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"label": "sound", "baseline": True}]
    rows += [
        {"label": label, "set": [f"recipe.lr={lr}"]}
        for label, lr in (("crashing", 0.1), ("greedy", 0.2), ("without data", 0.4))
    ]
    (folder / "sweeps" / "tiny.yaml").write_text(json.dumps({"title": "Tiny", "base": BASE, "rows": rows}))
    deeds = {"crashing": ["crash", "crash", "finish"], "greedy": ["killed", "killed", "finish"]}
    script(call, folder, {**deeds, "without data": ["lose its data"]})
    ticks = count()
    monkeypatch.setattr("an_cli.launch.here.crew.memory_kills", lambda: next(ticks))
    first = call("ablate", "tiny", "launch.processes=1")
    assert first.status == 3
    for row, cause in (
        ("crashing", "crashed (SIGSEGV), 2 times"),
        ("greedy", "out of memory (SIGKILL), 2 times"),
        ("without data", "data/train is not a folder"),
    ):
        assert cause in first.err
        assert cause in first.out, f"the table does not say why {row} failed"
    assert "20.00" in first.out
    assert attempts(folder) == 1 + 2 + 2 + 1
    lost = next(path.parent for path in folder.glob("runs/*/error.txt") if "data/train" in path.read_text())
    (lost / "data").mkdir()  # the repair
    second = call("ablate", "tiny", "launch.processes=1")
    assert second.status == 0
    assert "4 cells: 1 finished, 3 to retry" in second.err
    assert attempts(folder) == 1 + 3 + 3 + 2


EIGHT = """
import functools, json, sys
import an_cli.cli.ablate, an_cli.launch.ask.costs
from an_cli.cli.__main__ import main
from an_cli.launch import Door
fake = functools.partial(Door, command=tuple(json.loads(sys.argv[1])))
an_cli.cli.on_machine.Door = an_cli.launch.ask.costs.Door = fake
sys.exit(main(["ablate", "tiny", "launch.processes=2"]))
"""


@pytest.mark.slow
def test_eight_commands_at_once_run_every_cell_once(folder: Path) -> None:
    command = [sys.executable, "-c", EIGHT, json.dumps(FAKE)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    crowd = [
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    ended = [(one.communicate(), one.returncode) for one in crowd]
    assert [status for _, status in ended] == [0] * 8, ended
    assert len({out for (out, _), _ in ended}) == 1  # eight times the same table
    assert attempts(folder) == 3
    assert len(list(folder.glob("runs/*"))) == 3
