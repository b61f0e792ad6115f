"""Finished cells that other code made: marked, and run again on demand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from an_cli.cli.study import say
from an_cli.files import read_json, write_json
from an_cli.store import Store, code_tree, take
from tests.cli.conftest import Call


def runs(call: Call, folder: Path) -> dict[str, Path]:
    """Row label -> run folder."""
    rows = call("plan", "tiny", "--no-costs", "--json").json["rows"]
    return {row["label"]: folder / "runs" / row["cells"][0] for row in rows}


def made_by_this_code(run: Path) -> None:
    write_json(run / "result.json", {**read_json(run / "result.json"), "code_tree": code_tree()})


def attempts(run: Path) -> int:
    return len((run / "attempts.txt").read_text().splitlines())


def test_what_other_code_finished_is_kept_marked_and_named(call: Call, folder: Path) -> None:
    call("ablate", "tiny")  # the scripted results name a code tree that does not exist
    made_by_this_code(runs(call, folder)["mean"])
    ended = call("ablate", "tiny")
    assert "3 cells: 3 finished" in ended.err
    assert "note: 2 finished with other code" in ended.err
    assert "an-cli ablate tiny --rerun changed" in ended.err


def test_rerun_changed_archives_and_runs_what_other_code_made(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    rows = runs(call, folder)
    made_by_this_code(rows["mean"])
    dry = call("ablate", "tiny", "--rerun", "changed", "--dry-run", "--json").json
    assert [cell["action"] for cell in dry["cells"]] == ["rerun", "rerun", "keep"]
    assert not (rows["softmax"] / "archive").exists()
    ended = call("ablate", "tiny", "--rerun", "changed")
    assert ended.status == 0
    assert "3 cells: 1 finished, 2 to run again" in ended.err
    assert "set aside: 2" in ended.err
    archived = rows["softmax"] / "archive" / "1"
    assert {"result.json", "attempts.txt"} <= {path.name for path in archived.iterdir()}
    assert attempts(archived) == attempts(rows["softmax"]) == 1
    assert not (rows["mean"] / "archive").exists()


def test_rerun_of_a_row_runs_all_its_cells_whatever_made_them(call: Call, folder: Path) -> None:
    call("ablate", "tiny", "seed=0,1")
    ended = call("ablate", "tiny", "seed=0,1", "--rerun", "softmax")
    assert "6 cells: 4 finished, 2 to run again" in ended.err
    again = [path.parent.parent for path in folder.glob("runs/*/archive/1")]
    assert len(again) == 2
    for run in again:
        assert json.loads((run / "cell.json").read_text())["config"]["norm"]["attention"]["gate"] == "softmax"


def test_rerun_of_what_is_no_row_is_an_error(call: Call) -> None:
    ended = call("ablate", "tiny", "--rerun", "softmx")
    assert ended.status == 1
    assert "no row 'softmx' to run again" in ended.err
    assert "did you mean softmax?" in ended.err


def test_a_live_run_is_not_set_aside(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call("ablate", "tiny")
    run = Store(folder).run(runs(call, folder)["softmax"].name)
    run.result.unlink()
    claim = take(run)
    assert claim is not None

    def release_once_said(text: str) -> None:  # however long the command takes to look
        say(text)
        claim.release()

    monkeypatch.setattr("an_cli.cli.ablate.say", release_once_said)
    ended = call("ablate", "tiny", "--rerun", "softmax")
    assert "1 running elsewhere" in ended.err
    assert ended.status == 0
    assert not run.archive.exists()
