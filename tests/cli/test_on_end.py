"""`launch.on_end`: once, after the table, and never in the way."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from an_cli.launch.upkeep.on_end import run_on_end
from an_cli.plan import load_study, make_plan
from an_cli.store import Store
from tests.cli.conftest import Call

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")
NAMES = re.findall(r"`(AN_CLI_\w+)`", PAGE.partition("## When a study ends")[2].partition("It is given")[0])
ALL = "; ".join(f'echo {name}="${name}" >> told' for name in NAMES)


def test_it_runs_once_with_the_counts_of_the_study(call: Call, folder: Path) -> None:
    ended = call("ablate", "tiny", "--json", "--on-end", f'{ALL}; cp "$AN_CLI_TABLE" table; echo done')
    assert ended.status == 0
    assert ended.json["study"] == "tiny", "its output is not the table's"
    told = dict(line.split("=", 1) for line in (folder / "told").read_text().splitlines())
    assert set(told) == set(NAMES)
    assert (told["AN_CLI_STUDY"], told["AN_CLI_STATE"], told["AN_CLI_FINISHED"]) == ("tiny", "finished", "3")
    assert (told["AN_CLI_CELLS"], told["AN_CLI_FAILED"], told["AN_CLI_STORE"]) == ("3", "0", str(folder))
    assert "hsigmoid" in (folder / "table").read_text()
    (folder / "told").unlink()
    call("ablate", "tiny", "--on-end", ALL)
    assert not (folder / "told").exists(), "nothing was waited for"
    job = (folder / "studies" / "tiny" / "baseline" / "job.json").read_text()
    assert "told" not in job


@pytest.mark.parametrize(
    ("command", "said"),
    [("exit 3", "exit status 3"), ("no-such-command-at-all", "exit status 127"), ("a\0b", "cannot be started")],
)
def test_a_failure_is_a_warning(call: Call, command: str, said: str) -> None:
    ended = call("ablate", "tiny", "--on-end", command)
    assert ended.status == 0
    assert f"warning: launch.on_end: {said}" in ended.err


def test_one_that_hangs_is_ended_with_all_that_it_started(folder: Path) -> None:
    plan, store = make_plan(load_study("tiny")), Store(folder)
    why = run_on_end("sleep 1000 & echo $! > pid; wait", plan, store, limit_s=1.0)
    assert why == "ended: it took more than 1 s"
    stat = Path(f"/proc/{(folder / 'pid').read_text().strip()}/stat")
    for _ in range(1000):  # a killed process is gone when the kernel comes to it
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] in "ZX":
            break
        time.sleep(0.01)
    else:
        pytest.fail("what it started lives on")


def test_the_bell_rings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on_end("bell", make_plan(load_study("tiny")), Store(folder)) == ""
    assert capsys.readouterr().err == "\a"
