from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import BASE, Call


def test_run_makes_one_attempt_and_prints_the_result(call: Call, folder: Path) -> None:
    ended = call("run", *BASE, "--json")
    assert ended.status == 0
    assert ended.json["result"]["last"]["top1_error_pct"] == 20.0
    again = call("run", *BASE)
    assert "is finished already" in again.err
    assert "top-1 error 20.00 %" in again.out


def test_a_run_and_a_study_share_the_cell(call: Call) -> None:
    call("run", *BASE)
    assert "3 cells: 1 finished, 2 to start" in call("ablate", "tiny").err


def test_a_failed_run_ends_with_its_status(call: Call, folder: Path) -> None:
    run_id = call("plan", "tiny", "--no-costs", "--json").json["cells"][0]["id"]
    (folder / "runs" / run_id).mkdir(parents=True)
    (folder / "runs" / run_id / "script.json").write_text('["fail"]')
    ended = call("run", *BASE)
    assert (ended.status, ended.out) == (1, "")


def test_a_cell_that_another_process_runs_is_an_error(call: Call, folder: Path) -> None:
    from an_cli.store import Store, take

    run_id = call("plan", "tiny", "--no-costs", "--json").json["cells"][0]["id"]
    run = Store(folder).run(run_id)
    run.path.mkdir(parents=True)
    assert take(run) is not None
    ended = call("run", *BASE)
    assert ended.status == 1
    assert "another process runs this cell" in ended.err
